//! Runs one request to completion.

use super::{Engine, Event, EventKind, FinishReason, Request, Usage};
use crate::error::{Result, RuntimeError};
use std::ops::ControlFlow;

/// Result of one sequence of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Generated tokens, without the end token.
    pub tokens: Vec<u32>,
    /// Text of the tokens, up to a stop string.
    pub text: String,
    /// Reason for the end.
    pub reason: FinishReason,
    /// Token counts and times.
    pub usage: Usage,
}

impl Engine {
    /// Submits a request and steps the engine until all of its sequences have ended.
    ///
    /// `on_event` receives each event of the request and cancels it by returning `Break`. Events of other
    /// requests are discarded.
    ///
    /// # Errors
    /// Like [`submit`](Self::submit), or the error of a failed sequence.
    pub fn complete(
        &mut self,
        request: Request,
        mut on_event: impl FnMut(&Event) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>> {
        let count = request.sequences.max(1);
        let id = self.submit(request)?;
        let mut all: Vec<Progress> = (0..count).map(|_| Progress::default()).collect();
        while all.iter().any(|progress| progress.ended.is_none()) {
            for event in self.step() {
                if event.request != id {
                    continue;
                }
                if on_event(&event).is_break() {
                    self.cancel(id);
                }
                all[event.sequence].apply(event.kind)?;
            }
        }
        let end = |Progress { tokens, text, ended }: Progress| {
            ended.map(|(reason, usage)| Completion { tokens, text, reason, usage })
        };
        Ok(all.into_iter().filter_map(end).collect())
    }
}

#[derive(Default)]
struct Progress {
    tokens: Vec<u32>,
    text: String,
    ended: Option<(FinishReason, Usage)>,
}

impl Progress {
    fn apply(&mut self, kind: EventKind) -> Result<()> {
        match kind {
            EventKind::PromptLogits { .. } | EventKind::PromptStates { .. } => {}
            EventKind::Token { token, text, .. } => {
                self.tokens.push(token);
                self.text.push_str(&text);
            }
            EventKind::Finished { reason, text, usage, .. } => {
                self.text.push_str(&text);
                self.ended = Some((reason, usage));
            }
            EventKind::Failed { error, .. } => return Err(RuntimeError::from_shared(error)),
        }
        Ok(())
    }
}
