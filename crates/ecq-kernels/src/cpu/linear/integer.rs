//! Products of codes with blocks of integers: one panel of 16 rows with every row of activations.
//! `direct.rs` multiplies packed codes in the same way.
//!
//! Numerical contract, for each row: `t = outliers`; for each block `t += x_scale * (dot - zero * sum)`,
//! where `dot` is the scalar product of codes and integers and `sum` the sum of the integers, both exact;
//! after each group `y += scale * t`, then `y += bias * x_sum`, where `x_sum` is the sum of the group's
//! activations. Products and sums are rounded separately, in this order, on every instruction set, so that
//! equal codes give equal bits in every form. Super-blocks have kernels of their own (`super_blocks.rs`).

use super::activations::{Activations, BLOCK};
use super::side::{PANEL, Side};
use super::super_blocks;
use crate::cpu::simd::{self, QUADS, Vector};
use ecq_coding::{Isa, multiversion};

/// Bytes of a block of 16 rows and 32 columns at one byte per code.
pub(super) const BLOCK_BYTES: usize = PANEL * BLOCK;

/// Sums over the blocks and groups of all rows of activations, computed once for a product.
#[derive(Debug, Clone, Default)]
pub(super) struct Offsets {
    /// `[rows][blocks]`: the addend of each block's integer sum; empty if all are zero. On super-blocks see
    /// [`GroupIntegers::offsets`](super_blocks::GroupIntegers::offsets).
    pub(super) integers: Vec<i32>,
    /// `[rows][groups]`: the sum of a group's activations; empty without biases.
    pub(super) sums: Vec<f32>,
}

impl Offsets {
    /// Computes the addends of blocks for products that add `factor` to each code.
    fn set_blocks(&mut self, x: &Activations, factor: i32) {
        self.integers.clear();
        if factor != 0 {
            for row in 0..x.rows() {
                self.integers.extend(x.sums(row).iter().map(|&sum| factor * sum));
            }
        }
    }

    /// Computes the sums of groups if there are biases; on super-blocks the addends of groups too.
    fn set_groups(&mut self, x: &Activations, side: &Side, blocks_per_group: usize) {
        self.sums.clear();
        if let Some(groups) = &side.group_integers {
            self.integers.clear();
            return groups.offsets(x, side.zero, &mut self.integers, &mut self.sums);
        }
        if side.biases.is_none() {
            return;
        }
        for row in 0..x.rows() {
            let scales = x.scales(row).chunks(blocks_per_group);
            let groups = scales.zip(x.sums(row).chunks(blocks_per_group));
            self.sums.extend(groups.map(|(scales, sums)| {
                scales.iter().zip(sums).fold(0.0, |all, (&scale, &sum)| all + scale * sum as f32)
            }));
        }
    }

    /// Returns the bytes held.
    pub(super) fn bytes(&self) -> usize {
        4 * (self.integers.capacity() + self.sums.capacity())
    }
}

/// A product with integers, apart from the exact sums within blocks.
pub(super) struct IntegerProduct<'a> {
    pub(super) x: &'a Activations,
    pub(super) side: &'a Side,
    pub(super) offsets: &'a Offsets,
    blocks_per_group: usize,
}

/// The exact sums of the blocks of a panel with a row of activations.
pub(super) trait BlockDots<V: Vector> {
    /// Returns, for each row of the panel, the scalar product of a block's codes, minus the grid's zero, with
    /// its integers, `V::LANES` rows in each vector. Blocks come in order.
    ///
    /// # Safety
    /// The caller enables the instruction set of `V`, and the block exists.
    unsafe fn next(&mut self, block: usize) -> [V::Int; 2];
}

/// Multiplies one panel of codes; see [`panel`].
pub(super) type Kernel = fn(Isa, &IntegerProduct, &Panel, &[u8], &mut [f32]);

/// The place of a panel in a product.
#[derive(Clone, Copy)]
pub(super) struct Panel<'a> {
    pub(super) number: usize,
    /// `[rows of x][16]`: the outliers' part of each sum; empty without outliers.
    start: &'a [[f32; PANEL]],
    /// Rows of the matrix in the panel, the first row's place in a row of `y`, and the length of a row of
    /// `y`.
    pub(super) rows: usize,
    pub(super) at: usize,
    pub(super) stride: usize,
}

