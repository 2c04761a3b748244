//! Entropy-constrained trellis quantization, with or without error feedback.
//!
//! Each phase of a row (columns `lag` apart) is a four-state trellis code over the integers of a uniform
//! grid; see [`TrellisRows`]. The Viterbi algorithm minimizes `error^2 + lambda * bits`
//! (entropy-constrained trellis coded quantization: Fischer and Wang, IEEE Trans. Inf. Theory 38, 1992).
//! With error feedback (GPTQ, arXiv
//! 2210.17323) each of the four survivors has the feedback of its own errors. Columns are quantized phase by
//! phase between two restarts, so that consecutive columns of the trellis are consecutive in the feedback.

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

/// Rows that are quantized side by side.
const LANES: usize = 16;
/// Columns of a phase that the survivors span.
const WINDOW: usize = 80;
/// Columns at the end of a window that are searched again in the next one: there the survivors may differ yet.
const DELAY: usize = 16;
/// Rows from whose integers the bits per integer are estimated.
const SAMPLE_ROWS: usize = 128;
/// Rate-distortion multiplier: squared error, in squared steps, that is accepted to save one bit.
const LAMBDA: f32 = 0.35;
/// Integers of at most this magnitude have a bit estimate of their own.
const MAX_ESTIMATED: i32 = 96;
/// Largest target in steps: beyond it single precision cannot resolve neighbouring levels.
const MAX_TARGET: f32 = (1 << 21) as f32;

/// The two predecessors of each state, with the parity of the integer that leads to it. The branch bit of a
/// state is its second bit: state `s` and parity `p` lead to `[[0, 2], [2, 0], [1, 3], [3, 1]][s][p]`.
const FROM: [[(usize, usize); 2]; 4] =
    [[(0, 0), (1, 1)], [(2, 0), (3, 1)], [(0, 1), (1, 0)], [(2, 1), (3, 0)]];

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
        self.runs(cols).flat_map(|run| run.columns()).map(|col| col as u32).collect()
    }

    fn runs(self, cols: usize) -> impl Iterator<Item = Run> {
        let (lag, restart) = (usize::from(self.lag), self.restart as usize);
        (0..cols).step_by(restart.max(1)).flat_map(move |start| {
            let end = start.saturating_add(restart).min(cols);
            (start..end.min(start + lag)).map(move |first| Run { first, end, lag })
        })
    }
}

/// The columns of one phase between two restarts.
struct Run {
    first: usize,
    end: usize,
    lag: usize,
}

impl Run {
    fn columns(&self) -> impl Iterator<Item = usize> + use<> {
        (self.first..self.end).step_by(self.lag)
    }
}

/// Quantizes weights to a trellis grid: `w ≈ steps[row] * level * col_scales[col]`.
///
/// `steps` has one element for the tensor or one per row, `col_scales` one per column. A step is the
/// distance of two levels: half of the step at which the uniform grid takes about as many bits. `feedback`
/// must be factored in the [order](TrellisShape::order) of `shape`. Bits per integer are estimated from two
/// passes over at most 128 rows. The result does not depend on the number of threads.
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
    let work = Work {
        weights,
        inverse_steps: reciprocals("step", steps)?,
        scales: col_scales.map_or_else(|| vec![1.0; cols], FloatVec::to_f32),
        inverse_scales: match col_scales {
            Some(scales) => reciprocals("column scale", scales)?,
            None => vec![1.0; cols],
        },
        order,
        shape,
        feedback,
    };
    let learned: Vec<usize> = (0..rows).step_by(rows.div_ceil(SAMPLE_ROWS)).collect();
    let mut bits = Bits::none();
    // The first pass ignores bits; the second is closer to the final distribution of integers.
    for _ in 0..2 {
        let sample: Vec<Vec<i32>> =
            learned.par_chunks(LANES).map(|rows| work.quantize(rows, &bits)).collect::<Result<_>>()?;
        bits = Bits::from_levels(sample.iter().flatten(), shape.branch_tables);
    }
    let all: Vec<usize> = (0..rows).collect();
    let mut integers = vec![0i32; rows * cols];
    integers.par_chunks_mut(LANES * cols).zip(all.par_chunks(LANES)).try_for_each(|(out, rows)| {
        let levels = work.quantize(rows, &bits)?;
        out.iter_mut().zip(levels).for_each(|(k, level)| *k = integer(level));
        Ok::<_, QuantError>(())
    })?;
    coded(&integers, [rows, cols], shape, steps, col_scales, rate)
}

