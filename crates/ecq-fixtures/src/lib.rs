//! Test fixtures of ecq (unpublished): deterministic random numbers, GGUF files and checkpoints.

pub mod checkpoint;
pub mod floats;

use ecq_format::gguf::{GgmlType, GgufError, TensorToWrite, Value, write};
use half::f16;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Deterministic random number generator (xorshift64*; Vigna, 2016), which returns the same numbers on every
/// platform.
#[derive(Debug, Clone)]
pub struct Numbers(u64);

impl Numbers {
    /// Creates a generator; each seed has its own sequence.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns the next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Returns a number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        (self.next_u64() >> 11) % n
    }

    /// Returns an approximately normally distributed number, the sum of twelve uniform numbers.
    pub fn normal(&mut self) -> f32 {
        (0..12).map(|_| (self.next_u64() >> 40) as f32 / (1u64 << 24) as f32).sum::<f32>() - 6.0
    }

    /// Returns `n` random bytes.
    pub fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next_u64() as u8).collect()
    }
}

/// Quantizes normally distributed weights to Q4_1 blocks as llama.cpp does. Each block contains codes 0 and
/// 15.
pub fn q4_1(numbers: &mut Numbers, weights: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(weights / 32 * 20);
    for _ in 0..weights / 32 {
        let w: Vec<f32> = (0..32).map(|_| 0.02 * numbers.normal()).collect();
        let (min, max) = w.iter().fold((f32::MAX, f32::MIN), |(a, b), &x| (a.min(x), b.max(x)));
        let d = (max - min) / 15.0;
        let q = |x: f32| ((x - min) / d + 0.5).clamp(0.0, 15.0) as u8;
        bytes.extend(f16::from_f32(d).to_le_bytes());
        bytes.extend(f16::from_f32(min).to_le_bytes());
        bytes.extend((0..16).map(|i| q(w[i]) | q(w[i + 16]) << 4));
    }
    bytes
}

/// Quantizes normally distributed weights to Q8_0 blocks as llama.cpp does.
pub fn q8_0(numbers: &mut Numbers, weights: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(weights / 32 * 34);
    for _ in 0..weights / 32 {
        let w: Vec<f32> = (0..32).map(|_| 0.1 * numbers.normal()).collect();
        let d = w.iter().fold(0f32, |m, x| m.max(x.abs())) / 127.0;
        bytes.extend(f16::from_f32(d).to_le_bytes());
        bytes.extend(w.iter().map(|x| (x / d).round() as i8 as u8));
    }
    bytes
}

/// Returns a GGUF file of a model with one transformer block and matrices of `rows x cols`; `cols` must be a
/// multiple of 256. It has tensors of types Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, f16 and f32.
///
/// Some scales are NaN, so the file can be packed without loss but not quantized again.
pub fn small_gguf(rows: u64, cols: u64) -> Vec<u8> {
    one_block(rows, cols, false)
}

/// Returns a file as [`small_gguf`] does, but with finite weights.
pub fn finite_gguf(rows: u64, cols: u64) -> Vec<u8> {
    one_block(rows, cols, true)
}

/// Returns a GGUF file with a matrix of `rows x cols` of each K type, whose bytes are random but for the
/// steps, which are near 2^-7; `cols` must be a multiple of 256. There is no model of these matrices.
pub fn k_types_gguf(rows: u64, cols: u64) -> Vec<u8> {
    let mut numbers = Numbers::new(rows + cols);
    // A type, the name of its matrix, and the upper bytes of the steps in a block.
    let types: [(GgmlType, &str, &[usize]); 5] = [
        (GgmlType::Q2_K, "attn_q", &[81, 83]),
        (GgmlType::Q3_K, "attn_k", &[109]),
        (GgmlType::Q4_K, "attn_v", &[1, 3]),
        (GgmlType::Q5_K, "ffn_up", &[1, 3]),
        (GgmlType::Q6_K, "ffn_down", &[209]),
    ];
    let infos = types.map(|(ty, name, _)| TensorToWrite {
        name: format!("blk.0.{name}.weight"),
        ty,
        dims: vec![cols, rows],
    });
    let mut file = Vec::new();
    let written = write::<Failed>(&mut file, &[], &infos, |i| {
        let (ty, _, steps) = types[i];
        let blocks = (rows * cols) as usize / ty.block_weights();
        let mut bytes = numbers.bytes(blocks * ty.block_bytes());
        for block in bytes.chunks_exact_mut(ty.block_bytes()) {
            steps.iter().for_each(|&at| block[at] = 0x20 | block[at] & 3);
        }
        Ok(bytes)
    });
    assert!(written.is_ok(), "cannot build the GGUF file");
    file
}

