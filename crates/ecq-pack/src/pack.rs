//! Packing: every tensor of a model is kept or quantized, entropy coded, and written to an `.ecq` file.

use crate::destination::Destination;
use crate::error::Result;
use crate::grids::{GridChoice, Requantized};
use crate::options::PackOptions;
use crate::progress::{Progress, check, map_tensors};
use crate::report::{PackReport, TensorReport, finite};
use crate::solve_steps::solve_steps;
use crate::source::{Source, SourceTensor, Tensor, for_options};
use crate::steps::{CorrectedWeights, StepSizes};
use crate::trellis::error_feedback;
use crate::weights::weights;
use ecq_codec::encode::{Plan, encode, encode_raw};
use ecq_core::{EncodedTensor, TensorKind, TensorPart};
use ecq_format::container::{EcqWriter, ModelEntry, TensorBytes};
use ecq_quant::{Distortion, ErrorFeedback};
use safetensors::Dtype;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::time::Instant;

/// Float tensors with fewer weights are stored as plain tensors, which any safetensors tool can read.
const MIN_ENCODED_WEIGHTS: u64 = 1 << 14;

/// A tensor that is ready to be written.
pub(crate) struct PackedTensor {
    payload: Payload,
    summary: PackSummary,
}

enum Payload {
    Encoded(EncodedTensor),
    /// A safetensors tensor: type, shape, little-endian bytes.
    Plain(Dtype, Vec<usize>, Vec<u8>),
}

/// The decisions and the error of packing a tensor, for the report.
#[derive(Default)]
struct PackSummary {
    /// `None` for a tensor without codes.
    plan: Option<Plan>,
    /// `None` for a tensor that was not quantized.
    distortion: Option<Distortion>,
    /// The reason for a grid other than the requested one, or a remark on calibration.
    note: Option<String>,
}

/// Packs `source` into the file `dest`; without `dest`, only computes the report of that file.
///
/// Tensors are read, quantized, coded and written in batches; the codes of at most one batch are in memory.
/// An existing file is replaced.
///
/// # Errors
/// [`Destination`](crate::PackError::Destination) if `dest` is a file of the source or cannot be written,
/// [`InTensor`](crate::PackError::InTensor) if a tensor cannot be read, quantized or coded,
/// [`Option`](crate::PackError::Option) or [`Quant`](crate::PackError::Quant) if the target is out of reach,
/// [`Container`](crate::PackError::Container) if the file cannot be written,
/// [`Cancelled`](crate::PackError::Cancelled). After an error, `dest` is not there or as it was before.
pub fn pack(
    source: &dyn Source,
    source_name: &str,
    dest: Option<&Path>,
    options: &PackOptions,
    progress: &dyn Progress,
) -> Result<PackReport> {
    pack_at(for_options(source, options)?, source_name, dest, None, options, progress)
}

