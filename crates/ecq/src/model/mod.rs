//! Models that continue texts.

mod generation;
mod options;
mod queue;

pub use generation::Generation;
pub use options::ModelOptions;

use crate::error::{Error, ErrorKind, Result};
use crate::sampling::Sampling;
use ecq_core::Element;
use ecq_runtime::kv::KvOptions;
use ecq_runtime::{
    ChatTemplate, Checkpoint, Engine, EngineOptions, EvalOptions, Evaluation, ExecutorOptions, Message, Mode,
    Request, RuntimeError, TokenMask, Tokenizer,
};
use queue::Queue;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Tokens of a window that [`Model::evaluate`] looks at.
const WINDOW: usize = 512;

/// A model that is loaded: weights, tokenizer, and one engine that all clones and threads share.
///
/// Texts that are generated at the same time run in the same batches, each weight decoded once for all of
/// them. What a text becomes never depends on which other texts run beside it. A call that runs the model
/// waits for the step that is running, some milliseconds to seconds, and steps go round among the threads
/// that wait.
///
/// ```
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");
/// let model = ecq::Model::open(path)?;
/// let sampling = ecq::Sampling::greedy().max_tokens(8);
/// let text: String = model.generate("Once upon a time", sampling)?.collect::<Result<_, _>>()?;
/// assert!(!text.is_empty());
/// # Ok::<(), ecq::Error>(())
/// ```
#[derive(Clone)]
pub struct Model(Arc<Loaded>);

struct Loaded {
    path: PathBuf,
    checkpoint: Checkpoint,
    tokenizer: Arc<Tokenizer>,
    model: Arc<ecq_runtime::Model>,
    /// How keys and values are kept.
    cache: Element,
    context: usize,
    queue: Queue,
}

