use crate::TensorPart;
use thiserror::Error;

/// What can be wrong with the facts a noun is made from.
#[non_exhaustive]
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CoreError {
    /// A symbol is not below the alphabet size.
    #[error("symbol {symbol} at index {index} is outside the alphabet of {alphabet}")]
    SymbolOutsideAlphabet {
        /// The symbol found.
        symbol: u8,
        /// Its row-major index.
        index: usize,
        /// The alphabet size.
        alphabet: u16,
    },
    /// An alphabet must have 2 to 256 symbols.
    #[error("alphabet size {0} is outside 2..=256")]
    Alphabet(u16),
    /// A length does not follow from the shape.
    #[error("{what}: {found} found, {expected} expected")]
    Length {
        /// What was counted.
        what: &'static str,
        /// The count found.
        found: usize,
        /// The count that the shape asks for.
        expected: usize,
    },
    /// A shape is empty, or its product overflows, or passes a limit.
    #[error("shape {rows}x{cols} is empty or too large")]
    Shape {
        /// Rows (output features).
        rows: usize,
        /// Columns (input features).
        cols: usize,
    },
    /// A parameter is outside its range.
    #[error("{what} is {found}, outside {expected}")]
    Parameter {
        /// Which parameter.
        what: &'static str,
        /// Its value.
        found: u64,
        /// The allowed range in words.
        expected: &'static str,
    },
    /// A part that the content asks for is not there.
    #[error("part `{}` is missing", .0.name())]
    MissingPart(TensorPart),
    /// A part is there that the content does not ask for.
    #[error("part `{}` belongs to no such content", .0.name())]
    StrayPart(TensorPart),
    /// A part has not the length that the facts ask for.
    #[error("part `{}` has {found} bytes, {expected} expected", part.name())]
    PartLength {
        /// The part.
        part: TensorPart,
        /// Its length in bytes.
        found: usize,
        /// The length expected in bytes.
        expected: usize,
    },
}
