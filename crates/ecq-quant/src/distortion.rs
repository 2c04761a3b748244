use crate::error::Result;
use crate::weights::{RowBlocks, Weights};
use ecq_core::{Codes, Grid};

/// Weights per block of f32 partial sums; the blocks are added in f64.
const PARTIAL_SUM_WEIGHTS: usize = 1024;
/// Independent f32 partial sums, so that the compiler vectorises the loop.
const LANES: usize = 8;

/// Energy of weights and of their quantization error.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Distortion {
    /// Sum of squared weights.
    pub signal: f64,
    /// Sum of squared differences.
    pub noise: f64,
}

impl Distortion {
    /// Compares `codes` on `grid` with the original weights.
    ///
    /// # Errors
    /// [`Read`](crate::QuantError::Read) or [`NotFinite`](crate::QuantError::NotFinite) of the weights.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn of(weights: &dyn Weights, codes: &Codes, grid: &Grid) -> Result<Self> {
        assert_eq!(weights.shape(), [codes.rows(), codes.cols()], "shapes of weights and codes differ");
        let cols = codes.cols();
        let blocks = RowBlocks::new(weights.shape()).map(weights, |rows, block| {
            let mut sum = Self::default();
            let mut quantized = vec![0.0; cols];
            for (row, weights) in rows.zip(block.chunks_exact(cols)) {
                grid.dequantize_row(row, &codes.symbols()[row * cols..(row + 1) * cols], &mut quantized);
                let parts = weights.chunks(PARTIAL_SUM_WEIGHTS).zip(quantized.chunks(PARTIAL_SUM_WEIGHTS));
                for (weights, quantized) in parts {
                    let (mut signal, mut noise) = ([0f32; LANES], [0f32; LANES]);
                    for (w, q) in weights.chunks(LANES).zip(quantized.chunks(LANES)) {
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

    /// Adds the sums of another comparison.
    pub fn add(&mut self, other: Self) {
        self.signal += other.signal;
        self.noise += other.noise;
    }

    /// Returns the signal to quantization noise ratio in decibels; infinite without noise.
    pub fn sqnr_db(&self) -> f64 {
        10.0 * (self.signal / self.noise).log10()
    }
}
