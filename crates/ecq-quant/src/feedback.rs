//! Rounding with error feedback onto the unbounded grid, for an entropy coder.
//!
//! The order of columns and the feedback are those of GPTQ (Frantar et al., arXiv 2210.17323) in the form of LDLQ (Chee et al., arXiv
//! 2307.13304); the column steps follow the factor's diagonal (WaterSIC, arXiv 2603.04956), so that every integer's error costs the same; among
//! the two nearest integers the one with the least error and bits together is taken (rate-distortion optimised quantization).

use crate::Coded;
use crate::error::{QuantError, Result};
use crate::rate::RateModel;
use crate::uniform::{coded, inverses};
use crate::weights::Weights;
use ecq_core::FloatVec;
use faer::linalg::cholesky::llt;
use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use rayon::prelude::*;

/// A part of each input's own moment that is added to it.
const DAMPING: f64 = 0.05;
/// Inputs are taken to move at least this much of the median input.
const LEAST_INPUT: f64 = 1e-4;
/// Columns whose errors are passed on together.
const RUN: usize = 64;
/// Rows that are worked on together.
const BLOCK_ROWS: usize = 64;
/// Rows from which the bits of integers are learned.
const LEARN_ROWS: usize = 128;
/// Squared steps that a bit may cost.
const STEPS_PER_BIT: f64 = 0.075;
/// Integers this near to zero have bits of their own.
const NEAR: i32 = 96;

/// How errors of a column are made good by later ones, and how dear they are.
#[derive(Debug, Clone)]
pub struct ErrorFeedback {
    cols: usize,
    /// `[cols, cols]` row-major: what an error in column `row` adds to the target of column `col > row`.
    carry: Vec<f32>,
    /// The step of each column for errors of equal cost.
    spacing: Vec<f32>,
    /// Inputs that hardly ever move.
    dead: usize,
}

impl ErrorFeedback {
    /// Factors the second moments of inputs, `[cols, cols]`, symmetric.
    ///
    /// A twentieth of each input's own moment is added to it; inputs that hardly ever move are taken to move a little.
    ///
    /// # Errors
    /// When a moment is not finite, or they are no moments (not positive definite even so).
    pub fn new(inputs: &[f32], cols: usize) -> Result<Self> {
        let bad = |found: f64, expected| QuantError::Parameter { what: "moment of inputs", found, expected };
        if inputs.len() != cols * cols {
            return Err(bad(inputs.len() as f64, "one for each pair of columns"));
        }
        if let Some(value) = inputs.iter().find(|value| !value.is_finite()) {
            return Err(bad((*value).into(), "finite"));
        }
        let mut diagonal: Vec<f64> = (0..cols).map(|i| f64::from(inputs[i * cols + i])).collect();
        let mut sorted = diagonal.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[cols / 2].max(f64::from(f32::MIN_POSITIVE));
        let dead = diagonal.iter().filter(|&&d| d < LEAST_INPUT * median).count();
        diagonal.iter_mut().for_each(|d| *d = d.max(LEAST_INPUT * median));
        // With a diagonal of ones; the last column comes first, so that the factor is an upper one.
        let scale: Vec<f64> = diagonal.iter().map(|d| 1.0 / d.sqrt()).collect();
        let mut factor = Mat::<f64>::from_fn(cols, cols, |i, k| {
            let (i, k) = (cols - 1 - i, cols - 1 - k);
            if i == k { 1.0 + DAMPING } else { f64::from(inputs[i * cols + k]) * scale[i] * scale[k] }
        });
        let size = llt::factor::cholesky_in_place_scratch::<f64>(cols, Par::rayon(0), Default::default());
        let mut memory = faer::dyn_stack::MemBuffer::new(size);
        llt::factor::cholesky_in_place(
            factor.as_mut(),
            Default::default(),
            Par::rayon(0),
            faer::dyn_stack::MemStack::new(&mut memory),
            Default::default(),
        )
        .map_err(|_| bad(f64::NAN, "those of a positive definite matrix"))?;
        // H = R R^T with R upper: R[i][k] = L[n-1-i][n-1-k] sqrt(diagonal[i]).
        let r = |i: usize, k: usize| factor[(cols - 1 - i, cols - 1 - k)] / scale[i];
        let mut carry = vec![0f32; cols * cols];
        carry.par_chunks_mut(cols).enumerate().for_each(|(i, carry)| {
            for (k, carry) in carry.iter_mut().enumerate().skip(i + 1) {
                *carry = (r(i, k) / r(k, k)) as f32;
            }
        });
        let spacing = (0..cols).map(|k| (1.0 / r(k, k)) as f32).collect();
        Ok(Self { cols, carry, spacing, dead })
    }

