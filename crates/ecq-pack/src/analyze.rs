//! What is in a model, and what coding it would give.

use crate::error::{PackError, Result};
use crate::progress::{Progress, in_batches};
use crate::source::{Source, Tensor};
use bytes::Bytes;
use ecq_codec::encode::{EncodeOptions, plan, side_data};
use ecq_coding::{Counts, planes};
use ecq_core::{Grid, Kind};
use ecq_quant::{IntegerCounts, QuantError, StepGranularity, WeightHistogram};
use rayon::prelude::*;
use serde::Serialize;

/// What is in one tensor.
#[derive(Debug, Clone, Serialize)]
pub struct TensorAnalysis {
    /// Its name.
    pub name: String,
    /// What it is to the model.
    pub kind: Kind,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Type in the source.
    pub dtype: String,
    /// Bits per weight in the source.
    pub source_bpw: f64,
    /// Width of a code in bits; absent without codes.
    pub code_bits: Option<u8>,
    /// Order-0 entropy of the codes in bits per weight; of the bytes, where there are no codes.
    pub entropy_bits: f64,
    /// Scales and biases, coded, in bits per weight.
    pub side_bpw: f64,
    /// What the tensor would take in a file, side data included, in bits per weight.
    pub bpw: f64,
    /// The coding that takes so little.
    pub coding: Option<String>,
    /// Root mean square of the weights; absent where there are none, or some are NaN or infinite.
    pub rms: Option<f64>,
    /// How often each code occurs; without codes, how many weights lie in each tenth of the root mean square,
    /// from -5 of them to 5 (the ends hold all beyond).
    pub histogram: Vec<u64>,
}

/// Sums over tensors of one kind, or over all.
#[derive(Debug, Clone, Serialize)]
pub struct AnalysisTotal {
    /// The kind; absent for all.
    pub kind: Option<Kind>,
    /// Tensors.
    pub tensors: usize,
    /// Weights.
    pub weights: u64,
    /// Bits per weight in the source.
    pub source_bpw: f64,
    /// Order-0 entropy in bits per weight.
    pub entropy_bits: f64,
    /// Coded side data in bits per weight.
    pub side_bpw: f64,
    /// Bits per weight in a file.
    pub bpw: f64,
}

/// What is in a model.
#[derive(Debug, Clone, Serialize)]
pub struct Analysis {
    /// Every tensor, in file order.
    pub tensors: Vec<TensorAnalysis>,
    /// By kind.
    pub kinds: Vec<AnalysisTotal>,
    /// All tensors.
    pub total: AnalysisTotal,
    /// Bytes of the source.
    pub source_bytes: u64,
}

/// Counts the codes of every tensor and what coding them would take.
///
/// # Errors
/// When a tensor cannot be read.
pub fn analyze(source: &dyn Source, options: &EncodeOptions, progress: &dyn Progress) -> Result<Analysis> {
    let facts = source.tensors();
    let all: Vec<usize> = (0..facts.len()).collect();
    let mut tensors = Vec::new();
    progress.begin("analyzing", facts.iter().map(|t| t.bytes).sum());
    in_batches(
        progress,
        &all,
        |&i| facts[i].bytes,
        |batch| {
            let found = batch.par_iter().map(|&i| {
                let found = one(source, i, options);
                progress.advance(facts[i].bytes, &facts[i].name);
                found.map_err(|error| match error {
                    named @ PackError::InTensor { .. } => named,
                    error => PackError::in_tensor(&facts[i].name, error),
                })
            });
            tensors.extend(found.collect::<Result<Vec<_>>>()?);
            Ok(())
        },
    )?;
    progress.end();
    let kinds = [Kind::Linear, Kind::Embedding, Kind::Other]
        .map(|kind| total(&tensors, Some(kind)))
        .into_iter()
        .filter(|total| total.tensors > 0)
        .collect();
    Ok(Analysis { kinds, total: total(&tensors, None), tensors, source_bytes: source.bytes() })
}

fn one(source: &dyn Source, index: usize, options: &EncodeOptions) -> Result<TensorAnalysis> {
    let facts = &source.tensors()[index];
    let weights = facts.weights().max(1) as f64;
    let mut analysis = TensorAnalysis {
        name: facts.name.clone(),
        kind: facts.kind,
        rows: facts.rows,
        cols: facts.cols,
        dtype: facts.dtype.clone(),
        source_bpw: 8.0 * facts.bytes as f64 / weights,
        code_bits: None,
        entropy_bits: 0.0,
        side_bpw: 0.0,
        bpw: 0.0,
        coding: None,
        rms: None,
        histogram: Vec::new(),
    };
    if facts.weights() == 0 {
        return Ok(analysis);
    }
    let tensor = source.load(index)?;
    let shaped = matches!(facts.kind, Kind::Linear | Kind::Embedding);
    if let (true, Some(floats)) = (shaped, crate::weights::weights(&tensor, facts, source.format())) {
        match WeightHistogram::of(&*floats, StepGranularity::Tensor) {
            Ok(sketch) => {
                analysis.rms = Some((sketch.energy() / weights).sqrt());
                if matches!(tensor, Tensor::Raw { .. }) {
                    analysis.histogram = tenths(&sketch.spectrum(0.1));
                }
            }
            // Nothing can quantize it, but what it takes can be told.
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
            if let Grid::AffineGroups(groups) = &grid {
                analysis.code_bits = Some(groups.bits);
            }
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

/// Counts of the integers -50 to 50, those beyond at the ends.
fn tenths(spectrum: &IntegerCounts) -> Vec<u64> {
    let mut counts = vec![0.0; 101];
    for (q, n) in (spectrum.lowest..).zip(&spectrum.counts) {
        counts[(q.clamp(-50, 50) + 50) as usize] += n;
    }
    counts.into_iter().map(|n| n.round() as u64).collect()
}

fn total(tensors: &[TensorAnalysis], kind: Option<Kind>) -> AnalysisTotal {
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
