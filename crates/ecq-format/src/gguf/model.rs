//! The shape of the model in a GGUF file, under the names that Hugging Face's `config.json` uses.

use super::error::GgufError;
use super::metadata_value::Value;
use super::{Gguf, Result, keys};
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
    /// Epsilon of the norms.
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
    /// Whether the projections of attention have biases (some of them in some layers, at least).
    #[serde(default)]
    pub attention_bias: bool,
    /// Whether the projections of the feed-forward layer have biases.
    #[serde(default)]
    pub mlp_bias: bool,
    /// Attention scores are divided by the root of this, where it is not the width of a head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_pre_attn_scalar: Option<f64>,
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
    /// Factor of cosines and sines, that of the method included; the method's own where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_factor: Option<f64>,
    /// Turns within the trained context above which YaRN keeps a frequency, where the file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta_fast: Option<f64>,
    /// Turns below which YaRN divides a frequency by the factor, where the file says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta_slow: Option<f64>,
}

/// Blocks of Gemma 3 27B, whose scores alone are scaled by another width than that of a head.
const GEMMA_27B_LAYERS: u64 = 62;

/// Shape and constants of the model, from the `[llm].*` keys of the format's `docs/gguf.md`, with the
/// defaults and conventions of `llama_model::load_hparams` of llama.cpp.
///
/// # Errors
/// [`GgufError::Key`] names the key that is missing or mistyped, [`GgufError::Unimplemented`] one that
/// changes what the model computes in a way that is not implemented.
pub fn model_config(gguf: &Gguf) -> Result<ModelConfig> {
    let architecture = need(gguf, "general.architecture", "a string", Value::as_str)?;
    let key = |name: &str| format!("{architecture}.{name}");
    let whole = |name: &str| optional(gguf, &key(name), WHOLE, one_whole);
    let float = |name: &str| optional(gguf, &key(name), FLOAT, Value::as_f64);
    let needed = |name: &str| need(gguf, &key(name), WHOLE, one_whole);
    let (hidden_size, num_attention_heads) = (needed("embedding_length")?, needed("attention.head_count")?);
    let head_dim = match whole("attention.key_length")? {
        Some(head_dim) => Some(head_dim),
        None => hidden_size.checked_div(num_attention_heads),
    };
    let head_dim = head_dim.ok_or_else(|| missing(&key("attention.head_count"), "a positive number"))?;
    keys::check(gguf, architecture, head_dim)?;
    let num_hidden_layers = needed("block_count")?;
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
        intermediate_size: needed("feed_forward_length")?,
        num_hidden_layers,
        num_key_value_heads: whole("attention.head_count_kv")?.unwrap_or(num_attention_heads),
        head_dim,
        rms_norm_eps: epsilon(gguf, architecture)?,
        rope_theta: float("rope.freq_base")?.unwrap_or(10_000.0),
        rope_local_base_freq: float("rope.freq_base_swa")?,
        rope_dim: whole("rope.dimension_count")?,
        rope_scaling: rope_scaling(gguf, architecture)?,
        max_position_embeddings: needed("context_length")?,
        vocab_size: vocab_size(gguf, &key("vocab_size"))?,
        tie_word_embeddings: !gguf.tensors().iter().any(|tensor| tensor.name == "output.weight"),
        sliding_window: whole("attention.sliding_window")?.filter(|&window| window > 0),
        attention_bias: has_bias(&["attn_q", "attn_k", "attn_v", "attn_output", "attn_qkv"]),
        mlp_bias: has_bias(&["ffn_gate", "ffn_up", "ffn_down"]),
        query_pre_attn_scalar: scaled_by_heads.then(|| hidden_size as f64 / num_attention_heads as f64),
        architecture: architecture.to_owned(),
    })
}

const WHOLE: &str = "a whole number (or one for each layer, all the same)";
const FLOAT: &str = "a number";

/// A whole number, or that of all layers where a list names the same for each.
fn one_whole(value: &Value) -> Option<u64> {
    let Some(list) = value.as_array() else { return value.as_u64() };
    let (first, rest) = list.split_first()?;
    let first = first.as_u64()?;
    rest.iter().all(|value| value.as_u64() == Some(first)).then_some(first)
}

/// The epsilon of layer norms for architectures that have them, of RMS norms for others.
fn epsilon(gguf: &Gguf, architecture: &str) -> Result<f64> {
    let rms = format!("{architecture}.attention.layer_norm_rms_epsilon");
    let layer = format!("{architecture}.attention.layer_norm_epsilon");
    let float = |key: &str| optional(gguf, key, FLOAT, Value::as_f64);
    match architecture {
        // Converters of other programs gave GPT-2 the key of RMS norms.
        "gpt2" => float(&layer)?.or(float(&rms)?).ok_or_else(|| missing(&layer, FLOAT)),
        _ => float(&rms)?.ok_or_else(|| missing(&rms, FLOAT)),
    }
}

fn rope_scaling(gguf: &Gguf, architecture: &str) -> Result<Option<RopeScaling>> {
    let key = |name: &str| format!("{architecture}.rope.{name}");
    let float = |name: &str| optional(gguf, &key(name), FLOAT, Value::as_f64);
    // Linear is the default; files from before `scaling.type` have a factor alone, at times under an old
    // name.
    let rope_type = match optional(gguf, &key("scaling.type"), "a string", Value::as_str)? {
        Some("none") => return Ok(None),
        said => said.unwrap_or("linear"),
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
            scaling.original_max_position_embeddings = optional(gguf, &original, WHOLE, Value::as_u64)?;
            scaling.beta_fast = float("scaling.yarn_beta_fast")?;
            scaling.beta_slow = float("scaling.yarn_beta_slow")?;
            // The file's factor multiplies the method's own (`ggml_rope_yarn`: mscale).
            let own = if factor > 1.0 { 1.0 + 0.1 * factor.ln() } else { 1.0 };
            scaling.attention_factor = (attn_factor != 1.0).then_some(attn_factor * own);
        }
        _ => {
            let why = "only the scalings none, linear and yarn run";
            return Err(unimplemented(&key("scaling.type"), format!("{rope_type:?}"), why));
        }
    }
    Ok(Some(scaling))
}

pub(super) fn unimplemented(key: &str, value: impl ToString, why: &'static str) -> GgufError {
    GgufError::Unimplemented { key: key.to_owned(), value: value.to_string(), why }
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
