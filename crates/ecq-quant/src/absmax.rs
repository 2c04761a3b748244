use crate::QuantizedMatrix;
use crate::error::{QuantError, Result};
use crate::round::nearest;
use crate::weights::{RowBlocks, Weights};
use ecq_core::{AffineGroups, Biases, Codes, FloatType, FloatVec, Grid, UniformRows};
use rayon::prelude::*;

/// The weights that share a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// The whole tensor. One outlier then sets the scale of all weights, which costs most of the model's
    /// quality (see `ecq analyze --grids`).
    Tensor,
    /// Each row.
    Row,
    /// Each run of this many columns of a row; a divisor of the number of columns.
    Group(usize),
}

/// Replaces a scale of zero: groups of zeros may have any positive scale.
const MIN_SCALE: f32 = 1e-30;
/// Replaces a scale that half precision rounds to zero: its least subnormal number is 5.96e-8.
const MIN_F16_SCALE: f32 = 6e-8;

/// Quantizes to the symmetric grid of `bits` bits (2 to 8), ties to even:
/// `scale = max |w| / (2^(bits-1) - 1)`, `q = round(w / scale)`.
///
/// A tensor's scale is f32; scales of rows and groups have the type of the weights. Tensor and row give
/// [`UniformRows`], groups give [`AffineGroups`] in which code `2^(bits-1)` means zero.
///
/// # Errors
/// [`QuantError::Parameter`] if `bits` is out of range, [`QuantError::GroupSize`] if groups do not divide the
/// columns, [`QuantError::NotFinite`] or [`QuantError::Read`] of the weights.
pub fn quantize_absmax(weights: &dyn Weights, bits: u8, granularity: Granularity) -> Result<QuantizedMatrix> {
    if !(2..=8).contains(&bits) {
        return Err(QuantError::Parameter { what: "bits", found: bits.into(), expected: "2 to 8" });
    }
    let shape @ [rows, cols] = weights.shape();
    let group_size = match granularity {
        Granularity::Group(n) if n == 0 || !cols.is_multiple_of(n) => {
            return Err(QuantError::GroupSize { group_size: n, cols });
        }
        Granularity::Group(n) => n,
        _ => cols,
    };
    let blocks = RowBlocks::new(shape);
    let group_maxima = |block: &[f32]| -> Vec<f32> {
        let absmax = |group: &[f32]| group.iter().fold(0f32, |max, w| max.max(w.abs()));
        block.chunks_exact(group_size).map(absmax).collect()
    };
    let mut maxima = blocks.map(weights, |_, block| Ok(group_maxima(block)))?.concat();
    let mut dtype = weights.dtype();
    if granularity == Granularity::Tensor {
        (maxima, dtype) = (vec![maxima.iter().fold(0f32, |max, &m| max.max(m))], FloatType::F32);
    }
    let max_code = (1i32 << (bits - 1)) - 1;
    let scales: Vec<f32> = maxima.iter().map(|&m| (m / max_code as f32).max(MIN_SCALE)).collect();
    let mut scales = FloatVec::from_f32(dtype, &scales);
    if scales.to_f32().contains(&0.0) {
        let least = if dtype == FloatType::F16 { MIN_F16_SCALE } else { f32::MIN_POSITIVE };
        scales =
            FloatVec::from_f32(dtype, &scales.to_f32().iter().map(|&s| s.max(least)).collect::<Vec<_>>());
    }

    let zero = 1u8 << (bits - 1);
    let inverse: Vec<f32> = scales.to_f32().iter().map(|scale| 1.0 / scale).collect();
    let mut symbols = vec![0u8; rows * cols];
    let quantize_block = |buffer: &mut Vec<f32>, (index, out): (usize, &mut [u8])| {
        let range = blocks.range(index);
        buffer.resize(range.len() * cols, 0.0);
        weights.read(range.clone(), buffer)?;
        let first = range.start * (cols / group_size);
        let groups = buffer.chunks_exact(group_size).zip(out.chunks_exact_mut(group_size));
        for (group, (weights, symbols)) in groups.enumerate() {
            let inverse = if inverse.len() == 1 { inverse[0] } else { inverse[first + group] };
            for (symbol, &w) in symbols.iter_mut().zip(weights) {
                *symbol = (nearest(w * inverse).clamp(-max_code, max_code) + i32::from(zero)) as u8;
            }
        }
        Ok::<_, QuantError>(())
    };
    symbols
        .par_chunks_mut(blocks.block_rows() * cols)
        .enumerate()
        .map_init(Vec::new, quantize_block)
        .collect::<Result<()>>()?;
    match granularity {
        Granularity::Group(_) => {
            let codes = Codes::new(rows, cols, 1 << bits, symbols)?;
            let biases = Biases::Zero(zero);
            Ok((codes, Grid::AffineGroups(AffineGroups { bits, group_size, scales, biases })))
        }
        _ => {
            // The grid is symmetric, so code 0 of the full width never occurs; the alphabet starts at 1.
            symbols.iter_mut().for_each(|q| *q -= 1);
            let codes = Codes::new(rows, cols, 2 * max_code as u16 + 1, symbols)?;
            let (zero, outliers) = (zero - 1, Vec::new());
            let grid = UniformRows { zero, steps: scales, col_scales: None, levels: None, outliers };
            Ok((codes, Grid::UniformRows(grid)))
        }
    }
}
