//! The facts of the model in a GGUF file, under the names that Hugging Face's `config.json` uses.

use super::error::GgufError;
use super::value::Value;
use super::{Gguf, Result};
use serde::{Deserialize, Serialize};

/// Shape and constants of a transformer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// `general.architecture`.
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
    /// Width of a head.
    pub head_dim: u64,
    /// Epsilon of the norms.
    pub norm_eps: f64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Kind and factor of rotary scaling, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rope_scaling: Option<(String, f64)>,
    /// Longest context.
    pub max_position_embeddings: u64,
    /// Tokens of the vocabulary.
    pub vocab_size: u64,
    /// Whether the head is the embedding.
    pub tie_word_embeddings: bool,
    /// Width of the attention window, where it is bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sliding_window: Option<u64>,
}

/// What a tokenizer is made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenizerFacts {
    /// `gpt2` (byte-level BPE), `llama` (SentencePiece), ...
    pub model: String,
    /// Name of the pre-tokenizer.
    pub pre: Option<String>,
    /// Tokens by id.
    pub tokens: Vec<String>,
    /// 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte; by id, or empty.
    pub token_types: Vec<u64>,
    /// Scores by id, or empty.
    pub scores: Vec<f64>,
    /// Merges, each two tokens with a space between, by rank.
    pub merges: Vec<String>,
    /// Ids of the special tokens.
    pub bos: Option<u64>,
    /// End of text.
    pub eos: Option<u64>,
    /// Unknown.
    pub unk: Option<u64>,
    /// Padding.
    pub pad: Option<u64>,
    /// Whether a prompt starts with `bos`.
    pub add_bos: Option<bool>,
}

/// Shape and constants of the model.
///
/// # Errors
/// Names the key that is missing or mistyped.
pub fn config(gguf: &Gguf) -> Result<ModelConfig> {
    let architecture = need(gguf, "general.architecture", "a string", Value::as_str)?;
    let key = |name: &str| format!("{architecture}.{name}");
    let number = |name: &str| need(gguf, &key(name), "a whole number", Value::as_u64);
    let optional = |name: &str| gguf.get(&key(name)).and_then(Value::as_u64);
    let float = |name: &str| gguf.get(&key(name)).and_then(Value::as_f64);
    let (hidden_size, num_attention_heads) = (number("embedding_length")?, number("attention.head_count")?);
    let tokens = gguf.get("tokenizer.ggml.tokens").and_then(Value::as_array).map(<[_]>::len);
    let norm = float("attention.layer_norm_rms_epsilon").or(float("attention.layer_norm_epsilon"));
    let scaling = gguf.get(&key("rope.scaling.type")).and_then(Value::as_str).filter(|&kind| kind != "none");
    Ok(ModelConfig {
        architecture: architecture.to_owned(),
        hidden_size,
        intermediate_size: number("feed_forward_length")?,
        num_hidden_layers: number("block_count")?,
        num_attention_heads,
        num_key_value_heads: optional("attention.head_count_kv").unwrap_or(num_attention_heads),
        head_dim: optional("attention.key_length")
            .or(hidden_size.checked_div(num_attention_heads))
            .ok_or(GgufError::Key { key: key("attention.head_count"), expected: "positive" })?,
        norm_eps: norm.ok_or_else(|| GgufError::Key {
            key: key("attention.layer_norm_rms_epsilon"),
            expected: "a float",
        })?,
        rope_theta: float("rope.freq_base").unwrap_or(10000.0),
        rope_scaling: scaling.map(|kind| (kind.to_owned(), float("rope.scaling.factor").unwrap_or(1.0))),
        max_position_embeddings: number("context_length")?,
        vocab_size: optional("vocab_size").or(tokens.map(|n| n as u64)).ok_or(GgufError::Key {
            key: "tokenizer.ggml.tokens".to_owned(),
            expected: "an array",
        })?,
        tie_word_embeddings: !gguf.tensors().iter().any(|tensor| tensor.name == "output.weight"),
        sliding_window: optional("attention.sliding_window"),
    })
}

/// What the tokenizer is made from.
///
/// # Errors
/// Names the key that is missing or mistyped.
pub fn tokenizer(gguf: &Gguf) -> Result<TokenizerFacts> {
    let key = |name: &str| format!("tokenizer.ggml.{name}");
    fn list<T>(
        gguf: &Gguf,
        key: &str,
        expected: &'static str,
        one: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>> {
        let Some(value) = gguf.get(key) else { return Ok(Vec::new()) };
        let values = value.as_array().map(|values| values.iter().map(one).collect::<Option<Vec<T>>>());
        values.flatten().ok_or_else(|| GgufError::Key { key: key.to_owned(), expected })
    }
    let string = |value: &Value| value.as_str().map(str::to_owned);
    let number = |name: &str| gguf.get(&key(name)).and_then(Value::as_u64);
    let tokens = list(gguf, &key("tokens"), "an array of strings", string)?;
    if tokens.is_empty() {
        return Err(GgufError::Key { key: key("tokens"), expected: "an array of strings" });
    }
    Ok(TokenizerFacts {
        model: need(gguf, &key("model"), "a string", Value::as_str)?.to_owned(),
        pre: gguf.get(&key("pre")).and_then(Value::as_str).map(str::to_owned),
        tokens,
        token_types: list(gguf, &key("token_type"), "an array of numbers", Value::as_u64)?,
        scores: list(gguf, &key("scores"), "an array of floats", Value::as_f64)?,
        merges: list(gguf, &key("merges"), "an array of strings", string)?,
        bos: number("bos_token_id"),
        eos: number("eos_token_id"),
        unk: number("unknown_token_id"),
        pad: number("padding_token_id"),
        add_bos: gguf.get(&key("add_bos_token")).and_then(Value::as_bool),
    })
}

/// The chat template (Jinja), where the file has one.
pub fn chat_template(gguf: &Gguf) -> Option<&str> {
    gguf.get("tokenizer.chat_template").and_then(Value::as_str)
}

fn need<'a, T>(
    gguf: &'a Gguf,
    key: &str,
    expected: &'static str,
    as_type: impl Fn(&'a Value) -> Option<T>,
) -> Result<T> {
    gguf.get(key).and_then(as_type).ok_or_else(|| GgufError::Key { key: key.to_owned(), expected })
}
