use crate::QuantizedMatrix;
use crate::error::{QuantError, Result};
use crate::rate::{Alphabet, IntegerCounts, RateModel};
use crate::round::{EXACT_LIMIT, nearest};
use crate::weights::{RowBlocks, Weights};
use ecq_core::{Codes, CoreError, FloatType, FloatVec, Grid, Outlier, UniformRows};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

/// The value that a code of a uniform grid reconstructs to, in units of its step size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Levels {
    /// The integer itself. Integer kernels need no table.
    Grid,
    /// The mean of all weights with that code (the centroid of Lloyd and Max), stored in f16. The error is
    /// smaller at low rates; kernels look each level up.
    Centroid,
}

/// Rounds weights to the nearest grid point: `q = round(w / (steps[row] * col_scales[col]))`, ties to even.
///
/// `steps` has one element for the tensor or one per row; `col_scales` has one per column. The alphabet takes
/// the fewest bits under `rate`; integers outside it become outliers. No weight is further than half a step
/// from its grid point.
///
/// # Errors
/// [`QuantError::NotFinite`] or [`QuantError::Read`] of the weights, [`QuantError::Parameter`] if a step or
/// scale is not positive, [`QuantError::Core`] if a number of elements does not match the shape,
/// [`QuantError::TooManySteps`] if an integer exceeds 32 bits.
pub fn quantize_uniform(
    weights: &dyn Weights,
    steps: &FloatVec,
    col_scales: Option<&FloatVec>,
    levels: Levels,
    rate: &dyn RateModel,
) -> Result<QuantizedMatrix> {
    let shape @ [rows, cols] = weights.shape();
    let check_length = |what, found: usize, expected: usize| match found == expected {
        true => Ok(()),
        false => Err(CoreError::Length { what, found, expected }),
    };
    check_length("steps", steps.len(), if steps.len() == 1 { 1 } else { rows })?;
    let inverse_steps = reciprocals("step", steps)?;
    let inverse_scales = col_scales.map(|scales| reciprocals("column scale", scales)).transpose()?;
    if let Some(scales) = col_scales {
        check_length("column scales", scales.len(), cols)?;
    }
    let rounding = Rounding { inverse_steps, inverse_scales, cols };

    let blocks = RowBlocks::new(shape);
    let count_block = |counter: &mut IntegerCounter, rows: Range<usize>, block: &[f32]| {
        let mut q = vec![0; cols];
        for (row, weights) in rows.zip(block.chunks_exact(cols)) {
            rounding.round_row(row, weights, &mut q)?;
            counter.add(&q);
        }
        Ok(())
    };
    let counter = blocks.fold(weights, count_block, IntegerCounter::merged)?;
    let alphabet = Alphabet::cheapest(&counter.counts(), rate);

    let mut symbols = vec![0u8; rows * cols];
    let code_block = |buffers: &mut (Vec<f32>, Vec<i32>), (index, out): (usize, &mut [u8])| {
        let (block, q) = buffers;
        let range = blocks.range(index);
        block.resize(range.len() * cols, 0.0);
        q.resize(cols, 0);
        weights.read(range.clone(), block)?;
        let mut outliers = Vec::new();
        // For each code, the sum of its weights in units of the step, and their number.
        let mut sums = vec![(0f64, 0u64); if levels == Levels::Centroid { 256 } else { 0 }];
        for ((row, weights), out) in range.zip(block.chunks_exact(cols)).zip(out.chunks_exact_mut(cols)) {
            rounding.round_row(row, weights, q)?;
            let mut has_outliers = false;
            for (symbol, &q) in out.iter_mut().zip(q.iter()) {
                let inside = q.clamp(alphabet.low, alphabet.high);
                *symbol = (inside - alphabet.low) as u8;
                has_outliers |= inside != q;
            }
            if has_outliers {
                let all = q.iter().enumerate();
                outliers.extend(all.filter_map(|(col, &q)| alphabet.outlier(row * cols + col, q)));
            }
            if levels == Levels::Centroid {
                for (col, (&symbol, &q)) in out.iter().zip(q.iter()).enumerate() {
                    if (alphabet.low..=alphabet.high).contains(&q) {
                        let (sum, n) = &mut sums[usize::from(symbol)];
                        *sum += f64::from(weights[col] * rounding.factor(row, col));
                        *n += 1;
                    }
                }
            }
        }
        Ok::<_, QuantError>((outliers, sums))
    };
    let parts: Vec<_> = symbols
        .par_chunks_mut(blocks.block_rows() * cols)
        .enumerate()
        .map_init(|| (Vec::new(), Vec::new()), code_block)
        .collect::<Result<_>>()?;
    let levels = (levels == Levels::Centroid).then(|| {
        let level = |code: usize| {
            let (sum, n) =
                parts.iter().fold((0.0, 0), |(s, n), (_, sums)| (s + sums[code].0, n + sums[code].1));
            let grid = (code as i64 + i64::from(alphabet.low)) as f64;
            (if n == 0 { grid } else { sum / n as f64 }) as f32
        };
        FloatVec::from_f32(FloatType::F16, &(0..alphabet.size().into()).map(level).collect::<Vec<_>>())
    });
    let grid = UniformRows {
        zero: alphabet.zero(),
        steps: steps.clone(),
        col_scales: col_scales.cloned(),
        levels,
        outliers: parts.into_iter().flat_map(|(outliers, _)| outliers).collect(),
    };
    Ok((Codes::new(rows, cols, alphabet.size(), symbols)?, Grid::UniformRows(grid)))
}

