//! Requests in the form that all routes share, and their preparation for the engine.

use crate::error::ApiError;
use crate::mask::Failure;
use crate::models::Loaded;
use crate::output::{Dialect, END_OF_REASONING, Forced, Reasoning, SequenceOutput, Tool, ToolParser, schema};
use crate::sampling::Sampling;
use ecq_runtime::{ChatTemplate, Request};
use llguidance::api::TopLevelGrammar;
use serde_json::{Map, Value, json};

/// A request for the next message of a conversation.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Messages in the form of the OpenAI chat API.
    pub(crate) messages: Vec<Value>,
    /// Tools in the form of the OpenAI chat API.
    pub(crate) tools: Vec<Value>,
    pub(crate) tool_choice: ToolChoice,
    pub(crate) format: Format,
    /// Further variables of the chat template.
    pub(crate) variables: Map<String, Value>,
    pub(crate) single_call: bool,
    pub(crate) sampling: Sampling,
}

/// Whether the model calls tools.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolChoice {
    /// As it likes.
    Auto,
    /// Not.
    None,
    /// One tool of its choice.
    Required,
    /// This tool.
    Named(String),
}

/// The form of the answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// Any text.
    Text,
    /// JSON that satisfies a schema.
    Schema(Value),
    /// Text that a regular expression matches.
    Regex(String),
    /// Text of a grammar in the Lark syntax of llguidance.
    Lark(String),
}

impl Format {
    fn grammar(&self) -> Option<TopLevelGrammar> {
        match self {
            Self::Text => None,
            Self::Schema(of) => Some(TopLevelGrammar::from_json_schema(schema(of))),
            Self::Regex(regex) => Some(TopLevelGrammar::from_regex(regex)),
            Self::Lark(lark) => Some(TopLevelGrammar::from_lark(lark.clone())),
        }
    }
}

/// A request that is ready for the engine.
pub struct Prepared {
    pub(crate) request: Request,
    pub(crate) failure: Failure,
    pub(crate) outputs: Vec<SequenceOutput>,
}

/// Prepares a conversation. Renders the template and encodes the prompt, which can take seconds for long
/// conversations.
///
/// # Errors
/// If the model has no chat template, or the template, a grammar or a message is invalid.
pub fn prepare_turn(model: &Loaded, turn: Turn) -> Result<Prepared, ApiError> {
    let Turn { messages, tools, tool_choice, format, variables, single_call, sampling } = turn;
    let template = model.template.as_ref().ok_or_else(|| {
        ApiError::invalid(format!(
            "the model {:?} has no chat template; use /v1/completions, or start the server with \
             --chat-template FILE",
            model.name
        ))
    })?;
    let messages = messages.into_iter().map(message).collect::<Result<Vec<_>, _>>()?;
    let definitions = if tool_choice == ToolChoice::None { Vec::new() } else { tools };
    let tools = definitions.iter().map(tool).collect::<Result<Vec<_>, _>>()?;
    let (prompt, dialect) = render(template, model.dialect, messages, &definitions, &variables)?;
    // The template writes special tokens.
    let tokens = model.tokenizer.encode(&prompt, false).map_err(|error| ApiError::of_runtime(&error))?;
    let thinks = template.source().contains(END_OF_REASONING);
    let inside = thinks && prompt.trim_end().ends_with("<think>");
    let failure = Failure::default();
    let chosen: Vec<Tool> = match &tool_choice {
        ToolChoice::Auto | ToolChoice::None => Vec::new(),
        ToolChoice::Required => tools.clone(),
        ToolChoice::Named(name) => tools.iter().filter(|tool| tool.name == *name).cloned().collect(),
    };
    let (grammar, param) = match &tool_choice {
        ToolChoice::Auto | ToolChoice::None => (format.grammar(), "response_format"),
        _ if chosen.is_empty() => {
            let message = match &tool_choice {
                ToolChoice::Named(name) => {
                    format!("tool_choice names {name:?}, which is not among the tools")
                }
                _ => "tool_choice requires a call, but there are no tools".to_owned(),
            };
            return Err(ApiError::invalid(message).of("tool_choice"));
        }
        _ => {
            let forced = Forced::new(dialect, &chosen, &model.tokenizer);
            (Some(TopLevelGrammar::from_lark(forced.lark)), "tools")
        }
    };
    let after = inside.then_some(END_OF_REASONING);
    let mask = grammar.map(|grammar| model.grammars.mask(grammar, after, param, &failure)).transpose()?;
    let mut marks: Vec<&str> = if thinks { vec!["<think>", "</think>"] } else { Vec::new() };
    if !tools.is_empty() {
        marks.extend(dialect.marks());
    }
    let special = model.tokenizer.special_tokens().into_iter();
    let visible: Vec<u32> =
        special.filter(|(_, text)| marks.contains(&text.as_str())).map(|(id, _)| id).collect();
    let output = || {
        let reasoning = thinks.then(|| Reasoning::new(inside));
        let parser = (!tools.is_empty()).then(|| ToolParser::new(dialect, tools.clone()));
        SequenceOutput::new(model.tokenizer.clone(), reasoning, parser, single_call)
    };
    let outputs = (0..sampling.sequences).map(|_| output()).collect();
    let mut request = request(model, tokens, sampling);
    // End tokens are never shown.
    request.visible_tokens = visible.into_iter().filter(|id| !request.end_tokens.contains(id)).collect();
    request.mask = mask;
    Ok(Prepared { request, failure, outputs })
}

