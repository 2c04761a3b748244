//! Runs one request to its end; Ctrl-C cancels it.

use crate::interrupt;
use ecq::runtime::{Engine, EventKind, FinishReason, LogProbs, Request, RuntimeError, Usage};

/// The result of a request.
pub struct Completed {
    pub sequences: Vec<Sequence>,
    /// Peak size of the KV cache in bytes.
    pub cache_bytes: u64,
}

/// A completion of the prompt.
pub struct Sequence {
    pub tokens: Vec<u32>,
    pub text: String,
    /// One entry per token if requested, else empty.
    pub log_probs: Vec<LogProbs>,
    pub reason: FinishReason,
    pub usage: Usage,
}

/// Steps the engine until all sequences of a request have ended. `show` receives the index of a sequence and
/// each piece of its text.
///
/// Unlike [`Engine::complete`], Ctrl-C also cancels the processing of a long prompt.
pub fn complete(
    engine: &mut Engine,
    request: Request,
    mut show: impl FnMut(usize, &str),
) -> Result<Completed, RuntimeError> {
    let empty = || Sequence {
        tokens: Vec::new(),
        text: String::new(),
        log_probs: Vec::new(),
        reason: FinishReason::Cancelled,
        usage: Usage::default(),
    };
    let mut sequences: Vec<Sequence> = (0..request.sequences.max(1)).map(|_| empty()).collect();
    let id = engine.submit(request)?;
    let mut running = sequences.len();
    while running > 0 {
        if interrupt::take() {
            engine.cancel(id);
        }
        for event in engine.step() {
            let sequence = &mut sequences[event.sequence];
            match event.kind {
                EventKind::PromptLogits { .. } | EventKind::PromptStates { .. } => {}
                EventKind::Token { token, text, log_probs } => {
                    show(event.sequence, &text);
                    sequence.tokens.push(token);
                    sequence.text.push_str(&text);
                    sequence.log_probs.extend(log_probs);
                }
                EventKind::Finished { reason, text, usage, .. } => {
                    show(event.sequence, &text);
                    sequence.text.push_str(&text);
                    (sequence.reason, sequence.usage) = (reason, usage);
                    running -= 1;
                }
                EventKind::Failed { error, .. } => return Err(RuntimeError::Shared(error)),
            }
        }
    }
    Ok(Completed { sequences, cache_bytes: engine.executor().peak_cache_bytes() })
}
