//! Back to the format a model came from.

use crate::error::{PackError, Result};
use crate::progress::Progress;
use crate::source::{EcqSource, Source, Tensor};
use ecq_core::{Grid, Limits};
use ecq_format::gguf::{Gguf, GgufError, join, type_of_grid, write_with_header};
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// Writes the GGUF file that `file` was made from, tensor by tensor, to `dest`; returns its length.
///
/// # Errors
/// When the file is damaged, did not come from GGUF, or cannot be written; nothing is left under `dest`.
pub fn export_gguf(file: &Path, dest: &Path, limits: &Limits, progress: &dyn Progress) -> Result<u64> {
    let source = EcqSource::open(file, limits)?;
    if !source.file().files().any(|name| name == crate::source::HEADER_FILE) {
        let from = &source.file().model().source.format;
        return Err(PackError::Export(format!("the model came from {from}; it carries no GGUF header")));
    }
    let header = source.file().file(crate::source::HEADER_FILE)?;
    let source_bytes = source.file().model().source.bytes;
    let gguf = Gguf::parse(&header, source_bytes, limits)?;
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| PackError::Io { path: path.clone(), source }
    };
    let temporary = temporary(dest);
    let write = || -> Result<u64> {
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&temporary).map_err(io(&temporary))?);
        progress.begin("exporting", source_bytes);
        write_with_header(&mut out, &gguf, |info| -> std::result::Result<_, WriteError> {
            let index = source.tensors().iter().position(|t| t.name == info.name);
            let index = index.ok_or_else(|| {
                PackError::Export(format!("tensor {:?} of the header is not in the file", info.name))
            })?;
            let bytes = match source.load(index)? {
                Tensor::Raw { bytes, .. } => bytes,
                Tensor::Coded(codes, Grid::AffineGroups(grid)) => {
                    let ty = type_of_grid(&grid).filter(|&ty| ty == info.ty).ok_or_else(|| {
                        PackError::Export(format!("tensor {:?} is no longer {}", info.name, info.ty.name()))
                    })?;
                    join(ty, &codes, &grid).map_err(|e| PackError::in_tensor(&info.name, e))?
                }
                Tensor::Coded(..) => return Err(PackError::UnknownGrid.into()),
            };
            progress.advance(bytes.len() as u64, &info.name);
            Ok(bytes)
        })
        .map_err(|error| error.at(&temporary))?;
        progress.end();
        let out = out.into_inner().map_err(|error| io(&temporary)(error.into_error()))?;
        out.sync_all().map_err(io(&temporary))?;
        fs::rename(&temporary, dest).map_err(io(dest))?;
        Ok(source_bytes)
    };
    let result = write();
    if result.is_err() {
        // The half-written file is of no use to anybody; that it could not be removed is the lesser news.
        let _ = fs::remove_file(&temporary);
    }
    result
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
