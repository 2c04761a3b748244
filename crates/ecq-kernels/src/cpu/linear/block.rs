//! Blocks of packed codes: 16 rows and 32 columns at a width of their own, with codes that reach far aside.
//!
//! A code of a block is `base + low + far * 2^width`. `low`, below `2^width`, is packed; `far` is zero for all
//! codes but a few, the *exceptions*, which a panel lists. So the lowest bits of all codes are known without
//! exceptions, and a product adds those to exact sums of integers.

use super::activations::BLOCK;
use super::integer::BLOCK_BYTES;
use super::side::PANEL;
use super::width::{self, QUADS};
use crate::cpu::simd::{self, Vector};
use ecq_coding::{Isa, multiversion, panel};
use ecq_core::code_bits;

/// The smallest width: `far` fits seven bits.
const MIN_WIDTH: usize = 2;
/// What an exception costs when a width is chosen, in bits: the eight that it takes if it lies near the range,
/// and its time in a product.
const NEAR_COST_BITS: usize = 14;
/// As [`NEAR_COST_BITS`], of an exception of 16 bits.
const FAR_COST_BITS: usize = 24;
/// The largest number of quads between far exceptions that are next to each other in a list.
const LONGEST_STEP: usize = 7;
/// A step between near exceptions that leads to none: the largest that a list holds.
const SKIP: usize = 127;
/// Bytes of a quad: four columns of the 16 rows.
const QUAD: usize = 4 * PANEL;

/// Width and base of a block, in two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) base: u8,
    width: u8,
}

/// Bytes of a [`Block`].
pub(super) const BLOCK_ENTRY_BYTES: usize = 2;

/// Returns the most bytes that the codes and exceptions of a panel take.
pub(super) fn largest_panel_bytes(blocks: usize, alphabet: u16) -> usize {
    // Exceptions that are wide apart need entries between them.
    let between = 2 * (blocks * QUADS).div_ceil(LONGEST_STEP) + (blocks * BLOCK_BYTES).div_ceil(SKIP);
    blocks * BLOCK_BYTES / 8 * largest_width(alphabet) + between + FAR_BYTES
}

fn largest_width(alphabet: u16) -> usize {
    (code_bits(alphabet) as usize).max(MIN_WIDTH)
}

impl Block {
    /// Returns the bits of a packed code, 2 to 8.
    #[inline(always)]
    pub(super) fn width(self) -> usize {
        self.width.into()
    }

    /// Returns the bytes of the packed codes.
    #[inline(always)]
    pub(super) fn bytes(self) -> usize {
        BLOCK_BYTES / 8 * self.width()
    }

    pub(super) fn from_bytes([base, width]: [u8; 2]) -> Self {
        Self { base, width }
    }

    fn to_bytes(self) -> [u8; 2] {
        [self.base, self.width]
    }
}

/// Bytes of the length of the far exceptions.
const FAR_BYTES: usize = 4;

/// Calls `f` with the column, the row and `far` of each exception of a panel. Some have a `far` of zero.
///
/// The bytes are the length of the far exceptions, those, and the near exceptions. A near exception, whose
/// `far` is 1 or -1, is a byte: one bit that is set for -1, and the places from the one before it, where
/// places count rows, then columns. A far exception is two bytes: the quads from the one before it, its place
/// in its quad, and `far`.
#[inline(always)]
pub(super) fn each_exception(bytes: &[u8], mut f: impl FnMut(usize, usize, i32)) {
    let Some((far_bytes, rest)) = bytes.split_first_chunk::<FAR_BYTES>() else { return };
    let (far, near) = rest.split_at(u32::from_le_bytes(*far_bytes) as usize);
    let mut quad = 0;
    for &bytes in far.as_chunks::<2>().0 {
        let entry = u16::from_le_bytes(bytes);
        quad += usize::from(entry & 7);
        f(
            4 * quad + usize::from(entry >> 3 & 3),
            usize::from(entry >> 5 & 15),
            (entry.cast_signed() >> 9).into(),
        );
    }
    let mut place = 0;
    for &entry in near {
        let step = usize::from(entry >> 1);
        place += step;
        f(place / PANEL, place % PANEL, if step == SKIP { 0 } else { 1 - 2 * i32::from(entry & 1) });
    }
}

/// A packed panel.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackedPanel<'a> {
    /// Two bytes for each block, see [`Block`].
    pub(super) blocks: &'a [u8],
    /// The blocks' codes, one block behind the other.
    pub(super) codes: &'a [u8],
    /// See [`each_exception`].
    pub(super) exceptions: &'a [u8],
}

