use super::Result;
use super::error::CheckpointError;
use super::files::{RIDE_ALONG, of_another_kind, read_small};
use crate::positioned::read_exact_at;
use crate::python_json;
use ecq_core::Limits;
use safetensors::Dtype;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::PathBuf;

/// A tensor of a checkpoint: facts, checked against its shard when that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Shape; empty for a scalar, with a zero for a tensor without elements.
    pub shape: Vec<usize>,
    /// Its shard, an index into [`Checkpoint::shards`].
    pub shard: usize,
    /// Where it starts in the shard's file, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

impl TensorInfo {
    /// Elements of a row: the last dimension.
    pub fn cols(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// Rows: the product of all dimensions but the last.
    pub fn rows(&self) -> usize {
        self.shape.split_last().map_or(1, |(_, rows)| rows.iter().product())
    }
}

/// One safetensors file of a checkpoint.
#[derive(Debug)]
pub struct Shard {
    /// Base name of the file.
    pub name: String,
    /// Length of the file in bytes.
    pub file_bytes: u64,
    /// The file up to its data: length and JSON.
    pub header: Vec<u8>,
    /// `__metadata__` of the file.
    pub metadata: BTreeMap<String, String>,
    /// Where the file is.
    pub path: PathBuf,
    /// `None` where only the header was parsed.
    pub(super) file: Option<File>,
}

/// A checkpoint: headers in memory, tensors read when asked for.
#[derive(Debug)]
pub struct Checkpoint {
    /// Where configuration and tokenizer lie.
    pub(super) folder: PathBuf,
    /// Name and bytes of the index, where there is one.
    pub(super) index: Option<(String, Vec<u8>)>,
    pub(super) shards: Vec<Shard>,
    pub(super) tensors: Vec<TensorInfo>,
    pub(super) places: HashMap<String, usize>,
    pub(super) limits: Limits,
}

impl Checkpoint {
    /// All shards, by name.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// All tensors: shard after shard, in the order of their data.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The tensor of this name.
    pub fn find(&self, name: &str) -> Option<&TensorInfo> {
        self.places.get(name).map(|&place| &self.tensors[place])
    }

    /// Name and bytes of the index, where there is one.
    pub fn index(&self) -> Option<(&str, &[u8])> {
        self.index.as_ref().map(|(name, json)| (name.as_str(), json.as_slice()))
    }

    /// The bytes of a tensor (little-endian elements, row-major).
    ///
    /// # Errors
    /// When the shard cannot be read.
    pub fn read(&self, tensor: &TensorInfo) -> Result<Vec<u8>> {
        let mut bytes = vec![0; tensor.bytes as usize];
        self.read_at(tensor, 0, &mut bytes)?;
        Ok(bytes)
    }

    /// The bytes of `rows` rows of a tensor from `first` on.
    ///
    /// # Errors
    /// When the tensor does not have these rows, a row is no whole number of bytes, or the shard cannot be
    /// read.
    pub fn read_rows(&self, tensor: &TensorInfo, first: usize, rows: usize) -> Result<Vec<u8>> {
        let row_bits = tensor.cols() as u64 * tensor.dtype.bitsize() as u64;
        let has = first.checked_add(rows).is_some_and(|end| end <= tensor.rows());
        if !has || !row_bits.is_multiple_of(8) {
            let (tensor, count, rows) = (tensor.name.clone(), rows, tensor.rows());
            return Err(CheckpointError::Rows { tensor, first, count, rows });
        }
        let mut bytes = vec![0; rows * (row_bits / 8) as usize];
        self.read_at(tensor, first as u64 * (row_bits / 8), &mut bytes)?;
        Ok(bytes)
    }

    /// Fills `bytes` from byte `start` of a tensor on.
    ///
    /// # Errors
    /// When the shard cannot be read.
    ///
    /// # Panics
    /// When the tensor is none of this checkpoint, or is shorter than that.
    pub fn read_at(&self, tensor: &TensorInfo, start: u64, bytes: &mut [u8]) -> Result<()> {
        let shard = &self.shards[tensor.shard];
        assert!(
            start.checked_add(bytes.len() as u64).is_some_and(|end| end <= tensor.bytes),
            "a range inside the tensor"
        );
        let io = |source| CheckpointError::Io { path: shard.path.clone(), source };
        let Some(file) = &shard.file else {
            return Err(io(std::io::Error::other("only the header was parsed")));
        };
        read_exact_at(file, bytes, tensor.offset + start).map_err(io)
    }

    /// The files that ride along ([`RIDE_ALONG`]) and are there: name and bytes.
    ///
    /// # Errors
    /// When one cannot be read or passes the limit.
    pub fn attached_files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut files = Vec::new();
        for name in RIDE_ALONG {
            if let Some(bytes) = self.small_file(name)? {
                files.push(((*name).to_owned(), bytes));
            }
        }
        Ok(files)
    }

    /// A JSON object beside the weights; `None` when it is not there.
    ///
    /// # Errors
    /// When it cannot be read, passes the limit, or is no JSON object.
    pub fn json(&self, name: &str) -> Result<Option<Map<String, Value>>> {
        let Some(bytes) = self.small_file(name)? else { return Ok(None) };
        let parsed = python_json::parse_object(&bytes);
        parsed.map(Some).map_err(|error| {
            let json = || CheckpointError::Json { file: name.to_owned(), why: error.to_string() };
            of_another_kind(&self.folder.join(name), &bytes).unwrap_or_else(json)
        })
    }

    fn small_file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        read_small(&self.folder.join(name), &self.limits)
    }
}
