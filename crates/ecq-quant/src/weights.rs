use crate::error::{QuantError, Result};
use ecq_core::{Codes, CoreError, FloatType, Grid};
use rayon::prelude::*;
use std::ops::Range;

/// A matrix of floats whose rows are read a block at a time, so that only its source form need be in memory.
pub trait Weights: Sync {
    /// Rows (output features), columns (input features); neither is zero.
    fn shape(&self) -> [usize; 2];

    /// The float type of the source; grids made from it keep their scales in it.
    fn dtype(&self) -> FloatType;

    /// Writes rows `rows` in f32, row-major, to `out`, which has room for exactly these.
    ///
    /// # Errors
    /// When the source refuses.
    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<()>;
}

/// Floats as the little-endian bytes of their source.
#[derive(Debug, Clone, Copy)]
pub struct Floats<'a> {
    dtype: FloatType,
    shape: [usize; 2],
    bytes: &'a [u8],
}

impl<'a> Floats<'a> {
    /// Wraps `bytes`, elements of `dtype`, row-major.
    ///
    /// # Errors
    /// When the shape is empty or the length does not follow from it.
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
        let cols = self.shape[1] * self.dtype.bytes();
        let bytes = &self.bytes[rows.start * cols..rows.end * cols];
        match self.dtype {
            FloatType::F32 => {
                out.iter_mut().zip(bytes.as_chunks::<4>().0).for_each(|(w, b)| *w = f32::from_le_bytes(*b));
            }
            FloatType::F16 => {
                let halves = bytes.as_chunks::<2>().0.iter().map(|b| half::f16::from_le_bytes(*b));
                out.iter_mut().zip(halves).for_each(|(w, half)| *w = half.to_f32());
            }
            FloatType::Bf16 => {
                // The upper half of an f32, as it is.
                let halves = bytes.as_chunks::<2>().0.iter().map(|b| u32::from(u16::from_le_bytes(*b)) << 16);
                out.iter_mut().zip(halves).for_each(|(w, bits)| *w = f32::from_bits(bits));
            }
        }
        Ok(())
    }
}

/// A matrix that is quantized already.
#[derive(Debug, Clone, Copy)]
pub struct QuantizedWeights<'a> {
    /// Its codes.
    pub codes: &'a Codes,
    /// How they become weights; checked against them by whoever made both.
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

/// Weights that a block of rows is at work on at once: a few pages, and enough blocks for all threads.
const BLOCK_WEIGHTS: usize = 1 << 16;

/// Runs of whole rows that are worked on at once.
#[derive(Debug, Clone, Copy)]
pub struct Blocks {
    rows: usize,
    cols: usize,
    block_rows: usize,
}

impl Blocks {
    /// Cuts a matrix of `rows x cols`.
    pub fn new([rows, cols]: [usize; 2]) -> Self {
        Self { rows, cols, block_rows: (BLOCK_WEIGHTS / cols.max(1)).clamp(1, rows.max(1)) }
    }

    /// Rows of a full block.
    pub fn block_rows(&self) -> usize {
        self.block_rows
    }

    /// How many blocks there are.
    pub fn count(&self) -> usize {
        self.rows.div_ceil(self.block_rows)
    }

    /// The rows of block `index`.
    pub fn range(&self, index: usize) -> Range<usize> {
        let first = index * self.block_rows;
        first..(first + self.block_rows).min(self.rows)
    }

    /// Calls `one(sum, rows, their weights)` for every block, in parallel, on a few sums that `merge` adds up in any order.
    pub(crate) fn fold<T: Send + Default>(
        &self,
        weights: &dyn Weights,
        one: impl Fn(&mut T, Range<usize>, &[f32]) -> Result<()> + Sync,
        merge: impl Fn(T, T) -> T + Sync,
    ) -> Result<T> {
        let start = || (T::default(), Vec::new());
        let each = |(mut sum, mut buffer): (T, Vec<f32>), index: usize| {
            let rows = self.range(index);
            buffer.resize(rows.len() * self.cols, 0.0);
            weights.read(rows.clone(), &mut buffer)?;
            check_finite(&buffer, rows.start, self.cols)?;
            one(&mut sum, rows, &buffer)?;
            Ok((sum, buffer))
        };
        (0..self.count())
            .into_par_iter()
            // A sum may be large: a few blocks each.
            .with_min_len(self.count().div_ceil(4 * rayon::current_num_threads()))
            .try_fold(start, each)
            .map(|sum: Result<_>| sum.map(|(sum, _)| sum))
            .try_reduce(T::default, |a, b| Ok(merge(a, b)))
    }

    /// Calls `one(rows, their weights)` for every block, in parallel; results in order.
    pub(crate) fn map<T: Send>(
        &self,
        weights: &dyn Weights,
        one: impl Fn(Range<usize>, &[f32]) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let each = |buffer: &mut Vec<f32>, index: usize| {
            let rows = self.range(index);
            buffer.resize(rows.len() * self.cols, 0.0);
            weights.read(rows.clone(), buffer)?;
            check_finite(buffer, rows.start, self.cols)?;
            one(rows, buffer)
        };
        (0..self.count()).into_par_iter().map_init(Vec::new, each).collect()
    }
}

/// Refuses NaN and infinities.
fn check_finite(weights: &[f32], first_row: usize, cols: usize) -> Result<()> {
    // The largest exponent of all: it vectorises, and the search for the culprit is only for the error.
    let largest = weights.iter().fold(0, |most, w| most.max(w.to_bits() & 0x7fff_ffff));
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
