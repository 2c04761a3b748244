//! Dispatches of products.

use crate::commands::{RowsInUse, Scratch};
use crate::decode::{Streams, Target};
use crate::dispatch::Dispatch;
use crate::kernel::{Kernel, source};
use crate::layout::{TILE_ROWS, constants, unpack_text};
use crate::program::{Resources, Work};
use crate::weight::{Operand, Operands, Part, WgpuWeight};
use ecq_kernels::gpu::{BLOCK, MatrixKind};
use ecq_runtime::RuntimeError;
use ecq_runtime::program::WeightId;
use std::ops::Range;

type Result<T> = std::result::Result<T, RuntimeError>;

/// Returns the bytes of a block of activations as integers.
fn block_bytes(values: bool) -> usize {
    if values { 144 } else { 80 }
}

/// Numbers of rows of activations that share unpacked codes.
const ROWS_PER_PASS: [usize; 4] = [1, 2, 4, 8];
pub(crate) const MOST_PASS_ROWS: usize = 8;
/// Least number of rows of activations for tiles: a tile of floats has as many.
const TILED_ROWS: usize = 32;
/// Threads of a tile that have different rows of activations.
const TILE_THREADS: usize = 16;
/// Blocks of a workgroup that writes activations as integers.
const PREPARE_BLOCKS: usize = 8;

/// A product with rows of one matrix.
pub(crate) struct Product<'a> {
    pub(crate) weight: &'a WgpuWeight,
    pub(crate) id: WeightId,
    pub(crate) operands: Operands<'a>,
    pub(crate) y: wgpu::Buffer,
    pub(crate) bias: Option<wgpu::Buffer>,
    pub(crate) rows: Range<usize>,
}

/// The activations of products.
pub(crate) struct ProductInput {
    pub(crate) x: wgpu::Buffer,
    pub(crate) cols: usize,
    pub(crate) rows: RowsInUse,
}

/// Returns the kernel of products with a kind of matrix; `values` says whether activations are values or
/// bytes.
pub(crate) fn product_kernel(kind: MatrixKind, rows: usize, values: bool) -> Kernel {
    let mut kernel =
        matrix_kernel(kind, "product", &[source::RESULTS, source::SUMS, source::PRODUCT], "rrrrrw");
    kernel.constants.extend([("ROWS", rows), ("VALUES", usize::from(values))]);
    kernel.generated = unpack_text(kind);
    kernel
}

/// Returns the kernel of products with a kind of matrix whose blocks are summed in integers, for many rows:
/// `rows` of a thread. Bytes are multiplied where the adapter has dot products of them, otherwise floats.
pub(crate) fn tiled_kernel(kind: MatrixKind, rows: usize, dots: bool) -> Kernel {
    let tile = if dots { source::TILE_BYTES } else { source::TILE_FLOATS };
    let sources = [source::RESULTS, source::SUMS, tile, source::TILED_PRODUCT];
    let mut kernel = matrix_kernel(kind, "tiled_product", &sources, "rrrrrw");
    kernel.constants.extend([("ROWS", rows), ("VALUES", 0)]);
    kernel.generated = unpack_text(kind);
    kernel
}

