//! rANS tiles.

use super::{
    ALL_TILES, Levels, Lookup, Result, Stage, StageText, Tiling, WORKGROUP_BYTES, groups_of, push,
    threads_of_group, words_of,
};
use crate::gpu::Gpu;
use crate::kernel::source;
use ecq_codec::{CodecError, Tables, decode_codes, tile_ranges};
use ecq_coding::rans::Classes;
use ecq_coding::{CodingError, FrequencyTable};
use ecq_core::{EncodedTensor, TensorPart};
use ecq_runtime::RuntimeError;

/// The largest precision of tables with entries of 32 bits.
const NARROW: u8 = 12;

/// Where the entries of tables are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Table {
    /// Of 64 bits, in a buffer.
    Wide,
    /// Of 32 bits, in a buffer.
    Global,
    /// Of 32 bits, those of all tables in workgroup memory.
    Local { entries: usize },
}

/// Threads of a workgroup, and of a tile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Threads {
    pub(super) group: usize,
    pub(super) tile: usize,
}

/// Returns the stage that decodes tiles of rANS.
pub(super) fn stage(gpu: &Gpu, tensor: &EncodedTensor, tiling: &Tiling, levels: Levels) -> Result<Stage> {
    let (tables, classes) = Tables::rans(tensor)?;
    if let Some(classes) = &classes {
        let corrupt = |source: CodingError| CodecError::Part { part: TensorPart::Table, source };
        classes.check_tables(&tables.tables).map_err(corrupt)?;
    }
    let ranges = tile_ranges(tensor)?;
    let wide = tables.tables.iter().any(|table| table.precision() > NARROW);
    let (mut data, mut places) = (Vec::new(), Vec::new());
    for table in &tables.tables {
        let first = data.len() / if wide { 2 } else { 1 };
        places.push((first as u32) << 4 | u32::from(table.precision()));
        entries(table, wide, &mut data);
    }
    let table_words = data.len();
    let mut starts: Vec<u32> = ranges.iter().map(|range| range.start as u32).collect();
    starts.push(ranges.last().map_or(0, |range| range.end as u32));
    // Kernels read words at even addresses; only corrupt tiles have odd lengths.
    if ranges.iter().any(|range| range.len() % 2 == 1) {
        return Err(decode_codes(tensor).map_or_else(RuntimeError::from, |_| {
            let why = "a tile of an odd length decodes".to_owned();
            RuntimeError::Device { device: "wgpu", why }
        }));
    }
    let starts = push(&mut data, starts);
    let firsts = push(&mut data, tables.ids.iter().map(|&id| places[usize::from(id)]));
    let bytes = |data: &mut Vec<u32>, bytes: &[u8]| push(data, bytes.iter().map(|&byte| byte.into()));
    let row_classes = bytes(&mut data, classes.as_ref().map_or(&[], Classes::rows));
    let col_classes = bytes(&mut data, classes.as_ref().map_or(&[], Classes::cols));
    let class_tables = bytes(&mut data, &classes.as_ref().map_or_else(Vec::new, class_tables));
    let branches = classes.as_ref().is_some_and(|classes| classes.branches().is_some());
    let lanes = usize::from(tiling.tile.lanes);
    let tile_threads = lanes.next_power_of_two().max(32);
    let in_rows = tiling.in_rows();
    let class_constant = classes.as_ref().map_or(0, |_| 1 + usize::from(branches));
    // A ballot of 32 lanes is one word.
    let subgroups = tile_threads == 32 && gpu.has_subgroups(32);
    // Without subgroups a tile is a workgroup: several of them must fit the memory of a core.
    let most = if subgroups { WORKGROUP_BYTES } else { WORKGROUP_BYTES / 4 };
    let table = if wide {
        Table::Wide
    } else if 4 * table_words <= most && tables.ids.is_empty() {
        Table::Local { entries: table_words }
    } else {
        Table::Global
    };
    let shares = matches!(table, Table::Local { .. }) && subgroups && gpu.report().subgroup == Some([32; 2]);
    let group =
        if shares { threads_of_group(ranges.len() * tile_threads, tile_threads) } else { tile_threads };
    let text = text(Threads { group, tile: tile_threads }, in_rows, class_constant, table, subgroups);
    let [rows, tile_rows, tile_cols, across] = tiling.words();
    let tiles = ranges.len();
    let Levels { zero, restart, .. } = levels;
    let mut parameters = vec![rows, tile_rows, tile_cols, across, lanes as u32, places[0] % 16];
    parameters.extend([zero.into(), restart, starts, firsts, u32::from(!tables.ids.is_empty())]);
    let stream_words = words_of(tensor.part(TensorPart::Stream)?);
    parameters.extend([row_classes, col_classes, class_tables, 0]);
    let weight = parameters.len() - 1;
    parameters.extend([tiles as u32, 0, stream_words.len() as u32 - 1]);
    let stream = gpu.filled("the stream", &stream_words)?;
    Ok(Stage {
        text,
        weight,
        parameters,
        inputs: [stream, gpu.filled("the tables", &data)?],
        groups: groups_of((tiles * tile_threads).div_ceil(group)),
        needs_branches: branches,
        in_rows,
        lookup: Some(Lookup { tile_threads, threads: group, count: None }),
    })
}

/// Returns the text of the stage for kinds of tables.
pub(super) fn text(
    threads: Threads,
    in_rows: bool,
    classes: usize,
    table: Table,
    subgroups: bool,
) -> StageText {
    let (table_source, entries) = match table {
        Table::Wide | Table::Global => (source::TABLE_GLOBAL, 0),
        Table::Local { entries } => (source::TABLE_LOCAL, entries),
    };
    let words = if subgroups { source::WORDS_SUBGROUP } else { source::WORDS_SHARED };
    StageText {
        entry: "decode_rans",
        sources: vec![table_source, words, source::DECODE_RANS],
        constants: vec![
            ("THREADS", threads.group),
            ("TILE_THREADS", threads.tile),
            ("TABLE_ENTRIES", entries),
            ("ROWS_ORDER", usize::from(in_rows)),
            ("CLASSES", classes),
            ("WIDE", usize::from(matches!(table, Table::Wide))),
        ],
        listed: ALL_TILES,
    }
}

/// Writes the entries of a table as the kernel reads them.
fn entries(table: &FrequencyTable, wide: bool, words: &mut Vec<u32>) {
    for slot in table.slots() {
        let [symbol, frequency, rank] =
            [u32::from(slot.symbol), u32::from(slot.frequency), u32::from(slot.rank)];
        match wide {
            true => words.extend([frequency | rank << 16, symbol]),
            false => words.push(frequency << 20 | symbol << 12 | rank),
        }
    }
}

/// Returns the tables of pairs of classes, `[row classes][branch bits][8]`.
fn class_tables(classes: &Classes) -> Vec<u8> {
    let [row_classes, col_classes] = classes.counts();
    let bits = if classes.branches().is_some() { 2 } else { 1 };
    let mut all = vec![0; row_classes * 2 * Classes::MAX];
    for (i, &table) in classes.tables().iter().enumerate() {
        let (pair, branch) = (i / bits, i % bits);
        let (row, col) = (pair / col_classes, pair % col_classes);
        all[(2 * row + branch) * Classes::MAX + col] = table;
    }
    all
}
