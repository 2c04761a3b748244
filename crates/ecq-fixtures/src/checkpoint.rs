//! Small and large Hugging Face checkpoints with deterministic, normally distributed weights.

use crate::Numbers;
use half::{bf16, f16};
use serde_json::{Map, Value, json};
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

/// Element type of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Float {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// bfloat16.
    Bf16,
}

impl Float {
    /// Returns the name in a safetensors header.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
        }
    }

    /// Returns the size of one element in bytes.
    pub fn bytes(self) -> usize {
        if self == Self::F32 { 4 } else { 2 }
    }

    /// Converts `values` to little-endian elements.
    fn encode(self, values: &[f32]) -> Vec<u8> {
        match self {
            Self::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::F16 => values.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect(),
            Self::Bf16 => values.iter().flat_map(|&v| bf16::from_f32(v).to_le_bytes()).collect(),
        }
    }
}

/// A tensor of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Name; it determines the weights.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Replaced weights, such as NaN, with their row-major indices.
    pub replaced: Vec<(usize, f32)>,
}

impl Matrix {
    /// Creates a tensor of normally distributed weights.
    pub fn new(name: &str, shape: &[usize]) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), replaced: Vec::new() }
    }

    /// Replaces weight `index` (row-major).
    pub fn with(mut self, index: usize, weight: f32) -> Self {
        self.replaced.push((index, weight));
        self
    }

    /// Returns the weights before they are rounded to the element type of the checkpoint.
    pub fn weights(&self) -> Vec<f32> {
        let seed = self.name.bytes().fold(1u64, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
        let mut numbers = Numbers::new(seed);
        let mut weights: Vec<f32> =
            (0..self.shape.iter().product()).map(|_| 0.02 * numbers.normal()).collect();
        self.replaced.iter().for_each(|&(index, weight)| weights[index] = weight);
        weights
    }
}

/// Writes `matrices` to `shards` files and an index, or to `model.safetensors` if `shards` is 1.
///
/// # Errors
/// An I/O error if a file cannot be written.
pub fn write_sharded(folder: &Path, float: Float, matrices: &[Matrix], shards: usize) -> io::Result<()> {
    let named: Vec<(&str, &[usize])> =
        matrices.iter().map(|matrix| (matrix.name.as_str(), matrix.shape.as_slice())).collect();
    write(folder, float, &named, shards, |file, index| {
        file.write_all(&float.encode(&matrices[index].weights()))
    })
}

/// A large checkpoint of equal matrices of 4096 columns, for measurements of memory and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Big {
    /// Number of matrices.
    pub tensors: usize,
    /// Approximate size of each matrix in bytes.
    pub tensor_bytes: usize,
    /// Element type.
    pub float: Float,
    /// Number of files.
    pub shards: usize,
    /// Whether all weights are written. Otherwise most of each matrix is a hole in a sparse file, which reads
    /// as zeros.
    pub dense: bool,
}

/// Number of generated rows of a large checkpoint; the other rows repeat them.
const BLOCK_ROWS: usize = 64;
/// In a sparse checkpoint, one of this many blocks is written.
const SPARSE_BLOCKS: usize = 32;

/// Writes a large checkpoint.
///
/// # Errors
/// An I/O error if a file cannot be written.
pub fn big_checkpoint(folder: &Path, big: &Big) -> io::Result<()> {
    let cols = 4096;
    let rows = (big.tensor_bytes / (cols * big.float.bytes())).max(1);
    let names: Vec<String> =
        (0..big.tensors).map(|i| format!("model.layers.{i}.mlp.up_proj.weight")).collect();
    let shape = [rows, cols];
    let named: Vec<(&str, &[usize])> = names.iter().map(|name| (name.as_str(), &shape[..])).collect();
    let block = big.float.encode(&Matrix::new("block", &[BLOCK_ROWS, cols]).weights());
    let row_bytes = cols * big.float.bytes();
    write(folder, big.float, &named, big.shards, |file, _| {
        for (number, first) in (0..rows).step_by(BLOCK_ROWS).enumerate() {
            let bytes = (rows - first).min(BLOCK_ROWS) * row_bytes;
            if big.dense || number % SPARSE_BLOCKS == 0 {
                file.write_all(&block[..bytes])?;
            } else {
                file.seek(SeekFrom::Current(bytes as i64))?;
            }
        }
        Ok(())
    })?;
    fs::write(folder.join("config.json"), "{\"model_type\": \"llama\"}\n")
}

