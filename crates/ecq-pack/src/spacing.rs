//! The steps of a matrix, from what errors in it cost.

use crate::calibrate::{Calibration, LayerStatistics};
use crate::error::Result;
use crate::source::SourceTensor;
use ecq_core::{FloatType, FloatVec};
use ecq_quant::{ErrorFeedback, Floats};

/// Steps of a uniform grid.
#[derive(Debug, Clone)]
pub(crate) struct Steps {
    /// One for the tensor, or for each row.
    pub(crate) rows: FloatVec,
    /// One for each column of a matrix that is quantized with error feedback.
    pub(crate) col_scales: Option<FloatVec>,
    /// What the units of a spacing were multiplied with.
    pub(crate) factor: Option<f64>,
}

/// Units of steps such that errors of a step cost the same everywhere in a model.
#[derive(Debug, Clone)]
pub(crate) struct Spacing {
    /// One for each row.
    pub(crate) rows: Vec<f32>,
    /// One for each column.
    pub(crate) col_scales: FloatVec,
}

/// Steps in an octave: few distinct values take few bits, and a step that is off by a tenth costs next to nothing.
const STEPS_IN_OCTAVE: f64 = 4.0;
/// Outputs are taken to matter at least this much of the mean.
const LEAST_OUTPUT: f64 = 0.01;

impl Spacing {
    /// The spacing of a tensor that was watched; `None` of one that was not.
    ///
    /// # Errors
    /// When its moments cannot be read, or are none.
    pub(crate) fn of(calibration: Option<&Calibration>, tensor: &SourceTensor) -> Result<Option<Self>> {
        let Some(moments) =
            calibration.map(|c| c.moments(&tensor.name, [tensor.rows, tensor.cols])).transpose()?.flatten()
        else {
            return Ok(None);
        };
        Ok(Self::new(&ErrorFeedback::new(&moments.inputs, tensor.cols)?, &moments))
    }

    /// The spacing for moments, whose inputs `feedback` knows; `None` if no output matters.
    pub(crate) fn new(feedback: &ErrorFeedback, moments: &LayerStatistics) -> Option<Self> {
        let [rows, cols] = moments.shape;
        let mean = moments.outputs.iter().map(|&g| f64::from(g)).sum::<f64>() / rows as f64;
        if !(mean.is_finite() && mean > 0.0) {
            return None;
        }
        let spacing = feedback.spacing().iter().map(|&s| f64::from(s));
        let middle = (spacing.clone().map(f64::ln).sum::<f64>() / cols as f64).exp();
        let rounded = |v: f64| ((v.log2() * STEPS_IN_OCTAVE).round() / STEPS_IN_OCTAVE).exp2() as f32;
        let scales: Vec<f32> = spacing.map(|s| rounded(s / middle)).collect();
        let row = |&g: &f32| rounded(middle / (f64::from(g) + LEAST_OUTPUT * mean).sqrt());
        Some(Self {
            rows: moments.outputs.iter().map(row).collect(),
            col_scales: FloatVec::of(FloatType::Bf16, &scales),
        })
    }

    /// Steps that are `factor` times the units.
    pub(crate) fn at(&self, factor: f64) -> Steps {
        let rows: Vec<f32> = self.rows.iter().map(|&unit| (f64::from(unit) * factor) as f32).collect();
        Steps {
            rows: FloatVec::of(FloatType::Bf16, &rows),
            col_scales: Some(self.col_scales.clone()),
            factor: Some(factor),
        }
    }
}

/// Weights to aim at in place of a tensor's own.
pub(crate) struct Aim {
    shape: [usize; 2],
    bytes: Vec<u8>,
}

impl Aim {
    pub(crate) fn floats(&self) -> Result<Floats<'_>> {
        Ok(Floats::new(FloatType::F32, self.shape, &self.bytes)?)
    }
}

/// The weights to aim at for a tensor that was fitted to its inputs.
///
/// # Errors
/// When they cannot be read.
pub(crate) fn aim(calibration: Option<&Calibration>, tensor: &SourceTensor) -> Result<Option<Aim>> {
    let shape = [tensor.rows, tensor.cols];
    let weights =
        calibration.map(|calibration| calibration.weights(&tensor.name, shape)).transpose()?.flatten();
    let bytes = |weights: Vec<f32>| weights.iter().flat_map(|w| w.to_le_bytes()).collect();
    Ok(weights.map(|weights| Aim { shape, bytes: bytes(weights) }))
}
