//! What `__metadata__` holds.

use super::Result;
use super::error::ContainerError;
use ecq_core::{TensorEntry, TensorPart};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Newest schema version.
pub(super) const VERSION: u32 = 1;
/// Name of the seal.
pub(super) const SEAL: &str = "ecq.seal";
/// Bytes of the seal.
pub(super) const SEAL_BYTES: usize = 32;
/// Prefix of ride-along files.
pub(super) const FILE_PREFIX: &str = "ecq.file/";
/// The data begin at a multiple of this many bytes.
pub(super) const ALIGNMENT: usize = 64;

/// Where a model came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// `gguf`, `safetensors`, ...
    pub format: String,
    /// Base name of the file or folder.
    pub file: String,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Facts of the whole file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelEntry {
    /// Where the model came from.
    pub source: SourceRecord,
    /// Names of all tensors, in the order of the source.
    pub order: Vec<String>,
    /// Program and version that wrote the file.
    pub writer: String,
    /// Shapes of encoded tensors that are not `[rows, columns]` in the source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// How the model was quantized, in words; absent when every tensor is that of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
}

/// The facts of an encoded tensor and the checksums of its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChecksummedEntry {
    #[serde(flatten)]
    pub(super) entry: TensorEntry,
    pub(super) sums: BTreeMap<TensorPart, String>,
}

/// The facts of a ride-along file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileEntry {
    /// Length once inflated.
    pub(super) bytes: u64,
    pub(super) compression: Compression,
    /// Of the bytes as stored.
    pub(super) sum: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Compression {
    None,
    Zlib,
}

/// The name of a part in the file.
pub(super) fn part_name(tensor: &str, part: TensorPart) -> String {
    format!("{tensor}.ecq.{}", part.name())
}

/// The key of a tensor's entry.
pub(super) fn entry_key(tensor: &str) -> String {
    format!("{tensor}.ecq")
}

/// Names that would collide with those of the container.
pub(super) fn check_name(name: &str) -> Result<()> {
    let why = if name.is_empty() {
        "is no name"
    } else if name.contains(".ecq") || name.starts_with("ecq.") || name == "__metadata__" || name == "format"
    {
        "is a name that the container keeps for itself"
    } else {
        return Ok(());
    };
    Err(ContainerError::Name { name: name.to_owned(), why })
}

pub(super) fn parse<'a, T: Deserialize<'a>>(key: &str, json: &'a str) -> Result<T> {
    serde_json::from_str(json)
        .map_err(|error| ContainerError::Metadata { key: key.to_owned(), why: error.to_string() })
}

pub(super) fn to_json(value: &impl Serialize) -> String {
    // Structs of numbers, strings and maps with string keys always serialise.
    serde_json::to_string(value).unwrap_or_default()
}
