//! The choice between the trellis grid and the scalar uniform grid, for matrices with error feedback and
//! without.

use crate::error::{PackError, Result};
use crate::rates::CoderRates;
use ecq_core::{FloatVec, TrellisRows};
use ecq_quant::{ErrorFeedback, QuantizedMatrix, TrellisShape, Weights, quantize_trellis};
use std::fmt;

/// The phases of a trellis grid; see [`TrellisRows`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrellisChoice {
    /// Columns between a code and the branch bits that follow from it: a positive multiple of 4.
    pub lag: u16,
    /// Columns after which branch bits start anew, a multiple of `lag`; `None` for whole rows.
    pub restart: Option<u32>,
    /// Whether a table for each branch bit is likely; [`PackOptions::grid_of`](crate::PackOptions::grid_of)
    /// sets it by the coding of the tensor.
    pub branch_tables: bool,
}

impl Default for TrellisChoice {
    /// Lag 12 is four triples of columns, which a fragment of a tensor core holds.
    fn default() -> Self {
        Self { lag: 12, restart: None, branch_tables: true }
    }
}

impl TrellisChoice {
    /// Parses `on` (the default phases), `off`, `LAG` or `LAGxRESTART`; `None` is the scalar grid.
    ///
    /// # Errors
    /// [`PackError::Option`] for any other word, and for a lag or restart that [`TrellisRows`] refuses.
    pub fn parse(word: &str) -> Result<Option<Self>> {
        let bad = |why: String| PackError::Option { option: format!("trellis {word}"), why };
        let number = |word: &str| {
            let expected = "expected on, off, LAG or LAGxRESTART, such as 12 or 12x288";
            word.parse::<u32>().map_err(|_| bad(expected.to_owned()))
        };
        let (lag, restart) = match (word, word.split_once('x')) {
            ("on", _) => return Ok(Some(Self::default())),
            ("off", _) => return Ok(None),
            (_, None) => (number(word)?, None),
            (_, Some((lag, restart))) => (number(lag)?, Some(number(restart)?)),
        };
        let lag = u16::try_from(lag).unwrap_or(u16::MAX);
        let choice = Self { lag, restart, ..Self::default() };
        let TrellisShape { lag, restart, .. } = choice.shape(1);
        TrellisRows::check_lag(lag, restart).map_err(|error| bad(error.to_string()))?;
        Ok(Some(choice))
    }

    /// Quantizes weights, with or without error feedback.
    ///
    /// `steps` are those of the scalar grid at about the same rate: twice the distance of two levels.
    pub(crate) fn quantize(
        self,
        weights: &dyn Weights,
        steps: &FloatVec,
        col_scales: Option<&FloatVec>,
        feedback: Option<&ErrorFeedback>,
    ) -> Result<QuantizedMatrix> {
        let shape = self.shape(weights.shape()[1]);
        let half: Vec<f32> = steps.to_f32().iter().map(|step| 0.5 * step).collect();
        let steps = FloatVec::from_f32(steps.dtype(), &half);
        Ok(quantize_trellis(weights, shape, &steps, col_scales, feedback, &CoderRates)?)
    }

    /// Returns the phases of a matrix of `cols` columns.
    fn shape(self, cols: usize) -> TrellisShape {
        let whole_row = || (cols as u32).next_multiple_of(u32::from(self.lag).max(1));
        let restart = self.restart.unwrap_or_else(whole_row);
        TrellisShape { lag: self.lag, restart, branch_tables: self.branch_tables }
    }
}

impl fmt::Display for TrellisChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.lag)?;
        self.restart.map_or(Ok(()), |restart| write!(f, "x{restart}"))
    }
}

/// Factors the Hessian of a matrix in the order in which its grid quantizes columns.
pub(crate) fn error_feedback(
    trellis: Option<TrellisChoice>,
    hessian: &[f32],
    cols: usize,
) -> Result<ErrorFeedback> {
    Ok(match trellis {
        Some(trellis) => ErrorFeedback::with_order(hessian, trellis.shape(cols).order(cols))?,
        None => ErrorFeedback::new(hessian, cols)?,
    })
}

/// Quantizes weights with error feedback that [`error_feedback`] factored, on the trellis grid or the scalar
/// grid.
pub(crate) fn quantize_with_feedback(
    trellis: Option<TrellisChoice>,
    weights: &dyn Weights,
    steps: &FloatVec,
    col_scales: &FloatVec,
    feedback: &ErrorFeedback,
) -> Result<QuantizedMatrix> {
    match trellis {
        Some(trellis) => trellis.quantize(weights, steps, Some(col_scales), Some(feedback)),
        None => Ok(ecq_quant::quantize_with_feedback(weights, steps, col_scales, feedback, &CoderRates)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_phases() {
        let parse = |word| TrellisChoice::parse(word).unwrap();
        assert_eq!((parse("off"), parse("on")), (None, Some(TrellisChoice::default())));
        let of = |lag, restart| Some(TrellisChoice { lag, restart, branch_tables: true });
        assert_eq!(parse("4"), of(4, None));
        assert_eq!(parse("12x288"), of(12, Some(288)));
        for word in ["4", "12x288", "16x16"] {
            assert_eq!(parse(word).unwrap().to_string(), word);
        }
        for word in ["", "yes", "0", "6", "12x", "x12", "12x100", "12x0", "70000", "4x4x4", "-4"] {
            assert!(matches!(TrellisChoice::parse(word), Err(PackError::Option { .. })), "{word}");
        }
        let shape = TrellisChoice::default().shape(100);
        assert_eq!((shape.lag, shape.restart), (12, 108));
    }
}
