//! Scheduling does not change results: in any interleaving each request has exactly the tokens and
//! log-probabilities that it has alone.

use super::models::{MODES, embedded, load, packed, windowed};
use ecq_fixtures::Numbers;
use ecq_runtime::backend::ActivationType;
use ecq_runtime::kv::KvOptions;
use ecq_runtime::{
    Engine, EngineOptions, EventKind, ExecutorOptions, FinishReason, Mode, Model, Request, RequestId,
    SampleOptions,
};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// Schedules per model and mode.
const SCHEDULES: u64 = 26;
/// Number of different requests; the solo result of each is computed once.
const KINDS: u64 = 24;

/// Tokens and the bits of their log-probabilities, if requested.
type Text = Vec<(u32, Option<u32>)>;

/// Returns request number `kind`: some share prefixes, some are sampled, some have concurrent sequences.
fn request(kind: u64, vocabulary: usize) -> Request {
    let mut numbers = Numbers::new(1000 + kind);
    let mut beginning = Numbers::new(kind % 3);
    let shared = [0, 17, 40][kind as usize % 3];
    let mut prompt: Vec<u32> = (0..shared).map(|_| beginning.below(vocabulary as u64) as u32).collect();
    prompt.extend((0..1 + numbers.below(28)).map(|_| numbers.below(vocabulary as u64) as u32));
    let sampling = match kind % 4 {
        0 | 1 => SampleOptions::GREEDY,
        2 => SampleOptions { temperature: 0.9, top_p: 0.9, seed: kind, ..SampleOptions::GREEDY },
        _ => SampleOptions { temperature: 0.7, repetition_penalty: 1.2, seed: kind, ..SampleOptions::GREEDY },
    };
    Request {
        sampling,
        sequences: if kind.is_multiple_of(5) { 3 } else { 1 },
        log_probs: kind.is_multiple_of(3).then_some(2),
        end_tokens: (0..vocabulary as u32 / 60).collect::<Vec<u32>>().into(),
        ..Request::new(prompt, 1 + numbers.below(24) as usize)
    }
}

/// Counts of cases that the schedules must reach.
#[derive(Debug, Default)]
struct Coverage {
    preempted: usize,
    reused: usize,
    forked: usize,
    cancelled: usize,
    accepted: usize,
    rejected: usize,
    concurrent: usize,
}

/// A model's results when each request runs alone.
struct SoloRuns {
    vocabulary: usize,
    alone: Vec<Vec<(Text, FinishReason)>>,
}

impl SoloRuns {
    fn new(model: &Arc<Model>) -> Self {
        let vocabulary = model.config().vocabulary;
        let alone = (0..KINDS).map(|kind| {
            // Nothing is shared: one sequence at a time with its own cache.
            let mut engine = Engine::new(model.clone(), None, EngineOptions::default()).unwrap();
            let mut request = request(kind, vocabulary);
            request.salt = 77;
            let mut texts = vec![Text::new(); request.sequences];
            let done = engine.complete(request, |event| {
                if let EventKind::Token { token, log_probs, .. } = &event.kind {
                    texts[event.sequence].push((*token, log_probs.as_ref().map(|p| p.token.to_bits())));
                }
                ControlFlow::Continue(())
            });
            texts.into_iter().zip(done.unwrap().into_iter().map(|done| done.reason)).collect()
        });
        Self { vocabulary, alone: alone.collect() }
    }

