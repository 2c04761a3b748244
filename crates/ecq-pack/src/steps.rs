//! Step sizes of uniform grids, and the corrected weights that are rounded with them.

use crate::calibrate::{Calibration, LayerStatistics};
use crate::error::Result;
use crate::source::SourceTensor;
use crate::trellis::{TrellisChoice, error_feedback};
use ecq_core::{FloatType, FloatVec};
use ecq_quant::{ErrorFeedback, Floats};

/// The step sizes of a uniform grid.
#[derive(Debug, Clone)]
pub(crate) struct StepSizes {
    /// One step size for the tensor, or one per row.
    pub(crate) rows: FloatVec,
    /// One scale per column of a matrix that is quantized with error feedback.
    pub(crate) col_scales: Option<FloatVec>,
    /// The factor between these step sizes and [`RelativeSteps`]; `None` without calibration.
    pub(crate) factor: Option<f64>,
}

/// Step sizes from calibration, up to one factor for the whole model.
///
/// With `H = R R^T` (damped Hessian, `R` upper triangular) and output gradient second moments `G`, the step
/// of row `n` and column `k` is proportional to `1 / (sqrt(G[n]) R[k][k])`. An error of one step then costs
/// the same everywhere, so that one factor for all matrices is reverse water-filling (WaterSIC, arXiv
/// 2603.04956).
#[derive(Debug, Clone)]
pub(crate) struct RelativeSteps {
    /// One per row.
    pub(crate) rows: Vec<f32>,
    /// One per column.
    pub(crate) col_scales: FloatVec,
}

/// Steps are rounded to this many values per octave. Few distinct values take few bits, and a deviation of 9%
/// has next to no cost.
const VALUES_PER_OCTAVE: f64 = 4.0;
/// Fraction of the mean of `G` that is added to each element, so that no row gets an unbounded step.
const GRADIENT_DAMPING: f64 = 0.01;

impl RelativeSteps {
    /// Returns the steps of a tensor on the trellis or the scalar grid; `None` if it has no calibration
    /// statistics.
    ///
    /// # Errors
    /// [`Io`](crate::PackError::Io) if the statistics cannot be read, [`Quant`](crate::PackError::Quant) if
    /// the Hessian is not valid.
    pub(crate) fn of_tensor(
        calibration: Option<&Calibration>,
        tensor: &SourceTensor,
        trellis: Option<TrellisChoice>,
    ) -> Result<Option<Self>> {
        let shape = [tensor.rows, tensor.cols];
        let statistics = calibration.map(|c| c.statistics(&tensor.name, shape)).transpose()?.flatten();
        let Some(statistics) = statistics else { return Ok(None) };
        Ok(Self::new(&error_feedback(trellis, &statistics.hessian, tensor.cols)?, &statistics))
    }

    /// Returns the steps of a matrix with these statistics, whose Hessian `feedback` has factored; `None` if
    /// all gradients are zero.
    pub(crate) fn new(feedback: &ErrorFeedback, statistics: &LayerStatistics) -> Option<Self> {
        let [rows, cols] = statistics.shape;
        let gradients = &statistics.gradient_moments;
        let mean = gradients.iter().map(|&g| f64::from(g)).sum::<f64>() / rows as f64;
        if !(mean.is_finite() && mean > 0.0) {
            return None;
        }
        let column_steps = feedback.column_steps().iter().map(|&s| f64::from(s));
        let geometric_mean = (column_steps.clone().map(f64::ln).sum::<f64>() / cols as f64).exp();
        let rounded = |v: f64| ((v.log2() * VALUES_PER_OCTAVE).round() / VALUES_PER_OCTAVE).exp2() as f32;
        let scales: Vec<f32> = column_steps.map(|s| rounded(s / geometric_mean)).collect();
        let row = |&g: &f32| rounded(geometric_mean / (f64::from(g) + GRADIENT_DAMPING * mean).sqrt());
        Some(Self {
            rows: gradients.iter().map(row).collect(),
            col_scales: FloatVec::from_f32(FloatType::Bf16, &scales),
        })
    }

    /// Returns step sizes that are `factor` times the relative steps.
    pub(crate) fn scaled(&self, factor: f64) -> StepSizes {
        let rows: Vec<f32> = self.rows.iter().map(|&unit| (f64::from(unit) * factor) as f32).collect();
        StepSizes {
            rows: FloatVec::from_f32(FloatType::Bf16, &rows),
            col_scales: Some(self.col_scales.clone()),
            factor: Some(factor),
        }
    }
}

/// The weights of a tensor, corrected for the quantization errors of the matrices before it.
pub(crate) struct CorrectedWeights {
    shape: [usize; 2],
    /// Little-endian f32, row-major.
    bytes: Vec<u8>,
}

impl CorrectedWeights {
    /// Loads the corrected weights of a tensor; `None` if sequential quantization did not correct it.
    ///
    /// # Errors
    /// [`Io`](crate::PackError::Io) if the file cannot be read.
    pub(crate) fn load(calibration: Option<&Calibration>, tensor: &SourceTensor) -> Result<Option<Self>> {
        let shape = [tensor.rows, tensor.cols];
        let weights = calibration.map(|c| c.corrected_weights(&tensor.name, shape)).transpose()?.flatten();
        let bytes = |weights: Vec<f32>| weights.iter().flat_map(|w| w.to_le_bytes()).collect();
        Ok(weights.map(|weights| Self { shape, bytes: bytes(weights) }))
    }

    /// Returns the weights as f32 of shape `[rows, cols]`.
    ///
    /// # Errors
    /// [`Quant`](crate::PackError::Quant) if the tensor is empty.
    pub(crate) fn floats(&self) -> Result<Floats<'_>> {
        Ok(Floats::new(FloatType::F32, self.shape, &self.bytes)?)
    }
}
