//! `/v1/embeddings` of the OpenAI API: pooled hidden states of the model.

use super::blocking;
use super::completions::Prompt;
use crate::app::{App, Body};
use crate::driver::Signal;
use crate::error::ApiError;
use crate::fields::Fields;
use crate::mask::Failure;
use crate::models::Loaded;
use crate::pooling::{Pool, Pooling};
use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ecq_runtime::{EventKind, PromptOutput, Request};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

/// Largest number of texts of a request, that of the OpenAI API.
const MAX_TEXTS: usize = 2048;

/// Returns a vector of length 1 for each text.
///
/// # Errors
/// If the request is invalid or fails.
pub async fn embeddings(State(app): State<Arc<App>>, Body(body): Body) -> Result<Json<List>, ApiError> {
    let mut fields = Fields::parse(&body)?;
    let model = fields.text("model")?;
    let texts = texts(&mut fields)?;
    let pooling = pooling(&mut fields)?.unwrap_or(app.options.pooling);
    let base64 = is_base64(&mut fields)?;
    let dimensions = fields.integer("dimensions", 1, i64::MAX)?;
    let _permit = app.admit()?;
    let model = app.models.get(model.as_deref()).await?;
    if let Some(dimensions) = dimensions.filter(|&dimensions| dimensions as usize != model.hidden) {
        let expected = format!("{}, the hidden size of the model, or none", model.hidden);
        return Err(ApiError::field("dimensions", &dimensions.into(), &expected));
    }
    let encode = move |model: &Loaded| texts.into_iter().map(|text| text.tokens(model)).collect();
    let prompts: Vec<Vec<u32>> = blocking(model.clone(), encode).await?;
    let prompt_tokens = prompts.iter().map(Vec::len).sum();
    let embed = |prompt| embed(&model, prompt, pooling);
    // As many at once as the engine runs, so that only their states are held.
    let vectors = stream::iter(prompts).map(embed).buffered(app.options.parallel);
    let vectors: Vec<Vec<f32>> = vectors.try_collect().await?;
    app.metrics.prompt_tokens.inc_by(prompt_tokens as u64);
    let object = |(index, vector): (usize, Vec<f32>)| {
        let embedding = match base64 {
            true => Vector::Base64(STANDARD.encode(little_endian(&vector))),
            false => Vector::Floats(vector),
        };
        Embedding { object: "embedding", index, embedding }
    };
    Ok(Json(List {
        object: "list",
        model: model.name.clone(),
        pooling: pooling.name(),
        data: vectors.into_iter().enumerate().map(object).collect(),
        usage: Usage { prompt_tokens, total_tokens: prompt_tokens },
    }))
}

/// Runs a text and pools its states.
async fn embed(model: &Loaded, prompt: Vec<u32>, pooling: Pooling) -> Result<Vec<f32>, ApiError> {
    let request = Request { prompt_output: PromptOutput::States, ..Request::new(prompt, 0) };
    let mut ticket = model.submit(request, Failure::default()).await?;
    let mut pool = Pool::new(pooling);
    loop {
        match ticket.next().await {
            Signal::Event { kind: EventKind::PromptStates { rows, states }, .. } => pool.push(&rows, &states),
            Signal::Event { kind: EventKind::Finished { .. }, .. } => return Ok(pool.unit_vector()),
            Signal::Event { .. } => {}
            Signal::Failed(error) => return Err(error),
        }
    }
}

/// Reads `input`: a text or tokens, or a list of them.
fn texts(fields: &mut Fields) -> Result<Vec<Prompt>, ApiError> {
    let expected = "a string, a list of token ids, or a list of at most 2048 of them, none empty";
    let value = fields.take("input").ok_or_else(|| fields.missing("input", expected))?;
    let texts = match &value {
        Value::Array(list) if list.first().is_some_and(|first| !first.is_number()) => {
            list.iter().map(Prompt::of).collect()
        }
        one => Prompt::of(one).map(|prompt| vec![prompt]),
    };
    // An empty text would be the vector of the first special token.
    let texts =
        texts.filter(|texts: &Vec<Prompt>| texts.len() <= MAX_TEXTS && !texts.iter().any(Prompt::is_empty));
    texts.ok_or_else(|| ApiError::field("input", &value, expected))
}

fn pooling(fields: &mut Fields) -> Result<Option<Pooling>, ApiError> {
    let Some(name) = fields.text("pooling")? else { return Ok(None) };
    let pooling = Pooling::of_name(&name);
    pooling.map(Some).ok_or_else(|| ApiError::field("pooling", &name.into(), "\"last\" or \"mean\""))
}

fn is_base64(fields: &mut Fields) -> Result<bool, ApiError> {
    match fields.text("encoding_format")?.as_deref() {
        None | Some("float") => Ok(false),
        Some("base64") => Ok(true),
        Some(other) => Err(ApiError::field("encoding_format", &other.into(), "\"float\" or \"base64\"")),
    }
}

fn little_endian(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The answer.
#[derive(Serialize)]
pub struct List {
    object: &'static str,
    model: String,
    pooling: &'static str,
    data: Vec<Embedding>,
    usage: Usage,
}

#[derive(Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Vector {
    Floats(Vec<f32>),
    Base64(String),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}
