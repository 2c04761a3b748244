//! The models of a server: loaded when first used, dropped when others need their memory.

use crate::driver::{Driver, ModelId, Ticket};
use crate::error::ApiError;
use crate::grammar::Grammars;
use crate::mask::Failure;
use crate::metrics::{Metrics, ModelLabels};
use crate::output::Dialect;
use ecq_runtime::{ChatTemplate, Engine, EngineOptions, Model, Request, RuntimeError, Tokenizer};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Opens a model; called in a thread of its own.
pub type Open = Box<dyn Fn() -> Result<ModelParts, String> + Send + Sync>;

/// A model that a server offers.
pub struct ModelSource {
    /// Name by which clients select it.
    pub name: String,
    /// Estimated memory of its weights in bytes, until it has been loaded.
    pub bytes: u64,
    /// Opens it.
    pub open: Open,
}

/// What a server needs of an opened model.
pub struct ModelParts {
    /// The weights.
    pub model: Arc<Model>,
    /// The tokenizer.
    pub tokenizer: Arc<Tokenizer>,
    /// The chat template; without it, requests need prompts.
    pub template: Option<ChatTemplate>,
    /// Options of the engine.
    pub engine: EngineOptions,
    /// A draft model with the same tokenizer.
    pub draft: Option<Arc<Model>>,
}

impl ModelParts {
    /// Returns what creates engines.
    fn engines(&self) -> impl Fn() -> Result<Engine, RuntimeError> + Send + use<> {
        let (model, tokenizer, options) = (self.model.clone(), self.tokenizer.clone(), self.engine);
        let draft = self.draft.clone();
        move || {
            let engine = Engine::new(model.clone(), Some(tokenizer.clone()), options)?;
            draft.iter().try_fold(engine, |engine, draft| engine.with_draft(draft.clone()))
        }
    }
}

/// A loaded model. Its engine lives as long as it.
pub struct Loaded {
    pub(crate) name: String,
    pub(crate) id: ModelId,
    pub(crate) tokenizer: Arc<Tokenizer>,
    pub(crate) template: Option<ChatTemplate>,
    /// Context in tokens, prompt and answer together.
    pub(crate) context: usize,
    pub(crate) vocabulary: usize,
    pub(crate) hidden: usize,
    pub(crate) dialect: Dialect,
    pub(crate) grammars: Grammars,
    pub(crate) weight_bytes: u64,
    pub(crate) mode: &'static str,
    driver: Driver,
    metrics: Arc<Metrics>,
}

impl Loaded {
    fn new(name: &str, parts: ModelParts, driver: &Driver, metrics: &Arc<Metrics>) -> Result<Self, String> {
        let make = parts.engines();
        let engine = make().map_err(|error| error.to_string())?;
        let context = engine.executor().context().min(engine.executor().pool().positions());
        let (vocabulary, hidden) = (parts.model.config().vocabulary, parts.model.config().hidden);
        let template = parts.template.as_ref().map_or("", ChatTemplate::source);
        let loaded = Self {
            name: name.to_owned(),
            dialect: Dialect::of_template(template, &parts.tokenizer),
            grammars: Grammars::new(parts.tokenizer.clone(), vocabulary),
            context,
            vocabulary,
            hidden,
            weight_bytes: parts.model.weight_bytes(),
            mode: parts.model.mode().0.name(),
            tokenizer: parts.tokenizer,
            template: parts.template,
            id: driver.host(engine, Box::new(make)),
            driver: driver.clone(),
            metrics: metrics.clone(),
        };
        metrics.weight_bytes.get_or_create(&loaded.labels()).set(loaded.weight_bytes as i64);
        Ok(loaded)
    }

    fn labels(&self) -> ModelLabels {
        ModelLabels { model: self.name.clone(), mode: self.mode }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.driver.remove(self.id);
        self.metrics.weight_bytes.remove(&self.labels());
    }
}

/// All models of a server. The first one serves requests that name no model.
pub struct Models {
    slots: Vec<Arc<Slot>>,
    /// Largest total memory of weights in bytes.
    budget: Option<u64>,
    driver: Driver,
    metrics: Arc<Metrics>,
    started: Instant,
    /// Unix time of the start in seconds, reported as the time of creation.
    pub(crate) created: u64,
}

struct Slot {
    source: ModelSource,
    /// Held while the model is being loaded.
    loading: tokio::sync::Mutex<()>,
    loaded: RwLock<Option<Arc<Loaded>>>,
    /// Memory of its weights, as estimated or as found.
    bytes: AtomicU64,
    /// Milliseconds from the start to the last use.
    used: AtomicU64,
}

impl Slot {
    fn loaded(&self) -> Option<Arc<Loaded>> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Drops the model if no request uses it. Returns whether it did.
    fn unload_if_idle(&self) -> bool {
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        let idle = loaded.as_ref().is_some_and(|model| Arc::strong_count(model) == 1);
        if idle {
            *loaded = None;
        }
        idle
    }
}

