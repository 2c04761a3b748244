//! Packing: every tensor of a model is kept or quantized, entropy coded, and written to an `.ecq` file.

use crate::destination::Destination;
use crate::error::Result;
use crate::grids::{GridChoice, Requantized};
use crate::options::PackOptions;
use crate::progress::{Progress, check, map_tensors};
use crate::report::{PackReport, TensorReport, finite};
use crate::solve_steps::solve_steps;
use crate::source::{Source, SourceTensor, Tensor, for_options};
use crate::steps::StepSizes;
use crate::weights::weights;
use bytes::Bytes;
use ecq_codec::encode::{Plan, encode, encode_raw};
use ecq_core::{EncodedTensor, TensorKind, TensorPart};
use ecq_format::container::{EcqWriter, ModelEntry, TensorBytes, TextKl};
use ecq_quant::Distortion;
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

impl PackedTensor {
    /// Makes a tensor from codes that were encoded as `plan` says; `distortion` is their error.
    pub(crate) fn encoded(
        tensor: EncodedTensor,
        plan: Plan,
        distortion: Distortion,
        note: Option<String>,
    ) -> Self {
        let summary = PackSummary { plan: Some(plan), distortion: Some(distortion), note };
        Self { payload: Payload::Encoded(tensor), summary }
    }
}

impl PackSummary {
    const NONE: Self = Self { plan: None, distortion: None, note: None };
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
    let source = for_options(source, options)?;
    if let Some(dest) = dest {
        // The caller has decided whether an existing file may be replaced.
        Destination::file(dest).replacing(true).check(&source.files())?;
    }
    let tensors = source.tensors();
    options.check(tensors)?;
    let choices = tensors.iter().map(|tensor| options.grid_of(tensor)).collect::<Result<Vec<_>>>()?;
    let mut output = Output::open(source, dest, &choices, options, "")?;
    let all: Vec<usize> = (0..tensors.len()).collect();
    // The steps are solved for all tensors, including those that an interrupted run has packed.
    let steps = match all.iter().all(|&index| output.is_done(index)) {
        true => HashMap::new(),
        false => solve_steps(source, &choices, options, progress)?.steps,
    };
    output.pack(&all, &steps, progress)?;
    output.finish(source_name, Vec::new(), progress)
}

/// An output file whose tensors are packed in any order.
pub(crate) struct Output<'a> {
    source: &'a dyn Source,
    /// The grid of each tensor.
    choices: &'a [GridChoice],
    options: &'a PackOptions,
    spool: EcqWriter,
    /// By tensor index.
    summaries: HashMap<usize, PackSummary>,
    resumed_tensors: usize,
    dry_run: bool,
    start: Instant,
}

impl<'a> Output<'a> {
    /// Opens the work folder of the file `dest`; without `dest`, sizes are only counted.
    ///
    /// `inputs` describes what the file depends on besides source and options.
    ///
    /// # Errors
    /// [`Container`](crate::PackError::Container) if the folder cannot be written, is in use, or is to be
    /// resumed with another source or other options.
    pub(crate) fn open(
        source: &'a dyn Source,
        dest: Option<&Path>,
        choices: &'a [GridChoice],
        options: &'a PackOptions,
        inputs: &str,
    ) -> Result<Self> {
        let spool = match dest {
            None => EcqWriter::counting(),
            Some(dest) => {
                let mut hasher = blake3::Hasher::new();
                hasher.update(source.fingerprint().as_bytes());
                hasher.update(options.fingerprint().as_bytes());
                hasher.update(inputs.as_bytes());
                hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
                EcqWriter::create(dest, &hasher.finalize().to_hex()[..32], options.resume)?
            }
        };
        let (dry_run, start) = (dest.is_none(), Instant::now());
        let resumed_tensors = source.tensors().iter().filter(|tensor| spool.is_done(&tensor.name)).count();
        let summaries = HashMap::new();
        Ok(Self { source, choices, options, spool, summaries, resumed_tensors, dry_run, start })
    }

    /// Returns whether a tensor is packed.
    pub(crate) fn is_done(&self, index: usize) -> bool {
        self.spool.is_done(&self.source.tensors()[index].name)
    }

    /// Reads back a packed tensor; `None` if it is not packed or holds no codes, and in a dry run.
    pub(crate) fn encoded(&mut self, index: usize) -> Result<Option<EncodedTensor>> {
        Ok(self.spool.encoded(&self.source.tensors()[index].name)?)
    }

