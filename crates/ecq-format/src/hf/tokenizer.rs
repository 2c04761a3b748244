use super::pre_tokenizers::{self, SplitRule};
use super::{HfError, Result};
use crate::gguf::TokenizerMetadata;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::HashMap;

/// Token types of GGUF (`tokenizer.ggml.token_type`).
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;

/// The character that represents a space in SentencePiece.
const SPACE: char = '\u{2581}';

/// Creates `tokenizer.json` (the format of the `tokenizers` library) from the metadata of a GGUF file.
///
/// Supported models: `gpt2`, byte-level BPE with the pre-tokenizers of
/// [`known_pre_tokenizers`](super::known_pre_tokenizers); `llama`, SentencePiece BPE whose merges follow from
/// scores (Llama 2, Gemma); and `gemma4`, SentencePiece BPE with explicit merges.
///
/// # Errors
/// [`HfError::Tokenizer`] if the model or the pre-tokenizer is not supported.
pub fn tokenizer_json(metadata: &TokenizerMetadata) -> Result<Value> {
    let metadata = &restore_space_tokens(metadata);
    let sections = match metadata.model.as_str() {
        "gpt2" => byte_level(metadata)?,
        "llama" => sentence_piece(metadata),
        "gemma4" => sentence_piece_with_merges(metadata),
        _ => return Err(unsupported(metadata)),
    };
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added_tokens(metadata),
        "normalizer": sections.normalizer,
        "pre_tokenizer": sections.pre_tokenizer,
        "post_processor": post_processor(metadata),
        "decoder": sections.decoder,
        "model": sections.model,
    }))
}

/// Creates `tokenizer_config.json`: special tokens, chat template, and a context of `context` tokens.
pub fn tokenizer_config_json(
    metadata: &TokenizerMetadata,
    chat_template: Option<&str>,
    context: u64,
) -> Value {
    let mut out = Map::new();
    out.insert("tokenizer_class".to_owned(), json!("PreTrainedTokenizerFast"));
    out.insert("clean_up_tokenization_spaces".to_owned(), json!(false));
    out.insert("model_max_length".to_owned(), json!(context));
    let token = |id: Option<u32>| id.and_then(|id| metadata.tokens.get(id as usize));
    for (key, id) in [
        ("bos_token", metadata.bos),
        ("eos_token", metadata.eos),
        ("unk_token", metadata.unk),
        ("pad_token", metadata.pad),
        ("sep_token", metadata.sep),
        ("mask_token", metadata.mask),
    ] {
        if let Some(token) = token(id) {
            out.insert(key.to_owned(), json!(token));
        }
    }
    for (key, flag) in [("add_bos_token", metadata.add_bos), ("add_eos_token", metadata.add_eos)] {
        if let Some(flag) = flag {
            out.insert(key.to_owned(), json!(flag));
        }
    }
    if let Some(template) = chat_template {
        out.insert("chat_template".to_owned(), json!(template));
    }
    Value::Object(out)
}

/// Sections of `tokenizer.json` that depend on the tokenizer model.
struct ModelSections {
    normalizer: Value,
    pre_tokenizer: Value,
    decoder: Value,
    model: Value,
}

/// Creates the error of an unsupported tokenizer.
fn unsupported(metadata: &TokenizerMetadata) -> HfError {
    HfError::Tokenizer { model: metadata.model.clone(), pre: metadata.pre.clone().unwrap_or_default() }
}

