use crate::file_type::partial_size;
use crate::safetensors_header::HeaderError;
use ecq_core::CoreError;
use std::path::PathBuf;
use thiserror::Error;

/// Error of reading or writing an `.ecq` file.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ContainerError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The header is not a valid safetensors header.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The path is a file of another type, or a folder.
    #[error("{} is {what}; an .ecq file is expected", path.display())]
    WrongFileType {
        /// The file.
        path: PathBuf,
        /// Description of what was found.
        what: String,
    },
    /// The file ends before its last tensor.
    #[error("{} is truncated: {}; copy it again", path.display(), partial_size(*found, *expected))]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Length of the file in bytes.
        found: u64,
        /// Length that follows from the header, in bytes.
        expected: u64,
    },
    /// The file is a safetensors file, but not an `.ecq` file.
    #[error("a safetensors file, but not an .ecq file: __metadata__[\"format\"] is {0:?}, expected \"ecq\"")]
    NotEcq(Option<String>),
    /// The schema version of the file is not supported.
    #[error("schema version is {found:?}, expected {known}; read the file with a newer version of ecq")]
    Version {
        /// Version in the file; `None` if the file has none.
        found: Option<String>,
        /// The supported version.
        known: u32,
    },
    /// An entry of `__metadata__` is invalid.
    #[error("__metadata__[{key:?}]: {why}")]
    Metadata {
        /// Key of the entry.
        key: String,
        /// Description of the problem.
        why: String,
    },
    /// A tensor that the metadata require is missing, or a tensor is not described by the metadata.
    #[error("tensor {tensor:?}: {why}")]
    Tensor {
        /// The tensor.
        tensor: String,
        /// Description of the problem.
        why: &'static str,
    },
    /// The entry of a tensor is invalid, or does not match the lengths of its parts.
    #[error("tensor {tensor:?}: {source}")]
    Entry {
        /// The tensor.
        tensor: String,
        /// The problem.
        source: CoreError,
    },
    /// The file has no tensor, attached file or entry of this name.
    #[error("no {what} named {name:?}")]
    Missing {
        /// Kind of the missing item.
        what: &'static str,
        /// Name of the missing item.
        name: String,
    },
    /// A checksum does not match the bytes.
    #[error(
        "{name:?} at file offset {offset}: checksum is {found}, expected {expected}; copy the file again"
    )]
    Checksum {
        /// Name of the tensor that holds the part or attached file.
        name: String,
        /// Its offset in the file, in bytes.
        offset: u64,
        /// Checksum of the bytes.
        found: String,
        /// Checksum in the header.
        expected: String,
    },
    /// The seal does not match the file.
    #[error(
        "the seal does not match the {0} bytes before it: the file was modified or truncated; copy it again"
    )]
    Seal(u64),
    /// An attached file does not decompress to the length in its entry, or is longer than the limit.
    #[error(
        "attached file {name:?} has {found} bytes after decompression, expected {expected} (at most {most})"
    )]
    Inflate {
        /// The file.
        name: String,
        /// Length after decompression in bytes; 0 if it could not be decompressed.
        found: u64,
        /// Length in the entry, in bytes.
        expected: u64,
        /// [`Limits::file_bytes`](ecq_core::Limits::file_bytes).
        most: u64,
    },
    /// The work folder belongs to another source or to other options.
    #[error(
        "{} is the work folder of another source or of other options (key {found}, expected {expected}); \
         remove it, or do not resume",
        path.display()
    )]
    JournalKey {
        /// The work folder.
        path: PathBuf,
        /// Key in its journal.
        found: String,
        /// Key of this run.
        expected: String,
    },
    /// Another process writes the same file.
    #[error("{} is in use by another process; wait until it ends", path.display())]
    InUse {
        /// The work folder.
        path: PathBuf,
    },
    /// A name is invalid, or its tensor does not match the other tensors.
    #[error("{name:?} {why}")]
    Name {
        /// The name.
        name: String,
        /// Description of the problem.
        why: &'static str,
    },
}

impl ContainerError {
    /// Returns the name of the tensor that the error is about, without that of its part.
    pub fn tensor(&self) -> Option<&str> {
        match self {
            Self::Tensor { tensor, .. } | Self::Entry { tensor, .. } => Some(tensor),
            // Parts are `<tensor>.ecq.<part>`.
            Self::Checksum { name, .. } => name.split(".ecq.").next(),
            _ => None,
        }
    }
}
