//! A smaller model that guesses what comes next.

use super::job::Job;
use crate::batch::{Batch, LogitsSelection};
use crate::executor::Executor;
use crate::kv::Sequence;

/// A draft model and its cache.
pub(super) struct Draft {
    executor: Executor,
}

impl Draft {
    pub(super) fn new(executor: Executor) -> Self {
        Self { executor }
    }

    /// Proposes up to `most` tokens for each job that waits for one. Whatever fails here costs speed, never a
    /// token: the job then goes on without proposals.
    pub(super) fn propose(&mut self, jobs: &mut [Job], most: usize, context: usize) {
        let context = context.min(self.executor.context());
        let wanted = |job: &Job| {
            let left = job.max_tokens - job.generated();
            most.min(left.saturating_sub(1)).min(context.saturating_sub(job.tokens.len()))
        };
        // Sequences that fork do so with nothing behind their prompt.
        let alone = |job: &Job| job.siblings.is_empty() && !job.prompt_logits;
        let writes = |job: &Job| job.pending() == 1 && wanted(job) > 0 && alone(job);
        for job in jobs.iter_mut().filter(|job| writes(job)) {
            job.drafted.clear();
            // The draft has seen its own proposals; what was not accepted is taken back. The last token
            // always runs.
            let cache = job.draft_cache.get_or_insert_with(|| {
                self.executor.pool().blocks().sequence_with_prefix(job.salt, &job.tokens)
            });
            let same = cache.tokens().iter().zip(&job.tokens).take_while(|(a, b)| a == b).count();
            cache.truncate(same.min(job.tokens.len() - 1));
        }
        for round in 0..most {
            // A prompt may take several batches; proposals come when all of its tokens have run.
            loop {
                let (mut batch, mut parts) = (Batch::new(), Vec::new());
                for (number, job) in jobs.iter_mut().enumerate() {
                    if !writes(job) || wanted(job) <= round || job.drafted.len() != round {
                        continue;
                    }
                    let Some(cache) = &mut job.draft_cache else { continue };
                    let all = job.tokens.len() + job.drafted.len() - cache.len();
                    let rows = all.min(self.executor.rows() - batch.rows());
                    if rows == 0 {
                        continue;
                    }
                    let text = job.tokens.iter().chain(&job.drafted).skip(cache.len()).take(rows);
                    let tokens: Vec<u32> = text.copied().collect();
                    let last = if rows == all { LogitsSelection::Last } else { LogitsSelection::None };
                    match batch.push(cache, &tokens, job.prompt, last) {
                        Ok(()) => parts.push((number, tokens, rows == all)),
                        Err(_) => job.draft_cache = None,
                    }
                }
                if batch.is_empty() {
                    break;
                }
                let Ok(chosen) = self.executor.tokens(&batch, None) else {
                    parts.iter().for_each(|&(number, ..)| jobs[number].draft_cache = None);
                    return;
                };
                let mut chosen = chosen.into_iter();
                for (number, tokens, complete) in parts {
                    let job = &mut jobs[number];
                    if let Some(cache) = &mut job.draft_cache {
                        Sequence::commit(cache, &tokens);
                    }
                    if complete {
                        match chosen.next().flatten() {
                            Some(token) => job.drafted.push(token),
                            None => job.draft_cache = None,
                        }
                    }
                }
            }
        }
    }
}
