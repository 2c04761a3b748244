//! Quantizing a model whose errors were weighed by running it on text.

use crate::budget::Budget;
use crate::calibrate::{Calibration, Fitted, LayerStatistics, Place, Quantized, Quantizer, Sequences};
use crate::destination::Destination;
use crate::error::{PackError, Result};
use crate::grids::GridChoice;
use crate::matching::{dequantized, expected, matching};
use crate::options::{PackOptions, Target};
use crate::pack::{file_bytes, pack, pack_at};
use crate::progress::{Progress, check};
use crate::rates::{CoderRates, Found, find};
use crate::report::PackReport;
use crate::source::{HEADER_FILE, Source, for_options};
use crate::spacing::{Spacing, Steps};
use ecq_codec::encode::{CodingChoice, EncodeOptions, encode};
use ecq_core::{Coding, FloatType, Kind, Limits};
use ecq_quant::{ErrorFeedback, Floats, feedback};
use ecq_runtime::backend::{ActivationType, Cpu, CpuOptions};
use ecq_runtime::kv::KvOptions;
use ecq_runtime::{
    Checkpoint, Engine, EngineOptions, EventKind, ExecutorOptions, LoadOptions, Mode, Model, Request,
    SampleOptions, Tokenizer,
};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

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
    /// In place of a target: block projections as small as is possible without costing more than on this
    /// grid, by the estimate of
    /// [`LayerStatistics`].
    pub like: Option<GridChoice>,
    /// Take over what the folder holds of earlier runs: of this one, interrupted, or of ones at other rates.
    pub reuse: bool,
}

/// A mixed text that ships with ecq: novels, speeches, scripture, physics, manuals of free software, source
/// code.
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
        format!("{} tokens of {on} in windows of {}, seed {}", self.tokens, self.length, self.seed)
    }
}

/// Packs `source` as [`pack`] does, its uniform grids calibrated: steps follow what errors cost, rounding
/// feeds errors back, and every matrix is fitted to what the quantized ones before it give.
///
/// `folder` holds what is learned on the way: the model as it runs, and some four bytes a weight. What is
/// learned of the model (not of the rate) stays there for other rates.
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
    let start = Instant::now();
    if let Some(dest) = dest {
        Destination::file(dest).replacing(true).check(&source.files())?;
    }
    let source = for_options(source, &options)?;
    options.check(source.tensors())?;
    // Said now, not when the whole reference is packed.
    if !source.attached_files()?.iter().any(|(name, _)| name == "config.json" || name == HEADER_FILE) {
        return Err(PackError::Calibration(format!(
            "{source_name} has no config.json, so the model cannot be run: copy it from where the model came from, \
             or quantize without calibration"
        )));
    }
    std::fs::create_dir_all(folder).map_err(|source| PackError::Io { path: folder.to_owned(), source })?;
    let model = &blake3::hash(source.fingerprint().as_bytes()).to_hex()[..16];
    let reference =
        runnable(source, &folder.join(format!("model-{model}.ecq")), calibration.reuse, progress)?;
    let checkpoint = Checkpoint::open(&reference, &Limits::default())?;
    let sequences = sequences(&checkpoint, calibration, progress)?;
    let description = calibration.description();
    let few = Sequences { tokens: a_fourth(&sequences.tokens, sequences.length), ..sequences.clone() };
    // Which tokens a text and a seed come to may change from one version to the next.
    let tokens = blake3::hash(bytemuck::cast_slice(&few.tokens)).to_hex();
    let place = |what: &str, of: &str| -> Result<PathBuf> {
        let key = &blake3::hash(format!("{model} {tokens} {of}").as_bytes()).to_hex()[..16];
        let folder = folder.join(format!("{what}-{key}"));
        std::fs::create_dir_all(&folder).map_err(|source| PackError::Io { path: folder.clone(), source })?;
        Ok(folder)
    };
    let seen = place("seen", &description)?;
    let kept = Place { folder: &seen, description: &description, resume: calibration.reuse };
    let watched = Calibration::collect(&checkpoint, &few, kept, progress)?;

    // Where steps stand for the rate asked for, found without fitting in turn.
    options.calibration = Some(Arc::new(watched.clone()));
    let tensors = source.tensors();
    let choices = tensors.iter().map(|facts| options.grid_of(facts)).collect::<Result<Vec<_>>>()?;
    if let Some(like) = calibration.like {
        // Estimates for embeddings are too hopeful by a factor of two or three: the tokens of other texts are
        // other ones.
        let shares = |i: &usize| {
            tensors[*i].kind == Kind::Linear && matches!(choices[*i], GridChoice::Uniform { bpw: None, .. })
        };
        let shared: Vec<usize> = (0..tensors.len()).filter(shares).collect();
        options.target = Target::Factor(matching(source, &shared, like, &options, progress)?);
    }
    let Found { mut steps, budgets } = find(source, &choices, &options, progress)?;
    let places: HashMap<&str, usize> =
        tensors.iter().enumerate().map(|(i, t)| (t.name.as_str(), i)).collect();
    let mut rounding =
        Rounding { source, choices: &choices, options: &options, places, steps: &steps, budgets };
    // What is fitted depends on the rate too.
    let fit = place("fitted", &format!("{description} {}", options.fingerprint()))?;
    let (fitted, all) = watched.sequential(
        &checkpoint,
        &sequences,
        Place { folder: &fit, ..kept },
        &mut rounding,
        progress,
    )?;
    drop(checkpoint);
    let factors = tensors.iter().enumerate().filter_map(|(index, facts)| {
        let fitted = all.get(&facts.name).map(|fit| f64::from(fit.factor));
        Some((index, fitted.or(steps.get(&index)?.factor)?))
    });
    let expected_kl = expected(source, &factors.collect(), &options, progress)?;
    // What was fitted is packed as it was rounded then.
    for (&index, steps) in &mut steps {
        let facts = &tensors[index];
        if let (Some(fit), Some(spacing)) = (all.get(&facts.name), Spacing::of(Some(&fitted), facts)?) {
            *steps = spacing.at(f64::from(fit.factor));
        }
    }
    options.calibration = Some(Arc::new(fitted));
    let mut report = pack_at(source, source_name, dest, Some(steps), &options, progress)?;
    report.seconds = start.elapsed().as_secs_f64();
    report.expected_kl = Some(expected_kl).filter(|nats| nats.is_finite());
    for tensor in &report.tensors {
        // Offsets in the header have more or fewer digits.
        let as_fitted = |fit: &Fitted| (8.0 * tensor.bytes as f64 - fit.bits).abs() < 8.0 * 64.0;
        debug_assert!(all.get(&tensor.name).is_none_or(as_fitted), "{tensor:?}");
    }
    std::fs::remove_dir_all(&fit).map_err(|source| PackError::Io { path: fit, source })?;
    Ok(report)
}