/// Builds a GGUF file of a model with one transformer block.
fn one_block(rows: u64, cols: u64, finite: bool) -> Vec<u8> {
    let width = cols;
    let mut numbers = Numbers::new(rows * cols);
    let weights = (rows * cols) as usize;
    let random = |numbers: &mut Numbers, ty: GgmlType| {
        // Any byte is a valid code. The upper bytes of the scales are limited to finite values.
        let mut bytes = numbers.bytes(weights / ty.block_weights() * ty.block_bytes());
        for block in bytes.chunks_exact_mut(ty.block_bytes()) {
            block[1] = 0x20 | (block[1] & 3);
            if finite && matches!(ty, GgmlType::Q5_1 | GgmlType::Q4_K) {
                block[3] = 0xa0 | (block[3] & 3);
            }
        }
        bytes
    };
    let floats = |numbers: &mut Numbers, n: u64| -> Vec<u8> {
        (0..n).flat_map(|_| numbers.normal().to_le_bytes()).collect()
    };
    let halves: Vec<u8> =
        (0..weights).flat_map(|_| f16::from_f32(0.02 * numbers.normal()).to_le_bytes()).collect();
    let square = vec![cols, rows];
    let tensors = [
        ("token_embd.weight", GgmlType::Q8_0, square.clone(), q8_0(&mut numbers, weights)),
        ("blk.0.attn_norm.weight", GgmlType::F32, vec![width], floats(&mut numbers, width)),
        ("blk.0.attn_q.weight", GgmlType::Q4_1, square.clone(), q4_1(&mut numbers, weights)),
        ("blk.0.attn_k.weight", GgmlType::Q4_0, square.clone(), random(&mut numbers, GgmlType::Q4_0)),
        ("blk.0.attn_v.weight", GgmlType::Q5_0, square.clone(), random(&mut numbers, GgmlType::Q5_0)),
        ("blk.0.attn_output.weight", GgmlType::Q5_1, square.clone(), random(&mut numbers, GgmlType::Q5_1)),
        ("blk.0.ffn_gate.weight", GgmlType::Q4_K, square.clone(), random(&mut numbers, GgmlType::Q4_K)),
        ("blk.0.ffn_up.weight", GgmlType::F16, square.clone(), halves),
        ("blk.0.ffn_down.weight", GgmlType::Q4_1, square, q4_1(&mut numbers, weights)),
        ("output_norm.weight", GgmlType::F32, vec![width], floats(&mut numbers, width)),
    ];
    let text = |s: &str| Value::String(s.to_owned());
    let words = |list: &[&str]| Value::Array(list.iter().map(|s| text(s)).collect());
    let metadata = [
        ("general.architecture", text("llama")),
        ("llama.embedding_length", Value::U32(width as u32)),
        ("llama.feed_forward_length", Value::U32(width as u32)),
        ("llama.block_count", Value::U32(1)),
        ("llama.attention.head_count", Value::U32(4)),
        ("llama.attention.head_count_kv", Value::U32(2)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("llama.rope.freq_base", Value::F32(10000.0)),
        ("llama.context_length", Value::U32(64)),
        ("tokenizer.ggml.model", text("gpt2")),
        ("tokenizer.ggml.tokens", words(&["a", "b", "ab", "<s>"])),
        ("tokenizer.ggml.token_type", Value::Array([1, 1, 1, 3].map(Value::I32).into())),
        ("tokenizer.ggml.merges", words(&["a b"])),
        ("tokenizer.ggml.bos_token_id", Value::U32(3)),
        ("tokenizer.chat_template", text("{{ messages[0].content }}")),
    ]
    .map(|(key, value)| (key.to_owned(), value));
    let infos: Vec<TensorToWrite> = tensors
        .iter()
        .map(|(name, ty, dims, _)| TensorToWrite { name: (*name).to_owned(), ty: *ty, dims: dims.clone() })
        .collect();
    let mut file = Vec::new();
    let written = write::<Failed>(&mut file, &metadata, &infos, |i| Ok(tensors[i].3.clone()));
    assert!(written.is_ok(), "cannot build the GGUF file");
    file
}

/// Returns the path of a real model that `cargo xtask models` installed; prints that a test is skipped and
/// returns `None` if it is not installed.
pub fn installed(file: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("ECQ_CACHE").map(PathBuf::from).or_else(|| {
        let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        base.or_else(home).map(|base| base.join("ecq"))
    })?;
    let path = cache.join(file);
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: {file} is not installed (cargo xtask models installs it)");
    None
}

/// Error of [`write`].
struct Failed;

impl From<io::Error> for Failed {
    fn from(_: io::Error) -> Self {
        Self
    }
}

impl From<GgufError> for Failed {
    fn from(_: GgufError) -> Self {
        Self
    }
}

/// Writes a GGUF file of `tensors` Q4_1 matrices of about `bytes` bytes each.
///
/// # Errors
/// An I/O error if the file cannot be written.
pub fn big_gguf(path: &Path, tensors: usize, bytes: usize) -> io::Result<()> {
    let cols = 4096;
    let rows = bytes / (cols / 32 * 20);
    // 64 rows of weights are repeated, because generating all of them would take longer than coding them.
    let block = q4_1(&mut Numbers::new(7), 64 * cols);
    let infos: Vec<TensorToWrite> = (0..tensors)
        .map(|i| TensorToWrite {
            name: format!("blk.{i}.ffn_up.weight"),
            ty: GgmlType::Q4_1,
            dims: vec![cols as u64, rows as u64],
        })
        .collect();
    let mut file = io::BufWriter::new(fs::File::create(path)?);
    let one = |_| Ok(block.iter().copied().cycle().take(rows * cols / 32 * 20).collect());
    write::<Failed>(&mut file, &[], &infos, one).map_err(|Failed| io::Error::other("cannot write the model"))
}
