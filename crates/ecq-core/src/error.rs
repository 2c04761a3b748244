use crate::TensorPart;
use thiserror::Error;

/// Error of constructing or validating a type of this crate.
#[non_exhaustive]
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CoreError {
    /// A symbol is not below the alphabet size.
    #[error("symbol {symbol} at index {index} is outside the alphabet, expected a symbol below {alphabet}")]
    SymbolOutsideAlphabet {
        /// The symbol found.
        symbol: u8,
        /// Its row-major index.
        index: usize,
        /// The alphabet size.
        alphabet: u16,
    },
    /// The alphabet size is not in `2..=256`.
    #[error("alphabet size is {0}, expected 2 to 256")]
    Alphabet(u16),
    /// A length differs from the one that the shape requires.
    #[error("number of {what} is {found}, expected {expected}")]
    Length {
        /// The counted items, in the plural.
        what: &'static str,
        /// The number found.
        found: usize,
        /// The number that the shape requires.
        expected: usize,
    },
    /// A shape is empty, or its product overflows or exceeds [`Limits::tensor_weights`](crate::Limits).
    #[error("shape {rows}x{cols} is empty or exceeds the limit on weights")]
    Shape {
        /// Number of rows (output features).
        rows: usize,
        /// Number of columns (input features).
        cols: usize,
    },
    /// A parameter is outside its range.
    #[error("{what} is {found}, expected {expected}")]
    Parameter {
        /// Name of the parameter.
        what: &'static str,
        /// Its value.
        found: u64,
        /// The allowed values.
        expected: &'static str,
    },
    /// A part that the content requires is absent.
    #[error("part `{}` is missing", .0.name())]
    MissingPart(TensorPart),
    /// A part is present that the content does not have.
    #[error("part `{}` is not expected for this content", .0.name())]
    StrayPart(TensorPart),
    /// The length of a part differs from the one that the entry requires.
    #[error("part `{}` has {found} bytes, expected {expected}", part.name())]
    PartLength {
        /// The part.
        part: TensorPart,
        /// Its length in bytes.
        found: usize,
        /// The expected length in bytes.
        expected: usize,
    },
}
