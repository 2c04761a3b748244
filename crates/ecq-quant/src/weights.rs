use crate::error::{QuantError, Result};
use ecq_core::{Codes, CoreError, FloatType, Grid};
use rayon::prelude::*;
use std::ops::Range;

/// A matrix of floats that is read a few rows at a time, so that it need not be in memory as f32.
pub trait Weights: Sync {
    /// Returns `[rows, cols]`: output features, input features; neither is zero.
    fn shape(&self) -> [usize; 2];

    /// Returns the float type of the source. Grids made from the weights keep their scales in this type.
    fn dtype(&self) -> FloatType;

    /// Writes the rows `rows` as row-major f32 to `out`, whose length is `rows.len() * cols`.
    ///
    /// # Errors
    /// [`QuantError::Read`] if the source cannot be read or decoded.
    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()>;
}

/// Float weights as the little-endian bytes of their source.
#[derive(Debug, Clone, Copy)]
pub struct Floats<'a> {
    dtype: FloatType,
    shape: [usize; 2],
    bytes: &'a [u8],
}

impl<'a> Floats<'a> {
    /// Wraps `bytes`, row-major elements of type `dtype` and shape `[rows, cols]`.
    ///
    /// # Errors
    /// [`CoreError::Shape`] if the shape is empty or overflows, [`CoreError::Length`] if the number of bytes
    /// does not match it; both as [`QuantError::Core`].
    pub fn new(dtype: FloatType, [rows, cols]: [usize; 2], bytes: &'a [u8]) -> Result<Self> {
        let expected = rows.checked_mul(cols).and_then(|n| n.checked_mul(dtype.bytes())).filter(|&n| n > 0);
        let expected = expected.ok_or(CoreError::Shape { rows, cols })?;
        if bytes.len() != expected {
            return Err(CoreError::Length { what: "bytes of floats", found: bytes.len(), expected }.into());
        }
        Ok(Self { dtype, shape: [rows, cols], bytes })
    }
}

impl Weights for Floats<'_> {
    fn shape(&self) -> [usize; 2] {
        self.shape
    }

    fn dtype(&self) -> FloatType {
        self.dtype
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        let row_bytes = self.shape[1] * self.dtype.bytes();
        let bytes = &self.bytes[rows.start * row_bytes..rows.end * row_bytes];
        match self.dtype {
            FloatType::F32 => {
                out.iter_mut().zip(bytes.as_chunks::<4>().0).for_each(|(w, b)| *w = f32::from_le_bytes(*b));
            }
            FloatType::F16 => {
                let halves = bytes.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b));
                out.iter_mut().zip(halves).for_each(|(w, half)| *w = half.to_f32());
            }
            FloatType::Bf16 => {
                // A bf16 number is the upper half of an f32.
                let halves = bytes.as_chunks::<2>().0.iter().map(|b| u32::from(u16::from_le_bytes(*b)) << 16);
                out.iter_mut().zip(halves).for_each(|(w, bits)| *w = f32::from_bits(bits));
            }
        }
        Ok(())
    }
}

/// The dequantized weights of a matrix that is already quantized.
#[derive(Debug, Clone, Copy)]
pub struct QuantizedWeights<'a> {
    /// The codes; shape `[rows, cols]`.
    pub codes: &'a Codes,
    /// The grid that maps codes to weights. The caller has checked it against the codes.
    pub grid: &'a Grid,
}

impl Weights for QuantizedWeights<'_> {
    fn shape(&self) -> [usize; 2] {
        [self.codes.rows(), self.codes.cols()]
    }

    fn dtype(&self) -> FloatType {
        match self.grid {
            Grid::AffineGroups(groups) => groups.scales.dtype(),
            Grid::UniformRows(uniform) => uniform.steps.dtype(),
            Grid::SuperBlocks(blocks) => blocks.steps.dtype(),
            _ => FloatType::F32,
        }
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()> {
        let cols = self.codes.cols();
        let symbols = self.codes.symbols()[rows.start * cols..rows.end * cols].chunks_exact(cols);
        for ((row, symbols), out) in rows.zip(symbols).zip(out.chunks_exact_mut(cols)) {
            self.grid.dequantize_row(row, symbols, out);
        }
        Ok(())
    }
}

