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

/// Why a model could not be packed, verified or exported.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum PackError {
    /// Something went wrong in a tensor.
    #[error("tensor {tensor:?}: {source}")]
    InTensor {
        /// The tensor.
        tensor: String,
        /// What went wrong.
        source: Box<PackError>,
    },
    /// Something is wrong in a file.
    #[error("{}: {source}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<PackError>,
    },
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A model of no known format.
    #[error(
        "{} is not a model but {found} (expected GGUF, safetensors, .ecq or a checkpoint folder)",
        path.display()
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
    },
    /// An output that cannot be written, or whose writing would lose something.
    #[error("the output {} {why}", path.display())]
    Destination {
        /// The output.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// An output that is there already, and was not to be replaced.
    #[error("the output {} exists already", path.display())]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// An option that is not understood.
    #[error("{option}: {why}")]
    Option {
        /// The option as given.
        option: String,
        /// What is wrong, and what is expected.
        why: String,
    },
    /// The caller's [`Progress`](crate::Progress) asked to stop.
    #[error("the work was cancelled")]
    Cancelled,
    /// The export asked for needs something that the file does not carry.
    #[error("cannot export: {0}")]
    Export(String),
    /// A tensor could not be quantized.
    #[error(transparent)]
    Quant(#[from] QuantError),
    /// Running the model failed.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The model cannot be calibrated.
    #[error("calibration: {0}")]
    Calibration(String),
    /// A grid that this version does not encode.
    #[error("this version encodes no such grid")]
    UnknownGrid,
    /// A coder refused.
    #[error(transparent)]
    Coding(#[from] CodingError),
    /// A noun refused its facts.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// A tensor does not encode or decode.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// The container is not sound.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// Hugging Face's conventions have no place for it.
    #[error(transparent)]
    Hf(#[from] HfError),
    /// A checkpoint could not be written.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// The checkpoint is not sound.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The GGUF file is not sound.
    #[error(transparent)]
    Gguf(#[from] GgufError),
}

impl PackError {
    /// The same error, with the tensor it is about.
    pub(crate) fn in_tensor(tensor: &str, source: impl Into<Self>) -> Self {
        Self::InTensor { tensor: tensor.to_owned(), source: Box::new(source.into()) }
    }

    /// A stable word for the kind of error, for scripts.
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

    /// The tensor that the error is about.
    pub fn tensor(&self) -> Option<&str> {
        match self {
            Self::InTensor { tensor, .. } => Some(tensor),
            Self::InFile { source, .. } => source.tensor(),
            Self::Container(
                ContainerError::Tensor { tensor, .. }
                | ContainerError::Entry { tensor, .. }
                | ContainerError::Checksum { name: tensor, .. },
            ) => Some(tensor),
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

    /// The byte offset that the error is about.
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
