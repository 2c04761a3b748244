use super::{BufferId, Rows, SlotId, WeightId};
use crate::arch::Routing;
use crate::plan::Consumption;
use ecq_core::{Activation, RotaryPairs};
use std::ops::Range;

/// One kernel, its operands, its parameters.
///
/// Matrices of activations are row-major, one row for each row of the batch, and begin at the start of their
/// buffer.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `y[r] = table[index[r]] * scale`, or added to `y`; over the rows of the batch.
    Embed {
        /// `[vocabulary, width]`.
        table: WeightId,
        /// A `u32` for each row.
        index: BufferId,
        /// Factor.
        scale: f32,
        /// Whether to add to `y` what is there.
        add: bool,
        /// `[rows, width]`.
        y: BufferId,
    },
    /// Rows of `x` normed, or the heads of each row.
    Norm {
        /// Which norm; its weights are as wide as a head.
        norm: Norm,
        /// Which rows.
        rows: Rows,
        /// Heads of a row; 1 where a row is normed as a whole.
        heads: usize,
        /// `[rows, heads * width]`.
        x: BufferId,
        /// As `x`, or `x` itself.
        y: BufferId,
    },
    /// `y = x W^T + bias` for several matrices that read the same `x`.
    Linear {
        /// Which rows.
        rows: Rows,
        /// `[rows, columns of the matrices]`.
        x: BufferId,
        /// What is computed of it.
        outputs: Vec<Output>,
    },
    /// Cosines and sines of each row's position.
    RotaryAngles {
        /// A `u32` for each row.
        positions: BufferId,
        /// Radians per position: `count` of them for all rows, or for each row its own.
        frequencies: BufferId,
        /// How many there are.
        count: usize,
        /// Whether each row has its own.
        per_row: bool,
        /// Factor of cosines and sines.
        scale: f32,
        /// `[rows, 2 * count]`.
        table: BufferId,
    },
    /// Heads of `x` rotated by the angles of their row (Su et al., 2021).
    Rotate {
        /// `[rows, heads * head_dim]`.
        x: BufferId,
        /// Heads.
        heads: usize,
        /// Width of a head.
        head_dim: usize,
        /// From [`RotaryAngles`](Self::RotaryAngles).
        table: BufferId,
        /// Frequencies: half of what is rotated.
        frequencies: usize,
        /// Which values make a pair.
        pairs: RotaryPairs,
    },
    /// Rows of `x` into the cache, each at its position's row of its sequence's blocks.
    Append {
        /// `[rows, heads * head_dim]`.
        x: BufferId,
        /// Heads.
        heads: usize,
        /// Width of a head.
        head_dim: usize,
        /// A `u32` for each row.
        positions: BufferId,
        /// Where the row's sequence has its blocks.
        tables: BlockTables,
        /// Where they go.
        cache: CacheView,
    },
    /// Causal softmax attention over cached keys and values.
    Attention(Box<Attention>),
    /// `x = f(x)`, or `x = f(x) * up`.
    Activate {
        /// The nonlinearity.
        activation: Activation,
        /// `[rows, width]`.
        x: BufferId,
        /// As many factors.
        up: Option<BufferId>,
        /// Values of a row.
        width: usize,
    },
    /// The experts of each row and their weights: a softmax over `logits`, the `top_k` largest, of equals the
    /// first, their weights perhaps divided by their sum.
    Route {
        /// `[rows, experts]`.
        logits: BufferId,
        /// Experts.
        experts: usize,
        /// How many are chosen.
        routing: Routing,
        /// Numbers of experts, ascending: `[rows, top_k]`.
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
        /// Values of a row.
        width: usize,
    },
    /// `y[i] = x[index[i]]` over the wanted rows.
    Gather {
        /// `[rows, width]`.
        x: BufferId,
        /// A row of the batch for each wanted row.
        index: BufferId,
        /// Values of a row.
        width: usize,
        /// `[wanted rows, width]`.
        y: BufferId,
    },
    /// The first of the largest logits of each wanted row; `u32::MAX` where none is finite.
    Argmax {
        /// `[wanted rows, width]`.
        logits: BufferId,
        /// Logits of a row.
        width: usize,
        /// A `u32` for each wanted row.
        y: BufferId,
    },
    /// A token for each wanted row, drawn as [`crate::draw`] does; `u32::MAX` where no logit is finite.
    Sample {
        /// `[wanted rows, width]`.
        logits: BufferId,
        /// Logits of a row.
        width: usize,
        /// `[wanted rows, 5]`: temperature, top-k, top-p, min-p, a uniform random number.
        draws: BufferId,
        /// A `u32` for each wanted row.
        y: BufferId,
    },
    /// Makes the chosen tokens the next inputs, so that the program can run again without the host: for
    /// wanted row `i`, `history[count[0] * chosen.len() + i] = chosen[i]`, `tokens[index[i]] = chosen[i]`,
    /// `positions[index[i]] += 1`; then `count[0] += 1`. Steps beyond the end of `history` write nothing to
    /// it.
    Advance {
        /// A `u32` for each wanted row.
        chosen: BufferId,
        /// A row of the batch for each wanted row.
        index: BufferId,
        /// A `u32` for each row.
        tokens: BufferId,
        /// A `u32` for each row.
        positions: BufferId,
        /// `[steps, chosen.len()]`.
        history: BufferId,
        /// One `u32`.
        count: BufferId,
    },
    /// Copies whole blocks of a cache: row `r` of `pairs` is a source and a target. Rows take effect in
    /// order: what one writes, a later one may read or write.
    CopyBlocks {
        /// Two `u32` for each row.
        pairs: BufferId,
        /// Positions of a block.
        block_positions: usize,
        /// Heads.
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
        /// Where its decoded form goes.
        into: SlotId,
    },
}

