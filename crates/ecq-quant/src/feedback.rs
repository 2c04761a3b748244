//! Rounding with error feedback onto the unbounded uniform grid.
//!
//! Columns are rounded in order, and the error of each is compensated by the columns that follow: GPTQ
//! (Frantar et al., arXiv 2210.17323), in the form of LDLQ (Chee et al., arXiv 2307.13304). The column scales
//! follow the diagonal of the factor (WaterSIC, arXiv 2603.04956), so that an error of one step costs the
//! same in every column. Between the two nearest integers, the one with the lower cost in error and bits is
//! chosen (rate-distortion optimised quantization).

use crate::QuantizedMatrix;
use crate::error::{QuantError, Result};
use crate::rate::RateModel;
use crate::uniform::{matrix_of_integers, reciprocals};
use crate::weights::Weights;
use ecq_core::FloatVec;
use faer::linalg::cholesky::llt;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

/// Columns from which a factorization is split over threads.
const MIN_PARALLEL_COLS: usize = 2048;
/// Rows of right-hand sides that are solved for together.
const SOLVED_ROWS: usize = 64;

/// Fraction of each diagonal element of the Hessian that is added to it.
const DAMPING: f64 = 0.05;
/// Lower bound of diagonal elements of the Hessian, as a fraction of their median.
const MIN_RELATIVE_DIAGONAL: f64 = 1e-4;
/// Columns whose errors are propagated to the later columns together.
const BLOCK_COLS: usize = 64;
/// Rows that are rounded together.
const BLOCK_ROWS: usize = 64;
/// Rows from whose integers the bits per integer are estimated.
const SAMPLE_ROWS: usize = 128;
/// Rate-distortion multiplier: squared error, in squared steps, that is accepted to save one bit.
const LAMBDA: f64 = 0.075;
/// Integers of at most this magnitude have a bit estimate of their own.
const MAX_ESTIMATED: i32 = 96;

/// The error feedback of a matrix, factored from the Hessian of its inputs.
#[derive(Debug, Clone)]
pub struct ErrorFeedback {
    cols: usize,
    /// `[cols, cols]` row-major, strictly upper triangular: element `(i, k)` is the factor by which an error
    /// in column `i` changes the value that is rounded in column `k`.
    propagation: Vec<f32>,
    /// Step size of each column at which one step of error costs the same in all columns.
    column_steps: Vec<f32>,
    inactive_inputs: usize,
    /// The column at each position of the order in which columns are rounded.
    order: Vec<u32>,
}

impl ErrorFeedback {
    /// Factors the Hessian `H = E[x x^T]` of the inputs, `[cols, cols]` and symmetric, as `R R^T` with `R`
    /// upper triangular.
    ///
    /// A twentieth of each diagonal element is added to it (damping). Diagonal elements below 1e-4 of their
    /// median are raised to that.
    ///
    /// # Errors
    /// [`QuantError::Parameter`] if the length is not `cols * cols`, an element is not finite, or the damped
    /// matrix is not positive definite.
    pub fn new(hessian: &[f32], cols: usize) -> Result<Self> {
        Self::with_order(hessian, (0..cols as u32).collect())
    }

