//! An analysis of a model: the entropy of every tensor and the bits that coding it would take.

use crate::error::Result;
use crate::progress::{Progress, map_tensors};
use crate::source::{Source, Tensor};
use bytes::Bytes;
use ecq_codec::encode::{EncodeOptions, plan, side_data};
use ecq_coding::{Counts, planes};
use ecq_core::{Grid, TensorKind};
use ecq_quant::{IntegerCounts, QuantError, StepGranularity, WeightHistogram};
use serde::Serialize;

/// The analysis of one tensor.
#[derive(Debug, Clone, Serialize)]
pub struct TensorAnalysis {
    /// The tensor's name.
    pub name: String,
    /// The tensor's role in the model.
    pub kind: TensorKind,
    /// Rows (output features).
    pub rows: usize,
    /// Columns (input features).
    pub cols: usize,
    /// Element or block type in the source.
    pub dtype: String,
    /// Bits per weight in the source.
    pub source_bpw: f64,
    /// Bits per code; absent unless the source has affine groups.
    pub code_bits: Option<u8>,
    /// Order-0 entropy in bits per weight: of the codes, or of the bytes of a tensor without codes.
    pub entropy_bits: f64,
    /// Bits per weight of the coded side data (scales and biases).
    pub side_bpw: f64,
    /// Estimated bits per weight in a file, side data included.
    pub bpw: f64,
    /// The coding that the estimate is for; absent without codes.
    pub coding: Option<String>,
    /// Root mean square of the weights; absent if the tensor has no weights, or one is NaN or infinite.
    pub rms: Option<f64>,
    /// Counts of the codes. Without codes: counts of weights rounded to tenths of the root mean square, from
    /// -5 to 5 times that; the first and the last count include all weights beyond.
    pub histogram: Vec<u64>,
}

/// Totals over the tensors of one kind, or over all.
#[derive(Debug, Clone, Serialize)]
pub struct AnalysisTotal {
    /// The kind; absent for all tensors.
    pub kind: Option<TensorKind>,
    /// Number of tensors.
    pub tensors: usize,
    /// Number of weights.
    pub weights: u64,
    /// Bits per weight in the source.
    pub source_bpw: f64,
    /// Order-0 entropy in bits per weight.
    pub entropy_bits: f64,
    /// Bits per weight of the coded side data.
    pub side_bpw: f64,
    /// Estimated bits per weight in a file.
    pub bpw: f64,
}

/// The analysis of a model.
#[derive(Debug, Clone, Serialize)]
pub struct Analysis {
    /// All tensors, in file order.
    pub tensors: Vec<TensorAnalysis>,
    /// Totals of each kind that occurs.
    pub kinds: Vec<AnalysisTotal>,
    /// Totals of all tensors.
    pub total: AnalysisTotal,
    /// Size of the source in bytes.
    pub source_bytes: u64,
}

/// Analyzes every tensor of a model.
///
/// # Errors
/// [`PackError::InTensor`](crate::PackError::InTensor) if a tensor cannot be read,
/// [`PackError::Cancelled`](crate::PackError::Cancelled).
pub fn analyze(source: &dyn Source, options: &EncodeOptions, progress: &dyn Progress) -> Result<Analysis> {
    let all: Vec<usize> = (0..source.tensors().len()).collect();
    let mut tensors = Vec::new();
    map_tensors(
        source,
        &all,
        "analyzing",
        progress,
        |i| analyze_tensor(source, i, options),
        |_, analysis| {
            tensors.push(analysis);
            Ok(())
        },
    )?;
    let kinds = [TensorKind::Linear, TensorKind::Embedding, TensorKind::Other]
        .map(|kind| total(&tensors, Some(kind)))
        .into_iter()
        .filter(|total| total.tensors > 0)
        .collect();
    Ok(Analysis { kinds, total: total(&tensors, None), tensors, source_bytes: source.bytes() })
}

