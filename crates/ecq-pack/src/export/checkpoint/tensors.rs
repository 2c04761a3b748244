//! Names, types and bytes of the tensors of a checkpoint folder.

use super::super::{floats, requantize, weights_of};
use super::{CheckpointFormat, CheckpointOptions, MlxGrid};
use crate::error::{PackError, Result};
use crate::source::{EcqSource, Source, SourceTensor, Tensor};
use ecq_core::{
    AffineGroups, Biases, Codes, FloatType, FloatVec, Grid, GridEntry, TensorContent, TensorKind,
};
use ecq_format::checkpoint::tensor_kind;
use ecq_format::gguf::ModelConfig;
use ecq_format::hf::{GgufTransform, gguf_row_order};
use ecq_format::mxfp4;
use ecq_format::shards::ShardTensor;
use safetensors::Dtype;
use std::collections::HashSet;

/// Name of the block type that has two tensors in checkpoints.
const MXFP4: &str = "mxfp4";

/// A tensor of the export.
pub(in super::super) struct Outgoing {
    /// Index of its source in the file; of added biases, the index of their matrix.
    pub(in super::super) index: usize,
    /// Name in the export.
    pub(in super::super) name: String,
    /// Difference between the conventions of the file and of the export.
    pub(in super::super) change: GgufTransform,
    /// Form in the export.
    pub(in super::super) encoding: OutputEncoding,
}

/// The form of a tensor in the export.
#[derive(Clone, Copy)]
pub(in super::super) enum OutputEncoding {
    /// The bytes of the file.
    Bytes,
    /// Floats.
    Floats(FloatType),
    /// Zeros: biases that the class in transformers has and the file has not.
    Zeros(FloatType),
    /// The two tensors of MXFP4: blocks and scales.
    Mxfp4,
    /// Floats of experts whose matrices are transposed.
    Experts(FloatType),
    /// The three arrays of MLX (codes, scales, biases) of weights that have another grid in the file.
    Requantized { bits: u8, group_size: usize, dtype: FloatType },
    /// The three arrays of MLX of the codes in the file.
    Packed { bits: u8, group_size: usize, dtype: FloatType },
}

/// Whether `mlx-lm` quantizes a tensor: a projection, the embedding or the head.
pub(super) fn is_matrix(facts: &SourceTensor, name: &str) -> bool {
    tensor_kind(name) != TensorKind::Other
        && facts.shape.len() == 2
        && facts.weights() > 0
        && name.ends_with(".weight")
}

/// Adds zeros for biases that the file lacks: a class of transformers has biases in all layers or in none.
pub(super) fn add_biases(outgoing: &mut Vec<Outgoing>, model: &ModelConfig, float: FloatType) {
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
            change: GgufTransform::None,
            encoding: OutputEncoding::Zeros(float),
        })
    };
    let zeros: Vec<Outgoing> = outgoing.iter().filter_map(lacks).collect();
    outgoing.extend(zeros);
}