/// Returns a kernel that reads a kind of matrix.
pub(crate) fn matrix_kernel(
    kind: MatrixKind,
    entry: &'static str,
    sources: &[&'static str],
    access: &str,
) -> Kernel {
    let sources = [&[source::MATRIX, source::ELEMENTS], sources].concat();
    Kernel::new(entry, &sources, access).with(&constants(kind))
}

impl Resources {
    pub(crate) fn matrix_kernel(
        &self,
        kind: MatrixKind,
        entry: &'static str,
        sources: &[&'static str],
        access: &str,
    ) -> Kernel {
        matrix_kernel(kind, entry, sources, access)
    }

    /// Returns the work of products with the same activations.
    pub(crate) fn products(
        &self,
        input: &ProductInput,
        products: &[Product],
        scratch: &mut Scratch,
    ) -> Result<Vec<Work>> {
        let blocks = input.cols.div_ceil(BLOCK);
        let values = self.values(input.rows.most);
        let bytes = block_bytes(values) * blocks * input.rows.most.next_multiple_of(MOST_PASS_ROWS);
        let mut all = Vec::new();
        // Matrices without scales of columns share integers; the others write them again.
        let mut prepared = false;
        for product in products {
            let mut digits = self.nothing.clone();
            let first = match &product.operands {
                Operands::Packed(operands) => operands.first().map(|operand| operand.part),
                Operands::Streams(_, part) => Some(*part),
            };
            let Some(first) = first else { continue };
            if let Operands::Streams(streams, _) = &product.operands
                && let Some(tuples) = streams.tuples()
            {
                // The digits of these have another form.
                prepared = false;
                all.extend(tuples.product(self, input, product, scratch)?.map(Work::Dispatch));
                continue;
            }
            if product.weight.kind.is_integer() {
                digits = scratch.at_least(self, bytes)?;
                let [place, scaled] = first.side.col_scales();
                if scaled != 0 || !prepared {
                    all.push(Work::Dispatch(self.prepare(input, first, &digits, [place, scaled])));
                }
                prepared = scaled == 0;
            }
            match &product.operands {
                Operands::Packed(operands) => {
                    let of_part = |operand: &Operand| {
                        self.product(input, product, operand.part, &operand.words, &digits)
                    };
                    all.extend(operands.iter().filter_map(of_part).map(Work::Dispatch));
                }
                Operands::Streams(streams, part) => {
                    all.extend(self.streamed(input, product, (streams, part), &digits)?);
                }
            }
        }
        Ok(all)
    }

    /// Returns whether products of up to `most` rows read activations as values: where the adapter has no dot
    /// products of bytes, but for tiles, which have a form of their own.
    fn values(&self, most: usize) -> bool {
        !self.shared.gpu.report().dots && most < TILED_ROWS
    }

    fn prepare(
        &self,
        input: &ProductInput,
        part: &Part,
        digits: &wgpu::Buffer,
        [place, scaled]: [u32; 2],
    ) -> Dispatch {
        let blocks = input.cols.div_ceil(BLOCK);
        Dispatch {
            kernel: prepare_kernel(self.values(input.rows.most)),
            parameters: vec![input.rows.which, input.cols as u32, blocks as u32, place, scaled],
            buffers: vec![input.x.clone(), part.side.buffer.clone(), digits.clone()],
            groups: [blocks.div_ceil(PREPARE_BLOCKS), input.rows.most, 1],
            active: input.rows.active.clone(),
        }
    }

    /// Returns the work of a product that reads streams. Few rows are multiplied where codes are decoded, if
    /// each lane of a tile has whole rows; else the matrix is decoded to memory that all matrices share.
    fn streamed(
        &self,
        input: &ProductInput,
        product: &Product,
        (streams, part): (&Streams, &Part),
        digits: &wgpu::Buffer,
    ) -> Result<Vec<Work>> {
        let most = input.rows.most;
        let context = self.context(product.id, &input.rows.active);
        if streams.multiplies() && most <= MOST_PASS_ROWS {
            let Some((parameters, _)) = parameters(input, product, part) else { return Ok(Vec::new()) };
            let bias = product.bias.as_ref().unwrap_or(&self.nothing);
            let buffers = [digits, &part.side.buffer, &input.x, bias, &product.y];
            return streams.work(context, &Target::Product(pass_rows(most), &parameters, buffers));
        }
        let words = self.shared.decoded(streams.decoded_bytes())?;
        let mut all = streams.work(context, &Target::Words(&words))?;
        all.extend(self.product(input, product, part, &words, digits).map(Work::Dispatch));
        Ok(all)
    }

    /// Returns the dispatch of a product with a part of a matrix; none if it has none of the rows.
    fn product(
        &self,
        input: &ProductInput,
        product: &Product,
        part: &Part,
        words: &wgpu::Buffer,
        digits: &wgpu::Buffer,
    ) -> Option<Dispatch> {
        let (most, kind) = (input.rows.most, product.weight.kind);
        let (kernel, pass) = match most {
            TILED_ROWS.. if kind.is_integer() => {
                let dots = self.shared.gpu.report().dots;
                // Floats of more rows would exceed the workgroup memory that every adapter has.
                let rows = if dots && most > TILED_ROWS { 4 } else { 2 };
                (tiled_kernel(kind, rows, dots), TILE_THREADS * rows)
            }
            _ => (product_kernel(kind, pass_rows(most), self.values(most)), pass_rows(most)),
        };
        let (parameters, tiles) = parameters(input, product, part)?;
        let bias = product.bias.clone().unwrap_or_else(|| self.nothing.clone());
        let (side, x, y) = (part.side.buffer.clone(), input.x.clone(), product.y.clone());
        Some(Dispatch {
            kernel,
            parameters,
            buffers: vec![words.clone(), side, digits.clone(), x, bias, y],
            groups: [tiles, most.div_ceil(pass), 1],
            active: input.rows.active.clone(),
        })
    }
}

/// Returns the kernel that writes activations as integers.
pub(crate) fn prepare_kernel(values: bool) -> Kernel {
    Kernel::new("prepare", &[source::ACTIVATIONS, source::PREPARE], "rrw")
        .with(&[("VALUES", usize::from(values))])
}

/// Returns the rows of activations of a pass.
pub(crate) fn pass_rows(most: usize) -> usize {
    ROWS_PER_PASS.into_iter().find(|&pass| pass >= most).unwrap_or(MOST_PASS_ROWS)
}

/// Returns `ProductParameters` of `sums.wgsl` and the tiles of the rows that a part has of a product; none if
/// it has none of them.
fn parameters(input: &ProductInput, product: &Product, part: &Part) -> Option<(Vec<u32>, usize)> {
    let own = &part.rows;
    let (first, end) = (product.rows.start.max(own.start), product.rows.end.min(own.end));
    if first >= end {
        return None;
    }
    let mut parameters = part.side.product_matrix(product.weight.kind).to_vec();
    parameters.extend([
        input.rows.which,
        (first - own.start) as u32,
        (end - first) as u32,
        product.rows.len() as u32,
        (first - product.rows.start) as u32,
        u32::from(product.bias.is_some()),
        0,
        0,
    ]);
    Some((parameters, (end - own.start).div_ceil(TILE_ROWS) - (first - own.start) / TILE_ROWS))
}
