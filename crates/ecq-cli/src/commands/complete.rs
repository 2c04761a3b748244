//! One request from its beginning to its end, which Ctrl-C brings forward.

use crate::interrupt;
use ecq::runtime::{Engine, EventKind, FinishReason, LogProbs, Request, RuntimeError, Usage};

/// What came of a request.
pub struct Completed {
    pub sequences: Vec<Sequence>,
    /// The most that keys and values took after a step.
    pub cache_bytes: u64,
}

/// A continuation of the prompt.
pub struct Sequence {
    pub tokens: Vec<u32>,
    pub text: String,
    /// One for each token, if they were asked for.
    pub log_probs: Vec<LogProbs>,
    pub reason: FinishReason,
    pub usage: Usage,
}

/// Steps an engine until all sequences of a request have ended; `show` gets each piece of text and the number
/// of its sequence.
///
/// [`Engine::complete`] hears nothing while a long prompt runs; Ctrl-C is to end that too.
pub fn complete(
    engine: &mut Engine,
    request: Request,
    mut show: impl FnMut(usize, &str),
) -> Result<Completed, RuntimeError> {
    let begun = || Sequence {
        tokens: Vec::new(),
        text: String::new(),
        log_probs: Vec::new(),
        reason: FinishReason::Cancelled,
        usage: Usage::default(),
    };
    let mut sequences: Vec<Sequence> = (0..request.sequences.max(1)).map(|_| begun()).collect();
    let id = engine.submit(request)?;
    let mut running = sequences.len();
    while running > 0 {
        if interrupt::take() {
            engine.cancel(id);
        }
        for event in engine.step() {
            let sequence = &mut sequences[event.sequence];
            match event.kind {
                EventKind::PromptLogits { .. } => {}
                EventKind::Token { token, text, log_probs } => {
                    show(event.sequence, &text);
                    sequence.tokens.push(token);
                    sequence.text.push_str(&text);
                    sequence.log_probs.extend(log_probs);
                }
                EventKind::Finished { reason, text, usage } => {
                    show(event.sequence, &text);
                    sequence.text.push_str(&text);
                    (sequence.reason, sequence.usage) = (reason, usage);
                    running -= 1;
                }
                EventKind::Failed { error, .. } => return Err(RuntimeError::Shared(error)),
            }
        }
        // A sequence that has ended holds nothing any more.
    }
    Ok(Completed { sequences, cache_bytes: engine.executor().peak_cache_bytes() })
}
