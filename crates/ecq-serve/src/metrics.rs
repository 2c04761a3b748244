//! Metrics in the text format of Prometheus (OpenMetrics).

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Labels of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// Route, such as `/v1/chat/completions`.
    pub route: String,
    /// HTTP status.
    pub status: u16,
}

/// Labels of a loaded model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ModelLabels {
    /// Name of the model.
    pub model: String,
    /// Decode mode.
    pub mode: &'static str,
}

/// All metrics of a server.
pub struct Metrics {
    registry: Registry,
    pub(crate) requests: Family<RequestLabels, Counter>,
    pub(crate) prompt_tokens: Counter,
    pub(crate) cached_tokens: Counter,
    pub(crate) generated_tokens: Counter,
    pub(crate) cancelled: Counter,
    pub(crate) panics: Counter,
    pub(crate) first_token: Histogram,
    pub(crate) between_tokens: Histogram,
    pub(crate) running: Gauge,
    pub(crate) waiting: Gauge,
    pub(crate) jobs: Gauge,
    pub(crate) cache_bytes: Gauge,
    pub(crate) weight_bytes: Family<ModelLabels, Gauge>,
}

/// Upper bounds of histograms of times, in seconds.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

impl Metrics {
    /// Creates the metrics, all zero.
    pub fn new() -> Self {
        let mut this = Self {
            registry: Registry::with_prefix("ecq"),
            requests: Family::default(),
            prompt_tokens: Counter::default(),
            cached_tokens: Counter::default(),
            generated_tokens: Counter::default(),
            cancelled: Counter::default(),
            panics: Counter::default(),
            first_token: Histogram::new(SECONDS),
            between_tokens: Histogram::new(SECONDS),
            running: Gauge::default(),
            waiting: Gauge::default(),
            jobs: Gauge::default(),
            cache_bytes: Gauge::default(),
            weight_bytes: Family::default(),
        };
        let r = &mut this.registry;
        r.register("requests", "Answered requests", this.requests.clone());
        r.register("prompt_tokens", "Prompt tokens of finished requests", this.prompt_tokens.clone());
        r.register("cached_tokens", "Prompt tokens found in the KV cache", this.cached_tokens.clone());
        r.register("generated_tokens", "Generated tokens", this.generated_tokens.clone());
        r.register("cancelled_requests", "Requests whose client left", this.cancelled.clone());
        r.register("engine_panics", "Panics of the engine", this.panics.clone());
        let time = |name, help, metric: &Histogram, r: &mut Registry| {
            r.register_with_unit(name, help, Unit::Seconds, metric.clone());
        };
        time("time_to_first_token", "Time from the request to its first token", &this.first_token, r);
        time("inter_token_latency", "Time between two tokens of a sequence", &this.between_tokens, r);
        r.register("running_sequences", "Sequences that run", this.running.clone());
        r.register("waiting_sequences", "Sequences that wait for the KV cache", this.waiting.clone());
        r.register("active_requests", "Requests of the engine that have not ended", this.jobs.clone());
        r.register("kv_cache_used_bytes", "KV cache of unfinished sequences", this.cache_bytes.clone());
        r.register("weight_bytes", "Memory of the weights of loaded models", this.weight_bytes.clone());
        this
    }

    /// Counts an answer.
    pub fn count(&self, route: &str, status: u16) {
        self.requests.get_or_create(&RequestLabels { route: route.to_owned(), status }).inc();
    }

    /// Returns the text of all metrics.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
