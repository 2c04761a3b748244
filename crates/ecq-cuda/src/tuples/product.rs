//! Launches of products, and how they divide their work.

use super::CAPABILITY;
use super::gemm::{self, LevelsRoom};
use super::matrix::TupleMatrix;
use crate::commands::{ActiveRows, Launch};
use crate::error::{CudaError, Result};
use crate::gpu::Gpu;
use crate::memory::DeviceMemory;
use crate::module::{Grid, Modules};
use crate::parameters::{Hint, MAX_HINTS, MAX_OUTPUTS, TuplePart, TupleProductParameters};
use crate::tuples::TupleDigits;
use bytemuck::Zeroable;
use cudarc::driver::CudaStream;
use ecq_coding::CodingError;
use ecq_coding::tuples::{STREAM_ROW_BYTES, TILE_ROWS};
use std::sync::Arc;

/// Bytes of shared memory before the table.
const HEAD_BYTES: usize = 1536;
/// The most slots of a block: their barriers and rounds have that much room.
const MAX_SLOTS: usize = 64;
/// The most segments of a block: numbers that the kernel divides by multiplying.
const MAX_STREAMS: usize = 4000;
/// Rows of activations of the variants.
pub(super) const VECTORS: [usize; 4] = [1, 2, 4, 8];
pub(super) const MOST_VECTORS: usize = VECTORS[VECTORS.len() - 1];

/// Activations on the GPU.
#[derive(Debug, Clone, Copy)]
pub struct TupleInput {
    pub(crate) x: u64,
    pub(crate) stride: usize,
    pub(crate) element: usize,
    pub(crate) rows: ActiveRows,
}

impl TupleInput {
    /// Describes `rows` rows at address `x`, `stride` elements apart: f32 (`element` 0), f16 (1) or bf16 (2).
    pub fn new(x: u64, rows: usize, stride: usize, element: usize) -> Self {
        Self { x, stride, element, rows: ActiveRows { address: 0, which: 0, most: rows } }
    }
}

/// How a product is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TupleOptions {
    /// Warps of a block.
    pub warps: usize,
    /// Streams that a warp decodes at a time.
    pub streams: usize,
}

impl TupleOptions {
    /// All options, in the order in which they are preferred with several rows of activations. Warps and the
    /// two that fill slots are a multiple of four, because registers are given to four warps at a time.
    const ALL: [(usize, usize); 12] = [
        (14, 4),
        (10, 4),
        (14, 3),
        (10, 3),
        (14, 2),
        (10, 2),
        (14, 1),
        (10, 1),
        (6, 2),
        (6, 1),
        (2, 2),
        (2, 1),
    ];
    pub(super) const DEFAULT: Self = Self { warps: 14, streams: 4 };

    /// Returns the options with which the sums of `vectors` rows of activations fit registers; products of
    /// several matrices need some more.
    pub(super) fn fitting(trellis: bool, vectors: usize, parts: usize) -> impl Iterator<Item = Self> {
        let all = Self::ALL.into_iter().map(|(warps, streams)| Self { warps, streams });
        all.filter(move |options| {
            let fragments = options.streams * vectors.div_ceil(4) * if trellis { 2 } else { 1 };
            let room = match options.warps {
                11.. => 4,
                7..=10 => 8,
                _ => 17,
            };
            fragments + usize::from(parts > 1 && vectors >= 4) <= room
        })
    }
}

/// A matrix of a product, and where its rows go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TupleOperand<'a> {
    pub(crate) matrix: &'a TupleMatrix,
    /// Address of digits and exponents.
    pub(crate) digits: u64,
    pub(crate) exponents: u64,
    pub(crate) output: u64,
    pub(crate) output_stride: usize,
    pub(crate) output_element: usize,
    pub(crate) bias: u64,
    /// Address to which the result is added, and the factor.
    pub(crate) sum: Option<(u64, f32)>,
    /// First row of the matrix, and number of rows.
    pub(crate) first: usize,
    pub(crate) count: usize,
}

