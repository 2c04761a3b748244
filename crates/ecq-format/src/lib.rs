//! The `.ecq` container; GGUF, Hugging Face and MLX checkpoints, in and out. Knows names and bytes, not codecs.

mod bit_stream;
pub mod checkpoint;
pub mod container;
pub mod gguf;
pub mod header;
pub mod hf;
pub mod mlx;
mod positioned;
pub mod shards;
