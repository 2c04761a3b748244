//! Products with super-blocks of 256 columns (GGUF's K types), whose groups of 16 or 32 columns have integer
//! scales and minima.
//!
//! Numerical contract of the product with integers, for each row: `t` and `u` are zero at the start of a
//! super-block. For each block of 32 columns `t += x_scale * n`, where `n`, the sum of `scale * (dot - zero *
//! sum)` over the block's groups, is exact: `dot` is the scalar product of codes and integers of a group,
//! `sum` the sum of its integers. For each group, if there are minima, `u += minimum * -(x_scale * sum)`;
//! `x_scale * sum` is rounded. After each super-block `y += step * t`, then `y += minimum_step * u`. All
//! other products and sums are fused multiply-adds, rounded once.
//!
//! `n` is below 2^24, and so exact in single precision: at most `32 * 127 * 32 * 128` with codes of 6 bits.

use super::activations::{Activations, BLOCK};
use super::integer::{BLOCK_BYTES, IntegerProduct, Kernel, Panel};
use super::side::{PANEL, Side};
use crate::cpu::AlignedVec;
use crate::cpu::simd::{self, QUADS, Vector};
use ecq_coding::multiversion;
use ecq_coding::panel::offset as panel_offset;
use ecq_core::{SUPER_BLOCK, SuperBlockLayout, SuperBlocks};
use std::ops::Range;

/// The integers of the groups of a matrix, in panels of 16 rows. Steps are floats of [`Side`], whose groups
/// are the super-blocks.
#[derive(Debug, Clone)]
pub(super) struct GroupIntegers {
    pub(super) layout: SuperBlockLayout,
    /// On Q2_K `scale | minimum << 4`, the byte of the block in GGUF.
    scales: SignedPanels,
    /// At most 63. `None` on Q2_K and without minima.
    minima: Option<SignedPanels>,
}

/// Whether a byte holds both the scale and the minimum of a group with codes of `bits` bits.
const fn shares_bytes(bits: usize) -> bool {
    bits == 2
}

/// A matrix of bytes `[rows, groups]` as `[panels][groups][16]`.
#[derive(Debug, Clone)]
struct SignedPanels {
    groups: usize,
    bytes: AlignedVec<i8>,
}

impl SignedPanels {
    fn new(values: impl Iterator<Item = i8>, rows: usize, groups: usize) -> Self {
        let mut bytes = AlignedVec::default();
        bytes.set_len(rows.div_ceil(PANEL) * groups * PANEL);
        for (i, value) in values.enumerate() {
            bytes[Self::place(i / groups, i % groups, groups)] = value;
        }
        Self { groups, bytes }
    }

    fn place(row: usize, group: usize, groups: usize) -> usize {
        (row / PANEL * groups + group) * PANEL + row % PANEL
    }

    fn get(&self, row: usize, group: usize) -> i8 {
        self.bytes[Self::place(row, group, self.groups)]
    }

    /// Returns the integers of a panel, `[groups][16]`.
    fn panel(&self, panel: usize) -> &[i8] {
        let len = self.groups * PANEL;
        &self.bytes[panel * len..][..len]
    }
}

impl GroupIntegers {
    /// Lays out the integers of a grid that fits a matrix of this shape.
    pub(super) fn new(grid: &SuperBlocks, [rows, cols]: [usize; 2]) -> Self {
        let (layout, groups) = (grid.layout, cols / grid.layout.group_size());
        let values = grid.minima.iter().flat_map(|minima| minima.values.iter().map(|m| m.cast_signed()));
        if shares_bytes(layout.bits().into()) {
            let bytes = grid.scales.iter().zip(values).map(|(scale, minimum)| scale | minimum << 4);
            return Self { layout, scales: SignedPanels::new(bytes, rows, groups), minima: None };
        }
        let minima = grid.minima.is_some().then(|| SignedPanels::new(values, rows, groups));
        Self { layout, scales: SignedPanels::new(grid.scales.iter().copied(), rows, groups), minima }
    }

    /// Returns the scale and the minimum of a group; the minimum is 0 without minima.
    fn get(&self, row: usize, group: usize) -> (f32, f32) {
        let scale = self.scales.get(row, group);
        if shares_bytes(self.layout.bits().into()) {
            return ((scale & 15).into(), (scale >> 4 & 15).into());
        }
        (scale.into(), self.minima.as_ref().map_or(0, |minima| minima.get(row, group)).into())
    }

