//! Products of packed codes with one row of integers: codes are unpacked into registers and multiplied there.
//!
//! A block's exact sum is that of its packed codes, plus `base - zero` times the sum of the integers. On a
//! trellis grid, levels follow from packed codes in registers.

use super::activations::{Activations, BLOCK};
use super::block::{Block, PackedPanel};
use super::integer::{BLOCK_BYTES, BlockDots, IntegerProduct, Offsets, Panel};
use super::side::{PANEL, Side};
use super::trellis::Trellis;
use super::width::QUADS;
use crate::cpu::simd::{self, Vector};
use ecq_coding::{Isa, multiversion};

/// Quads of the lag that the trellis quantizer takes.
const LAG: usize = 3;

/// A product of packed codes.
pub(super) struct DirectProduct<'a> {
    product: IntegerProduct<'a>,
    trellis: Option<Branches>,
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
        offsets: &'a mut Offsets,
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
        Some(Self { product, trellis: branches, isa })
    }

    /// Multiplies panel `number` and writes the products to `y[at..]`.
    pub(super) fn panel(
        &self,
        number: usize,
        packed: &PackedPanel,
        start: &mut Vec<[f32; PANEL]>,
        (y, at): (&mut [f32], usize),
    ) {
        let place = self.product.place(number, start, at, y.len());
        match self.trellis {
            None => panel::<0>(self.isa, &self.product, &place, packed, Branches::NONE, y),
            Some(trellis) => panel::<LAG>(self.isa, &self.product, &place, packed, trellis, y),
        }
    }
}

impl Branches {
    const NONE: Self = Self { restart_blocks: usize::MAX, odd: 0 };
}

/// Sums with packed codes, or with their levels if `LAG` is not zero.
struct PackedDots<'a, V: Vector, const LAG: usize> {
    blocks: &'a [[u8; Block::ENTRY_BYTES]],
    codes: *const u8,
    x: *const i8,
    sums: &'a [i32],
    zero: i32,
    branches: Branches,
    /// Blocks to the next restart.
    left: usize,
    /// For each vector of a quad, the branch bits of the `LAG` quads before the next one and of the `LAG`
    /// quads from it on.
    history: [[[V::Int; LAG]; 2]; 2],
}

impl<V: Vector, const LAG: usize> PackedDots<'_, V, LAG> {
    /// Returns the scalar products of a block's codes (levels) of `W` bits (`BITS` bits), minus the grid's
    /// zero, with its integers.
    ///
    /// # Safety
    /// As [`BlockDots::next`].
    #[inline(always)]
    unsafe fn block<const W: usize, const BITS: usize>(&mut self, block: usize, base: u8) -> [V::Int; 2] {
        // SAFETY: as this function's.
        unsafe {
            // A trellis grid has two levels for each code; kernels of eight bits subtract from each.
            let base_level = i32::from(base) * if LAG == 0 { 1 } else { 2 };
            let addend = base_level - self.zero + if BITS == 8 { V::OFFSET } else { 0 };
            let addend = V::splat(addend * self.sums.get_unchecked(block));
            let mut dots = [V::splat(0); 2];
            for (half, dot) in dots[..PANEL / V::LANES].iter_mut().enumerate() {
                let mut codes = V::unpack::<W>(self.codes.add(half * V::LANES * 4));
                if LAG > 0 {
                    let odd = V::splat(i32::from_ne_bytes([(self.branches.odd ^ base) & 1; 4]));
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
                *dot = V::add(V::dot::<BITS, QUADS>(codes, self.x.add(block * BLOCK)), addend);
            }
            self.codes = self.codes.add(BLOCK_BYTES / 8 * W);
            dots
        }
    }
}

impl<V: Vector, const LAG: usize> BlockDots<V> for PackedDots<'_, V, LAG> {
    #[inline(always)]
    unsafe fn next(&mut self, block: usize) -> [V::Int; 2] {
        // SAFETY: as the trait's: blocks, codes, integers and sums have the block.
        unsafe {
            let of = Block::from_bytes(*self.blocks.get_unchecked(block));
            let base = of.base();
            if LAG == 0 {
                return match of.width() {
                    2 => self.block::<2, 2>(block, base),
                    3 => self.block::<3, 3>(block, base),
                    4 => self.block::<4, 4>(block, base),
                    5 => self.block::<5, 5>(block, base),
                    6 => self.block::<6, 6>(block, base),
                    7 => self.block::<7, 7>(block, base),
                    _ => self.block::<8, 8>(block, base),
                };
            }
            if self.left == 0 {
                self.history = [[[V::splat(0); LAG]; 2]; 2];
                self.left = self.branches.restart_blocks;
            }
            self.left -= 1;
            match of.width() {
                2 => self.block::<2, 3>(block, base),
                3 => self.block::<3, 4>(block, base),
                4 => self.block::<4, 5>(block, base),
                5 => self.block::<5, 6>(block, base),
                6 => self.block::<6, 7>(block, base),
                // Alphabets of a trellis grid end at 128.
                _ => self.block::<7, 8>(block, base),
            }
        }
    }
}

multiversion! {
    /// Multiplies a panel with the first row of activations.
    unsafe fn panel[V: Vector in simd, const LAG: usize](
        product: &IntegerProduct,
        of: &Panel,
        packed: &PackedPanel,
        branches: Branches,
        y: &mut [f32],
    ) {
        let (blocks, x, zero) = (packed.blocks, product.x, product.side.zero);
        let codes: usize = blocks.iter().map(|&block| Block::from_bytes(block).bytes()).sum();
        assert!(blocks.len() == x.blocks() && packed.codes.len() >= codes);
        assert!(x.integers(0).len() == blocks.len() * BLOCK && x.sums(0).len() == blocks.len());
        // SAFETY: the assertions cover the codes, integers and sums of all blocks; the caller enables the
        // instruction set.
        unsafe {
            let mut dots = PackedDots::<V, LAG> {
                blocks,
                codes: packed.codes.as_ptr(),
                x: x.integers(0).as_ptr(),
                sums: x.sums(0),
                zero,
                branches,
                left: 0,
                history: [[[V::splat(0); LAG]; 2]; 2],
            };
            product.row::<V>(of, 0, &mut dots, y);
        }
    }
}
