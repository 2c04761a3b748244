use super::{BufferId, Rows, SlotId, WeightId};
use crate::arch::Routing;
use crate::plan::Consumption;
use ecq_core::{Activation, RotaryPairs};
use std::ops::Range;

/// One kernel with its operands and parameters.
///
/// Activations are row-major matrices with one row per batch row; they start at the beginning of their
/// buffer. Commands over logits rows have one row per row whose logits are computed.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Embedding lookup: `y[r] = table[index[r]] * scale`, or added to `y`, for each batch row.
    Embed {
        /// `[vocabulary, width]`.
        table: WeightId,
        /// One `u32` per row.
        index: BufferId,
        /// Factor.
        scale: f32,
        /// Whether the result is added to `y`.
        add: bool,
        /// `[rows, width]`.
        y: BufferId,
    },
    /// Norm of each row of `x`, or of each head of each row.
    Norm {
        /// The norm; its weights have the width of a head.
        norm: Norm,
        /// Batch rows or logits rows.
        rows: Rows,
        /// Heads per row; 1 to norm whole rows.
        heads: usize,
        /// `[rows, heads * width]`.
        x: BufferId,
        /// Same shape as `x`; may be `x`.
        y: BufferId,
    },
    /// `y = x W^T + bias` for several matrices with the same input.
    Linear {
        /// Batch rows or logits rows.
        rows: Rows,
        /// `[rows, columns of the matrices]`.
        x: BufferId,
        /// The matrices and their outputs.
        outputs: Vec<Output>,
    },
    /// Cosines and sines of each row's position.
    RotaryAngles {
        /// One `u32` per row.
        positions: BufferId,
        /// Radians per position: `count` values for all rows, or `count` values per row.
        frequencies: BufferId,
        /// Number of frequencies.
        count: usize,
        /// Whether each row has its own frequencies.
        per_row: bool,
        /// Factor of cosines and sines.
        scale: f32,
        /// `[rows, 2 * count]`.
        table: BufferId,
    },
    /// Rotary position embedding of the heads of `x` (Su et al., 2021).
    Rotate {
        /// `[rows, heads * head_dim]`.
        x: BufferId,
        /// Heads per row.
        heads: usize,
        /// Width of a head.
        head_dim: usize,
        /// Output of [`RotaryAngles`](Self::RotaryAngles).
        table: BufferId,
        /// Number of frequencies: half of the rotated values of a head.
        frequencies: usize,
        /// Which two values of a head form a pair.
        pairs: RotaryPairs,
    },
    /// Writes the rows of `x` to the KV cache, at each row's position.
    Append {
        /// `[rows, heads * head_dim]`.
        x: BufferId,
        /// Heads per row.
        heads: usize,
        /// Width of a head.
        head_dim: usize,
        /// One `u32` per row.
        positions: BufferId,
        /// Block tables of the rows' sequences.
        tables: BlockTables,
        /// Destination.
        cache: CacheView,
    },
    /// Causal softmax attention over the KV cache.
    Attention(Box<Attention>),
    /// Activation function: `x = f(x)`, or `x = f(x) * up`.
    Activate {
        /// The function.
        activation: Activation,
        /// `[rows, width]`.
        x: BufferId,
        /// Factors, same shape as `x`.
        up: Option<BufferId>,
        /// Values per row.
        width: usize,
    },
    /// Chooses the experts of each row: the `top_k` largest of `logits` (the first of equal ones), weighted
    /// by a softmax over all logits that may be renormalized over the chosen experts.
    Route {
        /// `[rows, experts]`.
        logits: BufferId,
        /// Number of experts.
        experts: usize,
        /// Number of chosen experts and normalization.
        routing: Routing,
        /// Expert indices in ascending order, `[rows, top_k]`.
        choices: BufferId,
        /// `[rows, top_k]`.
        weights: BufferId,
    },
    /// `y = sum of weights * expert(x)` over the chosen experts of each row, in ascending order.
    Experts(Box<Experts>),
    /// `y = y + scale * x`.
    Add {
        /// `[rows, width]`.
        x: BufferId,
        /// Factor.
        scale: f32,
        /// `[rows, width]`.
        y: BufferId,
        /// Values per row.
        width: usize,
    },
    /// `y[i] = x[index[i]]` for each logits row.
    Gather {
        /// `[rows, width]`.
        x: BufferId,
        /// One batch row index per logits row.
        index: BufferId,
        /// Values per row.
        width: usize,
        /// `[logits rows, width]`.
        y: BufferId,
    },
    /// Index of the first largest logit of each logits row; `u32::MAX` if no logit is finite.
    Argmax {
        /// `[logits rows, width]`.
        logits: BufferId,
        /// Logits per row.
        width: usize,
        /// One `u32` per logits row.
        y: BufferId,
    },
    /// Token sampled for each logits row as by [`crate::sample_token`]; `u32::MAX` if no logit is finite.
    Sample {
        /// `[logits rows, width]`.
        logits: BufferId,
        /// Logits per row.
        width: usize,
        /// [`SamplingParams`](crate::SamplingParams) as floats, `[logits rows, 5]`: temperature, top-k,
        /// top-p, min-p, uniform random number.
        params: BufferId,
        /// One `u32` per logits row.
        y: BufferId,
    },
    /// Makes the chosen tokens the next inputs, so that the program can run again without the host.
    ///
    /// For logits row `i`: `history[count[0] * chosen.len() + i] = chosen[i]`, `tokens[index[i]] =
    /// chosen[i]`, `positions[index[i]] += 1`. Then `count[0] += 1`. Writes beyond the end of `history` are
    /// dropped.
    Advance {
        /// One `u32` per logits row.
        chosen: BufferId,
        /// One batch row index per logits row.
        index: BufferId,
        /// One `u32` per batch row.
        tokens: BufferId,
        /// One `u32` per batch row.
        positions: BufferId,
        /// `[steps, chosen.len()]`.
        history: BufferId,
        /// One `u32`.
        count: BufferId,
    },
    /// Copies whole cache blocks. Row `r` of `pairs` is a source and a target block. Copies run in order: a
    /// block written by one copy may be read or written by a later one.
    CopyBlocks {
        /// Two `u32` per row.
        pairs: BufferId,
        /// Positions per block.
        block_positions: usize,
        /// Heads per position.
        heads: usize,
        /// Width of a head.
        head_dim: usize,
        /// The cache.
        cache: CacheView,
    },
    /// Decodes a weight into a slot.
    Decode {
        /// The weight; its residence is [`Slot`](crate::Residence::Slot).
        weight: WeightId,
        /// Destination.
        into: SlotId,
    },
}

