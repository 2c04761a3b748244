//! Sampling fields that all routes share.

use crate::error::ApiError;
use crate::fields::Fields;
use ecq_runtime::SampleOptions;
use serde_json::Value;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// Sampling options of a request.
#[derive(Debug, Clone)]
pub struct Sampling {
    pub(crate) options: SampleOptions,
    pub(crate) logit_bias: Vec<(u32, f32)>,
    pub(crate) stop: Vec<String>,
    pub(crate) max_tokens: Option<usize>,
    /// Number of most likely tokens to report with each token.
    pub(crate) log_probs: Option<usize>,
    pub(crate) sequences: usize,
    pub(crate) ignore_end: bool,
}

/// Largest number of sequences of a request.
const MAX_SEQUENCES: i64 = 128;
/// Largest number of stop strings.
const MAX_STOPS: usize = 64;
/// Largest number of most likely tokens reported.
pub const MAX_LOG_PROBS: i64 = 20;

impl Sampling {
    /// Reads the fields that all routes share: temperature, top_p, top_k, min_p, penalties, logit_bias, seed,
    /// stop, ignore_eos.
    ///
    /// # Errors
    /// If a field has an invalid value.
    pub fn read(fields: &mut Fields, defaults: SampleOptions) -> Result<Self, ApiError> {
        let in_range = |fields: &mut Fields, name: &str, min: f32, max: f32, default: f32| {
            let found = fields.number(name)?.unwrap_or(default);
            let fine = (min..=max).contains(&found);
            let expected = match max {
                f32::MAX => format!("a number of {min} or more"),
                _ => format!("a number from {min} to {max}"),
            };
            let wrong = || ApiError::field(name, &Value::from(found), &expected);
            if fine { Ok(found) } else { Err(wrong()) }
        };
        let temperature = in_range(fields, "temperature", 0.0, f32::MAX, defaults.temperature)?;
        let top_p = in_range(fields, "top_p", 0.0, 1.0, defaults.top_p)?;
        let min_p = in_range(fields, "min_p", 0.0, 1.0, defaults.min_p)?;
        let frequency_penalty = in_range(fields, "frequency_penalty", -2.0, 2.0, 0.0)?;
        let presence_penalty = in_range(fields, "presence_penalty", -2.0, 2.0, 0.0)?;
        let mut repetition_penalty = defaults.repetition_penalty;
        // The second name is that of llama.cpp.
        for name in ["repetition_penalty", "repeat_penalty"] {
            repetition_penalty = in_range(fields, name, 1e-3, f32::MAX, repetition_penalty)?;
        }
        let options = SampleOptions {
            temperature,
            // Some clients send 0 and mean the smallest set.
            top_p: top_p.max(f32::MIN_POSITIVE),
            // -1 means all in other servers.
            top_k: fields.integer("top_k", -1, i64::MAX)?.map_or(defaults.top_k, |k| k.max(0) as usize),
            min_p,
            repetition_penalty,
            frequency_penalty,
            presence_penalty,
            seed: match fields.integer("seed", i64::MIN, i64::MAX)? {
                Some(seed) => seed as u64,
                None => random_seed(),
            },
            ..SampleOptions::GREEDY
        };
        Ok(Self {
            options,
            logit_bias: logit_bias(fields)?,
            stop: stop(fields, "stop")?,
            max_tokens: None,
            log_probs: None,
            sequences: 1,
            ignore_end: fields.flag("ignore_eos")?.unwrap_or(false),
        })
    }

    /// Reads `n`.
    ///
    /// # Errors
    /// If it is out of range.
    pub fn read_sequences(&mut self, fields: &mut Fields) -> Result<(), ApiError> {
        self.sequences = fields.integer("n", 1, MAX_SEQUENCES)?.unwrap_or(1) as usize;
        Ok(())
    }

    /// Reads the maximum number of tokens from the first of `names` that is there.
    ///
    /// # Errors
    /// If a value is not positive.
    pub fn read_max_tokens(&mut self, fields: &mut Fields, names: &[&str], min: i64) -> Result<(), ApiError> {
        for name in names {
            let found = match fields.integer(name, -1, i64::MAX)? {
                // No limit, in llama.cpp.
                Some(-1) | None => None,
                Some(found) if found < min => {
                    let expected = format!("an integer of {min} or more");
                    return Err(ApiError::field(&fields.name(name), &found.into(), &expected));
                }
                Some(found) => Some(found as usize),
            };
            self.max_tokens = self.max_tokens.or(found);
        }
        Ok(())
    }
}

/// Reads a stop string or a list of them.
///
/// # Errors
/// If it is neither, or there are too many.
pub fn stop(fields: &mut Fields, name: &str) -> Result<Vec<String>, ApiError> {
    let Some(value) = fields.take(name) else { return Ok(Vec::new()) };
    let wrong = || ApiError::field(name, &value, "a string or a list of at most 64 strings");
    let stops = match &value {
        Value::String(stop) => vec![stop.clone()],
        Value::Array(list) if list.len() <= MAX_STOPS => {
            let texts = list.iter().map(|stop| stop.as_str().map(str::to_owned));
            texts.collect::<Option<Vec<_>>>().ok_or_else(wrong)?
        }
        _ => return Err(wrong()),
    };
    // Some clients fill a form with empty strings.
    Ok(stops.into_iter().filter(|stop| !stop.is_empty()).collect())
}

/// Reads `logit_bias`: an object from token ids to values of -100 to 100; -100 forbids a token.
fn logit_bias(fields: &mut Fields) -> Result<Vec<(u32, f32)>, ApiError> {
    let Some(object) = fields.object("logit_bias")? else { return Ok(Vec::new()) };
    let entry = |(token, bias): (String, Value)| {
        let id = token.parse::<u32>().ok();
        let value = bias.as_f64().filter(|bias| (-100.0..=100.0).contains(bias));
        match (id, value) {
            (Some(id), Some(-100.0)) => Ok((id, f32::NEG_INFINITY)),
            (Some(id), Some(value)) => Ok((id, value as f32)),
            _ => {
                let name = format!("logit_bias.{token}");
                Err(ApiError::field(&name, &bias, "a token id with a number from -100 to 100"))
            }
        }
    };
    object.rest().into_iter().map(entry).collect()
}

/// A seed that differs from request to request.
fn random_seed() -> u64 {
    RandomState::new().hash_one(0u8)
}
