//! Differences between the weights of two tensors.

use crate::error::Result;
use crate::report::finite;
use ecq_quant::{RowBlocks, Weights};
use rayon::prelude::*;
use serde::Serialize;

/// Sums over the weights of a pair of tensors, or of several pairs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct ErrorSums {
    /// Sum of squared weights of the reference.
    reference: f64,
    /// Sum of squared weights of the other tensor.
    other: f64,
    /// Sum of squared differences.
    noise: f64,
    /// Variance that the inner product would have if the weights were independent.
    inner_variance: f64,
}

impl ErrorSums {
    /// Compares two tensors of the same shape.
    pub(crate) fn of(reference: &dyn Weights, other: &dyn Weights) -> Result<Self> {
        let [rows, cols] = reference.shape();
        let blocks = RowBlocks::new([rows, cols]);
        let sums = (0..blocks.count()).into_par_iter().map(|index| -> Result<Self> {
            let range = blocks.range(index);
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
        sums.collect::<Result<Vec<_>>>()?.into_iter().for_each(|block| total.add(block));
        total.inner_variance = total.reference * total.other / (rows * cols).max(1) as f64;
        Ok(total)
    }

    pub(crate) fn add(&mut self, sums: Self) {
        self.reference += sums.reference;
        self.other += sums.other;
        self.noise += sums.noise;
        self.inner_variance += sums.inner_variance;
    }

    /// Returns whether the weights correlate no more than independent ones would: then neither is a
    /// quantization of the other, however coarse. A tensor of zeros is never unrelated.
    pub(crate) fn is_unrelated(&self) -> bool {
        self.inner_variance > 0.0 && self.inner_product() < UNRELATED_DEVIATIONS * self.inner_variance.sqrt()
    }

    fn inner_product(&self) -> f64 {
        0.5 * (self.reference + self.other - self.noise)
    }

    /// Returns the cosine of the angle between the weights.
    pub(crate) fn cosine(&self) -> f64 {
        self.inner_product() / (self.reference * self.other).sqrt()
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

/// Standard deviations of the inner product below which weights count as unrelated.
const UNRELATED_DEVIATIONS: f64 = 6.0;

/// The difference between weights and those of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct WeightError {
    /// Root of the ratio of squared differences to squared weights; absent if the reference is zero.
    pub relative_error: Option<f64>,
    /// Signal to noise ratio in decibels; absent without noise.
    pub sqnr_db: Option<f64>,
}

/// Returns a sort key that compares numbers in names by value: block 2 before block 10.
pub(crate) fn layer_order(name: &str) -> Vec<(String, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (words, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
        // A number that overflows sorts last.
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

    fn sums(a: &[f32], b: &[f32]) -> ErrorSums {
        let (x, y): (Vec<u8>, Vec<u8>) = (
            a.iter().flat_map(|w| w.to_le_bytes()).collect(),
            b.iter().flat_map(|w| w.to_le_bytes()).collect(),
        );
        let floats = |bytes| Floats::new(FloatType::F32, [a.len() / 64, 64], bytes).unwrap();
        ErrorSums::of(&floats(&x), &floats(&y)).unwrap()
    }

    #[test]
    fn coarsely_quantized_weights_are_related_and_independent_ones_are_not() {
        let mut numbers = ecq_fixtures::Numbers::new(7);
        let mut normal = || (0..4096).map(|_| numbers.normal()).collect::<Vec<f32>>();
        let (a, b) = (normal(), normal());
        // One bit per weight, and less: all but the largest weights are zero.
        let signs: Vec<f32> = a.iter().map(|w| w.signum()).collect();
        let sparse: Vec<f32> = a.iter().map(|w| if w.abs() > 2.5 { 9.0 * w } else { 0.0 }).collect();
        assert!(!sums(&a, &signs).is_unrelated() && !sums(&a, &sparse).is_unrelated());
        assert!(sums(&a, &sparse).error().sqnr_db.unwrap() < 0.0, "the noise exceeds the signal");
        assert!(sums(&a, &b).is_unrelated());
        assert!(!sums(&a, &vec![0.0; 4096]).is_unrelated(), "zeros are never unrelated");
        let same = sums(&a, &a).error();
        assert_eq!((same.relative_error, same.sqnr_db), (Some(0.0), None));
    }

    #[test]
    fn names_sort_by_the_numbers_in_them() {
        let mut names = ["m.layers.10.q", "m.layers.2.q", "m.embed", "m.layers.2.k", "m.norm"];
        names.sort_by_key(|name| layer_order(name));
        assert_eq!(names, ["m.embed", "m.layers.2.k", "m.layers.2.q", "m.layers.10.q", "m.norm"]);
    }
}
