//! Kernels of ecq: products with coded weights, attention, norms, rotary embedding and activations on the
//! CPU. They are the reference for kernels of other devices; [`gpu`] has what those of GPUs read.
//!
//! Products read the parts of an [`EncodedTensor`](ecq_core::EncodedTensor) through `ecq-codec` and return
//! its [`CodecError`](ecq_codec::CodecError).

pub mod cpu;
pub mod fake_quant;
pub mod gpu;

pub(crate) type Result<T> = std::result::Result<T, ecq_codec::CodecError>;

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
