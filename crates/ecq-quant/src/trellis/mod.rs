//! Entropy-constrained trellis quantization, with or without error feedback.
//!
//! Each phase of a row (columns `lag` apart) is a four-state trellis code over the integers of a uniform
//! grid; see [`TrellisRows`]. The Viterbi algorithm minimizes `error^2 + lambda * bits`
//! (entropy-constrained trellis coded quantization: Fischer and Wang, IEEE Trans. Inf. Theory 38, 1992).
//! With error feedback (GPTQ, arXiv
//! 2210.17323) each of the four survivors has the feedback of its own errors. Columns are quantized phase by
//! phase between two restarts, so that consecutive columns of the trellis are consecutive in the feedback.

mod search;

use crate::QuantizedMatrix;
use crate::error::{QuantError, Result};
use crate::feedback::ErrorFeedback;
use crate::rate::{Alphabet, RateModel};
use crate::uniform::{count_integers, reciprocals};
use crate::weights::Weights;
use ecq_core::{Codes, FloatVec, Grid, Outlier, TrellisRows, UniformRows};
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;
use search::{Bits, Columns, LANES, Rows, Search, Survivors, integer};

/// Rows that are quantized together: the later columns of all of them are corrected in one product.
const BLOCK_ROWS: usize = 4 * LANES;
/// Columns whose errors are propagated to the later ones together.
const BLOCK_COLS: usize = 64;
/// Weights, of rows at equal distances, from whose integers the bits per integer are estimated.
const SAMPLE_WEIGHTS: usize = 1 << 15;

/// The phases of a trellis grid, and how it is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrellisShape {
    /// Columns between a code and the branch bits that follow from it: a positive multiple of 4.
    pub lag: u16,
    /// Columns after which branch bits start anew: a positive multiple of `lag`.
    pub restart: u32,
    /// Whether the entropy coder has a table for each branch bit. Then the bits of an integer are those given
    /// its branch bit.
    pub branch_tables: bool,
}

impl TrellisShape {
    /// Returns the columns in the order in which they are quantized: phase by phase between two restarts.
    pub fn order(self, cols: usize) -> Vec<u32> {
        let (lag, restart) = (usize::from(self.lag).max(1), (self.restart as usize).max(1));
        let phases = |start: usize| {
            let end = start.saturating_add(restart).min(cols);
            (start..end.min(start + lag)).flat_map(move |first| (first..end).step_by(lag))
        };
        (0..cols).step_by(restart).flat_map(phases).map(|col| col as u32).collect()
    }

    /// Returns for each position of [`order`](Self::order) whether it is the last of its phase before a
    /// restart or the end of the row.
    fn last_of_run(self, cols: usize) -> Vec<bool> {
        let (lag, restart) = (usize::from(self.lag), (self.restart as usize).max(1));
        let last = |col: usize| col + lag >= cols || col % restart + lag >= restart;
        self.order(cols).into_iter().map(|col| last(col as usize)).collect()
    }
}

