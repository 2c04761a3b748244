//! Levels that are equally spaced and symmetric about zero.

use super::Result;
use super::error::FakeQuantError;
use std::fmt;
use std::str::FromStr;

/// A number of bits, 1 to 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bits(u8);

impl Bits {
    /// Returns a number of bits.
    ///
    /// # Errors
    /// [`FakeQuantError::Bits`] outside of 1 to 16.
    pub fn new(bits: u64) -> Result<Self> {
        match bits {
            1..=16 => Ok(Self(bits as u8)),
            _ => Err(FakeQuantError::Bits(bits)),
        }
    }

    /// Returns all numbers of bits.
    pub fn all() -> impl Iterator<Item = Self> {
        (1..=16).map(Self)
    }

    /// Returns the number.
    pub fn get(self) -> u32 {
        self.0.into()
    }

    /// Returns the largest integer of a symmetric quantizer, `2^(bits - 1) - 1`: 0 for one bit.
    pub fn largest(self) -> u32 {
        (1 << (self.0 - 1)) - 1
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How values halfway between two levels are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Rounding {
    /// To the level of the larger magnitude.
    #[default]
    HalfAway,
    /// To the level of the even number.
    HalfEven,
}

impl Rounding {
    /// Both.
    pub const ALL: [Self; 2] = [Self::HalfAway, Self::HalfEven];

    /// Returns the name: `half-away` or `half-even`.
    pub fn name(self) -> &'static str {
        match self {
            Self::HalfAway => "half-away",
            Self::HalfEven => "half-even",
        }
    }
}

impl FromStr for Rounding {
    type Err = FakeQuantError;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|rounding| rounding.name() == name);
        found.ok_or_else(|| FakeQuantError::Rounding(name.to_owned()))
    }
}

/// Levels `n / multiplier` for the integers `n` from `-largest` to `largest`, with `largest = 2^(bits - 1) -
/// 1` and `multiplier = largest / limit` rounded to f32.
///
/// A value is clipped to `[-limit, limit]`, `p = x * multiplier` is rounded to f32, `n` is `p` rounded to an
/// integer, and the result is `n / multiplier` rounded to f32. A result has the sign of its value, also if it
/// is zero. The largest level of a limit other than 1 may differ from the limit in its last place.
///
/// One bit has no integer but zero. It is defined as the sign: `-limit` for negative values, `limit` for all
/// others, both zeros included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Symmetric {
    bits: Bits,
    rounding: Rounding,
    limit: f32,
    multiplier: f32,
}

impl Symmetric {
    /// The least limit: far below it, quotients and products would not be normal numbers.
    pub const LEAST_LIMIT: f32 = 1e-30;
    /// The largest limit.
    pub const LARGEST_LIMIT: f32 = 1e30;

    /// Creates a quantizer of values in `[-1, 1]`.
    pub fn unit(bits: Bits, rounding: Rounding) -> Self {
        Self { bits, rounding, limit: 1.0, multiplier: bits.largest() as f32 }
    }

    /// Creates a quantizer of values in `[-limit, limit]`.
    ///
    /// # Errors
    /// [`FakeQuantError::Limit`] outside of 1e-30 to 1e30.
    pub fn new(bits: Bits, limit: f32, rounding: Rounding) -> Result<Self> {
        if !(Self::LEAST_LIMIT..=Self::LARGEST_LIMIT).contains(&limit) {
            return Err(FakeQuantError::Limit(limit));
        }
        let multiplier = (f64::from(bits.largest()) / f64::from(limit)) as f32;
        Ok(Self { bits, rounding, limit, multiplier })
    }

    /// Creates a quantizer whose limit is the largest magnitude of finite values, or the nearest limit that
    /// there is; for zeros alone it is 1.
    pub fn fitted(bits: Bits, values: impl Iterator<Item = f32>, rounding: Rounding) -> Self {
        let largest = values.map(f32::abs).filter(|x| x.is_finite()).fold(0.0, f32::max);
        let limit = if largest == 0.0 { 1.0 } else { largest.clamp(Self::LEAST_LIMIT, Self::LARGEST_LIMIT) };
        let multiplier = (f64::from(bits.largest()) / f64::from(limit)) as f32;
        Self { bits, rounding, limit, multiplier }
    }

    /// Returns the number of bits.
    pub fn bits(&self) -> Bits {
        self.bits
    }

    /// Returns how halves are rounded.
    pub fn rounding(&self) -> Rounding {
        self.rounding
    }

    /// Returns the largest magnitude that is not clipped.
    pub fn limit(&self) -> f32 {
        self.limit
    }

    /// Returns what values are multiplied by; 0 for one bit.
    pub fn multiplier(&self) -> f32 {
        self.multiplier
    }

    /// Quantizes a value.
    pub fn quantize(&self, x: f32) -> f32 {
        match (self.bits.get(), self.rounding) {
            (1, _) => sign(x, self.limit),
            (_, Rounding::HalfAway) => uniform::<false, false>(x, self.limit, self.multiplier),
            (_, Rounding::HalfEven) => uniform::<true, false>(x, self.limit, self.multiplier),
        }
    }
}

/// Quantizes to one bit.
#[inline(always)]
pub(super) fn sign(x: f32, limit: f32) -> f32 {
    let y = if x < 0.0 { -limit } else { limit };
    if x.is_nan() { x } else { y }
}

/// Quantizes to more bits; `FUSED` where the processor has fused multiply-add.
#[inline(always)]
pub(super) fn uniform<const EVEN: bool, const FUSED: bool>(x: f32, limit: f32, multiplier: f32) -> f32 {
    let size = x.abs();
    let size = if size < limit { size } else { limit };
    let p = size * multiplier;
    // Processors round to even in one instruction. Halves away from zero are the integer part of the next
    // float below a half more: the sum is exact, or rounds to the integer that it has to reach.
    let n = if EVEN { p.round_ties_even() } else { (p + 0.499_999_97).trunc() };
    let y = if FUSED { fused_quotient(n, multiplier) } else { n / multiplier }.copysign(x);
    if x.is_nan() { x } else { y }
}

/// Returns `n / multiplier`, rounded correctly: a division has a sixteenth of the throughput of the rest.
///
/// The reciprocal is rounded correctly. The first quotient is less than two units in the last place away, and
/// a correction leaves less than one. A further correction, whose remainder is exact, then rounds correctly
/// (Markstein, 1990). Limits keep all numbers normal.
#[inline(always)]
fn fused_quotient(n: f32, multiplier: f32) -> f32 {
    let reciprocal = 1.0 / multiplier;
    let rough = n * reciprocal;
    let near = (-rough).mul_add(multiplier, n).mul_add(reciprocal, rough);
    (-near).mul_add(multiplier, n).mul_add(reciprocal, near)
}
