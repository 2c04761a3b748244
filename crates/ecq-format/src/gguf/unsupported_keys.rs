//! Detection of GGUF keys that change the computation of a model in ways that ecq does not implement. Such
//! keys must have their neutral value. Names: `LLM_KV_NAMES` in `llama-arch.cpp` of llama.cpp.

use super::metadata_value::Value;
use super::model_config::unimplemented;
use super::{Gguf, Result};

/// Value of a key that does not change the computation.
enum NeutralValue {
    Zero,
    One,
    /// Zero means that the factor is absent.
    ZeroOrOne,
    False,
    True,
}

/// Keys that are not implemented, with their neutral values.
const NEUTRAL: &[(&str, NeutralValue)] = &[
    ("logit_scale", NeutralValue::ZeroOrOne),
    ("residual_scale", NeutralValue::ZeroOrOne),
    ("embedding_scale", NeutralValue::ZeroOrOne),
    ("attn_logit_softcapping", NeutralValue::Zero),
    ("final_logit_softcapping", NeutralValue::Zero),
    ("router_logit_softcapping", NeutralValue::Zero),
    ("use_parallel_residual", NeutralValue::False),
    ("swin_norm", NeutralValue::False),
    ("rescale_every_n_layers", NeutralValue::Zero),
    ("expert_count", NeutralValue::Zero),
    ("nextn_predict_layers", NeutralValue::Zero),
    ("attention.causal", NeutralValue::True),
    ("attention.clamp_kqv", NeutralValue::Zero),
    ("attention.max_alibi_bias", NeutralValue::Zero),
    ("attention.output_scale", NeutralValue::ZeroOrOne),
    ("attention.temperature_length", NeutralValue::Zero),
    ("attention.temperature_scale", NeutralValue::Zero),
    ("attention.shared_kv_layers", NeutralValue::Zero),
    ("rope.dimension_sections", NeutralValue::Zero),
    ("rope.scaling.yarn_log_multiplier", NeutralValue::Zero),
    ("rope.scaling.yarn_attn_factor", NeutralValue::One),
];

/// Keys that are read elsewhere or do not change the computation, although their names contain one of
/// [`WORDS`].
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
    // Keys of mixtures of experts, which `expert_count` above refuses.
    "expert_weights_scale",
    "expert_weights_norm",
    "expert_gating_func",
];

/// Words in the names of keys that change the computation.
const WORDS: &[&str] =
    &["scale", "scaling", "factor", "softcap", "clamp", "alibi", "bias", "multiplier", "gating"];

const NOT_IMPLEMENTED: &str = "ecq does not implement this key, and ignoring it would change the model";

/// Checks that no key of the architecture changes the computation in a way that is not implemented.
///
/// # Errors
/// [`GgufError::Unimplemented`](super::GgufError::Unimplemented) for the first such key.
pub(super) fn check(gguf: &Gguf, architecture: &str, head_dim: u64) -> Result<()> {
    let has_rope = architecture != "gpt2";
    for (key, value) in gguf.metadata() {
        let Some(name) = key.strip_prefix(architecture).and_then(|rest| rest.strip_prefix('.')) else {
            continue;
        };
        if !has_rope && name.starts_with("rope.") {
            continue;
        }
        let refuse = |why| Err(unimplemented(key, format_value(value), why));
        if let Some((_, neutral)) = NEUTRAL.iter().find(|(known, _)| *known == name) {
            if !neutral.matches(value) {
                return refuse(NOT_IMPLEMENTED);
            }
        } else if !KNOWN.contains(&name) && WORDS.iter().any(|word| name.contains(word)) {
            return refuse("the key is unknown, and its name suggests that it changes the model");
        }
    }
    check_head(gguf, architecture, head_dim, has_rope)?;
    if has_rope { check_rope(gguf, architecture) } else { Ok(()) }
}