impl TupleOperand<'_> {
    pub(super) fn first_tile(&self) -> usize {
        self.first / TILE_ROWS
    }

    pub(super) fn tiles(&self) -> usize {
        (self.first + self.count).div_ceil(TILE_ROWS) - self.first_tile()
    }

    /// Returns what a product reads, without the division of work.
    pub(super) fn part(&self, input: TupleInput) -> TuplePart {
        TuplePart {
            digits: self.digits,
            exponents: self.exponents,
            x: input.x,
            output: self.output,
            bias: self.bias,
            sum: self.sum.map_or(0, |(address, _)| address),
            sum_scale: self.sum.map_or(0.0, |(_, scale)| scale),
            first: self.first as u32,
            count: self.count as u32,
            x_stride: input.stride as u32,
            element: input.element as u32,
            output_stride: self.output_stride as u32,
            output_element: self.output_element as u32,
            ..self.matrix.part()
        }
    }
}

/// The division of a block's shared memory.
struct SharedMemory {
    /// Slots of each matrix.
    slots: Vec<usize>,
    /// Whether the digits are there too.
    digits: bool,
    bytes: usize,
}

/// The parameters of a product, and what it reads.
#[derive(Debug, Clone)]
pub(crate) struct TupleLaunch {
    pub(crate) parameters: TupleProductParameters,
    /// What the product before may fetch to the L2 cache.
    fetched: Vec<[Hint; 3]>,
    stream_bytes: u64,
}

impl TupleLaunch {
    /// Lets the product fetch what the next one reads.
    pub(crate) fn fetch_for(&mut self, next: &Self) {
        let hints = next.fetched.iter().flatten();
        self.parameters.hints.iter_mut().zip(hints).for_each(|(to, &hint)| *to = hint);
        self.parameters.hint_count = (3 * next.fetched.len()).min(MAX_HINTS) as u32;
    }

    /// Tells the product that the one before fetches what it reads.
    pub(crate) fn fetched_before(&mut self) {
        self.parameters.prefetch = u32::from(self.stream_bytes > MOST_FETCHED);
    }
}

/// A product with matrices that read the same activations, ready to launch.
#[derive(Debug, Clone)]
pub struct TupleProduct {
    launches: Vec<Launch>,
    slots: usize,
    shared_bytes: usize,
    /// Memory for levels, if the product has its own.
    _levels: Option<Arc<DeviceMemory>>,
}

/// Matrices of a launch with the blocks that each gets.
struct Division<'a> {
    operands: &'a [TupleOperand<'a>],
    blocks: Vec<usize>,
}

