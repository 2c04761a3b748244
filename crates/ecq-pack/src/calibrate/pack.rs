//! Packing of a model with calibrated uniform grids.

use super::journal::JournalLocation;
use super::sequential::{LayerQuantizer, QuantizationOutcome, QuantizedLayer};
use super::{Calibration, CalibrationOptions, LayerStatistics, Sequences};
use crate::budget::Budget;
use crate::destination::Destination;
use crate::error::{PackError, Result};
use crate::grids::GridChoice;
use crate::match_reference::{dequantize_rows, expected_kl, match_reference};
use crate::options::{PackOptions, Target};
use crate::pack::{file_bytes, pack, pack_at};
use crate::progress::Progress;
use crate::report::PackReport;
use crate::solve_steps::{Solution, solve_steps};
use crate::source::{HEADER_FILE, Source, for_options};
use crate::steps::{RelativeSteps, StepSizes};
use crate::trellis::{error_feedback, quantize_with_feedback};
use ecq_codec::encode::{CodingChoice, EncodeOptions, encode};
use ecq_core::{Coding, FloatType, Limits, TensorKind};
use ecq_quant::Floats;
use ecq_runtime::Checkpoint;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Packs `source` as [`pack`](crate::pack()) does, with calibrated uniform grids: step sizes follow the cost
/// of errors, rounding uses error feedback, and every matrix is corrected for the errors of those before it.
///
/// `folder` holds intermediate results: the model as an `.ecq` file, and about four bytes per weight. The
/// calibration statistics stay there for runs at other rates; the results of sequential quantization are
/// removed.
///
/// # Errors
/// As [`pack`](crate::pack()); [`PackError::Calibration`] if the model cannot be run or the texts are too
/// short; [`PackError::Runtime`].
pub fn pack_calibrated(
    source: &dyn Source,
    source_name: &str,
    dest: Option<&Path>,
    folder: &Path,
    mut options: PackOptions,
    calibration: &CalibrationOptions,
    progress: &dyn Progress,
) -> Result<PackReport> {
    let start = Instant::now();
    if let Some(dest) = dest {
        Destination::file(dest).replacing(true).check(&source.files())?;
    }
    let source = for_options(source, &options)?;
    options.check(source.tensors())?;
    // This is checked here because packing the reference model takes long.
    if !source.attached_files()?.iter().any(|(name, _)| name == "config.json" || name == HEADER_FILE) {
        return Err(PackError::Calibration(format!(
            "{source_name} has no config.json, so the model cannot be run: copy config.json from the \
             original model, or quantize without calibration"
        )));
    }
    std::fs::create_dir_all(folder).map_err(|source| PackError::Io { path: folder.to_owned(), source })?;
    let model = &blake3::hash(source.fingerprint().as_bytes()).to_hex()[..16];
    let reference = folder.join(format!("model-{model}.ecq"));
    pack_reference(source, &reference, calibration.reuse, progress)?;
    let checkpoint = Checkpoint::open(&reference, &Limits::default())?;
    let sequences = Sequences::new(&checkpoint, calibration, progress)?;
    let description = calibration.description();
    let quarter = sequences.quarter();
    // The tokens are part of the key, because other versions may choose other passages for the same options.
    let tokens = blake3::hash(bytemuck::cast_slice(&quarter.tokens)).to_hex();
    let work_folder = |prefix: &str, inputs: &str| -> Result<PathBuf> {
        let key = &blake3::hash(format!("{model} {tokens} {inputs}").as_bytes()).to_hex()[..16];
        let folder = folder.join(format!("{prefix}-{key}"));
        std::fs::create_dir_all(&folder).map_err(|source| PackError::Io { path: folder.clone(), source })?;
        Ok(folder)
    };
    let collected = work_folder("seen", &description)?;
    let location =
        JournalLocation { folder: &collected, description: &description, resume: calibration.reuse };
    let original = Calibration::collect(&checkpoint, &quarter, location, progress)?;

    options.calibration = Some(Arc::new(original.clone()));
    let tensors = source.tensors();
    let choices = tensors.iter().map(|tensor| options.grid_of(tensor)).collect::<Result<Vec<_>>>()?;
    if let Some(reference) = calibration.reference_grid {
        // Embeddings are left out: their predicted KL divergence is too low by a factor of two to three,
        // because other texts contain other tokens.
        let has_shared_target = |i: &usize| {
            tensors[*i].kind == TensorKind::Linear
                && matches!(choices[*i], GridChoice::Uniform { bpw: None, .. })
        };
        let shared: Vec<usize> = (0..tensors.len()).filter(has_shared_target).collect();
        options.target = Target::Factor(match_reference(source, &shared, reference, &options, progress)?);
    }
    let Solution { mut steps, budgets } = solve_steps(source, &choices, &options, progress)?;
    let indices: HashMap<&str, usize> =
        tensors.iter().enumerate().map(|(i, t)| (t.name.as_str(), i)).collect();
    let mut quantizer =
        BudgetedQuantizer { source, choices: &choices, options: &options, indices, steps: &steps, budgets };
    // The result also depends on the target.
    let quantized = work_folder("fitted", &format!("{description} {}", options.fingerprint()))?;
    let location = JournalLocation { folder: &quantized, ..location };
    let (sequential, outcomes) =
        original.quantize_sequentially(&checkpoint, &sequences, location, &mut quantizer, progress)?;
    drop(checkpoint);
    let factors = tensors.iter().enumerate().filter_map(|(index, tensor)| {
        let factor = outcomes.get(&tensor.name).map(|outcome| f64::from(outcome.factor));
        Some((index, factor.or(steps.get(&index)?.factor)?))
    });
    let kl = expected_kl(source, &factors.collect(), &options, progress)?;
    // Each matrix is packed exactly as sequential quantization rounded it.
    for (&index, steps) in &mut steps {
        let tensor = &tensors[index];
        let relative = RelativeSteps::of_tensor(Some(&sequential), tensor, choices[index].trellis())?;
        if let (Some(outcome), Some(relative)) = (outcomes.get(&tensor.name), relative) {
            *steps = relative.scaled(f64::from(outcome.factor));
        }
    }
    options.calibration = Some(Arc::new(sequential));
    let mut report = pack_at(source, source_name, dest, Some(steps), &options, progress)?;
    report.seconds = start.elapsed().as_secs_f64();
    report.expected_kl = Some(kl).filter(|nats| nats.is_finite());
    for tensor in &report.tensors {
        // The offsets in the header may have a few more or fewer digits.
        let has_same_size =
            |outcome: &QuantizationOutcome| (8.0 * tensor.bytes as f64 - outcome.bits).abs() < 8.0 * 64.0;
        debug_assert!(outcomes.get(&tensor.name).is_none_or(has_same_size), "{tensor:?}");
    }
    std::fs::remove_dir_all(&quantized).map_err(|source| PackError::Io { path: quantized, source })?;
    Ok(report)
}