/// Cached keys or values of a layer, `[blocks, block_positions, heads * head_dim]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheView {
    /// Element type `f32`, `f16`, `bf16` or `i8`.
    pub data: BufferId,
    /// For `i8`, one `bf16` per head and position.
    pub scales: Option<BufferId>,
}

/// Block tables of the rows' sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockTables {
    /// Block numbers, `[sequences, width]`.
    pub tables: BufferId,
    /// Maximum number of blocks per sequence.
    pub width: usize,
    /// For each row, the index of its sequence in `tables`.
    pub sequences: BufferId,
    /// Positions per block; a power of two.
    pub block_positions: usize,
}

/// Attention of all heads for the batch rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Attention {
    /// `[rows, heads * head_dim]`.
    pub queries: BufferId,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Cached keys.
    pub keys: CacheView,
    /// Cached values.
    pub values: CacheView,
    /// Block tables of the rows' sequences.
    pub tables: BlockTables,
    /// One `u32` per row; a row attends to the positions of its sequence up to its own.
    pub positions: BufferId,
    /// Maximum number of positions a row attends to.
    pub window: Option<usize>,
    /// Factor of the scores.
    pub scale: f32,
    /// `[rows, heads * head_dim]`.
    pub y: BufferId,
}

/// A mixture-of-experts layer, after routing.
#[derive(Debug, Clone, PartialEq)]
pub struct Experts {
    /// `[rows, inputs]`.
    pub x: BufferId,
    /// Expert indices in ascending order, `[rows, top_k]`.
    pub choices: BufferId,
    /// `[rows, top_k]`.
    pub weights: BufferId,
    /// Experts per row.
    pub top_k: usize,
    /// The experts, by index.
    pub experts: Vec<ExpertWeights>,
    /// Sets of slots for experts that are decoded before use; each set holds one expert. A chosen expert that
    /// is in no set is decoded into the least recently used one. Sets may be shared with other commands of
    /// this kind. Empty if no expert needs slots.
    pub slots: Vec<Vec<SlotId>>,
    /// The activation function.
    pub activation: Activation,
    /// `[rows, inputs]`.
    pub y: BufferId,
}

/// The matrices of an expert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpertWeights {
    /// Gate projection.
    pub gate: Option<WeightId>,
    /// Projection to the inner width.
    pub up: WeightId,
    /// Projection from the inner width.
    pub down: WeightId,
}

impl ExpertWeights {
    /// Returns the weights in the order of a set of slots.
    pub fn all(&self) -> impl Iterator<Item = WeightId> + use<> {
        self.gate.into_iter().chain([self.up, self.down])
    }
}

/// One product of a [`Command::Linear`].
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The matrix.
    pub operand: Operand,
    /// Kernel choice.
    pub consumption: Consumption,
    /// Rows of the matrix.
    pub range: Range<usize>,
    /// Added to each row of `y`; `range.len()` values.
    pub bias: Option<BufferId>,
    /// `[rows, range.len()]`.
    pub y: BufferId,
}

/// The matrix of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// A matrix in its own residence.
    Weight(WeightId),
    /// A matrix decoded into a slot.
    Slot(SlotId, WeightId),
}

impl Operand {
    /// Returns the weight of the matrix.
    pub fn weight(self) -> WeightId {
        let (Self::Weight(weight) | Self::Slot(_, weight)) = self;
        weight
    }
}

/// A norm with its weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Norm {
    /// Root mean square norm (Zhang and Sennrich, 2019).
    Rms {
        /// Weights.
        weight: BufferId,
        /// Added to the mean square.
        eps: f32,
    },
    /// Layer norm (Ba et al., 2016).
    Layer {
        /// Weights.
        weight: BufferId,
        /// Biases.
        bias: BufferId,
        /// Added to the variance.
        eps: f32,
    },
}

impl Norm {
    /// Returns the buffer of the weights.
    pub fn weight(self) -> BufferId {
        let (Self::Rms { weight, .. } | Self::Layer { weight, .. }) = self;
        weight
    }
}
