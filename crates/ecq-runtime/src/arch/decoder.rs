//! The structure that most families share: RMS norms, rotary embedding, grouped-query attention, a gated
//! feed-forward layer, and Llama's tensor names.

use super::keys::{Keys, invalid};
use super::{
    AttentionSpec, BlockSpec, Config, FeedForwardSpec, LinearSpec, Mixer, NormKind, NormSpec, Role, Rope,
    Rotary, Sublayer,
};
use crate::error::Result;
use ecq_core::Activation;

/// Parameters that a family reads from its configuration and adjusts before the blocks are built.
pub(super) struct DecoderConfig {
    pub(super) architecture: String,
    pub(super) hidden: usize,
    pub(super) intermediate: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
    pub(super) vocabulary: usize,
    pub(super) context: usize,
    pub(super) eps: f32,
    /// Whether norms are stored as weight - 1.
    pub(super) norms_stored_minus_one: bool,
    /// Whether the outputs of sublayers are normed too.
    pub(super) output_norms: bool,
    /// Whether query and key heads are normed.
    pub(super) head_norms: bool,
    pub(super) activation: Activation,
    pub(super) biases: Biases,
    pub(super) rope: Rope,
    pub(super) local_rope: Option<Rope>,
    /// Window of each layer.
    pub(super) windows: Vec<Option<usize>>,
    /// Window of the layers that have one.
    pub(super) window: Option<usize>,
    /// Rotary embedding of each layer.
    pub(super) rotary: Vec<Rotary>,
    pub(super) attention_scale: f32,
    pub(super) embedding_scale: f32,
    pub(super) residual_scale: f32,
    pub(super) logits_divisor: f32,
    pub(super) tied: bool,
    pub(super) end_tokens: Vec<u32>,
}

/// Defaults of a configuration class of transformers, for keys that a configuration omits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Defaults {
    pub(super) vocabulary: usize,
    pub(super) hidden: usize,
    pub(super) intermediate: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    /// `None` means the number of query heads.
    pub(super) kv_heads: Option<usize>,
    /// `None` means the hidden size divided by the heads.
    pub(super) head_dim: Option<usize>,
    pub(super) context: usize,
    pub(super) eps: f64,
    pub(super) theta: f64,
    pub(super) tied: bool,
    pub(super) window: Option<usize>,
    /// Layer type of the global rotary embedding, if `rope_parameters` has several types.
    pub(super) rope: Option<&'static str>,
    /// Key of the activation function and its default.
    pub(super) activation: (&'static str, &'static str),
}

/// `LlamaConfig`.
pub(super) const LLAMA: Defaults = Defaults {
    vocabulary: 32_000,
    hidden: 4096,
    intermediate: 11_008,
    layers: 32,
    heads: 32,
    kv_heads: None,
    head_dim: None,
    context: 2048,
    eps: 1e-6,
    theta: 10_000.0,
    tied: false,
    window: None,
    rope: None,
    activation: ("hidden_act", "silu"),
};

/// Keys of other architectures that would change the results, each with its neutral value.
pub(super) const NOT_IMPLEMENTED: [(&str, Option<f64>); 22] = [
    ("attn_logit_softcapping", None),
    ("final_logit_softcapping", None),
    ("attention_multiplier", None),
    ("embedding_multiplier", Some(1.0)),
    ("residual_multiplier", Some(1.0)),
    ("logits_scaling", Some(1.0)),
    ("logit_scale", Some(1.0)),
    ("scale_emb", Some(1.0)),
    ("scale_depth", None),
    ("use_qk_norm", None),
    ("qk_layernorm", None),
    ("clip_qkv", None),
    ("alibi", None),
    ("parallel_attn", None),
    ("use_parallel_residual", None),
    ("attn_temperature_tuning", None),
    ("attention_chunk_size", None),
    ("use_bidirectional_attention", None),
    ("num_kv_shared_layers", None),
    ("rope_interleave", None),
    ("rotary_dim", None),
    ("add_cross_attention", None),
];

/// Which projections have biases.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Biases {
    pub(super) qkv: bool,
    pub(super) output: bool,
    pub(super) mlp: bool,
}

