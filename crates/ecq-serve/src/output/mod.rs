//! What a model writes, as events: text, reasoning, tool calls. One state machine makes them, whatever the
//! route and however the text is split into pieces; an answer that is not streamed is the fold of them.

mod reasoning;
mod seeker;
mod sequence;
#[cfg(test)]
mod tests;
mod tools;

pub use reasoning::END as END_OF_REASONING;
pub use reasoning::Reasoning;
pub use sequence::SequenceOutput;
pub use tools::{Dialect, Forced, Tool, ToolParser, schema};

use ecq_runtime::{LogProbs, Tokenizer, Usage};

/// An event of one sequence of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// A token with its log-probabilities; precedes the text that it completes.
    Token(TokenInfo),
    /// Text of the answer.
    Text(String),
    /// Text of the reasoning that precedes the answer.
    Reasoning(String),
    /// A tool call begins.
    ToolStart {
        /// Index of the call in the answer.
        index: usize,
        /// Identifier of the call: nine letters and digits, the only form that all chat templates accept.
        id: String,
        /// Name of the tool.
        name: String,
    },
    /// Part of the arguments of the last tool call: JSON text.
    ToolArguments {
        /// Index of the call in the answer.
        index: usize,
        /// The next part.
        text: String,
    },
    /// The sequence ended.
    Finish(Finish),
}

/// The end of a sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Finish {
    /// The reason.
    pub reason: FinishKind,
    /// The stop string that ended the text.
    pub stop: Option<String>,
    /// Token counts.
    pub usage: Usage,
}

/// Why a sequence ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishKind {
    /// The model ended its answer.
    End,
    /// A stop string was reached.
    StopString,
    /// The maximum number of tokens or the context was reached.
    Length,
    /// The answer consists of tool calls.
    ToolCalls,
}

/// A token and its log-probabilities.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenInfo {
    pub(crate) token: TokenText,
    /// The most likely tokens.
    pub(crate) top: Vec<TokenText>,
}

/// A token as text and bytes, which may be part of a character.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenText {
    pub(crate) text: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) log_prob: f32,
}

impl TokenInfo {
    /// Describes a token.
    pub fn new(tokenizer: &Tokenizer, token: u32, found: &LogProbs) -> Self {
        let of = |(id, log_prob): (u32, f32)| {
            let special = || tokenizer.token_text(id).unwrap_or_default().into_bytes();
            let bytes = tokenizer.token_bytes(id).unwrap_or_else(special);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            // JSON has no infinity.
            TokenText { text, bytes, log_prob: log_prob.max(-9999.0) }
        };
        Self { token: of((token, found.token)), top: found.top.iter().copied().map(of).collect() }
    }
}

/// Collects events and joins those that belong together.
#[derive(Debug, Default)]
pub struct Outputs(Vec<Output>);

impl Outputs {
    /// Adds an event.
    pub fn push(&mut self, output: Output) {
        match (self.0.last_mut(), output) {
            (Some(Output::Text(last)), Output::Text(text)) => last.push_str(&text),
            (Some(Output::Reasoning(last)), Output::Reasoning(text)) => last.push_str(&text),
            (
                Some(Output::ToolArguments { index: last, text: before }),
                Output::ToolArguments { index, text },
            ) if *last == index => before.push_str(&text),
            (_, Output::Text(text) | Output::Reasoning(text) | Output::ToolArguments { text, .. })
                if text.is_empty() => {}
            (_, output) => self.0.push(output),
        }
    }

    /// Returns all events.
    pub fn into_vec(self) -> Vec<Output> {
        self.0
    }
}

/// A whole answer: the fold of the events of one sequence.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    pub(crate) text: String,
    pub(crate) reasoning: String,
    pub(crate) calls: Vec<ToolCall>,
    pub(crate) tokens: Vec<TokenInfo>,
    pub(crate) finish: Option<Finish>,
}

/// A whole tool call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    pub(crate) id: String,
    pub(crate) name: String,
    /// JSON text; incomplete if the answer was cut off.
    pub(crate) arguments: String,
}

impl Answer {
    /// Adds an event.
    pub fn add(&mut self, output: Output) {
        match output {
            Output::Token(token) => self.tokens.push(token),
            Output::Text(text) => self.text += &text,
            Output::Reasoning(text) => self.reasoning += &text,
            Output::ToolStart { id, name, .. } => {
                self.calls.push(ToolCall { id, name, arguments: String::new() });
            }
            Output::ToolArguments { index, text } => {
                if let Some(call) = self.calls.get_mut(index) {
                    call.arguments += &text;
                }
            }
            Output::Finish(finish) => self.finish = Some(finish),
        }
    }

    /// The outputs whose fold is this answer.
    pub fn outputs(&self) -> Vec<Output> {
        let mut out = Outputs::default();
        self.tokens.iter().cloned().for_each(|token| out.push(Output::Token(token)));
        out.push(Output::Reasoning(self.reasoning.clone()));
        out.push(Output::Text(self.text.clone()));
        for (index, call) in self.calls.iter().enumerate() {
            out.push(Output::ToolStart { index, id: call.id.clone(), name: call.name.clone() });
            out.push(Output::ToolArguments { index, text: call.arguments.clone() });
        }
        self.finish.iter().cloned().for_each(|finish| out.push(Output::Finish(finish)));
        out.into_vec()
    }
}