/// Returns `1 / x` of every element of `floats`, which the error calls `what`.
///
/// # Errors
/// [`QuantError::Parameter`] if an element or its reciprocal is not positive and finite.
pub(crate) fn reciprocals(what: &'static str, floats: &FloatVec) -> Result<Vec<f32>> {
    let reciprocal = |value: f32| match 1.0 / value {
        inverse if value > 0.0 && inverse.is_finite() && inverse > 0.0 => Ok(inverse),
        _ => {
            let expected = "positive, with a positive finite reciprocal";
            Err(QuantError::Parameter { what, found: value.into(), expected })
        }
    };
    floats.to_f32().into_iter().map(reciprocal).collect()
}

impl Alphabet {
    /// Returns the outlier of integer `q` at `index` (row-major); `None` if the alphabet contains `q`.
    fn outlier(self, index: usize, q: i32) -> Option<Outlier> {
        let delta = q - q.clamp(self.low, self.high);
        (delta != 0).then_some(Outlier { index: index as u64, delta })
    }
}

/// Makes codes of `integers`, row-major of shape `[rows, cols]`, with the cheapest alphabet under `rate`;
/// integers outside it become outliers.
///
/// # Errors
/// [`QuantError::Core`] if the shape does not match the number of integers.
pub(crate) fn matrix_of_integers(
    integers: &[i32],
    [rows, cols]: [usize; 2],
    steps: &FloatVec,
    col_scales: &FloatVec,
    rate: &dyn RateModel,
) -> Result<QuantizedMatrix> {
    let mut counter = IntegerCounter::default();
    counter.add(integers);
    let alphabet = Alphabet::cheapest(&counter.counts(), rate);
    let symbol = |&q: &i32| (q.clamp(alphabet.low, alphabet.high) - alphabet.low) as u8;
    let symbols = integers.iter().map(symbol).collect();
    let all = integers.iter().enumerate();
    let grid = UniformRows {
        zero: alphabet.zero(),
        steps: steps.clone(),
        col_scales: Some(col_scales.clone()),
        levels: None,
        outliers: all.filter_map(|(index, &q)| alphabet.outlier(index, q)).collect(),
    };
    Ok((Codes::new(rows, cols, alphabet.size(), symbols)?, Grid::UniformRows(grid)))
}

