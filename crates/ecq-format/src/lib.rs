//! The `.ecq` container; GGUF, Hugging Face, MLX, GPTQ and AWQ checkpoints, in and out. Knows names and
//! bytes, not codecs.

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
pub mod python_json;
mod read_at;
pub mod safetensors_header;
pub mod shards;
mod transpose;
