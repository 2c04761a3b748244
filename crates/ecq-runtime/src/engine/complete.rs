//! One request from its beginning to its end.

use super::{Engine, Event, EventKind, FinishReason, Request, Usage};
use crate::error::{Result, RuntimeError};
use std::ops::ControlFlow;

/// A sequence of a request when it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The new tokens; one that ended the text is not among them.
    pub tokens: Vec<u32>,
    /// Their text, up to a stop string.
    pub text: String,
    /// Why it ended.
    pub reason: FinishReason,
    /// What it took.
    pub usage: Usage,
}

impl Engine {
    /// Takes a request and steps until all of its sequences have ended; `on_event` hears of each event of it,
    /// and may cancel it. What happens to other requests meanwhile is not heard.
    ///
    /// # Errors
    /// As [`submit`](Self::submit), or when the model turns out to be damaged.
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
            EventKind::PromptLogits { .. } => {}
            EventKind::Token { token, text, .. } => {
                self.tokens.push(token);
                self.text.push_str(&text);
            }
            EventKind::Finished { reason, text, usage } => {
                self.text.push_str(&text);
                self.ended = Some((reason, usage));
            }
            EventKind::Failed { error, .. } => return Err(RuntimeError::from_shared(error)),
        }
        Ok(())
    }
}
