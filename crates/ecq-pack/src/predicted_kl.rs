//! Predicted KL divergences of matrices, and the step factor at which they equal those of a reference grid.

use crate::error::{PackError, Result};
use crate::grids::GridChoice;
use crate::products::add_product;
use crate::steps::RelativeSteps;
use crate::trellis::{TrellisChoice, quantize_with_feedback};
use bytemuck::cast_slice;
use ecq_core::{Codes, FloatType, FloatVec, Grid};
use ecq_quant::{ErrorFeedback, Floats, WeightHistogram};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Number of rows of a matrix that are rounded to estimate its KL divergence.
const SAMPLE_ROWS: usize = 96;
/// Steps at which they are rounded, as multiples of the typical weight in units of the relative steps: some
/// five bits per weight to half a bit.
const SAMPLED_STEPS: [f64; 5] = [0.125, 0.5, 1.0, 2.0, 4.0];
/// Rows whose errors are evaluated together on the reference grid.
const BLOCK_ROWS: usize = 64;
/// Halvings of the interval of the factor's logarithm in [`matching_factor`].
const BISECTIONS: usize = 60;

/// The predicted KL divergence of a matrix with error feedback as a function of the factor of its relative
/// steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct SampledKl {
    /// Factors in ascending order, and the KL divergence in nats per token and squared factor at each. The
    /// latter varies little, because rounding errors are proportional to steps.
    samples: Vec<(f64, f64)>,
}

impl SampledKl {
    /// Returns nats per token at a factor.
    pub(crate) fn nats(&self, factor: f64) -> f64 {
        let (Some(&(_, first)), Some(&(_, last))) = (self.samples.first(), self.samples.last()) else {
            return 0.0;
        };
        let after = self.samples.partition_point(|&(sampled, _)| sampled < factor);
        let relative = match (after, self.samples.get(after)) {
            (0, _) => first,
            (_, None) => last,
            (_, Some(&(high, at_high))) => {
                let (low, at_low) = self.samples[after - 1];
                let position = (factor / low).ln() / (high / low).ln();
                at_low + position * (at_high - at_low)
            }
        };
        relative * factor * factor
    }
}

/// Rounds some rows of `weights` with error feedback at several factors of the relative steps.
///
/// # Errors
/// [`PackError::Quant`] if weights are not finite.
pub(crate) fn kl_of_samples(
    trellis: Option<TrellisChoice>,
    weights: &[f32],
    relative: &RelativeSteps,
    feedback: &ErrorFeedback,
    gradient_moments: &[f32],
    hessian: &[f32],
) -> Result<SampledKl> {
    let (rows, cols) = (gradient_moments.len(), hessian.len().isqrt());
    let listed: Vec<usize> = (0..rows).step_by(rows.div_ceil(SAMPLE_ROWS)).collect();
    let sample: Vec<f32> =
        listed.iter().flat_map(|&row| &weights[row * cols..(row + 1) * cols]).copied().collect();
    let floats = Floats::new(FloatType::F32, [listed.len(), cols], cast_slice(&sample))?;
    let of_rows = |all: &[f32]| listed.iter().map(|&row| all[row]).collect::<Vec<f32>>();
    let (units, gradients) = (of_rows(&relative.rows), of_rows(gradient_moments));
    let typical = WeightHistogram::with_units(&floats, &units, &relative.col_scales.to_f32())?.rms_in_units();
    let rows_per_sample = rows as f64 / listed.len() as f64;
    let at = |steps: f64| {
        let factor = steps * typical;
        let steps: Vec<f32> = units.iter().map(|&unit| (f64::from(unit) * factor) as f32).collect();
        let steps = FloatVec::from_f32(FloatType::Bf16, &steps);
        let (codes, grid) = quantize_with_feedback(trellis, &floats, &steps, &relative.col_scales, feedback)?;
        let dequantized = dequantize_rows(&codes, &grid, 0..listed.len());
        let nats = rows_per_sample * nats(&sample, &dequantized, &gradients, hessian);
        Ok((factor, nats / (factor * factor)))
    };
    // A matrix of zeros has no typical weight and no errors.
    let sampled = SAMPLED_STEPS.into_iter().filter(|_| typical > f64::from(f32::MIN_POSITIVE));
    Ok(SampledKl { samples: sampled.map(at).collect::<Result<_>>()? })
}

