//! Blocks of packed codes: 16 rows and 32 columns at a width of their own, with codes that reach far aside.
//!
//! A code of a block is `base + low + far * 2^width`. `low`, below `2^width`, is packed; `far` is zero for all
//! codes but a few, the *exceptions*, which the panel lists. So the lowest bits of all codes are known without
//! exceptions, and a product adds those to exact sums of integers.

use super::activations::BLOCK;
use super::integer::BLOCK_BYTES;
use super::side::PANEL;
use super::width;
use crate::cpu::simd::{self, Vector};
use ecq_coding::{Isa, multiversion, panel};
use ecq_core::code_bits;

const MIN_WIDTH: usize = 2;
/// What an entry of an exception costs when a width is chosen, in bits: the eight that it takes, and its time
/// in a product.
const ENTRY_COST_BITS: usize = 11;
/// A panel has exceptions if they save one bit of so many.
const LEAST_SAVING: usize = 16;
/// The longest step of an entry.
const LONGEST_STEP: usize = 127;
/// Bytes of a quad: four columns of the 16 rows.
const QUAD: usize = 4 * PANEL;

/// Width of a block and which of its two ranges it has, in a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block(u8);

impl Block {
    fn new(width: usize, up: bool) -> Self {
        Self((width << 1) as u8 | u8::from(up))
    }

    pub(super) fn from_byte(byte: u8) -> Self {
        Self(byte)
    }

    /// Returns the bits of a packed code, 2 to 8.
    #[inline(always)]
    pub(super) fn width(self) -> usize {
        usize::from(self.0 >> 1)
    }

    /// Returns the bytes of the packed codes.
    #[inline(always)]
    pub(super) fn bytes(self) -> usize {
        BLOCK_BYTES / 8 * self.width()
    }

    /// Returns the number of the base in [`Packer::bases`]: two for each width.
    #[inline(always)]
    pub(super) fn base_number(self) -> usize {
        self.0.into()
    }
}

/// Numbers of bases: two for each width up to 8.
pub(super) const BASES: usize = 18;

/// An entry of the list of a panel: a step from the place of the entry before it (from the first place), where
/// places count rows, then columns; and whether one is subtracted from or added to `far` there.
///
/// Steps that are too long take pairs of entries that cancel each other. If a panel has exceptions, every
/// block has an entry, so that a product can store a running sum at each entry and needs no condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry(pub(super) u8);

impl Entry {
    fn new(step: usize, subtract: bool) -> Self {
        debug_assert!(step <= LONGEST_STEP);
        Self((step << 1) as u8 | u8::from(subtract))
    }

    #[inline(always)]
    pub(super) fn step(self) -> usize {
        usize::from(self.0 >> 1)
    }

    /// Returns 1 if one is subtracted.
    #[inline(always)]
    pub(super) fn sign(self) -> usize {
        usize::from(self.0 & 1)
    }
}

/// Returns the most bytes that the codes and exceptions of a panel take.
pub(super) fn largest_panel_bytes(blocks: usize, alphabet: u16) -> usize {
    // Pairs of entries: one to have any, the others for long steps.
    let pairs = 1 + BLOCK_BYTES.div_ceil(LONGEST_STEP);
    blocks * (BLOCK_BYTES / 8 * largest_width(alphabet) + 2 * pairs)
}

fn largest_width(alphabet: u16) -> usize {
    (code_bits(alphabet) as usize).max(MIN_WIDTH)
}

