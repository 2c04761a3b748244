//! Calibration text as sequences of tokens: passages of given texts, and text that the model writes.

use super::options::{Document, Written};
use super::written::Writer;
use super::{BATCH_TOKENS, CalibrationOptions};
use crate::error::{PackError, Result};
use crate::progress::Progress;
use ecq_runtime::{ChatTemplate, Checkpoint, Tokenizer};
use std::collections::VecDeque;

/// Tokens of calibration text, in sequences of equal length.
#[derive(Debug, Clone)]
pub struct Sequences {
    /// Tokens per sequence.
    pub length: usize,
    /// The tokens of all sequences, one after another.
    pub tokens: Vec<u32>,
    /// Sequences of the same kinds that calibration does not use, to measure the result.
    pub held_out: Vec<HeldOut>,
    /// Tokens from which the frequency of each token is estimated; a superset of `tokens`.
    pub frequency_tokens: Vec<u32>,
    /// Seed of the tokens that the backward pass draws.
    pub seed: u64,
}

/// Sequences of one kind of text that calibration does not use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldOut {
    /// The kind of text.
    pub kind: String,
    /// The tokens of the sequences, one after another.
    pub tokens: Vec<u32>,
}

/// One of so many sequences is written by the model if there are documents too.
const OWN_SHARE: usize = 3;
/// The most tokens of a kind that are held out, and the least number of sequences for each that is.
pub(super) const HELD_OUT_TOKENS: usize = BATCH_TOKENS;
const SEQUENCES_PER_HELD_OUT: usize = 8;

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
        let held_out = |sequences: usize| (HELD_OUT_TOKENS / length).min(sequences / SEQUENCES_PER_HELD_OUT);
        let written = written(checkpoint, options);
        let own_count = match (written, options.text.documents.is_empty()) {
            (Written::Nothing, _) => 0,
            (_, true) => count,
            (_, false) => count / OWN_SHARE,
        };
        let mut passages = Passages::new(&options.text.documents, options.seed, |text| {
            let tokens = tokenizer.encode(text, false)?;
            let parts = tokens.chunks_exact(length - begin.len());
            Ok(parts.map(|part| [&begin[..], part].concat()).collect())
        })?;
        let mut held = passages.hold_out(held_out);
        let mut sequences = passages.select(count - own_count);
        let writer =
            Writer { checkpoint, tokenizer: &tokenizer, begin: &begin, seed: options.seed, progress };
        let all = own_count + held_out(own_count);
        let mut own = match written {
            _ if own_count == 0 => Vec::new(),
            Written::Nothing => Vec::new(),
            Written::Conversations => writer.conversations([all, length])?,
            Written::Continuations => writer.continuations([all, length])?,
        };
        if let (Some(kind), tokens) = (written.kind(), own.split_off(own.len().min(own_count)).concat()) {
            held.push(HeldOut { kind: kind.to_owned(), tokens });
        }
        held.retain(|held| !held.tokens.is_empty());
        sequences = spread(sequences, own);
        let tokens = sequences.concat();
        if tokens.is_empty() {
            return Err(PackError::Calibration(format!(
                "no text has {length} tokens, the length of a sequence; give longer texts, a smaller \
                 window, or the default text"
            )));
        }
        Ok(Self { length, frequency_tokens: tokens.clone(), tokens, held_out: held, seed: options.seed })
    }

    /// Returns the number of sequences that have `tokens` tokens: at most all, and one unless `tokens` is 0.
    pub(super) fn distillation_steps(&self, tokens: usize) -> usize {
        tokens.div_ceil(self.length).min(self.tokens.len() / self.length)
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

/// Returns what a model writes for `options`.
pub(super) fn written(checkpoint: &Checkpoint, options: &CalibrationOptions) -> Written {
    options.text.own.written(ChatTemplate::from_checkpoint(checkpoint).is_ok())
}

/// Returns the elements of two lists, each evenly spread.
fn spread<T>(a: Vec<T>, b: Vec<T>) -> Vec<T> {
    let places = |n: usize| (0..n).map(move |i| (i as f64 + 0.5) / n as f64);
    let mut all: Vec<(f64, T)> = places(a.len()).zip(a).collect();
    all.extend(places(b.len()).zip(b));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.into_iter().map(|(_, element)| element).collect()
}

/// Number of passages above which a document counts as long.
const LONG_TEXT_PASSAGES: u64 = 32;
/// Passages of a document are visited at this fraction of their number: multiples of the golden ratio are
/// evenly spread at every length.
const GOLDEN_RATIO: f64 = 0.618;

/// The passages of documents by kind.
struct Passages<P> {
    kinds: Vec<(String, Documents<P>)>,
}

/// Documents of a kind that take turns, each with its passages in the order in which they are taken.
struct Documents<P>(VecDeque<VecDeque<P>>);

impl<P> Documents<P> {
    fn len(&self) -> usize {
        self.0.iter().map(VecDeque::len).sum()
    }

    /// Takes a passage of the next document that has one.
    fn take(&mut self, of: impl Fn(&mut VecDeque<P>) -> Option<P>) -> Option<P> {
        for _ in 0..self.0.len() {
            self.0.rotate_left(1);
            if let Some(passage) = self.0.back_mut().and_then(&of) {
                return Some(passage);
            }
        }
        None
    }
}

impl<P> Passages<P> {
    /// Splits documents into passages; `seed` determines the first of each document.
    fn new(documents: &[Document], seed: u64, split: impl Fn(&str) -> Result<Vec<P>>) -> Result<Self> {
        let mut kinds: Vec<(String, Documents<P>)> = Vec::new();
        for Document { kind, text } in documents {
            let passages = in_order(split(text)?, seed);
            match kinds.iter_mut().find(|(known, _)| known == kind) {
                Some((_, documents)) => documents.0.push_back(passages),
                None => kinds.push((kind.clone(), Documents([passages].into()))),
            }
        }
        Ok(Self { kinds })
    }

    /// Selects up to `count` passages of all kinds in turn, and in each kind of all documents in turn.
    fn select(&mut self, count: usize) -> Vec<P> {
        let mut selected = Vec::new();
        loop {
            let before = selected.len();
            for (_, documents) in &mut self.kinds {
                if selected.len() < count {
                    selected.extend(documents.take(VecDeque::pop_front));
                }
            }
            if selected.len() == before {
                return selected;
            }
        }
    }
}

impl Passages<Vec<u32>> {
    /// Takes the passages that would be used last: of each kind as many as `held_out` says for their number.
    fn hold_out(&mut self, held_out: impl Fn(usize) -> usize) -> Vec<HeldOut> {
        let of_kind = |(kind, documents): &mut (String, Documents<Vec<u32>>)| {
            let count = held_out(documents.len());
            let tokens: Vec<Vec<u32>> =
                (0..count).map_while(|_| documents.take(VecDeque::pop_back)).collect();
            HeldOut { kind: kind.clone(), tokens: tokens.concat() }
        };
        self.kinds.iter_mut().map(of_kind).collect()
    }
}

/// Orders the passages of a document so that the first ones are spread over it.
fn in_order<P>(passages: Vec<P>, seed: u64) -> VecDeque<P> {
    let n = passages.len() as u64;
    let stride =
        (1..=n).rev().find(|s| gcd(*s, n) == 1 && *s as f64 <= GOLDEN_RATIO * n as f64 + 1.0).unwrap_or(1);
    // Long texts begin with titles and tables of contents, so their middle comes first.
    let offset = if n > LONG_TEXT_PASSAGES { n / 2 } else { 0 };
    let first = seed.wrapping_mul(7919).wrapping_add(offset);
    let mut passages: Vec<Option<P>> = passages.into_iter().map(Some).collect();
    (0..n).filter_map(|i| passages[((first + i * stride) % n) as usize].take()).collect()
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Documents of a kind with a number of passages, which are pairs: the document and the passage.
    fn documents(of: &[(&str, u32)]) -> Vec<Document> {
        let document = |(d, &(kind, n)): (usize, &(&str, u32))| Document {
            kind: kind.to_owned(),
            text: format!("{d} {n}"),
        };
        of.iter().enumerate().map(document).collect()
    }

    fn split(text: &str) -> Result<Vec<Vec<u32>>> {
        let (d, n) = text.split_once(' ').unwrap();
        let (d, n): (u32, u32) = (d.parse().unwrap(), n.parse().unwrap());
        Ok((0..n).map(|i| vec![d, i]).collect())
    }

    #[test]
    fn passages_come_from_all_documents_without_repetition() {
        let documents = documents(&[("a", 3), ("a", 0), ("a", 10)]);
        for seed in 0..5 {
            let selected = Passages::new(&documents, seed, split).unwrap().select(8);
            assert_eq!(selected.len(), 8);
            assert_eq!(selected.iter().filter(|passage| passage[0] == 0).count(), 3);
            let mut sorted = selected.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted.len(), 8, "{selected:?}");
        }
        assert_eq!(Passages::new(&documents, 1, split).unwrap().select(100).len(), 13);
    }

    #[test]
    fn every_kind_has_the_same_share() {
        let documents = documents(&[("a", 20), ("a", 20), ("b", 20), ("a", 20)]);
        let selected = Passages::new(&documents, 0, split).unwrap().select(12);
        let of = |d: u32| selected.iter().filter(|passage| passage[0] == d).count();
        assert_eq!([of(0), of(1), of(2), of(3)], [2, 2, 6, 2]);
    }

    #[test]
    fn held_out_passages_are_not_selected() {
        let documents = documents(&[("a", 10), ("a", 10), ("b", 7)]);
        let mut passages = Passages::new(&documents, 3, split).unwrap();
        let held = passages.hold_out(|n| n / 8);
        assert_eq!(held.iter().map(|held| held.tokens.len()).collect::<Vec<_>>(), [4, 0]);
        let of_a: Vec<Vec<u32>> = held[0].tokens.chunks(2).map(<[u32]>::to_vec).collect();
        assert_eq!((of_a[0][0], of_a[1][0]), (0, 1));
        let selected = passages.select(100);
        assert_eq!(selected.len(), 25);
        assert!(of_a.iter().all(|passage| !selected.contains(passage)));
    }

    #[test]
    fn the_first_passage_of_a_long_text_is_its_middle() {
        let documents = documents(&[("a", 40)]);
        assert_eq!(Passages::new(&documents, 0, split).unwrap().select(40)[0], [0, 20]);
    }

    #[test]
    fn lists_are_spread_over_each_other() {
        assert_eq!(spread(vec![1, 2, 3, 4], vec![8, 9]), [1, 8, 2, 3, 9, 4]);
        assert_eq!(spread(vec![1], vec![]), [1]);
    }

    #[test]
    fn a_quarter_contains_sequences_of_all_texts() {
        // Twelve sequences of two tokens, from two texts in turn.
        let tokens: Vec<u32> = (0..12).flat_map(|i| [i % 2, i]).collect();
        let quarter = |tokens: &[u32]| {
            let (tokens, frequency_tokens) = (tokens.to_vec(), Vec::new());
            Sequences { length: 2, tokens, held_out: Vec::new(), frequency_tokens, seed: 0 }.quarter().tokens
        };
        assert_eq!(quarter(&tokens), [0, 0, 1, 5, 0, 10]);
        assert_eq!(quarter(&tokens[..6]), [0, 0]);
        assert_eq!(quarter(&tokens[..12]), [0, 0, 1, 5]);
    }
}
