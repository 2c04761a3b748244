//! Products of every form: equal bit for bit, and close to an oracle in double precision.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step fails the test")]

mod bytes;
mod damage;
mod dense;
mod forms;
mod matrices;
mod products;
mod rows;
