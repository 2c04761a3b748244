//! Qwen2, Qwen2.5 and Qwen3: biases of queries, keys and values, or norms of their heads.

use super::Config;
use super::decoder::Decoder;
use super::keys::Keys;
use crate::error::Result;

pub(super) fn read(keys: &Keys, model_type: &str) -> Result<Config> {
    Ok(decoder(keys, model_type)?.build())
}

/// What Qwen's dense models have in common with those of experts.
pub(super) fn decoder(keys: &Keys, model_type: &str) -> Result<Decoder> {
    let mut decoder = Decoder::read(keys, model_type)?;
    if model_type == "qwen2" {
        decoder.biases.qkv = true;
        decoder.biases.output = false;
    } else {
        decoder.head_norms = true;
    }
    let used = keys.flag("use_sliding_window")?.unwrap_or(false);
    let first = keys.whole("max_window_layers")?.unwrap_or(0);
    decoder.set_windows(keys, |layer| used && layer >= first)?;
    Ok(decoder)
}
