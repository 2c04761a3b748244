//! Histograms of a matrix, from which the counts of integers follow for any step size.

use crate::error::{QuantError, Result};
use crate::rate::IntegerCounts;
use crate::weights::{RowBlocks, Weights};
use ecq_core::{FloatType, FloatVec};
use std::ops::Range;

/// The weights that share a step size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepGranularity {
    /// All tensors of the model: the least squared error at a given number of bits.
    Model,
    /// Each tensor: its step size is proportional to its root mean square.
    Tensor,
    /// Each row: its step size is proportional to the row's root mean square.
    Row,
}

/// Bins per unit.
const BINS_PER_UNIT: f64 = 512.0;
/// Bins cover this many units on both sides of zero.
const RANGE_UNITS: usize = 16;
const BINS: usize = 2 * RANGE_UNITS * BINS_PER_UNIT as usize;
/// Lower bound of step sizes, for rows of zeros.
const MIN_STEP: f32 = 1e-30;

/// A histogram of the weights of a matrix, in units that its step sizes are proportional to.
///
/// The counts of integers follow for any step size of a fortieth of a unit or more.
#[derive(Debug, Clone)]
pub struct WeightHistogram {
    shape: [usize; 2],
    /// Unit of the tensor (one element) or of each row; positive.
    units: Vec<f32>,
    /// Bin unit in multiples of `units`: a bin spans `bin_units / BINS_PER_UNIT` units.
    bin_units: f64,
    bins: Vec<u64>,
    /// Weights beyond the bins, in bin units.
    beyond: Vec<f32>,
    /// Sum of squared weights.
    energy: f64,
}

impl WeightHistogram {
    /// Makes a histogram in units of the root mean square of each row or of the tensor.
    ///
    /// Reads all weights once for [`StepGranularity::Row`], twice otherwise.
    ///
    /// # Errors
    /// [`QuantError::NotFinite`] or [`QuantError::Read`] of the weights.
    pub fn new(weights: &dyn Weights, granularity: StepGranularity) -> Result<Self> {
        let shape @ [rows, cols] = weights.shape();
        let blocks = RowBlocks::new(shape);
        let unit = |energy: f64, count: usize| ((energy / count as f64).sqrt() as f32).max(f32::MIN_POSITIVE);
        let energies = |block: &[f32]| -> Vec<f64> {
            block
                .chunks_exact(cols)
                .map(|row| row.iter().map(|&w| f64::from(w) * f64::from(w)).sum())
                .collect()
        };
        let (units, energy, bins) = match granularity {
            StepGranularity::Row => {
                let count = |sum: &mut (Vec<(usize, Vec<f64>)>, Bins), rows: Range<usize>, block: &[f32]| {
                    let energies = energies(block);
                    for (row, &energy) in block.chunks_exact(cols).zip(&energies) {
                        sum.1.add(row, unit(energy, cols));
                    }
                    sum.0.push((rows.start, energies));
                    Ok(())
                };
                let merge = |mut a: (Vec<_>, Bins), b: (Vec<_>, Bins)| {
                    a.0.extend(b.0);
                    (a.0, a.1.merged(b.1))
                };
                let (mut energies, bins) = blocks.fold(weights, count, merge)?;
                energies.sort_unstable_by_key(|&(row, _)| row);
                let energies: Vec<f64> = energies.into_iter().flat_map(|(_, energies)| energies).collect();
                let units = energies.iter().map(|&energy| unit(energy, cols)).collect();
                (units, energies.iter().sum::<f64>(), bins)
            }
            StepGranularity::Tensor | StepGranularity::Model => {
                let energy =
                    blocks.map(weights, |_, block| Ok(energies(block).iter().sum::<f64>()))?.iter().sum();
                let unit = unit(energy, rows * cols);
                let count = |sum: &mut Bins, _: Range<usize>, block: &[f32]| {
                    sum.add(block, unit);
                    Ok(())
                };
                (vec![unit], energy, blocks.fold(weights, count, Bins::merged)?)
            }
        };
        Ok(Self { shape, units, bin_units: 1.0, bins: bins.counts, beyond: bins.beyond, energy })
    }

