use super::pre_tokenizers::{self, Cuts};
use super::{HfError, Result};
use crate::gguf::TokenizerMetadata;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::HashMap;

/// Token types of GGUF.
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;

/// The space of SentencePiece.
const SPACE: char = '\u{2581}';

/// `tokenizer.json` (the format of the `tokenizers` library) from the facts of a GGUF file.
///
/// Byte-level BPE (`gpt2`) with the pre-tokenizers of
/// [`known_pre_tokenizers`](super::known_pre_tokenizers); SentencePiece BPE (`llama`: Llama 2, Gemma),
/// whose merges follow from scores, and with merges of its own (`gemma4`).
///
/// # Errors
/// When model or pre-tokenizer are none of these.
pub fn tokenizer_json(facts: &TokenizerMetadata) -> Result<Value> {
    let facts = &with_signs_for_spaces(facts);
    let parts = match facts.model.as_str() {
        "gpt2" => byte_level(facts)?,
        "llama" => sentence_piece(facts),
        "gemma4" => sentence_piece_with_merges(facts),
        _ => return Err(unknown(facts)),
    };
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added_tokens(facts),
        "normalizer": parts.normalizer,
        "pre_tokenizer": parts.pre_tokenizer,
        "post_processor": post_processor(facts),
        "decoder": parts.decoder,
        "model": parts.model,
    }))
}

/// `tokenizer_config.json`: special tokens and the chat template.
pub fn tokenizer_config_json(facts: &TokenizerMetadata, chat_template: Option<&str>, context: u64) -> Value {
    let mut out = Map::new();
    out.insert("tokenizer_class".to_owned(), json!("PreTrainedTokenizerFast"));
    out.insert("clean_up_tokenization_spaces".to_owned(), json!(false));
    out.insert("model_max_length".to_owned(), json!(context));
    let token = |id: Option<u32>| id.and_then(|id| facts.tokens.get(id as usize));
    for (key, id) in [
        ("bos_token", facts.bos),
        ("eos_token", facts.eos),
        ("unk_token", facts.unk),
        ("pad_token", facts.pad),
        ("sep_token", facts.sep),
        ("mask_token", facts.mask),
    ] {
        if let Some(token) = token(id) {
            out.insert(key.to_owned(), json!(token));
        }
    }
    for (key, flag) in [("add_bos_token", facts.add_bos), ("add_eos_token", facts.add_eos)] {
        if let Some(flag) = flag {
            out.insert(key.to_owned(), json!(flag));
        }
    }
    if let Some(template) = chat_template {
        out.insert("chat_template".to_owned(), json!(template));
    }
    Value::Object(out)
}

struct Parts {
    normalizer: Value,
    pre_tokenizer: Value,
    decoder: Value,
    model: Value,
}

fn unknown(facts: &TokenizerMetadata) -> HfError {
    HfError::Tokenizer { model: facts.model.clone(), pre: facts.pre.clone().unwrap_or_default() }
}

