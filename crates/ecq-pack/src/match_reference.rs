//! Finds the smallest model whose predicted KL divergence is no worse than that of a reference grid.

use crate::calibrate::LayerStatistics;
use crate::error::{PackError, Result};
use crate::grids::GridChoice;
use crate::options::PackOptions;
use crate::progress::{Progress, map_tensors};
use crate::source::{Source, SourceTensor};
use crate::steps::RelativeSteps;
use crate::trellis::{error_feedback, quantize_with_feedback};
use crate::weights::weights;
use ecq_core::{Codes, FloatType, FloatVec, Grid};
use ecq_quant::{Floats, Weights};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

/// Number of rows of a matrix that are quantized to estimate its KL divergence at a factor.
const SAMPLE_ROWS: usize = 96;
/// Rows whose errors are evaluated together on the reference grid.
const BLOCK_ROWS: usize = 64;
/// Relative difference of the KL divergences that counts as equal.
const TOLERANCE: f64 = 0.005;
/// Most iterations of the search.
const MAX_ROUNDS: usize = 8;
/// KL divergence in nats per weight at factor 1 without feedback: half of the variance of rounding errors,
/// which is a twelfth of a squared step.
const NATS_PER_WEIGHT: f64 = 1.0 / 24.0;

/// Returns the factor of relative steps at which the tensors `indices`, rounded with error feedback, have the
/// predicted KL divergence that they have on the grid `reference`.
///
/// # Errors
/// [`PackError::Option`] if no tensor has calibration statistics; [`PackError::InTensor`] if a tensor cannot
/// be read or quantized, or the reference grid does not fit its columns.
pub(crate) fn match_reference(
    source: &dyn Source,
    indices: &[usize],
    reference: GridChoice,
    options: &PackOptions,
    progress: &dyn Progress,
) -> Result<f64> {
    let tensors = source.tensors();
    let (mut reference_nats, mut weights) = (0.0, 0);
    let on_reference = |i| nats_on_grid(source, i, reference, options);
    map_tensors(source, indices, "measuring the reference grid", progress, on_reference, |i, nats| {
        if let Some(nats) = nats {
            reference_nats += nats;
            weights += tensors[i].weights();
        }
        Ok(())
    })?;
    if !(reference_nats > 0.0 && reference_nats.is_finite()) {
        let why = "the calibration statistics show no error on this grid; give --bpw or --size instead";
        return Err(PackError::Option { option: format!("match {reference}"), why: why.to_owned() });
    }
    let mut factor = (reference_nats / NATS_PER_WEIGHT / weights as f64).sqrt();
    for _ in 0..MAX_ROUNDS {
        let mut nats = 0.0;
        let at_factor = |i| nats_at_factor(source, i, factor, options);
        map_tensors(source, indices, "matching the reference grid", progress, at_factor, |_, cost| {
            nats += cost.unwrap_or(0.0);
            Ok(())
        })?;
        let ratio = reference_nats / nats;
        // The KL divergence grows with the square of the steps at most.
        factor *= ratio.sqrt();
        if (ratio - 1.0).abs() < TOLERANCE {
            break;
        }
    }
    Ok(factor)
}

/// Returns the predicted KL divergence in nats per token of the tensors that have calibration statistics,
/// each at its factor of relative steps, by tensor index.
///
/// # Errors
/// [`PackError::InTensor`] if a tensor cannot be read or quantized.
pub(crate) fn expected_kl(
    source: &dyn Source,
    factors: &BTreeMap<usize, f64>,
    options: &PackOptions,
    progress: &dyn Progress,
) -> Result<f64> {
    let indices: Vec<usize> = factors.keys().copied().collect();
    let mut total = 0.0;
    let cost = |i: usize| match factors.get(&i) {
        Some(&factor) => nats_at_factor(source, i, factor, options),
        None => Ok(None),
    };
    map_tensors(source, &indices, "estimating", progress, cost, |_, nats| {
        total += nats.unwrap_or(0.0);
        Ok(())
    })?;
    Ok(total)
}

/// Returns `1/2 sum_n G[n] E[n] H E[n]^T` of the errors `E = weights - quantized`, both `[rows, cols]`: the
/// second-order KL divergence in nats per token.
///
/// `gradient_moments` is `G`, one element per row; `hessian` is `H`, `[cols, cols]`.
fn nats(weights: &[f32], quantized: &[f32], gradient_moments: &[f32], hessian: &[f32]) -> f64 {
    let cols = hessian.len().isqrt();
    let error: Vec<f32> = weights.iter().zip(quantized).map(|(w, q)| w - q).collect();
    let rows = error.len() / cols;
    let mut product = vec![0f32; error.len()];
    let e = MatRef::from_row_major_slice(&error, rows, cols);
    let h = MatRef::from_row_major_slice(hessian, cols, cols);
    matmul(MatMut::from_row_major_slice_mut(&mut product, rows, cols), Accum::Replace, e, h, 1.0, Par::Seq);
    let dot =
        |(e, p): (&[f32], &[f32])| e.iter().zip(p).map(|(e, p)| f64::from(*e) * f64::from(*p)).sum::<f64>();
    let forms = error.chunks_exact(cols).zip(product.chunks_exact(cols)).map(dot);
    forms.zip(gradient_moments).map(|(form, &g)| 0.5 * f64::from(g) * form).sum()
}