    /// As [`new`](Self::new), for columns that are rounded in the order `order`.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`QuantError::Parameter`] if `order` does not contain every column once.
    pub fn with_order(hessian: &[f32], order: Vec<u32>) -> Result<Self> {
        let cols = order.len();
        let bad = |found: f64, expected| QuantError::Parameter { what: "Hessian", found, expected };
        if hessian.len() != cols * cols {
            return Err(bad(hessian.len() as f64, "one element for each pair of columns"));
        }
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if sorted.iter().enumerate().any(|(col, &listed)| col != listed as usize) {
            return Err(bad(cols as f64, "an order that contains every column once"));
        }
        let element = |i: usize, k: usize| hessian[order[i] as usize * cols + order[k] as usize];
        if let Some(value) = hessian.iter().find(|value| !value.is_finite()) {
            return Err(bad((*value).into(), "finite"));
        }
        let mut diagonal: Vec<f64> = (0..cols).map(|i| f64::from(element(i, i))).collect();
        let mut sorted = diagonal.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[cols / 2].max(f64::from(f32::MIN_POSITIVE));
        let inactive_inputs = diagonal.iter().filter(|&&d| d < MIN_RELATIVE_DIAGONAL * median).count();
        diagonal.iter_mut().for_each(|d| *d = d.max(MIN_RELATIVE_DIAGONAL * median));
        // The matrix is scaled to a diagonal of ones for accuracy. Rows and columns are reversed because the
        // Cholesky factor is lower triangular and an upper triangular one is needed.
        let scale: Vec<f64> = diagonal.iter().map(|d| 1.0 / d.sqrt()).collect();
        let mut factor = Mat::<f64>::from_fn(cols, cols, |i, k| {
            let (i, k) = (cols - 1 - i, cols - 1 - k);
            if i == k { 1.0 + DAMPING } else { f64::from(element(i, k)) * scale[i] * scale[k] }
        });
        // In the parallel form, threads wait spinning; small matrices are faster without it.
        let par = if cols < MIN_PARALLEL_COLS { Par::Seq } else { Par::rayon(0) };
        let size = llt::factor::cholesky_in_place_scratch::<f64>(cols, par, Default::default());
        let mut memory = faer::dyn_stack::MemBuffer::new(size);
        llt::factor::cholesky_in_place(
            factor.as_mut(),
            Default::default(),
            par,
            faer::dyn_stack::MemStack::new(&mut memory),
            Default::default(),
        )
        .map_err(|_| bad(f64::NAN, "a positive definite matrix"))?;
        // H = R R^T: R[i][k] = L[n-1-i][n-1-k] sqrt(diagonal[i]).
        let r = |i: usize, k: usize| factor[(cols - 1 - i, cols - 1 - k)] / scale[i];
        let mut propagation = vec![0f32; cols * cols];
        propagation.par_chunks_mut(cols).enumerate().for_each(|(i, row)| {
            for (k, element) in row.iter_mut().enumerate().skip(i + 1) {
                *element = (r(i, k) / r(k, k)) as f32;
            }
        });
        let mut column_steps = vec![0f32; cols];
        (0..cols).for_each(|k| column_steps[order[k] as usize] = (1.0 / r(k, k)) as f32);
        Ok(Self { cols, propagation, column_steps, inactive_inputs, order })
    }

    /// Returns the step size of each column at which one step of error costs the same in all columns, up to a
    /// common factor.
    pub fn column_steps(&self) -> &[f32] {
        &self.column_steps
    }

    /// Returns the column at each position of the order in which columns are rounded.
    pub(crate) fn order(&self) -> &[u32] {
        &self.order
    }

    /// Returns the propagation factors, `[cols, cols]` by position: element `(i, k)` is the factor by which
    /// an error at position `i` changes the value that is rounded at position `k > i`.
    pub(crate) fn propagation(&self) -> &[f32] {
        &self.propagation
    }

    /// Returns `X` with `X (H + damping) = B` for rows `b` of `B`, `[rows, cols]`, in the order of the
    /// columns.
    ///
    /// `H + damping = U D U^T` with `U` the propagation factors and ones on the diagonal.
    ///
    /// # Errors
    /// [`QuantError::Parameter`] if the length of `b` is not a multiple of the number of columns.
    pub fn solve(&self, b: &[f32]) -> Result<Vec<f32>> {
        let (cols, rows) = (self.cols, b.len() / self.cols);
        if b.len() != rows * cols {
            let (found, expected) = (b.len() as f64, "one element for each column in each row");
            return Err(QuantError::Parameter { what: "right-hand side", found, expected });
        }
        let col = |position: usize| self.order[position] as usize;
        let mut solution = vec![0f32; b.len()];
        let tasks = solution.par_chunks_mut(SOLVED_ROWS * cols).zip(b.par_chunks(SOLVED_ROWS * cols));
        tasks.for_each(|(solution, b)| {
            let mut x: Vec<f32> = (0..b.len()).map(|i| b[i / cols * cols + col(i % cols)]).collect();
            self.solve_transposed(&mut x);
            for row in x.chunks_exact_mut(cols) {
                for (position, x) in row.iter_mut().enumerate() {
                    // In f64: the square of the step of an input that is always zero exceeds f32, and zero
                    // times infinity is no number.
                    let step = f64::from(self.column_steps[col(position)]);
                    *x = (f64::from(*x) * step * step) as f32;
                }
            }
            self.solve_factors(&mut x);
            for (row, x) in solution.chunks_exact_mut(cols).zip(x.chunks_exact(cols)) {
                x.iter().enumerate().for_each(|(position, &x)| row[col(position)] = x);
            }
        });
        Ok(solution)
    }

