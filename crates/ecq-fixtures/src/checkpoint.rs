//! Hugging Face checkpoints of deterministic normal weights.

use crate::Numbers;
use half::{bf16, f16};
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

/// Element type of a checkpoint's floats.
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
    /// Name of the type in a safetensors header.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
        }
    }

    /// Size of an element in bytes.
    pub fn bytes(self) -> usize {
        if self == Self::F32 { 4 } else { 2 }
    }

    /// Encodes values as little-endian elements.
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
    /// Name, which is also the seed of the weights.
    pub name: String,
    /// Shape.
    pub shape: Vec<usize>,
    /// Replaced weights by row-major index, such as NaN or infinity.
    pub replaced: Vec<(usize, f32)>,
}

impl Matrix {
    /// Creates a tensor of normal weights.
    pub fn new(name: &str, shape: &[usize]) -> Self {
        Self { name: name.to_owned(), shape: shape.to_vec(), replaced: Vec::new() }
    }

    /// Replaces the weight at a row-major index.
    pub fn with(mut self, index: usize, weight: f32) -> Self {
        self.replaced.push((index, weight));
        self
    }

    /// The weights before rounding to the type of the checkpoint.
    pub fn weights(&self) -> Vec<f32> {
        let seed = self.name.bytes().fold(1u64, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
        let mut numbers = Numbers::new(seed);
        let mut weights: Vec<f32> =
            (0..self.shape.iter().product()).map(|_| 0.02 * numbers.normal()).collect();
        self.replaced.iter().for_each(|&(index, weight)| weights[index] = weight);
        weights
    }
}

/// Writes `matrices` to `shards` files and an index, or to `model.safetensors` for one shard.
///
/// # Errors
/// If a file cannot be written.
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
    /// Approximate size of a matrix in bytes.
    pub tensor_bytes: usize,
    /// Element type.
    pub float: Float,
    /// Number of files.
    pub shards: usize,
    /// Whether all weights are written. Otherwise files are sparse and most weights are zero.
    pub dense: bool,
}

/// Number of generated rows, which are repeated.
const BLOCK_ROWS: usize = 64;
/// In a sparse file, one of this many blocks is written.
const HOLES: usize = 32;

/// Writes a large checkpoint.
///
/// # Errors
/// If a file cannot be written.
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
            if big.dense || number % HOLES == 0 {
                file.write_all(&block[..bytes])?;
            } else {
                file.seek(SeekFrom::Current(bytes as i64))?;
            }
        }
        Ok(())
    })?;
    fs::write(folder.join("config.json"), "{\"model_type\": \"llama\"}\n")
}

/// Writes files with headers and calls `data` for the data of each tensor.
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
        // Sets the length in case the file ends with a hole.
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

/// Writes a small Gemma 3 checkpoint without a tokenizer: 6 layers, with a sliding window of 24 positions in
/// all but every third layer, a vocabulary of 384, a context of 512.
///
/// # Errors
/// If a file cannot be written.
pub fn windowed_model(folder: &Path) -> io::Result<()> {
    let (hidden, intermediate, heads, kv_heads, head_dim, vocabulary) = (96, 160, 4, 2, 32, 384);
    let mut matrices = vec![
        Matrix::new("model.embed_tokens.weight", &[vocabulary, hidden]),
        Matrix::new("model.norm.weight", &[hidden]),
    ];
    for layer in 0..6 {
        let mut add = |part: &str, shape: &[usize]| {
            matrices.push(Matrix::new(&format!("model.layers.{layer}.{part}.weight"), shape));
        };
        add("self_attn.q_proj", &[heads * head_dim, hidden]);
        add("self_attn.k_proj", &[kv_heads * head_dim, hidden]);
        add("self_attn.v_proj", &[kv_heads * head_dim, hidden]);
        add("self_attn.o_proj", &[hidden, heads * head_dim]);
        add("self_attn.q_norm", &[head_dim]);
        add("self_attn.k_norm", &[head_dim]);
        add("mlp.gate_proj", &[intermediate, hidden]);
        add("mlp.up_proj", &[intermediate, hidden]);
        add("mlp.down_proj", &[hidden, intermediate]);
        for norm in ["input", "post_attention", "pre_feedforward", "post_feedforward"] {
            add(&format!("{norm}_layernorm"), &[hidden]);
        }
    }
    write_sharded(folder, Float::F32, &matrices, 1)?;
    let config = format!(
        "{{\"model_type\": \"gemma3_text\", \"hidden_size\": {hidden}, \"intermediate_size\": {intermediate},\n\
         \"num_hidden_layers\": 6, \"num_attention_heads\": {heads}, \"num_key_value_heads\": {kv_heads},\n\
         \"head_dim\": {head_dim}, \"vocab_size\": {vocabulary}, \"max_position_embeddings\": 512,\n\
         \"sliding_window\": 24, \"sliding_window_pattern\": 3, \"query_pre_attn_scalar\": {head_dim},\n\
         \"rope_theta\": 10000.0, \"rope_local_base_freq\": 1000.0, \"tie_word_embeddings\": true}}\n"
    );
    fs::write(folder.join("config.json"), config)
}

/// Writes a small Mixtral checkpoint without a tokenizer: 4 layers, 6 experts of which 2 are selected, a
/// vocabulary of 384, a context of 256.
///
/// # Errors
/// If a file cannot be written.
pub fn experts_model(folder: &Path) -> io::Result<()> {
    let (hidden, intermediate, heads, kv_heads, head_dim, vocabulary) = (96, 128, 4, 2, 24, 384);
    let mut matrices = vec![
        Matrix::new("model.embed_tokens.weight", &[vocabulary, hidden]),
        Matrix::new("model.norm.weight", &[hidden]),
        Matrix::new("lm_head.weight", &[vocabulary, hidden]),
    ];
    for layer in 0..4 {
        let mut add = |part: &str, shape: &[usize]| {
            matrices.push(Matrix::new(&format!("model.layers.{layer}.{part}.weight"), shape));
        };
        add("self_attn.q_proj", &[heads * head_dim, hidden]);
        add("self_attn.k_proj", &[kv_heads * head_dim, hidden]);
        add("self_attn.v_proj", &[kv_heads * head_dim, hidden]);
        add("self_attn.o_proj", &[hidden, heads * head_dim]);
        add("block_sparse_moe.gate", &[6, hidden]);
        for expert in 0..6 {
            add(&format!("block_sparse_moe.experts.{expert}.w1"), &[intermediate, hidden]);
            add(&format!("block_sparse_moe.experts.{expert}.w2"), &[hidden, intermediate]);
            add(&format!("block_sparse_moe.experts.{expert}.w3"), &[intermediate, hidden]);
        }
        add("input_layernorm", &[hidden]);
        add("post_attention_layernorm", &[hidden]);
    }
    write_sharded(folder, Float::F32, &matrices, 1)?;
    let config = format!(
        "{{\"model_type\": \"mixtral\", \"hidden_size\": {hidden}, \"intermediate_size\": {intermediate},\n\
         \"num_hidden_layers\": 4, \"num_attention_heads\": {heads}, \"num_key_value_heads\": {kv_heads},\n\
         \"head_dim\": {head_dim}, \"vocab_size\": {vocabulary}, \"max_position_embeddings\": 256,\n\
         \"num_local_experts\": 6, \"num_experts_per_tok\": 2, \"rope_theta\": 10000.0}}\n"
    );
    fs::write(folder.join("config.json"), config)
}
