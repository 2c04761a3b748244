//! How well a model predicts a text, and how far it is from another model.

use crate::error::{Result, RuntimeError};
use crate::model::Session;
use rayon::prelude::*;

/// What a text is cut into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvalOptions {
    /// Tokens of a window; windows do not overlap and know nothing of each other.
    pub window: usize,
    /// Tokens of the text that are read at most.
    pub most_tokens: usize,
}

/// A mean over tokens and its standard error, taken as if tokens were independent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub stderr: f64,
}

/// How well a model predicts a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Tokens that were predicted.
    pub tokens: usize,
    /// Windows that they lie in.
    pub windows: usize,
    /// Negative log-likelihood in nats per token.
    pub nll: Mean,
    /// KL(reference || model) in nats per token.
    pub kl: Option<Mean>,
    /// How often both think the same token likeliest.
    pub top1: Option<Mean>,
}

impl Evaluation {
    /// `e^nll`.
    pub fn perplexity(&self) -> Mean {
        let mean = self.nll.mean.exp();
        Mean { mean, stderr: mean * self.nll.stderr }
    }
}

/// Evaluates models on a text, and compares them with a reference, which runs once for all of them.
///
/// Each window is `begin` (what the tokenizer puts in front of a text) and the next tokens of the text; predicted are all of
/// these that have a token before them.
///
/// # Errors
/// When the text is too short, the window does not fit the context, or the vocabularies differ.
pub fn evaluate(
    sessions: &mut [Session],
    mut reference: Option<&mut Session>,
    begin: &[u32],
    text: &[u32],
    options: EvalOptions,
) -> Result<Vec<Evaluation>> {
    let Some(vocabulary) = sessions.first().map(|session| session.model().config().vocabulary) else {
        return Ok(Vec::new());
    };
    for other in sessions.iter().chain(reference.as_deref()) {
        let reference = other.model().config().vocabulary;
        if reference != vocabulary {
            return Err(RuntimeError::Vocabularies { reference, model: vocabulary });
        }
    }
    let text = &text[..text.len().min(options.most_tokens)];
    let step = options.window.saturating_sub(begin.len());
    if step < 2 || text.len() + begin.len() < 2 {
        return Err(RuntimeError::Empty("the text or the window is too short: there is no token to predict"));
    }
    if let Some(&token) = begin.iter().chain(text).find(|&&token| token as usize >= vocabulary) {
        return Err(RuntimeError::Token { token, vocabulary });
    }
    let mut sums: Vec<Sums> = sessions.iter().map(|_| Sums::default()).collect();
    let mut windows = 0;
    let all = || sessions.iter().chain(reference.as_deref());
    let pass_rows = all().map(Session::pass_rows).min().unwrap_or(1);
    let logits_rows = all().map(Session::logits_rows).min().unwrap_or(1);
    // Logits of some rows, `[rows][vocabulary]`.
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for part in text.chunks(step) {
        let window = [begin, part].concat();
        if window.len() < 2 {
            break;
        }
        windows += 1;
        sessions.iter_mut().chain(reference.as_deref_mut()).for_each(|session| session.truncate(0));
        // The last token predicts nothing, the tokens of `begin` are not predicted.
        let mut at = 0;
        for inputs in window[..window.len() - 1].chunks(pass_rows) {
            for session in sessions.iter_mut().chain(reference.as_deref_mut()) {
                session.append(inputs)?;
            }
            for first in (0..inputs.len()).step_by(logits_rows) {
                let rows = first..inputs.len().min(first + logits_rows);
                if let Some(reference) = &mut reference {
                    reference.logits(rows.clone(), &mut theirs)?;
                }
                for (session, sums) in sessions.iter_mut().zip(&mut sums) {
                    session.logits(rows.clone(), &mut ours)?;
                    let one = |i: usize| {
                        let row = i * vocabulary..(i + 1) * vocabulary;
                        compare(window[at + rows.start + i + 1], &ours[row.clone()], theirs.get(row))
                    };
                    let compared: Vec<Compared> = (0..rows.len()).into_par_iter().map(one).collect();
                    for (position, compared) in (at + rows.start..).zip(compared) {
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
            }
            at += inputs.len();
        }
    }
    let compared = reference.is_some();
    let evaluation = |Sums { nll, kl, top1 }: Sums| Evaluation {
        tokens: nll.n,
        windows,
        nll: nll.mean(),
        kl: compared.then(|| kl.mean()),
        top1: compared.then(|| top1.mean()),
    };
    Ok(sums.into_iter().map(evaluation).collect())
}

/// What is summed up over tokens.
#[derive(Default)]
struct Sums {
    nll: Sum,
    kl: Sum,
    top1: Sum,
}

struct Compared {
    nll: f64,
    kl: f64,
    same: bool,
}

/// With `T` and `O` the logarithms of the sums of `e^theirs` and `e^ours`, and `p` the reference's probabilities,
/// KL = sum of `p (theirs - ours)` - (T - O).
fn compare(next: u32, ours: &[f32], theirs: Option<&[f32]>) -> Compared {
    let most = |logits: &[f32]| f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let our_most = most(ours);
    let our_sum = our_most + ours.iter().map(|&l| (f64::from(l) - our_most).exp()).sum::<f64>().ln();
    let nll = our_sum - f64::from(ours[next as usize]);
    let Some(theirs) = theirs else { return Compared { nll, kl: 0.0, same: true } };
    let their_most = most(theirs);
    let (mut sum, mut differences) = (0.0, 0.0);
    for (&ours, &theirs) in ours.iter().zip(theirs) {
        let weight = (f64::from(theirs) - their_most).exp();
        sum += weight;
        differences += weight * (f64::from(theirs) - f64::from(ours));
    }
    let their_sum = their_most + sum.ln();
    let first = |logits: &[f32], most: f64| logits.iter().position(|&l| f64::from(l) == most);
    let same = first(ours, our_most) == first(theirs, their_most);
    Compared { nll, kl: differences / sum - (their_sum - our_sum), same }
}

/// A running mean and variance (Welford, 1962).
#[derive(Default)]
struct Sum {
    n: usize,
    mean: f64,
    squares: f64,
}

impl Sum {
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
    fn means_and_distances_are_their_formulas() {
        let mut sum = Sum::default();
        [1.0, 2.0, 4.0, 9.0].into_iter().for_each(|v| sum.add(v));
        let Mean { mean, stderr } = sum.mean();
        assert!((mean - 4.0).abs() < 1e-12 && (stderr - (38.0f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12);
        // p = (1/2, 1/4, 1/4), q uniform: the distance is ln 3 - 3/2 ln 2.
        let (p, q) = ([4f32.ln(), 2f32.ln(), 2f32.ln()], [7.0; 3]);
        let compared = compare(1, &q, Some(&p));
        assert!((compared.nll - 3f64.ln()).abs() < 1e-7);
        assert!((compared.kl - (3f64.ln() - 1.5 * 2f64.ln())).abs() < 1e-7);
        assert!(compared.same);
        assert!(!compare(1, &[0.0, 1.0, 0.0], Some(&p)).same);
    }
}
