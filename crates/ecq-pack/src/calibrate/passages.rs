//! Calibration text as sequences of tokens: passages of given texts, or text that the model writes.

use super::written::Writer;
use super::{CalibrationOptions, CalibrationText};
use crate::error::{PackError, Result};
use crate::progress::Progress;
use ecq_runtime::{Checkpoint, Tokenizer};

/// Tokens of calibration text, in sequences of equal length.
#[derive(Debug, Clone)]
pub struct Sequences {
    /// Tokens per sequence.
    pub length: usize,
    /// The tokens of all sequences, one after another.
    pub tokens: Vec<u32>,
    /// Tokens from which the frequency of each token is estimated; a superset of `tokens`.
    pub frequency_tokens: Vec<u32>,
    /// Seed of the tokens that the backward pass draws.
    pub seed: u64,
}

impl Sequences {
    /// Makes sequences of the text of `options`; each starts with the model's first token, if it has one.
    ///
    /// # Errors
    /// [`PackError::Calibration`] if the texts are too short, [`PackError::Runtime`] if the model has no
    /// tokenizer or cannot generate text, [`PackError::Cancelled`].
    pub(super) fn new(
        checkpoint: &Checkpoint,
        options: &CalibrationOptions,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let tokenizer = Tokenizer::from_checkpoint(checkpoint)?;
        let begin = tokenizer.encode("", true)?;
        let length = options.sequence_length.min(checkpoint.config().context).max(begin.len() + 1);
        let count = (options.tokens / length).max(1);
        let passages = |texts: &[(String, String)], count: usize| -> Result<Vec<Vec<u32>>> {
            let mut passages: Vec<Vec<Vec<u32>>> = Vec::new();
            for (_, text) in texts {
                let tokens = tokenizer.encode(text, false)?;
                let of_text = tokens.chunks_exact(length - begin.len());
                passages.push(of_text.map(|part| [&begin[..], part].concat()).collect());
            }
            Ok(select(&passages, count, options.seed))
        };
        let writer =
            Writer { checkpoint, tokenizer: &tokenizer, begin: &begin, seed: options.seed, progress };
        let tokens = match &options.text {
            CalibrationText::SelfGenerated => writer.continuations([count, length])?,
            CalibrationText::Conversations => writer.conversations([count, length])?,
            CalibrationText::Texts(texts) => passages(texts, count)?,
            CalibrationText::Mixed(texts) => {
                in_turn(writer.conversations([count / 2, length])?, passages(texts, count - count / 2)?)
            }
        };
        let tokens = tokens.concat();
        if tokens.is_empty() {
            return Err(PackError::Calibration(format!(
                "no text has {length} tokens, the length of a sequence; give longer texts, a smaller \
                 window, or the default text"
            )));
        }
        Ok(Self { length, frequency_tokens: tokens.clone(), tokens, seed: options.seed })
    }

    /// Returns a quarter of the sequences, which contains sequences of all texts.
    ///
    /// Texts alternate from sequence to sequence, so a different one of every four is taken each time.
    pub(super) fn quarter(&self) -> Self {
        let fours = self.tokens.chunks(4 * self.length).enumerate();
        let selected = fours
            .flat_map(|(i, four)| four.chunks(self.length).cycle().nth(i % 4).unwrap_or(four))
            .copied()
            .collect();
        Self { tokens: selected, ..self.clone() }
    }
}

/// Returns the elements of two lists in turn, then what is left of the longer one.
fn in_turn<T>(a: Vec<T>, b: Vec<T>) -> Vec<T> {
    let (mut a, mut b) = (a.into_iter(), b.into_iter());
    let mut all = Vec::new();
    loop {
        let pair = [b.next(), a.next()];
        if pair.iter().all(Option::is_none) {
            return all;
        }
        all.extend(pair.into_iter().flatten());
    }
}

/// Number of passages above which a text counts as long.
const LONG_TEXT_PASSAGES: u64 = 32;
/// Passages of a text are visited at this fraction of their number: multiples of the golden ratio are evenly
/// spread at every length.
const GOLDEN_RATIO: f64 = 0.618;

/// Selects up to `count` passages from all texts in turn, spread over each text; `seed` determines the first.
fn select(texts: &[Vec<Vec<u32>>], count: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut selected = Vec::new();
    let mut used = vec![0; texts.len()];
    while selected.len() < count {
        let before = selected.len();
        for (text, used) in texts.iter().zip(&mut used) {
            if *used < text.len() && selected.len() < count {
                let n = text.len() as u64;
                let stride = (1..=n)
                    .rev()
                    .find(|s| gcd(*s, n) == 1 && *s as f64 <= GOLDEN_RATIO * n as f64 + 1.0)
                    .unwrap_or(1);
                // Long texts begin with titles and tables of contents, so their middle comes first.
                let offset = if n > LONG_TEXT_PASSAGES { n / 2 } else { 0 };
                let first = seed.wrapping_mul(7919).wrapping_add(offset);
                selected.push(text[((first + *used as u64 * stride) % n) as usize].clone());
                *used += 1;
            }
        }
        if selected.len() == before {
            break;
        }
    }
    selected
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_come_from_all_texts_without_repetition() {
        let texts: Vec<Vec<Vec<u32>>> = [3u32, 0, 10]
            .iter()
            .enumerate()
            .map(|(t, &n)| (0..n).map(|i| vec![t as u32, i]).collect())
            .collect();
        for seed in 0..5 {
            let selected = select(&texts, 8, seed);
            assert_eq!(selected.len(), 8);
            assert_eq!(selected.iter().filter(|passage| passage[0] == 0).count(), 3);
            let mut sorted = selected.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted.len(), 8, "{selected:?}");
        }
        assert_eq!(select(&texts, 100, 1).len(), 13);
    }

    #[test]
    fn the_first_passage_of_a_long_text_is_its_middle() {
        let long: Vec<Vec<u32>> = (0..40).map(|i| vec![i]).collect();
        assert_eq!(select(&[long], 40, 0)[0], [20]);
    }

    #[test]
    fn a_quarter_contains_sequences_of_all_texts() {
        // Twelve sequences of two tokens, from two texts in turn.
        let tokens: Vec<u32> = (0..12).flat_map(|i| [i % 2, i]).collect();
        let quarter = |tokens: &[u32]| {
            let (tokens, frequency_tokens) = (tokens.to_vec(), Vec::new());
            Sequences { length: 2, tokens, frequency_tokens, seed: 0 }.quarter().tokens
        };
        assert_eq!(quarter(&tokens), [0, 0, 1, 5, 0, 10]);
        assert_eq!(quarter(&tokens[..6]), [0, 0]);
        assert_eq!(quarter(&tokens[..12]), [0, 0, 1, 5]);
    }
}
