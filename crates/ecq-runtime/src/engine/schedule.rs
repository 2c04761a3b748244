//! Scheduling: which sequences run, and the rows of the next batch.

use super::job::Job;
use super::{Engine, Event, FinishReason, PromptOutput};
use crate::batch::{Batch, LogitsSelection};
use std::ops::Range;
use std::time::Instant;

/// The rows of a job in a batch.
pub(super) struct BatchPart {
    /// Index in `running`.
    pub(super) job: usize,
    /// First row in the batch.
    pub(super) first: usize,
    /// Number of pending tokens that run.
    pub(super) rows: usize,
    /// Range of the batch's logits rows.
    pub(super) logits_rows: Range<usize>,
}

impl Engine {
    /// Starts waiting sequences, oldest first, while all their tokens and one more fit the cache.
    pub(super) fn admit(&mut self) {
        let max = self.options.executor.kv.sequences;
        while self.running.len() < max
            && let Some(job) = self.waiting.front_mut()
        {
            let pool = self.executor.pool();
            let cache = match job.prompt_output {
                PromptOutput::Nothing => pool.blocks().sequence_with_prefix(job.salt, &job.tokens),
                PromptOutput::Logits | PromptOutput::States => pool.blocks().sequence(job.salt),
            };
            let all = job.tokens.len() - cache.len();
            // Layers with a window need blocks for one step only, not for the whole prompt.
            let (full, windowed) =
                (cache.blocks_needed(all + 1), cache.blocks_needed(all.min(self.executor.rows()) + 1));
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
            let index = self.running.partition_point(|other| order(other) < order(&job));
            self.running.insert(index, job);
        }
    }

    /// Builds the next batch: one row for each decoding sequence (and its draft tokens), the rest of the
    /// budget for prompts, oldest first. Preempts the youngest sequence when the cache has too few blocks.
    pub(super) fn build_batch(&mut self, events: &mut Vec<Event>) -> (Batch, Vec<BatchPart>, usize) {
        let (mut batch, mut parts) = (Batch::new(), Vec::<BatchPart>::new());
        let budget = self.executor.rows();
        let ahead = self.steps_ahead();
        let (mut next, mut prompt) = (0, false);
        while next < self.running.len() && batch.rows() < budget {
            // Later sequences that are decoding, which get one row each.
            let later = self.running[next + 1..].iter().filter(|job| job.pending() == 1).count();
            let mut left = (budget - batch.rows()).saturating_sub(later);
            let job = &mut self.running[next];
            let pending = job.pending();
            if pending > 1 && !prompt {
                // The oldest prompt always gets at least a quarter of the remaining rows.
                left = left.max((budget - batch.rows()).div_ceil(4));
                prompt = true;
            }
            let rows = match (pending, job.prompt_output) {
                (1, _) => 1,
                // Bounds the logits held at a time.
                (_, PromptOutput::Logits) => pending.min(left).min(self.executor.max_logits_rows()),
                _ => pending.min(left),
            };
            if rows == 0 {
                next += 1;
                continue;
            }
            let selection = match (job.prompt_output, rows == pending) {
                (PromptOutput::Logits, _) => LogitsSelection::All,
                (_, true) if job.max_tokens > 0 => LogitsSelection::Last,
                _ => LogitsSelection::None,
            };
            // Draft tokens only use rows that no other sequence needs.
            job.drafted.truncate(if pending == 1 { left.saturating_sub(rows) } else { 0 });
            let Some(cache) = &mut job.cache else { break };
            let known = cache.len();
            let mut tokens = job.tokens[known..known + rows].to_vec();
            tokens.extend(&job.drafted);
            let selection = if job.drafted.is_empty() { selection } else { LogitsSelection::All };
            let (first, before) = (batch.rows(), batch.logits_row_count());
            match batch.push_ahead(cache, &tokens, job.prompt, selection, ahead - 1) {
                Ok(()) => {
                    let logits_rows = before..batch.logits_row_count();
                    parts.push(BatchPart { job: next, first, rows, logits_rows });
                    next += 1;
                }
                Err(_) if !job.drafted.is_empty() => job.drafted.clear(),
                // The only running sequence has filled the cache.
                Err(_) if self.running.len() == 1 => {
                    events.push(self.running.remove(0).finish(FinishReason::ContextFull));
                }
                // Preempts the youngest sequence and tries this one again.
                Err(_) => self.preempt(self.running.len() - 1),
            }
        }
        (batch, parts, ahead)
    }

    /// Returns the number of steps that the next batch may run without the host.
    fn steps_ahead(&self) -> usize {
        let max = self.options.steps_ahead;
        let context = self.executor.context();
        let alone = |job: &Job| {
            job.pending() == 1
                && job.siblings.is_empty()
                && job.drafted.is_empty()
                && job.needs_only_token()
                && job.sampler.is_greedy()
                && job.max_tokens - job.generated() >= max
                && job.tokens.len() + max <= context
        };
        let grows = |rope: &crate::arch::Rope| rope.depends_on_length();
        let config = self.model().config();
        let fixed = !config.rope.iter().chain(&config.local_rope).any(grows);
        let few = self.running.len() <= self.executor.max_logits_rows();
        if max > 1 && self.waiting.is_empty() && fixed && few && self.running.iter().all(alone) {
            max
        } else {
            1
        }
    }

    /// Releases the cache blocks of a sequence and queues it again; its tokens are recomputed later.
    pub(super) fn preempt(&mut self, job: usize) {
        let mut job = self.running.remove(job);
        job.cache = None;
        job.draft_cache = None;
        job.drafted.clear();
        job.usage.preemptions += 1;
        let index = self.waiting.partition_point(|other| order(other) < order(&job));
        self.waiting.insert(index, job);
    }
}

/// Returns the scheduling order.
pub(super) fn order(job: &Job) -> (u64, usize) {
    (job.arrival, job.number)
}
