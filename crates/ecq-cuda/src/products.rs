//! Launches of products, on tensor cores or in f32.

use crate::commands::{ActiveRows, Launch, THREADS};
use crate::compiler::Program as KernelProgram;
use crate::kernels::{CODES, LINEAR, PASSES, ROWS_PER_PASS, outputs_per_group};
use crate::layout::{TILE_ROWS, UNIT_COLUMNS};
use crate::module::{Grid, Kernel};
use crate::packing::{BLOCK, MatrixKind};
use crate::parameters::{
    Activations, CodesMatrix, CodesOutput, CodesParameters, MAX_OUTPUTS, MatrixParameters, PrepareOutput,
    PrepareParameters, ProductParameters,
};
use crate::program::Resources;
use crate::weight::DeviceMatrix;
use bytemuck::Zeroable;
use ecq_runtime::RuntimeError;

type Result<T> = std::result::Result<T, RuntimeError>;

/// Bytes of activations in shared memory; all GPUs have twice as much.
const STAGED_BYTES: usize = 32 << 10;
/// A product of one matrix.
pub(crate) struct Product {
    pub(crate) matrix: DeviceMatrix,
    pub(crate) kind: MatrixKind,
    /// Whether the matrix is decoded into a slot, which work of the stream may write.
    pub(crate) in_slot: bool,
    pub(crate) y: u64,
    pub(crate) bias: u64,
    pub(crate) first: usize,
    pub(crate) count: usize,
}

impl Resources {
    /// Returns a kernel of `codes.cu`; `pass` are the rows of a tile and the tiles of a product.
    pub(crate) fn codes(
        &self,
        kind: MatrixKind,
        pass: Option<[usize; 2]>,
        name: &'static str,
    ) -> Result<Kernel> {
        let mut defines = defines_of(kind);
        defines.push(("GROUP", kind.group));
        if let Some([rows, tiles]) = pass {
            defines.extend([("ROWS", rows), ("TILES", tiles)]);
        }
        self.kernel(&KernelProgram::new(CODES, &defines), name)
    }

    /// Returns a kernel of `linear.cu`; `pass` are the rows and outputs of a product.
    pub(crate) fn linear(
        &self,
        kind: MatrixKind,
        pass: Option<[usize; 2]>,
        name: &'static str,
    ) -> Result<Kernel> {
        let mut defines = defines_of(kind);
        if let Some([rows, outputs]) = pass {
            defines.extend([("ROWS", rows), ("OUTPUTS", outputs)]);
        }
        self.kernel(&KernelProgram::new(LINEAR, &defines), name)
    }

    /// Returns the launches of products with the same activations. `scratch` returns memory for activations
    /// as integers, of at least the given bytes.
    pub(crate) fn products(
        &self,
        x: u64,
        products: &[Product],
        rows: ActiveRows,
        scratch: &mut dyn FnMut(usize) -> Result<u64>,
    ) -> Result<Vec<Launch>> {
        let mut launches = Vec::new();
        let mut codes = Vec::new();
        for product in products {
            match product.matrix {
                DeviceMatrix::Codes(matrix) => codes.push((product, matrix)),
                DeviceMatrix::Linear(matrix) => {
                    launches.push(self.linear_product(x, product, matrix, rows)?);
                }
            }
        }
        for codes in codes.chunks(MAX_OUTPUTS) {
            let (next, products) = self.codes_products(x, codes, rows, scratch)?;
            let blocks = [(next.blocks as usize).div_ceil(THREADS / 32), rows.most];
            let (active, which) = (rows.address, rows.which);
            let parameters = PrepareParameters { x, active, which, padding: 0, next };
            launches.push(self.rows_kernel("prepare", blocks, &parameters)?);
            launches.extend(products);
        }
        Ok(launches)
    }

    /// Returns the integers that the kernel before products has to write, and the launches of the products;
    /// `None` if they are not products of a few matrices of codes with `cols` columns.
    pub(crate) fn prepared_products(
        &self,
        x: u64,
        products: &[Product],
        cols: usize,
        rows: ActiveRows,
        scratch: &mut dyn FnMut(usize) -> Result<u64>,
    ) -> Result<Option<(Activations, Vec<Launch>)>> {
        let codes: Vec<(&Product, CodesMatrix)> = products
            .iter()
            .filter_map(|product| match product.matrix {
                DeviceMatrix::Codes(matrix) if matrix.cols as usize == cols => Some((product, matrix)),
                _ => None,
            })
            .collect();
        if codes.is_empty() || codes.len() != products.len() || codes.len() > MAX_OUTPUTS {
            return Ok(None);
        }
        self.codes_products(x, &codes, rows, scratch).map(Some)
    }

