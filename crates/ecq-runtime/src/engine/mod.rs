//! A step machine that continues many texts at once.
//!
//! Each step gives every text that is being written a row, and the rest of a row budget to the oldest
//! prompts, some rows of each at a time (continuous batching, Yu et al., 2022; chunked prefill, Agrawal et
//! al., 2023). A text that finds no room for its keys and values takes that of the youngest, which is
//! computed again later. None of this changes a token: the sums of a row do not depend on the other rows.

mod complete;
mod draft;
mod job;
mod request;

pub use complete::Completion;
pub use request::{Event, EventKind, FinishReason, Request, RequestId, Usage};

use crate::batch::{Batch, LogitsSelection};
use crate::error::{Result, RuntimeError};
use crate::executor::{Executor, ExecutorOptions, MAX_STEPS_AHEAD};
use crate::kv::Sequence;
use crate::model::Model;
use crate::sample::{Sampler, SamplingParams};
use crate::stop::StopMatcher;
use crate::tokenizer::Tokenizer;
use draft::Draft;
use job::{Ended, Job, Text};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// How an engine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineOptions {
    /// How batches run. As many sequences run at once as its cache has room for (`kv.sequences`).
    pub executor: ExecutorOptions,
    /// Tokens that a draft model proposes at once.
    pub draft_tokens: usize,
    /// Steps that run without the host where all texts take their likeliest tokens: for devices where a step
    /// is short.
    pub steps_ahead: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { executor: ExecutorOptions::default(), draft_tokens: 4, steps_ahead: 1 }
    }
}

/// Continues texts, many at once, a step at a time.
pub struct Engine {
    executor: Executor,
    tokenizer: Option<Arc<Tokenizer>>,
    draft: Option<Draft>,
    options: EngineOptions,
    /// Sequences without room in the cache, by arrival.
    waiting: VecDeque<Job>,
    /// Sequences with room, by arrival.
    running: Vec<Job>,
    /// Events of what happened between two steps.
    events: Vec<Event>,
    submitted: u64,
}

/// The rows of a job in a batch.
struct Part {
    /// Its place in `running`.
    job: usize,
    /// How many of its pending tokens run.
    rows: usize,
    /// LogitsSelection rows of the batch.
    wanted: Range<usize>,
}