/// A packed panel.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackedPanel<'a> {
    /// The [`Block`]s.
    pub(super) blocks: &'a [u8],
    /// The blocks' codes, one block behind the other.
    pub(super) codes: &'a [u8],
    /// The list of exceptions, see [`Entry`].
    pub(super) entries: &'a [u8],
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

    /// Packs a panel of `rows` rows at one byte per code: writes a byte to each of `blocks` and the codes to
    /// `codes`, one block behind the other, and appends the entries of exceptions. Returns the bytes of the
    /// codes. Codes and entries together take at most [`largest_panel_bytes`].
    pub(super) fn panel(
        self,
        rows: usize,
        quads: &[u8],
        blocks: &mut [u8],
        codes: &mut [u8],
        entries: &mut Vec<u8>,
    ) -> usize {
        let (mut at, bases, first) = (0, self.bases(), entries.len());
        let (quads, _) = quads.as_chunks::<BLOCK_BYTES>();
        let filled = |number: usize| {
            let mut quads = quads[number];
            self.fill(rows, number * BLOCK, &mut quads);
            quads
        };
        let choices: Vec<Choice> = (0..quads.len()).map(|number| self.choose(&filled(number))).collect();
        let plain_bits: usize = choices.iter().map(|choice| 8 * choice.plain.bytes()).sum();
        let bits: usize = choices.iter().map(|choice| choice.cost).sum();
        // Without exceptions a product is faster.
        let exceptions = (plain_bits - bits) * LEAST_SAVING > plain_bits;
        let mut list = EntryList { entries, place: 0 };
        for (number, (choice, of)) in choices.iter().zip(blocks).enumerate() {
            let mut quads = filled(number);
            let block = if exceptions { choice.block } else { choice.plain };
            let base = bases[block.base_number()];
            quads.iter_mut().for_each(|code| *code = code.wrapping_sub(base));
            *of = block.0;
            pack(block.width(), &quads, &mut codes[at..][..block.bytes()]);
            at += block.bytes();
            if block == choice.plain {
                list.pass(number * BLOCK_BYTES);
            } else {
                list.push(number, block, base, &quads);
            }
        }
        if !exceptions {
            entries.truncate(first);
        }
        at
    }

    /// Returns the least code of each width's two ranges. Ranges lie around the middle, but end with the
    /// alphabet.
    pub(super) fn bases(self) -> [u8; BASES] {
        std::array::from_fn(|number| {
            let (range, up) = (1 << (number / 2), (number % 2) as u16);
            let base = (u16::from(self.middle).saturating_sub(range / 2) + up)
                .min(self.alphabet.saturating_sub(range));
            base as u8
        })
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

    /// Returns the width and range of fewest bits, and that of a block without exceptions.
    fn choose(self, quads: &[u8; BLOCK_BYTES]) -> Choice {
        let (all, bases) = (largest_width(self.alphabet), self.bases());
        let plain = Block::new(all, false);
        let mut best = Choice { block: plain, cost: BLOCK_BYTES * all, plain };
        for width in MIN_WIDTH..all {
            for up in [false, true] {
                let block = Block::new(width, up);
                let far = sum_of_far(quads, bases[block.base_number()], width as u8);
                let cost = BLOCK_BYTES * width + ENTRY_COST_BITS * far;
                if cost < best.cost {
                    best = Choice { block, cost, ..best };
                }
                if far == 0 {
                    // Larger widths only cost more.
                    return Choice { plain: block, ..best };
                }
            }
        }
        best
    }
}

/// What a block takes.
#[derive(Debug, Clone, Copy)]
struct Choice {
    /// The block of fewest bits, and those, exceptions at [`ENTRY_COST_BITS`].
    block: Block,
    cost: usize,
    /// The block of fewest bits without exceptions.
    plain: Block,
}

/// Lists the exceptions of a panel.
struct EntryList<'a> {
    entries: &'a mut Vec<u8>,
    /// The place of the last entry.
    place: usize,
}

impl EntryList<'_> {
    /// Appends the exceptions of block `number`; `quads` are its codes minus its base.
    fn push(&mut self, number: usize, block: Block, base: u8, quads: &[u8; BLOCK_BYTES]) {
        let above = u8::MAX << block.width();
        for (i, quad) in quads.as_chunks::<QUAD>().0.iter().enumerate() {
            let mut outside = by_columns(any_bits(quad, above));
            while outside != 0 {
                let place = outside.trailing_zeros() as usize;
                outside &= outside - 1;
                let difference = quad[panel::offset(place % PANEL, place / PANEL)];
                let below = difference > u8::MAX - base;
                let far = (i32::from(difference) - if below { 256 } else { 0 }) >> block.width();
                self.step(number * BLOCK_BYTES + i * QUAD + place, below);
                self.entries.extend((1..far.abs()).map(|_| Entry::new(0, below).0));
            }
        }
    }

    /// Appends entries for a block without exceptions whose first place is `place`.
    fn pass(&mut self, place: usize) {
        self.step(place, false);
        self.entries.push(Entry::new(0, true).0);
    }

    /// Appends an entry for a place.
    fn step(&mut self, place: usize, subtract: bool) {
        while place - self.place > LONGEST_STEP {
            self.place += LONGEST_STEP;
            self.entries.extend([Entry::new(LONGEST_STEP, false).0, Entry::new(0, true).0]);
        }
        self.entries.push(Entry::new(place - self.place, subtract).0);
        self.place = place;
    }
}

