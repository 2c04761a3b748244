//! How far two tensors of weights are from each other.

use crate::error::Result;
use crate::report::finite;
use ecq_quant::Weights;
use rayon::prelude::*;
use serde::Serialize;

/// Weights that a thread reads at a time.
const BLOCK_WEIGHTS: usize = 1 << 16;

/// Sums over the weights of two tensors, or of several pairs of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sums {
    /// Squares of the weights of the reference.
    reference: f64,
    /// Squares of the other weights.
    other: f64,
    /// Squares of the differences.
    noise: f64,
    /// Variance of the inner product, were the weights unrelated.
    chance: f64,
}

impl Sums {
    /// Compares two tensors of one shape.
    pub(crate) fn of(reference: &dyn Weights, other: &dyn Weights) -> Result<Self> {
        let [rows, cols] = reference.shape();
        let step = (BLOCK_WEIGHTS / cols.max(1)).max(1);
        let starts: Vec<usize> = (0..rows).step_by(step).collect();
        let blocks = starts.par_iter().map(|&start| -> Result<Self> {
            let range = start..rows.min(start + step);
            let (mut a, mut b) = (vec![0f32; range.len() * cols], vec![0f32; range.len() * cols]);
            reference.read(range.clone(), &mut a)?;
            other.read(range, &mut b)?;
            let mut sums = Self::default();
            for (a, b) in a.iter().zip(&b).map(|(a, b)| (f64::from(*a), f64::from(*b))) {
                sums.reference += a * a;
                sums.other += b * b;
                sums.noise += (a - b) * (a - b);
            }
            Ok(sums)
        });
        let mut total = Self::default();
        blocks.collect::<Result<Vec<_>>>()?.into_iter().for_each(|block| total.add(block));
        total.chance = total.reference * total.other / (rows * cols).max(1) as f64;
        Ok(total)
    }

    pub(crate) fn add(&mut self, sums: Self) {
        self.reference += sums.reference;
        self.other += sums.other;
        self.noise += sums.noise;
        self.chance += sums.chance;
    }

    /// Whether the weights have no more in common than chance gives: then one is not made of the other,
    /// however coarsely. Zeros alone tell nothing.
    pub(crate) fn is_unrelated(&self) -> bool {
        let inner = 0.5 * (self.reference + self.other - self.noise);
        self.chance > 0.0 && inner < DEVIATIONS * self.chance.sqrt()
    }

    /// Cosine of the angle between the weights.
    pub(crate) fn cosine(&self) -> f64 {
        0.5 * (self.reference + self.other - self.noise) / (self.reference * self.other).sqrt()
    }

    pub(crate) fn error(&self) -> WeightError {
        WeightError {
            relative_error: finite((self.noise / self.reference).sqrt()),
            sqnr_db: (self.noise > 0.0)
                .then(|| finite(10.0 * (self.reference / self.noise).log10()))
                .flatten(),
        }
    }
}

/// Standard deviations of chance that related weights pass by far, and unrelated ones never.
const DEVIATIONS: f64 = 6.0;

/// How far weights are from those of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct WeightError {
    /// Root of the squared differences over the squared weights; absent where the reference is zero.
    pub relative_error: Option<f64>,
    /// The same in decibels, signal to noise; absent without noise.
    pub sqnr_db: Option<f64>,
}

/// A key that orders names by the numbers in them: block 2 before block 10.
pub(crate) fn layer_order(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (words, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        // More digits than a number has are as good as the largest.
        parts.push((words.to_owned(), tail[..end].parse().unwrap_or(u64::MAX)));
        rest = &tail[end..];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecq_core::FloatType;
    use ecq_quant::Floats;

    fn sums(a: &[f32], b: &[f32]) -> Sums {
        let (x, y): (Vec<u8>, Vec<u8>) = (
            a.iter().flat_map(|w| w.to_le_bytes()).collect(),
            b.iter().flat_map(|w| w.to_le_bytes()).collect(),
        );
        let floats = |bytes| Floats::new(FloatType::F32, [a.len() / 64, 64], bytes).unwrap();
        Sums::of(&floats(&x), &floats(&y)).unwrap()
    }

    #[test]
    fn coarse_weights_are_related_and_others_are_not() {
        let mut numbers = ecq_fixtures::Numbers::new(7);
        let mut normal = || (0..4096).map(|_| numbers.normal()).collect::<Vec<f32>>();
        let (a, b) = (normal(), normal());
        // One bit a weight, and less: all but the largest weights are zero.
        let signs: Vec<f32> = a.iter().map(|w| w.signum()).collect();
        let sparse: Vec<f32> = a.iter().map(|w| if w.abs() > 2.5 { 9.0 * w } else { 0.0 }).collect();
        assert!(!sums(&a, &signs).is_unrelated() && !sums(&a, &sparse).is_unrelated());
        assert!(sums(&a, &sparse).error().sqnr_db.unwrap() < 0.0, "noise above the signal");
        assert!(sums(&a, &b).is_unrelated());
        assert!(!sums(&a, &vec![0.0; 4096]).is_unrelated(), "zeros tell nothing");
        let same = sums(&a, &a).error();
        assert_eq!((same.relative_error, same.sqnr_db), (Some(0.0), None));
    }

    #[test]
    fn names_are_ordered_as_layers_are() {
        let mut names = ["m.layers.10.q", "m.layers.2.q", "m.embed", "m.layers.2.k", "m.norm"];
        names.sort_by_key(|name| layer_order(name));
        assert_eq!(names, ["m.embed", "m.layers.2.k", "m.layers.2.q", "m.layers.10.q", "m.norm"]);
    }
}