pub(super) fn encoding(
    source: &EcqSource,
    facts: &SourceTensor,
    name: &str,
    change: GgufTransform,
    float: FloatType,
    options: &CheckpointOptions,
) -> OutputEncoding {
    let content = source.file().entry(&facts.name).map(|entry| &entry.content);
    let untouched = matches!(change, GgufTransform::None | GgufTransform::InterleavedHeadRows { .. });
    let fits = options.requantize.is_some_and(|grid| facts.cols.is_multiple_of(grid.group_size));
    let is_requantized = fits && untouched && is_matrix(facts, name) && facts.dtype != MXFP4;
    match content {
        Some(TensorContent::Codes {
            grid: GridEntry::AffineGroups { bits, group_size, dtype, zeros: false, .. },
            ..
        }) if options.format == CheckpointFormat::Mlx
            && matches!(bits, 2..=6 | 8)
            && matches!(group_size, 32 | 64 | 128)
            && options.requantize.is_none_or(|grid| (grid.bits, grid.group_size) == (*bits, *group_size))
            && untouched
            && name.ends_with(".weight") =>
        {
            OutputEncoding::Packed { bits: *bits, group_size: *group_size, dtype: *dtype }
        }
        _ if is_requantized => {
            let MlxGrid { bits, group_size } = options.requantize.unwrap_or_default();
            OutputEncoding::Requantized { bits, group_size, dtype: float }
        }
        Some(TensorContent::Codes { .. }) if are_transposed_experts(source, facts) => {
            OutputEncoding::Experts(float)
        }
        Some(TensorContent::Codes { .. }) => OutputEncoding::Floats(float),
        _ if facts.dtype == MXFP4 && name.ends_with(".weight") => {
            OutputEncoding::Floats(options.dtype.unwrap_or(FloatType::Bf16))
        }
        _ if facts.dtype == MXFP4 => OutputEncoding::Mxfp4,
        _ if plain(&facts.dtype).is_none() => OutputEncoding::Floats(float),
        // MLX computes in the widest type of its operands, so norms have the type of the weights.
        _ if options.format == CheckpointFormat::Mlx
            && matches!(facts.dtype.as_str(), "f32" | "f16" | "bf16") =>
        {
            OutputEncoding::Floats(float)
        }
        _ if matches!(change, GgufTransform::PlusOne | GgufTransform::Transposed) => {
            OutputEncoding::Floats(float_named(&facts.dtype).unwrap_or(float))
        }
        _ => match (options.dtype, float_named(&facts.dtype)) {
            (Some(dtype), Some(_)) => OutputEncoding::Floats(dtype),
            _ => OutputEncoding::Bytes,
        },
    }
}

