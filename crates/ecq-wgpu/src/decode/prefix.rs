//! Tiles of prefix codes.

use super::{
    Levels, Lookup, Result, Stage, StageText, THREADS, Tiling, groups_of, push, threads_of_group, words_of,
};
use crate::gpu::Gpu;
use crate::kernel::source;
use ecq_codec::{CodecError, CodesEntry, Tables, tile_layout, tile_ranges};
use ecq_coding::prefix::{self, PrefixCode, lane_ranges};
use ecq_core::{EncodedTensor, TensorPart};

/// Entries of the table of a code.
const ENTRIES: usize = 4096;
/// What is added to the length of the escape's codeword, and the length of an entry that begins no codeword.
const ESCAPE: u32 = 128;
const NO_CODEWORD: u32 = 64;

/// Returns an entry as the kernel reads it.
fn entry(tuple: usize, lookup: prefix::Lookup) -> u32 {
    match lookup {
        prefix::Lookup::Tuple { symbols, length } => {
            // Four symbols have four bits each: there are at most 2^16 tuples.
            let bits = if tuple == 4 { 4 } else { 8 };
            let symbols = symbols.iter().rev().fold(0, |all, &symbol| all << bits | u32::from(symbol));
            u32::from(length) << 24 | symbols
        }
        prefix::Lookup::Escape { length } => (ESCAPE + u32::from(length)) << 24,
        prefix::Lookup::Nothing => NO_CODEWORD << 24,
    }
}

/// Returns the stages that decode tiles of prefix codes: one for each number of symbols in a tuple.
pub(super) fn stages(
    gpu: &Gpu,
    tensor: &EncodedTensor,
    tiling: &Tiling,
    levels: Levels,
) -> Result<Vec<Stage>> {
    let alphabet = CodesEntry::of(tensor)?.alphabet;
    let [rows, cols] = tiling.shape;
    let tables = Tables::prefix(tensor)?;
    let stream = tensor.part(TensorPart::Stream)?;
    let lane_count = usize::from(tiling.tile.lanes);
    let ranges = tile_ranges(tensor)?;
    let mut data: Vec<u32> = tables
        .tables
        .iter()
        .flat_map(|code| code.lookups().into_iter().map(|lookup| entry(code.tuple(), lookup)))
        .collect();
    debug_assert_eq!(data.len(), tables.tables.len() * ENTRIES);
    let mut lanes = vec![0u32; 2 * ranges.len() * lane_count];
    for (index, (range, lanes)) in ranges.iter().zip(lanes.chunks_mut(2 * lane_count)).enumerate() {
        let (_, _, tile_rows, tile_cols) = tiling.tile.place(index, rows, cols);
        let layout = tile_layout(tiling.tile, tile_rows, tile_cols)?;
        let tuple = tables.tables[tables.id(index)].tuple();
        let found = lane_ranges(&stream[range.clone()], layout, tuple);
        let found = found.map_err(|source| CodecError::Tile { tile: index, offset: range.start, source })?;
        for (lane, bytes) in lanes.chunks_exact_mut(2).zip(found) {
            lane[0] = (range.start + bytes.start) as u32;
            lane[1] = (range.start + bytes.end) as u32;
        }
    }
    let lanes = push(&mut data, lanes);
    let ids = push(&mut data, (0..ranges.len()).map(|tile| tables.id(tile) as u32));
    let tuple_of = |tile: usize| tables.tables[tables.id(tile)].tuple();
    let lists = [1, 2, 3, 4].map(|tuple| {
        let tiles: Vec<usize> = (0..ranges.len()).filter(|&tile| tuple_of(tile) == tuple).collect();
        let first = tiles.first().map(|&tile| tables.id(tile));
        let table = first.filter(|&id| tiles.iter().all(|&tile| tables.id(tile) == id));
        (tuple, table, tiles.len(), push(&mut data, tiles.into_iter().map(|tile| tile as u32)))
    });
    let stream_words = words_of(stream);
    let inputs = [gpu.filled("the stream", &stream_words)?, gpu.filled("the tables", &data)?];
    let Levels { zero, restart, .. } = levels;
    let [rows, tile_rows, tile_cols, across] = tiling.words();
    let in_rows = tiling.in_rows();
    let raw_bits = tables.tables.first().map_or(0, PrefixCode::raw_bits);
    let stage = |(tuple, table, count, list): (usize, Option<usize>, usize, u32)| {
        let shared = table.map(|_| threads_of_group(count * lane_count, THREADS));
        let threads = shared.unwrap_or(THREADS);
        let first_word = table.unwrap_or(0) * ENTRIES;
        let mut parameters = vec![rows, tile_rows, tile_cols, across];
        parameters.extend([lane_count as u32, alphabet.into(), raw_bits]);
        parameters.extend([zero.into(), restart, lanes, ids, list, count as u32, ranges.len() as u32]);
        parameters.extend([stream_words.len() as u32 - 1, first_word as u32, 0]);
        // A row's tile may have tuples of another number of symbols.
        let lookup = Lookup { tile_threads: lane_count, threads, count: Some(COUNT_PLACE) };
        Stage {
            text: text(tuple, in_rows, shared),
            weight: parameters.len() - 1,
            parameters,
            inputs: inputs.clone(),
            groups: groups_of((count * lane_count).div_ceil(threads)),
            needs_branches: false,
            in_rows,
            lookup: Some(lookup).filter(|_| count == ranges.len()),
        }
    };
    Ok(lists.into_iter().filter(|&(_, _, count, _)| count > 0).map(stage).collect())
}

/// Returns the text of the stage for a number of symbols in a tuple; `shared` has the threads of a workgroup
/// if all tiles have one table.
pub(super) fn text(tuple: usize, in_rows: bool, shared: Option<usize>) -> StageText {
    let (table, entries) = match shared {
        Some(_) => (source::TABLE_LOCAL, ENTRIES),
        None => (source::TABLE_GLOBAL, 0),
    };
    StageText {
        entry: "decode_prefix",
        sources: vec![table, source::DECODE_PREFIX],
        constants: vec![
            ("THREADS", shared.unwrap_or(THREADS)),
            ("TABLE_ENTRIES", entries),
            ("TUPLE", tuple),
            ("ROWS_ORDER", usize::from(in_rows)),
        ],
        listed: LISTED_TILES,
    }
}

/// Tiles with one number of symbols in a tuple.
const LISTED_TILES: &str = "fn tile_number(i: u32) -> u32 {\n    return data[p.chosen + i];\n}\n\n";
/// Place of the number of these tiles among the parameters.
const COUNT_PLACE: usize = 12;
