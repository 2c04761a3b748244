//! Products of packed codes with one row of integers: codes are unpacked into registers and multiplied there.
//!
//! A block's exact sum is that of its packed codes, plus `base - zero` times the sum of the integers, plus
//! those of its exceptions. On a trellis grid, levels follow from packed codes in registers: a branch bit
//! depends on the lowest bits of earlier codes, which exceptions do not change.

use super::activations::{Activations, BLOCK};
use super::block::{BASES, Block, Entry, PackedPanel};
use super::integer::{BLOCK_BYTES, BlockDots, IntegerProduct, Offsets, Panel};
use super::side::{PANEL, Side};
use super::trellis::Trellis;
use super::width::QUADS;
use crate::cpu::AlignedVec;
use crate::cpu::simd::{self, Vector};
use ecq_coding::{Isa, multiversion};

/// Quads of the lag that the trellis quantizer takes.
const LAG: usize = 3;
/// For each row of a panel the lanes of that row.
#[repr(align(64))]
struct Lanes([[i32; PANEL]; PANEL]);

static LANES: Lanes = {
    let mut lanes = [[0; PANEL]; PANEL];
    let mut row = 0;
    while row < PANEL {
        lanes[row][row] = -1;
        row += 1;
    }
    Lanes(lanes)
};

/// A product of packed codes.
pub(super) struct DirectProduct<'a> {
    product: IntegerProduct<'a>,
    trellis: Option<Branches>,
    bases: &'a [u8; BASES],
    /// The integers of each column, and their negations.
    signed: &'a [[i32; 2]],
    far: &'a mut AlignedVec<i32>,
    isa: Isa,
}

/// The branch rule in blocks.
#[derive(Debug, Clone, Copy)]
struct Branches {
    restart_blocks: usize,
    odd: u8,
}

impl<'a> DirectProduct<'a> {
    /// Prepares the product. Returns `None` if there are several rows of activations, if the groups of the
    /// side data are not whole blocks, or if the trellis has another lag than the usual one or restarts
    /// inside blocks: a panel is then unpacked to memory.
    pub(super) fn new(
        isa: Isa,
        x: &'a Activations,
        side: &'a Side,
        trellis: Option<Trellis>,
        bases: &'a [u8; BASES],
        offsets: &'a mut Offsets,
        (signed, far): (&'a mut Vec<[i32; 2]>, &'a mut AlignedVec<i32>),
    ) -> Option<Self> {
        let branches = match trellis {
            Some(trellis) => {
                let restart_blocks =
                    trellis.restart_blocks(side.cols).filter(|_| trellis.lag_quads() == LAG)?;
                Some(Branches { restart_blocks, odd: trellis.odd() })
            }
            None => None,
        };
        if x.rows() != 1 {
            return None;
        }
        let product = IntegerProduct::new(x, side, offsets)?;
        signed.clear();
        signed.extend(x.integers(0).iter().map(|&x| [i32::from(x), -i32::from(x)]));
        Some(Self { product, trellis: branches, bases, signed, far, isa })
    }

    /// Multiplies panel `number` and writes the products to `y[at..]`.
    pub(super) fn panel(
        &mut self,
        number: usize,
        packed: &PackedPanel,
        start: &mut Vec<[f32; PANEL]>,
        (y, at): (&mut [f32], usize),
    ) {
        let place = self.product.place(number, start, at, y.len());
        match self.trellis {
            None => panel::<0>(self.isa, self, &place, packed, Branches::NONE, y),
            Some(trellis) => panel::<LAG>(self.isa, self, &place, packed, trellis, y),
        }
    }
}

impl Branches {
    const NONE: Self = Self { restart_blocks: usize::MAX, odd: 0 };
}

