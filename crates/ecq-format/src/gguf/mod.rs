//! GGUF versions 2 and 3 (little endian): reader, writer, block types, and the configuration of the model.
//!
//! Format: `docs/gguf.md` of ggml-org/ggml; block types: `ggml-common.h` and `ggml-quants.c` of the same
//! repository. [`Gguf::parse`] validates the header; the other functions rely on its checks.

mod blocks;
mod dequantize;
mod error;
mod metadata_value;
mod model_config;
mod padding;
mod parse;
mod read;
mod split_model;
mod super_blocks;
mod tensor_kind;
mod tokenizer;
mod types;
mod unsupported_keys;
mod write;

pub use blocks::{pack_blocks, type_of_entry, type_of_grid, unpack_blocks};
pub use dequantize::dequantize;
pub use error::GgufError;
pub use metadata_value::Value;
pub use model_config::{ModelConfig, RopeScaling, model_config};
pub use padding::NonzeroPadding;
pub use read::{Gguf, GgufTensorInfo};
pub use split_model::{GgufModel, merge_parts};
pub use super_blocks::{
    pack_super_blocks, put_super_block, super_block_layout, type_of_layout, unpack_super_blocks,
};
pub use tensor_kind::tensor_kind;
pub use tokenizer::{TokenizerMetadata, chat_template, named_chat_templates, tokenizer_metadata};
pub use types::GgmlType;
pub use write::{TensorToWrite, write, write_with_header};

pub(crate) type Result<T> = std::result::Result<T, GgufError>;
