//! The error type of the library.

use ecq_codec::CodecError;
use ecq_core::CoreError;
use ecq_format::container::ContainerError;
use ecq_format::gguf::GgufError;
use std::error::Error as StdError;
use std::{fmt, io};

/// A `Result` with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// An error with a [kind](Self::kind) and, if known, the tensor and byte offset at which it occurred.
///
/// [`source`](StdError::source) returns the underlying cause, such as an [`io::Error`], and
/// [`get_ref`](Self::get_ref) the error of the crate in which it occurred.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    /// Replaces the message of `cause`.
    message: Option<String>,
    tensor: Option<String>,
    offset: Option<u64>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kind of an [`Error`].
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A file or folder does not exist.
    NotFound,
    /// Reading or writing failed.
    Io,
    /// The file has a different format than expected.
    WrongFormat,
    /// The content of a file is invalid or does not match its checksums.
    Damaged,
    /// This version does not support the model or tensor.
    Unsupported,
    /// The file has no tensor with this name.
    UnknownTensor,
    /// An option has an invalid value.
    InvalidOption,
    /// The tokens exceed the context.
    ContextFull,
    /// Memory is exhausted.
    OutOfMemory,
    /// A device is missing or has failed.
    Device,
    /// The caller cancelled the operation.
    Cancelled,
    /// The model cannot be calibrated on the given text.
    Calibration,
    /// The unfinished work found belongs to a run with other options, or another process is using it.
    Resume,
    /// The file lacks something that the export format needs.
    Export,
    /// A bug in this library.
    Internal,
}

impl ErrorKind {
    /// Returns the name that the `ecq` command prints as `kind` with `--json`; some kinds share a name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFound | Self::Io => "io",
            Self::WrongFormat => "format",
            Self::Damaged => "corrupt",
            Self::Unsupported => "unsupported",
            Self::UnknownTensor | Self::InvalidOption | Self::ContextFull => "option",
            Self::OutOfMemory => "memory",
            Self::Device => "device",
            Self::Cancelled => "cancelled",
            Self::Calibration => "calibration",
            Self::Resume => "resume",
            Self::Export => "export",
            Self::Internal => "internal",
        }
    }
}

impl Error {
    /// The kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Name of the tensor at which the error occurred, if known.
    pub fn tensor(&self) -> Option<&str> {
        self.0.tensor.as_deref()
    }

    /// Byte offset at which the error occurred, if known: in the file, or for decoding errors in the stream
    /// of [`tensor`](Self::tensor).
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The error of the crate in which it occurred, for instance an `ecq::runtime::RuntimeError`.
    pub fn get_ref(&self) -> Option<&(dyn StdError + Send + Sync + 'static)> {
        self.0.cause.as_deref()
    }

    fn new(
        kind: ErrorKind,
        tensor: Option<&str>,
        offset: Option<u64>,
        cause: impl StdError + Send + Sync + 'static,
    ) -> Self {
        let tensor = tensor.map(str::to_owned);
        Self(Box::new(Inner { kind, message: None, tensor, offset, cause: Some(Box::new(cause)) }))
    }

    pub(crate) fn of_kind(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = Some(message.into());
        Self(Box::new(Inner { kind, message, tensor: None, offset: None, cause: None }))
    }

    /// Returns an error about an invalid option value.
    #[cfg(any(feature = "quantize", feature = "runtime"))]
    pub(crate) fn option(option: &str, found: impl fmt::Display, expected: &str) -> Self {
        Self::of_kind(ErrorKind::InvalidOption, format!("{option} is {found}, expected {expected}"))
    }

    /// Sets the tensor and adds its name to the message.
    pub(crate) fn in_tensor(mut self, name: &str) -> Self {
        if self.0.tensor.is_none() {
            self.0.message = Some(format!("tensor {name:?}: {self}"));
        }
        self.0.tensor = Some(name.to_owned());
        self
    }

    /// Sets the tensor without changing the message.
    pub(crate) fn in_tensor_named(mut self, name: &str) -> Self {
        self.0.tensor = Some(name.to_owned());
        self
    }

    /// Adds the path of the file to the message, unless the message of an I/O error contains it.
    pub(crate) fn in_file(mut self, path: &std::path::Path) -> Self {
        if !matches!(self.0.kind, ErrorKind::Io | ErrorKind::NotFound) {
            self.0.message = Some(format!("{}: {self}", path.display()));
        }
        self
    }

    pub(crate) fn of_io(path: &std::path::Path, source: io::Error) -> Self {
        ContainerError::Io { path: path.to_owned(), source }.into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0.message, &self.0.cause) {
            (Some(message), _) => f.write_str(message),
            (None, Some(cause)) => cause.fmt(f),
            (None, None) => write!(f, "{:?}", self.0.kind),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, message, tensor, offset, cause } = &*self.0;
        f.debug_struct("Error")
            .field("kind", kind)
            .field("message", message)
            .field("tensor", tensor)
            .field("offset", offset)
            .field("cause", cause)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The message of this error includes that of `cause`.
        self.0.cause.as_ref()?.source()
    }
}

