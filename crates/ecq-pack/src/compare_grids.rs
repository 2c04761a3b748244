//! A comparison of grids: the bits and the error of the same block projections on each of them.

use crate::error::Result;
use crate::grids::GridChoice;
use crate::options::{PackOptions, Target};
use crate::pack::pack;
use crate::progress::Progress;
use crate::report::PackReport;
use crate::source::{AttachedFile, Source, SourceTensor, Tensor};
use ecq_core::TensorKind;
use ecq_quant::{Granularity, Levels, StepGranularity};
use serde::Serialize;

/// The bits and the error of the block projections on one grid.
#[derive(Debug, Clone, Serialize)]
pub struct GridRow {
    /// The grid in the syntax of [`GridChoice`].
    pub grid: String,
    /// A description of the grid.
    pub what: String,
    /// Order-0 entropy of the codes in bits per weight, without scales and header.
    pub entropy_bpw: f64,
    /// Bits per weight in a file, including tables, scales and header.
    pub bpw: f64,
    /// Signal to quantization noise ratio in decibels; absent if nothing was quantized.
    pub sqnr_db: Option<f64>,
}

/// The result of [`compare_grids`].
#[derive(Debug, Clone, Serialize)]
pub struct GridComparison {
    /// Number of weights in the sample.
    pub weights: u64,
    /// Number of weights of all block projections.
    pub all_weights: u64,
    /// One row per grid.
    pub grids: Vec<GridRow>,
}

/// Default size of the sample in weights: larger samples of large models give the same result.
pub const SAMPLE_WEIGHTS: u64 = 1 << 28;
/// Difference in decibels at which two errors count as equal.
const EQUAL_DB: f64 = 0.02;
/// Bounds of the search for a rate of equal error, in bits per weight.
const MIN_BPW: f64 = 0.5;
const MAX_BPW: f64 = 8.0;
/// Decibels of signal to noise ratio per bit.
const DB_PER_BIT: f64 = 6.02;

/// Packs block projections on several grids without writing a file.
///
/// The grids are the source's own, symmetric 4-bit grids with one scale per tensor and per row, MLX's affine
/// groups of 3 and 4 bits, and for each of these the uniform grid with the same error.
///
/// The sample has about `max_weights` weights, spread over the depth of the model.
///
/// # Errors
/// [`InTensor`](crate::PackError::InTensor) if a tensor cannot be read or quantized.
pub fn compare_grids(
    source: &dyn Source,
    max_weights: u64,
    progress: &dyn Progress,
) -> Result<GridComparison> {
    let source = source.for_requantizing()?.unwrap_or(source);
    let sample = Sample::of(source, max_weights);
    let run = |linear: GridChoice, target: Target| -> Result<PackReport> {
        let options = PackOptions { linear, target, ..PackOptions::default() };
        pack(&sample, "", None, &options, progress)
    };
    let mut grids = Vec::new();
    let mut add = |grid: &GridChoice, what: &str, report: &PackReport| {
        let coded = report.tensors.iter().filter(|t| t.kind == TensorKind::Linear);
        let weights: f64 = coded.clone().map(|t| t.rows as f64 * t.cols as f64).sum();
        let entropy: f64 =
            coded.map(|t| t.entropy_bpw.unwrap_or(t.bpw) * t.rows as f64 * t.cols as f64).sum();
        grids.push(GridRow {
            grid: grid.to_string(),
            what: what.to_owned(),
            entropy_bpw: entropy / weights.max(1.0),
            bpw: report.bpw_linear.unwrap_or(0.0),
            sqnr_db: report.sqnr_linear_db,
        });
    };
    // Only uniform grids have a target.
    let unused = Target::Bpw(4.0);
    let keep = GridChoice::Keep;
    add(&keep, "the source, lossless", &run(keep, unused)?);
    for (granularity, what) in [
        (Granularity::Tensor, "4 bits, one scale per tensor: low entropy, unusable model"),
        (Granularity::Row, "4 bits, one scale per row"),
    ] {
        let grid = GridChoice::Absmax { bits: 4, granularity };
        add(&grid, what, &run(grid, unused)?);
    }
    for (bits, what) in [
        (3, "MLX 3-bit, groups of 64 (3.5 as MLX stores it)"),
        (4, "MLX 4-bit, groups of 64 (4.5 as MLX stores it)"),
    ] {
        let grid = GridChoice::Affine { bits, group_size: 64 };
        let report = run(grid, unused)?;
        add(&grid, what, &report);
        let Some(target_db) = report.sqnr_linear_db else { continue };
        let mut bpw = (0.16 * target_db + 0.4).clamp(MIN_BPW, MAX_BPW);
        let (steps, levels) = (StepGranularity::Model, Levels::Grid);
        let uniform = GridChoice::Uniform { bpw: None, steps, levels, trellis: None };
        for last in [false, false, true] {
            let report = run(uniform, Target::Bpw(bpw))?;
            let missing_db = target_db - report.sqnr_linear_db.unwrap_or(target_db);
            if last || missing_db.abs() < EQUAL_DB {
                add(&uniform, &format!("uniform, same error as MLX {bits}-bit"), &report);
                break;
            }
            // Weights with a few dominant outliers do not follow this rule, so the rate stays in bounds.
            bpw = (bpw + missing_db / DB_PER_BIT).clamp(MIN_BPW, MAX_BPW);
        }
    }
    Ok(GridComparison { weights: sample.weights(), all_weights: linear_weights(source.tensors()), grids })
}

fn linear_weights(tensors: &[SourceTensor]) -> u64 {
    tensors.iter().filter(|t| t.kind == TensorKind::Linear).map(SourceTensor::weights).sum()
}

/// A source that contains some of the block projections of another one.
struct Sample<'a> {
    source: &'a dyn Source,
    indices: Vec<usize>,
    tensors: Vec<SourceTensor>,
}

impl<'a> Sample<'a> {
    /// Takes block projections at a regular stride, so that about `max_weights` weights remain.
    fn of(source: &'a dyn Source, max_weights: u64) -> Self {
        let all = source.tensors();
        let stride = linear_weights(all).div_ceil(max_weights.max(1)).max(1) as usize;
        let linear = (0..all.len()).filter(|&i| all[i].kind == TensorKind::Linear);
        // A block usually has seven projections; a stride coprime to seven visits all of their roles.
        let stride = if stride.is_multiple_of(7) { stride + 1 } else { stride };
        let indices: Vec<usize> = linear.step_by(stride).collect();
        Self { source, tensors: indices.iter().map(|&i| all[i].clone()).collect(), indices }
    }

    fn weights(&self) -> u64 {
        self.tensors.iter().map(SourceTensor::weights).sum()
    }
}

impl Source for Sample<'_> {
    fn format(&self) -> &'static str {
        self.source.format()
    }

    fn tensors(&self) -> &[SourceTensor] {
        &self.tensors
    }

    fn load(&self, index: usize) -> Result<Tensor> {
        self.source.load(self.indices[index])
    }

    fn attached_files(&self) -> Result<Vec<AttachedFile>> {
        Ok(Vec::new())
    }

    fn fingerprint(&self) -> &str {
        self.source.fingerprint()
    }

    fn bytes(&self) -> u64 {
        self.tensors.iter().map(|t| t.bytes).sum()
    }
}
