//! Continuous batching of many requests.
//!
//! Each step gives every decoding sequence one row and the rest of the row budget to the oldest prompts, in
//! chunks (continuous batching, Yu et al., 2022; chunked prefill, Agrawal et al., 2023). If a sequence finds
//! no free cache block, the youngest sequence is preempted and recomputed later. Scheduling does not change
//! any token, because the sums of a row do not depend on the other rows.

mod complete;
mod draft;
mod job;
mod request;
mod schedule;

pub use complete::Completion;
pub use request::{Event, EventKind, FinishReason, PromptOutput, Request, RequestId, Usage};

use crate::batch::Batch;
use crate::error::{Result, RuntimeError};
use crate::executor::{Executor, ExecutorOptions, MAX_STEPS_AHEAD};
use crate::kv::Sequence;
use crate::model::Model;
use crate::sample::{Sampler, SamplingParams};
use crate::stop::StopMatcher;
use crate::tokenizer::Tokenizer;
use draft::Draft;
use job::{Job, JobOutcome, TextOutput};
use schedule::{BatchPart, order};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// Options of an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineOptions {
    /// Executor options. `kv.sequences` is the maximum number of sequences that run at once.
    pub executor: ExecutorOptions,
    /// Number of tokens that a draft model proposes per step, 1 to 32; default 4.
    pub draft_tokens: usize,
    /// Number of greedy steps that run without returning to the host (multi-step decoding), 1 to 16; default
    /// 1. Useful on devices whose steps are short.
    pub steps_ahead: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { executor: ExecutorOptions::default(), draft_tokens: 4, steps_ahead: 1 }
    }
}

/// Serves requests with continuous batching, one step at a time.
pub struct Engine {
    executor: Executor,
    tokenizer: Option<Arc<Tokenizer>>,
    draft: Option<Draft>,
    options: EngineOptions,
    /// Sequences without cache blocks, by arrival.
    waiting: VecDeque<Job>,
    /// Sequences with cache blocks, by arrival.
    running: Vec<Job>,
    /// Events that occurred between two steps.
    events: Vec<Event>,
    submitted: u64,
}

impl Engine {
    /// Creates an engine. Without a tokenizer, events have no text.
    ///
    /// # Errors
    /// If the device has too little memory or an option is out of range.
    pub fn new(model: Arc<Model>, tokenizer: Option<Arc<Tokenizer>>, options: EngineOptions) -> Result<Self> {
        let range = |option, found: usize, max: usize, expected| {
            let fine = (1..=max).contains(&found);
            if fine {
                Ok(())
            } else {
                Err(RuntimeError::OutOfRange { option, found: found as f64, expected })
            }
        };
        range("sequences at once", options.executor.kv.sequences, usize::MAX, "1 or more")?;
        range("steps ahead", options.steps_ahead, MAX_STEPS_AHEAD, "1 to 16")?;
        range("draft tokens", options.draft_tokens, 32, "1 to 32")?;
        let executor = Executor::new(model, options.executor)?;
        let (waiting, running) = (VecDeque::new(), Vec::new());
        Ok(Self {
            executor,
            tokenizer,
            draft: None,
            options,
            waiting,
            running,
            events: Vec::new(),
            submitted: 0,
        })
    }

    /// Adds a draft model for speculative decoding (Leviathan et al., 2023): it proposes tokens, which the
    /// model verifies several at a time. The generated tokens do not change.
    ///
    /// The caller must check that the tokenizers are equal ([`Tokenizer::same_vocabulary`]).
    ///
    /// # Errors
    /// [`Draft`](RuntimeError::Draft) if the vocabularies have different sizes; an error of the backend if
    /// the device has too little memory.
    pub fn with_draft(mut self, model: Arc<Model>) -> Result<Self> {
        let (ours, theirs) = (self.model().config().vocabulary, model.config().vocabulary);
        if ours != theirs {
            let why = format!("its vocabulary has {theirs} tokens, the model's {ours}");
            return Err(RuntimeError::Draft(why));
        }
        self.draft = Some(Draft::new(Executor::new(model, self.options.executor)?));
        Ok(self)
    }

    /// Returns the model.
    pub fn model(&self) -> &Arc<Model> {
        self.executor.model()
    }

    /// Returns the executor.
    pub fn executor(&self) -> &Executor {
        &self.executor
    }

