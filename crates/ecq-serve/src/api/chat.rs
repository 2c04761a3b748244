//! `/v1/chat/completions` of the OpenAI API.

use super::stream::{Adapter, Frame, respond};
use super::{identifier, now, run};
use crate::app::{App, Body};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::output::{Answer, Finish, FinishKind, Output, TokenInfo, TokenText};
use crate::run::Total;
use crate::sampling::{MAX_LOG_PROBS, Sampling};
use crate::turn::{Format, ToolChoice, Turn, prepare_turn};
use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Continues a conversation.
///
/// # Errors
/// If the request is invalid or fails.
pub async fn chat(State(app): State<Arc<App>>, Body(body): Body) -> Result<Response, ApiError> {
    let mut fields = Fields::parse(&body)?;
    let model = fields.text("model")?;
    let (turn, streamed, include_usage) = read(&mut fields, &app)?;
    let log_probs = turn.sampling.log_probs.is_some();
    let run = run(&app, model, move |model| prepare_turn(model, turn)).await?;
    let adapter = Chat::new(&run.model().name, log_probs, include_usage);
    respond(run, adapter, streamed, app.options.keep_alive).await
}

fn read(fields: &mut Fields, app: &App) -> Result<(Turn, bool, bool), ApiError> {
    let messages = fields.list("messages")?;
    if messages.is_empty() {
        return Err(fields.missing("messages", "a list of one message or more"));
    }
    let mut sampling = Sampling::read(fields, app.options.sampling)?;
    sampling.read_sequences(fields)?;
    sampling.read_max_tokens(fields, &["max_completion_tokens", "max_tokens"], 1)?;
    let wanted = fields.flag("logprobs")?.unwrap_or(false);
    let top = fields.integer("top_logprobs", 0, MAX_LOG_PROBS)?;
    if top.is_some_and(|top| top > 0) && !wanted {
        return Err(ApiError::invalid("top_logprobs requires logprobs to be true").of("top_logprobs"));
    }
    sampling.log_probs = wanted.then(|| top.unwrap_or(0) as usize);
    let streamed = fields.flag("stream")?.unwrap_or(false);
    let mut options = fields.object("stream_options")?;
    let usage = options.as_mut().map(|options| options.flag("include_usage")).transpose()?.flatten();
    let mut variables = fields.object("chat_template_kwargs")?.map_or_else(Map::new, Fields::rest);
    if let Some(effort) = fields.text("reasoning_effort")? {
        variables.entry("reasoning_effort").or_insert(effort.into());
    }
    let turn = Turn {
        messages,
        tools: fields.list("tools")?,
        tool_choice: tool_choice(fields)?,
        format: format(fields)?,
        variables,
        single_call: fields.flag("parallel_tool_calls")? == Some(false),
        sampling,
    };
    Ok((turn, streamed, usage.unwrap_or(false)))
}

/// Reads `tool_choice`: a word, or an object that names a function (of the chat or the responses API).
///
/// # Errors
/// If it is neither.
pub fn tool_choice(fields: &mut Fields) -> Result<ToolChoice, ApiError> {
    let Some(value) = fields.take("tool_choice") else { return Ok(ToolChoice::Auto) };
    let name = value["function"]["name"].as_str().or(value["name"].as_str());
    match (value.as_str(), name) {
        (Some("auto"), _) => Ok(ToolChoice::Auto),
        (Some("none"), _) => Ok(ToolChoice::None),
        (Some("required"), _) => Ok(ToolChoice::Required),
        (_, Some(name)) => Ok(ToolChoice::Named(name.to_owned())),
        _ => {
            let expected = "\"auto\", \"none\", \"required\" or an object that names a function";
            Err(ApiError::field("tool_choice", &value, expected))
        }
    }
}

/// Reads the form of the answer: `response_format`, or the fields `guided_json`, `guided_regex` and `grammar`
/// of other servers.
///
/// # Errors
/// If it is of an unknown type.
pub fn format(fields: &mut Fields) -> Result<Format, ApiError> {
    if let Some(mut format) = fields.object("response_format")? {
        return read_format(&mut format);
    }
    if let Some(schema) = fields.take("guided_json") {
        return Ok(Format::Schema(schema));
    }
    if let Some(regex) = fields.text("guided_regex")? {
        return Ok(Format::Regex(regex));
    }
    Ok(fields.text("grammar")?.map_or(Format::Text, Format::Lark))
}

/// Reads the fields of a format.
///
/// # Errors
/// If it is of an unknown type or incomplete.
pub fn read_format(format: &mut Fields) -> Result<Format, ApiError> {
    let kind = format.text("type")?.unwrap_or_else(|| "text".to_owned());
    match kind.as_str() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(Format::Schema(json!({ "type": "object" }))),
        "json_schema" => {
            // In the responses API, the schema is a field of the format itself.
            let inner = format.object("json_schema")?;
            let schema = match inner {
                Some(mut inner) => inner.take("schema"),
                None => format.take("schema"),
            };
            schema.map(Format::Schema).ok_or_else(|| format.missing("json_schema.schema", "a JSON schema"))
        }
        "regex" => {
            let regex =
                format.text("regex")?.map_or_else(|| format.text("pattern"), |regex| Ok(Some(regex)))?;
            regex.map(Format::Regex).ok_or_else(|| format.missing("regex", "a regular expression"))
        }
        "lark" | "grammar" => {
            let lark = format.text("lark")?.map_or_else(|| format.text("grammar"), |lark| Ok(Some(lark)))?;
            lark.map(Format::Lark).ok_or_else(|| format.missing("lark", "a Lark grammar"))
        }
        _ => {
            let expected = "text, json_object, json_schema, regex or lark";
            Err(ApiError::field(&format.name("type"), &kind.into(), expected))
        }
    }
}

