//! Blocks of packed codes: 16 rows and 32 columns at a width and a base of their own.
//!
//! A code of a block is `base + low`, where `base` is the block's least code and `low`, below `2^width`, is
//! packed. A row or column that reaches far widens only the blocks in which it lies.

use super::activations::BLOCK;
use super::integer::BLOCK_BYTES;
use super::side::PANEL;
use super::width;
use crate::cpu::simd::{self, Vector};
use ecq_coding::{multiversion, panel};
use ecq_core::code_bits;

const MIN_WIDTH: usize = 2;

/// Bytes of a quad: four columns of the 16 rows.
const QUAD: usize = 4 * PANEL;

/// Width and base of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    width: u8,
    base: u8,
}

impl Block {
    /// Bytes of a block in the table of a panel.
    pub(super) const ENTRY_BYTES: usize = 2;

    #[inline(always)]
    pub(super) fn from_bytes([width, base]: [u8; Self::ENTRY_BYTES]) -> Self {
        Self { width, base }
    }

    /// Returns the bits of a packed code, 2 to 8.
    #[inline(always)]
    pub(super) fn width(self) -> usize {
        self.width.into()
    }

    /// Returns the code that is packed as zero.
    #[inline(always)]
    pub(super) fn base(self) -> u8 {
        self.base
    }

    /// Returns the bytes of the packed codes.
    #[inline(always)]
    pub(super) fn bytes(self) -> usize {
        BLOCK_BYTES / 8 * self.width()
    }
}

/// Returns the most bytes that the codes of a panel take.
pub(super) fn largest_panel_bytes(blocks: usize, alphabet: u16) -> usize {
    blocks * BLOCK_BYTES / 8 * largest_width(alphabet)
}

fn largest_width(alphabet: u16) -> usize {
    (code_bits(alphabet) as usize).max(MIN_WIDTH)
}

/// A packed panel.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackedPanel<'a> {
    /// What all blocks are, on grids with groups.
    pub(super) fixed: Option<Block>,
    /// The [`Block`]s in bytes; empty if all are the same.
    pub(super) blocks: &'a [[u8; Block::ENTRY_BYTES]],
    /// The blocks' codes, one block behind the other.
    pub(super) codes: &'a [u8],
}

/// Chooses widths for codes of a matrix and packs its panels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packer {
    alphabet: u16,
    cols: usize,
    /// What all blocks are, on grids with groups.
    fixed: Option<Block>,
}

impl Packer {
    /// Packs each block at a width of its own.
    pub(super) fn new(alphabet: u16, cols: usize) -> Self {
        Self { alphabet, cols, fixed: None }
    }

    /// Packs all codes at the bits of their alphabet.
    pub(super) fn fixed(alphabet: u16, cols: usize) -> Self {
        let block = Block { width: largest_width(alphabet) as u8, base: 0 };
        Self { fixed: Some(block), ..Self::new(alphabet, cols) }
    }

    pub(super) fn alphabet(self) -> u16 {
        self.alphabet
    }

    /// Returns what all blocks are; `None` if each has a width of its own.
    pub(super) fn fixed_block(self) -> Option<Block> {
        self.fixed
    }

    /// Packs a panel of `rows` rows at one byte per code: writes the table `blocks`, which is
    /// empty if all blocks are the same, and the codes to `codes`, one block behind the other. Returns the
    /// bytes of the codes, at most [`largest_panel_bytes`].
    pub(super) fn panel(self, rows: usize, quads: &[u8], blocks: &mut [u8], codes: &mut [u8]) -> usize {
        let mut at = 0;
        let (blocks, _) = blocks.as_chunks_mut::<{ Block::ENTRY_BYTES }>();
        for (number, quads) in quads.as_chunks::<BLOCK_BYTES>().0.iter().enumerate() {
            let mut quads = *quads;
            self.fill(rows, number * BLOCK, &mut quads);
            let block = self.choose(&quads);
            quads.iter_mut().for_each(|code| *code -= block.base);
            if let Some(entry) = blocks.get_mut(number) {
                *entry = [block.width, block.base];
            }
            pack(block.width(), &quads, &mut codes[at..][..block.bytes()]);
            at += block.bytes();
        }
        at
    }

    /// Replaces what lies behind the last row and column by a code of the block.
    fn fill(self, rows: usize, first: usize, quads: &mut [u8; BLOCK_BYTES]) {
        let cols = BLOCK.min(self.cols - first);
        if rows == PANEL && cols == BLOCK {
            return;
        }
        for col in 0..BLOCK {
            for row in if col < cols { rows..PANEL } else { 0..PANEL } {
                quads[panel::offset(row, col)] = quads[0];
            }
        }
    }

    /// Returns the smallest width of a block, and its base.
    fn choose(self, quads: &[u8; BLOCK_BYTES]) -> Block {
        if let Some(block) = self.fixed {
            return block;
        }
        let ends = (u8::MAX, u8::MIN);
        let (least, most) = quads.iter().fold(ends, |(least, most), &q| (least.min(q), most.max(q)));
        let width = (u8::BITS - (most - least).leading_zeros()) as u8;
        Block { width: width.max(MIN_WIDTH as u8), base: least }
    }
}