/// Prepares a prompt that is continued as it is.
///
/// # Errors
/// If a grammar is invalid.
pub fn prepare_prompt(
    model: &Loaded,
    prompt: Vec<u32>,
    format: &Format,
    sampling: Sampling,
) -> Result<Prepared, ApiError> {
    let failure = Failure::default();
    let grammar = format.grammar();
    let mask = grammar.map(|grammar| model.grammars.mask(grammar, None, "grammar", &failure)).transpose()?;
    let output = || SequenceOutput::new(model.tokenizer.clone(), None, None, false);
    let outputs = (0..sampling.sequences).map(|_| output()).collect();
    let mut request = request(model, prompt, sampling);
    request.mask = mask;
    Ok(Prepared { request, failure, outputs })
}

fn request(model: &Loaded, prompt: Vec<u32>, sampling: Sampling) -> Request {
    let ends = if sampling.ignore_end { &[] } else { model.tokenizer.end_tokens() };
    Request {
        sampling: sampling.options,
        logit_bias: sampling.logit_bias,
        end_tokens: ends.into(),
        stop: sampling.stop,
        sequences: sampling.sequences,
        log_probs: sampling.log_probs,
        ..Request::new(prompt, sampling.max_tokens.unwrap_or(usize::MAX))
    }
}

/// Renders the conversation. Tools that the template ignores are described in a system message instead.
fn render(
    template: &ChatTemplate,
    dialect: Dialect,
    messages: Vec<Value>,
    tools: &[Value],
    variables: &Map<String, Value>,
) -> Result<(String, Dialect), ApiError> {
    let render = |messages: &[Value], tools: &[Value]| {
        template.render_values(messages, tools, variables).map_err(|error| ApiError::of_runtime(&error))
    };
    let called = messages.iter().any(|m| m["role"] == "tool" || m.get("tool_calls").is_some());
    if tools.is_empty() && !called {
        return Ok((render(&messages, tools)?, dialect));
    }
    // Whether the template knows tools does not depend on the conversation.
    let probe = [json!({ "role": "user", "content": "Hello" })];
    let tool = [json!({ "type": "function", "function": {
        "name": "f", "description": "", "parameters": { "type": "object", "properties": {} } } })];
    let knows = match (render(&probe, &tool), render(&probe, &[])) {
        (Ok(with), Ok(without)) => with != without,
        _ => true,
    };
    match knows {
        true => Ok((render(&messages, tools)?, dialect)),
        false => Ok((render(&described(messages, tools), &[])?, Dialect::Tagged)),
    }
}

