//! Models of known shapes with synthetic weights, for measurements of speed and memory.

use super::demo::MODEL;
use crate::args::ShapeArgs;
use crate::exit::ExitCode;
use crate::json;
use crate::out::outln;
use crate::table::bytes;
use anyhow::Context;
use ecq::encode::{CodingChoice, EncodeOptions, encode};
use ecq::format::container::{EcqFile, EcqWriter, ModelEntry, SourceRecord};
use ecq::{
    Codes, Coding, Destination, EncodedTensor, FloatType, FloatVec, Grid, Limits, TensorKind, TrellisRows,
    UniformRows,
};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::f64::consts::{E, PI, TAU};

/// The sizes of a Llama model.
struct Shape {
    name: &'static str,
    hidden: usize,
    layers: usize,
    heads: usize,
    kv_heads: usize,
    intermediate: usize,
    vocabulary: usize,
    rope_theta: f64,
}

/// Sizes from the models' `config.json`.
static SHAPES: [Shape; 3] = [
    Shape {
        name: "llama-2-7b",
        hidden: 4096,
        layers: 32,
        heads: 32,
        kv_heads: 32,
        intermediate: 11008,
        vocabulary: 32000,
        rope_theta: 1e4,
    },
    Shape {
        name: "llama-3-8b",
        hidden: 4096,
        layers: 32,
        heads: 32,
        kv_heads: 8,
        intermediate: 14336,
        vocabulary: 128_256,
        rope_theta: 5e5,
    },
    Shape {
        name: "smollm2-135m",
        hidden: 576,
        layers: 30,
        heads: 9,
        kv_heads: 3,
        intermediate: 1536,
        vocabulary: 49152,
        rope_theta: 1e5,
    },
];

/// Zero and alphabet of the codes of projections.
const ZERO: u8 = 16;
const ALPHABET: u16 = 33;
/// Standard deviation of the 8-bit codes of embedding and head, whose zero is 128.
const EMBEDDING_DEVIATION: f64 = 32.0;

/// Returns the sizes of a model.
fn shape_of(name: &str) -> anyhow::Result<&'static Shape> {
    let found = SHAPES.iter().find(|shape| shape.name == name);
    found.with_context(|| {
        format!("unknown shape {name:?}; shapes are {}", SHAPES.each_ref().map(|shape| shape.name).join(", "))
    })
}

/// The number of layers of a model, and the rows and columns of the matrices of each: those with the same
/// input together.
pub fn layers_of(name: &str) -> anyhow::Result<(usize, Vec<Vec<[usize; 2]>>)> {
    let shape = shape_of(name)?;
    let (hidden, inner) = (shape.hidden, shape.intermediate);
    let kv = hidden / shape.heads * shape.kv_heads;
    let inputs = vec![
        vec![[hidden, hidden], [kv, hidden], [kv, hidden]],
        vec![[hidden, hidden]],
        vec![[inner, hidden]; 2],
        vec![[hidden, inner]],
    ];
    Ok((shape.layers, inputs))
}

pub fn run(args: &ShapeArgs, json: bool) -> anyhow::Result<ExitCode> {
    let shape = shape_of(&args.name)?;
    let layers = args.layers.unwrap_or(shape.layers);
    Destination::file(&args.output).replacing(args.force.force).check(&[])?;
    let mut writer = EcqWriter::create(&args.output, "synthetic", false)?;
    writer.push_file("config.json", config(shape, layers).to_string().as_bytes())?;
    let embedded = EcqFile::parse(MODEL.into(), &Limits::default())?;
    writer.push_file("tokenizer.json", &embedded.file("tokenizer.json")?)?;

    // Matrices of one shape have the same bytes; each has its own memory when the model is loaded.
    let mut made = BTreeMap::new();
    let mut order = Vec::new();
    for (name, rows, cols) in matrices(shape, layers) {
        if rows == 1 {
            let ones = FloatVec::from_f32(FloatType::F32, &vec![1.0; cols]);
            writer.push_plain(&name, ecq::format::container::Dtype::F32, &[cols], ones.as_bytes())?;
        } else if args.floats {
            let key = (rows, cols, false);
            let floats = match made.entry(key) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => entry.insert(Made::floats(rows, cols)),
            };
            if let Made::Floats(floats) = floats {
                writer.push_plain(&name, ecq::format::container::Dtype::BF16, &[rows, cols], floats)?;
            }
        } else {
            let key = (rows, cols, name.contains("embed_tokens") || name.contains("lm_head"));
            let coded = match made.entry(key) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => entry.insert(Made::codes(key, args)?),
            };
            if let Made::Codes(tensor) = coded {
                writer.push_encoded(&name, tensor)?;
            }
        }
        order.push(name);
    }
    let summary = writer.finish(&ModelEntry {
        source: SourceRecord { format: "synthetic".to_owned(), file: shape.name.to_owned(), bytes: 0 },
        order,
        writer: concat!("ecq ", env!("CARGO_PKG_VERSION")).to_owned(),
        shapes: BTreeMap::new(),
        recipe: (!args.floats).then(|| format!("Gaussian codes of {} bits of entropy", args.entropy)),
        measured_kl: Vec::new(),
    })?;
    let file_bytes = summary.file_bytes;
    if json {
        json::print(&serde_json::json!({ "file_bytes": file_bytes, "layers": layers }))?;
        return Ok(ExitCode::SUCCESS);
    }
    outln!("wrote {}: {layers} layers of {}, {}", args.output.display(), shape.name, bytes(file_bytes));
    Ok(ExitCode::SUCCESS)
}