fn analyze_tensor(source: &dyn Source, index: usize, options: &EncodeOptions) -> Result<TensorAnalysis> {
    let info = &source.tensors()[index];
    let weights = info.weights().max(1) as f64;
    let mut analysis = TensorAnalysis {
        name: info.name.clone(),
        kind: info.kind,
        rows: info.rows,
        cols: info.cols,
        dtype: info.dtype.clone(),
        source_bpw: 8.0 * info.bytes as f64 / weights,
        code_bits: None,
        entropy_bits: 0.0,
        side_bpw: 0.0,
        bpw: 0.0,
        coding: None,
        rms: None,
        histogram: Vec::new(),
    };
    if info.weights() == 0 {
        return Ok(analysis);
    }
    let tensor = source.load(index)?;
    let is_matrix = matches!(info.kind, TensorKind::Linear | TensorKind::Embedding);
    if let (true, Some(floats)) = (is_matrix, crate::weights::weights(&tensor, info, source.format())) {
        match WeightHistogram::new(&*floats, StepGranularity::Tensor) {
            Ok(histogram) => {
                analysis.rms = Some((histogram.energy() / weights).sqrt());
                if matches!(tensor, Tensor::Raw { .. }) {
                    analysis.histogram = count_tenths(&histogram.counts(0.1));
                }
            }
            // Such a tensor cannot be quantized, but its bits can be estimated.
            Err(QuantError::NotFinite { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match tensor {
        Tensor::Coded(codes, grid) => {
            let plan = plan(&codes, &grid, options)?;
            let counts = Counts::of(codes.symbols());
            analysis.histogram = counts.as_array()[..codes.alphabet().into()].to_vec();
            analysis.entropy_bits = counts.entropy_bits();
            analysis.coding = Some(plan.coding.name().to_owned());
            analysis.code_bits = match &grid {
                Grid::AffineGroups(groups) => Some(groups.bits),
                Grid::SuperBlocks(blocks) => Some(blocks.layout.bits()),
                _ => None,
            };
            let (_, side) = side_data(&grid, plan.tile, [codes.rows(), codes.cols()])?;
            analysis.side_bpw = 8.0 * side.values().map(Bytes::len).sum::<usize>() as f64 / weights;
            let chosen = plan.estimates.iter().find(|e| e.coding == plan.coding);
            analysis.bpw = chosen.map_or(0.0, |e| e.bits) / weights + analysis.side_bpw;
        }
        Tensor::Raw { fields, bytes, .. } => {
            let coded = planes::encode(&bytes, &fields)?.len();
            analysis.bpw = 8.0 * coded.min(bytes.len()) as f64 / weights;
            analysis.entropy_bits = Counts::of(&bytes).entropy_bits() * bytes.len() as f64 / weights;
        }
    }
    Ok(analysis)
}

/// Returns the counts of the integers -50 to 50, with those beyond added to the ends.
fn count_tenths(counts: &IntegerCounts) -> Vec<u64> {
    let mut tenths = vec![0.0; 101];
    for (q, n) in (counts.lowest..).zip(&counts.counts) {
        tenths[(q.clamp(-50, 50) + 50) as usize] += n;
    }
    tenths.into_iter().map(|n| n.round() as u64).collect()
}

/// Sums up the tensors of one kind, or all.
fn total(tensors: &[TensorAnalysis], kind: Option<TensorKind>) -> AnalysisTotal {
    let of_kind: Vec<_> = tensors.iter().filter(|t| kind.is_none_or(|kind| t.kind == kind)).collect();
    let weights: u64 = of_kind.iter().map(|t| t.rows as u64 * t.cols as u64).sum();
    let mean = |value: fn(&TensorAnalysis) -> f64| {
        of_kind.iter().map(|t| value(t) * t.rows as f64 * t.cols as f64).sum::<f64>() / weights.max(1) as f64
    };
    AnalysisTotal {
        kind,
        tensors: of_kind.len(),
        weights,
        source_bpw: mean(|t| t.source_bpw),
        entropy_bits: mean(|t| t.entropy_bits),
        side_bpw: mean(|t| t.side_bpw),
        bpw: mean(|t| t.bpw),
    }
}