/// Quantizes weights to a trellis grid: `w ≈ steps[row] * level * col_scales[col]`.
///
/// `steps` has one element for the tensor or one per row, `col_scales` one per column. A step is the
/// distance of two levels: half of the step at which the uniform grid takes about as many bits. `feedback`
/// must be factored in the [order](TrellisShape::order) of `shape`. Bits per integer are estimated from two
/// passes over a sample of rows. The result does not depend on the number of threads.
///
/// # Errors
/// [`QuantError::Parameter`] if the shape, a step or a number of elements is out of range,
/// [`QuantError::NotFinite`] or [`QuantError::Read`] of the weights, [`QuantError::TooManySteps`] if a level
/// exceeds 2^21.
pub fn quantize_trellis(
    weights: &dyn Weights,
    shape: TrellisShape,
    steps: &FloatVec,
    col_scales: Option<&FloatVec>,
    feedback: Option<&ErrorFeedback>,
    rate: &dyn RateModel,
) -> Result<QuantizedMatrix> {
    let [rows, cols] = weights.shape();
    TrellisRows::check_lag(shape.lag, shape.restart)?;
    if let Some(found) = col_scales.map(FloatVec::len).filter(|&found| found != cols) {
        let (found, expected) = (found as f64, "one for each column");
        return Err(QuantError::Parameter { what: "column scales", found, expected });
    }
    if steps.len() != 1 && steps.len() != rows {
        let expected = "one, or one for each row";
        return Err(QuantError::Parameter { what: "steps", found: steps.len() as f64, expected });
    }
    let order = shape.order(cols);
    if let Some(feedback) = feedback.filter(|feedback| feedback.order() != order) {
        let (found, expected) = (feedback.order().len() as f64, "columns in the order of the trellis");
        return Err(QuantError::Parameter { what: "error feedback", found, expected });
    }
    let by_position = |by_col: Vec<f32>| order.iter().map(|&col| by_col[col as usize]).collect();
    let work = Work {
        weights,
        inverse_steps: reciprocals("step", steps)?,
        scales: by_position(col_scales.map_or_else(|| vec![1.0; cols], FloatVec::to_f32)),
        inverse_scales: by_position(match col_scales {
            Some(scales) => reciprocals("column scale", scales)?,
            None => vec![1.0; cols],
        }),
        last_of_run: shape.last_of_run(cols),
        order,
        feedback,
    };
    let sampled = SAMPLE_WEIGHTS.div_ceil(cols).max(BLOCK_ROWS);
    let sampled: Vec<usize> = (0..rows).step_by(rows.div_ceil(sampled)).collect();
    let mut bits = Bits::none();
    // The first pass ignores bits; the second is closer to the final distribution of integers.
    for _ in 0..2 {
        let blocks = sampled.par_chunks(BLOCK_ROWS).map(|rows| work.quantize(rows, &bits));
        let levels: Vec<Vec<i32>> = blocks.collect::<Result<_>>()?;
        bits = Bits::from_levels(levels.iter().flatten(), shape.branch_tables);
    }
    let all: Vec<usize> = (0..rows).collect();
    let mut integers = vec![0i32; rows * cols];
    let blocks = integers.par_chunks_mut(BLOCK_ROWS * cols).zip(all.par_chunks(BLOCK_ROWS));
    blocks.try_for_each(|(out, rows)| {
        let levels = work.quantize(rows, &bits)?;
        out.iter_mut().zip(levels).for_each(|(k, level)| *k = integer(level));
        Ok::<_, QuantError>(())
    })?;
    coded(&integers, [rows, cols], shape.lag, shape.restart, steps, col_scales, rate)
}

/// Converts integers to codes of the cheapest alphabet. Integers outside it become outliers, whose codes have
/// the same parity.
pub(crate) fn coded(
    integers: &[i32],
    [rows, cols]: [usize; 2],
    lag: u16,
    restart: u32,
    steps: &FloatVec,
    col_scales: Option<&FloatVec>,
    rate: &dyn RateModel,
) -> Result<QuantizedMatrix> {
    let half = i32::from(TrellisRows::MAX_ALPHABET / 2);
    let alphabet = Alphabet::cheapest_within(&count_integers(integers), rate, -half, half - 1);
    // The nearest integer of the alphabet with the same parity; an alphabet has at least two integers.
    let inside = |k: i32| {
        let near = k.clamp(alphabet.low, alphabet.high);
        if (k - near) % 2 == 0 { near } else { near + (near - k).signum() }
    };
    let symbols = integers.iter().map(|&k| (inside(k) - alphabet.low) as u8).collect();
    let outlier = |(index, &k): (usize, &i32)| {
        let delta = k - inside(k);
        (delta != 0).then_some(Outlier { index: index as u64, delta })
    };
    let uniform = UniformRows {
        zero: alphabet.zero(),
        steps: steps.clone(),
        col_scales: col_scales.cloned(),
        levels: None,
        outliers: integers.iter().enumerate().filter_map(outlier).collect(),
    };
    let codes = Codes::new(rows, cols, alphabet.size(), symbols)?;
    Ok((codes, Grid::TrellisRows(TrellisRows { uniform, lag, restart })))
}

struct Work<'a> {
    weights: &'a dyn Weights,
    inverse_steps: Vec<f32>,
    /// The column of each position in the order in which columns are quantized.
    order: Vec<u32>,
    /// Column scales and their reciprocals by position.
    scales: Vec<f32>,
    inverse_scales: Vec<f32>,
    /// Whether a position is the last one of a phase between two restarts.
    last_of_run: Vec<bool>,
    feedback: Option<&'a ErrorFeedback>,
}

