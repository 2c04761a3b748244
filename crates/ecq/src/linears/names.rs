//! Names and values of Hugging Face checkpoints for tensors of GGUF files.

use crate::error::Result;
use ecq_core::Limits;
use ecq_format::container::EcqFile;
use ecq_format::gguf::{Gguf, model_config};
use ecq_format::hf::{GgufTransform, gguf_row_order, hf_tensor};
use ecq_runtime::RuntimeError;
use std::collections::BTreeMap;

/// Attached file with the header of the source GGUF file.
const GGUF_FILE: &str = "gguf.header";

/// A tensor in the file.
pub(super) struct StoredTensor {
    pub(super) name: String,
    transform: GgufTransform,
}

/// Returns all tensors by their names in a Hugging Face checkpoint.
pub(super) fn stored_tensors(file: &EcqFile) -> Result<BTreeMap<String, StoredTensor>> {
    let mut tensors = BTreeMap::new();
    if !file.files().any(|name| name == GGUF_FILE) {
        let stored = |name: &String| StoredTensor { name: name.clone(), transform: GgufTransform::None };
        tensors.extend(file.names().iter().map(|name| (name.clone(), stored(name))));
        return Ok(tensors);
    }
    let gguf = Gguf::parse(&file.file(GGUF_FILE)?, file.model().source.bytes, &Limits::default())?;
    let config = model_config(&gguf)?;
    for name in file.names() {
        if let Some(tensor) = hf_tensor(&config, name).map_err(RuntimeError::from)? {
            let stored = StoredTensor { name: name.clone(), transform: tensor.transform };
            tensors.insert(tensor.name, stored);
        }
    }
    Ok(tensors)
}

impl StoredTensor {
    /// Returns the shape in a Hugging Face checkpoint.
    pub(super) fn shape(&self, mut stored: Vec<usize>) -> Vec<usize> {
        if self.transform == GgufTransform::Transposed {
            stored.reverse();
        }
        stored
    }

    /// Returns the values in a Hugging Face checkpoint of a stored matrix of `[rows, cols]`.
    pub(super) fn values(&self, mut values: Vec<f32>, [rows, cols]: [usize; 2]) -> Result<Vec<f32>> {
        match self.transform {
            GgufTransform::None => {}
            GgufTransform::PlusOne => values.iter_mut().for_each(|value| *value -= 1.0),
            GgufTransform::Transposed => {
                values = (0..rows * cols).map(|i| values[i % rows * cols + i / rows]).collect();
            }
            // A bias is one row with a value for each row of the matrix.
            GgufTransform::InterleavedHeadRows { .. } => {
                let (rows, cols) = if rows == 1 { (cols, 1) } else { (rows, cols) };
                if let Some(order) = self.row_order(rows)? {
                    values = ordered_rows(&values, &order, cols);
                }
            }
        }
        Ok(values)
    }

    /// Returns for each row its row in the stored matrix, if they differ.
    pub(super) fn row_order(&self, rows: usize) -> Result<Option<Vec<usize>>> {
        match self.transform {
            GgufTransform::InterleavedHeadRows { heads } => {
                Ok(Some(gguf_row_order(rows, heads).map_err(RuntimeError::from)?))
            }
            _ => Ok(None),
        }
    }
}

/// Returns the rows of a matrix in another order.
pub(super) fn ordered_rows(values: &[f32], order: &[usize], cols: usize) -> Vec<f32> {
    order.iter().flat_map(|&row| &values[row * cols..(row + 1) * cols]).copied().collect()
}
