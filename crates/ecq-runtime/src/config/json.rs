//! From `config.json` to a [`Config`]. A key that an architecture leaves out has the default of its class in transformers.

use super::{Biases, Config, Naming, NormKind, Rope, Scaling};
use crate::error::{Result, RuntimeError};
use ecq_core::Activation;
use serde_json::Value;

const KNOWN: &str = "llama, mistral, qwen2, qwen3, gemma3_text (gemma3), gpt2";
/// Widths and counts past this are lies: nothing is allocated for them.
const MOST: u64 = 1 << 24;

impl Config {
    /// Reads the text of a `config.json`.
    ///
    /// # Errors
    /// Names the architecture that is not known, or the key that is missing or out of range.
    pub fn from_json(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text).map_err(|error| wrong("config.json", error))?;
        let root = Keys(&value);
        // Multi-modal checkpoints keep the language model's part apart.
        let keys = value.get("text_config").map_or(Keys(&value), Keys);
        let named = keys.text("model_type")?.or(root.text("model_type")?);
        let Some(model_type) = named else { return Err(wrong("model_type", "is missing")) };
        match model_type {
            "llama" | "mistral" | "qwen2" | "qwen3" => keys.llama(model_type),
            "gemma3_text" | "gemma3" => keys.gemma3(),
            "gpt2" => keys.gpt2(),
            other => Err(RuntimeError::Architecture { found: other.to_owned(), known: KNOWN }),
        }?
        .checked()
    }

    /// Tokens that end a text, of a `generation_config.json`; none if it names none.
    pub(crate) fn end_tokens_of(text: &str) -> Vec<u32> {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        Keys(&value).tokens("eos_token_id").unwrap_or_default()
    }

    fn checked(self) -> Result<Self> {
        if self.kv_heads > self.heads || !self.heads.is_multiple_of(self.kv_heads) {
            return Err(wrong("num_key_value_heads", "does not divide the query heads"));
        }
        for rope in self.rope.iter().chain(&self.local_rope) {
            if !rope.dim.is_multiple_of(2) || rope.dim > self.head_dim || rope.dim < 4 {
                return Err(wrong("head_dim", "the rotated part must be even and within the head"));
            }
        }
        Ok(self)
    }
}

struct Keys<'a>(&'a Value);