    /// Replaces rows `b` by `y` with `y U^T = b`, for the propagation factors `U` with ones on the diagonal.
    ///
    /// Blocks of columns are solved for from last to first, and subtracted from all columns before them in
    /// one product.
    fn solve_transposed(&self, rows: &mut [f32]) {
        let cols = self.cols;
        for first in (0..cols).step_by(BLOCK_COLS).rev() {
            let width = BLOCK_COLS.min(cols - first);
            for row in rows.chunks_exact_mut(cols) {
                for k in (first..first + width).rev() {
                    let factors = &self.propagation[k * cols..(k + 1) * cols];
                    let later = k + 1..first + width;
                    let sum: f32 = row[later.clone()].iter().zip(&factors[later]).map(|(y, u)| y * u).sum();
                    row[k] -= sum;
                }
            }
            let n = rows.len() / cols;
            let (earlier, rest) = MatMut::from_row_major_slice_mut(rows, n, cols).split_at_col_mut(first);
            let factors = MatRef::from_row_major_slice(&self.propagation, cols, cols);
            let factors = factors.submatrix(0, first, first, width).transpose();
            matmul(earlier, Accum::Add, rest.as_ref().subcols(0, width), factors, -1.0, Par::Seq);
        }
    }

    /// Replaces rows `z` by `x` with `x U = z`, in blocks of columns from first to last.
    fn solve_factors(&self, rows: &mut [f32]) {
        let cols = self.cols;
        for first in (0..cols).step_by(BLOCK_COLS) {
            let end = cols.min(first + BLOCK_COLS);
            for row in rows.chunks_exact_mut(cols) {
                for i in first..end {
                    let factors = &self.propagation[i * cols..(i + 1) * cols];
                    let x = row[i];
                    row[i + 1..end].iter_mut().zip(&factors[i + 1..end]).for_each(|(z, u)| *z -= x * u);
                }
            }
            let n = rows.len() / cols;
            let (solved, later) = MatMut::from_row_major_slice_mut(rows, n, cols).split_at_col_mut(end);
            let factors = MatRef::from_row_major_slice(&self.propagation, cols, cols);
            let factors = factors.submatrix(first, end, end - first, cols - end);
            matmul(later, Accum::Add, solved.as_ref().subcols(first, end - first), factors, -1.0, Par::Seq);
        }
    }

    /// Returns the number of inputs whose second moment is below 1e-4 of the median.
    pub fn inactive_inputs(&self) -> usize {
        self.inactive_inputs
    }
}

/// Rounds weights with error feedback: `w ≈ steps[row] * q * col_scales[col]`.
///
/// `steps` has one element for the tensor or one per row, `col_scales` one per column. Bits per integer are
/// estimated from a first pass over at most 128 rows. The result does not depend on the number of threads.
///
/// # Errors
/// [`QuantError::NotFinite`] or [`QuantError::Read`] of the weights, [`QuantError::Parameter`] if a number of
/// elements does not match the shape or a step or scale is not positive, [`QuantError::TooManySteps`] if an
/// integer exceeds 32 bits.
pub fn quantize_with_feedback(
    weights: &dyn Weights,
    steps: &FloatVec,
    col_scales: &FloatVec,
    feedback: &ErrorFeedback,
    rate: &dyn RateModel,
) -> Result<QuantizedMatrix> {
    let shape @ [rows, cols] = weights.shape();
    let bad = |what, found: usize, expected| QuantError::Parameter { what, found: found as f64, expected };
    if feedback.cols != cols || col_scales.len() != cols {
        return Err(bad("column scales", col_scales.len(), "one for each column"));
    }
    if steps.len() != 1 && steps.len() != rows {
        return Err(bad("steps", steps.len(), "one, or one for each row"));
    }
    let by_position = |by_col: Vec<f32>| feedback.order.iter().map(|&col| by_col[col as usize]).collect();
    let rounding = FeedbackRounding {
        weights,
        inverse_steps: reciprocals("step", steps)?,
        inverse_scales: by_position(reciprocals("column scale", col_scales)?),
        scales: by_position(col_scales.to_f32()),
        feedback,
    };
    let sample: Vec<usize> = (0..rows).step_by(rows.div_ceil(SAMPLE_ROWS)).collect();
    let sampled: Vec<Vec<i32>> =
        sample.par_chunks(BLOCK_ROWS / 4).map(|rows| rounding.round(rows, None)).collect::<Result<_>>()?;
    let bits = IntegerBits::from_sample(sampled.iter().flatten());

    let all: Vec<usize> = (0..rows).collect();
    let mut integers = vec![0i32; rows * cols];
    integers.par_chunks_mut(BLOCK_ROWS * cols).zip(all.par_chunks(BLOCK_ROWS)).try_for_each(
        |(out, rows)| {
            out.copy_from_slice(&rounding.round(rows, Some(&bits))?);
            Ok::<_, QuantError>(())
        },
    )?;
    matrix_of_integers(&integers, shape, steps, col_scales, rate)
}

