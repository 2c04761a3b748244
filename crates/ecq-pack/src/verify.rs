//! Verification of a file against its checksums and its source, and comparison of two models.

use crate::error::Result;
use crate::progress::{Progress, map_tensors};
use crate::source::{EcqSource, GAPS_FILE, HEADER_FILE, Source, SourceTensor, Tensor, open};
use crate::weight_error::{ErrorSums, WeightError, layer_order};
use crate::weights::weights;
use ecq_core::{
    AffineGroups, Biases, Codes, FloatVec, Grid, Limits, SuperBlocks, TensorKind, TrellisRows, UniformRows,
};
use ecq_format::gguf::{pack_super_blocks, type_of_layout};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// A difference between two tensors of the same name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mismatch {
    /// The tensor's name, or that of an attached file.
    pub tensor: String,
    /// A description of the difference, with its first position.
    pub what: String,
    /// The difference of the weights, if both tensors have weights and the same shape.
    #[serde(flatten)]
    pub error: Option<WeightError>,
}

/// The result of verifying a file or comparing two models.
#[derive(Debug, Clone, Serialize)]
pub struct VerifyReport {
    /// Whether all checks passed: there are no mismatches.
    pub ok: bool,
    /// Number of tensors that were checked.
    pub tensors: usize,
    /// Number of codes that were decoded and, with a source, compared.
    pub codes_checked: u64,
    /// Number of scales, biases, levels and outliers that were decoded and, with a source, compared.
    pub side_values_checked: u64,
    /// Tensors on another grid than in the source, which the recipe of a quantized file permits.
    pub quantized: Vec<QuantizedTensor>,
    /// Errors of the quantized tensors, or of those that differ between two models, by kind. They do not
    /// indicate text quality: calibration accepts larger weight errors for a smaller KL divergence.
    pub errors: Vec<KindErrors>,
    /// Signal to quantization noise ratio of all of these tensors in decibels.
    pub sqnr_db: Option<f64>,
    /// Differences that nothing permits.
    pub mismatches: Vec<Mismatch>,
}

/// A quantized tensor of the file, compared with the source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QuantizedTensor {
    /// The tensor's name.
    pub tensor: String,
    /// The difference from the source.
    #[serde(flatten)]
    pub error: WeightError,
}

/// The errors of all tensors of a kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindErrors {
    /// The tensors' role in the model.
    pub kind: TensorKind,
    /// Number of tensors.
    pub tensors: usize,
    /// The difference over all of their weights.
    #[serde(flatten)]
    pub error: WeightError,
}

/// The result of comparing a tensor with that of the source.
enum Outcome {
    Same,
    Quantized(ErrorSums),
    Differs(String, Option<ErrorSums>),
}

/// Checks the seal and the checksums of `file`, decodes every tensor, and compares tensors and attached files
/// with the source `against` if given.
///
/// # Errors
/// [`PackError::Container`](crate::PackError::Container) if the file is damaged,
/// [`PackError::InTensor`](crate::PackError::InTensor) if a tensor of either model cannot be read,
/// [`PackError::Cancelled`](crate::PackError::Cancelled). Differences from the source are not an error but
/// part of the report.
pub fn verify(
    file: &Path,
    against: Option<&dyn Source>,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<VerifyReport> {
    let ecq = EcqSource::open(file, limits)?;
    progress.begin("checking the seal", ecq.bytes());
    let mut reported = 0;
    let seal = ecq.file().verify_seal(|done| {
        progress.advance(done - reported, "seal");
        reported = done;
    });
    if let Err(broken) = seal {
        // The seal covers the whole file; the checksum of a part gives the position of the damage.
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
        report.mismatches.extend(attached_file_mismatches(&ecq, source)?);
        report.ok = report.mismatches.is_empty();
    }
    Ok(report)
}

/// Returns the form of the source that the file was made from: its act-order layers are floats if they were
/// requantized.
fn as_packed<'a>(ecq: &EcqSource, source: &'a dyn Source) -> Result<&'a dyn Source> {
    let names = |source: &dyn Source| -> HashSet<String> {
        source.tensors().iter().map(|info| info.name.clone()).collect()
    };
    let packed = names(ecq);
    if packed.is_subset(&names(source)) {
        return Ok(source);
    }
    Ok(source.for_requantizing()?.filter(|floats| packed.is_subset(&names(*floats))).unwrap_or(source))
}