/// Converts integers to codes of the cheapest alphabet. Integers outside it become outliers, whose codes have
/// the same parity.
fn coded(
    integers: &[i32],
    [rows, cols]: [usize; 2],
    TrellisShape { lag, restart, .. }: TrellisShape,
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
    /// By column.
    scales: Vec<f32>,
    inverse_scales: Vec<f32>,
    /// The column of each position in the order of visits.
    order: Vec<u32>,
    shape: TrellisShape,
    feedback: Option<&'a ErrorFeedback>,
}

/// One number for each row of a block.
type Lanes<T> = [T; LANES];

impl Work<'_> {
    fn inverse_step(&self, row: usize) -> f32 {
        self.inverse_steps[if self.inverse_steps.len() == 1 { 0 } else { row }]
    }

    /// Returns the levels of at most [`LANES`] rows, row-major.
    fn quantize(&self, rows: &[usize], bits: &Bits) -> Result<Vec<i32>> {
        let (cols, n) = (self.order.len(), rows.len());
        // Weights in units of the row's step, `[position][row]`. Targets are weights corrected by feedback.
        let mut weights = vec![[0f32; LANES]; cols];
        let mut buffer = vec![0f32; cols];
        for (lane, &row) in rows.iter().enumerate() {
            self.weights.read(row..row + 1, &mut buffer)?;
            if let Some(col) = buffer.iter().position(|w| !w.is_finite()) {
                return Err(QuantError::NotFinite { row, col, value: buffer[col] });
            }
            let inverse = self.inverse_step(row);
            for (weight, &col) in weights.iter_mut().zip(&self.order) {
                weight[lane] = buffer[col as usize] * inverse;
            }
        }
        let mut targets = weights.clone();
        let mut errors = vec![[0f32; LANES]; WINDOW];
        let mut chosen = vec![0i32; n * cols];
        let mut survivors = Survivors::default();
        let mut first = 0;
        for run in self.shape.runs(cols) {
            let length = run.columns().count();
            let mut state = [0u8; LANES];
            let mut start = 0;
            while start < length {
                let end = length.min(start + WINDOW);
                let chosen_end = if end == length { length } else { end - DELAY };
                let at = first + start..first + end;
                survivors.chosen = chosen_end - start;
                let search = || self.search(at.clone(), &weights, &targets, &mut state, bits, &mut survivors);
                // Compiled for each instruction set. Rust contracts no products and sums, so all of them give
                // the same result.
                pulp::Arch::new()
                    .dispatch(search)
                    .map_err(|(lane, position)| self.too_far(rows, lane, position, &targets))?;
                let at = at.start..first + chosen_end;
                for (step, position) in at.clone().enumerate() {
                    let col = self.order[position] as usize;
                    let levels = &survivors.levels[step];
                    for lane in 0..n {
                        chosen[lane * cols + col] = levels[lane];
                    }
                    let scale = self.scales[col];
                    errors[step] =
                        std::array::from_fn(|lane| weights[position][lane] - levels[lane] as f32 * scale);
                }
                self.propagate(at, &errors, &mut targets);
                start = chosen_end;
            }
            first += length;
        }
        Ok(chosen)
    }

    /// Corrects all later targets for the errors at the positions `at`.
    fn propagate(&self, at: std::ops::Range<usize>, errors: &[Lanes<f32>], targets: &mut [Lanes<f32>]) {
        let cols = self.order.len();
        let Some(feedback) = self.feedback.filter(|_| at.end < cols) else { return };
        let (run, rest) = (at.len(), cols - at.end);
        let carry = &feedback.propagation()[at.start * cols..at.end * cols];
        let carry = MatRef::from_row_major_slice(carry, run, cols).subcols(at.end, rest);
        let errors = MatRef::from_row_major_slice(errors[..run].as_flattened(), run, LANES);
        let later = MatMut::from_row_major_slice_mut(targets[at.end..].as_flattened_mut(), rest, LANES);
        matmul(later, Accum::Add, carry.transpose(), errors, 1.0, Par::Seq);
    }

    fn too_far(&self, rows: &[usize], lane: usize, position: usize, targets: &[Lanes<f32>]) -> QuantError {
        let (col, row) = (self.order[position] as usize, rows[lane.min(rows.len() - 1)]);
        let inverse = self.inverse_step(row);
        let (value, step) = (targets[position][lane] / inverse, self.scales[col] / inverse);
        QuantError::TooManySteps { row, col, value, step }
    }

    /// Runs the Viterbi algorithm over the positions `at` from the states `state`. Stores the levels of the
    /// best path in `survivors.levels` and its state after the chosen columns in `state`. Fails with the lane and position of a
    /// target that is out of range.
    #[inline(always)]
    fn search(
        &self,
        at: std::ops::Range<usize>,
        weights: &[Lanes<f32>],
        targets: &[Lanes<f32>],
        state: &mut Lanes<u8>,
        bits: &Bits,
        survivors: &mut Survivors,
    ) -> std::result::Result<(), (usize, usize)> {
        let (length, cols) = (at.len(), self.order.len());
        survivors.begin(&targets[at.clone()], state, self.feedback.is_some());
        for step in 0..length {
            let position = at.start + step;
            let col = self.order[position] as usize;
            let (scale, inverse) = (self.scales[col], self.inverse_scales[col]);
            if let Some(lane) = survivors.extend(step, inverse, bits) {
                return Err((lane, position));
            }
            if let Some(feedback) = self.feedback {
                let carry = &feedback.propagation()[position * cols + position + 1..position * cols + at.end];
                survivors.propagate(step, scale, &weights[position], carry);
            }
        }
        survivors.end(length, state);
        Ok(())
    }
}

