//! Gemma 3: windows in five of six layers, a separate rotary embedding for those layers, and norms before and
//! after each sublayer.

use super::decoder::{DecoderConfig, Defaults, LLAMA};
use super::keys::{Keys, invalid};
use super::{Config, Rope, Rotary, Scaling};
use crate::error::Result;

/// `Gemma3TextConfig`.
const GEMMA3: Defaults = Defaults {
    vocabulary: 262_208,
    hidden: 2304,
    intermediate: 9216,
    layers: 26,
    heads: 8,
    kv_heads: Some(4),
    head_dim: Some(256),
    context: 131_072,
    theta: 1e6,
    tied: true,
    window: Some(4096),
    rope: Some("full_attention"),
    activation: ("hidden_activation", "gelu_pytorch_tanh"),
    ..LLAMA
};

pub(super) fn read(keys: &Keys, _: &str) -> Result<Config> {
    let mut decoder = DecoderConfig::read(keys, "gemma3_text", &GEMMA3)?;
    let (head_dim, context) = (decoder.head_dim, decoder.context);
    let pattern = keys.positive_or("sliding_window_pattern", 6)?;
    decoder.set_windows(keys, |layer| !(layer + 1).is_multiple_of(pattern))?;
    decoder.local_rope = Some(if keys.0.pointer("/rope_parameters/sliding_attention").is_some() {
        keys.rope(Some("sliding_attention"), head_dim, context, 10_000.0)?
    } else {
        let theta = keys.float("rope_local_base_freq")?.unwrap_or(10_000.0);
        Rope { theta, dim: head_dim, scaling: Scaling::Default }
    });
    let rotary = |window: &Option<usize>| if window.is_some() { Rotary::Local } else { Rotary::Global };
    decoder.rotary = decoder.windows.iter().map(rotary).collect();
    decoder.norms_stored_minus_one = true;
    decoder.output_norms = true;
    decoder.head_norms = true;
    let scalar = keys.float("query_pre_attn_scalar")?.unwrap_or(256.0);
    if !(scalar > 0.0 && scalar.is_finite()) {
        return Err(invalid("query_pre_attn_scalar", format!("{scalar} is not a positive number")));
    }
    decoder.attention_scale = scalar.powf(-0.5) as f32;
    decoder.embedding_scale = (decoder.hidden as f32).sqrt();
    Ok(decoder.build())
}