/// Calls `function` with a tensor's calibration statistics and weights; returns `None` if it lacks either.
fn with_statistics(
    source: &dyn Source,
    index: usize,
    options: &PackOptions,
    function: impl FnOnce(&SourceTensor, &LayerStatistics, &dyn Weights) -> Result<Option<f64>>,
) -> Result<Option<f64>> {
    let info = &source.tensors()[index];
    let Some(calibration) = options.calibration.as_deref() else { return Ok(None) };
    let Some(statistics) = calibration.statistics(&info.name, [info.rows, info.cols])? else {
        return Ok(None);
    };
    let tensor = source.load(index)?;
    let Some(weights) = weights(&tensor, info, source.format()) else { return Ok(None) };
    function(info, &statistics, &*weights)
}

/// Returns the predicted KL divergence of a tensor on a grid, in nats per token.
fn nats_on_grid(
    source: &dyn Source,
    index: usize,
    grid: GridChoice,
    options: &PackOptions,
) -> Result<Option<f64>> {
    with_statistics(source, index, options, |info, statistics, weights| {
        let cols = info.cols;
        if let Some(why) = grid.unsupported_reason(cols) {
            return Err(PackError::Option { option: format!("match {grid}"), why });
        }
        let quantized = grid.quantize(weights, None, None, None)?;
        let starts: Vec<usize> = (0..info.rows).step_by(BLOCK_ROWS).collect();
        let blocks = starts.par_iter().map(|&start| {
            let rows = start..info.rows.min(start + BLOCK_ROWS);
            let mut block = vec![0f32; rows.len() * cols];
            weights.read(rows.clone(), &mut block)?;
            let dequantized = dequantize_rows(&quantized.codes, &quantized.grid, rows.clone());
            Ok(nats(&block, &dequantized, &statistics.gradient_moments[rows], &statistics.hessian))
        });
        Ok(Some(blocks.collect::<Result<Vec<f64>>>()?.iter().sum()))
    })
}

/// Returns the predicted KL divergence of a tensor with error feedback at a factor of its relative steps, in
/// nats per token, estimated from a sample of its rows.
fn nats_at_factor(
    source: &dyn Source,
    index: usize,
    factor: f64,
    options: &PackOptions,
) -> Result<Option<f64>> {
    with_statistics(source, index, options, |info, statistics, weights| {
        let cols = info.cols;
        let trellis = options.grid_of(info)?.trellis();
        let feedback = error_feedback(trellis, &statistics.hessian, cols)?;
        let Some(relative) = RelativeSteps::new(&feedback, statistics) else { return Ok(None) };
        let all_steps = relative.scaled(factor).rows.to_f32();
        let rows: Vec<usize> = (0..info.rows).step_by(info.rows.div_ceil(SAMPLE_ROWS)).collect();
        let mut sample = vec![0f32; rows.len() * cols];
        for (&row, sample) in rows.iter().zip(sample.chunks_exact_mut(cols)) {
            weights.read(row..row + 1, sample)?;
        }
        let bytes: Vec<u8> = sample.iter().flat_map(|w| w.to_le_bytes()).collect();
        let floats = Floats::new(FloatType::F32, [rows.len(), cols], &bytes)?;
        let steps: Vec<f32> = rows.iter().map(|&row| all_steps[row]).collect();
        let steps = FloatVec::from_f32(FloatType::Bf16, &steps);
        let (codes, grid) =
            quantize_with_feedback(trellis, &floats, &steps, &relative.col_scales, &feedback)?;
        let gradients: Vec<f32> = rows.iter().map(|&row| statistics.gradient_moments[row]).collect();
        let dequantized = dequantize_rows(&codes, &grid, 0..rows.len());
        let rows_per_sample = info.rows as f64 / rows.len() as f64;
        Ok(Some(rows_per_sample * nats(&sample, &dequantized, &gradients, &statistics.hessian)))
    })
}

/// Returns the weights of some rows, row-major.
pub(crate) fn dequantize_rows(codes: &Codes, grid: &Grid, rows: Range<usize>) -> Vec<f32> {
    let cols = codes.cols();
    let mut weights = vec![0f32; rows.len() * cols];
    for (row, weights) in rows.zip(weights.chunks_exact_mut(cols)) {
        grid.dequantize_row(row, &codes.symbols()[row * cols..(row + 1) * cols], weights);
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nats_are_half_the_weighted_quadratic_form() {
        let (weights, quantized) = ([1.0, 2.0, 0.0, -1.0], [0.5, 2.0, 1.0, 1.0]);
        let hessian = [2.0, 1.0, 1.0, 4.0];
        // The errors (0.5, 0) and (-1, -2) have the forms 0.5 and 2 + 4 + 16 = 22; the second row weighs 3.
        let result = nats(&weights, &quantized, &[1.0, 3.0], &hessian);
        assert!((result - 0.5 * (0.5 + 3.0 * 22.0)).abs() < 1e-6, "{result}");
    }
}
