//! Llama 1 to 3, SmolLM, TinyLlama and other models of this class.

use super::Config;
use super::decoder::{DecoderConfig, LLAMA};
use super::keys::Keys;
use crate::error::Result;

pub(super) fn read(keys: &Keys, model_type: &str) -> Result<Config> {
    Ok(DecoderConfig::read(keys, model_type, &LLAMA)?.build())
}
