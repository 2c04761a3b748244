use ecq_codec::CodecError;
use ecq_coding::CodingError;
use ecq_core::CoreError;
use ecq_format::checkpoint::CheckpointError;
use ecq_format::container::ContainerError;
use ecq_format::gguf::GgufError;
use ecq_format::hf::HfError;
use ecq_format::shards::ShardError;
use ecq_quant::QuantError;
use ecq_runtime::RuntimeError;
use std::path::PathBuf;
use thiserror::Error;

/// An error of packing, verifying or exporting a model.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum PackError {
    /// An error that concerns one tensor.
    #[error("tensor {tensor:?}: {source}")]
    InTensor {
        /// The tensor's name.
        tensor: String,
        /// The error.
        source: Box<PackError>,
    },
    /// An error that concerns one file.
    #[error("{}: {source}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// The error.
        source: Box<PackError>,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The file has no known model format.
    #[error(
        "{} is not a model but {found} (expected GGUF, safetensors, .ecq or a checkpoint folder)",
        path.display()
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The format that was recognized, or the first bytes.
        found: String,
    },
    /// The output cannot be written, or writing it would destroy other data.
    #[error("the output {} {why}", path.display())]
    Destination {
        /// The output.
        path: PathBuf,
        /// The reason, and what to do about it.
        why: String,
    },
    /// The output exists, and replacing it was not allowed.
    #[error("the output {} exists already", path.display())]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// An option has an unknown or impossible value.
    #[error("{option}: {why}")]
    Option {
        /// The option and its value, as given.
        option: String,
        /// The reason, and what is expected.
        why: String,
    },
    /// [`Progress::is_cancelled`](crate::Progress::is_cancelled) returned true.
    #[error("the work was cancelled")]
    Cancelled,
    /// The target format needs data that the file does not contain.
    #[error("cannot export: {0}")]
    Export(String),
    /// A tensor could not be quantized.
    #[error(transparent)]
    Quant(#[from] QuantError),
    /// The model could not be run.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The model cannot be calibrated.
    #[error("calibration: {0}")]
    Calibration(String),
    /// This version cannot quantize to or encode the grid.
    #[error("this version does not encode this grid; choose uniform, affine or absmax")]
    UnknownGrid,
    /// An entropy coder failed.
    #[error(transparent)]
    Coding(#[from] CodingError),
    /// The properties of a tensor contradict each other.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// A tensor could not be encoded or decoded.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The `.ecq` container is damaged or not valid.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The model cannot be expressed in Hugging Face's conventions.
    #[error(transparent)]
    Hf(#[from] HfError),
    /// The shards of a checkpoint could not be written.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// The checkpoint is damaged or not valid.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The GGUF file is damaged or not valid.
    #[error(transparent)]
    Gguf(#[from] GgufError),
}

impl PackError {
    /// Makes an [`InTensor`](Self::InTensor) error.
    pub(crate) fn in_tensor(tensor: &str, source: impl Into<Self>) -> Self {
        Self::InTensor { tensor: tensor.to_owned(), source: Box::new(source.into()) }
    }

    /// Adds the name of a tensor, unless the error already has one or is a cancellation.
    pub(crate) fn with_tensor(self, tensor: &str) -> Self {
        match self {
            Self::InTensor { .. } | Self::Cancelled => self,
            error => Self::in_tensor(tensor, error),
        }
    }

    /// Returns a stable word for the kind of error, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::InTensor { source, .. } | Self::InFile { source, .. } => source.kind(),
            Self::Runtime(error) => error.kind(),
            Self::Codec(error) => error.kind(),
            Self::Calibration(_) => "calibration",
            Self::Cancelled => "cancelled",
            Self::Io { .. }
            | Self::Container(ContainerError::Io { .. })
            | Self::Checkpoint(CheckpointError::Io { .. })
            | Self::Shard(ShardError::Io { .. } | ShardError::Exists { .. })
            | Self::Gguf(GgufError::Io { .. }) => "io",
            Self::UnknownFormat { .. }
            | Self::Container(ContainerError::WrongFileType { .. })
            | Self::Gguf(GgufError::NotGguf { .. }) => "format",
            Self::Option { .. }
            | Self::Destination { .. }
            | Self::Exists { .. }
            | Self::Quant(QuantError::Unreachable { .. }) => "option",
            Self::Export(_) | Self::Hf(_) => "export",
            Self::Container(ContainerError::JournalKey { .. } | ContainerError::InUse { .. }) => "resume",
            Self::UnknownGrid
            | Self::Checkpoint(CheckpointError::Quantization { .. })
            | Self::Gguf(GgufError::Unsupported { .. } | GgufError::Unimplemented { .. }) => "unsupported",
            Self::Checkpoint(CheckpointError::Folder { .. }) => "format",
            _ => "corrupt",
        }
    }

    /// Returns the name of the tensor that the error concerns.
    pub fn tensor(&self) -> Option<&str> {
        match self {
            Self::InTensor { tensor, .. } => Some(tensor),
            Self::InFile { source, .. } => source.tensor(),
            Self::Container(error) => error.tensor(),
            Self::Checkpoint(error) => error.tensor(),
            Self::Gguf(
                GgufError::Dimensions { tensor, .. }
                | GgufError::TensorType { tensor, .. }
                | GgufError::Blocks { tensor, .. }
                | GgufError::Misaligned { tensor, .. }
                | GgufError::FileTruncated { tensor, .. }
                | GgufError::PastEnd { tensor, .. },
            ) => Some(tensor),
            _ => None,
        }
    }

    /// Returns the byte offset that the error concerns.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::InTensor { source, .. } | Self::InFile { source, .. } => source.offset(),
            Self::Container(ContainerError::Checksum { offset, .. }) => Some(*offset),
            Self::Gguf(
                GgufError::Truncated { at: offset, .. }
                | GgufError::TooMany { at: offset, .. }
                | GgufError::Utf8 { at: offset, .. }
                | GgufError::ValueType { at: offset, .. }
                | GgufError::Misaligned { offset, .. }
                | GgufError::PastEnd { offset, .. }
                | GgufError::Overlap { offset, .. },
            ) => Some(*offset),
            Self::Codec(error) => error.offset(),
            _ => None,
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, PackError>;
