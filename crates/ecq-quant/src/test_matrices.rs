//! Matrices, and measures of quantized ones, for the unit tests of this crate.

use crate::{QuantizedMatrix, RateModel};

/// The rate model of an ideal coder with one table, and 24 bits per outlier.
pub(crate) struct Entropy;

impl RateModel for Entropy {
    fn code_bits(&self, counts: &[f64]) -> f64 {
        let total: f64 = counts.iter().sum();
        counts.iter().filter(|&&n| n > 0.0).map(|&n| n * (total / n).log2()).sum()
    }

    fn outlier_bits(&self) -> f64 {
        24.0
    }
}

/// Returns sums of three uniform numbers.
pub(crate) fn noise(n: usize, mut state: u64) -> Vec<f32> {
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..n).map(|_| next() + next() + next()).collect()
}

/// Returns the little-endian bytes of weights.
pub(crate) fn bytes(weights: &[f32]) -> Vec<u8> {
    weights.iter().flat_map(|w| w.to_le_bytes()).collect()
}

/// Returns the Hessian of inputs each of which correlates with the one before it.
pub(crate) fn correlated_hessian(cols: usize) -> Vec<f32> {
    let samples = noise(4 * cols * cols, 7);
    let mut hessian = vec![0.0; cols * cols];
    for x in samples.chunks_exact(cols) {
        let mut x = x.to_vec();
        for i in 1..cols {
            x[i] += 0.8 * x[i - 1];
        }
        for i in 0..cols {
            for k in 0..cols {
                hessian[i * cols + k] += x[i] * x[k] / (4 * cols) as f32;
            }
        }
    }
    hessian
}

/// Returns the sum of `e H e^T` over the rows `e` of errors.
pub(crate) fn cost(w: &[f32], (codes, grid): &QuantizedMatrix, hessian: &[f32]) -> f64 {
    let cols = codes.cols();
    let mut total = 0.0;
    for (row, w) in w.chunks_exact(cols).enumerate() {
        let mut dequantized = vec![0.0; cols];
        grid.dequantize_row(row, &codes.symbols()[row * cols..(row + 1) * cols], &mut dequantized);
        let e: Vec<f64> = w.iter().zip(&dequantized).map(|(w, d)| f64::from(w - d)).collect();
        for i in 0..cols {
            let sum: f64 = (0..cols).map(|k| e[k] * f64::from(hessian[i * cols + k])).sum();
            total += e[i] * sum;
        }
    }
    total
}

/// Returns the order-0 entropy of codes in bits per weight.
pub(crate) fn entropy((codes, _): &QuantizedMatrix) -> f64 {
    let mut counts = vec![0.0; 256];
    codes.symbols().iter().for_each(|&s| counts[usize::from(s)] += 1.0);
    Entropy.code_bits(&counts) / codes.symbols().len() as f64
}
