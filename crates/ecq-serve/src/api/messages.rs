//! `/v1/messages` and `/v1/messages/count_tokens` of the Anthropic API.

use super::stream::{Adapter, Frame, respond};
use super::{arguments_object, blocking, identifier, run};
use crate::app::{App, Body};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::output::{Answer, Finish, FinishKind, Output};
use crate::run::Total;
use crate::sampling::{Sampling, stop};
use crate::turn::{Format, ToolChoice, Turn, prepare_turn, text_of};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Continues a conversation.
///
/// # Errors
/// If the request is invalid or fails.
pub async fn messages(State(app): State<Arc<App>>, Body(body): Body) -> Result<Response, ApiError> {
    let mut fields = Fields::parse(&body)?;
    let model = fields.text("model")?;
    let streamed = fields.flag("stream")?.unwrap_or(false);
    let turn = read(&mut fields, &app, true)?;
    let run = run(&app, model, move |model| prepare_turn(model, turn)).await?;
    let adapter = Messages::new(&run.model().name, run.prompt_tokens());
    respond(run, adapter, streamed, app.options.keep_alive).await
}

/// Counts the tokens of a conversation.
///
/// # Errors
/// If the request is invalid.
pub async fn count_tokens(State(app): State<Arc<App>>, Body(body): Body) -> Result<Json<Value>, ApiError> {
    let mut fields = Fields::parse(&body)?;
    let model = fields.text("model")?;
    let turn = read(&mut fields, &app, false)?;
    let _permit = app.admit()?;
    let model = app.models.get(model.as_deref()).await?;
    let count = blocking(model, move |model| Ok(prepare_turn(model, turn)?.request.prompt.len())).await?;
    Ok(Json(json!({ "input_tokens": count })))
}

fn read(fields: &mut Fields, app: &App, limited: bool) -> Result<Turn, ApiError> {
    let given = fields.list("messages")?;
    if given.is_empty() {
        return Err(fields.missing("messages", "a list of one message or more"));
    }
    let mut messages = Vec::with_capacity(given.len() + 1);
    if let Some(system) = fields.take("system") {
        messages.push(json!({ "role": "system", "content": text_of(&system)? }));
    }
    for message in given {
        add_message(message, &mut messages)?;
    }
    let mut sampling = Sampling::read(fields, app.options.sampling)?;
    sampling.read_max_tokens(fields, &["max_tokens"], 1)?;
    if limited && sampling.max_tokens.is_none() {
        return Err(fields.missing("max_tokens", "an integer of 1 or more"));
    }
    sampling.stop = stop(fields, "stop_sequences")?;
    let tools = fields.list("tools")?.into_iter().map(tool).collect::<Result<_, _>>()?;
    let mut choice = fields.object("tool_choice")?;
    let (tool_choice, single_call) = match &mut choice {
        None => (ToolChoice::Auto, false),
        Some(choice) => {
            let kind = choice.required_text("type")?;
            let tool_choice = match kind.as_str() {
                "auto" => ToolChoice::Auto,
                "any" => ToolChoice::Required,
                "none" => ToolChoice::None,
                "tool" => ToolChoice::Named(choice.required_text("name")?),
                _ => {
                    let expected = "auto, any, tool or none";
                    return Err(ApiError::field("tool_choice.type", &kind.into(), expected));
                }
            };
            (tool_choice, choice.flag("disable_parallel_tool_use")?.unwrap_or(false))
        }
    };
    let mut variables = fields.object("chat_template_kwargs")?.map_or_else(Map::new, Fields::rest);
    if let Some(mut thinking) = fields.object("thinking")? {
        let on = thinking.text("type")?.is_some_and(|kind| kind != "disabled");
        variables.entry("enable_thinking").or_insert(on.into());
    }
    let format = Format::Text;
    Ok(Turn { messages, tools, tool_choice, format, variables, single_call, sampling })
}

/// Converts a message to the form of the chat API: results of tools become messages of their own.
fn add_message(message: Value, out: &mut Vec<Value>) -> Result<(), ApiError> {
    let mut fields = Fields::of(message, "messages")?;
    let role = fields.required_text("role")?;
    let content = fields.take("content").unwrap_or(Value::Null);
    let Value::Array(blocks) = content else {
        out.push(json!({ "role": role, "content": content }));
        return Ok(());
    };
    let (mut texts, mut calls, mut reasoning) = (Vec::new(), Vec::new(), String::new());
    for block in blocks {
        match block["type"].as_str() {
            Some("tool_use") => calls.push(json!({
                "id": block["id"], "type": "function",
                "function": { "name": block["name"], "arguments": block["input"] },
            })),
            Some("tool_result") => out.push(json!({
                "role": "tool", "tool_call_id": block["tool_use_id"], "content": text_of(&block["content"])?,
            })),
            Some("thinking") => reasoning += block["thinking"].as_str().unwrap_or_default(),
            Some("redacted_thinking") => {}
            _ => texts.push(block),
        }
    }
    if texts.is_empty() && calls.is_empty() && reasoning.is_empty() {
        return Ok(());
    }
    let mut message = json!({ "role": role, "content": texts });
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    if !reasoning.is_empty() {
        message["reasoning_content"] = reasoning.into();
    }
    out.push(message);
    Ok(())
}

