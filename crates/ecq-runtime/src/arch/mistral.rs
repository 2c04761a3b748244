//! Mistral: Llama with a window in all layers, if any.

use super::Config;
use super::decoder::Decoder;
use super::keys::Keys;
use crate::error::Result;

pub(super) fn read(keys: &Keys, model_type: &str) -> Result<Config> {
    let mut decoder = Decoder::read(keys, model_type)?;
    decoder.set_windows(keys, |_| true)?;
    Ok(decoder.build())
}