/// Byte-level BPE (`gpt2`).
fn byte_level(metadata: &TokenizerMetadata) -> Result<ModelSections> {
    let bytes = |use_regex: bool| {
        json!({
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex
        })
    };
    let sequence = |first: &[&str], last: Value| {
        let all: Vec<Value> = first.iter().copied().map(isolated).chain([last]).collect();
        json!({ "type": "Sequence", "pretokenizers": all })
    };
    let name = metadata.pre.as_deref().unwrap_or("gpt-2");
    let pre = pre_tokenizers::find(name).ok_or_else(|| unsupported(metadata))?;
    let pre_tokenizer = match pre.split_rule {
        SplitRule::Words => bytes(true),
        SplitRule::DigitsThenWords => {
            let digits = json!({ "type": "Digits", "individual_digits": true });
            json!({ "type": "Sequence", "pretokenizers": [digits, bytes(true)] })
        }
        SplitRule::ThenWords(first) => sequence(first, bytes(true)),
        SplitRule::Regexes(all) => sequence(all, bytes(false)),
        SplitRule::SentencePiece => return Ok(sentence_piece_with_merges(metadata)),
    };
    let model = json!({
        "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
        "ignore_merges": pre.ignore_merges, "vocab": vocabulary(metadata), "merges": merges(metadata),
    });
    let decoder =
        json!({ "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true });
    let normalizer = if pre.normalizes_nfc { json!({ "type": "NFC" }) } else { Value::Null };
    Ok(ModelSections { normalizer, pre_tokenizer, decoder, model })
}

/// Pre-tokenizer that isolates each match of `regex`.
fn isolated(regex: &str) -> Value {
    json!({ "type": "Split", "pattern": { "Regex": regex }, "behavior": "Isolated", "invert": false })
}

/// Returns the two tokens of each merge. They are separated by the first space after the first character.
fn merges(metadata: &TokenizerMetadata) -> Vec<Value> {
    let parts = |merge: &String| {
        let first = merge.chars().next()?.len_utf8();
        let space = first + merge[first..].find(' ')?;
        Some(json!([merge[..space], merge[space + 1..]]))
    };
    metadata.merges.iter().filter_map(parts).collect()
}

/// SentencePiece BPE with explicit merges instead of scores (Gemma 4).
fn sentence_piece_with_merges(metadata: &TokenizerMetadata) -> ModelSections {
    let metadata = &TokenizerMetadata {
        add_space_prefix: Some(metadata.add_space_prefix.unwrap_or(false)),
        ..metadata.clone()
    };
    let mut sections = sentence_piece(metadata);
    sections.model["merges"] = json!(merges(metadata));
    // No token contains both line breaks and other characters.
    sections.pre_tokenizer = isolated(r"[^\n]+|\n+");
    sections
}

/// SentencePiece BPE with scores (`llama`).
fn sentence_piece(metadata: &TokenizerMetadata) -> ModelSections {
    let prefix = metadata.add_space_prefix.unwrap_or(true);
    let space = SPACE.to_string();
    let replace = json!({ "type": "Replace", "pattern": { "String": " " }, "content": space });
    let normalizer = match prefix {
        true => {
            json!({ "type": "Sequence", "normalizers": [{ "type": "Prepend", "prepend": space }, replace] })
        }
        false => replace,
    };
    let mut decoders = vec![
        json!({ "type": "Replace", "pattern": { "String": space }, "content": " " }),
        json!({ "type": "ByteFallback" }),
        json!({ "type": "Fuse" }),
    ];
    if prefix {
        decoders.push(json!({ "type": "Strip", "content": " ", "start": 1, "stop": 0 }));
    }
    // Without an unknown token, text without a matching token or byte token is dropped.
    let by_type = || metadata.token_types.iter().position(|&ty| ty == UNKNOWN);
    let unknown = metadata.unk.map(|id| id as usize).or_else(by_type).and_then(|id| metadata.tokens.get(id));
    let model = json!({
        "type": "BPE", "dropout": null, "unk_token": unknown, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
        "vocab": vocabulary(metadata), "merges": merges_of_scores(metadata),
    });
    ModelSections {
        normalizer,
        pre_tokenizer: Value::Null,
        decoder: json!({ "type": "Sequence", "decoders": decoders }),
        model,
    }
}

/// Replaces spaces in user-defined tokens that consist of spaces by [`SPACE`].
///
/// llama.cpp's converter replaced [`SPACE`] by spaces in these tokens, but the normalizer of `tokenizer.json`
/// has already replaced the spaces of the text when tokens are matched.
fn restore_space_tokens(metadata: &TokenizerMetadata) -> Cow<'_, TokenizerMetadata> {
    let ty = |id: usize| metadata.token_types.get(id).copied();
    let is_run = |id: usize, token: &str| {
        ty(id) == Some(USER_DEFINED) && !token.is_empty() && token.bytes().all(|b| b == b' ')
    };
    let runs: Vec<usize> = match metadata.model.as_str() {
        "llama" => (0..metadata.tokens.len()).filter(|&id| is_run(id, &metadata.tokens[id])).collect(),
        _ => Vec::new(),
    };
    if runs.is_empty() {
        return Cow::Borrowed(metadata);
    }
    let mut metadata = metadata.clone();
    for id in runs {
        metadata.tokens[id] = metadata.tokens[id].replace(' ', &SPACE.to_string());
    }
    Cow::Owned(metadata)
}

/// Derives merges from scores: two tokens merge if their concatenation is a token, in descending order of its
/// score.
///
/// User-defined tokens come first. Among equal scores, the merge with the longer left token comes first, so
/// that runs grow one character at a time. This is the order of `transformers`.
fn merges_of_scores(metadata: &TokenizerMetadata) -> Vec<Value> {
    let ids: HashMap<&str, usize> =
        metadata.tokens.iter().enumerate().map(|(id, t)| (t.as_str(), id)).collect();
    let mut merges = Vec::new();
    for (id, token) in metadata.tokens.iter().enumerate() {
        let ty = metadata.token_types.get(id).copied().unwrap_or(1);
        if matches!(ty, UNKNOWN | CONTROL) {
            continue;
        }
        let score = match ty {
            USER_DEFINED => 0.0,
            _ => metadata.scores.get(id).copied().unwrap_or(0.0),
        };
        let mut own: Vec<(usize, usize)> = token
            .char_indices()
            .skip(1)
            .filter_map(|(at, _)| Some((*ids.get(&token[..at])?, *ids.get(&token[at..])?)))
            .collect();
        own.sort_unstable();
        merges.extend(own.into_iter().map(|pair| (score, pair)));
    }
    let lengths: Vec<usize> = metadata.tokens.iter().map(|token| token.chars().count()).collect();
    let rank = |&(score, (left, right)): &(f32, (usize, usize))| (score, lengths[left], lengths[right]);
    // The sort is stable: ties keep ascending token ids.
    merges.sort_by(|a, b| {
        let (a, b) = (rank(a), rank(b));
        b.0.total_cmp(&a.0).then((b.1, b.2).cmp(&(a.1, a.2)))
    });
    merges
        .into_iter()
        .map(|(_, (left, right))| json!([metadata.tokens[left], metadata.tokens[right]]))
        .collect()
}

/// Returns the id of each token.
fn vocabulary(metadata: &TokenizerMetadata) -> Map<String, Value> {
    metadata.tokens.iter().enumerate().map(|(id, token)| (token.clone(), json!(id))).collect()
}

/// Returns the tokens that are matched before the text is pre-tokenized.
fn added_tokens(metadata: &TokenizerMetadata) -> Vec<Value> {
    let types = metadata.token_types.iter().zip(&metadata.tokens).enumerate();
    types
        .filter(|(_, (ty, _))| matches!(**ty, CONTROL | UNKNOWN | USER_DEFINED))
        .map(|(id, (ty, token))| {
            json!({
                "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": *ty != USER_DEFINED,
            })
        })
        .collect()
}

/// Returns the post-processor, which adds the beginning-of-sequence token; null if none is added.
///
/// If the file does not specify it, the defaults of `llama-vocab.cpp` of llama.cpp apply.
fn post_processor(metadata: &TokenizerMetadata) -> Value {
    let pre = metadata.pre.as_deref().and_then(pre_tokenizers::find);
    let default = metadata.model == "llama" || pre.is_some_and(|pre| pre.adds_bos);
    // Gemma 4 needs the token although its files specify that none is added.
    let adds_bos = metadata.add_bos.unwrap_or(default) || metadata.model == "gemma4";
    let Some((id, bos)) =
        metadata.bos.filter(|_| adds_bos).and_then(|id| Some((id, metadata.tokens.get(id as usize)?)))
    else {
        return Value::Null;
    };
    let special = |ty: u32| json!({ "SpecialToken": { "id": bos, "type_id": ty } });
    let sequence = |id: &str, ty: u32| json!({ "Sequence": { "id": id, "type_id": ty } });
    json!({
        "type": "TemplateProcessing",
        "single": [special(0), sequence("A", 0)],
        "pair": [special(0), sequence("A", 0), special(1), sequence("B", 1)],
        "special_tokens": { bos.as_str(): { "id": bos, "ids": [id], "tokens": [bos] } },
    })
}
