use ecq_core::CoreError;
use thiserror::Error;

/// An error of a quantizer.
#[non_exhaustive]
#[derive(Debug, Error, Clone, PartialEq)]
pub enum QuantError {
    /// A weight is NaN or infinite, which no grid represents.
    #[error("the weight at row {row}, column {col} is {value}; finite numbers are expected")]
    NotFinite {
        /// The weight's row.
        row: usize,
        /// The weight's column.
        col: usize,
        /// The weight: NaN or an infinity.
        value: f32,
    },
    /// A weight is larger than the grid's scales of half precision reach.
    #[error(
        "the weight {value} at row {row}, column {col} or after it is too large for scales of half precision"
    )]
    TooLarge {
        /// The weight's row.
        row: usize,
        /// First column of its block.
        col: usize,
        /// The weight of the largest magnitude in the block.
        value: f32,
    },
    /// A group size does not divide the number of columns.
    #[error("groups of {group_size} do not divide {cols} columns")]
    GroupSize {
        /// Columns per group.
        group_size: usize,
        /// Columns of the matrix.
        cols: usize,
    },
    /// A parameter is outside its range.
    #[error("{what} is {found}, expected {expected}")]
    Parameter {
        /// The parameter's name.
        what: &'static str,
        /// The parameter's value.
        found: f64,
        /// The allowed range in words.
        expected: &'static str,
    },
    /// A weight divided by its step size exceeds the range of 32-bit integers.
    #[error("the weight {value} at row {row}, column {col} is too many steps of {step} from zero")]
    TooManySteps {
        /// The weight's row.
        row: usize,
        /// The weight's column.
        col: usize,
        /// The weight.
        value: f32,
        /// The step size.
        step: f32,
    },
    /// No step size reaches the target rate.
    #[error("a rate of {target:.3} bits per weight is out of reach: {reachable}")]
    Unreachable {
        /// The target rate in bits per weight.
        target: f64,
        /// The reachable rates in words.
        reachable: String,
    },
    /// The weights could not be read.
    #[error("the weights could not be read: {0}")]
    Read(String),
    /// The shape, length or alphabet of the result is not valid.
    #[error(transparent)]
    Core(#[from] CoreError),
}

pub(crate) type Result<T> = std::result::Result<T, QuantError>;
