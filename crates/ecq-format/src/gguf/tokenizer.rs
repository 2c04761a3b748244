//! Tokenizer metadata of a GGUF file.

use super::error::GgufError;
use super::metadata_value::Value;
use super::model_config::{optional, required};
use super::{Gguf, Result};
use serde::{Deserialize, Serialize};

/// Values of the `tokenizer.ggml.*` keys of a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TokenizerMetadata {
    /// Tokenizer model: `gpt2` (byte-level BPE), `llama` (SentencePiece), ...
    pub model: String,
    /// Name of the pre-tokenizer.
    pub pre: Option<String>,
    /// Text of each token, by id.
    pub tokens: Vec<String>,
    /// Type of each token, by id: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte. Empty if
    /// the file has none.
    pub token_types: Vec<i32>,
    /// Score of each token, by id. Empty if the file has none.
    pub scores: Vec<f32>,
    /// Merges in order of rank, each two tokens separated by a space.
    pub merges: Vec<String>,
    /// Id of the beginning-of-sequence token.
    pub bos: Option<u32>,
    /// Id of the end-of-sequence token.
    pub eos: Option<u32>,
    /// Id of the end-of-turn token.
    pub eot: Option<u32>,
    /// Id of the end-of-message token.
    pub eom: Option<u32>,
    /// Id of the unknown token.
    pub unk: Option<u32>,
    /// Id of the padding token.
    pub pad: Option<u32>,
    /// Id of the separator token.
    pub sep: Option<u32>,
    /// Id of the mask token.
    pub mask: Option<u32>,
    /// Whether `bos` is added at the start of a prompt; `None` if the file does not specify it.
    pub add_bos: Option<bool>,
    /// Whether `eos` is added at the end of a prompt; `None` if the file does not specify it.
    pub add_eos: Option<bool>,
    /// Whether a space is added before the text; `None` if the file does not specify it.
    pub add_space_prefix: Option<bool>,
}

/// Reads the tokenizer metadata.
///
/// # Errors
/// [`GgufError::Key`] if a required key is missing or a key has the wrong type, and [`GgufError::Length`] if
/// the number of token types or scores differs from the number of tokens.
pub fn tokenizer_metadata(gguf: &Gguf) -> Result<TokenizerMetadata> {
    let key = |name: &str| format!("tokenizer.ggml.{name}");
    let id = |name: &str| {
        let as_id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        optional(gguf, &key(name), "a token id", as_id)
    };
    let flag = |name: &str| optional(gguf, &key(name), "true or false", Value::as_bool);
    let tokens = required(gguf, &key("tokens"), STRINGS, strings)?;
    let token_types = optional(gguf, &key("token_type"), "an array of integers", token_types)?;
    let scores = optional(gguf, &key("scores"), "an array of f32", scores)?;
    let lists = [
        ("token types", token_types.as_ref().map(Vec::len)),
        ("token scores", scores.as_ref().map(Vec::len)),
    ];
    for (what, found) in lists {
        if let Some(found) = found.filter(|&found| found != tokens.len()) {
            let (found, expected) = (found as u64, tokens.len() as u64);
            return Err(GgufError::Length { what, found, expected });
        }
    }
    let merges = optional(gguf, &key("merges"), STRINGS, strings)?;
    Ok(TokenizerMetadata {
        model: required(gguf, &key("model"), "a string", Value::as_str)?.to_owned(),
        pre: optional(gguf, &key("pre"), "a string", Value::as_str)?.map(str::to_owned),
        tokens,
        token_types: token_types.unwrap_or_default(),
        scores: scores.unwrap_or_default(),
        merges: merges.unwrap_or_default(),
        bos: id("bos_token_id")?,
        eos: id("eos_token_id")?,
        eot: id("eot_token_id")?,
        eom: id("eom_token_id")?,
        unk: id("unknown_token_id")?,
        pad: id("padding_token_id")?,
        // The format spells the key this way.
        sep: id("seperator_token_id")?,
        mask: id("mask_token_id")?,
        add_bos: flag("add_bos_token")?,
        add_eos: flag("add_eos_token")?,
        add_space_prefix: flag("add_space_prefix")?,
    })
}

/// Returns the chat template (Jinja); `None` if the file has none.
pub fn chat_template(gguf: &Gguf) -> Option<&str> {
    gguf.get("tokenizer.chat_template").and_then(Value::as_str)
}

/// Returns names and texts of the named chat templates; empty if the file has none.
pub fn named_chat_templates(gguf: &Gguf) -> Vec<(String, &str)> {
    let names = gguf.get("tokenizer.chat_templates").and_then(strings).unwrap_or_default();
    let template = |name: String| {
        let template = gguf.get(&format!("tokenizer.chat_template.{name}"))?.as_str()?;
        Some((name, template))
    };
    names.into_iter().filter_map(template).collect()
}

const STRINGS: &str = "an array of strings";

fn strings(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|value| value.as_str().map(str::to_owned)).collect()
}

fn token_types(value: &Value) -> Option<Vec<i32>> {
    value.as_array()?.iter().map(|value| value.as_u64()?.try_into().ok()).collect()
}

fn scores(value: &Value) -> Option<Vec<f32>> {
    let score = |value: &Value| if let Value::F32(score) = *value { Some(score) } else { None };
    value.as_array()?.iter().map(score).collect()
}