/// Returns the kind of an I/O error among `error` and its causes.
fn io_kind(error: &(dyn StdError + 'static)) -> ErrorKind {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return match error.kind() {
                io::ErrorKind::NotFound => ErrorKind::NotFound,
                io::ErrorKind::OutOfMemory => ErrorKind::OutOfMemory,
                _ => ErrorKind::Io,
            };
        }
        next = error.source();
    }
    ErrorKind::Io
}

fn container_kind(error: &ContainerError) -> ErrorKind {
    match error {
        ContainerError::Io { .. } => io_kind(error),
        ContainerError::NotEcq(_) | ContainerError::WrongFileType { .. } => ErrorKind::WrongFormat,
        ContainerError::Version { .. } => ErrorKind::Unsupported,
        ContainerError::JournalKey { .. } | ContainerError::InUse { .. } => ErrorKind::Resume,
        _ => ErrorKind::Damaged,
    }
}

impl From<ContainerError> for Error {
    fn from(error: ContainerError) -> Self {
        let kind = container_kind(&error);
        let offset = match &error {
            ContainerError::Checksum { offset, .. } => Some(*offset),
            _ => None,
        };
        let tensor = error.tensor().map(str::to_owned);
        Self::new(kind, tensor.as_deref(), offset, error)
    }
}

impl From<CodecError> for Error {
    fn from(error: CodecError) -> Self {
        let offset = match &error {
            CodecError::Tile { offset, .. } => Some(*offset as u64),
            _ => None,
        };
        let kind = match &error {
            CodecError::Content { .. } => ErrorKind::Unsupported,
            _ => ErrorKind::Damaged,
        };
        Self::new(kind, None, offset, error)
    }
}

impl From<CoreError> for Error {
    fn from(error: CoreError) -> Self {
        Self::new(ErrorKind::Damaged, None, None, error)
    }
}

impl From<GgufError> for Error {
    fn from(error: GgufError) -> Self {
        let kind = match &error {
            GgufError::Io { .. } => io_kind(&error),
            GgufError::Unsupported { .. } | GgufError::Unimplemented { .. } => ErrorKind::Unsupported,
            GgufError::NotGguf { .. } => ErrorKind::WrongFormat,
            _ => ErrorKind::Damaged,
        };
        Self::new(kind, None, None, error)
    }
}

/// Maps the `kind()` of errors of the other crates.
#[cfg(any(feature = "quantize", feature = "runtime"))]
fn named_kind(name: &str, error: &(dyn StdError + 'static)) -> ErrorKind {
    match name {
        "io" => io_kind(error),
        "format" => ErrorKind::WrongFormat,
        "option" => ErrorKind::InvalidOption,
        "unsupported" => ErrorKind::Unsupported,
        "device" => ErrorKind::Device,
        "memory" => ErrorKind::OutOfMemory,
        "cancelled" => ErrorKind::Cancelled,
        "calibration" => ErrorKind::Calibration,
        "resume" => ErrorKind::Resume,
        "export" => ErrorKind::Export,
        "internal" => ErrorKind::Internal,
        _ => ErrorKind::Damaged,
    }
}

#[cfg(feature = "runtime")]
fn runtime_kind(error: &ecq_runtime::RuntimeError) -> ErrorKind {
    use ecq_runtime::RuntimeError;
    match error {
        RuntimeError::Tensor { source, .. } => runtime_kind(source),
        RuntimeError::Shared(error) => runtime_kind(error),
        RuntimeError::Container(error) => container_kind(error),
        RuntimeError::ContextFull { .. } => ErrorKind::ContextFull,
        // Invalid input, not an invalid file.
        RuntimeError::UnknownToken { .. } | RuntimeError::TokenWithoutEmbedding { .. } => {
            ErrorKind::InvalidOption
        }
        RuntimeError::Missing { .. } | RuntimeError::ChatTemplate(_) => ErrorKind::Unsupported,
        other => named_kind(other.kind(), other),
    }
}

#[cfg(feature = "runtime")]
impl From<ecq_runtime::RuntimeError> for Error {
    fn from(error: ecq_runtime::RuntimeError) -> Self {
        let (tensor, offset) = (error.tensor().map(str::to_owned), error.offset());
        Self::new(runtime_kind(&error), tensor.as_deref(), offset, error)
    }
}

#[cfg(feature = "quantize")]
fn pack_kind(error: &ecq_pack::PackError) -> ErrorKind {
    use ecq_pack::PackError;
    match error {
        PackError::InTensor { source, .. } | PackError::InFile { source, .. } => pack_kind(source),
        PackError::Container(error) => container_kind(error),
        #[cfg(feature = "runtime")]
        PackError::Runtime(error) => runtime_kind(error),
        other => named_kind(other.kind(), other),
    }
}

#[cfg(feature = "quantize")]
impl From<ecq_pack::PackError> for Error {
    fn from(error: ecq_pack::PackError) -> Self {
        let (tensor, offset) = (error.tensor().map(str::to_owned), error.offset());
        Self::new(pack_kind(&error), tensor.as_deref(), offset, error)
    }
}