/// Rounding of weights to integers.
struct Rounding {
    /// One element for the tensor, or one per row.
    inverse_steps: Vec<f32>,
    /// One element per column.
    inverse_scales: Option<Vec<f32>>,
    cols: usize,
}

impl Rounding {
    fn inverse_step(&self, row: usize) -> f32 {
        self.inverse_steps[if self.inverse_steps.len() == 1 { 0 } else { row }]
    }

    /// Returns the factor from weights to units of the step at this position.
    fn factor(&self, row: usize, col: usize) -> f32 {
        let inverse_step = self.inverse_step(row);
        self.inverse_scales.as_ref().map_or(inverse_step, |scales| inverse_step * scales[col])
    }

    /// Writes the integers of a row of weights to `q`.
    fn round_row(&self, row: usize, weights: &[f32], q: &mut [i32]) -> Result<()> {
        let inverse_step = self.inverse_step(row);
        match &self.inverse_scales {
            None => q.iter_mut().zip(weights).for_each(|(q, &w)| *q = nearest(w * inverse_step)),
            Some(scales) => {
                for ((q, &w), &scale) in q.iter_mut().zip(weights).zip(scales) {
                    *q = nearest(w * (inverse_step * scale));
                }
            }
        }
        let largest = q.iter().fold(0, |max, q| max.max(q.abs()));
        // `nearest` clamps there, so such a row is rounded again in f64.
        if largest >= EXACT_LIMIT as i32 {
            for col in 0..self.cols {
                let exact = (f64::from(weights[col]) * f64::from(self.factor(row, col))).round_ties_even();
                if exact.abs() > f64::from(i32::MAX / 2) {
                    let (value, step) = (weights[col], 1.0 / self.factor(row, col));
                    return Err(QuantError::TooManySteps { row, col, value, step });
                }
                q[col] = exact as i32;
            }
        }
        Ok(())
    }
}

/// Counts how often each integer occurs.
pub(crate) fn count_integers(integers: &[i32]) -> IntegerCounts {
    let mut counter = IntegerCounter::default();
    counter.add(integers);
    counter.counts()
}

/// Integers in `-DENSE_LIMIT..DENSE_LIMIT` are counted in an array, the others in a map.
const DENSE_LIMIT: i32 = 512;

/// Counts of integers of any size.
#[derive(Default)]
struct IntegerCounter {
    /// Counts of `-DENSE_LIMIT..DENSE_LIMIT`; empty until the first integer is added.
    dense: Vec<u64>,
    sparse: BTreeMap<i32, u64>,
}

impl IntegerCounter {
    fn add(&mut self, q: &[i32]) {
        self.dense.resize(2 * DENSE_LIMIT as usize, 0);
        for &q in q {
            match self.dense.get_mut(q.wrapping_add(DENSE_LIMIT) as usize) {
                Some(n) => *n += 1,
                None => *self.sparse.entry(q).or_default() += 1,
            }
        }
    }

    fn merged(mut self, other: Self) -> Self {
        self.dense.resize(2 * DENSE_LIMIT as usize, 0);
        self.dense.iter_mut().zip(&other.dense).for_each(|(sum, n)| *sum += n);
        other.sparse.into_iter().for_each(|(q, n)| *self.sparse.entry(q).or_default() += n);
        self
    }

    /// Returns the counts, with every integer of the map at the end of the range on its side.
    ///
    /// No alphabet reaches that far, so these integers are outliers wherever they are counted.
    fn counts(&self) -> IntegerCounts {
        let mut counts = vec![0.0; 2 * DENSE_LIMIT as usize + 1];
        counts.iter_mut().zip(&self.dense).for_each(|(sum, &n)| *sum = n as f64);
        for (&q, &n) in &self.sparse {
            counts[if q < 0 { 0 } else { 2 * DENSE_LIMIT as usize }] += n as f64;
        }
        IntegerCounts::trimmed(i64::from(-DENSE_LIMIT), &counts)
    }
}
