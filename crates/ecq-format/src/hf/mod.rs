//! From the conventions of llama.cpp (GGUF) to those of Hugging Face: tensor names and what converting did
//! to their values, `config.json`, `tokenizer.json`.
//!
//! Covered are the architectures `llama` (SmolLM, TinyLlama, Llama 2 and 3, Mistral), `qwen2`, `qwen3`,
//! `gemma3` (text) and `gpt2`; source: `convert_hf_to_gguf.py` and `gguf-py/gguf/tensor_mapping.py` of
//! llama.cpp.

mod config;
mod names;
mod pre_tokenizers;
mod tokenizer;

pub use config::config_json;
pub use names::{GgufTransform, HfTensor, gguf_row_order, hf_tensor};
pub use pre_tokenizers::known_pre_tokenizers;
pub use tokenizer::{tokenizer_config_json, tokenizer_json};

use thiserror::Error;

/// What has no counterpart at Hugging Face, as far as this crate knows.
#[non_exhaustive]
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum HfError {
    /// An architecture that is not covered.
    #[error("architecture {found:?} is not covered; llama, qwen2, qwen3, gemma3 and gpt2 are")]
    Architecture {
        /// As the GGUF file names it.
        found: String,
    },
    /// A tensor that is not part of the architecture.
    #[error("tensor {tensor:?} has no place in architecture {architecture:?}")]
    Tensor {
        /// Its GGUF name.
        tensor: String,
        /// The architecture.
        architecture: String,
    },
    /// Biases that the architecture's class at Hugging Face does not have.
    #[error("biases of {which} have no place in {architecture}")]
    Biases {
        /// The class.
        architecture: String,
        /// Which layers have them.
        which: &'static str,
    },
    /// A tokenizer that is not covered.
    #[error(
        "tokenizer model {model:?} with pre-tokenizer {pre:?} is not covered; covered are the models \
         llama and gemma4, and gpt2 with one of the pre-tokenizers {}",
        pre_tokenizers::known_pre_tokenizers().join(", ")
    )]
    Tokenizer {
        /// `tokenizer.ggml.model`.
        model: String,
        /// `tokenizer.ggml.pre`.
        pre: String,
    },
    /// Rows that do not divide into heads.
    #[error("{rows} rows do not divide into {heads} heads of even width")]
    Heads {
        /// Rows of a query or key projection.
        rows: usize,
        /// Its heads.
        heads: usize,
    },
}

pub(crate) type Result<T> = std::result::Result<T, HfError>;
