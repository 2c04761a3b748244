//! What is asked of an engine, and what it answers.

use crate::error::RuntimeError;
use crate::logprobs::LogProbs;
use crate::sample::{SampleOptions, TokenMask};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Names a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A text to continue.
pub struct Request {
    /// Tokens of the text.
    pub prompt: Vec<u32>,
    /// New tokens at most.
    pub max_tokens: usize,
    /// How tokens are chosen. Sequence `i` of several has a seed that follows from this one's and `i`.
    pub sampling: SampleOptions,
    /// Added to the logits of tokens before all else.
    pub logit_bias: Vec<(u32, f32)>,
    /// Which tokens may come next.
    pub mask: Option<Box<dyn TokenMask>>,
    /// Tokens that end the text; they do not belong to it.
    pub end_tokens: Arc<[u32]>,
    /// Strings that end the text; they do not belong to it. They need an engine that has a tokenizer.
    pub stop: Vec<String>,
    /// Continuations that are asked for; the prompt runs once.
    pub sequences: usize,
    /// Log-probabilities of each token, and of this many of the likeliest ones beside it.
    pub log_probs: Option<usize>,
    /// Whether the logits after each token of the prompt are selection: then no part of it is taken from the
    /// cache.
    pub prompt_logits: bool,
    /// Requests of different salts share no cached keys and values.
    pub salt: u64,
}

impl Request {
    /// The likeliest continuation of a prompt by up to `max_tokens` tokens.
    pub fn new(prompt: Vec<u32>, max_tokens: usize) -> Self {
        Self {
            prompt,
            max_tokens,
            sampling: SampleOptions::GREEDY,
            logit_bias: Vec::new(),
            mask: None,
            end_tokens: Arc::new([]),
            stop: Vec::new(),
            sequences: 1,
            log_probs: None,
            prompt_logits: false,
            salt: 0,
        }
    }
}

/// Something that happened to a sequence of a request.
#[derive(Debug)]
pub struct Event {
    /// The request.
    pub request: RequestId,
    /// Which of its sequences.
    pub sequence: usize,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug)]
pub enum EventKind {
    /// Logits after tokens of the prompt.
    PromptLogits {
        /// Which tokens.
        rows: Range<usize>,
        /// `[rows, vocabulary]`.
        logits: Vec<f32>,
    },
    /// A new token.
    Token {
        /// The token.
        token: u32,
        /// What can be said of the text now: whole characters, and nothing that may become a stop string.
        text: String,
        /// Its log-probability, if asked for.
        log_probs: Option<LogProbs>,
    },
    /// The sequence ended.
    Finished {
        /// Why.
        reason: FinishReason,
        /// TextOutput that was held back.
        text: String,
        /// What it took.
        usage: Usage,
    },
    /// The sequence cannot go on.
    Failed {
        /// Why; several sequences may share it.
        error: Arc<RuntimeError>,
        /// What it took.
        usage: Usage,
    },
}

/// Why a sequence ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model chose a token that ends the text.
    EndToken,
    /// The text came to a stop string.
    StopString,
    /// There are as many tokens as were asked for.
    MaxTokens,
    /// The context, or the cache of keys and values, is full.
    ContextFull,
    /// It was cancelled.
    Cancelled,
}

impl FinishReason {
    /// The word for it that servers use: `stop`, `length`, `cancelled`.
    pub fn name(self) -> &'static str {
        match self {
            Self::EndToken | Self::StopString => "stop",
            Self::MaxTokens | Self::ContextFull => "length",
            Self::Cancelled => "cancelled",
        }
    }
}

/// What a sequence took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens of the prompt whose keys and values were in the cache.
    pub cached_tokens: usize,
    /// New tokens; one that ended the text is not counted.
    pub new_tokens: usize,
    /// Time from the first row of the prompt to the logits after it.
    pub prefill: Duration,
    /// Time from there to the end.
    pub decode: Duration,
    /// Steps after the prompt.
    pub steps: usize,
    /// Tokens that these steps gave, one that ended the text among them.
    pub decoded_tokens: usize,
    /// Tokens that the draft model proposed.
    pub drafted_tokens: usize,
    /// Of these, tokens that the model chose too.
    pub accepted_tokens: usize,
    /// Times that its keys and values were result up for others, and computed again.
    pub preemptions: usize,
}

impl Usage {
    /// Tokens of the prompt that were run, per second.
    pub fn prefill_tokens_per_s(&self) -> f64 {
        rate(self.prompt_tokens - self.cached_tokens, self.prefill)
    }

    /// Tokens per second after the first, which belongs to the prompt's time.
    pub fn decode_tokens_per_s(&self) -> f64 {
        rate(self.decoded_tokens, self.decode)
    }

    /// BatchPart of the drafted tokens that were accepted.
    pub fn acceptance_rate(&self) -> Option<f64> {
        (self.drafted_tokens > 0).then(|| self.accepted_tokens as f64 / self.drafted_tokens as f64)
    }
}

fn rate(tokens: usize, time: Duration) -> f64 {
    if tokens == 0 { 0.0 } else { tokens as f64 / time.as_secs_f64().max(1e-9) }
}
