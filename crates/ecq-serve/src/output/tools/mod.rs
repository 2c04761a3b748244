//! Tool calls in the forms of the model families.

mod forced;
mod gemma;
mod json;
mod parser;
mod xml;

pub use forced::{Forced, schema};
pub use parser::ToolParser;

use super::Outputs;
use ecq_runtime::Tokenizer;
use serde_json::Value;

/// How a model writes tool calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `<tool_call>{"name": …, "arguments": {…}}</tool_call>`: Hermes, Qwen 2.5 and 3, SmolLM3. Also what
    /// models without a form of their own are asked to write.
    Tagged,
    /// `<tool_call><function=NAME><parameter=KEY>…</parameter></function></tool_call>`: Qwen 3 Coder, 3.5.
    Xml,
    /// `{"name": …, "parameters": {…}}` as the whole answer: Llama 3.
    Bare,
    /// `[TOOL_CALLS]NAME[ARGS]{…}` or `[TOOL_CALLS][{"name": …, "arguments": {…}}]`: Mistral.
    Mistral,
    /// `<|tool_call>call:NAME{key:value}<tool_call|>`: Gemma 4.
    Gemma,
}

impl Dialect {
    /// Recognizes the dialect by a chat template, or for Mistral by the vocabulary.
    pub fn of_template(template: &str, tokenizer: &Tokenizer) -> Self {
        let has = |mark: &str| template.contains(mark);
        let mistral = || tokenizer.special_tokens().iter().any(|(_, text)| text == "[TOOL_CALLS]");
        if has("<|tool_call>") {
            Self::Gemma
        } else if has("<function=") {
            Self::Xml
        } else if has("<tool_call>") {
            Self::Tagged
        } else if has("[TOOL_CALLS]") || template.is_empty() && mistral() {
            Self::Mistral
        } else if has("<|python_tag|>") || has("\"parameters\": ") && has("ipython") {
            Self::Bare
        } else {
            Self::Tagged
        }
    }

    /// Special tokens whose text the parser needs.
    pub fn marks(self) -> &'static [&'static str] {
        match self {
            Self::Tagged | Self::Xml => &["<tool_call>", "</tool_call>"],
            Self::Bare => &["<|python_tag|>"],
            Self::Mistral => &["[TOOL_CALLS]", "[ARGS]", "[CALL_ID]"],
            Self::Gemma => &["<|tool_call>", "<tool_call|>", "<|\"|>"],
        }
    }

    /// Text before the first call, which the parser searches for.
    fn begin(self) -> &'static [&'static str] {
        match self {
            Self::Tagged | Self::Xml => &["<tool_call>", "</tool_call>"],
            Self::Bare => &["<|python_tag|>"],
            Self::Mistral => &["[TOOL_CALLS]"],
            Self::Gemma => &["<|tool_call>", "<tool_call|>"],
        }
    }
}

/// A tool that the request offers.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    pub(crate) name: String,
    /// JSON schema of the arguments.
    pub(crate) parameters: Value,
}

/// Reads one call, character by character, so that splitting the text cannot change the result.
trait CallParser: Send {
    /// Adds a character.
    fn push(&mut self, character: char, call: &mut Call, out: &mut Outputs) -> Step;
}

/// State of a call after a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    More,
    /// The call is complete.
    Done,
    /// The text is no call.
    Invalid,
}

/// A call that is being read.
struct Call {
    index: usize,
    /// Whether its start has been emitted.
    started: bool,
    names: Vec<String>,
    /// Whether only calls of known tools are calls.
    strict: bool,
}

impl Call {
    /// Emits the start of the call. Returns `Invalid` if there is no such tool and this is no explicit call.
    fn start(&mut self, name: &str, out: &mut Outputs) -> Step {
        if self.strict && !self.names.iter().any(|known| known == name) {
            return Step::Invalid;
        }
        self.started = true;
        let (index, name) = (self.index, name.to_owned());
        out.push(super::Output::ToolStart { index, id: call_id(), name });
        Step::More
    }

    /// Emits arguments.
    fn arguments(&self, text: impl Into<String>, out: &mut Outputs) {
        out.push(super::Output::ToolArguments { index: self.index, text: text.into() });
    }
}

/// Creates an identifier of nine letters and digits.
fn call_id() -> String {
    use std::hash::BuildHasher;
    let mut number = std::collections::hash_map::RandomState::new().hash_one(1u8);
    let digits = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let digit = |_| {
        let digit = digits[(number % 36) as usize];
        number /= 36;
        char::from(digit)
    };
    (0..9).map(digit).collect()
}