/// The conversation for a template without tools: definitions, calls and results as text, as in Hermes.
fn described(messages: Vec<Value>, tools: &[Value]) -> Vec<Value> {
    let mut out = Vec::with_capacity(messages.len() + 1);
    if !tools.is_empty() {
        let list: Vec<String> = tools.iter().map(Value::to_string).collect();
        let text = format!(
            "You may call functions. Their signatures are within <tools></tools>:\n<tools>\n{}\n</tools>\nTo \
             call a function, answer with a JSON object within <tool_call></tool_call>:\n<tool_call>\n\
             {{\"name\": \"function\", \"arguments\": {{}}}}\n</tool_call>",
            list.join("\n")
        );
        out.push(json!({ "role": "system", "content": text }));
    }
    for mut message in messages {
        let content = message["content"].as_str().unwrap_or_default().to_owned();
        let system = out.first_mut().filter(|first| message["role"] == "system" && first["role"] == "system");
        if let Some(first) = system {
            let rest = first["content"].as_str().unwrap_or_default();
            first["content"] = format!("{content}\n\n{rest}").into();
            continue;
        }
        if message["role"] == "tool" {
            let text = format!("<tool_response>\n{content}\n</tool_response>");
            message = json!({ "role": "user", "content": text });
        } else if let Some(calls) = message.get("tool_calls").and_then(Value::as_array) {
            let call = |call: &Value| format!("<tool_call>\n{}\n</tool_call>", call["function"]);
            let calls: Vec<String> = calls.iter().map(call).collect();
            let text = format!("{content}{}", calls.join("\n"));
            message = json!({ "role": "assistant", "content": text });
        }
        out.push(message);
    }
    out
}

/// Checks a message and brings it into the form that templates expect: text as a string, arguments of calls
/// as objects.
fn message(message: Value) -> Result<Value, ApiError> {
    let Value::Object(mut message) = message else {
        return Err(ApiError::field("messages", &message, "a list of objects"));
    };
    let role = match message.get("role").and_then(Value::as_str) {
        Some("developer") => "system".to_owned(),
        Some("function") => "tool".to_owned(),
        Some(role @ ("system" | "user" | "assistant" | "tool")) => role.to_owned(),
        _ => {
            let found = message.get("role").unwrap_or(&Value::Null);
            let expected = "system, developer, user, assistant or tool";
            return Err(ApiError::field("messages.role", found, expected));
        }
    };
    message.insert("role".to_owned(), role.into());
    let content = text_of(message.get("content").unwrap_or(&Value::Null))?;
    message.insert("content".to_owned(), content.into());
    match message.get_mut("tool_calls") {
        Some(Value::Array(calls)) if !calls.is_empty() => {
            for call in calls {
                // Templates iterate over the arguments; what is no JSON stays text.
                if let Some(text) = call["function"]["arguments"].as_str()
                    && let Ok(arguments) = serde_json::from_str::<Value>(text)
                {
                    call["function"]["arguments"] = arguments;
                }
            }
        }
        _ => drop(message.remove("tool_calls")),
    }
    Ok(Value::Object(message))
}

/// Returns the text of a content: a string, or a list of parts with text.
///
/// # Errors
/// If a part is no text: images and audio are not supported.
pub fn text_of(content: &Value) -> Result<String, ApiError> {
    match content {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => {
            let mut texts = Vec::new();
            for part in parts {
                match (part["type"].as_str(), part["text"].as_str()) {
                    _ if part.is_string() => texts.push(part.as_str().unwrap_or_default()),
                    (Some("text" | "input_text" | "output_text" | "refusal") | None, Some(text)) => {
                        texts.push(text);
                    }
                    (kind, _) => {
                        let found = kind.unwrap_or("a part without type and text");
                        let message = format!("content has {found:?}; this server supports text only");
                        return Err(ApiError::invalid(message).of("messages.content"));
                    }
                }
            }
            Ok(texts.join("\n"))
        }
        other => Err(ApiError::field("messages.content", other, "a string or a list of parts")),
    }
}

fn tool(definition: &Value) -> Result<Tool, ApiError> {
    let function = &definition["function"];
    match (definition["type"].as_str(), function["name"].as_str()) {
        (Some("function") | None, Some(name)) if !name.is_empty() => {
            Ok(Tool { name: name.to_owned(), parameters: function["parameters"].clone() })
        }
        _ => Err(ApiError::field("tools", definition, "objects of type \"function\" with a name")),
    }
}
