//! Checkpoint folders as Hugging Face and MLX have them.

use super::{ExportReport, check, floats, rope};
use crate::destination::Destination;
use crate::error::{PackError, Result};
use crate::progress;
use crate::progress::Progress;
use crate::source::{AttachedFile, EcqSource, HEADER_FILE, Source, SourceTensor, Tensor};
use ecq_core::{AffineGroups, Biases, Content, FloatType, FloatVec, Grid, GridEntry, Limits};
use ecq_format::gguf::{Gguf, ModelConfig, chat_template, config, tokenizer};
use ecq_format::hf::{Change, apply_to_rows, config_json, hf_tensor, tokenizer_config_json, tokenizer_json};
use ecq_format::shards::{ShardPlan, write_checkpoint};
use ecq_format::{mxfp4, python_json};
use ecq_runtime::arch::Scaling;
use safetensors::Dtype;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::path::Path;

/// Which conventions a checkpoint follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointFormat {
    /// Floats, as `transformers` reads them.
    Safetensors,
    /// MLX's quantized layers (`weight` of u32, `scales`, `biases`), where it has the grid; others are
    /// floats.
    Mlx,
}

/// How a checkpoint is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointOptions {
    /// Its conventions.
    pub format: CheckpointFormat,
    /// Type of floats; `None` for that of the source (halves for a GGUF source).
    pub dtype: Option<FloatType>,
    /// Longest shard in bytes, unless one tensor alone is longer.
    pub shard_bytes: u64,
    /// Fail where codes would have to become floats.
    pub strict: bool,
}

/// Divisors of rotary frequencies in GGUF files.
const DIVISORS: &str = "rope_freqs.weight";
/// The type of blocks that have two tensors in checkpoints.
const MXFP4: &str = "mxfp4";
/// Where configurations speak of a quantizer: transformers and MLX.
const QUANTIZATION_KEYS: [&str; 2] = ["quantization_config", "quantization"];
/// Files in which the first quantizers spoke of themselves.
const QUANTIZATION_FILES: [&str; 2] = ["quantize_config.json", "quant_config.json"];

/// The shard size that Hugging Face's tools default to.
pub const SHARD_BYTES: u64 = 5_000_000_000;

impl CheckpointOptions {
    /// Shards of 5 GB, the source's floats, not strict.
    pub fn new(format: CheckpointFormat) -> Self {
        Self { format, dtype: None, shard_bytes: SHARD_BYTES, strict: false }
    }
}

/// Where names and values come from.
enum Origin {
    /// Names of llama.cpp; what its converter did is undone.
    Gguf(Box<ModelConfig>),
    /// Names are those of the checkpoint already.
    Checkpoint,
}

/// A tensor of the file on its way out.
pub(super) struct Outgoing {
    /// Its index in the file; of biases that are not there, that of their matrix.
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) change: Change,
    pub(super) form: OutputEncoding,
}

#[derive(Clone, Copy)]
pub(super) enum OutputEncoding {
    /// Bytes as they are.
    Bytes,
    Floats(FloatType),
    /// Biases that the class at Hugging Face has and the file does not: zeros.
    Zeros(FloatType),
    /// MXFP4's blocks and scales.
    Mxfp4,
    /// MLX's three arrays.
    Packed {
        bits: u8,
        group_size: usize,
        dtype: FloatType,
    },
}

