use ecq_coding::CodingError;
use ecq_core::{CoreError, TensorPart};
use thiserror::Error;

/// Why a tensor could not be encoded or decoded.
#[non_exhaustive]
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CodecError {
    /// A tile uses a table that does not exist.
    #[error("tile {tile} uses table {table}, expected a table below {tables}")]
    TableId {
        /// Number of the tile.
        tile: usize,
        /// Table of the tile.
        table: usize,
        /// Number of tables of the tensor.
        tables: usize,
    },
    /// A table has another alphabet than the tensor.
    #[error("table {table} has {found} symbols, expected {expected}")]
    TableAlphabet {
        /// Number of the table.
        table: usize,
        /// Alphabet size of the table.
        found: usize,
        /// Alphabet size of the tensor.
        expected: usize,
    },
    /// The bytes of a part are corrupt.
    #[error("part `{}`: {source}", part.name())]
    Part {
        /// The part.
        part: TensorPart,
        /// The coder's error.
        source: CodingError,
    },
    /// The part `outliers` is corrupt.
    #[error("part `outliers`, outlier {outlier}: {reason}")]
    Outlier {
        /// Number of outliers before the error.
        outlier: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// The stream of a tile is corrupt.
    #[error("tile {tile} at stream byte {offset}: {source}")]
    Tile {
        /// Number of the tile.
        tile: usize,
        /// First byte of the tile in the stream.
        offset: usize,
        /// The coder's error.
        source: CodingError,
    },
    /// The tensor holds other content than the caller asked for, such as codes in place of raw bytes.
    #[error("the tensor holds {found}, expected {expected}")]
    Content {
        /// TensorContent of the tensor.
        found: &'static str,
        /// TensorContent expected.
        expected: &'static str,
    },
    /// An option does not fit the tensor.
    #[error("{option}: {reason}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// What is wrong and what is expected.
        reason: &'static str,
    },
    /// This version does not encode the grid, or not with the coding.
    #[error("this version does not encode this grid with this coding")]
    UnsupportedGrid,
    /// Scales and biases have different element types.
    #[error("scales and biases have different element types, expected the same")]
    MixedSideData,
    /// The stream of a tile is longer than 4 GiB.
    #[error("the stream of tile {tile} is longer than 4 GiB; choose smaller tiles")]
    TileTooLarge {
        /// Number of the tile.
        tile: usize,
    },
    /// The number of tables per tensor is out of range.
    #[error("{0} tables per tensor, expected 1 to 256")]
    TableCount(usize),
    /// An encoder failed.
    #[error(transparent)]
    Coding(#[from] CodingError),
    /// The entry and the parts of the tensor do not agree.
    #[error(transparent)]
    Core(#[from] CoreError),
}

impl CodecError {
    /// Returns a stable word for the kind of error, for scripts: `option`, `unsupported` or `corrupt`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Option { .. } | Self::TableCount(_) => "option",
            Self::UnsupportedGrid | Self::MixedSideData | Self::TileTooLarge { .. } => "unsupported",
            _ => "corrupt",
        }
    }

    /// Returns the offset in the stream of the error.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::Tile { offset, .. } => Some(*offset as u64),
            _ => None,
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, CodecError>;
