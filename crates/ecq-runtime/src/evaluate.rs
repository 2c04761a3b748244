//! Perplexity of a model on a text, and KL divergence from a reference model.

use crate::engine::{Engine, EventKind, PromptOutput, Request};
use crate::error::{Result, RuntimeError};
use ecq_kernels::cpu::{exponential_sums, largest};
use rayon::prelude::*;

/// Options of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvalOptions {
    /// Tokens per window, `begin` included. Windows do not overlap and share no context.
    pub window: usize,
    /// Maximum number of text tokens to use.
    pub max_tokens: usize,
}

/// A mean over tokens and its standard error, computed as if tokens were independent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub stderr: f64,
}

/// Result of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Number of predicted tokens.
    pub tokens: usize,
    /// Number of windows.
    pub windows: usize,
    /// Negative log-likelihood in nats per token.
    pub nll: Mean,
    /// KL(reference || model) in nats per token; `None` without a reference.
    pub kl: Option<Mean>,
    /// Fraction of tokens for which both models have the same most likely token; `None` without a reference.
    pub top1: Option<Mean>,
}

impl Evaluation {
    /// Returns the perplexity `e^nll`.
    pub fn perplexity(&self) -> Mean {
        let mean = self.nll.mean.exp();
        Mean { mean, stderr: mean * self.nll.stderr }
    }
}

/// Evaluates models on a text and compares them with a reference, which runs once for all of them.
///
/// Each window consists of `begin` (the tokens that the tokenizer puts before a text) and the next text
/// tokens. Every text token with a predecessor in its window is predicted.
///
/// # Errors
/// If the text is too short, the window exceeds the context, or the vocabularies differ.
pub fn evaluate(
    engines: &mut [Engine],
    reference: Option<&mut Engine>,
    begin: &[u32],
    text: &[u32],
    options: EvalOptions,
) -> Result<Vec<Evaluation>> {
    evaluate_with_progress(engines, reference, begin, text, options, &mut |_, _| {})
}

/// Like [`evaluate`]; after each window `progress` receives the number of text tokens done and the total.
///
/// # Errors
/// Like [`evaluate`].
pub fn evaluate_with_progress(
    engines: &mut [Engine],
    reference: Option<&mut Engine>,
    begin: &[u32],
    text: &[u32],
    options: EvalOptions,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<Evaluation>> {
    let Some(vocabulary) = engines.first().map(|engine| engine.model().config().vocabulary) else {
        return Ok(Vec::new());
    };
    for other in engines.iter().chain(reference.as_deref()) {
        let reference = other.model().config().vocabulary;
        if reference != vocabulary {
            return Err(RuntimeError::VocabularyMismatch { reference, model: vocabulary });
        }
    }
    let text = &text[..text.len().min(options.max_tokens)];
    let step = options.window.saturating_sub(begin.len());
    if step < 2 || text.len() + begin.len() < 2 {
        return Err(RuntimeError::InvalidInput("the text or the window is too short to predict a token"));
    }
    let mut sums: Vec<Sums> = engines.iter().map(|_| Sums::default()).collect();
    let mut windows = 0;
    let compared = reference.is_some();
    let mut queues: Vec<LogitsQueue> = engines.iter_mut().chain(reference).map(LogitsQueue::new).collect();
    for part in text.chunks(step) {
        let window = [begin, part].concat();
        if window.len() < 2 {
            break;
        }
        windows += 1;
        // The last token has no successor to predict.
        let inputs = &window[..window.len() - 1];
        for queue in &mut queues {
            let request = Request { prompt_output: PromptOutput::Logits, ..Request::new(inputs.to_vec(), 0) };
            queue.engine.submit(request)?;
        }
        let mut at = 0;
        while at < inputs.len() {
            let mut rows = inputs.len() - at;
            for queue in &mut queues {
                rows = rows.min(queue.fill(vocabulary)?);
            }
            let (model, reference) = queues.split_at(sums.len());
            let reference = reference.first().map(|queue| queue.logits.as_slice());
            for (queue, sums) in model.iter().zip(&mut sums) {
                let one = |i: usize| {
                    let row = i * vocabulary..(i + 1) * vocabulary;
                    score_token(
                        window[at + i + 1],
                        &queue.logits[row.clone()],
                        reference.map(|reference| &reference[row]),
                    )
                };
                let all: Vec<TokenScore> = (0..rows).into_par_iter().map(one).collect();
                for (position, compared) in (at..).zip(all) {
                    if !compared.nll.is_finite() {
                        return Err(RuntimeError::NotFinite { position });
                    }
                    if position + 1 >= begin.len() {
                        sums.nll.add(compared.nll);
                        sums.kl.add(compared.kl);
                        sums.top1.add(f64::from(u8::from(compared.same)));
                    }
                }
            }
            queues.iter_mut().for_each(|queue| drop(queue.logits.drain(..rows * vocabulary)));
            at += rows;
        }
        progress((windows * step).min(text.len()), text.len());
    }
    let evaluation = |Sums { nll, kl, top1 }: Sums| Evaluation {
        tokens: nll.n,
        windows,
        nll: nll.mean(),
        kl: compared.then(|| kl.mean()),
        top1: compared.then(|| top1.mean()),
    };
    Ok(sums.into_iter().map(evaluation).collect())
}

/// Logits of an engine that have not been compared yet.
struct LogitsQueue<'a> {
    engine: &'a mut Engine,
    logits: Vec<f32>,
}

