//! Comparison of configurations.

use crate::error::{PackError, Result};
use crate::source::{CheckpointSource, Source};
use ecq_core::Limits;
use ecq_runtime::arch::{Config, Rope};
use ecq_runtime::{Checkpoint, RuntimeError};
use std::path::Path;

/// Compares the configurations of the file and of the export, where the runtime supports the architecture.
///
/// # Errors
/// [`PackError::Export`] when the configurations describe different computations.
pub(super) fn configuration(file: &Path, exported: &CheckpointSource, limits: &Limits) -> Result<()> {
    let Some(json) = exported.attached_files()?.into_iter().find(|(name, _)| name == "config.json") else {
        return Ok(());
    };
    let before = match Checkpoint::open(file, limits) {
        Ok(checkpoint) => checkpoint.config().clone(),
        // A configuration that the runtime does not support cannot be compared. The tensors were compared.
        Err(
            RuntimeError::Architecture { .. } | RuntimeError::Missing { .. } | RuntimeError::Config { .. },
        ) => {
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let after = Config::from_json(&String::from_utf8_lossy(&json.1))?;
    match config_differs(before, after) {
        None => Ok(()),
        Some(what) => Err(PackError::Export(format!(
            "config.json cannot describe the {what} of the model; export to the format that it came from"
        ))),
    }
}

/// Returns the part in which two configurations differ.
fn config_differs(mut a: Config, mut b: Config) -> Option<&'static str> {
    let same_rope = |a: &Option<Rope>, b: &Option<Rope>, context: usize| match (a, b) {
        (Some(a), Some(b)) => {
            let ((a, a_scale), (b, b_scale)) = (a.frequencies(context), b.frequencies(context));
            let near = |(a, b): (&f32, &f32)| (a / b - 1.0).abs() < 1e-4;
            a.len() == b.len() && a.iter().zip(&b).all(near) && near((&a_scale, &b_scale))
        }
        (a, b) => a.is_none() && b.is_none(),
    };
    if !same_rope(&a.rope, &b.rope, a.context) || !same_rope(&a.local_rope, &b.local_rope, a.context) {
        return Some("rotary frequencies");
    }
    for config in [&mut a, &mut b] {
        (config.rope, config.local_rope) = (None, None);
        config.end_tokens.clear();
    }
    (a != b).then_some("layers, widths or scales")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotary_frequencies_of_configurations_are_compared() {
        let config = |scaling: &str| {
            let json = format!(
                r#"{{"model_type": "llama", "hidden_size": 64, "intermediate_size": 64,
                "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 8, "max_position_embeddings": 64,
                "rms_norm_eps": 1e-5
                {scaling}}}"#
            );
            Config::from_json(&json).unwrap()
        };
        let linear = config(r#", "rope_scaling": {"rope_type": "linear", "factor": 2.0}"#);
        assert_eq!(config_differs(linear.clone(), linear.clone()), None);
        assert_eq!(config_differs(linear.clone(), config("")), Some("rotary frequencies"));
        let mut divided = config("");
        if let Some(rope) = &mut divided.rope {
            rope.scaling = ecq_runtime::arch::Scaling::Divisors(vec![2.0; 16]);
        }
        assert_eq!(config_differs(linear, divided), None);
        assert!(config_differs(config(""), config(r#", "attention_bias": true"#)).is_some());
    }
}