impl<'a> Division<'a> {
    /// Divides the multiprocessors, so that the most tiles of a block are as few as possible.
    fn new(gpu: &Gpu, operands: &'a [TupleOperand<'a>]) -> Self {
        let all = gpu.properties().multiprocessors.max(operands.len());
        let total: usize = operands.iter().map(TupleOperand::tiles).sum();
        let blocks = |tiles: usize| -> Vec<usize> {
            operands.iter().map(|operand| operand.tiles().div_ceil(tiles).max(1)).collect()
        };
        let mut tiles = total.div_ceil(all).max(1);
        while blocks(tiles).iter().sum::<usize>() > all {
            tiles += 1;
        }
        Self { operands, blocks: blocks(tiles) }
    }

    /// Returns the most tiles of a block of each matrix.
    fn most_tiles(&self) -> impl Iterator<Item = (&TupleMatrix, usize)> {
        let pairs = self.operands.iter().zip(&self.blocks);
        pairs.map(|(operand, &blocks)| (operand.matrix, operand.tiles().div_ceil(blocks)))
    }

    /// Returns the division of shared memory; `None` if there is no slot for each warp.
    fn shared_memory(&self, gpu: &Gpu, vectors: usize, options: TupleOptions) -> Option<SharedMemory> {
        // Digits stay in global memory if there is no room for a slot for each warp beside them.
        let with = |digits: bool| {
            let (mut slots, mut bytes) = (Vec::new(), 0);
            for (matrix, most_tiles) in self.most_tiles() {
                let (shape, part, width) = (matrix.shape, matrix.part(), matrix.kind.width);
                let slot_bytes = options.streams * part.slot_rows as usize * STREAM_ROW_BYTES;
                let fixed = HEAD_BYTES
                    + (128 << width)
                    + 8 * vectors * shape.segments()
                    + (4 + 8 * vectors) * most_tiles * TILE_ROWS
                    + 128;
                // A corrupt stream may lead a lane behind its slot.
                let batch_groups = part.batch_groups as usize;
                let behind = matrix.kind.most_rows(shape, 1).saturating_sub(part.slot_rows as usize);
                let digit_bytes =
                    if digits { shape.segments() * batch_groups * 64 * vectors + 128 } else { 0 };
                let fixed = fixed + behind * STREAM_ROW_BYTES + digit_bytes;
                let units = (most_tiles * shape.segments()).div_ceil(options.streams);
                let room = gpu.properties().shared_bytes.saturating_sub(fixed);
                let own = (room / slot_bytes.max(1)).min(MAX_SLOTS).min(units);
                if own < options.warps.min(units) {
                    return None;
                }
                slots.push(own);
                bytes = bytes.max(fixed + own * slot_bytes);
            }
            Some(SharedMemory { slots, digits, bytes })
        };
        with(true).or_else(|| with(false))
    }

    /// Returns the options for products with `vectors` rows of activations.
    fn options(&self, gpu: &Gpu, vectors: usize) -> Option<TupleOptions> {
        let streams = self.most_tiles().map(|(matrix, tiles)| tiles * matrix.shape.segments()).max();
        let trellis = self.operands.first().is_some_and(|operand| operand.matrix.kind.trellis);
        // With few rows, the streams that a warp decodes one unit after the other, and some time for each
        // unit; and a part for those of all warps: the time is between that of a warp that waits for
        // latencies and that of warps that wait for each other. With more rows, the most streams that share
        // digits and still give each warp a unit.
        let (streams, mut order) = (streams.unwrap_or(1), 0);
        let mut time = |options: &TupleOptions| {
            order += 1;
            let rounds = streams.div_ceil(options.streams).div_ceil(options.warps);
            match vectors < 4 {
                true => rounds * (2 * options.streams + 1) * (options.warps + 14),
                false => order + 100 * usize::from(streams < options.warps * options.streams),
            }
        };
        let mut tried = |digits: bool| {
            let all = TupleOptions::fitting(trellis, vectors, self.operands.len());
            let fits = all.filter(move |options| {
                let shared = self.shared_memory(gpu, vectors, *options);
                shared.is_some_and(|shared| shared.digits || !digits)
            });
            fits.min_by_key(&mut time)
        };
        tried(true).or_else(|| tried(false))
    }
}

fn refused(what: &'static str, found: usize, expected: &'static str) -> CudaError {
    CodingError::Parameter { what, found: found as u64, expected }.into()
}

impl TupleProduct {
    /// Prepares a product of one matrix with digits; the result has `element` type at address `output`, rows
    /// `stride` elements apart. Without `options` they are chosen.
    ///
    /// # Errors
    /// [`CudaError::Coding`] if the matrix does not fit the kernel, or errors of compiler and driver.
    pub fn new(
        gpu: &Gpu,
        modules: &Modules,
        (matrix, digits): (&TupleMatrix, &TupleDigits),
        input: TupleInput,
        (output, output_stride, output_element): (u64, usize, usize),
        options: Option<TupleOptions>,
    ) -> Result<Self> {
        let layout = matrix.digits(input.rows.most);
        let [written, ..] =
            layout.activations(input.rows.most, &[(matrix.col_scales(), digits.address())]).outputs;
        let operand = TupleOperand {
            matrix,
            digits: written.digits,
            exponents: written.exponents,
            output,
            output_stride,
            output_element,
            bias: 0,
            sum: None,
            first: 0,
            count: matrix.shape.rows(),
        };
        let levels = match layout.packed {
            true => Some(Arc::new(DeviceMemory::zeroed(gpu, matrix.level_bytes(1))?)),
            false => None,
        };
        let room =
            levels.as_ref().map(|memory| LevelsRoom { address: memory.address(), bytes: memory.bytes() });
        let product = Self::of(gpu, modules, &[operand], input, (options, room))?;
        Ok(Self { _levels: levels, ..product })
    }