/// The arguments of [`quantize_with_feedback`], prepared for rounding.
struct FeedbackRounding<'a> {
    weights: &'a dyn Weights,
    inverse_steps: Vec<f32>,
    /// By position in the order of the feedback, as `scales`.
    inverse_scales: Vec<f32>,
    scales: Vec<f32>,
    feedback: &'a ErrorFeedback,
}

impl FeedbackRounding<'_> {
    fn inverse_step(&self, row: usize) -> f32 {
        self.inverse_steps[if self.inverse_steps.len() == 1 { 0 } else { row }]
    }

    /// Returns the integers of `rows`, row-major; rounds to nearest without `bits`.
    fn round(&self, rows: &[usize], bits: Option<&IntegerBits>) -> Result<Vec<i32>> {
        let (cols, n) = (self.feedback.cols, rows.len());
        // The values that are rounded, by position, in units of the row's step: weights plus the feedback of
        // errors.
        let mut values = vec![0f32; n * cols];
        let mut weights = vec![0f32; cols];
        for (&row, values) in rows.iter().zip(values.chunks_exact_mut(cols)) {
            self.weights.read(row..row + 1, &mut weights)?;
            if let Some(col) = weights.iter().position(|w| !w.is_finite()) {
                return Err(QuantError::NotFinite { row, col, value: weights[col] });
            }
            let inverse = self.inverse_step(row);
            let by_position = self.feedback.order.iter().map(|&col| weights[col as usize] * inverse);
            values.iter_mut().zip(by_position).for_each(|(value, w)| *value = w);
        }
        let weights = values.clone();
        let mut integers = vec![0i32; n * cols];
        let mut errors = vec![0f32; n * BLOCK_COLS];
        for first in (0..cols).step_by(BLOCK_COLS) {
            let width = BLOCK_COLS.min(cols - first);
            for (i, &row) in rows.iter().enumerate() {
                let values = &mut values[i * cols..(i + 1) * cols];
                let errors = &mut errors[i * BLOCK_COLS..i * BLOCK_COLS + width];
                for (offset, stored) in errors.iter_mut().enumerate() {
                    let at = first + offset;
                    let col = self.feedback.order[at] as usize;
                    let steps = f64::from(values[at]) * f64::from(self.inverse_scales[at]);
                    if steps.abs() > f64::from(i32::MAX / 2) {
                        let inverse = self.inverse_step(row);
                        let (value, step) = (values[at] / inverse, self.scales[at] / inverse);
                        return Err(QuantError::TooManySteps { row, col, value, step });
                    }
                    let q = bits.map_or_else(|| steps.round_ties_even() as i32, |bits| bits.choose(steps));
                    integers[i * cols + col] = q;
                    // The error of the weight, without its feedback: the factor R already accounts for that.
                    let error = weights[i * cols + at] - (f64::from(q) * f64::from(self.scales[at])) as f32;
                    *stored = error;
                    let factors = &self.feedback.propagation[at * cols + at + 1..at * cols + first + width];
                    let later = values[at + 1..first + width].iter_mut();
                    later.zip(factors).for_each(|(value, factor)| *value += error * factor);
                }
            }
            let rest = cols - first - width;
            if rest > 0 {
                let e = MatRef::from_row_major_slice_with_stride(&errors, n, width, BLOCK_COLS);
                let factors = &self.feedback.propagation[first * cols..(first + width) * cols];
                let factors = MatRef::from_row_major_slice(factors, width, cols).subcols(first + width, rest);
                let later = MatMut::from_row_major_slice_mut(&mut values, n, cols);
                matmul(later.subcols_mut(first + width, rest), Accum::Add, e, factors, 1.0, Par::Seq);
            }
        }
        Ok(integers)
    }
}

/// Estimated bits of the integers `-MAX_ESTIMATED..=MAX_ESTIMATED`, from their frequencies.
struct IntegerBits(Vec<f64>);

