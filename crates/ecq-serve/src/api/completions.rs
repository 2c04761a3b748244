//! `/v1/completions` of the OpenAI API.

use super::chat::{done, format, reason, usage};
use super::stream::{Adapter, Frame, respond};
use super::{identifier, now, run};
use crate::app::{App, Body};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::models::Loaded;
use crate::output::{Answer, Output, TokenInfo};
use crate::run::Total;
use crate::sampling::{MAX_LOG_PROBS, Sampling};
use crate::turn::prepare_prompt;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Continues a prompt.
///
/// # Errors
/// If the request is invalid or fails.
pub async fn completions(State(app): State<Arc<App>>, Body(body): Body) -> Result<Response, ApiError> {
    let mut fields = Fields::parse(&body)?;
    let model = fields.text("model")?;
    let prompt = Prompt::read(&mut fields)?;
    let mut sampling = Sampling::read(&mut fields, app.options.sampling)?;
    sampling.read_sequences(&mut fields)?;
    sampling.read_max_tokens(&mut fields, &["max_tokens", "max_completion_tokens", "n_predict"], 0)?;
    // The limit of the API without this field.
    sampling.max_tokens.get_or_insert(16);
    sampling.log_probs = fields.integer("logprobs", 0, MAX_LOG_PROBS)?.map(|top| top as usize);
    let echo = fields.flag("echo")?.unwrap_or(false);
    if echo && sampling.log_probs.is_some() {
        return Err(ApiError::invalid("echo with logprobs is not supported").of("echo"));
    }
    if let Some(suffix) = fields.text("suffix")?.filter(|suffix| !suffix.is_empty()) {
        return Err(ApiError::field(
            "suffix",
            &suffix.into(),
            "no suffix; this server continues prompts only",
        ));
    }
    let best = fields.integer("best_of", 1, 128)?;
    if let Some(best) = best.filter(|&best| best as usize != sampling.sequences) {
        return Err(ApiError::field("best_of", &best.into(), "the same as n, or none"));
    }
    let streamed = fields.flag("stream")?.unwrap_or(false);
    let mut options = fields.object("stream_options")?;
    let include = options.as_mut().map(|options| options.flag("include_usage")).transpose()?.flatten();
    let format = format(&mut fields)?;
    let log_probs = sampling.log_probs.is_some();
    let echoed = if echo { prompt.clone().into() } else { None };
    let run = run(&app, model, move |model| prepare_prompt(model, prompt.tokens(model)?, &format, sampling))
        .await?;
    let adapter = Completions {
        id: identifier("cmpl-"),
        created: now(),
        model: run.model().name.clone(),
        log_probs,
        include_usage: include.unwrap_or(false),
        echo: echoed.map(|prompt| prompt.text(run.model())).transpose()?,
        begun: Vec::new(),
        tokens: Vec::new(),
        total: Total::default(),
    };
    respond(run, adapter, streamed, app.options.keep_alive).await
}

/// A prompt as text or tokens.
#[derive(Debug, Clone)]
pub(super) enum Prompt {
    Text(String),
    Tokens(Vec<u32>),
}

impl Prompt {
    /// Reads `prompt`: a text, a list of tokens, or a list of one of them.
    fn read(fields: &mut Fields) -> Result<Self, ApiError> {
        let value = fields.take("prompt").ok_or_else(|| fields.missing("prompt", "a string"))?;
        Self::of(&value).ok_or_else(|| {
            let expected = "a string or a list of token ids; send several prompts in several requests";
            ApiError::field("prompt", &value, expected)
        })
    }

    /// Returns whether there is no text and no token.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Tokens(tokens) => tokens.is_empty(),
        }
    }

    pub(super) fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Array(list) if list.len() == 1 && !list[0].is_number() => Self::of(&list[0]),
            Value::Array(list) => {
                let ids = list.iter().map(|id| id.as_u64().and_then(|id| id.try_into().ok()));
                ids.collect::<Option<Vec<u32>>>().map(Self::Tokens)
            }
            _ => None,
        }
    }

    pub(super) fn tokens(self, model: &Loaded) -> Result<Vec<u32>, ApiError> {
        match self {
            Self::Text(text) => {
                model.tokenizer.encode(&text, true).map_err(|error| ApiError::of_runtime(&error))
            }
            Self::Tokens(tokens) => Ok(tokens),
        }
    }

    fn text(self, model: &Loaded) -> Result<String, ApiError> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Tokens(tokens) => {
                model.tokenizer.decode(&tokens).map_err(|error| ApiError::of_runtime(&error))
            }
        }
    }
}

