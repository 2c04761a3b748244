//! What a transformer is made of, as data: read by the loader, the programs, the calibrator and the size
//! estimates alike.

use super::Rope;
use ecq_core::Activation;
use std::ops::Range;

/// A transformer: its ends, and its blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `model_type` of the configuration, such as `llama`.
    pub architecture: String,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Rows of the embedding.
    pub vocabulary: usize,
    /// Longest text in tokens.
    pub context: usize,
    /// The embedding, `[vocabulary, hidden]`.
    pub embedding: String,
    /// Factor of the embedding.
    pub embedding_scale: f32,
    /// Learned positions, `[context, hidden]`.
    pub positions: Option<String>,
    /// The blocks, in order.
    pub blocks: Vec<BlockSpec>,
    /// The norm before the head.
    pub final_norm: NormSpec,
    /// The head, `[vocabulary, hidden]`; the embedding where it is `None`.
    pub head: Option<String>,
    /// What logits are divided by.
    pub logits_divisor: f32,
    /// The rotary embedding; `None` where there is none.
    pub rope: Option<Rope>,
    /// The rotary embedding of layers that ask for [`Rotary::Local`].
    pub local_rope: Option<Rope>,
    /// Tokens that end a text.
    pub end_tokens: Vec<u32>,
}

/// A block: sublayers, each of which adds to the residual stream.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockSpec {
    /// In the order in which they run.
    pub sublayers: Vec<Sublayer>,
}

/// `x = x + scale * output_norm(mixer(norm(x)))`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sublayer {
    /// The norm of what it reads.
    pub norm: NormSpec,
    /// What it computes.
    pub mixer: Mixer,
    /// The norm of what it gives.
    pub output_norm: Option<NormSpec>,
    /// Factor of what it gives.
    pub residual_scale: f32,
}

/// What a sublayer computes.
#[derive(Debug, Clone, PartialEq)]
pub enum Mixer {
    /// Softmax attention over the positions of the sequence.
    Attention(AttentionSpec),
    /// A feed-forward layer.
    Dense(FeedForwardSpec),
    /// Several feed-forward layers, some of which are chosen for each row.
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
    /// From the heads to the residual stream.
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
    /// Positions that a position sees, itself included; all before it if `None`.
    pub window: Option<usize>,
    /// How queries and keys are rotated.
    pub rotary: Rotary,
    /// Factor of the scores.
    pub scale: f32,
}

/// Which rotary embedding a layer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotary {
    /// None.
    None,
    /// [`Config::rope`].
    Global,
    /// [`Config::local_rope`].
    Local,
}

/// `down(activation(gate x) * up x)`, or without a gate `down(activation(up x))` (Shazeer, 2020).
#[derive(Debug, Clone, PartialEq)]
pub struct FeedForwardSpec {
    /// The gate.
    pub gate: Option<LinearSpec>,
    /// To the inner width.
    pub up: LinearSpec,
    /// From the inner width.
    pub down: LinearSpec,
    /// The nonlinearity.
    pub activation: Activation,
}

/// Feed-forward layers of which a router chooses some for each row (Shazeer et al., 2017).
#[derive(Debug, Clone, PartialEq)]
pub struct ExpertsSpec {
    /// Gives a score for each expert.
    pub router: LinearSpec,
    /// How scores become choices and weights.
    pub routing: Routing,
    /// The experts, all of one shape. Each matrix is a tensor of its own, so that no tile crosses experts.
    pub experts: Vec<FeedForwardSpec>,
}

/// How a router chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routing {
    /// Experts that are chosen for a row: those of the largest scores, of equals the first.
    pub top_k: usize,
    /// Whether the weights of the chosen ones, a softmax over all scores, are divided by their sum.
    pub renormalize: bool,
}