/// Compares the attached files of a file with those of a source.
pub(crate) fn attached_file_mismatches(ecq: &EcqSource, source: &dyn Source) -> Result<Vec<Mismatch>> {
    let attached: HashMap<String, Vec<u8>> = ecq.attached_files()?.into_iter().collect();
    let original: HashMap<String, Vec<u8>> = source.attached_files()?.into_iter().collect();
    let mut mismatches = Vec::new();
    for (name, bytes) in &attached {
        if let Some(other) = original.get(name).filter(|other| *other != bytes) {
            let at =
                bytes.iter().zip(other).position(|(a, b)| a != b).unwrap_or(bytes.len().min(other.len()));
            let what = format!("differs between the two models, first at byte {at}");
            mismatches.push(Mismatch { tensor: name.clone(), what, error: None });
        }
    }
    // Only this file's presence is compared: versions differ in which other files they attach.
    if original.contains_key(HEADER_FILE)
        && attached.contains_key(GAPS_FILE) != original.contains_key(GAPS_FILE)
    {
        let which = if attached.contains_key(GAPS_FILE) { "first" } else { "second" };
        let what = format!("nonzero padding between or after the tensors is only in the {which} model");
        mismatches.push(Mismatch { tensor: GAPS_FILE.to_owned(), what, error: None });
    }
    mismatches.sort_by(|a, b| a.tensor.cmp(&b.tensor));
    Ok(mismatches)
}

/// Compares two models tensor by tensor.
///
/// # Errors
/// The errors of [`source::open`](crate::source::open),
/// [`PackError::InTensor`](crate::PackError::InTensor) if a tensor of either model cannot be read,
/// [`PackError::Cancelled`](crate::PackError::Cancelled).
pub fn diff(a: &Path, b: &Path, limits: &Limits, progress: &dyn Progress) -> Result<VerifyReport> {
    let (a, b) = (open(a, limits)?, open(b, limits)?);
    compare(&*a, Some(&*b), false, progress)
}

