use crate::Coded;
use crate::error::{QuantError, Result};
use crate::rate::{Alphabet, IntegerCounts, RateModel};
use crate::round::{EXACT, nearest};
use crate::weights::{Blocks, Weights};
use ecq_core::{Codes, CoreError, FloatType, FloatVec, Grid, Outlier, UniformRows};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;

/// What a code stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Levels {
    /// Its grid point: integer kernels need nothing else.
    Grid,
    /// The mean of the weights that have it (in f16 steps): less error at low rates.
    Centroid,
}

/// Rounds weights to the nearest integer number of steps: `q = round(w / (step[row] * scale[col]))`, ties to even.
///
/// `steps` has one element for the tensor or one for each row, `col_scales` one for each column. The alphabet is the
/// cheapest under `rate`; integers outside it are outliers.
///
/// # Errors
/// When a weight is not finite, a step is not positive, a count does not fit the shape, or an integer passes 32 bits.
pub fn uniform(
    weights: &dyn Weights,
    steps: &FloatVec,
    col_scales: Option<&FloatVec>,
    levels: Levels,
    rate: &dyn RateModel,
) -> Result<Coded> {
    let shape @ [rows, cols] = weights.shape();
    let count = |what, found: usize, expected: usize| match found == expected {
        true => Ok(()),
        false => Err(CoreError::Length { what, found, expected }),
    };
    count("steps", steps.len(), if steps.len() == 1 { 1 } else { rows })?;
    let inverse = inverses("step", steps)?;
    let inverse_cols = col_scales.map(|scales| inverses("column scale", scales)).transpose()?;
    if let Some(scales) = col_scales {
        count("column scales", scales.len(), cols)?;
    }
    let integers = Integers { inverse, inverse_cols, cols };

    let blocks = Blocks::new(shape);
    let count_block = |counts: &mut Counts, rows: Range<usize>, block: &[f32]| {
        let mut q = vec![0; cols];
        for (row, weights) in rows.zip(block.chunks_exact(cols)) {
            integers.of_row(row, weights, &mut q)?;
            counts.add(&q);
        }
        Ok(())
    };
    let counts = blocks.fold(weights, count_block, Counts::merged)?;
    let alphabet = Alphabet::cheapest(&counts.spectrum(), rate);

    let mut symbols = vec![0u8; rows * cols];
    let each = |buffer: &mut (Vec<f32>, Vec<i32>), (index, out): (usize, &mut [u8])| {
        let (block, q) = buffer;
        let range = blocks.range(index);
        block.resize(range.len() * cols, 0.0);
        q.resize(cols, 0);
        weights.read(range.clone(), block)?;
        let mut outliers = Vec::new();
        // Sum of the weights of each code in steps, and their count.
        let mut sums = vec![(0f64, 0u64); if levels == Levels::Centroid { 256 } else { 0 }];
        for ((row, weights), out) in range.zip(block.chunks_exact(cols)).zip(out.chunks_exact_mut(cols)) {
            integers.of_row(row, weights, q)?;
            let mut outside = false;
            for (symbol, &q) in out.iter_mut().zip(q.iter()) {
                let inside = q.clamp(alphabet.low, alphabet.high);
                *symbol = (inside - alphabet.low) as u8;
                outside |= inside != q;
            }
            if outside {
                let far = q.iter().enumerate().filter(|&(_, &q)| q < alphabet.low || q > alphabet.high);
                outliers.extend(far.map(|(col, &q)| Outlier {
                    index: (row * cols + col) as u64,
                    delta: q - q.clamp(alphabet.low, alphabet.high),
                }));
            }
            if levels == Levels::Centroid {
                for (col, (&symbol, &q)) in out.iter().zip(q.iter()).enumerate() {
                    if (alphabet.low..=alphabet.high).contains(&q) {
                        let (sum, n) = &mut sums[usize::from(symbol)];
                        *sum += f64::from(weights[col] * integers.factor(row, col));
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
        .map_init(|| (Vec::new(), Vec::new()), each)
        .collect::<Result<_>>()?;
    let levels = (levels == Levels::Centroid).then(|| {
        let level = |code: usize| {
            let (sum, n) =
                parts.iter().fold((0.0, 0), |(s, n), (_, sums)| (s + sums[code].0, n + sums[code].1));
            let grid = (code as i64 + i64::from(alphabet.low)) as f64;
            (if n == 0 { grid } else { sum / n as f64 }) as f32
        };
        FloatVec::of(FloatType::F16, &(0..alphabet.size().into()).map(level).collect::<Vec<_>>())
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

pub(crate) fn inverses(what: &'static str, floats: &FloatVec) -> Result<Vec<f32>> {
    let inverse = |value: f32| match 1.0 / value {
        inverse if value > 0.0 && inverse.is_finite() && inverse > 0.0 => Ok(inverse),
        _ => {
            Err(QuantError::Parameter { what, found: value.into(), expected: "positive, as is its inverse" })
        }
    };
    floats.to_f32().into_iter().map(inverse).collect()
}

/// Integers of a matrix as codes of the cheapest alphabet, those outside it as outliers.
///
/// # Errors
/// When a noun refuses its facts.
pub(crate) fn coded(
    integers: &[i32],
    [rows, cols]: [usize; 2],
    steps: &FloatVec,
    col_scales: &FloatVec,
    rate: &dyn RateModel,
) -> Result<Coded> {
    let mut counts = Counts::default();
    counts.add(integers);
    let alphabet = Alphabet::cheapest(&counts.spectrum(), rate);
    let inside = |q: i32| q.clamp(alphabet.low, alphabet.high);
    let symbols = integers.iter().map(|&q| (inside(q) - alphabet.low) as u8).collect();
    let outlier = |(index, &q): (usize, &i32)| {
        let delta = q - inside(q);
        (delta != 0).then_some(Outlier { index: index as u64, delta })
    };
    let grid = UniformRows {
        zero: alphabet.zero(),
        steps: steps.clone(),
        col_scales: Some(col_scales.clone()),
        levels: None,
        outliers: integers.iter().enumerate().filter_map(outlier).collect(),
    };
    Ok((Codes::new(rows, cols, alphabet.size(), symbols)?, Grid::UniformRows(grid)))
}

/// Weights as integers.
struct Integers {
    inverse: Vec<f32>,
    inverse_cols: Option<Vec<f32>>,
    cols: usize,
}

impl Integers {
    fn factor(&self, row: usize, col: usize) -> f32 {
        let step = self.inverse[if self.inverse.len() == 1 { 0 } else { row }];
        self.inverse_cols.as_ref().map_or(step, |scales| step * scales[col])
    }

    fn of_row(&self, row: usize, weights: &[f32], q: &mut [i32]) -> Result<()> {
        let step = self.inverse[if self.inverse.len() == 1 { 0 } else { row }];
        match &self.inverse_cols {
            None => q.iter_mut().zip(weights).for_each(|(q, &w)| *q = nearest(w * step)),
            Some(scales) => {
                for ((q, &w), &scale) in q.iter_mut().zip(weights).zip(scales) {
                    *q = nearest(w * (step * scale));
                }
            }
        }
        let largest = q.iter().fold(0, |most, q| most.max(q.abs()));
        if largest >= EXACT as i32 {
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

/// Integers near zero are counted in an array, others in a map.
#[derive(Default)]
struct Counts {
    near: Vec<u64>,
    far: BTreeMap<i32, u64>,
}

const NEAR: i32 = 512;

impl Counts {
    fn add(&mut self, q: &[i32]) {
        self.near.resize(2 * NEAR as usize, 0);
        for &q in q {
            match self.near.get_mut(q.wrapping_add(NEAR) as usize) {
                Some(n) => *n += 1,
                None => *self.far.entry(q).or_default() += 1,
            }
        }
    }

    fn merged(mut self, other: Self) -> Self {
        self.near.resize(2 * NEAR as usize, 0);
        self.near.iter_mut().zip(&other.near).for_each(|(sum, n)| *sum += n);
        other.far.into_iter().for_each(|(q, n)| *self.far.entry(q).or_default() += n);
        self
    }

    /// Far integers stand at the ends: they are outliers wherever they lie.
    fn spectrum(&self) -> IntegerCounts {
        let mut counts = vec![0.0; 2 * NEAR as usize + 1];
        counts.iter_mut().zip(&self.near).for_each(|(sum, &n)| *sum = n as f64);
        for (&q, &n) in &self.far {
            counts[if q < 0 { 0 } else { 2 * NEAR as usize }] += n as f64;
        }
        let first = counts.iter().position(|&n| n > 0.0).unwrap_or(0);
        let end = counts.iter().rposition(|&n| n > 0.0).map_or(first, |last| last + 1);
        IntegerCounts { lowest: first as i64 - i64::from(NEAR), counts: counts[first..end].to_vec() }
    }
}
