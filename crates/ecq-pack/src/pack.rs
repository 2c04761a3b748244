//! A model in, an `.ecq` out: every tensor kept as it is or put on a grid, then coded without loss.

use crate::destination::Destination;
use crate::error::{PackError, Result};
use crate::grids::{GridChoice, Requantized};
use crate::options::PackOptions;
use crate::progress::{Progress, check, in_batches};
use crate::report::{PackReport, TensorReport};
use crate::source::{Source, SourceTensor, Tensor, for_options};
use crate::spacing::{Aim, Steps, aim};
use crate::weights::weights;
use crate::{rates, report};
use ecq_codec::encode::{Plan, encode, encode_raw};
use ecq_core::{EncodedTensor, Kind, Part};
use ecq_format::container::{ModelEntry, Spool, TensorBytes};
use ecq_quant::{Distortion, ErrorFeedback};
use rayon::prelude::*;
use safetensors::Dtype;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::time::Instant;

/// Vectors and small matrices of floats ride along as they are, so that any safetensors tool can read them.
const PLAIN_WEIGHTS: u64 = 1 << 14;

/// A tensor on its way into the file.
pub(crate) struct Packed {
    form: Payload,
    facts: Facts,
}

enum Payload {
    Encoded(EncodedTensor),
    Plain(Dtype, Vec<usize>, Vec<u8>),
}

/// What packing decided for a tensor.
#[derive(Default)]
struct Facts {
    plan: Option<Plan>,
    distortion: Option<Distortion>,
    /// Why its grid is not the one asked for, or what calibration did not see.
    note: Option<String>,
}

/// Packs `source` into `dest`, or with `dest` absent only counts what it would take.
///
/// Tensors are read, quantized, coded and written a batch at a time; the codes of no more than one batch are
/// in memory.
///
/// # Errors
/// When `dest` is a file of the source or a folder, a tensor cannot be read, quantized or coded, the rate
/// asked for is out of reach, or the file cannot be written; nothing is left under the final name.
pub fn pack(
    source: &dyn Source,
    source_name: &str,
    dest: Option<&Path>,
    options: &PackOptions,
    progress: &dyn Progress,
) -> Result<PackReport> {
    pack_at(for_options(source, options)?, source_name, dest, None, options, progress)
}

/// Packs as [`pack`] does, at steps that are known already if they are given.
pub(crate) fn pack_at(
    source: &dyn Source,
    source_name: &str,
    dest: Option<&Path>,
    steps: Option<HashMap<usize, Steps>>,
    options: &PackOptions,
    progress: &dyn Progress,
) -> Result<PackReport> {
    let start = Instant::now();
    if let Some(dest) = dest {
        // Whether a file that is there may be replaced is the caller's to say.
        Destination::file(dest).replacing(true).check(&source.files())?;
    }
    let tensors = source.tensors();
    options.check(tensors)?;
    let choices = tensors.iter().map(|facts| options.grid_of(facts)).collect::<Result<Vec<_>>>()?;
    let mut spool = match dest {
        None => Spool::counting(),
        Some(dest) => {
            let mut hasher = blake3::Hasher::new();
            hasher.update(source.fingerprint().as_bytes());
            hasher.update(options.fingerprint().as_bytes());
            hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
            Spool::create(dest, &hasher.finalize().to_hex()[..32], options.resume)?
        }
    };
    let todo: Vec<usize> = (0..tensors.len()).filter(|&i| !spool.is_done(&tensors[i].name)).collect();
    let mut report = PackReport::new(source.bytes(), tensors.len() - todo.len());
    report.dry_run = dest.is_none();
    // Of all tensors, done or not: steps follow from the whole model.
    let steps = match steps {
        Some(steps) => steps,
        None if todo.is_empty() => HashMap::new(),
        None => rates::find(source, &choices, options, progress)?.steps,
    };

    progress.begin("packing", todo.iter().map(|&i| tensors[i].bytes).sum());
    let mut facts = HashMap::new();
    let packed = in_batches(
        progress,
        &todo,
        |&i| tensors[i].bytes,
        |batch| {
            let packed = batch.par_iter().map(|&i| {
                check(progress)?;
                let packed = pack_one(source, i, choices[i], steps.get(&i), options);
                progress.advance(tensors[i].bytes, &tensors[i].name);
                packed
            });
            let packed = packed.collect::<Result<Vec<_>>>()?;
            for (&i, packed) in batch.iter().zip(packed) {
                push(&mut spool, &tensors[i].name, &packed)?;
                facts.insert(i, packed.facts);
            }
            Ok(())
        },
    )
    .and_then(|()| check(progress));
    if packed.is_err() {
        // A run that resumes this one finds what is done; that it cannot be kept is the lesser news.
        let _ = spool.commit();
    }
    packed?;
    progress.end();

    for (name, bytes) in source.attached_files()? {
        if !spool.is_done(&format!("ecq.file/{name}")) {
            spool.push_file(&name, &bytes)?;
        }
    }
    progress.begin("assembling", 0);
    check(progress)?;
    let order = tensors.iter().map(|tensor| tensor.name.clone()).collect();
    let lossless = choices.iter().all(|choice| *choice == GridChoice::Keep);
    let recipe = (!lossless).then(|| options.recipe());
    let summary = spool.finish(&model_entry(source, source_name, order, recipe))?;
    progress.end();
    report.file_bytes = summary.file_bytes;
    for (i, tensor) in tensors.iter().enumerate() {
        let bytes = summary.tensors.get(&tensor.name).cloned().unwrap_or_default();
        report.tensors.push(tensor_report(tensor, &bytes, facts.get(&i).unwrap_or(&Facts::default())));
    }
    let of_kind = |kind: Kind| {
        let mut sum = Distortion::default();
        let all = tensors.iter().enumerate().filter(|(_, tensor)| tensor.kind == kind);
        all.filter_map(|(i, _)| facts.get(&i)?.distortion).for_each(|distortion| sum.add(distortion));
        report::finite(sum.sqnr_db())
    };
    (report.sqnr_linear_db, report.sqnr_embedding_db) = (of_kind(Kind::Linear), of_kind(Kind::Embedding));
    report.close(start);
    Ok(report)
}

