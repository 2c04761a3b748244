//! Rows of activations, as floats or as blocks of eight-bit integers.

use crate::cpu::AlignedVec;
use crate::fake_quant::{Bits, FakeQuantizer, Rounding, Symmetric};
use ecq_coding::multiversion;

/// Columns that share a scale, and columns of a block of packed codes.
pub(super) const BLOCK: usize = 32;
/// The largest integer of a block; its negation fits too.
const LARGEST: f32 = 127.0;

/// The numbers that a product computes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Weights and activations in single precision.
    F32,
    /// Activations as eight-bit integers in blocks of 32 columns with a scale each; exact integer sums with
    /// the codes within a block.
    I8,
    /// As `F32`, with activations that are fake quantized: symmetric levels up to the largest magnitude of
    /// their row, halves away from zero.
    Fake(Bits),
}

/// Rows of activations, prepared once for all products that read them. Buffers are kept from one use to the
/// next.
#[derive(Debug, Clone)]
pub struct Activations {
    precision: Precision,
    rows: usize,
    cols: usize,
    /// `[rows][cols]`.
    floats: AlignedVec<f32>,
    /// `[rows][blocks * 32]`, zeros behind the last column; empty in single precision, as `scales` and
    /// `sums`.
    integers: AlignedVec<i8>,
    /// `[rows][blocks]`: the step of the block's integers.
    scales: Vec<f32>,
    /// `[rows][blocks]`: the sum of the integers of the block.
    sums: Vec<i32>,
}

impl Default for Activations {
    fn default() -> Self {
        Self {
            precision: Precision::F32,
            rows: 0,
            cols: 0,
            floats: AlignedVec::default(),
            integers: AlignedVec::default(),
            scales: Vec::new(),
            sums: Vec::new(),
        }
    }
}

impl Activations {
    /// Returns activations without rows; see [`set`](Self::set).
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns rows for products in single precision.
    ///
    /// # Panics
    /// When `x` does not hold `rows * cols` values.
    pub fn f32(x: &[f32], rows: usize, cols: usize) -> Self {
        let mut activations = Self::new();
        activations.set(Precision::F32, x, rows, cols, None);
        activations
    }

    /// Returns rows for products of integers.
    ///
    /// # Panics
    /// As [`f32`](Self::f32).
    pub fn i8(x: &[f32], rows: usize, cols: usize) -> Self {
        let mut activations = Self::new();
        activations.set(Precision::I8, x, rows, cols, None);
        activations
    }

    /// Copies `x`, `[rows][cols]`, and multiplies each column by its scale if there are `col_scales`: those
    /// of the matrices that will be multiplied (see [`Linear::col_scales`](super::Linear::col_scales)).
    ///
    /// An integer is `round(127 x / m)`, ties to even, with `m` the largest magnitude of its block; its scale
    /// is `m / 127`. A value that is not finite makes the sums of its block not finite.
    ///
    /// # Panics
    /// When `x` does not hold `rows * cols` values, or there are not `cols` scales.
    pub fn set(
        &mut self,
        precision: Precision,
        x: &[f32],
        rows: usize,
        cols: usize,
        col_scales: Option<&[f32]>,
    ) {
        assert_eq!(x.len(), rows * cols, "activations: {rows} rows of {cols} columns");
        (self.precision, self.rows, self.cols) = (precision, rows, cols);
        self.floats.set_len(x.len());
        self.floats.copy_from_slice(x);
        if let Precision::Fake(bits) = precision {
            for row in self.floats.chunks_exact_mut(cols.max(1)) {
                let of_row = Symmetric::fitted(bits, row.iter().copied(), Rounding::HalfAway);
                FakeQuantizer::from(of_row).quantize_in_place(row);
            }
        }
        if let Some(scales) = col_scales {
            assert_eq!(scales.len(), cols, "a scale for each column");
            for row in self.floats.chunks_exact_mut(cols) {
                row.iter_mut().zip(scales).for_each(|(x, scale)| *x *= scale);
            }
        }
        let blocks = match precision {
            Precision::F32 | Precision::Fake(_) => 0,
            Precision::I8 => cols.div_ceil(BLOCK),
        };
        self.integers.set_len(rows * blocks * BLOCK);
        self.scales.resize(rows * blocks, 0.0);
        self.sums.resize(rows * blocks, 0);
        if blocks == 0 {
            return;
        }
        let scales = self.scales.chunks_exact_mut(blocks).zip(self.sums.chunks_exact_mut(blocks));
        let rows = self.floats.chunks_exact(cols).zip(self.integers.chunks_exact_mut(blocks * BLOCK));
        for ((x, integers), (scales, sums)) in rows.zip(scales) {
            quantize(x, integers, scales, sums);
        }
    }

    /// Returns the numbers that products compute with.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Returns the number of blocks of a row; 0 in single precision.
    pub(super) fn blocks(&self) -> usize {
        self.scales.len() / self.rows.max(1)
    }

