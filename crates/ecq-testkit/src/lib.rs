//! The conformance suite of backends, and engine tests on packed models. Not published.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a failure here is a failed test")]

pub mod conformance;
pub mod fake_quant;
