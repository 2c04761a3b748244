//! Products with many rows of activations: matrices are decoded to levels in scratch memory, a slice at a
//! time, and multiplied from there.

use super::matrix::TupleMatrix;
use super::product::TupleOperand;
use super::{TupleInput, TupleKind};
use crate::commands::Launch;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::module::{Grid, Modules};
use crate::parameters::{TuplePart, TupleProductParameters};
use bytemuck::Zeroable;
use ecq_coding::tuples::{STREAM_ROW_BYTES, Shape};

/// Rows of activations of a block of the variants.
pub(super) const VECTORS: [usize; 3] = [16, 32, 64];
pub(super) const MOST_VECTORS: usize = VECTORS[VECTORS.len() - 1];
/// Slices are a multiple of so many tiles, as blocks have.
const SLICE_TILES: usize = 8;
/// Bytes of a fragment of a tile.
const FRAGMENT_BYTES: usize = 512;
/// Fragments that are loaded together.
const STEP_FRAGMENTS: usize = 3;
/// Threads of a block that multiplies, for each tile.
const TILE_THREADS: usize = 64;
/// Bytes of shared memory before the stages.
const HEAD_BYTES: usize = 1024;

/// Scratch memory for levels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LevelsRoom {
    pub(crate) address: u64,
    pub(crate) bytes: usize,
}

impl LevelsRoom {
    /// The most bytes. Slices of a third of this stay in an H100's L2 cache, but each slice has two launches
    /// that wait for latencies, which takes longer.
    const MOST_BYTES: usize = 128 << 20;

    /// Returns the bytes of a product with so many matrices of which the largest has the shape.
    pub(super) fn bytes_for(shape: Shape, matrices: usize) -> usize {
        (matrices * shape.tiles() * fragments(shape)[1] * FRAGMENT_BYTES).min(Self::MOST_BYTES)
    }
}

/// The variant that multiplies.
#[derive(Debug, Clone, Copy)]
pub(super) struct GemmOptions {
    pub(super) vectors: usize,
    /// Tiles of a block.
    pub(super) tiles: usize,
    /// Stages of shared memory.
    pub(super) stages: usize,
}

impl GemmOptions {
    /// Returns the variant for a number of blocks that depends on their tiles: blocks of eight tiles load the
    /// fewest bytes, if there are enough of them; smaller ones have more stages if they do not share a
    /// multiprocessor.
    fn new(gpu: &Gpu, vectors: usize, blocks: impl Fn(usize) -> usize) -> Self {
        let all = gpu.properties().multiprocessors;
        let [tiles, stages] = if blocks(8) >= all - all / 8 {
            [8, 8]
        } else if blocks(4) > all {
            [4, 5]
        } else {
            [4, 10]
        };
        Self { vectors, tiles, stages }
    }

    /// All variants for a number of rows of activations.
    pub(super) fn all(vectors: usize) -> [Self; 3] {
        [[8, 8], [4, 5], [4, 10]].map(|[tiles, stages]| Self { vectors, tiles, stages })
    }

    /// Bytes of shared memory.
    fn shared_bytes(self, segments: usize) -> usize {
        let stage = STEP_FRAGMENTS * (self.tiles * FRAGMENT_BYTES + 64 * self.vectors);
        HEAD_BYTES + self.stages * stage + 4 * segments * self.vectors
    }
}

/// Warps and streams of a block that decodes.
#[derive(Debug, Clone, Copy)]
pub(super) struct LevelOptions {
    pub(super) warps: usize,
    pub(super) streams: usize,
}

impl LevelOptions {
    /// All options, in the order in which they are preferred.
    pub(super) const ALL: [Self; 6] = [
        Self { warps: 14, streams: 2 },
        Self { warps: 12, streams: 2 },
        Self { warps: 8, streams: 2 },
        Self { warps: 8, streams: 1 },
        Self { warps: 4, streams: 1 },
        Self { warps: 1, streams: 1 },
    ];
}

/// Returns the groups that are as many bytes as whole fragments, and the number of those.
fn pack(tuple: usize) -> [usize; 2] {
    match tuple {
        2 => [2, 1],
        3 => [4, 3],
        _ => [1, 1],
    }
}