impl<'a> LogitsQueue<'a> {
    fn new(engine: &'a mut Engine) -> Self {
        Self { engine, logits: Vec::new() }
    }

    /// Steps the engine until logits are available; returns the number of rows.
    fn fill(&mut self, vocabulary: usize) -> Result<usize> {
        while self.logits.is_empty() && !self.engine.is_idle() {
            for event in self.engine.step() {
                match event.kind {
                    EventKind::PromptLogits { logits, .. } => self.logits.extend(logits),
                    EventKind::Failed { error, .. } => return Err(RuntimeError::from_shared(error)),
                    EventKind::PromptStates { .. } | EventKind::Token { .. } | EventKind::Finished { .. } => {
                    }
                }
            }
        }
        match self.logits.len() / vocabulary {
            0 => Err(RuntimeError::InvalidInput("the window exceeds the context")),
            rows => Ok(rows),
        }
    }
}

/// Running means over tokens.
#[derive(Default)]
struct Sums {
    nll: RunningMean,
    kl: RunningMean,
    top1: RunningMean,
}

struct TokenScore {
    nll: f64,
    kl: f64,
    same: bool,
}

/// Scores the prediction of `next`.
///
/// With `p` the reference's probabilities, and `R` and `M` the log-sum-exp of `reference` and `model`, KL =
/// sum of `p (reference - model)` - (R - M).
fn score_token(next: u32, model: &[f32], reference: Option<&[f32]>) -> TokenScore {
    let model_max = largest(model);
    let [sum, _] = exponential_sums(model, model_max, model);
    let model_log_sum = f64::from(model_max) + sum.ln();
    let nll = model_log_sum - f64::from(model[next as usize]);
    let Some(reference) = reference else { return TokenScore { nll, kl: 0.0, same: true } };
    let reference_max = largest(reference);
    let [sum, differences] = exponential_sums(reference, reference_max, model);
    let reference_log_sum = f64::from(reference_max) + sum.ln();
    let first = |logits: &[f32], max: f32| logits.iter().position(|&l| l == max);
    let same = first(model, model_max) == first(reference, reference_max);
    TokenScore { nll, kl: differences / sum - (reference_log_sum - model_log_sum), same }
}

/// KL divergence from a reference and agreement with it, over tokens whose logits are compared.
#[derive(Debug, Default)]
pub struct LogitsComparison {
    kl: RunningMean,
    top1: RunningMean,
}

impl LogitsComparison {
    /// Adds the logits of tokens, `[tokens, vocabulary]` each.
    pub fn add(&mut self, reference: &[f32], model: &[f32], vocabulary: usize) {
        let rows = reference.par_chunks_exact(vocabulary).zip(model.par_chunks_exact(vocabulary));
        let scores: Vec<TokenScore> =
            rows.map(|(reference, model)| score_token(0, model, Some(reference))).collect();
        for score in scores {
            self.kl.add(score.kl);
            self.top1.add(f64::from(u8::from(score.same)));
        }
    }

    /// Number of compared tokens.
    pub fn tokens(&self) -> usize {
        self.kl.n
    }

    /// KL(reference || model) in nats per token.
    pub fn kl(&self) -> Mean {
        self.kl.mean()
    }

    /// Fraction of tokens for which both models have the same most likely token.
    pub fn top1(&self) -> Mean {
        self.top1.mean()
    }
}

/// Running mean and variance (Welford, 1962).
#[derive(Debug, Default)]
struct RunningMean {
    n: usize,
    mean: f64,
    squares: f64,
}

impl RunningMean {
    fn add(&mut self, value: f64) {
        self.n += 1;
        let before = value - self.mean;
        self.mean += before / self.n as f64;
        self.squares += before * (value - self.mean);
    }

    fn mean(&self) -> Mean {
        let n = self.n as f64;
        let stderr = if self.n < 2 { f64::NAN } else { (self.squares / (n - 1.0) / n).sqrt() };
        Mean { mean: self.mean, stderr }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_kl_match_their_formulas() {
        let mut sum = RunningMean::default();
        [1.0, 2.0, 4.0, 9.0].into_iter().for_each(|v| sum.add(v));
        let Mean { mean, stderr } = sum.mean();
        assert!((mean - 4.0).abs() < 1e-12 && (stderr - (38.0f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12);
        // p = (1/2, 1/4, 1/4), q uniform: KL = ln 3 - 3/2 ln 2.
        let (p, q) = ([4f32.ln(), 2f32.ln(), 2f32.ln()], [7.0; 3]);
        let compared = score_token(1, &q, Some(&p));
        assert!((compared.nll - 3f64.ln()).abs() < 1e-7);
        assert!((compared.kl - (3f64.ln() - 1.5 * 2f64.ln())).abs() < 1e-7);
        assert!(compared.same);
        assert!(!score_token(1, &[0.0, 1.0, 0.0], Some(&p)).same);
        let mut comparison = LogitsComparison::default();
        comparison.add(&[p, p].concat(), &[q, p].concat(), 3);
        assert_eq!((comparison.tokens(), comparison.top1().mean), (2, 1.0));
        assert!((comparison.kl().mean - compared.kl / 2.0).abs() < 1e-12);
    }
}
