use ecq_coding::CodingError;
use ecq_core::{CoreError, Part};
use thiserror::Error;

/// Why the parts of an encoded tensor could not be decoded.
#[non_exhaustive]
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum KernelError {
    /// A part that the coding needs is not there.
    #[error("part `{}` is missing", .0.name())]
    MissingPart(Part),
    /// A part has not the length that shape and coding ask for.
    #[error("part `{}` has {found} bytes, {expected} expected", part.name())]
    PartLength {
        /// The part.
        part: Part,
        /// Its length in bytes.
        found: usize,
        /// The length expected in bytes.
        expected: usize,
    },
    /// A tile names a table that the tensor has not.
    #[error("tile {tile} uses table {table} of {tables}")]
    TableId {
        /// The tile.
        tile: usize,
        /// The table it names.
        table: usize,
        /// Tables of the tensor.
        tables: usize,
    },
    /// A table's alphabet is not the tensor's.
    #[error("table {table} has {found} symbols, {expected} expected")]
    TableAlphabet {
        /// The table.
        table: usize,
        /// Its alphabet size.
        found: usize,
        /// The tensor's alphabet size.
        expected: usize,
    },
    /// The bytes of a part are corrupt.
    #[error("part `{}`: {source}", part.name())]
    Part {
        /// The part.
        part: Part,
        /// What the coder found.
        source: CodingError,
    },
    /// An outlier is not where one can be.
    #[error("part `outliers`, outlier {outlier}: {why}")]
    Outlier {
        /// How many come before it.
        outlier: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// The stream of a tile is corrupt.
    #[error("tile {tile} at stream byte {offset}: {source}")]
    Tile {
        /// The tile.
        tile: usize,
        /// Where its stream starts.
        offset: usize,
        /// What the coder found.
        source: CodingError,
    },
    /// The tensor holds codes where raw bytes were asked for, or the other way round.
    #[error("the tensor holds {found}, {expected} expected")]
    Content {
        /// What it holds.
        found: &'static str,
        /// What was asked for.
        expected: &'static str,
    },
    /// A fact of the entry does not hold.
    #[error(transparent)]
    Core(#[from] CoreError),
}

pub(crate) type Result<T> = std::result::Result<T, KernelError>;