    /// Returns the bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.scales.bytes.len() + self.minima.as_ref().map_or(0, |minima| minima.bytes.len())
    }

    /// Dequantizes a row to f32, as [`ecq_core::Grid::dequantize_row`] does.
    pub(super) fn dequantize_row(&self, side: &Side, row: usize, codes: &[u8], weights: &mut [f32]) {
        let size = self.layout.group_size();
        for (group, (codes, weights)) in codes.chunks(size).zip(weights.chunks_mut(size)).enumerate() {
            let block = group * size / SUPER_BLOCK;
            let (scale, minimum) = self.get(row, group);
            let scale = side.scales.get(row, block) * scale;
            for (weight, &q) in weights.iter_mut().zip(codes) {
                *weight = scale * (i32::from(q) - side.zero) as f32;
            }
            if let Some(steps) = &side.biases {
                let minimum = steps.get(row, block) * minimum;
                weights.iter_mut().for_each(|weight| *weight -= minimum);
            }
        }
    }

    /// Computes the addends of all rows of activations, `[rows][groups]`: `-zero * sum` of each group in
    /// `integers` if there is a zero point, `-(x_scale * sum)` in `sums` if there are minima.
    pub(super) fn offsets(&self, x: &Activations, zero: i32, integers: &mut Vec<i32>, sums: &mut Vec<f32>) {
        let size = self.layout.group_size();
        for row in 0..x.rows() {
            let groups = x.integers(row).chunks_exact(size);
            let sum = |group: &[i8]| group.iter().map(|&x| i32::from(x)).sum::<i32>();
            if zero != 0 {
                integers.extend(groups.clone().map(|group| -zero * sum(group)));
            }
            if self.layout.largest_minimum().is_some() {
                let scales = x.scales(row).iter().flat_map(|&scale| std::iter::repeat_n(scale, BLOCK / size));
                sums.extend(groups.zip(scales).map(|(group, scale)| -(scale * sum(group) as f32)));
            }
        }
    }
}

/// Returns the kernel for panels of codes of `width` bits: those of the layout, or 8.
pub(super) fn kernel(layout: SuperBlockLayout, width: usize) -> Kernel {
    match (layout, width) {
        (SuperBlockLayout::Q2K, 8) => panel::<8, 2, 2>,
        (SuperBlockLayout::Q3K, 8) => panel::<8, 3, 2>,
        (SuperBlockLayout::Q4K, 8) => panel::<8, 4, 1>,
        (SuperBlockLayout::Q5K, 8) => panel::<8, 5, 1>,
        (SuperBlockLayout::Q6K, 8) => panel::<8, 6, 2>,
        (SuperBlockLayout::Q2K, _) => panel::<2, 2, 2>,
        (SuperBlockLayout::Q3K, _) => panel::<3, 3, 2>,
        (SuperBlockLayout::Q4K, _) => panel::<4, 4, 1>,
        (SuperBlockLayout::Q5K, _) => panel::<5, 5, 1>,
        (SuperBlockLayout::Q6K, _) => panel::<6, 6, 2>,
    }
}

