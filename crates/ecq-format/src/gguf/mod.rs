//! GGUF v2 and v3, little endian: reader, writer, block types, and the facts of the model inside.
//!
//! Format: `docs/gguf.md` of ggml-org/ggml; block types: `ggml-common.h` and `ggml-quants.c` there.
//! [`Gguf::parse`] validates; everything after it relies on what it checked.

mod blocks;
mod dequantize;
mod error;
mod gaps;
mod keys;
mod kind;
mod model;
mod parse;
mod read;
mod split;
mod tokenizer;
mod types;
mod value;
mod write;

pub use blocks::{join, split, type_of_entry, type_of_grid};
pub use dequantize::dequantize;
pub use error::GgufError;
pub use gaps::Gaps;
pub use kind::kind;
pub use model::{ModelConfig, RopeScaling, config};
pub use read::{Gguf, TensorInfo};
pub use split::{GgufModel, merge};
pub use tokenizer::{TokenizerMetadata, chat_template, named_chat_templates, tokenizer};
pub use types::GgmlType;
pub use value::Value;
pub use write::{TensorToWrite, write, write_with_header};

pub(crate) type Result<T> = std::result::Result<T, GgufError>;