/// Chooses widths for codes of a matrix and packs its panels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packer {
    alphabet: u16,
    /// The code around which codes lie.
    middle: u8,
    cols: usize,
}

impl Packer {
    /// `zero` is the code of weight zero, if the grid has one.
    pub(super) fn new(alphabet: u16, zero: Option<u8>, cols: usize) -> Self {
        let middle = zero.unwrap_or((alphabet / 2) as u8).min((alphabet - 1) as u8);
        Self { alphabet, middle, cols }
    }

    pub(super) fn alphabet(self) -> u16 {
        self.alphabet
    }

    /// Packs a panel of `rows` rows at one byte per code: writes a block's two bytes to each pair of `blocks`
    /// and its codes to `codes`, one block behind the other, and appends the exceptions. Returns the bytes
    /// of the codes. Codes and exceptions together take at most the bytes that the largest width takes.
    pub(super) fn panel(
        self,
        rows: usize,
        quads: &[u8],
        blocks: &mut [u8],
        codes: &mut [u8],
        exceptions: &mut ExceptionList,
    ) -> usize {
        let mut at = 0;
        let (quads, _) = quads.as_chunks::<BLOCK_BYTES>();
        for (number, (quads, of)) in quads.iter().zip(blocks.as_chunks_mut::<2>().0).enumerate() {
            let mut quads = *quads;
            self.fill(rows, number * BLOCK, &mut quads);
            let (block, outside) = self.choose(&quads);
            quads.iter_mut().for_each(|code| *code = code.wrapping_sub(block.base));
            *of = block.to_bytes();
            pack(block.width(), &quads, &mut codes[at..][..block.bytes()]);
            at += block.bytes();
            if outside > 0 {
                exceptions.push(number, block, &quads);
            }
        }
        exceptions.finish();
        at
    }

    /// Replaces what lies behind the last row and column, so that it is no exception.
    fn fill(self, rows: usize, first: usize, quads: &mut [u8; BLOCK_BYTES]) {
        let cols = BLOCK.min(self.cols - first);
        if rows == PANEL && cols == BLOCK {
            return;
        }
        for col in 0..BLOCK {
            for row in if col < cols { rows..PANEL } else { 0..PANEL } {
                quads[panel::offset(row, col)] = self.middle;
            }
        }
    }

    /// Returns the width and base of fewest bits, and the number of exceptions. Ranges lie around the middle,
    /// but end with the alphabet.
    fn choose(self, quads: &[u8; BLOCK_BYTES]) -> (Block, usize) {
        let all = largest_width(self.alphabet);
        let of = |width: usize, up: u16| {
            let last = self.alphabet.saturating_sub(1 << width);
            let base = (u16::from(self.middle).saturating_sub(1 << (width - 1)) + up).min(last);
            Block { base: base as u8, width: width as u8 }
        };
        let mut best = ((of(all, 0), 0), BLOCK_BYTES * all);
        let mut before = usize::MAX;
        for width in MIN_WIDTH..all {
            let mut least = usize::MAX;
            // As many codes below the middle as above it, but for one.
            for block in [of(width, 0), of(width, 1)] {
                let [outside, far] = count_outside(quads, block.base, 1 << width);
                let cost = BLOCK_BYTES * width + NEAR_COST_BITS * (outside - far) + FAR_COST_BITS * far;
                least = least.min(cost);
                if cost < best.1 {
                    best = ((block, outside), cost);
                }
            }
            // Larger widths save fewer exceptions and cost as many bits.
            if least > before {
                break;
            }
            before = least;
        }
        best.0
    }
}

/// Lists the exceptions of panels.
#[derive(Debug, Default)]
pub(super) struct ExceptionList {
    /// The lists of panels, see [`each_exception`].
    pub(super) bytes: Vec<u8>,
    /// The far and the near exceptions of a panel, and the quad and the place of the last of them.
    far: Vec<u8>,
    near: Vec<u8>,
    quad: usize,
    place: usize,
}

impl ExceptionList {
    /// Adds the exceptions of block `number`; `quads` are its codes minus its base.
    fn push(&mut self, number: usize, block: Block, quads: &[u8; BLOCK_BYTES]) {
        let above = u8::MAX << block.width;
        for (i, quad) in quads.as_chunks::<QUAD>().0.iter().enumerate() {
            let mut outside = by_columns(any_bits(quad, above));
            while outside != 0 {
                let place = outside.trailing_zeros() as usize;
                outside &= outside - 1;
                let difference = quad[panel::offset(place % PANEL, place / PANEL)];
                let below = difference > u8::MAX - block.base;
                let far = (i32::from(difference) - if below { 256 } else { 0 }) >> block.width;
                self.push_one(number * QUADS + i, place, far);
            }
        }
    }

