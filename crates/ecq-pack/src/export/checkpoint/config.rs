//! `config.json` and the other files of a checkpoint folder.

use super::super::{floats, rope};
use super::tensors::{Outgoing, OutputEncoding};
use super::{CheckpointFormat, CheckpointOptions};
use crate::error::{PackError, Result};
use crate::source::{AttachedFile, EcqSource, HEADER_FILE, Source};
use ecq_core::{FloatType, Limits, TensorContent};
use ecq_format::gguf::{Gguf, ModelConfig, chat_template, model_config, tokenizer_metadata};
use ecq_format::hf::{config_json, tokenizer_config_json, tokenizer_json};
use ecq_format::python_json;
use ecq_runtime::arch::Scaling;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Name of the divisors of rotary frequencies in GGUF files.
const DIVISORS: &str = "rope_freqs.weight";

/// Keys of `config.json` that describe a quantizer, in transformers and MLX.
const QUANTIZATION_KEYS: [&str; 2] = ["quantization_config", "quantization"];

/// Files that describe the quantizer in early GPTQ and AWQ checkpoints.
const QUANTIZATION_FILES: [&str; 2] = ["quantize_config.json", "quant_config.json"];

/// Conventions of the names and values in the `.ecq` file.
pub(super) enum SourceRecord {
    /// Those of llama.cpp; the changes of its converter are undone.
    Gguf(Box<ModelConfig>),
    /// Those of checkpoints.
    Checkpoint,
}

/// Returns the conventions of the file, `config.json`, and the other files of the checkpoint.
pub(super) fn conventions(
    source: &EcqSource,
    options: &CheckpointOptions,
    limits: &Limits,
) -> Result<(SourceRecord, Map<String, Value>, Vec<AttachedFile>)> {
    let file = source.file();
    if !file.files().any(|name| name == HEADER_FILE) {
        let mut files = source.attached_files()?;
        let at = files.iter().position(|(name, _)| name == "config.json");
        let config = match at {
            Some(at) => python_json::parse_object(&files.remove(at).1)
                .map_err(|error| PackError::Export(format!("the attached config.json: {error}")))?,
            None => Map::new(),
        };
        return Ok((SourceRecord::Checkpoint, config, files));
    }
    let gguf = Gguf::parse(&file.file(HEADER_FILE)?, file.model().source.bytes, limits)?;
    let model = model_config(&gguf)?;
    let facts = tokenizer_metadata(&gguf)?;
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
    Ok((SourceRecord::Gguf(Box::new(model)), json, files))
}

/// Returns the float type of a checkpoint by its configuration; f16 where it names none.
pub(super) fn float_of_config(config: &Map<String, Value>) -> FloatType {
    let dtype = config.get("torch_dtype").or_else(|| config.get("dtype")).and_then(Value::as_str);
    match dtype {
        Some("float32") => FloatType::F32,
        Some("bfloat16") => FloatType::Bf16,
        _ => FloatType::F16,
    }
}

/// Returns the bytes of `config.json`. The attached file is kept where it has the same content, because it
/// has the author's order of keys and digits of numbers.
pub(super) fn config_bytes(source: &EcqSource, config: Map<String, Value>) -> Result<Vec<u8>> {
    let kept = source.attached_files()?.into_iter().find(|(name, _)| name == "config.json");
    let kept = kept.filter(|(_, bytes)| python_json::parse_object(bytes).is_ok_and(|kept| kept == config));
    Ok(match kept {
        Some((_, bytes)) => bytes,
        None => format!("{}\n", python_json::to_string_pretty(&Value::Object(config))).into_bytes(),
    })
}

/// Replaces the divisors of rotary frequencies by the `rope_scaling` of `config.json` that gives the same
/// frequencies.
///
/// # Errors
/// [`PackError::Export`] when no scaling of transformers gives them.
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
        return refused("its length is not the number of frequencies of a head");
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

/// Removes the description of the source's quantizer from the configuration, unless the tensors of that
/// quantizer are exported.
///
/// # Errors
/// [`PackError::Export`] when they are exported beside other grids, or to MLX.
pub(super) fn settle_quantization(
    config: &mut Map<String, Value>,
    files: &mut Vec<AttachedFile>,
    source: &EcqSource,
    outgoing: &[Outgoing],
    options: &CheckpointOptions,
) -> Result<()> {
    // Layers of GPTQ in act-order and blocks of MXFP4 keep the tensors of their quantizer.
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
        matches!(entry.map(|entry| &entry.content), Some(TensorContent::Codes { .. }))
    };
    let mixed = outgoing.iter().find(is_coded);
    match mixed {
        Some(other) => Err(PackError::Export(format!(
            "tensor {:?} has the layout of its quantizer and {:?} has not: no config.json describes both; \
             quantize all layers of the model to a rate first",
            kept.name, other.name
        ))),
        None if options.format == CheckpointFormat::Mlx => Err(PackError::Export(format!(
            "tensor {:?} has the layout of its quantizer, which MLX does not read; quantize the \
             model to a rate first",
            kept.name
        ))),
        None => Ok(()),
    }
}

/// Adds the grids of quantized layers to the configuration, as `mlx-lm` reads them: the most frequent grid
/// for all layers, other grids by the path of the layer.
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

/// Sets the float type in the configuration, which loaders convert weights to.
pub(super) fn note_dtype(config: &mut Map<String, Value>, dtype: FloatType) {
    for object in config.values_mut().filter_map(Value::as_object_mut) {
        set_dtype(object, dtype);
    }
    set_dtype(config, dtype);
}

fn set_dtype(object: &mut Map<String, Value>, dtype: FloatType) {
    for key in ["torch_dtype", "dtype"] {
        if let Some(word) = object.get_mut(key).filter(|dtype| dtype.is_string()) {
            *word = json!(dtype_word(dtype));
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
