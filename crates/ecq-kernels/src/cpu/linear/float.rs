//! Products in single precision: a panel of 16 rows is expanded, some columns at a time, to weights that stay
//! in the first-level cache, and multiplied with every row of activations.
//!
//! Numerical contract: each row has two sums; column `k` is added to sum `k mod 2`, in ascending order, by
//! fused multiply-add (rounded once); the result is `s0 + s1`, multiplied by the row step on the uniform
//! grid. Every instruction set gives the same bits.

use super::activations::Activations;
use super::side::{PANEL, Side};
use super::super_blocks;
use crate::cpu::AlignedVec;
use crate::cpu::simd::{self, Vector};
use ecq_coding::panel::offset as panel_offset;
use ecq_coding::{Isa, multiversion};
use ecq_core::FloatType;
use std::ops::Range;

/// Columns that are expanded at a time, a multiple of [`SUMS`]: 16 KiB of weights.
const COLUMNS: usize = 256;
/// Sums of a row.
const SUMS: usize = 2;

/// Scratch buffers for expanded weights and running sums.
#[derive(Debug, Clone, Default)]
pub(super) struct FloatScratch {
    /// `[columns][16]`.
    weights: AlignedVec<f32>,
    /// The sums of each row of activations.
    sums: Vec<[[f32; PANEL]; SUMS]>,
}

impl FloatScratch {
    /// Returns the bytes held.
    pub(super) fn bytes(&self) -> usize {
        4 * self.weights.capacity() + size_of::<[[f32; PANEL]; SUMS]>() * self.sums.capacity()
    }
}

/// Multiplies a panel of `rows` rows with every row of `x` and writes the products to `y[row of x][at..]`,
/// each row of `y` `stride` long. `expand` writes the weights of some columns, `[columns][16]`; `factors`
/// scale the rows at the end.
pub(super) fn panel(
    isa: Isa,
    x: &Activations,
    scratch: &mut FloatScratch,
    mut expand: impl FnMut(Range<usize>, &mut [f32]),
    factors: Option<&[f32; PANEL]>,
    rows: usize,
    (y, at, stride): (&mut [f32], usize, usize),
) {
    scratch.sums.clear();
    scratch.sums.resize(x.rows(), [[0.0; PANEL]; SUMS]);
    scratch.weights.set_len(COLUMNS * PANEL);
    for first in (0..x.cols()).step_by(COLUMNS) {
        let columns = first..x.cols().min(first + COLUMNS);
        let weights = &mut scratch.weights[..columns.len() * PANEL];
        expand(columns.clone(), weights);
        accumulate(isa, weights, x, columns, &mut scratch.sums);
    }
    for (row, [a, b]) in scratch.sums.iter().enumerate() {
        let out = &mut y[row * stride + at..][..rows];
        for (i, y) in out.iter_mut().enumerate() {
            *y = a[i] + b[i];
            if let Some(factors) = factors {
                *y *= factors[i];
            }
        }
    }
}

/// Writes the weights of columns `columns` of panel `number` from its codes, one byte each; those of the
/// uniform grid without row step and column scale.
pub(super) fn expand_codes(
    isa: Isa,
    side: &Side,
    number: usize,
    quads: &[u8],
    columns: Range<usize>,
    weights: &mut [f32],
) {
    if let Some(levels) = &side.levels {
        for (col, weights) in columns.clone().zip(weights.chunks_exact_mut(PANEL)) {
            for (row, weight) in weights.iter_mut().enumerate() {
                *weight = levels[usize::from(quads[panel_offset(row, col)])];
            }
        }
    } else if let Some(integers) = &side.group_integers {
        super_blocks::expand(isa, side, integers, number, quads, columns.clone(), weights);
    } else {
        expand(isa, side, number, quads, columns.clone(), weights);
    }
    for outlier in side.outliers(number) {
        let (row, col) = (outlier.row as usize % PANEL, outlier.col as usize);
        if columns.contains(&col) {
            let value = side.outlier_value(quads[panel_offset(row, col)], outlier.delta);
            weights[(col - columns.start) * PANEL + row] = value;
        }
    }
}

multiversion! {
    /// Adds the products of some columns with every row of activations to its sums. Rows go together, so that
    /// they share the loads of the weights.
    unsafe fn accumulate[V: Vector in simd](
        weights: &[f32],
        x: &Activations,
        columns: Range<usize>,
        sums: &mut [[[f32; PANEL]; SUMS]],
    ) {
        let mut row = 0;
        let (threes, rest) = sums.as_chunks_mut::<3>();
        for sums in threes {
            let x = [
                &x.floats(row)[columns.clone()],
                &x.floats(row + 1)[columns.clone()],
                &x.floats(row + 2)[columns.clone()],
            ];
            // SAFETY: as the caller says.
            unsafe { accumulate_rows::<V, 3>(weights, x, sums) };
            row += 3;
        }
        for sums in rest {
            let x = [&x.floats(row)[columns.clone()]];
            // SAFETY: as the caller says.
            unsafe { accumulate_rows::<V, 1>(weights, x, std::array::from_mut(sums)) };
            row += 1;
        }
    }
}

