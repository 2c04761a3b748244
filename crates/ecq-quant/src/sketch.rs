//! What a matrix looks like at any step, from one pass over its weights.

use crate::error::{QuantError, Result};
use crate::rate::IntegerCounts;
use crate::weights::{Blocks, Weights};
use ecq_core::{FloatType, FloatVec};
use std::ops::Range;

/// What shares a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepGranularity {
    /// The model: one step for all tensors, the least squared error for a number of bits.
    Model,
    /// The tensor: its step follows its root mean square.
    Tensor,
    /// Each row: its step follows the row's root mean square.
    Row,
}

/// Bins of a unit.
const FINENESS: f64 = 512.0;
/// Bins reach so many units to both sides; what is further out is kept as it is.
const REACH: usize = 16;
const BINS: usize = 2 * REACH * FINENESS as usize;

/// The weights of a matrix as a histogram in units of their root mean square, fine enough to tell how often each integer
/// occurs at any step from about a fortieth of a unit on.
#[derive(Debug, Clone)]
pub struct WeightHistogram {
    shape: [usize; 2],
    /// What steps follow: one for the tensor or for each row; positive.
    units: Vec<f32>,
    /// Units that a unit of the bins is long.
    bin_units: f64,
    bins: Vec<u64>,
    /// Weights beyond the bins, in units.
    far: Vec<f32>,
    energy: f64,
}

impl WeightHistogram {
    /// Looks at all weights, once or, for one unit a tensor, twice.
    ///
    /// # Errors
    /// When a weight is not finite, or the weights cannot be read.
    pub fn of(weights: &dyn Weights, span: StepGranularity) -> Result<Self> {
        let shape @ [rows, cols] = weights.shape();
        let blocks = Blocks::new(shape);
        let unit = |energy: f64, count: usize| ((energy / count as f64).sqrt() as f32).max(f32::MIN_POSITIVE);
        let energies = |block: &[f32]| -> Vec<f64> {
            block
                .chunks_exact(cols)
                .map(|row| row.iter().map(|&w| f64::from(w) * f64::from(w)).sum())
                .collect()
        };
        let (units, energy, histogram) = match span {
            StepGranularity::Row => {
                let count =
                    |sum: &mut (Vec<(usize, Vec<f64>)>, Histogram), rows: Range<usize>, block: &[f32]| {
                        let energies = energies(block);
                        for (row, &energy) in block.chunks_exact(cols).zip(&energies) {
                            sum.1.add(row, unit(energy, cols));
                        }
                        sum.0.push((rows.start, energies));
                        Ok(())
                    };
                let merge = |mut a: (Vec<_>, Histogram), b: (Vec<_>, Histogram)| {
                    a.0.extend(b.0);
                    (a.0, a.1.merged(b.1))
                };
                let (mut energies, histogram) = blocks.fold(weights, count, merge)?;
                energies.sort_unstable_by_key(|&(row, _)| row);
                let energies: Vec<f64> = energies.into_iter().flat_map(|(_, energies)| energies).collect();
                let units = energies.iter().map(|&energy| unit(energy, cols)).collect();
                (units, energies.iter().sum::<f64>(), histogram)
            }
            StepGranularity::Tensor | StepGranularity::Model => {
                let energy =
                    blocks.map(weights, |_, block| Ok(energies(block).iter().sum::<f64>()))?.iter().sum();
                let unit = unit(energy, rows * cols);
                let count = |sum: &mut Histogram, _: Range<usize>, block: &[f32]| {
                    sum.add(block, unit);
                    Ok(())
                };
                (vec![unit], energy, blocks.fold(weights, count, Histogram::merged)?)
            }
        };
        Ok(Self { shape, units, bin_units: 1.0, bins: histogram.bins, far: histogram.far, energy })
    }

