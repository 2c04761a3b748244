//! Keys of a GGUF file that change what a model computes: those that are implemented nowhere here must hold
//! the value that changes nothing. Names: `LLM_KV_NAMES` in `llama-arch.cpp` of llama.cpp.

use super::metadata_value::Value;
use super::model::unimplemented;
use super::{Gguf, Result};

/// Which values of a key change nothing.
enum Neutral {
    Zero,
    One,
    /// Zero means absent, one multiplies nothing.
    ZeroOrOne,
    False,
    True,
}

/// Keys with the values that may be ignored.
const NEUTRAL: &[(&str, Neutral)] = &[
    ("logit_scale", Neutral::ZeroOrOne),
    ("residual_scale", Neutral::ZeroOrOne),
    ("embedding_scale", Neutral::ZeroOrOne),
    ("attn_logit_softcapping", Neutral::Zero),
    ("final_logit_softcapping", Neutral::Zero),
    ("router_logit_softcapping", Neutral::Zero),
    ("use_parallel_residual", Neutral::False),
    ("swin_norm", Neutral::False),
    ("rescale_every_n_layers", Neutral::Zero),
    ("expert_count", Neutral::Zero),
    ("nextn_predict_layers", Neutral::Zero),
    ("attention.causal", Neutral::True),
    ("attention.clamp_kqv", Neutral::Zero),
    ("attention.max_alibi_bias", Neutral::Zero),
    ("attention.output_scale", Neutral::ZeroOrOne),
    ("attention.temperature_length", Neutral::Zero),
    ("attention.temperature_scale", Neutral::Zero),
    ("attention.shared_kv_layers", Neutral::Zero),
    ("rope.dimension_sections", Neutral::Zero),
    ("rope.scaling.yarn_log_multiplier", Neutral::Zero),
    ("rope.scaling.yarn_attn_factor", Neutral::One),
];

/// Keys whose names look as if they scaled something, and that are read or say nothing about numbers.
const KNOWN: &[&str] = &[
    "attention.scale",
    "attention.layer_norm_epsilon",
    "attention.layer_norm_rms_epsilon",
    "rope.scale_linear",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.attn_factor",
    "rope.scaling.original_context_length",
    "rope.scaling.finetuned",
    "rope.scaling.yarn_ext_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    // Of experts, which `expert_count` rules out.
    "expert_weights_scale",
    "expert_weights_norm",
    "expert_gating_func",
];

/// Words in the name of a key that changes numbers.
const WORDS: &[&str] =
    &["scale", "scaling", "factor", "softcap", "clamp", "alibi", "bias", "multiplier", "gating"];

const ONLY_NEUTRAL: &str = "this is not implemented, and the model would be another one without it";

/// Refuses keys of the architecture that change what the model computes and that nothing here implements.
///
/// # Errors
/// [`GgufError::Unimplemented`](super::GgufError::Unimplemented) names the key.
pub(super) fn check(gguf: &Gguf, architecture: &str, head_dim: u64) -> Result<()> {
    let rotates = architecture != "gpt2";
    for (key, value) in gguf.metadata() {
        let Some(name) = key.strip_prefix(architecture).and_then(|rest| rest.strip_prefix('.')) else {
            continue;
        };
        if !rotates && name.starts_with("rope.") {
            continue;
        }
        let refuse = |why| Err(unimplemented(key, shown(value), why));
        if let Some((_, neutral)) = NEUTRAL.iter().find(|(known, _)| *known == name) {
            if !neutral.holds(value) {
                return refuse(ONLY_NEUTRAL);
            }
        } else if !KNOWN.contains(&name) && WORDS.iter().any(|word| name.contains(word)) {
            return refuse("the key is not known, and its name says that it changes numbers");
        }
    }
    widths(gguf, architecture, head_dim, rotates)?;
    if rotates { rotary(gguf, architecture) } else { Ok(()) }
}