    /// Returns whether no request is active and no event is pending.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty() && self.events.is_empty()
    }

    /// Returns the numbers of running and of waiting sequences.
    pub fn sequence_counts(&self) -> (usize, usize) {
        (self.running.len(), self.waiting.len())
    }

    /// Adds a request to the queue.
    ///
    /// # Errors
    /// If the prompt is empty, exceeds the context or has unknown tokens, an option is out of range, or stop
    /// strings are given without a tokenizer.
    pub fn submit(&mut self, request: Request) -> Result<RequestId> {
        let config = self.model().config();
        let (prompt, vocabulary, context) =
            (request.prompt.len(), config.vocabulary, self.executor.context());
        if prompt == 0 {
            return Err(RuntimeError::InvalidInput("the input has no tokens"));
        }
        if prompt > context.min(self.executor.pool().positions()) {
            return Err(RuntimeError::ContextFull { tokens: prompt, context });
        }
        if let Some(&token) = request.prompt.iter().find(|&&token| token as usize >= vocabulary) {
            return Err(RuntimeError::UnknownToken { token, vocabulary });
        }
        if !request.stop.is_empty() && self.tokenizer.is_none() {
            return Err(RuntimeError::Missing { what: "tokenizer, which stop strings require" });
        }
        let mut sampler = Sampler::new(request.sampling)?.with_bias(request.logit_bias);
        if let Some(mask) = request.mask {
            sampler = sampler.with_mask(mask);
        }
        // With such frequencies, keys depend on the length of the prompt, so prompts of other lengths must
        // not share blocks.
        let grows = config.rope.iter().chain(&config.local_rope).any(crate::arch::Rope::depends_on_length);
        let salt = if grows { request.salt ^ (prompt as u64) << 32 } else { request.salt };
        let text = match &self.tokenizer {
            Some(tokenizer) => {
                let stream = tokenizer.stream_after(&request.prompt)?;
                Some(TextOutput { stream, stop: StopMatcher::new(request.stop) })
            }
            None => None,
        };
        let others = 1..request.sequences as u64;
        let siblings = others.map(|number| (sampler.for_sequence(number), text.clone())).collect();
        let (id, arrival) = (RequestId(self.submitted), self.submitted);
        self.submitted += 1;
        let job = Job {
            request: id,
            number: 0,
            arrival,
            text,
            tokens: request.prompt,
            prompt,
            cache: None,
            sampler,
            end_tokens: request.end_tokens,
            visible_tokens: request.visible_tokens,
            max_tokens: request.max_tokens,
            log_probs: request.log_probs,
            prompt_output: request.prompt_output,
            salt,
            siblings,
            draft_cache: None,
            drafted: Vec::new(),
            usage: Usage { prompt_tokens: prompt, ..Usage::default() },
            started: None,
            prefill_end: None,
        };
        self.waiting.push_back(job);
        Ok(id)
    }

    /// Cancels all sequences of a request; the next step returns their last events. Returns whether the
    /// request was active.
    pub fn cancel(&mut self, id: RequestId) -> bool {
        let of = |job: &Job| job.request == id;
        let mut ended: Vec<Job> = self.running.extract_if(.., |job| of(job)).collect();
        let (cancelled, waiting) =
            std::mem::take(&mut self.waiting).into_iter().partition::<VecDeque<_>, _>(of);
        self.waiting = waiting;
        ended.extend(cancelled);
        let found = !ended.is_empty();
        for mut job in ended {
            // Sequences that have not forked yet end too.
            for (i, (sampler, text)) in std::mem::take(&mut job.siblings).into_iter().enumerate() {
                let sibling = sibling(&job, i + 1, sampler, text);
                self.events.push(sibling.finish(FinishReason::Cancelled));
            }
            self.events.push(job.finish(FinishReason::Cancelled));
        }
        found
    }

    /// Runs one batch and returns the events. Does nothing if the engine is idle.
    pub fn step(&mut self) -> Vec<Event> {
        let mut events = std::mem::take(&mut self.events);
        self.admit();
        if let Some(draft) = &mut self.draft {
            draft.propose(&mut self.running, self.options.draft_tokens, self.executor.context());
        }
        let (batch, parts, ahead) = self.build_batch(&mut events);
        if batch.is_empty() {
            return events;
        }
        let outcome = match ahead {
            1 => self.run(&batch, &parts, &mut events),
            steps => self.run_ahead(&batch, &parts, steps, &mut events),
        };
        match outcome {
            Ok(ended) => self.finish_jobs(ended, &mut events),
            Err(error) => {
                // An error of the model concerns every sequence of the batch.
                let error = Arc::new(error);
                let failed: Vec<usize> = parts.iter().map(|part| part.job).collect();
                for &job in failed.iter().rev() {
                    events.push(self.running.remove(job).fail(error.clone()));
                }
            }
        }
        events
    }

    /// Runs a batch and applies its tokens. Returns the outcomes of jobs, with indices in ascending order.
    fn run(
        &mut self,
        batch: &Batch,
        parts: &[BatchPart],
        events: &mut Vec<Event>,
    ) -> Result<Vec<(usize, JobOutcome)>> {
        let choosing: Vec<&Job> = parts
            .iter()
            .filter(|part| !part.logits_rows.is_empty())
            .map(|part| &self.running[part.job])
            .collect();
        let plain = choosing.iter().all(|job| job.needs_only_token() && job.siblings.is_empty());
        let greedy = choosing.iter().all(|job| job.sampler.is_greedy());
        // Random numbers must not be consumed for a draft row that turns out to be rejected, so such rows are
        // sampled on the host.
        let device = plain && (greedy || choosing.iter().all(|job| job.drafted.is_empty()));
        let mut ended = Vec::new();
        if device {
            let params: Option<Vec<SamplingParams>> = (!greedy).then(|| {
                let jobs = parts.iter().filter(|part| !part.logits_rows.is_empty()).map(|part| part.job);
                jobs.map(|job| self.running[job].sampler.next_params()).collect()
            });
            let chosen = self.executor.tokens(batch, params.as_deref())?;
            for part in parts {
                let states = self.states(part)?;
                let chosen = Some(&chosen[part.logits_rows.clone()]);
                let result = StepResult { chosen, logits: &[], states: &states };
                self.apply_result(part, &result, events, &mut ended);
            }
            return Ok(ended);
        }
        // The executor returns logits in chunks, but a part needs all of its rows.
        let width = self.model().config().vocabulary;
        let mut logits = Vec::with_capacity(batch.logits_row_count() * width);
        self.executor.logits(batch, |_, rows| logits.extend_from_slice(rows))?;
        for part in parts {
            let Range { start, end } = part.logits_rows;
            let (logits, states) = (&logits[start * width..end * width], self.states(part)?);
            let result = StepResult { chosen: None, logits, states: &states };
            self.apply_result(part, &result, events, &mut ended);
        }
        Ok(ended)
    }

    /// Like [`run`](Self::run), for several steps without returning to the host.
    fn run_ahead(
        &mut self,
        batch: &Batch,
        parts: &[BatchPart],
        steps: usize,
        events: &mut Vec<Event>,
    ) -> Result<Vec<(usize, JobOutcome)>> {
        let chosen = self.executor.greedy_steps(batch, steps)?;
        let mut ended = Vec::new();
        for part in parts {
            for (step, chosen) in chosen.iter().enumerate() {
                let chosen = Some(&chosen[part.logits_rows.clone()]);
                let result = StepResult { chosen, logits: &[], states: &[] };
                let before = ended.len();
                self.apply_result(part, &result, events, &mut ended);
                if ended.len() > before || step + 1 == steps {
                    break;
                }
            }
        }
        Ok(ended)
    }

    /// Returns the hidden states of a part of the last batch, if its request asked for them.
    fn states(&mut self, part: &BatchPart) -> Result<Vec<f32>> {
        match self.running[part.job].prompt_output {
            PromptOutput::States => self.executor.states(part.first..part.first + part.rows),
            PromptOutput::Nothing | PromptOutput::Logits => Ok(Vec::new()),
        }
    }

    /// Commits the rows of a part and appends the tokens of its logits rows.
    fn apply_result(
        &mut self,
        part: &BatchPart,
        result: &StepResult,
        events: &mut Vec<Event>,
        ended: &mut Vec<(usize, JobOutcome)>,
    ) {
        let context = self.executor.context();
        let width = self.executor.model().config().vocabulary;
        let row = |i: usize| result.logits.get(i * width..(i + 1) * width);
        let job = &mut self.running[part.job];
        let first = job.cache.as_ref().map_or(0, Sequence::len);
        let known = job.tokens[first..first + part.rows].to_vec();
        let drafted = std::mem::take(&mut job.drafted);
        commit(job, &known);
        if first < job.prompt {
            events.extend(job.prompt_event(first..first + part.rows, result.logits, result.states));
        }
        if job.pending() > 0 {
            return;
        }
        match job.prefill_end {
            Some(_) => job.usage.steps += 1,
            None => {
                let now = Instant::now();
                job.usage.prefill = job.started.map_or_else(Default::default, |started| now - started);
                job.prefill_end = Some(now);
            }
        }
        if job.max_tokens == 0 {
            return ended.push((part.job, JobOutcome::Finished(FinishReason::MaxTokens)));
        }
        job.usage.drafted_tokens += drafted.len();
        // The rows of the last known token and of the draft tokens after it.
        for (i, at) in (part.logits_rows.len() - drafted.len() - 1..part.logits_rows.len()).enumerate() {
            if let Some(logits) = row(at) {
                let siblings = std::mem::take(&mut job.siblings);
                for (number, (sampler, text)) in siblings.into_iter().enumerate() {
                    let mut sibling = sibling(job, number + 1, sampler, text);
                    sibling.cache = job.cache.as_ref().map(Sequence::fork);
                    match sibling.take_token(None, Some(logits), context, events) {
                        None => ended.push((part.job, JobOutcome::Forked(Box::new(sibling)))),
                        Some(JobOutcome::Failed(error)) => events.push(sibling.fail(Arc::new(error))),
                        Some(JobOutcome::Finished(reason)) => events.push(sibling.finish(reason)),
                        Some(JobOutcome::Forked(_)) => {}
                    }
                }
            }
            let chosen = result.chosen.map(|chosen| chosen[at]);
            if let Some(end) = job.take_token(chosen, row(at), context, events) {
                return ended.push((part.job, end));
            }
            if drafted.get(i).is_none_or(|drafted| job.tokens.last() != Some(drafted)) {
                return;
            }
            job.usage.accepted_tokens += 1;
            commit(job, &drafted[i..=i]);
        }
    }

    /// Removes jobs that ended, and adds forked sequences to the running or waiting ones.
    fn finish_jobs(&mut self, ended: Vec<(usize, JobOutcome)>, events: &mut Vec<Event>) {
        let mut forked = Vec::new();
        // In reverse order, so that indices stay valid.
        for (number, end) in ended.into_iter().rev() {
            match end {
                JobOutcome::Finished(reason) => events.push(self.running.remove(number).finish(reason)),
                JobOutcome::Failed(error) => events.push(self.running.remove(number).fail(Arc::new(error))),
                JobOutcome::Forked(job) => forked.push(*job),
            }
        }
        for mut job in forked.into_iter().rev() {
            if self.running.len() < self.options.executor.kv.sequences {
                let index = self.running.partition_point(|other| order(other) < order(&job));
                self.running.insert(index, job);
            } else {
                job.cache = None;
                let index = self.waiting.partition_point(|other| order(other) < order(&job));
                self.waiting.insert(index, job);
            }
        }
    }
}