/// The best path to each state.
#[derive(Default)]
struct Survivors {
    /// `[state]`: error and bits so far.
    cost: [Lanes<f32>; 4],
    /// `[state][step]`: targets, corrected by the survivor's own errors. Without feedback one for all states.
    targets: [Vec<Lanes<f32>>; 4],
    next_targets: [Vec<Lanes<f32>>; 4],
    has_feedback: bool,
    /// `[step][state]`: the level that leads to the state, and whether the path uses the second of [`FROM`].
    level: Vec<[Lanes<i32>; 4]>,
    second: Vec<[Lanes<u8>; 4]>,
    /// `[step]`: levels of the chosen path.
    levels: Vec<Lanes<i32>>,
    /// Columns of the window whose levels are final.
    chosen: usize,
}

impl Survivors {
    fn begin(&mut self, targets: &[Lanes<f32>], state: &Lanes<u8>, has_feedback: bool) {
        self.has_feedback = has_feedback;
        for (s, own) in self.targets.iter_mut().enumerate() {
            own.clear();
            if has_feedback || s == 0 {
                own.extend_from_slice(targets);
            }
            self.cost[s] =
                std::array::from_fn(|lane| if usize::from(state[lane]) == s { 0.0 } else { f32::INFINITY });
        }
        for next in &mut self.next_targets {
            next.resize(targets.len(), [0.0; LANES]);
        }
        self.level.resize(targets.len(), [[0; LANES]; 4]);
        self.second.resize(targets.len(), [[0; LANES]; 4]);
        self.levels.resize(targets.len(), [0; LANES]);
    }

    /// Extends the survivors by one column. Returns the lane of a target that is out of range.
    #[inline(always)]
    fn extend(&mut self, step: usize, inverse: f32, bits: &Bits) -> Option<usize> {
        // [state][parity of the integer]
        let mut costs = [[[0f32; LANES]; 2]; 4];
        let mut levels = [[[0i32; LANES]; 2]; 4];
        for s in 0..4 {
            let (branch, targets) = (s >> 1, &self.targets[if self.has_feedback { s } else { 0 }][step]);
            let mut out_of_range = [false; LANES];
            for lane in 0..LANES {
                let target = targets[lane] * inverse;
                out_of_range[lane] = target.is_nan() | (target.abs() >= MAX_TARGET);
            }
            if out_of_range.contains(&true) {
                return out_of_range.iter().position(|&out| out);
            }
            for lane in 0..LANES {
                let target = targets[lane] * inverse;
                // The candidates are the nearest integer and, of the other parity, its two neighbours.
                let exact = (target - branch as f32) * 0.5;
                let near = round(exact);
                let away = if exact < near as f32 { -1 } else { 1 };
                let cost = |k: i32| {
                    let error = target - (2 * k + branch as i32) as f32;
                    error * error + bits.of(branch, k)
                };
                let (first, other, behind) = (cost(near), cost(near + away), cost(near - away));
                let (k, least) = if behind < other { (near - away, behind) } else { (near + away, other) };
                let parity = (near & 1) as usize;
                costs[s][parity][lane] = self.cost[s][lane] + first;
                levels[s][parity][lane] = 2 * near + branch as i32;
                costs[s][1 - parity][lane] = self.cost[s][lane] + least;
                levels[s][1 - parity][lane] = 2 * k + branch as i32;
            }
        }
        for (z, [(a, parity_a), (b, parity_b)]) in FROM.into_iter().enumerate() {
            let (from_a, from_b) = (&costs[a][parity_a], &costs[b][parity_b]);
            for lane in 0..LANES {
                let second = from_b[lane] < from_a[lane];
                self.cost[z][lane] = if second { from_b[lane] } else { from_a[lane] };
                self.level[step][z][lane] =
                    if second { levels[b][parity_b][lane] } else { levels[a][parity_a][lane] };
                self.second[step][z][lane] = second.into();
            }
        }
        None
    }

