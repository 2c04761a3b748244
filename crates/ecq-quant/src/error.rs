use ecq_core::CoreError;
use thiserror::Error;

/// Why a matrix could not be quantized.
#[non_exhaustive]
#[derive(Debug, Error, Clone, PartialEq)]
pub enum QuantError {
    /// A weight is NaN or infinite: no grid holds it.
    #[error("the weight at row {row}, column {col} is {value}; finite numbers are expected")]
    NotFinite {
        /// Its row.
        row: usize,
        /// Its column.
        col: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// A weight is larger than the grid's scales of half precision reach.
    #[error(
        "the weight {value} at row {row}, column {col} or after it is too large for scales of half precision"
    )]
    TooLarge {
        /// Its row.
        row: usize,
        /// First column of its block.
        col: usize,
        /// The weight of the largest magnitude in the block.
        value: f32,
    },
    /// A group size that does not divide the columns.
    #[error("groups of {group_size} do not divide {cols} columns")]
    GroupSize {
        /// The group size.
        group_size: usize,
        /// The columns.
        cols: usize,
    },
    /// A parameter is outside its range.
    #[error("{what} is {found}, expected {expected}")]
    Parameter {
        /// Which parameter.
        what: &'static str,
        /// Its value.
        found: f64,
        /// The allowed range in words.
        expected: &'static str,
    },
    /// A weight is so many steps from zero that no 32-bit integer counts them.
    #[error("the weight {value} at row {row}, column {col} is too many steps of {step} from zero")]
    TooManySteps {
        /// Its row.
        row: usize,
        /// Its column.
        col: usize,
        /// The weight.
        value: f32,
        /// The step.
        step: f32,
    },
    /// The bits asked for are out of reach.
    #[error("{wanted:.3} bits a weight are out of reach: {reachable}")]
    Unreachable {
        /// Bits per weight asked for.
        wanted: f64,
        /// What is in reach, in words.
        reachable: String,
    },
    /// The weights could not be read.
    #[error("the weights could not be read: {0}")]
    Read(String),
    /// A noun refused its facts.
    #[error(transparent)]
    Core(#[from] CoreError),
}

pub(crate) type Result<T> = std::result::Result<T, QuantError>;