impl Work<'_> {
    fn inverse_step(&self, row: usize) -> f32 {
        self.inverse_steps[if self.inverse_steps.len() == 1 { 0 } else { row }]
    }

    /// Returns the levels of at most [`BLOCK_ROWS`] rows, row-major.
    fn quantize(&self, rows: &[usize], bits: &Bits) -> Result<Vec<i32>> {
        let mut block = self.read(rows)?;
        let columns = Columns {
            scales: &self.scales,
            inverse_scales: &self.inverse_scales,
            last_of_run: &self.last_of_run,
            propagation: self.feedback.map(ErrorFeedback::propagation),
        };
        let (cols, groups) = (self.order.len(), block.groups);
        let mut survivors: Vec<_> = (0..groups).map(|_| Survivors::new()).collect();
        let mut propagated = 0;
        for start in (0..cols).step_by(BLOCK_COLS) {
            let near = start..cols.min(start + BLOCK_COLS);
            for (group, survivors) in survivors.iter_mut().enumerate() {
                let near = near.clone();
                let search = Search { survivors, near, columns: &columns, bits, rows: &mut block, group };
                pulp::Arch::new().dispatch(search).map_err(|(lane, position)| {
                    let value = block.targets[position * groups + group][lane];
                    self.too_far(rows, group * LANES + lane, position, value)
                })?;
            }
            // All groups commit the same columns.
            let committed = survivors[0].committed;
            self.propagate(propagated..committed, near.end, &mut block);
            propagated = committed;
        }
        let mut levels = vec![0i32; rows.len() * cols];
        for (row, levels) in levels.chunks_exact_mut(cols).enumerate() {
            for (lanes, &col) in block.levels.chunks_exact(groups).zip(&self.order) {
                levels[col as usize] = lanes[row / LANES][row % LANES];
            }
        }
        Ok(levels)
    }

    /// Reads rows, in units of their steps. Lanes without a row are zero.
    fn read(&self, rows: &[usize]) -> Result<Rows> {
        let (cols, groups) = (self.order.len(), rows.len().div_ceil(LANES));
        let mut weights = vec![[0f32; LANES]; cols * groups];
        let mut buffer = vec![0f32; cols];
        for (lane, &row) in rows.iter().enumerate() {
            self.weights.read(row..row + 1, &mut buffer)?;
            if let Some(col) = buffer.iter().position(|w| !w.is_finite()) {
                return Err(QuantError::NotFinite { row, col, value: buffer[col] });
            }
            let inverse = self.inverse_step(row);
            for (weights, &col) in weights.chunks_exact_mut(groups).zip(&self.order) {
                weights[lane / LANES][lane % LANES] = buffer[col as usize] * inverse;
            }
        }
        let targets = weights.clone();
        let levels = vec![[0i32; LANES]; cols * groups];
        Ok(Rows { groups, weights, targets, levels })
    }

    /// Adds the propagated errors at the positions `at` to the targets from position `from` on.
    fn propagate(&self, at: std::ops::Range<usize>, from: usize, rows: &mut Rows) {
        let (cols, groups) = (self.order.len(), rows.groups);
        let Some(feedback) = self.feedback.filter(|_| from < cols && !at.is_empty()) else { return };
        let (columns, rest, lanes) = (at.len(), cols - from, groups * LANES);
        let factors = &feedback.propagation()[at.start * cols..at.end * cols];
        let factors = MatRef::from_row_major_slice(factors, columns, cols).subcols(from, rest);
        let errors = rows.weights[at.start * groups..at.end * groups].as_flattened();
        let errors = MatRef::from_row_major_slice(errors, columns, lanes);
        let targets = rows.targets[from * groups..].as_flattened_mut();
        let targets = MatMut::from_row_major_slice_mut(targets, rest, lanes);
        matmul(targets, Accum::Add, factors.transpose(), errors, 1.0, Par::Seq);
    }

    fn too_far(&self, rows: &[usize], lane: usize, position: usize, target: f32) -> QuantError {
        let row = rows[lane.min(rows.len() - 1)];
        let inverse = self.inverse_step(row);
        let (value, step) = (target / inverse, self.scales[position] / inverse);
        QuantError::TooManySteps { row, col: self.order[position] as usize, value, step }
    }
}

#[cfg(test)]
mod tests {
    use super::search::FROM;
    use super::*;
    use crate::quantize_with_feedback;
    use crate::test_matrices::{Entropy, bytes, correlated_hessian, cost, entropy, noise};
    use crate::weights::Floats;
    use ecq_core::FloatType;

    /// The state that follows a state and the parity of an integer.
    const NEXT: [[usize; 2]; 4] = [[0, 2], [2, 0], [1, 3], [3, 1]];