impl Keys<'_> {
    /// Llama and what differs from it by a flag.
    fn llama(&self, model_type: &str) -> Result<Config> {
        let (hidden, heads) = (self.needed("hidden_size")?, self.needed("num_attention_heads")?);
        let layers = self.needed("num_hidden_layers")?;
        let head_dim = self.whole("head_dim")?.unwrap_or(hidden / heads);
        let context = self.needed("max_position_embeddings")?;
        let qwen = model_type.starts_with("qwen");
        let bias = self.flag("attention_bias")?.unwrap_or(false);
        let (window, windowed) = self.windows(model_type, layers)?;
        Ok(Config {
            architecture: model_type.to_owned(),
            hidden,
            intermediate: self.needed("intermediate_size")?,
            layers,
            heads,
            kv_heads: self.whole("num_key_value_heads")?.unwrap_or(heads),
            head_dim,
            vocabulary: self.needed("vocab_size")?,
            context,
            norm: NormKind::Rms,
            eps: self.float("rms_norm_eps")?.unwrap_or(1e-6) as f32,
            norms_less_one: false,
            output_norms: false,
            head_norms: model_type == "qwen3",
            activation: self.activation("hidden_act", "silu")?,
            gated: true,
            biases: Biases {
                qkv: bias || model_type == "qwen2",
                output: bias && (!qwen || model_type == "qwen3"),
                mlp: self.flag("mlp_bias")?.unwrap_or(false),
            },
            naming: Naming::Llama,
            rope: Some(self.rope(None, head_dim, context, 10_000.0)?),
            local_rope: None,
            window,
            windowed,
            attention_scale: (head_dim as f32).powf(-0.5),
            embedding_scale: 1.0,
            tied: self.flag("tie_word_embeddings")?.unwrap_or(false),
            end_tokens: self.tokens("eos_token_id")?,
        })
    }

    fn gemma3(&self) -> Result<Config> {
        let base = self.llama("gemma3_text")?;
        let (head_dim, context) = (self.whole("head_dim")?.unwrap_or(256), base.context);
        let scalar = self.float("query_pre_attn_scalar")?.unwrap_or(256.0);
        let local = if self.0.pointer("/rope_parameters/sliding_attention").is_some() {
            self.rope(Some("sliding_attention"), head_dim, context, 10_000.0)?
        } else {
            let theta = self.float("rope_local_base_freq")?.unwrap_or(10_000.0);
            Rope { theta, dim: head_dim, scaling: Scaling::Default }
        };
        let global = self.0.pointer("/rope_parameters/full_attention").map(|_| "full_attention");
        Ok(Config {
            head_dim,
            norms_less_one: true,
            output_norms: true,
            head_norms: true,
            activation: self.activation("hidden_activation", "gelu_pytorch_tanh")?,
            rope: Some(self.rope(global, head_dim, context, 1e6)?),
            local_rope: Some(local),
            attention_scale: scalar.powf(-0.5) as f32,
            embedding_scale: (base.hidden as f32).sqrt(),
            tied: self.flag("tie_word_embeddings")?.unwrap_or(true),
            ..base
        })
    }

    fn gpt2(&self) -> Result<Config> {
        let (hidden, heads, layers) =
            (self.needed("n_embd")?, self.needed("n_head")?, self.needed("n_layer")?);
        for (key, plain) in [("scale_attn_weights", true), ("scale_attn_by_inverse_layer_idx", false)] {
            if self.flag(key)?.is_some_and(|found| found != plain) {
                return Err(wrong(key, format!("only {plain} runs")));
            }
        }
        let head_dim = hidden / heads;
        Ok(Config {
            architecture: "gpt2".to_owned(),
            hidden,
            intermediate: self.whole("n_inner")?.unwrap_or(4 * hidden),
            layers,
            heads,
            kv_heads: heads,
            head_dim,
            vocabulary: self.needed("vocab_size")?,
            context: self.needed("n_positions")?,
            norm: NormKind::Layer,
            eps: self.float("layer_norm_epsilon")?.unwrap_or(1e-5) as f32,
            norms_less_one: false,
            output_norms: false,
            head_norms: false,
            activation: self.activation("activation_function", "gelu_new")?,
            gated: false,
            biases: Biases { qkv: true, output: true, mlp: true },
            naming: Naming::Gpt2,
            rope: None,
            local_rope: None,
            window: None,
            windowed: vec![false; layers],
            attention_scale: (head_dim as f32).powf(-0.5),
            embedding_scale: 1.0,
            tied: self.flag("tie_word_embeddings")?.unwrap_or(true),
            end_tokens: self.tokens("eos_token_id")?,
        })
    }

    /// The window, and which layers have it.
    fn windows(&self, model_type: &str, layers: usize) -> Result<(Option<usize>, Vec<bool>)> {
        let window = self.whole("sliding_window")?;
        let used = match model_type {
            "qwen2" | "qwen3" => self.flag("use_sliding_window")?.unwrap_or(false),
            "llama" => false,
            _ => true,
        };
        if let Some(types) = self.get("layer_types") {
            let types = types.as_array().filter(|types| types.len() == layers);
            let types = types.ok_or_else(|| wrong("layer_types", "is not a list of one for each layer"))?;
            let one = |t: &Value| match t.as_str() {
                Some("sliding_attention") => Ok(true),
                Some("full_attention") => Ok(false),
                _ => Err(wrong("layer_types", format!("{t} is not known"))),
            };
            let windowed = types.iter().map(one).collect::<Result<Vec<bool>>>()?;
            if window.is_none() && windowed.contains(&true) {
                return Err(wrong("sliding_window", "is missing, and layers ask for it"));
            }
            return Ok((window, windowed));
        }
        let windowed = match model_type {
            "gemma3_text" => {
                let pattern = self.whole("sliding_window_pattern")?.unwrap_or(6);
                (1..=layers).map(|layer| !layer.is_multiple_of(pattern)).collect()
            }
            "qwen2" | "qwen3" => {
                let first = self.whole("max_window_layers")?.unwrap_or(0);
                (0..layers).map(|layer| used && layer >= first).collect()
            }
            _ => vec![used; layers],
        };
        Ok((window, windowed))
    }

    /// The rotary embedding: `rope_parameters` (perhaps one for each type of layer) or `rope_theta` and `rope_scaling`.
    fn rope(&self, layer_type: Option<&str>, head_dim: usize, context: usize, theta: f64) -> Result<Rope> {
        let parameters = match (self.get("rope_parameters"), layer_type) {
            (Some(all), Some(layer_type)) => all.get(layer_type),
            (Some(all), None) => Some(all),
            (None, _) => None,
        };
        let scaling = parameters.or_else(|| self.get("rope_scaling"));
        let scaling = scaling.map(Keys);
        let inner = |key: &str| scaling.as_ref().map_or(Ok(None), |keys| keys.float(key));
        let theta = inner("rope_theta")?.or(self.float("rope_theta")?).unwrap_or(theta);
        let part = inner("partial_rotary_factor")?.or(self.float("partial_rotary_factor")?).unwrap_or(1.0);
        let scaling = scaling.map_or(Ok(Scaling::Default), |keys| keys.scaling(context))?;
        if !(theta > 1.0 && theta.is_finite() && part > 0.0 && part <= 1.0) {
            return Err(wrong("rope_theta", "must be above 1, the rotated part within the head"));
        }
        Ok(Rope { theta, dim: (head_dim as f64 * part) as usize, scaling })
    }

    /// An object of `rope_scaling` or `rope_parameters`.
    fn scaling(&self, context: usize) -> Result<Scaling> {
        let kind = self.text("rope_type")?.or(self.text("type")?).unwrap_or("default");
        let factor = || match self.float("factor")? {
            Some(factor) if factor >= 1.0 && factor.is_finite() => Ok(factor),
            _ => Err(wrong("rope_scaling.factor", "must be a number of 1 or more")),
        };
        let original = self.whole("original_max_position_embeddings")?.unwrap_or(context);
        let or = |key, default| Ok::<_, RuntimeError>(self.float(key)?.unwrap_or(default));
        Ok(match kind {
            "default" => Scaling::Default,
            "linear" => Scaling::Linear { factor: factor()? },
            "dynamic" => Scaling::Dynamic { factor: factor()?, original: context },
            "yarn" => {
                let factor = factor()?;
                let mscale = |weight: f64| if factor <= 1.0 { 1.0 } else { 0.1 * weight * factor.ln() + 1.0 };
                let derived = match (self.float("mscale")?, self.float("mscale_all_dim")?) {
                    (Some(one), Some(all)) if one != 0.0 && all != 0.0 => mscale(one) / mscale(all),
                    _ => mscale(1.0),
                };
                Scaling::Yarn {
                    factor,
                    original,
                    beta_fast: or("beta_fast", 32.0)?,
                    beta_slow: or("beta_slow", 1.0)?,
                    attention_factor: or("attention_factor", derived)?,
                    truncate: self.flag("truncate")?.unwrap_or(true),
                }
            }
            "llama3" => {
                let (low, high) = (or("low_freq_factor", 1.0)?, or("high_freq_factor", 4.0)?);
                if high <= low {
                    return Err(wrong("rope_scaling.high_freq_factor", "must be above low_freq_factor"));
                }
                Scaling::Llama3 { factor: factor()?, original, low, high }
            }
            other => return Err(wrong("rope_scaling.rope_type", format!("{other:?} is not known"))),
        })
    }

    fn activation(&self, key: &str, default: &str) -> Result<Activation> {
        match self.text(key)?.or(self.text("hidden_act")?).unwrap_or(default) {
            "silu" | "swish" => Ok(Activation::Silu),
            "gelu_pytorch_tanh" | "gelu_new" | "gelu_fast" => Ok(Activation::GeluTanh),
            other => Err(wrong(key, format!("{other:?} is not known"))),
        }
    }

    /// A token id or a list of them.
    fn tokens(&self, key: &str) -> Result<Vec<u32>> {
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let ids = match self.get(key) {
            None => Some(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(id).collect(),
            Some(one) => id(one).map(|id| vec![id]),
        };
        ids.ok_or_else(|| wrong(key, "is no token id and no list of them"))
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn needed(&self, key: &str) -> Result<usize> {
        self.whole(key)?.ok_or_else(|| wrong(key, "is missing"))
    }

    fn whole(&self, key: &str) -> Result<Option<usize>> {
        let one = |value: &Value| match value.as_u64() {
            Some(n) if (1..=MOST).contains(&n) => Ok(n as usize),
            _ => Err(wrong(key, format!("{value} is not a whole number from 1 to {MOST}"))),
        };
        self.get(key).map(one).transpose()
    }

    fn float(&self, key: &str) -> Result<Option<f64>> {
        self.get(key)
            .map(|v| v.as_f64().ok_or_else(|| wrong(key, format!("{v} is not a number"))))
            .transpose()
    }

    fn flag(&self, key: &str) -> Result<Option<bool>> {
        self.get(key)
            .map(|v| v.as_bool().ok_or_else(|| wrong(key, format!("{v} is not true or false"))))
            .transpose()
    }

    fn text(&self, key: &str) -> Result<Option<&str>> {
        self.get(key)
            .map(|v| v.as_str().ok_or_else(|| wrong(key, format!("{v} is not a string"))))
            .transpose()
    }
}

fn wrong(key: impl Into<String>, why: impl ToString) -> RuntimeError {
    RuntimeError::Config { key: key.into(), why: why.to_string() }
}
