//! Levels of any spacing.

use super::Result;
use super::error::FakeQuantError;
use super::symmetric::{Bits, Rounding};

/// Levels in ascending order; a value becomes the nearest one. Values outside of them become the first or
/// the last one.
///
/// A value halfway between two levels becomes the one of the larger magnitude (of equal magnitudes, the
/// positive one), or the one whose number, from 0, is even. Places halfway are computed in f64.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels {
    levels: Vec<f32>,
    /// `keys[k]` is the key of the least value that becomes level `k + 1` or a later one, filled up to
    /// `2^steps - 1` keys that no value reaches.
    keys: Vec<u32>,
}

/// Maps floats to integers of the same order; the key of -0 is directly below that of 0.
#[inline(always)]
pub(super) fn key(x: f32) -> u32 {
    let bits = x.to_bits();
    bits ^ (((bits as i32) >> 31) as u32 | 0x8000_0000)
}

impl Levels {
    /// The most levels.
    pub const MOST: usize = 1 << 16;

    /// Creates levels.
    ///
    /// # Errors
    /// [`FakeQuantError::Levels`] if there are none or more than 65536, or they are not finite or not in
    /// ascending order without repetition.
    pub fn new(levels: Vec<f32>, rounding: Rounding) -> Result<Self> {
        let count = levels.len();
        let wrong = |index: usize| {
            let found = levels.get(index).copied().unwrap_or(f32::NAN);
            Err(FakeQuantError::Levels { index, count, found })
        };
        if count == 0 || count > Self::MOST {
            return wrong(count.min(Self::MOST));
        }
        let in_order = |i: usize| levels[i].is_finite() && (i == 0 || levels[i - 1] < levels[i]);
        if let Some(index) = (0..count).find(|&i| !in_order(i)) {
            return wrong(index);
        }
        let mut keys: Vec<u32> = (1..count).map(|k| first_of(&levels, k, rounding)).collect();
        keys.resize(count.next_power_of_two() - 1, u32::MAX);
        Ok(Self { levels, keys })
    }

    /// Creates `2^bits` levels with equal distances from `low` to `high`.
    ///
    /// # Errors
    /// [`FakeQuantError::Range`] if the ends are not finite or not in order, or so near to each other that
    /// two levels would be the same float.
    pub fn range(bits: Bits, low: f32, high: f32, rounding: Rounding) -> Result<Self> {
        let error = || FakeQuantError::Range(low, high);
        if !(low.is_finite() && high.is_finite() && low < high) {
            return Err(error());
        }
        let steps = (1u32 << bits.get()) - 1;
        let level = |n: u32| {
            // Products of 24 and 16 bits are exact, and so are the ends.
            let sum = f64::from(low) * f64::from(steps - n) + f64::from(high) * f64::from(n);
            (sum / f64::from(steps)) as f32
        };
        Self::new((0..=steps).map(level).collect(), rounding).map_err(|_| error())
    }

    /// Creates up to `2^bits` levels at the quantiles `(k + 1/2) / 2^bits` of finite values, interpolated
    /// between the nearest two (Hazen, 1914), so that all levels are used equally often. Equal levels are
    /// one level. Without finite values the only level is 0.
    pub fn quantiles(bits: Bits, values: impl Iterator<Item = f32>, rounding: Rounding) -> Self {
        let mut sorted: Vec<f32> = values.filter(|x| x.is_finite()).collect();
        rayon::slice::ParallelSliceMut::par_sort_unstable_by(&mut sorted[..], f32::total_cmp);
        let count = 1u32 << bits.get();
        let last = sorted.len().saturating_sub(1);
        let quantile = |k: u32| {
            let place = (f64::from(k) + 0.5) / f64::from(count) * sorted.len() as f64 - 0.5;
            let place = place.clamp(0.0, last as f64);
            let (i, part) = (place as usize, place.fract());
            let [a, b] = [sorted[i], sorted[(i + 1).min(last)]].map(f64::from);
            // The positive zero, so that equal levels have equal bits.
            (a + (b - a) * part) as f32 + 0.0
        };
        let mut levels: Vec<f32> =
            if sorted.is_empty() { vec![0.0] } else { (0..count).map(quantile).collect() };
        levels.dedup();
        let keys = (1..levels.len()).map(|k| first_of(&levels, k, rounding));
        let mut keys: Vec<u32> = keys.collect();
        keys.resize(levels.len().next_power_of_two() - 1, u32::MAX);
        Self { levels, keys }
    }

    /// Returns the levels.
    pub fn levels(&self) -> &[f32] {
        &self.levels
    }

    /// Returns where each level but the first begins, as integers in the order of floats, filled up to one
    /// less than a power of two. The integer of a float is its bits, inverted if it is negative and with the
    /// sign bit inverted otherwise.
    pub fn keys(&self) -> &[u32] {
        &self.keys
    }

    /// Quantizes a value.
    #[inline]
    pub fn quantize(&self, x: f32) -> f32 {
        if x.is_nan() {
            return x;
        }
        let (key, mut level, mut step) = (key(x), 0, self.keys.len().div_ceil(2));
        while step > 0 {
            if self.keys[level + step - 1] <= key {
                level += step;
            }
            step /= 2;
        }
        self.levels[level]
    }
}

/// Returns the key of the least value that is nearer to level `k` than to the one before.
fn first_of(levels: &[f32], k: usize, rounding: Rounding) -> u32 {
    let [low, high] = [levels[k - 1], levels[k]].map(f64::from);
    let half = (low + high) / 2.0;
    let to_upper = match rounding {
        Rounding::HalfAway => high.abs() >= low.abs(),
        Rounding::HalfEven => k.is_multiple_of(2),
    };
    let nearest = half as f32;
    let first = match f64::from(nearest).total_cmp(&half) {
        std::cmp::Ordering::Less => nearest.next_up(),
        std::cmp::Ordering::Equal if !to_upper => nearest.next_up(),
        _ => nearest,
    };
    // Both zeros are the same place.
    if first == 0.0 { key(-0.0) } else { key(first) }
}