/// Checks that all widths of a head are `head_dim`, and that the scale of attention scores follows from it.
fn check_head(gguf: &Gguf, architecture: &str, head_dim: u64, has_rope: bool) -> Result<()> {
    let widths = [
        ("attention.value_length", true),
        ("attention.key_length_swa", true),
        ("attention.value_length_swa", true),
        ("rope.dimension_count", has_rope),
        ("rope.dimension_count_swa", has_rope),
    ];
    for (name, applies) in widths {
        let key = format!("{architecture}.{name}");
        if let Some(value) = gguf.get(&key).filter(|_| applies)
            && value.as_u64() != Some(head_dim)
        {
            return Err(unimplemented(
                &key,
                format_value(value),
                "expected attention.key_length, the width of a head",
            ));
        }
    }
    let key = format!("{architecture}.attention.scale");
    match gguf.get(&key) {
        None => Ok(()),
        Some(value) => {
            let default = (head_dim as f64).powf(-0.5);
            let same =
                value.as_f64().is_some_and(|scale| scale == 0.0 || (scale / default - 1.0).abs() < 1e-6);
            match same {
                true => Ok(()),
                false => {
                    Err(unimplemented(&key, format_value(value), "expected 1 / sqrt(attention.key_length)"))
                }
            }
        }
    }
}

/// Checks keys of rotary embeddings whose neutral values depend on other keys.
fn check_rope(gguf: &Gguf, architecture: &str) -> Result<()> {
    let key = |name: &str| format!("{architecture}.{name}");
    let float = |name: &str| gguf.get(&key(name)).and_then(Value::as_f64);
    let yarn = gguf.get(&key("rope.scaling.type")).and_then(Value::as_str) == Some("yarn");
    let refuse = |name: &str, why| {
        let key = key(name);
        let value = gguf.get(&key).map(format_value).unwrap_or_default();
        Err(unimplemented(&key, value, why))
    };
    // A negative factor means that it is not set.
    let neutral = if yarn { 1.0 } else { 0.0 };
    if float("rope.scaling.yarn_ext_factor").is_some_and(|factor| factor >= 0.0 && factor != neutral) {
        return refuse("rope.scaling.yarn_ext_factor", "expected 1 with yarn and 0 without");
    }
    if !yarn && float("rope.scaling.attn_factor").is_some_and(|factor| factor != 1.0) {
        return refuse("rope.scaling.attn_factor", "expected 1 without yarn");
    }
    let local_base = float("rope.freq_base_swa");
    if architecture != "gemma3"
        && local_base.is_some_and(|base| base != float("rope.freq_base").unwrap_or(1e4))
    {
        return refuse("rope.freq_base_swa", "expected the value of rope.freq_base, except for gemma3");
    }
    let pattern = "attention.sliding_window_pattern";
    let is_gemma_pattern = |value: &Value| match value.as_array() {
        None => value.as_u64() == Some(6),
        Some(layers) => layers.iter().enumerate().all(|(layer, windowed)| {
            let windowed = windowed.as_bool().or_else(|| windowed.as_u64().map(|n| n != 0));
            windowed == Some(!(layer + 1).is_multiple_of(6))
        }),
    };
    match gguf.get(&key(pattern)) {
        Some(value) if architecture != "gemma3" || !is_gemma_pattern(value) => {
            refuse(pattern, "expected gemma3 with full attention in every sixth layer")
        }
        _ => Ok(()),
    }
}

impl NeutralValue {
    /// Returns whether `value` (or each element of an array) is the neutral value.
    fn matches(&self, value: &Value) -> bool {
        if let Some(list) = value.as_array() {
            return list.iter().all(|value| self.matches(value));
        }
        match self {
            Self::False => value.as_bool() == Some(false),
            Self::True => value.as_bool() == Some(true),
            // `as_f64` returns `None` for booleans and negative integers, which are not neutral.
            Self::Zero => value.as_f64() == Some(0.0),
            Self::One => value.as_f64() == Some(1.0),
            Self::ZeroOrOne => matches!(value.as_f64(), Some(0.0 | 1.0)),
        }
    }
}

/// Formats a value for an error message; shows at most four elements of an array.
fn format_value(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        Value::Bytes(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        Value::Bool(flag) => flag.to_string(),
        Value::Array(list) => {
            let some: Vec<String> = list.iter().take(4).map(format_value).collect();
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
