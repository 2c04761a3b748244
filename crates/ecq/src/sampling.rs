//! How tokens are chosen, and when to stop.

use crate::error::{Error, Result};
use ecq_runtime::{Request, RuntimeError, SampleOptions, Tokenizer};

/// How tokens are chosen from logits, and what ends a text.
///
/// Values are checked when a text begins. The same seed gives the same tokens on every machine of the same
/// kind of device.
///
/// ```
/// let sampling = ecq::Sampling::new().temperature(0.7).top_p(0.9).seed(42).max_tokens(200).stop("\n\n");
/// # let _ = sampling;
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    options: SampleOptions,
    logit_bias: Vec<(u32, f32)>,
    max_tokens: Option<usize>,
    stop: Vec<String>,
    ignore_end: bool,
}

impl Default for Sampling {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampling {
    /// Draws at temperature 0.8 from the 40 likeliest tokens that together have probability 0.95; seed 0.
    pub fn new() -> Self {
        let options = SampleOptions { temperature: 0.8, top_k: 40, top_p: 0.95, ..SampleOptions::GREEDY };
        Self { options, logit_bias: Vec::new(), max_tokens: None, stop: Vec::new(), ignore_end: false }
    }

    /// Takes the likeliest token, always.
    pub fn greedy() -> Self {
        Self { options: SampleOptions::GREEDY, ..Self::new() }
    }

    /// What logits are divided by, 0 or more; 0 takes the likeliest token.
    #[must_use]
    pub fn temperature(mut self, temperature: f32) -> Self {
        self.options.temperature = temperature;
        self
    }

    /// Draws only from this many of the likeliest tokens; 0 for all.
    #[must_use]
    pub fn top_k(mut self, tokens: usize) -> Self {
        self.options.top_k = tokens;
        self
    }

    /// Draws only from the likeliest tokens that together have this probability: above 0, at most 1.
    #[must_use]
    pub fn top_p(mut self, probability: f32) -> Self {
        self.options.top_p = probability;
        self
    }

    /// Draws only from tokens at least this likely, as a part of the likeliest one's probability: 0 to 1.
    #[must_use]
    pub fn min_p(mut self, part: f32) -> Self {
        self.options.min_p = part;
        self
    }

    /// What logits of tokens among the last 64 are divided by, or multiplied where negative: above 0; 1 for
    /// none.
    #[must_use]
    pub fn repetition_penalty(mut self, penalty: f32) -> Self {
        self.options.repetition_penalty = penalty;
        self
    }

    /// How many of the last tokens the repetition penalty looks at.
    #[must_use]
    pub fn repetition_window(mut self, tokens: usize) -> Self {
        self.options.repetition_window = tokens;
        self
    }

    /// Where random numbers start.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// New tokens at most. Without it, a text ends at an end token, at a stop string, or where the context is
    /// full.
    #[must_use]
    pub fn max_tokens(mut self, tokens: usize) -> Self {
        self.max_tokens = Some(tokens);
        self
    }

    /// Adds a string that ends the text, of which it is no part.
    #[must_use]
    pub fn stop(mut self, text: impl Into<String>) -> Self {
        self.stop.push(text.into());
        self
    }

    /// Goes on after the tokens that end a text or a turn.
    #[must_use]
    pub fn ignore_end(mut self, ignore: bool) -> Self {
        self.ignore_end = ignore;
        self
    }

    /// Adds a number to the logit of a token before all else; negative infinity forbids the token.
    #[must_use]
    pub fn logit_bias(mut self, token: u32, bias: f32) -> Self {
        self.logit_bias.push((token, bias));
        self
    }

    /// A request to continue `prompt` in this way.
    pub(crate) fn request(
        self,
        prompt: Vec<u32>,
        tokenizer: &Tokenizer,
        vocabulary: usize,
    ) -> Result<Request> {
        for &(token, bias) in &self.logit_bias {
            if token as usize >= vocabulary {
                return Err(RuntimeError::UnknownToken { token, vocabulary }.into());
            }
            if bias.is_nan() {
                return Err(Error::option(&format!("the bias of token {token}"), bias, "a number"));
            }
        }
        if self.stop.iter().any(String::is_empty) {
            return Err(Error::option("a stop string", "empty", "one character or more"));
        }
        let end_tokens = if self.ignore_end { &[] } else { tokenizer.end_tokens() };
        Ok(Request {
            sampling: self.options,
            logit_bias: self.logit_bias,
            end_tokens: end_tokens.into(),
            stop: self.stop,
            ..Request::new(prompt, self.max_tokens.unwrap_or(usize::MAX))
        })
    }
}
