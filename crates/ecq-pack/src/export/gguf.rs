//! GGUF: the file that a model came from, byte for byte; on other grids, the same model in types that GGUF
//! has, or requantized to a file type of llama.cpp.

use super::file_type::{GgufFileType, tensor_types};
use super::requantize::encode;
use super::{ExportReport, Requantization, check, floats, weights_of};
use crate::destination::Destination;
use crate::error::{PackError, Result};
use crate::progress::{self, Progress};
use crate::source::{EcqSource, GAPS_FILE, HEADER_FILE, Source, Tensor};
use ecq_core::{FloatType, Grid, Limits, TensorContent};
use ecq_format::gguf::{
    GgmlType, Gguf, GgufError, NonzeroPadding, TensorToWrite, Value, pack_blocks, pack_super_blocks,
    type_of_entry, type_of_grid, type_of_layout, write, write_with_header,
};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// How a GGUF file is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GgufOptions {
    /// The type to requantize to. `None` keeps all codes that GGUF has a type for.
    pub file_type: Option<GgufFileType>,
    /// Fail where a tensor would become floats that were not asked for.
    pub strict: bool,
}

/// Writes a model that came from GGUF back to a GGUF file `dest`.
///
/// Without a file type and without a recipe (a lossless `.ecq`) that is the source, byte for byte; a split
/// source becomes one file. Without a file type, a tensor that ecq quantized is written in the type that
/// holds its codes, or in half precision where there is none. With a file type, matrices are requantized as
/// llama.cpp's `llama-quantize` chooses their types; vectors, norms and routers stay floats; metadata is kept
/// except for `general.file_type`.
///
/// The file gets its name after it was read again and compared with the model.
///
/// # Errors
/// When the file is damaged, did not come from GGUF, a weight is too large for its type, or `dest` cannot be
/// written; nothing is left under `dest`.
pub fn export_gguf(
    file: &Path,
    dest: &Path,
    options: &GgufOptions,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<ExportReport> {
    let source = EcqSource::open(file, limits)?;
    Destination::file(dest).replacing(true).check(&source.files())?;
    let gguf = header(&source, limits)?;
    let plan = Plan::new(&source, &gguf, options)?;
    let temporary = temporary(dest);
    let result = write_file(&source, &gguf, &plan, &temporary, progress).and_then(|(mut report, sums)| {
        if plan.file_type.is_some() {
            let requantized = plan.requantized();
            let error = check::requantized(&source, &temporary, &requantized, &sums, limits, progress)?;
            report.requantized = report.requantized.map(|summary| summary.measured(&error));
        } else {
            check::gguf(&source, &temporary, plan.is_exact, limits, progress)?;
        }
        fs::rename(&temporary, dest).map_err(io(dest))?;
        Ok(report)
    });
    if result.is_err() {
        // The first error is the one to report, whether or not the incomplete file can be removed.
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// Length in bytes of the file that [`export_gguf`] writes, to within its padding.
///
/// # Errors
/// As [`export_gguf`], before it writes.
pub fn expected_gguf_bytes(file: &Path, options: &GgufOptions, limits: &Limits) -> Result<u64> {
    let source = EcqSource::open(file, limits)?;
    let gguf = header(&source, limits)?;
    let plan = Plan::new(&source, &gguf, options)?;
    if plan.is_exact {
        return Ok(source.file().model().source.bytes);
    }
    let tensors = plan.tensors.iter().map(|tensor| {
        let weights: u64 = tensor.to_write.dims.iter().product();
        let ty = tensor.to_write.ty;
        weights / ty.block_weights() as u64 * ty.block_bytes() as u64
    });
    Ok(gguf.header_bytes().len() as u64 + tensors.sum::<u64>())
}

/// The header that the source had.
fn header(source: &EcqSource, limits: &Limits) -> Result<Gguf> {
    let (file, model) = (source.file(), source.file().model());
    if !file.files().any(|name| name == HEADER_FILE) {
        return Err(PackError::Export(format!(
            "the model came from {}, so the file has no GGUF header; export it with --format safetensors and \
             convert that folder with llama.cpp's convert_hf_to_gguf.py",
            model.source.format
        )));
    }
    Ok(Gguf::parse(&file.file(HEADER_FILE)?, model.source.bytes, limits)?)
}

/// Types and forms of all tensors, in the order of the header.
struct Plan {
    file_type: Option<GgufFileType>,
    /// Whether the file is the source, byte for byte.
    is_exact: bool,
    tensors: Vec<PlannedTensor>,
}

struct PlannedTensor {
    to_write: TensorToWrite,
    /// Its index in the source.
    index: usize,
    conversion: Conversion,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Conversion {
    /// Codes and bytes as they are.
    Kept,
    /// Floats in place of codes that GGUF has no type for.
    Dequantized,
    /// Weights on another grid.
    Requantized { is_fallback: bool },
}

impl Plan {
    fn new(source: &EcqSource, gguf: &Gguf, options: &GgufOptions) -> Result<Self> {
        let places: HashMap<&str, usize> =
            source.tensors().iter().enumerate().map(|(i, facts)| (facts.name.as_str(), i)).collect();
        let chosen = match options.file_type {
            Some(file_type) => tensor_types(file_type, gguf),
            None => vec![None; gguf.tensors().len()],
        };
        let mut tensors = Vec::with_capacity(gguf.tensors().len());
        for (info, chosen) in gguf.tensors().iter().zip(chosen) {
            let name = &info.name;
            let index = *places.get(name.as_str()).ok_or_else(|| {
                PackError::Export(format!("tensor {name:?} of the header is not in the file"))
            })?;
            // The type that holds what the file has.
            let held = match source.file().entry(name).map(|entry| &entry.content) {
                // Of a tensor without elements, only the header knows the type.
                _ if info.bytes == 0 => Some(info.ty),
                Some(TensorContent::Codes { grid, .. }) => type_of_entry(grid),
                Some(TensorContent::Raw(raw)) => GgmlType::from_name(&raw.dtype),
                None => GgmlType::from_name(&source.tensors()[index].dtype),
            };
            let (ty, conversion) = match (chosen, options.file_type) {
                (Some(chosen), _) if held == Some(chosen.ty) => (chosen.ty, Conversion::Kept),
                (Some(chosen), _) => (chosen.ty, Conversion::Requantized { is_fallback: chosen.is_fallback }),
                (None, None) => match held {
                    Some(ty) => (ty, Conversion::Kept),
                    None => (GgmlType::F16, Conversion::Dequantized),
                },
                // llama.cpp computes norms and biases in single precision.
                (None, Some(_)) => match held {
                    Some(GgmlType::F16 | GgmlType::Bf16) if info.dims.len() == 1 => {
                        (GgmlType::F32, Conversion::Requantized { is_fallback: false })
                    }
                    Some(ty) => (ty, Conversion::Kept),
                    None => (GgmlType::F32, Conversion::Requantized { is_fallback: false }),
                },
            };
            let to_write = TensorToWrite { name: name.clone(), ty, dims: info.dims.clone() };
            tensors.push(PlannedTensor { to_write, index, conversion });
        }
        let is_exact = options.file_type.is_none() && source.file().model().recipe.is_none();
        let plan = Self { file_type: options.file_type, is_exact, tensors };
        let unasked = |tensor: &&PlannedTensor| match tensor.conversion {
            Conversion::Dequantized => true,
            Conversion::Requantized { is_fallback } => is_fallback && tensor.to_write.ty == GgmlType::F16,
            Conversion::Kept => false,
        };
        match plan.tensors.iter().find(unasked) {
            Some(first) if options.strict && !plan.is_exact => {
                let all = plan.tensors.iter().filter(unasked).count();
                let first = &first.to_write.name;
                Err(PackError::Export(format!("{all} tensors would become floats, {first:?} first")))
            }
            _ => Ok(plan),
        }
    }

    /// Whether each tensor of the plan is requantized.
    fn requantized(&self) -> Vec<bool> {
        self.tensors
            .iter()
            .map(|tensor| matches!(tensor.conversion, Conversion::Requantized { .. }))
            .collect()
    }

    fn report(&self) -> ExportReport {
        let mut report = ExportReport::default();
        let mut requantized = Requantization::default();
        for PlannedTensor { to_write, conversion, .. } in &self.tensors {
            *requantized.types.entry(to_write.ty.name().to_owned()).or_default() += 1;
            match conversion {
                _ if self.is_exact => report.exact += 1,
                Conversion::Kept => report.exact += 1,
                Conversion::Dequantized => report.dequantized.push(to_write.name.clone()),
                Conversion::Requantized { is_fallback } => {
                    requantized.tensors += 1;
                    if *is_fallback {
                        requantized.fallbacks.push(to_write.name.clone());
                    }
                }
            }
        }
        report.requantized = self.file_type.map(|_| requantized);
        report
    }

    /// The metadata of the source with the type of this file.
    fn metadata(&self, gguf: &Gguf) -> Vec<(String, Value)> {
        const FILE_TYPE: &str = "general.file_type";
        const VERSION: &str = "general.quantization_version";
        let mut metadata = gguf.metadata().to_vec();
        let mut set = |key: &str, number: u32, is_added: bool| match metadata
            .iter_mut()
            .find(|(known, _)| known == key)
        {
            Some((_, value)) => *value = Value::U32(number),
            None if is_added => metadata.push((key.to_owned(), Value::U32(number))),
            None => {}
        };
        match self.file_type {
            None => set(FILE_TYPE, GgufFileType::F16.id(), false),
            Some(file_type) => {
                set(FILE_TYPE, file_type.id(), true);
                if file_type.tensor_type().block_weights() > 1 {
                    set(VERSION, QUANTIZATION_VERSION, true);
                }
            }
        }
        metadata
    }
}

/// Version of the layouts of block types: `GGML_QNT_VERSION` of ggml's `ggml.h`.
const QUANTIZATION_VERSION: u32 = 2;

/// Hashes of the bytes of the tensors as they were handed to the file.
type Digests = Vec<blake3::Hash>;

fn write_file(
    source: &EcqSource,
    gguf: &Gguf,
    plan: &Plan,
    path: &Path,
    progress: &dyn Progress,
) -> Result<(ExportReport, Digests)> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).map_err(io(path))?);
    progress.begin("exporting", gguf.tensors().iter().map(|tensor| tensor.bytes).sum());
    let mut digests = Vec::new();
    let written = if plan.is_exact {
        let gaps = match source.file().files().any(|name| name == GAPS_FILE) {
            true => NonzeroPadding::parse(&source.file().file(GAPS_FILE)?, gguf)?,
            false => NonzeroPadding::default(),
        };
        let places: HashMap<&str, usize> =
            plan.tensors.iter().map(|tensor| (tensor.to_write.name.as_str(), tensor.index)).collect();
        write_with_header(&mut out, gguf, &gaps, |info| -> std::result::Result<_, WriteError> {
            progress::check(progress)?;
            let tensor = source.load(places[info.name.as_str()])?;
            progress.advance(info.bytes, &info.name);
            Ok(in_type(info.ty, tensor, &info.name)?)
        })
    } else {
        let tensors: Vec<TensorToWrite> = plan.tensors.iter().map(|tensor| tensor.to_write.clone()).collect();
        write(&mut out, &plan.metadata(gguf), &tensors, |i| -> std::result::Result<_, WriteError> {
            progress::check(progress)?;
            let bytes = bytes(source, &plan.tensors[i])?;
            if plan.file_type.is_some() {
                digests.push(blake3::hash(&bytes));
            }
            progress.advance(gguf.tensors()[i].bytes, &tensors[i].name);
            Ok(bytes)
        })
    };
    written.map_err(|error| error.at(path))?;
    progress.end();
    let out = out.into_inner().map_err(|error| io(path)(error.into_error()))?;
    out.sync_all().map_err(io(path))?;
    let mut report = plan.report();
    report.bytes = fs::metadata(path).map_err(io(path))?.len();
    Ok((report, digests))
}

/// The bytes of a tensor in its planned form.
fn bytes(source: &EcqSource, planned: &PlannedTensor) -> Result<Vec<u8>> {
    let PlannedTensor { to_write: TensorToWrite { name, ty, .. }, index, conversion } = planned;
    let (tensor, facts) = (source.load(*index)?, &source.tensors()[*index]);
    let bytes = match conversion {
        Conversion::Kept => return in_type(*ty, tensor, name),
        Conversion::Dequantized => floats(&tensor, facts, FloatType::F16),
        Conversion::Requantized { .. } if facts.weights() == 0 => Ok(Vec::new()),
        Conversion::Requantized { .. } => {
            weights_of(&tensor, facts).and_then(|weights| encode(*ty, &*weights))
        }
    };
    bytes.map_err(|error| PackError::in_tensor(name, error))
}

/// The bytes of a tensor in the type that holds it.
fn in_type(ty: GgmlType, tensor: Tensor, name: &str) -> Result<Vec<u8>> {
    match tensor {
        Tensor::Raw { bytes, .. } => Ok(bytes),
        Tensor::Coded(codes, Grid::AffineGroups(grid)) if type_of_grid(&grid) == Some(ty) => {
            pack_blocks(ty, &codes, &grid).map_err(|error| PackError::in_tensor(name, error))
        }
        Tensor::Coded(codes, Grid::SuperBlocks(grid)) if type_of_layout(grid.layout) == ty => {
            pack_super_blocks(&codes, &grid).map_err(|error| PackError::in_tensor(name, error))
        }
        Tensor::Coded(..) => {
            Err(PackError::Export(format!("the codes of tensor {name:?} are not those of {}", ty.name())))
        }
    }
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> PackError + '_ {
    move |source| PackError::Io { path: path.to_owned(), source }
}

/// The name of `dest` while it is written.
fn temporary(dest: &Path) -> PathBuf {
    let mut name = dest.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// An error of `ecq_format`'s writer or of the tensors handed to it.
enum WriteError {
    Io(std::io::Error),
    Pack(Box<PackError>),
}

impl WriteError {
    fn at(self, path: &Path) -> PackError {
        match self {
            Self::Io(source) => PackError::Io { path: path.to_owned(), source },
            Self::Pack(error) => *error,
        }
    }
}

impl From<std::io::Error> for WriteError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<GgufError> for WriteError {
    fn from(error: GgufError) -> Self {
        Self::Pack(Box::new(error.into()))
    }
}

impl From<PackError> for WriteError {
    fn from(error: PackError) -> Self {
        Self::Pack(Box::new(error))
    }
}
