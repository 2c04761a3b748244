//! Quantizing a model whose errors were weighed by running it on text.

use crate::calibrate::{Calibration, Moments, Sequences};
use crate::encode::{CodingChoice, EncodeOptions};
use crate::error::{PackError, Result};
use crate::grids::GridChoice;
use crate::matching::{dequantized, matching};
use crate::options::{PackOptions, Target};
use crate::pack::pack;
use crate::progress::Progress;
use crate::rates::{CoderRates, steps};
use crate::report::PackReport;
use crate::source::Source;
use crate::spacing::Spacing;
use ecq_core::{Coding, FloatType, Kind, Limits};
use ecq_quant::{Feedback, Floats, feedback};
use ecq_runtime::backend::{Cpu, CpuOptions};
use ecq_runtime::{
    Checkpoint, LoadOptions, Mode, Model, SampleOptions, Sampler, Session, SessionOptions, Tokenizer,
    generate,
};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Text to calibrate on.
#[derive(Debug, Clone, PartialEq)]
pub enum CalibrationText {
    /// What the model itself writes: no data are needed.
    Own,
    /// Names and texts; tokens are taken of all in turn.
    Texts(Vec<(String, String)>),
}

/// How a model is watched.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationOptions {
    /// On what.
    pub text: CalibrationText,
    /// Tokens that inputs are watched on; a quarter of them for gradients.
    pub tokens: usize,
    /// Tokens of a sequence.
    pub length: usize,
    /// Where random numbers start, and which parts of long texts are taken.
    pub seed: u64,
    /// In place of a target: block projections as small as is possible without costing more than on this grid, by the estimate of
    /// [`Moments`].
    pub like: Option<GridChoice>,
    /// Take over what the folder holds of earlier runs: of this one, interrupted, or of ones at other rates.
    pub reuse: bool,
}

/// A mixed text that ships with ecq: novels, speeches, scripture, physics, manuals of free software, source code.
pub const DEFAULT_TEXT: &str = include_str!("../assets/calibration.txt");
/// What stands between the documents of [`DEFAULT_TEXT`].
pub const DOCUMENT: &str = "\n\n\u{c}\n";

impl CalibrationOptions {
    /// The text that ships with ecq, a document at a time.
    pub fn default_text() -> CalibrationText {
        let documents = DEFAULT_TEXT.split(DOCUMENT).enumerate();
        CalibrationText::Texts(documents.map(|(i, text)| (format!("default {i}"), text.to_owned())).collect())
    }

    fn description(&self) -> String {
        let on = match &self.text {
            CalibrationText::Own => "the model's own text".to_owned(),
            CalibrationText::Texts(texts) => {
                let mut hasher = blake3::Hasher::new();
                texts.iter().for_each(|(_, text)| {
                    hasher.update(text.as_bytes());
                });
                format!("{} texts ({})", texts.len(), &hasher.finalize().to_hex()[..12])
            }
        };
        format!("{} tokens of {on}, seed {}", self.tokens, self.seed)
    }
}

