//! Launches of products, on tensor cores or in f32.

use crate::backend::Shared;
use crate::commands::{ActiveRows, Launch, THREADS};
use crate::compiler::Program as KernelProgram;
use crate::kernels::{
    CODES, CODES_GEMM, GEMM_MATRIX_TILES, GEMM_THREADS, GEMM_TILES, LINEAR, MOST_GEMM_ROWS, MOST_PASS_ROWS,
    PASSES, ROWS_PER_PASS, element, gemm_bytes, gemm_stages, most_gemm_tiles, most_tiles, outputs_per_group,
};
use crate::layout::{TILE_ROWS, UNIT_COLUMNS};
use crate::module::{Grid, Kernel};
use crate::parameters::{
    Activations, CodesMatrix, CodesOutput, CodesParameters, MAX_OUTPUTS, MatrixParameters, PrepareOutput,
    PrepareParameters, ProductParameters, TransposeParameters, TupleActivations,
};
use crate::tuples::{self, TupleInput, TupleKind, TupleMatrix, TupleOperand, TupleProduct};
use crate::weight::DeviceMatrix;
use bytemuck::Zeroable;
use ecq_kernels::gpu::{BLOCK, MatrixKind};
use ecq_runtime::RuntimeError;

type Result<T> = std::result::Result<T, RuntimeError>;

/// Bytes of activations in shared memory; all GPUs have twice as much.
const STAGED_BYTES: usize = 32 << 10;

/// A product of one matrix.
pub(crate) struct Product {
    pub(crate) matrix: DeviceMatrix,
    /// Whether the matrix is decoded into a slot, which work of the stream may write.
    pub(crate) in_slot: bool,
    pub(crate) y: u64,
    pub(crate) bias: u64,
    /// Address to which the result is added, and the factor; not for products in f32.
    pub(crate) sum: Option<(u64, f32)>,
    pub(crate) first: usize,
    pub(crate) count: usize,
}

impl Product {
    /// Returns whether the kernel can add its result to something.
    pub(crate) fn adds(&self) -> bool {
        !matches!(self.matrix, DeviceMatrix::Linear(..))
    }
}

/// The activations of products.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProductInput {
    pub(crate) x: u64,
    pub(crate) cols: usize,
    pub(crate) rows: ActiveRows,
}

/// What a kernel writes for the products after it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Prepared {
    None,
    /// Integers in blocks, for `codes.cu`.
    Blocks(Activations),
    /// Digits, for `tuple_product.cu`.
    Tuples(TupleActivations),
}

impl Prepared {
    /// Returns the integers in blocks, with no outputs if there are none.
    pub(crate) fn blocks(self) -> Activations {
        if let Self::Blocks(next) = self { next } else { Zeroable::zeroed() }
    }
}

/// Memory of at least the given bytes, which later launches may use too.
type Scratch<'a> = &'a mut dyn FnMut(usize) -> Result<u64>;

impl Shared {
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

