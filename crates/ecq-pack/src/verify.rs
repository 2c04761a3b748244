//! Proving that a file is whole, and that two models are the same.

use crate::difference::{Sums, WeightError, layer_order};
use crate::error::Result;
use crate::progress::{Progress, in_batches};
use crate::source::{EcqSource, GAPS_FILE, HEADER_FILE, Source, SourceTensor, Tensor, open};
use crate::weights::weights;
use ecq_core::{AffineGroups, Biases, FloatVec, Grid, Kind, Limits, UniformRows};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// One difference between two tensors of a name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mismatch {
    /// The tensor.
    pub tensor: String,
    /// What differs, with the first place where it does.
    pub what: String,
    /// How far the weights are from each other, where both tensors have weights and one shape.
    #[serde(flatten)]
    pub error: Option<WeightError>,
}

/// What verifying found.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyReport {
    /// Whether seal, checksums and every tensor held.
    pub ok: bool,
    /// Tensors looked at.
    pub tensors: usize,
    /// Codes decoded, and, with a source, compared.
    pub codes_checked: u64,
    /// Scales and biases decoded, and, with a source, compared.
    pub side_values_checked: u64,
    /// Tensors that the file holds on another grid than the source, which its recipe allows.
    pub quantized: Vec<QuantizedTensor>,
    /// How far these are from the source, by kind; where two models are compared, how far those are that
    /// differ. It is no verdict: a calibrated file trades this error for one that the text shows less.
    pub errors: Vec<KindErrors>,
    /// Signal to quantization noise of all of them in decibels.
    pub sqnr_db: Option<f64>,
    /// Differences to the source that nothing allows.
    pub mismatches: Vec<Mismatch>,
}

/// A tensor that is not the source's, but stands for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QuantizedTensor {
    /// The tensor.
    pub tensor: String,
    /// How far it is from the source.
    #[serde(flatten)]
    pub error: WeightError,
}

/// How far the tensors of a kind are from those of the source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindErrors {
    /// What the tensors are to the model.
    pub kind: Kind,
    /// How many they are.
    pub tensors: usize,
    /// How far they are, all their weights together.
    #[serde(flatten)]
    pub error: WeightError,
}

/// How a tensor stands to that of the source.
enum Outcome {
    Same,
    Quantized(Sums),
    Differs(String, Option<Sums>),
}

/// Checks seal and checksums of `file`, decodes every tensor, and compares all with `against` if given:
/// tensors, and the files and headers that ride along.
///
/// # Errors
/// When the file is damaged (the error says where) or a model cannot be read. Differences to the source are
/// no error: they are in the report.
pub fn verify(
    file: &Path,
    against: Option<&dyn Source>,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<VerifyReport> {
    let ecq = EcqSource::open(file, limits)?;
    progress.begin("checking the seal", ecq.bytes());
    let mut before = 0;
    let sealed = ecq.file().verify_seal(|done| {
        progress.advance(done - before, "seal");
        before = done;
    });
    if let Err(broken) = sealed {
        // The seal says that a bit is wrong, the checksums of parts say where.
        for name in ecq.file().names().iter().filter(|name| ecq.file().entry(name).is_some()) {
            ecq.file().check(name)?;
        }
        return Err(broken.into());
    }
    progress.end();
    let quantized = ecq.file().model().recipe.is_some();
    let against = against.map(|source| as_packed(&ecq, source)).transpose()?;
    let mut report = compare(&ecq, against, quantized, progress)?;
    if let Some(source) = against {
        report.mismatches.extend(other_bytes(&ecq, source)?);
        report.ok = report.mismatches.is_empty();
    }
    Ok(report)
}

/// The form of the source that the file was made of: layers of act-order are floats where they got new grids.
fn as_packed<'a>(ecq: &EcqSource, source: &'a dyn Source) -> Result<&'a dyn Source> {
    let names = |source: &dyn Source| -> HashSet<String> {
        source.tensors().iter().map(|facts| facts.name.clone()).collect()
    };
    let (ours, kept) = (names(ecq), names(source));
    if ours.is_subset(&kept) {
        return Ok(source);
    }
    Ok(source.for_requantizing()?.filter(|floats| ours.is_subset(&names(*floats))).unwrap_or(source))
}