/// Writes outputs as chunks of the completions API.
struct Completions {
    id: String,
    created: u64,
    model: String,
    log_probs: bool,
    include_usage: bool,
    /// The prompt, if answers begin with it.
    echo: Option<String>,
    begun: Vec<bool>,
    /// Tokens whose text has not been written yet.
    tokens: Vec<Vec<TokenInfo>>,
    total: Total,
}

impl Completions {
    fn object(&self, choices: Value) -> Value {
        let Self { id, created, model, .. } = self;
        let object = "text_completion";
        json!({ "id": id, "object": object, "created": created, "model": model, "choices": choices })
    }

    fn chunk(&mut self, sequence: usize, text: &str, finish: Option<&str>) -> Frame {
        let tokens = std::mem::take(&mut self.tokens[sequence]);
        let log_probs = if self.log_probs { log_probs(&tokens) } else { Value::Null };
        let choice = json!({
            "index": sequence, "text": text, "logprobs": log_probs, "finish_reason": finish,
        });
        Frame::data(&self.object(json!([choice])))
    }
}

impl Adapter for Completions {
    fn start(&mut self) -> Vec<Frame> {
        Vec::new()
    }

    fn output(&mut self, sequence: usize, output: Output) -> Vec<Frame> {
        let mut frames = Vec::new();
        if self.begun.len() <= sequence {
            self.begun.resize(sequence + 1, false);
            self.tokens.resize_with(sequence + 1, Vec::new);
        }
        if !std::mem::replace(&mut self.begun[sequence], true)
            && let Some(prompt) = self.echo.clone()
        {
            frames.push(self.chunk(sequence, &prompt, None));
        }
        match output {
            Output::Token(token) => self.tokens[sequence].push(token),
            Output::Text(text) => frames.push(self.chunk(sequence, &text, None)),
            Output::Finish(finish) => {
                self.total.add(&finish.usage);
                frames.push(self.chunk(sequence, "", Some(reason(&finish))));
            }
            // Prompts have neither reasoning nor tools.
            Output::Reasoning(_) | Output::ToolStart { .. } | Output::ToolArguments { .. } => {}
        }
        frames
    }

    fn end(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        if self.include_usage {
            let mut object = self.object(json!([]));
            object["usage"] = usage(self.total);
            frames.push(Frame::data(&object));
        }
        frames.push(done());
        frames
    }

    fn error(&mut self, error: &ApiError) -> Vec<Frame> {
        vec![Frame::data(&error.body()), done()]
    }

    fn whole(&mut self, answers: &[Answer]) -> Value {
        let choice = |(index, answer): (usize, &Answer)| {
            let text = format!("{}{}", self.echo.as_deref().unwrap_or_default(), answer.text);
            let log_probs = if self.log_probs { log_probs(&answer.tokens) } else { Value::Null };
            let finish = answer.finish.as_ref().map(reason);
            json!({ "index": index, "text": text, "logprobs": log_probs, "finish_reason": finish })
        };
        let mut object = self.object(answers.iter().enumerate().map(choice).collect());
        object["usage"] = usage(Total::of(answers));
        object
    }
}

fn log_probs(tokens: &[TokenInfo]) -> Value {
    let mut offset = 0;
    let mut offsets = Vec::new();
    for token in tokens {
        offsets.push(offset);
        offset += token.token.text.chars().count();
    }
    let top = |token: &TokenInfo| {
        let all = token.top.iter().map(|token| (token.text.clone(), token.log_prob.into()));
        Value::Object(all.collect::<Map<_, _>>())
    };
    json!({
        "tokens": tokens.iter().map(|token| token.token.text.as_str()).collect::<Vec<_>>(),
        "token_logprobs": tokens.iter().map(|token| token.token.log_prob).collect::<Vec<_>>(),
        "top_logprobs": tokens.iter().map(top).collect::<Vec<_>>(),
        "text_offset": offsets,
    })
}
