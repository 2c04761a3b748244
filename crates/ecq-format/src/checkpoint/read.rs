use super::Result;
use super::attached_files::{ATTACHED_FILES, read_small_file, wrong_file_error};
use super::error::CheckpointError;
use crate::python_json;
use crate::read_at::read_exact_at;
use ecq_core::Limits;
use safetensors::Dtype;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::PathBuf;

/// Properties of a tensor of a checkpoint, validated when its shard was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointTensorInfo {
    /// The tensor's name.
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// Index of its shard in [`Checkpoint::shards`].
    pub shard: usize,
    /// Offset in the file of the shard, in bytes.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl CheckpointTensorInfo {
    /// Returns the number of elements of a row, the last dimension.
    pub fn cols(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// Returns the number of rows, the product of all dimensions but the last.
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
    /// Bytes of the file before the data: length and JSON.
    pub header: Vec<u8>,
    /// Entries of `__metadata__`.
    pub metadata: BTreeMap<String, String>,
    /// Path of the file.
    pub path: PathBuf,
    /// `None` if only the header was parsed.
    pub(super) file: Option<File>,
}

/// An open checkpoint. The headers are in memory; tensors are read on request.
#[derive(Debug)]
pub struct Checkpoint {
    /// Folder of weights, configuration and tokenizer.
    pub(super) folder: PathBuf,
    /// Name and bytes of the index; `None` if there is none.
    pub(super) index: Option<(String, Vec<u8>)>,
    pub(super) shards: Vec<Shard>,
    pub(super) tensors: Vec<CheckpointTensorInfo>,
    /// Index in `tensors` of each tensor, by name.
    pub(super) places: HashMap<String, usize>,
    pub(super) limits: Limits,
}

impl Checkpoint {
    /// Returns all shards, sorted by name.
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Returns all tensors, shard by shard, in the order of their data.
    pub fn tensors(&self) -> &[CheckpointTensorInfo] {
        &self.tensors
    }

    /// Returns the tensor with this name.
    pub fn find(&self, name: &str) -> Option<&CheckpointTensorInfo> {
        self.places.get(name).map(|&place| &self.tensors[place])
    }

    /// Returns name and bytes of the index; `None` if there is none.
    pub fn index(&self) -> Option<(&str, &[u8])> {
        self.index.as_ref().map(|(name, json)| (name.as_str(), json.as_slice()))
    }

    /// Reads the bytes of a tensor (little-endian elements, row-major).
    ///
    /// # Errors
    /// [`CheckpointError::Io`] if the shard cannot be read.
    pub fn read(&self, tensor: &CheckpointTensorInfo) -> Result<Vec<u8>> {
        let mut bytes = vec![0; tensor.bytes as usize];
        self.read_at(tensor, 0, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads the bytes of `rows` rows of a tensor, starting at row `first`.
    ///
    /// # Errors
    /// [`CheckpointError::Rows`] if the tensor does not have these rows or a row is not a whole number of
    /// bytes, and [`CheckpointError::Io`] if the shard cannot be read.
    pub fn read_rows(&self, tensor: &CheckpointTensorInfo, first: usize, rows: usize) -> Result<Vec<u8>> {
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

    /// Fills `bytes` with the bytes of a tensor, starting at its byte `start`.
    ///
    /// # Errors
    /// [`CheckpointError::Io`] if the shard cannot be read.
    ///
    /// # Panics
    /// If the tensor does not belong to this checkpoint or does not have these bytes.
    pub fn read_at(&self, tensor: &CheckpointTensorInfo, start: u64, bytes: &mut [u8]) -> Result<()> {
        let shard = &self.shards[tensor.shard];
        assert!(
            start.checked_add(bytes.len() as u64).is_some_and(|end| end <= tensor.bytes),
            "the range must be inside the tensor"
        );
        let io = |source| CheckpointError::Io { path: shard.path.clone(), source };
        let Some(file) = &shard.file else {
            return Err(io(std::io::Error::other(
                "the tensor cannot be read, because only the header was parsed",
            )));
        };
        read_exact_at(file, bytes, tensor.offset + start).map_err(io)
    }

    /// Reads the existing files of [`ATTACHED_FILES`]; returns name and bytes of each.
    ///
    /// # Errors
    /// [`CheckpointError`] if a file cannot be read or exceeds the limit.
    pub fn attached_files(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut files = Vec::new();
        for name in ATTACHED_FILES {
            if let Some(bytes) = self.small_file(name)? {
                files.push(((*name).to_owned(), bytes));
            }
        }
        Ok(files)
    }

    /// Reads the JSON object in a file of the folder; `None` if the file does not exist.
    ///
    /// # Errors
    /// [`CheckpointError`] if the file cannot be read, exceeds the limit, or is not a JSON object.
    pub fn json(&self, name: &str) -> Result<Option<Map<String, Value>>> {
        let Some(bytes) = self.small_file(name)? else { return Ok(None) };
        let parsed = python_json::parse_object(&bytes);
        parsed.map(Some).map_err(|error| {
            let json = || CheckpointError::Json { file: name.to_owned(), why: error.to_string() };
            wrong_file_error(&self.folder.join(name), &bytes).unwrap_or_else(json)
        })
    }

    fn small_file(&self, name: &str) -> Result<Option<Vec<u8>>> {
        read_small_file(&self.folder.join(name), &self.limits)
    }
}
