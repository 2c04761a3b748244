//! Quantizers of whole arrays.

use super::Result;
use super::cpu;
use super::error::FakeQuantError;
use super::levels::Levels;
use super::symmetric::{Bits, Rounding, Symmetric};

/// The quantizers of the channels of an array: one, or one per channel.
#[derive(Debug, Clone, PartialEq)]
pub enum Scheme {
    /// Symmetric levels, of equal bits and rounding.
    Symmetric(Vec<Symmetric>),
    /// Levels of any spacing.
    Levels(Vec<Levels>),
}

/// Which values a quantizer has levels for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RangeChoice {
    /// `[-limit, limit]`.
    Limit(f32),
    /// `[low, high]`; if `low` is `-high`, the same as `Limit`.
    Between(f32, f32),
    /// From minus to plus the largest magnitude of each channel.
    LargestMagnitude,
    /// From the least to the largest value of each channel.
    LeastToLargest,
}

/// Where levels lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LevelChoice {
    /// At equal distances in a range.
    Uniform(RangeChoice),
    /// At quantiles of each channel; see [`Levels::quantiles`].
    Quantile,
}

/// A quantizer of an array, all of it the same or each channel by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct FakeQuantizer {
    scheme: Scheme,
    /// Consecutive values of a channel.
    run: usize,
}

impl From<Symmetric> for FakeQuantizer {
    fn from(symmetric: Symmetric) -> Self {
        Self { scheme: Scheme::Symmetric(vec![symmetric]), run: usize::MAX }
    }
}

impl From<Levels> for FakeQuantizer {
    fn from(levels: Levels) -> Self {
        Self { scheme: Scheme::Levels(vec![levels]), run: usize::MAX }
    }
}

impl FakeQuantizer {
    /// Chooses levels for an array of this shape in row-major order: for all of it, or, with an axis, for
    /// each index of that axis (a channel).
    ///
    /// # Errors
    /// [`FakeQuantError::Length`] if the array does not have the shape, [`FakeQuantError::Axis`], and
    /// [`FakeQuantError::Limit`] or [`FakeQuantError::Range`] for ranges that are not possible.
    pub fn fitted(
        x: &[f32],
        shape: &[usize],
        axis: Option<usize>,
        bits: Bits,
        choice: LevelChoice,
        rounding: Rounding,
    ) -> Result<Self> {
        let expected = shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        if expected != Some(x.len()) {
            return Err(FakeQuantError::Length { found: x.len(), expected: format!("a shape of {shape:?}") });
        }
        let (channels, run) = match axis {
            None => (1, usize::MAX),
            Some(axis) if axis >= shape.len() => {
                return Err(FakeQuantError::Axis { axis, axes: shape.len() });
            }
            Some(axis) => (shape[axis], shape[axis + 1..].iter().product::<usize>().max(1)),
        };
        let values = |channel: usize| {
            let every = run.saturating_mul(channels).max(1);
            let start = if channel == 0 { 0 } else { channel * run };
            (start..x.len()).step_by(every).flat_map(move |at| &x[at..x.len().min(at.saturating_add(run))])
        };
        let symmetric = |of: &dyn Fn(usize) -> Result<Symmetric>| {
            Ok::<_, FakeQuantError>(Scheme::Symmetric((0..channels).map(of).collect::<Result<_>>()?))
        };
        let range = |low: f32, high: f32| match low == -high {
            true => Symmetric::new(bits, high, rounding).map(FakeQuantizer::from),
            false => Levels::range(bits, low, high, rounding).map(FakeQuantizer::from),
        };
        // A range for all channels is one channel.
        let scheme = match choice {
            LevelChoice::Uniform(RangeChoice::Limit(limit)) => return range(-limit, limit),
            LevelChoice::Uniform(RangeChoice::Between(low, high)) => return range(low, high),
            LevelChoice::Uniform(RangeChoice::LargestMagnitude) => {
                symmetric(&|channel| Ok(Symmetric::fitted(bits, values(channel).copied(), rounding)))?
            }
            LevelChoice::Uniform(RangeChoice::LeastToLargest) => {
                let levels = (0..channels).map(|channel| {
                    let finite = || values(channel).copied().filter(|x| x.is_finite());
                    let low = finite().fold(f32::INFINITY, f32::min);
                    let high = finite().fold(f32::NEG_INFINITY, f32::max);
                    match low < high {
                        true => Levels::range(bits, low, high, rounding),
                        // Equal values, or none.
                        false => Levels::new(vec![if low.is_finite() { low } else { 0.0 }], rounding),
                    }
                });
                Scheme::Levels(levels.collect::<Result<_>>()?)
            }
            LevelChoice::Quantile => {
                let levels =
                    (0..channels).map(|channel| Levels::quantiles(bits, values(channel).copied(), rounding));
                Scheme::Levels(levels.collect())
            }
        };
        Ok(Self { scheme, run })
    }

    /// Creates a quantizer with one scale for each channel; a channel has `run` consecutive values, and
    /// channels repeat behind the last one.
    ///
    /// # Errors
    /// [`FakeQuantError::Length`] without channels or values of a channel; [`FakeQuantError::Limit`].
    pub fn with_limits(bits: Bits, limits: &[f32], run: usize, rounding: Rounding) -> Result<Self> {
        if limits.is_empty() || run == 0 {
            let expected = "one or more channels of one or more values".to_owned();
            return Err(FakeQuantError::Length { found: 0, expected });
        }
        let channels = limits.iter().map(|&limit| Symmetric::new(bits, limit, rounding));
        Ok(Self { scheme: Scheme::Symmetric(channels.collect::<Result<_>>()?), run })
    }

    /// Returns the quantizers of the channels.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// Returns the number of channels.
    pub fn channels(&self) -> usize {
        match &self.scheme {
            Scheme::Symmetric(all) => all.len(),
            Scheme::Levels(all) => all.len(),
        }
    }

    /// Returns the number of consecutive values of a channel; with one channel it has no meaning.
    pub fn run(&self) -> usize {
        self.run
    }

    /// Quantizes `x` into `y`.
    ///
    /// # Errors
    /// [`FakeQuantError::Length`] if `y` has another length.
    pub fn quantize(&self, x: &[f32], y: &mut [f32]) -> Result<()> {
        if x.len() != y.len() {
            let expected = format!("{}, as the array that is quantized", x.len());
            return Err(FakeQuantError::Length { found: y.len(), expected });
        }
        cpu::copy(self, x, y);
        Ok(())
    }

    /// Quantizes an array in place.
    pub fn quantize_in_place(&self, x: &mut [f32]) {
        cpu::in_place(self, x);
    }

    /// Calls `work` with a channel and the values of each run, from the value `start` of an array on.
    pub(super) fn for_runs(
        &self,
        start: usize,
        len: usize,
        mut work: impl FnMut(usize, std::ops::Range<usize>),
    ) {
        let channels = self.channels();
        if channels == 1 {
            return work(0, 0..len);
        }
        let mut at = 0;
        while at < len {
            let place = start + at;
            let end = len.min(at.saturating_add(self.run - place % self.run));
            work(place / self.run % channels, at..end);
            at = end;
        }
    }
}