impl<'a> IntegerProduct<'a> {
    /// Prepares the product. Returns `None` if the groups of the side data are not whole blocks.
    pub(super) fn new(x: &'a Activations, side: &'a Side, offsets: &'a mut Offsets) -> Option<Self> {
        let blocks_per_group = side.blocks_per_group()?;
        offsets.set_groups(x, side, blocks_per_group);
        Some(Self { x, side, offsets, blocks_per_group })
    }

    /// Returns panel `number`, whose products go to `y[row of x][at..]`, each row of `y` `stride` long.
    pub(super) fn place<'p>(
        &self,
        number: usize,
        start: &'p mut Vec<[f32; PANEL]>,
        at: usize,
        stride: usize,
    ) -> Panel<'p> {
        start.clear();
        if self.side.has_outliers() {
            start.extend((0..self.x.rows()).map(|row| self.outliers(number, row)));
        }
        Panel { number, start, rows: PANEL.min(self.side.rows - number * PANEL), at, stride }
    }

    /// Returns the outliers' part of the sum of each row of a panel.
    fn outliers(&self, panel: usize, row: usize) -> [f32; PANEL] {
        let mut sums = [0.0; PANEL];
        let (integers, scales) = (self.x.integers(row), self.x.scales(row));
        for outlier in self.side.outliers(panel) {
            let col = outlier.col as usize;
            let x = scales[col / BLOCK] * f32::from(integers[col]);
            sums[outlier.row as usize % PANEL] += outlier.delta as f32 * x;
        }
        sums
    }
}

/// A product of integers with panels whose codes have one width.
pub(super) struct FixedProduct<'a> {
    product: IntegerProduct<'a>,
    kernel: Kernel,
    isa: Isa,
}

impl<'a> FixedProduct<'a> {
    /// Prepares the product with codes of `width` bits, which are below `2^bits`; see
    /// [`IntegerProduct::new`].
    pub(super) fn new(
        isa: Isa,
        x: &'a Activations,
        side: &'a Side,
        offsets: &'a mut Offsets,
        width: usize,
        bits: usize,
    ) -> Option<Self> {
        let kernel = match &side.group_integers {
            Some(groups) => super_blocks::kernel(groups.layout, width),
            None => {
                let (kernel, code_offset) = kernel(isa, width, bits);
                offsets.set_blocks(x, code_offset - side.zero);
                kernel
            }
        };
        Some(Self { product: IntegerProduct::new(x, side, offsets)?, kernel, isa })
    }

    /// Multiplies panel `number` and writes the products to `y[row of x][at..]`, each row of `y` `stride`
    /// long.
    pub(super) fn panel(
        &self,
        number: usize,
        codes: &[u8],
        start: &mut Vec<[f32; PANEL]>,
        (y, at, stride): (&mut [f32], usize, usize),
    ) {
        let place = self.product.place(number, start, at, stride);
        (self.kernel)(self.isa, &self.product, &place, codes, y);
    }
}

/// Returns the kernel for codes of `bits` bits (at most) in panels of `width` bits, and what it subtracts
/// from each code.
fn kernel(isa: Isa, width: usize, bits: usize) -> (Kernel, i32) {
    // Codes of few bits share a kernel where they take whole bytes.
    let bits = if width == 8 { bits.max(4) } else { width };
    let kernel: Kernel = match (width, bits) {
        (2, _) => panel::<2, 2>,
        (3, _) => panel::<3, 3>,
        (4, _) => panel::<4, 4>,
        (5, _) => panel::<5, 5>,
        (6, _) => panel::<6, 6>,
        (7, _) => panel::<7, 7>,
        (_, 4) => panel::<8, 4>,
        (_, 5) => panel::<8, 5>,
        (_, 6) => panel::<8, 6>,
        (_, 7) => panel::<8, 7>,
        _ => panel::<8, 8>,
    };
    (kernel, if bits == 8 { code_offset(isa) } else { 0 })
}

multiversion! {
    /// Returns the offset that the kernels subtract from codes of eight bits.
    unsafe fn code_offset[V: Vector in simd]() -> i32 {
        V::OFFSET
    }
}

/// Sums with codes of `W` bits, below `2^BITS`.
struct FixedDots<'a, const W: usize, const BITS: usize> {
    codes: *const u8,
    x: *const i8,
    /// An addend for each block.
    offsets: Option<&'a [i32]>,
}

