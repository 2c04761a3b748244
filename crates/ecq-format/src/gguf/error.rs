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
    /// A string is not UTF-8.
    #[error("{what} at byte {at} is not UTF-8")]
    Utf8 {
        /// Which string.
        what: &'static str,
        /// Where.
        at: u64,
    },
    /// A metadata value of a type that does not exist, or nested too deep.
    #[error("metadata key {key:?} at byte {at}: unknown value type {found}, or arrays nested too deep")]
    ValueType {
        /// The key.
        key: String,
        /// Where.
        at: u64,
        /// The type found.
        found: u32,
    },
    /// Two keys or two tensors of one name.
    #[error("{what} {name:?} occurs twice")]
    Duplicate {
        /// Key or tensor.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// `general.alignment` is no power of two from 8 on.
    #[error("general.alignment is {0}; expected a power of two from 8 to 65536")]
    Alignment(u64),
    /// A tensor has no dimension, more than four, an empty one, or too many weights.
    #[error("tensor {tensor:?}: dimensions {dims:?} are empty, more than four, or too large")]
    Dimensions {
        /// The tensor.
        tensor: String,
        /// What was found.
        dims: Vec<u64>,
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
        /// Length of the file.
        file_bytes: u64,
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
