//! rANS tiles.

use super::{ALL_TILES, Levels, Lookup, Result, Stage, StageText, Tiling, groups_of, push, words_of};
use crate::gpu::Gpu;
use crate::kernel::source;
use ecq_codec::{CodecError, Tables, decode_codes, tile_ranges};
use ecq_coding::rans::Classes;
use ecq_coding::{CodingError, FrequencyTable};
use ecq_core::{EncodedTensor, TensorPart};
use ecq_runtime::RuntimeError;

/// The largest precision of tables with entries of 32 bits.
const NARROW: u8 = 12;

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
    let threads = lanes.next_power_of_two().max(32);
    let in_rows = tiling.in_rows();
    let class_constant = classes.as_ref().map_or(0, |_| 1 + usize::from(branches));
    // A ballot of 32 lanes is one word.
    let subgroups = threads == 32 && gpu.has_subgroups(32);
    let text = text(threads, in_rows, class_constant, wide, subgroups);
    let [rows, tile_rows, tile_cols, across] = tiling.words();
    let tiles = ranges.len();
    let Levels { zero, restart, .. } = levels;
    let mut parameters = vec![rows, tile_rows, tile_cols, across, lanes as u32, places[0] % 16];
    parameters.extend([zero.into(), restart, starts, firsts, u32::from(!tables.ids.is_empty())]);
    parameters.extend([row_classes, col_classes, class_tables, 0, tiles as u32, 0]);
    let stream = gpu.filled("the stream", &words_of(tensor.part(TensorPart::Stream)?))?;
    Ok(Stage {
        text,
        weight: parameters.len() - 3,
        parameters,
        inputs: [stream, gpu.filled("the tables", &data)?],
        groups: groups_of(tiles),
        needs_branches: branches,
        in_rows,
        lookup: Some(Lookup { per_row: 1, threads: false, count: None }),
    })
}

/// Returns the text of the stage for a number of threads and kinds of tables.
pub(super) fn text(threads: usize, in_rows: bool, classes: usize, wide: bool, subgroups: bool) -> StageText {
    StageText {
        entry: "decode_rans",
        text: source::DECODE_RANS,
        constants: vec![
            ("THREADS", threads),
            ("ROWS_ORDER", usize::from(in_rows)),
            ("CLASSES", classes),
            ("WIDE", usize::from(wide)),
        ],
        generated: words_before(threads, subgroups),
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

/// Writes `words_before`, which returns how many lanes before a lane need a word, and how many do. Without
/// subgroups lanes meet in workgroup memory.
fn words_before(threads: usize, subgroups: bool) -> String {
    if subgroups {
        return "fn words_before(lane: u32, needs: bool) -> vec2<u32> {\n    \
                let all = subgroupBallot(needs).x;\n    \
                return vec2<u32>(countOneBits(all & ((1u << lane) - 1u)), countOneBits(all));\n}\n\n"
            .to_owned();
    }
    let words = threads.div_ceil(32);
    format!(
        "const MASK_WORDS: u32 = {words}u;\n\
         // Masks of three steps: of this one, and of those before and behind.\n\
         var<workgroup> masks: array<atomic<u32>, 3u * MASK_WORDS>;\n\
         var<private> turn: u32;\n\n\
         fn words_before(lane: u32, needs: bool) -> vec2<u32> {{\n    \
         let first = turn % 3u * MASK_WORDS;\n    \
         turn++;\n    \
         if (needs) {{ atomicOr(&masks[first + lane / 32u], 1u << (lane % 32u)); }}\n    \
         workgroupBarrier();\n    \
         var counts = vec2<u32>(0u, 0u);\n    \
         for (var i = 0u; i < MASK_WORDS; i++) {{\n        \
         let mask = atomicLoad(&masks[first + i]);\n        \
         counts.y += countOneBits(mask);\n        \
         if (i < lane / 32u) {{ counts.x += countOneBits(mask); }}\n        \
         if (i == lane / 32u) {{ counts.x += countOneBits(mask & ((1u << (lane % 32u)) - 1u)); }}\n    \
         }}\n    \
         // All lanes have read the mask of the step before.\n    \
         if (lane < MASK_WORDS) {{ atomicStore(&masks[(turn + 1u) % 3u * MASK_WORDS + lane], 0u); }}\n    \
         return counts;\n}}\n\n"
    )
}