/// Compares the tensors of `a` with those of `b`; if `quantized`, a tensor of `a` may be on another grid.
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
    let mut by_kind = [TensorKind::Linear, TensorKind::Embedding, TensorKind::Other]
        .map(|kind| (kind, 0, ErrorSums::default()));
    let mut total = ErrorSums::default();
    let mut cosines = Vec::new();
    let indices_in_b: HashMap<&str, usize> =
        b.iter().flat_map(|b| b.tensors().iter().enumerate().map(|(i, t)| (t.name.as_str(), i))).collect();
    let all: Vec<usize> = (0..a.tensors().len()).collect();
    let compare_one = |i: usize| {
        let info = &a.tensors()[i];
        let tensor = a.load(i)?;
        let outcome = match (b, indices_in_b.get(info.name.as_str())) {
            (None, _) => Outcome::Same,
            (Some(_), None) => Outcome::Differs("is only in the first model".to_owned(), None),
            (Some(b), Some(&j)) => {
                let other = b.load(j)?;
                match difference(&tensor, &other) {
                    None => Outcome::Same,
                    Some(what) => {
                        let pair = [(&tensor, info, a.format()), (&other, &b.tensors()[j], b.format())];
                        match (error_sums(pair)?, quantized && matches!(tensor, Tensor::Coded(..))) {
                            (Some(sums), true) => Outcome::Quantized(sums),
                            (sums, _) => Outcome::Differs(what, sums),
                        }
                    }
                }
            }
        };
        Ok((count_values(&tensor), outcome))
    };
    map_tensors(a, &all, "comparing", progress, compare_one, |i, ((codes, side), outcome)| {
        let info = &a.tensors()[i];
        let tensor = info.name.clone();
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
            total.add(sums);
            for (_, tensors, all) in by_kind.iter_mut().filter(|(kind, ..)| *kind == info.kind) {
                *tensors += 1;
                all.add(sums);
            }
        }
        Ok(())
    })?;
    if let Some(b) = b {
        let names: HashSet<&str> = a.tensors().iter().map(|t| t.name.as_str()).collect();
        for other in b.tensors().iter().filter(|t| !names.contains(t.name.as_str())) {
            let what = "is only in the second model".to_owned();
            report.mismatches.push(Mismatch { tensor: other.name.clone(), what, error: None });
        }
    }
    if quantized && !report.quantized.is_empty() && total.is_unrelated() {
        // Another model of the same architecture has the same names and shapes, but unrelated weights.
        for (tensor, cosine) in report.quantized.drain(..).zip(cosines) {
            let what = format!("is unrelated to the source's tensor (cosine {cosine:.3})");
            report.mismatches.push(Mismatch { tensor: tensor.tensor, what, error: Some(tensor.error) });
        }
    }
    report.mismatches.sort_by_cached_key(|mismatch| layer_order(&mismatch.tensor));
    report.quantized.sort_by_cached_key(|quantized| layer_order(&quantized.tensor));
    let errors = by_kind.into_iter().filter(|(_, tensors, _)| *tensors > 0);
    report.errors =
        errors.map(|(kind, tensors, sums)| KindErrors { kind, tensors, error: sums.error() }).collect();
    report.sqnr_db = total.error().sqnr_db;
    report.ok = report.mismatches.is_empty();
    Ok(report)
}

/// Compares the weights of a tensor with those of a reference, the second of the pair; `None` unless both
/// have weights and the same shape.
fn error_sums([tensor, reference]: [(&Tensor, &SourceTensor, &str); 2]) -> Result<Option<ErrorSums>> {
    let weights_of = |(tensor, info, format): (_, _, _)| weights(tensor, info, format);
    match (weights_of(reference), weights_of(tensor)) {
        (Some(reference), Some(tensor)) if reference.shape() == tensor.shape() => {
            Ok(Some(ErrorSums::of(&*reference, &*tensor)?))
        }
        _ => Ok(None),
    }
}

/// Returns the number of codes and of side values of a tensor.
fn count_values(tensor: &Tensor) -> (u64, u64) {
    match tensor {
        Tensor::Coded(codes, Grid::AffineGroups(grid)) => {
            let biases = match &grid.biases {
                Biases::PerGroup(biases) => biases.len(),
                Biases::Zeros(zeros) => zeros.len(),
                Biases::Zero(_) => 0,
            };
            (codes.symbols().len() as u64, (grid.scales.len() + biases) as u64)
        }
        Tensor::Coded(
            codes,
            Grid::UniformRows(grid) | Grid::TrellisRows(TrellisRows { uniform: grid, .. }),
        ) => {
            let optional = [&grid.col_scales, &grid.levels].into_iter().flatten().map(FloatVec::len);
            let side = grid.steps.len() + optional.sum::<usize>() + grid.outliers.len();
            (codes.symbols().len() as u64, side as u64)
        }
        Tensor::Coded(codes, Grid::SuperBlocks(grid)) => {
            let minima = grid.minima.as_ref().map_or(0, |minima| minima.steps.len() + minima.values.len());
            (codes.symbols().len() as u64, (grid.steps.len() + grid.scales.len() + minima) as u64)
        }
        Tensor::Coded(codes, _) => (codes.symbols().len() as u64, 0),
        Tensor::Raw { .. } => (0, 0),
    }
}

