//! Calls as tags: `<function=NAME><parameter=KEY>VALUE</parameter></function>`.

use super::{Call, CallParser, Step, Tool};
use crate::output::Outputs;
use serde_json::Value;

/// Reads a call and writes its arguments as JSON, one parameter at a time.
#[derive(Debug)]
pub struct XmlCall {
    tools: Vec<Tool>,
    state: State,
    /// Text of the current tag or value.
    text: String,
    tool: usize,
    first: bool,
}

#[derive(Debug)]
enum State {
    Function,
    Tag,
    Value(String),
}

impl XmlCall {
    /// For calls of these tools, whose schemas tell strings from other values.
    pub fn new(tools: Vec<Tool>) -> Self {
        Self { tools, state: State::Function, text: String::new(), tool: usize::MAX, first: true }
    }

    /// Returns a value as JSON: as a string if the schema says so or if it is no JSON.
    fn json(&self, key: &str, text: &str) -> String {
        let schema = self.tools.get(self.tool).map(|tool| &tool.parameters["properties"][key]["type"]);
        let is_string = schema.and_then(Value::as_str) == Some("string");
        match serde_json::from_str::<Value>(text) {
            Ok(value) if !is_string => value.to_string(),
            _ => Value::from(text).to_string(),
        }
    }
}

impl CallParser for XmlCall {
    fn push(&mut self, c: char, call: &mut Call, out: &mut Outputs) -> Step {
        match &self.state {
            State::Function | State::Tag => {
                if self.text.is_empty() && c.is_whitespace() {
                    return Step::More;
                }
                self.text.push(c);
                if !self.text.starts_with('<') {
                    return Step::Invalid;
                }
                if c != '>' {
                    return Step::More;
                }
            }
            State::Value(key) => {
                self.text.push(c);
                let Some(value) = self.text.strip_suffix("</parameter>") else { return Step::More };
                let value = value.strip_prefix('\n').unwrap_or(value);
                let value = value.strip_suffix('\n').unwrap_or(value);
                let separator = if self.first { "{" } else { ", " };
                let key_text = Value::from(key.as_str()).to_string();
                call.arguments(format!("{separator}{key_text}: {}", self.json(key, value)), out);
                (self.first, self.state) = (false, State::Tag);
                self.text.clear();
                return Step::More;
            }
        }
        let tag = std::mem::take(&mut self.text);
        let named = |prefix: &str| tag.strip_prefix(prefix)?.strip_suffix('>').map(str::to_owned);
        match &self.state {
            State::Function => {
                let Some(name) = named("<function=") else { return Step::Invalid };
                self.tool = self.tools.iter().position(|tool| tool.name == name).unwrap_or(usize::MAX);
                self.state = State::Tag;
                call.start(&name, out)
            }
            _ if tag == "</function>" => {
                call.arguments(if self.first { "{}" } else { "}" }, out);
                Step::Done
            }
            _ => match named("<parameter=") {
                Some(key) => {
                    self.state = State::Value(key);
                    Step::More
                }
                None => Step::Invalid,
            },
        }
    }
}
