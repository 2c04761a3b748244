//! Text, token by token.

use crate::error::{Result, RuntimeError};
use crate::model::Session;
use crate::sample::Sampler;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// What was generated, and how fast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The new tokens; one that ended the text is not among them.
    pub tokens: Vec<u32>,
    /// Tokens that were there before.
    pub prompt_tokens: usize,
    /// Time to the logits after the prompt.
    pub prefill: Duration,
    /// Tokens of the prompt that had to be run (others were in the session).
    pub prefilled: usize,
    /// Time of all steps after it.
    pub decode: Duration,
    /// Steps after the prompt.
    pub steps: usize,
    /// Why it ended.
    pub stop: Stop,
}

/// Why a text ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The model ended it.
    End,
    /// There are as many tokens as were asked for.
    Length,
    /// The context is full.
    Context,
    /// The listener asked to.
    Interrupted,
}

impl Generated {
    /// Tokens of the prompt per second.
    pub fn prefill_tokens_per_s(&self) -> f64 {
        rate(self.prefilled, self.prefill)
    }

    /// New tokens per second, the prompt's time left out.
    pub fn decode_tokens_per_s(&self) -> f64 {
        rate(self.steps, self.decode)
    }
}

fn rate(tokens: usize, time: Duration) -> f64 {
    if tokens == 0 { 0.0 } else { tokens as f64 / time.as_secs_f64().max(1e-9) }
}

/// Continues `prompt` in a session by up to `most` tokens; `listener` hears each new token.
///
/// What the session holds of the prompt already is not run again.
///
/// # Errors
/// When the prompt is empty or does not fit, or the weights turn out to be damaged.
pub fn generate(
    session: &mut Session,
    prompt: &[u32],
    sampler: &mut Sampler,
    most: usize,
    end_tokens: &[u32],
    mut listener: impl FnMut(u32) -> ControlFlow<()>,
) -> Result<Generated> {
    let known = session.tokens().iter().zip(prompt).take_while(|(a, b)| a == b).count();
    // The last token runs in any case: its logits are wanted.
    session.truncate(known.min(prompt.len().saturating_sub(1)));
    let start = Instant::now();
    let prefilled = prompt.len() - session.tokens().len();
    let mut logits = session.feed(&prompt[session.tokens().len()..])?;
    let prefill = start.elapsed();
    let start = Instant::now();
    let (mut tokens, mut steps) = (Vec::new(), 0);
    let stop = loop {
        if tokens.len() == most {
            break Stop::Length;
        }
        let position = session.tokens().len() - 1;
        let token = sampler.choose(&logits, session.tokens()).ok_or(RuntimeError::NotFinite { position })?;
        if end_tokens.contains(&token) {
            break Stop::End;
        }
        tokens.push(token);
        if listener(token).is_break() {
            break Stop::Interrupted;
        }
        if tokens.len() == most {
            break Stop::Length;
        }
        if session.tokens().len() == session.context() {
            break Stop::Context;
        }
        logits = session.feed(&[token])?;
        steps += 1;
    };
    let (prompt_tokens, decode) = (prompt.len(), start.elapsed());
    Ok(Generated { tokens, prompt_tokens, prefill, prefilled, decode, steps, stop })
}
