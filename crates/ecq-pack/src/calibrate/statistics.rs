//! Calibration statistics of a matrix, their accumulation over tokens, and their files.

use crate::error::{PackError, Result};
use crate::products::add_gram;
use rayon::prelude::*;
use std::fs;
use std::path::Path;

/// The Kronecker-factored Fisher information of embedding or head, with a diagonal output factor (K-FAC,
/// Martens and Grosse, arXiv 1503.05671).
///
/// An error `E` of the weights costs about `1/2 sum_n G[n] E[n] H E[n]^T` nats of KL divergence per token.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LayerStatistics {
    /// `[rows, cols]`: outputs, inputs.
    pub(super) shape: [usize; 2],
    /// `H = E[x x^T]`, the mean over tokens with inputs `x`; `[cols, cols]`, symmetric.
    pub(super) hessian: Vec<f32>,
    /// `G = E[g^2]` of each output; `[rows]`. `g` is the gradient of the log-likelihood of a token that is
    /// drawn from the model's own distribution.
    pub(super) gradient_moments: Vec<f32>,
}

/// Columns whose gradients a thread adds.
const COLUMNS_PER_TASK: usize = 128;

/// Writes floats to `path`, atomically.
fn save(path: &Path, parts: &[&[f32]]) -> Result<()> {
    let bytes: Vec<u8> =
        parts.iter().flat_map(|part| bytemuck::cast_slice::<f32, u8>(part)).copied().collect();
    save_bytes(path, &bytes)
}

/// Writes bytes to `path`, atomically: to another file that is then renamed.
pub(super) fn save_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    let io = |source| PackError::Io { path: path.to_owned(), source };
    let part = path.with_extension("partial");
    fs::write(&part, bytes).map_err(io)?;
    fs::rename(&part, path).map_err(io)
}

/// Reads `count` floats; returns `None` if the file does not exist or has another length.
fn load(path: &Path, count: usize) -> Result<Option<Vec<f32>>> {
    match fs::read(path) {
        Ok(bytes) if bytes.len() == 4 * count => {
            Ok(Some(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()))
        }
        Ok(_) => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PackError::Io { path: path.to_owned(), source }),
    }
}

impl LayerStatistics {
    /// Writes `gradient_moments` and `hessian` to a file.
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        save(path, &[&self.gradient_moments, &self.hessian])
    }

    /// Reads a file; returns `None` if it does not exist or its length does not match `shape`.
    pub(super) fn load(path: &Path, shape: [usize; 2]) -> Result<Option<Self>> {
        let [rows, cols] = shape;
        Ok(load(path, rows + cols * cols)?.map(|mut gradient_moments| {
            let hessian = gradient_moments.split_off(rows);
            Self { shape, hessian, gradient_moments }
        }))
    }
}

/// The mean of `x x^T` over rows `x` that are added in batches.
pub(super) struct Gram {
    cols: usize,
    /// Sums over rows; only the lower triangle is valid.
    sums: Vec<f32>,
    rows: usize,
}

impl Gram {
    pub(super) fn new(cols: usize) -> Self {
        Self { cols, sums: vec![0.0; cols * cols], rows: 0 }
    }

    /// Adds rows `x`, `[rows, cols]`.
    pub(super) fn add(&mut self, x: &[f32]) {
        add_gram(x, self.cols, &mut self.sums);
        self.rows += x.len() / self.cols;
    }

    /// Returns the number of rows, at least 1.
    pub(super) fn count(&self) -> f64 {
        self.rows.max(1) as f64
    }

    /// Returns the mean, `[cols, cols]`, symmetric.
    pub(super) fn mean(mut self) -> Vec<f32> {
        let (cols, scale) = (self.cols, 1.0 / self.rows.max(1) as f32);
        for row in 0..cols {
            for col in 0..=row {
                let value = self.sums[row * cols + col] * scale;
                self.sums[row * cols + col] = value;
                self.sums[col * cols + row] = value;
            }
        }
        self.sums
    }
}

