use ecq_coding::CodingError;
use ecq_core::{CoreError, Part};
use thiserror::Error;

/// Why a tensor could not be encoded or decoded.
#[non_exhaustive]
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CodecError {
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
    #[error("part `outliers`, outlier {outlier}: {reason}")]
    Outlier {
        /// How many come before it.
        outlier: usize,
        /// What is wrong.
        reason: &'static str,
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
    /// An option that does not fit the tensor.
    #[error("{option}: {reason}")]
    Option {
        /// The option.
        option: &'static str,
        /// What is wrong, and what is expected.
        reason: &'static str,
    },
    /// A grid that this version does not encode.
    #[error("this version encodes no such grid")]
    UnsupportedGrid,
    /// Scales and biases of different types.
    #[error("scales and biases have different element types")]
    MixedSideData,
    /// A tile's stream passes 4 GiB.
    #[error("the stream of tile {tile} passes 4 GiB; choose smaller tiles")]
    TileTooLarge {
        /// The tile.
        tile: usize,
    },
    /// Tables per tensor out of range.
    #[error("{0} tables per tensor; expected 1 to 256")]
    TableCount(usize),
    /// An encoder refused.
    #[error(transparent)]
    Coding(#[from] CodingError),
    /// A fact of the entry does not hold, or a part is not what the entry asks for.
    #[error(transparent)]
    Core(#[from] CoreError),
}

impl CodecError {
    /// A stable word for the kind of error, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Option { .. } | Self::TableCount(_) => "option",
            Self::UnsupportedGrid | Self::MixedSideData | Self::TileTooLarge { .. } => "unsupported",
            _ => "corrupt",
        }
    }

    /// The byte of the stream that the error is about.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::Tile { offset, .. } => Some(*offset as u64),
            _ => None,
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, CodecError>;