/// Packs `source` as [`pack`] does, its uniform grids calibrated: steps follow what errors cost, rounding feeds errors back, and every
/// matrix is fitted to what the quantized ones before it give.
///
/// `folder` holds what is learned on the way: the model as it runs, and some four bytes a weight. What is learned of the model (not of the rate)
/// stays there for other rates.
///
/// # Errors
/// As [`pack`]; when the model cannot be run; when the texts are too short.
pub fn pack_calibrated(
    source: &dyn Source,
    source_name: &str,
    dest: Option<&Path>,
    folder: &Path,
    mut options: PackOptions,
    calibration: &CalibrationOptions,
    progress: &dyn Progress,
) -> Result<PackReport> {
    std::fs::create_dir_all(folder).map_err(|source| PackError::Io { path: folder.to_owned(), source })?;
    let model = &blake3::hash(source.fingerprint().as_bytes()).to_hex()[..16];
    let reference =
        runnable(source, &folder.join(format!("model-{model}.ecq")), calibration.reuse, progress)?;
    let checkpoint = Checkpoint::open(&reference, &Limits::default())?;
    let sequences = sequences(&checkpoint, calibration, progress)?;
    let description = calibration.description();
    let few = Sequences { tokens: every_fourth(&sequences.tokens, sequences.length), ..sequences.clone() };
    let place = |what: &str, of: &str| -> Result<PathBuf> {
        let key = &blake3::hash(format!("{model} {of}").as_bytes()).to_hex()[..16];
        let folder = folder.join(format!("{what}-{key}"));
        std::fs::create_dir_all(&folder).map_err(|source| PackError::Io { path: folder.clone(), source })?;
        Ok(folder)
    };
    let seen = place("seen", &description)?;
    let watched = match Calibration::reopen(&seen, &description, calibration.reuse)? {
        Some(watched) => watched,
        None => Calibration::collect(&checkpoint, &few, &seen, &description, progress)?,
    };

    // Where steps stand for the rate asked for, found without fitting in turn.
    options.calibration = Some(Arc::new(watched.clone()));
    let tensors = source.tensors();
    let choices = tensors.iter().map(|facts| options.grid_of(facts)).collect::<Result<Vec<_>>>()?;
    if let Some(like) = calibration.like {
        // Estimates for embeddings are too hopeful by a factor of two or three: the tokens of other texts are other ones.
        let shares = |i: &usize| {
            tensors[*i].kind == Kind::Linear && matches!(choices[*i], GridChoice::Uniform { bpw: None, .. })
        };
        let shared: Vec<usize> = (0..tensors.len()).filter(shares).collect();
        options.target = Target::Factor(matching(source, &shared, like, &options, progress)?);
    }
    let found = steps(source, &choices, &options, false, progress)?;
    let places: HashMap<&str, usize> =
        tensors.iter().enumerate().map(|(i, t)| (t.name.as_str(), i)).collect();
    let quantize = |name: &str, aim: &[f32], moments: &Moments| -> Result<Option<Vec<f32>>> {
        let Some(&index) = places.get(name) else { return Ok(None) };
        let [rows, cols] = moments.shape;
        let (facts, found) = (&tensors[index], found.get(&index));
        let Some(factor) = found.and_then(|steps| steps.factor) else { return Ok(None) };
        if [facts.rows, facts.cols] != moments.shape || !matches!(choices[index], GridChoice::Uniform { .. })
        {
            return Ok(None);
        }
        let errors = Feedback::new(&moments.inputs, cols)?;
        let Some(spacing) = Spacing::new(&errors, moments) else { return Ok(None) };
        let bytes: Vec<u8> = bytemuck::cast_slice(aim).to_vec();
        let floats = Floats::new(FloatType::F32, [rows, cols], &bytes)?;
        let steps = spacing.steps(factor);
        let (codes, grid) = feedback(&floats, &steps, &spacing.col_scales, &errors, &CoderRates)?;
        Ok(Some(dequantized(&codes, &grid, 0..rows)))
    };
    // What is fitted depends on the rate too.
    let fit = place("fitted", &format!("{description} {}", options.fingerprint()))?;
    let fitted = match Calibration::reopen(&fit, &description, calibration.reuse)? {
        Some(fitted) => fitted,
        None => watched.sequential(&checkpoint, &sequences, &fit, &quantize, progress)?,
    };
    drop(checkpoint);
    options.calibration = Some(Arc::new(fitted));
    let report = pack(source, source_name, dest, &options, progress)?;
    std::fs::remove_dir_all(&fit).map_err(|source| PackError::Io { path: fit, source })?;
    Ok(report)
}

/// The source as an `.ecq` that runs: packed codes, quick to write and to load.
fn runnable(source: &dyn Source, path: &Path, reuse: bool, progress: &dyn Progress) -> Result<PathBuf> {
    if !(reuse && path.exists()) {
        let encode = EncodeOptions { coding: CodingChoice::Only(Coding::Packed), ..EncodeOptions::default() };
        let options = PackOptions { encode, resume: reuse, ..PackOptions::default() };
        pack(source, "reference", Some(path), &options, progress)?;
    }
    Ok(path.to_owned())
}

/// Every fourth sequence, but one at least.
fn every_fourth(tokens: &[u32], length: usize) -> Vec<u32> {
    tokens.chunks(length).step_by(4).flatten().copied().collect()
}