/// Weights per block: 256 KiB of f32, small enough to give every thread several blocks.
const BLOCK_WEIGHTS: usize = 1 << 16;

/// A partition of a matrix into blocks of whole rows, the unit of parallel work.
#[derive(Debug, Clone, Copy)]
pub struct RowBlocks {
    rows: usize,
    cols: usize,
    block_rows: usize,
}

impl RowBlocks {
    /// Partitions a matrix of shape `[rows, cols]`.
    pub fn new([rows, cols]: [usize; 2]) -> Self {
        Self { rows, cols, block_rows: (BLOCK_WEIGHTS / cols.max(1)).clamp(1, rows.max(1)) }
    }

    /// Returns the rows of a full block; the last block may have fewer.
    pub fn block_rows(&self) -> usize {
        self.block_rows
    }

    /// Returns the number of blocks.
    pub fn count(&self) -> usize {
        self.rows.div_ceil(self.block_rows)
    }

    /// Returns the rows of block `index`.
    pub fn range(&self, index: usize) -> Range<usize> {
        let first = index * self.block_rows;
        first..(first + self.block_rows).min(self.rows)
    }

    /// Reads block `index` into `buffer`, checks that it is finite, and returns its rows.
    ///
    /// # Errors
    /// [`QuantError::NotFinite`], and those of [`Weights::read`].
    pub fn read(&self, weights: &dyn Weights, index: usize, buffer: &mut Vec<f32>) -> Result<Range<usize>> {
        let rows = self.range(index);
        buffer.resize(rows.len() * self.cols, 0.0);
        weights.read(rows.clone(), buffer)?;
        check_finite(buffer, rows.start, self.cols)?;
        Ok(rows)
    }

    /// Calls `accumulate(sum, rows, block)` for every block in parallel, on a few sums that `merge` adds.
    ///
    /// `block` holds the weights of `rows`, row-major. The order of blocks and merges is not fixed.
    pub(crate) fn fold<T: Send + Default>(
        &self,
        weights: &dyn Weights,
        accumulate: impl Fn(&mut T, Range<usize>, &[f32]) -> Result<()> + Sync,
        merge: impl Fn(T, T) -> T + Sync,
    ) -> Result<T> {
        let start = || (T::default(), Vec::new());
        let each = |(mut sum, mut buffer): (T, Vec<f32>), index: usize| {
            let rows = self.read(weights, index, &mut buffer)?;
            accumulate(&mut sum, rows, &buffer)?;
            Ok((sum, buffer))
        };
        (0..self.count())
            .into_par_iter()
            // A sum may be large (a histogram), so each serves several blocks.
            .with_min_len(self.count().div_ceil(4 * rayon::current_num_threads()))
            .try_fold(start, each)
            .map(|sum: Result<_>| sum.map(|(sum, _)| sum))
            .try_reduce(T::default, |a, b| Ok(merge(a, b)))
    }

    /// Calls `function(rows, block)` for every block in parallel; returns the results in block order.
    ///
    /// `block` holds the weights of `rows`, row-major.
    pub(crate) fn map<T: Send>(
        &self,
        weights: &dyn Weights,
        function: impl Fn(Range<usize>, &[f32]) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let each = |buffer: &mut Vec<f32>, index: usize| {
            let rows = self.read(weights, index, buffer)?;
            function(rows, buffer)
        };
        (0..self.count()).into_par_iter().map_init(Vec::new, each).collect()
    }
}

/// Returns [`QuantError::NotFinite`] for the first weight that is NaN or infinite.
fn check_finite(weights: &[f32], first_row: usize, cols: usize) -> Result<()> {
    // The largest magnitude as an integer: this loop vectorises, the search for the position does not.
    let largest = weights.iter().fold(0, |max, w| max.max(w.to_bits() & 0x7fff_ffff));
    if largest < f32::INFINITY.to_bits() {
        return Ok(());
    }
    match weights.iter().position(|w| !w.is_finite()) {
        Some(i) => {
            let (row, col, value) = (first_row + i / cols, i % cols, weights[i]);
            Err(QuantError::NotFinite { row, col, value })
        }
        None => Ok(()),
    }
}
