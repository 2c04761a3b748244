use crate::file_type::partial_size;
use std::path::PathBuf;
use thiserror::Error;

/// Error of reading or writing a GGUF file.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum GgufError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The first four bytes are not `GGUF`.
    #[error("not a GGUF file: it starts with {found:02x?}, expected \"GGUF\"")]
    Magic {
        /// The bytes found.
        found: [u8; 4],
    },
    /// The version is not 2 or 3, or the file is big endian.
    #[error(
        "GGUF version is {0}, expected 2 or 3 in little endian; convert the model with a current llama.cpp"
    )]
    Version(u32),
    /// The bytes end inside the header.
    #[error("header ends at byte {at}, inside {what}")]
    Truncated {
        /// The item that was being read.
        what: &'static str,
        /// Offset at which the bytes end.
        at: u64,
    },
    /// A count or length exceeds the size of the file or a limit.
    #[error("{what} at byte {at} is {found}, expected at most {most}")]
    TooMany {
        /// Name of the count.
        what: &'static str,
        /// Offset of the count in the file.
        at: u64,
        /// The count in the file.
        found: u64,
        /// The largest possible count.
        most: u64,
    },
    /// The header is longer than the limit.
    #[error("header is longer than {limit} bytes, the limit")]
    HeaderTooLong {
        /// [`Limits::header_bytes`](ecq_core::Limits::header_bytes).
        limit: usize,
    },
    /// A name is empty or too long.
    #[error("{what} at byte {at} has {found} bytes, expected 1 to {most}")]
    NameLength {
        /// Kind of name: metadata key or tensor name.
        what: &'static str,
        /// Offset of its first byte.
        at: u64,
        /// Length in bytes.
        found: u64,
        /// Maximum length in bytes.
        most: u64,
    },
    /// A string is not UTF-8.
    #[error("{what} at byte {at} is not UTF-8")]
    Utf8 {
        /// Kind of string.
        what: &'static str,
        /// Offset of its first byte.
        at: u64,
    },
    /// The type of a metadata value is unknown.
    #[error("metadata key {key:?}: value type before byte {at} is {found}, expected 0 to 12")]
    ValueType {
        /// The key.
        key: String,
        /// Offset of the value.
        at: u64,
        /// The type in the file.
        found: u32,
    },
    /// Arrays are nested too deeply.
    #[error("metadata key {key:?}: arrays at byte {at} are nested more than {most} levels deep")]
    Nesting {
        /// The key.
        key: String,
        /// Offset of the innermost array.
        at: u64,
        /// Maximum number of levels.
        most: u32,
    },
    /// A boolean is neither 0 nor 1.
    #[error("metadata key {key:?}: boolean at byte {at} is {found}, expected 0 or 1")]
    Bool {
        /// The key.
        key: String,
        /// Offset of the boolean.
        at: u64,
        /// The byte in the file.
        found: u8,
    },
    /// Two metadata keys or two tensors have the same name.
    #[error("{what} {name:?} occurs twice")]
    Duplicate {
        /// Kind of name: metadata key or tensor.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// An array to write has elements of different types.
    #[error("metadata key {key:?}: the elements of an array have different types, expected one type")]
    MixedArray {
        /// The key.
        key: String,
    },
    /// `general.alignment` is not a power of two in the supported range.
    #[error("general.alignment is {0}, expected a power of two from 8 to 1048576")]
    Alignment(u64),
    /// A tensor does not have 1 to 4 dimensions.
    #[error("tensor {tensor:?} has {found} dimensions, expected 1 to 4")]
    DimensionCount {
        /// The tensor.
        tensor: String,
        /// Number of dimensions.
        found: u32,
    },
    /// The product of the dimensions exceeds the limit on weights.
    #[error("tensor {tensor:?}: the product of dimensions {dims:?} is above the limit of {most} weights")]
    Dimensions {
        /// The tensor.
        tensor: String,
        /// Dimensions as stored.
        dims: Vec<u64>,
        /// Maximum number of weights of a tensor.
        most: u64,
    },
    /// The type of a tensor is unknown.
    #[error("tensor {tensor:?}: unknown type {found}; a newer version of ecq may know it")]
    TensorType {
        /// The tensor.
        tensor: String,
        /// Number of the type in the file.
        found: u32,
    },
    /// The number of columns is not a multiple of the block size.
    #[error("tensor {tensor:?}: rows have {cols} weights, expected a multiple of the block size {block}")]
    Blocks {
        /// The tensor.
        tensor: String,
        /// Number of weights of a row.
        cols: u64,
        /// Number of weights of a block.
        block: u64,
    },
    /// A tensor is not aligned.
    #[error("tensor {tensor:?}: offset is {offset}, expected a multiple of the alignment {alignment}")]
    Misaligned {
        /// The tensor.
        tensor: String,
        /// Offset in the tensor data, in bytes.
        offset: u64,
        /// Alignment of the file in bytes.
        alignment: u64,
    },
    /// A tensor extends past the end of the file.
    #[error("tensor {tensor:?}: {bytes} bytes at file offset {offset} exceed the file of {file_bytes} bytes")]
    PastEnd {
        /// The tensor.
        tensor: String,
        /// Offset of the tensor in the file.
        offset: u64,
        /// Length of the tensor in bytes.
        bytes: u64,
        /// Length in bytes of a file that holds all tensors of the header.
        needed: u64,
        /// Length of the file in bytes.
        file_bytes: u64,
    },
    /// The file ends before its last tensor.
    #[error(
        "{} is truncated: {} (tensor {tensor:?} is incomplete); download or copy it again",
        path.display(), partial_size(*found, *expected)
    )]
    FileTruncated {
        /// The file.
        path: PathBuf,
        /// The first tensor of the header that is incomplete.
        tensor: String,
        /// Length of the file in bytes.
        found: u64,
        /// Length that follows from the header, in bytes.
        expected: u64,
    },
    /// The file ends inside its header.
    #[error(
        "{} is truncated: it ends after {found} bytes, inside {what}; download or copy it again",
        path.display()
    )]
    HeaderCut {
        /// The file.
        path: PathBuf,
        /// The item in which the file ends.
        what: &'static str,
        /// Length of the file in bytes.
        found: u64,
    },
    /// The file is of another type.
    #[error("{} is {what}, expected a GGUF file", path.display())]
    NotGguf {
        /// The file.
        path: PathBuf,
        /// Description of the file.
        what: String,
    },
    /// The name of a part of a split model does not have the form that gguf-split uses.
    #[error(
        "{}: this is part {number} of {count} by split.no and split.count, expected a name that ends with \
         {expected:?}; rename all parts as gguf-split names them",
        path.display()
    )]
    PartName {
        /// The file.
        path: PathBuf,
        /// Number of the part, from 1.
        number: u64,
        /// Number of parts.
        count: u64,
        /// The expected end of the name.
        expected: String,
    },
    /// A part of a split model is missing.
    #[error(
        "{} is missing: it is part {number} of {count} of the model; copy it to this folder",
        path.display()
    )]
    MissingPart {
        /// Path of the missing part.
        path: PathBuf,
        /// Number of the part, from 1.
        number: u64,
        /// Number of parts.
        count: u64,
    },
    /// The parts do not belong to the same split model, or a part has nonzero padding.
    #[error("{part}: {why}; use the unmodified parts of one model")]
    Part {
        /// The part.
        part: String,
        /// Description of the problem.
        why: String,
    },
    /// The file has too much nonzero padding.
    #[error(
        "nonzero bytes between or after the tensors take more than {most} bytes, up to file offset {offset}; \
         rewrite the file with zero padding"
    )]
    TooMuchPadding {
        /// Offset in the file at which the limit is exceeded.
        offset: u64,
        /// Maximum number of bytes.
        most: u64,
    },
    /// Recorded padding does not lie between the tensors of the header.
    #[error(
        "{bytes} bytes of padding at file offset {offset} are not between or after the tensors of the header"
    )]
    MisplacedPadding {
        /// Offset of the padding in the file.
        offset: u64,
        /// Length of the padding in bytes.
        bytes: u64,
    },
    /// A key has a value that changes the computation of the model and is not implemented.
    #[error("metadata key {key:?} is {value}: {why}")]
    Unimplemented {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// The expected value, or the reason.
        why: &'static str,
    },
    /// Two tensors overlap.
    #[error("tensors {first:?} and {second:?} overlap at file offset {offset}")]
    Overlap {
        /// The tensor that starts first.
        first: String,
        /// The other tensor.
        second: String,
        /// Offset in the file of the other tensor.
        offset: u64,
    },
    /// A required metadata key is missing, or the value of a key has the wrong type.
    #[error("metadata key {key:?} is missing or has the wrong type, expected {expected}")]
    Key {
        /// The key.
        key: String,
        /// The expected type.
        expected: &'static str,
    },
    /// Writing to the output failed.
    #[error("cannot write GGUF: {0}")]
    Write(#[from] std::io::Error),
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
    /// A tensor cannot be read because only the header was parsed.
    #[error("tensor {tensor:?} cannot be read, because only the header was parsed; open the file instead")]
    HeaderOnly {
        /// The tensor.
        tensor: String,
    },
    /// Codes, grid and shape do not match.
    #[error(transparent)]
    Core(#[from] ecq_core::CoreError),
    /// A length does not match shape and type, or the number of tokens.
    #[error("number of {what} is {found}, expected {expected}")]
    Length {
        /// The counted items, in the plural.
        what: &'static str,
        /// The number found.
        found: u64,
        /// The expected number.
        expected: u64,
    },
    /// An operation does not support a block type.
    #[error("type {found} {why}")]
    Unsupported {
        /// Name of the type.
        found: &'static str,
        /// The unsupported operation, and the supported types.
        why: &'static str,
    },
}

impl GgufError {
    /// Returns whether the message names the file.
    pub fn names_file(&self) -> bool {
        matches!(
            self,
            Self::Io { .. }
                | Self::FileTruncated { .. }
                | Self::HeaderCut { .. }
                | Self::NotGguf { .. }
                | Self::PartName { .. }
                | Self::MissingPart { .. }
                | Self::Part { .. }
        )
    }
}
