//! As small as a model can be without being further from itself than another grid would take it.

use crate::calibrate::LayerStatistics;
use crate::error::{PackError, Result};
use crate::grids::GridChoice;
use crate::options::PackOptions;
use crate::progress::{Progress, in_batches};
use crate::rates::CoderRates;
use crate::source::Source;
use crate::spacing::Spacing;
use crate::weights::weights;
use ecq_core::{Codes, FloatType, FloatVec, Grid};
use ecq_quant::{ErrorFeedback, Floats, feedback};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

/// Rows of a matrix that are quantized to learn what a factor costs.
const ROWS: usize = 96;
/// Rows whose errors are weighed together.
const BLOCK_ROWS: usize = 64;
/// How near the costs must come to each other.
const NEAR: f64 = 0.005;
const ROUNDS: usize = 8;
/// Nats that an error of a uniformly spaced grid costs in units of its steps: half of a twelfth.
const NATS_PER_WEIGHT: f64 = 1.0 / 24.0;

/// The factor at which `indices` on uniform grids, rounded with feedback, cost what they do on the grid
/// `like`.
///
/// # Errors
/// When `like` does not fit the columns of a tensor, or no tensor was watched.
pub(crate) fn matching(
    source: &dyn Source,
    indices: &[usize],
    like: GridChoice,
    options: &PackOptions,
    progress: &dyn Progress,
) -> Result<f64> {
    let tensors = source.tensors();
    let (mut nats, mut weighed) = (0.0, 0);
    each(
        source,
        indices,
        "weighing the other grid",
        progress,
        |i| cost_on(source, i, like, options),
        |i, cost| {
            nats += cost;
            weighed += tensors[i].weights();
        },
    )?;
    if !(nats > 0.0 && nats.is_finite()) {
        let option = format!("match {like}");
        return Err(PackError::Option { option, why: "costs nothing that calibration could see".to_owned() });
    }
    let mut factor = (nats / NATS_PER_WEIGHT / weighed as f64).sqrt();
    for _ in 0..ROUNDS {
        let mut ours = 0.0;
        each(
            source,
            indices,
            "matching",
            progress,
            |i| cost_at(source, i, factor, options),
            |_, cost| ours += cost,
        )?;
        let ratio = nats / ours;
        // Costs grow with the square of steps at most.
        factor *= ratio.sqrt();
        if (ratio - 1.0).abs() < NEAR {
            break;
        }
    }
    Ok(factor)
}

/// Nats per token that rounding tensors at these factors costs, as far as the model was watched.
///
/// # Errors
/// When a tensor cannot be read or rounded.
pub(crate) fn expected(
    source: &dyn Source,
    factors: &BTreeMap<usize, f64>,
    options: &PackOptions,
    progress: &dyn Progress,
) -> Result<f64> {
    let indices: Vec<usize> = factors.keys().copied().collect();
    let mut nats = 0.0;
    let cost = |i: usize| match factors.get(&i) {
        Some(&factor) => cost_at(source, i, factor, options),
        None => Ok(None),
    };
    each(source, &indices, "estimating", progress, cost, |_, cost| nats += cost)?;
    Ok(nats)
}

/// Gives `add` what `cost` finds of every tensor that was watched, in their order.
fn each(
    source: &dyn Source,
    indices: &[usize],
    stage: &'static str,
    progress: &dyn Progress,
    cost: impl Fn(usize) -> Result<Option<f64>> + Sync,
    mut add: impl FnMut(usize, f64),
) -> Result<()> {
    let tensors = source.tensors();
    progress.begin(stage, indices.iter().map(|&i| tensors[i].bytes).sum());
    in_batches(
        progress,
        indices,
        |&i| tensors[i].bytes,
        |batch| {
            let all = batch.par_iter().map(|&i| {
                let cost = cost(i).map_err(|error| PackError::in_tensor(&tensors[i].name, error))?;
                progress.advance(tensors[i].bytes, &tensors[i].name);
                Ok(cost.map(|cost| (i, cost)))
            });
            all.collect::<Result<Vec<_>>>()?.into_iter().flatten().for_each(|(i, cost)| add(i, cost));
            Ok(())
        },
    )?;
    progress.end();
    Ok(())
}

