//! Fake quantization: values are rounded to the levels of an integer format and stay floats.
//!
//! [`Symmetric`] has `2^bits - 1` levels from `-limit` to `limit`; [`Levels`] are any others: a range, or
//! quantiles of data. A [`FakeQuantizer`] applies one of them to an array, or one to each channel.
//!
//! This module defines the arithmetic; GPUs give the same bits. NaNs are returned as they are, bit for bit.
//! Infinities are clipped like other values.

mod array;
mod cpu;
mod error;
mod gradient;
mod levels;
mod symmetric;

pub use array::{FakeQuantizer, LevelChoice, RangeChoice, Scheme};
pub use error::FakeQuantError;
pub use gradient::Gradient;
pub use levels::Levels;
pub use symmetric::{Bits, Rounding, Symmetric};

pub(crate) type Result<T> = std::result::Result<T, FakeQuantError>;
