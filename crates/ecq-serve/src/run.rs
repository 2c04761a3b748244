//! A request that runs: signals of the engine as outputs.

use crate::driver::{Signal, Ticket};
use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::models::Loaded;
use crate::output::{Answer, Output, SequenceOutput};
use crate::turn::Prepared;
use ecq_runtime::{EventKind, Usage};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::OwnedSemaphorePermit;

/// A submitted request. Dropping it cancels it.
pub struct Run {
    ticket: Ticket,
    outputs: Vec<SequenceOutput>,
    metrics: Arc<Metrics>,
    /// Time of the request, then of the last token of each sequence.
    last: Vec<Instant>,
    first: bool,
    prompt_tokens: usize,
    /// Keeps the model loaded.
    model: Arc<Loaded>,
    /// Place in the queue.
    _permit: OwnedSemaphorePermit,
}

impl Run {
    /// Submits a prepared request.
    ///
    /// # Errors
    /// If the engine refuses it.
    pub async fn submit(
        model: Arc<Loaded>,
        prepared: Prepared,
        metrics: Arc<Metrics>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Self, ApiError> {
        let Prepared { request, failure, outputs } = prepared;
        let last = vec![Instant::now(); outputs.len()];
        let prompt_tokens = request.prompt.len();
        let ticket = model.submit(request, failure).await?;
        Ok(Self { ticket, outputs, metrics, last, first: true, prompt_tokens, model, _permit: permit })
    }

    /// The model that runs.
    pub fn model(&self) -> &Loaded {
        &self.model
    }

    /// Number of tokens of the prompt.
    pub fn prompt_tokens(&self) -> usize {
        self.prompt_tokens
    }

    /// Waits for the next outputs of a sequence; `None` after the end of all sequences.
    ///
    /// # Errors
    /// If the request failed; it has ended then.
    pub async fn next(&mut self) -> Result<Option<(usize, Vec<Output>)>, ApiError> {
        if self.outputs.iter().all(SequenceOutput::has_ended) {
            return Ok(None);
        }
        match self.ticket.next().await {
            Signal::Failed(error) => Err(error),
            Signal::Event { sequence, kind } => {
                self.measure(sequence, &kind);
                let Some(output) = self.outputs.get_mut(sequence) else {
                    return Ok(Some((sequence, vec![])));
                };
                let outputs = catch_unwind(AssertUnwindSafe(|| output.push(kind)));
                let bug = |_| ApiError::internal("reading the answer caused a panic, which is a bug in ecq");
                Ok(Some((sequence, outputs.map_err(bug)?)))
            }
        }
    }

    /// Waits for all answers.
    ///
    /// # Errors
    /// If the request failed.
    pub async fn answers(&mut self) -> Result<Vec<Answer>, ApiError> {
        let mut answers = vec![Answer::default(); self.outputs.len()];
        while let Some((sequence, outputs)) = self.next().await? {
            outputs.into_iter().for_each(|output| answers[sequence].add(output));
        }
        Ok(answers)
    }

    fn measure(&mut self, sequence: usize, kind: &EventKind) {
        let now = Instant::now();
        match kind {
            EventKind::Token { .. } => {
                self.metrics.generated_tokens.inc();
                let Some(last) = self.last.get_mut(sequence) else { return };
                let seconds = now.duration_since(*last).as_secs_f64();
                *last = now;
                match self.first {
                    true => self.metrics.first_token.observe(seconds),
                    false => self.metrics.between_tokens.observe(seconds),
                }
                self.first = false;
            }
            EventKind::Finished { usage, .. } if sequence == 0 => {
                self.metrics.prompt_tokens.inc_by(usage.prompt_tokens as u64);
                self.metrics.cached_tokens.inc_by(usage.cached_tokens as u64);
            }
            _ => {}
        }
    }
}

/// Token counts of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Total {
    pub(crate) prompt: usize,
    pub(crate) cached: usize,
    pub(crate) generated: usize,
}

impl Total {
    /// Adds the counts of a sequence. The prompt counts once.
    pub fn add(&mut self, usage: &Usage) {
        self.prompt = usage.prompt_tokens;
        self.cached = self.cached.max(usage.cached_tokens);
        self.generated += usage.new_tokens;
    }

    /// The counts of several answers.
    pub fn of(answers: &[Answer]) -> Self {
        let mut total = Self::default();
        answers.iter().filter_map(|answer| answer.finish.as_ref()).for_each(|end| total.add(&end.usage));
        total
    }
}
