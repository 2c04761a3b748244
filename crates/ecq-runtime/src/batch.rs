//! Rows of one step.

use crate::kv::{BlockCopy, OutOfBlocks, Sequence};

/// Selects the rows of a sequence whose logits are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogitsSelection {
    /// No row.
    None,
    /// The last row.
    Last,
    /// Every row.
    All,
}

/// Rows of several sequences that run in one step: for each row its token, position and sequence, and for
/// each sequence its block tables.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) tokens: Vec<u32>,
    pub(crate) positions: Vec<u32>,
    pub(crate) sequences: Vec<u32>,
    /// Length of each row's text in tokens, for rotary frequencies that depend on it.
    pub(crate) lengths: Vec<u32>,
    /// Indices of the rows whose logits are computed.
    pub(crate) logits_rows: Vec<u32>,
    /// Block tables, `[sequence][group][block]`.
    pub(crate) tables: Vec<Vec<Vec<u32>>>,
    /// Block copies that must run before the step.
    pub(crate) copies: Vec<BlockCopy>,
}

impl Batch {
    /// Creates an empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reserves cache positions for the next `tokens` of a sequence and adds a row for each.
    ///
    /// After the step has run, [`Sequence::commit`] must be called with the same tokens. `prompt` is the
    /// length of the prompt in tokens, see [`Rope::depends_on_length`](crate::arch::Rope::depends_on_length).
    ///
    /// # Errors
    /// [`OutOfBlocks`] if the cache has too few free blocks; nothing has changed then.
    pub fn push(
        &mut self,
        sequence: &mut Sequence,
        tokens: &[u32],
        prompt: usize,
        selection: LogitsSelection,
    ) -> Result<(), OutOfBlocks> {
        self.push_ahead(sequence, tokens, prompt, selection, 0)
    }

    /// Like [`push`](Self::push), and reserves positions for `ahead` more tokens, which multi-step decoding
    /// generates.
    ///
    /// # Errors
    /// Like [`push`](Self::push).
    pub fn push_ahead(
        &mut self,
        sequence: &mut Sequence,
        tokens: &[u32],
        prompt: usize,
        selection: LogitsSelection,
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
        match selection {
            LogitsSelection::None => {}
            LogitsSelection::Last => self.logits_rows.extend(rows.last()),
            LogitsSelection::All => self.logits_rows.extend(rows),
        }
        self.tables.push(sequence.tables());
        Ok(())
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.tokens.len()
    }

    /// Returns the number of rows whose logits are computed.
    pub fn logits_row_count(&self) -> usize {
        self.logits_rows.len()
    }

    /// Returns the number of sequences.
    pub fn sequence_count(&self) -> usize {
        self.tables.len()
    }

    /// Returns whether the batch has no rows.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}
