//! Speculative decoding: a smaller model proposes tokens.

use super::job::Job;
use crate::batch::{Batch, LogitsSelection};
use crate::engine::PromptOutput;
use crate::executor::Executor;
use crate::kv::Sequence;

/// A draft model with its own KV cache.
pub(super) struct Draft {
    executor: Executor,
}

impl Draft {
    pub(super) fn new(executor: Executor) -> Self {
        Self { executor }
    }

    /// Proposes up to `max_tokens` tokens for each job that is decoding. A failure leaves a job without
    /// proposals, which costs speed but does not change its tokens.
    pub(super) fn propose(&mut self, jobs: &mut [Job], max_tokens: usize, context: usize) {
        let context = context.min(self.executor.context());
        let proposals = |job: &Job| {
            let left = job.max_tokens - job.generated();
            max_tokens.min(left.saturating_sub(1)).min(context.saturating_sub(job.tokens.len()))
        };
        // Sequences fork right after the prompt, so they must not have draft tokens then.
        let alone = |job: &Job| job.siblings.is_empty() && job.prompt_output == PromptOutput::Nothing;
        let writes = |job: &Job| job.pending() == 1 && proposals(job) > 0 && alone(job);
        for job in jobs.iter_mut().filter(|job| writes(job)) {
            job.drafted.clear();
            // The cache may hold proposals that were rejected. At least the last token must run again, to
            // produce logits.
            let cache = job.draft_cache.get_or_insert_with(|| {
                self.executor.pool().blocks().sequence_with_prefix(job.salt, &job.tokens)
            });
            let same = cache.tokens().iter().zip(&job.tokens).take_while(|(a, b)| a == b).count();
            cache.truncate(same.min(job.tokens.len() - 1));
        }
        for round in 0..max_tokens {
            // A prompt may need several batches before the first proposal.
            loop {
                let (mut batch, mut parts) = (Batch::new(), Vec::new());
                for (number, job) in jobs.iter_mut().enumerate() {
                    if !writes(job) || proposals(job) <= round || job.drafted.len() != round {
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
