use crate::file_type::partial_size;
use crate::safetensors_header::HeaderError;
use ecq_core::CoreError;
use safetensors::Dtype;
use std::path::PathBuf;
use thiserror::Error;

/// Error of reading a checkpoint.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// A file or folder could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// A folder contains no checkpoint, or more than one.
    #[error(
        "{}: {found} .safetensors files and {indices} indices{others}; \
         expected model.safetensors, an index, or one file",
        path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Number of files with extension `.safetensors`.
        found: usize,
        /// Number of files with extension `.safetensors.index.json`.
        indices: usize,
        /// Description of weights in other formats in the folder.
        others: String,
    },
    /// A file is not of the expected type.
    #[error("{} is {what}, expected {expected}", path.display())]
    WrongFileType {
        /// The file.
        path: PathBuf,
        /// Description of the file.
        what: String,
        /// The expected type.
        expected: &'static str,
    },
    /// A safetensors file ends before its last tensor.
    #[error(
        "{} is truncated: {}; download or copy it again",
        path.display(), partial_size(*found, *expected)
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Length of the file in bytes.
        found: u64,
        /// Length that follows from the header, in bytes.
        expected: u64,
    },
    /// Two shards contain a tensor of the same name.
    #[error("tensor {tensor:?} is in both {first:?} and {second:?}; remove the shard of another save")]
    DuplicateTensor {
        /// The tensor.
        tensor: String,
        /// The shard with the lesser name.
        first: String,
        /// The other shard.
        second: String,
    },
    /// The header of a shard is invalid.
    #[error("{file}: {source}")]
    Header {
        /// The shard.
        file: String,
        /// The error in the header.
        source: HeaderError,
    },
    /// A JSON file is invalid.
    #[error("{file}: {why}")]
    Json {
        /// The file.
        file: String,
        /// Description of the problem.
        why: String,
    },
    /// A configuration, tokenizer or index exceeds the limit.
    #[error("{file} has {found} bytes, expected at most {most}")]
    FileTooLarge {
        /// The file.
        file: String,
        /// Length of the file in bytes.
        found: u64,
        /// [`Limits::file_bytes`](ecq_core::Limits::file_bytes).
        most: u64,
    },
    /// The index lists a tensor twice.
    #[error("{index}: tensor {tensor:?} is listed twice")]
    ListedTwice {
        /// The index.
        index: String,
        /// The tensor.
        tensor: String,
    },
    /// The index contains a shard name that is not the name of a `.safetensors` file.
    #[error(
        "{index}: shard of tensor {tensor:?} is {shard:?}, expected the name of a .safetensors file in the \
         folder of the index"
    )]
    ShardName {
        /// The index.
        index: String,
        /// The tensor.
        tensor: String,
        /// The shard name.
        shard: String,
    },
    /// Shards that the index lists are missing.
    #[error(
        "{index}: {missing} of {shards} shards are missing, first {shard:?} with tensor {tensor:?}; \
         download them into the same folder"
    )]
    MissingShard {
        /// The index.
        index: String,
        /// The first missing shard.
        shard: String,
        /// The first tensor of that shard.
        tensor: String,
        /// Number of missing shards.
        missing: usize,
        /// Number of shards that the index lists.
        shards: usize,
    },
    /// The index lists a tensor that no shard contains.
    #[error(
        "{index}: tensor {tensor:?} is listed in {shard:?}, but no shard contains it; \
         download the shards again"
    )]
    NotInShard {
        /// The index.
        index: String,
        /// The tensor.
        tensor: String,
        /// The shard in the index.
        shard: String,
    },
    /// The checkpoint has no tensors.
    #[error("{file} contains no tensors, expected at least one")]
    NoTensors {
        /// The first shard.
        file: String,
    },
    /// The checkpoint has more tensors than the limit.
    #[error("the checkpoint has more than {most} tensors, the limit")]
    TooManyTensors {
        /// [`Limits::tensors`](ecq_core::Limits::tensors).
        most: usize,
    },
    /// A tensor has more elements than the limit.
    #[error("tensor {tensor:?} of shape {shape:?} has {found} elements, expected at most {most}")]
    TooManyWeights {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Number of elements.
        found: u64,
        /// [`Limits::tensor_weights`](ecq_core::Limits::tensor_weights).
        most: u64,
    },
    /// A tensor of a quantized weight is missing.
    #[error("tensor {tensor:?} is quantized, but tensor {part:?} is missing")]
    MissingPart {
        /// The tensor that holds the codes.
        tensor: String,
        /// The missing tensor.
        part: String,
    },
    /// The checkpoint contains a weight both quantized and as floats.
    #[error("tensor {tensor:?} is in the checkpoint twice: quantized and as floats; remove one of them")]
    QuantizedAndPlain {
        /// The weight.
        tensor: String,
    },
    /// The requested rows are not rows of the tensor.
    #[error("tensor {tensor:?}: {count} rows from row {first} were requested, but it has {rows} rows")]
    Rows {
        /// The tensor.
        tensor: String,
        /// First requested row.
        first: usize,
        /// Number of requested rows.
        count: usize,
        /// Number of rows of the tensor.
        rows: usize,
    },
    /// A tensor does not have the element type that its role requires.
    #[error("tensor {tensor:?} is of type {found:?}, expected {expected}")]
    Dtype {
        /// The tensor.
        tensor: String,
        /// Type of the tensor.
        found: Dtype,
        /// The expected types.
        expected: &'static str,
    },
    /// A tensor does not have the shape that its role requires.
    #[error("tensor {tensor:?} has shape {found:?}, expected {expected}")]
    Shape {
        /// The tensor.
        tensor: String,
        /// Shape of the tensor.
        found: Vec<usize>,
        /// The expected shape.
        expected: String,
    },
    /// The quantization is not supported.
    #[error("{file}: {what} is not read; MLX affine, GPTQ, AWQ (gemm) and MXFP4 are")]
    Quantization {
        /// The file that describes the quantization.
        file: String,
        /// Description of the quantization.
        what: String,
    },
    /// Codes and grid of a tensor do not match.
    #[error("tensor {tensor:?}: {source}")]
    Codes {
        /// The tensor.
        tensor: String,
        /// The problem.
        source: CoreError,
    },
}

impl CheckpointError {
    /// Returns the tensor that the error concerns, if it concerns one.
    pub fn tensor(&self) -> Option<&str> {
        match self {
            Self::ListedTwice { tensor, .. }
            | Self::ShardName { tensor, .. }
            | Self::MissingShard { tensor, .. }
            | Self::NotInShard { tensor, .. }
            | Self::DuplicateTensor { tensor, .. }
            | Self::TooManyWeights { tensor, .. }
            | Self::MissingPart { tensor, .. }
            | Self::QuantizedAndPlain { tensor, .. }
            | Self::Rows { tensor, .. }
            | Self::Dtype { tensor, .. }
            | Self::Shape { tensor, .. }
            | Self::Codes { tensor, .. } => Some(tensor),
            Self::Header { source, .. } => source.tensor(),
            _ => None,
        }
    }
}