/// Describes the first difference of two tensors; `None` if they are equal bit for bit.
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
                (Grid::TrellisRows(ga), Grid::TrellisRows(gb)) => trellis_difference(ga, gb),
                (Grid::SuperBlocks(ga), Grid::SuperBlocks(gb)) => super_block_difference(ga, gb),
                _ => Some("has another grid".to_owned()),
            }
        }
        (Tensor::Raw { dtype: ta, bytes: ba, .. }, Tensor::Raw { dtype: tb, bytes: bb, .. }) => {
            byte_difference((ta, ba), (tb, bb))
        }
        // Files of earlier versions hold K types as bytes.
        (Tensor::Coded(codes, Grid::SuperBlocks(grid)), Tensor::Raw { dtype, bytes, .. }) => {
            super_block_bytes(codes, grid, |ty, packed| byte_difference((ty, packed), (dtype, bytes)))
        }
        (Tensor::Raw { dtype, bytes, .. }, Tensor::Coded(codes, Grid::SuperBlocks(grid))) => {
            super_block_bytes(codes, grid, |ty, packed| byte_difference((dtype, bytes), (ty, packed)))
        }
        _ => Some("has codes in one model and none in the other".to_owned()),
    }
}

/// Compares tensors without codes, each of a type and bytes.
fn byte_difference((ta, ba): (&str, &[u8]), (tb, bb): (&str, &[u8])) -> Option<String> {
    if ta != tb || ba.len() != bb.len() {
        return Some(format!("is {} bytes of {ta} and {} of {tb}", ba.len(), bb.len()));
    }
    let at = ba.iter().zip(bb).position(|(x, y)| x != y)?;
    Some(format!("bytes differ, first at {at}: {:#04x} and {:#04x}", ba[at], bb[at]))
}

/// Compares the blocks that GGUF stores for codes on super-blocks, given as a type and bytes.
fn super_block_bytes(
    codes: &Codes,
    grid: &SuperBlocks,
    compare: impl Fn(&str, &[u8]) -> Option<String>,
) -> Option<String> {
    match pack_super_blocks(codes, grid) {
        Ok(bytes) => compare(type_of_layout(grid.layout).name(), &bytes),
        Err(error) => Some(format!("has no blocks: {error}")),
    }
}

fn super_block_difference(a: &SuperBlocks, b: &SuperBlocks) -> Option<String> {
    if a.layout != b.layout {
        return Some(format!("has super-blocks of {} and {}", a.layout.name(), b.layout.name()));
    }
    float_difference("steps of scales", &a.steps, &b.steps)
        .or_else(|| (a.scales != b.scales).then(|| "has other scales".to_owned()))
        .or_else(|| match (&a.minima, &b.minima) {
            (Some(a), Some(b)) => float_difference("steps of minima", &a.steps, &b.steps)
                .or_else(|| (a.values != b.values).then(|| "has other minima".to_owned())),
            (a, b) => (a != b).then(|| "only one model has minima".to_owned()),
        })
}

fn grid_difference(a: &AffineGroups, b: &AffineGroups) -> Option<String> {
    if (a.bits, a.group_size) != (b.bits, b.group_size) {
        return Some(format!(
            "has {} bits in groups of {} and {} bits in groups of {}",
            a.bits, a.group_size, b.bits, b.group_size
        ));
    }
    float_difference("scales", &a.scales, &b.scales).or_else(|| match (&a.biases, &b.biases) {
        (Biases::PerGroup(a), Biases::PerGroup(b)) => float_difference("biases", a, b),
        (a, b) => (a != b).then(|| "has another zero point".to_owned()),
    })
}

fn trellis_difference(a: &TrellisRows, b: &TrellisRows) -> Option<String> {
    ((a.lag, a.restart) != (b.lag, b.restart))
        .then(|| {
            format!("has trellis lag {} restart {} and lag {} restart {}", a.lag, a.restart, b.lag, b.restart)
        })
        .or_else(|| uniform_difference(&a.uniform, &b.uniform))
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