/// Rounds matrices onto uniform grids as they come, at steps that keep the rate.
struct Rounding<'a> {
    source: &'a dyn Source,
    choices: &'a [GridChoice],
    options: &'a PackOptions,
    places: HashMap<&'a str, usize>,
    steps: &'a HashMap<usize, Steps>,
    budgets: Vec<Budget>,
}

impl Rounding<'_> {
    /// The factor at which matrix `index` is to be rounded, and which budget pays for it.
    fn factor(&self, index: usize) -> Option<(f64, Option<usize>)> {
        let payer = self.budgets.iter().position(|budget| budget.holds(index));
        let found = self.steps.get(&index)?.factor?;
        Some(match payer {
            Some(payer) => (self.budgets[payer].factor(index)?, Some(payer)),
            // Embedding and head follow the block projections where those alone have a rate.
            None => (found * self.budgets.first().map_or(1.0, |shared| shared.octaves().exp2()), None),
        })
    }
}

impl Quantizer for Rounding<'_> {
    fn quantize(&mut self, name: &str, aim: &[f32], moments: &LayerStatistics) -> Result<Option<Quantized>> {
        let Some(&index) = self.places.get(name) else { return Ok(None) };
        let facts = &self.source.tensors()[index];
        if [facts.rows, facts.cols] != moments.shape
            || !matches!(self.choices[index], GridChoice::Uniform { .. })
        {
            return Ok(None);
        }
        let errors = ErrorFeedback::new(&moments.inputs, facts.cols)?;
        let Some(spacing) = Spacing::new(&errors, moments) else { return Ok(None) };
        let bytes: &[u8] = bytemuck::cast_slice(aim);
        let floats = Floats::new(FloatType::F32, moments.shape, bytes)?;
        let encode_options = self.options.of(name)?;
        loop {
            let Some((factor, payer)) = self.factor(index) else { return Ok(None) };
            let factor = factor as f32;
            let Steps { rows, .. } = spacing.at(factor.into());
            let (codes, grid) = feedback(&floats, &rows, &spacing.col_scales, &errors, &CoderRates)?;
            let (tensor, _) = encode(facts.kind, &codes, &grid, &encode_options)?;
            let bits = 8.0 * file_bytes(self.source, name, &tensor)? as f64;
            if payer.is_none_or(|payer| self.budgets[payer].spend(index, factor.into(), bits)) {
                let weights = dequantized(&codes, &grid, 0..facts.rows);
                return Ok(Some(Quantized { weights, fitted: Fitted { factor, bits } }));
            }
        }
    }

    fn resume(&mut self, name: &str, fitted: Fitted) {
        let Some(&index) = self.places.get(name) else { return };
        for budget in self.budgets.iter_mut().filter(|budget| budget.holds(index)) {
            while !budget.spend(index, fitted.factor.into(), fitted.bits) {}
        }
    }
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