/// The text as sequences of equal length, each beginning as a text does.
fn sequences(
    checkpoint: &Checkpoint,
    options: &CalibrationOptions,
    progress: &dyn Progress,
) -> Result<Sequences> {
    let tokenizer = Tokenizer::of(checkpoint)?;
    let begin = tokenizer.encode("", true)?;
    let length = options.length.min(checkpoint.config().context).max(begin.len() + 1);
    let count = (options.tokens / length).max(1);
    let tokens = match &options.text {
        CalibrationText::Own => {
            own_text(checkpoint, &tokenizer, &begin, [count, length], options.seed, progress)?
        }
        CalibrationText::Texts(texts) => {
            let step = length - begin.len();
            let mut parts: Vec<Vec<Vec<u32>>> = Vec::new();
            for (_, text) in texts {
                let tokens = tokenizer.encode(text, false)?;
                parts.push(tokens.chunks_exact(step).map(|part| [&begin[..], part].concat()).collect());
            }
            spread(&parts, count, options.seed).concat()
        }
    };
    if tokens.is_empty() {
        return Err(PackError::Calibration(format!(
            "the texts are too short: not one of them has {length} tokens; give longer ones, or --calibrate default"
        )));
    }
    Ok(Sequences { length, occurring: tokens.clone(), tokens, seed: options.seed })
}

/// `count` parts, from all texts in turn, spread over each; the seed says where each begins.
fn spread(texts: &[Vec<Vec<u32>>], count: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut taken = Vec::new();
    let mut used = vec![0; texts.len()];
    while taken.len() < count {
        let before = taken.len();
        for (text, used) in texts.iter().zip(&mut used) {
            if *used < text.len() && taken.len() < count {
                // The golden section visits all places without clusters.
                let n = text.len() as u64;
                let stride = (1..=n)
                    .rev()
                    .find(|s| gcd(*s, n) == 1 && *s as f64 <= 0.618 * n as f64 + 1.0)
                    .unwrap_or(1);
                taken.push(text[((seed.wrapping_mul(7919) + *used as u64 * stride) % n) as usize].clone());
                *used += 1;
            }
        }
        if taken.len() == before {
            break;
        }
    }
    taken
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Sequences that the model writes, drawn as it thinks likely.
fn own_text(
    checkpoint: &Checkpoint,
    tokenizer: &Tokenizer,
    begin: &[u32],
    [count, length]: [usize; 2],
    seed: u64,
    progress: &dyn Progress,
) -> Result<Vec<u32>> {
    let start = match (begin.last(), tokenizer.end_tokens().first()) {
        (Some(_), _) => begin.to_vec(),
        // Models without a first token saw texts begin after the end of others.
        (None, Some(&end)) => vec![end],
        (None, None) => vec![0],
    };
    let backend = Arc::new(Cpu::new(CpuOptions::default())?);
    let options = LoadOptions { mode: Mode::Cached, budget: None, free: None };
    let model = Arc::new(Model::load(checkpoint, backend, options)?);
    let mut session = Session::new(model, SessionOptions::default())?;
    let mut tokens = Vec::new();
    progress.begin("writing", (count * length) as u64);
    for i in 0..count {
        let sample =
            SampleOptions { temperature: 1.0, seed: seed.wrapping_add(i as u64), ..SampleOptions::GREEDY };
        let mut sampler = Sampler::new(sample)?;
        session.truncate(0);
        let more = length - start.len();
        let text = generate(&mut session, &start, &mut sampler, more, &[], |_| ControlFlow::Continue(()))?;
        tokens.extend(start.iter().chain(&text.tokens).take(length));
        progress.advance(length as u64, "calibration text");
    }
    progress.end();
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_from_all_texts_and_none_twice() {
        let texts: Vec<Vec<Vec<u32>>> = [3u32, 0, 10]
            .iter()
            .enumerate()
            .map(|(t, &n)| (0..n).map(|i| vec![t as u32, i]).collect())
            .collect();
        for seed in 0..5 {
            let taken = spread(&texts, 8, seed);
            assert_eq!(taken.len(), 8);
            assert_eq!(taken.iter().filter(|part| part[0] == 0).count(), 3);
            let mut sorted = taken.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted.len(), 8, "{taken:?}");
        }
        assert_eq!(spread(&texts, 100, 1).len(), 13);
    }

    #[test]
    fn the_text_that_ships_is_of_many_kinds() {
        let CalibrationText::Texts(texts) = CalibrationOptions::default_text() else { panic!("texts") };
        assert!(texts.len() >= 12 && DEFAULT_TEXT.len() <= 2 << 20);
        assert!(texts.iter().all(|(_, text)| text.len() > 10_000));
    }
}
