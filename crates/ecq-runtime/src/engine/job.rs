//! State of one sequence of a request.

use super::request::{Event, EventKind, FinishReason, PromptOutput, RequestId, Usage};
use crate::error::RuntimeError;
use crate::kv::Sequence;
use crate::logprobs::log_probabilities;
use crate::sample::Sampler;
use crate::stop::StopMatcher;
use crate::tokenizer::TextStream;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// One sequence of a request.
pub(super) struct Job {
    pub(super) request: RequestId,
    pub(super) number: usize,
    /// Submission order, which is the scheduling priority.
    pub(super) arrival: u64,
    /// Prompt and generated tokens.
    pub(super) tokens: Vec<u32>,
    pub(super) prompt: usize,
    /// Cached keys and values; `None` while waiting.
    pub(super) cache: Option<Sequence>,
    pub(super) sampler: Sampler,
    pub(super) text: Option<TextOutput>,
    pub(super) end_tokens: Arc<[u32]>,
    pub(super) visible_tokens: Arc<[u32]>,
    pub(super) max_tokens: usize,
    pub(super) log_probs: Option<usize>,
    pub(super) prompt_output: PromptOutput,
    pub(super) salt: u64,
    /// Further sequences of the request, which fork from this one after the prompt.
    pub(super) siblings: Vec<(Sampler, Option<TextOutput>)>,
    /// The draft model's cached keys and values.
    pub(super) draft_cache: Option<Sequence>,
    /// Proposed tokens of the draft model.
    pub(super) drafted: Vec<u32>,
    pub(super) usage: Usage,
    pub(super) started: Option<Instant>,
    /// Time when the logits after the prompt were available.
    pub(super) prefill_end: Option<Instant>,
}

/// Effect of a step on a job.
pub(super) enum JobOutcome {
    /// The sequence is complete.
    Finished(FinishReason),
    /// The sequence failed.
    Failed(RuntimeError),
    /// The sequence continues and another sequence of its request starts.
    Forked(Box<Job>),
}

/// Detokenizer and stop strings of a sequence.
#[derive(Clone)]
pub(super) struct TextOutput {
    pub(super) stream: TextStream,
    pub(super) stop: StopMatcher,
}

impl Job {
    /// Returns the number of tokens that are not in the cache.
    pub(super) fn pending(&self) -> usize {
        self.tokens.len() - self.cache.as_ref().map_or(0, Sequence::len)
    }

    /// Returns the number of generated tokens.
    pub(super) fn generated(&self) -> usize {
        self.tokens.len() - self.prompt
    }

    /// Returns whether the device can choose all tokens of the sequence, so that no logits are needed.
    pub(super) fn needs_only_token(&self) -> bool {
        self.sampler.is_plain() && self.log_probs.is_none() && self.prompt_output != PromptOutput::Logits
    }

    fn event(&self, kind: EventKind) -> Event {
        Event { request: self.request, sequence: self.number, kind }
    }

    /// Appends the token that the device chose, or samples one from `logits`. Returns the outcome if the
    /// sequence ends.
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
            Some(text) => match text.stream.push_visible(token, &self.visible_tokens) {
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
            // There is no position left at which the newest token could run.
            FinishReason::ContextFull
        } else {
            return None;
        };
        Some(JobOutcome::Finished(reason))
    }

    /// Ends the sequence and returns its last event.
    pub(super) fn finish(mut self, reason: FinishReason) -> Event {
        let text = match &mut self.text {
            // Text after a stop string is discarded.
            Some(text) if reason != FinishReason::StopString => {
                let rest = text.stream.finish().unwrap_or_default();
                let (shown, stopped) = text.stop.push(&rest);
                if stopped { shown } else { shown + &text.stop.finish() }
            }
            _ => String::new(),
        };
        let stop = self.text.as_ref().and_then(|text| text.stop.matched()).map(str::to_owned);
        let usage = self.end_usage();
        self.event(EventKind::Finished { reason, text, stop, usage })
    }

    /// Ends a failed sequence and returns its last event.
    pub(super) fn fail(mut self, error: Arc<RuntimeError>) -> Event {
        let usage = self.end_usage();
        self.event(EventKind::Failed { error, usage })
    }

    /// Returns the event that reports the rows of a step, if the request asked for one.
    pub(super) fn prompt_event(&self, rows: Range<usize>, logits: &[f32], states: &[f32]) -> Option<Event> {
        Some(self.event(match self.prompt_output {
            PromptOutput::Nothing => return None,
            PromptOutput::Logits => EventKind::PromptLogits { rows, logits: logits.to_vec() },
            PromptOutput::States => EventKind::PromptStates { rows, states: states.to_vec() },
        }))
    }

    fn end_usage(&mut self) -> Usage {
        if let Some(prefill_end) = self.prefill_end {
            self.usage.decode = prefill_end.elapsed();
        }
        self.usage
    }
}