multiversion! {
    /// Unpacks a panel to one byte per code.
    pub(super) unsafe fn unpack[V: Vector in simd](packed: &PackedPanel, quads: &mut [u8]) {
        let mut rest = packed.codes;
        for (number, quads) in quads.as_chunks_mut::<BLOCK_BYTES>().0.iter_mut().enumerate() {
            let block = packed.fixed.unwrap_or_else(|| Block::from_bytes(packed.blocks[number]));
            let codes;
            (codes, rest) = rest.split_at(block.bytes());
            // SAFETY: `codes` are `width` rows of 64 bytes; the caller enables the instruction set.
            unsafe {
                match block.width() {
                    2 => unpack_block::<V, 2>(codes, block.base, quads),
                    3 => unpack_block::<V, 3>(codes, block.base, quads),
                    4 => unpack_block::<V, 4>(codes, block.base, quads),
                    5 => unpack_block::<V, 5>(codes, block.base, quads),
                    6 => unpack_block::<V, 6>(codes, block.base, quads),
                    7 => unpack_block::<V, 7>(codes, block.base, quads),
                    _ => unpack_block::<V, 8>(codes, block.base, quads),
                }
            }
        }
    }
}

/// Unpacks a block.
///
/// # Safety
/// `codes` are `W` rows of 64 bytes. The caller enables the instruction set of `V`.
#[inline(always)]
unsafe fn unpack_block<V: Vector, const W: usize>(codes: &[u8], base: u8, quads: &mut [u8; BLOCK_BYTES]) {
    // SAFETY: as this function's; `quads` are eight rows of 64 bytes.
    unsafe {
        // A code is a byte: no sum carries into the next.
        let base = V::splat(i32::from_ne_bytes([base; 4]));
        for from in (0..QUAD).step_by(4 * V::LANES) {
            let low = V::unpack::<W>(codes.as_ptr().add(from));
            for (quad, low) in low.into_iter().enumerate() {
                V::store(quads.as_mut_ptr().add(quad * QUAD + from), V::add(low, base));
            }
        }
    }
}

/// Packs the codes of a block, below `2^width`.
fn pack(width: usize, quads: &[u8; BLOCK_BYTES], packed: &mut [u8]) {
    match width {
        2 => width::pack::<2>(quads, packed),
        3 => width::pack::<3>(quads, packed),
        4 => width::pack::<4>(quads, packed),
        5 => width::pack::<5>(quads, packed),
        6 => width::pack::<6>(quads, packed),
        7 => width::pack::<7>(quads, packed),
        _ => width::pack::<8>(quads, packed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecq_coding::Isa;

    /// Packs and unpacks a panel; returns the widths of its blocks.
    fn round_trip(codes: &[u8], packer: Packer) -> Vec<usize> {
        let blocks = codes.len() / BLOCK_BYTES;
        let most = largest_panel_bytes(blocks, packer.alphabet);
        let table = if packer.fixed.is_some() { 0 } else { blocks };
        let (mut of, mut packed) = (vec![[0; Block::ENTRY_BYTES]; table], vec![0; most]);
        let bytes = packer.panel(PANEL, codes, of.as_flattened_mut(), &mut packed);
        let panel = PackedPanel { fixed: packer.fixed, blocks: &of, codes: &packed[..bytes] };
        for isa in Isa::supported() {
            let mut unpacked = vec![0xee; codes.len()];
            unpack(isa, &panel, &mut unpacked);
            assert!(unpacked == codes, "{packer:?}");
        }
        let widths: Vec<usize> = match packer.fixed {
            Some(block) => vec![block.width(); blocks],
            None => of.iter().map(|&block| Block::from_bytes(block).width()).collect(),
        };
        assert_eq!(bytes, widths.iter().sum::<usize>() * 64);
        widths
    }

    #[test]
    fn panels_are_the_same_after_packing() {
        for alphabet in [2, 3, 4, 5, 8, 16, 17, 60, 127, 128, 129, 200, 255, 256u16] {
            let mut state = 7u32 + u32::from(alphabet);
            let mut below = |n: u32| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) % n
            };
            for least in [0, 1, 90, 128, 255u32] {
                // Of a hundred codes, so many reach far.
                for far in [0, 1, 20, 100] {
                    let codes: Vec<u8> = (0..8 * BLOCK_BYTES)
                        .map(|_| match below(100) < far {
                            true => below(alphabet.into()),
                            false => (least + below(3)).min(u32::from(alphabet) - 1),
                        } as u8)
                        .collect();
                    round_trip(&codes, Packer::new(alphabet, 8 * BLOCK));
                    let all = largest_width(alphabet);
                    assert_eq!(round_trip(&codes, Packer::fixed(alphabet, 8 * BLOCK)), [all; 8]);
                }
            }
        }
    }

    #[test]
    fn a_block_has_the_width_of_its_own_range() {
        let mut codes = vec![100; 6 * BLOCK_BYTES];
        for (block, far) in [(1, 103), (2, 96), (3, 107), (4, 0), (5, 255)] {
            codes[(block + 1) * BLOCK_BYTES - 1] = far;
        }
        assert_eq!(round_trip(&codes, Packer::new(256, 6 * BLOCK)), [2, 2, 3, 3, 7, 8]);
    }

    #[test]
    fn what_lies_behind_rows_and_columns_takes_nothing() {
        let packer = Packer::new(256, 33);
        let mut codes = vec![255; 2 * BLOCK_BYTES];
        for (row, col) in (0..5).flat_map(|row| (0..33).map(move |col| (row, col))) {
            codes[panel::offset(row, col)] = 101;
        }
        let (mut of, mut packed) = ([0; 2 * Block::ENTRY_BYTES], vec![0; 1024]);
        assert_eq!(packer.panel(5, &codes, &mut of, &mut packed), 2 * 2 * 64);
    }
}