fn byte_level(facts: &TokenizerMetadata) -> Result<Parts> {
    let bytes = |use_regex: bool| {
        json!({
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": use_regex
        })
    };
    let sequence = |first: &[&str], last: Value| {
        let all: Vec<Value> = first.iter().copied().map(isolated).chain([last]).collect();
        json!({ "type": "Sequence", "pretokenizers": all })
    };
    let name = facts.pre.as_deref().unwrap_or("gpt-2");
    let pre = pre_tokenizers::find(name).ok_or_else(|| unknown(facts))?;
    let pre_tokenizer = match pre.cuts {
        Cuts::Words => bytes(true),
        Cuts::DigitsThenWords => {
            let digits = json!({ "type": "Digits", "individual_digits": true });
            json!({ "type": "Sequence", "pretokenizers": [digits, bytes(true)] })
        }
        Cuts::ThenWords(first) => sequence(first, bytes(true)),
        Cuts::Regexes(all) => sequence(all, bytes(false)),
        Cuts::SentencePiece => return Ok(sentence_piece_with_merges(facts)),
    };
    let model = json!({
        "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
        "ignore_merges": pre.ignore_merges, "vocab": vocabulary(facts), "merges": merges(facts),
    });
    let decoder =
        json!({ "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true });
    let normalizer = if pre.composes { json!({ "type": "NFC" }) } else { Value::Null };
    Ok(Parts { normalizer, pre_tokenizer, decoder, model })
}

/// A pre-tokenizer that makes a piece of each match, and of what lies between.
fn isolated(regex: &str) -> Value {
    json!({ "type": "Split", "pattern": { "Regex": regex }, "behavior": "Isolated", "invert": false })
}

/// The two parts of each merge; the first space behind the first character parts them.
fn merges(facts: &TokenizerMetadata) -> Vec<Value> {
    let parts = |merge: &String| {
        let first = merge.chars().next()?.len_utf8();
        let space = first + merge[first..].find(' ')?;
        Some(json!([merge[..space], merge[space + 1..]]))
    };
    facts.merges.iter().filter_map(parts).collect()
}

/// As SentencePiece, but the file has the merges, and no score says which comes first (Gemma 4).
fn sentence_piece_with_merges(facts: &TokenizerMetadata) -> Parts {
    let facts = &TokenizerMetadata {
        add_space_prefix: Some(facts.add_space_prefix.unwrap_or(false)),
        ..facts.clone()
    };
    let mut parts = sentence_piece(facts);
    parts.model["merges"] = json!(merges(facts));
    // No token holds a line break and something else.
    parts.pre_tokenizer = isolated(r"[^\n]+|\n+");
    parts
}

fn sentence_piece(facts: &TokenizerMetadata) -> Parts {
    let prefix = facts.add_space_prefix.unwrap_or(true);
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
    // What no token and no byte stands for would vanish without it.
    let of_type = || facts.token_types.iter().position(|&ty| ty == UNKNOWN);
    let unknown = facts.unk.map(|id| id as usize).or_else(of_type).and_then(|id| facts.tokens.get(id));
    let model = json!({
        "type": "BPE", "dropout": null, "unk_token": unknown, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
        "vocab": vocabulary(facts), "merges": merges_of_scores(facts),
    });
    Parts {
        normalizer,
        pre_tokenizer: Value::Null,
        decoder: json!({ "type": "Sequence", "decoders": decoders }),
        model,
    }
}

/// Runs of spaces that a user defined, with SentencePiece's sign again, which llama.cpp's converter took
/// from them: by the time that a text is cut into tokens its spaces are signs.
fn with_signs_for_spaces(facts: &TokenizerMetadata) -> Cow<'_, TokenizerMetadata> {
    let ty = |id: usize| facts.token_types.get(id).copied();
    let is_run = |id: usize, token: &str| {
        ty(id) == Some(USER_DEFINED) && !token.is_empty() && token.bytes().all(|b| b == b' ')
    };
    let runs: Vec<usize> = match facts.model.as_str() {
        "llama" => (0..facts.tokens.len()).filter(|&id| is_run(id, &facts.tokens[id])).collect(),
        _ => Vec::new(),
    };
    if runs.is_empty() {
        return Cow::Borrowed(facts);
    }
    let mut facts = facts.clone();
    for id in runs {
        facts.tokens[id] = facts.tokens[id].replace(' ', &SPACE.to_string());
    }
    Cow::Owned(facts)
}

/// Two tokens merge if together they are one; the better the score of that one, the earlier. Tokens that a
/// user defined come first; of equal scores the longer left part, so that runs grow to their full length
/// one by one (the order of `transformers`).
fn merges_of_scores(facts: &TokenizerMetadata) -> Vec<Value> {
    let ids: HashMap<&str, usize> = facts.tokens.iter().enumerate().map(|(id, t)| (t.as_str(), id)).collect();
    let mut merges = Vec::new();
    for (id, token) in facts.tokens.iter().enumerate() {
        let ty = facts.token_types.get(id).copied().unwrap_or(1);
        if matches!(ty, UNKNOWN | CONTROL) {
            continue;
        }
        let score = match ty {
            USER_DEFINED => 0.0,
            _ => facts.scores.get(id).copied().unwrap_or(0.0),
        };
        let mut own: Vec<(usize, usize)> = token
            .char_indices()
            .skip(1)
            .filter_map(|(at, _)| Some((*ids.get(&token[..at])?, *ids.get(&token[at..])?)))
            .collect();
        own.sort_unstable();
        merges.extend(own.into_iter().map(|pair| (score, pair)));
    }
    let lengths: Vec<usize> = facts.tokens.iter().map(|token| token.chars().count()).collect();
    let rank = |&(score, (left, right)): &(f32, (usize, usize))| (score, lengths[left], lengths[right]);
    // Stable: after that the token with the lower id first.
    merges.sort_by(|a, b| {
        let (a, b) = (rank(a), rank(b));
        b.0.total_cmp(&a.0).then((b.1, b.2).cmp(&(a.1, a.2)))
    });
    merges.into_iter().map(|(_, (left, right))| json!([facts.tokens[left], facts.tokens[right]])).collect()
}

fn vocabulary(facts: &TokenizerMetadata) -> Map<String, Value> {
    facts.tokens.iter().enumerate().map(|(id, token)| (token.clone(), json!(id))).collect()
}

/// Tokens that are found in a text before anything else.
fn added_tokens(facts: &TokenizerMetadata) -> Vec<Value> {
    let types = facts.token_types.iter().zip(&facts.tokens).enumerate();
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

/// A prompt begins with the token for that, if the file says so; Llama's and Gemma's files may leave it
/// unsaid (defaults of llama.cpp's `llama-vocab.cpp`).
fn post_processor(facts: &TokenizerMetadata) -> Value {
    let pre = facts.pre.as_deref().and_then(pre_tokenizers::find);
    let unsaid = facts.model == "llama" || pre.is_some_and(|pre| pre.begins);
    // Files of Gemma 4 say that they need none, and do.
    let begins = facts.add_bos.unwrap_or(unsaid) || facts.model == "gemma4";
    let Some((id, bos)) =
        facts.bos.filter(|_| begins).and_then(|id| Some((id, facts.tokens.get(id as usize)?)))
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
