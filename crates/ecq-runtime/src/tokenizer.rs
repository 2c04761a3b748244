//! Text to tokens and back, and conversations to text.

use crate::checkpoint::Checkpoint;
use crate::error::{Result, RuntimeError};

/// A tokenizer of a model, and what belongs to its use.
#[derive(Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    end_tokens: Vec<u32>,
}

/// Names of tokens that end a turn, in the vocabularies of the models that run here.
const TURN_ENDS: [&str; 6] =
    ["<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|endoftext|>", "<|end_of_text|>", "</s>"];

impl Tokenizer {
    /// The tokenizer that rides along with a model.
    ///
    /// # Errors
    /// When there is none, it cannot be built, or it has more tokens than the model.
    pub fn of(checkpoint: &Checkpoint) -> Result<Self> {
        let config = checkpoint.config();
        let inner = tokenizers::Tokenizer::from_bytes(checkpoint.tokenizer_json()?).map_err(wrong)?;
        // Ids, not a count: they need not be dense.
        let tokens = inner.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1);
        if tokens > config.vocabulary {
            return Err(RuntimeError::Tokenizer(format!(
                "has ids up to {}, the model's embedding {} rows: it belongs to another model",
                tokens - 1,
                config.vocabulary
            )));
        }
        let mut end_tokens = config.end_tokens.clone();
        end_tokens.extend(TURN_ENDS.iter().filter_map(|token| inner.token_to_id(token)));
        end_tokens.sort_unstable();
        end_tokens.dedup();
        Ok(Self { inner, end_tokens })
    }

    /// Tokens of a text, with those that stand at its beginning if `whole`.
    ///
    /// # Errors
    /// When the tokenizer refuses.
    pub fn encode(&self, text: &str, whole: bool) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, whole).map_err(wrong)?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The text of tokens, special ones left out.
    ///
    /// # Errors
    /// When the tokenizer refuses.
    pub fn decode(&self, tokens: &[u32]) -> Result<String> {
        self.inner.decode(tokens, true).map_err(wrong)
    }

    /// Tokens that end a text or a turn.
    pub fn end_tokens(&self) -> &[u32] {
        &self.end_tokens
    }

    /// The text of a token id, special or not.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// The text of tokens as they come: whole characters only.
    pub fn stream(&self) -> TextStream<'_> {
        TextStream { tokenizer: self, tokens: Vec::new(), given: String::new() }
    }
}

/// Text of tokens that come one at a time.
#[derive(Debug)]
pub struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    /// Tokens since the last one that ended a line of text that was given.
    tokens: Vec<u32>,
    /// What was given of them.
    given: String,
}

impl TextStream<'_> {
    /// What a token adds to the text; empty while a character is incomplete.
    ///
    /// # Errors
    /// When the tokenizer refuses.
    pub fn push(&mut self, token: u32) -> Result<String> {
        self.tokens.push(token);
        let text = self.tokenizer.decode(&self.tokens)?;
        if text.ends_with(char::REPLACEMENT_CHARACTER) || !text.starts_with(&self.given) {
            return Ok(String::new());
        }
        let new = text[self.given.len()..].to_owned();
        // Decoding again from the start of the text would grow with its square; the last tokens are context enough.
        if self.tokens.len() > 64 && new.contains(char::is_whitespace) {
            self.tokens.drain(..self.tokens.len() - 8);
            self.given = self.tokenizer.decode(&self.tokens)?;
        } else {
            self.given = text;
        }
        Ok(new)
    }
}

fn wrong(error: impl ToString) -> RuntimeError {
    RuntimeError::Tokenizer(error.to_string())
}
