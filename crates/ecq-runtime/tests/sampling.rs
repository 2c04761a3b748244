//! What each option leaves to chance, and what not.

use ecq_runtime::{RuntimeError, SampleOptions, Sampler};
use std::collections::BTreeMap;

const PLAIN: SampleOptions = SampleOptions { temperature: 1.0, ..SampleOptions::GREEDY };

/// How often each token is chosen of 20,000 times.
fn frequencies(options: SampleOptions, logits: &[f32]) -> BTreeMap<u32, f64> {
    let mut sampler = Sampler::new(options).unwrap();
    let mut counts = BTreeMap::new();
    for _ in 0..20_000 {
        *counts.entry(sampler.choose(logits, &[]).unwrap()).or_insert(0.0) += 1.0 / 20_000.0;
    }
    counts
}

#[test]
fn tokens_come_as_often_as_their_probability() {
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
fn greedy_takes_the_first_of_the_best_and_the_penalty_moves_it() {
    let mut greedy = Sampler::new(SampleOptions::GREEDY).unwrap();
    assert_eq!(greedy.choose(&[1.0, 3.0, 3.0, f32::NAN], &[]), Some(1));
    assert_eq!(greedy.choose(&[-1.0, -3.0], &[]), Some(0));
    assert_eq!(greedy.choose(&[f32::NAN; 3], &[]), None);
    assert_eq!(greedy.choose(&[f32::NEG_INFINITY; 3], &[]), None);
    assert_eq!(greedy.choose(&[], &[]), None);
    let penalty = SampleOptions { repetition_penalty: 2.0, repetition_window: 2, ..SampleOptions::GREEDY };
    let mut sampler = Sampler::new(penalty).unwrap();
    assert_eq!(sampler.choose(&[3.0, 2.0], &[0]), Some(1));
    assert_eq!(sampler.choose(&[3.0, 2.0], &[0, 5, 6]), Some(0), "out of the window");
    assert_eq!(sampler.choose(&[-1.0, -1.5], &[0]), Some(1), "negative logits move down too");
}

#[test]
fn a_seed_is_a_sequence() {
    let logits: Vec<f32> = (0..50).map(|i| (i as f32).sin()).collect();
    let sequence = |seed| {
        let mut sampler = Sampler::new(SampleOptions { seed, ..PLAIN }).unwrap();
        (0..20).map(|_| sampler.choose(&logits, &[]).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(sequence(1), sequence(1));
    assert_ne!(sequence(1), sequence(2));
}

#[test]
fn options_out_of_range_are_named() {
    let cases = [
        ("temperature", SampleOptions { temperature: -1.0, ..PLAIN }),
        ("temperature", SampleOptions { temperature: f32::NAN, ..PLAIN }),
        ("top-p", SampleOptions { top_p: 0.0, ..PLAIN }),
        ("min-p", SampleOptions { min_p: 1.5, ..PLAIN }),
        ("repetition penalty", SampleOptions { repetition_penalty: 0.0, ..PLAIN }),
    ];
    for (name, options) in cases {
        assert!(
            matches!(Sampler::new(options), Err(RuntimeError::Sampling { option, .. }) if option == name),
            "{name}"
        );
    }
}
