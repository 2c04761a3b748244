//! Step sizes of uniform grids.

use ecq_core::{FloatType, FloatVec};
use ecq_quant::ErrorFeedback;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The step sizes of a uniform grid.
#[derive(Debug, Clone)]
pub(crate) struct StepSizes {
    /// One step size for the tensor, or one per row.
    pub(crate) rows: FloatVec,
    /// The factor between these step sizes and [`RelativeSteps`]; `None` without calibration.
    pub(crate) factor: Option<f64>,
}

/// Step sizes from calibration, up to one factor for the whole model.
///
/// With `H = R R^T` (damped Hessian, `R` upper triangular) and output gradient second moments `G`, the step
/// of row `n` and column `k` is proportional to `1 / (sqrt(G[n]) R[k][k])`. An error of one step then costs
/// the same everywhere, so that one factor for all matrices is reverse water-filling (WaterSIC, arXiv
/// 2603.04956).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RelativeSteps {
    /// One per row.
    pub(crate) rows: Vec<f32>,
    /// One per column, in [`SCALE_TYPE`].
    #[serde(serialize_with = "serialize_scales", deserialize_with = "deserialize_scales")]
    pub(crate) col_scales: FloatVec,
}

/// The type of stored steps and scales.
const SCALE_TYPE: FloatType = FloatType::Bf16;

fn serialize_scales<S: Serializer>(scales: &FloatVec, serializer: S) -> Result<S::Ok, S::Error> {
    scales.to_f32().serialize(serializer)
}

fn deserialize_scales<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FloatVec, D::Error> {
    Ok(FloatVec::from_f32(SCALE_TYPE, &Vec::deserialize(deserializer)?))
}

/// Steps are rounded to this many values per octave. Few distinct values take few bits, and a deviation of 9%
/// has next to no cost.
const VALUES_PER_OCTAVE: f64 = 4.0;
/// Fraction of the mean of `G` that is added to each element, so that no row gets an unbounded step.
const GRADIENT_DAMPING: f64 = 0.01;

impl RelativeSteps {
    /// Returns the steps of a matrix with these second moments of its output gradients, one per row; the
    /// moments of its input are factored in `feedback`. `None` if all gradients are zero.
    pub(crate) fn new(feedback: &ErrorFeedback, gradients: &[f32]) -> Option<Self> {
        let (rows, cols) = (gradients.len(), feedback.column_steps().len());
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
            col_scales: FloatVec::from_f32(SCALE_TYPE, &scales),
        })
    }

    /// Returns step sizes that are `factor` times the relative steps.
    pub(crate) fn scaled(&self, factor: f64) -> StepSizes {
        let rows: Vec<f32> = self.rows.iter().map(|&unit| (f64::from(unit) * factor) as f32).collect();
        StepSizes { rows: FloatVec::from_f32(SCALE_TYPE, &rows), factor: Some(factor) }
    }
}