    /// Returns the kernel of `codes_gemm.cu`; `tiles` are those of activations of a block.
    fn codes_gemm(&self, kind: MatrixKind, tiles: usize) -> Result<Kernel> {
        let mut defines = defines_of(kind);
        defines.extend([("GROUP", kind.group), ("TILES", tiles), ("STAGES", gemm_stages(kind.bits, tiles))]);
        let kernel = self.kernel(&KernelProgram::new(CODES_GEMM, &defines), "gemm")?;
        kernel.allow_shared(&self.gpu)?;
        Ok(kernel)
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

    /// Returns the launches of products with the same activations.
    pub(crate) fn products(
        &self,
        input: ProductInput,
        products: &[Product],
        scratch: Scratch,
    ) -> Result<Vec<Launch>> {
        let mut launches = Vec::new();
        let (mut codes, mut tuples) = (Vec::new(), Vec::new());
        for product in products {
            match &product.matrix {
                DeviceMatrix::Codes(kind, matrix) => codes.push((product, *kind, *matrix)),
                DeviceMatrix::Linear(kind, matrix) => {
                    launches.push(self.linear_product(input, product, *kind, *matrix)?);
                }
                DeviceMatrix::Tuples(matrix) => tuples.push((product, &**matrix)),
            }
        }
        let ProductInput { x, rows, .. } = input;
        for codes in codes.chunks(MAX_OUTPUTS) {
            let (next, products) = self.codes_products(x, codes, rows, scratch)?;
            let blocks = [(next.blocks as usize).div_ceil(THREADS / 32), rows.most];
            let (active, which) = (rows.address, rows.which);
            let parameters = PrepareParameters { x, active, which, padding: 0, next };
            launches.push(self.rows_kernel("prepare", blocks, &parameters)?);
            launches.extend(products);
        }
        while let Some(&(_, first)) = tuples.first() {
            let layout = first.digits(rows.most);
            let same = |(_, matrix): &(&Product, &TupleMatrix)| matrix.digits(rows.most) == layout;
            let (own, others): (Vec<_>, Vec<_>) = tuples.into_iter().partition(same);
            tuples = others;
            for own in own.chunks(MAX_OUTPUTS) {
                let (next, products) = self.tuple_products(input, own, scratch)?;
                let Shared { gpu, modules, .. } = self;
                launches.push(tuples::prepare(gpu, modules, self.tuple_input(input), next)?);
                launches.extend(products);
            }
        }
        Ok(launches)
    }

    /// Returns what the kernel before products has to write, and the launches of the products; `None` if they
    /// are not products of a few matrices with `input.cols` columns in one form. Matrices of codes must have
    /// the same column scales: a norm is one block, which takes longer with different ones than a kernel of
    /// its own saves.
    pub(crate) fn prepared_products(
        &self,
        input: ProductInput,
        products: &[Product],
        scratch: Scratch,
    ) -> Result<Option<(Prepared, Vec<Launch>)>> {
        let (mut codes, mut tuples) = (Vec::new(), Vec::new());
        for product in products {
            match &product.matrix {
                DeviceMatrix::Codes(kind, matrix) if matrix.cols as usize == input.cols => {
                    codes.push((product, *kind, *matrix));
                }
                DeviceMatrix::Tuples(matrix) if matrix.shape().cols() == input.cols => {
                    tuples.push((product, &**matrix));
                }
                _ => return Ok(None),
            }
        }
        if products.len() > MAX_OUTPUTS {
            return Ok(None);
        }
        match (codes.first(), tuples.first()) {
            (Some((_, _, first)), None) => {
                if codes.iter().any(|(_, _, matrix)| matrix.col_scales != first.col_scales) {
                    return Ok(None);
                }
                let (next, launches) = self.codes_products(input.x, &codes, input.rows, scratch)?;
                Ok(Some((Prepared::Blocks(next), launches)))
            }
            (None, Some((_, first))) => {
                let layout = first.digits(input.rows.most);
                if tuples.iter().any(|(_, matrix)| matrix.digits(input.rows.most) != layout) {
                    return Ok(None);
                }
                let (next, launches) = self.tuple_products(input, &tuples, scratch)?;
                Ok(Some((Prepared::Tuples(next), launches)))
            }
            _ => Ok(None),
        }
    }

    fn tuple_input(&self, input: ProductInput) -> TupleInput {
        TupleInput { x: input.x, stride: input.cols, element: element::F32, rows: input.rows }
    }

    /// Returns the digits that must be written before products of matrices with the same layout of digits,
    /// and a launch for each kind of matrix.
    fn tuple_products(
        &self,
        input: ProductInput,
        products: &[(&Product, &TupleMatrix)],
        scratch: Scratch,
    ) -> Result<(TupleActivations, Vec<Launch>)> {
        let Some((_, first)) = products.first() else { return Ok((Zeroable::zeroed(), Vec::new())) };
        let layout = first.digits(input.rows.most);
        // Matrices with equal column scales share digits.
        let mut scales: Vec<u64> = products.iter().map(|(_, matrix)| matrix.col_scales()).collect();
        scales.sort_unstable();
        scales.dedup();
        let bytes = layout.bytes(input.rows.most).next_multiple_of(256);
        let address = scratch(bytes * scales.len())?;
        let outputs: Vec<(u64, u64)> =
            scales.iter().enumerate().map(|(i, &scales)| (scales, address + (i * bytes) as u64)).collect();
        let next = layout.activations(input.rows.most, &outputs);
        let mut kinds: Vec<TupleKind> = Vec::new();
        for (_, matrix) in products {
            if !kinds.contains(&matrix.kind) {
                kinds.push(matrix.kind);
            }
        }
        let launch = |kind: TupleKind| -> Result<Vec<Launch>> {
            let own = products.iter().filter(|(_, matrix)| matrix.kind == kind);
            let operands: Vec<TupleOperand> = own
                .map(|&(product, matrix)| {
                    let mut outputs = next.outputs.iter();
                    let found = outputs.find(|output| output.col_scales == matrix.col_scales());
                    let (digits, exponents) = found.map_or((0, 0), |found| (found.digits, found.exponents));
                    TupleOperand {
                        matrix,
                        digits,
                        exponents,
                        output: product.y,
                        output_stride: product.count,
                        output_element: element::F32,
                        bias: product.bias,
                        sum: product.sum,
                        first: product.first,
                        count: product.count,
                    }
                })
                .collect();
            let Shared { gpu, modules, .. } = self;
            let room = match first.decodes_to_levels(input.rows.most) {
                true => {
                    let bytes = products.iter().map(|(_, matrix)| matrix.level_bytes(MAX_OUTPUTS)).max();
                    Some(self.levels(bytes.unwrap_or(0))?)
                }
                false => None,
            };
            let of = |operands: &[TupleOperand]| -> Result<Vec<Launch>> {
                let input = self.tuple_input(input);
                Ok(TupleProduct::of(gpu, modules, operands, input, (None, room))?.into_launches())
            };
            // Each matrix fits the kernels alone, as was checked when it was loaded.
            let together = room.is_some() || TupleProduct::fits(gpu, &operands, input.rows.most);
            let launches = operands.chunks(if together { operands.len() } else { 1 }).map(of);
            Ok(launches.collect::<Result<Vec<_>>>()?.concat())
        };
        let launches = kinds.into_iter().map(launch).collect::<Result<Vec<_>>>()?;
        Ok((next, launches.concat()))
    }

    fn linear_product(
        &self,
        ProductInput { x, rows, .. }: ProductInput,
        product: &Product,
        kind: MatrixKind,
        matrix: MatrixParameters,
    ) -> Result<Launch> {
        let &Product { y, bias, first, count, .. } = product;
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
        products: &[(&Product, MatrixKind, CodesMatrix)],
        rows: ActiveRows,
        scratch: Scratch,
    ) -> Result<(Activations, Vec<Launch>)> {
        let mut next: Activations = Zeroable::zeroed();
        let Some(&(_, _, matrix)) = products.first() else { return Ok((next, Vec::new())) };
        // Compute capability 12.0 has less than half of the shared memory of 9.0.
        let properties = self.gpu.properties();
        let fits = |kind: MatrixKind| gemm_bytes(kind.bits, MOST_GEMM_ROWS / 4) <= properties.shared_bytes;
        let gemm = rows.most > MOST_PASS_ROWS
            && properties.capability >= 90
            && products.iter().all(|(_, kind, _)| fits(*kind));
        let passes: Vec<[usize; 2]> =
            if gemm { GEMM_TILES.map(|tiles| [4, tiles]).to_vec() } else { PASSES.to_vec() };
        let enough = |[rows_per_tile, tiles]: &&[usize; 2]| rows_per_tile * tiles >= rows.most;
        let [rows_per_tile, tiles] = passes.iter().find(enough).or(passes.last()).copied().unwrap_or([4, 4]);
        let passes = rows.most.div_ceil(rows_per_tile * tiles);
        let blocks = matrix.unit_count as usize * (UNIT_COLUMNS / BLOCK);
        // Matrices with equal column scales share activations.
        let mut scales: Vec<u64> = products.iter().map(|(_, _, matrix)| matrix.col_scales).collect();
        scales.sort_unstable();
        scales.dedup();
        let tile_blocks = passes * tiles * blocks;
        let (digit_bytes, sum_bytes) = (64 * rows_per_tile * tile_blocks, 16 * rows_per_tile * tile_blocks);
        let outliers = products.iter().any(|(_, _, matrix)| matrix.outlier_starts != 0);
        let transposed_bytes =
            if gemm && outliers { 4 * passes * rows_per_tile * tiles * matrix.cols as usize } else { 0 };
        let address = scratch((digit_bytes + sum_bytes) * scales.len() + transposed_bytes)?;
        let transposed = address + ((digit_bytes + sum_bytes) * scales.len()) as u64;
        for (index, (output, &col_scales)) in next.outputs.iter_mut().zip(&scales).enumerate() {
            let digits = address + (index * (digit_bytes + sum_bytes)) as u64;
            *output = PrepareOutput { col_scales, digits, sums: digits + digit_bytes as u64 };
        }
        next.output_count = scales.len() as u32;
        (next.cols, next.blocks, next.rows_per_tile) = (matrix.cols, blocks as u32, rows_per_tile as u32);
        let mut launches = Vec::new();
        if transposed_bytes > 0 {
            let (pass_rows, cols) = (rows_per_tile * tiles, matrix.cols);
            let parameters = TransposeParameters {
                x,
                y: transposed,
                active: rows.address,
                which: rows.which,
                cols,
                pass_rows: pass_rows as u32,
                padding: 0,
            };
            let blocks = [(cols as usize).div_ceil(32), rows.most.div_ceil(pass_rows.min(32))];
            launches.push(self.rows_kernel("transpose", blocks, &parameters)?);
        }
        let mut done = vec![false; products.len()];
        for i in 0..products.len() {
            if done[i] {
                continue;
            }
            let kind = products[i].1;
            let mut parameters = CodesParameters {
                outputs: Zeroable::zeroed(),
                x,
                transposed,
                active: rows.address,
                which: rows.which,
                output_count: 0,
                early: 1,
                padding: 0,
            };
            let mut all_blocks = 0;
            for (j, (product, own, matrix)) in products.iter().enumerate().skip(i) {
                if *own != kind || done[j] {
                    continue;
                }
                done[j] = true;
                parameters.early &= u32::from(!product.in_slot);
                let mut prepared = next.outputs[..scales.len()].iter();
                let found = prepared.find(|output| output.col_scales == matrix.col_scales);
                let (digits, sums) = found.map_or((0, 0), |output| (output.digits, output.sums));
                parameters.outputs[parameters.output_count as usize] = CodesOutput {
                    matrix: *matrix,
                    digits,
                    sums,
                    y: product.y,
                    bias: product.bias,
                    sum: product.sum.map_or(0, |(address, _)| address),
                    first: product.first as u32,
                    count: product.count as u32,
                    first_block: all_blocks as u32,
                    sum_scale: product.sum.map_or(0.0, |(_, scale)| scale),
                };
                parameters.output_count += 1;
                let own = (product.first + product.count).div_ceil(TILE_ROWS) - product.first / TILE_ROWS;
                all_blocks += if gemm { own.div_ceil(GEMM_MATRIX_TILES) } else { own };
            }
            if gemm {
                // Kinds of which a block has fewer tiles have no outliers, so the transposed activations of
                // larger passes do not matter.
                let tiles = tiles.min(most_gemm_tiles(kind.group));
                let kernel = self.codes_gemm(kind, tiles)?;
                let grid = Grid {
                    blocks: [rows.most.div_ceil(rows_per_tile * tiles), all_blocks, 1],
                    threads: GEMM_THREADS,
                    shared_bytes: gemm_bytes(kind.bits, tiles),
                };
                launches.push(Launch::new(kernel, grid, &parameters));
                continue;
            }
            // Fewer tiles than there is room for.
            let tiles = tiles.min(most_tiles(kind.group));
            let passes = rows.most.div_ceil(rows_per_tile * tiles);
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