    /// Makes a histogram in units of `row_units[row] * col_units[col]`, for step sizes proportional to these.
    ///
    /// Reads all weights twice.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`QuantError::Parameter`] if a number of units does not match the shape or
    /// a unit is not positive.
    pub fn with_units(weights: &dyn Weights, row_units: &[f32], col_units: &[f32]) -> Result<Self> {
        let shape = weights.shape();
        if [row_units.len(), col_units.len()] != shape {
            let expected = "one unit for each row and each column";
            return Err(QuantError::Parameter { what: "units", found: row_units.len() as f64, expected });
        }
        let all = row_units.iter().chain(col_units);
        if let Some(&unit) = all.clone().find(|unit| !(unit.is_finite() && **unit > 0.0)) {
            return Err(QuantError::Parameter { what: "unit", found: unit.into(), expected: "positive" });
        }
        let blocks = RowBlocks::new(shape);
        let in_units = |row: usize, w: &[f32], out: &mut [f32]| {
            let inverse = 1.0 / row_units[row];
            for ((out, &w), &col) in out.iter_mut().zip(w).zip(col_units) {
                *out = w * inverse / col;
            }
        };
        let cols = col_units.len();
        let sums = blocks.map(weights, |range, block| {
            let (mut col_energies, mut energy, mut scaled) = (vec![0f64; cols], 0.0, vec![0.0; cols]);
            for (row, w) in range.zip(block.chunks_exact(cols)) {
                in_units(row, w, &mut scaled);
                for ((sum, &v), &w) in col_energies.iter_mut().zip(&scaled).zip(w) {
                    *sum += f64::from(v) * f64::from(v);
                    energy += f64::from(w) * f64::from(w);
                }
            }
            Ok((col_energies, energy))
        })?;
        let mut col_energies: Vec<f64> =
            (0..cols).map(|col| sums.iter().map(|(energies, _)| energies[col]).sum()).collect();
        let energy = sums.iter().map(|(_, energy)| energy).sum();
        // Bins fit the median column: a few columns may have far smaller units than the others.
        col_energies.sort_by(f64::total_cmp);
        let bin_unit =
            ((col_energies[cols / 2] / row_units.len() as f64).sqrt() as f32).max(f32::MIN_POSITIVE);
        let count = |sum: &mut Bins, range: Range<usize>, block: &[f32]| {
            let mut scaled = vec![0.0; cols];
            for (row, w) in range.zip(block.chunks_exact(cols)) {
                in_units(row, w, &mut scaled);
                sum.add(&scaled, bin_unit);
            }
            Ok(())
        };
        let Bins { counts, beyond } = blocks.fold(weights, count, Bins::merged)?;
        let (units, bin_units) = (row_units.to_vec(), f64::from(bin_unit));
        Ok(Self { shape, units, bin_units, bins: counts, beyond, energy })
    }

    /// Returns `[rows, cols]`.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Returns the number of weights.
    pub fn weights(&self) -> u64 {
        self.shape[0] as u64 * self.shape[1] as u64
    }

    /// Returns the sum of squared weights.
    pub fn energy(&self) -> f64 {
        self.energy
    }

    /// Replaces the unit of a histogram with one unit by `unit`, for instance that of the whole model.
    pub fn set_unit(&mut self, unit: f32) {
        let unit = unit.max(f32::MIN_POSITIVE);
        self.bin_units *= f64::from(self.units[0]) / f64::from(unit);
        self.units = vec![unit];
    }

    /// Returns the unit of the first row.
    pub fn unit(&self) -> f64 {
        self.units[0].into()
    }

    /// Returns the typical magnitude of weights in units: the root mean square of the tensor or of the median
    /// column.
    pub fn rms_in_units(&self) -> f64 {
        self.bin_units
    }

    /// Multiplies all units by `factor`.
    pub fn scale_units(&mut self, factor: f64) {
        self.units.iter_mut().for_each(|unit| *unit = (f64::from(*unit) * factor) as f32);
        self.bin_units /= factor;
    }