    /// Returns a row as floats.
    pub(super) fn floats(&self, row: usize) -> &[f32] {
        &self.floats[row * self.cols..][..self.cols]
    }

    /// Returns the integers of a row, `32 * blocks`.
    pub(super) fn integers(&self, row: usize) -> &[i8] {
        let len = self.blocks() * BLOCK;
        &self.integers[row * len..][..len]
    }

    /// Returns the scale of each block of a row.
    pub(super) fn scales(&self, row: usize) -> &[f32] {
        &self.scales[row * self.blocks()..][..self.blocks()]
    }

    /// Returns the sum of the integers of each block of a row.
    pub(super) fn sums(&self, row: usize) -> &[i32] {
        &self.sums[row * self.blocks()..][..self.blocks()]
    }
}

multiversion! {
    /// Quantizes a row to blocks of integers.
    fn quantize(x: &[f32], integers: &mut [i8], scales: &mut [f32], sums: &mut [i32]) {
        // By index: see `vector.rs`.
        for i in 0..scales.len() {
            let (x, out) = (&x[i * BLOCK..], &mut integers[i * BLOCK..][..BLOCK]);
            let n = x.len().min(BLOCK);
            let mut block = [0f32; BLOCK];
            block[..n].copy_from_slice(&x[..n]);
            // The bits without the sign are ordered as the magnitudes, NaNs above all.
            let mut largest = 0;
            for x in block {
                largest = largest.max(x.to_bits() & 0x7fff_ffff);
            }
            let largest = f32::from_bits(largest);
            // Values so small that the quotient would overflow become zero.
            let inverse = if largest < 1e-30 { 0.0 } else { LARGEST / largest };
            scales[i] = if inverse == 0.0 && largest.is_finite() { 0.0 } else { largest / LARGEST };
            // Adding 1.5 * 2^23 rounds to the nearest integer, ties to even, in the low bits.
            let mut sum = 0;
            for d in 0..BLOCK {
                let rounded = (block[d] * inverse + 12_582_912.0).to_bits() as i8;
                sum += i32::from(rounded);
                out[d] = rounded;
            }
            sums[i] = sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_the_nearest() {
        let x: Vec<f32> = (0..75).map(|i| ((i * 37 % 64) as f32 - 31.5) * 0.37).collect();
        let activations = Activations::i8(&x, 1, 75);
        assert_eq!((activations.blocks(), activations.integers(0).len()), (3, 96));
        for (block, x) in x.chunks(BLOCK).enumerate() {
            let largest = x.iter().fold(0f32, |m, x| m.max(x.abs()));
            let scale = activations.scales(0)[block];
            assert_eq!(scale, largest / 127.0);
            let integers = &activations.integers(0)[block * BLOCK..][..BLOCK];
            assert_eq!(activations.sums(0)[block], integers.iter().map(|&q| i32::from(q)).sum::<i32>());
            for (i, &q) in integers.iter().enumerate() {
                let x = x.get(i).copied().unwrap_or(0.0);
                assert!((x - f32::from(q) * scale).abs() <= 0.5001 * scale, "{x} {q} {scale}");
            }
        }
    }

    #[test]
    fn values_that_are_not_finite_stay_visible() {
        let mut x = vec![0f32; 96];
        x[3] = f32::NAN;
        x[40] = f32::INFINITY;
        x[70] = 1e-40;
        let activations = Activations::i8(&x, 1, 96);
        assert!(activations.scales(0)[0].is_nan() && activations.scales(0)[1].is_infinite());
        assert_eq!((activations.scales(0)[2], activations.sums(0)[2]), (0.0, 0));
    }

    #[test]
    fn rows_are_fake_quantized_before_columns_are_scaled() {
        let mut activations = Activations::new();
        let x = [0.3, -2.0, 1.4, 0.0, 30.0, -50.0];
        let three_bits = Precision::Fake(Bits::new(3).unwrap());
        activations.set(three_bits, &x, 2, 3, Some(&[1.0, 10.0, 1.0]));
        // Multiples of a third of the largest magnitude of a row.
        let expected = [[0.0, -20.0, 4.0 / 3.0], [0.0, 1000.0 / 3.0, -50.0]];
        for (row, expected) in expected.iter().enumerate() {
            let near = activations.floats(row).iter().zip(expected).all(|(x, y)| (x - y).abs() < 1e-4);
            assert!(near, "{:?}", activations.floats(row));
        }
        assert_eq!(activations.blocks(), 0);
    }

    #[test]
    fn buffers_are_kept_and_columns_scaled() {
        let mut activations = Activations::i8(&[1.0; 320], 5, 64);
        activations.set(Precision::F32, &[1.0, 2.0, 3.0, 4.0], 2, 2, Some(&[2.0, 10.0]));
        assert_eq!((activations.floats(0), activations.floats(1)), (&[2.0, 20.0][..], &[6.0, 40.0][..]));
        assert_eq!((activations.rows(), activations.cols(), activations.blocks()), (2, 2, 0));
    }
}
