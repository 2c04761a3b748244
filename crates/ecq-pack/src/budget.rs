//! A budget of bits for matrices that are quantized one after another.
//!
//! During sequential quantization, inputs come from quantized matrices and are noisier than during the
//! collection of statistics, so matrices take other numbers of bits than estimated. A matrix cannot be
//! quantized again later, because the corrections of the following ones compensate its actual errors. So the
//! steps of the remaining matrices follow the bits that the previous ones took.

use std::collections::{BTreeMap, HashMap};

/// Ratio of actual to estimated bits that is assumed before the first matrix: inputs from quantized matrices
/// and side data take more, several frequency tables take less.
const INITIAL_OVERRUN: f64 = 0.98;
/// Weight of the initial ratio, for roles that have no matrix yet: this fraction of all expected bits.
const INITIAL_WEIGHT: f64 = 0.05;
/// Factor by which the weight of earlier matrices of a role decays with each further one: a block is most
/// similar to the block just before it.
const DECAY: f64 = 0.5;
/// Largest change of steps from their initial values, in octaves.
const MAX_OCTAVES: f64 = 1.0;
/// Fraction of the last matrix that is left unspent, because its size is planned before it is encoded.
const LAST_MARGIN: f64 = 0.002;

/// The estimated bits of a matrix as a function of its step sizes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ExpectedBits {
    /// The role of the matrix in its block; matrices of one role have similar errors of their estimates.
    pub(crate) role: String,
    /// The initial factor of the relative steps.
    pub(crate) factor: f64,
    /// Estimated bits at `factor`.
    pub(crate) bits: f64,
    /// Decrease of the bits if the factor doubles.
    pub(crate) bits_per_octave: f64,
}

/// The bits that a set of matrices may take together, and the matrices that are not quantized yet.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    /// By tensor index.
    remaining: BTreeMap<usize, ExpectedBits>,
    max_bits: f64,
    /// Fraction of `max_bits` that may remain unspent.
    tolerance: f64,
    spent: f64,
    /// Decaying sums of actual and of expected bits, by role.
    by_role: HashMap<String, [f64; 2]>,
    /// Sums over all roles.
    overall: [f64; 2],
}

/// What is left for the last matrix of a budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LastMatrix {
    /// The bits that it should take.
    pub(crate) bits: f64,
    /// The expected decrease of its bits if its factor doubles.
    pub(crate) bits_per_octave: f64,
}

impl Budget {
    /// Makes a budget of at most `max_bits` bits and at least `(1 - tolerance) * max_bits`.
    pub(crate) fn new(remaining: BTreeMap<usize, ExpectedBits>, max_bits: f64, tolerance: f64) -> Self {
        let expected = INITIAL_WEIGHT * remaining.values().map(|matrix| matrix.bits).sum::<f64>();
        let overall = [INITIAL_OVERRUN * expected.max(1.0), expected.max(1.0)];
        Self { remaining, max_bits, tolerance, spent: 0.0, by_role: HashMap::new(), overall }
    }

    /// Returns whether tensor `index` belongs to the budget and is not quantized yet.
    pub(crate) fn contains(&self, index: usize) -> bool {
        self.remaining.contains_key(&index)
    }

    /// Returns the ratio of actual to expected bits of a role so far.
    fn overrun(&self, role: &str) -> f64 {
        let [actual, expected] = self.by_role.get(role).unwrap_or(&self.overall);
        actual / expected
    }

    /// Returns the octaves by which the steps of the remaining matrices differ from their initial values.
    pub(crate) fn step_octaves(&self) -> f64 {
        let sum = |value: fn(&ExpectedBits) -> f64| -> f64 {
            self.remaining.values().map(|matrix| self.overrun(&matrix.role) * value(matrix)).sum()
        };
        let rest = self.max_bits * (1.0 - 0.5 * self.tolerance) - self.spent;
        // Matrices of zeros take the same bits at any step, so the divisor has a lower bound.
        let per_octave = sum(|matrix| matrix.bits_per_octave).max(1.0);
        ((sum(|matrix| matrix.bits) - rest) / per_octave).clamp(-MAX_OCTAVES, MAX_OCTAVES)
    }