/// A matrix, or some rows of one, and perhaps biases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinearSpec {
    /// What it is for.
    pub role: Role,
    /// The tensor's name without `.weight`.
    pub name: String,
    /// Outputs, inputs of the whole tensor.
    pub shape: [usize; 2],
    /// The outputs that are this matrix's.
    pub rows: Range<usize>,
    /// Whether there is a `.bias`.
    pub bias: bool,
    /// Whether the checkpoint stores `[inputs, outputs]`.
    pub input_major: bool,
}

/// What a matrix of a block is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Queries.
    Query,
    /// Keys.
    Key,
    /// Values.
    Value,
    /// Attention output.
    Output,
    /// Gate of a feed-forward layer.
    Gate,
    /// To its inner width.
    Up,
    /// From its inner width.
    Down,
    /// Scores of experts.
    Router,
}

/// A norm.
#[derive(Debug, Clone, PartialEq)]
pub struct NormSpec {
    /// The tensor's name without `.weight`.
    pub name: String,
    /// Values that are normed together.
    pub width: usize,
    /// Which norm.
    pub kind: NormKind,
    /// Added to the mean square or the variance.
    pub eps: f32,
    /// Whether the stored weights are less one (Gemma's checkpoints).
    pub stored_minus_one: bool,
}

/// A kind of norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// Root mean square, weights.
    Rms,
    /// Mean and variance, weights and biases.
    Layer,
}

impl LinearSpec {
    /// A matrix of `[outputs, inputs]` that is a tensor of its own.
    pub fn new(role: Role, name: impl Into<String>, shape: [usize; 2], bias: bool) -> Self {
        Self { role, name: name.into(), shape, rows: 0..shape[0], bias, input_major: false }
    }

    /// The name of the tensor.
    pub fn weight(&self) -> String {
        format!("{}.weight", self.name)
    }

    /// The name of its biases.
    pub fn bias_name(&self) -> String {
        format!("{}.bias", self.name)
    }
}

impl NormSpec {
    /// The name of the weights.
    pub fn weight(&self) -> String {
        format!("{}.weight", self.name)
    }

    /// The name of the biases, which a [`NormKind::Layer`] has.
    pub fn bias_name(&self) -> String {
        format!("{}.bias", self.name)
    }
}

impl FeedForwardSpec {
    /// Its matrices, in the order in which they are multiplied.
    pub fn linears(&self) -> impl Iterator<Item = &LinearSpec> {
        self.gate.iter().chain([&self.up, &self.down])
    }

    /// Width between its two halves.
    pub fn inner(&self) -> usize {
        self.up.rows.len()
    }
}

impl BlockSpec {
    /// Its attention layers.
    pub fn attention(&self) -> impl Iterator<Item = &AttentionSpec> {
        self.sublayers.iter().filter_map(|sublayer| match &sublayer.mixer {
            Mixer::Attention(attention) => Some(attention),
            _ => None,
        })
    }

    /// Its matrices but those of experts, in the order in which they run; several may be rows of one tensor.
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

    /// Its experts, of one sublayer after another.
    pub fn experts(&self) -> impl Iterator<Item = &FeedForwardSpec> {
        let experts = self.sublayers.iter().filter_map(|sublayer| match &sublayer.mixer {
            Mixer::Experts(experts) => Some(&experts.experts),
            _ => None,
        });
        experts.flatten()
    }

    /// All its matrices, those of experts last.
    pub fn linears(&self) -> Vec<&LinearSpec> {
        let experts = self.experts().flat_map(FeedForwardSpec::linears);
        self.dense_linears().into_iter().chain(experts).collect()
    }

    /// Its tensors with more than one dimension but those of experts, each once: one of several matrices
    /// stands for all.
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
    /// Whether the head is the embedding.
    pub fn tied(&self) -> bool {
        self.head.is_none()
    }

    /// The window of a layer's attention.
    pub fn attention_window(&self, layer: usize) -> Option<usize> {
        self.blocks[layer].attention().next().and_then(|attention| attention.window)
    }
}
