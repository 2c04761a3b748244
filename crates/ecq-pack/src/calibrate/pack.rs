//! Packing of a model with calibrated uniform grids.

use super::collect::{SurveyGrids, SurveyWork};
use super::input::Input;
use super::journal::JournalLocation;
use super::passages::written;
use super::quantizer::BudgetedQuantizer;
use super::sequential::quantize_sequentially;
use super::statistics::LayerStatistics;
use super::survey::MatrixSurvey;
use super::{Calibration, CalibrationOptions, Sequences};
use crate::destination::Destination;
use crate::error::{PackError, Result};
use crate::grids::GridChoice;
use crate::options::{PackOptions, Target};
use crate::pack::{Output, pack};
use crate::predicted_kl::matching_factor;
use crate::progress::Progress;
use crate::report::{CalibrationWork, PackReport};
use crate::solve_steps::solve_steps;
use crate::source::{HEADER_FILE, Source, SourceTensor, for_options};
use ecq_codec::encode::{CodingChoice, EncodeOptions};
use ecq_core::{Coding, Limits};
use ecq_runtime::Checkpoint;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Changes whenever calibration computes something else from the same inputs, so that no run continues one of
/// another version.
const METHOD: u32 = 2;

/// Packs `source` as [`pack`](crate::pack()) does, with calibrated uniform grids: step sizes follow the cost
/// of errors, rounding uses error feedback, and every matrix is corrected for the errors of those before it.
///
/// `folder` holds intermediate results: the model as an `.ecq` file, activations, and the survey of the
/// model, which stays there for runs at other rates.
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
    let description = calibration.description(written(&checkpoint, calibration));
    let quarter = sequences.quarter();
    // The tokens are part of the key, because other versions may choose other passages for the same options.
    let tokens = blake3::hash(bytemuck::cast_slice(&quarter.tokens)).to_hex();
    let work_folder = |prefix: &str, inputs: &str| -> Result<PathBuf> {
        let key = &blake3::hash(format!("{METHOD} {model} {tokens} {inputs}").as_bytes()).to_hex()[..16];
        let folder = folder.join(format!("{prefix}-{key}"));
        std::fs::create_dir_all(&folder).map_err(|source| PackError::Io { path: folder.clone(), source })?;
        Ok(folder)
    };
    let tensors = source.tensors();
    let choices = tensors.iter().map(|tensor| options.grid_of(tensor)).collect::<Result<Vec<_>>>()?;
    let by_name: HashMap<&str, GridChoice> =
        tensors.iter().map(|tensor| tensor.name.as_str()).zip(choices.iter().copied()).collect();
    let grids = SurveyGrids { choices: &by_name, reference: calibration.reference_grid };
    let trellises: Vec<String> =
        choices.iter().map(|c| c.trellis().map_or(String::new(), |t| t.to_string())).collect();
    let surveyed =
        work_folder("seen", &format!("{description} {trellises:?} {:?}", calibration.reference_grid))?;
    let location =
        JournalLocation { folder: &surveyed, description: &description, resume: calibration.reuse };
    let (mut survey, mut survey_work) =
        Calibration::collect(&checkpoint, &quarter, grids, location, progress)?;
    let ends = survey.survey_ends(&checkpoint, grids, &mut survey_work)?;
    survey.measured_kinds = sequences.held_out.iter().map(|held_out| held_out.kind.clone()).collect();
    let distillation_steps = sequences.distillation_steps(calibration.distillation_tokens);
    survey.distilled_tokens = distillation_steps * sequences.length;
    let survey = Arc::new(survey);
    options.calibration = Some(survey.clone());
    if let Some(reference) = calibration.reference_grid {
        options.target = Target::Factor(match_reference(&survey, tensors, reference)?);
    }
    let options = options;
    let solution = solve_steps(source, &choices, &options, progress)?;
    let steps = solution.steps.clone();
    let inputs = format!("{METHOD} {model} {tokens} {description}");
    // A dry run writes a file, too, because distillation reads the matrices again.
    let scratch = dest.is_none().then(|| tempfile::tempdir_in(folder)).transpose();
    let scratch = scratch.map_err(|source| PackError::Io { path: folder.to_owned(), source })?;
    let scratch_file = scratch.as_ref().map(|folder| folder.path().join("model.ecq"));
    let mut output = Output::open(source, dest.or(scratch_file.as_deref()), &choices, &options, &inputs)?;
    let rest: Vec<usize> =
        (0..tensors.len()).filter(|i| steps.get(i).is_none_or(|steps| steps.factor.is_none())).collect();
    let mut quantizer = BudgetedQuantizer::new(
        source,
        &survey,
        &choices,
        &options,
        solution,
        distillation_steps,
        &mut output,
    );
    let measured =
        quantize_sequentially(&checkpoint, &sequences, folder, grids, ends, &mut quantizer, progress)?;
    let (kl, work) = quantizer.result()?;
    drop(checkpoint);
    output.pack(&rest, &steps, progress)?;
    let mut report = output.finish(source_name, measured.kl, progress)?;
    report.kl_before_distillation = measured.kl_before_distillation;
    report.dry_run = dest.is_none();
    report.seconds = start.elapsed().as_secs_f64();
    report.expected_kl = Some(kl).filter(|nats| nats.is_finite());
    report.calibration = Some(CalibrationWork {
        surveyed_inputs: survey_work.inputs,
        survey_factorizations: survey_work.factorizations,
        ..work
    });
    Ok(report)
}

