//! Sampling options from keyword arguments.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::BTreeMap;

/// Default number of new tokens, that of `ecq run`.
const MAX_TOKENS: usize = 128;

/// A string or several.
#[derive(FromPyObject)]
enum Strings {
    One(String),
    Several(Vec<String>),
}

/// Converts keyword arguments; the stub file lists them (`SamplingOptions`). The library checks the values.
///
/// # Errors
/// `TypeError` for an unknown keyword or a value of another type.
pub fn sampling(options: Option<&Bound<'_, PyDict>>) -> PyResult<ecq::Sampling> {
    let mut sampling = ecq::Sampling::new();
    let mut max_tokens = Some(MAX_TOKENS);
    for (name, value) in options.into_iter().flatten() {
        let name: String = name.extract()?;
        sampling = match &*name {
            "max_tokens" => {
                max_tokens = value.extract()?;
                sampling
            }
            "temperature" => sampling.temperature(value.extract()?),
            "top_k" => sampling.top_k(value.extract()?),
            "top_p" => sampling.top_p(value.extract()?),
            "min_p" => sampling.min_p(value.extract()?),
            "repetition_penalty" => sampling.repetition_penalty(value.extract()?),
            "repetition_window" => sampling.repetition_window(value.extract()?),
            "seed" => sampling.seed(value.extract()?),
            "ignore_end" => sampling.ignore_end(value.extract()?),
            "stop" => match value.extract()? {
                Strings::One(text) => sampling.stop(text),
                Strings::Several(texts) => texts.into_iter().fold(sampling, ecq::Sampling::stop),
            },
            "log_probs" => match value.extract()? {
                Some(top) => sampling.log_probs(top),
                None => sampling,
            },
            "logit_bias" => {
                let biases: BTreeMap<u32, f32> = value.extract()?;
                biases.into_iter().fold(sampling, |sampling, (token, bias)| sampling.logit_bias(token, bias))
            }
            _ => return Err(PyTypeError::new_err(format!("unknown sampling option {name:?}"))),
        };
    }
    Ok(match max_tokens {
        Some(tokens) => sampling.max_tokens(tokens),
        None => sampling,
    })
}