    /// Looks twice at weights whose steps are `rows[row] * cols[col]` times a scale.
    ///
    /// # Errors
    /// As [`of`](Self::of), or when a count does not fit the shape or a unit is not positive.
    pub fn spaced(weights: &dyn Weights, rows: &[f32], cols: &[f32]) -> Result<Self> {
        let shape = weights.shape();
        if [rows.len(), cols.len()] != shape {
            let expected = "one unit for each row and each column";
            return Err(QuantError::Parameter { what: "units", found: rows.len() as f64, expected });
        }
        if let Some(&unit) = rows.iter().chain(cols).find(|unit| !(unit.is_finite() && **unit > 0.0)) {
            return Err(QuantError::Parameter { what: "unit", found: unit.into(), expected: "positive" });
        }
        let blocks = Blocks::new(shape);
        let spaced = |row: usize, w: &[f32], out: &mut [f32]| {
            let inverse = 1.0 / rows[row];
            for ((out, &w), &col) in out.iter_mut().zip(w).zip(cols) {
                *out = w * inverse / col;
            }
        };
        let sums = blocks.map(weights, |range, block| {
            let (mut energies, mut energy, mut row_of) = (vec![0f64; cols.len()], 0.0, vec![0.0; cols.len()]);
            for (row, w) in range.zip(block.chunks_exact(cols.len())) {
                spaced(row, w, &mut row_of);
                for ((sum, &v), &w) in energies.iter_mut().zip(&row_of).zip(w) {
                    *sum += f64::from(v) * f64::from(v);
                    energy += f64::from(w) * f64::from(w);
                }
            }
            Ok((energies, energy))
        })?;
        let mut energies: Vec<f64> =
            (0..cols.len()).map(|col| sums.iter().map(|(energies, _)| energies[col]).sum()).collect();
        let energy = sums.iter().map(|(_, energy)| energy).sum();
        // A few columns may be very finely spaced: they are not what bins are made for.
        energies.sort_by(f64::total_cmp);
        let bin = ((energies[cols.len() / 2] / rows.len() as f64).sqrt() as f32).max(f32::MIN_POSITIVE);
        let histogram = blocks.fold(
            weights,
            |sum: &mut Histogram, range, block| {
                let mut row_of = vec![0.0; cols.len()];
                for (row, w) in range.zip(block.chunks_exact(cols.len())) {
                    spaced(row, w, &mut row_of);
                    sum.add(&row_of, bin);
                }
                Ok(())
            },
            Histogram::merged,
        )?;
        let units = rows.to_vec();
        let (bin_units, Histogram { bins, far }) = (f64::from(bin), histogram);
        Ok(Self { shape, units, bin_units, bins, far, energy })
    }

    /// Rows, columns.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Number of weights.
    pub fn weights(&self) -> u64 {
        self.shape[0] as u64 * self.shape[1] as u64
    }

    /// Sum of squared weights.
    pub fn energy(&self) -> f64 {
        self.energy
    }

    /// Lets steps follow `unit`, that of the whole model, in place of the tensor's own.
    pub fn share_unit(&mut self, unit: f32) {
        let unit = unit.max(f32::MIN_POSITIVE);
        self.bin_units *= f64::from(self.units[0]) / f64::from(unit);
        self.units = vec![unit];
    }

    /// The unit that the first row's step follows.
    pub fn unit(&self) -> f64 {
        self.units[0].into()
    }

    /// How many units wide the weights typically are.
    pub fn spread(&self) -> f64 {
        self.bin_units
    }

    /// Makes all units `factor` times as long.
    pub fn stretch(&mut self, factor: f64) {
        self.units.iter_mut().for_each(|unit| *unit = (f64::from(*unit) * factor) as f32);
        self.bin_units /= factor;
    }