/// Facts of the whole file.
pub(crate) fn model_entry(
    source: &dyn Source,
    source_name: &str,
    order: Vec<String>,
    recipe: Option<String>,
) -> ModelEntry {
    ModelEntry {
        source: source.origin(source_name),
        shapes: shapes(source, &order),
        order,
        writer: concat!("ecq ", env!("CARGO_PKG_VERSION")).to_owned(),
        recipe,
    }
}

/// Shapes that rows and columns do not tell.
fn shapes(source: &dyn Source, order: &[String]) -> BTreeMap<String, Vec<usize>> {
    let listed: HashSet<&str> = order.iter().map(String::as_str).collect();
    let other = |t: &&SourceTensor| {
        t.shape != [t.rows, t.cols] && t.kind != Kind::Other && listed.contains(t.name.as_str())
    };
    source.tensors().iter().filter(other).map(|t| (t.name.clone(), t.shape.clone())).collect()
}

/// Adds a packed tensor to the file.
pub(crate) fn push(spool: &mut Spool, name: &str, packed: &Packed) -> Result<()> {
    match &packed.form {
        Payload::Encoded(tensor) => spool.push_encoded(name, tensor)?,
        Payload::Plain(dtype, shape, bytes) => spool.push_plain(name, *dtype, shape, bytes)?,
    }
    Ok(())
}

/// Digits that offsets of a part have in a file, beyond those of a file with a single tensor.
const OFFSET_DIGITS: u64 = 9;

/// What a tensor takes in a file among others, its share of the header included.
pub(crate) fn file_bytes(source: &dyn Source, name: &str, tensor: &EncodedTensor) -> Result<u64> {
    let mut spool = Spool::counting();
    spool.push_encoded(name, tensor)?;
    let summary = spool.finish(&model_entry(source, "", vec![name.to_owned()], None))?;
    let digits = OFFSET_DIGITS * tensor.parts().len() as u64;
    Ok(summary.tensors.get(name).map_or(0, TensorBytes::total) + digits)
}

fn tensor_report(tensor: &SourceTensor, bytes: &TensorBytes, facts: &Facts) -> TensorReport {
    let weights = tensor.weights().max(1) as f64;
    let plan = facts.plan.as_ref();
    let codes =
        [Part::Stream, Part::Index, Part::Table].map(|part| bytes.parts.get(part.name()).unwrap_or(&0));
    let codes_bits = 8.0 * codes.into_iter().sum::<u64>() as f64;
    TensorReport {
        name: tensor.name.clone(),
        kind: tensor.kind,
        rows: tensor.rows,
        cols: tensor.cols,
        dtype: tensor.dtype.clone(),
        source_bytes: tensor.bytes,
        bytes: bytes.total(),
        bpw: 8.0 * bytes.total() as f64 / weights,
        entropy_bpw: plan.map(|plan| plan.entropy_bits / weights),
        cross_entropy_bpw: plan.map(|plan| plan.cross_entropy_bits / weights),
        codes_bpw: plan.map(|_| codes_bits / weights),
        coding: plan.map(|plan| plan.coding.name().to_owned()),
        sqnr_db: facts.distortion.and_then(|distortion| report::finite(distortion.sqnr_db())),
        reason: facts.note.clone().or_else(|| plan.map(|plan| plan.reason.clone())),
    }
}