/// Whether a tensor holds experts of gpt-oss that were MXFP4 blocks: `[experts, out, in]` there, `[experts,
/// in, out]` where they are floats.
///
/// Source: `convert_moe_packed_tensors` in `integrations/mxfp4.py` of huggingface/transformers.
fn are_transposed_experts(source: &EcqSource, facts: &SourceTensor) -> bool {
    source.file().model().source.format == MXFP4
        && facts.shape.len() == 3
        && [".gate_up_proj", ".down_proj"].iter().any(|part| facts.name.ends_with(part))
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

/// Returns names, types and shapes of the tensors that `out` becomes.
pub(super) fn planned(source: &EcqSource, out: &Outgoing) -> Result<Vec<ShardTensor>> {
    let facts = &source.tensors()[out.index];
    let mut shape = facts.shape.clone();
    if out.change == GgufTransform::Transposed {
        shape.reverse();
    }
    let one = |name: String, dtype: Dtype, shape: Vec<usize>| ShardTensor { name, dtype, shape };
    Ok(match out.encoding {
        OutputEncoding::Bytes => {
            let dtype = plain(&facts.dtype).ok_or(PackError::UnknownGrid)?;
            vec![one(out.name.clone(), dtype, shape)]
        }
        OutputEncoding::Floats(dtype) => vec![one(out.name.clone(), of_float(dtype), shape)],
        OutputEncoding::Experts(dtype) => {
            shape.swap(1, 2);
            vec![one(out.name.clone(), of_float(dtype), shape)]
        }
        OutputEncoding::Zeros(dtype) => vec![one(out.name.clone(), of_float(dtype), vec![facts.rows])],
        OutputEncoding::Mxfp4 => {
            shape.pop();
            shape.push(facts.cols / mxfp4::BLOCK);
            let scales = one(format!("{}_scales", out.name), Dtype::U8, shape.clone());
            shape.push(mxfp4::PACKED_BYTES);
            vec![one(format!("{}_blocks", out.name), Dtype::U8, shape), scales]
        }
        OutputEncoding::Packed { bits, group_size, dtype }
        | OutputEncoding::Requantized { bits, group_size, dtype } => {
            let (rows, cols) = (facts.rows, facts.cols);
            let base = out.name.trim_end_matches(".weight");
            let side =
                |part: &str| one(format!("{base}.{part}"), of_float(dtype), vec![rows, cols / group_size]);
            let words = vec![rows, cols * usize::from(bits) / 32];
            vec![one(out.name.clone(), Dtype::U32, words), side("scales"), side("biases")]
        }
    })
}

/// Returns the bytes of the tensors of [`planned`].
pub(super) fn bytes(source: &EcqSource, out: &Outgoing) -> Result<Vec<Vec<u8>>> {
    let facts = &source.tensors()[out.index];
    if let OutputEncoding::Zeros(dtype) = out.encoding {
        return Ok(vec![vec![0; facts.rows * dtype.bytes()]]);
    }
    let tensor = source.load(out.index)?;
    let order = match out.change {
        GgufTransform::InterleavedHeadRows { heads } => {
            Some(gguf_row_order(if facts.rows == 1 { facts.cols } else { facts.rows }, heads)?)
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
    match (out.encoding, tensor) {
        (OutputEncoding::Bytes, Tensor::Raw { bytes, .. }) => Ok(vec![ordered(bytes)]),
        (OutputEncoding::Mxfp4, Tensor::Raw { bytes, .. }) => {
            let (blocks, scales) = mxfp4::from_gguf_blocks(&bytes)?;
            Ok(vec![blocks, scales])
        }
        (OutputEncoding::Floats(dtype), tensor) => {
            let bytes = match out.change {
                GgufTransform::PlusOne => {
                    let ones = floats(&tensor, facts, FloatType::F32)?;
                    let values = ones.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b) - 1.0);
                    FloatVec::from_f32(dtype, &values.collect::<Vec<_>>()).as_bytes().to_vec()
                }
                GgufTransform::Transposed => {
                    transposed(&floats(&tensor, facts, dtype)?, [facts.rows, facts.cols], dtype.bytes())
                }
                _ => ordered(floats(&tensor, facts, dtype)?),
            };
            Ok(vec![bytes])
        }
        (OutputEncoding::Experts(dtype), tensor) => {
            let [experts, rows, cols] = facts.shape[..] else { return Err(PackError::UnknownGrid) };
            let (bytes, width) = (floats(&tensor, facts, dtype)?, rows * cols * dtype.bytes());
            let each = (0..experts).flat_map(|expert| {
                transposed(&bytes[expert * width..(expert + 1) * width], [rows, cols], dtype.bytes())
            });
            Ok(vec![each.collect()])
        }
        (OutputEncoding::Requantized { bits, group_size, dtype }, tensor) => {
            let weights = weights_of(&tensor, facts)?;
            let (codes, grid) = requantize::mlx(weights, (bits, group_size), dtype)?;
            Ok(packed(&codes, &grid)?.into_iter().map(ordered).collect())
        }
        (OutputEncoding::Packed { .. }, Tensor::Coded(codes, Grid::AffineGroups(grid))) => {
            Ok(packed(&codes, &grid)?.into_iter().map(ordered).collect())
        }
        _ => Err(PackError::UnknownGrid),
    }
}

/// Returns the three arrays of MLX: packed codes, scales and biases.
fn packed(codes: &Codes, grid: &AffineGroups) -> Result<[Vec<u8>; 3]> {
    // MLX's words are little endian and its codes run on within a row, least significant bit first: the
    // packed coding.
    let words = ecq_codec::pack(codes.symbols(), codes.cols(), 1 << grid.bits);
    Ok([words, grid.scales.as_bytes().to_vec(), biases(grid)?.as_bytes().to_vec()])
}

/// Returns the biases of a grid for MLX; `-scale * zero` for a grid with a zero point.
///
/// # Errors
/// [`PackError::Export`] when such a product is no number of the scales' type.
pub(in super::super) fn biases(grid: &AffineGroups) -> Result<FloatVec> {
    match &grid.biases {
        Biases::PerGroup(biases) => Ok(biases.clone()),
        // Products of integer zero points and scales are rarely numbers of the scales' type.
        Biases::Zeros(_) => Err(PackError::UnknownGrid),
        Biases::Zero(zero) => {
            let exact: Vec<f32> =
                grid.scales.to_f32().iter().map(|scale| -scale * f32::from(*zero)).collect();
            let biases = FloatVec::from_f32(grid.scales.dtype(), &exact);
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

/// Transposes `[rows, cols]` elements of `width` bytes.
fn transposed(bytes: &[u8], [rows, cols]: [usize; 2], width: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for col in 0..cols {
        for row in 0..rows {
            out.extend(&bytes[(row * cols + col) * width..][..width]);
        }
    }
    out
}
