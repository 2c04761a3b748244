//! Models as a list of tensors that load one at a time, wherever they come from.

mod checkpoint;
mod ecq;
mod gguf;

pub use checkpoint::CheckpointSource;
pub use ecq::EcqSource;
pub(crate) use ecq::{dtype_name, fields};
pub use gguf::GgufSource;
pub(crate) use gguf::{GAPS_FILE, HEADER_FILE};

use crate::error::{PackError, Result};
use crate::grids::GridChoice;
use crate::options::PackOptions;
use ecq_core::{Codes, Grid, Kind, Limits};
use ecq_format::container::{ContainerError, Source as Origin};
use ecq_format::header::LENGTH_BYTES;
use ecq_format::recognize::{HEAD_BYTES, recognize};
use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What is known of a tensor before it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceTensor {
    /// Its name.
    pub name: String,
    /// What it is to the model.
    pub kind: Kind,
    /// Rows (output features); 1 for a vector.
    pub rows: usize,
    /// Columns (input features).
    pub cols: usize,
    /// Shape in the source; its last dimension is the columns.
    pub shape: Vec<usize>,
    /// Type in the source, lower case.
    pub dtype: String,
    /// Bytes that it takes in the source.
    pub bytes: u64,
    /// Why it is carried as it is although it is part of a quantized layer.
    pub note: Option<String>,
}

impl SourceTensor {
    /// Number of weights.
    pub fn weights(&self) -> u64 {
        self.rows as u64 * self.cols as u64
    }
}

/// A loaded tensor, nothing lost.
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

/// A file that rides along in an `.ecq`: a name and its bytes.
pub type AttachedFile = (String, Vec<u8>);

/// A model whose tensors load one at a time.
pub trait Source: Send + Sync {
    /// Name of the format: `gguf`, `safetensors`, `mlx`, `gptq`, `awq`, `ecq`.
    fn format(&self) -> &'static str;
    /// All tensors, in file order.
    fn tensors(&self) -> &[SourceTensor];
    /// Tensor `index` of [`tensors`](Self::tensors).
    ///
    /// # Errors
    /// When it cannot be read or decoded.
    fn load(&self, index: usize) -> Result<Tensor>;
    /// What must ride along so that the source can be written back and the model run.
    ///
    /// # Errors
    /// When it cannot be read.
    fn attached_files(&self) -> Result<Vec<AttachedFile>>;
    /// The same model for new grids: layers that are kept as the tensors of their quantizer, because ecq has
    /// no grid for them (GPTQ's act-order), are weights of floats. `None` where there are no such layers.
    ///
    /// # Errors
    /// When such a layer can be kept, but not be read as floats.
    fn for_requantizing(&self) -> Result<Option<&dyn Source>> {
        Ok(None)
    }
    /// A hash (hexadecimal) of what the source is, without reading all of it.
    fn fingerprint(&self) -> &str;
    /// Bytes of the source.
    fn bytes(&self) -> u64;
    /// The files that it is read from, so that none of them is overwritten.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }
    /// What a file that is made of it says it was made of; `name` is the source's file name.
    fn origin(&self, name: &str) -> Origin {
        Origin { format: self.format().to_owned(), file: name.to_owned(), bytes: self.bytes() }
    }
}

/// Opens a model by what its first bytes say.
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
    if let Some(what) = recognize(&head, file_bytes) {
        return unknown(what);
    }
    // A safetensors file begins with a length and a brace.
    if head.get(LENGTH_BYTES) == Some(&b'{') {
        return match EcqSource::open(path, limits) {
            Err(PackError::Container(ContainerError::NotTheFile { .. })) => {
                Ok(Box::new(CheckpointSource::open(path, limits)?))
            }
            other => Ok(Box::new(other?)),
        };
    }
    unknown(format!("a file that starts with {:02x?}", &head[..head.len().min(8)]))
}

/// The form of `source` that `options` ask for: floats in place of layers that are kept as they are, if one
/// of them is to be put on a grid.
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

/// A hash of facts that change when a file does: length, time of change, and the bytes of its header.
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
