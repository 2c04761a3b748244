use thiserror::Error;

/// Error of fake quantization.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FakeQuantError {
    /// The number of bits is outside of the range.
    #[error("bits is {0}, expected an integer from 1 to 16")]
    Bits(u64),
    /// The name of a rounding is unknown.
    #[error("rounding is {0:?}, expected half-away or half-even")]
    Rounding(String),
    /// The largest magnitude cannot be represented by the arithmetic.
    #[error("the limit is {0:e}, expected a number from 1e-30 to 1e30")]
    Limit(f32),
    /// The ends of a range are not finite, or not in order.
    #[error("the range is {0:e} to {1:e}, expected two finite numbers in ascending order")]
    Range(f32, f32),
    /// Levels are missing, too many, not finite, or not in order.
    #[error("level {index} of {count} is {found:e}, expected 1 to 65536 finite numbers in ascending order")]
    Levels {
        /// Number of the first wrong level, or of the first that is too many.
        index: usize,
        /// Number of levels.
        count: usize,
        /// The level; NaN if there is none.
        found: f32,
    },
    /// An array has no such axis.
    #[error("axis {axis} of an array with {axes} axes; expected a number below {axes}")]
    Axis {
        /// The axis.
        axis: usize,
        /// Number of axes.
        axes: usize,
    },
    /// An array has another number of values than its shape or its channels say.
    #[error("an array has {found} values, expected {expected}")]
    Length {
        /// Number of values.
        found: usize,
        /// What is expected, in words.
        expected: String,
    },
}