/// Writes an `.ecq` as a checkpoint folder `dest`; one tensor is in memory at a time.
///
/// The folder gets its name once it was read again and holds the values of the file, under a configuration
/// that computes the same with them.
///
/// # Errors
/// When the file is damaged, a tensor or a rule of the model has no place in the conventions, `dest` is
/// there, cannot be written, or does not hold the model; nothing is left under `dest`.
pub fn export_checkpoint(
    file: &Path,
    dest: &Path,
    options: &CheckpointOptions,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<ExportReport> {
    let source = EcqSource::open(file, limits)?;
    Destination::folder(dest).replacing(true).check(&source.files())?;
    let (origin, mut config, mut files) = conventions(&source, options, limits)?;
    let float = options.dtype.unwrap_or_else(|| float_of_config(&config));
    let mut outgoing = Vec::new();
    for (index, facts) in source.tensors().iter().enumerate() {
        let (name, change) = match &origin {
            Origin::Checkpoint => (facts.name.clone(), Change::None),
            Origin::Gguf(config) => match hf_tensor(config, &facts.name)? {
                Some(tensor) => (tensor.name, tensor.change),
                // Computed from the configuration there.
                None => continue,
            },
        };
        let form = form(&source, facts, &name, change, float, options);
        outgoing.push(Outgoing { index, name, change, form });
    }
    if let Origin::Gguf(model) = &origin {
        add_biases(&mut outgoing, model, float);
        note_divisors(&mut config, &source, model)?;
    }
    settle_quantization(&mut config, &mut files, &source, &outgoing, options)?;
    if let Some(dtype) = options.dtype {
        note_dtype(&mut config, dtype);
    }
    let mut report = ExportReport::default();
    for out in &outgoing {
        let coded = source.file().entry(&source.tensors()[out.index].name);
        let is_coded = matches!(coded.map(|entry| &entry.content), Some(Content::Codes { .. }));
        match (&out.form, is_coded) {
            (OutputEncoding::Zeros(_), _) => {}
            (OutputEncoding::Floats(_), true) => report.dequantized.push(out.name.clone()),
            _ => report.exact += 1,
        }
    }
    if let (true, Some(first)) = (options.strict, report.dequantized.first()) {
        let all = report.dequantized.len();
        return Err(PackError::Export(format!("{all} tensors would become floats, {first:?} first")));
    }
    if options.format == CheckpointFormat::Mlx {
        note_quantization(&mut config, &outgoing);
    }
    files.push(("config.json".to_owned(), config_bytes(&source, config)?));

    let groups: Vec<Vec<ShardPlan>> =
        outgoing.iter().map(|out| planned(&source, out)).collect::<Result<_>>()?;
    progress.begin("exporting", source.tensors().iter().map(|t| t.bytes).sum());
    let data = |group: usize| {
        progress::check(progress)?;
        let out = &outgoing[group];
        let facts = &source.tensors()[out.index];
        let bytes = bytes(&source, out).map_err(|error| match error {
            named @ PackError::InTensor { .. } => named,
            error => PackError::in_tensor(&facts.name, error),
        });
        progress.advance(facts.bytes, &facts.name);
        bytes
    };
    report.bytes = write_checkpoint(dest, &groups, &files, options.shard_bytes, data, |folder| {
        progress.end();
        check::folder(file, &source, &outgoing, folder, limits, progress)
    })?;
    Ok(report)
}

/// The class at Hugging Face has biases in all layers or in none: those that the file lacks are zeros.
fn add_biases(outgoing: &mut Vec<Outgoing>, model: &ModelConfig, float: FloatType) {
    if !matches!(model.architecture.as_str(), "llama" | "qwen3" | "gemma3") {
        return;
    }
    let there: HashSet<String> = outgoing.iter().map(|out| out.name.clone()).collect();
    let lacks = |out: &Outgoing| {
        let stem = out.name.strip_suffix(".weight")?;
        let attention = ["q_proj", "k_proj", "v_proj", "o_proj"].iter().any(|part| stem.ends_with(part));
        let mlp = ["gate_proj", "up_proj", "down_proj"].iter().any(|part| stem.ends_with(part));
        let asked = attention && model.attention_bias || mlp && model.mlp_bias;
        let name = format!("{stem}.bias");
        (asked && !there.contains(&name)).then_some(Outgoing {
            index: out.index,
            name,
            change: Change::None,
            form: OutputEncoding::Zeros(float),
        })
    };
    let zeros: Vec<Outgoing> = outgoing.iter().filter_map(lacks).collect();
    outgoing.extend(zeros);
}

/// The bytes of `config.json`: those that ride along where they say the same, since the order of keys and the
/// digits of numbers are the author's.
fn config_bytes(source: &EcqSource, config: Map<String, Value>) -> Result<Vec<u8>> {
    let kept = source.attached_files()?.into_iter().find(|(name, _)| name == "config.json");
    let kept = kept.filter(|(_, bytes)| python_json::parse_object(bytes).is_ok_and(|kept| kept == config));
    Ok(match kept {
        Some((_, bytes)) => bytes,
        None => format!("{}\n", python_json::to_string_pretty(&Value::Object(config))).into_bytes(),
    })
}

/// Divisors of the rotary frequencies become the rule of `config.json` that gives them.
fn note_divisors(config: &mut Map<String, Value>, source: &EcqSource, model: &ModelConfig) -> Result<()> {
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
fn settle_quantization(
    config: &mut Map<String, Value>,
    files: &mut Vec<AttachedFile>,
    source: &EcqSource,
    outgoing: &[Outgoing],
    options: &CheckpointOptions,
) -> Result<()> {
    // Layers of GPTQ in act-order, and blocks of MXFP4, are written as they were.
    let kept = outgoing.iter().find(|out| {
        matches!(out.form, OutputEncoding::Mxfp4)
            || matches!(out.form, OutputEncoding::Bytes) && out.name.ends_with(".qweight")
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

/// The type that floats were asked to have is that of the configuration too: loaders go by it.
fn note_dtype(config: &mut Map<String, Value>, dtype: FloatType) {
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

fn dtype_word(dtype: FloatType) -> &'static str {
    match dtype {
        FloatType::F16 => "float16",
        FloatType::Bf16 => "bfloat16",
        FloatType::F32 => "float32",
    }
}

/// Origin, `config.json`, and the other files of the checkpoint.
fn conventions(
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
fn float_of_config(config: &Map<String, Value>) -> FloatType {
    let said = config.get("torch_dtype").or_else(|| config.get("dtype")).and_then(Value::as_str);
    match said {
        Some("float32") => FloatType::F32,
        Some("bfloat16") => FloatType::Bf16,
        _ => FloatType::F16,
    }
}

fn form(
    source: &EcqSource,
    facts: &SourceTensor,
    name: &str,
    change: Change,
    float: FloatType,
    options: &CheckpointOptions,
) -> OutputEncoding {
    let content = source.file().entry(&facts.name).map(|entry| &entry.content);
    let untouched = matches!(change, Change::None | Change::HeadRows { .. });
    match content {
        Some(Content::Codes {
            grid: GridEntry::AffineGroups { bits, group_size, dtype, zeros: false, .. },
            ..
        }) if options.format == CheckpointFormat::Mlx
            && matches!(bits, 2..=6 | 8)
            && matches!(group_size, 32 | 64 | 128)
            && untouched
            && name.ends_with(".weight") =>
        {
            OutputEncoding::Packed { bits: *bits, group_size: *group_size, dtype: *dtype }
        }
        Some(Content::Codes { .. }) => OutputEncoding::Floats(float),
        _ if facts.dtype == MXFP4 && name.ends_with(".weight") => {
            OutputEncoding::Floats(options.dtype.unwrap_or(FloatType::Bf16))
        }
        _ if facts.dtype == MXFP4 => OutputEncoding::Mxfp4,
        _ if plain(&facts.dtype).is_none() => OutputEncoding::Floats(float),
        // MLX computes in the type of the weights: norms of another would widen everything.
        _ if options.format == CheckpointFormat::Mlx
            && matches!(facts.dtype.as_str(), "f32" | "f16" | "bf16") =>
        {
            OutputEncoding::Floats(float)
        }
        _ if matches!(change, Change::PlusOne | Change::Transposed) => {
            OutputEncoding::Floats(float_named(&facts.dtype).unwrap_or(float))
        }
        _ => match (options.dtype, float_named(&facts.dtype)) {
            (Some(dtype), Some(_)) => OutputEncoding::Floats(dtype),
            _ => OutputEncoding::Bytes,
        },
    }
}

fn float_named(dtype: &str) -> Option<FloatType> {
    match dtype {
        "f32" => Some(FloatType::F32),
        "f16" => Some(FloatType::F16),
        "bf16" => Some(FloatType::Bf16),
        _ => None,
    }
}

fn plain(dtype: &str) -> Option<Dtype> {
    crate::pack::plain_dtype(dtype)
}

fn of_float(dtype: FloatType) -> Dtype {
    match dtype {
        FloatType::F16 => Dtype::F16,
        FloatType::Bf16 => Dtype::BF16,
        FloatType::F32 => Dtype::F32,
    }
}

/// Names, types and shapes of what a tensor becomes.
fn planned(source: &EcqSource, out: &Outgoing) -> Result<Vec<ShardPlan>> {
    let facts = &source.tensors()[out.index];
    let mut shape = facts.shape.clone();
    if out.change == Change::Transposed {
        shape.reverse();
    }
    let one = |name: String, dtype: Dtype, shape: Vec<usize>| ShardPlan { name, dtype, shape };
    Ok(match out.form {
        OutputEncoding::Bytes => {
            let dtype = plain(&facts.dtype).ok_or(PackError::UnknownGrid)?;
            vec![one(out.name.clone(), dtype, shape)]
        }
        OutputEncoding::Floats(dtype) => vec![one(out.name.clone(), of_float(dtype), shape)],
        OutputEncoding::Zeros(dtype) => vec![one(out.name.clone(), of_float(dtype), vec![facts.rows])],
        OutputEncoding::Mxfp4 => {
            shape.pop();
            shape.push(facts.cols / mxfp4::BLOCK);
            let scales = one(format!("{}_scales", out.name), Dtype::U8, shape.clone());
            shape.push(mxfp4::PACKED_BYTES);
            vec![one(format!("{}_blocks", out.name), Dtype::U8, shape), scales]
        }
        OutputEncoding::Packed { bits, group_size, dtype } => {
            let (rows, cols) = (facts.rows, facts.cols);
            let base = out.name.trim_end_matches(".weight");
            let side =
                |part: &str| one(format!("{base}.{part}"), of_float(dtype), vec![rows, cols / group_size]);
            let words = vec![rows, cols * usize::from(bits) / 32];
            vec![one(out.name.clone(), Dtype::U32, words), side("scales"), side("biases")]
        }
    })
}

/// The bytes of what [`planned`] announced.
fn bytes(source: &EcqSource, out: &Outgoing) -> Result<Vec<Vec<u8>>> {
    let facts = &source.tensors()[out.index];
    if let OutputEncoding::Zeros(dtype) = out.form {
        return Ok(vec![vec![0; facts.rows * dtype.bytes()]]);
    }
    let tensor = source.load(out.index)?;
    let order = match out.change {
        Change::HeadRows { heads } => {
            Some(apply_to_rows(if facts.rows == 1 { facts.cols } else { facts.rows }, heads)?)
        }
        _ => None,
    };
    let ordered = |bytes: Vec<u8>| match &order {
        None => bytes,
        Some(_) if bytes.is_empty() => bytes,
        Some(order) => {
            let row = bytes.len() / order.len();
            order.iter().flat_map(|&at| &bytes[at * row..(at + 1) * row]).copied().collect()
        }
    };
    match (out.form, tensor) {
        (OutputEncoding::Bytes, Tensor::Raw { bytes, .. }) => Ok(vec![ordered(bytes)]),
        (OutputEncoding::Mxfp4, Tensor::Raw { bytes, .. }) => {
            let (blocks, scales) = mxfp4::split(&bytes)?;
            Ok(vec![blocks, scales])
        }
        (OutputEncoding::Floats(dtype), tensor) => {
            let bytes = match out.change {
                Change::PlusOne => {
                    let ones = floats(&tensor, facts, FloatType::F32)?;
                    let values = ones.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b) - 1.0);
                    FloatVec::of(dtype, &values.collect::<Vec<_>>()).as_bytes().to_vec()
                }
                Change::Transposed => transposed(&floats(&tensor, facts, dtype)?, facts, dtype.bytes()),
                _ => ordered(floats(&tensor, facts, dtype)?),
            };
            Ok(vec![bytes])
        }
        (OutputEncoding::Packed { bits, .. }, Tensor::Coded(codes, Grid::AffineGroups(grid))) => {
            let biases = biases(&grid)?;
            // MLX's words are little endian and its codes run on within a row, least significant bit first:
            // the packed coding.
            let packed = ecq_codec::pack(codes.symbols(), codes.cols(), 1 << bits);
            Ok(vec![
                ordered(packed),
                ordered(grid.scales.as_bytes().to_vec()),
                ordered(biases.as_bytes().to_vec()),
            ])
        }
        _ => Err(PackError::UnknownGrid),
    }
}

/// Biases as MLX wants them: where the grid has a zero point, `-scale * zero`.
pub(super) fn biases(grid: &AffineGroups) -> Result<FloatVec> {
    match &grid.biases {
        Biases::PerGroup(biases) => Ok(biases.clone()),
        // Their products with the scale are seldom numbers of its type.
        Biases::Zeros(_) => Err(PackError::UnknownGrid),
        Biases::Zero(zero) => {
            let exact: Vec<f32> =
                grid.scales.to_f32().iter().map(|scale| -scale * f32::from(*zero)).collect();
            let biases = FloatVec::of(grid.scales.dtype(), &exact);
            match biases.to_f32().iter().zip(&exact).position(|(a, b)| a != b && !b.is_nan()) {
                None => Ok(biases),
                Some(group) => Err(PackError::Export(format!(
                    "the bias {} of group {group} is no number of the scales' type",
                    exact[group]
                ))),
            }
        }
    }
}

fn transposed(bytes: &[u8], facts: &SourceTensor, width: usize) -> Vec<u8> {
    let (rows, cols) = (facts.rows, facts.cols);
    let mut out = Vec::with_capacity(bytes.len());
    for col in 0..cols {
        for row in 0..rows {
            out.extend(&bytes[(row * cols + col) * width..][..width]);
        }
    }
    out
}

/// What `mlx-lm` reads to build quantized layers: the commonest grid for all, others by the path of their
/// layer.
fn note_quantization(config: &mut Map<String, Value>, outgoing: &[Outgoing]) {
    let packed: Vec<(&str, (usize, u8))> = outgoing
        .iter()
        .filter_map(|out| match out.form {
            OutputEncoding::Packed { bits, group_size, .. } => {
                Some((out.name.trim_end_matches(".weight"), (group_size, bits)))
            }
            _ => None,
        })
        .collect();
    let mut counts = std::collections::BTreeMap::new();
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