/// Computes the running sums of a panel's exceptions, in ranges of their blocks; see [`PackedDots`].
///
/// Each entry stores the sum of its block, with no condition on blocks: the number of entries of a block
/// cannot be predicted, and a wrong prediction costs more than five entries.
///
/// # Safety
/// The caller enables the instruction set of `V`.
#[inline(always)]
unsafe fn exceptions<V: Vector>(entries: &[u8], signed: &[[i32; 2]], sums: &mut [i32]) {
    if entries.is_empty() {
        return;
    }
    let last: usize = entries.iter().map(|&entry| Entry(entry).step()).sum();
    assert!(last < signed.len() * PANEL && signed.len() / BLOCK * PANEL + PANEL <= sums.len());
    // SAFETY: places do not decrease and the last is inside, as asserted; places of a column are below 16.
    unsafe {
        let mut totals = [V::splat(0); 2];
        let mut place = 0;
        for (half, &total) in totals[..PANEL / V::LANES].iter().enumerate() {
            V::store(sums.as_mut_ptr().add(half * V::LANES).cast(), total);
        }
        for &entry in entries {
            let entry = Entry(entry);
            place += entry.step();
            let lanes = LANES.0.get_unchecked(place % PANEL).as_ptr();
            let x = V::splat(*signed.get_unchecked(place / PANEL).get_unchecked(entry.sign()));
            let to = sums.as_mut_ptr().add((place / BLOCK_BYTES + 1) * PANEL);
            for (half, total) in totals[..PANEL / V::LANES].iter_mut().enumerate() {
                *total = V::add(*total, V::and(x, V::load(lanes.add(half * V::LANES).cast())));
                V::store(to.add(half * V::LANES).cast(), *total);
            }
        }
    }
}

/// Sums with packed codes, or with their levels if `LAG` is not zero.
struct PackedDots<'a, V: Vector, const LAG: usize> {
    blocks: &'a [u8],
    codes: *const u8,
    x: *const i8,
    sums: &'a [i32],
    /// `[blocks + 1][16]`: the sum of `far` times the integer over the exceptions before each block; empty
    /// without exceptions.
    far: &'a [i32],
    /// What base, zero and `V::OFFSET` add to each code, by the number of the base.
    offsets: [i32; BASES],
    bases: &'a [u8; BASES],
    branches: Branches,
    /// Blocks to the next restart.
    left: usize,
    /// For each vector of a quad, the branch bits of the `LAG` quads before the next one and of the `LAG`
    /// quads from it on.
    history: [[[V::Int; LAG]; 2]; 2],
}

impl<V: Vector, const LAG: usize> PackedDots<'_, V, LAG> {
    /// Returns the scalar products of a block's codes (levels) of `W` bits (`BITS` bits) with its integers,
    /// plus `far` of its exceptions, in ranges.
    ///
    /// # Safety
    /// As [`BlockDots::next`].
    #[inline(always)]
    unsafe fn block<const W: usize, const BITS: usize>(&mut self, block: usize, odd: u8) -> [V::Int; 2] {
        // SAFETY: as this function's.
        unsafe {
            let mut dots = [V::splat(0); 2];
            for (half, dot) in dots[..PANEL / V::LANES].iter_mut().enumerate() {
                let mut codes = V::unpack::<W>(self.codes.add(half * V::LANES * 4));
                if LAG > 0 {
                    let odd = V::splat(i32::from_ne_bytes([odd; 4]));
                    let [mut before, mut from] = self.history[half];
                    for (quad, code) in codes.iter_mut().enumerate() {
                        let i = quad % LAG;
                        let branch = from[i];
                        from[i] = V::and_bytes(V::xor(V::xor(*code, odd), before[i]), 1);
                        before[i] = branch;
                        *code = V::or(V::add(*code, *code), branch);
                    }
                    // The next block begins with phase `QUADS % LAG`.
                    let mut turned = [before, from];
                    for i in 0..LAG {
                        turned[0][i] = before[(i + QUADS) % LAG];
                        turned[1][i] = from[(i + QUADS) % LAG];
                    }
                    self.history[half] = turned;
                }
                *dot = V::dot::<BITS>(codes, self.x.add(block * BLOCK));
                if !self.far.is_empty() {
                    let before = self.far.as_ptr().add(block * PANEL + half * V::LANES);
                    let far = V::sub(V::load(before.add(PANEL).cast()), V::load(before.cast()));
                    *dot = V::add(*dot, V::shl(far, BITS as u32));
                }
            }
            self.codes = self.codes.add(BLOCK_BYTES / 8 * W);
            dots
        }
    }
}

