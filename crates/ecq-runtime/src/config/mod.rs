//! What a transformer is made of: one description for every architecture, read from `config.json`.

mod json;
mod rope;

pub use rope::{Rope, Scaling};

use ecq_core::Activation;

/// Shape, constants and variants of a transformer; a block is parameterised by these alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// `model_type` of the configuration, such as `llama`.
    pub architecture: String,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Width of the feed-forward layer.
    pub intermediate: usize,
    /// Blocks.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides the query heads.
    pub kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Rows of the embedding.
    pub vocabulary: usize,
    /// Longest text in tokens.
    pub context: usize,
    /// Norm of the residual stream.
    pub norm: NormKind,
    /// Epsilon of the norms.
    pub eps: f32,
    /// Whether stored RMS norm weights are less one (Gemma's checkpoints).
    pub norms_less_one: bool,
    /// Whether the output of attention and feed-forward are normed too before they are added (Gemma).
    pub output_norms: bool,
    /// Whether queries and keys are normed head by head (Qwen3, Gemma 3).
    pub head_norms: bool,
    /// Nonlinearity of the feed-forward layer.
    pub activation: Activation,
    /// Whether the feed-forward layer has a gate.
    pub gated: bool,
    /// Which projections have biases.
    pub biases: Biases,
    /// Whether matrices are stored input-major and q, k, v as one (GPT-2's checkpoints).
    pub naming: Naming,
    /// The rotary embedding; `None` where positions are learned.
    pub rope: Option<Rope>,
    /// The rotary embedding of layers with a window, where it differs.
    pub local_rope: Option<Rope>,
    /// Positions that a layer with a window sees, itself included.
    pub window: Option<usize>,
    /// Which layers have the window.
    pub windowed: Vec<bool>,
    /// Factor of the attention scores.
    pub attention_scale: f32,
    /// Factor of the embedding.
    pub embedding_scale: f32,
    /// Whether the head is the embedding.
    pub tied: bool,
    /// Tokens that end a text.
    pub end_tokens: Vec<u32>,
}

/// A norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormKind {
    /// Root mean square, weights.
    Rms,
    /// Mean and variance, weights and biases.
    Layer,
}

/// Which projections have biases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Biases {
    /// Queries, keys, values.
    pub qkv: bool,
    /// Attention output.
    pub output: bool,
    /// Feed-forward.
    pub mlp: bool,
}

/// How a checkpoint names and lays out its matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// `model.layers.N.self_attn.q_proj.weight`, output-major.
    Llama,
    /// `transformer.h.N.attn.c_attn.weight`: q, k, v in one, input-major.
    Gpt2,
}

impl Config {
    /// Width of all query heads.
    pub fn q_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key heads, and of all value heads.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// The window of a layer.
    pub fn window_of(&self, layer: usize) -> Option<usize> {
        self.window.filter(|_| self.windowed[layer])
    }
}
