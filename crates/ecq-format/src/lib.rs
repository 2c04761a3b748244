//! The `.ecq` container; GGUF, Hugging Face, MLX, GPTQ and AWQ checkpoints, in and out. Knows names and
//! bytes, not codecs.

pub mod awq;
mod bit_stream;
pub mod checkpoint;
pub mod container;
pub mod gguf;
pub mod gptq;
pub mod header;
pub mod hf;
pub mod mlx;
pub mod mxfp4;
mod positioned;
pub mod python_json;
pub mod recognize;
pub mod shards;
mod transpose;

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
