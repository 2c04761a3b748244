//! Architectures as data. Each file reads the `config.json` of a model family into a [`Config`].
//!
//! A new family needs a file and an entry in the list below.

mod decoder;
mod keys;
mod rope;
mod spec;

pub use rope::{Rope, Scaling};
pub use spec::{
    AttentionSpec, BlockSpec, Config, ExpertsSpec, FeedForwardSpec, LinearSpec, Mixer, NormKind, NormSpec,
    Role, Rotary, Routing, Sublayer,
};

use crate::error::{Result, RuntimeError};
use ecq_format::python_json;
use keys::{Keys, invalid};

/// Declares the family modules and the `model_type` values that each reads.
macro_rules! families {
    ($($file:ident: $($name:literal),+;)+) => {
        $(mod $file;)+

        /// Functions that read a configuration, by `model_type`.
        const FAMILIES: &[(&str, fn(&Keys, &str) -> Result<Config>)] = &[$($(($name, $file::read)),+),+];
    };
}

families! {
    llama: "llama";
    mistral: "mistral";
    qwen: "qwen2", "qwen3";
    gemma3: "gemma3_text", "gemma3";
    gpt2: "gpt2";
    mixtral: "mixtral";
    qwen3_moe: "qwen3_moe";
    smollm3: "smollm3";
}

impl Config {
    /// Parses the text of a `config.json`.
    ///
    /// # Errors
    /// [`Architecture`](RuntimeError::Architecture) for an unsupported `model_type`;
    /// [`Config`](RuntimeError::Config) or [`Unsupported`](RuntimeError::Unsupported) with the name of the
    /// key.
    pub fn from_json(text: &str) -> Result<Self> {
        let value = python_json::parse(text.as_bytes()).map_err(|error| invalid("config.json", error))?;
        let root = Keys(&value);
        // Multimodal checkpoints have the language model's configuration in a nested object.
        let keys = root.get("text_config").map_or(Keys(&value), Keys);
        let named = keys.text("model_type")?.or(root.text("model_type")?);
        let Some(model_type) = named else { return Err(invalid("model_type", "is missing")) };
        match FAMILIES.iter().find(|(name, _)| *name == model_type) {
            Some((name, read)) => read(&keys, name)?.checked(),
            None => {
                let known: Vec<&str> = FAMILIES.iter().map(|(name, _)| *name).collect();
                Err(RuntimeError::Architecture { found: model_type.to_owned(), known: known.join(", ") })
            }
        }
    }

    /// Returns the end tokens of a `generation_config.json`; empty if it names none.
    pub(crate) fn generation_end_tokens(text: &str) -> Vec<u32> {
        let value = python_json::parse(text.as_bytes()).unwrap_or_default();
        Keys(&value).tokens("eos_token_id").unwrap_or_default()
    }

    fn checked(self) -> Result<Self> {
        for attention in self.blocks.iter().flat_map(BlockSpec::attention) {
            let AttentionSpec { heads, kv_heads, head_dim, rotary, .. } = *attention;
            if kv_heads > heads || !heads.is_multiple_of(kv_heads) {
                return Err(invalid("num_key_value_heads", "does not divide the number of query heads"));
            }
            let rope = match rotary {
                Rotary::None => None,
                Rotary::Global => self.rope.as_ref(),
                Rotary::Local => self.local_rope.as_ref(),
            };
            if rope.is_some_and(|rope| !rope.dim.is_multiple_of(2) || rope.dim > head_dim || rope.dim < 4) {
                return Err(invalid(
                    "head_dim",
                    "the rotated part must be even, at least 4 and at most the head",
                ));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
