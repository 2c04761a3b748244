//! Sampling options and random numbers.

use ecq_runtime::{RuntimeError, SampleOptions, Sampler, SamplingParams, TokenMask, argmax, sample_token};
use std::collections::BTreeMap;

const PLAIN: SampleOptions = SampleOptions { temperature: 1.0, ..SampleOptions::GREEDY };

/// Returns the relative frequency of each token in 20,000 samples.
fn frequencies(options: SampleOptions, logits: &[f32]) -> BTreeMap<u32, f64> {
    let mut sampler = Sampler::new(options).unwrap();
    let mut counts = BTreeMap::new();
    for _ in 0..20_000 {
        *counts.entry(sampler.sample(logits, &[]).unwrap()).or_insert(0.0) += 1.0 / 20_000.0;
    }
    counts
}

#[test]
fn token_frequencies_match_probabilities() {
    // Probabilities 0.5, 0.3, 0.15, 0.05, out of order.
    let logits = [0.15f32, 0.5, 0.05, 0.3].map(f32::ln);
    let near = |found: &BTreeMap<u32, f64>, expected: &[(u32, f64)]| {
        assert_eq!(
            found.keys().copied().collect::<Vec<_>>(),
            expected.iter().map(|e| e.0).collect::<Vec<_>>()
        );
        for (token, p) in expected {
            assert!((found[token] - p).abs() < 0.015, "{token}: {} not {p}", found[token]);
        }
    };
    near(&frequencies(PLAIN, &logits), &[(0, 0.15), (1, 0.5), (2, 0.05), (3, 0.3)]);
    near(&frequencies(SampleOptions { top_k: 2, ..PLAIN }, &logits), &[(1, 0.625), (3, 0.375)]);
    near(
        &frequencies(SampleOptions { top_k: 9, ..PLAIN }, &logits),
        &[(0, 0.15), (1, 0.5), (2, 0.05), (3, 0.3)],
    );
    let third = 0.95;
    near(
        &frequencies(SampleOptions { top_p: 0.9, ..PLAIN }, &logits),
        &[(0, 0.15 / third), (1, 0.5 / third), (3, 0.3 / third)],
    );
    near(&frequencies(SampleOptions { top_p: 1e-6, ..PLAIN }, &logits), &[(1, 1.0)]);
    near(&frequencies(SampleOptions { min_p: 0.5, ..PLAIN }, &logits), &[(1, 0.625), (3, 0.375)]);
    let squares = 0.0225 + 0.25 + 0.0025 + 0.09;
    let halved = [(0, 0.0225 / squares), (1, 0.25 / squares), (2, 0.0025 / squares), (3, 0.09 / squares)];
    near(&frequencies(SampleOptions { temperature: 0.5, ..PLAIN }, &logits), &halved);
}

#[test]
fn greedy_takes_the_first_maximum_after_the_penalty() {
    let mut greedy = Sampler::new(SampleOptions::GREEDY).unwrap();
    assert_eq!(greedy.sample(&[1.0, 3.0, 3.0, f32::NAN], &[]), Some(1));
    assert_eq!(greedy.sample(&[-1.0, -3.0], &[]), Some(0));
    assert_eq!(greedy.sample(&[f32::NAN; 3], &[]), None);
    assert_eq!(greedy.sample(&[f32::NEG_INFINITY; 3], &[]), None);
    assert_eq!(greedy.sample(&[], &[]), None);
    let penalty = SampleOptions { repetition_penalty: 2.0, repetition_window: 2, ..SampleOptions::GREEDY };
    let mut sampler = Sampler::new(penalty).unwrap();
    assert_eq!(sampler.sample(&[3.0, 2.0], &[0]), Some(1));
    assert_eq!(sampler.sample(&[3.0, 2.0], &[0, 5, 6]), Some(0), "out of the window");
    assert_eq!(sampler.sample(&[-1.0, -1.5], &[0]), Some(1), "negative logits move down too");
}

