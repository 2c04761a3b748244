//! `/v1/responses` of the OpenAI API. Answers are not stored: every request carries its conversation.

use super::chat::{read_format, tool_choice};
use super::stream::{Adapter, Frame, respond};
use super::{identifier, now, run};
use crate::app::{App, Body};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::output::{Answer, Finish, FinishKind, Output};
use crate::run::Total;
use crate::sampling::{MAX_LOG_PROBS, Sampling};
use crate::turn::{Format, Turn, prepare_turn, text_of};
use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Continues a conversation.
///
/// # Errors
/// If the request is invalid or fails.
pub async fn responses(State(app): State<Arc<App>>, Body(body): Body) -> Result<Response, ApiError> {
    let mut fields = Fields::parse(&body)?;
    let model = fields.text("model")?;
    let streamed = fields.flag("stream")?.unwrap_or(false);
    let turn = read(&mut fields, &app)?;
    let echo = json!({
        "instructions": turn.messages.first().filter(|m| m["role"] == "system").map(|m| m["content"].clone()),
        "tools": turn.tools.iter().map(flat_tool).collect::<Vec<_>>(),
        "temperature": turn.sampling.options.temperature, "top_p": turn.sampling.options.top_p,
        "max_output_tokens": turn.sampling.max_tokens,
    });
    let run = run(&app, model, move |model| prepare_turn(model, turn)).await?;
    let adapter = Responses::new(&run.model().name, echo);
    respond(run, adapter, streamed, app.options.keep_alive).await
}

fn read(fields: &mut Fields, app: &App) -> Result<Turn, ApiError> {
    for stored in ["previous_response_id", "conversation"] {
        if let Some(value) = fields.take(stored) {
            let expected = "none: this server stores no answers, so send the whole conversation as input";
            return Err(ApiError::field(stored, &value, expected));
        }
    }
    if fields.flag("background")? == Some(true) {
        return Err(ApiError::field("background", &true.into(), "false"));
    }
    let mut messages = Vec::new();
    if let Some(instructions) = fields.text("instructions")? {
        messages.push(json!({ "role": "system", "content": instructions }));
    }
    match fields.take("input") {
        Some(Value::String(text)) => messages.push(json!({ "role": "user", "content": text })),
        Some(Value::Array(items)) if !items.is_empty() => {
            for item in items {
                add_item(item, &mut messages)?;
            }
        }
        Some(other) => return Err(ApiError::field("input", &other, "a string or a list of items")),
        None => return Err(fields.missing("input", "a string or a list of items")),
    }
    let mut sampling = Sampling::read(fields, app.options.sampling)?;
    sampling.read_max_tokens(fields, &["max_output_tokens"], 1)?;
    let top = fields.integer("top_logprobs", 0, MAX_LOG_PROBS)?;
    if let Some(top) = top.filter(|&top| top > 0) {
        return Err(ApiError::field("top_logprobs", &top.into(), "0; use /v1/chat/completions"));
    }
    let mut text = fields.object("text")?;
    let format = match text.as_mut().map(|text| text.object("format")).transpose()?.flatten() {
        Some(mut format) => read_format(&mut format)?,
        None => Format::Text,
    };
    let mut variables = fields.object("chat_template_kwargs")?.map_or_else(Map::new, Fields::rest);
    let mut reasoning = fields.object("reasoning")?;
    if let Some(effort) = reasoning.as_mut().map(|reasoning| reasoning.text("effort")).transpose()?.flatten()
    {
        variables.entry("reasoning_effort").or_insert(effort.into());
    }
    let tools = fields.list("tools")?.into_iter().map(tool).collect::<Result<_, _>>()?;
    let tool_choice = tool_choice(fields)?;
    let single_call = fields.flag("parallel_tool_calls")? == Some(false);
    Ok(Turn { messages, tools, tool_choice, format, variables, single_call, sampling })
}

/// Converts an item of the input to messages of the chat API.
fn add_item(item: Value, messages: &mut Vec<Value>) -> Result<(), ApiError> {
    match item["type"].as_str() {
        Some("function_call") => {
            let call = json!({
                "id": item["call_id"], "type": "function",
                "function": { "name": item["name"], "arguments": item["arguments"] },
            });
            // Calls of one answer belong to one message.
            match messages.last_mut().filter(|last| last["role"] == "assistant") {
                Some(last) => match last["tool_calls"].as_array_mut() {
                    Some(calls) => calls.push(call),
                    None => last["tool_calls"] = json!([call]),
                },
                None => {
                    messages.push(json!({ "role": "assistant", "content": null, "tool_calls": [call] }));
                }
            }
        }
        Some("function_call_output") => messages.push(json!({
            "role": "tool", "tool_call_id": item["call_id"], "content": text_of(&item["output"])?,
        })),
        Some("reasoning") => {}
        Some("message") | None if item["role"].is_string() => {
            messages.push(json!({ "role": item["role"], "content": text_of(&item["content"])? }));
        }
        _ => {
            let expected = "messages, function calls and their outputs";
            return Err(ApiError::field("input", &item, expected));
        }
    }
    Ok(())
}