    /// The step of each column for errors of equal cost, in one unit.
    pub fn spacing(&self) -> &[f32] {
        &self.spacing
    }

    /// Inputs that hardly ever move.
    pub fn dead(&self) -> usize {
        self.dead
    }
}

/// Rounds weights with error feedback: `w = step[row] * q * scale[col]` as nearly as the model cares, and in few bits.
///
/// `steps` has one element for each row (or one), `col_scales` one for each column. Deterministic, whatever the threads.
///
/// # Errors
/// When a weight is not finite, a step is not positive, a count does not fit the shape, or an integer passes 32 bits.
pub fn feedback(
    weights: &dyn Weights,
    steps: &FloatVec,
    col_scales: &FloatVec,
    feedback: &ErrorFeedback,
    rate: &dyn RateModel,
) -> Result<Coded> {
    let shape @ [rows, cols] = weights.shape();
    if feedback.cols != cols || col_scales.len() != cols {
        let expected = "one for each column";
        return Err(QuantError::Parameter {
            what: "column scales",
            found: col_scales.len() as f64,
            expected,
        });
    }
    if steps.len() != 1 && steps.len() != rows {
        let expected = "one, or one for each row";
        return Err(QuantError::Parameter { what: "steps", found: steps.len() as f64, expected });
    }
    let work = Work {
        weights,
        inverse_steps: inverses("step", steps)?,
        inverse_scales: inverses("column scale", col_scales)?,
        scales: col_scales.to_f32(),
        feedback,
    };
    let learned: Vec<usize> = (0..rows).step_by(rows.div_ceil(LEARN_ROWS)).collect();
    let q: Vec<Vec<i32>> =
        learned.par_chunks(BLOCK_ROWS / 4).map(|rows| work.round(rows, None)).collect::<Result<_>>()?;
    let bits = Bits::of(q.iter().flatten());

    let all: Vec<usize> = (0..rows).collect();
    let mut integers = vec![0i32; rows * cols];
    integers.par_chunks_mut(BLOCK_ROWS * cols).zip(all.par_chunks(BLOCK_ROWS)).try_for_each(
        |(out, rows)| {
            out.copy_from_slice(&work.round(rows, Some(&bits))?);
            Ok::<_, QuantError>(())
        },
    )?;
    coded(&integers, shape, steps, col_scales, rate)
}

struct Work<'a> {
    weights: &'a dyn Weights,
    inverse_steps: Vec<f32>,
    inverse_scales: Vec<f32>,
    scales: Vec<f32>,
    feedback: &'a ErrorFeedback,
}