    /// Prepares a product with up to [`MAX_OUTPUTS`] matrices of one kind. `room` is for their levels, if
    /// [`decodes_to_levels`](TupleMatrix::decodes_to_levels).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub(crate) fn of(
        gpu: &Gpu,
        modules: &Modules,
        operands: &[TupleOperand],
        input: TupleInput,
        (options, room): (Option<TupleOptions>, Option<LevelsRoom>),
    ) -> Result<Self> {
        let Some(TupleOperand { matrix, .. }) = operands.first() else {
            return Err(refused("matrices", 0, "at least one"));
        };
        if let Some(room) = room {
            let (launches, shared_bytes) = gemm::launches(gpu, modules, operands, input, room)?;
            return Ok(Self { launches, slots: 0, shared_bytes, _levels: None });
        }
        let (kind, vectors) = (matrix.kind, matrix.digits(input.rows.most).vectors);
        let division = Division::new(gpu, operands);
        for (matrix, most_tiles) in division.most_tiles() {
            check(gpu, matrix, most_tiles)?;
        }
        let options =
            options.or_else(|| division.options(gpu, vectors)).ok_or_else(|| no_room(kind.width))?;
        let shared = division.shared_memory(gpu, vectors, options).ok_or_else(|| no_room(kind.width))?;
        let program = kind.product(vectors, operands.len(), options, shared.digits);
        let kernel = modules.kernel(gpu, &program, "tuple_product")?;
        kernel.allow_shared(gpu)?;
        let mut parameters = TupleProductParameters {
            active: input.rows.address,
            which: input.rows.which,
            rows: input.rows.most as u32,
            part_count: operands.len() as u32,
            prefetch: 1,
            one: 1,
            ..TupleProductParameters::zeroed()
        };
        let mut all_blocks = 0;
        for (i, part) in parameters.parts.iter_mut().enumerate().take(operands.len()) {
            let (operand, blocks) = (&operands[i], division.blocks[i]);
            *part = TuplePart {
                slots: shared.slots[i] as u32,
                first_block: all_blocks as u32,
                first_tile: operand.first_tile() as u32,
                block_tiles: (operand.tiles() / blocks) as u32,
                more_tiles: (operand.tiles() % blocks) as u32,
                ..operand.part(input)
            };
            all_blocks += blocks;
        }
        let passes = input.rows.most.div_ceil(vectors);
        let threads = 32 * (options.warps + 2);
        let grid = Grid { blocks: [all_blocks, passes, 1], threads, shared_bytes: shared.bytes };
        let bytes_each = MOST_FETCHED / operands.len() as u64;
        let tuples = TupleLaunch {
            parameters,
            fetched: operands.iter().map(|operand| operand.matrix.hints(bytes_each)).collect(),
            stream_bytes: operands.iter().map(|operand| operand.matrix.stream_bytes()).sum(),
        };
        let launches = vec![Launch::of_tuples(kernel, grid, tuples)];
        Ok(Self { launches, slots: shared.slots[0], shared_bytes: shared.bytes, _levels: None })
    }

    /// Returns whether a launch can multiply up to `rows` rows with several matrices of one kind.
    pub(crate) fn fits(gpu: &Gpu, operands: &[TupleOperand], rows: usize) -> bool {
        let division = Division::new(gpu, operands);
        let Some(TupleOperand { matrix, .. }) = operands.first() else { return false };
        division.most_tiles().all(|(matrix, tiles)| check(gpu, matrix, tiles).is_ok())
            && division.options(gpu, matrix.digits(rows).vectors).is_some()
    }

    pub(crate) fn into_launches(self) -> Vec<Launch> {
        self.launches
    }

    /// Returns the product between others: it fetches the matrices of `next`, which follows it, to the L2
    /// cache, and the product before has fetched its own. Products that decode to levels do not.
    #[must_use]
    pub fn between(&self, next: &Self) -> Self {
        self.changed(|tuples| {
            if let Some(next) = next.launches.iter().find_map(Launch::tuples) {
                tuples.fetch_for(next);
            }
            tuples.fetched_before();
        })
    }

    /// Returns the product with the output of its first matrix at another address; products that decode to
    /// levels keep theirs.
    #[must_use]
    pub fn with_output(&self, output: u64) -> Self {
        self.changed(|tuples| tuples.parameters.parts[0].output = output)
    }

    fn changed(&self, mut change: impl FnMut(&mut TupleLaunch)) -> Self {
        let mut changed = self.clone();
        for launch in &mut changed.launches {
            launch.change_tuples(&mut change);
        }
        changed
    }

    /// Multiplies.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    ///
    /// # Safety
    /// Matrix, digits and output must exist until the kernel is complete.
    pub unsafe fn launch(&self, stream: &CudaStream) -> Result<()> {
        self.launches.iter().try_for_each(|launch| launch.run(stream))
    }

    /// Returns the number of units that a block holds at a time, and the bytes of its shared memory.
    pub fn slots(&self) -> (usize, usize) {
        (self.slots, self.shared_bytes)
    }
}

