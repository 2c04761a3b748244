//! Tests of packing. One program, so that short tests run beside long ones.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step fails the test")]

mod calibrated;
mod checkpoints;
mod formats;
mod golden;
mod quantize;
mod real_model;
mod round_trip;
