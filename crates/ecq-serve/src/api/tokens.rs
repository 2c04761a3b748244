//! `/tokenize` and `/detokenize`.

use super::blocking;
use crate::app::{App, Body};
use crate::error::ApiError;
use crate::fields::Fields;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use std::sync::Arc;

/// Returns the tokens of a text: `content` (llama.cpp) or `prompt` (vLLM).
///
/// # Errors
/// If there is no text.
pub async fn tokenize(State(app): State<Arc<App>>, Body(body): Body) -> Result<Json<Value>, ApiError> {
    let mut fields = Fields::parse(&body)?;
    let _permit = app.admit()?;
    let model = app.models.get(fields.text("model")?.as_deref()).await?;
    let text = fields.text("content")?.map_or_else(|| fields.text("prompt"), |text| Ok(Some(text)))?;
    let text = text.ok_or_else(|| fields.missing("content", "a string"))?;
    let special =
        fields.flag("add_special")?.map_or_else(|| fields.flag("add_special_tokens"), |it| Ok(Some(it)));
    let special = special?.unwrap_or(false);
    let context = model.context;
    let tokens = blocking(model, move |model| {
        model.tokenizer.encode(&text, special).map_err(|error| ApiError::of_runtime(&error))
    })
    .await?;
    Ok(Json(json!({ "count": tokens.len(), "max_model_len": context, "tokens": tokens })))
}

/// Returns the text of `tokens`.
///
/// # Errors
/// If they are no token ids.
pub async fn detokenize(State(app): State<Arc<App>>, Body(body): Body) -> Result<Json<Value>, ApiError> {
    let mut fields = Fields::parse(&body)?;
    let _permit = app.admit()?;
    let model = app.models.get(fields.text("model")?.as_deref()).await?;
    let list = fields.required_list("tokens")?;
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    let ids = list.iter().map(|value| id(value).filter(|&id| (id as usize) < model.vocabulary));
    let Some(ids) = ids.collect::<Option<Vec<u32>>>() else {
        let expected = format!("a list of token ids below {}", model.vocabulary);
        return Err(ApiError::field("tokens", &Value::Array(list), &expected));
    };
    let text = blocking(model, move |model| {
        model.tokenizer.decode(&ids).map_err(|error| ApiError::of_runtime(&error))
    })
    .await?;
    Ok(Json(json!({ "content": text, "prompt": text })))
}