impl DecoderConfig {
    /// Reads the keys that all families share. Windows and optional biases start out disabled.
    pub(super) fn read(keys: &Keys, model_type: &str, defaults: &Defaults) -> Result<Self> {
        keys.reject_unsupported(&NOT_IMPLEMENTED)?;
        let hidden = keys.positive_or("hidden_size", defaults.hidden)?;
        let heads = keys.positive_or("num_attention_heads", defaults.heads)?;
        let layers = keys.layers_or("num_hidden_layers", defaults.layers)?;
        let head_dim = match keys.non_negative("head_dim")?.filter(|&width| width > 0).or(defaults.head_dim) {
            Some(head_dim) => head_dim,
            None if hidden.is_multiple_of(heads) => hidden / heads,
            None => {
                return Err(invalid("hidden_size", format!("{hidden} is not a multiple of {heads} heads")));
            }
        };
        // `null` means the number of query heads; an omitted key has the class default.
        let kv_heads = match (keys.positive("num_key_value_heads")?, defaults.kv_heads) {
            (Some(kv_heads), _) => kv_heads,
            (None, Some(default)) if !keys.contains("num_key_value_heads") => default,
            (None, _) => heads,
        };
        let context = keys.context("max_position_embeddings", defaults.context)?;
        let bias = keys.flag("attention_bias")?.unwrap_or(false);
        let mlp = keys.flag("mlp_bias")?.unwrap_or(false);
        Ok(Self {
            architecture: model_type.to_owned(),
            hidden,
            intermediate: keys.positive_or("intermediate_size", defaults.intermediate)?,
            heads,
            kv_heads,
            head_dim,
            vocabulary: keys.positive_or("vocab_size", defaults.vocabulary)?,
            context,
            eps: keys.float("rms_norm_eps")?.unwrap_or(defaults.eps) as f32,
            norms_stored_minus_one: false,
            output_norms: false,
            head_norms: false,
            activation: keys.activation(defaults.activation.0, defaults.activation.1)?,
            biases: Biases { qkv: bias, output: bias, mlp },
            rope: keys.rope(defaults.rope, head_dim, context, defaults.theta)?,
            local_rope: None,
            windows: vec![None; layers],
            window: keys.window(defaults.window)?,
            rotary: vec![Rotary::Global; layers],
            attention_scale: (head_dim as f32).powf(-0.5),
            embedding_scale: 1.0,
            residual_scale: 1.0,
            logits_divisor: 1.0,
            tied: keys.flag("tie_word_embeddings")?.unwrap_or(defaults.tied),
            end_tokens: keys.tokens("eos_token_id")?,
        })
    }

    /// Returns the number of layers.
    pub(super) fn layers(&self) -> usize {
        self.windows.len()
    }

    /// Sets the window of the layers that `layer_types` names, or without that key of the layers that
    /// `otherwise` selects.
    pub(super) fn set_windows(&mut self, keys: &Keys, otherwise: impl Fn(usize) -> bool) -> Result<()> {
        let window = self.window;
        let listed = keys.windowed_layers(self.layers())?;
        let strict = listed.is_some();
        let windowed = listed.unwrap_or_else(|| (0..self.layers()).map(otherwise).collect());
        if strict && window.is_none() && windowed.contains(&true) {
            return Err(invalid("sliding_window", "is missing, but layer_types requires it"));
        }
        self.windows = windowed.into_iter().map(|windowed| window.filter(|_| windowed)).collect();
        Ok(())
    }

    /// Returns the name of a tensor of a layer.
    pub(super) fn layer_name(layer: usize, part: &str) -> String {
        format!("model.layers.{layer}.{part}")
    }

    fn norm(&self, name: String, width: usize) -> NormSpec {
        NormSpec {
            name,
            width,
            kind: NormKind::Rms,
            eps: self.eps,
            stored_minus_one: self.norms_stored_minus_one,
        }
    }

