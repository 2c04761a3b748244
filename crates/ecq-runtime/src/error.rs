use ecq_codec::CodecError;
use ecq_core::CoreError;
use ecq_format::container::ContainerError;
use ecq_format::gguf::GgufError;
use ecq_format::hf::HfError;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;

/// Why a model cannot be loaded or run.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// The file is not an `.ecq`.
    #[error("{}: {found}; only .ecq files run", path.display())]
    NotEcq {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: String,
    },
    /// The file lacks something without which a model cannot run.
    #[error("the file carries no {what}")]
    Missing {
        /// What is not there.
        what: &'static str,
    },
    /// An architecture that is not known.
    #[error("architecture {found:?} is not known; known are {known}")]
    Architecture {
        /// What the configuration names.
        found: String,
        /// The ones that run.
        known: String,
    },
    /// A key of the configuration is missing or not what it must be.
    #[error("configuration key {key:?}: {why}")]
    Config {
        /// The key.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// A key of the configuration asks for what is not implemented.
    #[error("configuration key {key:?}: {why}, which is not implemented")]
    Unsupported {
        /// The key.
        key: String,
        /// What it asks for.
        why: String,
    },
    /// A tensor that the architecture needs is not in the file.
    #[error("tensor {name:?} is missing; {architecture} needs it")]
    MissingTensor {
        /// Its Hugging Face name.
        name: String,
        /// The architecture.
        architecture: String,
    },
    /// A weight whose quantized form is carried as the bytes that it was.
    #[error(
        "tensor {name:?} is carried as the tensors of its quantizer ({found:?} and others), which do not run: \
         quantize the model anew, with a rate (--bpw) instead of --lossless"
    )]
    ForeignQuantization {
        /// Its name without quantization.
        name: String,
        /// The tensor that holds its codes.
        found: String,
    },
    /// A tensor of a block that the architecture does not explain.
    #[error("tensor {name:?} is no part of {architecture}: the model would run without it")]
    UnexpectedTensor {
        /// The tensor.
        name: String,
        /// The architecture.
        architecture: String,
    },
    /// A tensor has not the shape that the configuration asks for.
    #[error("tensor {name:?} has shape {found:?}, {expected:?} expected")]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape expected.
        expected: Vec<usize>,
    },
    /// A tensor is of a type that cannot be multiplied.
    #[error("tensor {name:?} is of type {dtype}, which does not run")]
    TensorType {
        /// The tensor.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// A tensor does not decode.
    #[error("tensor {name:?}: {source}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What went wrong.
        source: Box<RuntimeError>,
    },
    /// A decode mode that this device or this budget does not allow.
    #[error("mode {mode}: {why}")]
    Mode {
        /// The mode.
        mode: &'static str,
        /// The reason, and what to use instead.
        why: String,
    },
    /// More tokens than the context holds.
    #[error("{tokens} tokens do not fit into the context of {context}")]
    ContextFull {
        /// Tokens asked for.
        tokens: usize,
        /// Positions there are.
        context: usize,
    },
    /// A token id outside the vocabulary.
    #[error(
        "token {token} is not one of the {vocabulary} of the model; the tokenizer does not match the model"
    )]
    UnknownToken {
        /// The token.
        token: u32,
        /// Rows of the embedding.
        vocabulary: usize,
    },
    /// A text with a token that the tokenizer has and the model has not.
    #[error(
        "the text holds {token:?} (token {id}), for which the model has no row: its embedding has {rows}; \
         leave it out of the text"
    )]
    TokenWithoutEmbedding {
        /// The text of the token.
        token: String,
        /// Its id.
        id: u32,
        /// Rows of the embedding.
        rows: usize,
    },
    /// The tokenizer cannot be built, or has more tokens than the model.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// The chat template fails.
    #[error("chat template: {0}")]
    ChatTemplate(String),
    /// An option out of range.
    #[error("{option} is {found}, expected {expected}")]
    OutOfRange {
        /// The option.
        option: &'static str,
        /// Its value.
        found: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// There is nothing to run on or to evaluate.
    #[error("{0}")]
    InvalidInput(&'static str),
    /// A key or value that the element type of the cache does not hold.
    #[error(
        "a key or value of magnitude {largest:.3e} does not fit a cache of f16, which ends at 65504; a cache \
         of bf16 or f32 holds it"
    )]
    CacheRange {
        /// The largest magnitude of the row.
        largest: f32,
    },
    /// Logits that are not numbers: a weight is, or sums pass the range of f32.
    #[error(
        "the logits after position {position} are not numbers: a weight is damaged, or activations pass the \
         range of f32 (checking the file against its checksums tells which)"
    )]
    NotFinite {
        /// Position of the token.
        position: usize,
    },
    /// Two models whose vocabularies cannot be compared.
    #[error("the reference has {reference} tokens, the model {model}: they cannot be compared")]
    VocabularyMismatch {
        /// Tokens of the reference.
        reference: usize,
        /// Tokens of the model.
        model: usize,
    },
    /// Two models that cut a text into different tokens.
    #[error("the tokenizers of model and reference differ: they cannot be compared token by token")]
    TokenizerMismatch,
    /// A program that is not sound: a mistake of whoever built it.
    #[error("step {step} of the program {program:?}: {why}")]
    Program {
        /// Its name.
        program: String,
        /// The step.
        step: usize,
        /// What is wrong.
        why: String,
    },
    /// What a program names is bound to something else than was checked.
    #[error("bindings of a program: {0}")]
    Binding(String),
    /// Rows that cannot run together.
    #[error("batch: {0}")]
    Batch(String),
    /// The device has no room.
    #[error("there is no room for {bytes} bytes")]
    OutOfMemory {
        /// What was asked for.
        bytes: usize,
    },
    /// An error that several sequences have in common.
    #[error(transparent)]
    Shared(Arc<RuntimeError>),
    /// A draft model that cannot propose tokens for the model.
    #[error("the draft model does not fit: {0}")]
    Draft(String),
    /// Threads could not be started.
    #[error("threads: {0}")]
    Threads(String),
    /// The container is not sound.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// The GGUF header has no counterpart at Hugging Face.
    #[error(transparent)]
    Hf(#[from] HfError),
    /// The GGUF header that rides along is not sound.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// Parts do not decode.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A noun refused its facts.
    #[error(transparent)]
    Core(#[from] CoreError),
}

impl RuntimeError {
    /// The same error, with the tensor it is about.
    pub(crate) fn in_tensor(name: &str, source: impl Into<Self>) -> Self {
        Self::Tensor { name: name.to_owned(), source: Box::new(source.into()) }
    }

    /// An error that may be shared with other sequences, as one of its own.
    pub(crate) fn of_shared(error: Arc<Self>) -> Self {
        Arc::try_unwrap(error).unwrap_or_else(Self::Shared)
    }

    /// A stable word for the kind of error, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Tensor { source, .. } => source.kind(),
            Self::Shared(error) => error.kind(),
            Self::Container(ContainerError::Io { .. }) => "io",
            Self::OutOfMemory { .. } => "memory",
            Self::NotEcq { .. } | Self::Container(ContainerError::NotTheFile { .. }) => "format",
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

    /// The tensor that the error is about.
    pub fn tensor(&self) -> Option<&str> {
        match self {
            Self::Tensor { name, .. }
            | Self::MissingTensor { name, .. }
            | Self::ForeignQuantization { name, .. }
            | Self::UnexpectedTensor { name, .. }
            | Self::Shape { name, .. }
            | Self::TensorType { name, .. } => Some(name),
            Self::Container(ContainerError::Sum { name, .. }) => Some(name),
            Self::Shared(error) => error.tensor(),
            _ => None,
        }
    }

    /// The byte offset that the error is about.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::Tensor { source, .. } => source.offset(),
            Self::Shared(error) => error.offset(),
            Self::Container(ContainerError::Sum { offset, .. }) => Some(*offset),
            Self::Codec(error) => error.offset(),
            _ => None,
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, RuntimeError>;
