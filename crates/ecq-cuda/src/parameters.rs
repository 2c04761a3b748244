//! Parameters of kernels, as the sources in `kernels/` declare them. Addresses are those of the GPU.

use bytemuck::{Pod, Zeroable};

/// A matrix at a fixed number of bits per element (`Matrix` of `linear.cu`).
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct MatrixParameters {
    pub(crate) words: u64,
    pub(crate) scales: u64,
    pub(crate) biases: u64,
    pub(crate) levels: u64,
    pub(crate) col_scales: u64,
    pub(crate) outlier_starts: u64,
    pub(crate) outliers: u64,
    pub(crate) rows: u32,
    pub(crate) cols: u32,
    pub(crate) lanes: u32,
    pub(crate) chunks: u32,
    pub(crate) groups: u32,
    pub(crate) group_size: u32,
    pub(crate) zero: i32,
    pub(crate) padding: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct ProductParameters {
    pub(crate) matrix: MatrixParameters,
    pub(crate) x: u64,
    pub(crate) y: u64,
    pub(crate) bias: u64,
    pub(crate) active: u64,
    pub(crate) which: u32,
    pub(crate) first: u32,
    pub(crate) count: u32,
    pub(crate) segment: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct EmbedParameters {
    pub(crate) matrix: MatrixParameters,
    pub(crate) index: u64,
    pub(crate) y: u64,
    pub(crate) active: u64,
    pub(crate) report: u64,
    pub(crate) scale: f32,
    pub(crate) add: u32,
}

/// Most matrices of a launch of `codes.cu`.
pub(crate) const MAX_OUTPUTS: usize = 4;

/// A matrix of codes for tensor cores (`CodesMatrix` of `codes.cu`).
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct CodesMatrix {
    pub(crate) units: u64,
    pub(crate) scales: u64,
    pub(crate) group_scales: u64,
    pub(crate) group_minima: u64,
    pub(crate) col_scales: u64,
    pub(crate) outlier_starts: u64,
    pub(crate) outliers: u64,
    pub(crate) rows: u32,
    pub(crate) cols: u32,
    pub(crate) unit_count: u32,
    pub(crate) groups: u32,
    pub(crate) group_size: u32,
    pub(crate) zero: i32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct PrepareOutput {
    pub(crate) col_scales: u64,
    pub(crate) digits: u64,
    pub(crate) sums: u64,
}

/// Activations as integers for the products of a command.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Activations {
    pub(crate) outputs: [PrepareOutput; MAX_OUTPUTS],
    pub(crate) output_count: u32,
    pub(crate) cols: u32,
    pub(crate) blocks: u32,
    pub(crate) rows_per_tile: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct PrepareParameters {
    pub(crate) x: u64,
    pub(crate) active: u64,
    pub(crate) which: u32,
    pub(crate) padding: u32,
    pub(crate) next: Activations,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct TransposeParameters {
    pub(crate) x: u64,
    pub(crate) y: u64,
    pub(crate) active: u64,
    pub(crate) which: u32,
    pub(crate) cols: u32,
    pub(crate) pass_rows: u32,
    pub(crate) padding: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct ActivateProductParameters {
    pub(crate) x: u64,
    pub(crate) up: u64,
    pub(crate) active: u64,
    pub(crate) function: u32,
    pub(crate) padding: u32,
    pub(crate) next: Activations,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct CodesOutput {
    pub(crate) matrix: CodesMatrix,
    pub(crate) digits: u64,
    pub(crate) sums: u64,
    pub(crate) y: u64,
    pub(crate) bias: u64,
    pub(crate) sum: u64,
    pub(crate) first: u32,
    pub(crate) count: u32,
    pub(crate) first_block: u32,
    pub(crate) sum_scale: f32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct CodesParameters {
    pub(crate) outputs: [CodesOutput; MAX_OUTPUTS],
    pub(crate) x: u64,
    pub(crate) transposed: u64,
    pub(crate) active: u64,
    pub(crate) which: u32,
    pub(crate) output_count: u32,
    pub(crate) early: u32,
    pub(crate) padding: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct EmbedCodesParameters {
    pub(crate) matrix: CodesMatrix,
    pub(crate) index: u64,
    pub(crate) y: u64,
    pub(crate) active: u64,
    pub(crate) report: u64,
    pub(crate) scale: f32,
    pub(crate) add: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct NormParameters {
    pub(crate) x: u64,
    pub(crate) y: u64,
    pub(crate) weight: u64,
    pub(crate) bias: u64,
    pub(crate) added: u64,
    pub(crate) active: u64,
    pub(crate) which: u32,
    pub(crate) heads: u32,
    pub(crate) width: u32,
    pub(crate) layer: u32,
    pub(crate) eps: f32,
    pub(crate) added_scale: f32,
    pub(crate) next: Activations,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct NormTuplesParameters {
    pub(crate) x: u64,
    pub(crate) y: u64,
    pub(crate) weight: u64,
    pub(crate) active: u64,
    pub(crate) which: u32,
    pub(crate) width: u32,
    pub(crate) lanes: u32,
    pub(crate) eps: f32,
    pub(crate) next: TupleActivations,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct AnglesParameters {
    pub(crate) positions: u64,
    pub(crate) frequencies: u64,
    pub(crate) table: u64,
    pub(crate) active: u64,
    pub(crate) count: u32,
    pub(crate) per_row: u32,
    pub(crate) scale: f32,
    pub(crate) padding: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct RotateParameters {
    pub(crate) x: u64,
    pub(crate) table: u64,
    pub(crate) active: u64,
    pub(crate) heads: u32,
    pub(crate) head_dim: u32,
    pub(crate) frequencies: u32,
    pub(crate) neighbours: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct ActivateParameters {
    pub(crate) x: u64,
    pub(crate) up: u64,
    pub(crate) active: u64,
    pub(crate) width: u32,
    pub(crate) function: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct AddParameters {
    pub(crate) x: u64,
    pub(crate) y: u64,
    pub(crate) active: u64,
    pub(crate) width: u32,
    pub(crate) scale: f32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct GatherParameters {
    pub(crate) x: u64,
    pub(crate) index: u64,
    pub(crate) y: u64,
    pub(crate) active: u64,
    pub(crate) weights: u64,
    pub(crate) which: u32,
    pub(crate) width: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct CacheParameters {
    pub(crate) data: u64,
    pub(crate) scales: u64,
    pub(crate) element: u32,
    pub(crate) padding: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct AppendParameters {
    pub(crate) x: u64,
    pub(crate) positions: u64,
    pub(crate) tables: u64,
    pub(crate) sequences: u64,
    pub(crate) cache: CacheParameters,
    pub(crate) active: u64,
    pub(crate) report: u64,
    pub(crate) heads: u32,
    pub(crate) head_dim: u32,
    pub(crate) width: u32,
    pub(crate) block_positions: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct RotateAppendParameters {
    pub(crate) queries: RotateParameters,
    pub(crate) keys: RotateParameters,
    pub(crate) append_keys: AppendParameters,
    pub(crate) append_values: AppendParameters,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct CopyParameters {
    pub(crate) pairs: u64,
    pub(crate) data: u64,
    pub(crate) active: u64,
    pub(crate) block_bytes: u64,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct AdvanceParameters {
    pub(crate) chosen: u64,
    pub(crate) index: u64,
    pub(crate) tokens: u64,
    pub(crate) positions: u64,
    pub(crate) history: u64,
    pub(crate) count: u64,
    pub(crate) active: u64,
    pub(crate) history_len: u64,
    pub(crate) capacity: u32,
    pub(crate) padding: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct ArgmaxParameters {
    pub(crate) logits: u64,
    pub(crate) y: u64,
    pub(crate) active: u64,
    pub(crate) width: u32,
    pub(crate) padding: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct SampleParameters {
    pub(crate) logits: u64,
    pub(crate) parameters: u64,
    pub(crate) y: u64,
    pub(crate) active: u64,
    pub(crate) keys: u64,
    pub(crate) weights: u64,
    pub(crate) width: u32,
    pub(crate) room: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct RouteParameters {
    pub(crate) logits: u64,
    pub(crate) choices: u64,
    pub(crate) weights: u64,
    pub(crate) active: u64,
    pub(crate) experts: u32,
    pub(crate) top_k: u32,
    pub(crate) renormalize: u32,
    pub(crate) padding: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct AttentionParameters {
    pub(crate) queries: u64,
    pub(crate) y: u64,
    pub(crate) keys: CacheParameters,
    pub(crate) values: CacheParameters,
    pub(crate) tables: u64,
    pub(crate) sequences: u64,
    pub(crate) positions: u64,
    pub(crate) active: u64,
    pub(crate) parts: u64,
    pub(crate) heads: u32,
    pub(crate) kv_heads: u32,
    pub(crate) width: u32,
    pub(crate) block_positions: u32,
    pub(crate) window: u32,
    pub(crate) split: u32,
    pub(crate) splits: u32,
    pub(crate) scale: f32,
    pub(crate) shared: u32,
    pub(crate) padding: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct TupleOutput {
    pub(crate) col_scales: u64,
    pub(crate) digits: u64,
    pub(crate) exponents: u64,
}

/// Digits of activations for products with tuples.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct TupleActivations {
    pub(crate) outputs: [TupleOutput; MAX_OUTPUTS],
    pub(crate) output_count: u32,
    pub(crate) cols: u32,
    pub(crate) tuple: u32,
    pub(crate) segments: u32,
    pub(crate) segment_cols: u32,
    pub(crate) segment_words: u32,
    pub(crate) pass_words: u32,
    pub(crate) vectors: u32,
    pub(crate) packed: u32,
    pub(crate) padding: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct PrepareTuplesParameters {
    pub(crate) x: u64,
    pub(crate) up: u64,
    pub(crate) y: u64,
    pub(crate) active: u64,
    pub(crate) which: u32,
    pub(crate) rows: u32,
    pub(crate) stride: u32,
    pub(crate) element: u32,
    pub(crate) function: u32,
    pub(crate) padding: u32,
    pub(crate) next: TupleActivations,
}

/// A matrix of a product with tuples (`Part` of `tuple_part.cuh`).
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct TuplePart {
    pub(crate) stream: u64,
    pub(crate) index: u64,
    pub(crate) starts: u64,
    pub(crate) corrections: u64,
    pub(crate) registers: u64,
    pub(crate) digits: u64,
    pub(crate) exponents: u64,
    pub(crate) steps: u64,
    pub(crate) outlier_starts: u64,
    pub(crate) outliers: u64,
    pub(crate) x: u64,
    pub(crate) scales: u64,
    pub(crate) output: u64,
    pub(crate) bias: u64,
    pub(crate) sum: u64,
    pub(crate) levels: u64,
    pub(crate) first: u32,
    pub(crate) count: u32,
    pub(crate) tiles: u32,
    pub(crate) segments: u32,
    pub(crate) segment_groups: u32,
    pub(crate) groups: u32,
    pub(crate) stream_rows: u32,
    pub(crate) reach: u32,
    pub(crate) batch_groups: u32,
    pub(crate) per_row: u32,
    pub(crate) x_stride: u32,
    pub(crate) element: u32,
    pub(crate) output_stride: u32,
    pub(crate) output_element: u32,
    pub(crate) slots: u32,
    pub(crate) slot_rows: u32,
    pub(crate) first_block: u32,
    pub(crate) first_tile: u32,
    pub(crate) block_tiles: u32,
    pub(crate) more_tiles: u32,
    pub(crate) sum_scale: f32,
    pub(crate) padding: u32,
}

/// Memory that a product fetches to the L2 cache for the next one.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Hint {
    pub(crate) address: u64,
    pub(crate) bytes: u64,
}

/// Most hints of a product.
pub(crate) const MAX_HINTS: usize = 3 * MAX_OUTPUTS;

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct TupleProductParameters {
    pub(crate) parts: [TuplePart; MAX_OUTPUTS],
    pub(crate) hints: [Hint; MAX_HINTS],
    pub(crate) active: u64,
    pub(crate) which: u32,
    pub(crate) rows: u32,
    pub(crate) part_count: u32,
    pub(crate) hint_count: u32,
    pub(crate) prefetch: u32,
    pub(crate) one: u32,
}

#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct EmbedTuplesParameters {
    pub(crate) stream: u64,
    pub(crate) index: u64,
    pub(crate) starts: u64,
    pub(crate) corrections: u64,
    pub(crate) registers: u64,
    pub(crate) steps: u64,
    pub(crate) outlier_starts: u64,
    pub(crate) outliers: u64,
    pub(crate) col_scales: u64,
    pub(crate) tokens: u64,
    pub(crate) y: u64,
    pub(crate) active: u64,
    pub(crate) report: u64,
    pub(crate) rows: u32,
    pub(crate) cols: u32,
    pub(crate) tiles: u32,
    pub(crate) segments: u32,
    pub(crate) segment_groups: u32,
    pub(crate) groups: u32,
    pub(crate) stream_rows: u32,
    pub(crate) per_row: u32,
    pub(crate) scale: f32,
    pub(crate) add: u32,
}
