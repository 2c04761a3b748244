use ecq_codec::CodecError;
use ecq_core::CoreError;
use ecq_format::container::ContainerError;
use ecq_format::gguf::GgufError;
use ecq_format::hf::HfError;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// Error of loading or running a model.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// The file is not an `.ecq` file.
    #[error("{}: {found}; expected an .ecq file", path.display())]
    NotEcq {
        /// The file.
        path: PathBuf,
        /// Detected format.
        found: String,
    },
    /// The file lacks a component that the operation needs.
    #[error("the file has no {what}")]
    Missing {
        /// The missing component.
        what: &'static str,
    },
    /// Unsupported architecture.
    #[error("architecture {found:?} is not supported; supported: {known}")]
    Architecture {
        /// `model_type` of the configuration.
        found: String,
        /// Supported architectures.
        known: String,
    },
    /// A configuration key is missing or has an invalid value.
    #[error("configuration key {key:?}: {why}")]
    Config {
        /// The key.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// A configuration key has a value that is not implemented.
    #[error("configuration key {key:?}: {why}, which is not implemented")]
    Unsupported {
        /// The key.
        key: String,
        /// The value.
        why: String,
    },
    /// A tensor that the architecture needs is not in the file.
    #[error("tensor {name:?} is missing; {architecture} needs it")]
    MissingTensor {
        /// Hugging Face name.
        name: String,
        /// The architecture.
        architecture: String,
    },
    /// A layer is stored as opaque tensors of another quantizer (packed without loss).
    #[error(
        "tensor {name:?} is stored in the format of another quantizer ({found:?} and others), which cannot \
         be run: quantize the model again with a rate (--bpw) instead of --lossless"
    )]
    ForeignQuantization {
        /// Tensor name without quantization.
        name: String,
        /// Tensor that holds the layer's codes.
        found: String,
    },
    /// A tensor of a block is not part of the architecture.
    #[error("tensor {name:?} is not part of {architecture}: results without it would be wrong")]
    UnexpectedTensor {
        /// The tensor.
        name: String,
        /// The architecture.
        architecture: String,
    },
    /// A tensor's shape differs from the one that the configuration requires.
    #[error("tensor {name:?} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Required shape.
        expected: Vec<usize>,
    },
    /// A tensor's element type cannot be multiplied.
    #[error("tensor {name:?} has type {dtype}, expected f32, f16, bf16 or a GGUF type")]
    TensorType {
        /// The tensor.
        name: String,
        /// Element type.
        dtype: String,
    },
    /// An error in a tensor.
    #[error("tensor {name:?}: {source}")]
    Tensor {
        /// The tensor.
        name: String,
        /// The error.
        source: Box<RuntimeError>,
    },
    /// The device or the memory budget does not allow a decode mode.
    #[error("mode {mode}: {why}")]
    Mode {
        /// The mode.
        mode: &'static str,
        /// Reason and alternative.
        why: String,
    },
    /// A text exceeds the context.
    #[error("{tokens} tokens do not fit into the context of {context}")]
    ContextFull {
        /// Required tokens.
        tokens: usize,
        /// Context in tokens.
        context: usize,
    },
    /// A token id outside the vocabulary.
    #[error(
        "token {token} is outside the vocabulary of {vocabulary} tokens; the tokenizer does not match the \
         model"
    )]
    UnknownToken {
        /// Token id.
        token: u32,
        /// Rows of the embedding.
        vocabulary: usize,
    },
    /// The text contains a token of the tokenizer for which the embedding has no row.
    #[error(
        "the text contains {token:?} (token {id}), but the model's embedding has {rows} rows; remove it from \
         the text"
    )]
    TokenWithoutEmbedding {
        /// Text of the token.
        token: String,
        /// Token id.
        id: u32,
        /// Rows of the embedding.
        rows: usize,
    },
    /// The tokenizer is invalid or does not match the model.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// The chat template is invalid or fails.
    #[error("chat template: {0}")]
    ChatTemplate(String),
    /// An option is out of range.
    #[error("{option} is {found}, expected {expected}")]
    OutOfRange {
        /// The option.
        option: &'static str,
        /// The value.
        found: f64,
        /// Valid range.
        expected: &'static str,
    },
    /// The input is empty or too short.
    #[error("{0}")]
    InvalidInput(&'static str),
    /// A key or value exceeds the range of the cache's element type.
    #[error(
        "a key or value of magnitude {largest:.3e} exceeds the range of a cache of f16 (65504); use a cache \
         of bf16 or f32"
    )]
    CacheRange {
        /// Largest magnitude of the row.
        largest: f32,
    },
    /// The logits are not finite.
    #[error(
        "the logits after position {position} are not finite: a weight is damaged or activations overflow \
         f32 (`ecq verify` detects damaged weights)"
    )]
    NotFinite {
        /// Position of the token.
        position: usize,
    },
    /// The vocabularies of two models have different sizes.
    #[error("the vocabularies differ: the reference has {reference} tokens, the model {model}")]
    VocabularyMismatch {
        /// Tokens of the reference model.
        reference: usize,
        /// Tokens of the model.
        model: usize,
    },
    /// The tokenizers of two models differ.
    #[error("the tokenizers of the model and the reference differ")]
    TokenizerMismatch,
    /// An invalid program; a bug in its builder.
    #[error("step {step} of the program {program:?}: {why}")]
    Program {
        /// Program name.
        program: String,
        /// Index of the step.
        step: usize,
        /// Violated rule.
        why: String,
    },
    /// Bindings do not match the layout of a program or belong to another backend.
    #[error("program bindings: {0}")]
    Binding(String),
    /// A batch exceeds a limit.
    #[error("batch: {0}")]
    Batch(String),
    /// The device has too little memory.
    #[error("out of memory: cannot allocate {bytes} bytes")]
    OutOfMemory {
        /// Requested bytes.
        bytes: usize,
    },
    /// A device failed, or cannot be used.
    #[error("{device}: {why}")]
    Device {
        /// Kind of device: `cuda`.
        device: &'static str,
        /// The failed operation and the device's message.
        why: String,
    },
    /// An error shared by several sequences.
    #[error(transparent)]
    Shared(Arc<RuntimeError>),
    /// The draft model does not match the model.
    #[error("the draft model cannot be used: {0}")]
    Draft(String),
    /// A thread could not be started or failed.
    #[error("threads: {0}")]
    Threads(String),
    /// The container is invalid.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The GGUF header cannot be converted to Hugging Face's configuration.
    #[error(transparent)]
    Hf(#[from] HfError),
    /// The GGUF header stored in the file is invalid.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// A tensor does not decode.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Invalid data of a core type.
    #[error(transparent)]
    Core(#[from] CoreError),
}

impl RuntimeError {
    /// Wraps an error with the name of its tensor.
    pub fn in_tensor(name: &str, source: impl Into<Self>) -> Self {
        Self::Tensor { name: name.to_owned(), source: Box::new(source.into()) }
    }

    /// Returns the inner error if it has one owner, else [`Shared`](Self::Shared).
    pub(crate) fn from_shared(error: Arc<Self>) -> Self {
        Arc::try_unwrap(error).unwrap_or_else(Self::Shared)
    }

    /// Returns a stable category of the error, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Tensor { source, .. } => source.kind(),
            Self::Shared(error) => error.kind(),
            Self::Container(ContainerError::Io { .. }) => "io",
            Self::OutOfMemory { .. } => "memory",
            Self::Device { .. } => "device",
            Self::NotEcq { .. } | Self::Container(ContainerError::WrongFileType { .. }) => "format",
            Self::Mode { .. }
            | Self::OutOfRange { .. }
            | Self::ContextFull { .. }
            | Self::CacheRange { .. }
            | Self::TokenWithoutEmbedding { .. }
            | Self::InvalidInput(_) => "option",
            Self::Architecture { .. }
            | Self::Unsupported { .. }
            | Self::Hf(_)
            | Self::TensorType { .. }
            | Self::ForeignQuantization { .. }
            | Self::Gguf(GgufError::Unsupported { .. } | GgufError::Unimplemented { .. })
            | Self::VocabularyMismatch { .. }
            | Self::Draft(_)
            | Self::TokenizerMismatch => "unsupported",
            Self::Program { .. } | Self::Binding(_) | Self::Batch(_) | Self::Threads(_) => "internal",
            _ => "corrupt",
        }
    }

    /// Returns the tensor that the error is about.
    pub fn tensor(&self) -> Option<&str> {
        match self {
            Self::Tensor { name, .. }
            | Self::MissingTensor { name, .. }
            | Self::ForeignQuantization { name, .. }
            | Self::UnexpectedTensor { name, .. }
            | Self::Shape { name, .. }
            | Self::TensorType { name, .. } => Some(name),
            Self::Container(error) => error.tensor(),
            Self::Shared(error) => error.tensor(),
            _ => None,
        }
    }

    /// Returns the byte offset in the file that the error is about.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::Tensor { source, .. } => source.offset(),
            Self::Shared(error) => error.offset(),
            Self::Container(ContainerError::Checksum { offset, .. }) => Some(*offset),
            Self::Codec(error) => error.offset(),
            _ => None,
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, RuntimeError>;