/// Writes outputs as chunks of the chat API.
struct Chat {
    id: String,
    created: u64,
    model: String,
    log_probs: bool,
    include_usage: bool,
    /// Sequences whose first chunk, with the role, has been written.
    begun: Vec<bool>,
    /// Tokens whose text has not been written yet.
    tokens: Vec<Vec<TokenInfo>>,
    total: Total,
}

impl Chat {
    fn new(model: &str, log_probs: bool, include_usage: bool) -> Self {
        Self {
            id: identifier("chatcmpl-"),
            created: now(),
            model: model.to_owned(),
            log_probs,
            include_usage,
            begun: Vec::new(),
            tokens: Vec::new(),
            total: Total::default(),
        }
    }

    fn object(&self, kind: &str, choices: Value) -> Value {
        let Self { id, created, model, .. } = self;
        json!({ "id": id, "object": kind, "created": created, "model": model, "choices": choices })
    }

    fn chunk(&mut self, sequence: usize, delta: Value, finish: Option<&str>) -> Frame {
        let tokens = self.tokens.get_mut(sequence).map(std::mem::take).unwrap_or_default();
        let log_probs = match self.log_probs && !tokens.is_empty() {
            true => json!({ "content": tokens.iter().map(log_prob).collect::<Vec<_>>() }),
            false => Value::Null,
        };
        let choice = json!({
            "index": sequence, "delta": delta, "logprobs": log_probs, "finish_reason": finish,
        });
        let mut object = self.object("chat.completion.chunk", json!([choice]));
        if self.include_usage {
            object["usage"] = Value::Null;
        }
        Frame::data(&object)
    }
}

impl Adapter for Chat {
    fn start(&mut self) -> Vec<Frame> {
        Vec::new()
    }

    fn output(&mut self, sequence: usize, output: Output) -> Vec<Frame> {
        let mut frames = Vec::new();
        if self.begun.len() <= sequence {
            self.begun.resize(sequence + 1, false);
            self.tokens.resize_with(sequence + 1, Vec::new);
        }
        if !std::mem::replace(&mut self.begun[sequence], true) {
            frames.push(self.chunk(sequence, json!({ "role": "assistant", "content": "" }), None));
        }
        let delta = match output {
            Output::Token(token) => {
                self.tokens[sequence].push(token);
                return frames;
            }
            Output::Text(text) => json!({ "content": text }),
            Output::Reasoning(text) => json!({ "reasoning_content": text }),
            Output::ToolStart { index, id, name } => json!({ "tool_calls": [{
                "index": index, "id": id, "type": "function",
                "function": { "name": name, "arguments": "" },
            }] }),
            Output::ToolArguments { index, text } => json!({ "tool_calls": [{
                "index": index, "function": { "arguments": text },
            }] }),
            Output::Finish(finish) => {
                self.total.add(&finish.usage);
                frames.push(self.chunk(sequence, json!({}), Some(reason(&finish))));
                return frames;
            }
        };
        frames.push(self.chunk(sequence, delta, None));
        frames
    }

    fn end(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        if self.include_usage {
            let mut object = self.object("chat.completion.chunk", json!([]));
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
            let mut message = json!({ "role": "assistant", "content": answer.text, "refusal": null });
            if !answer.reasoning.is_empty() {
                message["reasoning_content"] = answer.reasoning.as_str().into();
            }
            if !answer.calls.is_empty() {
                let call = |call: &crate::output::ToolCall| {
                    json!({ "id": call.id, "type": "function",
                        "function": { "name": call.name, "arguments": call.arguments } })
                };
                message["tool_calls"] = answer.calls.iter().map(call).collect();
                if answer.text.is_empty() {
                    message["content"] = Value::Null;
                }
            }
            let log_probs = match self.log_probs {
                true => json!({ "content": answer.tokens.iter().map(log_prob).collect::<Vec<_>>() }),
                false => Value::Null,
            };
            let finish = answer.finish.as_ref().map(reason);
            json!({ "index": index, "message": message, "logprobs": log_probs, "finish_reason": finish })
        };
        let choices = answers.iter().enumerate().map(choice).collect();
        let mut object = self.object("chat.completion", choices);
        object["usage"] = usage(Total::of(answers));
        object
    }
}

/// The end of a stream.
pub fn done() -> Frame {
    Frame { event: None, data: "[DONE]".to_owned() }
}

/// The name of a reason in the chat and completions APIs.
pub fn reason(finish: &Finish) -> &'static str {
    match finish.reason {
        FinishKind::End | FinishKind::StopString => "stop",
        FinishKind::Length => "length",
        FinishKind::ToolCalls => "tool_calls",
    }
}

/// Token counts in the chat and completions APIs.
pub fn usage(total: Total) -> Value {
    json!({
        "prompt_tokens": total.prompt,
        "completion_tokens": total.generated,
        "total_tokens": total.prompt + total.generated,
        "prompt_tokens_details": { "cached_tokens": total.cached },
    })
}

fn log_prob(token: &TokenInfo) -> Value {
    let of =
        |token: &TokenText| json!({ "token": token.text, "bytes": token.bytes, "logprob": token.log_prob });
    let mut object = of(&token.token);
    object["top_logprobs"] = token.top.iter().map(of).collect();
    object
}
