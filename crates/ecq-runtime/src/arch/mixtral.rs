//! Mixtral: Mistral with experts.

use super::decoder::Decoder;
use super::keys::Keys;
use super::{Config, ExpertsSpec, LinearSpec, Mixer, Role, Routing};
use crate::error::Result;

pub(super) fn read(keys: &Keys, model_type: &str) -> Result<Config> {
    let mut decoder = Decoder::read(keys, model_type)?;
    decoder.set_windows(keys, |_| true)?;
    decoder.eps = keys.float("rms_norm_eps")?.unwrap_or(1e-5) as f32;
    let experts = keys.whole("num_local_experts")?.unwrap_or(8);
    let top_k = keys.whole("num_experts_per_tok")?.unwrap_or(2).min(experts);
    Ok(decoder.build_with(|decoder, layer| {
        let part = Decoder::part(layer, "block_sparse_moe");
        let router = LinearSpec::new(Role::Router, format!("{part}.gate"), [experts, decoder.hidden], false);
        let one = |expert: usize| {
            decoder.gated(&format!("{part}.experts.{expert}"), ["w1", "w3", "w2"], decoder.intermediate)
        };
        let routing = Routing { top_k, renormalize: true };
        Mixer::Experts(ExpertsSpec { router, routing, experts: (0..experts).map(one).collect() })
    }))
}
