//! Mixtral: Mistral with experts.

use super::decoder::{DecoderConfig, Defaults};
use super::keys::Keys;
use super::mistral::MISTRAL;
use super::{Config, ExpertsSpec, LinearSpec, Mixer, Role, Routing};
use crate::error::Result;

/// `MixtralConfig`.
const MIXTRAL: Defaults = Defaults { eps: 1e-5, theta: 1e6, window: None, ..MISTRAL };

pub(super) fn read(keys: &Keys, model_type: &str) -> Result<Config> {
    let mut decoder = DecoderConfig::read(keys, model_type, &MIXTRAL)?;
    decoder.set_windows(keys, |_| true)?;
    let experts = keys.layers_or("num_local_experts", 8)?;
    let top_k = keys.positive_or("num_experts_per_tok", 2)?.min(experts);
    Ok(decoder.build_with(|decoder, layer| {
        let part = DecoderConfig::layer_name(layer, "block_sparse_moe");
        let router = LinearSpec::new(Role::Router, format!("{part}.gate"), [experts, decoder.hidden], false);
        let one = |expert: usize| {
            decoder.gated(&format!("{part}.experts.{expert}"), ["w1", "w3", "w2"], decoder.intermediate)
        };
        let routing = Routing { top_k, renormalize: true };
        Mixer::Experts(ExpertsSpec { router, routing, experts: (0..experts).map(one).collect() })
    }))
}
