//! The state machine of one sequence.

use super::reasoning::Part;
use super::{Finish, FinishKind, Output, Outputs, Reasoning, TokenInfo, ToolParser};
use ecq_runtime::{EventKind, FinishReason, Tokenizer};
use std::sync::Arc;

/// Turns the events of the engine for one sequence into outputs.
pub struct SequenceOutput {
    tokenizer: Arc<Tokenizer>,
    reasoning: Option<Reasoning>,
    tools: Option<ToolParser>,
    /// Whether what follows the first call is dropped.
    single_call: bool,
    /// Whether a call has begun.
    called: bool,
    ended: bool,
}

impl SequenceOutput {
    /// `reasoning` and `tools` are absent if the text is passed on as it is.
    pub fn new(
        tokenizer: Arc<Tokenizer>,
        reasoning: Option<Reasoning>,
        tools: Option<ToolParser>,
        single_call: bool,
    ) -> Self {
        Self { tokenizer, reasoning, tools, single_call, called: false, ended: false }
    }

    /// Returns whether the sequence has ended.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Adds an event of the engine.
    pub fn push(&mut self, event: EventKind) -> Vec<Output> {
        let mut out = Outputs::default();
        match event {
            EventKind::Token { token, text, log_probs } => {
                if let Some(found) = log_probs {
                    out.push(Output::Token(TokenInfo::new(&self.tokenizer, token, &found)));
                }
                self.text(&text, &mut out);
            }
            EventKind::Finished { reason, text, stop, usage } => {
                self.text(&text, &mut out);
                self.end_of_text(&mut out);
                let calls = self.tools.as_ref().map_or(0, ToolParser::calls);
                let reason = match reason {
                    FinishReason::MaxTokens | FinishReason::ContextFull => FinishKind::Length,
                    _ if calls > 0 => FinishKind::ToolCalls,
                    FinishReason::StopString => FinishKind::StopString,
                    FinishReason::EndToken | FinishReason::Cancelled => FinishKind::End,
                };
                self.ended = true;
                out.push(Output::Finish(Finish { reason, stop, usage }));
            }
            EventKind::PromptLogits { .. } | EventKind::PromptStates { .. } | EventKind::Failed { .. } => {}
        }
        let mut outputs = out.into_vec();
        if self.single_call {
            let called = &mut self.called;
            outputs.retain(|output| match output {
                Output::ToolStart { index, .. } | Output::ToolArguments { index, .. } => {
                    *called = true;
                    *index == 0
                }
                Output::Text(_) => !*called,
                _ => true,
            });
        }
        outputs
    }

    fn text(&mut self, text: &str, out: &mut Outputs) {
        let tools = &mut self.tools;
        let Some(reasoning) = &mut self.reasoning else { return answer(tools, text, out) };
        reasoning.push(text, |part| add(tools, part, out));
    }

    fn end_of_text(&mut self, out: &mut Outputs) {
        let tools = &mut self.tools;
        if let Some(reasoning) = &mut self.reasoning {
            reasoning.finish(|part| add(tools, part, out));
        }
        if let Some(tools) = tools {
            tools.finish(out);
        }
    }
}

fn add(tools: &mut Option<ToolParser>, part: Part, out: &mut Outputs) {
    match part {
        Part::Reasoning(text) => out.push(Output::Reasoning(text)),
        Part::Answer(text) => answer(tools, &text, out),
    }
}

fn answer(tools: &mut Option<ToolParser>, text: &str, out: &mut Outputs) {
    match tools {
        Some(tools) => tools.push(text, out),
        None => out.push(Output::Text(text.to_owned())),
    }
}