    fn push_one(&mut self, quad: usize, place: usize, far: i32) {
        if far.abs() == 1 {
            let at = quad * QUAD + place;
            while at - self.place >= SKIP {
                self.place += SKIP;
                self.near.push((SKIP << 1) as u8);
            }
            self.near.push(((at - self.place) << 1) as u8 | u8::from(far < 0));
            self.place = at;
            return;
        }
        let mut entry = |step: usize, place: usize, far: i32| {
            let place = place % PANEL * 4 + place / PANEL;
            self.far.extend((step as u16 | (place as u16) << 3 | (far << 9) as u16).to_le_bytes());
        };
        while quad - self.quad > LONGEST_STEP {
            self.quad += LONGEST_STEP;
            entry(LONGEST_STEP, 0, 0);
        }
        entry(quad - self.quad, place, far);
        self.quad = quad;
    }

    /// Ends the list of a panel, which is empty without exceptions.
    fn finish(&mut self) {
        if !(self.far.is_empty() && self.near.is_empty()) {
            self.bytes.extend((self.far.len() as u32).to_le_bytes());
            self.bytes.append(&mut self.far);
            self.bytes.append(&mut self.near);
        }
        (self.quad, self.place) = (0, 0);
    }
}

/// Returns a bit for each byte of a quad: whether it has one of the bits of `mask`.
fn any_bits(quad: &[u8; QUAD], mask: u8) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let eights = quad.as_chunks::<8>().0.iter().enumerate();
    eights.fold(0, |bits, (i, &eight)| {
        let masked = u64::from_le_bytes(eight) & (ONES * u64::from(mask));
        let high = ((masked & (ONES * 0x7f)) + ONES * 0x7f | masked) >> 7 & ONES;
        // The product moves the lowest bits of all bytes to the highest byte.
        bits | (high.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i)
    })
}

/// Moves bit `4 row + column` to bit `16 column + row`.
fn by_columns(bits: u64) -> u64 {
    if bits == 0 {
        return 0;
    }
    (0..4).fold(0, |all, col| {
        let mut column = bits >> col & 0x1111_1111_1111_1111;
        column = (column | column >> 3) & 0x0303_0303_0303_0303;
        column = (column | column >> 6) & 0x000f_000f_000f_000f;
        column = (column | column >> 12) & 0x0000_00ff_0000_00ff;
        column = (column | column >> 24) & 0xffff;
        all | column << (16 * col)
    })
}

/// Unpacks a panel to one byte per code.
pub(super) fn unpack(isa: Isa, packed: &PackedPanel, quads: &mut [u8]) {
    unpack_blocks(isa, packed, quads);
    let blocks = packed.blocks.as_chunks::<BLOCK_ENTRY_BYTES>().0;
    each_exception(packed.exceptions, |col, row, far| {
        let block = Block::from_bytes(blocks[col / BLOCK]);
        let code = &mut quads[panel::offset(row, col)];
        *code = code.wrapping_add((far << block.width()) as u8);
    });
}

