//! Tests of the command: options, output, exit codes, messages, files. One program, so that short tests run
//! beside long ones.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helper functions of tests")]

mod bench;
mod common;
mod fake_quant;
mod help;
mod inputs;
mod outputs;
mod quantize;
mod reports;
mod run;
#[cfg(feature = "serve")]
mod serve;
mod usage;