/// Returns the fragments of a segment of so many groups.
fn fragments_of(tuple: usize, groups: usize) -> usize {
    let [pack_groups, pack_fragments] = pack(tuple);
    (groups.div_ceil(pack_groups) * pack_fragments).next_multiple_of(STEP_FRAGMENTS)
}

/// Returns the fragments of a segment that is not the last, and those of a row.
pub(super) fn fragments(shape: Shape) -> [usize; 2] {
    let (tuple, last) = (shape.tuple(), shape.segments() - 1);
    let own = fragments_of(tuple, shape.segment_groups());
    [own, last * own + fragments_of(tuple, shape.groups_of(last))]
}

/// Returns a column of a segment in fragments: the fragment, and the byte among those of a row of
/// activations.
pub(super) fn place(tuple: usize, col: usize) -> [usize; 2] {
    let [pack_groups, pack_fragments] = pack(tuple);
    let (group, in_group) = (col / (8 * tuple), col % (8 * tuple));
    let in_lane = in_group / tuple;
    let at = (group % pack_groups * 2 + in_lane / 4) * tuple + in_group % tuple;
    [group / pack_groups * pack_fragments + at / 8, in_lane % 4 * 8 + at % 8]
}

/// Returns whether levels of a matrix can be multiplied: they fit signed bytes (`range` are the least and the
/// greatest one), and memory has room.
pub(super) fn fits(gpu: &Gpu, shape: Shape, range: [i32; 2]) -> bool {
    let [_, row_fragments] = fragments(shape);
    i32::from(i8::MIN) <= range[0]
        && range[1] <= i32::from(i8::MAX)
        && SLICE_TILES * row_fragments * FRAGMENT_BYTES <= LevelsRoom::MOST_BYTES
        && GemmOptions::all(MOST_VECTORS)
            .iter()
            .all(|options| options.shared_bytes(shape.segments()) <= gpu.properties().shared_bytes)
}

/// Tiles of a matrix of a slice.
struct Piece<'a> {
    operand: &'a TupleOperand<'a>,
    first_tile: usize,
    tiles: usize,
    levels: u64,
}