    /// Returns the factor of the relative steps for matrix `index`; `None` if it is not in the budget.
    pub(crate) fn factor(&self, index: usize) -> Option<f64> {
        Some(self.remaining.get(&index)?.factor * self.step_octaves().exp2())
    }

    /// Returns what is left for matrix `index` if it is the last one.
    pub(crate) fn last(&self, index: usize) -> Option<LastMatrix> {
        let matrix = self.remaining.get(&index).filter(|_| self.remaining.len() == 1)?;
        let left = self.max_bits * (1.0 - 0.5 * self.tolerance) - self.spent;
        let bits_per_octave = (self.overrun(&matrix.role) * matrix.bits_per_octave).max(1.0);
        Some(LastMatrix { bits: (1.0 - LAST_MARGIN) * left, bits_per_octave })
    }

    /// Records that matrix `index` takes `bits` at `factor`.
    pub(crate) fn record(&mut self, index: usize, factor: f64, bits: f64) {
        let Some(matrix) = self.remaining.remove(&index) else { return };
        let saved = matrix.bits_per_octave * (factor / matrix.factor).log2();
        let found = [bits, (matrix.bits - saved).max(1.0)];
        let of_role = self.by_role.entry(matrix.role).or_default();
        for i in 0..2 {
            of_role[i] = DECAY * of_role[i] + found[i];
            // All roles together do not decay: small matrices deviate the most and must not outweigh large
            // ones.
            self.overall[i] += found[i];
        }
        self.spent += bits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(max_bits: f64, count: usize) -> Budget {
        let expected = |i: usize| ExpectedBits {
            role: ["q", "down"][i % 2].to_owned(),
            factor: 0.1,
            bits: [100.0, 300.0][i % 2],
            bits_per_octave: [40.0, 90.0][i % 2],
        };
        Budget::new((0..count).map(|i| (i, expected(i))).collect(), max_bits, 0.001)
    }

    /// Returns the actual bits of a matrix: they differ from the estimate, and more so in deeper blocks.
    fn actual_bits(i: usize, factor: f64) -> f64 {
        let octaves = (factor / 0.1).log2();
        (1.0 + 0.0015 * i as f64) * [97.0 - 37.0 * octaves, 305.0 - 99.0 * octaves][i % 2]
    }

    #[test]
    fn later_matrices_compensate_the_overrun_of_earlier_ones() {
        let cases = [(8000.0, 40), (7000.0, 40), (9500.0, 40), (420.0, 2), (110.0, 1), (75.0, 1)];
        for (max_bits, count) in cases {
            let mut budget = budget(max_bits, count);
            let (mut total, mut factors) = (0.0, Vec::new());
            for i in 0..count {
                let last = budget.last(i);
                assert_eq!(last.is_some(), i + 1 == count);
                let factor = budget.factor(i).unwrap();
                // The last matrix takes what it is given.
                let bits = last.map_or_else(|| actual_bits(i, factor), |last| last.bits);
                budget.record(i, factor, bits);
                total += bits;
                factors.push(factor);
                assert!(!budget.contains(i));
            }
            // The margin of the last matrix matters if there are few.
            let least = if count > 2 { 0.999 } else { (1.0 - LAST_MARGIN) * 0.999 };
            assert!((least * max_bits..=max_bits).contains(&total), "{total} of {max_bits}");
            // Nothing is known of a role before its first matrix, which is not quantized again.
            let known = if count > 2 { &factors[2..] } else { &factors[..] };
            let (least, largest) = known.iter().fold((f64::MAX, 0f64), |(l, h), &f| (l.min(f), h.max(f)));
            assert!(largest / least < 1.3, "{factors:?}");
        }
    }

    #[test]
    fn matrices_of_zeros_have_a_finite_factor() {
        let zeros = ExpectedBits { role: "q".to_owned(), factor: 0.1, bits: 0.0, bits_per_octave: 0.0 };
        let mut budget = Budget::new(BTreeMap::from([(0, zeros.clone()), (1, zeros)]), 10.0, 0.001);
        for i in 0..2 {
            let factor = budget.factor(i).unwrap();
            assert!(factor.is_finite() && factor > 0.0, "{factor}");
            budget.record(i, factor, 0.0);
        }
    }
}
