use crate::QuantizedMatrix;
use crate::error::{QuantError, Result};
use crate::weights::{RowBlocks, Weights};
use ecq_core::{AffineGroups, Biases, Codes, FloatType, FloatVec, Grid};
use rayon::prelude::*;

/// Weights of a block.
const BLOCK: usize = 32;

/// GGUF's simple block types: 32 weights with a scale, and a bias or a fixed zero point, in half precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GgmlBlock {
    /// Codes of 4 bits with the zero point 8.
    Q4_0,
    /// Codes of 4 bits with a bias.
    Q4_1,
    /// Codes of 5 bits with the zero point 16.
    Q5_0,
    /// Codes of 5 bits with a bias.
    Q5_1,
    /// Codes of 8 bits with the zero point 128.
    Q8_0,
}

impl GgmlBlock {
    fn bits(self) -> u8 {
        match self {
            Self::Q4_0 | Self::Q4_1 => 4,
            Self::Q5_0 | Self::Q5_1 => 5,
            Self::Q8_0 => 8,
        }
    }

    /// The code of zero; `None` for types with a bias.
    fn zero(self) -> Option<u8> {
        match self {
            Self::Q4_0 => Some(8),
            Self::Q5_0 => Some(16),
            Self::Q8_0 => Some(128),
            Self::Q4_1 | Self::Q5_1 => None,
        }
    }
}

/// Quantizes to blocks of `block`, bit for bit as the package `gguf` does (`gguf/quants.py` of llama.cpp).
/// Those are the bits of ggml's `quantize_row_*_ref` where the compiler does not fuse multiplications and
/// additions.
///
/// # Errors
/// When blocks do not divide the columns, a weight is not finite or too large for scales of half precision,
/// or the weights cannot be read.
pub fn quantize_ggml_blocks(weights: &dyn Weights, block: GgmlBlock) -> Result<QuantizedMatrix> {
    let shape @ [rows, cols] = weights.shape();
    if !cols.is_multiple_of(BLOCK) {
        return Err(QuantError::GroupSize { group_size: BLOCK, cols });
    }
    let blocks = RowBlocks::new(shape);
    let mut symbols = vec![0u8; rows * cols];
    let (mut scales, mut biases) = (vec![0f32; rows * cols / BLOCK], vec![0f32; rows * cols / BLOCK]);
    let groups_at_once = blocks.block_rows() * (cols / BLOCK);
    symbols
        .par_chunks_mut(blocks.block_rows() * cols)
        .zip(scales.par_chunks_mut(groups_at_once).zip(biases.par_chunks_mut(groups_at_once)))
        .enumerate()
        .map_init(Vec::new, |buffer, (index, (symbols, (scales, biases)))| {
            let rows = blocks.read(weights, index, buffer)?;
            let parts = buffer.as_chunks::<BLOCK>().0.iter().zip(symbols.as_chunks_mut::<BLOCK>().0);
            for (at, ((weights, symbols), (scale, bias))) in
                parts.zip(scales.iter_mut().zip(biases)).enumerate()
            {
                (*scale, *bias) = quantize(block, weights, symbols);
                // Halves that are infinite come from weights that no block of the type reaches.
                if !half::f16::from_f32(*scale).is_finite() || !half::f16::from_f32(*bias).is_finite() {
                    let first = at * BLOCK;
                    let (row, col) = (rows.start + first / cols, first % cols);
                    return Err(QuantError::TooLarge { row, col, value: extreme(weights) });
                }
            }
            Ok(())
        })
        .collect::<Result<()>>()?;
    let codes = Codes::new(rows, cols, 1 << block.bits(), symbols)?;
    let biases = match block.zero() {
        Some(zero) => Biases::Zero(zero),
        None => Biases::PerGroup(FloatVec::from_f32(FloatType::F16, &biases)),
    };
    let scales = FloatVec::from_f32(FloatType::F16, &scales);
    let grid = AffineGroups { bits: block.bits(), group_size: BLOCK, scales, biases };
    Ok((codes, Grid::AffineGroups(grid)))
}

/// The weight of the largest magnitude, the first of several.
pub(crate) fn extreme(weights: &[f32]) -> f32 {
    let larger = |most: f32, w: f32| if w.abs() > most.abs() { w } else { most };
    weights.iter().copied().reduce(larger).unwrap_or(0.0)
}

/// Quantizes one block; returns its scale and bias in full precision, in which codes are chosen.
fn quantize(block: GgmlBlock, weights: &[f32; BLOCK], symbols: &mut [u8; BLOCK]) -> (f32, f32) {
    let most = ((1u32 << block.bits()) - 1) as f32;
    let inverse = |scale: f32| {
        let inverse = 1.0 / scale;
        if inverse.is_finite() { inverse } else { 0.0 }
    };
    match block {
        GgmlBlock::Q4_0 | GgmlBlock::Q5_0 => {
            let zero = (most + 1.0) / 2.0;
            let scale = extreme(weights) / -zero;
            let inverse = inverse(scale);
            for (symbol, w) in symbols.iter_mut().zip(weights) {
                *symbol = (w * inverse + (zero + 0.5)).min(most) as u8;
            }
            (scale, 0.0)
        }
        GgmlBlock::Q8_0 => {
            let scale = extreme(weights).abs() / 127.0;
            let inverse = inverse(scale);
            for (symbol, w) in symbols.iter_mut().zip(weights) {
                // Ties away from zero.
                *symbol = ((w * inverse).round() as i32 + 128) as u8;
            }
            (scale, 0.0)
        }
        GgmlBlock::Q4_1 | GgmlBlock::Q5_1 => {
            let low = weights.iter().fold(f32::INFINITY, |low, &w| low.min(w));
            let high = weights.iter().fold(f32::NEG_INFINITY, |high, &w| high.max(w));
            let scale = (high - low) / most;
            let inverse = inverse(scale);
            for (symbol, w) in symbols.iter_mut().zip(weights) {
                *symbol = ((w - low) * inverse + 0.5).min(most) as u8;
            }
            (scale, low)
        }
    }
}
