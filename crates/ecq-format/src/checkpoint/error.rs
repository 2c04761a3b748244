use crate::file_type::partial_size;
use crate::safetensors_header::HeaderError;
use ecq_core::CoreError;
use safetensors::Dtype;
use std::path::PathBuf;
use thiserror::Error;

/// What is wrong with a checkpoint, and where.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// Reading failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A folder without a checkpoint, or with more than one.
    #[error(
        "{}: {found} .safetensors files and {indices} indices{others}; expected model.safetensors, an index, or \
         one file",
        path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Files that end with `.safetensors`.
        found: usize,
        /// Files that end with `.safetensors.index.json`.
        indices: usize,
        /// Weights of other formats that are there, in words.
        others: String,
    },
    /// A file that is not the one that its name promises.
    #[error("{} is {what}, expected {expected}", path.display())]
    WrongFileType {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: String,
        /// What its name promises.
        expected: &'static str,
    },
    /// A safetensors file that ends before its tensors do.
    #[error("{} is truncated: {}; download or copy it again", path.display(), partial_size(*found, *expected))]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length.
        found: u64,
        /// Length that its header asks for.
        expected: u64,
    },
    /// Two shards hold tensors of one name.
    #[error("tensor {tensor:?} is in both {first:?} and {second:?}; remove the one that is left over")]
    InTwoShards {
        /// The tensor.
        tensor: String,
        /// The shard that comes first by name.
        first: String,
        /// The other.
        second: String,
    },
    /// A shard's header is not sound.
    #[error("{file}: {source}")]
    Header {
        /// The shard.
        file: String,
        /// What is wrong with it.
        source: HeaderError,
    },
    /// A JSON file is not what it must be.
    #[error("{file}: {why}")]
    Json {
        /// The file.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A configuration, tokenizer or index passes the limit.
    #[error("{file}: {found} bytes, at most {most} allowed")]
    FileTooLarge {
        /// The file.
        file: String,
        /// Its length.
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
    /// The index names a shard that is no file beside it.
    #[error(
        "{index}: tensor {tensor:?} is said to be in {shard:?}, which is no name of a .safetensors file beside the index"
    )]
    ShardName {
        /// The index.
        index: String,
        /// The tensor.
        tensor: String,
        /// The name found.
        shard: String,
    },
    /// Shards that the index names are not there.
    #[error(
        "{index}: {missing} of {shards} shards are missing, first {shard:?}, in which tensor {tensor:?} is said \
         to be; download them into the same folder"
    )]
    MissingShard {
        /// The index.
        index: String,
        /// The first shard that is missing.
        shard: String,
        /// The first tensor in it.
        tensor: String,
        /// Shards that are missing.
        missing: usize,
        /// Shards that the index names.
        shards: usize,
    },
    /// The index places a tensor where it is not, and no other shard has it.
    #[error("{index}: tensor {tensor:?} is said to be in {shard:?}, but is in no shard")]
    NotInShard {
        /// The index.
        index: String,
        /// The tensor.
        tensor: String,
        /// The shard.
        shard: String,
    },
    /// A checkpoint without tensors.
    #[error("{file}: no tensors")]
    NoTensors {
        /// The first shard.
        file: String,
    },
    /// More tensors than the limit.
    #[error("more than {most} tensors")]
    TooManyTensors {
        /// [`Limits::tensors`](ecq_core::Limits::tensors).
        most: usize,
    },
    /// More elements than the limit.
    #[error("tensor {tensor:?} of shape {shape:?} has {found} elements, at most {most} allowed")]
    TooManyWeights {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
        /// Its elements.
        found: u64,
        /// [`Limits::tensor_weights`](ecq_core::Limits::tensor_weights).
        most: u64,
    },
    /// A quantized weight lacks one of its tensors.
    #[error("tensor {tensor:?} is quantized, but {part:?} is missing")]
    MissingPart {
        /// The tensor with the codes.
        tensor: String,
        /// The tensor that is not there.
        part: String,
    },
    /// A weight is there quantized and as it is.
    #[error("tensor {tensor:?} is there twice: quantized and as it is")]
    Both {
        /// The weight.
        tensor: String,
    },
    /// Rows that the tensor does not have.
    #[error("tensor {tensor:?}: rows {first}..{first}+{count} asked for, it has {rows}")]
    Rows {
        /// The tensor.
        tensor: String,
        /// First row asked for.
        first: usize,
        /// Rows asked for.
        count: usize,
        /// Rows it has.
        rows: usize,
    },
    /// A tensor of another element type than its role asks for.
    #[error("tensor {tensor:?} is of type {found:?}, expected {expected}")]
    Dtype {
        /// The tensor.
        tensor: String,
        /// Its type.
        found: Dtype,
        /// What it should be.
        expected: &'static str,
    },
    /// A tensor of another shape than its role asks for.
    #[error("tensor {tensor:?} has shape {found:?}, expected {expected}")]
    Shape {
        /// The tensor.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// What it should be.
        expected: String,
    },
    /// A quantization that this version does not read.
    #[error("{file}: {what} is not read; MLX affine, GPTQ, AWQ (gemm) and MXFP4 are")]
    Quantization {
        /// The file that says so.
        file: String,
        /// The quantization.
        what: String,
    },
    /// Codes and grid of a tensor do not belong together.
    #[error("tensor {tensor:?}: {source}")]
    Codes {
        /// The tensor.
        tensor: String,
        /// What does not hold.
        source: CoreError,
    },
}

impl CheckpointError {
    /// The tensor that the error is about.
    pub fn tensor(&self) -> Option<&str> {
        match self {
            Self::ListedTwice { tensor, .. }
            | Self::ShardName { tensor, .. }
            | Self::MissingShard { tensor, .. }
            | Self::NotInShard { tensor, .. }
            | Self::InTwoShards { tensor, .. }
            | Self::TooManyWeights { tensor, .. }
            | Self::MissingPart { tensor, .. }
            | Self::Both { tensor, .. }
            | Self::Rows { tensor, .. }
            | Self::Dtype { tensor, .. }
            | Self::Shape { tensor, .. }
            | Self::Codes { tensor, .. } => Some(tensor),
            Self::Header { source, .. } => source.tensor(),
            _ => None,
        }
    }
}
