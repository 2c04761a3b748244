//! A sequence of a request in progress.

use super::request::{Event, EventKind, FinishReason, RequestId, Usage};
use crate::error::RuntimeError;
use crate::kv::Sequence;
use crate::logprobs::log_probabilities;
use crate::sample::Sampler;
use crate::stop::StopMatcher;
use crate::tokenizer::TextStream;
use std::sync::Arc;
use std::time::Instant;

/// A sequence of a request.
pub(super) struct Job {
    pub(super) request: RequestId,
    pub(super) number: usize,
    /// When it was submitted: the order in which room is result.
    pub(super) arrival: u64,
    /// The prompt and what was generated.
    pub(super) tokens: Vec<u32>,
    pub(super) prompt: usize,
    /// Its keys and values; none while it waits.
    pub(super) cache: Option<Sequence>,
    pub(super) sampler: Sampler,
    pub(super) text: Option<TextOutput>,
    pub(super) end_tokens: Arc<[u32]>,
    pub(super) max_tokens: usize,
    pub(super) log_probs: Option<usize>,
    pub(super) prompt_logits: bool,
    pub(super) salt: u64,
    /// Further sequences of the request, which begin when the prompt has run.
    pub(super) siblings: Vec<(Sampler, Option<TextOutput>)>,
    /// The draft model's keys and values.
    pub(super) draft_cache: Option<Sequence>,
    /// Tokens that the draft model proposes to come next.
    pub(super) drafted: Vec<u32>,
    pub(super) usage: Usage,
    pub(super) started: Option<Instant>,
    /// When the logits after the prompt were there.
    pub(super) prefill_end: Option<Instant>,
}

/// How a job left a step.
pub(super) enum JobOutcome {
    /// The sequence is complete.
    Finished(FinishReason),
    /// It cannot go on.
    Failed(RuntimeError),
    /// It goes on, and so does this other sequence of its request.
    Forked(Box<Job>),
}

/// The text of a sequence as it grows.
#[derive(Clone)]
pub(super) struct TextOutput {
    pub(super) stream: TextStream,
    pub(super) stop: StopMatcher,
}

impl Job {
    /// Tokens whose keys and values are not there.
    pub(super) fn pending(&self) -> usize {
        self.tokens.len() - self.cache.as_ref().map_or(0, Sequence::len)
    }

    /// New tokens so far.
    pub(super) fn generated(&self) -> usize {
        self.tokens.len() - self.prompt
    }

    /// Whether it only ever needs its likeliest or drawn token, not logits.
    pub(super) fn needs_only_token(&self) -> bool {
        self.sampler.is_plain() && self.log_probs.is_none() && !self.prompt_logits
    }

    fn event(&self, kind: EventKind) -> Event {
        Event { request: self.request, sequence: self.number, kind }
    }

    /// Takes the token that a device has chosen, or chooses from logits; says how the sequence ends if it
    /// does.
    pub(super) fn take_token(
        &mut self,
        chosen: Option<Option<u32>>,
        logits: Option<&[f32]>,
        context: usize,
        events: &mut Vec<Event>,
    ) -> Option<JobOutcome> {
        let chosen = match (chosen, logits) {
            (Some(chosen), _) => chosen,
            (None, Some(logits)) => self.sampler.sample(logits, &self.tokens),
            (None, None) => None,
        };
        let Some(token) = chosen else {
            return Some(JobOutcome::Failed(RuntimeError::NotFinite { position: self.tokens.len() - 1 }));
        };
        self.usage.decoded_tokens += usize::from(self.usage.steps > 0);
        if self.end_tokens.contains(&token) {
            return Some(JobOutcome::Finished(FinishReason::EndToken));
        }
        self.tokens.push(token);
        self.usage.new_tokens += 1;
        let (text, stopped) = match &mut self.text {
            Some(text) => match text.stream.push(token) {
                Ok(piece) => text.stop.push(&piece),
                Err(error) => return Some(JobOutcome::Failed(error)),
            },
            None => (String::new(), false),
        };
        let log_probs = self.log_probs.zip(logits).map(|(top, logits)| log_probabilities(logits, token, top));
        events.push(self.event(EventKind::Token { token, text, log_probs }));
        let reason = if stopped {
            FinishReason::StopString
        } else if self.generated() >= self.max_tokens {
            FinishReason::MaxTokens
        } else if self.tokens.len() > context {
            // The newest token has no position to run at.
            FinishReason::ContextFull
        } else {
            return None;
        };
        Some(JobOutcome::Finished(reason))
    }

    /// The last event of the sequence.
    pub(super) fn finish(mut self, reason: FinishReason) -> Event {
        let text = match &mut self.text {
            // What follows a stop string is not shown.
            Some(text) if reason != FinishReason::StopString => {
                let rest = text.stream.finish().unwrap_or_default();
                let (shown, stopped) = text.stop.push(&rest);
                if stopped { shown } else { shown + &text.stop.finish() }
            }
            _ => String::new(),
        };
        let usage = self.end_usage();
        self.event(EventKind::Finished { reason, text, usage })
    }

    /// The last event of a sequence that cannot go on.
    pub(super) fn fail(mut self, error: Arc<RuntimeError>) -> Event {
        let usage = self.end_usage();
        self.event(EventKind::Failed { error, usage })
    }

    pub(super) fn prompt_logits_event(&self, rows: std::ops::Range<usize>, logits: &[f32]) -> Event {
        self.event(EventKind::PromptLogits { rows, logits: logits.to_vec() })
    }

    fn end_usage(&mut self) -> Usage {
        if let Some(prefill_end) = self.prefill_end {
            self.usage.decode = prefill_end.elapsed();
        }
        self.usage
    }
}