impl Calibration {
    /// Surveys embedding and head by their moments; returns their inputs by name.
    fn survey_ends(
        &mut self,
        checkpoint: &Checkpoint,
        grids: SurveyGrids<'_>,
        work: &mut SurveyWork,
    ) -> Result<HashMap<String, Input>> {
        let config = checkpoint.config();
        let shape = [config.vocabulary, config.hidden];
        let mut inputs = HashMap::new();
        for name in config.head.iter().chain([&config.embedding]) {
            let stored = checkpoint.stored_name(name).unwrap_or(name);
            let GridChoice::Uniform { .. } = grids.of(stored) else { continue };
            let Some(LayerStatistics { hessian, gradient_moments, .. }) = self.statistics(stored, shape)?
            else {
                continue;
            };
            let weights = checkpoint.matrix(name, shape)?.to_f32()?;
            let mut input = grids.input(config.hidden, hessian, [stored]);
            // The predicted KL divergence of these is too low by a factor of two to three, because other
            // texts contain other tokens, so the reference grid does not include them.
            let choice = grids.of(stored);
            let survey = MatrixSurvey::new(&mut input, shape, &weights, gradient_moments, choice, None)
                .map_err(|error| error.with_tensor(stored))?;
            work.add(&input);
            self.ends.insert(stored.to_owned(), survey);
            inputs.insert(stored.to_owned(), input);
        }
        Ok(inputs)
    }
}

/// Returns the factor of relative steps at which the tensors that share the target have the predicted KL
/// divergence that they have on the grid `reference`.
fn match_reference(survey: &Calibration, tensors: &[SourceTensor], reference: GridChoice) -> Result<f64> {
    let (mut reference_nats, mut matched) = (0.0, Vec::new());
    for tensor in tensors {
        let surveyed = survey.survey(&tensor.name, [tensor.rows, tensor.cols])?;
        if let Some((nats, surveyed)) = surveyed.and_then(|survey| Some((survey.reference_nats?, survey))) {
            reference_nats += nats;
            matched.push(surveyed);
        }
    }
    if !(reference_nats > 0.0 && reference_nats.is_finite()) {
        let why = "the calibration shows no error on this grid; give --bpw or --size instead";
        return Err(PackError::Option { option: format!("match {reference}"), why: why.to_owned() });
    }
    Ok(matching_factor(|factor| matched.iter().map(|survey| survey.nats(factor)).sum(), reference_nats))
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
