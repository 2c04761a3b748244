use crate::QuantizedMatrix;
use crate::error::{QuantError, Result};
use crate::round::nearest;
use crate::weights::{RowBlocks, Weights};
use ecq_core::{AffineGroups, Biases, Codes, FloatType, FloatVec, Grid};
use rayon::prelude::*;

/// Quantizes to MLX's affine grid, bit-exact with `mx.quantize`: `w = scale * q + bias` per group.
///
/// `bits` is 2, 3, 4, 5, 6 or 8; `group_size` is 32, 64 or 128 columns. MLX adjusts the scale of a group so
/// that both zero and the end of the group with the larger magnitude lie on the grid.
///
/// Weights are first rounded to their type (half precision for GGUF sources); scales and biases have the same
/// type.
///
/// # Errors
/// [`QuantError::Parameter`] if MLX has no such `bits` or `group_size`, [`QuantError::GroupSize`] if the
/// group size does not divide the columns, [`QuantError::NotFinite`] or [`QuantError::Read`] of the weights.
pub fn quantize_affine(weights: &dyn Weights, bits: u8, group_size: usize) -> Result<QuantizedMatrix> {
    if !matches!(bits, 2..=6 | 8) {
        return Err(QuantError::Parameter {
            what: "bits",
            found: bits.into(),
            expected: "2, 3, 4, 5, 6 or 8",
        });
    }
    if !matches!(group_size, 32 | 64 | 128) {
        let found = group_size as f64;
        return Err(QuantError::Parameter { what: "group size", found, expected: "32, 64 or 128" });
    }
    let shape @ [rows, cols] = weights.shape();
    if !cols.is_multiple_of(group_size) {
        return Err(QuantError::GroupSize { group_size, cols });
    }
    let dtype = weights.dtype();
    let blocks = RowBlocks::new(shape);
    let mut symbols = vec![0u8; rows * cols];
    let groups = rows * (cols / group_size);
    let (mut scales, mut biases) = (vec![0f32; groups], vec![0f32; groups]);
    let block_groups = blocks.block_rows() * (cols / group_size);
    // This pass only checks that all weights are finite.
    blocks.map(weights, |_, _| Ok(()))?;
    symbols
        .par_chunks_mut(blocks.block_rows() * cols)
        .zip(scales.par_chunks_mut(block_groups).zip(biases.par_chunks_mut(block_groups)))
        .enumerate()
        .map_init(Vec::new, |buffer, (index, (symbols, (scales, biases)))| {
            buffer.resize(symbols.len(), 0.0);
            weights.read(blocks.range(index), buffer)?;
            round_to(dtype, buffer);
            let groups = buffer.chunks_exact(group_size).zip(symbols.chunks_exact_mut(group_size));
            for ((weights, symbols), (scale, bias)) in groups.zip(scales.iter_mut().zip(biases)) {
                (*scale, *bias) = quantize_group(weights, bits, symbols);
            }
            Ok::<_, QuantError>(())
        })
        .collect::<Result<()>>()?;
    let (scales, biases) = (FloatVec::from_f32(dtype, &scales), FloatVec::from_f32(dtype, &biases));
    let codes = Codes::new(rows, cols, 1 << bits, symbols)?;
    let grid = AffineGroups { bits, group_size, scales, biases: Biases::PerGroup(biases) };
    Ok((codes, Grid::AffineGroups(grid)))
}

/// Quantizes one group into `symbols`; returns its scale and bias before they are rounded to their type.
fn quantize_group(weights: &[f32], bits: u8, symbols: &mut [u8]) -> (f32, f32) {
    let bins = (1i32 << bits) - 1;
    let (low, high) =
        weights.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &w| (low.min(w), high.max(w)));
    let from_low = low.abs() > high.abs();
    let scale = ((high - low) / bins as f32).max(1e-7);
    let mut scale = if from_low { scale } else { -scale };
    let edge = if from_low { low } else { high };
    let steps = (edge / scale).round_ties_even();
    let mut bias = 0.0;
    if steps != 0.0 {
        (scale, bias) = (edge / steps, edge);
    }
    for (symbol, &w) in symbols.iter_mut().zip(weights) {
        *symbol = nearest((w - bias) / scale).clamp(0, bins) as u8;
    }
    (scale, bias)
}

/// Rounds every weight to the nearest value of `dtype`.
fn round_to(dtype: FloatType, weights: &mut [f32]) {
    match dtype {
        FloatType::F32 => {}
        FloatType::F16 => weights.iter_mut().for_each(|w| *w = half::f16::from_f32(*w).to_f32()),
        FloatType::Bf16 => weights.iter_mut().for_each(|w| *w = half::bf16::from_f32(*w).to_f32()),
    }
}