fn config(shape: &Shape, layers: usize) -> serde_json::Value {
    serde_json::json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "hidden_size": shape.hidden, "num_hidden_layers": layers, "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads, "intermediate_size": shape.intermediate,
        "vocab_size": shape.vocabulary, "rms_norm_eps": 1e-5, "rope_theta": shape.rope_theta,
        "max_position_embeddings": 4096, "tie_word_embeddings": false,
    })
}

/// Returns names, rows and columns of all tensors; norms have one row.
fn matrices(shape: &Shape, layers: usize) -> Vec<(String, usize, usize)> {
    let (hidden, inner) = (shape.hidden, shape.intermediate);
    let kv = hidden / shape.heads * shape.kv_heads;
    let mut all = vec![("model.embed_tokens.weight".to_owned(), shape.vocabulary, hidden)];
    for layer in 0..layers {
        let tensors = [
            ("input_layernorm", 1, hidden),
            ("self_attn.q_proj", hidden, hidden),
            ("self_attn.k_proj", kv, hidden),
            ("self_attn.v_proj", kv, hidden),
            ("self_attn.o_proj", hidden, hidden),
            ("post_attention_layernorm", 1, hidden),
            ("mlp.gate_proj", inner, hidden),
            ("mlp.up_proj", inner, hidden),
            ("mlp.down_proj", hidden, inner),
        ];
        all.extend(
            tensors.map(|(name, rows, cols)| (format!("model.layers.{layer}.{name}.weight"), rows, cols)),
        );
    }
    all.push(("model.norm.weight".to_owned(), 1, hidden));
    all.push(("lm_head.weight".to_owned(), shape.vocabulary, hidden));
    all
}

/// The weights of all matrices of one shape.
enum Made {
    Floats(Vec<u8>),
    Codes(EncodedTensor),
}

impl Made {
    /// Makes weights of variance 1 / cols.
    fn floats(rows: usize, cols: usize) -> Self {
        let scale = 1.0 / (cols as f64).sqrt();
        let weights: Vec<f32> = (0..rows)
            .into_par_iter()
            .flat_map_iter(|row| {
                let mut normals = Normals::new(row);
                (0..cols).map(move |_| (normals.draw() * scale) as f32)
            })
            .collect();
        Self::Floats(FloatVec::from_f32(FloatType::Bf16, &weights).as_bytes().to_vec())
    }

    fn codes((rows, cols, embedding): (usize, usize, bool), args: &ShapeArgs) -> anyhow::Result<Self> {
        let (codes, grid) = match embedding {
            // The entropy follows from the deviation.
            true => gaussian_codes([rows, cols], EMBEDDING_DEVIATION, (128, 256), None)?,
            false => projection([rows, cols], args.entropy, args.trellis)?,
        };
        let coding = if embedding { Coding::Packed } else { args.coding };
        let options = EncodeOptions { coding: CodingChoice::Only(coding), ..EncodeOptions::default() };
        let kind = if embedding { TensorKind::Embedding } else { TensorKind::Linear };
        let (tensor, _) = encode(kind, &codes, &grid, &options)
            .with_context(|| format!("a matrix of {rows} x {cols} in {}", coding.name()))?;
        Ok(Self::Codes(tensor))
    }
}

/// Makes a projection: rounded Gaussian codes of about `entropy` bits whose weights have the variance 1 /
/// cols, on a uniform grid, or on a trellis grid of the given lag and restart.
pub fn projection(
    shape: [usize; 2],
    entropy: f64,
    trellis: Option<(u16, u32)>,
) -> anyhow::Result<(Codes, Grid)> {
    // The entropy of a rounded Gaussian is about log2(deviation sqrt(2 pi e)).
    gaussian_codes(shape, entropy.exp2() / (2.0 * PI * E).sqrt(), (ZERO, ALPHABET), trellis)
}

fn gaussian_codes(
    [rows, cols]: [usize; 2],
    deviation: f64,
    (zero, alphabet): (u8, u16),
    trellis: Option<(u16, u32)>,
) -> anyhow::Result<(Codes, Grid)> {
    let symbols: Vec<u8> = (0..rows)
        .into_par_iter()
        .flat_map_iter(|row| {
            let mut normals = Normals::new(row);
            let last = f64::from(alphabet - 1);
            (0..cols)
                .map(move |_| (f64::from(zero) + (normals.draw() * deviation).round()).clamp(0.0, last) as u8)
        })
        .collect();
    let codes = Codes::new(rows, cols, alphabet, symbols)?;
    let levels_per_code = if trellis.is_some() { 2.0 } else { 1.0 };
    let step = 1.0 / (deviation * levels_per_code * (cols as f64).sqrt());
    let uniform = UniformRows {
        zero,
        steps: FloatVec::from_f32(FloatType::F16, &vec![step as f32; rows]),
        col_scales: None,
        levels: None,
        outliers: Vec::new(),
    };
    let grid = match trellis {
        Some((lag, restart)) => Grid::TrellisRows(TrellisRows { uniform, lag, restart }),
        None => Grid::UniformRows(uniform),
    };
    Ok((codes, grid))
}

/// Normally distributed numbers (xorshift and the Box-Muller transform).
struct Normals(u64);

impl Normals {
    fn new(row: usize) -> Self {
        let mut normals = Self(0x9e37_79b9_7f4a_7c15u64.wrapping_mul(row as u64 + 1));
        (0..8).for_each(|_| {
            normals.uniform();
        });
        normals
    }

    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn draw(&mut self) -> f64 {
        let (a, b) = (self.uniform().max(1e-300), self.uniform());
        (-2.0 * a.ln()).sqrt() * (TAU * b).cos()
    }
}