impl<V: Vector, const W: usize, const BITS: usize> BlockDots<V> for FixedDots<'_, W, BITS> {
    #[inline(always)]
    unsafe fn next(&mut self, block: usize) -> [V::Int; 2] {
        // SAFETY: as the trait's: codes, integers and offsets have the block.
        unsafe {
            let mut dots = [V::splat(0); 2];
            for (half, dot) in dots[..PANEL / V::LANES].iter_mut().enumerate() {
                let at = block * (BLOCK_BYTES / 8 * W) + half * V::LANES * 4;
                let codes = V::unpack::<W>(self.codes.add(at));
                *dot = V::dot::<BITS, QUADS>(codes, self.x.add(block * BLOCK));
                if let Some(offsets) = self.offsets {
                    *dot = V::add(*dot, V::splat(*offsets.get_unchecked(block)));
                }
            }
            dots
        }
    }
}

multiversion! {
    /// Multiplies a panel with every row of activations.
    unsafe fn panel[V: Vector in simd, const W: usize, const BITS: usize](
        product: &IntegerProduct,
        of: &Panel,
        codes: &[u8],
        y: &mut [f32],
    ) {
        let blocks = product.x.blocks();
        assert!(codes.len() >= blocks * BLOCK_BYTES / 8 * W);
        for row in 0..product.x.rows() {
            let integers = product.x.integers(row);
            assert!(integers.len() == blocks * BLOCK);
            let offsets = product.offsets.integers.get(row * blocks..(row + 1) * blocks);
            let mut dots = FixedDots::<W, BITS> { codes: codes.as_ptr(), x: integers.as_ptr(), offsets };
            // SAFETY: the assertions cover codes and integers of all blocks; the caller enables the
            // instruction set.
            unsafe { product.row::<V>(of, row, &mut dots, y) };
        }
    }
}

impl IntegerProduct<'_> {
    /// Multiplies a panel with a row of activations, and writes the products.
    ///
    /// # Safety
    /// `dots` has all blocks of the activations. The caller enables the instruction set of `V`.
    #[inline(always)]
    pub(super) unsafe fn row<V: Vector>(
        &self,
        of: &Panel,
        row: usize,
        dots: &mut impl BlockDots<V>,
        y: &mut [f32],
    ) {
        let (x, side) = (self.x, self.side);
        let (blocks, per_group, groups) = (x.blocks(), self.blocks_per_group, side.groups());
        let block_scales = x.scales(row);
        assert!(blocks == per_group * groups && block_scales.len() == blocks);
        let scales = side.scales.panel(of.number);
        let biases = side.biases.as_ref().map(|biases| (biases.dtype, biases.panel(of.number)));
        let sums = self.offsets.sums.get(row * groups..(row + 1) * groups);
        let start = of.start.get(row);
        // SAFETY: `block < blocks` and `group < groups`, of which the assertions found enough; `dots` as the
        // caller says.
        let out = unsafe {
            let halves = PANEL / V::LANES;
            let mut totals = [V::zero(); 2];
            for group in 0..groups {
                let mut sum = [V::zero(); 2];
                if group == 0
                    && let Some(start) = start
                {
                    for (half, sum) in sum[..halves].iter_mut().enumerate() {
                        *sum = V::load_float(start.as_ptr().add(half * V::LANES));
                    }
                }
                for block in group * per_group..(group + 1) * per_group {
                    let dot = dots.next(block);
                    let scale = V::splat_float(*block_scales.get_unchecked(block));
                    for (half, sum) in sum[..halves].iter_mut().enumerate() {
                        *sum = V::add_float(*sum, V::mul_float(scale, V::float(dot[half])));
                    }
                }
                for (half, total) in totals[..halves].iter_mut().enumerate() {
                    let at = group * PANEL + half * V::LANES;
                    let scale = V::load_as(side.scales.dtype, scales.as_ptr(), at);
                    *total = V::add_float(*total, V::mul_float(scale, sum[half]));
                    if let (Some((dtype, biases)), Some(sums)) = (biases, sums) {
                        let sum = V::splat_float(*sums.get_unchecked(group));
                        let bias = V::load_as(dtype, biases.as_ptr(), at);
                        *total = V::add_float(*total, V::mul_float(bias, sum));
                    }
                }
            }
            let mut out = [0.0; PANEL];
            for (half, &total) in totals[..halves].iter().enumerate() {
                V::store_float(out.as_mut_ptr().add(half * V::LANES), total);
            }
            out
        };
        y[row * of.stride + of.at..][..of.rows].copy_from_slice(&out[..of.rows]);
    }
}
