//! The same block projections on several grids: what each takes in a file, and how near it comes.

use crate::error::Result;
use crate::grids::GridChoice;
use crate::options::{PackOptions, Target};
use crate::pack::pack;
use crate::progress::Progress;
use crate::report::PackReport;
use crate::source::{AttachedFile, Source, SourceTensor, Tensor};
use ecq_core::Kind;
use ecq_quant::{Granularity, Levels, StepGranularity};
use serde::Serialize;

/// A grid, and what the block projections take on it.
#[derive(Debug, Clone, Serialize)]
pub struct GridRow {
    /// The grid as the command line knows it.
    pub grid: String,
    /// What it is, in words.
    pub what: String,
    /// Order-0 entropy of the codes in bits per weight: the number that is quoted for a file's size.
    pub entropy_bpw: f64,
    /// Bits per weight in a file: streams, tables, scales, header.
    pub bpw: f64,
    /// Signal to quantization noise in decibels; absent where nothing was quantized.
    pub sqnr_db: Option<f64>,
}

/// What comparing grids found.
#[derive(Debug, Clone, Serialize)]
pub struct GridComparison {
    /// Weights compared.
    pub weights: u64,
    /// Weights of all block projections.
    pub all_weights: u64,
    /// A row for each grid.
    pub grids: Vec<GridRow>,
}

/// Weights that are compared unless all are asked for: a sample of large models tells the same.
pub const SAMPLE_WEIGHTS: u64 = 1 << 28;
/// Decibels that count as equal.
const EQUAL_DB: f64 = 0.02;
/// Bits per weight between which equal error is looked for.
const LEAST_BPW: f64 = 0.5;
const MOST_BPW: f64 = 8.0;

/// Packs block projections on several grids without writing anything: the source's own, symmetric grids with
/// one scale for the tensor and for each row, MLX's affine groups, and uniform grids of about the same bits,
/// and of about the same error, as MLX's 4 bits.
///
/// At most `most_weights` are taken, spread over the depth of the model.
///
/// # Errors
/// When a tensor cannot be read or quantized.
pub fn compare_grids(
    source: &dyn Source,
    most_weights: u64,
    progress: &dyn Progress,
) -> Result<GridComparison> {
    let source = source.for_requantizing()?.unwrap_or(source);
    let sample = Sample::of(source, most_weights);
    let run = |linear: GridChoice, target: Target| -> Result<PackReport> {
        let options = PackOptions { linear, target, ..PackOptions::default() };
        pack(&sample, "", None, &options, progress)
    };
    let mut grids = Vec::new();
    let mut add = |grid: &GridChoice, what: &str, report: &PackReport| {
        let coded = report.tensors.iter().filter(|t| t.kind == Kind::Linear);
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
    let any = Target::Bpw(4.0);
    let keep = GridChoice::Keep;
    add(&keep, "the source, nothing lost", &run(keep, any)?);
    for (span, what) in [
        (Granularity::Tensor, "4 bits, one scale a tensor: little entropy, and the model is gone"),
        (Granularity::Row, "4 bits, one scale a row"),
    ] {
        let grid = GridChoice::Absmax { bits: 4, span };
        add(&grid, what, &run(grid, any)?);
    }
    for (bits, what) in [
        (3, "MLX 3-bit, groups of 64 (3.5 as MLX stores it)"),
        (4, "MLX 4-bit, groups of 64 (4.5 as MLX stores it)"),
    ] {
        let grid = GridChoice::Affine { bits, group_size: 64 };
        let report = run(grid, any)?;
        add(&grid, what, &report);
        let Some(wanted) = report.sqnr_linear_db else { continue };
        // Six decibels are a bit.
        let mut bpw = (0.16 * wanted + 0.4).clamp(LEAST_BPW, MOST_BPW);
        let uniform = GridChoice::Uniform { bpw: None, steps: StepGranularity::Model, levels: Levels::Grid };
        for last in [false, false, true] {
            let report = run(uniform, Target::Bpw(bpw))?;
            let off = wanted - report.sqnr_linear_db.unwrap_or(wanted);
            if last || off.abs() < EQUAL_DB {
                add(&uniform, &format!("uniform, the error of MLX {bits}-bit"), &report);
                break;
            }
            // Weights far from a bell, a few of which carry all the energy, need not follow: stay within what
            // can be packed.
            bpw = (bpw + off / 6.02).clamp(LEAST_BPW, MOST_BPW);
        }
    }
    Ok(GridComparison { weights: sample.weights(), all_weights: linear_weights(source.tensors()), grids })
}

fn linear_weights(tensors: &[SourceTensor]) -> u64 {
    tensors.iter().filter(|t| t.kind == Kind::Linear).map(SourceTensor::weights).sum()
}

/// Some block projections of a source.
struct Sample<'a> {
    source: &'a dyn Source,
    indices: Vec<usize>,
    tensors: Vec<SourceTensor>,
}

impl<'a> Sample<'a> {
    /// Every so many-th, so that about `most_weights` remain.
    fn of(source: &'a dyn Source, most_weights: u64) -> Self {
        let all = source.tensors();
        let every = linear_weights(all).div_ceil(most_weights.max(1)).max(1) as usize;
        let linear = (0..all.len()).filter(|&i| all[i].kind == Kind::Linear);
        // Blocks of a model repeat after a few tensors: a step that shares no factor with seven visits all
        // kinds.
        let every = if every.is_multiple_of(7) { every + 1 } else { every };
        let indices: Vec<usize> = linear.step_by(every).collect();
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
