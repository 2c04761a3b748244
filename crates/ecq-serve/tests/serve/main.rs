//! Tests of a running server on the embedded model, over TCP.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helper functions of tests")]

mod apis;
mod chat;
mod client;
mod embeddings;
mod errors;
mod grammars;
mod load;
mod shutdown;