multiversion! {
    /// Multiplies a panel with every row of activations. Blocks have `GROUPS` groups, 1 or 2.
    unsafe fn panel[V: Vector in simd, const W: usize, const BITS: usize, const GROUPS: usize](
        product: &IntegerProduct,
        of: &Panel,
        codes: &[u8],
        y: &mut [f32],
    ) {
        let (x, side) = (product.x, product.side);
        let Some(integers) = &side.group_integers else { return };
        let (blocks, supers) = (x.blocks(), side.groups());
        let (per_super, groups) = (SUPER_BLOCK / BLOCK, blocks * GROUPS);
        assert!(codes.len() >= blocks * BLOCK_BYTES / 8 * W && blocks == per_super * supers);
        let (steps, scales) = (side.scales.panel(of.number), integers.scales.panel(of.number));
        let minimum_steps = side.biases.as_ref().map(|steps| (steps.dtype, steps.panel(of.number)));
        // Without minima, nothing reads them.
        let minima = integers.minima.as_ref().map_or(scales, |minima| minima.panel(of.number));
        assert!(scales.len() == groups * PANEL && minima.len() == scales.len());
        for row in 0..x.rows() {
            let (xs, x_scales) = (x.integers(row), x.scales(row));
            assert!(xs.len() == blocks * BLOCK && x_scales.len() == blocks);
            let offsets = product.offsets.integers.get(row * groups..(row + 1) * groups);
            let sums = product.offsets.sums.get(row * groups..(row + 1) * groups);
            // SAFETY: `block < blocks`, `group < groups` and `number < supers`, of which the assertions found
            // enough; the caller enables the instruction set.
            let out = unsafe {
                let halves = PANEL / V::LANES;
                let mut totals = [V::zero(); 2];
                for number in 0..supers {
                    let (mut t, mut u) = ([V::zero(); 2], [V::zero(); 2]);
                    for block in number * per_super..(number + 1) * per_super {
                        let xs = xs.as_ptr().add(block * BLOCK);
                        let x_scale = V::splat_float(*x_scales.get_unchecked(block));
                        for half in 0..halves {
                            let at = block * (BLOCK_BYTES / 8 * W) + half * V::LANES * 4;
                            let quads = V::unpack::<W>(codes.as_ptr().add(at));
                            let mut dots = [V::splat(0); GROUPS];
                            if GROUPS == 1 {
                                dots[0] = V::dot::<BITS, QUADS>(quads, xs);
                            } else {
                                let [a, b, c, d, e, f, g, h] = quads;
                                dots[0] = V::dot::<BITS, 4>([a, b, c, d], xs);
                                dots[1] = V::dot::<BITS, 4>([e, f, g, h], xs.add(BLOCK / 2));
                            }
                            let mut n = V::splat(0);
                            for (i, mut dot) in dots.into_iter().enumerate() {
                                let group = block * GROUPS + i;
                                if let Some(offsets) = offsets {
                                    dot = V::add(dot, V::splat(*offsets.get_unchecked(group)));
                                }
                                let at = group * PANEL + half * V::LANES;
                                let mut scale = V::load_signed(scales.as_ptr().add(at));
                                if shares_bytes(BITS) {
                                    scale = V::and_lanes(scale, 15);
                                }
                                let scaled = V::mul(dot, scale);
                                n = if i == 0 { scaled } else { V::add(n, scaled) };
                                if let Some(sums) = sums {
                                    let mut minimum = V::load_signed(minima.as_ptr().add(at));
                                    if shares_bytes(BITS) {
                                        minimum = V::and_lanes(V::shr(minimum, 4), 15);
                                    }
                                    let minimum = V::float(minimum);
                                    let sum = V::splat_float(*sums.get_unchecked(group));
                                    u[half] = V::mul_add(minimum, sum, u[half]);
                                }
                            }
                            t[half] = V::mul_add(V::float(n), x_scale, t[half]);
                        }
                    }
                    for (half, total) in totals[..halves].iter_mut().enumerate() {
                        let at = number * PANEL + half * V::LANES;
                        let step = V::load_as(side.scales.dtype, steps.as_ptr(), at);
                        *total = V::mul_add(step, t[half], *total);
                        if let Some((dtype, steps)) = minimum_steps {
                            let step = V::load_as(dtype, steps.as_ptr(), at);
                            *total = V::mul_add(step, u[half], *total);
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
}

multiversion! {
    /// Writes the weights of columns `columns` of panel `number` from its codes, one byte each; the order of
    /// operations is that of [`ecq_core::SuperBlocks`].
    pub(super) unsafe fn expand[V: Vector in simd](
        side: &Side,
        integers: &GroupIntegers,
        number: usize,
        quads: &[u8],
        columns: Range<usize>,
        weights: &mut [f32],
    ) {
        assert!(quads.len() >= columns.end.next_multiple_of(4) * PANEL && columns.end <= side.cols);
        assert_eq!(weights.len(), columns.len() * PANEL);
        let size = integers.layout.group_size();
        let (steps, scales) = (side.scales.panel(number), integers.scales.panel(number));
        let minimum_steps = side.biases.as_ref().map(|steps| (steps.dtype, steps.panel(number)));
        let minima = integers.minima.as_ref().map_or(scales, |minima| minima.panel(number));
        let shared = shares_bytes(integers.layout.bits().into());
        // SAFETY: the assertions cover quads and weights; a column inside the matrix has its group and its
        // super-block in the panel's side data.
        unsafe {
            let zero = V::splat(-side.zero);
            let mut first = columns.start;
            while first < columns.end {
                let group = first / size;
                let end = columns.end.min((group + 1) * size);
                for half in 0..PANEL / V::LANES {
                    let lanes = half * V::LANES;
                    let (step_at, at) = (first / SUPER_BLOCK * PANEL + lanes, group * PANEL + lanes);
                    let mut scale = V::load_signed(scales.as_ptr().add(at));
                    let mut minimum = V::load_signed(minima.as_ptr().add(at));
                    if shared {
                        scale = V::and_lanes(scale, 15);
                        minimum = V::and_lanes(V::shr(minimum, 4), 15);
                    }
                    let step = V::load_as(side.scales.dtype, steps.as_ptr(), step_at);
                    let scale = V::mul_float(step, V::float(scale));
                    let mut minus_minimum = None;
                    if let Some((dtype, steps)) = minimum_steps {
                        let step = V::load_as(dtype, steps.as_ptr(), step_at);
                        let minimum = V::mul_float(step, V::float(minimum));
                        minus_minimum = Some(V::mul_float(V::splat_float(-1.0), minimum));
                    }
                    for col in first..end {
                        let quad = V::load(quads.as_ptr().add(panel_offset(lanes, col) & !3));
                        let code = V::and_lanes(V::shr(quad, 8 * (col % 4) as u32), 0xff);
                        let mut weight = V::mul_float(scale, V::float(V::add(code, zero)));
                        if let Some(minus_minimum) = minus_minimum {
                            weight = V::add_float(weight, minus_minimum);
                        }
                        let to = weights.as_mut_ptr().add((col - columns.start) * PANEL + lanes);
                        V::store_float(to, weight);
                    }
                }
                first = end;
            }
        }
    }
}