impl Engine {
    /// An engine on a model; without a tokenizer, events carry no text.
    ///
    /// # Errors
    /// When the device has no room, or an option is out of range.
    pub fn new(model: Arc<Model>, tokenizer: Option<Arc<Tokenizer>>, options: EngineOptions) -> Result<Self> {
        let range = |option, found: usize, most: usize, expected| {
            let fine = (1..=most).contains(&found);
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

    /// Lets a smaller model propose tokens, which the model then checks several at a time (Leviathan et al.,
    /// 2023). Chosen are the same tokens as without it.
    ///
    /// # Errors
    /// When its vocabulary has another size, or the device has no room. Whether the tokens are the same is
    /// the caller's to check ([`Tokenizer::same_tokens`]).
    pub fn with_draft(mut self, model: Arc<Model>) -> Result<Self> {
        let (ours, theirs) = (self.model().config().vocabulary, model.config().vocabulary);
        if ours != theirs {
            let why = format!("its vocabulary has {theirs} tokens, the model's {ours}");
            return Err(RuntimeError::Draft(why));
        }
        self.draft = Some(Draft::new(Executor::new(model, self.options.executor)?));
        Ok(self)
    }

    /// The model.
    pub fn model(&self) -> &Arc<Model> {
        self.executor.model()
    }

    /// What runs the batches.
    pub fn executor(&self) -> &Executor {
        &self.executor
    }

    /// Whether there is nothing to do.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty() && self.events.is_empty()
    }

    /// Sequences that have room in the cache, and sequences that wait for it.
    pub fn load(&self) -> (usize, usize) {
        (self.running.len(), self.waiting.len())
    }

    /// Takes a request.
    ///
    /// # Errors
    /// When its prompt is empty, too long or has unknown tokens, or an option is out of range.
    pub fn submit(&mut self, request: Request) -> Result<RequestId> {
        let config = self.model().config();
        let (prompt, vocabulary, context) =
            (request.prompt.len(), config.vocabulary, self.executor.context());
        if prompt == 0 {
            return Err(RuntimeError::Empty("no tokens to run the model on"));
        }
        if prompt > context.min(self.executor.pool().positions()) {
            return Err(RuntimeError::ContextFull { tokens: prompt, context });
        }
        if let Some(&token) = request.prompt.iter().find(|&&token| token as usize >= vocabulary) {
            return Err(RuntimeError::Token { token, vocabulary });
        }
        if !request.stop.is_empty() && self.tokenizer.is_none() {
            return Err(RuntimeError::Absent { what: "tokenizer, which stop strings need" });
        }
        let mut sampler = Sampler::new(request.sampling)?.with_bias(request.logit_bias);
        if let Some(mask) = request.mask {
            sampler = sampler.with_mask(mask);
        }
        // Where rotary frequencies grow with the text, keys depend on the length of the prompt.
        let grows = config.rope.iter().chain(&config.local_rope).any(crate::arch::Rope::grows);
        let salt = if grows { request.salt ^ (prompt as u64) << 32 } else { request.salt };
        let text = match &self.tokenizer {
            Some(tokenizer) => {
                let stream = tokenizer.stream_after(&request.prompt)?;
                Some(Text { stream, stop: StopMatcher::new(request.stop) })
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
            max_tokens: request.max_tokens,
            log_probs: request.log_probs,
            prompt_logits: request.prompt_logits,
            salt,
            siblings,
            draft_cache: None,
            drafted: Vec::new(),
            usage: Usage { prompt_tokens: prompt, ..Usage::default() },
            started: None,
            prefilled: None,
        };
        self.waiting.push_back(job);
        Ok(id)
    }

    /// Ends all sequences of a request; the next step says so. Whether there were any.
    pub fn cancel(&mut self, id: RequestId) -> bool {
        let of = |job: &Job| job.request == id;
        let mut ended: Vec<Job> = self.running.extract_if(.., |job| of(job)).collect();
        let (gone, waiting) = std::mem::take(&mut self.waiting).into_iter().partition::<VecDeque<_>, _>(of);
        self.waiting = waiting;
        ended.extend(gone);
        let found = !ended.is_empty();
        for mut job in ended {
            // Those that have not begun end too.
            for (i, (sampler, text)) in std::mem::take(&mut job.siblings).into_iter().enumerate() {
                let sibling = sibling(&job, i + 1, sampler, text);
                self.events.push(sibling.finish(FinishReason::Cancelled));
            }
            self.events.push(job.finish(FinishReason::Cancelled));
        }
        found
    }

    /// Runs one batch, and says what came of it. Without anything to do it does nothing.
    pub fn step(&mut self) -> Vec<Event> {
        let mut events = std::mem::take(&mut self.events);
        self.admit();
        if let Some(draft) = &mut self.draft {
            draft.propose(&mut self.running, self.options.draft_tokens, self.executor.context());
        }
        let (batch, parts, ahead) = self.gather(&mut events);
        if batch.is_empty() {
            return events;
        }
        let outcome = match ahead {
            1 => self.run(&batch, &parts, &mut events),
            steps => self.run_ahead(&batch, &parts, steps, &mut events),
        };
        match outcome {
            Ok(ended) => self.end(ended, &mut events),
            Err(error) => {
                // Whatever is wrong with the model is wrong for all.
                let error = Arc::new(error);
                let failed: Vec<usize> = parts.iter().map(|part| part.job).collect();
                for &job in failed.iter().rev() {
                    events.push(self.running.remove(job).fail(error.clone()));
                }
            }
        }
        events
    }

    /// Gives waiting sequences room, oldest first, while there is some for all of their tokens and one more.
    fn admit(&mut self) {
        let most = self.options.executor.kv.sequences;
        while self.running.len() < most
            && let Some(job) = self.waiting.front_mut()
        {
            let pool = self.executor.pool();
            let cache = match job.prompt_logits {
                true => pool.blocks().sequence(job.salt),
                false => pool.blocks().sequence_with_prefix(job.salt, &job.tokens),
            };
            let all = job.tokens.len() - cache.len();
            // A layer with a window has room for the rows of a step, not for the whole prompt.
            let (full, windowed) = (cache.needed(all + 1), cache.needed(all.min(self.executor.rows()) + 1));
            let needed = pool.windows().iter().zip(full.iter().zip(&windowed));
            let needed =
                needed.map(|(window, (full, windowed))| if window.is_some() { windowed } else { full });
            let fits = needed.zip(pool.blocks().free_blocks()).all(|(needed, free)| *needed <= free);
            if !fits && !self.running.is_empty() {
                return;
            }
            if job.started.is_none() {
                job.usage.cached_tokens = cache.len();
                job.started = Some(Instant::now());
            }
            job.cache = Some(cache);
            let Some(job) = self.waiting.pop_front() else { return };
            let place = self.running.partition_point(|other| order(other) < order(&job));
            self.running.insert(place, job);
        }
    }

    /// The rows of the next step: one for each text that is being written (and its drafted tokens), the rest
    /// of the budget for prompts. Oldest first; where there is no room, the youngest loses its own.
    fn gather(&mut self, events: &mut Vec<Event>) -> (Batch, Vec<Part>, usize) {
        let (mut batch, mut parts) = (Batch::new(), Vec::<Part>::new());
        let budget = self.executor.rows();
        let ahead = self.steps_ahead();
        let (mut next, mut prompt) = (0, false);
        while next < self.running.len() && batch.rows() < budget {
            // Texts that are being written and come later: each gets a row.
            let behind = self.running[next + 1..].iter().filter(|job| job.pending() == 1).count();
            let mut left = (budget - batch.rows()).saturating_sub(behind);
            let job = &mut self.running[next];
            let pending = job.pending();
            if pending > 1 && !prompt {
                // However many texts are being written, the oldest prompt goes on.
                left = left.max((budget - batch.rows()).div_ceil(4));
                prompt = true;
            }
            let rows = match (pending, job.prompt_logits) {
                (1, _) => 1,
                // What is held at a time is bounded.
                (_, true) => pending.min(left).min(self.executor.logits_rows()),
                (_, false) => pending.min(left),
            };
            if rows == 0 {
                next += 1;
                continue;
            }
            let wanted = match (job.prompt_logits, rows == pending) {
                (true, _) => LogitsSelection::All,
                (false, true) if job.max_tokens > 0 => LogitsSelection::Last,
                _ => LogitsSelection::None,
            };
            // Drafted tokens run behind the last one while the budget has rows that no other text needs.
            job.drafted.truncate(if pending == 1 { left.saturating_sub(rows) } else { 0 });
            let Some(cache) = &mut job.cache else { break };
            let first = cache.len();
            let mut tokens = job.tokens[first..first + rows].to_vec();
            tokens.extend(&job.drafted);
            let wanted = if job.drafted.is_empty() { wanted } else { LogitsSelection::All };
            let before = batch.wanted_rows();
            match batch.push_ahead(cache, &tokens, job.prompt, wanted, ahead - 1) {
                Ok(()) => {
                    parts.push(Part { job: next, rows, wanted: before..batch.wanted_rows() });
                    next += 1;
                }
                Err(_) if !job.drafted.is_empty() => job.drafted.clear(),
                // Alone, it has come to the end of the cache.
                Err(_) if self.running.len() == 1 => {
                    events.push(self.running.remove(0).finish(FinishReason::ContextFull));
                }
                // The youngest of all makes room, and this one tries again.
                Err(_) => self.preempt(self.running.len() - 1),
            }
        }
        (batch, parts, ahead)
    }

    /// How many steps the next batch may run without the host.
    fn steps_ahead(&self) -> usize {
        let most = self.options.steps_ahead;
        let context = self.executor.context();
        let alone = |job: &Job| {
            job.pending() == 1
                && job.siblings.is_empty()
                && job.drafted.is_empty()
                && job.needs_no_logits()
                && job.sampler.is_greedy()
                && job.max_tokens - job.generated() >= most
                && job.tokens.len() + most <= context
        };
        let grows = |rope: &crate::arch::Rope| rope.grows();
        let config = self.model().config();
        let fixed = !config.rope.iter().chain(&config.local_rope).any(grows);
        let few = self.running.len() <= self.executor.logits_rows();
        if most > 1 && self.waiting.is_empty() && fixed && few && self.running.iter().all(alone) {
            most
        } else {
            1
        }
    }

    /// Takes a sequence's room in the cache; it waits for some, and its tokens run again.
    fn preempt(&mut self, job: usize) {
        let mut job = self.running.remove(job);
        job.cache = None;
        job.draft_cache = None;
        job.drafted.clear();
        job.usage.preemptions += 1;
        let place = self.waiting.partition_point(|other| order(other) < order(&job));
        self.waiting.insert(place, job);
    }

    /// Runs a batch and takes its tokens; gives the jobs that ended, in ascending order.
    fn run(&mut self, batch: &Batch, parts: &[Part], events: &mut Vec<Event>) -> Result<Vec<(usize, Ended)>> {
        let choosing: Vec<&Job> =
            parts.iter().filter(|part| !part.wanted.is_empty()).map(|part| &self.running[part.job]).collect();
        let plain = choosing.iter().all(|job| job.needs_no_logits() && job.siblings.is_empty());
        let greedy = choosing.iter().all(|job| job.sampler.is_greedy());
        // A draw for a drafted row may turn out not to be needed: such rows are drawn on the host.
        let device = plain && (greedy || choosing.iter().all(|job| job.drafted.is_empty()));
        let mut ended = Vec::new();
        if device {
            let draws: Option<Vec<SamplingParams>> = (!greedy).then(|| {
                let jobs = parts.iter().filter(|part| !part.wanted.is_empty()).map(|part| part.job);
                jobs.map(|job| self.running[job].sampler.next_draw()).collect()
            });
            let chosen = self.executor.tokens(batch, draws.as_deref())?;
            for part in parts {
                let given = Given { chosen: Some(&chosen[part.wanted.clone()]), logits: &[] };
                self.take(part, &given, events, &mut ended);
            }
            return Ok(ended);
        }
        // Logits come some rows at a time; those of a part are kept together.
        let width = self.model().config().vocabulary;
        let mut logits = Vec::with_capacity(batch.wanted_rows() * width);
        self.executor.logits(batch, |_, rows| logits.extend_from_slice(rows))?;
        for part in parts {
            let Range { start, end } = part.wanted;
            let given = Given { chosen: None, logits: &logits[start * width..end * width] };
            self.take(part, &given, events, &mut ended);
        }
        Ok(ended)
    }

    /// The same for several steps that run without the host.
    fn run_ahead(
        &mut self,
        batch: &Batch,
        parts: &[Part],
        steps: usize,
        events: &mut Vec<Event>,
    ) -> Result<Vec<(usize, Ended)>> {
        let chosen = self.executor.greedy_steps(batch, steps)?;
        let mut ended = Vec::new();
        for part in parts {
            for (step, chosen) in chosen.iter().enumerate() {
                let given = Given { chosen: Some(&chosen[part.wanted.clone()]), logits: &[] };
                let before = ended.len();
                self.take(part, &given, events, &mut ended);
                if ended.len() > before || step + 1 == steps {
                    break;
                }
            }
        }
        Ok(ended)
    }

    /// Commits the rows of a part, and accepts the tokens that its wanted rows give.
    fn take(&mut self, part: &Part, given: &Given, events: &mut Vec<Event>, ended: &mut Vec<(usize, Ended)>) {
        let context = self.executor.context();
        let width = self.executor.model().config().vocabulary;
        let row = |i: usize| given.logits.get(i * width..(i + 1) * width);
        let job = &mut self.running[part.job];
        let first = job.cache.as_ref().map_or(0, Sequence::len);
        let known = job.tokens[first..first + part.rows].to_vec();
        let drafted = std::mem::take(&mut job.drafted);
        commit(job, &known);
        if job.prompt_logits && first < job.prompt {
            events.push(job.prompt_logits_event(first..first + part.rows, given.logits));
        }
        if job.pending() > 0 {
            return;
        }
        match job.prefilled {
            Some(_) => job.usage.steps += 1,
            None => {
                let now = Instant::now();
                job.usage.prefill = job.started.map_or_else(Default::default, |started| now - started);
                job.prefilled = Some(now);
            }
        }
        if job.max_tokens == 0 {
            return ended.push((part.job, Ended::Because(FinishReason::MaxTokens)));
        }
        job.usage.drafted_tokens += drafted.len();
        // The rows of the last known token and of the drafted ones behind it.
        for (i, at) in (part.wanted.len() - drafted.len() - 1..part.wanted.len()).enumerate() {
            if let Some(logits) = row(at) {
                let siblings = std::mem::take(&mut job.siblings);
                for (number, (sampler, text)) in siblings.into_iter().enumerate() {
                    let mut sibling = sibling(job, number + 1, sampler, text);
                    sibling.cache = job.cache.as_ref().map(Sequence::fork);
                    match sibling.take_token(None, Some(logits), context, events) {
                        None => ended.push((part.job, Ended::Forked(Box::new(sibling)))),
                        Some(Ended::Failed(error)) => events.push(sibling.fail(Arc::new(error))),
                        Some(Ended::Because(reason)) => events.push(sibling.finish(reason)),
                        Some(Ended::Forked(_)) => {}
                    }
                }
            }
            let chosen = given.chosen.map(|chosen| chosen[at]);
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

    /// Removes what has ended, and gives forked sequences room or a place in the queue.
    fn end(&mut self, ended: Vec<(usize, Ended)>, events: &mut Vec<Event>) {
        let mut forked = Vec::new();
        // From the last on, so that numbers stay valid.
        for (number, end) in ended.into_iter().rev() {
            match end {
                Ended::Because(reason) => events.push(self.running.remove(number).finish(reason)),
                Ended::Failed(error) => events.push(self.running.remove(number).fail(Arc::new(error))),
                Ended::Forked(job) => forked.push(*job),
            }
        }
        for mut job in forked.into_iter().rev() {
            if self.running.len() < self.options.executor.kv.sequences {
                let place = self.running.partition_point(|other| order(other) < order(&job));
                self.running.insert(place, job);
            } else {
                job.cache = None;
                let place = self.waiting.partition_point(|other| order(other) < order(&job));
                self.waiting.insert(place, job);
            }
        }
    }
}

/// What a step gave for the wanted rows of a part: tokens, or logits to choose from.
struct Given<'a> {
    chosen: Option<&'a [Option<u32>]>,
    logits: &'a [f32],
}

/// Room is given in this order.
fn order(job: &Job) -> (u64, usize) {
    (job.arrival, job.number)
}

fn commit(job: &mut Job, tokens: &[u32]) {
    if let Some(cache) = &mut job.cache {
        cache.commit(tokens);
    }
}

/// Another sequence of a job's request, with the same prompt and without keys and values.
fn sibling(job: &Job, number: usize, sampler: Sampler, text: Option<Text>) -> Job {
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
        max_tokens: job.max_tokens,
        log_probs: job.log_probs,
        prompt_logits: false,
        salt: job.salt,
        siblings: Vec::new(),
        draft_cache: None,
        drafted: Vec::new(),
        usage: Usage { new_tokens: 0, steps: 0, decoded_tokens: 0, ..job.usage },
        started: job.started,
        prefilled: job.prefilled,
    }
}
