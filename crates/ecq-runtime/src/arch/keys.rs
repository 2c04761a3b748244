//! Access to the keys of a `config.json`. Omitted keys have the defaults of the configuration class in
//! transformers.

use super::{Rope, Scaling};
use crate::error::{Result, RuntimeError};
use ecq_core::Activation;
use ecq_format::python_json;
use serde_json::Value;

/// Maximum plausible width or count; larger values are rejected before anything is allocated.
const MAX_COUNT: u64 = 1 << 24;
/// Maximum layers, and experts per layer, because each has a specification in memory.
const MAX_LAYERS: usize = 4096;

/// A JSON object of a configuration.
pub(super) struct Keys<'a>(pub(super) &'a Value);

impl Keys<'_> {
    /// Returns for each layer whether `layer_types` gives it a window; `None` without that key.
    pub(super) fn windowed_layers(&self, layers: usize) -> Result<Option<Vec<bool>>> {
        let Some(types) = self.get("layer_types") else { return Ok(None) };
        let types = types.as_array().filter(|types| types.len() == layers);
        let types = types.ok_or_else(|| invalid("layer_types", "is not a list with one entry per layer"))?;
        let one = |t: &Value| match t.as_str() {
            Some("sliding_attention") => Ok(true),
            Some("full_attention") => Ok(false),
            _ => Err(invalid("layer_types", format!("{t} is not a known type"))),
        };
        types.iter().map(one).collect::<Result<_>>().map(Some)
    }

    /// Reads the rotary embedding from `rope_parameters` (one, or one per layer type) or from `rope_theta`
    /// and `rope_scaling`.
    pub(super) fn rope(
        &self,
        layer_type: Option<&str>,
        head_dim: usize,
        context: usize,
        theta: f64,
    ) -> Result<Rope> {
        let of_types = |all: &&Value| all.as_object().is_some_and(|all| all.values().any(Value::is_object));
        let parameters = match (self.get("rope_parameters"), layer_type) {
            (Some(all), Some(layer_type)) if of_types(&all) => all.get(layer_type),
            (Some(all), None) if of_types(&all) => {
                return Err(unsupported("rope_parameters", "with different values per layer"));
            }
            (all, _) => all,
        };
        let scaling = parameters.filter(|value| !value.is_null()).or_else(|| self.get("rope_scaling"));
        if let Some(other) = scaling.filter(|scaling| !scaling.is_object()) {
            return Err(invalid("rope_scaling", format!("{other} is not an object")));
        }
        let scaling = scaling.map(Keys);
        let inner = |key: &str| scaling.as_ref().map_or(Ok(None), |keys| keys.float(key));
        let theta = inner("rope_theta")?.or(self.float("rope_theta")?).unwrap_or(theta);
        let part = inner("partial_rotary_factor")?.or(self.float("partial_rotary_factor")?).unwrap_or(1.0);
        let scaling = scaling.map_or(Ok(Scaling::Default), |keys| keys.scaling(context))?;
        if !(theta > 1.0 && theta.is_finite() && part > 0.0 && part <= 1.0) {
            return Err(invalid("rope_theta", "must be above 1, and partial_rotary_factor in (0, 1]"));
        }
        Ok(Rope { theta, dim: (head_dim as f64 * part) as usize, scaling })
    }

    /// Reads the scaling from an object of `rope_scaling` or `rope_parameters`.
    pub(super) fn scaling(&self, context: usize) -> Result<Scaling> {
        let kind = self.text("rope_type")?.or(self.text("type")?).unwrap_or("default");
        let factor = || match self.float("factor")? {
            Some(factor) if factor >= 1.0 && factor.is_finite() => Ok(factor),
            _ => Err(invalid("rope_scaling.factor", "must be a number of 1 or more")),
        };
        let original = self.positive("original_max_position_embeddings")?.unwrap_or(context);
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
                    return Err(invalid("rope_scaling.high_freq_factor", "must be above low_freq_factor"));
                }
                Scaling::Llama3 { factor: factor()?, original, low, high }
            }
            other => return Err(unsupported("rope_scaling.rope_type", format!("{other:?}"))),
        })
    }

    pub(super) fn activation(&self, key: &str, default: &str) -> Result<Activation> {
        match self.text(key)?.or(self.text("hidden_act")?).unwrap_or(default) {
            "silu" | "swish" => Ok(Activation::Silu),
            "gelu_pytorch_tanh" | "gelu_new" | "gelu_fast" => Ok(Activation::GeluTanh),
            other => Err(unsupported(key, format!("{other:?}"))),
        }
    }

    /// Reads a token id or a list of ids. Negative ids mean none.
    pub(super) fn tokens(&self, key: &str) -> Result<Vec<u32>> {
        let id = |value: &Value| integer(value).and_then(|id| u32::try_from(id).ok());
        let none = |value: &Value| integer(value).is_some_and(|id| id < 0);
        let ids = match self.get(key) {
            None => Some(Vec::new()),
            Some(one) if none(one) => Some(Vec::new()),
            Some(Value::Array(list)) => list.iter().filter(|one| !none(one)).map(id).collect(),
            Some(one) => id(one).map(|id| vec![id]),
        };
        ids.ok_or_else(|| invalid(key, "is neither a token id nor a list of token ids"))
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// Returns whether the configuration has the key, even if it is null.
    pub(super) fn contains(&self, key: &str) -> bool {
        self.0.get(key).is_some()
    }

    /// Reads a whole number of at least 1, with a default if the key is missing or null.
    pub(super) fn positive_or(&self, key: &str, default: usize) -> Result<usize> {
        Ok(self.positive(key)?.unwrap_or(default))
    }

    /// Reads a number of layers or experts, with a default if the key is missing or null.
    pub(super) fn layers_or(&self, key: &str, default: usize) -> Result<usize> {
        match self.positive_or(key, default)? {
            parts if parts > MAX_LAYERS => {
                Err(invalid(key, format!("{parts} is not a whole number from 1 to {MAX_LAYERS}")))
            }
            parts => Ok(parts),
        }
    }

    /// Reads a whole number of at least 1; `None` if the key is missing or null.
    pub(super) fn positive(&self, key: &str) -> Result<Option<usize>> {
        match self.non_negative(key)? {
            Some(0) => Err(invalid(key, format!("0 is not a whole number from 1 to {MAX_COUNT}"))),
            count => Ok(count),
        }
    }

    /// Reads a whole number of at least 0; `None` if the key is missing or null.
    pub(super) fn non_negative(&self, key: &str) -> Result<Option<usize>> {
        let one = |value: &Value| match integer(value) {
            Some(n) if (0..=MAX_COUNT as i64).contains(&n) => Ok(n as usize),
            _ => Err(invalid(key, format!("{value} is not a whole number up to {MAX_COUNT}"))),
        };
        self.get(key).map(one).transpose()
    }

    /// Reads the context in tokens; implausibly large values are reduced to the maximum.
    pub(super) fn context(&self, key: &str, default: usize) -> Result<usize> {
        match self.get(key).and_then(python_json::as_f64) {
            Some(context) if context > MAX_COUNT as f64 => Ok(MAX_COUNT as usize),
            _ => self.positive_or(key, default),
        }
    }

    /// Reads the attention window in positions. Null, 0 and negative numbers mean none; a missing key has the
    /// default.
    pub(super) fn window(&self, default: Option<usize>) -> Result<Option<usize>> {
        let key = "sliding_window";
        if !self.contains(key) {
            return Ok(default);
        }
        match self.get(key).and_then(integer) {
            Some(width) if width <= 0 => Ok(None),
            _ => self.positive(key),
        }
    }

    /// Rejects keys that are not implemented and would change the results. Null, false, 0 and the key's
    /// neutral value are accepted.
    pub(super) fn reject_unsupported(&self, keys: &[(&str, Option<f64>)]) -> Result<()> {
        let changes = |&&(key, neutral): &&(&str, Option<f64>)| {
            self.get(key).is_some_and(|value| match value {
                Value::Bool(on) => *on,
                Value::Number(number) => {
                    let number = number.as_f64();
                    number != Some(0.0) && (neutral.is_none() || number != neutral)
                }
                _ => true,
            })
        };
        match keys.iter().find(changes).and_then(|(key, _)| Some((key, self.get(key)?))) {
            Some((key, value)) => Err(unsupported(*key, format!("{value} changes the results"))),
            None => Ok(()),
        }
    }

    /// Reads a finite number; `None` if the key is missing or null.
    pub(super) fn float(&self, key: &str) -> Result<Option<f64>> {
        let one = |value: &Value| {
            let number = python_json::as_f64(value).filter(|number| number.is_finite());
            number.ok_or_else(|| {
                invalid(key, format!("{} is not a finite number", python_json::to_string(value)))
            })
        };
        self.get(key).map(one).transpose()
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>> {
        self.get(key)
            .map(|v| v.as_bool().ok_or_else(|| invalid(key, format!("{v} is not true or false"))))
            .transpose()
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&str>> {
        self.get(key)
            .map(|v| v.as_str().ok_or_else(|| invalid(key, format!("{v} is not a string"))))
            .transpose()
    }
}

/// Converts a whole number, also one with a fraction of zero.
fn integer(value: &Value) -> Option<i64> {
    let of_float = |float: f64| (float.fract() == 0.0 && float.abs() < 1e15).then_some(float as i64);
    value.as_i64().or_else(|| value.as_f64().and_then(of_float))
}

pub(super) fn unsupported(key: impl Into<String>, why: impl ToString) -> RuntimeError {
    RuntimeError::Unsupported { key: key.into(), why: why.to_string() }
}

pub(super) fn invalid(key: impl Into<String>, why: impl ToString) -> RuntimeError {
    RuntimeError::Config { key: key.into(), why: why.to_string() }
}
