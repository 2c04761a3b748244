//! The packed panels of a matrix, one behind the other in one buffer.

use super::block::{Block, PackedPanel, Packer, largest_panel_bytes};
use super::blocks_of;
use super::side::PANEL;
use crate::cpu::AlignedVec;
use rayon::prelude::*;
use std::ops::Range;

/// Bytes of the end of a panel's codes.
const END_BYTES: usize = 8;

/// Memory for packed codes that outlives them: a slot into which different matrices are decoded in turn.
#[derive(Debug, Clone, Default)]
pub struct PackedBuffer(AlignedVec<u8>);

impl PackedBuffer {
    /// Allocates `bytes` of packed codes, see
    /// [`FusedLinear::packed_bytes`](super::FusedLinear::packed_bytes).
    pub fn with_bytes(bytes: usize) -> Self {
        let mut buffer = AlignedVec::default();
        buffer.set_len(bytes);
        Self(buffer)
    }
}

/// The parts of a buffer: codes; for each panel the end of its codes and the table of its blocks.
#[derive(Debug, Clone, Copy)]
struct Parts {
    panels: usize,
    blocks_per_panel: usize,
    /// What all blocks are; tables are then empty.
    fixed: Option<Block>,
}

impl Parts {
    fn new([rows, cols]: [usize; 2], fixed: Option<Block>) -> Self {
        Self { panels: rows.div_ceil(PANEL), blocks_per_panel: blocks_of(cols), fixed }
    }

    /// Returns the bytes of the end and the table of a panel.
    fn entry_bytes(self) -> usize {
        END_BYTES + if self.fixed.is_some() { 0 } else { self.blocks_per_panel * Block::ENTRY_BYTES }
    }

    /// Returns the bytes of all ends and tables.
    fn tables_bytes(self) -> usize {
        self.panels * self.entry_bytes()
    }

    /// Returns the most bytes that the panels of a matrix can take.
    fn most_bytes(self, alphabet: u16) -> usize {
        self.panels * largest_panel_bytes(self.blocks_per_panel, alphabet) + self.tables_bytes()
    }
}

/// Returns the most bytes that the packed codes of a matrix can take.
pub(super) fn packed_bytes(shape: [usize; 2], packer: Packer) -> usize {
    Parts::new(shape, packer.fixed_block()).most_bytes(packer.alphabet())
}

/// The packed panels of a matrix.
#[derive(Debug, Clone)]
pub(super) struct PackedPanels {
    parts: Parts,
    bytes: AlignedVec<u8>,
}

impl PackedPanels {
    /// Packs a matrix into `buffer`, which grows if it is too small, shares of `share` panels in parallel.
    /// `panels` gives the panels of a range in order to a writer, and may use memory of its thread.
    ///
    /// # Errors
    /// Those of `panels`.
    pub(super) fn pack<T: Default, E: Send>(
        shape: [usize; 2],
        packer: Packer,
        share: usize,
        PackedBuffer(mut bytes): PackedBuffer,
        panels: impl Fn(Range<usize>, &mut T, &mut PanelWriter) -> Result<(), E> + Sync,
    ) -> Result<Self, E> {
        let (parts, alphabet) = (Parts::new(shape, packer.fixed_block()), packer.alphabet());
        bytes.set_len(parts.most_bytes(alphabet));
        let (most, entry) = (largest_panel_bytes(parts.blocks_per_panel, alphabet), parts.entry_bytes());
        let (codes, tables) = bytes.split_at_mut(parts.panels * most);
        let written: Vec<usize> = tables
            .par_chunks_mut(share * entry)
            .zip(codes.par_chunks_mut(share * most))
            .enumerate()
            .map_init(T::default, |memory, (i, (tables, codes))| {
                let range = i * share..i * share + tables.len() / entry;
                let panels_of_share = tables.chunks_exact_mut(entry);
                let mut writer = PanelWriter { packer, panels: panels_of_share, codes, written: 0 };
                panels(range, memory, &mut writer)?;
                Ok(writer.written)
            })
            .collect::<Result<_, E>>()?;
        let mut packed = Self { parts, bytes };
        packed.join(&written, share, most);
        Ok(packed)
    }

    /// Moves the codes of shares of `panels` panels together, and the tables behind them; `written` are the
    /// bytes of each share.
    fn join(&mut self, written: &[usize], panels: usize, most: usize) {
        let (all, entry) = (self.parts.panels * most, self.parts.entry_bytes());
        let (codes, tables) = self.bytes.split_at_mut(all);
        let mut end = 0;
        for (i, (&bytes, tables)) in written.iter().zip(tables.chunks_mut(panels * entry)).enumerate() {
            let from = i * panels * most;
            codes.copy_within(from..from + bytes, end);
            for entry in tables.chunks_exact_mut(entry) {
                let in_share = read_end(entry);
                write_end(entry, end + in_share);
            }
            end += bytes;
        }
        self.bytes.copy_within(all..all + self.parts.tables_bytes(), end);
        self.bytes.set_len(end + self.parts.tables_bytes());
    }

    /// Returns a panel.
    pub(super) fn panel(&self, number: usize) -> PackedPanel<'_> {
        let (codes, tables) = self.bytes.split_at(self.bytes.len() - self.parts.tables_bytes());
        let entry = |panel: usize| &tables[panel * self.parts.entry_bytes()..][..self.parts.entry_bytes()];
        let first = if number == 0 { 0 } else { read_end(entry(number - 1)) };
        let (blocks, _) = entry(number)[END_BYTES..].as_chunks();
        PackedPanel { fixed: self.parts.fixed, blocks, codes: &codes[first..read_end(entry(number))] }
    }

    /// Returns what all blocks are; `None` if each has a width of its own.
    pub(super) fn fixed_block(&self) -> Option<Block> {
        self.parts.fixed
    }

    /// Returns the bytes of the packed codes and their tables.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the panels in memory that is no larger than they are.
    pub(super) fn shrunk(self) -> Self {
        // A copy allocates what it holds.
        Self { parts: self.parts, bytes: self.bytes.clone() }
    }

    /// Returns the memory, for the next matrix.
    pub(super) fn into_buffer(self) -> PackedBuffer {
        PackedBuffer(self.bytes)
    }
}

/// Packs the panels of a share in order.
pub(super) struct PanelWriter<'a> {
    packer: Packer,
    /// The end and the table of each panel.
    panels: std::slice::ChunksExactMut<'a, u8>,
    codes: &'a mut [u8],
    /// Bytes of codes.
    written: usize,
}

impl PanelWriter<'_> {
    /// Packs the next panel, of `rows` rows at one byte per code. There are no more panels than the share
    /// has.
    pub(super) fn push(&mut self, rows: usize, quads: &[u8]) {
        let Some(entry) = self.panels.next() else { unreachable!("a panel more than the share has") };
        let blocks = &mut entry[END_BYTES..];
        self.written += self.packer.panel(rows, quads, blocks, &mut self.codes[self.written..]);
        write_end(entry, self.written);
    }
}

/// Reads the end of a panel's codes, in bytes.
fn read_end(bytes: &[u8]) -> usize {
    bytes.first_chunk().map_or(0, |&end| u64::from_le_bytes(end) as usize)
}

fn write_end(bytes: &mut [u8], end: usize) {
    bytes[..END_BYTES].copy_from_slice(&(end as u64).to_le_bytes());
}