#[test]
fn equal_seeds_give_equal_tokens() {
    let logits: Vec<f32> = (0..50).map(|i| (i as f32).sin()).collect();
    let sequence = |seed| {
        let mut sampler = Sampler::new(SampleOptions { seed, ..PLAIN }).unwrap();
        (0..20).map(|_| sampler.sample(&logits, &[]).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(sequence(1), sequence(1));
    assert_ne!(sequence(1), sequence(2));
}

#[test]
fn out_of_range_options_are_named() {
    let cases = [
        ("temperature", SampleOptions { temperature: -1.0, ..PLAIN }),
        ("temperature", SampleOptions { temperature: f32::NAN, ..PLAIN }),
        ("top-p", SampleOptions { top_p: 0.0, ..PLAIN }),
        ("min-p", SampleOptions { min_p: 1.5, ..PLAIN }),
        ("repetition penalty", SampleOptions { repetition_penalty: 0.0, ..PLAIN }),
    ];
    for (name, options) in cases {
        assert!(
            matches!(Sampler::new(options), Err(RuntimeError::OutOfRange { option, .. }) if option == name),
            "{name}"
        );
    }
}

/// Random numbers that are independent of the code under test.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn unit(&mut self) -> f32 {
        self.below(1 << 24) as f32 / (1 << 24) as f32
    }
}

/// A slow reference sampler: it sorts all candidates and has no special cases.
struct Oracle {
    options: SampleOptions,
    state: u64,
}