/// How what rides along differs from what lies beside the tensors of the source.
pub(crate) fn other_bytes(ecq: &EcqSource, source: &dyn Source) -> Result<Vec<Mismatch>> {
    let ours: HashMap<String, Vec<u8>> = ecq.attached_files()?.into_iter().collect();
    let theirs: HashMap<String, Vec<u8>> = source.attached_files()?.into_iter().collect();
    let mut mismatches = Vec::new();
    for (name, bytes) in &ours {
        if let Some(other) = theirs.get(name).filter(|other| *other != bytes) {
            let at =
                bytes.iter().zip(other).position(|(a, b)| a != b).unwrap_or(bytes.len().min(other.len()));
            let what = format!("differs in the first model and the second, first at byte {at}");
            mismatches.push(Mismatch { tensor: name.clone(), what, error: None });
        }
    }
    // A file from a version that kept no padding. Of other files, which ones ride along may change.
    if theirs.contains_key(HEADER_FILE) && ours.contains_key(GAPS_FILE) != theirs.contains_key(GAPS_FILE) {
        let which = if ours.contains_key(GAPS_FILE) { "first" } else { "second" };
        let what =
            format!("bytes between or behind the tensors that are not zero are only in the {which} model");
        mismatches.push(Mismatch { tensor: GAPS_FILE.to_owned(), what, error: None });
    }
    mismatches.sort_by(|a, b| a.tensor.cmp(&b.tensor));
    Ok(mismatches)
}

/// Compares two models tensor by tensor.
///
/// # Errors
/// When a tensor of one of them cannot be read.
pub fn diff(a: &Path, b: &Path, limits: &Limits, progress: &dyn Progress) -> Result<VerifyReport> {
    let (a, b) = (open(a, limits)?, open(b, limits)?);
    compare(&*a, Some(&*b), false, progress)
}

