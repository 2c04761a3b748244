//! State that all requests share.

use crate::driver::Driver;
use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::models::Models;
use crate::pooling::Pooling;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use ecq_runtime::SampleOptions;
use futures_util::StreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Options of a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Sampling options of requests that set none; the seed is not used.
    pub sampling: SampleOptions,
    /// Keys of which clients must send one; empty for no authentication.
    pub api_keys: Vec<String>,
    /// Pooling of embeddings of requests that name none.
    pub pooling: Pooling,
    /// Origins of web pages that may use the server: `*` for all; empty for none but its own page.
    pub cors: Vec<String>,
    /// Sequences that run at once in each model.
    pub parallel: usize,
    /// Further requests that wait; more are refused.
    pub queue: usize,
    /// Largest request body in bytes.
    pub body_bytes: usize,
    /// Time after which a comment keeps an idle stream alive.
    pub keep_alive: Duration,
    /// Time that requests get to end when the server shuts down.
    pub grace: Duration,
    /// Largest total memory of the weights of loaded models in bytes; `None` for no limit.
    pub memory: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            sampling: SampleOptions { temperature: 0.8, top_k: 40, top_p: 0.95, ..SampleOptions::GREEDY },
            api_keys: Vec::new(),
            pooling: Pooling::default(),
            cors: Vec::new(),
            parallel: 4,
            queue: 256,
            body_bytes: 16 << 20,
            keep_alive: Duration::from_secs(10),
            grace: Duration::from_secs(10),
            memory: None,
        }
    }
}

/// Time that a request body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(60);

/// The state of a server.
pub struct App {
    pub(crate) models: Arc<Models>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) options: Options,
    driver: Driver,
    /// Places for requests, running or waiting.
    places: Arc<Semaphore>,
    /// Hashes of the keys: comparing them takes the same time wherever they differ.
    keys: Vec<blake3::Hash>,
    closing: AtomicBool,
    /// Whether the server is bound to this machine only.
    pub(crate) local: bool,
}

impl App {
    /// Creates the state.
    pub fn new(
        options: Options,
        models: Arc<Models>,
        metrics: Arc<Metrics>,
        driver: Driver,
        local: bool,
    ) -> Arc<Self> {
        let keys = options.api_keys.iter().map(|key| blake3::hash(key.as_bytes())).collect();
        let places = Arc::new(Semaphore::new(options.parallel.saturating_add(options.queue)));
        Arc::new(Self {
            models,
            metrics,
            options,
            driver,
            places,
            keys,
            closing: AtomicBool::new(false),
            local,
        })
    }

    /// Gives a request a place until it ends.
    ///
    /// # Errors
    /// If the queue is full or the server is shutting down.
    pub fn admit(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        if self.is_closing() {
            return Err(ApiError::unavailable("the server is shutting down"));
        }
        self.places.clone().try_acquire_owned().map_err(|_| ApiError::busy())
    }

    /// Refuses new requests from now on.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// Returns whether the server is shutting down.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Returns whether the engine does not respond.
    pub fn is_stuck(&self) -> bool {
        self.driver.is_stuck()
    }

    /// Ends all requests with an error.
    pub fn stop(&self) {
        self.driver.stop();
    }

    /// Returns whether a request has a valid key or needs none.
    pub fn is_authorized(&self, headers: &HeaderMap) -> bool {
        if self.keys.is_empty() {
            return true;
        }
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = text(header::AUTHORIZATION.as_str()).and_then(|value| value.split_once(' '));
        let bearer =
            bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, key)| key.trim());
        let hash = |key: &str| blake3::hash(key.as_bytes());
        let sent: Vec<blake3::Hash> = [bearer, text("x-api-key")].into_iter().flatten().map(hash).collect();
        // All keys are compared, so that the time does not tell which one matches.
        let pairs = self.keys.iter().flat_map(|key| sent.iter().map(move |sent| key == sent));
        pairs.fold(false, |any, equal| any | equal)
    }
}

/// A request body within the limit of the server.
pub struct Body(pub Vec<u8>);

impl FromRequest<Arc<App>> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, ApiError> {
        let limit = app.options.body_bytes;
        let read = async {
            let mut stream = request.into_body().into_data_stream();
            let (mut body, mut length) = (Vec::new(), 0usize);
            while let Some(data) = stream.next().await {
                let data = data.map_err(|_| ApiError::invalid("the request body ended early"))?;
                length = length.saturating_add(data.len());
                if length <= limit {
                    body.extend_from_slice(&data);
                } else if length > limit.saturating_mul(4) {
                    break;
                } else {
                    // Reading on lets clients that write all before they read see the error.
                    body = Vec::new();
                }
            }
            if length > limit { Err(ApiError::too_large(limit)) } else { Ok(Self(body)) }
        };
        tokio::time::timeout(BODY_TIME, read).await.map_err(|_| ApiError::timeout())?
    }
}