    fn linear_product(
        &self,
        x: u64,
        product: &Product,
        matrix: MatrixParameters,
        rows: ActiveRows,
    ) -> Result<Launch> {
        let &Product { kind, y, bias, first, count, .. } = product;
        let pass = ROWS_PER_PASS.into_iter().find(|&pass| pass >= rows.most).unwrap_or(8);
        let outputs = outputs_per_group(pass);
        let chunk = matrix.lanes as usize * 32;
        let all = matrix.chunks as usize * chunk;
        let segment = (STAGED_BYTES / 4 / pass / chunk * chunk).clamp(chunk, all);
        let parameters = ProductParameters {
            matrix,
            x,
            y,
            bias,
            active: rows.address,
            which: rows.which,
            first: first as u32,
            count: count as u32,
            segment: segment as u32,
        };
        let kernel = self.linear(kind, Some([pass, outputs]), "product")?;
        let per_block = THREADS / matrix.lanes as usize * outputs;
        let mut grid = Grid::new([count.div_ceil(per_block), rows.most.div_ceil(pass), 1], THREADS);
        grid.shared_bytes = 4 * segment * pass;
        Ok(Launch::new(kernel, grid, &parameters))
    }

    /// Returns the integers that must be written before, and one launch for all products of the same kind.
    fn codes_products(
        &self,
        x: u64,
        products: &[(&Product, CodesMatrix)],
        rows: ActiveRows,
        scratch: &mut dyn FnMut(usize) -> Result<u64>,
    ) -> Result<(Activations, Vec<Launch>)> {
        let mut next: Activations = Zeroable::zeroed();
        let Some(&(_, matrix)) = products.first() else { return Ok((next, Vec::new())) };
        let [rows_per_tile, tiles] = PASSES
            .into_iter()
            .find(|[rows_per_tile, tiles]| rows_per_tile * tiles >= rows.most)
            .unwrap_or([4, 4]);
        let passes = rows.most.div_ceil(rows_per_tile * tiles);
        let blocks = matrix.unit_count as usize * (UNIT_COLUMNS / BLOCK);
        // Matrices with equal column scales share activations.
        let mut scales: Vec<u64> = products.iter().map(|(_, matrix)| matrix.col_scales).collect();
        scales.sort_unstable();
        scales.dedup();
        let tile_blocks = passes * tiles * blocks;
        let (digit_bytes, sum_bytes) = (64 * rows_per_tile * tile_blocks, 16 * rows_per_tile * tile_blocks);
        let address = scratch((digit_bytes + sum_bytes) * scales.len())?;
        for (index, (output, &col_scales)) in next.outputs.iter_mut().zip(&scales).enumerate() {
            let digits = address + (index * (digit_bytes + sum_bytes)) as u64;
            *output = PrepareOutput { col_scales, digits, sums: digits + digit_bytes as u64 };
        }
        next.output_count = scales.len() as u32;
        (next.cols, next.blocks, next.rows_per_tile) = (matrix.cols, blocks as u32, rows_per_tile as u32);
        let mut launches = Vec::new();
        let mut done = vec![false; products.len()];
        for i in 0..products.len() {
            if done[i] {
                continue;
            }
            let kind = products[i].0.kind;
            let mut parameters = CodesParameters {
                outputs: Zeroable::zeroed(),
                x,
                active: rows.address,
                which: rows.which,
                output_count: 0,
                early: 1,
                padding: 0,
            };
            let mut all_blocks = 0;
            for (j, (product, matrix)) in products.iter().enumerate().skip(i) {
                if product.kind != kind || done[j] {
                    continue;
                }
                done[j] = true;
                parameters.early &= u32::from(!product.in_slot);
                let mut prepared = next.outputs[..scales.len()].iter();
                let own = prepared.find(|output| output.col_scales == matrix.col_scales);
                let (digits, sums) = own.map_or((0, 0), |output| (output.digits, output.sums));
                parameters.outputs[parameters.output_count as usize] = CodesOutput {
                    matrix: *matrix,
                    digits,
                    sums,
                    y: product.y,
                    bias: product.bias,
                    first: product.first as u32,
                    count: product.count as u32,
                    first_block: all_blocks as u32,
                    padding: 0,
                };
                parameters.output_count += 1;
                all_blocks += (product.first + product.count).div_ceil(TILE_ROWS) - product.first / TILE_ROWS;
            }
            let kernel = self.codes(kind, Some([rows_per_tile, tiles]), "product")?;
            launches.push(Launch::new(kernel, Grid::new([all_blocks, passes, 1], THREADS), &parameters));
        }
        Ok((next, launches))
    }
}

fn defines_of(kind: MatrixKind) -> Vec<(&'static str, usize)> {
    vec![
        ("BITS", kind.bits),
        ("GRID", kind.grid),
        ("SCALES", kind.scales),
        ("BIASED", usize::from(kind.biased)),
    ]
}