impl Oracle {
    fn choose(&mut self, logits: &[f32], before: &[u32]) -> Option<u32> {
        let o = self.options;
        let mut candidates: Vec<(f32, u32)> =
            logits.iter().copied().zip(0..).filter(|c| !c.0.is_nan()).collect();
        if o.repetition_penalty != 1.0 {
            let recent = &before[before.len().saturating_sub(o.repetition_window)..];
            for (logit, _) in candidates.iter_mut().filter(|(_, token)| recent.contains(token)) {
                *logit =
                    if *logit > 0.0 { *logit / o.repetition_penalty } else { *logit * o.repetition_penalty };
            }
        }
        if o.temperature == 0.0 || o.top_k == 1 {
            let first = candidates.into_iter().reduce(|a, b| if b.0 > a.0 { b } else { a });
            return first.filter(|c| c.0.is_finite()).map(|c| c.1);
        }
        candidates.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        if o.top_k > 0 {
            candidates.truncate(o.top_k);
        }
        let most = candidates.first().filter(|c| c.0.is_finite())?.0;
        for (logit, _) in &mut candidates {
            *logit = ((*logit - most) / o.temperature).exp();
        }
        let total: f32 = candidates.iter().map(|c| c.0).sum();
        let (mut reached, mut keep) = (0.0, 0);
        for &(weight, _) in &candidates {
            if weight < o.min_p || (reached >= o.top_p * total && keep > 0) {
                break;
            }
            reached += weight;
            keep += 1;
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        let mut left = (z >> 40) as f32 / (1u32 << 24) as f32 * reached;
        let chosen = candidates[..keep].iter().find(|(weight, _)| {
            left -= weight;
            left < 0.0
        });
        chosen.or(candidates[..keep].last()).map(|c| c.1)
    }
}

/// Creates logits: narrow, wide, with ties, with both zeros, with NaN and infinities.
fn random_logits(random: &mut Random) -> Vec<f32> {
    let n = [0, 1, 5, 50, 50, 400, 3000][random.below(7)];
    let width = [0.0, 1.0, 8.0, 20.0, 20.0, 60.0, 1e38][random.below(7)];
    let (ties, holes) = (random.below(3) == 0, random.below(3) == 0);
    let mut logits: Vec<f32> = (0..n).map(|_| (random.unit() - 0.5) * width).collect();
    if ties {
        logits.iter_mut().for_each(|l| *l = (*l / width.max(1.0) * 8.0).round());
    }
    if holes && n > 0 {
        for _ in 0..=n / 3 {
            logits[random.below(n)] = [f32::NAN, -f32::NAN, f32::NEG_INFINITY, -0.0][random.below(4)];
        }
        if random.below(20) == 0 {
            logits[random.below(n)] = f32::INFINITY;
        }
    }
    logits
}

#[test]
fn every_sample_matches_the_reference() {
    let mut random = Random(1);
    let (mut none, mut rare) = (0, 0);
    for temperature in [0.0, 1e-6, 0.3, 1.0, 4.0] {
        for top_k in [0, 1, 2, 40, 100_000, usize::MAX] {
            for top_p in [1e-6, 0.5, 0.95, 1.0] {
                for min_p in [0.0, 0.02, 1.0] {
                    for (repetition_penalty, repetition_window) in [(1.0, 64), (1.3, 64), (0.7, 2), (1.3, 0)]
                    {
                        let seed = random.below(1 << 30) as u64;
                        let options = SampleOptions {
                            temperature,
                            top_k,
                            top_p,
                            min_p,
                            repetition_penalty,
                            repetition_window,
                            seed,
                            ..SampleOptions::GREEDY
                        };
                        let mut sampler = Sampler::new(options).unwrap();
                        let mut oracle = Oracle { options, state: seed };
                        let mut before = vec![3, 3, 9000];
                        for _ in 0..12 {
                            let logits = random_logits(&mut random);
                            let expected = oracle.choose(&logits, &before);
                            assert_eq!(sampler.sample(&logits, &before), expected, "{options:?} {logits:?}");
                            none += usize::from(expected.is_none());
                            rare += usize::from(expected.is_some() && expected != argmax(&logits));
                            before.extend(expected);
                        }
                    }
                }
            }
        }
    }
    assert!(none > 500 && rare > 500, "{none} {rare}: both happened");
}

#[test]
fn large_flat_vocabularies_match_the_reference() {
    // Sums over so many weights round at every step, so another order of addition would be detected.
    let mut random = Random(2);
    for (top_p, temperature, width) in
        [(1.0, 1.0, 25.0), (0.9, 1.0, 4.0), (0.999, 0.6, 30.0), (1.0, 1.5, 1.0)]
    {
        let logits: Vec<f32> = (0..40_000).map(|_| random.unit() * width).collect();
        let options = SampleOptions { top_p, temperature, seed: 9, ..PLAIN };
        let (mut sampler, mut oracle) = (Sampler::new(options).unwrap(), Oracle { options, state: 9 });
        for _ in 0..5 {
            assert_eq!(sampler.sample(&logits, &[]), oracle.choose(&logits, &[]), "{options:?}");
        }
    }
    // Weights above 2^-24 change a sum in f32 and must count; smaller ones cannot.
    for (tail, counts) in [(-16.6, true), (-16.7, false)] {
        let mut logits = vec![tail; 100_000];
        logits[500] = 0.0;
        let options = SampleOptions { seed: 10, ..PLAIN };
        let (mut sampler, mut oracle) = (Sampler::new(options).unwrap(), Oracle { options, state: 10 });
        let mut chosen = 0;
        for _ in 0..300 {
            let token = oracle.choose(&logits, &[]);
            assert_eq!(sampler.sample(&logits, &[]), token);
            chosen += usize::from(token != Some(500));
        }
        assert_eq!(chosen > 0, counts, "{tail}: {chosen} of 300");
    }
}

#[test]
fn argmax_is_the_first_of_the_largest_numbers() {
    let mut random = Random(3);
    for round in 0..5000 {
        let mut logits: Vec<f32> = (0..round % 700).map(|_| random.below(30) as f32 - 20.0).collect();
        for _ in 0..random.below(4) * logits.len() / 4 {
            let n = logits.len();
            logits[random.below(n)] = [f32::NAN, -f32::NAN, f32::NEG_INFINITY, 9.5][random.below(4)];
        }
        let mut best: Option<(f32, u32)> = None;
        for (&l, token) in logits.iter().zip(0..) {
            if !l.is_nan() && best.is_none_or(|b| l > b.0) {
                best = Some((l, token));
            }
        }
        let expected = best.filter(|b| b.0.is_finite()).map(|b| b.1);
        assert_eq!(argmax(&logits), expected, "{logits:?}");
    }
    for none in [&[][..], &[f32::NAN; 70], &[f32::NEG_INFINITY; 70], &[1.0, f32::INFINITY]] {
        assert_eq!(argmax(none), None);
    }
}

#[test]
fn sample_token_matches_sampler() {
    let mut random = Random(4);
    for options in [PLAIN, SampleOptions { top_k: 5, seed: 8, ..PLAIN }, SampleOptions::GREEDY] {
        let mut chooses = Sampler::new(options).unwrap();
        let (mut draws, mut candidates) = (chooses.clone(), Vec::new());
        assert!(draws.is_plain());
        assert_eq!(draws.is_greedy(), options.temperature == 0.0);
        for _ in 0..50 {
            let logits: Vec<f32> = (0..100).map(|_| random.unit() * 3.0).collect();
            let next = draws.next_params();
            assert!((0.0..1.0).contains(&next.uniform));
            assert_eq!(
                sample_token(&logits, &next, &mut candidates),
                chooses.sample(&logits, &[]),
                "{next:?}"
            );
        }
    }
    assert!(Sampler::new(SampleOptions { top_k: 1, ..PLAIN }).unwrap().is_greedy());
    let penalty = SampleOptions { repetition_penalty: 1.1, ..PLAIN };
    assert!(!Sampler::new(penalty).unwrap().is_plain());
}

#[test]
fn invalid_sampling_params_do_not_panic() {
    let plain = SamplingParams { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, uniform: 0.5 };
    let odd = [f32::NAN, f32::INFINITY, -1.0, 1e-45, f32::MAX];
    for x in odd {
        for params in [
            SamplingParams { temperature: x, ..plain },
            SamplingParams { top_p: x, ..plain },
            SamplingParams { min_p: x, ..plain },
            SamplingParams { uniform: x, ..plain },
        ] {
            let token = sample_token(&[1.0, f32::MAX, -f32::MAX], &params, &mut Vec::new());
            assert!(token.is_none_or(|token| token < 3), "{params:?}: {token:?}");
        }
    }
}

#[test]
fn sequences_of_a_request_differ_and_are_reproducible() {
    let logits = [0.0; 1000];
    let tokens = |mut sampler: Sampler| -> Vec<u32> {
        (0..30).map(|_| sampler.sample(&logits, &[]).unwrap()).collect()
    };
    let sampler = |seed| Sampler::new(SampleOptions { seed, ..PLAIN }).unwrap();
    assert_eq!(tokens(sampler(1).for_sequence(0)), tokens(sampler(1)));
    assert_eq!(tokens(sampler(1).for_sequence(3)), tokens(sampler(1).for_sequence(3)));
    // No sequence equals another one or a shifted part of it.
    let golden = 0x9e37_79b9_7f4a_7c15u64;
    let seeds = [0, 1, golden, golden.wrapping_mul(2)];
    let all: Vec<Vec<u32>> = seeds
        .iter()
        .flat_map(|&seed| (1..6).map(move |i| (seed, i)))
        .map(|(s, i)| tokens(sampler(s).for_sequence(i)))
        .collect();
    for (i, a) in all.iter().enumerate() {
        for b in all[..i].iter().chain([&tokens(sampler(1))]) {
            assert!((0..20).all(|shift| a[shift..shift + 10] != b[..10] && b[shift..shift + 10] != a[..10]));
        }
    }
}

#[test]
fn bias_is_applied_first() {
    let biased = |options, bias: &[(u32, f32)]| Sampler::new(options).unwrap().with_bias(bias.to_vec());
    let mut sampler = biased(SampleOptions::GREEDY, &[(1, 1.5), (7, 100.0), (1, 1.0)]);
    assert!(!sampler.is_plain() && sampler.is_greedy());
    assert_eq!(
        sampler.sample(&[2.0, 0.0], &[]),
        Some(1),
        "biases of one token add up, unknown ones are ignored"
    );
    let penalty = SampleOptions { repetition_penalty: 2.0, ..SampleOptions::GREEDY };
    // (1 + 4) / 2 is below 3, 1 / 2 + 4 is not.
    assert_eq!(biased(penalty, &[(0, 4.0)]).sample(&[1.0, 3.0], &[0]), Some(1));
    let mut never = biased(PLAIN, &[(0, f32::NEG_INFINITY)]);
    assert!((0..200).all(|_| never.sample(&[9.0, 0.0, 0.0], &[]) != Some(0)));
}

/// Requires ascending tokens.
struct Ascending {
    least: usize,
}

impl TokenMask for Ascending {
    fn apply(&mut self, logits: &mut [f32]) {
        let least = self.least.min(logits.len());
        logits[..least].fill(f32::NEG_INFINITY);
    }

