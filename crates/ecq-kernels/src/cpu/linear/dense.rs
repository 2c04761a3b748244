use super::activations::Activations;
use super::side::PANEL;
use super::{Linear, Scratch, check_product, float, panels};
use crate::Result;
use crate::cpu::AlignedVec;
use ecq_coding::Isa;
use ecq_core::{CoreError, FloatType};
use std::ops::Range;

/// Weights as plain floats, widened to f32 in the product. Activations are read as floats in either
/// precision.
#[derive(Debug, Clone)]
pub struct DenseLinear {
    shape: [usize; 2],
    dtype: FloatType,
    /// `[panels][cols][16]`, zeros behind the last row.
    weights: AlignedVec<u8>,
    isa: Isa,
}

impl DenseLinear {
    /// Lays out weights from little-endian `bytes`, `[rows, cols]` row-major.
    ///
    /// # Errors
    /// [`CoreError`] when the shape is empty or overflows, or `bytes` has another length.
    pub fn new(shape: [usize; 2], dtype: FloatType, bytes: &[u8]) -> Result<Self> {
        Self::with_isa(shape, dtype, bytes, Isa::detect())
    }

    /// As [`new`](Self::new), for `isa` (to compare instruction sets); see [`Isa::resolve`].
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_isa(shape: [usize; 2], dtype: FloatType, bytes: &[u8], isa: Isa) -> Result<Self> {
        let ([rows, cols], size) = (shape, dtype.bytes());
        let expected = match rows.checked_mul(cols).and_then(|n| n.checked_mul(size)) {
            Some(n) if n > 0 => n,
            _ => return Err(CoreError::Shape { rows, cols }.into()),
        };
        if bytes.len() != expected {
            let what = "bytes of the weights";
            return Err(CoreError::Length { what, found: bytes.len(), expected }.into());
        }
        let mut weights = AlignedVec::default();
        weights.set_len(rows.next_multiple_of(PANEL) * cols * size);
        match size {
            2 => to_panels::<2>(cols, bytes, &mut weights),
            _ => to_panels::<4>(cols, bytes, &mut weights),
        }
        Ok(Self { shape, dtype, weights, isa: isa.resolve() })
    }

    fn panel(&self, number: usize) -> &[u8] {
        let len = PANEL * self.shape[1] * self.dtype.bytes();
        &self.weights[number * len..][..len]
    }
}

/// Copies weights of `SIZE` bytes to panels.
fn to_panels<const SIZE: usize>(cols: usize, bytes: &[u8], weights: &mut [u8]) {
    let (values, _) = bytes.as_chunks::<SIZE>();
    let (weights, _) = weights.as_chunks_mut::<SIZE>();
    for (row, values) in values.chunks_exact(cols).enumerate() {
        let panel = &mut weights[row / PANEL * PANEL * cols..][..PANEL * cols];
        for (column, value) in panel.chunks_exact_mut(PANEL).zip(values) {
            column[row % PANEL] = *value;
        }
    }
}

impl Linear for DenseLinear {
    fn shape(&self) -> [usize; 2] {
        self.shape
    }

    fn row_granularity(&self) -> usize {
        PANEL
    }

    fn col_scales(&self) -> Option<&[f32]> {
        None
    }

    fn matmul(
        &self,
        x: &Activations,
        rows: Range<usize>,
        y: &mut [f32],
        scratch: &mut Scratch,
    ) -> Result<()> {
        check_product(self, x, &rows, y);
        for (panel, at) in panels(&rows) {
            let weights = self.panel(panel);
            let widen = |columns: Range<usize>, out: &mut [f32]| {
                float::widen(self.isa, self.dtype, weights, columns, out);
            };
            let there = PANEL.min(self.shape[0] - panel * PANEL);
            float::panel(self.isa, x, &mut scratch.float, widen, None, there, (y, at, rows.len()));
        }
        Ok(())
    }

    fn row(&self, row: usize, weights: &mut [f32], _: &mut Scratch) -> Result<()> {
        let [rows, cols] = self.shape;
        assert!(row < rows && weights.len() == cols, "row {row} of {:?}", self.shape);
        let panel = self.panel(row / PANEL);
        let mut column = [0.0; PANEL];
        for (col, weight) in weights.iter_mut().enumerate() {
            float::widen(self.isa, self.dtype, panel, col..col + 1, &mut column);
            *weight = column[row % PANEL];
        }
        Ok(())
    }

    fn bytes_resident(&self) -> usize {
        self.weights.len()
    }
}