/// Packs as [`pack`] does, with the step sizes `steps`, by tensor index, instead of solving for them.
pub(crate) fn pack_at(
    source: &dyn Source,
    source_name: &str,
    dest: Option<&Path>,
    steps: Option<HashMap<usize, StepSizes>>,
    options: &PackOptions,
    progress: &dyn Progress,
) -> Result<PackReport> {
    let start = Instant::now();
    if let Some(dest) = dest {
        // The caller has decided whether an existing file may be replaced.
        Destination::file(dest).replacing(true).check(&source.files())?;
    }
    let tensors = source.tensors();
    options.check(tensors)?;
    let choices = tensors.iter().map(|tensor| options.grid_of(tensor)).collect::<Result<Vec<_>>>()?;
    let mut spool = match dest {
        None => EcqWriter::counting(),
        Some(dest) => {
            let mut hasher = blake3::Hasher::new();
            hasher.update(source.fingerprint().as_bytes());
            hasher.update(options.fingerprint().as_bytes());
            hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
            EcqWriter::create(dest, &hasher.finalize().to_hex()[..32], options.resume)?
        }
    };
    let remaining: Vec<usize> = (0..tensors.len()).filter(|&i| !spool.is_done(&tensors[i].name)).collect();
    let mut report = PackReport::new(source.bytes(), tensors.len() - remaining.len());
    report.dry_run = dest.is_none();
    // The steps are solved for all tensors, including those that an interrupted run has packed.
    let steps = match steps {
        Some(steps) => steps,
        None if remaining.is_empty() => HashMap::new(),
        None => solve_steps(source, &choices, options, progress)?.steps,
    };

    let mut summaries = HashMap::new();
    let pack = |i: usize| pack_tensor(source, i, choices[i], steps.get(&i), options);
    let packed = map_tensors(source, &remaining, "packing", progress, pack, |i, packed| {
        push(&mut spool, &tensors[i].name, &packed)?;
        summaries.insert(i, packed.summary);
        Ok(())
    })
    .and_then(|()| check(progress));
    if packed.is_err() {
        // The packed tensors are kept for a run that resumes this one. An error of that is not reported,
        // because the first error is the cause.
        let _ = spool.commit();
    }
    packed?;

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
        report.tensors.push(tensor_report(
            tensor,
            &bytes,
            summaries.get(&i).unwrap_or(&PackSummary::default()),
        ));
    }
    let sqnr_db = |kind: TensorKind| {
        let mut sum = Distortion::default();
        let all = tensors.iter().enumerate().filter(|(_, tensor)| tensor.kind == kind);
        all.filter_map(|(i, _)| summaries.get(&i)?.distortion).for_each(|distortion| sum.add(distortion));
        finite(sum.sqnr_db())
    };
    (report.sqnr_linear_db, report.sqnr_embedding_db) =
        (sqnr_db(TensorKind::Linear), sqnr_db(TensorKind::Embedding));
    report.finish(start);
    Ok(report)
}

/// Returns the metadata entry of the whole file, whose tensors are those of `order`.
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

/// Returns the shapes of matrices that are not `[rows, cols]`, by tensor name.
fn shapes(source: &dyn Source, order: &[String]) -> BTreeMap<String, Vec<usize>> {
    let listed: HashSet<&str> = order.iter().map(String::as_str).collect();
    let is_reshaped = |t: &&SourceTensor| {
        t.shape != [t.rows, t.cols] && t.kind != TensorKind::Other && listed.contains(t.name.as_str())
    };
    source.tensors().iter().filter(is_reshaped).map(|t| (t.name.clone(), t.shape.clone())).collect()
}

/// Adds a packed tensor to the spool of a file.
pub(crate) fn push(spool: &mut EcqWriter, name: &str, packed: &PackedTensor) -> Result<()> {
    match &packed.payload {
        Payload::Encoded(tensor) => spool.push_encoded(name, tensor)?,
        Payload::Plain(dtype, shape, bytes) => spool.push_plain(name, *dtype, shape, bytes)?,
    }
    Ok(())
}

/// Additional digits of the offsets of a part in the header of a large file, against a file with one tensor.
const OFFSET_DIGITS: u64 = 9;

/// Returns the bytes of a tensor in a file with many tensors, its entries in the header included.
pub(crate) fn file_bytes(source: &dyn Source, name: &str, tensor: &EncodedTensor) -> Result<u64> {
    let mut spool = EcqWriter::counting();
    spool.push_encoded(name, tensor)?;
    let summary = spool.finish(&model_entry(source, "", vec![name.to_owned()], None))?;
    let digits = OFFSET_DIGITS * tensor.parts().len() as u64;
    Ok(summary.tensors.get(name).map_or(0, TensorBytes::total) + digits)
}

fn tensor_report(tensor: &SourceTensor, bytes: &TensorBytes, summary: &PackSummary) -> TensorReport {
    let weights = tensor.weights().max(1) as f64;
    let plan = summary.plan.as_ref();
    let codes = [TensorPart::Stream, TensorPart::Index, TensorPart::Table]
        .map(|part| bytes.parts.get(part.name()).unwrap_or(&0));
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
        sqnr_db: summary.distortion.and_then(|distortion| finite(distortion.sqnr_db())),
        reason: summary.note.clone().or_else(|| plan.map(|plan| plan.reason.clone())),
    }
}

