//! Models that generate text.

mod device;
mod generation;
mod options;
mod queue;

pub use device::{DeviceName, open_device};
pub use generation::Generation;
pub use options::ModelOptions;

use crate::error::{Error, ErrorKind, Result};
use crate::sampling::Sampling;
use ecq_core::Element;
use ecq_runtime::kv::KvOptions;
use ecq_runtime::{
    ChatTemplate, Checkpoint, Engine, EngineOptions, EvalOptions, Evaluation, ExecutorOptions, Message, Mode,
    PromptOutput, Request, RuntimeError, TokenMask, Tokenizer,
};
use queue::Queue;
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Window length of [`Model::evaluate`] in tokens.
const WINDOW: usize = 512;

/// A loaded model: weights, tokenizer, and one engine that all clones and threads share.
///
/// Concurrent generations run in the same batches, and each weight is decoded once for all of them. The
/// tokens of a generation do not depend on the others. Calls that run the model wait for the current step,
/// which takes milliseconds to seconds; waiting threads take turns.
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
    /// Element type of the KV cache.
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

    /// Options for loading a model.
    pub fn options() -> ModelOptions {
        ModelOptions::default()
    }

    /// Starts to generate text after a prompt. The model runs when the [`Generation`] is read.
    ///
    /// # Errors
    /// [`InvalidOption`](ErrorKind::InvalidOption) if an option of `sampling` is out of range or the prompt
    /// has no tokens, [`ContextFull`](ErrorKind::ContextFull) if the prompt exceeds the context.
    pub fn generate(&self, prompt: &str, sampling: Sampling) -> Result<Generation> {
        self.generate_tokens(self.tokenize(prompt)?, sampling)
    }

    /// As [`generate`](Self::generate) for a prompt of tokens. No begin-of-text token is added.
    ///
    /// # Errors
    /// As [`generate`](Self::generate), and [`InvalidOption`](ErrorKind::InvalidOption) if a token is not in
    /// the vocabulary.
    pub fn generate_tokens(&self, prompt: Vec<u32>, sampling: Sampling) -> Result<Generation> {
        let request = sampling.request(prompt, &self.0.tokenizer, self.vocabulary())?;
        Generation::begin(self.clone(), request)
    }

    /// Starts to generate the next message of a conversation, formatted by the chat template of the model.
    ///
    /// The KV cache of earlier messages is reused if it is still in memory.
    ///
    /// # Errors
    /// As [`generate`](Self::generate), and [`Unsupported`](ErrorKind::Unsupported) if the model has no chat
    /// template or the template rejects the conversation.
    pub fn chat(&self, messages: &[Message], sampling: Sampling) -> Result<Generation> {
        let template = ChatTemplate::from_checkpoint(&self.0.checkpoint)?;
        // The template adds the special tokens.
        let prompt = self.0.tokenizer.encode(&template.render(messages)?, false)?;
        self.generate_tokens(prompt, sampling)
    }

    /// Returns the tokens of a text, including the begin-of-text token if the model has one.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn tokenize(&self, text: &str) -> Result<Vec<u32>> {
        Ok(self.0.tokenizer.encode(text, true)?)
    }

    /// Returns the text of tokens without special tokens.
    ///
    /// # Errors
    /// If the tokenizer fails.
    pub fn detokenize(&self, tokens: &[u32]) -> Result<String> {
        Ok(self.0.tokenizer.decode(tokens)?)
    }

    /// Returns the logits after the last token of a prompt, one for each token of the
    /// [`vocabulary`](Self::vocabulary).
    ///
    /// # Errors
    /// As [`generate`](Self::generate), and [`Damaged`](ErrorKind::Damaged) if a logit is not finite.
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

    /// Returns the logits after each of `tokens`, `[tokens, vocabulary]` row-major. No begin-of-text token is
    /// added, and no cached keys and values are used.
    ///
    /// # Errors
    /// As [`generate_tokens`](Self::generate_tokens).
    pub fn forward(&self, tokens: &[u32]) -> Result<Vec<f32>> {
        let mut all = Vec::new();
        self.forward_with(tokens, |logits| {
            all.extend_from_slice(logits);
            ControlFlow::Continue(())
        })?;
        Ok(all)
    }

    /// As [`forward`](Self::forward), with a callback that receives the logits of the next tokens, chunk by
    /// chunk, and can cancel the operation.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and [`Cancelled`](ErrorKind::Cancelled).
    pub fn forward_with(
        &self,
        tokens: &[u32],
        mut take: impl FnMut(&[f32]) -> ControlFlow<()>,
    ) -> Result<()> {
        let request = Request { prompt_output: PromptOutput::Logits, ..Request::new(tokens.to_vec(), 0) };
        let mut generation = Generation::begin(self.clone(), request)?;
        while let Some(logits) = generation.prompt_logits()? {
            if take(&logits).is_break() {
                return Err(Error::of_kind(ErrorKind::Cancelled, "the operation was cancelled"));
            }
        }
        Ok(())
    }

    /// Returns the natural log-probability of each of `tokens` after the first, given the tokens before it.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn log_probs(&self, tokens: &[u32]) -> Result<Vec<f32>> {
        let mut next = tokens.iter().skip(1);
        let mut log_probs = Vec::new();
        self.forward_with(tokens, |logits| {
            for (row, &token) in logits.chunks(self.vocabulary()).zip(&mut next) {
                log_probs.push(ecq_runtime::log_probabilities(row, token, 0).token);
            }
            ControlFlow::Continue(())
        })?;
        Ok(log_probs)
    }

    /// Measures the perplexity on a text, and the KL divergence from a reference model with the same
    /// tokenizer.
    ///
    /// The text is split into independent windows of 512 tokens, or of the context if that is shorter.
    ///
    /// # Errors
    /// [`InvalidOption`](ErrorKind::InvalidOption) if the text is too short,
    /// [`Unsupported`](ErrorKind::Unsupported) if the tokenizers differ, [`Damaged`](ErrorKind::Damaged) if a
    /// logit is not finite.
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
        let missing = || Error::of_kind(ErrorKind::Internal, "the evaluation has no result");
        evaluations.into_iter().next().ok_or_else(missing)
    }

    /// Creates a separate engine, so that evaluation does not mix with generations.
    fn evaluator(&self, window: usize) -> Result<Engine> {
        let kv = KvOptions { element: self.0.cache, positions: Some(window), ..KvOptions::default() };
        let executor = ExecutorOptions { kv, context: Some(window), ..ExecutorOptions::default() };
        let options = EngineOptions { executor, ..EngineOptions::default() };
        Ok(Engine::new(self.0.model.clone(), None, options)?)
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Vocabulary size in tokens.
    pub fn vocabulary(&self) -> usize {
        self.0.model.config().vocabulary
    }

    /// Context length in tokens, prompt and new tokens together.
    pub fn context(&self) -> usize {
        self.0.context
    }

    /// The decode mode, and the reason why it was selected.
    pub fn mode(&self) -> (Mode, &str) {
        self.0.model.mode()
    }

    /// Memory of the weights in bytes: mapped streams, tables, decoded codes.
    pub fn weight_bytes(&self) -> u64 {
        self.0.model.weight_bytes()
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.0.tokenizer
    }

    /// The weights, from which separate engines (`ecq::runtime::Engine`) can be created.
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

/// A mask that forbids no token and stores the logits of the last row.
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
