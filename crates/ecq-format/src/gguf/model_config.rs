//! Configuration of the model in a GGUF file, under the names of `config.json` of Hugging Face.

use super::error::GgufError;
use super::metadata_value::Value;
use super::{Gguf, Result, unsupported_keys};
use serde::{Deserialize, Serialize};

/// Dimensions and constants of a transformer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// `general.architecture`, such as `llama` or `gemma3`.
    pub architecture: String,
    /// Width of the residual stream.
    pub hidden_size: u64,
    /// Width of the feed-forward layer.
    pub intermediate_size: u64,
    /// Number of transformer blocks.
    pub num_hidden_layers: u64,
    /// Number of query heads.
    pub num_attention_heads: u64,
    /// Number of key and value heads.
    pub num_key_value_heads: u64,
    /// Width of a query or key head.
    pub head_dim: u64,
    /// Epsilon of the norms.
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Base of the rotary frequencies of layers with a sliding window; `None` if it is `rope_theta`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_local_base_freq: Option<f64>,
    /// Number of rotated dimensions of a head; `None` if the file does not specify it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_dim: Option<u64>,
    /// Scaling of the rotary positions; `None` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<RopeScaling>,
    /// Maximum context length in tokens.
    pub max_position_embeddings: u64,
    /// Number of tokens of the vocabulary.
    pub vocab_size: u64,
    /// Whether the output head shares the weights of the embedding (the file has no `output.weight`).
    pub tie_word_embeddings: bool,
    /// Width of the sliding window in tokens; `None` if no layer has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sliding_window: Option<u64>,
    /// Whether any attention projection has a bias.
    #[serde(default)]
    pub attention_bias: bool,
    /// Whether any feed-forward projection has a bias.
    #[serde(default)]
    pub mlp_bias: bool,
    /// Attention scores are divided by the square root of this value; `None` means `head_dim`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_pre_attn_scalar: Option<f64>,
}

/// Scaling of the rotary positions for contexts longer than the trained one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RopeScaling {
    /// Method: `linear` or `yarn`.
    pub rope_type: String,
    /// Factor by which the context is extended.
    pub factor: f64,
    /// Context length in tokens before scaling; `None` if the file does not specify it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_max_position_embeddings: Option<u64>,
    /// Factor of cosines and sines, including the factor of the method; `None` means the factor of the
    /// method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_factor: Option<f64>,
    /// Rotations within the trained context above which YaRN does not change a frequency; `None` if the file
    /// does not specify it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta_fast: Option<f64>,
    /// Rotations within the trained context below which YaRN divides a frequency by `factor`; `None` if the
    /// file does not specify it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta_slow: Option<f64>,
}

/// Number of blocks of Gemma 3 27B, the only Gemma 3 model whose attention scores are not scaled by
/// `head_dim`.
const GEMMA_27B_LAYERS: u64 = 62;

/// Reads the configuration of the model.
///
/// Keys: `[llm].*` in `docs/gguf.md` of ggml-org/ggml; defaults: `llama_model::load_hparams` of llama.cpp.
///
/// # Errors
/// [`GgufError::Key`] if a required key is missing or a key has the wrong type, and
/// [`GgufError::Unimplemented`] if a key changes the computation of the model in a way that is not
/// implemented.
pub fn model_config(gguf: &Gguf) -> Result<ModelConfig> {
    let architecture = required(gguf, "general.architecture", "a string", Value::as_str)?;
    let key = |name: &str| format!("{architecture}.{name}");
    let optional_integer = |name: &str| optional(gguf, &key(name), INTEGER, as_integer);
    let float = |name: &str| optional(gguf, &key(name), FLOAT, Value::as_f64);
    let integer = |name: &str| required(gguf, &key(name), INTEGER, as_integer);
    let (hidden_size, num_attention_heads) = (integer("embedding_length")?, integer("attention.head_count")?);
    let head_dim = match optional_integer("attention.key_length")? {
        Some(head_dim) => Some(head_dim),
        None => hidden_size.checked_div(num_attention_heads),
    };
    let head_dim = head_dim.ok_or_else(|| missing(&key("attention.head_count"), "a positive number"))?;
    unsupported_keys::check(gguf, architecture, head_dim)?;
    let num_hidden_layers = integer("block_count")?;
    let scaled_by_heads = architecture == "gemma3" && num_hidden_layers == GEMMA_27B_LAYERS;
    let has_bias = |parts: &[&str]| {
        gguf.tensors().iter().any(|tensor| {
            let part = tensor.name.strip_prefix("blk.").and_then(|rest| rest.strip_suffix(".bias"));
            part.and_then(|part| part.split_once('.')).is_some_and(|(_, part)| parts.contains(&part))
        })
    };
    Ok(ModelConfig {
        hidden_size,
        num_attention_heads,
        intermediate_size: integer("feed_forward_length")?,
        num_hidden_layers,
        num_key_value_heads: optional_integer("attention.head_count_kv")?.unwrap_or(num_attention_heads),
        head_dim,
        rms_norm_eps: epsilon(gguf, architecture)?,
        rope_theta: float("rope.freq_base")?.unwrap_or(10_000.0),
        rope_local_base_freq: float("rope.freq_base_swa")?,
        rope_dim: optional_integer("rope.dimension_count")?,
        rope_scaling: rope_scaling(gguf, architecture)?,
        max_position_embeddings: integer("context_length")?,
        vocab_size: vocab_size(gguf, &key("vocab_size"))?,
        tie_word_embeddings: !gguf.tensors().iter().any(|tensor| tensor.name == "output.weight"),
        sliding_window: optional_integer("attention.sliding_window")?.filter(|&window| window > 0),
        attention_bias: has_bias(&["attn_q", "attn_k", "attn_v", "attn_output", "attn_qkv"]),
        mlp_bias: has_bias(&["ffn_gate", "ffn_up", "ffn_down"]),
        query_pre_attn_scalar: scaled_by_heads.then(|| hidden_size as f64 / num_attention_heads as f64),
        architecture: architecture.to_owned(),
    })
}

