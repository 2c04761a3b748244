use ecq_coding::CodingError;
use ecq_core::CoreError;
use ecq_kernels::KernelError;
use thiserror::Error;

/// Why a model could not be packed, verified or exported.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum PackError {
    /// A grid that this version does not encode.
    #[error("this version encodes no such grid")]
    UnknownGrid,
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
    Tables(usize),
    /// A coder refused.
    #[error(transparent)]
    Coding(#[from] CodingError),
    /// A noun refused its facts.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// Parts do not decode.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

pub(crate) type Result<T> = std::result::Result<T, PackError>;
