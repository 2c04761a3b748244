//! GGUF: the file that a model came from, byte for byte; on other grids, the same model in types that GGUF
//! has.

use super::{ExportReport, check, floats};
use crate::destination::Destination;
use crate::error::{PackError, Result};
use crate::progress::{self, Progress};
use crate::source::{EcqSource, GAPS_FILE, HEADER_FILE, Source, Tensor};
use ecq_core::{FloatType, Grid, Limits, TensorContent};
use ecq_format::gguf::{
    GgmlType, Gguf, GgufError, NonzeroPadding, TensorToWrite, Value, pack_blocks, type_of_entry,
    type_of_grid, write, write_with_header,
};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// Writes a model that came from GGUF back to a GGUF file `dest`.
///
/// Without a recipe that is the source, byte for byte (of a split source the same in one file). The file gets
/// its name once it was read again and holds the model. A requantized tensor is written in the type that
/// holds its codes, where there is one, else as halves (vectors as f32).
///
/// # Errors
/// When the file is damaged, did not come from GGUF, or cannot be written; nothing is left under `dest`.
pub fn export_gguf(
    file: &Path,
    dest: &Path,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<ExportReport> {
    let source = EcqSource::open(file, limits)?;
    Destination::file(dest).replacing(true).check(&source.files())?;
    if !source.file().files().any(|name| name == HEADER_FILE) {
        let from = &source.file().model().source.format;
        return Err(PackError::Export(format!("the model came from {from}; it carries no GGUF header")));
    }
    let header = source.file().file(HEADER_FILE)?;
    let source_bytes = source.file().model().source.bytes;
    let gguf = Gguf::parse(&header, source_bytes, limits)?;
    let temporary = temporary(dest);
    let result = write_file(&source, &gguf, &temporary, progress).and_then(|report| {
        let exact = source.file().model().recipe.is_none();
        check::gguf(&source, &temporary, exact, limits, progress)?;
        fs::rename(&temporary, dest).map_err(io(dest))?;
        Ok(report)
    });
    if result.is_err() {
        // The half-written file is of no use to anybody; that it could not be removed is the lesser news.
        let _ = fs::remove_file(&temporary);
    }
    result
}

fn write_file(source: &EcqSource, gguf: &Gguf, path: &Path, progress: &dyn Progress) -> Result<ExportReport> {
    let place: HashMap<&str, usize> =
        source.tensors().iter().enumerate().map(|(i, tensor)| (tensor.name.as_str(), i)).collect();
    let load = |name: &str| -> std::result::Result<(usize, Tensor), WriteError> {
        let index = place
            .get(name)
            .ok_or_else(|| PackError::Export(format!("tensor {name:?} of the header is not in the file")))?;
        Ok((*index, source.load(*index)?))
    };
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path).map_err(io(path))?);
    let mut report = ExportReport::default();
    progress.begin("exporting", gguf.tensors().iter().map(|tensor| tensor.bytes).sum());
    let written = if source.file().model().recipe.is_none() {
        let gaps = match source.file().files().any(|name| name == GAPS_FILE) {
            true => NonzeroPadding::parse(&source.file().file(GAPS_FILE)?, gguf)?,
            false => NonzeroPadding::default(),
        };
        write_with_header(&mut out, gguf, &gaps, |info| {
            progress::check(progress)?;
            let (_, tensor) = load(&info.name)?;
            report.exact += 1;
            progress.advance(info.bytes, &info.name);
            in_type(info.ty, tensor, &info.name)
        })
    } else {
        let infos = gguf.tensors().iter().map(|info| {
            let entry = source.file().entry(&info.name);
            let ty = match entry.map(|entry| &entry.content) {
                Some(TensorContent::Codes { grid, .. }) => type_of_entry(grid).unwrap_or(GgmlType::F16),
                _ => info.ty,
            };
            TensorToWrite { name: info.name.clone(), ty, dims: info.dims.clone() }
        });
        let infos: Vec<TensorToWrite> = infos.collect();
        let metadata: Vec<(String, Value)> = gguf
            .metadata()
            .iter()
            .map(|(key, value)| match key.as_str() {
                // 1: mostly halves.
                "general.file_type" => (key.clone(), Value::U32(1)),
                _ => (key.clone(), value.clone()),
            })
            .collect();
        write(&mut out, &metadata, &infos, |i| -> std::result::Result<_, WriteError> {
            progress::check(progress)?;
            let TensorToWrite { name, ty, .. } = &infos[i];
            let (index, tensor) = load(name)?;
            progress.advance(gguf.tensors()[i].bytes, name);
            let facts = &source.tensors()[index];
            match (&tensor, ty) {
                (Tensor::Coded(_, grid), GgmlType::F16) if !has_type(grid) => {
                    report.dequantized.push(name.clone());
                    Ok(floats(&tensor, facts, FloatType::F16)?)
                }
                _ => {
                    report.exact += 1;
                    in_type(*ty, tensor, name)
                }
            }
        })
    };
    written.map_err(|error| error.at(path))?;
    progress.end();
    let out = out.into_inner().map_err(|error| io(path)(error.into_error()))?;
    out.sync_all().map_err(io(path))?;
    report.bytes = fs::metadata(path).map_err(io(path))?.len();
    Ok(report)
}

fn has_type(grid: &Grid) -> bool {
    matches!(grid, Grid::AffineGroups(grid) if type_of_grid(grid).is_some())
}

/// The bytes of a tensor in the type that holds it.
fn in_type(ty: GgmlType, tensor: Tensor, name: &str) -> std::result::Result<Vec<u8>, WriteError> {
    match tensor {
        Tensor::Raw { bytes, .. } => Ok(bytes),
        Tensor::Coded(codes, Grid::AffineGroups(grid)) if type_of_grid(&grid) == Some(ty) => {
            Ok(pack_blocks(ty, &codes, &grid).map_err(|error| PackError::in_tensor(name, error))?)
        }
        Tensor::Coded(..) => {
            Err(PackError::Export(format!("tensor {name:?} is no longer {}", ty.name())).into())
        }
    }
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> PackError + '_ {
    move |source| PackError::Io { path: path.to_owned(), source }
}

fn temporary(dest: &Path) -> PathBuf {
    let mut name = dest.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// An error of the writer below or of ours above it.
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