    /// Corrects the later targets of each survivor for its error.
    #[inline(always)]
    fn propagate(&mut self, step: usize, scale: f32, weight: &Lanes<f32>, carry: &[f32]) {
        for (z, [(a, _), (b, _)]) in FROM.into_iter().enumerate() {
            let (level, second) = (&self.level[step][z], &self.second[step][z]);
            let error: Lanes<f32> = std::array::from_fn(|lane| weight[lane] - level[lane] as f32 * scale);
            let later = self.targets[a][step + 1..].iter().zip(&self.targets[b][step + 1..]);
            for ((own, (from_a, from_b)), &carry) in
                self.next_targets[z][step + 1..].iter_mut().zip(later).zip(carry)
            {
                for lane in 0..LANES {
                    let from = if second[lane] != 0 { from_b[lane] } else { from_a[lane] };
                    own[lane] = from + error[lane] * carry;
                }
            }
        }
        std::mem::swap(&mut self.targets, &mut self.next_targets);
    }

    /// Chooses the cheapest path and traces it back. Sets `state` to its state after the chosen columns.
    fn end(&mut self, length: usize, state: &mut Lanes<u8>) {
        for lane in 0..LANES {
            let cheapest =
                (1..4).fold(0, |best, s| if self.cost[s][lane] < self.cost[best][lane] { s } else { best });
            let mut at = cheapest;
            for step in (0..length).rev() {
                if step + 1 == self.chosen {
                    state[lane] = at as u8;
                }
                self.levels[step][lane] = self.level[step][at][lane];
                at = FROM[at][usize::from(self.second[step][at][lane])].0;
            }
        }
    }
}

/// Returns the integer of a level, whose lowest bit is the branch bit.
fn integer(level: i32) -> i32 {
    // An arithmetic shift rounds down.
    level >> 1
}

/// Rounds a number below 2^22 in magnitude to the nearest integer, ties to even.
#[inline(always)]
fn round(x: f32) -> i32 {
    const SHIFT: f32 = (3 << 22) as f32;
    (x + SHIFT - SHIFT) as i32
}

/// Cost of each integer by its branch bit: its bits times [`LAMBDA`], in squared steps. The integer `k` is at
/// `k + MAX_ESTIMATED`.
struct Bits([[f32; 256]; 2]);

impl Bits {
    /// No cost for any integer.
    fn none() -> Self {
        Self([[0.0; 256]; 2])
    }

    /// Estimates bits from the frequencies of levels.
    fn from_levels<'a>(levels: impl Iterator<Item = &'a i32>, by_branch: bool) -> Self {
        let mut counts = [[0.5; 2 * MAX_ESTIMATED as usize + 1]; 2];
        for &level in levels {
            let k = integer(level).clamp(-MAX_ESTIMATED, MAX_ESTIMATED);
            counts[(level & 1) as usize][(k + MAX_ESTIMATED) as usize] += 1.0;
        }
        if !by_branch {
            let both = std::array::from_fn(|i| counts[0][i] + counts[1][i]);
            counts = [both; 2];
        }
        let mut bits = Self::none();
        for (bits, counts) in bits.0.iter_mut().zip(counts) {
            let total: f64 = counts.iter().sum();
            for (bits, n) in bits.iter_mut().zip(counts) {
                *bits = LAMBDA * (total / n).log2() as f32;
            }
        }
        bits
    }

    #[inline(always)]
    fn of(&self, branch: usize, k: i32) -> f32 {
        // The remainder only removes the bounds check.
        self.0[branch][(k.clamp(-MAX_ESTIMATED, MAX_ESTIMATED) + MAX_ESTIMATED) as usize % 256]
    }
}

#[cfg(test)]
mod tests {
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
                assert!(FROM[z].contains(&(state, parity)), "state {state}, parity {parity}");
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
            scales: vec![1.0; 28],
            inverse_scales: vec![1.0; 28],
            order: shape.order(28),
            shape,
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
        // Feedback of another order of columns is refused, by both quantizers.
        let wrong = quantize_trellis(&floats, shape, &step(0.2), Some(&scales), Some(&natural), &Entropy);
        assert!(matches!(wrong, Err(QuantError::Parameter { what: "error feedback", .. })));
        let wrong = quantize_with_feedback(&floats, &step(0.2), &scales, &phases, &Entropy);
        assert!(matches!(wrong, Err(QuantError::Parameter { what: "error feedback", .. })));
    }
}
