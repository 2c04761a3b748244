//! The shape of the model in a GGUF file, under the names that Hugging Face's `config.json` uses.

use super::error::GgufError;
use super::value::Value;
use super::{Gguf, Result};
use serde::{Deserialize, Serialize};

/// Shape and constants of a transformer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// `general.architecture`, such as `llama` or `gemma3`.
    pub architecture: String,
    /// Width of the residual stream.
    pub hidden_size: u64,
    /// Width of the feed-forward layer.
    pub intermediate_size: u64,
    /// Blocks.
    pub num_hidden_layers: u64,
    /// Query heads.
    pub num_attention_heads: u64,
    /// Key and value heads.
    pub num_key_value_heads: u64,
    /// Width of a query or key head.
    pub head_dim: u64,
    /// Epsilon of the RMS norms.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Base of the rotary frequencies of layers with a sliding window, where it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_local_base_freq: Option<f64>,
    /// Dimensions of a head that are rotated, where the file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_dim: Option<u64>,
    /// Scaling of the rotary positions, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<RopeScaling>,
    /// Longest context in tokens.
    pub max_position_embeddings: u64,
    /// Tokens of the vocabulary.
    pub vocab_size: u64,
    /// Whether the head is the embedding: there is no `output.weight`.
    pub tie_word_embeddings: bool,
    /// Width of the attention window in tokens, where some layers have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sliding_window: Option<u64>,
}

/// Scaling of the rotary positions beyond the trained context.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RopeScaling {
    /// `linear`, `yarn`, `longrope`.
    pub rope_type: String,
    /// Factor of the context length.
    pub factor: f64,
    /// Context in tokens before scaling, where the file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_max_position_embeddings: Option<u64>,
    /// Factor of the attention scores, where the file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_factor: Option<f64>,
}

/// Shape and constants of the model, from the `[llm].*` keys of the format's `docs/gguf.md`.
///
/// # Errors
/// [`GgufError::Key`] names the key that is missing or mistyped.
pub fn config(gguf: &Gguf) -> Result<ModelConfig> {
    let architecture = need(gguf, "general.architecture", "a string", Value::as_str)?;
    let key = |name: &str| format!("{architecture}.{name}");
    let whole = |name: &str| optional(gguf, &key(name), WHOLE, Value::as_u64);
    let float = |name: &str| optional(gguf, &key(name), FLOAT, Value::as_f64);
    let needed = |name: &str| need(gguf, &key(name), WHOLE, Value::as_u64);
    let (hidden_size, num_attention_heads) = (needed("embedding_length")?, needed("attention.head_count")?);
    let head_dim = match whole("attention.key_length")? {
        Some(head_dim) => Some(head_dim),
        None => hidden_size.checked_div(num_attention_heads),
    };
    Ok(ModelConfig {
        hidden_size,
        num_attention_heads,
        intermediate_size: needed("feed_forward_length")?,
        num_hidden_layers: needed("block_count")?,
        num_key_value_heads: whole("attention.head_count_kv")?.unwrap_or(num_attention_heads),
        head_dim: head_dim.ok_or_else(|| missing(&key("attention.head_count"), "a positive number"))?,
        rms_norm_eps: need(gguf, &key("attention.layer_norm_rms_epsilon"), FLOAT, Value::as_f64)?,
        rope_theta: float("rope.freq_base")?.unwrap_or(10_000.0),
        rope_local_base_freq: float("rope.freq_base_swa")?,
        rope_dim: whole("rope.dimension_count")?,
        rope_scaling: rope_scaling(gguf, architecture)?,
        max_position_embeddings: needed("context_length")?,
        vocab_size: vocab_size(gguf, &key("vocab_size"))?,
        tie_word_embeddings: !gguf.tensors().iter().any(|tensor| tensor.name == "output.weight"),
        sliding_window: whole("attention.sliding_window")?,
        architecture: architecture.to_owned(),
    })
}

const WHOLE: &str = "a whole number";
const FLOAT: &str = "a number";

fn rope_scaling(gguf: &Gguf, architecture: &str) -> Result<Option<RopeScaling>> {
    let key = |name: &str| format!("{architecture}.rope.{name}");
    let float = |name: &str| optional(gguf, &key(name), FLOAT, Value::as_f64);
    let rope_type = match optional(gguf, &key("scaling.type"), "a string", Value::as_str)? {
        Some("none") => return Ok(None),
        Some(rope_type) => rope_type.to_owned(),
        // Files from before `scaling.type` have a linear factor alone.
        None => {
            return Ok(float("scale_linear")?.filter(|&factor| factor != 1.0).map(|factor| RopeScaling {
                rope_type: "linear".to_owned(),
                factor,
                original_max_position_embeddings: None,
                attention_factor: None,
            }));
        }
    };
    Ok(Some(RopeScaling {
        rope_type,
        factor: float("scaling.factor")?.unwrap_or(1.0),
        original_max_position_embeddings: optional(
            gguf,
            &key("scaling.original_context_length"),
            WHOLE,
            Value::as_u64,
        )?,
        attention_factor: float("scaling.attn_factor")?,
    }))
}

/// The number of tokens is what the embedding has rows for; the key may be absent.
fn vocab_size(gguf: &Gguf, key: &str) -> Result<u64> {
    if let Some(size) = optional(gguf, key, WHOLE, Value::as_u64)? {
        return Ok(size);
    }
    Ok(need(gguf, "tokenizer.ggml.tokens", "an array of strings", Value::as_array)?.len() as u64)
}

/// The value of a key that may be absent, but not of another type.
pub(super) fn optional<'a, T>(
    gguf: &'a Gguf,
    key: &str,
    expected: &'static str,
    as_type: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<Option<T>> {
    gguf.get(key).map(|value| as_type(value).ok_or_else(|| missing(key, expected))).transpose()
}

/// The value of a key that must be there.
pub(super) fn need<'a, T>(
    gguf: &'a Gguf,
    key: &str,
    expected: &'static str,
    as_type: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<T> {
    optional(gguf, key, expected, as_type)?.ok_or_else(|| missing(key, expected))
}

fn missing(key: &str, expected: &'static str) -> GgufError {
    GgufError::Key { key: key.to_owned(), expected }
}
