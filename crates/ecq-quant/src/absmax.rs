use crate::Coded;
use crate::error::{QuantError, Result};
use crate::round::nearest;
use crate::weights::{Blocks, Weights};
use ecq_core::{AffineGroups, Biases, Codes, FloatType, FloatVec, Grid, UniformRows};
use rayon::prelude::*;

/// What shares a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// The whole tensor: how bits are "saved" by destroying a model (see the table of `ecq analyze --grids`).
    Tensor,
    /// Each row.
    Row,
    /// Each run of so many columns of a row; a divisor of the columns.
    Group(usize),
}

/// The symmetric grid of `bits` bits (2 to 8): `scale = max |w| / (2^(bits-1) - 1)`, `q = round(w / scale)`, ties to even.
///
/// Scales are f32 for a tensor, else in the type of the weights. Tensor and row are [`UniformRows`], groups are
/// [`AffineGroups`] whose code `2^(bits-1)` means zero.
///
/// # Errors
/// When bits are out of range, groups do not divide the columns, a weight is not finite, or the weights cannot be read.
pub fn absmax(weights: &dyn Weights, bits: u8, span: Granularity) -> Result<Coded> {
    if !(2..=8).contains(&bits) {
        return Err(QuantError::Parameter { what: "bits", found: bits.into(), expected: "2 to 8" });
    }
    let shape @ [rows, cols] = weights.shape();
    let group_size = match span {
        Granularity::Group(n) if n == 0 || !cols.is_multiple_of(n) => {
            return Err(QuantError::GroupSize { group_size: n, cols });
        }
        Granularity::Group(n) => n,
        _ => cols,
    };
    let blocks = Blocks::new(shape);
    let largest = |block: &[f32]| -> Vec<f32> {
        let largest = |group: &[f32]| group.iter().fold(0f32, |most, w| most.max(w.abs()));
        block.chunks_exact(group_size).map(largest).collect()
    };
    let mut scales = blocks.map(weights, |_, block| Ok(largest(block)))?.concat();
    let mut dtype = weights.dtype();
    if span == Granularity::Tensor {
        (scales, dtype) = (vec![scales.iter().fold(0f32, |most, &s| most.max(s))], FloatType::F32);
    }
    let most = (1i32 << (bits - 1)) - 1;
    // Groups of zeros have any scale, but not zero.
    let scales: Vec<f32> = scales.iter().map(|&s| (s / most as f32).max(1e-30)).collect();
    let mut scales = FloatVec::of(dtype, &scales);
    if scales.to_f32().contains(&0.0) {
        // Too small for half precision: one that is there.
        let least = if dtype == FloatType::F16 { 6e-8 } else { f32::MIN_POSITIVE };
        scales = FloatVec::of(dtype, &scales.to_f32().iter().map(|&s| s.max(least)).collect::<Vec<_>>());
    }

    let zero = 1u8 << (bits - 1);
    let inverse: Vec<f32> = scales.to_f32().iter().map(|scale| 1.0 / scale).collect();
    let mut symbols = vec![0u8; rows * cols];
    let each = |buffer: &mut Vec<f32>, (index, out): (usize, &mut [u8])| {
        let range = blocks.range(index);
        buffer.resize(range.len() * cols, 0.0);
        weights.read(range.clone(), buffer)?;
        let first = range.start * (cols / group_size);
        let groups = buffer.chunks_exact(group_size).zip(out.chunks_exact_mut(group_size));
        for (group, (weights, symbols)) in groups.enumerate() {
            let inverse = if inverse.len() == 1 { inverse[0] } else { inverse[first + group] };
            for (symbol, &w) in symbols.iter_mut().zip(weights) {
                *symbol = (nearest(w * inverse).clamp(-most, most) + i32::from(zero)) as u8;
            }
        }
        Ok::<_, QuantError>(())
    };
    symbols
        .par_chunks_mut(blocks.block_rows() * cols)
        .enumerate()
        .map_init(Vec::new, each)
        .collect::<Result<()>>()?;
    match span {
        Granularity::Group(_) => {
            let codes = Codes::new(rows, cols, 1 << bits, symbols)?;
            let biases = Biases::Zero(zero);
            Ok((codes, Grid::AffineGroups(AffineGroups { bits, group_size, scales, biases })))
        }
        _ => {
            // Codes begin at 1: the lowest one of the width is not used.
            symbols.iter_mut().for_each(|q| *q -= 1);
            let codes = Codes::new(rows, cols, 2 * most as u16 + 1, symbols)?;
            let (zero, outliers) = (zero - 1, Vec::new());
            let grid = UniformRows { zero, steps: scales, col_scales: None, levels: None, outliers };
            Ok((codes, Grid::UniformRows(grid)))
        }
    }
}