impl Work<'_> {
    /// The integers of some rows.
    fn round(&self, rows: &[usize], bits: Option<&Bits>) -> Result<Vec<i32>> {
        let (cols, n) = (self.feedback.cols, rows.len());
        // Targets in units of the row's step.
        let mut target = vec![0f32; n * cols];
        for (&row, target) in rows.iter().zip(target.chunks_exact_mut(cols)) {
            self.weights.read(row..row + 1, target)?;
            if let Some(col) = target.iter().position(|w| !w.is_finite()) {
                return Err(QuantError::NotFinite { row, col, value: target[col] });
            }
            let inverse = self.inverse_steps[if self.inverse_steps.len() == 1 { 0 } else { row }];
            target.iter_mut().for_each(|w| *w *= inverse);
        }
        let weights = target.clone();
        let mut integers = vec![0i32; n * cols];
        let mut errors = vec![0f32; n * RUN];
        for first in (0..cols).step_by(RUN) {
            let run = RUN.min(cols - first);
            for (at, &row) in rows.iter().enumerate() {
                let target = &mut target[at * cols..(at + 1) * cols];
                let errors = &mut errors[at * RUN..at * RUN + run];
                for (i, kept) in errors.iter_mut().enumerate() {
                    let col = first + i;
                    let t = f64::from(target[col]) * f64::from(self.inverse_scales[col]);
                    if t.abs() > f64::from(i32::MAX / 2) {
                        let inverse = self.inverse_steps[if self.inverse_steps.len() == 1 { 0 } else { row }];
                        let (value, step) = (target[col] / inverse, self.scales[col] / inverse);
                        return Err(QuantError::TooManySteps { row, col, value, step });
                    }
                    let q = bits.map_or_else(|| t.round_ties_even() as i32, |bits| bits.choose(t));
                    integers[at * cols + col] = q;
                    // What the weight itself is off, not its target: the factor counts that in.
                    let error =
                        weights[at * cols + col] - (f64::from(q) * f64::from(self.scales[col])) as f32;
                    *kept = error;
                    let carry = &self.feedback.carry[col * cols + col + 1..col * cols + first + run];
                    target[col + 1..first + run].iter_mut().zip(carry).for_each(|(t, c)| *t += error * c);
                }
            }
            let rest = cols - first - run;
            if rest > 0 {
                let e = MatRef::from_row_major_slice_with_stride(&errors, n, run, RUN);
                let carry = &self.feedback.carry[first * cols..(first + run) * cols];
                let carry = MatRef::from_row_major_slice(carry, run, cols).subcols(first + run, rest);
                let later = MatMut::from_row_major_slice_mut(&mut target, n, cols);
                matmul(later.subcols_mut(first + run, rest), Accum::Add, e, carry, 1.0, Par::Seq);
            }
        }
        Ok(integers)
    }
}

/// What integers cost, from how often they occur.
struct Bits(Vec<f64>);

