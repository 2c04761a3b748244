//! Conversion of the divisors of rotary frequencies in a GGUF file (`rope_freqs.weight`) to the scaling rule
//! of transformers that gives the same frequencies.
//!
//! Source of the rule: `_compute_llama3_parameters` in `modeling_rope_utils.py` of huggingface/transformers;
//! of the divisors: `LlamaModel.generate_extra_tensors` in `convert_hf_to_gguf.py` of llama.cpp.

use ecq_runtime::arch::{Rope, Scaling};
use std::f64::consts::TAU;

/// Largest relative difference of equal frequencies; the divisors were computed in single precision.
const NEAR: f64 = 3e-5;
/// Low and high frequency factors of Llama 3, preferred where other factors give the same frequencies.
const LOW: f64 = 1.0;
const HIGH: f64 = 4.0;

/// Returns the rule that gives `divisors`; `None` where transformers has none.
pub(super) fn scaling_of(divisors: &[f32], theta: f64) -> Option<Scaling> {
    let dim = 2 * divisors.len();
    let exact = Rope { theta, dim, scaling: Scaling::Divisors(divisors.to_vec()) }.frequencies(1).0;
    let gives = |scaling: &Scaling| {
        let found = Rope { theta, dim, scaling: scaling.clone() }.frequencies(1).0;
        found
            .iter()
            .zip(&exact)
            .all(|(found, exact)| (f64::from(*found) / f64::from(*exact) - 1.0).abs() < NEAR)
    };
    let factor = divisors.iter().fold(1.0, |most: f64, &d| most.max(f64::from(d)));
    let of_original = |original| Scaling::Llama3 { factor, original, low: LOW, high: HIGH };
    let usual = (8..=20).rev().map(|power| of_original(1 << power));
    let simple = [Scaling::Default, Scaling::Linear { factor }].into_iter().chain(usual);
    simple.chain(fitted(divisors, theta, factor)).find(gives)
}

/// Returns the rule through the first and the last frequency that are divided in part.
fn fitted(divisors: &[f32], theta: f64, factor: f64) -> Option<Scaling> {
    let dim = 2.0 * divisors.len() as f64;
    // The part of a frequency that is kept is linear in its turns per position: share = slope * turns -
    // offset.
    let points: Vec<(f64, f64)> = divisors
        .iter()
        .enumerate()
        .map(|(i, &d)| {
            let turns = theta.powf(-2.0 * i as f64 / dim) / TAU;
            (turns, (1.0 / f64::from(d) - 1.0 / factor) / (1.0 - 1.0 / factor))
        })
        .filter(|(_, share)| (1e-4..1.0 - 1e-4).contains(share))
        .collect();
    let ((first, most), (last, least)) = (points.first()?, points.last().filter(|_| points.len() > 1)?);
    let slope = (most - least) / (first - last);
    let offset = slope * first - most;
    if !(slope > 0.0 && offset > 0.0 && slope.is_finite()) {
        return None;
    }
    // One number is free: the context is an integer, and the low factor near one.
    let original = (slope / offset).round().clamp(1.0, f64::from(1u32 << 30));
    let low = offset * original / slope;
    Some(Scaling::Llama3 { factor, original: original as usize, low, high: low + original / slope })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Divisors as the converter computes them.
    fn divisors(theta: f64, dim: usize, [factor, low, high, original]: [f64; 4]) -> Vec<f32> {
        let one = |i: usize| {
            let wavelength = TAU * theta.powf(2.0 * i as f64 / dim as f64);
            if wavelength < original / high {
                1.0
            } else if wavelength > original / low {
                factor as f32
            } else {
                let smooth = (original / wavelength - low) / (high - low);
                (1.0 / ((1.0 - smooth) / factor + smooth)) as f32
            }
        };
        (0..dim / 2).map(one).collect()
    }

    #[test]
    fn the_factors_of_llama_3_follow_from_its_divisors() {
        for (dim, factor) in [(128, 8.0), (64, 32.0)] {
            let found = scaling_of(&divisors(5e5, dim, [factor, 1.0, 4.0, 8192.0]), 5e5);
            assert_eq!(found, Some(Scaling::Llama3 { factor, original: 8192, low: 1.0, high: 4.0 }));
        }
    }

    #[test]
    fn other_numbers_give_the_same_frequencies() {
        for (theta, dim, rule) in [
            (1e4, 64, [4.0, 1.0, 4.0, 5000.0]),
            (1e6, 128, [16.0, 2.0, 6.0, 4096.0]),
            (1e4, 32, [8.0, 1.0, 32.0, 100.0]),
        ] {
            let all = divisors(theta, dim, rule);
            let found = scaling_of(&all, theta).unwrap();
            let of = |scaling| Rope { theta, dim, scaling }.frequencies(1).0;
            for (a, b) in of(found).iter().zip(of(Scaling::Divisors(all))) {
                assert!((a / b - 1.0).abs() < NEAR as f32, "{rule:?}");
            }
        }
    }

    #[test]
    fn equal_divisors_are_linear_scaling() {
        assert_eq!(scaling_of(&[1.0; 8], 1e4), Some(Scaling::Default));
        assert_eq!(scaling_of(&[4.0; 8], 1e4), Some(Scaling::Linear { factor: 4.0 }));
    }

    #[test]
    fn divisors_of_no_rule_are_refused() {
        assert_eq!(scaling_of(&[1.0, 1.0, 1.0, 1.5, 2.0, 4.0, 8.0, 8.0], 1e4), None);
        assert_eq!(scaling_of(&[8.0, 4.0, 2.0, 1.0], 1e4), None);
        assert_eq!(scaling_of(&[f32::NAN; 4], 1e4), None);
        assert_eq!(scaling_of(&[0.0, 1.0], 1e4), None);
    }
}
