//! Qwen3 with experts.

use super::decoder::{DecoderConfig, Defaults};
use super::keys::{Keys, invalid};
use super::qwen::{QWEN3, with_head_norms};
use super::{Config, ExpertsSpec, LinearSpec, Mixer, Role, Routing};
use crate::error::Result;

/// `Qwen3MoeConfig`; the head dimension follows from the hidden size.
const QWEN3_MOE: Defaults =
    Defaults { hidden: 2048, intermediate: 6144, layers: 24, kv_heads: Some(4), head_dim: None, ..QWEN3 };

pub(super) fn read(keys: &Keys, model_type: &str) -> Result<Config> {
    let mut decoder = with_head_norms(keys, model_type, &QWEN3_MOE)?;
    if keys.flag("use_sliding_window")?.unwrap_or(false) {
        decoder.set_windows(keys, |_| true)?;
    }
    // Recent versions of transformers write this name for all expert models.
    let experts = keys.layers_or("num_local_experts", 128)?;
    let experts = keys.layers_or("num_experts", experts)?;
    let top_k = keys.positive_or("num_experts_per_tok", 8)?.min(experts);
    let inner = keys.positive_or("moe_intermediate_size", 768)?;
    let renormalize = keys.flag("norm_topk_prob")?.unwrap_or(false);
    // Every `decoder_sparse_step`-th layer has experts, except the layers in `mlp_only_layers`.
    let step = keys.positive_or("decoder_sparse_step", 1)?;
    let dense = match keys.get("mlp_only_layers") {
        None => Vec::new(),
        Some(list) => {
            let numbers = list.as_array().map(|list| list.iter().map(serde_json::Value::as_u64).collect());
            let numbers: Option<Vec<u64>> = numbers.flatten();
            numbers.ok_or_else(|| invalid("mlp_only_layers", "is not a list of layer numbers"))?
        }
    };
    Ok(decoder.build_with(|decoder, layer| {
        if dense.contains(&(layer as u64)) || !(layer + 1).is_multiple_of(step) {
            return decoder.dense(layer);
        }
        let part = DecoderConfig::layer_name(layer, "mlp");
        let router = LinearSpec::new(Role::Router, format!("{part}.gate"), [experts, decoder.hidden], false);
        let names = ["gate_proj", "up_proj", "down_proj"];
        let one = |expert: usize| decoder.gated(&format!("{part}.experts.{expert}"), names, inner);
        let routing = Routing { top_k, renormalize };
        Mixer::Experts(ExpertsSpec { router, routing, experts: (0..experts).map(one).collect() })
    }))
}