/// Output of a step for the logits rows of a part, chosen tokens or logits, and the states of its rows.
struct StepResult<'a> {
    chosen: Option<&'a [Option<u32>]>,
    logits: &'a [f32],
    states: &'a [f32],
}

fn commit(job: &mut Job, tokens: &[u32]) {
    if let Some(cache) = &mut job.cache {
        cache.commit(tokens);
    }
}

/// Creates another sequence of a job's request, with the same prompt and without a cache.
fn sibling(job: &Job, number: usize, sampler: Sampler, text: Option<TextOutput>) -> Job {
    Job {
        request: job.request,
        number,
        arrival: job.arrival,
        tokens: job.tokens[..job.prompt].to_vec(),
        prompt: job.prompt,
        cache: None,
        sampler,
        text,
        end_tokens: job.end_tokens.clone(),
        visible_tokens: job.visible_tokens.clone(),
        max_tokens: job.max_tokens,
        log_probs: job.log_probs,
        prompt_output: PromptOutput::Nothing,
        salt: job.salt,
        siblings: Vec::new(),
        draft_cache: None,
        drafted: Vec::new(),
        usage: Usage { new_tokens: 0, steps: 0, decoded_tokens: 0, ..job.usage },
        started: job.started,
        prefill_end: job.prefill_end,
    }
}
