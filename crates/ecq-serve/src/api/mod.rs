//! The routes. Each reads its request into the common form and writes the outputs in its own form.

mod chat;
mod completions;
mod embeddings;
mod messages;
mod models;
mod openapi;
mod responses;
mod stream;
mod tokens;

pub use chat::chat;
pub use completions::completions;
pub use embeddings::embeddings;
pub use messages::{count_tokens, messages};
pub use models::{health, metrics, model, models};
pub use openapi::openapi;
pub use responses::responses;
pub use tokens::{detokenize, tokenize};

use crate::app::App;
use crate::error::ApiError;
use crate::models::Loaded;
use crate::run::Run;
use crate::turn::Prepared;
use serde_json::{Value, json};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Loads the model, prepares the request in a thread of its own, and submits it.
async fn run(
    app: &App,
    model: Option<String>,
    prepare: impl FnOnce(&Loaded) -> Result<Prepared, ApiError> + Send + 'static,
) -> Result<Run, ApiError> {
    let permit = app.admit()?;
    let model = app.models.get(model.as_deref()).await?;
    let prepared = blocking(model.clone(), prepare).await?;
    Run::submit(model, prepared, app.metrics.clone(), permit).await
}

/// Runs work that takes long in a thread of its own; a panic is an error of this request.
async fn blocking<T: Send + 'static>(
    model: Arc<Loaded>,
    work: impl FnOnce(&Loaded) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(move || work(&model)).await;
    done.map_err(|_| ApiError::internal("the request caused a panic, which is a bug in ecq"))?
}

/// Unix time in seconds.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// A new identifier.
fn identifier(prefix: &str) -> String {
    let random = || std::collections::hash_map::RandomState::new().hash_one(0u8);
    format!("{prefix}{:016x}{:08x}", random(), random() as u32)
}

/// Arguments of a tool call as an object; text that is no JSON object stays text.
fn arguments_object(arguments: &str) -> Value {
    match serde_json::from_str(arguments) {
        Ok(value @ Value::Object(_)) => value,
        _ => json!({ "text": arguments }),
    }
}
