//! `/v1/models`, `/health` and `/metrics`.

use crate::app::App;
use crate::error::ApiError;
use crate::models::Loaded;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;

/// Lists the models.
pub async fn models(State(app): State<Arc<App>>) -> Json<Value> {
    let models = app.models.list().map(|(name, loaded)| object(&app, name, loaded.as_deref()));
    Json(json!({ "object": "list", "data": models.collect::<Vec<_>>() }))
}

/// Describes a model.
///
/// # Errors
/// If there is no such model.
pub async fn model(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    let found = app.models.list().find(|(known, _)| *known == name);
    let (name, loaded) = found.ok_or_else(|| ApiError::unknown_model(&name, "others, see /v1/models"))?;
    Ok(Json(object(&app, name, loaded.as_deref())))
}

fn object(app: &App, name: &str, loaded: Option<&Loaded>) -> Value {
    let mut object = json!({
        "id": name, "object": "model", "created": app.models.created, "owned_by": "ecq",
        // Clients of the other API read these.
        "type": "model", "display_name": name,
        "loaded": loaded.is_some(),
    });
    if let Some(loaded) = loaded {
        object["context_length"] = loaded.context.into();
        object["max_model_len"] = loaded.context.into();
        object["mode"] = loaded.mode.into();
        object["weight_bytes"] = loaded.weight_bytes.into();
    }
    object
}

/// Reports whether the server can answer requests.
///
/// # Errors
/// While the first model is being loaded, while shutting down, and if the engine is stuck.
pub async fn health(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    if app.is_closing() {
        Err(ApiError::unavailable("the server is shutting down"))
    } else if app.is_stuck() {
        Err(ApiError::unavailable("the engine does not respond"))
    } else if !app.models.any_loaded() {
        Err(ApiError::unavailable("the model is being loaded"))
    } else {
        Ok(Json(json!({ "status": "ok" })))
    }
}

/// The metrics as text for Prometheus.
pub async fn metrics(State(app): State<Arc<App>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.metrics.text()).into_response()
}
