//! Gradients for training with fake quantization.

use super::Result;
use super::array::{FakeQuantizer, Scheme};
use super::error::FakeQuantError;

/// Gradients of a loss.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient {
    /// With respect to the values.
    pub values: Vec<f32>,
    /// With respect to the limit of each channel, summed in f64 in the order of the values; empty for
    /// [`Levels`](super::Levels).
    pub limits: Vec<f64>,
}

impl FakeQuantizer {
    /// Returns the straight-through gradient: rounding counts as the identity (Bengio et al., 2013), and
    /// clipped values have none. `outer` is the gradient with respect to the quantized values.
    ///
    /// The gradient of a limit is that of a learned step size (Esser et al., 2020), divided by the number of
    /// steps: `(n - p) / largest` for values inside, with `p` and `n` before and after rounding, and the sign
    /// for clipped ones. With one bit the levels are plus and minus the limit, and the gradient is the sign
    /// for all values. NaNs have no gradient.
    ///
    /// # Errors
    /// [`FakeQuantError::Length`] if `outer` has another length than `x`.
    pub fn straight_through(&self, x: &[f32], outer: &[f32]) -> Result<Gradient> {
        if x.len() != outer.len() {
            let expected = format!("{}, as the array that is quantized", x.len());
            return Err(FakeQuantError::Length { found: outer.len(), expected });
        }
        let mut values = vec![0.0; x.len()];
        let mut limits = match self.scheme() {
            Scheme::Symmetric(all) => vec![0.0; all.len()],
            Scheme::Levels(_) => Vec::new(),
        };
        self.for_runs(0, x.len(), |channel, run| {
            for i in run {
                let (x, outer) = (x[i], outer[i]);
                let (low, high) = match self.scheme() {
                    Scheme::Symmetric(all) => (-all[channel].limit(), all[channel].limit()),
                    Scheme::Levels(all) => {
                        let levels = all[channel].levels();
                        (levels[0], levels[levels.len() - 1])
                    }
                };
                let inside = (low..=high).contains(&x);
                if inside {
                    values[i] = outer;
                }
                if let Scheme::Symmetric(all) = self.scheme() {
                    let of = &all[channel];
                    let y = f64::from(of.quantize(x) / of.limit());
                    let by_limit = match inside && of.bits().get() > 1 {
                        // y / limit = n / largest, x / limit = p / largest.
                        true => y - f64::from(x) / f64::from(of.limit()),
                        false => y.signum(),
                    };
                    if !x.is_nan() {
                        limits[channel] += by_limit * f64::from(outer);
                    }
                }
            }
        });
        Ok(Gradient { values, limits })
    }
}