    fn accept(&mut self, token: u32) {
        self.least = token as usize + 1;
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(Self { least: self.least })
    }
}

#[test]
fn masks_restrict_tokens() {
    let ascending = |options| Sampler::new(options).unwrap().with_mask(Box::new(Ascending { least: 1 }));
    let mut sampler = ascending(SampleOptions::GREEDY);
    assert!(!sampler.is_plain());
    let logits = [9.0, 2.0, 5.0, 3.0];
    assert_eq!(sampler.sample(&logits, &[]), Some(2));
    // A fork continues from the state of its original, and both are independent.
    let mut fork = sampler.for_sequence(1);
    for sampler in [&mut sampler, &mut fork] {
        assert_eq!(sampler.sample(&logits, &[]), Some(3));
        assert_eq!(sampler.sample(&logits, &[]), None);
    }
    // Neither bias nor penalty can allow a masked token.
    let odd = SampleOptions { repetition_penalty: 0.5, ..PLAIN };
    let mut sampler = ascending(odd).with_bias(vec![(0, 1000.0)]);
    let mut before = vec![];
    while let Some(token) = sampler.sample(&[0.0; 50], &before) {
        assert!(token > before.last().copied().unwrap_or(0));
        before.push(token);
    }
    assert_eq!(before.last(), Some(&49));
}

#[test]
fn generated_tokens_are_penalized_by_count_and_presence() {
    let logits = [4.0, 3.5, 2.0];
    let tokens = |frequency_penalty, presence_penalty, count: usize| {
        let options = SampleOptions { frequency_penalty, presence_penalty, ..SampleOptions::GREEDY };
        let mut sampler = Sampler::new(options).unwrap();
        assert!(!sampler.is_plain());
        // The prompt does not count.
        (0..count).map(|_| sampler.sample(&logits, &[0, 0, 0]).unwrap()).collect::<Vec<u32>>()
    };
    // 4, 3.5 | 3, 3.5 | 3, 2.5 | 2, 2.5, 2 | 2, 1.5, 2 | 1, 1.5, 2
    assert_eq!(tokens(1.0, 0.0, 6), [0, 1, 0, 1, 0, 2]);
    // Once for each token: 4 and 3.5 become 2 and 1.5, then 2 becomes 0.
    assert_eq!(tokens(0.0, 2.0, 5), [0, 1, 0, 0, 0]);
    assert_eq!(tokens(0.0, -1.0, 3), [0, 0, 0]);
    for (frequency_penalty, presence_penalty) in [(2.1, 0.0), (0.0, -2.1), (f32::NAN, 0.0)] {
        let options = SampleOptions { frequency_penalty, presence_penalty, ..SampleOptions::GREEDY };
        let refused = Sampler::new(options);
        assert!(matches!(refused, Err(RuntimeError::OutOfRange { expected: "-2 to 2", .. })));
    }
    // A sequence that forks begins with the counts of its original.
    let options = SampleOptions { frequency_penalty: 1.0, ..SampleOptions::GREEDY };
    let mut sampler = Sampler::new(options).unwrap();
    assert_eq!(sampler.sample(&logits, &[]), Some(0));
    assert_eq!(sampler.clone().sample(&logits, &[]), Some(1));
}
