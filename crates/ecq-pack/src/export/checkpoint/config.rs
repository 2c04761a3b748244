//! `config.json` and the other files of a checkpoint folder.

use super::super::{floats, rope};
use super::tensors::{Outgoing, OutputEncoding};
use super::{CheckpointFormat, CheckpointOptions};
use crate::error::{PackError, Result};
use crate::source::{AttachedFile, EcqSource, HEADER_FILE, Source};
use ecq_core::{Content, FloatType, Limits};
use ecq_format::gguf::{Gguf, ModelConfig, chat_template, config, tokenizer};
use ecq_format::hf::{config_json, tokenizer_config_json, tokenizer_json};
use ecq_format::python_json;
use ecq_runtime::arch::Scaling;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Divisors of rotary frequencies in GGUF files.
const DIVISORS: &str = "rope_freqs.weight";

/// Where configurations speak of a quantizer: transformers and MLX.
const QUANTIZATION_KEYS: [&str; 2] = ["quantization_config", "quantization"];

/// Files in which the first quantizers spoke of themselves.
const QUANTIZATION_FILES: [&str; 2] = ["quantize_config.json", "quant_config.json"];

/// Where names and values come from.
pub(super) enum Origin {
    /// Names of llama.cpp; what its converter did is undone.
    Gguf(Box<ModelConfig>),
    /// Names are those of the checkpoint already.
    Checkpoint,
}

/// Origin, `config.json`, and the other files of the checkpoint.
pub(super) fn conventions(
    source: &EcqSource,
    options: &CheckpointOptions,
    limits: &Limits,
) -> Result<(Origin, Map<String, Value>, Vec<AttachedFile>)> {
    let file = source.file();
    if !file.files().any(|name| name == HEADER_FILE) {
        let mut files = source.attached_files()?;
        let at = files.iter().position(|(name, _)| name == "config.json");
        let config = match at {
            Some(at) => python_json::parse_object(&files.remove(at).1)
                .map_err(|error| PackError::Export(format!("config.json that rides along: {error}")))?,
            None => Map::new(),
        };
        return Ok((Origin::Checkpoint, config, files));
    }
    let gguf = Gguf::parse(&file.file(HEADER_FILE)?, file.model().source.bytes, limits)?;
    let model = config(&gguf)?;
    let facts = tokenizer(&gguf)?;
    let dtype = dtype_word(options.dtype.unwrap_or(FloatType::F16));
    let Value::Object(json) = config_json(&model, Some(&facts), dtype)? else {
        return Err(PackError::UnknownGrid);
    };
    let text = |value: &Value| format!("{value:#}\n").into_bytes();
    let files = vec![
        ("tokenizer.json".to_owned(), text(&tokenizer_json(&facts)?)),
        (
            "tokenizer_config.json".to_owned(),
            text(&tokenizer_config_json(&facts, chat_template(&gguf), model.max_position_embeddings)),
        ),
    ];
    Ok((Origin::Gguf(Box::new(model)), json, files))
}

/// The float type that a checkpoint says it has.
pub(super) fn float_of_config(config: &Map<String, Value>) -> FloatType {
    let said = config.get("torch_dtype").or_else(|| config.get("dtype")).and_then(Value::as_str);
    match said {
        Some("float32") => FloatType::F32,
        Some("bfloat16") => FloatType::Bf16,
        _ => FloatType::F16,
    }
}

/// The bytes of `config.json`: those that ride along where they say the same, since the order of keys and the
/// digits of numbers are the author's.
pub(super) fn config_bytes(source: &EcqSource, config: Map<String, Value>) -> Result<Vec<u8>> {
    let kept = source.attached_files()?.into_iter().find(|(name, _)| name == "config.json");
    let kept = kept.filter(|(_, bytes)| python_json::parse_object(bytes).is_ok_and(|kept| kept == config));
    Ok(match kept {
        Some((_, bytes)) => bytes,
        None => format!("{}\n", python_json::to_string_pretty(&Value::Object(config))).into_bytes(),
    })
}

/// Divisors of the rotary frequencies become the rule of `config.json` that gives them.
pub(super) fn note_divisors(
    config: &mut Map<String, Value>,
    source: &EcqSource,
    model: &ModelConfig,
) -> Result<()> {
    let Some(index) = source.tensors().iter().position(|facts| facts.name == DIVISORS) else { return Ok(()) };
    let refused =
        |why: &str| Err(PackError::Export(format!("tensor {DIVISORS:?}: {why}; export to GGUF keeps it")));
    let facts = &source.tensors()[index];
    let bytes = floats(&source.load(index)?, facts, FloatType::F32)?;
    let mut divisors: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect();
    match &model.rope_scaling {
        None => {}
        Some(scaling) if scaling.rope_type == "linear" => {
            divisors.iter_mut().for_each(|d| *d *= scaling.factor as f32);
        }
        Some(_) => return refused("config.json cannot divide frequencies and scale them by yarn"),
    }
    if divisors.len() as u64 * 2 != model.head_dim {
        return refused("it has not one divisor for each frequency of a head");
    }
    let Some(scaling) = rope::scaling_of(&divisors, model.rope_theta) else {
        return refused(
            "its divisors are not those of llama3's or of linear scaling, the ones config.json has",
        );
    };
    let scaling = match scaling {
        Scaling::Linear { factor } => json!({ "rope_type": "linear", "factor": factor }),
        Scaling::Llama3 { factor, original, low, high } => json!({
            "rope_type": "llama3",
            "factor": factor,
            "low_freq_factor": low,
            "high_freq_factor": high,
            "original_max_position_embeddings": original,
        }),
        _ => Value::Null,
    };
    config.remove("rope_scaling");
    if !scaling.is_null() {
        config.insert("rope_scaling".to_owned(), scaling);
    }
    Ok(())
}

