//! Sampling options.

use crate::error::{Error, Result};
use ecq_runtime::{Request, RuntimeError, SampleOptions, Tokenizer};

/// Sampling options and stop conditions.
///
/// Values are checked when a generation begins. The same seed gives the same tokens on all devices of the
/// same kind.
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
    log_probs: Option<usize>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self::new()
    }
}

impl Sampling {
    /// Temperature 0.8, top-k 40, top-p 0.95, seed 0.
    pub fn new() -> Self {
        let options = SampleOptions { temperature: 0.8, top_k: 40, top_p: 0.95, ..SampleOptions::GREEDY };
        Self {
            options,
            logit_bias: Vec::new(),
            max_tokens: None,
            stop: Vec::new(),
            ignore_end: false,
            log_probs: None,
        }
    }

    /// Greedy sampling: always the most likely token.
    pub fn greedy() -> Self {
        Self { options: SampleOptions::GREEDY, ..Self::new() }
    }

    /// Temperature, 0 or more; 0 is greedy sampling.
    #[must_use]
    pub fn temperature(mut self, temperature: f32) -> Self {
        self.options.temperature = temperature;
        self
    }

    /// Samples from the `tokens` most likely tokens; 0 for all.
    #[must_use]
    pub fn top_k(mut self, tokens: usize) -> Self {
        self.options.top_k = tokens;
        self
    }

    /// Samples from the most likely tokens with this total probability: above 0, at most 1.
    #[must_use]
    pub fn top_p(mut self, probability: f32) -> Self {
        self.options.top_p = probability;
        self
    }

    /// Drops tokens less likely than `ratio` times the most likely token: 0 to 1.
    #[must_use]
    pub fn min_p(mut self, ratio: f32) -> Self {
        self.options.min_p = ratio;
        self
    }

    /// Repetition penalty: positive logits of recent tokens are divided by it, negative ones multiplied.
    /// Above 0; 1 for none.
    #[must_use]
    pub fn repetition_penalty(mut self, penalty: f32) -> Self {
        self.options.repetition_penalty = penalty;
        self
    }

    /// Number of recent tokens that the repetition penalty applies to, 64 by default.
    #[must_use]
    pub fn repetition_window(mut self, tokens: usize) -> Self {
        self.options.repetition_window = tokens;
        self
    }

    /// Random seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// Maximum number of new tokens. By default, a text ends at an end token, a stop string, or the end of
    /// the context.
    #[must_use]
    pub fn max_tokens(mut self, tokens: usize) -> Self {
        self.max_tokens = Some(tokens);
        self
    }

    /// Adds a stop string: the text ends before it.
    #[must_use]
    pub fn stop(mut self, text: impl Into<String>) -> Self {
        self.stop.push(text.into());
        self
    }

    /// Continues after tokens that end a text or a turn.
    #[must_use]
    pub fn ignore_end(mut self, ignore: bool) -> Self {
        self.ignore_end = ignore;
        self
    }

    /// Adds a bias to the logit of a token before all other steps; negative infinity forbids the token.
    #[must_use]
    pub fn logit_bias(mut self, token: u32, bias: f32) -> Self {
        self.logit_bias.push((token, bias));
        self
    }

    /// Reports the log-probability of each new token, and those of the `top` most likely tokens at its
    /// position; see [`Generation::log_probs`](crate::Generation::log_probs).
    #[must_use]
    pub fn log_probs(mut self, top: usize) -> Self {
        self.log_probs = Some(top);
        self
    }

    /// Creates a request to continue `prompt`.
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
            log_probs: self.log_probs,
            ..Request::new(prompt, self.max_tokens.unwrap_or(usize::MAX))
        })
    }
}
