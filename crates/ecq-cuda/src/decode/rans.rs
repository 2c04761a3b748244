//! rANS tiles.

use super::parameters::{RansJob, Tiling};
use super::stage::{SharedBytes, Stage};
use super::{Levels, Result, Uploads, bad_tensor, corrupt_table, decode_source, packs_tiles};
use crate::compiler::{Program, Source};
use crate::kernels::CheckedProgram;
use ecq_codec::{CodesEntry, Tables, tile_ranges};
use ecq_coding::FrequencyTable;
use ecq_coding::rans::Classes;
use ecq_core::{EncodedTensor, LaneOrder, TensorPart};

const RANS: Source = decode_source!("decode_rans.cu");
/// The longest lag whose history fits a register; a longer one is read back.
const LONGEST_LAG: u16 = 32;
const LONG_LAG: usize = 64;
/// The largest precision of tables with entries of 32 bits.
const NARROW: u8 = 12;

/// What a kernel is compiled for.
#[derive(Debug, Clone, Copy)]
struct Variant {
    rows_order: bool,
    lanes: usize,
    /// 0: no classes; 1: classes; 2: and branch bits.
    classes: usize,
    lag: usize,
    wide: bool,
    shared: bool,
}

impl Variant {
    /// Threads of a tile.
    fn group(self) -> usize {
        self.lanes.next_power_of_two().min(32)
    }

    /// Lanes of a thread.
    fn sets(self) -> usize {
        self.lanes.div_ceil(32).next_power_of_two()
    }

    /// Bytes of a warp's rings: three pieces of four words per lane.
    fn ring_bytes(self) -> usize {
        3 * 2 * 4 * 32 * self.sets()
    }

    fn program(self, bits: usize) -> Program {
        let defines = [
            ("ROWS_ORDER", usize::from(self.rows_order)),
            ("GROUP", self.group()),
            ("SETS", self.sets()),
            ("CLASSES", self.classes),
            ("LAG", self.lag),
            ("WIDE", usize::from(self.wide)),
            ("SHARED", usize::from(self.shared)),
            ("BITS", bits),
        ];
        Program::new(RANS, &defines)
    }
}

/// Returns programs for the check of kernels.
pub(super) fn checked() -> Vec<CheckedProgram> {
    let rows = Variant { rows_order: true, lanes: 32, classes: 0, lag: 0, wide: false, shared: true };
    let all = [
        rows,
        Variant { classes: 1, ..rows },
        Variant { classes: 2, lag: 12, ..rows },
        Variant { lanes: 4, wide: true, shared: false, ..rows },
        Variant { rows_order: false, ..rows },
        Variant { rows_order: false, lanes: 8, ..rows },
        Variant { rows_order: false, lanes: 64, classes: 1, ..rows },
    ];
    // Other variants may spill a few bytes on older GPUs.
    let checked = |variant: &Variant, bits| {
        let hot: &[&str] = if bits > 0 { &["decode_rans"] } else { &[] };
        CheckedProgram { program: variant.program(bits), hot }
    };
    let packing = all[..3].iter().flat_map(|variant| [3, 4, 5].map(|bits| checked(variant, bits)));
    all.iter().map(|variant| checked(variant, 0)).chain(packing).collect()
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

/// Uploads a tensor and returns how it is decoded; `levels` are those of its trellis grid. Also returns
/// whether the kernel writes levels.
///
/// # Errors
/// If a part is corrupt, or memory is exhausted.
pub(super) fn stages(
    tensor: &EncodedTensor,
    levels: Option<Levels>,
    uploads: &mut Uploads,
) -> Result<(Vec<Stage>, bool)> {
    let CodesEntry { tile, .. } = CodesEntry::of(tensor)?;
    let [rows, cols] = tensor.shape();
    let (tables, classes) = Tables::rans(tensor)?;
    if let Some(classes) = &classes {
        classes.check_tables(&tables.tables).map_err(corrupt_table)?;
    }
    let ranges = tile_ranges(tensor)?;
    // Kernels read words at even addresses; only corrupt tiles have odd lengths.
    if ranges.iter().any(|range| range.len() % 2 == 1) {
        return Err(bad_tensor(tensor));
    }
    let rows_order = tile.order == LaneOrder::Rows;
    let levels = levels.filter(|_| rows_order);
    let wide = tables.tables.iter().any(|table| table.precision() > NARROW);
    let (mut words, mut places) = (Vec::new(), Vec::new());
    for table in &tables.tables {
        let first = words.len() / if wide { 2 } else { 1 };
        places.push((first as u32) << 4 | u32::from(table.precision()));
        entries(table, wide, &mut words);
    }
    let has_branches = classes.as_ref().is_some_and(|classes| classes.branches().is_some());
    let mut variant = Variant {
        rows_order,
        lanes: tile.lanes.into(),
        classes: classes.as_ref().map_or(0, |_| 1 + usize::from(has_branches)),
        lag: levels.map_or(0, |levels| match levels.lag {
            ..=LONGEST_LAG => levels.lag.into(),
            _ => LONG_LAG,
        }),
        wide,
        shared: true,
    };
    let mut shared = SharedBytes { block: 4 * words.len(), warp: variant.ring_bytes() };
    if !shared.fits(uploads.gpu()) {
        (variant.shared, shared.block) = (false, 0);
    }
    let stream = tensor.part(TensorPart::Stream)?;
    let mut starts: Vec<u64> = ranges.iter().map(|range| range.start as u64).collect();
    starts.push(stream.len() as u64);
    let firsts: Vec<u32> = tables.ids.iter().map(|&id| places[usize::from(id)]).collect();
    let tiling = Tiling::of(tile, [rows, cols]);
    let job = RansJob {
        stream: uploads.add(stream)?,
        starts: uploads.add(bytemuck::cast_slice(&starts))?,
        tables: uploads.add(bytemuck::cast_slice(&words))?,
        firsts: uploads.add(bytemuck::cast_slice(&firsts))?,
        row_classes: uploads.add(classes.as_ref().map_or(&[], Classes::rows))?,
        col_classes: uploads.add(classes.as_ref().map_or(&[], Classes::cols))?,
        class_tables: uploads.add(&classes.as_ref().map_or_else(Vec::new, class_tables))?,
        stream_bytes: stream.len().next_multiple_of(8) as u64,
        tiling,
        lanes: tile.lanes.into(),
        table_bytes: shared.block as u32,
        precision: places[0] % 16,
        zero: levels.map_or(0, |levels| levels.zero.into()),
        lag: levels.map_or(0, |levels| levels.lag.into()),
        restart: levels.map_or(1, |levels| levels.restart),
    };
    let warps = (tiling.tiles as usize).div_ceil(32 / variant.group());
    let packs = rows_order && packs_tiles(tile, [rows, cols]) && variant.lag != LONG_LAG;
    let stage = Stage::new(variant.program(0), "decode_rans", warps, shared, &job).that_packs(packs);
    Ok((vec![stage], levels.is_some()))
}
