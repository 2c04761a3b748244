//! What an error in each weight of a matrix costs the model.

use crate::error::{PackError, Result};
use std::fs;
use std::path::Path;

/// The Fisher information of a matrix, as the product of a matrix over inputs and a vector over outputs: an error `E` of the weights costs
/// about `1/2 sum_n outputs[n] E[n] inputs E[n]^T` nats a token (Martens and Grosse, arXiv 1503.05671).
#[derive(Debug, Clone, PartialEq)]
pub struct LayerStatistics {
    /// Rows (outputs), columns (inputs).
    pub shape: [usize; 2],
    /// `[cols, cols]`, symmetric: the mean of `x x^T` over tokens with inputs `x`.
    pub inputs: Vec<f32>,
    /// The mean of `g^2` over tokens, `g` being the gradient of the log-likelihood of a token drawn from the model itself.
    pub outputs: Vec<f32>,
}

/// Writes floats to `path`, whole or not at all.
pub(super) fn save(path: &Path, parts: &[&[f32]]) -> Result<()> {
    let bytes: Vec<u8> =
        parts.iter().flat_map(|part| bytemuck::cast_slice::<f32, u8>(part)).copied().collect();
    save_bytes(path, &bytes)
}

/// Writes bytes to `path`, whole or not at all.
pub(super) fn save_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    let io = |source| PackError::Io { path: path.to_owned(), source };
    let part = path.with_extension("partial");
    fs::write(&part, bytes).map_err(io)?;
    fs::rename(&part, path).map_err(io)
}

/// Reads `floats` floats; `None` if there is no such file of this length.
pub(super) fn load(path: &Path, floats: usize) -> Result<Option<Vec<f32>>> {
    match fs::read(path) {
        Ok(bytes) if bytes.len() == 4 * floats => {
            Ok(Some(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()))
        }
        Ok(_) => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PackError::Io { path: path.to_owned(), source }),
    }
}

impl LayerStatistics {
    pub(super) fn save(&self, path: &Path) -> Result<()> {
        save(path, &[&self.outputs, &self.inputs])
    }

    pub(super) fn load(path: &Path, shape: [usize; 2]) -> Result<Option<Self>> {
        let [rows, cols] = shape;
        Ok(load(path, rows + cols * cols)?.map(|mut outputs| {
            let inputs = outputs.split_off(rows);
            Self { shape, inputs, outputs }
        }))
    }
}

/// The mean of `x x^T` over rows that come a few at a time.
pub(super) struct Gram {
    cols: usize,
    /// Lower triangle.
    sums: Vec<f32>,
    pub(super) rows: usize,
}

impl Gram {
    pub(super) fn new(cols: usize) -> Self {
        Self { cols, sums: vec![0.0; cols * cols], rows: 0 }
    }

    pub(super) fn add(&mut self, x: &[f32]) {
        super::products::add_gram(x, self.cols, &mut self.sums);
        self.rows += x.len() / self.cols;
    }

    /// `[cols, cols]`, symmetric.
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

/// Sums over tokens from which [`LayerStatistics`] follow.
pub(super) struct Sums {
    shape: [usize; 2],
    inputs: Gram,
    outputs: Vec<f64>,
}

impl Sums {
    pub(super) fn new(shape: [usize; 2]) -> Self {
        Self { shape, inputs: Gram::new(shape[1]), outputs: vec![0.0; shape[0]] }
    }

    /// Adds tokens: rows of inputs, and of gradients, which may be runs of columns side by side.
    pub(super) fn add(&mut self, x: &[f32], dy: &[&[f32]]) {
        let rows = x.len() / self.shape[1];
        let mut first = 0;
        for dy in dy {
            let width = dy.len() / rows;
            for dy in dy.chunks_exact(width) {
                let sums = self.outputs[first..].iter_mut().zip(dy);
                sums.for_each(|(sum, &g)| *sum += f64::from(g) * f64::from(g));
            }
            first += width;
        }
        self.inputs.add(x);
    }

    pub(super) fn moments(self) -> LayerStatistics {
        let tokens = self.inputs.rows.max(1) as f64;
        let outputs = self.outputs.iter().map(|sum| (sum / tokens) as f32).collect();
        LayerStatistics { shape: self.shape, inputs: self.inputs.mean(), outputs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_means() {
        let (x, dy) = ([1.0, 2.0, -1.0, 0.0], [3.0, 1.0]);
        let mut sums = Sums::new([2, 2]);
        sums.add(&x, &[&dy, &[0.0, 2.0]]);
        sums.add(&[2.0, 2.0], &[&[1.0], &[0.0]]);
        let moments = sums.moments();
        assert_eq!(moments.inputs, [6.0, 6.0, 6.0, 8.0].map(|v| v / 3.0));
        assert_eq!(moments.outputs, [11.0 / 3.0, 4.0 / 3.0]);
    }

    #[test]
    fn files_hold_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        let moments = LayerStatistics { shape: [1, 2], inputs: vec![1.0, 2.0, 2.0, 5.0], outputs: vec![7.0] };
        assert_eq!(LayerStatistics::load(&path, [1, 2]).unwrap(), None);
        moments.save(&path).unwrap();
        assert_eq!(LayerStatistics::load(&path, [1, 2]).unwrap(), Some(moments));
        assert_eq!(LayerStatistics::load(&path, [2, 2]).unwrap(), None);
    }
}