/// Adds the products of some columns with `ROWS` rows of activations. Three rows of two sums of sixteen lanes
/// take twelve of AVX2's sixteen registers.
///
/// # Safety
/// The caller enables the instruction set of `V`.
#[allow(clippy::needless_range_loop, reason = "the loops run over registers, by index in several arrays")]
#[inline(always)]
unsafe fn accumulate_rows<V: Vector, const ROWS: usize>(
    weights: &[f32],
    x: [&[f32]; ROWS],
    sums: &mut [[[f32; PANEL]; SUMS]; ROWS],
) {
    // Vectors of a panel: one or two.
    const MOST: usize = 2;
    let (columns, parts) = (weights.len() / PANEL, PANEL / V::LANES);
    assert!(parts <= MOST);
    for x in x {
        assert_eq!(x.len(), columns);
    }
    let (whole, left) = (columns / SUMS * SUMS, columns % SUMS);
    // SAFETY: loads of weights end at `column * 16 + 16 <= weights.len()`; sums are arrays of 16.
    unsafe {
        let mut totals = [[[V::zero(); MOST]; SUMS]; ROWS];
        for row in 0..ROWS {
            for sum in 0..SUMS {
                for part in 0..parts {
                    totals[row][sum][part] = V::load_float(sums[row][sum].as_ptr().add(part * V::LANES));
                }
            }
        }
        let mut column = 0;
        while column < whole {
            for sum in 0..SUMS {
                let at = weights.as_ptr().add((column + sum) * PANEL);
                let mut weight = [V::zero(); MOST];
                for part in 0..parts {
                    weight[part] = V::load_float(at.add(part * V::LANES));
                }
                for row in 0..ROWS {
                    let x = V::splat_float(*x[row].get_unchecked(column + sum));
                    for part in 0..parts {
                        totals[row][sum][part] = V::mul_add(weight[part], x, totals[row][sum][part]);
                    }
                }
            }
            column += SUMS;
        }
        for sum in 0..left {
            let at = weights.as_ptr().add((column + sum) * PANEL);
            for row in 0..ROWS {
                let x = V::splat_float(*x[row].get_unchecked(column + sum));
                for part in 0..parts {
                    let weight = V::load_float(at.add(part * V::LANES));
                    totals[row][sum][part] = V::mul_add(weight, x, totals[row][sum][part]);
                }
            }
        }
        for row in 0..ROWS {
            for sum in 0..SUMS {
                for part in 0..parts {
                    V::store_float(sums[row][sum].as_mut_ptr().add(part * V::LANES), totals[row][sum][part]);
                }
            }
        }
    }
}

multiversion! {
    /// Writes the weights of columns `columns` of panel `number`; see [`expand_codes`].
    unsafe fn expand[V: Vector in simd](
        side: &Side,
        number: usize,
        quads: &[u8],
        columns: Range<usize>,
        weights: &mut [f32],
    ) {
        assert!(quads.len() >= columns.end.next_multiple_of(4) * PANEL && columns.end <= side.cols);
        assert_eq!(weights.len(), columns.len() * PANEL);
        let scales = side.scales.panel(number);
        let biases = side.biases.as_ref().map(|biases| (biases.dtype, biases.panel(number)));
        // SAFETY: the assertions cover quads and weights; a column inside the matrix has its group in the
        // panel's side data.
        unsafe {
            let zero = V::splat(-side.zero);
            let mut col = columns.start;
            let mut to = weights.as_mut_ptr();
            while col < columns.end {
                let group = col / side.group_size;
                let end = columns.end.min((group + 1) * side.group_size);
                for col in col..end {
                    for half in 0..PANEL / V::LANES {
                        let quad = V::load(quads.as_ptr().add(panel_offset(half * V::LANES, col) & !3));
                        let code = V::and_lanes(V::shr(quad, 8 * (col % 4) as u32), 0xff);
                        let mut weight = V::float(V::add(code, zero));
                        if !side.is_uniform() {
                            let at = group * PANEL + half * V::LANES;
                            let scale = V::load_as(side.scales.dtype, scales.as_ptr(), at);
                            weight = V::mul_float(scale, weight);
                            if let Some((dtype, biases)) = biases {
                                weight = V::add_float(weight, V::load_as(dtype, biases.as_ptr(), at));
                            }
                        }
                        V::store_float(to.add(half * V::LANES), weight);
                    }
                    to = to.add(PANEL);
                }
                col = end;
            }
        }
    }
}

multiversion! {
    /// Widens columns `columns` of a panel of plain floats, `[columns][16]` as `dtype`.
    pub(super) unsafe fn widen[V: Vector in simd](
        dtype: FloatType,
        panel: &[u8],
        columns: Range<usize>,
        weights: &mut [f32],
    ) {
        assert!(panel.len() >= columns.end * PANEL * dtype.bytes());
        assert_eq!(weights.len(), columns.len() * PANEL);
        // SAFETY: the assertions cover both.
        unsafe {
            for at in (0..weights.len()).step_by(V::LANES) {
                let value = V::load_as(dtype, panel.as_ptr(), columns.start * PANEL + at);
                V::store_float(weights.as_mut_ptr().add(at), value);
            }
        }
    }
}
