//! Options for loading a model.

use super::device::open_device;
use super::{Loaded, Model, Queue};
use crate::error::{Error, Result};
use crate::size::ByteSize;
use ecq_core::{Element, Limits};
use ecq_runtime::backend::{ActivationType, Backend};
use ecq_runtime::kv::KvOptions;
use ecq_runtime::{
    Checkpoint, Engine, EngineOptions, ExecutorOptions, LoadOptions, Mode, RuntimeError, Tokenizer,
    free_bytes,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Default context length in tokens.
const DEFAULT_CONTEXT: usize = 8192;

/// Options for loading a [`Model`].
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
    device: String,
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
            device: "cpu".to_owned(),
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
    /// Device: `cpu` (the default), `cuda` (the first NVIDIA GPU), `cuda:N`, `wgpu` (the first GPU of Metal,
    /// Vulkan or DX12), `wgpu:N` or `wgpu:NAME`.
    #[must_use]
    pub fn device(mut self, name: impl Into<String>) -> Self {
        self.device = name.into();
        self
    }

    /// Memory budget of decoded weights in bytes, a `u64` or text such as `"4GiB"`: half of the free memory
    /// by default.
    #[must_use]
    pub fn memory(mut self, bytes: impl Into<ByteSize>) -> Self {
        self.memory = Some(bytes.into());
        self
    }

    /// Decode mode. By default, [`Mode::Auto`] selects one that fits the memory budget.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Number of threads; 0, the default, for one per core.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Precision of activations in matrix products: `F32` by default.
    #[must_use]
    pub fn activations(mut self, activations: ActivationType) -> Self {
        self.activations = activations;
        self
    }

    /// Element type of the KV cache: `F32`, `F16` (the default), `Bf16` or `I8`.
    #[must_use]
    pub fn cache(mut self, element: Element) -> Self {
        self.cache = element;
        self
    }

    /// Context length in tokens, prompt and new tokens together: 1 to the context of the model. By default
    /// 8192, or the context of the model if that is shorter.
    ///
    /// The KV cache reserves address space for [`sequences`](Self::sequences) texts of this length; memory is
    /// used as they grow.
    #[must_use]
    pub fn context(mut self, tokens: usize) -> Self {
        self.context = Some(tokens);
        self
    }

    /// Maximum number of concurrent generations, 1 or more; others wait. 4 by default.
    #[must_use]
    pub fn sequences(mut self, sequences: usize) -> Self {
        self.sequences = sequences;
        self
    }

    /// Draft model for speculative decoding: a smaller model with the same tokenizer. It proposes tokens,
    /// several of which the model checks at once. The generated tokens do not change.
    #[must_use]
    pub fn draft(mut self, path: impl Into<PathBuf>) -> Self {
        self.draft = Some(path.into());
        self
    }

    /// Number of tokens that the draft model proposes per step: 1 to 32, 4 by default.
    #[must_use]
    pub fn draft_tokens(mut self, tokens: usize) -> Self {
        self.draft_tokens = tokens;
        self
    }

    /// Loads the model from an `.ecq` file, which must not change while the model is in use.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) or [`Io`](crate::ErrorKind::Io) if the file cannot be read,
    /// [`WrongFormat`](crate::ErrorKind::WrongFormat) if it is not an `.ecq` file,
    /// [`Damaged`](crate::ErrorKind::Damaged) if a tensor does not match its checksums,
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if the architecture is not supported,
    /// [`InvalidOption`](crate::ErrorKind::InvalidOption) if an option is out of range or the device does not
    /// support the mode, [`Device`](crate::ErrorKind::Device) if it is missing or fails,
    /// [`OutOfMemory`](crate::ErrorKind::OutOfMemory).
    pub fn open(self, path: impl AsRef<Path>) -> Result<Model> {
        let path = path.as_ref();
        let budget = self.memory.as_ref().map(|memory| memory.bytes("memory")).transpose()?;
        if self.cache == Element::U32 {
            return Err(Error::option("the type of the KV cache", "u32", "f32, f16, bf16 or i8"));
        }
        let backend = open_device(&self.device, self.threads, self.activations)?;
        let checkpoint = Checkpoint::open(path, &Limits::default())?;
        let longest = checkpoint.config().context;
        let context = self.context.unwrap_or(DEFAULT_CONTEXT.min(longest));
        if !(1..=longest).contains(&context) {
            return Err(Error::option(
                "context",
                context,
                &format!("1 to {longest}, the context of the model"),
            ));
        }
        let options = LoadOptions { mode: self.mode, budget_bytes: budget, free_bytes: free_bytes() };
        // Building the tokenizer of a large vocabulary takes about as long as loading weights.
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
        let why = format!("{} has another tokenizer than the model", path.display());
        return Err(RuntimeError::Draft(why).into());
    }
    // The draft model uses the same threads, because the two models run in turn.
    Ok(Arc::new(ecq_runtime::Model::load(&checkpoint, backend, LoadOptions::default())?))
}
