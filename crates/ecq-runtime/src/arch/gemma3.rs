//! Gemma 3: windows in five of six layers, which have a rotary embedding of their own, norms around each
//! sublayer.

use super::decoder::Decoder;
use super::keys::Keys;
use super::{Config, Rope, Rotary, Scaling};
use crate::error::Result;

pub(super) fn read(keys: &Keys, _: &str) -> Result<Config> {
    let mut decoder = Decoder::read(keys, "gemma3_text")?;
    let (head_dim, context) = (keys.whole("head_dim")?.unwrap_or(256), decoder.context);
    let pattern = keys.whole("sliding_window_pattern")?.unwrap_or(6);
    decoder.set_windows(keys, |layer| !(layer + 1).is_multiple_of(pattern))?;
    decoder.local_rope = Some(if keys.0.pointer("/rope_parameters/sliding_attention").is_some() {
        keys.rope(Some("sliding_attention"), head_dim, context, 10_000.0)?
    } else {
        let theta = keys.float("rope_local_base_freq")?.unwrap_or(10_000.0);
        Rope { theta, dim: head_dim, scaling: Scaling::Default }
    });
    let global = keys.0.pointer("/rope_parameters/full_attention").map(|_| "full_attention");
    decoder.rope = keys.rope(global, head_dim, context, 1e6)?;
    let rotary = |window: &Option<usize>| if window.is_some() { Rotary::Local } else { Rotary::Global };
    decoder.rotary = decoder.windows.iter().map(rotary).collect();
    decoder.head_dim = head_dim;
    decoder.norms_less_one = true;
    decoder.output_norms = true;
    decoder.head_norms = true;
    decoder.activation = keys.activation("hidden_activation", "gelu_pytorch_tanh")?;
    let scalar = keys.float("query_pre_attn_scalar")?.unwrap_or(256.0);
    decoder.attention_scale = scalar.powf(-0.5) as f32;
    decoder.embedding_scale = (decoder.hidden as f32).sqrt();
    decoder.tied = keys.flag("tie_word_embeddings")?.unwrap_or(true);
    Ok(decoder.build())
}
