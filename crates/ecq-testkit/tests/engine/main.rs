//! The engine from outside: what it says, and that nothing but a request decides its tokens.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helper functions of tests")]

mod cache;
mod events;
mod experts;
mod models;
mod modes;
mod schedules;
mod threads;
