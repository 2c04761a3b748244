//! SmolLM3: Llama in which every fourth layer, or the listed layers, have no rotary embedding.

use super::decoder::{DecoderConfig, Defaults, LLAMA};
use super::keys::{Keys, invalid};
use super::{Config, Rotary};
use crate::error::Result;

/// `SmolLM3Config`.
const SMOLLM3: Defaults = Defaults {
    vocabulary: 128_256,
    hidden: 2048,
    layers: 36,
    heads: 16,
    kv_heads: Some(4),
    context: 32_768,
    theta: 2e6,
    tied: true,
    ..LLAMA
};

pub(super) fn read(keys: &Keys, model_type: &str) -> Result<Config> {
    let mut decoder = DecoderConfig::read(keys, model_type, &SMOLLM3)?;
    let interval = keys.positive_or("no_rope_layer_interval", 4)?;
    // A 1 in the list means that the layer has a rotary embedding.
    let rotated: Vec<bool> = match keys.get("no_rope_layers") {
        None => (1..=decoder.layers()).map(|layer| !layer.is_multiple_of(interval)).collect(),
        Some(list) => {
            let flags = list.as_array().filter(|flags| flags.len() == decoder.layers());
            let flags = flags
                .and_then(|flags| flags.iter().map(|flag| flag.as_u64().map(|flag| flag != 0)).collect());
            flags.ok_or_else(|| invalid("no_rope_layers", "is not a list of 0 or 1 per layer"))?
        }
    };
    let rotary = |&rotated: &bool| if rotated { Rotary::Global } else { Rotary::None };
    decoder.rotary = rotated.iter().map(rotary).collect();
    if keys.flag("use_sliding_window")?.unwrap_or(false) {
        decoder.set_windows(keys, |layer| !rotated[layer])?;
    }
    Ok(decoder.build())
}
