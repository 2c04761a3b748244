//! The conformance suite of backends (unpublished), and tests of the engine on packed models: what needs
//! everything.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failure here is a failed test")]

pub mod conformance;