    /// Returns a gated feed-forward layer of the given inner width, whose tensor names start with `prefix`.
    pub(super) fn gated(&self, prefix: &str, names: [&str; 3], inner: usize) -> FeedForwardSpec {
        let [gate, up, down] = names.map(|name| format!("{prefix}.{name}"));
        let (hidden, bias) = (self.hidden, self.biases.mlp);
        FeedForwardSpec {
            gate: Some(LinearSpec::new(Role::Gate, gate, [inner, hidden], bias)),
            up: LinearSpec::new(Role::Up, up, [inner, hidden], bias),
            down: LinearSpec::new(Role::Down, down, [hidden, inner], bias),
            activation: self.activation,
        }
    }

    /// Returns the dense feed-forward layer of a layer.
    pub(super) fn dense(&self, layer: usize) -> Mixer {
        let names = ["gate_proj", "up_proj", "down_proj"];
        Mixer::Dense(self.gated(&Self::layer_name(layer, "mlp"), names, self.intermediate))
    }

    /// Builds a configuration with dense feed-forward layers.
    pub(super) fn build(self) -> Config {
        self.build_with(Self::dense)
    }

    /// Builds a configuration with the feed-forward layers that `feed_forward` returns.
    pub(super) fn build_with(self, feed_forward: impl Fn(&Self, usize) -> Mixer) -> Config {
        let blocks = (0..self.layers()).map(|layer| BlockSpec {
            sublayers: vec![self.attention(layer), self.feed_forward(layer, feed_forward(&self, layer))],
        });
        let blocks = blocks.collect();
        let final_norm = self.norm("model.norm".to_owned(), self.hidden);
        Config {
            architecture: self.architecture,
            hidden: self.hidden,
            vocabulary: self.vocabulary,
            context: self.context,
            embedding: "model.embed_tokens.weight".to_owned(),
            embedding_scale: self.embedding_scale,
            positions: None,
            blocks,
            final_norm,
            head: (!self.tied).then(|| "lm_head.weight".to_owned()),
            logits_divisor: self.logits_divisor,
            rope: Some(self.rope),
            local_rope: self.local_rope,
            end_tokens: self.end_tokens,
        }
    }

    fn attention(&self, layer: usize) -> Sublayer {
        let part = |name: &str| Self::layer_name(layer, name);
        let linear = |role, name: &str, shape, bias| LinearSpec::new(role, part(name), shape, bias);
        let (hidden, head_dim) = (self.hidden, self.head_dim);
        let (q_width, kv_width) = (self.heads * head_dim, self.kv_heads * head_dim);
        let Biases { qkv, output, .. } = self.biases;
        let head_norm = |name: &str| self.head_norms.then(|| self.norm(part(name), head_dim));
        let attention = AttentionSpec {
            q: linear(Role::Query, "self_attn.q_proj", [q_width, hidden], qkv),
            k: linear(Role::Key, "self_attn.k_proj", [kv_width, hidden], qkv),
            v: linear(Role::Value, "self_attn.v_proj", [kv_width, hidden], qkv),
            o: linear(Role::Output, "self_attn.o_proj", [hidden, q_width], output),
            q_norm: head_norm("self_attn.q_norm"),
            k_norm: head_norm("self_attn.k_norm"),
            heads: self.heads,
            kv_heads: self.kv_heads,
            head_dim,
            window: self.windows[layer],
            rotary: self.rotary[layer],
            scale: self.attention_scale,
        };
        let output = "post_attention_layernorm";
        Sublayer {
            norm: self.norm(part("input_layernorm"), hidden),
            mixer: Mixer::Attention(attention),
            output_norm: self.output_norms.then(|| self.norm(part(output), hidden)),
            residual_scale: self.residual_scale,
        }
    }

    fn feed_forward(&self, layer: usize, mixer: Mixer) -> Sublayer {
        let norm = |name: &str| self.norm(Self::layer_name(layer, name), self.hidden);
        let (before, after) = match self.output_norms {
            true => ("pre_feedforward_layernorm", Some(norm("post_feedforward_layernorm"))),
            false => ("post_attention_layernorm", None),
        };
        Sublayer { norm: norm(before), mixer, output_norm: after, residual_scale: self.residual_scale }
    }
}