impl Models {
    /// Creates the list. No model is loaded yet.
    pub fn new(
        sources: Vec<ModelSource>,
        budget: Option<u64>,
        driver: Driver,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let slot = |source: ModelSource| {
            let (bytes, used) = (AtomicU64::new(source.bytes), AtomicU64::new(0));
            let loading = tokio::sync::Mutex::new(());
            Arc::new(Slot { source, loading, loaded: RwLock::new(None), bytes, used })
        };
        let slots = sources.into_iter().map(slot).collect();
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        Arc::new(Self { slots, budget, driver, metrics, started: Instant::now(), created })
    }

    /// Names of all models, and those that are loaded.
    pub fn list(&self) -> impl Iterator<Item = (&str, Option<Arc<Loaded>>)> {
        self.slots.iter().map(|slot| (slot.source.name.as_str(), slot.loaded()))
    }

    /// Returns whether any model is loaded.
    pub fn any_loaded(&self) -> bool {
        self.slots.iter().any(|slot| slot.loaded().is_some())
    }

    /// Returns the model that a request names, loading it if necessary.
    ///
    /// # Errors
    /// If there is no such model or it cannot be loaded.
    pub async fn get(self: &Arc<Self>, name: Option<&str>) -> Result<Arc<Loaded>, ApiError> {
        let found = match name {
            None | Some("" | "default") => self.slots.first(),
            Some(name) => self.slots.iter().find(|slot| slot.source.name == name),
        };
        let Some(slot) = found.cloned() else {
            let known: Vec<_> = self.slots.iter().map(|slot| format!("{:?}", slot.source.name)).collect();
            return Err(ApiError::unknown_model(name.unwrap_or_default(), &known.join(", ")));
        };
        slot.used.store(self.started.elapsed().as_millis() as u64, Ordering::Relaxed);
        if let Some(loaded) = slot.loaded() {
            return Ok(loaded);
        }
        // A task of its own, so that a client that leaves does not waste the work.
        let this = self.clone();
        match tokio::spawn(async move { this.load(slot).await }).await {
            Ok(loaded) => loaded.map_err(ApiError::unavailable),
            Err(_) => Err(ApiError::internal("loading the model caused a panic, which is a bug in ecq")),
        }
    }

    async fn load(self: Arc<Self>, slot: Arc<Slot>) -> Result<Arc<Loaded>, String> {
        let _guard = slot.loading.lock().await;
        if let Some(loaded) = slot.loaded() {
            return Ok(loaded);
        }
        self.make_room(&slot)?;
        let (this, of_task) = (self.clone(), slot.clone());
        let load = move || {
            let source = &of_task.source;
            let opened = catch_unwind(AssertUnwindSafe(|| {
                let parts = (source.open)()?;
                Loaded::new(&source.name, parts, &this.driver, &this.metrics)
            }));
            opened.unwrap_or_else(|_| Err("loading it caused a panic, which is a bug in ecq".to_owned()))
        };
        let loaded = tokio::task::spawn_blocking(load).await.map_err(|error| error.to_string())?;
        let loaded = Arc::new(loaded.map_err(|why| format!("model {:?}: {why}", slot.source.name))?);
        slot.bytes.store(loaded.weight_bytes, Ordering::Relaxed);
        *slot.loaded.write().unwrap_or_else(PoisonError::into_inner) = Some(loaded.clone());
        Ok(loaded)
    }

    /// Drops idle models, the least recently used first, until another one fits the budget.
    fn make_room(&self, wanted: &Slot) -> Result<(), String> {
        let Some(budget) = self.budget else { return Ok(()) };
        let need = wanted.bytes.load(Ordering::Relaxed);
        let bytes = |slot: &Arc<Slot>| slot.bytes.load(Ordering::Relaxed);
        loop {
            let mut loaded: Vec<&Arc<Slot>> =
                self.slots.iter().filter(|slot| slot.loaded().is_some()).collect();
            let total: u64 = loaded.iter().map(|slot| bytes(slot)).sum();
            // A model alone may exceed the budget.
            if loaded.is_empty() || total.saturating_add(need) <= budget {
                return Ok(());
            }
            loaded.sort_by_key(|slot| slot.used.load(Ordering::Relaxed));
            if !loaded.iter().any(|slot| slot.unload_if_idle()) {
                return Err(
                    "the other models are in use and leave no memory for it; try again later".to_owned()
                );
            }
        }
    }
}

impl Loaded {
    /// Submits a request to the engine of the model.
    ///
    /// # Errors
    /// If the engine refuses it.
    pub async fn submit(&self, request: Request, failure: Failure) -> Result<Ticket, ApiError> {
        self.driver.submit(self.id, request, failure).await
    }
}
