//! What a tokenizer is made from, as a GGUF file holds it.

use super::error::GgufError;
use super::model::{need, optional};
use super::value::Value;
use super::{Gguf, Result};
use serde::{Deserialize, Serialize};

/// The `tokenizer.ggml.*` keys of a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TokenizerMetadata {
    /// `gpt2` (byte-level BPE), `llama` (SentencePiece), ...
    pub model: String,
    /// Name of the pre-tokenizer.
    pub pre: Option<String>,
    /// Tokens by id.
    pub tokens: Vec<String>,
    /// 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte; by id, or empty.
    pub token_types: Vec<i32>,
    /// Scores by id, or empty.
    pub scores: Vec<f32>,
    /// Merges, each two tokens with a space between, by rank.
    pub merges: Vec<String>,
    /// Id of the token that begins a text.
    pub bos: Option<u32>,
    /// Id of the token that ends a text.
    pub eos: Option<u32>,
    /// Id of the token that ends a turn.
    pub eot: Option<u32>,
    /// Id of the token that ends a message.
    pub eom: Option<u32>,
    /// Id of the token for what is unknown.
    pub unk: Option<u32>,
    /// Id of the token that pads.
    pub pad: Option<u32>,
    /// Id of the token between two parts of a text.
    pub sep: Option<u32>,
    /// Id of the token that hides another.
    pub mask: Option<u32>,
    /// Whether a prompt starts with `bos`.
    pub add_bos: Option<bool>,
    /// Whether a prompt ends with `eos`.
    pub add_eos: Option<bool>,
    /// Whether a space is put before the text.
    pub add_space_prefix: Option<bool>,
}

/// What the tokenizer is made from.
///
/// # Errors
/// [`GgufError::Key`] names the key that is missing or mistyped, [`GgufError::Length`] tells of types or
/// scores that are not one for each token.
pub fn tokenizer(gguf: &Gguf) -> Result<TokenizerMetadata> {
    let key = |name: &str| format!("tokenizer.ggml.{name}");
    let id = |name: &str| {
        let as_id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        optional(gguf, &key(name), "a token id", as_id)
    };
    let flag = |name: &str| optional(gguf, &key(name), "true or false", Value::as_bool);
    let tokens = need(gguf, &key("tokens"), STRINGS, strings)?;
    let token_types = optional(gguf, &key("token_type"), "an array of whole numbers", token_types)?;
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
        model: need(gguf, &key("model"), "a string", Value::as_str)?.to_owned(),
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
        // Spelled so in the format.
        sep: id("seperator_token_id")?,
        mask: id("mask_token_id")?,
        add_bos: flag("add_bos_token")?,
        add_eos: flag("add_eos_token")?,
        add_space_prefix: flag("add_space_prefix")?,
    })
}

/// The chat template (Jinja), where the file has one.
pub fn chat_template(gguf: &Gguf) -> Option<&str> {
    gguf.get("tokenizer.chat_template").and_then(Value::as_str)
}

/// Names and texts of the chat templates of a file that has several.
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
