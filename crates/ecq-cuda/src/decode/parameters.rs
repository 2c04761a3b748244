//! Parameters of the kernels that decode, as `kernels/decode*.cu` declare them. Addresses are those of the
//! GPU. What every job begins with (`JobHead`) is added when jobs become a launch.

use bytemuck::{Pod, Zeroable};

/// Most jobs of a launch.
pub(super) const JOBS: usize = 16;

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct JobHead {
    pub(super) first_block: u32,
    pub(super) weight: u32,
    pub(super) bytes: u64,
    pub(super) stride: u64,
    pub(super) words: u64,
    pub(super) units: u32,
    pub(super) base: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct Tiling {
    pub(super) rows: u32,
    pub(super) cols: u32,
    pub(super) tile_rows: u32,
    pub(super) tile_cols: u32,
    pub(super) across: u32,
    pub(super) tiles: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct RansJob {
    pub(super) stream: u64,
    pub(super) starts: u64,
    pub(super) tables: u64,
    pub(super) firsts: u64,
    pub(super) row_classes: u64,
    pub(super) col_classes: u64,
    pub(super) class_tables: u64,
    pub(super) stream_bytes: u64,
    pub(super) tiling: Tiling,
    pub(super) lanes: u32,
    pub(super) table_bytes: u32,
    pub(super) precision: u32,
    pub(super) zero: u32,
    pub(super) lag: u32,
    pub(super) restart: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct PrefixJob {
    pub(super) stream: u64,
    pub(super) lanes: u64,
    pub(super) tables: u64,
    pub(super) ids: u64,
    pub(super) chosen: u64,
    pub(super) tiling: Tiling,
    pub(super) chosen_count: u32,
    pub(super) lane_count: u32,
    pub(super) last_piece: u32,
    pub(super) table_bytes: u32,
    pub(super) alphabet: u32,
    pub(super) raw_bits: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct TuplesJob {
    pub(super) stream: u64,
    pub(super) tables: u64,
    pub(super) tiles: u64,
    pub(super) segments: u64,
    pub(super) starts: u64,
    pub(super) corrections: u64,
    pub(super) rows: u32,
    pub(super) cols: u32,
    pub(super) tile_count: u32,
    pub(super) segment_count: u32,
    pub(super) segment_groups: u32,
    pub(super) groups: u32,
    pub(super) reach: u32,
    pub(super) table_bytes: u32,
    pub(super) alphabet: u32,
    pub(super) unit: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct TupleUnitsJob {
    pub(super) stream: u64,
    pub(super) registers: u64,
    pub(super) tiles: u64,
    pub(super) segments: u64,
    pub(super) starts: u64,
    pub(super) corrections: u64,
    pub(super) rows: u32,
    pub(super) cols: u32,
    pub(super) tile_count: u32,
    pub(super) segment_count: u32,
    pub(super) segment_groups: u32,
    pub(super) groups: u32,
    pub(super) stream_rows: u32,
    pub(super) reach: u32,
    pub(super) slot_rows: u32,
    pub(super) run_segments: u32,
    pub(super) runs: u32,
    pub(super) ring_quads: u32,
    pub(super) ring_stride: u32,
    pub(super) offset: u32,
    pub(super) one: u32,
    pub(super) padding: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct UnpackJob {
    pub(super) stream: u64,
    pub(super) row_bytes: u64,
    pub(super) rows: u32,
    pub(super) cols: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct LevelsJob {
    pub(super) rows: u32,
    pub(super) cols: u32,
    pub(super) zero: u32,
    pub(super) lag: u32,
    pub(super) restart: u32,
    pub(super) padding: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct PackJob {
    pub(super) rows: u32,
    pub(super) cols: u32,
    pub(super) lanes: u32,
    pub(super) chunks: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct CountJob {
    pub(super) counts: u64,
    pub(super) rows: u32,
    pub(super) cols: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(super) struct OutsideJob {
    pub(super) starts: u64,
    pub(super) entries: u64,
    pub(super) rows: u32,
    pub(super) cols: u32,
    pub(super) first: u32,
    pub(super) end: u32,
}
