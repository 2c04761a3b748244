//! Specification of a transformer as data, used by the loader, the program builder, calibration and size
//! estimates.

use super::Rope;
use ecq_core::Activation;
use std::ops::Range;

/// Specification of a transformer.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `model_type` of the configuration, such as `llama`.
    pub architecture: String,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Rows of the embedding.
    pub vocabulary: usize,
    /// Maximum context in tokens.
    pub context: usize,
    /// Tensor name of the embedding, `[vocabulary, hidden]`.
    pub embedding: String,
    /// Factor of the embedding's output.
    pub embedding_scale: f32,
    /// Tensor name of learned positions, `[context, hidden]`.
    pub positions: Option<String>,
    /// Blocks, in order.
    pub blocks: Vec<BlockSpec>,
    /// The norm before the head.
    pub final_norm: NormSpec,
    /// Tensor name of the head, `[vocabulary, hidden]`; `None` if the head is the embedding.
    pub head: Option<String>,
    /// Divisor of the logits.
    pub logits_divisor: f32,
    /// Rotary embedding of [`Rotary::Global`]; `None` if the model has none.
    pub rope: Option<Rope>,
    /// Rotary embedding of [`Rotary::Local`].
    pub local_rope: Option<Rope>,
    /// Tokens that end a text.
    pub end_tokens: Vec<u32>,
}

/// A block: sublayers that each add to the residual stream.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockSpec {
    /// Sublayers, in order.
    pub sublayers: Vec<Sublayer>,
}

/// `x = x + scale * output_norm(mixer(norm(x)))`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sublayer {
    /// Norm of the input.
    pub norm: NormSpec,
    /// The computation.
    pub mixer: Mixer,
    /// Norm of the output.
    pub output_norm: Option<NormSpec>,
    /// Factor of the output.
    pub residual_scale: f32,
}

/// The computation of a sublayer.
#[derive(Debug, Clone, PartialEq)]
pub enum Mixer {
    /// Softmax attention over the positions of the sequence.
    Attention(AttentionSpec),
    /// A feed-forward layer.
    Dense(FeedForwardSpec),
    /// A mixture of experts.
    Experts(ExpertsSpec),
}

/// Causal attention with grouped heads (Ainslie et al., 2023).
#[derive(Debug, Clone, PartialEq)]
pub struct AttentionSpec {
    /// Queries.
    pub q: LinearSpec,
    /// Keys.
    pub k: LinearSpec,
    /// Values.
    pub v: LinearSpec,
    /// Output projection.
    pub o: LinearSpec,
    /// Norm of each query head.
    pub q_norm: Option<NormSpec>,
    /// Norm of each key head.
    pub k_norm: Option<NormSpec>,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides the query heads.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Number of positions a position attends to, itself included; `None` means all before it.
    pub window: Option<usize>,
    /// Rotary embedding of queries and keys.
    pub rotary: Rotary,
    /// Factor of the scores.
    pub scale: f32,
}

/// Selects the rotary embedding of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotary {
    /// None.
    None,
    /// [`Config::rope`].
    Global,
    /// [`Config::local_rope`].
    Local,
}

/// Feed-forward layer: `down(activation(gate x) * up x)`, or `down(activation(up x))` without a gate
/// (Shazeer, 2020).
#[derive(Debug, Clone, PartialEq)]
pub struct FeedForwardSpec {
    /// Gate projection.
    pub gate: Option<LinearSpec>,
    /// Projection to the inner width.
    pub up: LinearSpec,
    /// Projection from the inner width.
    pub down: LinearSpec,
    /// The activation function.
    pub activation: Activation,
}

/// Mixture of experts: a router chooses some feed-forward layers for each row (Shazeer et al., 2017).
#[derive(Debug, Clone, PartialEq)]
pub struct ExpertsSpec {
    /// Computes a logit per expert.
    pub router: LinearSpec,
    /// Choice and weights of experts.
    pub routing: Routing,
    /// The experts, all of one shape. Each matrix is a separate tensor, so that no tile spans experts.
    pub experts: Vec<FeedForwardSpec>,
}

/// Routing parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routing {
    /// Number of experts per row: those with the largest logits, the first of equal ones.
    pub top_k: usize,
    /// Whether the weights (a softmax over all logits) are divided by the sum over the chosen experts.
    pub renormalize: bool,
}

/// A matrix (a tensor or some of its rows) with an optional bias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinearSpec {
    /// Role in its block.
    pub role: Role,
    /// Tensor name without `.weight`.
    pub name: String,
    /// `[outputs, inputs]` of the whole tensor.
    pub shape: [usize; 2],
    /// Outputs of the tensor that belong to this matrix.
    pub rows: Range<usize>,
    /// Whether there is a `.bias`.
    pub bias: bool,
    /// Whether the checkpoint stores the tensor as `[inputs, outputs]`.
    pub input_major: bool,
}

