//! Requests and events of an engine.

use crate::error::RuntimeError;
use crate::logprobs::LogProbs;
use crate::sample::{SampleOptions, TokenMask};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Identifier of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A prompt to continue.
pub struct Request {
    /// Prompt tokens.
    pub prompt: Vec<u32>,
    /// Maximum number of generated tokens.
    pub max_tokens: usize,
    /// Sampling options. Sequence `i` uses a seed derived from `seed` and `i`.
    pub sampling: SampleOptions,
    /// Values added to the logits of tokens, before penalties and masks.
    pub logit_bias: Vec<(u32, f32)>,
    /// Restricts the tokens that may come next (grammars, structured output).
    pub mask: Option<Box<dyn TokenMask>>,
    /// Tokens that end the text; they are not part of the result.
    pub end_tokens: Arc<[u32]>,
    /// Special tokens whose text is part of the result, such as marks around tool calls. Others have no text.
    pub visible_tokens: Arc<[u32]>,
    /// Strings that end the text; they are not part of the result. They require a tokenizer.
    pub stop: Vec<String>,
    /// Number of continuations; the prompt runs once.
    pub sequences: usize,
    /// Number of most likely tokens whose log-probabilities are reported with each token; `None` reports
    /// none.
    pub log_probs: Option<usize>,
    /// What is reported for each prompt token. Unless it is nothing, the prompt uses no cached prefix.
    pub prompt_output: PromptOutput,
    /// Requests with different salts share no cached keys and values.
    pub salt: u64,
}

impl Request {
    /// Creates a greedy request for up to `max_tokens` tokens.
    pub fn new(prompt: Vec<u32>, max_tokens: usize) -> Self {
        Self {
            prompt,
            max_tokens,
            sampling: SampleOptions::GREEDY,
            logit_bias: Vec::new(),
            mask: None,
            end_tokens: Arc::new([]),
            visible_tokens: Arc::new([]),
            stop: Vec::new(),
            sequences: 1,
            log_probs: None,
            prompt_output: PromptOutput::Nothing,
            salt: 0,
        }
    }
}

/// What a request reports for each prompt token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PromptOutput {
    /// Nothing.
    #[default]
    Nothing,
    /// The logits of the next token.
    Logits,
    /// The hidden state after the last norm, which is the input of the head.
    States,
}

/// An event of one sequence of a request.
#[derive(Debug)]
pub struct Event {
    /// The request.
    pub request: RequestId,
    /// Index of the sequence in the request.
    pub sequence: usize,
    /// The event.
    pub kind: EventKind,
}

/// TensorKind of an event, with its data.
#[derive(Debug)]
pub enum EventKind {
    /// Logits after a range of prompt tokens. A preempted prompt begins again with the first token.
    PromptLogits {
        /// Indices of the prompt tokens.
        rows: Range<usize>,
        /// `[rows, vocabulary]`.
        logits: Vec<f32>,
    },
    /// Hidden states of a range of prompt tokens. A preempted prompt begins again with the first token.
    PromptStates {
        /// Indices of the prompt tokens.
        rows: Range<usize>,
        /// `[rows, hidden size]`.
        states: Vec<f32>,
    },
    /// A generated token.
    Token {
        /// Token id.
        token: u32,
        /// Text that is final: whole characters that cannot become part of a stop string.
        text: String,
        /// Log-probabilities, if requested.
        log_probs: Option<LogProbs>,
    },
    /// The sequence ended.
    Finished {
        /// Reason for the end.
        reason: FinishReason,
        /// Text that was held back until now.
        text: String,
        /// The stop string that ended the text.
        stop: Option<String>,
        /// Token counts and times.
        usage: Usage,
    },
    /// The sequence failed.
    Failed {
        /// The error; several sequences may share it.
        error: Arc<RuntimeError>,
        /// Token counts and times.
        usage: Usage,
    },
}

/// Reason why a sequence ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// The model generated an end token.
    EndToken,
    /// The text reached a stop string.
    StopString,
    /// The maximum number of tokens was generated.
    MaxTokens,
    /// The context or the KV cache is full.
    ContextFull,
    /// The request was cancelled.
    Cancelled,
}

impl FinishReason {
    /// Returns the name used by common server APIs: `stop`, `length` or `cancelled`.
    pub fn name(self) -> &'static str {
        match self {
            Self::EndToken | Self::StopString => "stop",
            Self::MaxTokens | Self::ContextFull => "length",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Token counts and times of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Number of prompt tokens.
    pub prompt_tokens: usize,
    /// Number of prompt tokens found in the KV cache.
    pub cached_tokens: usize,
    /// Number of generated tokens, without the end token.
    pub new_tokens: usize,
    /// Time from the first prompt row to the logits after the prompt.
    pub prefill: Duration,
    /// Time from the end of the prefill to the end of the sequence.
    pub decode: Duration,
    /// Number of decode steps.
    pub steps: usize,
    /// Number of tokens generated by decode steps, including the end token.
    pub decoded_tokens: usize,
    /// Number of tokens that the draft model proposed.
    pub drafted_tokens: usize,
    /// Number of proposed tokens that the model accepted.
    pub accepted_tokens: usize,
    /// Number of times that the sequence was preempted and recomputed.
    pub preemptions: usize,
}

impl Usage {
    /// Returns prompt tokens computed per second.
    pub fn prefill_tokens_per_s(&self) -> f64 {
        rate(self.prompt_tokens - self.cached_tokens, self.prefill)
    }

    /// Returns decoded tokens per second, without the first token, which the prefill produces.
    pub fn decode_tokens_per_s(&self) -> f64 {
        rate(self.decoded_tokens, self.decode)
    }

    /// Returns the accepted fraction of the draft tokens.
    pub fn acceptance_rate(&self) -> Option<f64> {
        (self.drafted_tokens > 0).then(|| self.accepted_tokens as f64 / self.drafted_tokens as f64)
    }
}

fn rate(tokens: usize, time: Duration) -> f64 {
    if tokens == 0 { 0.0 } else { tokens as f64 / time.as_secs_f64().max(1e-9) }
}
