//! Comparison of a written export with the model, before the export gets its name.

mod config;
mod values;

use super::checkpoint::{Outgoing, OutputEncoding};
use super::{requantize, weights_of};
use crate::error::{PackError, Result};
use crate::progress::{self, Progress};
use crate::source::{CheckpointSource, EcqSource, GgufSource, Source, SourceTensor, Tensor};
use crate::verify::{attached_file_mismatches, difference};
use crate::weight_error::ErrorSums;
use config::configuration;
use ecq_core::{FloatType, Grid, Limits};
use ecq_format::gguf::Gguf;
use ecq_format::hf::GgufTransform;
use ecq_quant::QuantizedWeights;
use std::collections::HashMap;
use std::path::Path;
use values::{tensor_differs, values_differ};

const STAGE: &str = "checking the export";

/// Returns the error of an export whose tensor `name` differs.
fn wrong(name: &str, what: &str) -> PackError {
    let name = format!("tensor {name:?} of the export {what}");
    PackError::Export(format!("{name}; this is an error of ecq or of the disk; nothing was written"))
}

/// Compares a checkpoint folder with the `.ecq` file that it was made from. Returns the sums over all
/// requantized tensors.
///
/// # Errors
/// [`PackError::Export`] with the first tensor or part of the configuration that differs, and others when the
/// folder cannot be read.
pub(super) fn folder(
    file: &Path,
    source: &EcqSource,
    outgoing: &[Outgoing],
    folder: &Path,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<ErrorSums> {
    let exported = CheckpointSource::open(folder, limits)?;
    progress.begin(STAGE, outgoing.iter().map(|out| source.tensors()[out.index].bytes).sum());
    let places: HashMap<&str, usize> =
        exported.tensors().iter().enumerate().map(|(i, facts)| (facts.name.as_str(), i)).collect();
    let (expected, mut sums) = (outgoing.len(), ErrorSums::default());
    if exported.tensors().len() != expected {
        let found = exported.tensors().len();
        let what =
            format!("the export reads as {found} tensors, {expected} were written; its config.json is wrong");
        return Err(PackError::Export(what));
    }
    for out in outgoing {
        progress::check(progress)?;
        let facts = &source.tensors()[out.index];
        let Some(&place) = places.get(out.name.as_str()) else { return Err(wrong(&out.name, "is missing")) };
        let (theirs, found) = (exported.load(place)?, &exported.tensors()[place]);
        let mut ours = source.load(out.index)?;
        if let OutputEncoding::Requantized { bits, group_size, dtype } = out.encoding {
            let weights = weights_of(&ours, facts)?;
            let (codes, grid) = requantize::mlx(weights, (bits, group_size), dtype)?;
            let grid = Grid::AffineGroups(grid);
            let quantized = QuantizedWeights { codes: &codes, grid: &grid };
            let one = ErrorSums::of(&*weights_of(&ours, facts)?, &quantized)?;
            add(&mut sums, one, &out.name)?;
            ours = Tensor::Coded(codes, grid);
        }
        if let Some(what) = tensor_differs(out, &ours, facts, &theirs, found)? {
            return Err(wrong(&out.name, &what));
        }
        progress.advance(facts.bytes, &out.name);
    }
    configuration(file, &exported, limits)?;
    progress.end();
    Ok(sums)
}

/// Compares a GGUF file with the `.ecq` file that it was made from; with `exact`, also the bytes that belong
/// to no tensor.
///
/// # Errors
/// [`PackError::Export`] with the first tensor that differs, and others when the file cannot be read.
pub(super) fn gguf(
    source: &EcqSource,
    path: &Path,
    exact: bool,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<()> {
    let exported = GgufSource::open(path, limits)?;
    progress.begin(STAGE, source.tensors().iter().map(|facts| facts.bytes).sum());
    let places: HashMap<&str, usize> =
        exported.tensors().iter().enumerate().map(|(i, facts)| (facts.name.as_str(), i)).collect();
    for (index, facts) in source.tensors().iter().enumerate() {
        progress::check(progress)?;
        let Some(&place) = places.get(facts.name.as_str()) else {
            return Err(wrong(&facts.name, "is missing"));
        };
        let (ours, theirs) = (source.load(index)?, exported.load(place)?);
        let differs = match difference(&ours, &theirs) {
            Some(_) if !exact && matches!(ours, Tensor::Coded(..)) => values_differ(
                GgufTransform::None,
                FloatType::F16,
                (&ours, facts),
                (&theirs, &exported.tensors()[place]),
            )?,
            differs => differs,
        };
        if let Some(what) = differs {
            return Err(wrong(&facts.name, &what));
        }
        progress.advance(facts.bytes, &facts.name);
    }
    if let (true, Some(other)) = (exact, attached_file_mismatches(source, &exported)?.first()) {
        return Err(wrong(&other.tensor, &other.what));
    }
    progress.end();
    Ok(())
}

/// Compares a requantized GGUF file with the bytes that were handed to its writer and with the weights of the
/// `.ecq` file. `digests` has the hash of each tensor, `is_requantized` whether it is on a new grid.
///
/// Returns the sums over all requantized tensors.
///
/// # Errors
/// When the file cannot be read, or names the first tensor that has other bytes or weights that are no
/// version of the model's.
pub(super) fn requantized(
    source: &EcqSource,
    path: &Path,
    is_requantized: &[bool],
    digests: &[blake3::Hash],
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<ErrorSums> {
    let exported = Gguf::open(path, limits)?;
    progress.begin(STAGE, source.tensors().iter().map(|facts| facts.bytes).sum());
    let places: HashMap<&str, usize> =
        source.tensors().iter().enumerate().map(|(i, facts)| (facts.name.as_str(), i)).collect();
    if exported.tensors().len() != digests.len() {
        let (found, expected) = (exported.tensors().len(), digests.len());
        return Err(PackError::Export(format!("the export has {found} tensors, {expected} were written")));
    }
    let mut sums = ErrorSums::default();
    for ((info, digest), is_requantized) in exported.tensors().iter().zip(digests).zip(is_requantized) {
        progress::check(progress)?;
        let bytes = exported.read_tensor(info)?;
        if blake3::hash(&bytes) != *digest {
            return Err(wrong(&info.name, "has other bytes"));
        }
        let Some(&index) = places.get(info.name.as_str()) else {
            return Err(wrong(&info.name, "is not in the .ecq file"));
        };
        let facts = &source.tensors()[index];
        if *is_requantized && !bytes.is_empty() {
            let (ours, dtype) = (source.load(index)?, info.ty.name().to_owned());
            let found = SourceTensor { dtype: dtype.clone(), ..facts.clone() };
            let theirs = Tensor::Raw { dtype, fields: info.ty.block_fields().to_vec(), bytes };
            let one = ErrorSums::of(&*weights_of(&ours, facts)?, &*weights_of(&theirs, &found)?)?;
            add(&mut sums, one, &info.name)?;
        }
        progress.advance(facts.bytes, &facts.name);
    }
    progress.end();
    Ok(sums)
}

/// Adds the sums of one tensor.
///
/// # Errors
/// When its weights are further from those of the file than zeros are, which no quantizer makes.
fn add(sums: &mut ErrorSums, one: ErrorSums, name: &str) -> Result<()> {
    if one.error().relative_error.is_some_and(|error| error > FURTHER_THAN_ZEROS) {
        return Err(wrong(name, "holds other weights"));
    }
    sums.add(one);
    Ok(())
}

/// Relative error of zeros, and a margin for the rounding of sums.
const FURTHER_THAN_ZEROS: f64 = 1.001;
