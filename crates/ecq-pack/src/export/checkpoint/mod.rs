//! Checkpoint folders in the conventions of Hugging Face and of MLX.

mod config;
mod tensors;

pub(super) use tensors::{Outgoing, OutputEncoding, biases};

use super::{ExportReport, Requantization, check};
use crate::destination::Destination;
use crate::error::{PackError, Result};
use crate::progress::{self, Progress};
use crate::source::{AttachedFile, EcqSource, Source};
use crate::weight_error::ErrorSums;
use config::{
    SourceRecord, config_bytes, conventions, dtype_word, float_of_config, note_divisors, note_dtype,
    note_quantization, settle_quantization,
};
use ecq_core::{FloatType, Limits, TensorContent};
use ecq_format::hf::{GgufTransform, hf_tensor};
use ecq_format::mlx;
use ecq_format::shards::{ShardTensor, write_checkpoint};
use std::path::Path;
use tensors::{add_biases, bytes, encoding, is_matrix, planned};

/// Conventions of a checkpoint folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointFormat {
    /// Floats that `transformers` reads.
    Safetensors,
    /// Quantized layers of MLX (`weight` of u32, `scales`, `biases`) where MLX has the grid; other tensors
    /// are floats.
    Mlx,
}

/// Options of [`export_checkpoint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointOptions {
    /// Conventions of the folder.
    pub format: CheckpointFormat,
    /// Type of floats; `None` for that of the source (f16 for a GGUF source).
    pub dtype: Option<FloatType>,
    /// Maximum length of a shard in bytes; a longer tensor has a shard of its own.
    pub shard_bytes: u64,
    /// Whether the export fails where codes would become floats.
    pub strict: bool,
    /// The grid that matrices are put on, for MLX. `None` keeps all codes that MLX has a grid for.
    pub requantize: Option<MlxGrid>,
}

/// A grid of MLX: affine groups along the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MlxGrid {
    /// Bits of a code: 2, 3, 4, 5, 6 or 8.
    pub bits: u8,
    /// Weights that share a scale and a bias: 32, 64 or 128.
    pub group_size: usize,
}

impl Default for MlxGrid {
    /// Four bits in groups of 64, as `mlx_lm.convert` has them.
    fn default() -> Self {
        Self { bits: 4, group_size: 64 }
    }
}

impl MlxGrid {
    /// The grid of `bits` and `group_size`.
    ///
    /// # Errors
    /// When MLX has no such grid.
    pub fn new(bits: u8, group_size: usize) -> Result<Self> {
        let refused = |option: String, expected: &str| {
            Err(PackError::Option { option, why: format!("expected one of {expected}") })
        };
        if !mlx::supports_bits(bits) {
            return refused(format!("--bits {bits}"), "2, 3, 4, 5, 6, 8");
        }
        if !matches!(group_size, 32 | 64 | 128) {
            return refused(format!("--group-size {group_size}"), "32, 64, 128");
        }
        Ok(Self { bits, group_size })
    }
}

/// Default length of a shard in Hugging Face's tools, in bytes.
pub const SHARD_BYTES: u64 = 5_000_000_000;

impl CheckpointOptions {
    /// Options with shards of 5 GB and the float type of the source; not strict, no requantizing.
    pub fn new(format: CheckpointFormat) -> Self {
        Self { format, dtype: None, shard_bytes: SHARD_BYTES, strict: false, requantize: None }
    }
}

