//! Matrix products with weights that are held as codes: `y = x W^T`, `W` being `[rows, cols]`, row = output
//! feature.
//!
//! | form | what it holds | what a product does |
//! |---|---|---|
//! | [`PackedLinear`] | codes at 2 to 8 bits, laid out for vectors | unpacks into registers |
//! | [`FusedLinear`] | the coded streams, memory-mapped or not | decodes some rows into the first-level cache |
//! | [`DenseLinear`] | f16, bf16 or f32 weights | widens |
//!
//! Rows stand side by side in panels of 16, one a lane of 32 bits with four columns (a quad), so that a sum
//! needs no reduction at its end and scales load as vectors. The form, the tile, the split of rows over
//! threads and the number of rows of activations never change a bit of the result, nor does the instruction
//! set: `integer.rs` and `float.rs` state the order of sums. Nothing here starts a thread.

mod activations;
mod dense;
mod float;
mod fused;
mod integer;
mod packed;
mod rows;
mod side;
pub(super) mod width;

pub use activations::{Activations, Precision};
pub use dense::DenseLinear;
pub use ecq_coding::Isa;
pub use fused::FusedLinear;
pub use packed::{PackedBuffer, PackedLinear};

use super::AlignedVec;
use crate::Result;
use activations::BLOCK;
use float::FloatScratch;
use integer::{BLOCK_BYTES, IntegerProduct, Offsets};
use side::{PANEL, Side};
use std::ops::Range;

/// A weight matrix that can be multiplied.
///
/// Who checks: a constructor, whatever comes from a file; the caller of a method, what its `# Panics` lists,
/// which no file can bring about.
pub trait Linear: Send + Sync {
    /// Rows (output features), columns (input features).
    fn shape(&self) -> [usize; 2];

    /// A range of rows begins at a multiple of this and ends at one or at the last row; rows up to there
    /// share a panel or a tile, and are the least that is worth a thread's while.
    fn row_granularity(&self) -> usize;

    /// What the columns of activations must be multiplied with before a product; see [`Activations::set`].
    fn col_scales(&self) -> Option<&[f32]>;

    /// The products of each row of `x` with rows `rows` of the weights, `[x.rows()][rows.len()]`.
    ///
    /// # Errors
    /// When a stream is corrupt; `y` then holds unspecified numbers. Only [`FusedLinear`] can fail.
    ///
    /// # Panics
    /// When `x` has another number of columns, `y` another length, or `rows` is no range as
    /// [`row_granularity`](Self::row_granularity) asks.
    fn matmul(&self, x: &Activations, rows: Range<usize>, y: &mut [f32], scratch: &mut Scratch)
    -> Result<()>;

    /// The weights of one row in f32, column scales included: an embedding. No more is decoded than the
    /// coding asks for.
    ///
    /// # Errors
    /// As [`matmul`](Self::matmul).
    ///
    /// # Panics
    /// When there is no such row, or `weights` has not the length of one.
    fn row(&self, row: usize, weights: &mut [f32], scratch: &mut Scratch) -> Result<()>;

    /// Bytes held for this matrix: streams, tables, side data.
    fn bytes_resident(&self) -> usize;
}

/// Buffers of a product, kept from one to the next; one for each thread.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    offsets: Offsets,
    start: Vec<[f32; PANEL]>,
    /// A panel of codes at one byte each.
    quads: AlignedVec<u8>,
    /// Decoded rows that wait for their panel.
    rows: Vec<u8>,
    float: FloatScratch,
}

impl Scratch {
    /// Empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.offsets.bytes()
            + size_of::<[f32; PANEL]>() * self.start.capacity()
            + self.quads.capacity()
            + self.rows.capacity()
            + self.float.bytes()
    }
}

/// Blocks of a row.
fn blocks_of(cols: usize) -> usize {
    cols.div_ceil(BLOCK)
}

/// Panels of a range of rows, each with its place in the range.
fn panels(rows: &Range<usize>) -> impl Iterator<Item = (usize, usize)> + use<> {
    let first = rows.start;
    (first / PANEL..rows.end.div_ceil(PANEL)).map(move |panel| (panel, panel * PANEL - first))
}

fn check_product(linear: &dyn Linear, x: &Activations, rows: &Range<usize>, y: &[f32]) {
    let [all, cols] = linear.shape();
    assert_eq!(x.cols(), cols, "columns of activations and weights");
    assert!(rows.start <= rows.end && rows.end <= all, "rows {rows:?} of {all}");
    assert_eq!(y.len(), x.rows() * rows.len(), "products of {} rows with {rows:?}", x.rows());
    let step = linear.row_granularity();
    let whole = rows.start.is_multiple_of(step) && (rows.end.is_multiple_of(step) || rows.end == all);
    assert!(whole, "rows {rows:?} are not whole steps of {step}");
}

/// The product of one panel whose codes lie in quads, in whichever precision the activations ask for.
enum PanelProduct<'a> {
    Integer(IntegerProduct<'a>),
    Float { isa: Isa, x: &'a Activations, side: &'a Side, scratch: &'a mut FloatScratch },
}

impl<'a> PanelProduct<'a> {
    /// `bits`: such that codes are below `2^bits`.
    fn new(
        isa: Isa,
        x: &'a Activations,
        side: &'a Side,
        bits: usize,
        offsets: &'a mut Offsets,
        scratch: &'a mut FloatScratch,
    ) -> Self {
        if x.precision() == Precision::I8
            && let Some(product) = IntegerProduct::new(isa, x, side, offsets, 8, bits)
        {
            return Self::Integer(product);
        }
        Self::Float { isa, x, side, scratch }
    }

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

/// Bytes of a panel of codes at one byte each.
fn quad_bytes(cols: usize) -> usize {
    blocks_of(cols) * BLOCK_BYTES
}
