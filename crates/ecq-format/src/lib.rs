//! Reads and writes the `.ecq` container, GGUF files, and Hugging Face checkpoints (including the MLX, GPTQ,
//! AWQ and MXFP4 quantizations). This crate handles names and bytes; `ecq-codec` codes tensors.

pub mod awq;
mod bit_stream;
pub mod checkpoint;
pub mod container;
pub mod file_type;
pub mod gguf;
pub mod gptq;
pub mod hf;
pub mod mlx;
pub mod mxfp4;
mod packed_layer;
pub mod python_json;
mod read_at;
pub mod safetensors_header;
pub mod shards;
mod transpose;

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