impl Bits {
    fn of<'a>(integers: impl Iterator<Item = &'a i32>) -> Self {
        let mut counts = vec![0.5; 2 * NEAR as usize + 1];
        for &q in integers {
            counts[(q.clamp(-NEAR, NEAR) + NEAR) as usize] += 1.0;
        }
        let total: f64 = counts.iter().sum();
        Self(counts.iter().map(|n| (total / n).log2()).collect())
    }

    /// The nearest integer or its neighbour towards zero.
    fn choose(&self, t: f64) -> i32 {
        let near = t.round_ties_even() as i32;
        if near == 0 || near.abs() > NEAR {
            return near;
        }
        let other = near - near.signum();
        let cost = |q: i32| {
            let off = t - f64::from(q);
            off * off + STEPS_PER_BIT * self.0[(q + NEAR) as usize]
        };
        if cost(other) < cost(near) { other } else { near }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::Floats;
    use ecq_core::{FloatType, Grid};

    struct Entropy;

    impl RateModel for Entropy {
        fn code_bits(&self, counts: &[f64]) -> f64 {
            let total: f64 = counts.iter().sum();
            counts.iter().filter(|&&n| n > 0.0).map(|&n| n * (total / n).log2()).sum()
        }

        fn outlier_bits(&self) -> f64 {
            24.0
        }
    }

    fn noise(n: usize, mut state: u64) -> Vec<f32> {
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..n).map(|_| next() + next() + next()).collect()
    }

    /// Inputs that lean on each other.
    fn moments(cols: usize) -> Vec<f32> {
        let samples = noise(4 * cols * cols, 7);
        let mut inputs = vec![0.0; cols * cols];
        for x in samples.chunks_exact(cols) {
            let mut x = x.to_vec();
            for i in 1..cols {
                x[i] += 0.8 * x[i - 1];
            }
            for i in 0..cols {
                for k in 0..cols {
                    inputs[i * cols + k] += x[i] * x[k] / (4 * cols) as f32;
                }
            }
        }
        inputs
    }

    fn cost(w: &[f32], coded: &Coded, inputs: &[f32]) -> f64 {
        let (codes, grid) = coded;
        let cols = codes.cols();
        let mut total = 0.0;
        for (row, w) in w.chunks_exact(cols).enumerate() {
            let mut back = vec![0.0; cols];
            grid.dequantize_row(row, &codes.symbols()[row * cols..(row + 1) * cols], &mut back);
            let e: Vec<f64> = w.iter().zip(&back).map(|(w, b)| f64::from(w - b)).collect();
            for i in 0..cols {
                let sum: f64 = (0..cols).map(|k| e[k] * f64::from(inputs[i * cols + k])).sum();
                total += e[i] * sum;
            }
        }
        total
    }

    fn entropy(coded: &Coded) -> f64 {
        let mut counts = vec![0.0; 256];
        coded.0.symbols().iter().for_each(|&s| counts[usize::from(s)] += 1.0);
        Entropy.code_bits(&counts) / coded.0.symbols().len() as f64
    }

    #[test]
    fn errors_that_matter_shrink_at_equal_bits() {
        let (rows, cols) = (96, 150);
        let w = noise(rows * cols, 1);
        let bytes: Vec<u8> = w.iter().flat_map(|w| w.to_le_bytes()).collect();
        let floats = Floats::new(FloatType::F32, [rows, cols], &bytes).unwrap();
        let inputs = moments(cols);
        let factor = ErrorFeedback::new(&inputs, cols).unwrap();
        assert_eq!(factor.dead(), 0);
        let mean = factor.spacing().iter().map(|s| s.ln()).sum::<f32>() / cols as f32;
        let scales: Vec<f32> = factor.spacing().iter().map(|s| s / mean.exp()).collect();
        let scales = FloatVec::of(FloatType::F32, &scales);
        // Errors that are passed on widen targets: a little coarser, it takes fewer bits.
        let (step, coarser) = (FloatVec::of(FloatType::F32, &[0.35]), FloatVec::of(FloatType::F32, &[0.37]));
        let fed = feedback(&floats, &coarser, &scales, &factor, &Entropy).unwrap();
        let plain = crate::uniform(&floats, &step, None, crate::Levels::Grid, &Entropy).unwrap();
        let (few, many) = (entropy(&fed), entropy(&plain));
        assert!(few < many, "{few} of {many}");
        let (less, more) = (cost(&w, &fed, &inputs), cost(&w, &plain, &inputs));
        assert!(less < 0.6 * more, "{less} of {more}");
        assert_eq!(fed, feedback(&floats, &coarser, &scales, &factor, &Entropy).unwrap());
    }

    #[test]
    fn without_correlations_it_is_rounding() {
        let (rows, cols) = (5, 70);
        let w = noise(rows * cols, 3);
        let bytes: Vec<u8> = w.iter().flat_map(|w| w.to_le_bytes()).collect();
        let floats = Floats::new(FloatType::F32, [rows, cols], &bytes).unwrap();
        let inputs: Vec<f32> =
            (0..cols * cols).map(|i| if i % (cols + 1) == 0 { 4.0 } else { 0.0 }).collect();
        let factor = ErrorFeedback::new(&inputs, cols).unwrap();
        let scales = FloatVec::of(FloatType::F32, &vec![1.0; cols]);
        let steps = FloatVec::of(FloatType::F32, &[0.1, 0.2, 0.3, 0.1, 0.2]);
        let (codes, grid) = feedback(&floats, &steps, &scales, &factor, &Entropy).unwrap();
        for (row, w) in w.chunks_exact(cols).enumerate() {
            let mut back = vec![0.0; cols];
            grid.dequantize_row(row, &codes.symbols()[row * cols..(row + 1) * cols], &mut back);
            // At most the neighbour towards zero, a little past the middle.
            assert!(w.iter().zip(&back).all(|(w, b)| (w - b).abs() <= 0.9 * steps.get(row)));
        }
    }

    #[test]
    fn inputs_that_never_move_and_far_weights_are_taken() {
        let cols = 8;
        let mut inputs = moments(cols);
        for i in 0..cols {
            (inputs[3 * cols + i], inputs[i * cols + 3]) = (0.0, 0.0);
        }
        let factor = ErrorFeedback::new(&inputs, cols).unwrap();
        assert_eq!(factor.dead(), 1);
        assert!(factor.spacing().iter().all(|s| s.is_finite() && *s > 0.0));
        let mut w = noise(2 * cols, 5);
        w[5] = 3e5;
        let bytes: Vec<u8> = w.iter().flat_map(|w| w.to_le_bytes()).collect();
        let floats = Floats::new(FloatType::F32, [2, cols], &bytes).unwrap();
        let (scales, step) =
            (FloatVec::of(FloatType::F32, &vec![1.0; cols]), FloatVec::of(FloatType::F32, &[0.5]));
        let (codes, grid) = feedback(&floats, &step, &scales, &factor, &Entropy).unwrap();
        let Grid::UniformRows(uniform) = &grid else { panic!("a uniform grid") };
        assert!(uniform.outliers.iter().any(|o| o.index == 5));
        let mut back = vec![0.0; cols];
        grid.dequantize_row(0, &codes.symbols()[..cols], &mut back);
        assert!((back[5] - 3e5).abs() <= 0.5);
        w[2] = f32::NAN;
        let bytes: Vec<u8> = w.iter().flat_map(|w| w.to_le_bytes()).collect();
        let floats = Floats::new(FloatType::F32, [2, cols], &bytes).unwrap();
        let error = feedback(&floats, &step, &scales, &factor, &Entropy).unwrap_err();
        assert!(matches!(error, QuantError::NotFinite { row: 0, col: 2, .. }), "{error}");
    }

    #[test]
    fn inputs_that_say_the_same_are_taken() {
        // Constant inputs, and inputs that are copies of each other: moments without an inverse.
        for inputs in [
            vec![1.0; 16],
            (0..16).map(|i| [1.0f32, 2.0, 1.0, 2.0][i / 4] * [1.0, 2.0, 1.0, 2.0][i % 4]).collect(),
        ] {
            let factor = ErrorFeedback::new(&inputs, 4).unwrap();
            assert!(factor.spacing().iter().all(|s| s.is_finite() && *s > 0.0));
            let bytes: Vec<u8> = noise(8, 2).iter().flat_map(|w| w.to_le_bytes()).collect();
            let floats = Floats::new(FloatType::F32, [2, 4], &bytes).unwrap();
            let (scales, step) =
                (FloatVec::of(FloatType::F32, &[1.0; 4]), FloatVec::of(FloatType::F32, &[0.1]));
            let (codes, _) = feedback(&floats, &step, &scales, &factor, &Entropy).unwrap();
            assert_eq!(codes.symbols().len(), 8);
        }
    }

    #[test]
    fn what_are_no_moments_is_refused() {
        let told = |inputs: &[f32], cols: usize| ErrorFeedback::new(inputs, cols).unwrap_err().to_string();
        assert!(told(&[1.0; 3], 2).contains("one for each pair"));
        assert!(told(&[1.0, f32::NAN, f32::NAN, 1.0], 2).contains("finite"));
        assert!(told(&[1.0, 5.0, 5.0, 1.0], 2).contains("positive definite"));
    }
}
