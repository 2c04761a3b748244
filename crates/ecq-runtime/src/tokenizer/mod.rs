//! Tokenization and streaming detokenization.

mod bytes;
mod stream;

pub use stream::TextStream;

use crate::chat::ChatTemplate;
use crate::checkpoint::Checkpoint;
use crate::error::{Result, RuntimeError};
use serde::de::IgnoredAny;

/// The tokenizer of a model.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// Rows of the model's embedding.
    embedding_rows: usize,
    /// Tokens that precede every text (BOS).
    prefix_tokens: Vec<u32>,
    end_tokens: Vec<u32>,
}

/// Tokens that end a text or a turn (`special_eog_ids` of llama.cpp's `llama-vocab.cpp`).
const END_TOKENS: [&str; 21] = [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
];

impl Tokenizer {
    /// Builds the tokenizer stored with a model.
    ///
    /// # Errors
    /// If there is none, it is invalid, or its vocabulary exceeds the model's.
    pub fn from_checkpoint(checkpoint: &Checkpoint) -> Result<Self> {
        let mut this = Self::new(&checkpoint.tokenizer_json()?, checkpoint.config().vocabulary)?;
        let (ids, texts) = checkpoint.end_tokens()?;
        this.end_tokens.extend(ids);
        this.end_tokens.extend(texts.iter().filter_map(|text| this.inner.token_to_id(text)));
        let template = ChatTemplate::from_checkpoint(checkpoint).ok();
        if let Some(end) = template.and_then(|template| this.first_added(&template.text_after_answer()?)) {
            this.end_tokens.push(end);
        }
        this.sort_end_tokens();
        Ok(this)
    }

    /// Builds a tokenizer from a `tokenizer.json`, for a model with `embedding_rows` rows.
    ///
    /// # Errors
    /// [`Tokenizer`](RuntimeError::Tokenizer) if the file is invalid or its vocabulary exceeds the embedding.
    pub fn new(json: &[u8], embedding_rows: usize) -> Result<Self> {
        // The library panics on some files that are not valid JSON or have a truncated character table.
        let text = std::str::from_utf8(json).map_err(tokenizer_error)?;
        let _: IgnoredAny = serde_json::from_str(text).map_err(tokenizer_error)?;
        let read = std::panic::catch_unwind(|| tokenizers::Tokenizer::from_bytes(json));
        let mut inner =
            read.map_err(|_| tokenizer_error("tokenizer.json is invalid"))?.map_err(tokenizer_error)?;
        // Truncation and padding are training settings; transformers ignores them too.
        inner.with_truncation(None).map_err(tokenizer_error)?;
        inner.with_padding(None);
        // Added tokens may exceed the embedding: text-only Gemma 3 models have a token for images.
        let added = inner.get_added_tokens_decoder();
        let own = inner.get_vocab(false).into_values().filter(|id| !added.contains_key(id));
        if let Some(last) = own.max().filter(|&id| id as usize >= embedding_rows) {
            return Err(RuntimeError::Tokenizer(format!(
                "has ids up to {last}, but the model has {embedding_rows} embedding rows: it belongs to \
                 another model"
            )));
        }
        let mut end_tokens: Vec<u32> =
            END_TOKENS.iter().filter_map(|token| inner.token_to_id(token)).collect();
        // In the formats of gpt-oss and Solar Open this token ends a message, not a turn.
        let has = |token| inner.token_to_id(token).is_some();
        if has("<|call|>") && has("<|return|>") || has("<|calls|>") && has("<|flush|>") {
            let message_end = inner.token_to_id("<|end|>");
            end_tokens.retain(|&id| Some(id) != message_end);
        }
        let prefix_tokens = prefix_tokens(&inner)?;
        let mut this = Self { inner, embedding_rows, prefix_tokens, end_tokens };
        this.sort_end_tokens();
        Ok(this)
    }

    fn sort_end_tokens(&mut self) {
        self.end_tokens.sort_unstable();
        self.end_tokens.dedup();
    }

    /// Returns the added token that a text starts with, after white space.
    fn first_added(&self, text: &str) -> Option<u32> {
        let text = text.trim_start();
        let all = self.inner.get_added_tokens_decoder();
        let found =
            all.iter().filter(|(_, token)| !token.content.is_empty() && text.starts_with(&token.content));
        found.max_by_key(|(_, token)| token.content.len()).map(|(&id, _)| id)
    }

    /// Encodes a text. `whole` adds the tokens that precede a text (BOS).
    ///
    /// Tokens that the tokenizer would append (EOS) are omitted, because the text continues.
    ///
    /// # Errors
    /// If the tokenizer fails; [`TokenWithoutEmbedding`](RuntimeError::TokenWithoutEmbedding) if the model
    /// has no row for a token.
    pub fn encode(&self, text: &str, whole: bool) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, false).map_err(tokenizer_error)?;
        let mut ids = if whole { self.prefix_tokens.clone() } else { Vec::new() };
        ids.extend_from_slice(encoding.get_ids());
        match ids.iter().find(|&&id| id as usize >= self.embedding_rows) {
            Some(&id) => Err(RuntimeError::TokenWithoutEmbedding {
                token: self.token_text(id).unwrap_or_default(),
                id,
                rows: self.embedding_rows,
            }),
            None => Ok(ids),
        }
    }

    /// Decodes tokens to text, without special tokens.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn decode(&self, tokens: &[u32]) -> Result<String> {
        self.inner.decode(tokens, true).map_err(tokenizer_error)
    }

    /// Returns the tokens that end a text or a turn, in ascending order.
    pub fn end_tokens(&self) -> &[u32] {
        &self.end_tokens
    }

    /// Returns whether both tokenizers have the same tokens with the same ids.
    pub fn same_vocabulary(&self, other: &Self) -> bool {
        self.inner.get_vocab(true) == other.inner.get_vocab(true)
    }

    /// Returns the text of a token, special tokens included.
    pub fn token_text(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Returns the special tokens, such as begin of text and marks of turns, with their texts.
    pub fn special_tokens(&self) -> Vec<(u32, String)> {
        let all = self.inner.get_added_tokens_decoder().into_iter();
        all.filter(|(_, token)| token.special).map(|(id, token)| (id, token.content)).collect()
    }

    /// Returns whether a token has text: it is in the vocabulary and not special.
    fn is_visible(&self, token: u32) -> bool {
        let special = |text: String| self.inner.get_added_vocabulary().is_special_token(&text);
        self.inner.id_to_token(token).is_some_and(|text| !special(text))
    }
}

/// Returns the tokens that the tokenizer puts before a text.
fn prefix_tokens(inner: &tokenizers::Tokenizer) -> Result<Vec<u32>> {
    // The first token that is not special marks the end of the prefix.
    for text in ["a", "0", ".", "\n"] {
        let encoding = inner.encode(text, true).map_err(tokenizer_error)?;
        let special = encoding.get_special_tokens_mask();
        if special.contains(&0) {
            let count = special.iter().take_while(|&&special| special == 1).count();
            return Ok(encoding.get_ids()[..count].to_vec());
        }
    }
    Ok(Vec::new())
}

fn tokenizer_error(error: impl ToString) -> RuntimeError {
    RuntimeError::Tokenizer(error.to_string())
}
