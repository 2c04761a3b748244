//! Calls as JSON objects: `{"name": …, "arguments": {…}}`.

use super::{Call, CallParser, Step};
use crate::output::Outputs;

/// Reads a JSON object with a name and arguments; the arguments are passed on as they are written.
///
/// The names of the fields are those of all families: `arguments` or `parameters`, and the object may be
/// inside a field `function`.
#[derive(Debug)]
pub struct JsonCall {
    state: State,
    key: String,
    value: Value,
    scan: Scan,
    /// Text of a name, or of arguments that precede it.
    held: String,
    name: Option<String>,
    arguments: Arguments,
    /// Objects that surround the current one.
    depth: usize,
    /// Whether the first field must be the name.
    name_first: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Before,
    /// Between two fields.
    Between,
    Key,
    Colon,
    BeforeValue,
    Value,
}

/// The meaning of the current value.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Name,
    Arguments,
    /// Arguments as a string that contains JSON.
    Quoted,
    Other,
}

#[derive(Debug, Clone, PartialEq)]
enum Arguments {
    None,
    /// Complete, but the name is not known yet.
    Held(String),
    Emitted,
}

/// Finds the end of a JSON value.
#[derive(Debug, Default)]
pub struct Scan {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

/// Result of a character of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanStep {
    More,
    /// The character ends the value.
    Last,
    /// The value ended before the character.
    After,
}

impl Scan {
    /// Adds a character.
    pub fn push(&mut self, character: char) -> ScanStep {
        if self.in_string {
            match character {
                _ if self.escaped => self.escaped = false,
                '\\' => self.escaped = true,
                '"' => {
                    self.in_string = false;
                    if self.depth == 0 {
                        return ScanStep::Last;
                    }
                }
                _ => {}
            }
            return ScanStep::More;
        }
        match character {
            '"' => self.in_string = true,
            '{' | '[' => self.depth += 1,
            '}' | ']' if self.depth > 0 => {
                self.depth -= 1;
                if self.depth == 0 {
                    return ScanStep::Last;
                }
            }
            ',' | '}' | ']' if self.depth == 0 => return ScanStep::After,
            c if c.is_whitespace() && self.depth == 0 => return ScanStep::After,
            _ => {}
        }
        ScanStep::More
    }
}

impl JsonCall {
    /// `name_first`: anything but a name as the first field means that the text is no call.
    pub fn new(name_first: bool) -> Self {
        Self {
            state: State::Before,
            key: String::new(),
            value: Value::Other,
            scan: Scan::default(),
            held: String::new(),
            name: None,
            arguments: Arguments::None,
            depth: 0,
            name_first,
        }
    }

    fn end_of_value(&mut self, call: &mut Call, out: &mut Outputs) -> Step {
        self.state = State::Between;
        let text = std::mem::take(&mut self.held);
        match self.value {
            Value::Name => {
                let Ok(name) = serde_json::from_str::<String>(&text) else { return Step::Invalid };
                if call.start(&name, out) == Step::Invalid {
                    return Step::Invalid;
                }
                self.name = Some(name);
                if let Arguments::Held(text) = std::mem::replace(&mut self.arguments, Arguments::None) {
                    call.arguments(text, out);
                    self.arguments = Arguments::Emitted;
                }
            }
            Value::Arguments | Value::Quoted => {
                let text = match self.value {
                    Value::Quoted => match serde_json::from_str::<String>(&text) {
                        Ok(text) => text,
                        Err(_) => return Step::Invalid,
                    },
                    _ => text,
                };
                if self.name.is_some() {
                    call.arguments(text, out);
                    self.arguments = Arguments::Emitted;
                } else {
                    self.arguments = Arguments::Held(text);
                }
            }
            Value::Other => {}
        }
        Step::More
    }
}

impl CallParser for JsonCall {
    fn push(&mut self, c: char, call: &mut Call, out: &mut Outputs) -> Step {
        match (self.state, c) {
            (State::Before | State::Between | State::Colon | State::BeforeValue, c) if c.is_whitespace() => {}
            (State::Before, '{') => self.state = State::Between,
            (State::Between, ',') => {}
            (State::Between, '"') => {
                self.key.clear();
                self.state = State::Key;
            }
            (State::Between, '}') if self.depth > 0 => self.depth -= 1,
            (State::Between, '}') => {
                if self.name.is_none() {
                    return Step::Invalid;
                }
                if self.arguments == Arguments::None {
                    call.arguments("{}", out);
                }
                return Step::Done;
            }
            (State::Key, '"') => {
                let first = self.name.is_none() && self.arguments == Arguments::None;
                let known = matches!(self.key.as_str(), "name" | "type" | "function");
                if self.name_first && first && !known {
                    return Step::Invalid;
                }
                self.state = State::Colon;
            }
            (State::Key, c) => self.key.push(c),
            (State::Colon, ':') => self.state = State::BeforeValue,
            (State::BeforeValue, '{') if self.key == "function" => {
                self.depth += 1;
                self.state = State::Between;
            }
            (State::BeforeValue, c) => {
                let arguments = self.arguments == Arguments::None;
                self.value = match self.key.as_str() {
                    "name" | "function" if c == '"' && self.name.is_none() => Value::Name,
                    "arguments" | "parameters" if c == '{' && arguments => Value::Arguments,
                    "arguments" | "parameters" if c == '"' && arguments => Value::Quoted,
                    _ => Value::Other,
                };
                self.scan = Scan::default();
                self.state = State::Value;
                return self.push(c, call, out);
            }
            (State::Value, c) => {
                let step = self.scan.push(c);
                if step == ScanStep::After {
                    self.end_of_value(call, out);
                    return self.push(c, call, out);
                }
                match self.value {
                    // Streamed while it is written.
                    Value::Arguments if self.name.is_some() => {
                        self.arguments = Arguments::Emitted;
                        call.arguments(c, out);
                    }
                    Value::Other => {}
                    _ => self.held.push(c),
                }
                if step == ScanStep::Last {
                    if self.value == Value::Arguments && self.arguments == Arguments::Emitted {
                        self.state = State::Between;
                    } else {
                        return self.end_of_value(call, out);
                    }
                }
            }
            _ => return Step::Invalid,
        }
        Step::More
    }
}