/// Returns the error feedback of a matrix with column scales; `None` without calibration statistics.
fn feedback_of(
    info: &SourceTensor,
    choice: GridChoice,
    steps: Option<&StepSizes>,
    options: &PackOptions,
) -> Result<Option<ErrorFeedback>> {
    let (Some(calibration), Some(StepSizes { col_scales: Some(_), .. })) = (&options.calibration, steps)
    else {
        return Ok(None);
    };
    let statistics = calibration.statistics(&info.name, [info.rows, info.cols])?;
    statistics.map(|statistics| error_feedback(choice.trellis(), &statistics.hessian, info.cols)).transpose()
}

/// Loads tensor `index`, quantizes it to the grid `choice`, and codes it.
///
/// # Errors
/// Those of the source, the quantizer and the coder, without the name of the tensor.
pub(crate) fn pack_tensor(
    source: &dyn Source,
    index: usize,
    choice: GridChoice,
    steps: Option<&StepSizes>,
    options: &PackOptions,
) -> Result<PackedTensor> {
    let info = &source.tensors()[index];
    let encode_options = options.encode_options(&info.name)?;
    let tensor = source.load(index)?;
    let mut note = info.note.clone();
    if choice != GridChoice::Keep {
        note = match (choice.unsupported_reason(info.cols), weights(&tensor, info, source.format())) {
            (Some(why), _) => Some(why),
            (None, None) => Some(format!("kept: {} holds no weights", info.dtype)),
            (None, Some(weights)) => {
                let feedback = feedback_of(info, choice, steps, options)?;
                let inactive = feedback.as_ref().map_or(0, ErrorFeedback::inactive_inputs);
                if inactive > 0 {
                    note = Some(format!("{inactive} of {} inputs are inactive in calibration", info.cols));
                }
                let corrected = CorrectedWeights::load(options.calibration.as_deref(), info)?;
                let corrected = corrected.as_ref().map(CorrectedWeights::floats).transpose()?;
                let Requantized { codes, grid, distortion } =
                    choice.quantize(&*weights, corrected.as_ref(), steps, feedback.as_ref())?;
                let (tensor, plan) = encode(info.kind, &codes, &grid, &encode_options)?;
                let summary = PackSummary { plan: Some(plan), distortion: Some(distortion), note };
                return Ok(PackedTensor { payload: Payload::Encoded(tensor), summary });
            }
        };
    }
    match tensor {
        Tensor::Coded(codes, grid) => {
            let (tensor, plan) = encode(info.kind, &codes, &grid, &encode_options)?;
            let summary = PackSummary { plan: Some(plan), distortion: None, note };
            Ok(PackedTensor { payload: Payload::Encoded(tensor), summary })
        }
        Tensor::Raw { dtype, fields, bytes } => {
            let plain = plain_dtype(&dtype);
            let small = info.kind == TensorKind::Other || info.weights() < MIN_ENCODED_WEIGHTS;
            let shape = info.shape.clone();
            let packed =
                |payload| PackedTensor { payload, summary: PackSummary { note, ..PackSummary::default() } };
            if let (Some(plain), true) = (plain, small) {
                return Ok(packed(Payload::Plain(plain, shape, bytes)));
            }
            let tensor = encode_raw(info.kind, [info.rows, info.cols], &dtype, &bytes, &fields)?;
            let saved_percent = 100.0 * (1.0 - tensor.bytes() as f64 / bytes.len() as f64);
            Ok(packed(match plain {
                Some(plain) if saved_percent < encode_options.hybrid_percent => {
                    Payload::Plain(plain, shape, bytes)
                }
                _ => Payload::Encoded(tensor),
            }))
        }
    }
}

/// Returns the safetensors type with this lower-case name.
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