/// Packs the source without loss into the file `path`, with packed codes, which are fast to write and to
/// load.
fn pack_reference(source: &dyn Source, path: &Path, reuse: bool, progress: &dyn Progress) -> Result<()> {
    if reuse && path.exists() {
        return Ok(());
    }
    let encode = EncodeOptions { coding: CodingChoice::Only(Coding::Packed), ..EncodeOptions::default() };
    let options = PackOptions { encode, resume: reuse, ..PackOptions::default() };
    pack(source, "reference", Some(path), &options, progress)?;
    Ok(())
}

/// A quantizer to uniform grids, with step sizes that keep the budgets.
struct BudgetedQuantizer<'a> {
    source: &'a dyn Source,
    /// The grid of each tensor.
    choices: &'a [GridChoice],
    options: &'a PackOptions,
    /// Tensor indices by name.
    indices: HashMap<&'a str, usize>,
    /// The initial step sizes, by tensor index.
    steps: &'a HashMap<usize, StepSizes>,
    budgets: Vec<Budget>,
}

impl BudgetedQuantizer<'_> {
    /// Returns the factor of relative steps for tensor `index`, and the index of its budget; `None` if the
    /// tensor has no relative steps.
    fn factor(&self, index: usize) -> Option<(f64, Option<usize>)> {
        let budget = self.budgets.iter().position(|budget| budget.contains(index));
        let initial = self.steps.get(&index)?.factor?;
        Some(match budget {
            Some(budget) => (self.budgets[budget].factor(index)?, Some(budget)),
            // Embedding and head have no budget if the target is that of the block projections; they follow
            // it.
            None => {
                let octaves = self.budgets.first().map_or(0.0, Budget::step_octaves);
                (initial * octaves.exp2(), None)
            }
        })
    }
}

impl LayerQuantizer for BudgetedQuantizer<'_> {
    fn quantize(
        &mut self,
        name: &str,
        corrected: &[f32],
        statistics: &LayerStatistics,
    ) -> Result<Option<QuantizedLayer>> {
        let Some(&index) = self.indices.get(name) else { return Ok(None) };
        let info = &self.source.tensors()[index];
        if [info.rows, info.cols] != statistics.shape
            || !matches!(self.choices[index], GridChoice::Uniform { .. })
        {
            return Ok(None);
        }
        let trellis = self.choices[index].trellis();
        let feedback = error_feedback(trellis, &statistics.hessian, info.cols)?;
        let Some(relative) = RelativeSteps::new(&feedback, statistics) else { return Ok(None) };
        let bytes: &[u8] = bytemuck::cast_slice(corrected);
        let floats = Floats::new(FloatType::F32, statistics.shape, bytes)?;
        let encode_options = self.options.encode_options(name)?;
        loop {
            let Some((factor, budget)) = self.factor(index) else { return Ok(None) };
            let factor = factor as f32;
            let StepSizes { rows, .. } = relative.scaled(factor.into());
            let (codes, grid) =
                quantize_with_feedback(trellis, &floats, &rows, &relative.col_scales, &feedback)?;
            let (tensor, _) = encode(info.kind, &codes, &grid, &encode_options)?;
            let bits = 8.0 * file_bytes(self.source, name, &tensor)? as f64;
            if budget.is_none_or(|budget| self.budgets[budget].record(index, factor.into(), bits)) {
                let weights = dequantize_rows(&codes, &grid, 0..info.rows);
                return Ok(Some(QuantizedLayer { weights, outcome: QuantizationOutcome { factor, bits } }));
            }
        }
    }

    fn resume(&mut self, name: &str, outcome: QuantizationOutcome) {
        let Some(&index) = self.indices.get(name) else { return };
        for budget in self.budgets.iter_mut().filter(|budget| budget.contains(index)) {
            while !budget.record(index, outcome.factor.into(), outcome.bits) {}
        }
    }
}
