use super::{Loaded, Model, Queue};
use crate::error::{Error, Result};
use crate::size::ByteSize;
use ecq_core::{Element, Limits};
use ecq_runtime::backend::{ActivationType, Backend, Cpu, CpuOptions};
use ecq_runtime::kv::KvOptions;
use ecq_runtime::{
    Checkpoint, Engine, EngineOptions, ExecutorOptions, LoadOptions, Mode, RuntimeError, Tokenizer,
    free_bytes,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Positions of the longest text, where nothing else is asked for.
const DEFAULT_CONTEXT: usize = 8192;

/// How a [`Model`] is loaded.
///
/// ```
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");
/// use ecq::{Mode, Model};
/// let model = Model::options().memory("64MiB").mode(Mode::Lru).threads(2).context(256).open(path)?;
/// assert_eq!(model.mode().0, Mode::Lru);
/// # Ok::<(), ecq::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ModelOptions {
    memory: Option<ByteSize>,
    mode: Mode,
    threads: usize,
    activations: ActivationType,
    cache: Element,
    context: Option<usize>,
    sequences: usize,
    draft: Option<PathBuf>,
    draft_tokens: usize,
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self {
            memory: None,
            mode: Mode::Auto,
            threads: 0,
            activations: ActivationType::F32,
            cache: Element::F16,
            context: None,
            sequences: 4,
            draft: None,
            draft_tokens: 4,
        }
    }
}

impl ModelOptions {
    /// Bytes that decoded weights may take: a `u64`, or text such as `"4GiB"`. Without it, half of the free
    /// memory.
    #[must_use]
    pub fn memory(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.memory = Some(bytes.into());
        self
    }

    /// How weights come from their coded form to a product. Without it, [`Mode::Auto`] picks by the memory.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Threads that compute; 0, the default, for one on each core.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// In what precision activations enter products. Without it, single precision.
    #[must_use]
    pub fn activations(mut self, activations: ActivationType) -> Self {
        self.activations = activations;
        self
    }

    /// In what type keys and values are kept: `F32`, `F16` (the default), `Bf16` or `I8`.
    #[must_use]
    pub fn cache(mut self, element: Element) -> Self {
        self.cache = element;
        self
    }

    /// Positions of the longest text, prompt and new tokens together: 1 to the model's context. Without it,
    /// 8192 or the model's context if that is shorter.
    ///
    /// Keys and values of [`sequences`](Self::sequences) texts of this length are set aside; the system gives
    /// memory as they grow.
    #[must_use]
    pub fn context(mut self, tokens: usize) -> Self {
        self.context = Some(tokens);
        self
    }

    /// Texts that run at the same time, 1 or more; others wait. Without it, 4.
    #[must_use]
    pub fn sequences(mut self, sequences: usize) -> Self {
        self.sequences = sequences;
        self
    }

    /// A smaller model with the same tokenizer that proposes tokens, which are then checked several at a
    /// time. The tokens are the same as without it.
    #[must_use]
    pub fn draft(mut self, path: impl Into<PathBuf>) -> Self {
        self.draft = Some(path.into());
        self
    }

    /// Tokens that the draft model proposes at once, 1 to 32. Without it, 4.
    #[must_use]
    pub fn draft_tokens(mut self, tokens: usize) -> Self {
        self.draft_tokens = tokens;
        self
    }

    /// Loads the model from an `.ecq` file, which must not be changed while the model is in use.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) or [`Io`](crate::ErrorKind::Io) when the file cannot be read,
    /// [`WrongFormat`](crate::ErrorKind::WrongFormat) when it is no `.ecq` file,
    /// [`Damaged`](crate::ErrorKind::Damaged) when a tensor does not match its checksums,
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when its architecture is not known,
    /// [`InvalidOption`](crate::ErrorKind::InvalidOption) when an option is out of range or the mode does not
    /// run, [`OutOfMemory`](crate::ErrorKind::OutOfMemory).
    pub fn open(self, path: impl AsRef<Path>) -> Result<Model> {
        let path = path.as_ref();
        let budget = self.memory.as_ref().map(|memory| memory.bytes("memory")).transpose()?;
        if self.cache == Element::U32 {
            return Err(Error::option("the type of cached keys and values", "u32", "f32, f16, bf16 or i8"));
        }
        let cpu = CpuOptions { threads: self.threads, activations: self.activations };
        let backend: Arc<dyn Backend> = Arc::new(Cpu::new(cpu)?);
        let checkpoint = Checkpoint::open(path, &Limits::default())?;
        let longest = checkpoint.config().context;
        let context = self.context.unwrap_or(DEFAULT_CONTEXT.min(longest));
        if !(1..=longest).contains(&context) {
            return Err(Error::option("context", context, &format!("1 to {longest}, the model's own")));
        }
        let options = LoadOptions { mode: self.mode, budget_bytes: budget, free_bytes: free_bytes() };
        // Tokenizers of large vocabularies take as long to build as weights to load.
        let (tokenizer, model) = rayon::join(
            || Tokenizer::from_checkpoint(&checkpoint),
            || ecq_runtime::Model::load(&checkpoint, backend.clone(), options),
        );
        let (tokenizer, model) = (Arc::new(tokenizer?), Arc::new(model?));
        let mut engine = Engine::new(model.clone(), Some(tokenizer.clone()), self.engine_options(context))?;
        if let Some(draft) = &self.draft {
            engine = engine.with_draft(load_draft(draft, &tokenizer, backend)?)?;
        }
        let queue = Queue::new(engine);
        let path = path.to_owned();
        Ok(Model(Arc::new(Loaded { path, checkpoint, tokenizer, model, cache: self.cache, context, queue })))
    }

    fn engine_options(&self, context: usize) -> EngineOptions {
        let kv = KvOptions {
            element: self.cache,
            positions: Some(context.saturating_mul(self.sequences)),
            sequences: self.sequences,
            ..KvOptions::default()
        };
        let executor = ExecutorOptions { kv, context: Some(context), ..ExecutorOptions::default() };
        EngineOptions { executor, draft_tokens: self.draft_tokens, ..EngineOptions::default() }
    }
}

fn load_draft(
    path: &Path,
    tokenizer: &Tokenizer,
    backend: Arc<dyn Backend>,
) -> Result<Arc<ecq_runtime::Model>> {
    let checkpoint = Checkpoint::open(path, &Limits::default())?;
    if !Tokenizer::from_checkpoint(&checkpoint)?.same_vocabulary(tokenizer) {
        let why = format!("{} has other tokens than the model", path.display());
        return Err(RuntimeError::Draft(why).into());
    }
    // On the threads of the model: the two take turns.
    Ok(Arc::new(ecq_runtime::Model::load(&checkpoint, backend, LoadOptions::default())?))
}
