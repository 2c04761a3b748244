//! The rows of one step.

use crate::kv::{BlockCopy, OutOfBlocks, Sequence};

/// Which rows of a sequence's tokens give logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogitsSelection {
    /// None.
    None,
    /// The last.
    Last,
    /// All.
    All,
}

/// Rows of several sequences that run in one step: a token, its position, its sequence, and where that has
/// its blocks.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) tokens: Vec<u32>,
    pub(crate) positions: Vec<u32>,
    pub(crate) sequences: Vec<u32>,
    /// Length of the text that each row belongs to, for rotary frequencies that depend on it.
    pub(crate) lengths: Vec<u32>,
    /// Rows whose logits are wanted.
    pub(crate) wanted: Vec<u32>,
    /// For each group, the tables of all sequences.
    pub(crate) tables: Vec<Vec<Vec<u32>>>,
    /// What must be copied before the step.
    pub(crate) copies: Vec<BlockCopy>,
}

impl Batch {
    /// No rows.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds rows for the next `tokens` of a sequence, and room for them; they count as its tokens once the
    /// step has run and
    /// [`Sequence::commit`] was called with them. `prompt` is how long the text was when it was given, see
    /// [`Rope::grows`](crate::arch::Rope::grows).
    ///
    /// # Errors
    /// When the cache has no room; nothing has changed then.
    pub fn push(
        &mut self,
        sequence: &mut Sequence,
        tokens: &[u32],
        prompt: usize,
        wanted: LogitsSelection,
    ) -> Result<(), OutOfBlocks> {
        self.push_ahead(sequence, tokens, prompt, wanted, 0)
    }

    /// As [`push`](Self::push), with room for `ahead` more tokens, which steps without the host will add.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_ahead(
        &mut self,
        sequence: &mut Sequence,
        tokens: &[u32],
        prompt: usize,
        wanted: LogitsSelection,
        ahead: usize,
    ) -> Result<(), OutOfBlocks> {
        self.copies.extend(sequence.reserve(tokens.len() + ahead)?);
        let (number, first, row) = (self.sequence_count() as u32, sequence.len(), self.tokens.len() as u32);
        let rows = row..row + tokens.len() as u32;
        self.tokens.extend(tokens);
        self.sequences.extend(tokens.iter().map(|_| number));
        for position in first..first + tokens.len() {
            self.positions.push(position as u32);
            self.lengths.push((position + 1).max(prompt) as u32);
        }
        match wanted {
            LogitsSelection::None => {}
            LogitsSelection::Last => self.wanted.extend(rows.last()),
            LogitsSelection::All => self.wanted.extend(rows),
        }
        self.tables.push(sequence.tables());
        Ok(())
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.tokens.len()
    }

    /// Rows whose logits are wanted.
    pub fn wanted_rows(&self) -> usize {
        self.wanted.len()
    }

    /// Sequences that the rows belong to.
    pub fn sequence_count(&self) -> usize {
        self.tables.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}