/// Second moments of the output gradients of a matrix, as sums over tokens that are added in batches.
pub(super) struct GradientSums(Vec<f64>);

impl GradientSums {
    pub(super) fn new(rows: usize) -> Self {
        Self(vec![0.0; rows])
    }

    /// Returns the number of outputs.
    pub(super) fn rows(&self) -> usize {
        self.0.len()
    }

    /// Adds output gradients `dy` of `tokens` tokens, given as consecutive ranges of outputs, each
    /// `[tokens, outputs of the range]`.
    pub(super) fn add(&mut self, tokens: usize, dy: &[&[f32]]) {
        let mut first = 0;
        for dy in dy {
            let width = dy.len() / tokens;
            let sums = &mut self.0[first..first + width];
            // Columns are split over threads, so the sums do not depend on the number of threads.
            sums.par_chunks_mut(COLUMNS_PER_TASK).enumerate().for_each(|(task, sums)| {
                for dy in dy.chunks_exact(width) {
                    let dy = &dy[task * COLUMNS_PER_TASK..];
                    sums.iter_mut().zip(dy).for_each(|(sum, &g)| *sum += f64::from(g) * f64::from(g));
                }
            });
            first += width;
        }
    }

    /// Returns the means over tokens, of which there were `tokens`.
    pub(super) fn mean(&self, tokens: f64) -> Vec<f32> {
        self.0.iter().map(|sum| (sum / tokens) as f32).collect()
    }
}

/// Returns the sums over tokens of `y * dy` for each row of a matrix: outputs and their gradients, given as
/// consecutive ranges of outputs, each `[tokens, outputs of the range]`, of `tokens` tokens.
///
/// Columns are split over threads, so the sums do not depend on the number of threads.
pub(super) fn sums_of_products(tokens: usize, y: &[&[f32]], dy: &[&[f32]]) -> Vec<f32> {
    let of_range = |(y, dy): (&&[f32], &&[f32])| {
        let width = dy.len() / tokens;
        let mut sums = vec![0f32; width];
        sums.par_chunks_mut(COLUMNS_PER_TASK).enumerate().for_each(|(task, sums)| {
            let first = task * COLUMNS_PER_TASK;
            for (y, dy) in y.chunks_exact(width).zip(dy.chunks_exact(width)) {
                let products = y[first..].iter().zip(&dy[first..]);
                sums.iter_mut().zip(products).for_each(|(sum, (y, dy))| *sum += y * dy);
            }
        });
        sums
    };
    y.iter().zip(dy).flat_map(of_range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_products_are_those_of_each_row() {
        let (y, dy) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]);
        let last = [1.0, -1.0];
        assert_eq!(sums_of_products(2, &[&y, &last], &[&dy, &last]), [26.0, 44.0, 2.0]);
    }

    #[test]
    fn moments_are_means_over_tokens() {
        let (x, dy) = ([1.0, 2.0, -1.0, 0.0], [3.0, 1.0]);
        let (mut gram, mut gradients) = (Gram::new(2), GradientSums::new(2));
        gram.add(&x);
        gradients.add(2, &[&dy, &[0.0, 2.0]]);
        gram.add(&[2.0, 2.0]);
        gradients.add(1, &[&[1.0], &[0.0]]);
        assert_eq!(gradients.mean(gram.count()), [11.0 / 3.0, 4.0 / 3.0]);
        assert_eq!(gram.mean(), [6.0, 6.0, 6.0, 8.0].map(|v| v / 3.0));
    }

    #[test]
    fn saved_statistics_load_with_their_shape_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let statistics =
            LayerStatistics { shape: [1, 2], hessian: vec![1.0, 2.0, 2.0, 5.0], gradient_moments: vec![7.0] };
        assert_eq!(LayerStatistics::load(&path, [1, 2]).unwrap(), None);
        statistics.save(&path).unwrap();
        assert_eq!(LayerStatistics::load(&path, [1, 2]).unwrap(), Some(statistics));
        assert_eq!(LayerStatistics::load(&path, [2, 2]).unwrap(), None);
    }
}
