//! Tests of a running server on the embedded model, over TCP.

mod apis;
mod chat;
mod client;
mod errors;
mod grammars;
mod load;
mod shutdown;