/// Writes the files of a checkpoint; `data` writes the data of each tensor, given by its index.
fn write(
    folder: &Path,
    float: Float,
    tensors: &[(&str, &[usize])],
    shards: usize,
    mut data: impl FnMut(&mut BufWriter<File>, usize) -> io::Result<()>,
) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let per_shard = tensors.len().div_ceil(shards).max(1);
    let files = tensors.len().div_ceil(per_shard);
    let mut map = Vec::new();
    for (number, chunk) in tensors.chunks(per_shard).enumerate() {
        let name = match files {
            1 => "model.safetensors".to_owned(),
            all => format!("model-{:05}-of-{all:05}.safetensors", number + 1),
        };
        let (mut infos, mut end) = (Vec::new(), 0);
        for (tensor, shape) in chunk {
            let start = end;
            end += shape.iter().product::<usize>() * float.bytes();
            let dtype = float.name();
            infos.push(format!(
                "{tensor:?}:{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\"data_offsets\":[{start},{end}]}}"
            ));
            map.push(format!("    {tensor:?}: {name:?}"));
        }
        let mut json = format!("{{\"__metadata__\":{{\"format\":\"pt\"}},{}}}", infos.join(","));
        json.extend(std::iter::repeat_n(' ', json.len().next_multiple_of(8) - json.len()));
        let mut file = BufWriter::new(File::create(folder.join(&name))?);
        file.write_all(&(json.len() as u64).to_le_bytes())?;
        file.write_all(json.as_bytes())?;
        for index in 0..chunk.len() {
            data(&mut file, number * per_shard + index)?;
        }
        // A hole at the end of a file does not extend it.
        let file = file.into_inner().map_err(|error| error.into_error())?;
        file.set_len((8 + json.len() + end) as u64)?;
    }
    if files > 1 {
        let index =
            format!("{{\n  \"metadata\": {{}},\n  \"weight_map\": {{\n{}\n  }}\n}}\n", map.join(",\n"));
        fs::write(folder.join("model.safetensors.index.json"), index)?;
    }
    Ok(())
}

/// Copies a checkpoint of one safetensors file without the layers from number `layers` on, for tests that need
/// trained weights and a tokenizer, but not many weights.
///
/// # Errors
/// An I/O error if a file cannot be read or written, or is no checkpoint.
pub fn first_layers(from: &Path, to: &Path, layers: u64) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let bytes = fs::read(from.join("model.safetensors"))?;
    let (length, rest) = bytes.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
    let length = u64::from_le_bytes(*length) as usize;
    let (header, data) = rest.split_at_checked(length).ok_or(io::ErrorKind::UnexpectedEof)?;
    let header: Map<String, Value> = serde_json::from_slice(header)?;
    let (mut kept, mut kept_data) = (Map::new(), Vec::new());
    for (name, mut tensor) in header {
        let layer = name.strip_prefix("model.layers.").and_then(|rest| rest.split('.').next()?.parse().ok());
        if layer.is_some_and(|layer: u64| layer >= layers) {
            continue;
        }
        if let Some(offsets) = tensor.get_mut("data_offsets") {
            let [start, end] = [0, 1].map(|i| offsets[i].as_u64().unwrap_or(u64::MAX) as usize);
            let start_kept = kept_data.len();
            kept_data.extend(data.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
            *offsets = json!([start_kept, kept_data.len()]);
        }
        kept.insert(name, tensor);
    }
    let kept = Value::from(kept).to_string();
    let file = [&(kept.len() as u64).to_le_bytes(), kept.as_bytes(), &kept_data].concat();
    fs::write(to.join("model.safetensors"), file)?;
    let mut config: Value = serde_json::from_slice(&fs::read(from.join("config.json"))?)?;
    config["num_hidden_layers"] = layers.into();
    fs::write(to.join("config.json"), config.to_string())?;
    fs::copy(from.join("tokenizer.json"), to.join("tokenizer.json")).map(|_| ())
}

/// Width of the residual stream of the small models.
const HIDDEN: usize = 96;
/// Number of query heads of the small models.
const HEADS: usize = 4;
/// Number of key and value heads of the small models.
const KV_HEADS: usize = 2;
/// Number of tokens of the vocabulary of the small models.
const VOCABULARY: usize = 384;

/// Dimensions of a small decoder model with random weights.
struct SmallModel {
    layers: usize,
    intermediate: usize,
    head_dim: usize,
    /// Context length in tokens.
    context: usize,
}