fn tool(definition: Value) -> Result<Value, ApiError> {
    match definition["name"].as_str() {
        Some(name) if definition["type"].as_str().is_none_or(|kind| kind == "custom") => {
            Ok(json!({ "type": "function", "function": {
                "name": name,
                "description": definition["description"].as_str().unwrap_or_default(),
                "parameters": definition["input_schema"],
            } }))
        }
        _ => Err(ApiError::field("tools", &definition, "objects with name and input_schema")),
    }
}

/// The kind of the open content block.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Block {
    Text,
    Thinking,
    Tool,
}

/// Writes outputs as events of the messages API.
struct Messages {
    id: String,
    model: String,
    prompt_tokens: usize,
    /// The open block.
    open: Option<Block>,
    /// Index of the open block or of the next one.
    index: usize,
    finish: Option<Finish>,
}

impl Messages {
    fn new(model: &str, prompt_tokens: usize) -> Self {
        let id = identifier("msg_");
        Self { id, model: model.to_owned(), prompt_tokens, open: None, index: 0, finish: None }
    }

    fn message(&self, content: Value, finish: Option<&Finish>) -> Value {
        let usage =
            finish.map_or_else(|| json!({ "input_tokens": self.prompt_tokens, "output_tokens": 0 }), usage);
        json!({
            "id": self.id, "type": "message", "role": "assistant", "model": self.model, "content": content,
            "stop_reason": finish.map(reason), "stop_sequence": finish.and_then(|end| end.stop.clone()),
            "usage": usage,
        })
    }

    /// Closes the open block.
    fn close(&mut self, frames: &mut Vec<Frame>) {
        if self.open.take().is_some() {
            let stop = json!({ "type": "content_block_stop", "index": self.index });
            frames.push(Frame::named("content_block_stop", &stop));
            self.index += 1;
        }
    }

    /// Opens a block unless one of this kind, which is not a call, is open.
    fn open(&mut self, block: Block, content: Value, frames: &mut Vec<Frame>) {
        if self.open == Some(block) && block != Block::Tool {
            return;
        }
        self.close(frames);
        self.open = Some(block);
        let start = json!({ "type": "content_block_start", "index": self.index, "content_block": content });
        frames.push(Frame::named("content_block_start", &start));
    }

    fn delta(&self, delta: Value) -> Frame {
        let delta = json!({ "type": "content_block_delta", "index": self.index, "delta": delta });
        Frame::named("content_block_delta", &delta)
    }
}

impl Adapter for Messages {
    fn start(&mut self) -> Vec<Frame> {
        let start = json!({ "type": "message_start", "message": self.message(json!([]), None) });
        vec![Frame::named("message_start", &start), Frame::named("ping", &json!({ "type": "ping" }))]
    }

    fn output(&mut self, _: usize, output: Output) -> Vec<Frame> {
        let mut frames = Vec::new();
        match output {
            Output::Token(_) => {}
            Output::Text(text) => {
                self.open(Block::Text, json!({ "type": "text", "text": "" }), &mut frames);
                frames.push(self.delta(json!({ "type": "text_delta", "text": text })));
            }
            Output::Reasoning(text) => {
                let block = json!({ "type": "thinking", "thinking": "", "signature": "" });
                self.open(Block::Thinking, block, &mut frames);
                frames.push(self.delta(json!({ "type": "thinking_delta", "thinking": text })));
            }
            Output::ToolStart { id, name, .. } => {
                let block = json!({ "type": "tool_use", "id": id, "name": name, "input": {} });
                self.open(Block::Tool, block, &mut frames);
            }
            Output::ToolArguments { text, .. } => {
                frames.push(self.delta(json!({ "type": "input_json_delta", "partial_json": text })));
            }
            Output::Finish(finish) => self.finish = Some(finish),
        }
        frames
    }

    fn end(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        self.close(&mut frames);
        if let Some(finish) = &self.finish {
            let delta = json!({ "stop_reason": reason(finish), "stop_sequence": finish.stop });
            let event = json!({ "type": "message_delta", "delta": delta, "usage": usage(finish) });
            frames.push(Frame::named("message_delta", &event));
        }
        frames.push(Frame::named("message_stop", &json!({ "type": "message_stop" })));
        frames
    }

    fn error(&mut self, error: &ApiError) -> Vec<Frame> {
        vec![Frame::named("error", &error.body())]
    }

    fn whole(&mut self, answers: &[Answer]) -> Value {
        let answer = &answers[0];
        let mut content = Vec::new();
        if !answer.reasoning.is_empty() {
            content.push(json!({ "type": "thinking", "thinking": answer.reasoning, "signature": "" }));
        }
        if !answer.text.is_empty() || answer.calls.is_empty() {
            content.push(json!({ "type": "text", "text": answer.text }));
        }
        content.extend(answer.calls.iter().map(|call| {
            let input = arguments_object(&call.arguments);
            json!({ "type": "tool_use", "id": call.id, "name": call.name, "input": input })
        }));
        self.message(content.into(), answer.finish.as_ref())
    }
}

fn reason(finish: &Finish) -> &'static str {
    match finish.reason {
        FinishKind::End => "end_turn",
        FinishKind::StopString => "stop_sequence",
        FinishKind::Length => "max_tokens",
        FinishKind::ToolCalls => "tool_use",
    }
}

/// Cached tokens are not among the input tokens of this API.
fn usage(finish: &Finish) -> Value {
    let mut total = Total::default();
    total.add(&finish.usage);
    json!({
        "input_tokens": total.prompt - total.cached,
        "cache_read_input_tokens": total.cached,
        "cache_creation_input_tokens": 0,
        "output_tokens": total.generated,
    })
}