/// Returns a bit for each byte of a quad: whether it has one of the bits of `mask`.
fn any_bits(quad: &[u8; QUAD], mask: u8) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let eights = quad.as_chunks::<8>().0.iter().enumerate();
    eights.fold(0, |bits, (i, &eight)| {
        let masked = u64::from_le_bytes(eight) & (ONES * u64::from(mask));
        let high = (((masked & (ONES * 0x7f)) + ONES * 0x7f) | masked) >> 7 & ONES;
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
pub(super) fn unpack(isa: Isa, packed: &PackedPanel, bases: &[u8; BASES], quads: &mut [u8]) {
    unpack_blocks(isa, packed, bases, quads);
    let mut place = 0;
    for entry in packed.entries.iter().map(|&entry| Entry(entry)) {
        place += entry.step();
        let width = Block::from_byte(packed.blocks[place / BLOCK_BYTES]).width();
        let add = [1u8, u8::MAX][entry.sign()] << (width & 7);
        let code = &mut quads[panel::offset(place % PANEL, place / PANEL)];
        *code = code.wrapping_add(add);
    }
}

multiversion! {
    /// Unpacks a panel without its exceptions.
    unsafe fn unpack_blocks[V: Vector in simd](packed: &PackedPanel, bases: &[u8; BASES], quads: &mut [u8]) {
        let mut rest = packed.codes;
        for (&of, quads) in packed.blocks.iter().zip(quads.as_chunks_mut::<BLOCK_BYTES>().0) {
            let block = Block::from_byte(of);
            let (codes, base);
            (codes, rest) = rest.split_at(block.bytes());
            base = bases[block.base_number()];
            // SAFETY: `codes` are `width` rows of 64 bytes; the caller enables the instruction set.
            unsafe {
                match block.width() {
                    2 => unpack_block::<V, 2>(codes, base, quads),
                    3 => unpack_block::<V, 3>(codes, base, quads),
                    4 => unpack_block::<V, 4>(codes, base, quads),
                    5 => unpack_block::<V, 5>(codes, base, quads),
                    6 => unpack_block::<V, 6>(codes, base, quads),
                    7 => unpack_block::<V, 7>(codes, base, quads),
                    _ => unpack_block::<V, 8>(codes, base, quads),
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
    /// Returns the sum of the magnitudes of `far` for a base and a width, at most 255 for the codes of a place
    /// in their quads.
    fn sum_of_far(quads: &[u8; BLOCK_BYTES], base: u8, width: u8) -> usize {
        let mut sums = [0u8; QUAD];
        let most = (1 << width) - 1;
        for quad in quads.as_chunks::<QUAD>().0 {
            for (sum, &code) in sums.iter_mut().zip(quad) {
                let outside = base.saturating_sub(code) | code.saturating_sub(base + most);
                *sum = sum.saturating_add((outside + most) >> width);
            }
        }
        sums.iter().map(|&sum| usize::from(sum)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packs and unpacks a panel; returns the bytes of its codes and of its entries of exceptions.
    fn round_trip(codes: &[u8], packer: Packer) -> [usize; 2] {
        let blocks = codes.len() / BLOCK_BYTES;
        let most = largest_panel_bytes(blocks, packer.alphabet);
        let (mut of, mut packed, mut entries) = (vec![0; blocks], vec![0; most], Vec::new());
        let bytes = packer.panel(PANEL, codes, &mut of, &mut packed, &mut entries);
        assert!(bytes + entries.len() <= most, "{bytes} + {} bytes of {most}", entries.len());
        let panel = PackedPanel { blocks: &of, codes: &packed[..bytes], entries: &entries };
        for isa in Isa::supported() {
            let mut unpacked = vec![0xee; codes.len()];
            unpack(isa, &panel, &packer.bases(), &mut unpacked);
            assert!(unpacked == codes, "{packer:?}");
        }
        [bytes, entries.len()]
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
        // The last code of some blocks is far from the others.
        for (near, far) in [(0, 255), (255, 0), (128, 0), (128, 255)] {
            let packer = Packer::new(256, Some(near), 40 * BLOCK);
            let mut codes = vec![near; 40 * BLOCK_BYTES];
            for block in [0, 1, 39] {
                codes[(block + 1) * BLOCK_BYTES - 1] = far;
            }
            let [bytes, entries] = round_trip(&codes, packer);
            assert!(bytes <= (40 * 2 + 3 * 3) * 64 && (80..800).contains(&entries), "{bytes} {entries}");
        }
    }

    #[test]
    fn what_lies_behind_rows_and_columns_takes_nothing() {
        let packer = Packer::new(256, Some(100), 33);
        let mut codes = vec![255; 2 * BLOCK_BYTES];
        for (row, col) in (0..5).flat_map(|row| (0..33).map(move |col| (row, col))) {
            codes[panel::offset(row, col)] = 101;
        }
        let (mut of, mut packed, mut entries) = ([0; 2], vec![0; 1024], Vec::new());
        let bytes = packer.panel(5, &codes, &mut of, &mut packed, &mut entries);
        assert_eq!((bytes, entries.len()), (2 * 2 * 64, 0));
    }
}
