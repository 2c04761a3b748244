//! Dispatches of products.

use crate::commands::{RowsInUse, Scratch};
use crate::dispatch::Dispatch;
use crate::kernel::{Kernel, source};
use crate::layout::{TILE_ROWS, constants, unpack_text};
use crate::program::Resources;
use crate::weight::{Operand, WgpuWeight};
use ecq_kernels::gpu::{BLOCK, MatrixKind};
use ecq_runtime::RuntimeError;
use std::ops::Range;

type Result<T> = std::result::Result<T, RuntimeError>;

/// Bytes of a block of activations as integers.
const BLOCK_BYTES: usize = 80;
/// Numbers of rows of activations that share unpacked codes.
pub(crate) const ROWS_PER_PASS: [usize; 4] = [1, 2, 4, 8];
/// Threads of a workgroup that writes activations as integers.
const PREPARE_THREADS: usize = 64;

/// A product with rows of one matrix.
pub(crate) struct Product<'a> {
    pub(crate) weight: &'a WgpuWeight,
    pub(crate) operands: Vec<Operand<'a>>,
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

/// Returns the kernel of products with a kind of matrix.
pub(crate) fn product_kernel(kind: MatrixKind, rows: usize) -> Kernel {
    let mut kernel = matrix_kernel(kind, "product", &[source::SUMS, source::PRODUCT], "rrrrrw");
    kernel.constants.push(("ROWS", rows));
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
    Kernel::new(entry, &[&[source::MATRIX], sources].concat(), access).with(&constants(kind))
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

    /// Returns the dispatches of products with the same activations.
    pub(crate) fn products(
        &self,
        input: &ProductInput,
        products: &[Product],
        scratch: &mut Scratch,
    ) -> Result<Vec<Dispatch>> {
        let blocks = input.cols.div_ceil(BLOCK);
        let most_pass = ROWS_PER_PASS[ROWS_PER_PASS.len() - 1];
        let bytes = BLOCK_BYTES * blocks * input.rows.most.next_multiple_of(most_pass);
        let mut all = Vec::new();
        // Matrices without scales of columns share integers; the others write them again.
        let mut prepared = false;
        for product in products {
            if !product.weight.kind.is_integer() {
                all.extend(self.product(input, product, &self.nothing));
                continue;
            }
            let digits = scratch.at_least(self, bytes)?;
            let Some(first) = product.operands.first() else { continue };
            let [place, scaled] = first.part.side.col_scales();
            if scaled != 0 || !prepared {
                all.push(self.prepare(input, first, &digits, [place, scaled]));
            }
            prepared = scaled == 0;
            all.extend(self.product(input, product, &digits));
        }
        Ok(all)
    }

    fn prepare(
        &self,
        input: &ProductInput,
        operand: &Operand,
        digits: &wgpu::Buffer,
        [place, scaled]: [u32; 2],
    ) -> Dispatch {
        let blocks = input.cols.div_ceil(BLOCK);
        Dispatch {
            kernel: Kernel::new("prepare", &[source::PREPARE], "rrw"),
            parameters: vec![input.rows.which, input.cols as u32, blocks as u32, place, scaled],
            buffers: vec![input.x.clone(), operand.part.side.buffer.clone(), digits.clone()],
            groups: [blocks.div_ceil(PREPARE_THREADS), input.rows.most, 1],
            active: input.rows.active.clone(),
        }
    }

    fn product(&self, input: &ProductInput, product: &Product, digits: &wgpu::Buffer) -> Vec<Dispatch> {
        let most = input.rows.most;
        let pass = ROWS_PER_PASS.into_iter().find(|&pass| pass >= most).unwrap_or(8);
        let kernel = product_kernel(product.weight.kind, pass);
        let of_part = |operand: &Operand| {
            let part = &operand.part.rows;
            let (first, end) = (product.rows.start.max(part.start), product.rows.end.min(part.end));
            if first >= end {
                return None;
            }
            let mut parameters = operand.part.side.product_matrix(product.weight.kind).to_vec();
            parameters.extend([
                input.rows.which,
                (first - part.start) as u32,
                (end - first) as u32,
                product.rows.len() as u32,
                (first - product.rows.start) as u32,
                u32::from(product.bias.is_some()),
            ]);
            let bias = product.bias.clone().unwrap_or_else(|| self.nothing.clone());
            let side = operand.part.side.buffer.clone();
            let (x, y) = (input.x.clone(), product.y.clone());
            let tiles = (end - part.start).div_ceil(TILE_ROWS) - (first - part.start) / TILE_ROWS;
            Some(Dispatch {
                kernel: kernel.clone(),
                parameters,
                buffers: vec![operand.words.clone(), side, digits.clone(), x, bias, y],
                groups: [tiles, most.div_ceil(pass), 1],
                active: input.rows.active.clone(),
            })
        };
        product.operands.iter().filter_map(of_part).collect()
    }
}
