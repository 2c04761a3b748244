//! GPT-2: learned positions, layer norms, biases, and one input-major tensor for queries, keys and values.

use super::decoder::NOT_IMPLEMENTED;
use super::keys::{Keys, invalid, unsupported};
use super::{
    AttentionSpec, BlockSpec, Config, FeedForwardSpec, LinearSpec, Mixer, NormKind, NormSpec, Role, Rotary,
    Sublayer,
};
use crate::error::Result;
use std::ops::Range;

pub(super) fn read(keys: &Keys, model_type: &str) -> Result<Config> {
    keys.reject_unsupported(&NOT_IMPLEMENTED)?;
    // Defaults of `GPT2Config`.
    let (hidden, heads) = (keys.positive_or("n_embd", 768)?, keys.positive_or("n_head", 12)?);
    let layers = keys.layers_or("n_layer", 12)?;
    if !hidden.is_multiple_of(heads) {
        return Err(invalid("n_embd", format!("{hidden} is not a multiple of {heads} heads")));
    }
    for (key, plain) in [("scale_attn_weights", true), ("scale_attn_by_inverse_layer_idx", false)] {
        if keys.flag(key)?.is_some_and(|found| found != plain) {
            return Err(unsupported(key, (!plain).to_string()));
        }
    }
    let head_dim = hidden / heads;
    let inner = keys.non_negative("n_inner")?.filter(|&inner| inner > 0).unwrap_or(4 * hidden);
    let eps = keys.float("layer_norm_epsilon")?.unwrap_or(1e-5) as f32;
    let activation = keys.activation("activation_function", "gelu_new")?;
    let norm =
        |name: String| NormSpec { name, width: hidden, kind: NormKind::Layer, eps, stored_minus_one: false };
    let sublayer = |norm, mixer| Sublayer { norm, mixer, output_norm: None, residual_scale: 1.0 };
    let block = |layer: usize| {
        let part = |part: &str| format!("transformer.h.{layer}.{part}");
        let linear = |role, name: &str, shape, rows: Range<usize>| LinearSpec {
            role,
            name: part(name),
            shape,
            rows,
            bias: true,
            input_major: true,
        };
        let qkv = |role, number: usize| {
            linear(role, "attn.c_attn", [3 * hidden, hidden], number * hidden..(number + 1) * hidden)
        };
        let attention = AttentionSpec {
            q: qkv(Role::Query, 0),
            k: qkv(Role::Key, 1),
            v: qkv(Role::Value, 2),
            o: linear(Role::Output, "attn.c_proj", [hidden, hidden], 0..hidden),
            q_norm: None,
            k_norm: None,
            heads,
            kv_heads: heads,
            head_dim,
            window: None,
            rotary: Rotary::None,
            scale: (head_dim as f32).powf(-0.5),
        };
        let dense = FeedForwardSpec {
            gate: None,
            up: linear(Role::Up, "mlp.c_fc", [inner, hidden], 0..inner),
            down: linear(Role::Down, "mlp.c_proj", [hidden, inner], 0..hidden),
            activation,
        };
        BlockSpec {
            sublayers: vec![
                sublayer(norm(part("ln_1")), Mixer::Attention(attention)),
                sublayer(norm(part("ln_2")), Mixer::Dense(dense)),
            ],
        }
    };
    let tied = keys.flag("tie_word_embeddings")?.unwrap_or(true);
    Ok(Config {
        architecture: model_type.to_owned(),
        hidden,
        vocabulary: keys.positive_or("vocab_size", 50_257)?,
        context: keys.context("n_positions", 1024)?,
        embedding: "transformer.wte.weight".to_owned(),
        embedding_scale: 1.0,
        positions: Some("transformer.wpe.weight".to_owned()),
        blocks: (0..layers).map(block).collect(),
        final_norm: norm("transformer.ln_f".to_owned()),
        head: (!tied).then(|| "lm_head.weight".to_owned()),
        logits_divisor: 1.0,
        rope: None,
        local_rope: None,
        end_tokens: keys.tokens("eos_token_id")?,
    })
}
