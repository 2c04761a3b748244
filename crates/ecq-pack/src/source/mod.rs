//! Models as a list of tensors that load one at a time, wherever they come from.

mod checkpoint;
mod ecq;
mod gguf;
mod length;

pub use checkpoint::CheckpointSource;
pub use ecq::EcqSource;
pub(crate) use ecq::{dtype_name, fields};
pub use gguf::GgufSource;
pub(crate) use gguf::HEADER_FILE;

use crate::error::{PackError, Result};
use ecq_core::{Codes, Grid, Kind, Limits};
use ecq_format::container::Source as Origin;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What is known of a tensor before it is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorFacts {
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

impl TensorFacts {
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
pub type RideAlong = (String, Vec<u8>);

/// A model whose tensors load one at a time.
pub trait Source: Send + Sync {
    /// Name of the format: `gguf`, `safetensors`, `mlx`, `gptq`, `awq`, `ecq`.
    fn format(&self) -> &'static str;
    /// All tensors, in file order.
    fn tensors(&self) -> &[TensorFacts];
    /// Tensor `index` of [`tensors`](Self::tensors).
    ///
    /// # Errors
    /// When it cannot be read or decoded.
    fn load(&self, index: usize) -> Result<Tensor>;
    /// What must ride along so that the source can be written back and the model run.
    ///
    /// # Errors
    /// When it cannot be read.
    fn ride_along(&self) -> Result<Vec<RideAlong>>;
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
    let mut head = Vec::new();
    std::fs::File::open(path).map_err(io)?.take(16).read_to_end(&mut head).map_err(io)?;
    if head.starts_with(b"GGUF") {
        return Ok(Box::new(GgufSource::open(path, limits)?));
    }
    // A safetensors file begins with a length and a brace.
    if head.get(8) == Some(&b'{') {
        return match EcqSource::open(path, limits) {
            Err(PackError::NotEcq { .. }) => Ok(Box::new(CheckpointSource::open(path, limits)?)),
            other => Ok(Box::new(other?)),
        };
    }
    let found = match head.len() {
        0 => "an empty file".to_owned(),
        n => format!("a file that starts with {:02x?}", &head[..n.min(8)]),
    };
    Err(PackError::UnknownFormat { path: path.to_owned(), found })
}

/// What the first bytes of a file say it is.
pub(crate) enum Head {
    Gguf,
    /// A length and a brace.
    Safetensors,
    Empty,
    Other,
}

/// Looks at the first bytes of a file; one that cannot be read is as good as empty.
pub(crate) fn head_of(path: &Path) -> Head {
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(16).read_to_end(&mut head));
    match (read, head.starts_with(b"GGUF"), head.get(8)) {
        (Err(_) | Ok(0), ..) => Head::Empty,
        (_, true, _) => Head::Gguf,
        (_, _, Some(b'{')) => Head::Safetensors,
        _ => Head::Other,
    }
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