/// Compares `a` with `b`; with `quantized`, a tensor of `a` may be that of `b` on another grid.
fn compare(
    a: &dyn Source,
    b: Option<&dyn Source>,
    quantized: bool,
    progress: &dyn Progress,
) -> Result<VerifyReport> {
    let mut report = VerifyReport {
        ok: true,
        tensors: a.tensors().len(),
        codes_checked: 0,
        side_values_checked: 0,
        quantized: Vec::new(),
        errors: Vec::new(),
        sqnr_db: None,
        mismatches: Vec::new(),
    };
    let mut of_kinds = [Kind::Linear, Kind::Embedding, Kind::Other].map(|kind| (kind, 0, Sums::default()));
    let mut all_sums = Sums::default();
    let mut cosines = Vec::new();
    let place: Option<HashMap<&str, usize>> =
        b.map(|b| b.tensors().iter().enumerate().map(|(i, t)| (t.name.as_str(), i)).collect());
    let all: Vec<usize> = (0..a.tensors().len()).collect();
    progress.begin("comparing", a.tensors().iter().map(|t| t.bytes).sum());
    in_batches(
        progress,
        &all,
        |&i| a.tensors()[i].bytes,
        |batch| {
            let found = batch.par_iter().map(|&i| {
                let facts = &a.tensors()[i];
                let ours = a.load(i)?;
                let (codes, side) = values(&ours);
                let outcome = match (b, &place) {
                    (Some(b), Some(place)) => match place.get(facts.name.as_str()) {
                        Some(&j) => {
                            let theirs = b.load(j)?;
                            match difference(&ours, &theirs) {
                                None => Outcome::Same,
                                Some(what) => {
                                    let of =
                                        [(&ours, facts, a.format()), (&theirs, &b.tensors()[j], b.format())];
                                    match (sums(of)?, quantized && matches!(ours, Tensor::Coded(..))) {
                                        (Some(sums), true) => Outcome::Quantized(sums),
                                        (sums, _) => Outcome::Differs(what, sums),
                                    }
                                }
                            }
                        }
                        None => Outcome::Differs("is only in the first model".to_owned(), None),
                    },
                    _ => Outcome::Same,
                };
                progress.advance(facts.bytes, &facts.name);
                Ok((codes, side, facts, outcome))
            });
            for (codes, side, facts, outcome) in found.collect::<Result<Vec<_>>>()? {
                let tensor = facts.name.clone();
                report.codes_checked += codes;
                report.side_values_checked += side;
                let sums = match outcome {
                    Outcome::Same => None,
                    Outcome::Differs(what, sums) => {
                        let error = sums.map(|sums| sums.error());
                        report.mismatches.push(Mismatch { tensor, what, error });
                        sums
                    }
                    Outcome::Quantized(sums) => {
                        report.quantized.push(QuantizedTensor { tensor, error: sums.error() });
                        cosines.push(sums.cosine());
                        Some(sums)
                    }
                };
                if let Some(sums) = sums {
                    all_sums.add(sums);
                    let of_kind = of_kinds.iter_mut().filter(|(kind, ..)| *kind == facts.kind);
                    of_kind.for_each(|(_, tensors, all)| {
                        *tensors += 1;
                        all.add(sums);
                    });
                }
            }
            Ok(())
        },
    )?;
    progress.end();
    if let Some(b) = b {
        let ours: HashSet<&str> = a.tensors().iter().map(|t| t.name.as_str()).collect();
        for theirs in b.tensors().iter().filter(|t| !ours.contains(t.name.as_str())) {
            let what = "is only in the second model".to_owned();
            report.mismatches.push(Mismatch { tensor: theirs.name.clone(), what, error: None });
        }
    }
    if quantized && !report.quantized.is_empty() && all_sums.is_unrelated() {
        // Names and shapes are those of every model of the architecture.
        for (tensor, cosine) in report.quantized.drain(..).zip(cosines) {
            let what = format!("has nothing to do with the source's (cosine {cosine:.3})");
            report.mismatches.push(Mismatch { tensor: tensor.tensor, what, error: Some(tensor.error) });
        }
    }
    report.mismatches.sort_by_cached_key(|mismatch| layer_order(&mismatch.tensor));
    report.quantized.sort_by_cached_key(|quantized| layer_order(&quantized.tensor));
    let errors = of_kinds.into_iter().filter(|(_, tensors, _)| *tensors > 0);
    report.errors =
        errors.map(|(kind, tensors, sums)| KindErrors { kind, tensors, error: sums.error() }).collect();
    report.sqnr_db = all_sums.error().sqnr_db;
    report.ok = report.mismatches.is_empty();
    Ok(report)
}

/// How far the first tensor is from the second, where both have weights and one shape.
fn sums([ours, theirs]: [(&Tensor, &SourceTensor, &str); 2]) -> Result<Option<Sums>> {
    let of = |(tensor, facts, format): (_, _, _)| weights(tensor, facts, format);
    match (of(theirs), of(ours)) {
        (Some(theirs), Some(ours)) if theirs.shape() == ours.shape() => Ok(Some(Sums::of(&*theirs, &*ours)?)),
        _ => Ok(None),
    }
}

/// Codes and side values of a tensor.
fn values(tensor: &Tensor) -> (u64, u64) {
    match tensor {
        Tensor::Coded(codes, Grid::AffineGroups(grid)) => {
            let biases = match &grid.biases {
                Biases::PerGroup(biases) => biases.len(),
                Biases::Zeros(zeros) => zeros.len(),
                Biases::Zero(_) => 0,
            };
            (codes.symbols().len() as u64, (grid.scales.len() + biases) as u64)
        }
        Tensor::Coded(codes, Grid::UniformRows(grid)) => {
            let optional = [&grid.col_scales, &grid.levels].into_iter().flatten().map(FloatVec::len);
            let side = grid.steps.len() + optional.sum::<usize>() + grid.outliers.len();
            (codes.symbols().len() as u64, side as u64)
        }
        Tensor::Coded(codes, _) => (codes.symbols().len() as u64, 0),
        Tensor::Raw { .. } => (0, 0),
    }
}