impl Model {
    /// Loads a model with default options.
    ///
    /// # Errors
    /// As [`ModelOptions::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::options().open(path)
    }

    /// Options to load a model with.
    pub fn options() -> ModelOptions {
        ModelOptions::default()
    }

    /// Begins to continue a prompt; the model runs when the [`Generation`] is read.
    ///
    /// # Errors
    /// [`InvalidOption`](ErrorKind::InvalidOption) when an option of `sampling` is out of range or the prompt
    /// has no token, [`ContextFull`](ErrorKind::ContextFull) when the prompt has more tokens than the
    /// context.
    pub fn generate(&self, prompt: &str, sampling: Sampling) -> Result<Generation> {
        self.generate_tokens(self.tokenize(prompt)?, sampling)
    }

    /// As [`generate`](Self::generate), of tokens as they are: nothing is put in front of them.
    ///
    /// # Errors
    /// As [`generate`](Self::generate), and [`InvalidOption`](ErrorKind::InvalidOption) when a token is not
    /// in the vocabulary.
    pub fn generate_tokens(&self, prompt: Vec<u32>, sampling: Sampling) -> Result<Generation> {
        let request = sampling.request(prompt, &self.0.tokenizer, self.vocabulary())?;
        Generation::begin(self.clone(), request)
    }

    /// Begins the next message of a conversation, which the model's chat template turns into a prompt.
    ///
    /// Keys and values of the messages before are found again where they still are in memory.
    ///
    /// # Errors
    /// As [`generate`](Self::generate), and [`Unsupported`](ErrorKind::Unsupported) when the model has no
    /// chat template or that refuses the conversation.
    pub fn chat(&self, messages: &[Message], sampling: Sampling) -> Result<Generation> {
        let template = ChatTemplate::from_checkpoint(&self.0.checkpoint)?;
        // Templates write their special tokens themselves.
        let prompt = self.0.tokenizer.encode(&template.render(messages)?, false)?;
        self.generate_tokens(prompt, sampling)
    }

    /// The tokens of a text, with those that the model expects at its beginning.
    ///
    /// # Errors
    /// When the tokenizer refuses.
    pub fn tokenize(&self, text: &str) -> Result<Vec<u32>> {
        Ok(self.0.tokenizer.encode(text, true)?)
    }

    /// The text of tokens, special ones left out.
    ///
    /// # Errors
    /// When the tokenizer refuses.
    pub fn detokenize(&self, tokens: &[u32]) -> Result<String> {
        Ok(self.0.tokenizer.decode(tokens)?)
    }

    /// The logits after the last token of a prompt, one for each token of the
    /// [`vocabulary`](Self::vocabulary).
    ///
    /// # Errors
    /// As [`generate`](Self::generate), and [`Damaged`](ErrorKind::Damaged) when they are not finite.
    pub fn logits(&self, prompt: &str) -> Result<Vec<f32>> {
        let logits = Arc::new(Mutex::new(Vec::new()));
        let mask: Box<dyn TokenMask> = Box::new(Capture(logits.clone()));
        let request = Request { mask: Some(mask), ..Request::new(self.tokenize(prompt)?, 1) };
        for piece in Generation::begin(self.clone(), request)? {
            piece?;
        }
        let mut logits = logits.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *logits))
    }

    /// How well the model predicts a text, and how far it is from a reference model with the same tokenizer.
    ///
    /// The text is cut into windows of 512 tokens (the context where that is shorter), which know nothing of
    /// each other.
    ///
    /// # Errors
    /// [`InvalidOption`](ErrorKind::InvalidOption) when the text is too short,
    /// [`Unsupported`](ErrorKind::Unsupported) when the tokenizers differ, [`Damaged`](ErrorKind::Damaged)
    /// when logits are not finite.
    pub fn evaluate(&self, text: &str, reference: Option<&Self>) -> Result<Evaluation> {
        let begin = self.0.tokenizer.encode("", true)?;
        let tokens = self.0.tokenizer.encode(text, false)?;
        let window =
            reference.map_or(self.context(), |other| other.context().min(self.context())).min(WINDOW);
        if let Some(reference) = reference
            && reference.0.tokenizer.encode(text, false)? != tokens
        {
            return Err(RuntimeError::TokenizerMismatch.into());
        }
        let mut other = reference.map(|reference| reference.evaluator(window)).transpose()?;
        let options = EvalOptions { window, max_tokens: usize::MAX };
        let mut engines = [self.evaluator(window)?];
        let evaluations = ecq_runtime::evaluate(&mut engines, other.as_mut(), &begin, &tokens, options)?;
        let nothing = || Error::of_kind(ErrorKind::Internal, "the evaluation has no result");
        evaluations.into_iter().next().ok_or_else(nothing)
    }

    /// An engine of its own: windows are no texts that anybody waits for.
    fn evaluator(&self, window: usize) -> Result<Engine> {
        let kv = KvOptions { element: self.0.cache, positions: Some(window), ..KvOptions::default() };
        let executor = ExecutorOptions { kv, context: Some(window), ..ExecutorOptions::default() };
        let options = EngineOptions { executor, ..EngineOptions::default() };
        Ok(Engine::new(self.0.model.clone(), None, options)?)
    }

    /// The file that it was loaded from.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Tokens of the vocabulary: rows of the embedding.
    pub fn vocabulary(&self) -> usize {
        self.0.model.config().vocabulary
    }

    /// Positions of the longest text, prompt and new tokens together.
    pub fn context(&self) -> usize {
        self.0.context
    }

    /// The decode mode that runs, and in words why it is this one.
    pub fn mode(&self) -> (Mode, &str) {
        self.0.model.mode()
    }

    /// Bytes of memory that weights take: mapped streams, tables, decoded codes.
    pub fn weight_bytes(&self) -> u64 {
        self.0.model.weight_bytes()
    }

    /// The tokenizer, for what [`tokenize`](Self::tokenize) and [`detokenize`](Self::detokenize) do not do.
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.0.tokenizer
    }

    /// The weights, for engines of the caller's own (`ecq::runtime::Engine`).
    pub fn weights(&self) -> &Arc<ecq_runtime::Model> {
        &self.0.model
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mode, _) = self.mode();
        f.debug_struct("Model").field("path", &self.path()).field("mode", &mode).finish_non_exhaustive()
    }
}

/// A mask that forbids nothing and keeps what it sees: the logits of one row, without those of the whole
/// prompt.
struct Capture(Arc<Mutex<Vec<f32>>>);

impl TokenMask for Capture {
    fn apply(&mut self, logits: &mut [f32]) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = logits.to_vec();
    }

    fn accept(&mut self, _: u32) {}

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(Self(self.0.clone()))
    }
}
