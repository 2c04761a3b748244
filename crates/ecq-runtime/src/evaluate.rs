//! How well a model predicts a text, and how far it is from another model.

use crate::error::{Result, RuntimeError};
use crate::model::Session;
use rayon::prelude::*;

/// Tokens whose logits are held at once.
const ROWS: usize = 32;

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

/// Evaluates a model on a text, and compares it with a reference.
///
/// Each window is `begin` (what the tokenizer puts in front of a text) and the next tokens of the text; predicted are all of
/// these that have a token before them.
///
/// # Errors
/// When the text is too short, the window does not fit the context, or the vocabularies differ.
pub fn evaluate(
    session: &mut Session,
    mut reference: Option<&mut Session>,
    begin: &[u32],
    text: &[u32],
    options: EvalOptions,
) -> Result<Evaluation> {
    if let Some(reference) = &reference {
        let (reference, model) = (reference.model().config().vocabulary, session.model().config().vocabulary);
        if reference != model {
            return Err(RuntimeError::Vocabularies { reference, model });
        }
    }
    let text = &text[..text.len().min(options.most_tokens)];
    let step = options.window.saturating_sub(begin.len());
    if step < 2 || text.len() + begin.len() < 2 {
        return Err(RuntimeError::Empty("the text or the window is too short: there is no token to predict"));
    }
    let (mut nll, mut kl, mut top1) = (Sum::default(), Sum::default(), Sum::default());
    let mut windows = 0;
    for part in text.chunks(step) {
        let window = [begin, part].concat();
        if window.len() < 2 {
            break;
        }
        windows += 1;
        session.truncate(0);
        if let Some(reference) = &mut reference {
            reference.truncate(0);
        }
        // The last token predicts nothing, the tokens of `begin` are not predicted.
        let mut at = 0;
        for inputs in window[..window.len() - 1].chunks(ROWS) {
            let theirs = reference.as_mut().map(|reference| rows(reference, inputs)).transpose()?;
            let ours = rows(session, inputs)?;
            let compared: Vec<Compared> = (0..inputs.len())
                .into_par_iter()
                .map(|i| compare(window[at + i + 1], &ours[i], theirs.as_ref().map(|theirs| &*theirs[i])))
                .collect();
            for (i, compared) in compared.into_iter().enumerate() {
                if !compared.nll.is_finite() {
                    return Err(RuntimeError::NotFinite { position: at + i });
                }
                if at + i + 1 >= begin.len() {
                    nll.add(compared.nll);
                    kl.add(compared.kl);
                    top1.add(f64::from(u8::from(compared.same)));
                }
            }
            at += inputs.len();
        }
    }
    let compared = reference.is_some();
    Ok(Evaluation {
        tokens: nll.n,
        windows,
        nll: nll.mean(),
        kl: compared.then(|| kl.mean()),
        top1: compared.then(|| top1.mean()),
    })
}

fn rows(session: &mut Session, tokens: &[u32]) -> Result<Vec<Vec<f32>>> {
    let mut rows = Vec::new();
    session.feed_all(tokens, |_, logits| rows.push(logits.to_vec()))?;
    Ok(rows)
}

struct Compared {
    nll: f64,
    kl: f64,
    same: bool,
}

fn compare(next: u32, ours: &[f32], theirs: Option<&[f32]>) -> Compared {
    let log_sum = |logits: &[f32]| {
        let most = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        most + logits.iter().map(|&l| (f64::from(l) - most).exp()).sum::<f64>().ln()
    };
    let our_sum = log_sum(ours);
    let nll = our_sum - f64::from(ours[next as usize]);
    let Some(theirs) = theirs else { return Compared { nll, kl: 0.0, same: true } };
    let their_sum = log_sum(theirs);
    let one = |(&ours, &theirs): (&f32, &f32)| {
        let (q, p) = (f64::from(ours) - our_sum, f64::from(theirs) - their_sum);
        p.exp() * (p - q)
    };
    let best = |logits: &[f32]| {
        let better = |best: usize, i: usize| if logits[i] > logits[best] { i } else { best };
        (0..logits.len()).reduce(better)
    };
    Compared { nll, kl: ours.iter().zip(theirs).map(one).sum(), same: best(ours) == best(theirs) }
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
