//! Tests of the public interface of ecq-format, in one binary because each linked test binary costs seconds
//! of build time. `data/` holds golden files and the scripts that made them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test panics on an error")]

mod checkpoint;
mod gguf_blocks;
mod gguf_dequantize;
mod gguf_model;
mod gguf_parse;
mod gguf_split;
mod gguf_write;
mod hf_tokenizer;
mod mlx;
mod quantized;
