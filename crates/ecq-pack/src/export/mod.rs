//! Out of an `.ecq`: the format a model came from, or one that other programs read.

mod check;
mod checkpoint;
mod gguf;
mod rope;

pub use checkpoint::{CheckpointFormat, CheckpointOptions, export_checkpoint};
pub use gguf::export_gguf;

use crate::error::{PackError, Result};
use crate::source::{SourceTensor, Tensor};
use crate::weights::weights;
use ecq_core::FloatType;
use ecq_quant::Blocks;
use rayon::prelude::*;

/// What exporting did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct ExportReport {
    /// Bytes written.
    pub bytes: u64,
    /// Tensors written without loss.
    pub exact: usize,
    /// Tensors whose codes the format cannot hold, written as floats.
    pub dequantized: Vec<String>,
}

/// The weights of a tensor as little-endian floats of `dtype`, row-major.
fn floats(tensor: &Tensor, facts: &SourceTensor, dtype: FloatType) -> Result<Vec<u8>> {
    if facts.weights() == 0 {
        return Ok(Vec::new());
    }
    let weights = weights(tensor, facts, "ecq").ok_or_else(|| {
        PackError::Export(format!("tensor {:?} ({}) holds no weights", facts.name, facts.dtype))
    })?;
    let cols = facts.cols;
    let blocks = Blocks::new([facts.rows, cols]);
    let mut out = vec![0; facts.rows * cols * dtype.bytes()];
    let row_bytes = cols * dtype.bytes();
    let each = |buffer: &mut Vec<f32>, (index, out): (usize, &mut [u8])| {
        let rows = blocks.range(index);
        buffer.resize(rows.len() * cols, 0.0);
        weights.read(rows, buffer)?;
        match dtype {
            FloatType::F32 => {
                out.as_chunks_mut::<4>().0.iter_mut().zip(buffer).for_each(|(o, w)| *o = w.to_le_bytes());
            }
            FloatType::F16 => {
                let halves = buffer.iter().map(|&w| half::f16::from_f32(w).to_le_bytes());
                out.as_chunks_mut::<2>().0.iter_mut().zip(halves).for_each(|(o, w)| *o = w);
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
