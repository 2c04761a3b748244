//! Loads a model and creates engines according to the options.

use crate::args::{DraftArgs, EngineArgs, SamplingArgs};
use crate::out::errln;
use crate::progress::Bar;
use crate::sources;
use crate::table::bytes;
use ecq::Element;
use ecq::runtime::backend::Backend;
use ecq::runtime::kv::KvOptions;
use ecq::runtime::{
    Checkpoint, Engine, EngineOptions, ExecutorOptions, LoadOptions, Mode, Model, RuntimeError,
    SampleOptions, Sampler, Tokenizer, free_bytes,
};
use std::path::PathBuf;
use std::sync::Arc;

/// A loaded model and its tokenizer.
pub struct Loaded {
    pub path: PathBuf,
    pub checkpoint: Checkpoint,
    pub tokenizer: Arc<Tokenizer>,
    pub model: Arc<Model>,
    /// Memory budget of decoded layers in bytes, if set.
    pub budget: Option<u64>,
    backend: Arc<dyn Backend>,
    cache: Element,
    context: Option<usize>,
}

/// Parses a comma-separated list of modes; `all` means all that the device supports.
pub fn modes(list: Option<&str>, default: &str, device: &str) -> Vec<String> {
    match list.unwrap_or(default) {
        "all" => {
            let all = [Mode::Fused, Mode::Cached, Mode::Lru, Mode::Prefetch];
            // Products on a GPU read packed codes only.
            let first = usize::from(device != "cpu");
            all[first..].iter().map(Mode::to_string).collect()
        }
        list => list.split(',').map(|mode| mode.trim().to_owned()).collect(),
    }
}

impl Loaded {
    /// Loads a model.
    pub fn open(args: &EngineArgs) -> anyhow::Result<Self> {
        Self::load(args, &args.mode, false)
    }

    /// As [`open`](Self::open) in another mode. Without a budget, `lru` gets half of the size of all decoded
    /// layers.
    pub fn open_in(args: &EngineArgs, mode: &str) -> anyhow::Result<Self> {
        Self::load(args, mode, true)
    }

    fn load(args: &EngineArgs, mode: &str, half: bool) -> anyhow::Result<Self> {
        let mode: Mode = mode.parse().map_err(option("mode", mode))?;
        let backend = device(args)?;
        let checkpoint = sources::checkpoint(&args.model)?;
        let longest = checkpoint.config().context;
        if let Some(context) = args.context.filter(|&context| context > longest) {
            let why = format!("the model has a context of {longest} tokens; expected 1 to {longest}");
            return Err(option("context", &context.to_string())(why).into());
        }
        let _bar = Bar::spinner("loading the model");
        let mut budget = args.memory;
        if half && mode == Mode::Lru && budget.is_none() {
            let blocks = Model::sizes(&checkpoint)?.blocks;
            let largest = blocks.iter().copied().max().unwrap_or(0);
            budget = Some((blocks.iter().sum::<u64>() / 2).max(largest));
        }
        // Building the tokenizer of a large vocabulary takes about as long as loading weights.
        let options = LoadOptions { mode, budget_bytes: budget, free_bytes: free_bytes() };
        let (tokenizer, model) = rayon::join(
            || Tokenizer::from_checkpoint(&checkpoint),
            || Model::load(&checkpoint, backend.clone(), options),
        );
        let loaded = Self {
            path: args.model.clone(),
            tokenizer: Arc::new(tokenizer?),
            model: Arc::new(model?),
            checkpoint,
            budget,
            backend,
            cache: args.cache.element(),
            context: args.context,
        };
        if args.verbose {
            loaded.explain();
        }
        Ok(loaded)
    }

    /// Creates an engine for this many sequences of up to `longest` tokens, whose events contain tokens only.
    pub fn token_engine(&self, sequences: usize, longest: usize) -> anyhow::Result<Engine> {
        Ok(Engine::new(self.model.clone(), None, self.engine_options(sequences, longest))?)
    }

    /// As [`token_engine`](Self::token_engine), with text in its events and the draft model if one is given.
    pub fn text_engine(&self, sequences: usize, longest: usize, draft: &DraftArgs) -> anyhow::Result<Engine> {
        let options =
            EngineOptions { draft_tokens: draft.draft_tokens, ..self.engine_options(sequences, longest) };
        let engine = Engine::new(self.model.clone(), Some(self.tokenizer.clone()), options)?;
        Ok(match self.draft(draft)? {
            Some(model) => engine.with_draft(model)?,
            None => engine,
        })
    }

    /// Loads the draft model if one is given.
    pub fn draft(&self, draft: &DraftArgs) -> anyhow::Result<Option<Arc<Model>>> {
        let Some(path) = &draft.draft else { return Ok(None) };
        let checkpoint = sources::checkpoint(path)?;
        if !Tokenizer::from_checkpoint(&checkpoint)?.same_vocabulary(&self.tokenizer) {
            let why = format!("{} has another tokenizer than {}", path.display(), self.path.display());
            return Err(RuntimeError::Draft(why).into());
        }
        // The draft model uses the same threads, because the two models run in turn.
        let model = Model::load(&checkpoint, self.backend.clone(), LoadOptions::default())?;
        Ok(Some(Arc::new(model)))
    }

    /// Options of an engine for this many sequences of up to `longest` tokens.
    pub fn engine_options(&self, sequences: usize, longest: usize) -> EngineOptions {
        // A KV cache for the full context may exceed the memory, and most texts are shorter.
        let context = self.context.unwrap_or(usize::MAX).min(self.model.config().context);
        let positions = sequences.saturating_mul(context.min(longest));
        let kv =
            KvOptions { element: self.cache, positions: Some(positions), sequences, ..KvOptions::default() };
        let executor = ExecutorOptions { kv, context: self.context, ..ExecutorOptions::default() };
        EngineOptions { executor, ..EngineOptions::default() }
    }

    /// Prints on standard error where each tensor is stored, and why.
    fn explain(&self) {
        let (mode, reason) = self.model.mode();
        errln!("{}, mode {mode}: {reason}", self.model.backend().info().name);
        let stored = self.model.stored_bytes();
        errln!("weights: {} in memory, {} in the file", bytes(self.model.weight_bytes()), bytes(stored));
        for planned in self.model.plans() {
            let residence = format!("{:?}", planned.plan.choice).to_lowercase();
            errln!("  {} {residence}: {}", planned.name, planned.plan.reason);
        }
    }
}

fn device(args: &EngineArgs) -> Result<Arc<dyn Backend>, RuntimeError> {
    ecq::open_device(&args.device, args.threads.unwrap_or(0), args.activations)
}

/// Creates an error about an option; the returned function takes the explanation.
pub fn option(name: &str, found: &str) -> impl FnOnce(String) -> ecq::PackError {
    let option = format!("--{name} {found}");
    move |why| ecq::PackError::Option { option, why }
}

/// Converts and checks the sampling options.
///
/// # Errors
/// If a value is out of range.
pub fn sampling(args: &SamplingArgs) -> Result<SampleOptions, RuntimeError> {
    let temperature = if args.greedy { 0.0 } else { args.temperature };
    let options = SampleOptions {
        temperature,
        top_k: args.top_k,
        top_p: args.top_p,
        min_p: args.min_p,
        repetition_penalty: args.repetition_penalty,
        seed: args.seed,
        ..SampleOptions::GREEDY
    };
    Sampler::new(options).map(|_| options)
}