/// Bytes of streams that a product fetches for the next one: half of an H100's L2 cache.
const MOST_FETCHED: u64 = 24 << 20;

impl TupleMatrix {
    /// Checks that products with the matrix alone fit the kernels, with any number of rows.
    ///
    /// # Errors
    /// [`CudaError::Coding`] with the reason.
    pub(super) fn checked(self, gpu: &Gpu) -> Result<Self> {
        let operand = TupleOperand {
            matrix: &self,
            digits: 0,
            exponents: 0,
            output: 0,
            output_stride: 0,
            output_element: 0,
            bias: 0,
            sum: None,
            first: 0,
            count: self.shape.rows(),
        };
        let operands = [operand];
        let division = Division::new(gpu, &operands);
        for (matrix, most_tiles) in division.most_tiles() {
            check(gpu, matrix, most_tiles)?;
        }
        if VECTORS.into_iter().any(|vectors| division.options(gpu, vectors).is_none()) {
            return Err(no_room(self.kind.width));
        }
        Ok(self)
    }
}

fn no_room(width: usize) -> CudaError {
    refused("bytes of a table", 128 << width, "less, for this GPU's shared memory")
}

/// Checks that a matrix fits the kernels.
fn check(gpu: &Gpu, matrix: &TupleMatrix, most_tiles: usize) -> Result<()> {
    let (shape, kind) = (matrix.shape, matrix.kind);
    let capability = gpu.properties().capability;
    if capability < CAPABILITY {
        let expected = "90 or more for products with tuples";
        return Err(refused("compute capability times ten", capability as usize, expected));
    }
    let longer = shape.longest_segment() > shape.segment_groups();
    if kind.trellis && longer && !shape.segment_groups().is_multiple_of(kind.batch()) {
        let expected = "a multiple of three on a trellis grid whose last segment is longer";
        return Err(refused("groups of a segment", shape.segment_groups(), expected));
    }
    if matrix.row_corrections + shape.segments() > MAX_STREAMS {
        return Err(refused("corrections of a row", matrix.row_corrections, "fewer than 4000"));
    }
    if most_tiles * shape.segments() > MAX_STREAMS {
        return Err(refused("segments of a block", most_tiles * shape.segments(), "at most 4000"));
    }
    Ok(())
}

const _: () = assert!(MAX_HINTS == 3 * MAX_OUTPUTS, "stream, index and table of each matrix");