/// What the configuration says of the source's quantizer goes, unless its tensors stay.
pub(super) fn settle_quantization(
    config: &mut Map<String, Value>,
    files: &mut Vec<AttachedFile>,
    source: &EcqSource,
    outgoing: &[Outgoing],
    options: &CheckpointOptions,
) -> Result<()> {
    // Layers of GPTQ in act-order, and blocks of MXFP4, are written as they were.
    let kept = outgoing.iter().find(|out| {
        matches!(out.encoding, OutputEncoding::Mxfp4)
            || matches!(out.encoding, OutputEncoding::Bytes) && out.name.ends_with(".qweight")
    });
    let Some(kept) = kept else {
        let is_nested = |value: &&mut Value| value.is_object();
        for nested in config.values_mut().filter(is_nested).filter_map(Value::as_object_mut) {
            QUANTIZATION_KEYS.iter().for_each(|key| drop(nested.remove(*key)));
        }
        QUANTIZATION_KEYS.iter().for_each(|key| drop(config.remove(*key)));
        files.retain(|(name, _)| !QUANTIZATION_FILES.contains(&name.as_str()));
        return Ok(());
    };
    let is_coded = |out: &&Outgoing| {
        let entry = source.file().entry(&source.tensors()[out.index].name);
        matches!(entry.map(|entry| &entry.content), Some(Content::Codes { .. }))
    };
    let mixed = outgoing.iter().find(is_coded);
    match mixed {
        Some(other) => Err(PackError::Export(format!(
            "tensor {:?} is kept as its quantizer's, and {:?} is not: no config.json says both; quantize the model \
             anew, all layers to a rate",
            kept.name, other.name
        ))),
        None if options.format == CheckpointFormat::Mlx => Err(PackError::Export(format!(
            "tensor {:?} is kept as its quantizer's, which MLX does not read; quantize the model anew",
            kept.name
        ))),
        None => Ok(()),
    }
}

/// What `mlx-lm` reads to build quantized layers: the commonest grid for all, others by the path of their
/// layer.
pub(super) fn note_quantization(config: &mut Map<String, Value>, outgoing: &[Outgoing]) {
    let packed: Vec<(&str, (usize, u8))> = outgoing
        .iter()
        .filter_map(|out| match out.encoding {
            OutputEncoding::Packed { bits, group_size, .. }
            | OutputEncoding::Requantized { bits, group_size, .. } => {
                Some((out.name.trim_end_matches(".weight"), (group_size, bits)))
            }
            _ => None,
        })
        .collect();
    let mut counts = BTreeMap::new();
    packed.iter().for_each(|(_, grid)| *counts.entry(*grid).or_insert(0) += 1);
    let Some((&(group_size, bits), _)) = counts.iter().max_by_key(|(_, n)| **n) else { return };
    let mut quantization = Map::new();
    quantization.insert("group_size".to_owned(), json!(group_size));
    quantization.insert("bits".to_owned(), json!(bits));
    for (layer, (group_size, bits)) in packed.iter().filter(|(_, grid)| *grid != (group_size, bits)) {
        quantization.insert((*layer).to_owned(), json!({ "group_size": group_size, "bits": bits }));
    }
    config.insert("quantization".to_owned(), Value::Object(quantization));
}

/// The type that floats were asked to have is that of the configuration too: loaders go by it.
pub(super) fn note_dtype(config: &mut Map<String, Value>, dtype: FloatType) {
    for object in config.values_mut().filter_map(Value::as_object_mut) {
        set_dtype(object, dtype);
    }
    set_dtype(config, dtype);
}

fn set_dtype(object: &mut Map<String, Value>, dtype: FloatType) {
    for key in ["torch_dtype", "dtype"] {
        if let Some(said) = object.get_mut(key).filter(|said| said.is_string()) {
            *said = json!(dtype_word(dtype));
        }
    }
}

pub(super) fn dtype_word(dtype: FloatType) -> &'static str {
    match dtype {
        FloatType::F16 => "float16",
        FloatType::Bf16 => "bfloat16",
        FloatType::F32 => "float32",
    }
}
