//! Qwen2 and Qwen2.5: biases of queries, keys and values. Qwen3: norms of query and key heads.

use super::Config;
use super::decoder::{DecoderConfig, Defaults, LLAMA};
use super::keys::Keys;
use crate::error::Result;

/// `Qwen2Config`.
const QWEN2: Defaults = Defaults {
    vocabulary: 151_936,
    intermediate: 22_016,
    kv_heads: Some(32),
    context: 32_768,
    window: Some(4096),
    ..LLAMA
};

/// `Qwen3Config`.
pub(super) const QWEN3: Defaults = Defaults { head_dim: Some(128), ..QWEN2 };

pub(super) fn read(keys: &Keys, model_type: &str) -> Result<Config> {
    let mut decoder = match model_type {
        "qwen2" => {
            let mut decoder = DecoderConfig::read(keys, model_type, &QWEN2)?;
            decoder.biases.qkv = true;
            decoder.biases.output = false;
            decoder
        }
        _ => with_head_norms(keys, model_type, &QWEN3)?,
    };
    if keys.flag("use_sliding_window")?.unwrap_or(false) {
        let first = keys.non_negative("max_window_layers")?.unwrap_or(28);
        decoder.set_windows(keys, |layer| layer >= first)?;
    }
    Ok(decoder.build())
}

/// Reads the parameters that dense and expert models of Qwen3 share.
pub(super) fn with_head_norms(keys: &Keys, model_type: &str, defaults: &Defaults) -> Result<DecoderConfig> {
    let mut decoder = DecoderConfig::read(keys, model_type, defaults)?;
    decoder.head_norms = true;
    Ok(decoder)
}
