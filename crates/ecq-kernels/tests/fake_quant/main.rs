//! Fake quantization against scalar oracles, bit for bit.

#![allow(clippy::unwrap_used, reason = "tests")]

mod arrays;
mod gradients;
mod levels;
mod symmetric;
