//! What calibration keeps of a matrix once its block has been surveyed, and the files of it.

use super::input::Input;
use super::statistics::save_bytes;
use crate::error::{PackError, Result};
use crate::grids::GridChoice;
use crate::predicted_kl::{SampledKl, kl_of_samples, kl_on_grid};
use crate::steps::RelativeSteps;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The survey of a matrix: everything that step sizes need, without the moments of its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MatrixSurvey {
    shape: [usize; 2],
    /// `G = E[g^2]` of each output.
    pub(crate) gradient_moments: Vec<f32>,
    /// `None` if all gradients are zero, or if the grid has no steps to solve for.
    pub(crate) steps: Option<RelativeSteps>,
    /// The predicted KL divergence at some step sizes.
    kl: SampledKl,
    /// The predicted KL divergence on the reference grid, in nats per token.
    pub(crate) reference_nats: Option<f64>,
}

impl MatrixSurvey {
    /// Surveys a matrix with these weights, `[rows, cols]`, on the grid `choice`, and on the `reference` grid
    /// if there is one.
    ///
    /// # Errors
    /// [`PackError::Quant`] if weights or moments are not finite, [`PackError::Option`] if the reference grid
    /// does not fit the columns.
    pub(super) fn new(
        input: &mut Input,
        shape: [usize; 2],
        weights: &[f32],
        gradient_moments: Vec<f32>,
        choice: GridChoice,
        reference: Option<GridChoice>,
    ) -> Result<Self> {
        let (mut steps, mut kl, mut reference_nats) = (None, SampledKl::default(), None);
        if let GridChoice::Uniform { bpw, trellis, .. } = choice {
            let (feedback, hessian) = input.factored(trellis)?;
            steps = RelativeSteps::new(feedback, &gradient_moments);
            if let Some(steps) = &steps {
                kl = kl_of_samples(trellis, weights, steps, feedback, &gradient_moments, hessian)?;
            }
            if let (Some(grid), None) = (reference, bpw) {
                reference_nats = Some(kl_on_grid(grid, shape, weights, &gradient_moments, hessian)?);
            }
        }
        Ok(Self { shape, gradient_moments, steps, kl, reference_nats })
    }

    /// Returns the predicted KL divergence at a factor of the relative steps, in nats per token.
    pub(crate) fn nats(&self, factor: f64) -> f64 {
        self.kl.nats(factor)
    }

    pub(super) fn save(&self, path: &Path) -> Result<()> {
        let bytes = serde_json::to_vec(self)
            .map_err(|error| PackError::Io { path: path.to_owned(), source: error.into() })?;
        save_bytes(path, &bytes)
    }

    /// Reads a file; returns `None` if it does not exist or is not that of a matrix of this shape.
    pub(super) fn load(path: &Path, shape: [usize; 2]) -> Result<Option<Self>> {
        match std::fs::read(path) {
            Ok(bytes) => {
                Ok(serde_json::from_slice(&bytes).ok().filter(|survey: &Self| survey.shape == shape))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(PackError::Io { path: path.to_owned(), source }),
        }
    }
}