    /// Returns the step sizes at `scale`, which is in units: one f32 for a tensor, or one bf16 per row.
    ///
    /// Eight bits of precision suffice for rows, because the quantizer rounds with the stored step sizes.
    ///
    /// # Errors
    /// [`QuantError::Parameter`] if `scale` is not positive and finite.
    pub fn steps(&self, scale: f64) -> Result<FloatVec> {
        if !(scale.is_finite() && scale > 0.0) {
            let expected = "positive and finite";
            return Err(QuantError::Parameter { what: "step", found: scale, expected });
        }
        let dtype = if self.units.len() == 1 { FloatType::F32 } else { FloatType::Bf16 };
        let steps = self.units.iter().map(|&unit| ((f64::from(unit) * scale) as f32).max(MIN_STEP));
        Ok(FloatVec::from_f32(dtype, &steps.collect::<Vec<_>>()))
    }

    /// Returns the counts of integers at steps of `scale` units.
    ///
    /// A bin that contains the border between two integers counts for both in proportion.
    pub fn counts(&self, scale: f64) -> IntegerCounts {
        let scale = scale / self.bin_units;
        let reach = (RANGE_UNITS as f64 / scale + 0.5).floor() as i64 + 1;
        let integer = |w: f32| (f64::from(w) / scale).round_ties_even() as i64;
        let mut counts = vec![0.0; 2 * reach as usize + 1];
        let edge = |i: usize| (i as f64 / BINS_PER_UNIT - RANGE_UNITS as f64) / scale;
        for (i, &n) in self.bins.iter().enumerate().filter(|&(_, &n)| n > 0) {
            let (start, end) = (edge(i), edge(i + 1));
            let (first, last) = ((start + 0.5).floor() as i64, (end + 0.5).floor() as i64);
            for q in first..=last {
                let share = (end.min(q as f64 + 0.5) - start.max(q as f64 - 0.5)) / (end - start);
                if share > 0.0 {
                    counts[(q + reach) as usize] += share * n as f64;
                }
            }
        }
        // These are outliers at every useful step size, so the last integer on each side stands for them.
        for &w in &self.beyond {
            counts[(integer(w).clamp(-reach, reach) + reach) as usize] += 1.0;
        }
        IntegerCounts::trimmed(-reach, &counts)
    }
}

/// Counts of weights in bins.
#[derive(Default)]
struct Bins {
    /// `BINS` counts; empty until the first weights are added.
    counts: Vec<u64>,
    /// Weights beyond the bins, in bin units.
    beyond: Vec<f32>,
}

impl Bins {
    fn add(&mut self, weights: &[f32], unit: f32) {
        self.counts.resize(BINS, 0);
        // The unit of a row of zeros is tiny; an infinite factor would turn its zeros into NaN.
        let scale = (BINS_PER_UNIT as f32 / unit).min(f32::MAX);
        let middle = (BINS / 2) as f32;
        for &w in weights {
            let position = w * scale + middle;
            match self.counts.get_mut(position as usize) {
                // The cast saturates, so a negative position also gives bin 0.
                Some(bin) if position >= 0.0 => *bin += 1,
                _ => self.beyond.push(w / unit),
            }
        }
    }

    fn merged(mut self, other: Self) -> Self {
        self.counts.resize(BINS, 0);
        self.counts.iter_mut().zip(&other.counts).for_each(|(sum, n)| *sum += n);
        self.beyond.extend(other.beyond);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::Floats;

    #[test]
    fn rows_of_zeros_stay_within_the_bins() {
        let mut bytes = vec![0; 4 * 100 * 64];
        bytes[..4].copy_from_slice(&1f32.to_le_bytes());
        let floats = Floats::new(FloatType::F32, [100, 64], &bytes).unwrap();
        for granularity in [StepGranularity::Row, StepGranularity::Tensor, StepGranularity::Model] {
            let histogram = WeightHistogram::new(&floats, granularity).unwrap();
            let beyond = histogram.beyond.len();
            assert!(beyond <= 1, "{granularity:?}: {beyond} weights beyond the bins");
            assert_eq!(histogram.counts(0.3).total(), 6400.0);
        }
    }
}
