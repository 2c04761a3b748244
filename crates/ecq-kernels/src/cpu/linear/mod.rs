//! Matrix products with weights held as codes: `y = x W^T` with `W` of shape `[rows, cols]`, row = output
//! feature.
//!
//! | form | content | product |
//! |---|---|---|
//! | [`PackedLinear`] | codes at 2 to 8 bits, block by block, laid out for vectors | unpacks into registers |
//! | [`FusedLinear`] | the coded streams | decodes some rows into the first-level cache |
//! | [`DenseLinear`] | f16, bf16 or f32 weights | widens |
//!
//! Panels of 16 rows hold one row per lane of 32 bits, four columns at a time, so that a sum needs no
//! reduction at its end and scales load as vectors. Form, tile, split of rows over threads, number of rows of
//! activations and instruction set do not change a bit of the result: `integer.rs` and `float.rs` state the
//! order of sums. Products start no threads.

mod activations;
mod block;
mod dense;
mod direct;
mod float;
mod fused;
mod integer;
mod packed;
mod packed_panels;
mod rows;
mod side;
mod super_blocks;
mod trellis;
pub(super) mod width;

pub use activations::{Activations, Precision};
pub use dense::DenseLinear;
pub use ecq_coding::Isa;
pub use fused::FusedLinear;
pub use packed::PackedLinear;
pub use packed_panels::PackedBuffer;

use super::AlignedVec;
use crate::Result;
use activations::BLOCK;
use float::FloatScratch;
use integer::{BLOCK_BYTES, FixedProduct, Offsets};
use side::{PANEL, Side};
use std::ops::Range;

/// A weight matrix that can be multiplied.
///
/// Constructors check whatever comes from a file. Callers of methods are responsible for the conditions under
/// `# Panics`, which no file can violate.
pub trait Linear: Send + Sync {
    /// Returns the rows (output features) and columns (input features).
    fn shape(&self) -> [usize; 2];

    /// Returns the granularity of ranges of rows: a range begins at a multiple of it, and ends at one or at
    /// the last row. So many rows share a panel or a tile, and are the smallest unit of parallel work.
    fn row_granularity(&self) -> usize;

    /// Returns the factors of the columns of activations before a product; see [`Activations::set`].
    fn col_scales(&self) -> Option<&[f32]>;

    /// Computes the products of each row of `x` with rows `rows` of the weights, `[x.rows()][rows.len()]`.
    ///
    /// # Errors
    /// [`CodecError::Tile`](ecq_codec::CodecError::Tile) when a stream is corrupt; `y` then holds unspecified
    /// values. Only [`FusedLinear`] fails.
    ///
    /// # Panics
    /// When `x` has another number of columns, `y` has another length, or `rows` does not follow
    /// [`row_granularity`](Self::row_granularity).
    fn matmul(&self, x: &Activations, rows: Range<usize>, y: &mut [f32], scratch: &mut Scratch)
    -> Result<()>;

    /// Computes the weights of one row in f32, column scales included (an embedding). Only the tile of the
    /// row is decoded.
    ///
    /// # Errors
    /// As [`matmul`](Self::matmul).
    ///
    /// # Panics
    /// When the row does not exist, or `weights` has another length than the columns.
    fn row(&self, row: usize, weights: &mut [f32], scratch: &mut Scratch) -> Result<()>;

    /// Returns the bytes held for this matrix: streams, tables, side data.
    fn bytes_resident(&self) -> usize;
}

/// Scratch buffers of products, one set for each thread, kept between products.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    offsets: Offsets,
    start: Vec<[f32; PANEL]>,
    /// Panels of codes at one byte each.
    quads: AlignedVec<u8>,
    /// Decoded rows, before they are laid out as panels.
    rows: Vec<u8>,
    float: FloatScratch,
}

impl Scratch {
    /// Returns empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the bytes held.
    pub fn bytes(&self) -> usize {
        self.offsets.bytes()
            + size_of::<[f32; PANEL]>() * self.start.capacity()
            + self.quads.capacity()
            + self.rows.capacity()
            + self.float.bytes()
    }
}

/// Returns the number of blocks of a row.
fn blocks_of(cols: usize) -> usize {
    cols.div_ceil(BLOCK)
}

/// Returns the panels of a range of rows, each with the place of its first row in the range.
fn panels(rows: &Range<usize>) -> impl Iterator<Item = (usize, usize)> + use<> {
    let first = rows.start;
    (first / PANEL..rows.end.div_ceil(PANEL)).map(move |panel| (panel, panel * PANEL - first))
}

/// Checks the arguments of [`Linear::matmul`].
fn check_product(linear: &dyn Linear, x: &Activations, rows: &Range<usize>, y: &[f32]) {
    let [all, cols] = linear.shape();
    assert_eq!(x.cols(), cols, "columns of activations and weights");
    assert!(rows.start <= rows.end && rows.end <= all, "rows {rows:?} of {all}");
    assert_eq!(y.len(), x.rows() * rows.len(), "products of {} rows with {rows:?}", x.rows());
    let step = linear.row_granularity();
    let whole = rows.start.is_multiple_of(step) && (rows.end.is_multiple_of(step) || rows.end == all);
    assert!(whole, "rows {rows:?} do not follow the granularity of {step} rows");
}

/// The product with panels of one byte per code, in the precision of the activations.
enum PanelProduct<'a> {
    Integer(FixedProduct<'a>),
    Float { isa: Isa, x: &'a Activations, side: &'a Side, scratch: &'a mut FloatScratch },
}

impl<'a> PanelProduct<'a> {
    /// Prepares the product with codes below `2^bits`.
    fn new(
        isa: Isa,
        x: &'a Activations,
        side: &'a Side,
        bits: usize,
        offsets: &'a mut Offsets,
        scratch: &'a mut FloatScratch,
    ) -> Self {
        if x.precision() == Precision::I8
            && let Some(product) = FixedProduct::new(isa, x, side, offsets, 8, bits)
        {
            return Self::Integer(product);
        }
        Self::Float { isa, x, side, scratch }
    }

    /// Multiplies panel `number`; see [`FixedProduct::panel`].
    fn panel(
        &mut self,
        number: usize,
        quads: &[u8],
        start: &mut Vec<[f32; PANEL]>,
        (y, at, stride): (&mut [f32], usize, usize),
    ) {
        match self {
            Self::Integer(product) => product.panel(number, quads, start, (y, at, stride)),
            Self::Float { isa, x, side, scratch } => {
                let rows = PANEL.min(side.rows - number * PANEL);
                let steps = side.is_uniform().then(|| side.steps(number));
                let expand = |columns: Range<usize>, weights: &mut [f32]| {
                    float::expand_codes(*isa, side, number, quads, columns, weights);
                };
                float::panel(*isa, x, scratch, expand, steps.as_ref(), rows, (y, at, stride));
            }
        }
    }
}

/// Returns the bytes of a panel of codes at one byte each, in whole blocks.
fn unpacked_bytes(cols: usize) -> usize {
    blocks_of(cols) * BLOCK_BYTES
}