/// Loads, quantizes and codes tensor `index`.
pub(crate) fn pack_one(
    source: &dyn Source,
    index: usize,
    choice: GridChoice,
    steps: Option<&Steps>,
    options: &PackOptions,
) -> Result<Packed> {
    let facts = &source.tensors()[index];
    load_and_pack(source, index, choice, steps, options).map_err(|error| match error {
        named @ PackError::InTensor { .. } => named,
        error => PackError::in_tensor(&facts.name, error),
    })
}

/// How errors are made good in a matrix whose columns have scales of their own.
fn feedback_of(
    facts: &SourceTensor,
    steps: Option<&Steps>,
    options: &PackOptions,
) -> Result<Option<ErrorFeedback>> {
    let (Some(calibration), Some(Steps { col_scales: Some(_), .. })) = (&options.calibration, steps) else {
        return Ok(None);
    };
    let moments = calibration.moments(&facts.name, [facts.rows, facts.cols])?;
    Ok(moments.map(|moments| ErrorFeedback::new(&moments.inputs, facts.cols)).transpose()?)
}

fn load_and_pack(
    source: &dyn Source,
    index: usize,
    choice: GridChoice,
    steps: Option<&Steps>,
    options: &PackOptions,
) -> Result<Packed> {
    let facts = &source.tensors()[index];
    let encode_options = options.of(&facts.name)?;
    let tensor = source.load(index)?;
    let mut note = facts.note.clone();
    if choice != GridChoice::Keep {
        note = match (choice.misfit(facts.cols), weights(&tensor, facts, source.format())) {
            (Some(why), _) => Some(why),
            (None, None) => Some(format!("kept: {} holds no weights", facts.dtype)),
            (None, Some(weights)) => {
                let feedback = feedback_of(facts, steps, options)?;
                let dead = feedback.as_ref().map_or(0, ErrorFeedback::dead);
                if dead > 0 {
                    note = Some(format!("{dead} of {} inputs hardly ever moved", facts.cols));
                }
                let aim = aim(options.calibration.as_deref(), facts)?;
                let aim = aim.as_ref().map(Aim::floats).transpose()?;
                let Requantized { codes, grid, distortion } =
                    choice.quantize(&*weights, aim.as_ref(), steps, feedback.as_ref())?;
                let (tensor, plan) = encode(facts.kind, &codes, &grid, &encode_options)?;
                let facts = Facts { plan: Some(plan), distortion: Some(distortion), note };
                return Ok(Packed { form: Payload::Encoded(tensor), facts });
            }
        };
    }
    match tensor {
        Tensor::Coded(codes, grid) => {
            let (tensor, plan) = encode(facts.kind, &codes, &grid, &encode_options)?;
            let facts = Facts { plan: Some(plan), distortion: None, note };
            Ok(Packed { form: Payload::Encoded(tensor), facts })
        }
        Tensor::Raw { dtype, fields, bytes } => {
            let plain = plain_dtype(&dtype);
            let small = facts.kind == Kind::Other || facts.weights() < PLAIN_WEIGHTS;
            let shape = facts.shape.clone();
            let of_form = |form| Packed { form, facts: Facts { note, ..Facts::default() } };
            if let (Some(plain), true) = (plain, small) {
                return Ok(of_form(Payload::Plain(plain, shape, bytes)));
            }
            let tensor = encode_raw(facts.kind, [facts.rows, facts.cols], &dtype, &bytes, &fields)?;
            let gain = 100.0 * (1.0 - tensor.bytes() as f64 / bytes.len() as f64);
            Ok(of_form(match plain {
                Some(plain) if gain < encode_options.hybrid_percent => Payload::Plain(plain, shape, bytes),
                _ => Payload::Encoded(tensor),
            }))
        }
    }
}

/// The safetensors type of a lower-case name.
pub(crate) fn plain_dtype(name: &str) -> Option<Dtype> {
    Some(match name {
        "f64" => Dtype::F64,
        "f32" => Dtype::F32,
        "f16" => Dtype::F16,
        "bf16" => Dtype::BF16,
        "i64" => Dtype::I64,
        "i32" => Dtype::I32,
        "i16" => Dtype::I16,
        "i8" => Dtype::I8,
        "u8" => Dtype::U8,
        "u16" => Dtype::U16,
        "u32" => Dtype::U32,
        "u64" => Dtype::U64,
        "bool" => Dtype::BOOL,
        "c64" => Dtype::C64,
        _ => return None,
    })
}
