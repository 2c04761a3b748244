//! The packed panels of a matrix, one behind the other in one buffer.

use super::block::{PackedPanel, Packer, largest_panel_bytes};
use super::blocks_of;
use super::side::PANEL;
use crate::cpu::AlignedVec;
use rayon::prelude::*;
use std::ops::Range;

/// Bytes of the ends of a panel's codes and exceptions.
const ENDS_BYTES: usize = 16;
/// Every part of the buffer begins at a cache line.
const LINE: usize = 64;

/// Memory for packed codes that outlives them: a slot into which different matrices are decoded in turn.
#[derive(Debug, Clone, Default)]
pub struct PackedBuffer(AlignedVec<u8>);

impl PackedBuffer {
    /// Allocates `bytes` of packed codes, see [`FusedLinear::packed_bytes`](super::FusedLinear::packed_bytes).
    pub fn with_bytes(bytes: usize) -> Self {
        let mut buffer = AlignedVec::default();
        buffer.set_len(bytes);
        Self(buffer)
    }
}

/// The parts of a buffer: the ends of each panel's codes and exceptions; width and base of each block; codes;
/// exceptions.
#[derive(Debug, Clone, Copy)]
struct Parts {
    panels: usize,
    blocks_per_panel: usize,
}

impl Parts {
    fn new([rows, cols]: [usize; 2]) -> Self {
        Self { panels: rows.div_ceil(PANEL), blocks_per_panel: blocks_of(cols) }
    }

    fn ends(self) -> Range<usize> {
        0..ENDS_BYTES * self.panels
    }

    fn blocks(self) -> Range<usize> {
        let first = self.ends().end.next_multiple_of(LINE);
        first..first + self.panels * self.blocks_per_panel
    }

    fn codes(self) -> usize {
        self.blocks().end.next_multiple_of(LINE)
    }

    /// Returns the most bytes that the panels of a matrix can take.
    fn most_bytes(self, alphabet: u16) -> usize {
        self.codes() + self.panels * largest_panel_bytes(self.blocks_per_panel, alphabet)
    }
}

/// Returns the most bytes that the packed codes of a matrix can take.
pub(super) fn packed_bytes(shape: [usize; 2], alphabet: u16) -> usize {
    Parts::new(shape).most_bytes(alphabet)
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
        let (parts, alphabet) = (Parts::new(shape), packer.alphabet());
        bytes.set_len(parts.most_bytes(alphabet));
        let (tables, codes) = bytes.split_at_mut(parts.codes());
        let (ends, blocks) = tables.split_at_mut(parts.blocks().start);
        let most = largest_panel_bytes(parts.blocks_per_panel, alphabet);
        let shares: Vec<Share> = ends[parts.ends()]
            .par_chunks_mut(share * ENDS_BYTES)
            .zip(blocks[..parts.blocks().len()].par_chunks_mut(share * parts.blocks_per_panel))
            .zip(codes.par_chunks_mut(share * most))
            .enumerate()
            .map_init(T::default, |memory, (i, ((ends, blocks), codes))| {
                let range = i * share..i * share + ends.len() / ENDS_BYTES;
                let mut writer = PanelWriter {
                    packer,
                    panels: ends
                        .chunks_exact_mut(ENDS_BYTES)
                        .zip(blocks.chunks_exact_mut(parts.blocks_per_panel)),
                    codes,
                    written: 0,
                    exceptions: Vec::new(),
                };
                panels(range, memory, &mut writer)?;
                Ok(Share { codes: writer.written, exceptions: writer.exceptions })
            })
            .collect::<Result<_, E>>()?;
        let mut packed = Self { parts, bytes };
        packed.join(&shares, share, most);
        Ok(packed)
    }

    /// Moves the codes of shares together and appends the exceptions.
    fn join(&mut self, shares: &[Share], panels: usize, most: usize) {
        let first = self.parts.codes();
        let (mut codes, mut exceptions) = (0, 0);
        for (i, share) in shares.iter().enumerate() {
            let from = first + i * panels * most;
            self.bytes.copy_within(from..from + share.codes, first + codes);
            let ends = &mut self.bytes[self.parts.ends()];
            for ends in ends.chunks_exact_mut(ENDS_BYTES).skip(i * panels).take(panels) {
                let [code_end, exception_end] = read_ends(ends);
                write_ends(ends, [codes + code_end, exceptions + exception_end]);
            }
            codes += share.codes;
            exceptions += share.exceptions.len();
        }
        let mut at = first + codes;
        for share in shares {
            self.bytes[at..][..share.exceptions.len()].copy_from_slice(&share.exceptions);
            at += share.exceptions.len();
        }
        self.bytes.set_len(at);
    }

    /// Returns a panel.
    pub(super) fn panel(&self, number: usize) -> PackedPanel<'_> {
        let ends = |panel: usize| read_ends(&self.bytes[ENDS_BYTES * panel..][..ENDS_BYTES]);
        let [code, exception] = if number == 0 { [0; 2] } else { ends(number - 1) };
        let [code_end, exception_end] = ends(number);
        let codes = &self.bytes[self.parts.codes()..];
        let [code_bytes, _] = ends(self.parts.panels - 1);
        let blocks = self.parts.blocks_per_panel;
        PackedPanel {
            blocks: &self.bytes[self.parts.blocks()][number * blocks..][..blocks],
            codes: &codes[code..code_end],
            entries: &codes[code_bytes..][exception..exception_end],
        }
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

/// What the packing of some panels gave.
struct Share {
    /// Bytes of codes.
    codes: usize,
    exceptions: Vec<u8>,
}

/// Packs the panels of a share in order.
pub(super) struct PanelWriter<'a> {
    packer: Packer,
    /// Places of the ends and of the blocks' entries of each panel.
    panels: std::iter::Zip<std::slice::ChunksExactMut<'a, u8>, std::slice::ChunksExactMut<'a, u8>>,
    codes: &'a mut [u8],
    written: usize,
    exceptions: Vec<u8>,
}

impl PanelWriter<'_> {
    /// Packs the next panel, of `rows` rows at one byte per code. There are no more panels than the share
    /// has.
    pub(super) fn push(&mut self, rows: usize, quads: &[u8]) {
        let Some((ends, blocks)) = self.panels.next() else {
            unreachable!("a panel more than the share has")
        };
        let codes = &mut self.codes[self.written..];
        self.written += self.packer.panel(rows, quads, blocks, codes, &mut self.exceptions);
        write_ends(ends, [self.written, self.exceptions.len()]);
    }
}

/// Reads the ends of a panel's codes and exceptions, in bytes.
fn read_ends(bytes: &[u8]) -> [usize; 2] {
    let (ends, _) = bytes.as_chunks::<8>();
    [0, 1].map(|i| ends.get(i).map_or(0, |&end| u64::from_le_bytes(end) as usize))
}

fn write_ends(bytes: &mut [u8], ends: [usize; 2]) {
    for (bytes, end) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(ends) {
        *bytes = (end as u64).to_le_bytes();
    }
}