/// How two tensors differ; `None` when every bit is the same.
pub(crate) fn difference(a: &Tensor, b: &Tensor) -> Option<String> {
    match (a, b) {
        (Tensor::Coded(qa, ga), Tensor::Coded(qb, gb)) => {
            if (qa.rows(), qa.cols()) != (qb.rows(), qb.cols()) {
                return Some(format!("is {}x{} and {}x{}", qa.rows(), qa.cols(), qb.rows(), qb.cols()));
            }
            let differing = || qa.symbols().iter().zip(qb.symbols()).enumerate().filter(|(_, (x, y))| x != y);
            if let Some((i, (x, y))) = differing().next() {
                let (row, col) = (i / qa.cols(), i % qa.cols());
                let n = differing().count();
                return Some(format!("{n} codes differ, first at row {row}, column {col}: {x} and {y}"));
            }
            match (ga, gb) {
                (Grid::AffineGroups(ga), Grid::AffineGroups(gb)) => grid_difference(ga, gb),
                (Grid::UniformRows(ga), Grid::UniformRows(gb)) => uniform_difference(ga, gb),
                _ => Some("has another grid".to_owned()),
            }
        }
        (Tensor::Raw { dtype: ta, bytes: ba, .. }, Tensor::Raw { dtype: tb, bytes: bb, .. }) => {
            if ta != tb || ba.len() != bb.len() {
                return Some(format!("is {} bytes of {ta} and {} of {tb}", ba.len(), bb.len()));
            }
            let at = ba.iter().zip(bb).position(|(x, y)| x != y)?;
            Some(format!("bytes differ, first at {at}: {:#04x} and {:#04x}", ba[at], bb[at]))
        }
        _ => Some("has codes in one model and none in the other".to_owned()),
    }
}

fn grid_difference(a: &AffineGroups, b: &AffineGroups) -> Option<String> {
    if (a.bits, a.group_size) != (b.bits, b.group_size) {
        return Some(format!(
            "has {} bits a {} and {} bits a {}",
            a.bits, a.group_size, b.bits, b.group_size
        ));
    }
    float_difference("scales", &a.scales, &b.scales).or_else(|| match (&a.biases, &b.biases) {
        (Biases::PerGroup(a), Biases::PerGroup(b)) => float_difference("biases", a, b),
        (a, b) => (a != b).then(|| "has another zero point".to_owned()),
    })
}

fn uniform_difference(a: &UniformRows, b: &UniformRows) -> Option<String> {
    let optional = |what: &str, a: &Option<FloatVec>, b: &Option<FloatVec>| match (a, b) {
        (Some(a), Some(b)) => float_difference(what, a, b),
        (a, b) => (a != b).then(|| format!("only one model has {what}")),
    };
    (a.zero != b.zero)
        .then(|| format!("has zero points {} and {}", a.zero, b.zero))
        .or_else(|| float_difference("steps", &a.steps, &b.steps))
        .or_else(|| optional("column scales", &a.col_scales, &b.col_scales))
        .or_else(|| optional("levels", &a.levels, &b.levels))
        .or_else(|| (a.outliers != b.outliers).then(|| "has other outliers".to_owned()))
}

fn float_difference(what: &str, a: &FloatVec, b: &FloatVec) -> Option<String> {
    if (a.dtype(), a.len()) != (b.dtype(), b.len()) {
        return Some(format!("{what} have other types or counts"));
    }
    let width = a.dtype().bytes();
    let at = a.as_bytes().chunks(width).zip(b.as_bytes().chunks(width)).position(|(x, y)| x != y)?;
    Some(format!("{what} differ, first at {at}: {} and {}", a.get(at), b.get(at)))
}
