//! Keys of a `config.json`. A key that an architecture leaves out has the default of its class in
//! transformers.

use super::{Rope, Scaling};
use crate::error::{Result, RuntimeError};
use ecq_core::Activation;
use serde_json::Value;

/// Widths and counts past this are lies: nothing is allocated for them.
const MOST: u64 = 1 << 24;

/// An object of a configuration.
pub(super) struct Keys<'a>(pub(super) &'a Value);

impl Keys<'_> {
    /// For each layer, whether `layer_types` gives it a window; `None` without that key.
    pub(super) fn windowed_layers(&self, layers: usize) -> Result<Option<Vec<bool>>> {
        let Some(types) = self.get("layer_types") else { return Ok(None) };
        let types = types.as_array().filter(|types| types.len() == layers);
        let types = types.ok_or_else(|| wrong("layer_types", "is not a list of one for each layer"))?;
        let one = |t: &Value| match t.as_str() {
            Some("sliding_attention") => Ok(true),
            Some("full_attention") => Ok(false),
            _ => Err(wrong("layer_types", format!("{t} is not known"))),
        };
        types.iter().map(one).collect::<Result<_>>().map(Some)
    }

    /// The rotary embedding: `rope_parameters` (perhaps one for each type of layer) or `rope_theta` and
    /// `rope_scaling`.
    pub(super) fn rope(
        &self,
        layer_type: Option<&str>,
        head_dim: usize,
        context: usize,
        theta: f64,
    ) -> Result<Rope> {
        let parameters = match (self.get("rope_parameters"), layer_type) {
            (Some(all), Some(layer_type)) => all.get(layer_type),
            (Some(all), None) => Some(all),
            (None, _) => None,
        };
        let scaling = parameters.or_else(|| self.get("rope_scaling"));
        let scaling = scaling.map(Keys);
        let inner = |key: &str| scaling.as_ref().map_or(Ok(None), |keys| keys.float(key));
        let theta = inner("rope_theta")?.or(self.float("rope_theta")?).unwrap_or(theta);
        let part = inner("partial_rotary_factor")?.or(self.float("partial_rotary_factor")?).unwrap_or(1.0);
        let scaling = scaling.map_or(Ok(Scaling::Default), |keys| keys.scaling(context))?;
        if !(theta > 1.0 && theta.is_finite() && part > 0.0 && part <= 1.0) {
            return Err(wrong("rope_theta", "must be above 1, the rotated part within the head"));
        }
        Ok(Rope { theta, dim: (head_dim as f64 * part) as usize, scaling })
    }

    /// An object of `rope_scaling` or `rope_parameters`.
    pub(super) fn scaling(&self, context: usize) -> Result<Scaling> {
        let kind = self.text("rope_type")?.or(self.text("type")?).unwrap_or("default");
        let factor = || match self.float("factor")? {
            Some(factor) if factor >= 1.0 && factor.is_finite() => Ok(factor),
            _ => Err(wrong("rope_scaling.factor", "must be a number of 1 or more")),
        };
        let original = self.whole("original_max_position_embeddings")?.unwrap_or(context);
        let or = |key, default| Ok::<_, RuntimeError>(self.float(key)?.unwrap_or(default));
        Ok(match kind {
            "default" => Scaling::Default,
            "linear" => Scaling::Linear { factor: factor()? },
            "dynamic" => Scaling::Dynamic { factor: factor()?, original: context },
            "yarn" => {
                let factor = factor()?;
                let mscale = |weight: f64| if factor <= 1.0 { 1.0 } else { 0.1 * weight * factor.ln() + 1.0 };
                let derived = match (self.float("mscale")?, self.float("mscale_all_dim")?) {
                    (Some(one), Some(all)) if one != 0.0 && all != 0.0 => mscale(one) / mscale(all),
                    _ => mscale(1.0),
                };
                Scaling::Yarn {
                    factor,
                    original,
                    beta_fast: or("beta_fast", 32.0)?,
                    beta_slow: or("beta_slow", 1.0)?,
                    attention_factor: or("attention_factor", derived)?,
                    truncate: self.flag("truncate")?.unwrap_or(true),
                }
            }
            "llama3" => {
                let (low, high) = (or("low_freq_factor", 1.0)?, or("high_freq_factor", 4.0)?);
                if high <= low {
                    return Err(wrong("rope_scaling.high_freq_factor", "must be above low_freq_factor"));
                }
                Scaling::Llama3 { factor: factor()?, original, low, high }
            }
            other => return Err(wrong("rope_scaling.rope_type", format!("{other:?} is not known"))),
        })
    }

    pub(super) fn activation(&self, key: &str, default: &str) -> Result<Activation> {
        match self.text(key)?.or(self.text("hidden_act")?).unwrap_or(default) {
            "silu" | "swish" => Ok(Activation::Silu),
            "gelu_pytorch_tanh" | "gelu_new" | "gelu_fast" => Ok(Activation::GeluTanh),
            other => Err(wrong(key, format!("{other:?} is not known"))),
        }
    }

    /// A token id or a list of them.
    pub(super) fn tokens(&self, key: &str) -> Result<Vec<u32>> {
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let ids = match self.get(key) {
            None => Some(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(id).collect(),
            Some(one) => id(one).map(|id| vec![id]),
        };
        ids.ok_or_else(|| wrong(key, "is no token id and no list of them"))
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn needed(&self, key: &str) -> Result<usize> {
        self.whole(key)?.ok_or_else(|| wrong(key, "is missing"))
    }

    pub(super) fn whole(&self, key: &str) -> Result<Option<usize>> {
        let one = |value: &Value| match value.as_u64() {
            Some(n) if (1..=MOST).contains(&n) => Ok(n as usize),
            _ => Err(wrong(key, format!("{value} is not a whole number from 1 to {MOST}"))),
        };
        self.get(key).map(one).transpose()
    }

    pub(super) fn float(&self, key: &str) -> Result<Option<f64>> {
        self.get(key)
            .map(|v| v.as_f64().ok_or_else(|| wrong(key, format!("{v} is not a number"))))
            .transpose()
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>> {
        self.get(key)
            .map(|v| v.as_bool().ok_or_else(|| wrong(key, format!("{v} is not true or false"))))
            .transpose()
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&str>> {
        self.get(key)
            .map(|v| v.as_str().ok_or_else(|| wrong(key, format!("{v} is not a string"))))
            .transpose()
    }
}

pub(super) fn wrong(key: impl Into<String>, why: impl ToString) -> RuntimeError {
    RuntimeError::Config { key: key.into(), why: why.to_string() }
}