/// What rows cost of which `of` are the weights and `approximate` what became of them.
fn cost(of: &[f32], approximate: &[f32], outputs: &[f32], inputs: &[f32]) -> f64 {
    let cols = inputs.len().isqrt();
    let error: Vec<f32> = of.iter().zip(approximate).map(|(w, a)| w - a).collect();
    let rows = error.len() / cols;
    let mut product = vec![0f32; error.len()];
    let e = MatRef::from_row_major_slice(&error, rows, cols);
    let h = MatRef::from_row_major_slice(inputs, cols, cols);
    matmul(MatMut::from_row_major_slice_mut(&mut product, rows, cols), Accum::Replace, e, h, 1.0, Par::Seq);
    let dot =
        |(e, p): (&[f32], &[f32])| e.iter().zip(p).map(|(e, p)| f64::from(*e) * f64::from(*p)).sum::<f64>();
    let each = error.chunks_exact(cols).zip(product.chunks_exact(cols)).map(dot);
    each.zip(outputs).map(|(squares, &g)| 0.5 * f64::from(g) * squares).sum()
}

fn moments_of(source: &dyn Source, index: usize, options: &PackOptions) -> Result<Option<LayerStatistics>> {
    let facts = &source.tensors()[index];
    let calibration = options.calibration.as_deref();
    Ok(calibration.map(|c| c.moments(&facts.name, [facts.rows, facts.cols])).transpose()?.flatten())
}

fn cost_on(
    source: &dyn Source,
    index: usize,
    like: GridChoice,
    options: &PackOptions,
) -> Result<Option<f64>> {
    let facts = &source.tensors()[index];
    let Some(moments) = moments_of(source, index, options)? else { return Ok(None) };
    let tensor = source.load(index)?;
    let Some(weights) = weights(&tensor, facts, source.format()) else { return Ok(None) };
    if let Some(why) = like.misfit(facts.cols) {
        return Err(PackError::Option { option: format!("match {like}"), why });
    }
    let quantized = like.quantize(&*weights, None, None, None)?;
    let cols = facts.cols;
    let firsts: Vec<usize> = (0..facts.rows).step_by(BLOCK_ROWS).collect();
    let costs = firsts.par_iter().map(|&first| {
        let rows = first..facts.rows.min(first + BLOCK_ROWS);
        let mut of = vec![0f32; rows.len() * cols];
        weights.read(rows.clone(), &mut of)?;
        let approximate = dequantized(&quantized.codes, &quantized.grid, rows.clone());
        Ok(cost(&of, &approximate, &moments.outputs[rows], &moments.inputs))
    });
    Ok(Some(costs.collect::<Result<Vec<f64>>>()?.iter().sum()))
}

fn cost_at(source: &dyn Source, index: usize, factor: f64, options: &PackOptions) -> Result<Option<f64>> {
    let facts = &source.tensors()[index];
    let Some(moments) = moments_of(source, index, options)? else { return Ok(None) };
    let tensor = source.load(index)?;
    let Some(weights) = weights(&tensor, facts, source.format()) else { return Ok(None) };
    let cols = facts.cols;
    let errors = ErrorFeedback::new(&moments.inputs, cols)?;
    let Some(spacing) = Spacing::new(&errors, &moments) else { return Ok(None) };
    let all = spacing.at(factor).rows.to_f32();
    let rows: Vec<usize> = (0..facts.rows).step_by(facts.rows.div_ceil(ROWS)).collect();
    let mut of = vec![0f32; rows.len() * cols];
    for (&row, of) in rows.iter().zip(of.chunks_exact_mut(cols)) {
        weights.read(row..row + 1, of)?;
    }
    let bytes: Vec<u8> = of.iter().flat_map(|w| w.to_le_bytes()).collect();
    let floats = Floats::new(FloatType::F32, [rows.len(), cols], &bytes)?;
    let steps: Vec<f32> = rows.iter().map(|&row| all[row]).collect();
    let steps = FloatVec::of(FloatType::Bf16, &steps);
    let (codes, grid) = feedback(&floats, &steps, &spacing.col_scales, &errors, &CoderRates)?;
    let outputs: Vec<f32> = rows.iter().map(|&row| moments.outputs[row]).collect();
    let approximate = dequantized(&codes, &grid, 0..rows.len());
    let share = facts.rows as f64 / rows.len() as f64;
    Ok(Some(share * cost(&of, &approximate, &outputs, &moments.inputs)))
}

/// The weights of some rows.
pub(crate) fn dequantized(codes: &Codes, grid: &Grid, rows: Range<usize>) -> Vec<f32> {
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
    fn a_cost_is_its_quadratic_form() {
        let (of, approximate) = ([1.0, 2.0, 0.0, -1.0], [0.5, 2.0, 1.0, 1.0]);
        let inputs = [2.0, 1.0, 1.0, 4.0];
        // Errors (0.5, 0) and (-1, -2): 0.5 and 2 + 4 + 16 = 22, in the second row worth three.
        let found = cost(&of, &approximate, &[1.0, 3.0], &inputs);
        assert!((found - 0.5 * (0.5 + 3.0 * 22.0)).abs() < 1e-6, "{found}");
    }
}
