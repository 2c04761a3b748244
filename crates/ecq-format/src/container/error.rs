use crate::file_type::of;
use crate::safetensors_header::HeaderError;
use ecq_core::CoreError;
use std::path::PathBuf;
use thiserror::Error;

/// What is wrong with an `.ecq` file or its spool, and where.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ContainerError {
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The header is not that of a sound safetensors file.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// A file of another kind, or a folder.
    #[error("{} is {what}; an .ecq file is expected", path.display())]
    WrongFileType {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// A file that ends before its tensors do.
    #[error("{} is truncated: {}; copy it again", path.display(), of(*found, *expected))]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length.
        found: u64,
        /// Length that its header asks for.
        expected: u64,
    },
    /// `__metadata__` lacks `format: ecq`.
    #[error("a safetensors file, but not an .ecq: __metadata__[\"format\"] is {0:?}, expected \"ecq\"")]
    NotEcq(Option<String>),
    /// A schema version this reader does not know.
    #[error("schema version {found:?}; this reader knows version {known}")]
    Version {
        /// What the file says.
        found: Option<String>,
        /// The newest known.
        known: u32,
    },
    /// An entry of `__metadata__` is not what it must be.
    #[error("__metadata__[{key:?}]: {why}")]
    Metadata {
        /// The key.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// A tensor that the metadata ask for is absent, or one that they do not explain is present.
    #[error("tensor {tensor:?}: {why}")]
    Tensor {
        /// The tensor.
        tensor: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The facts of a tensor do not hold.
    #[error("tensor {tensor:?}: {source}")]
    Entry {
        /// The tensor.
        tensor: String,
        /// What does not hold.
        source: CoreError,
    },
    /// There is no tensor or file of this name.
    #[error("no {what} named {name:?}")]
    Missing {
        /// Tensor or file.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A checksum does not match the bytes.
    #[error("{name:?} at file offset {offset}: checksum {found}, expected {expected}")]
    Checksum {
        /// The part.
        name: String,
        /// Where it starts in the file.
        offset: u64,
        /// Checksum of the bytes.
        found: String,
        /// Checksum in the header.
        expected: String,
    },
    /// The seal does not match the file.
    #[error("the seal does not match the {0} bytes before it: the file was changed or cut")]
    Seal(u64),
    /// A ride-along file does not inflate to its declared length.
    #[error("file {name:?} inflates to {found} bytes, {expected} declared (at most {most} allowed)")]
    Inflate {
        /// The file.
        name: String,
        /// Bytes that came.
        found: u64,
        /// Bytes declared.
        expected: u64,
        /// The limit.
        most: u64,
    },
    /// The spool was started with another source or other options.
    #[error(
        "{} was started from another source or with other options (key {found}, now {expected}); \
         remove it, or start anew instead of resuming",
        path.display()
    )]
    JournalKey {
        /// The spool.
        path: PathBuf,
        /// Its key.
        found: String,
        /// The key of this run.
        expected: String,
    },
    /// Another process is writing the same file.
    #[error("{} is in use by another process", path.display())]
    InUse {
        /// The spool.
        path: PathBuf,
    },
    /// A name was pushed twice, or is reserved.
    #[error("{name:?} {why}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
}
