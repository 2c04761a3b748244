use crate::error::{QuantError, Result};

/// Bounds of the search; no useful step size lies outside them.
const MIN_SCALE: f64 = 2e-3;
const MAX_SCALE: f64 = 64.0;
/// Bisections of the interval in log scale; the result is exact to a part in 10^13.
const BISECTIONS: usize = 48;

/// Finds the factor of step sizes at which `bits(scale)`, a decreasing function, equals `target_bits`.
///
/// The search bisects the logarithm of the scale. One scale for all tensors, relative to steps that reflect
/// the cost of errors, is reverse water-filling (Cover and Thomas, Elements of Information Theory, 10.3.3).
///
/// `weights` is the number of weights; it only serves to report bits per weight in the error.
///
/// # Errors
/// [`QuantError::Unreachable`] if the finest steps take fewer bits than the target, or the coarsest more.
pub fn solve_step_scale(bits: impl Fn(f64) -> f64, target_bits: f64, weights: f64) -> Result<f64> {
    let (mut fine, mut coarse) = (MIN_SCALE.ln(), MAX_SCALE.ln());
    let (most, least) = (bits(MIN_SCALE), bits(MAX_SCALE));
    if target_bits > most || target_bits < least {
        let reachable = format!("expected {:.3} to {:.3}", least / weights, most / weights);
        return Err(QuantError::Unreachable { target: target_bits / weights, reachable });
    }
    for _ in 0..BISECTIONS {
        let middle = 0.5 * (fine + coarse);
        if bits(middle.exp()) > target_bits {
            fine = middle;
        } else {
            coarse = middle;
        }
    }
    Ok(coarse.exp())
}
