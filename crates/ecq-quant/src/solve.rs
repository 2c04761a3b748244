use crate::error::{QuantError, Result};

/// Scales are looked for between these: far finer and far coarser than any use.
const FINEST: f64 = 2e-3;
const COARSEST: f64 = 64.0;

/// The scale of steps at which `bits(scale)`, falling in `scale`, is `wanted`, found by bisection of its logarithm.
///
/// One scale for all tensors, each in its own units, is reverse water-filling where units follow what an error in a tensor
/// costs.
///
/// # Errors
/// When even the finest steps take fewer bits, or the coarsest more. `weights` is for the error's bits per weight.
pub fn solve(bits: impl Fn(f64) -> f64, wanted: f64, weights: f64) -> Result<f64> {
    let (mut fine, mut coarse) = (FINEST.ln(), COARSEST.ln());
    let (most, least) = (bits(FINEST), bits(COARSEST));
    if wanted > most || wanted < least {
        let reachable = format!("{:.3} to {:.3} are", least / weights, most / weights);
        return Err(QuantError::Unreachable { wanted: wanted / weights, reachable });
    }
    for _ in 0..48 {
        let middle = 0.5 * (fine + coarse);
        if bits(middle.exp()) > wanted {
            fine = middle;
        } else {
            coarse = middle;
        }
    }
    Ok(coarse.exp())
}
