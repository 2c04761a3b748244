//! Exports of an `.ecq` file: the format that the model came from, or one that other programs read.

mod check;
mod checkpoint;
mod file_type;
mod gguf;
mod requantize;
mod rope;

pub use checkpoint::{
    CheckpointFormat, CheckpointOptions, MlxGrid, checkpoint_files, expected_checkpoint_bytes,
    export_checkpoint,
};
pub use file_type::GgufFileType;
pub use gguf::{GgufOptions, expected_gguf_bytes, export_gguf};

use crate::error::{PackError, Result};
use crate::source::{SourceTensor, Tensor};
use crate::weight_error::{ErrorSums, WeightError};
use crate::weights::weights;
use ecq_core::FloatType;
use ecq_quant::{QuantError, RowBlocks, Weights};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Facts of a finished export.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct ExportReport {
    /// Length of the output in bytes.
    pub bytes: u64,
    /// Number of tensors written without loss.
    pub exact: usize,
    /// Names of the tensors whose codes the format cannot hold, written as floats.
    pub dequantized: Vec<String>,
    /// Result of requantizing; absent where it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requantized: Option<Requantization>,
}

/// Result of putting the weights of an export on new grids.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Requantization {
    /// Number of tensors on new grids.
    pub tensors: usize,
    /// Number of tensors of each type, those written without loss included.
    pub types: BTreeMap<String, usize>,
    /// Names of the tensors whose columns the blocks asked for do not divide. They have another type.
    pub fallbacks: Vec<String>,
    /// Distance of the requantized weights from those of the `.ecq` file.
    #[serde(flatten)]
    pub error: WeightError,
}

impl Requantization {
    /// Sets the error from the sums over all requantized tensors.
    fn measured(self, sums: &ErrorSums) -> Self {
        Self { error: sums.error(), ..self }
    }
}

/// The weights of a tensor of an `.ecq` file.
fn weights_of<'a>(tensor: &'a Tensor, facts: &SourceTensor) -> Result<Box<dyn Weights + 'a>> {
    weights(tensor, facts, "ecq").ok_or_else(|| {
        PackError::Export(format!("tensor {:?} ({}) holds no weights", facts.name, facts.dtype))
    })
}

/// The weights of a tensor as little-endian floats of `dtype`, row-major.
fn floats(tensor: &Tensor, facts: &SourceTensor, dtype: FloatType) -> Result<Vec<u8>> {
    if facts.weights() == 0 {
        return Ok(Vec::new());
    }
    float_bytes(&*weights_of(tensor, facts)?, dtype)
}

/// `weights` as little-endian floats of `dtype`, row-major.
///
/// # Errors
/// When a finite weight is too large for `dtype`, or the weights cannot be read.
fn float_bytes(weights: &dyn Weights, dtype: FloatType) -> Result<Vec<u8>> {
    let [rows, cols] = weights.shape();
    let blocks = RowBlocks::new([rows, cols]);
    let mut out = vec![0; rows * cols * dtype.bytes()];
    let row_bytes = cols * dtype.bytes();
    let each = |buffer: &mut Vec<f32>, (index, out): (usize, &mut [u8])| {
        let rows = blocks.range(index);
        buffer.resize(rows.len() * cols, 0.0);
        weights.read(rows.clone(), buffer)?;
        match dtype {
            FloatType::F32 => {
                out.as_chunks_mut::<4>().0.iter_mut().zip(buffer).for_each(|(o, w)| *o = w.to_le_bytes());
            }
            FloatType::F16 => {
                for (at, (o, &w)) in out.as_chunks_mut::<2>().0.iter_mut().zip(&*buffer).enumerate() {
                    let half = half::f16::from_f32(w);
                    if half.is_infinite() && w.is_finite() {
                        let (row, col) = (rows.start + at / cols, at % cols);
                        return Err(QuantError::TooLarge { row, col, value: w }.into());
                    }
                    *o = half.to_le_bytes();
                }
            }
            FloatType::Bf16 => {
                let halves = buffer.iter().map(|&w| half::bf16::from_f32(w).to_le_bytes());
                out.as_chunks_mut::<2>().0.iter_mut().zip(halves).for_each(|(o, w)| *o = w);
            }
        }
        Ok(())
    };
    out.par_chunks_mut(blocks.block_rows() * row_bytes)
        .enumerate()
        .map_init(Vec::new, each)
        .collect::<Result<()>>()?;
    Ok(out)
}
