use crate::file_type::partial_size;
use std::path::PathBuf;
use thiserror::Error;

/// What is wrong with a GGUF file, and where.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum GgufError {
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The first four bytes are not `GGUF`.
    #[error("not a GGUF file: it starts with {found:02x?}, expected \"GGUF\"")]
    Magic {
        /// The bytes found.
        found: [u8; 4],
    },
    /// A version that is not 2 or 3 in little endian.
    #[error("GGUF version {0}; versions 2 and 3 (little endian) are read")]
    Version(u32),
    /// The header ends in the middle of something.
    #[error("header ends at byte {at} in {what}")]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Where the bytes end.
        at: u64,
    },
    /// A count or length that the file cannot hold, or that passes a limit.
    #[error("{what} at byte {at} is {found}, at most {most} possible")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// Where.
        at: u64,
        /// The count found.
        found: u64,
        /// The most there can be.
        most: u64,
    },
    /// The header is longer than the limit on it.
    #[error("header is longer than the limit of {limit} bytes")]
    HeaderTooLong {
        /// [`Limits::header_bytes`](ecq_core::Limits::header_bytes).
        limit: usize,
    },
    /// A name is empty or too long.
    #[error("{what} at byte {at} has {found} bytes, expected 1 to {most}")]
    NameLength {
        /// Metadata key or tensor name.
        what: &'static str,
        /// Where its characters start.
        at: u64,
        /// Bytes found.
        found: u64,
        /// Most bytes there may be.
        most: u64,
    },
    /// A string is not UTF-8.
    #[error("{what} at byte {at} is not UTF-8")]
    Utf8 {
        /// Which string.
        what: &'static str,
        /// Where.
        at: u64,
    },
    /// A metadata value of a type that does not exist.
    #[error("metadata key {key:?}: unknown value type {found} before byte {at}")]
    ValueType {
        /// The key.
        key: String,
        /// Where the value starts.
        at: u64,
        /// The type found.
        found: u32,
    },
    /// Arrays of arrays of arrays...
    #[error("metadata key {key:?}: arrays nested more than {most} deep at byte {at}")]
    Nesting {
        /// The key.
        key: String,
        /// Where the array that is too deep starts.
        at: u64,
        /// The deepest nesting read.
        most: u32,
    },
    /// A truth value is neither 0 nor 1.
    #[error("metadata key {key:?}: truth value {found} at byte {at}, expected 0 or 1")]
    Bool {
        /// The key.
        key: String,
        /// Where.
        at: u64,
        /// The byte found.
        found: u8,
    },
    /// Two keys or two tensors of one name.
    #[error("{what} {name:?} occurs twice")]
    Duplicate {
        /// Key or tensor.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// An array to be written has elements of two types.
    #[error("metadata key {key:?}: an array has elements of two types")]
    MixedArray {
        /// The key.
        key: String,
    },
    /// `general.alignment` is no power of two from 8 on.
    #[error("general.alignment is {0}; expected a power of two from 8 to 1048576")]
    Alignment(u64),
    /// A tensor has no dimension or more than four.
    #[error("tensor {tensor:?} has {found} dimensions, expected 1 to 4")]
    DimensionCount {
        /// The tensor.
        tensor: String,
        /// Dimensions found.
        found: u32,
    },
    /// The product of all dimensions passes the limit on weights.
    #[error("tensor {tensor:?}: the product of {dims:?} is above {most}")]
    Dimensions {
        /// The tensor.
        tensor: String,
        /// Its dimensions as stored.
        dims: Vec<u64>,
        /// Most weights of a tensor.
        most: u64,
    },
    /// A tensor type that is not known.
    #[error("tensor {tensor:?}: unknown type {found}")]
    TensorType {
        /// The tensor.
        tensor: String,
        /// The type's number.
        found: u32,
    },
    /// A row is no whole number of blocks.
    #[error("tensor {tensor:?}: rows of {cols} weights are no whole number of {block} weight blocks")]
    Blocks {
        /// The tensor.
        tensor: String,
        /// Weights of a row.
        cols: u64,
        /// Weights of a block.
        block: u64,
    },
    /// A tensor does not start at a multiple of the alignment.
    #[error("tensor {tensor:?}: offset {offset} is no multiple of {alignment}")]
    Misaligned {
        /// The tensor.
        tensor: String,
        /// Its offset in the data.
        offset: u64,
        /// The alignment.
        alignment: u64,
    },
    /// A tensor reaches past the end of the file.
    #[error("tensor {tensor:?}: {bytes} bytes at file offset {offset}, but the file has {file_bytes}")]
    PastEnd {
        /// The tensor.
        tensor: String,
        /// Where it starts in the file.
        offset: u64,
        /// Its length.
        bytes: u64,
        /// Length of a file that holds all tensors of the header.
        needed: u64,
        /// Length of the file.
        file_bytes: u64,
    },
    /// The file ends before its tensors do.
    #[error(
        "{} is truncated: {} (tensor {tensor:?} ends behind them); download or copy it again",
        path.display(), partial_size(*found, *expected)
    )]
    FileTruncated {
        /// The file.
        path: PathBuf,
        /// The first tensor of the header that is not whole.
        tensor: String,
        /// Length of the file.
        found: u64,
        /// Length that the header asks for.
        expected: u64,
    },
    /// The file ends before its header does.
    #[error("{} is truncated: it has {found} bytes and ends in {what}; download or copy it again", path.display())]
    HeaderCut {
        /// The file.
        path: PathBuf,
        /// What it ends in.
        what: &'static str,
        /// Length of the file.
        found: u64,
    },
    /// A file of another kind.
    #[error("{} is {what}, expected a GGUF file", path.display())]
    NotGguf {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// A part of a split model whose name does not say where the others are.
    #[error(
        "{}: split.no and split.count say that this is part {number} of {count}, so its name must end with \
         {expected:?}; give all parts the names that gguf-split gave them",
        path.display()
    )]
    PartName {
        /// The file.
        path: PathBuf,
        /// Its number, from 1 on.
        number: u64,
        /// Parts in all.
        count: u64,
        /// The end that its name should have.
        expected: String,
    },
    /// A part of a split model is not there.
    #[error("{} is missing: it is part {number} of {count} of the model; put it beside the others", path.display())]
    MissingPart {
        /// Where it should be.
        path: PathBuf,
        /// Its number, from 1 on.
        number: u64,
        /// Parts in all.
        count: u64,
    },
    /// Files that do not make one split model.
    #[error("{part}: {why}; all parts must be of one model")]
    Part {
        /// The part.
        part: String,
        /// What does not fit.
        why: String,
    },
    /// Bytes between tensors that cannot be kept.
    #[error(
        "more than {most} bytes between or behind the tensors are not zero, the last of them at {offset}"
    )]
    TooMuchPadding {
        /// Where the limit was passed.
        offset: u64,
        /// Most bytes that are kept.
        most: u64,
    },
    /// Bytes that should lie between tensors do not.
    #[error("{bytes} bytes of padding at {offset} are not between the tensors of the header")]
    MisplacedPadding {
        /// Where they would go.
        offset: u64,
        /// How many.
        bytes: u64,
    },
    /// A key that changes what the model computes, and that is not implemented.
    #[error("metadata key {key:?} is {value}: {why}")]
    Unimplemented {
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// What runs.
        why: &'static str,
    },
    /// Two tensors share bytes.
    #[error("tensors {first:?} and {second:?} overlap at file offset {offset}")]
    Overlap {
        /// The one that starts first.
        first: String,
        /// The other.
        second: String,
        /// Where the other starts.
        offset: u64,
    },
    /// A metadata key that is needed is absent or has another type.
    #[error("metadata key {key:?} is missing or is not {expected}")]
    Key {
        /// The key.
        key: String,
        /// The type asked for.
        expected: &'static str,
    },
    /// The output refused bytes.
    #[error("writing GGUF: {0}")]
    Write(#[from] std::io::Error),
    /// Rows that a tensor does not have.
    #[error("tensor {tensor:?}: rows {first}..{first}+{count} of {rows}")]
    Rows {
        /// The tensor.
        tensor: String,
        /// First row asked for.
        first: usize,
        /// Rows asked for.
        count: usize,
        /// Rows there are.
        rows: usize,
    },
    /// Tensors cannot be read because only the header was parsed.
    #[error("tensor {tensor:?} cannot be read: only the header was parsed")]
    HeaderOnly {
        /// The tensor.
        tensor: String,
    },
    /// Codes, grid and shape contradict each other.
    #[error(transparent)]
    Core(#[from] ecq_core::CoreError),
    /// Bytes or codes do not have the length that shape and type ask for.
    #[error("{what}: {found} found, {expected} expected")]
    Length {
        /// What was counted.
        what: &'static str,
        /// The count found.
        found: u64,
        /// The count expected.
        expected: u64,
    },
    /// A type that has no codes of its own, or is not dequantized here.
    #[error("type {found} {why}")]
    Unsupported {
        /// The type's name.
        found: &'static str,
        /// What it is not.
        why: &'static str,
    },
}

impl GgufError {
    /// Whether the text names the file.
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
