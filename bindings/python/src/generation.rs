//! Generated texts.

use crate::error::OrRaise;
use pyo3::prelude::*;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Log-probabilities of a generated token.
#[pyclass(frozen, get_all, module = "ecq")]
#[derive(Clone)]
pub struct TokenLogProbs {
    token: u32,
    log_prob: f32,
    top: Vec<(u32, f32)>,
}

#[pymethods]
impl TokenLogProbs {
    fn __repr__(&self) -> String {
        format!("<ecq.TokenLogProbs token {}: {}>", self.token, self.log_prob)
    }
}

/// A generated text.
#[pyclass(frozen, get_all, module = "ecq")]
pub struct Completion {
    text: String,
    tokens: Vec<u32>,
    finish_reason: &'static str,
    log_probs: Vec<TokenLogProbs>,
    prompt_tokens: usize,
    cached_tokens: usize,
    prefill_tokens_per_s: f64,
    decode_tokens_per_s: f64,
}

#[pymethods]
impl Completion {
    fn __str__(&self) -> &str {
        &self.text
    }

    fn __repr__(&self) -> String {
        let Self { text, tokens, finish_reason, .. } = self;
        format!("<ecq.Completion {text:?}, {} tokens, {finish_reason}>", tokens.len())
    }
}

impl Completion {
    /// Reads a generation to its end. Signals are handled between tokens.
    pub fn read(py: Python<'_>, mut generation: ecq::Generation) -> PyResult<Self> {
        let mut text = String::new();
        while let Some(piece) = next(py, || generation.next())? {
            text += &piece;
        }
        let usage = generation.usage();
        Ok(Self {
            text,
            tokens: generation.tokens().to_vec(),
            finish_reason: reason(&generation).unwrap_or("cancelled"),
            log_probs: log_probs(&generation),
            prompt_tokens: usage.prompt_tokens,
            cached_tokens: usage.cached_tokens,
            prefill_tokens_per_s: usage.prefill_tokens_per_s(),
            decode_tokens_per_s: usage.decode_tokens_per_s(),
        })
    }
}

/// A text that is being generated: an iterator of its pieces.
#[pyclass(frozen, module = "ecq")]
pub struct Stream {
    generation: Mutex<ecq::Generation>,
}

impl Stream {
    pub fn new(generation: ecq::Generation) -> Self {
        Self { generation: Mutex::new(generation) }
    }

    /// Waits for another thread that reads the stream; must not be called while attached.
    fn lock(&self) -> MutexGuard<'_, ecq::Generation> {
        self.generation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T: Send>(&self, py: Python<'_>, of: impl FnOnce(&mut ecq::Generation) -> T + Send) -> T {
        py.detach(|| of(&mut self.lock()))
    }
}

#[pymethods]
impl Stream {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<String>> {
        // A token within a character has no text.
        while let Some(piece) = next(py, || self.lock().next())? {
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    fn cancel(&self, py: Python<'_>) {
        self.with(py, ecq::Generation::cancel);
    }

    #[getter]
    fn tokens(&self, py: Python<'_>) -> Vec<u32> {
        self.with(py, |generation| generation.tokens().to_vec())
    }

    #[getter]
    fn log_probs(&self, py: Python<'_>) -> Vec<TokenLogProbs> {
        self.with(py, |generation| log_probs(generation))
    }

    #[getter]
    fn finish_reason(&self, py: Python<'_>) -> Option<&'static str> {
        self.with(py, |generation| reason(generation))
    }
}

/// Handles signals, then runs the model until the next piece of text, detached from the interpreter.
fn next(
    py: Python<'_>,
    piece: impl FnOnce() -> Option<ecq::Result<String>> + Send,
) -> PyResult<Option<String>> {
    py.check_signals()?;
    py.detach(piece).transpose().or_raise()
}

fn reason(generation: &ecq::Generation) -> Option<&'static str> {
    generation.finish_reason().map(ecq::FinishReason::name)
}

fn log_probs(generation: &ecq::Generation) -> Vec<TokenLogProbs> {
    let of_tokens = generation.tokens().iter().zip(generation.log_probs());
    of_tokens
        .map(|(&token, found)| TokenLogProbs { token, log_prob: found.token, top: found.top.clone() })
        .collect()
}