    /// Adds a tensor.
    pub(crate) fn push(&mut self, index: usize, packed: PackedTensor) -> Result<()> {
        push(&mut self.spool, &self.source.tensors()[index].name, &packed)?;
        self.summaries.insert(index, packed.summary);
        Ok(())
    }

    /// Replaces the encoded steps of a packed tensor in the file; `distortion` is its error with them.
    pub(crate) fn replace_steps(&mut self, index: usize, steps: Bytes, distortion: Distortion) -> Result<()> {
        let name = &self.source.tensors()[index].name;
        self.spool.replace_part(name, TensorPart::Scales, steps)?;
        if let Some(summary) = self.summaries.get_mut(&index) {
            summary.distortion = Some(distortion);
        }
        Ok(())
    }

    /// Synchronizes packed tensors to disk, so that a run that resumes this one finds them.
    pub(crate) fn commit(&mut self) -> Result<()> {
        Ok(self.spool.commit()?)
    }

    /// Packs those of the tensors `indices` that are not packed yet.
    ///
    /// # Errors
    /// As [`pack`]; the tensors that are packed are kept for a run that resumes this one.
    pub(crate) fn pack(
        &mut self,
        indices: &[usize],
        steps: &HashMap<usize, StepSizes>,
        progress: &dyn Progress,
    ) -> Result<()> {
        let remaining: Vec<usize> = indices.iter().copied().filter(|&i| !self.is_done(i)).collect();
        let (source, choices, options) = (self.source, self.choices, self.options);
        let pack = |i: usize| pack_tensor(source, i, choices[i], steps.get(&i), options);
        let packed =
            map_tensors(source, &remaining, "packing", progress, pack, |i, packed| self.push(i, packed))
                .and_then(|()| check(progress));
        if packed.is_err() {
            // An error of this is not reported, because the first error is the cause.
            let _ = self.commit();
        }
        packed
    }

    /// Attaches the files of the source and assembles the output file, which states `measured_kl`.
    pub(crate) fn finish(
        mut self,
        source_name: &str,
        measured_kl: Vec<TextKl>,
        progress: &dyn Progress,
    ) -> Result<PackReport> {
        for (name, bytes) in self.source.attached_files()? {
            if !self.spool.is_done(&format!("ecq.file/{name}")) {
                self.spool.push_file(&name, &bytes)?;
            }
        }
        progress.begin("assembling", 0);
        check(progress)?;
        let tensors = self.source.tensors();
        let order = tensors.iter().map(|tensor| tensor.name.clone()).collect();
        let lossless = self.choices.iter().all(|choice| *choice == GridChoice::Keep);
        let recipe = (!lossless).then(|| self.options.recipe());
        let entry = model_entry(self.source, source_name, order, recipe);
        let summary = self.spool.finish(&ModelEntry { measured_kl: measured_kl.clone(), ..entry })?;
        progress.end();
        let mut report = PackReport::new(self.source.bytes(), self.resumed_tensors);
        report.dry_run = self.dry_run;
        report.measured_kl = measured_kl;
        report.file_bytes = summary.file_bytes;
        for (i, tensor) in tensors.iter().enumerate() {
            let bytes = summary.tensors.get(&tensor.name).cloned().unwrap_or_default();
            let packed = self.summaries.get(&i).unwrap_or(&PackSummary::NONE);
            report.tensors.push(tensor_report(tensor, &bytes, packed));
        }
        let sqnr_db = |kind: TensorKind| {
            let mut sum = Distortion::default();
            let all = tensors.iter().enumerate().filter(|(_, tensor)| tensor.kind == kind);
            let distortions = all.filter_map(|(i, _)| self.summaries.get(&i)?.distortion);
            distortions.for_each(|distortion| sum.add(distortion));
            finite(sum.sqnr_db())
        };
        (report.sqnr_linear_db, report.sqnr_embedding_db) =
            (sqnr_db(TensorKind::Linear), sqnr_db(TensorKind::Embedding));
        report.finish(self.start);
        Ok(report)
    }
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
        measured_kl: Vec::new(),
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
                let Requantized { codes, grid, distortion } = choice.quantize(&*weights, steps)?;
                let (tensor, plan) = encode(info.kind, &codes, &grid, &encode_options)?;
                return Ok(PackedTensor::encoded(tensor, plan, distortion, note));
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
