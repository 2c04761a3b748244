//! Tiles of prefix codes.

use super::parameters::{PrefixJob, Tiling};
use super::stage::{SharedBytes, Stage};
use super::{Levels, Result, Uploads, decode_source, packs_tiles};
use crate::compiler::{Program, Source};
use crate::kernels::CheckedProgram;
use ecq_codec::{CodecError, CodesEntry, Tables, tile_layout, tile_ranges};
use ecq_coding::prefix::{Lookup, PrefixCode, lane_ranges};
use ecq_core::{EncodedTensor, LaneOrder, TensorPart};

const PREFIX: Source = decode_source!("decode_prefix.cu");
/// What is added to the length of the escape's codeword.
const ESCAPE: u32 = 128;
/// The length of an entry that begins no codeword.
const NO_CODEWORD: u32 = 64;

/// Bytes of a warp's rings: eight pieces of 16 bytes per lane.
const RING_BYTES: usize = 32 * 16 * 8;

fn program(tuple: usize, rows_order: bool, shared: bool, bits: usize) -> Program {
    let defines = [
        ("TUPLE", tuple),
        ("ROWS_ORDER", usize::from(rows_order)),
        ("SHARED", usize::from(shared)),
        ("BITS", bits),
    ];
    Program::new(PREFIX, &defines)
}

/// Returns programs for the check of kernels.
pub(super) fn checked() -> Vec<CheckedProgram> {
    let all = [[1, 1, 1, 5], [2, 1, 1, 4], [3, 1, 1, 3], [4, 1, 1, 2], [4, 1, 1, 0], [3, 0, 0, 0]];
    let checked = |[tuple, rows_order, shared, bits]: [usize; 4]| {
        let program = program(tuple, rows_order == 1, shared == 1, bits);
        CheckedProgram { program, hot: &["decode_prefix"] }
    };
    all.map(checked).into()
}

/// Returns an entry as the kernel reads it.
fn entry(tuple: usize, lookup: Lookup) -> u32 {
    match lookup {
        Lookup::Tuple { symbols, length } => {
            // Four symbols have four bits each: there are at most 2^16 tuples.
            let bits = if tuple == 4 { 4 } else { 8 };
            let symbols = symbols.iter().rev().fold(0, |all, &symbol| all << bits | u32::from(symbol));
            u32::from(length) << 24 | symbols
        }
        Lookup::Escape { length } => (ESCAPE + u32::from(length)) << 24,
        Lookup::Nothing => NO_CODEWORD << 24,
    }
}

/// Uploads a tensor and returns how it is decoded to codes; `levels` are those of its trellis grid.
///
/// # Errors
/// If a part is corrupt, or memory is exhausted.
pub(super) fn stages(
    tensor: &EncodedTensor,
    levels: Option<Levels>,
    uploads: &mut Uploads,
) -> Result<Vec<Stage>> {
    let CodesEntry { tile, alphabet, .. } = CodesEntry::of(tensor)?;
    let [rows, cols] = tensor.shape();
    let tables = Tables::prefix(tensor)?;
    let stream = tensor.part(TensorPart::Stream)?;
    let lane_count = usize::from(tile.lanes);
    let ranges = tile_ranges(tensor)?;
    let mut lanes = vec![[0u64; 2]; ranges.len() * lane_count];
    for (index, (range, lanes)) in ranges.iter().zip(lanes.chunks_mut(lane_count)).enumerate() {
        let (_, _, tile_rows, tile_cols) = tile.place(index, rows, cols);
        let layout = tile_layout(tile, tile_rows, tile_cols)?;
        let tuple = tables.tables[tables.id(index)].tuple();
        let found = lane_ranges(&stream[range.clone()], layout, tuple);
        let found = found.map_err(|source| CodecError::Tile { tile: index, offset: range.start, source })?;
        for (lane, bytes) in lanes.iter_mut().zip(found) {
            *lane = [range.start + bytes.start, range.start + bytes.end].map(|byte| byte as u64);
        }
    }
    let entries: Vec<u32> = tables
        .tables
        .iter()
        .flat_map(|code| code.lookups().into_iter().map(|lookup| entry(code.tuple(), lookup)))
        .collect();
    let mut shared = SharedBytes { block: 4 * entries.len(), warp: RING_BYTES };
    let fits = shared.fits(uploads.gpu());
    if !fits {
        shared.block = 0;
    }
    let tiling = Tiling::of(tile, [rows, cols]);
    let job = PrefixJob {
        stream: uploads.add(stream)?,
        lanes: uploads.add(bytemuck::cast_slice(&lanes))?,
        tables: uploads.add(bytemuck::cast_slice(&entries))?,
        ids: uploads.add(&tables.ids)?,
        chosen: 0,
        tiling,
        chosen_count: tiling.tiles,
        lane_count: lane_count as u32,
        last_piece: stream.len().div_ceil(16).saturating_sub(1) as u32,
        table_bytes: shared.block as u32,
        alphabet: alphabet.into(),
        raw_bits: tables.tables.first().map_or(0, PrefixCode::raw_bits),
    };
    let rows_order = tile.order == LaneOrder::Rows;
    let packs = levels.is_none() && rows_order && packs_tiles(tile, [rows, cols]);
    let stage = |tuple: usize, job: PrefixJob| {
        let warps = (job.chosen_count as usize * lane_count).div_ceil(32);
        let program = program(tuple, rows_order, fits, 0);
        Stage::new(program, "decode_prefix", warps, shared, &job).that_packs(packs)
    };
    let tuple = |index: usize| tables.tables[tables.id(index)].tuple();
    if tables.tables.iter().all(|code| code.tuple() == tuple(0)) {
        return Ok(vec![stage(tuple(0), job)]);
    }
    let mut all = Vec::new();
    for symbols in 1..=4 {
        let chosen: Vec<u32> = (0..tiling.tiles).filter(|&index| tuple(index as usize) == symbols).collect();
        if !chosen.is_empty() {
            let (count, list) = (chosen.len() as u32, uploads.add(bytemuck::cast_slice(&chosen))?);
            all.push(stage(symbols, PrefixJob { chosen: list, chosen_count: count, ..job }));
        }
    }
    Ok(all)
}