    /// Standard normal numbers.
    fn gaussian(n: usize, mut state: u64) -> Vec<f32> {
        let mut uniform = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 33) as f64 + 0.5) / (1u64 << 31) as f64
        };
        (0..n)
            .map(|_| ((-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()) as f32)
            .collect()
    }

    fn error(w: &[f32], (codes, grid): &QuantizedMatrix) -> f64 {
        let cols = codes.cols();
        let mut back = vec![0.0; cols];
        let rows = w.chunks_exact(cols).zip(codes.symbols().chunks_exact(cols)).enumerate();
        let sum: f64 = rows
            .map(|(row, (w, symbols))| {
                grid.dequantize_row(row, symbols, &mut back);
                w.iter().zip(&back).map(|(w, b)| f64::from(w - b).powi(2)).sum::<f64>()
            })
            .sum();
        sum / w.len() as f64
    }

    /// Entropy in bits per weight with one table for each branch bit.
    fn entropy_by_branch((codes, grid): &QuantizedMatrix) -> f64 {
        let Grid::TrellisRows(trellis) = grid else { panic!("a trellis grid") };
        let mut counts = [vec![0.0; 256], vec![0.0; 256]];
        let mut branches = vec![0; codes.cols()];
        for row in codes.symbols().chunks_exact(codes.cols()) {
            trellis.branches(row, &mut branches);
            for (&symbol, &branch) in row.iter().zip(&branches) {
                counts[usize::from(branch)][usize::from(symbol)] += 1.0;
            }
        }
        counts.iter().map(|counts| Entropy.code_bits(counts)).sum::<f64>() / codes.symbols().len() as f64
    }

    #[test]
    fn transitions_are_the_branch_rule() {
        // State = 2 * branch + (parity before): the next branch is parity before the last XOR branch before
        // it.
        for (state, next) in NEXT.into_iter().enumerate() {
            for (parity, z) in next.into_iter().enumerate() {
                assert!(FROM[z].contains(&(state, parity as u32)), "state {state}, parity {parity}");
                assert_eq!(search::next(state as u32, parity as u32), z as u32);
            }
        }
        // A walk over random parities, against b[j] = p[j-1] ^ b[j-2].
        let (mut state, mut branches, mut parities) = (0, vec![], vec![]);
        for (j, w) in gaussian(200, 5).into_iter().enumerate() {
            let branch = state >> 1;
            let expected = match j {
                0 => 0,
                1 => parities[0],
                _ => parities[j - 1] ^ branches[j - 2],
            };
            assert_eq!(branch, expected, "column {j}");
            branches.push(branch);
            parities.push(usize::from(w > 0.0));
            state = NEXT[state][parities[j]];
        }
    }

    #[test]
    fn the_path_has_the_lowest_cost_of_all_paths() {
        let shape = TrellisShape { lag: 4, restart: 4096, branch_tables: true };
        let w: Vec<f32> = gaussian(28, 3).into_iter().map(|w| 1.5 * w).collect();
        let steps = FloatVec::from_f32(FloatType::F32, &[1.0]);
        let data = bytes(&w);
        let floats = Floats::new(FloatType::F32, [1, 28], &data).unwrap();
        let work = Work {
            weights: &floats,
            inverse_steps: steps.to_f32(),
            order: shape.order(28),
            scales: vec![1.0; 28],
            inverse_scales: vec![1.0; 28],
            last_of_run: shape.last_of_run(28),
            feedback: None,
        };
        let bits = Bits::from_levels([-2, -1, 0, 0, 0, 1, 1, 2].iter(), true);
        let found = work.quantize(&[0], &bits).unwrap();
        for phase in 0..4 {
            let targets: Vec<f32> = w.iter().skip(phase).step_by(4).copied().collect();
            let cost = |ks: &[i32]| {
                let mut state = 0;
                ks.iter().zip(&targets).fold(0.0, |sum, (&k, &t)| {
                    let branch = state >> 1;
                    let error = t - (2 * k + branch as i32) as f32;
                    state = NEXT[state][(k & 1) as usize];
                    sum + error * error + bits.of(branch, k)
                })
            };
            let taken: Vec<i32> = found.iter().skip(phase).step_by(4).map(|&level| integer(level)).collect();
            let mut least = f32::INFINITY;
            for path in 0..9i32.pow(7) {
                let ks: [i32; 7] = std::array::from_fn(|i| path / 9i32.pow(i as u32) % 9 - 4);
                least = least.min(cost(&ks));
            }
            assert!((cost(&taken) - least).abs() < 1e-4, "phase {phase}: {} of {least}", cost(&taken));
        }
    }

    #[test]
    fn gaussian_weights_are_close_to_the_rate_distortion_bound() {
        let (rows, cols) = (128, 1536);
        let w = gaussian(rows * cols, 11);
        let data = bytes(&w);
        let floats = Floats::new(FloatType::F32, [rows, cols], &data).unwrap();
        // Four states with two tables are 0.088 bits above the bound; short phases lose some more.
        for (step, lag, restart, branch_tables, most) in [
            (0.58, 4, 1536, true, 0.1),
            (0.42, 4, 1536, true, 0.1),
            (0.3, 4, 1536, true, 0.1),
            (0.22, 4, 1536, true, 0.1),
            (0.3, 12, 1536, true, 0.105),
            (0.3, 12, 288, true, 0.135),
            (0.58, 4, 1536, false, 0.155),
            (0.42, 4, 1536, false, 0.13),
            (0.3, 4, 1536, false, 0.115),
            (0.3, 12, 288, false, 0.145),
        ] {
            let shape = TrellisShape { lag, restart, branch_tables };
            let steps = FloatVec::from_f32(FloatType::F32, &[step]);
            let coded = quantize_trellis(&floats, shape, &steps, None, None, &Entropy).unwrap();
            let bits = if branch_tables { entropy_by_branch(&coded) } else { entropy(&coded) };
            let gap = bits - 0.5 * (1.0 / error(&w, &coded)).log2();
            println!("step {step}, {shape:?}: {bits:.3} bits, {gap:.4} above the bound");
            assert!(gap < most, "step {step}, {shape:?}: {bits:.3} bits, {gap:.4} above the bound");
        }
    }

    #[test]
    fn feedback_takes_fewer_bits_than_the_uniform_grid_at_equal_cost() {
        let (rows, cols) = (256, 288);
        let w = noise(rows * cols, 1);
        let data = bytes(&w);
        let floats = Floats::new(FloatType::F32, [rows, cols], &data).unwrap();
        let hessian = correlated_hessian(cols);
        let shape = TrellisShape { lag: 12, restart: 288, branch_tables: true };
        let scales_of = |feedback: &ErrorFeedback| {
            let steps = feedback.column_steps();
            let mean = steps.iter().map(|s| s.ln()).sum::<f32>() / cols as f32;
            let scales: Vec<f32> = steps.iter().map(|s| s / mean.exp()).collect();
            FloatVec::from_f32(FloatType::F32, &scales)
        };
        let step = |step| FloatVec::from_f32(FloatType::F32, &[step]);
        // Six decibels of cost are one bit, so this is comparable between grids.
        let excess = |bits: f64, matrix: &QuantizedMatrix| bits + 0.5 * cost(&w, matrix, &hessian).log2();
        let natural = ErrorFeedback::new(&hessian, cols).unwrap();
        let phases = ErrorFeedback::with_order(&hessian, shape.order(cols)).unwrap();
        let uniform = quantize_with_feedback(&floats, &step(0.37), &scales_of(&natural), &natural, &Entropy);
        let uniform = uniform.unwrap();
        let scales = scales_of(&phases);
        let trellis =
            quantize_trellis(&floats, shape, &step(0.185), Some(&scales), Some(&phases), &Entropy).unwrap();
        let bits = [entropy_by_branch(&trellis), entropy(&trellis)];
        let saved = bits.map(|bits| excess(entropy(&uniform), &uniform) - excess(bits, &trellis));
        println!("{saved:.3?} bits fewer at {bits:.2?} bits");
        assert!(saved[0] > 0.08 && saved[1] > 0.055, "{saved:.3?} bits fewer at {bits:.2?} bits");
        // The trellis has one order of columns; the uniform grid takes any.
        let wrong = quantize_trellis(&floats, shape, &step(0.2), Some(&scales), Some(&natural), &Entropy);
        assert!(matches!(wrong, Err(QuantError::Parameter { what: "error feedback", .. })));
        let permuted = quantize_with_feedback(&floats, &step(0.37), &scales, &phases, &Entropy).unwrap();
        let excess = [&uniform, &permuted].map(|matrix| excess(entropy(matrix), matrix));
        assert!((excess[0] - excess[1]).abs() < 0.1, "{excess:.3?}");
    }
}