impl IntegerBits {
    fn from_sample<'a>(integers: impl Iterator<Item = &'a i32>) -> Self {
        // Half a count each, so that integers absent from the sample have finite bits.
        let mut counts = vec![0.5; 2 * MAX_ESTIMATED as usize + 1];
        for &q in integers {
            counts[(q.clamp(-MAX_ESTIMATED, MAX_ESTIMATED) + MAX_ESTIMATED) as usize] += 1.0;
        }
        let total: f64 = counts.iter().sum();
        Self(counts.iter().map(|n| (total / n).log2()).collect())
    }

    /// Returns the cheaper of the integer nearest to `value` and its neighbour towards zero.
    fn choose(&self, value: f64) -> i32 {
        let nearest = value.round_ties_even() as i32;
        if nearest == 0 || nearest.abs() > MAX_ESTIMATED {
            return nearest;
        }
        let smaller = nearest - nearest.signum();
        let cost = |q: i32| {
            let error = value - f64::from(q);
            error * error + LAMBDA * self.0[(q + MAX_ESTIMATED) as usize]
        };
        if cost(smaller) < cost(nearest) { smaller } else { nearest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_matrices::{Entropy, bytes, correlated_hessian, cost, entropy, noise};
    use crate::weights::Floats;
    use ecq_core::{FloatType, Grid};

    #[test]
    fn inputs_that_are_always_zero_need_no_correction() {
        let feedback = ErrorFeedback::new(&[0.0; 64 * 64], 64).unwrap();
        assert_eq!(feedback.solve(&[0.0; 64 * 64]).unwrap(), [0.0; 64 * 64]);
    }

    #[test]
    fn feedback_reduces_the_cost_of_errors_at_equal_bits() {
        let (rows, cols) = (96, 150);
        let w = noise(rows * cols, 1);
        let bytes = bytes(&w);
        let floats = Floats::new(FloatType::F32, [rows, cols], &bytes).unwrap();
        let hessian = correlated_hessian(cols);
        let feedback = ErrorFeedback::new(&hessian, cols).unwrap();
        assert_eq!(feedback.inactive_inputs(), 0);
        let mean = feedback.column_steps().iter().map(|s| s.ln()).sum::<f32>() / cols as f32;
        let scales: Vec<f32> = feedback.column_steps().iter().map(|s| s / mean.exp()).collect();
        let scales = FloatVec::from_f32(FloatType::F32, &scales);
        // Feedback spreads the values that are rounded, so a slightly coarser step takes fewer bits.
        let (step, coarser) =
            (FloatVec::from_f32(FloatType::F32, &[0.35]), FloatVec::from_f32(FloatType::F32, &[0.37]));
        let with = quantize_with_feedback(&floats, &coarser, &scales, &feedback, &Entropy).unwrap();
        let without = crate::quantize_uniform(&floats, &step, None, crate::Levels::Grid, &Entropy).unwrap();
        let (few, many) = (entropy(&with), entropy(&without));
        assert!(few < many, "{few} of {many}");
        let (less, more) = (cost(&w, &with, &hessian), cost(&w, &without, &hessian));
        assert!(less < 0.6 * more, "{less} of {more}");
        let again = quantize_with_feedback(&floats, &coarser, &scales, &feedback, &Entropy).unwrap();
        assert_eq!(with, again);
    }

    #[test]
    fn a_diagonal_hessian_gives_no_feedback() {
        let (rows, cols) = (5, 70);
        let w = noise(rows * cols, 3);
        let bytes = bytes(&w);
        let floats = Floats::new(FloatType::F32, [rows, cols], &bytes).unwrap();
        let hessian: Vec<f32> =
            (0..cols * cols).map(|i| if i % (cols + 1) == 0 { 4.0 } else { 0.0 }).collect();
        let feedback = ErrorFeedback::new(&hessian, cols).unwrap();
        let scales = FloatVec::from_f32(FloatType::F32, &vec![1.0; cols]);
        let steps = FloatVec::from_f32(FloatType::F32, &[0.1, 0.2, 0.3, 0.1, 0.2]);
        let (codes, grid) = quantize_with_feedback(&floats, &steps, &scales, &feedback, &Entropy).unwrap();
        for (row, w) in w.chunks_exact(cols).enumerate() {
            let mut dequantized = vec![0.0; cols];
            grid.dequantize_row(row, &codes.symbols()[row * cols..(row + 1) * cols], &mut dequantized);
            // The neighbour towards zero is chosen a little past the middle at most.
            assert!(w.iter().zip(&dequantized).all(|(w, d)| (w - d).abs() <= 0.9 * steps.get(row)));
        }
    }

    #[test]
    fn inactive_inputs_and_large_weights_are_quantized_and_nan_is_refused() {
        let cols = 8;
        let mut hessian = correlated_hessian(cols);
        for i in 0..cols {
            (hessian[3 * cols + i], hessian[i * cols + 3]) = (0.0, 0.0);
        }
        let feedback = ErrorFeedback::new(&hessian, cols).unwrap();
        assert_eq!(feedback.inactive_inputs(), 1);
        assert!(feedback.column_steps().iter().all(|s| s.is_finite() && *s > 0.0));
        let mut w = noise(2 * cols, 5);
        w[5] = 3e5;
        let large = bytes(&w);
        let floats = Floats::new(FloatType::F32, [2, cols], &large).unwrap();
        let (scales, step) = (
            FloatVec::from_f32(FloatType::F32, &vec![1.0; cols]),
            FloatVec::from_f32(FloatType::F32, &[0.5]),
        );
        let (codes, grid) = quantize_with_feedback(&floats, &step, &scales, &feedback, &Entropy).unwrap();
        let Grid::UniformRows(uniform) = &grid else { panic!("a uniform grid") };
        assert!(uniform.outliers.iter().any(|o| o.index == 5));
        let mut dequantized = vec![0.0; cols];
        grid.dequantize_row(0, &codes.symbols()[..cols], &mut dequantized);
        assert!((dequantized[5] - 3e5).abs() <= 0.5);
        w[2] = f32::NAN;
        let with_nan = bytes(&w);
        let floats = Floats::new(FloatType::F32, [2, cols], &with_nan).unwrap();
        let error = quantize_with_feedback(&floats, &step, &scales, &feedback, &Entropy).unwrap_err();
        assert!(matches!(error, QuantError::NotFinite { row: 0, col: 2, .. }), "{error}");
    }

    #[test]
    fn solutions_solve_the_damped_system() {
        let cols = 9;
        let mut hessian = correlated_hessian(cols);
        let order = vec![4, 0, 8, 1, 2, 7, 3, 6, 5];
        let feedback = ErrorFeedback::with_order(&hessian, order).unwrap();
        (0..cols).for_each(|i| hessian[i * cols + i] *= 1.0 + DAMPING as f32);
        let b = noise(2 * cols, 3);
        let x = feedback.solve(&b).unwrap();
        for (x, b) in x.chunks_exact(cols).zip(b.chunks_exact(cols)) {
            for (k, b) in b.iter().enumerate() {
                let product: f32 = (0..cols).map(|i| x[i] * hessian[i * cols + k]).sum();
                assert!((product - b).abs() < 1e-4, "{product} instead of {b}");
            }
        }
        assert!(feedback.solve(&b[1..]).is_err());
    }

    #[test]
    fn singular_hessians_are_accepted() {
        // Equal inputs, and inputs that are multiples of each other.
        for hessian in [
            vec![1.0; 16],
            (0..16).map(|i| [1.0f32, 2.0, 1.0, 2.0][i / 4] * [1.0, 2.0, 1.0, 2.0][i % 4]).collect(),
        ] {
            let feedback = ErrorFeedback::new(&hessian, 4).unwrap();
            assert!(feedback.column_steps().iter().all(|s| s.is_finite() && *s > 0.0));
            let bytes = bytes(&noise(8, 2));
            let floats = Floats::new(FloatType::F32, [2, 4], &bytes).unwrap();
            let (scales, step) =
                (FloatVec::from_f32(FloatType::F32, &[1.0; 4]), FloatVec::from_f32(FloatType::F32, &[0.1]));
            let (codes, _) = quantize_with_feedback(&floats, &step, &scales, &feedback, &Entropy).unwrap();
            assert_eq!(codes.symbols().len(), 8);
        }
    }

    #[test]
    fn a_matrix_that_is_no_hessian_is_refused() {
        let message =
            |hessian: &[f32], cols: usize| ErrorFeedback::new(hessian, cols).unwrap_err().to_string();
        assert!(message(&[1.0; 3], 2).contains("one element for each pair"));
        assert!(message(&[1.0, f32::NAN, f32::NAN, 1.0], 2).contains("finite"));
        assert!(message(&[1.0, 5.0, 5.0, 1.0], 2).contains("positive definite"));
    }
}