/// Role of a matrix in its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Query projection.
    Query,
    /// Key projection.
    Key,
    /// Value projection.
    Value,
    /// Output projection of attention.
    Output,
    /// Gate projection.
    Gate,
    /// Projection to the inner width.
    Up,
    /// Projection from the inner width.
    Down,
    /// Expert router.
    Router,
}

/// A norm.
#[derive(Debug, Clone, PartialEq)]
pub struct NormSpec {
    /// Tensor name without `.weight`.
    pub name: String,
    /// Number of values normed together.
    pub width: usize,
    /// TensorKind of norm.
    pub kind: NormKind,
    /// Epsilon added to the mean square or variance.
    pub eps: f32,
    /// Whether the checkpoint stores weight - 1 (Gemma).
    pub stored_minus_one: bool,
}

/// A kind of norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// Root mean square norm with weights.
    Rms,
    /// Layer norm with weights and biases.
    Layer,
}

impl LinearSpec {
    /// Creates the specification of a matrix that is a whole tensor of `[outputs, inputs]`.
    pub fn new(role: Role, name: impl Into<String>, shape: [usize; 2], bias: bool) -> Self {
        Self { role, name: name.into(), shape, rows: 0..shape[0], bias, input_major: false }
    }

    /// Returns the tensor name of the weights.
    pub fn weight(&self) -> String {
        format!("{}.weight", self.name)
    }

    /// Returns the tensor name of the bias.
    pub fn bias_name(&self) -> String {
        format!("{}.bias", self.name)
    }
}

impl NormSpec {
    /// Returns the tensor name of the weights.
    pub fn weight(&self) -> String {
        format!("{}.weight", self.name)
    }

    /// Returns the tensor name of the bias of a [`NormKind::Layer`].
    pub fn bias_name(&self) -> String {
        format!("{}.bias", self.name)
    }
}

impl FeedForwardSpec {
    /// Returns the matrices in the order of computation.
    pub fn linears(&self) -> impl Iterator<Item = &LinearSpec> {
        self.gate.iter().chain([&self.up, &self.down])
    }

    /// Returns the inner width.
    pub fn inner(&self) -> usize {
        self.up.rows.len()
    }
}

impl BlockSpec {
    /// Returns the attention layers.
    pub fn attention(&self) -> impl Iterator<Item = &AttentionSpec> {
        self.sublayers.iter().filter_map(|sublayer| match &sublayer.mixer {
            Mixer::Attention(attention) => Some(attention),
            _ => None,
        })
    }

    /// Returns the matrices, except those of experts, in the order of computation. Several may be parts of
    /// one tensor.
    pub fn dense_linears(&self) -> Vec<&LinearSpec> {
        let mut all = Vec::new();
        for sublayer in &self.sublayers {
            match &sublayer.mixer {
                Mixer::Attention(AttentionSpec { q, k, v, o, .. }) => all.extend([q, k, v, o]),
                Mixer::Dense(dense) => all.extend(dense.linears()),
                Mixer::Experts(ExpertsSpec { router, .. }) => all.push(router),
            }
        }
        all
    }

    /// Returns the experts of all sublayers.
    pub fn experts(&self) -> impl Iterator<Item = &FeedForwardSpec> {
        let experts = self.sublayers.iter().filter_map(|sublayer| match &sublayer.mixer {
            Mixer::Experts(experts) => Some(&experts.experts),
            _ => None,
        });
        experts.flatten()
    }

    /// Returns all matrices, those of experts last.
    pub fn linears(&self) -> Vec<&LinearSpec> {
        let experts = self.experts().flat_map(FeedForwardSpec::linears);
        self.dense_linears().into_iter().chain(experts).collect()
    }

    /// Returns one matrix of each two-dimensional tensor, except those of experts.
    pub fn tensors(&self) -> Vec<&LinearSpec> {
        let mut all: Vec<&LinearSpec> = Vec::new();
        for linear in self.dense_linears() {
            if all.iter().all(|other| other.name != linear.name) {
                all.push(linear);
            }
        }
        all
    }
}

impl Config {
    /// Returns whether the head is the embedding.
    pub fn tied(&self) -> bool {
        self.head.is_none()
    }

    /// Returns the attention window of a layer.
    pub fn attention_window(&self, layer: usize) -> Option<usize> {
        self.blocks[layer].attention().next().and_then(|attention| attention.window)
    }
}