/// Writes an `.ecq` file as a checkpoint folder `dest`, one tensor in memory at a time.
///
/// The folder gets its name after it was read again and compared with the file.
///
/// # Errors
/// When the file is damaged, the conventions have no place for a tensor or for a part of the configuration,
/// or `dest` exists or cannot be written; nothing is left under `dest`.
pub fn export_checkpoint(
    file: &Path,
    dest: &Path,
    options: &CheckpointOptions,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<ExportReport> {
    let source = EcqSource::open(file, limits)?;
    Destination::folder(dest).replacing(true).check(&source.files())?;
    let plan = Plan::new(&source, options, limits)?;
    let Plan { outgoing, planned, files, mut report } = plan;
    progress.begin("exporting", source.tensors().iter().map(|t| t.bytes).sum());
    let data = |group: usize| {
        progress::check(progress)?;
        let out = &outgoing[group];
        let facts = &source.tensors()[out.index];
        let bytes = bytes(&source, out).map_err(|error| match error {
            named @ PackError::InTensor { .. } => named,
            error => PackError::in_tensor(&facts.name, error),
        });
        progress.advance(facts.bytes, &facts.name);
        bytes
    };
    let mut sums = ErrorSums::default();
    report.bytes = write_checkpoint(dest, &planned, &files, options.shard_bytes, data, |folder| {
        progress.end();
        sums = check::folder(file, &source, &outgoing, folder, limits, progress)?;
        Ok(())
    })?;
    report.requantized = report.requantized.map(|summary| summary.measured(&sums));
    Ok(report)
}

/// Length in bytes of what [`export_checkpoint`] writes, headers of the shards aside.
///
/// # Errors
/// As [`export_checkpoint`], before it writes.
pub fn expected_checkpoint_bytes(file: &Path, options: &CheckpointOptions, limits: &Limits) -> Result<u64> {
    let plan = Plan::new(&EcqSource::open(file, limits)?, options, limits)?;
    let tensors = plan.planned.iter().flatten().map(|tensor| {
        let elements = tensor.shape.iter().map(|&d| d as u64).product::<u64>();
        elements * tensor.dtype.bitsize() as u64 / 8
    });
    Ok(tensors.sum::<u64>() + plan.files.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>())
}

/// Returns the files of a checkpoint folder beside its tensors: `config.json`, tokenizer, and what else was
/// attached, with names and contents.
///
/// # Errors
/// As [`export_checkpoint`], before it writes.
pub fn checkpoint_files(
    file: &Path,
    options: &CheckpointOptions,
    limits: &Limits,
) -> Result<Vec<(String, Vec<u8>)>> {
    Ok(Plan::new(&EcqSource::open(file, limits)?, options, limits)?.files)
}

/// The content of a checkpoint folder before it is written.
struct Plan {
    outgoing: Vec<Outgoing>,
    /// For each of `outgoing`, the tensors that it becomes.
    planned: Vec<Vec<ShardTensor>>,
    files: Vec<AttachedFile>,
    report: ExportReport,
}

impl Plan {
    fn new(source: &EcqSource, options: &CheckpointOptions, limits: &Limits) -> Result<Self> {
        if options.requantize.is_some() && options.format != CheckpointFormat::Mlx {
            let (option, why) = ("a grid of MLX".to_owned(), "only the format mlx has it".to_owned());
            return Err(PackError::Option { option, why });
        }
        let (origin, mut config, mut files) = conventions(source, options, limits)?;
        let float = options.dtype.unwrap_or_else(|| float_of_config(&config));
        let mut outgoing = Vec::new();
        for (index, facts) in source.tensors().iter().enumerate() {
            let (name, change) = match &origin {
                SourceRecord::Checkpoint => (facts.name.clone(), GgufTransform::None),
                SourceRecord::Gguf(config) => match hf_tensor(config, &facts.name)? {
                    Some(tensor) => (tensor.name, tensor.transform),
                    // Checkpoints compute it from the configuration.
                    None => continue,
                },
            };
            let encoding = encoding(source, facts, &name, change, float, options);
            if let (OutputEncoding::Experts(_), CheckpointFormat::Mlx) = (encoding, options.format) {
                return Err(PackError::Export(format!(
                    "tensor {name:?}: mlx-lm reads the experts of gpt-oss only as MXFP4 blocks, and ecq \
                     quantized them; export with --format safetensors"
                )));
            }
            outgoing.push(Outgoing { index, name, change, encoding });
        }
        if let SourceRecord::Gguf(model) = &origin {
            add_biases(&mut outgoing, model, float);
            note_divisors(&mut config, source, model)?;
        }
        settle_quantization(&mut config, &mut files, source, &outgoing, options)?;
        if let Some(dtype) = options.dtype {
            note_dtype(&mut config, dtype);
        }
        let report = report(source, &outgoing, options);
        if let (true, Some(first)) = (options.strict, report.dequantized.first()) {
            let all = report.dequantized.len();
            return Err(PackError::Export(format!("{all} tensors would become floats, {first:?} first")));
        }
        if options.format == CheckpointFormat::Mlx {
            note_quantization(&mut config, &outgoing);
        }
        files.push(("config.json".to_owned(), config_bytes(source, config)?));
        let planned = outgoing.iter().map(|out| planned(source, out)).collect::<Result<_>>()?;
        Ok(Self { outgoing, planned, files, report })
    }
}

/// Returns the report of an export without its length and errors.
fn report(source: &EcqSource, outgoing: &[Outgoing], options: &CheckpointOptions) -> ExportReport {
    let mut report = ExportReport::default();
    let mut requantized = Requantization::default();
    for out in outgoing {
        let facts = &source.tensors()[out.index];
        let coded = source.file().entry(&facts.name);
        let is_coded = matches!(coded.map(|entry| &entry.content), Some(TensorContent::Codes { .. }));
        let ty = match out.encoding {
            OutputEncoding::Packed { bits, group_size, .. }
            | OutputEncoding::Requantized { bits, group_size, .. } => {
                format!("{bits}-bit g{group_size}")
            }
            OutputEncoding::Floats(dtype) | OutputEncoding::Experts(dtype) | OutputEncoding::Zeros(dtype) => {
                dtype_word(dtype).to_owned()
            }
            OutputEncoding::Bytes | OutputEncoding::Mxfp4 => facts.dtype.clone(),
        };
        *requantized.types.entry(ty).or_default() += 1;
        match (&out.encoding, is_coded) {
            (OutputEncoding::Zeros(_), _) => {}
            (OutputEncoding::Requantized { .. }, _) => requantized.tensors += 1,
            (OutputEncoding::Floats(_) | OutputEncoding::Experts(_), true) => {
                report.dequantized.push(out.name.clone())
            }
            _ => report.exact += 1,
        }
        let is_floats = matches!(out.encoding, OutputEncoding::Bytes | OutputEncoding::Floats(_));
        if is_floats && is_matrix(facts, &out.name) {
            requantized.fallbacks.push(out.name.clone());
        }
    }
    report.requantized = options.requantize.map(|_| requantized);
    report
}