impl<V: Vector, const LAG: usize> BlockDots<V> for PackedDots<'_, V, LAG> {
    #[inline(always)]
    unsafe fn next(&mut self, block: usize) -> [V::Int; 2] {
        // SAFETY: as the trait's: entries, codes, integers and addends have the block.
        unsafe {
            let of = Block::from_byte(*self.blocks.get_unchecked(block));

            let mut dots = if LAG == 0 {
                match of.width() {
                    2 => self.block::<2, 2>(block, 0),
                    3 => self.block::<3, 3>(block, 0),
                    4 => self.block::<4, 4>(block, 0),
                    5 => self.block::<5, 5>(block, 0),
                    6 => self.block::<6, 6>(block, 0),
                    7 => self.block::<7, 7>(block, 0),
                    _ => self.block::<8, 8>(block, 0),
                }
            } else {
                if self.left == 0 {
                    self.history = [[[V::splat(0); LAG]; 2]; 2];
                    self.left = self.branches.restart_blocks;
                }
                self.left -= 1;
                let odd = (self.branches.odd ^ self.bases[of.base_number()]) & 1;
                match of.width() {
                    2 => self.block::<2, 3>(block, odd),
                    3 => self.block::<3, 4>(block, odd),
                    4 => self.block::<4, 5>(block, odd),
                    5 => self.block::<5, 6>(block, odd),
                    6 => self.block::<6, 7>(block, odd),
                    // Alphabets of a trellis grid end at 128.
                    _ => self.block::<7, 8>(block, odd),
                }
            };
            let offset = self.offsets.get_unchecked(of.base_number()) * self.sums.get_unchecked(block);
            let offset = V::splat(offset);
            for dot in &mut dots[..PANEL / V::LANES] {
                *dot = V::add(*dot, offset);
            }
            dots
        }
    }
}

multiversion! {
    /// Multiplies a panel with the first row of activations.
    unsafe fn panel[V: Vector in simd, const LAG: usize](
        direct: &mut DirectProduct,
        of: &Panel,
        packed: &PackedPanel,
        branches: Branches,
        y: &mut [f32],
    ) {
        let (blocks, x, zero) = (packed.blocks, direct.product.x, direct.product.side.zero);
        let codes: usize = blocks.iter().map(|&block| Block::from_byte(block).bytes()).sum();
        assert!(blocks.len() == x.blocks() && packed.codes.len() >= codes);
        assert!(x.integers(0).len() == blocks.len() * BLOCK && x.sums(0).len() == blocks.len());
        direct.far.set_len(if packed.entries.is_empty() { 0 } else { (blocks.len() + 1) * PANEL });
        // SAFETY: the caller enables the instruction set.
        unsafe { exceptions::<V>(packed.entries, direct.signed, direct.far) };
        // Kernels of eight bits subtract from each code or level.
        let widest = if LAG == 0 { 8 } else { 7 };
        let offset = |number: usize| {
            let base = i32::from(direct.bases[number]) * if LAG == 0 { 1 } else { 2 };
            base - zero + if number / 2 == widest { V::OFFSET } else { 0 }
        };
        // SAFETY: the assertions cover the codes, integers, sums and running sums of all blocks; the caller
        // enables the instruction set.
        unsafe {
            let mut dots = PackedDots::<V, LAG> {
                blocks,
                codes: packed.codes.as_ptr(),
                x: x.integers(0).as_ptr(),
                sums: x.sums(0),
                far: direct.far,
                offsets: std::array::from_fn(offset),
                bases: direct.bases,
                branches,
                left: 0,
                history: [[[V::splat(0); LAG]; 2]; 2],
            };
            direct.product.row::<V>(of, 0, &mut dots, y);
        }
    }
}
