//! Kernels of ecq by stem. Here: the CPU's, which are also the readable twin of every other device's.
//!
//! The parts of an [`EncodedTensor`](ecq_core::EncodedTensor) are laid out as `docs/format.md` says; this crate
//! is the one place that reads them.

pub mod archive;
pub mod cpu;
mod error;
mod parts;

pub use error::KernelError;
pub use parts::{Tables, encode_classes, tile_layout, tile_ranges};