/// Converts a tool to the form of the chat API.
fn tool(definition: Value) -> Result<Value, ApiError> {
    match (definition["type"].as_str(), definition["name"].as_str()) {
        (Some("function"), Some(name)) => Ok(json!({ "type": "function", "function": {
            "name": name,
            "description": definition["description"].as_str().unwrap_or_default(),
            "parameters": definition["parameters"],
        } })),
        _ => Err(ApiError::field("tools", &definition, "objects of type \"function\" with a name")),
    }
}

fn flat_tool(tool: &Value) -> Value {
    let mut flat = tool["function"].clone();
    flat["type"] = "function".into();
    flat["strict"] = false.into();
    flat
}

/// An item of the output that is being written.
#[derive(Debug, Clone)]
struct Item {
    kind: Kind,
    id: String,
    call_id: String,
    name: String,
    text: String,
    status: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Reasoning,
    Message,
    Call,
}

impl Item {
    fn new(kind: Kind) -> Self {
        let prefix = match kind {
            Kind::Reasoning => "rs_",
            Kind::Message => "msg_",
            Kind::Call => "fc_",
        };
        let (call_id, name, text) = Default::default();
        Self { kind, id: identifier(prefix), call_id, name, text, status: "in_progress" }
    }

    fn object(&self) -> Value {
        let Self { id, call_id, name, text, status, .. } = self;
        match self.kind {
            Kind::Reasoning => {
                let content = json!([{ "type": "reasoning_text", "text": text }]);
                json!({ "id": id, "type": "reasoning", "summary": [], "content": content, "status": status })
            }
            Kind::Message => {
                let content = if *status == "in_progress" { json!([]) } else { json!([self.part()]) };
                let role = "assistant";
                json!({ "id": id, "type": "message", "role": role, "status": status, "content": content })
            }
            Kind::Call => json!({
                "id": id, "type": "function_call", "call_id": call_id, "name": name, "arguments": text,
                "status": status,
            }),
        }
    }

    fn part(&self) -> Value {
        match self.kind {
            Kind::Reasoning => json!({ "type": "reasoning_text", "text": self.text }),
            _ => json!({ "type": "output_text", "text": self.text, "annotations": [], "logprobs": [] }),
        }
    }
}

/// Writes outputs as events of the responses API.
struct Responses {
    id: String,
    created: u64,
    model: String,
    /// Fields of the request that are part of the response.
    echo: Value,
    /// Number of the next event.
    number: u64,
    done: Vec<Item>,
    open: Option<Item>,
    finish: Option<Finish>,
}

impl Responses {
    fn new(model: &str, echo: Value) -> Self {
        Self {
            id: identifier("resp_"),
            created: now(),
            model: model.to_owned(),
            echo,
            number: 0,
            done: Vec::new(),
            open: None,
            finish: None,
        }
    }

    fn frame(&mut self, name: &'static str, mut event: Value) -> Frame {
        event["type"] = name.into();
        event["sequence_number"] = self.number.into();
        self.number += 1;
        Frame::named(name, &event)
    }

    fn response(&self, status: &str) -> Value {
        let output: Vec<Value> = self.done.iter().map(Item::object).collect();
        let incomplete = (status == "incomplete").then(|| json!({ "reason": "max_output_tokens" }));
        let usage = self.finish.as_ref().map(|finish| {
            let mut total = Total::default();
            total.add(&finish.usage);
            json!({
                "input_tokens": total.prompt, "input_tokens_details": { "cached_tokens": total.cached },
                "output_tokens": total.generated, "output_tokens_details": { "reasoning_tokens": 0 },
                "total_tokens": total.prompt + total.generated,
            })
        });
        let mut response = json!({
            "id": self.id, "object": "response", "created_at": self.created, "model": self.model,
            "status": status, "output": output, "error": null, "incomplete_details": incomplete,
            "usage": usage, "parallel_tool_calls": true, "tool_choice": "auto", "metadata": {},
            "store": false,
        });
        if let (Value::Object(response), Value::Object(echo)) = (&mut response, &self.echo) {
            response.extend(echo.clone());
        }
        response
    }

