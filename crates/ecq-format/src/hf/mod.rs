//! Conversion of GGUF metadata to Hugging Face conventions: tensor names, the transforms that llama.cpp's
//! converter applied to tensors, `config.json` and `tokenizer.json`.
//!
//! Supported architectures: `llama` (SmolLM, TinyLlama, Llama 2 and 3, Mistral), `qwen2`, `qwen3`, `gemma3`
//! (text) and `gpt2`. Sources: `convert_hf_to_gguf.py` and `gguf-py/gguf/tensor_mapping.py` of llama.cpp.

mod config;
mod pre_tokenizers;
mod tensor_names;
mod tokenizer;

pub use config::config_json;
pub use pre_tokenizers::known_pre_tokenizers;
pub use tensor_names::{GgufTransform, HfTensor, gguf_row_order, hf_tensor};
pub use tokenizer::{tokenizer_config_json, tokenizer_json};

use thiserror::Error;

/// Error of converting GGUF metadata to Hugging Face conventions.
#[non_exhaustive]
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum HfError {
    /// The architecture is not supported.
    #[error("architecture is {found:?}, expected llama, qwen2, qwen3, gemma3 or gpt2")]
    Architecture {
        /// `general.architecture` of the GGUF file.
        found: String,
    },
    /// A tensor is not part of the architecture.
    #[error("tensor {tensor:?} is not a tensor of architecture {architecture:?}")]
    Tensor {
        /// GGUF name of the tensor.
        tensor: String,
        /// The architecture.
        architecture: String,
    },
    /// The model has biases that its Hugging Face class does not have.
    #[error("the model has biases in {which}, but class {architecture} has none")]
    Biases {
        /// Name of the Hugging Face class.
        architecture: String,
        /// The layers with biases.
        which: &'static str,
    },
    /// The tokenizer is not supported.
    #[error(
        "tokenizer model is {model:?} with pre-tokenizer {pre:?}, expected llama, gemma4, or gpt2 with one \
         of the pre-tokenizers {}",
        pre_tokenizers::known_pre_tokenizers().join(", ")
    )]
    Tokenizer {
        /// `tokenizer.ggml.model`.
        model: String,
        /// `tokenizer.ggml.pre`.
        pre: String,
    },
    /// The rows of a projection cannot be divided into heads of even width.
    #[error("number of rows is {rows}, expected {heads} heads of even width")]
    Heads {
        /// Number of rows of a query or key projection.
        rows: usize,
        /// Number of heads.
        heads: usize,
    },
}

pub(crate) type Result<T> = std::result::Result<T, HfError>;