    /// The steps that are `scale` times the units: f32 for a tensor, bf16 (any range, 8 bits of precision, and the quantizer
    /// uses what is stored) for rows.
    ///
    /// # Errors
    /// When `scale` is not positive and finite.
    pub fn steps(&self, scale: f64) -> Result<FloatVec> {
        if !(scale.is_finite() && scale > 0.0) {
            let expected = "positive and finite";
            return Err(QuantError::Parameter { what: "step", found: scale, expected });
        }
        let dtype = if self.units.len() == 1 { FloatType::F32 } else { FloatType::Bf16 };
        // Rows of zeros have any step, but not zero.
        let steps = self.units.iter().map(|&unit| ((f64::from(unit) * scale) as f32).max(1e-30));
        Ok(FloatVec::of(dtype, &steps.collect::<Vec<_>>()))
    }

    /// How often each integer occurs at steps of `scale` units. A bin on the border of two integers counts for both in
    /// proportion.
    pub fn spectrum(&self, scale: f64) -> IntegerCounts {
        let scale = scale / self.bin_units;
        let reach = (REACH as f64 / scale + 0.5).floor() as i64 + 1;
        let integer = |w: f32| (f64::from(w) / scale).round_ties_even() as i64;
        // Far integers are so many steps out that they are outliers wherever they lie: the last ones stand for all.
        let mut counts = vec![0.0; 2 * reach as usize + 1];
        let bin = |i: usize| (i as f64 / FINENESS - REACH as f64) / scale;
        for (i, &n) in self.bins.iter().enumerate().filter(|&(_, &n)| n > 0) {
            let (start, end) = (bin(i), bin(i + 1));
            let (first, last) = ((start + 0.5).floor() as i64, (end + 0.5).floor() as i64);
            for q in first..=last {
                let share = (end.min(q as f64 + 0.5) - start.max(q as f64 - 0.5)) / (end - start);
                if share > 0.0 {
                    counts[(q + reach) as usize] += share * n as f64;
                }
            }
        }
        for &w in &self.far {
            counts[(integer(w).clamp(-reach, reach) + reach) as usize] += 1.0;
        }
        let first = counts.iter().position(|&n| n > 0.0).unwrap_or(0);
        let end = counts.iter().rposition(|&n| n > 0.0).map_or(0, |last| last + 1);
        IntegerCounts { lowest: first as i64 - reach, counts: counts[first..end.max(first)].to_vec() }
    }
}

/// Weights in bins; empty until the first ones come.
#[derive(Default)]
struct Histogram {
    bins: Vec<u64>,
    far: Vec<f32>,
}

impl Histogram {
    fn add(&mut self, weights: &[f32], unit: f32) {
        self.bins.resize(BINS, 0);
        // A row of zeros has the least of units, and zeros are to stay zeros.
        let scale = (FINENESS as f32 / unit).min(f32::MAX);
        let middle = (BINS / 2) as f32;
        for &w in weights {
            let at = w * scale + middle;
            match self.bins.get_mut(at as usize) {
                // A cast saturates: what lies below comes as 0.
                Some(bin) if at >= 0.0 => *bin += 1,
                _ => self.far.push(w / unit),
            }
        }
    }

    fn merged(mut self, other: Self) -> Self {
        self.bins.resize(BINS, 0);
        self.bins.iter_mut().zip(&other.bins).for_each(|(sum, n)| *sum += n);
        self.far.extend(other.far);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::Floats;

    #[test]
    fn rows_of_zeros_take_no_room() {
        let mut bytes = vec![0; 4 * 100 * 64];
        bytes[..4].copy_from_slice(&1f32.to_le_bytes());
        let floats = Floats::new(FloatType::F32, [100, 64], &bytes).unwrap();
        for span in [StepGranularity::Row, StepGranularity::Tensor, StepGranularity::Model] {
            let sketch = WeightHistogram::of(&floats, span).unwrap();
            assert!(sketch.far.len() <= 1, "{span:?}: {} weights beyond the bins", sketch.far.len());
            assert_eq!(sketch.spectrum(0.3).total(), 6400.0);
        }
    }
}