/// Widths of parts of a head, and the scale of scores, that must be those of the whole head.
fn widths(gguf: &Gguf, architecture: &str, head_dim: u64, rotates: bool) -> Result<()> {
    let of_head = [
        ("attention.value_length", true),
        ("attention.key_length_swa", true),
        ("attention.value_length_swa", true),
        ("rope.dimension_count", rotates),
        ("rope.dimension_count_swa", rotates),
    ];
    for (name, counts) in of_head {
        let key = format!("{architecture}.{name}");
        if let Some(value) = gguf.get(&key).filter(|_| counts)
            && value.as_u64() != Some(head_dim)
        {
            return Err(unimplemented(
                &key,
                shown(value),
                "only the width of a head (attention.key_length) runs",
            ));
        }
    }
    let key = format!("{architecture}.attention.scale");
    match gguf.get(&key) {
        None => Ok(()),
        Some(value) => {
            let plain = (head_dim as f64).powf(-0.5);
            let same = value.as_f64().is_some_and(|scale| scale == 0.0 || (scale / plain - 1.0).abs() < 1e-6);
            match same {
                true => Ok(()),
                false => Err(unimplemented(
                    &key,
                    shown(value),
                    "only one by the root of attention.key_length runs",
                )),
            }
        }
    }
}

/// Keys of rotary embeddings that depend on each other.
fn rotary(gguf: &Gguf, architecture: &str) -> Result<()> {
    let key = |name: &str| format!("{architecture}.{name}");
    let float = |name: &str| gguf.get(&key(name)).and_then(Value::as_f64);
    let yarn = gguf.get(&key("rope.scaling.type")).and_then(Value::as_str) == Some("yarn");
    let refuse = |name: &str, why| {
        let key = key(name);
        let value = gguf.get(&key).map(shown).unwrap_or_default();
        Err(unimplemented(&key, value, why))
    };
    // Negative: not set.
    let own = if yarn { 1.0 } else { 0.0 };
    if float("rope.scaling.yarn_ext_factor").is_some_and(|factor| factor >= 0.0 && factor != own) {
        return refuse("rope.scaling.yarn_ext_factor", "only 1 with yarn, and 0 without, runs");
    }
    if !yarn && float("rope.scaling.attn_factor").is_some_and(|factor| factor != 1.0) {
        return refuse("rope.scaling.attn_factor", "only with yarn is it another number than 1");
    }
    let local = float("rope.freq_base_swa");
    if architecture != "gemma3" && local.is_some_and(|base| base != float("rope.freq_base").unwrap_or(1e4)) {
        return refuse("rope.freq_base_swa", "only gemma3 has other frequencies in layers with a window");
    }
    let pattern = "attention.sliding_window_pattern";
    let is_of_gemma = |value: &Value| match value.as_array() {
        None => value.as_u64() == Some(6),
        Some(layers) => layers.iter().enumerate().all(|(layer, windowed)| {
            let windowed = windowed.as_bool().or_else(|| windowed.as_u64().map(|n| n != 0));
            windowed == Some(!(layer + 1).is_multiple_of(6))
        }),
    };
    match gguf.get(&key(pattern)) {
        Some(value) if architecture != "gemma3" || !is_of_gemma(value) => {
            refuse(pattern, "only every sixth layer of gemma3 without a window runs")
        }
        _ => Ok(()),
    }
}

impl Neutral {
    fn holds(&self, value: &Value) -> bool {
        if let Some(list) = value.as_array() {
            return list.iter().all(|value| self.holds(value));
        }
        match self {
            Self::False => value.as_bool() == Some(false),
            Self::True => value.as_bool() == Some(true),
            // Signed numbers below zero are no count, and floats are kept apart from truth values.
            Self::Zero => value.as_f64() == Some(0.0),
            Self::One => value.as_f64() == Some(1.0),
            Self::ZeroOrOne => matches!(value.as_f64(), Some(0.0 | 1.0)),
        }
    }
}

/// A value in an error: numbers as they are, long lists cut.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Bytes(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        Value::Bool(flag) => flag.to_string(),
        Value::Array(list) => {
            let some: Vec<String> = list.iter().take(4).map(shown).collect();
            format!("[{}{}]", some.join(", "), if list.len() > 4 { ", ..." } else { "" })
        }
        Value::I8(n) => n.to_string(),
        Value::I16(n) => n.to_string(),
        Value::I32(n) => n.to_string(),
        Value::I64(n) => n.to_string(),
        Value::F32(n) => n.to_string(),
        Value::F64(n) => n.to_string(),
        Value::U8(_) | Value::U16(_) | Value::U32(_) | Value::U64(_) => {
            value.as_u64().map(|n| n.to_string()).unwrap_or_default()
        }
    }
}
