//! The input of one or several matrices: its second moments and their factor.

use crate::error::Result;
use crate::trellis::{TrellisChoice, error_feedback};
use ecq_quant::ErrorFeedback;

/// The second moments of an input that several matrices may share (queries, keys and values; gate and up),
/// and their factors.
///
/// Moments are factored when a matrix first needs it: once, unless matrices have trellises with different
/// phases. Matrices on the scalar grid take the order of columns that the others need.
pub(super) struct Input {
    cols: usize,
    hessian: Vec<f32>,
    /// The phases of the first matrix with a trellis.
    shared: Option<TrellisChoice>,
    factors: Vec<(Option<TrellisChoice>, ErrorFeedback)>,
}

impl Input {
    /// Makes the input with moments `hessian`, `[cols, cols]`, of matrices with these trellises.
    pub(super) fn new(
        cols: usize,
        hessian: Vec<f32>,
        trellises: impl IntoIterator<Item = Option<TrellisChoice>>,
    ) -> Self {
        let shared = trellises.into_iter().flatten().next().map(phases);
        Self { cols, hessian, shared, factors: Vec::new() }
    }

    /// Returns the factor for a matrix with this trellis, and the moments, `[cols, cols]`.
    ///
    /// # Errors
    /// [`Quant`](crate::PackError::Quant) if the moments are not finite or not positive definite.
    pub(super) fn factored(&mut self, trellis: Option<TrellisChoice>) -> Result<(&ErrorFeedback, &[f32])> {
        let key = trellis.map(phases).or(self.shared);
        let at = match self.factors.iter().position(|(phases, _)| *phases == key) {
            Some(at) => at,
            None => {
                self.factors.push((key, error_feedback(key, &self.hessian, self.cols)?));
                self.factors.len() - 1
            }
        };
        Ok((&self.factors[at].1, &self.hessian))
    }

    /// Returns the number of factorizations so far.
    pub(super) fn factorizations(&self) -> usize {
        self.factors.len()
    }
}

/// Returns a choice that is equal for equal orders of columns.
fn phases(trellis: TrellisChoice) -> TrellisChoice {
    TrellisChoice { branch_tables: true, ..trellis }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_share_a_factor_unless_their_phases_differ() {
        let hessian: Vec<f32> = (0..24 * 24).map(|i| if i % 25 == 0 { 2.0 } else { 0.1 }).collect();
        let trellis = TrellisChoice::default();
        let one_table = TrellisChoice { branch_tables: false, ..trellis };
        let mut input = Input::new(24, hessian, [None, Some(trellis), Some(one_table)]);
        let steps = input.factored(None).unwrap().0.column_steps().to_vec();
        assert_eq!(input.factored(Some(trellis)).unwrap().0.column_steps(), steps);
        assert_eq!(input.factored(Some(one_table)).unwrap().0.column_steps(), steps);
        assert_eq!(input.factorizations(), 1);
        input.factored(Some(TrellisChoice { lag: 4, ..trellis })).unwrap();
        assert_eq!(input.factorizations(), 2);
    }
}