/// Cached keys or values of a layer, `[blocks, block_positions, heads * head_dim]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheView {
    /// `f32`, `f16`, `bf16` or `i8`.
    pub data: BufferId,
    /// For `i8`, a `bf16` for each head of each position.
    pub scales: Option<BufferId>,
}

/// Which blocks hold the positions of the row's sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockTables {
    /// `[sequences, width]` block numbers.
    pub tables: BufferId,
    /// Blocks of a sequence at most.
    pub width: usize,
    /// For each row, its sequence: a row of `tables`.
    pub sequences: BufferId,
    /// Positions of a block, a power of two.
    pub block_positions: usize,
}

/// Attention of all heads over the rows of the batch.
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
    /// Where the row's sequence has its blocks.
    pub tables: BlockTables,
    /// A `u32` for each row; a row sees the positions of its sequence up to its own.
    pub positions: BufferId,
    /// How many positions a row sees at most.
    pub window: Option<usize>,
    /// Factor of the scores.
    pub scale: f32,
    /// `[rows, heads * head_dim]`.
    pub y: BufferId,
}

/// Feed-forward layers of which each row runs some.
#[derive(Debug, Clone, PartialEq)]
pub struct Experts {
    /// `[rows, inputs]`.
    pub x: BufferId,
    /// Numbers of experts, ascending: `[rows, top_k]`.
    pub choices: BufferId,
    /// `[rows, top_k]`.
    pub weights: BufferId,
    /// Experts of a row.
    pub top_k: usize,
    /// The experts, by number.
    pub experts: Vec<ExpertWeights>,
    /// Sets of slots for one expert each, where its weights live in streams that are decoded before use: an
    /// expert that was chosen is decoded into the set that was used least recently, unless one holds it. Sets
    /// may be shared with other commands of this kind. Empty where experts are multiplied from where they
    /// live.
    pub slots: Vec<Vec<SlotId>>,
    /// The nonlinearity.
    pub activation: Activation,
    /// `[rows, inputs]`.
    pub y: BufferId,
}

/// The matrices of an expert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpertWeights {
    /// The gate, if there is one.
    pub gate: Option<WeightId>,
    /// To the inner width.
    pub up: WeightId,
    /// From the inner width.
    pub down: WeightId,
}

impl ExpertWeights {
    /// All of them, in the order of a set of slots.
    pub fn all(&self) -> impl Iterator<Item = WeightId> + use<> {
        self.gate.into_iter().chain([self.up, self.down])
    }
}

/// One product of a [`Command::Linear`].
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The matrix.
    pub operand: Operand,
    /// How the product uses it.
    pub consumption: Consumption,
    /// Which of its rows.
    pub range: Range<usize>,
    /// Added to each row of `y`, `range.len()` values.
    pub bias: Option<BufferId>,
    /// `[rows, range.len()]`.
    pub y: BufferId,
}

/// The matrix of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// From where it lives.
    Weight(WeightId),
    /// From the slot into which it was decoded.
    Slot(SlotId, WeightId),
}

impl Operand {
    /// Which matrix it is.
    pub fn weight(self) -> WeightId {
        let (Self::Weight(weight) | Self::Slot(_, weight)) = self;
        weight
    }
}

/// A norm and its weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Norm {
    /// Root mean square (Zhang and Sennrich, 2019).
    Rms {
        /// Weights.
        weight: BufferId,
        /// Added to the mean square.
        eps: f32,
    },
    /// Mean and variance (Ba et al., 2016).
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
    /// Its weights.
    pub fn weight(self) -> BufferId {
        let (Self::Rms { weight, .. } | Self::Layer { weight, .. }) = self;
        weight
    }
}
