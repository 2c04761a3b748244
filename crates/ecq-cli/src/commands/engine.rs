//! A model made ready to run, as the options say.

use crate::args::{ActivationsArg, CacheArg, EngineArgs, SampleArgs};
use crate::table::bytes;
use ecq::Limits;
use ecq::runtime::backend::{ActivationType, Backend, Cpu, CpuOptions};
use ecq::runtime::{
    CacheType, Checkpoint, LoadOptions, Mode, Model, RuntimeError, SampleOptions, Sampler, Session,
    SessionOptions, Tokenizer, free_bytes,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A model, its tokenizer, and the file they came from.
pub struct Engine {
    pub path: PathBuf,
    pub checkpoint: Checkpoint,
    pub tokenizer: Tokenizer,
    pub model: Arc<Model>,
    /// Bytes that decoded layers may take, where that was said.
    pub budget: Option<u64>,
    session: SessionOptions,
}

/// The modes of a list with commas; `all` are those that the CPU runs.
pub fn modes(list: Option<&str>, default: &str) -> Vec<String> {
    match list.unwrap_or(default) {
        "all" => [Mode::Fused, Mode::Cached, Mode::Lru, Mode::Prefetch].map(|mode| mode.to_string()).into(),
        list => list.split(',').map(|mode| mode.trim().to_owned()).collect(),
    }
}

impl Engine {
    /// Opens, plans and loads a model.
    pub fn open(args: &EngineArgs) -> anyhow::Result<Self> {
        Self::load(args, &args.mode, false)
    }

    /// The same in another mode; `lru` without a budget has half of what all layers take decoded.
    pub fn open_in(args: &EngineArgs, mode: &str) -> anyhow::Result<Self> {
        Self::load(args, mode, true)
    }

    fn load(args: &EngineArgs, mode: &str, half: bool) -> anyhow::Result<Self> {
        let mode: Mode = mode.parse().map_err(option("mode", mode))?;
        let backend = device(args)?;
        let checkpoint = Checkpoint::open(&args.model, &Limits::default())?;
        let mut budget = args.memory;
        if half && mode == Mode::Lru && budget.is_none() {
            let blocks = Model::sizes(&checkpoint)?.blocks;
            let largest = blocks.iter().copied().max().unwrap_or(0);
            budget = Some((blocks.iter().sum::<u64>() / 2).max(largest));
        }
        // Tokenizers of large vocabularies take as long to build as weights to load.
        let options = LoadOptions { mode, budget, free: free_bytes() };
        let (tokenizer, model) =
            rayon::join(|| Tokenizer::of(&checkpoint), || Model::load(&checkpoint, backend, options));
        let (tokenizer, model) = (tokenizer?, Arc::new(model?));
        let cache = match args.cache {
            CacheArg::F16 => CacheType::F16,
            CacheArg::F32 => CacheType::F32,
        };
        let engine = Self {
            path: args.model.clone(),
            checkpoint,
            tokenizer,
            model,
            budget,
            session: SessionOptions { cache, context: args.context },
        };
        if args.verbose {
            engine.explain();
        }
        Ok(engine)
    }

    /// An empty text.
    pub fn session(&self) -> anyhow::Result<Session> {
        Ok(Session::new(self.model.clone(), self.session)?)
    }

    /// Says on standard error what was decided, and why.
    fn explain(&self) {
        let (mode, reason) = self.model.mode();
        eprintln!("{}, mode {mode}: {reason}", self.model.backend().facts().name);
        let stored = self.model.stored_bytes();
        eprintln!("weights take {} of {} in the file", bytes(self.model.weight_bytes()), bytes(stored));
        for planned in self.model.plans() {
            let how = format!("{:?}", planned.plan.how);
            eprintln!("  {:<48} {how:<10} {}", planned.name, planned.plan.reason);
        }
    }
}

fn device(args: &EngineArgs) -> anyhow::Result<Arc<dyn Backend>> {
    let activations = match args.activations {
        ActivationsArg::F32 => ActivationType::F32,
        ActivationsArg::I8 => ActivationType::I8,
    };
    match args.device.as_str() {
        "cpu" => Ok(Arc::new(Cpu::new(CpuOptions { threads: args.threads, activations })?)),
        other => Err(option("device", other)("this build knows cpu".to_owned()).into()),
    }
}

/// An option that is not understood, as an error of the library.
fn option(name: &str, found: &str) -> impl FnOnce(String) -> ecq::PackError {
    let option = format!("--{name} {found}");
    move |why| ecq::PackError::Option { option, why }
}

/// The sampler that the options ask for.
pub fn sampler(args: &SampleArgs) -> Result<Sampler, RuntimeError> {
    let temperature = if args.greedy { 0.0 } else { args.temperature };
    Sampler::new(SampleOptions {
        temperature,
        top_k: args.top_k,
        top_p: args.top_p,
        min_p: args.min_p,
        repetition_penalty: args.repetition_penalty,
        seed: args.seed,
        ..SampleOptions::GREEDY
    })
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C asks to stop instead of ending the program; a second one ends it.
pub fn catch_interrupt() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    Ok(())
}

/// Whether Ctrl-C was pressed since the last call.
pub fn interrupted() -> bool {
    INTERRUPTED.swap(false, Ordering::Relaxed)
}
