//! Tests of a running server on the embedded model, over TCP.

mod chat;
mod client;
mod errors;
mod load;
mod shutdown;