    /// The status of the response at its end, and of its items when they end.
    fn status(&self) -> &'static str {
        match self.finish.as_ref().map(|finish| finish.reason) {
            Some(FinishKind::Length) => "incomplete",
            _ => "completed",
        }
    }

    /// Ends the open item.
    fn close(&mut self, frames: &mut Vec<Frame>) {
        let Some(mut item) = self.open.take() else { return };
        item.status = self.status();
        let (id, index) = (item.id.clone(), self.done.len());
        let place = json!({ "item_id": id, "output_index": index, "content_index": 0 });
        let and = |more: Value| merged(place.clone(), more);
        match item.kind {
            Kind::Message => {
                let text = json!({ "text": item.text, "logprobs": [] });
                frames.push(self.frame("response.output_text.done", and(text)));
            }
            Kind::Reasoning => {
                frames.push(self.frame("response.reasoning_text.done", and(json!({ "text": item.text }))));
            }
            Kind::Call => {
                let event = json!({
                    "item_id": id, "output_index": index, "arguments": item.text, "name": item.name,
                });
                frames.push(self.frame("response.function_call_arguments.done", event));
            }
        }
        if item.kind != Kind::Call {
            frames.push(self.frame("response.content_part.done", and(json!({ "part": item.part() }))));
        }
        let event = json!({ "output_index": index, "item": item.object() });
        frames.push(self.frame("response.output_item.done", event));
        self.done.push(item);
    }

    /// Begins an item unless one of its kind, which is not a call, is open.
    fn open(&mut self, item: Item, frames: &mut Vec<Frame>) {
        if item.kind != Kind::Call && self.open.as_ref().is_some_and(|open| open.kind == item.kind) {
            return;
        }
        self.close(frames);
        let index = self.done.len();
        let event = json!({ "output_index": index, "item": item.object() });
        frames.push(self.frame("response.output_item.added", event));
        if item.kind != Kind::Call {
            let event = json!({
                "item_id": item.id, "output_index": index, "content_index": 0, "part": item.part(),
            });
            frames.push(self.frame("response.content_part.added", event));
        }
        self.open = Some(item);
    }

    fn delta(&mut self, name: &'static str, text: String, frames: &mut Vec<Frame>) {
        let index = self.done.len();
        let Some(item) = &mut self.open else { return };
        item.text += &text;
        let mut event = json!({ "item_id": item.id, "output_index": index, "delta": text });
        if item.kind != Kind::Call {
            event["content_index"] = 0.into();
        }
        if item.kind == Kind::Message {
            event["logprobs"] = json!([]);
        }
        frames.push(self.frame(name, event));
    }
}

impl Adapter for Responses {
    fn start(&mut self) -> Vec<Frame> {
        let response = self.response("in_progress");
        let created = self.frame("response.created", json!({ "response": response }));
        vec![created, self.frame("response.in_progress", json!({ "response": response }))]
    }

    fn output(&mut self, _: usize, output: Output) -> Vec<Frame> {
        let mut frames = Vec::new();
        match output {
            Output::Token(_) => {}
            Output::Text(text) => {
                self.open(Item::new(Kind::Message), &mut frames);
                self.delta("response.output_text.delta", text, &mut frames);
            }
            Output::Reasoning(text) => {
                self.open(Item::new(Kind::Reasoning), &mut frames);
                self.delta("response.reasoning_text.delta", text, &mut frames);
            }
            Output::ToolStart { id, name, .. } => {
                self.open(Item { call_id: id, name, ..Item::new(Kind::Call) }, &mut frames);
            }
            Output::ToolArguments { text, .. } => {
                self.delta("response.function_call_arguments.delta", text, &mut frames);
            }
            Output::Finish(finish) => {
                self.finish = Some(finish);
                self.close(&mut frames);
            }
        }
        frames
    }

    fn end(&mut self) -> Vec<Frame> {
        let status = self.status();
        let name = if status == "incomplete" { "response.incomplete" } else { "response.completed" };
        let response = self.response(status);
        vec![self.frame(name, json!({ "response": response }))]
    }

    fn error(&mut self, error: &ApiError) -> Vec<Frame> {
        let mut response = self.response("failed");
        response["error"] = json!({ "code": "server_error", "message": error.message() });
        let failed = self.frame("response.failed", json!({ "response": response }));
        let message = json!({ "code": "server_error", "message": error.message(), "param": null });
        vec![self.frame("error", message), failed]
    }

    /// The response at the end of the same events.
    fn whole(&mut self, answers: &[Answer]) -> Value {
        for output in answers.iter().flat_map(Answer::outputs) {
            self.output(0, output);
        }
        self.response(self.status())
    }
}

fn merged(mut a: Value, b: Value) -> Value {
    if let (Value::Object(a), Value::Object(b)) = (&mut a, b) {
        a.extend(b);
    }
    a
}
