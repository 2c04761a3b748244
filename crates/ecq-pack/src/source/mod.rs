//! Models of any format as lists of tensors that are loaded one at a time.

mod checkpoint;
mod ecq;
mod gguf;
mod memory;

pub use checkpoint::CheckpointSource;
pub use ecq::EcqSource;
pub(crate) use ecq::{dtype_name, fields};
pub use gguf::GgufSource;
pub(crate) use gguf::{GAPS_FILE, HEADER_FILE};
pub use memory::{ArrayInfo, MemorySource, ReadArray};

use crate::error::{PackError, Result};
use crate::grids::GridChoice;
use crate::options::PackOptions;
use ecq_core::{Codes, Grid, Limits, TensorKind};
use ecq_format::container::{ContainerError, SourceRecord};
use ecq_format::file_type::{HEAD_BYTES, describe_file_type};
use ecq_format::safetensors_header::LENGTH_BYTES;
use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Facts of a tensor that is not loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTensor {
    /// Name.
    pub name: String,
    /// Role in the model.
    pub kind: TensorKind,
    /// Rows (output features); 1 for a vector.
    pub rows: usize,
    /// Columns (input features).
    pub cols: usize,
    /// Shape in the source; its last dimension is the columns.
    pub shape: Vec<usize>,
    /// Type in the source, lower case.
    pub dtype: String,
    /// Length in the source, in bytes.
    pub bytes: u64,
    /// Reason why it is copied although it is part of a quantized layer.
    pub note: Option<String>,
}

impl SourceTensor {
    /// Number of weights.
    pub fn weights(&self) -> u64 {
        self.rows as u64 * self.cols as u64
    }
}

/// A loaded tensor, without loss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tensor {
    /// Integer codes and how they become weights.
    Coded(Codes, Grid),
    /// Floats, integers, or blocks that have no codes of their own.
    Raw {
        /// Type of an element or block, lower case.
        dtype: String,
        /// Widths in bytes of the parts of an element or block.
        fields: Vec<usize>,
        /// Little-endian elements.
        bytes: Vec<u8>,
    },
}

/// A file that is attached to an `.ecq` file: its name and bytes.
pub type AttachedFile = (String, Vec<u8>);

/// A model whose tensors load one at a time.
pub trait Source: Send + Sync {
    /// Returns the name of the format: `gguf`, `safetensors`, `mlx`, `gptq`, `awq`, `ecq`.
    fn format(&self) -> &'static str;
    /// Returns all tensors, in file order.
    fn tensors(&self) -> &[SourceTensor];
    /// Loads tensor `index` of [`tensors`](Self::tensors).
    ///
    /// # Errors
    /// When it cannot be read or decoded.
    fn load(&self, index: usize) -> Result<Tensor>;
    /// Returns the files to attach so that the source can be exported again and the model run.
    ///
    /// # Errors
    /// When it cannot be read.
    fn attached_files(&self) -> Result<Vec<AttachedFile>>;
    /// Returns the same model for requantizing: layers that are kept as the tensors of their quantizer
    /// because ecq has no grid for them (GPTQ with act-order) are floats. `None` where there are no such
    /// layers.
    ///
    /// # Errors
    /// When such a layer cannot be read as floats.
    fn for_requantizing(&self) -> Result<Option<&dyn Source>> {
        Ok(None)
    }
    /// Returns a hexadecimal hash of headers, lengths and times of change of the source's files.
    fn fingerprint(&self) -> &str;
    /// Returns the length of the source in bytes.
    fn bytes(&self) -> u64;
    /// Returns the files that the source is read from, which outputs must not overwrite.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }
    /// Returns the origin that is recorded in a file made from this source; `name` is the source's file name.
    fn origin(&self, name: &str) -> SourceRecord {
        SourceRecord { format: self.format().to_owned(), file: name.to_owned(), bytes: self.bytes() }
    }
}

/// Opens a model of the format that its first bytes indicate.
///
/// # Errors
/// When it cannot be read or is of no known format.
pub fn open(path: &Path, limits: &Limits) -> Result<Box<dyn Source>> {
    let io = |source| PackError::Io { path: path.to_owned(), source };
    if path.is_dir() || path.extension().is_some_and(|extension| extension == "json") {
        return Ok(Box::new(CheckpointSource::open(path, limits)?));
    }
    let file = std::fs::File::open(path).map_err(io)?;
    let file_bytes = file.metadata().map_err(io)?.len();
    let mut head = Vec::new();
    file.take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(io)?;
    if head.starts_with(b"GGUF") {
        return Ok(Box::new(GgufSource::open(path, limits)?));
    }
    let unknown = |found: String| Err(PackError::UnknownFormat { path: path.to_owned(), found });
    if let Some(what) = describe_file_type(&head, file_bytes) {
        return unknown(what);
    }
    // A safetensors file begins with a length and a brace.
    if head.get(LENGTH_BYTES) == Some(&b'{') {
        return match EcqSource::open(path, limits) {
            Err(PackError::Container(ContainerError::WrongFileType { .. })) => {
                Ok(Box::new(CheckpointSource::open(path, limits)?))
            }
            other => Ok(Box::new(other?)),
        };
    }
    unknown(format!("a file that starts with {:02x?}", &head[..head.len().min(8)]))
}

/// Returns the source for `options`: with floats in place of layers that keep the tensors of their quantizer,
/// if one of these layers is to be quantized.
///
/// # Errors
/// As [`Source::for_requantizing`], and when options do not fit a tensor.
pub(crate) fn for_options<'a>(source: &'a dyn Source, options: &PackOptions) -> Result<&'a dyn Source> {
    let keeps_all = options.linear == GridChoice::Keep
        && options.embedding == GridChoice::Keep
        && source.tensors().iter().all(|facts| matches!(options.grid_of(facts), Ok(GridChoice::Keep)));
    if keeps_all {
        return Ok(source);
    }
    let Some(floats) = source.for_requantizing()? else { return Ok(source) };
    let known: HashSet<&str> = source.tensors().iter().map(|facts| facts.name.as_str()).collect();
    for facts in floats.tensors().iter().filter(|facts| !known.contains(facts.name.as_str())) {
        if options.grid_of(facts)? != GridChoice::Keep {
            return Ok(floats);
        }
    }
    Ok(source)
}

/// Returns a hash of the length, the time of change and the header of a file.
fn fingerprint(path: &Path, header: &[u8]) -> Result<String> {
    let io = |source| PackError::Io { path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(io)?;
    let changed = metadata.modified().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
    let mut hasher = blake3::Hasher::new();
    hasher.update(&metadata.len().to_le_bytes());
    hasher.update(&changed.map_or(0, |t| t.as_nanos()).to_le_bytes());
    hasher.update(header);
    Ok(hasher.finalize().to_hex().to_string())
}
