//! Mistral: Llama with an optional window in all layers.

use super::Config;
use super::decoder::{DecoderConfig, Defaults, LLAMA};
use super::keys::Keys;
use crate::error::Result;

/// `MistralConfig`.
pub(super) const MISTRAL: Defaults =
    Defaults { intermediate: 14_336, kv_heads: Some(8), context: 131_072, window: Some(4096), ..LLAMA };

pub(super) fn read(keys: &Keys, model_type: &str) -> Result<Config> {
    let mut decoder = DecoderConfig::read(keys, model_type, &MISTRAL)?;
    decoder.set_windows(keys, |_| true)?;
    Ok(decoder.build())
}
