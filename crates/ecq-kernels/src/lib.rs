//! Kernels of ecq by stem. Here: the CPU's, which are also the readable twin of every other device's.
//!
//! Products take the parts of an [`EncodedTensor`](ecq_core::EncodedTensor) through `ecq-codec`, and what
//! they find wrong with them is its [`CodecError`](ecq_codec::CodecError).

pub mod cpu;

pub(crate) type Result<T> = std::result::Result<T, ecq_codec::CodecError>;

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