impl SmallModel {
    /// Returns embedding, final norm, the output head if it is not `tied`, and for each layer the attention
    /// projections and the tensors that `layer_tensors` lists by name (without `.weight`) and shape.
    fn tensors(&self, tied: bool, layer_tensors: &[(String, Vec<usize>)]) -> Vec<Matrix> {
        let (queries, keys) = (HEADS * self.head_dim, KV_HEADS * self.head_dim);
        let mut tensors = vec![
            Matrix::new("model.embed_tokens.weight", &[VOCABULARY, HIDDEN]),
            Matrix::new("model.norm.weight", &[HIDDEN]),
        ];
        if !tied {
            tensors.push(Matrix::new("lm_head.weight", &[VOCABULARY, HIDDEN]));
        }
        let attention = [
            ("q_proj", [queries, HIDDEN]),
            ("k_proj", [keys, HIDDEN]),
            ("v_proj", [keys, HIDDEN]),
            ("o_proj", [HIDDEN, queries]),
        ];
        for layer in 0..self.layers {
            let name = |tensor: &str| format!("model.layers.{layer}.{tensor}.weight");
            tensors.extend(
                attention.map(|(tensor, shape)| Matrix::new(&name(&format!("self_attn.{tensor}")), &shape)),
            );
            tensors.extend(layer_tensors.iter().map(|(tensor, shape)| Matrix::new(&name(tensor), shape)));
        }
        tensors
    }

    /// Writes the tensors and a `config.json` with `more` keys.
    fn write(&self, folder: &Path, tensors: &[Matrix], model_type: &str, more: &str) -> io::Result<()> {
        let Self { layers, intermediate, head_dim, context } = self;
        write_sharded(folder, Float::F32, tensors, 1)?;
        let config = format!(
            "{{\"model_type\": \"{model_type}\", \"hidden_size\": {HIDDEN}, \"head_dim\": {head_dim},\n\
             \"intermediate_size\": {intermediate}, \"num_hidden_layers\": {layers},\n\
             \"num_attention_heads\": {HEADS}, \"num_key_value_heads\": {KV_HEADS},\n\
             \"vocab_size\": {VOCABULARY}, \"max_position_embeddings\": {context},\n\
             \"rope_theta\": 10000.0, {more}}}\n"
        );
        fs::write(folder.join("config.json"), config)
    }
}

/// Writes a small Gemma 3 checkpoint without tokenizer: 6 layers, each third one with full attention and the
/// others with a sliding window of 24 tokens; a vocabulary of 384 tokens, a context of 512 tokens.
///
/// # Errors
/// An I/O error if a file cannot be written.
pub fn windowed_model(folder: &Path) -> io::Result<()> {
    let model = SmallModel { layers: 6, intermediate: 160, head_dim: 32, context: 512 };
    let SmallModel { intermediate, head_dim, .. } = model;
    let norms = ["input", "post_attention", "pre_feedforward", "post_feedforward"];
    let mut layer = vec![
        ("self_attn.q_norm".to_owned(), vec![head_dim]),
        ("self_attn.k_norm".to_owned(), vec![head_dim]),
        ("mlp.gate_proj".to_owned(), vec![intermediate, HIDDEN]),
        ("mlp.up_proj".to_owned(), vec![intermediate, HIDDEN]),
        ("mlp.down_proj".to_owned(), vec![HIDDEN, intermediate]),
    ];
    layer.extend(norms.map(|norm| (format!("{norm}_layernorm"), vec![HIDDEN])));
    let more = format!(
        "\"sliding_window\": 24, \"sliding_window_pattern\": 3, \"query_pre_attn_scalar\": {head_dim},\n\
         \"rope_local_base_freq\": 1000.0, \"tie_word_embeddings\": true"
    );
    model.write(folder, &model.tensors(true, &layer), "gemma3_text", &more)
}

/// Writes a small Mixtral checkpoint without tokenizer: 4 layers of 6 experts, 2 of them per token; a
/// vocabulary of 384 tokens, a context of 256 tokens.
///
/// # Errors
/// An I/O error if a file cannot be written.
pub fn experts_model(folder: &Path) -> io::Result<()> {
    let model = SmallModel { layers: 4, intermediate: 128, head_dim: 24, context: 256 };
    let intermediate = model.intermediate;
    let mut layer = vec![("block_sparse_moe.gate".to_owned(), vec![6, HIDDEN])];
    for expert in 0..6 {
        let projections =
            [("w1", [intermediate, HIDDEN]), ("w2", [HIDDEN, intermediate]), ("w3", [intermediate, HIDDEN])];
        layer.extend(projections.map(|(projection, shape)| {
            (format!("block_sparse_moe.experts.{expert}.{projection}"), shape.to_vec())
        }));
    }
    layer.extend(["input_layernorm", "post_attention_layernorm"].map(|norm| (norm.to_owned(), vec![HIDDEN])));
    let more = "\"num_local_experts\": 6, \"num_experts_per_tok\": 2";
    model.write(folder, &model.tensors(false, &layer), "mixtral", more)
}
