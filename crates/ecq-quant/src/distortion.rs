use crate::error::Result;
use crate::weights::{RowBlocks, Weights};
use ecq_core::{Codes, Grid};

/// Energy of weights, and of what quantizing them changed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Distortion {
    /// Sum of squared weights.
    pub signal: f64,
    /// Sum of squared differences.
    pub noise: f64,
}

impl Distortion {
    /// Compares `codes` on `grid` with the weights that they stand for.
    ///
    /// # Errors
    /// When the weights cannot be read.
    ///
    /// # Panics
    /// When the shapes differ.
    pub fn of(weights: &dyn Weights, codes: &Codes, grid: &Grid) -> Result<Self> {
        assert_eq!(weights.shape(), [codes.rows(), codes.cols()], "one shape");
        let cols = codes.cols();
        let blocks = RowBlocks::new(weights.shape()).map(weights, |rows, block| {
            let mut sum = Self::default();
            let mut quantized = vec![0.0; cols];
            for (row, weights) in rows.zip(block.chunks_exact(cols)) {
                grid.dequantize_row(row, &codes.symbols()[row * cols..(row + 1) * cols], &mut quantized);
                for (weights, quantized) in weights.chunks(1024).zip(quantized.chunks(1024)) {
                    let (mut signal, mut noise) = ([0f32; 8], [0f32; 8]);
                    for (w, q) in weights.chunks(8).zip(quantized.chunks(8)) {
                        for lane in 0..w.len() {
                            signal[lane] += w[lane] * w[lane];
                            noise[lane] += (w[lane] - q[lane]) * (w[lane] - q[lane]);
                        }
                    }
                    sum.signal += signal.iter().map(|&s| f64::from(s)).sum::<f64>();
                    sum.noise += noise.iter().map(|&s| f64::from(s)).sum::<f64>();
                }
            }
            Ok(sum)
        })?;
        let mut total = Self::default();
        blocks.into_iter().for_each(|block| total.add(block));
        Ok(total)
    }

    /// Adds another one.
    pub fn add(&mut self, other: Self) {
        self.signal += other.signal;
        self.noise += other.noise;
    }

    /// Signal to quantization noise in decibels; infinite without noise.
    pub fn sqnr_db(&self) -> f64 {
        10.0 * (self.signal / self.noise).log10()
    }
}