/// One of every four sequences, another one each time: they come from texts in turn, and all texts are to be
/// among them.
fn a_fourth(tokens: &[u32], length: usize) -> Vec<u32> {
    let fours = tokens.chunks(4 * length).enumerate();
    fours.flat_map(|(i, four)| four.chunks(length).cycle().nth(i % 4).unwrap_or(four)).copied().collect()
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
            "the texts are too short: not one of them has {length} tokens; give longer ones, or take the default text"
        )));
    }
    Ok(Sequences { length, occurring: tokens.clone(), tokens, seed: options.seed })
}

/// Parts of a text that is more than a passage.
const LONG: u64 = 32;

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
                // Long texts begin with titles and contents, of which there is enough elsewhere: the middle
                // comes first.
                let first = seed.wrapping_mul(7919).wrapping_add(if n > LONG { n / 2 } else { 0 });
                taken.push(text[((first + *used as u64 * stride) % n) as usize].clone());
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

/// Sequences that the model writes side by side: more would share little more of each decoded tile.
const SEQUENCES_AT_ONCE: usize = 16;

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
    // What is drawn is noise anyway: the fast products will do.
    let cpu = CpuOptions { activations: ActivationType::I8, ..CpuOptions::default() };
    let backend = Arc::new(Cpu::new(cpu)?);
    let options = LoadOptions { mode: Mode::Cached, budget: None, free: None };
    let model = Arc::new(Model::load(checkpoint, backend, options)?);
    let at_once = count.min(SEQUENCES_AT_ONCE);
    let kv = KvOptions { sequences: at_once, positions: Some(at_once * length), ..KvOptions::default() };
    let executor = ExecutorOptions { kv, context: Some(length), ..ExecutorOptions::default() };
    let mut engine = Engine::new(model, None, EngineOptions { executor, ..EngineOptions::default() })?;
    let mut sequences = vec![start.clone(); count];
    let mut numbers = HashMap::new();
    progress.begin("writing", (count * length) as u64);
    for i in 0..count {
        let seed = seed.wrapping_add(i as u64);
        let sampling = SampleOptions { temperature: 1.0, seed, ..SampleOptions::GREEDY };
        let request = Request { sampling, ..Request::new(start.clone(), length - start.len()) };
        numbers.insert(engine.submit(request)?, i);
    }
    while !engine.is_idle() {
        check(progress)?;
        for event in engine.step() {
            match event.kind {
                EventKind::Token { token, .. } => {
                    sequences[numbers[&event.request]].push(token);
                    progress.advance(1, "calibration text");
                }
                EventKind::Failed { error, .. } => {
                    return Err(ecq_runtime::RuntimeError::Shared(error).into());
                }
                EventKind::PromptLogits { .. } | EventKind::Finished { .. } => {}
            }
        }
    }
    progress.end();
    Ok(sequences.concat())
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
        // Long ones from their middle on.
        let long: Vec<Vec<u32>> = (0..40).map(|i| vec![i]).collect();
        assert_eq!(spread(&[long], 40, 0)[0], [20]);
    }

    #[test]
    fn gradients_come_from_all_texts() {
        // Twelve sequences of two tokens, from two texts in turn.
        let tokens: Vec<u32> = (0..12).flat_map(|i| [i % 2, i]).collect();
        assert_eq!(a_fourth(&tokens, 2), [0, 0, 1, 5, 0, 10]);
        assert_eq!(a_fourth(&tokens[..6], 2), [0, 0]);
        assert_eq!(a_fourth(&tokens[..12], 2), [0, 0, 1, 5]);
    }

    #[test]
    fn the_text_that_ships_is_of_many_kinds() {
        let CalibrationText::Texts(texts) = CalibrationOptions::default_text() else { panic!("texts") };
        assert!(texts.len() >= 12 && DEFAULT_TEXT.len() <= 2 << 20);
        assert!(texts.iter().all(|(_, text)| text.len() > 10_000));
    }
}