    /// Runs one random schedule.
    fn run(&self, model: &Arc<Model>, drafts: &[Arc<Model>], seed: u64, coverage: &mut Coverage) {
        let mut numbers = Numbers::new(seed);
        let kv = KvOptions {
            block_positions: [8, 16][numbers.below(2) as usize],
            // Room for little more than the longest request, so that sequences are preempted.
            positions: Some(92 + 24 * numbers.below(3) as usize),
            sequences: [1, 4, 8][numbers.below(3) as usize],
            ..KvOptions::default()
        };
        let rows = [8, 16, 64, 256][numbers.below(4) as usize];
        let options = EngineOptions {
            executor: ExecutorOptions { kv, rows, ..ExecutorOptions::default() },
            draft_tokens: 1 + numbers.below(5) as usize,
            steps_ahead: [1, 1, 4][numbers.below(3) as usize],
        };
        let mut engine = Engine::new(model.clone(), None, options).unwrap();
        if let Some(draft) = drafts.get(numbers.below(2 * drafts.len() as u64) as usize) {
            engine = engine.with_draft(draft.clone()).unwrap();
        }
        let mut arrivals: Vec<(u64, u64)> =
            (0..4 + numbers.below(8)).map(|_| (numbers.below(12), numbers.below(KINDS))).collect();
        arrivals.sort_unstable();
        let mut kinds: HashMap<RequestId, u64> = HashMap::new();
        let mut texts: HashMap<(RequestId, usize), Text> = HashMap::new();
        let mut cancelled = Vec::new();
        let mut step = 0;
        while !engine.is_idle() || !arrivals.is_empty() {
            while arrivals.first().is_some_and(|(at, _)| *at <= step) {
                let (_, kind) = arrivals.remove(0);
                kinds.insert(engine.submit(request(kind, self.vocabulary)).unwrap(), kind);
            }
            if numbers.below(30) == 0
                && let Some(&id) = kinds.keys().min()
                && engine.cancel(id)
            {
                cancelled.push(id);
            }
            coverage.concurrent += usize::from(engine.sequence_counts().0 > 1);
            for event in engine.step() {
                let kind = kinds[&event.request];
                let (alone, why) = &self.alone[kind as usize][event.sequence];
                let text = texts.entry((event.request, event.sequence)).or_default();
                let (mode, _) = model.mode();
                match event.kind {
                    EventKind::PromptLogits { .. } | EventKind::PromptStates { .. } => {
                        panic!("outputs of the prompt were not requested")
                    }
                    EventKind::Token { token, log_probs, .. } => {
                        text.push((token, log_probs.map(|p| p.token.to_bits())));
                        coverage.forked += usize::from(event.sequence > 0);
                        assert!(alone.starts_with(text), "{mode}, schedule {seed}, request {kind}");
                    }
                    EventKind::Finished { reason: FinishReason::Cancelled, .. } => {
                        assert!(cancelled.contains(&event.request));
                        coverage.cancelled += 1;
                    }
                    EventKind::Finished { reason, usage, .. } => {
                        assert_eq!(
                            (&*text, reason),
                            (alone, *why),
                            "{mode}, schedule {seed}, request {kind}"
                        );
                        coverage.preempted += usage.preemptions;
                        coverage.reused += usage.cached_tokens;
                        coverage.accepted += usage.accepted_tokens;
                        coverage.rejected += usage.drafted_tokens - usage.accepted_tokens;
                    }
                    EventKind::Failed { error, .. } => panic!("{mode}, schedule {seed}: {error}"),
                }
            }
            step += 1;
            assert!(step < 5000, "schedule {seed} comes to an end");
        }
        let ended = texts.len();
        assert!(ended >= kinds.len() - cancelled.len(), "every request has an end");
        let used: usize = engine.executor().pool().usage().iter().map(|group| group.used).sum();
        assert_eq!(used, 0, "schedule {seed}: all blocks are free");
    }
}

/// Runs all schedules of a model.
fn schedules(file: &Path, other: &Path, activations: ActivationType) {
    let cached = load(file, Mode::Cached, activations, 2);
    let solo = SoloRuns::new(&cached);
    let ended = solo.alone.iter().flatten().filter(|(_, why)| *why == FinishReason::EndToken).count();
    assert!(ended > 0, "some texts end before their length");
    // A draft that is always right and one that often is not.
    let drafts = [cached.clone(), load(other, Mode::Cached, activations, 2)];
    let mut coverage = Coverage::default();
    for (number, mode) in MODES.into_iter().enumerate() {
        let model = load(file, mode, activations, 2);
        for schedule in 0..SCHEDULES {
            solo.run(&model, &drafts, 100 * number as u64 + schedule, &mut coverage);
        }
    }
    println!("{} schedules of {}: {coverage:?}", MODES.len() as u64 * SCHEDULES, file.display());
    let Coverage { preempted, reused, forked, cancelled, accepted, rejected, concurrent } = coverage;
    for (what, count) in [
        ("preemptions", preempted),
        ("reused prefixes", reused),
        ("forks", forked),
        ("cancels", cancelled),
        ("accepted drafts", accepted),
        ("rejected drafts", rejected),
        ("concurrent sequences", concurrent),
    ] {
        assert!(count > 0, "the schedules have no {what}");
    }
}

#[test]
fn schedules_do_not_change_tokens_of_the_embedded_model() {
    let (file, _folder) = packed(&embedded(), "affine:4:64");
    let (other, _other) = packed(&embedded(), "affine:3:64");
    // Most of the time are products, which are faster with integers.
    schedules(&file, &other, ActivationType::I8);
}

#[test]
fn schedules_do_not_change_tokens_with_windows() {
    let (file, _folder) = windowed("affine:4:32");
    let (other, _other) = windowed("affine:3:32");
    schedules(&file, &other, ActivationType::F32);
}
