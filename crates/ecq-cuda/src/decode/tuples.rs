//! The tuple coding.

use super::parameters::{TupleUnitsJob, TuplesJob};
use super::stage::{SharedBytes, Stage};
use super::{Result, Uploads, decode_source};
use crate::compiler::{Program, Source};
use crate::kernels::CheckedProgram;
use crate::layout::UNIT_COLUMNS;
use crate::tuples::{CAPABILITY, TupleKind, level_range};
use ecq_codec::TupleLayout;
use ecq_coding::tuples::{STREAM_ROW_BYTES, Shape, TILE_ROWS, TupleCode};
use ecq_core::{EncodedTensor, TensorPart};

const TUPLES: Source = decode_source!("decode_tuples.cu");
const TUPLE_UNITS: Source = Source {
    name: "decode_tuple_units.cu",
    text: concat!(
        include_str!("../../kernels/decode.cuh"),
        include_str!("../../kernels/tuples.cuh"),
        include_str!("../../kernels/tuple_levels.cuh"),
        include_str!("../../kernels/decode_tuple_units.cu"),
    ),
};
/// Bytes of the index before the entries of tiles, and of an entry.
const HEAD: u64 = 8;
/// Bytes of shared memory for barriers.
const BARRIER_BYTES: usize = 256;

fn program(tuple: usize, width: usize) -> Program {
    Program::new(TUPLES, &[("TUPLE", tuple), ("WIDTH", width), ("BITS", 0)])
}

/// Returns the program that packs elements itself, without `BITS`.
fn packing_program(kind: TupleKind) -> Program {
    Program::new(TUPLE_UNITS, &[&kind.defines()[..], &[("STREAMS", 1), ("TABLE_COPIES", 1)]].concat())
}

/// Returns programs for the check of kernels.
pub(super) fn checked() -> Vec<CheckedProgram> {
    let bytes = |[tuple, width]: [usize; 2]| CheckedProgram { program: program(tuple, width), hot: &[] };
    let packing = |(tuple, trellis, bits): (usize, bool, usize)| {
        let mut program = packing_program(TupleKind { tuple, width: 10, trellis });
        program.defines.push(("BITS", bits));
        CheckedProgram { program, hot: &["decode_tuple_units"] }
    };
    let all = [(2, false, 5), (3, false, 4), (3, true, 5), (4, false, 3), (4, true, 4)];
    [[2, 10], [3, 10], [4, 10]].map(bytes).into_iter().chain(all.map(packing)).collect()
}

/// Uploads a tensor and returns how it is decoded to codes, or packed.
///
/// # Errors
/// If a part is corrupt, or memory is exhausted.
pub(super) fn stage(tensor: &EncodedTensor, uploads: &mut Uploads) -> Result<Stage> {
    let layout = TupleLayout::of(tensor)?;
    let (code, shape, index) = (&layout.code, layout.shape, layout.index(tensor)?);
    let entries: Vec<[u32; 2]> = code
        .lookups()
        .into_iter()
        .map(|(symbols, length)| [u32::from_le_bytes(symbols), length.into()])
        .collect();
    let shared = SharedBytes { block: size_of_val(&entries[..]), warp: 0 };
    let [starts, corrections] = index.offsets().map(|offset| offset as u64);
    let bytes = uploads.add(tensor.part(TensorPart::Index)?)?;
    let tiles = bytes + HEAD;
    let job = TuplesJob {
        stream: uploads.add(tensor.part(TensorPart::Stream)?)?,
        tables: uploads.add(bytemuck::cast_slice(&entries))?,
        tiles,
        segments: tiles + HEAD * (shape.tiles() as u64 + 1),
        starts: bytes + starts,
        corrections: bytes + corrections,
        rows: shape.rows() as u32,
        cols: shape.cols() as u32,
        tile_count: shape.tiles() as u32,
        segment_count: shape.segments() as u32,
        segment_groups: shape.segment_groups() as u32,
        groups: shape.groups() as u32,
        reach: index.reach().try_into().unwrap_or(u32::MAX),
        table_bytes: shared.block as u32,
        alphabet: code.table().alphabet() as u32,
        unit: code.unit() as u32,
    };
    let warps = shape.tiles() * shape.segments();
    let program = program(code.tuple(), code.width() as usize);
    let stage = Stage::new(program, "decode_tuples", warps, shared, &job);
    let stream_rows = tensor.part(TensorPart::Stream)?.len() / STREAM_ROW_BYTES;
    let packing = packing_stage(code, shape, [stream_rows, index.most_stream_rows()], job, uploads)?;
    Ok(stage.or_packing(packing))
}

/// Returns the stage that packs elements itself; `None` if the GPU is too old, levels exceed signed bytes, or
/// shared memory has no room for a warp.
///
/// # Errors
/// If memory is exhausted.
fn packing_stage(
    code: &TupleCode,
    shape: Shape,
    [stream_rows, slot_rows]: [usize; 2],
    job: TuplesJob,
    uploads: &mut Uploads,
) -> Result<Option<Stage>> {
    let properties = uploads.gpu().properties();
    let [least, greatest] = level_range(code);
    let kind = TupleKind::of(code);
    let segment_cols = shape.segment_groups() * shape.group_cols();
    // Segments of a run that begins and ends where units do: at most 32, as groups have multiples of 8
    // columns.
    let aligned = 1 << segment_cols.trailing_zeros().min(UNIT_COLUMNS.trailing_zeros());
    let run_segments = UNIT_COLUMNS / aligned;
    // A ring holds what is left of a unit and a segment. Rows are apart so that lanes meet in no bank.
    let held = |segment: usize| {
        shape.first_col(segment) % UNIT_COLUMNS + shape.groups_of(segment) * shape.group_cols()
    };
    let ring_cols = (0..shape.segments()).map(held).max().unwrap_or(0).max(UNIT_COLUMNS);
    let ring_stride = (ring_cols / 4 - 4).next_multiple_of(32) + 4;
    let shared = SharedBytes {
        block: BARRIER_BYTES + (4 << kind.width) + kind.most_rows(shape, 1) * STREAM_ROW_BYTES,
        warp: 4 * TILE_ROWS * ring_stride + 2 * slot_rows * STREAM_ROW_BYTES,
    };
    let fits = shared.block + shared.warp <= properties.shared_bytes;
    if properties.capability < CAPABILITY || least < i8::MIN.into() || greatest > i8::MAX.into() || !fits {
        return Ok(None);
    }
    let runs = shape.segments().div_ceil(run_segments);
    // Bytes are levels plus 128; the least level is that of element 0.
    let offset = (128 + least) as u32 * 0x0101_0101;
    let job = TupleUnitsJob {
        stream: job.stream,
        registers: uploads.add(bytemuck::cast_slice(&code.registers()))?,
        tiles: job.tiles,
        segments: job.segments,
        starts: job.starts,
        corrections: job.corrections,
        rows: job.rows,
        cols: job.cols,
        tile_count: job.tile_count,
        segment_count: job.segment_count,
        segment_groups: job.segment_groups,
        groups: job.groups,
        stream_rows: stream_rows as u32,
        reach: job.reach,
        slot_rows: slot_rows as u32,
        run_segments: run_segments as u32,
        runs: runs as u32,
        ring_quads: (ring_cols / 4) as u32,
        ring_stride: ring_stride as u32,
        offset,
        one: 1,
        padding: 0,
    };
    let warps = shape.tiles() * runs;
    Ok(Some(Stage::new(packing_program(kind), "decode_tuple_units", warps, shared, &job)))
}