multiversion! {
    /// Unpacks a panel without its exceptions.
    unsafe fn unpack_blocks[V: Vector in simd](panel: &PackedPanel, quads: &mut [u8]) {
        let mut rest = panel.codes;
        for (of, quads) in panel.blocks.as_chunks::<2>().0.iter().zip(quads.as_chunks_mut::<BLOCK_BYTES>().0) {
            let block = Block::from_bytes(*of);
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

/// Unpacks a block without exceptions.
///
/// # Safety
/// `codes` are `W` rows of 64 bytes. The caller enables the instruction set of `V`.
#[inline(always)]
unsafe fn unpack_block<V: Vector, const W: usize>(codes: &[u8], base: u8, quads: &mut [u8; BLOCK_BYTES]) {
    // SAFETY: as this function's; `quads` are eight rows of 64 bytes.
    unsafe {
        // A code of the range is a byte: no sum carries into the next.
        let base = V::splat(i32::from_ne_bytes([base; 4]));
        for from in (0..QUAD).step_by(4 * V::LANES) {
            let low = V::unpack::<W>(codes.as_ptr().add(from));
            for (quad, low) in low.into_iter().enumerate() {
                V::store(quads.as_mut_ptr().add(quad * QUAD + from), V::add(low, base));
            }
        }
    }
}

/// Packs the lowest `width` bits of the codes of a block.
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

multiversion! {
    /// Counts the codes outside `base..base + range`, and those outside the range and its neighbours.
    fn count_outside(quads: &[u8; BLOCK_BYTES], base: u8, range: u8) -> [usize; 2] {
        let (mut outside, mut far) = ([0u8; QUAD], [0u8; QUAD]);
        // Neighbours that begin below zero or end above 255 hold all codes there.
        let low = base.saturating_sub(range);
        let high = (base - low).saturating_add(range - 1).saturating_add(range);
        for quad in quads.as_chunks::<QUAD>().0 {
            for i in 0..QUAD {
                outside[i] += u8::from(quad[i].wrapping_sub(base) >= range);
                far[i] += u8::from(quad[i] < low) + u8::from(quad[i] > low.saturating_add(high));
            }
        }
        [outside, far].map(|counts| counts.iter().map(|&count| usize::from(count)).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packs and unpacks a panel; returns the bytes of codes and exceptions, and the number of exceptions.
    fn round_trip(codes: &[u8], packer: Packer) -> [usize; 2] {
        let blocks = codes.len() / BLOCK_BYTES;
        let most = largest_panel_bytes(blocks, packer.alphabet);
        let (mut entries, mut packed) = (vec![0; BLOCK_ENTRY_BYTES * blocks], vec![0; most]);
        let mut list = ExceptionList::default();
        let bytes = packer.panel(PANEL, codes, &mut entries, &mut packed, &mut list);
        assert!(bytes + list.bytes.len() <= most, "{bytes} + {} bytes of {most}", list.bytes.len());
        let panel = PackedPanel { blocks: &entries, codes: &packed[..bytes], exceptions: &list.bytes };
        for isa in Isa::supported() {
            let mut unpacked = vec![0xee; codes.len()];
            unpack(isa, &panel, &mut unpacked);
            assert!(unpacked == codes, "{packer:?}");
        }
        let mut exceptions = 0;
        each_exception(&list.bytes, |_, _, far| exceptions += usize::from(far != 0));
        [bytes + list.bytes.len(), exceptions]
    }

    #[test]
    fn panels_are_the_same_after_packing() {
        for alphabet in [2, 3, 4, 5, 8, 16, 17, 60, 127, 128, 129, 200, 255, 256u16] {
            for zero in [None, Some(0), Some(1), Some(90), Some(128), Some(255)] {
                let packer = Packer::new(alphabet, zero, 8 * BLOCK);
                let mut state = 7u32 + u32::from(alphabet);
                let mut below = |n: u32| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 8) % n
                };
                // Of a hundred codes, so many reach far.
                for far in [0, 1, 4, 20, 100] {
                    let middle = u32::from(packer.middle);
                    let codes: Vec<u8> = (0..8 * BLOCK_BYTES)
                        .map(|_| match below(100) < far {
                            true => below(alphabet.into()),
                            false => (middle + below(3)).saturating_sub(1).min(u32::from(alphabet) - 1),
                        } as u8)
                        .collect();
                    round_trip(&codes, packer);
                }
            }
        }
    }

    #[test]
    fn exceptions_reach_from_end_to_end() {
        // The last code of each block is far from the others: one exception and those between.
        for (near, far) in [(0, 255), (255, 0), (128, 0), (128, 255), (2, 7)] {
            let packer = Packer::new(256, Some(near), 40 * BLOCK);
            let mut codes = vec![near; 40 * BLOCK_BYTES];
            for block in [0, 1, 39] {
                codes[(block + 1) * BLOCK_BYTES - 1] = far;
            }
            let [bytes, exceptions] = round_trip(&codes, packer);
            assert_eq!(exceptions, 3);
            assert!(bytes < 40 * 2 * 64 + 200, "{bytes}");
        }
    }

    #[test]
    fn what_lies_behind_rows_and_columns_takes_nothing() {
        let packer = Packer::new(256, Some(100), 33);
        let mut codes = vec![255; 2 * BLOCK_BYTES];
        for (row, col) in (0..5).flat_map(|row| (0..33).map(move |col| (row, col))) {
            codes[panel::offset(row, col)] = 101;
        }
        let (mut entries, mut packed, mut list) = ([0; 4], vec![0; 1024], ExceptionList::default());
        let bytes = packer.panel(5, &codes, &mut entries, &mut packed, &mut list);
        assert_eq!((bytes, list.bytes.len()), (2 * 2 * 64, 0));
    }
}