/// Divides matrices into slices whose levels fit the scratch memory.
fn slices<'a>(operands: &'a [TupleOperand<'a>], room: LevelsRoom) -> Vec<Vec<Piece<'a>>> {
    let tile_bytes = |operand: &TupleOperand| fragments(operand.matrix.shape)[1] * FRAGMENT_BYTES;
    let total: usize = operands.iter().map(|operand| operand.tiles() * tile_bytes(operand)).sum();
    // Slices of about the same size.
    let most = total.div_ceil(total.div_ceil(room.bytes).max(1));
    let (mut slices, mut slice, mut used) = (Vec::new(), Vec::new(), 0);
    for operand in operands {
        let (bytes, mut done) = (tile_bytes(operand), 0);
        while done < operand.tiles() {
            let wanted = most.saturating_sub(used).div_ceil(bytes).next_multiple_of(SLICE_TILES);
            let fitting = (room.bytes - used) / bytes / SLICE_TILES * SLICE_TILES;
            let left = operand.tiles() - done;
            let tiles = left.min(wanted).min(if left * bytes <= room.bytes - used { left } else { fitting });
            if tiles > 0 {
                let (first_tile, levels) = (operand.first_tile() + done, room.address + used as u64);
                slice.push(Piece { operand, first_tile, tiles, levels });
                done += tiles;
                used += tiles * bytes;
            }
            if tiles == 0 || used >= most {
                slices.push(std::mem::take(&mut slice));
                used = 0;
            }
        }
    }
    slices.push(slice);
    slices.retain(|slice| !slice.is_empty());
    slices
}

/// Returns the launches of a product with matrices of one kind, and the bytes of shared memory of the last.
pub(super) fn launches(
    gpu: &Gpu,
    modules: &Modules,
    operands: &[TupleOperand],
    input: TupleInput,
    room: LevelsRoom,
) -> Result<(Vec<Launch>, usize)> {
    let Some(TupleOperand { matrix, .. }) = operands.first() else { return Ok((Vec::new(), 0)) };
    let (kind, vectors) = (matrix.kind, matrix.digits(input.rows.most).vectors);
    let passes = input.rows.most.div_ceil(vectors);
    let (mut launches, mut shared) = (Vec::new(), 0);
    for slice in slices(operands, room) {
        launches.push(decode(gpu, modules, kind, &slice)?);
        let blocks = |tiles: usize| -> usize {
            slice.iter().map(|piece| piece.tiles.div_ceil(tiles)).sum::<usize>() * passes
        };
        let options = GemmOptions::new(gpu, vectors, blocks);
        let kernel = modules.kernel(gpu, &kind.gemm(options), "tuple_gemm")?;
        kernel.allow_shared(gpu)?;
        let parameters = parameters(input, &slice, |piece| piece.tiles.div_ceil(options.tiles));
        let segments = slice.iter().map(|piece| piece.operand.matrix.shape.segments()).max();
        shared = options.shared_bytes(segments.unwrap_or(0));
        let grid = Grid {
            blocks: [passes, blocks(options.tiles) / passes, 1],
            threads: TILE_THREADS * options.tiles,
            shared_bytes: shared,
        };
        launches.push(Launch::new(kernel, grid, &parameters));
    }
    Ok((launches, shared))
}

/// Returns the launch that decodes a slice.
fn decode(gpu: &Gpu, modules: &Modules, kind: TupleKind, slice: &[Piece]) -> Result<Launch> {
    let bytes = |options: &LevelOptions| {
        let of = |piece: &Piece| {
            let slot_rows = piece.operand.matrix.part().slot_rows as usize;
            let [pack_groups, _] = pack(kind.tuple);
            let read = kind.most_rows(piece.operand.matrix.shape, pack_groups);
            let slots = 2 * options.warps * options.streams * slot_rows;
            HEAD_BYTES + (128 << kind.width) + (slots + read) * STREAM_ROW_BYTES
        };
        slice.iter().map(of).max().unwrap_or(0)
    };
    let room = gpu.properties().shared_bytes;
    let options = LevelOptions::ALL.into_iter().find(|options| bytes(options) <= room);
    let options = options.unwrap_or(LevelOptions { warps: 1, streams: 1 });
    let kernel = modules.kernel(gpu, &kind.levels(options), "tuple_levels")?;
    kernel.allow_shared(gpu)?;
    let streams = |piece: &Piece| piece.tiles * piece.operand.matrix.shape.segments();
    let total: usize = slice.iter().map(streams).sum();
    let all = gpu.properties().multiprocessors;
    let blocks = |piece: &Piece| {
        let most = streams(piece).div_ceil(options.warps * options.streams);
        (all * streams(piece) / total.max(1)).clamp(1, most)
    };
    let parameters = parameters(TupleInput::new(0, 0, 0, 0), slice, blocks);
    let grid = Grid {
        blocks: [slice.iter().map(blocks).sum(), 1, 1],
        threads: 32 * options.warps,
        shared_bytes: bytes(&options),
    };
    Ok(Launch::new(kernel, grid, &parameters))
}

/// Returns the parameters of a slice's launch in which each piece gets `blocks` blocks.
fn parameters(
    input: TupleInput,
    slice: &[Piece],
    blocks: impl Fn(&Piece) -> usize,
) -> TupleProductParameters {
    let mut parameters = TupleProductParameters {
        active: input.rows.address,
        which: input.rows.which,
        rows: input.rows.most as u32,
        part_count: slice.len() as u32,
        one: 1,
        ..TupleProductParameters::zeroed()
    };
    let mut first_block = 0;
    for (part, piece) in parameters.parts.iter_mut().zip(slice) {
        *part = TuplePart {
            levels: piece.levels,
            first_block: first_block as u32,
            first_tile: piece.first_tile as u32,
            block_tiles: piece.tiles as u32,
            ..piece.operand.part(input)
        };
        first_block += blocks(piece);
    }
    parameters
}

impl TupleMatrix {
    /// Returns whether products with many rows of activations decode the matrix to scratch memory.
    pub(crate) fn decodes_to_levels(&self, rows: usize) -> bool {
        self.digits(rows).packed
    }
}