/// Returns the predicted KL divergence of a matrix on a grid, in nats per token.
///
/// # Errors
/// [`PackError::Option`] if the grid does not fit the columns, [`PackError::Quant`] if weights are not
/// finite.
pub(crate) fn kl_on_grid(
    grid: GridChoice,
    shape @ [rows, cols]: [usize; 2],
    weights: &[f32],
    gradient_moments: &[f32],
    hessian: &[f32],
) -> Result<f64> {
    if let Some(why) = grid.unsupported_reason(cols) {
        return Err(PackError::Option { option: format!("match {grid}"), why });
    }
    let quantized = grid.quantize(&Floats::new(FloatType::F32, shape, cast_slice(weights))?, None)?;
    let starts: Vec<usize> = (0..rows).step_by(BLOCK_ROWS).collect();
    let blocks = starts.par_iter().map(|&start| {
        let rows = start..rows.min(start + BLOCK_ROWS);
        let dequantized = dequantize_rows(&quantized.codes, &quantized.grid, rows.clone());
        nats(&weights[rows.start * cols..rows.end * cols], &dequantized, &gradient_moments[rows], hessian)
    });
    Ok(blocks.collect::<Vec<f64>>().iter().sum())
}

/// Returns the factor of relative steps at which the sum of `nats` at it equals `reference_nats`.
pub(crate) fn matching_factor(nats: impl Fn(f64) -> f64, reference_nats: f64) -> f64 {
    let (mut low, mut high) = (1e-12f64.ln(), 1e12f64.ln());
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (low + high);
        if nats(middle.exp()) > reference_nats { high = middle } else { low = middle }
    }
    low.exp()
}

/// Returns `1/2 sum_n G[n] E[n] H E[n]^T` of the errors `E = weights - quantized`, both `[rows, cols]`: the
/// second-order KL divergence in nats per token.
///
/// `gradient_moments` is `G`, one element per row; `hessian` is `H`, `[cols, cols]`.
fn nats(weights: &[f32], quantized: &[f32], gradient_moments: &[f32], hessian: &[f32]) -> f64 {
    let cols = hessian.len().isqrt();
    let error: Vec<f32> = weights.iter().zip(quantized).map(|(w, q)| w - q).collect();
    let mut product = vec![0f32; error.len()];
    add_product(&error, hessian, cols, &mut product);
    let dot =
        |(e, p): (&[f32], &[f32])| e.iter().zip(p).map(|(e, p)| f64::from(*e) * f64::from(*p)).sum::<f64>();
    let forms = error.chunks_exact(cols).zip(product.chunks_exact(cols)).map(dot);
    forms.zip(gradient_moments).map(|(form, &g)| 0.5 * f64::from(g) * form).sum()
}

/// Returns the weights of some rows, row-major.
pub(crate) fn dequantize_rows(codes: &Codes, grid: &Grid, rows: Range<usize>) -> Vec<f32> {
    let cols = codes.cols();
    let mut weights = vec![0f32; rows.len() * cols];
    weights.par_chunks_exact_mut(cols).zip(rows).for_each(|(weights, row)| {
        grid.dequantize_row(row, &codes.symbols()[row * cols..(row + 1) * cols], weights);
    });
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

    #[test]
    fn kl_between_samples_is_interpolated_and_a_factor_matches_it() {
        let kl = SampledKl { samples: vec![(0.1, 4.0), (0.4, 2.0), (1.6, 2.0)] };
        let expected = [(0.05, 4.0), (0.1, 4.0), (0.2, 3.0), (0.4, 2.0), (0.8, 2.0), (3.0, 2.0)];
        for (factor, relative) in expected {
            let nats = relative * factor * factor;
            assert!((kl.nats(factor) - nats).abs() < 1e-12, "{factor}");
            assert!((matching_factor(|f| kl.nats(f), nats) / factor - 1.0).abs() < 1e-9, "{factor}");
        }
        assert_eq!(SampledKl::default().nats(2.0), 0.0);
    }
}