const INTEGER: &str = "a non-negative integer (or an array with the same integer for each layer)";
const FLOAT: &str = "a number";

/// Returns a non-negative integer, or the common integer of an array with one for each layer.
fn as_integer(value: &Value) -> Option<u64> {
    let Some(list) = value.as_array() else { return value.as_u64() };
    let (first, rest) = list.split_first()?;
    let first = first.as_u64()?;
    rest.iter().all(|value| value.as_u64() == Some(first)).then_some(first)
}

/// Reads the epsilon of the norms: layer norms for GPT-2, RMS norms for the other architectures.
fn epsilon(gguf: &Gguf, architecture: &str) -> Result<f64> {
    let rms = format!("{architecture}.attention.layer_norm_rms_epsilon");
    let layer = format!("{architecture}.attention.layer_norm_epsilon");
    let float = |key: &str| optional(gguf, key, FLOAT, Value::as_f64);
    match architecture {
        // Some converters store the epsilon of GPT-2 under the key of RMS norms.
        "gpt2" => float(&layer)?.or(float(&rms)?).ok_or_else(|| missing(&layer, FLOAT)),
        _ => float(&rms)?.ok_or_else(|| missing(&rms, FLOAT)),
    }
}

/// Reads the scaling of the rotary positions.
fn rope_scaling(gguf: &Gguf, architecture: &str) -> Result<Option<RopeScaling>> {
    let key = |name: &str| format!("{architecture}.rope.{name}");
    let float = |name: &str| optional(gguf, &key(name), FLOAT, Value::as_f64);
    // Linear is the default: older files have a factor, sometimes under an older name, but no `scaling.type`.
    let rope_type = match optional(gguf, &key("scaling.type"), "a string", Value::as_str)? {
        Some("none") => return Ok(None),
        found => found.unwrap_or("linear"),
    };
    let factor = float("scaling.factor")?.or(float("scale_linear")?).filter(|&factor| factor != 0.0);
    let factor = factor.unwrap_or(1.0);
    let attn_factor = float("scaling.attn_factor")?.unwrap_or(1.0);
    let mut scaling = RopeScaling {
        rope_type: rope_type.to_owned(),
        factor,
        original_max_position_embeddings: None,
        attention_factor: None,
        beta_fast: None,
        beta_slow: None,
    };
    match rope_type {
        "linear" if factor == 1.0 => return Ok(None),
        "linear" => {}
        "yarn" => {
            let original = key("scaling.original_context_length");
            scaling.original_max_position_embeddings = optional(gguf, &original, INTEGER, Value::as_u64)?;
            scaling.beta_fast = float("scaling.yarn_beta_fast")?;
            scaling.beta_slow = float("scaling.yarn_beta_slow")?;
            // The factor in the file multiplies the factor of the method (`mscale` in `ggml_rope_yarn`).
            let mscale = if factor > 1.0 { 1.0 + 0.1 * factor.ln() } else { 1.0 };
            scaling.attention_factor = (attn_factor != 1.0).then_some(attn_factor * mscale);
        }
        _ => {
            let why = "expected none, linear or yarn";
            return Err(unimplemented(&key("scaling.type"), format!("{rope_type:?}"), why));
        }
    }
    Ok(Some(scaling))
}

/// Creates the error of a key whose value is not implemented.
pub(super) fn unimplemented(key: &str, value: impl ToString, why: &'static str) -> GgufError {
    GgufError::Unimplemented { key: key.to_owned(), value: value.to_string(), why }
}

/// Reads the vocabulary size; if the key is absent, counts the tokens of the tokenizer.
fn vocab_size(gguf: &Gguf, key: &str) -> Result<u64> {
    if let Some(size) = optional(gguf, key, INTEGER, Value::as_u64)? {
        return Ok(size);
    }
    Ok(required(gguf, "tokenizer.ggml.tokens", "an array of strings", Value::as_array)?.len() as u64)
}

/// Reads the value of an optional key.
///
/// # Errors
/// [`GgufError::Key`] if the value has the wrong type.
pub(super) fn optional<'a, T>(
    gguf: &'a Gguf,
    key: &str,
    expected: &'static str,
    as_type: impl FnOnce(&'a Value) -> Option<T>,
) -> Result<Option<T>> {
    gguf.get(key).map(|value| as_type(value).ok_or_else(|| missing(key, expected))).transpose()
}

/// Reads the value of a required key.
///
/// # Errors
/// [`GgufError::Key`] if the key is missing or its value has the wrong type.
pub(super) fn required<'a, T>(
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
