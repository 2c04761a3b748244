//! Entries of `__metadata__`, and names of the container's tensors.

use super::Result;
use super::error::ContainerError;
use ecq_core::{TensorEntry, TensorPart};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The schema version that is written, and the only one that is read.
pub(super) const VERSION: u32 = 1;
/// Name of the tensor that holds the seal.
pub(super) const SEAL: &str = "ecq.seal";
/// Length of the seal in bytes.
pub(super) const SEAL_BYTES: usize = 32;
/// Prefix of the tensor names of attached files.
pub(super) const FILE_PREFIX: &str = "ecq.file/";
/// Alignment of the data in the file, in bytes.
pub(super) const ALIGNMENT: usize = 64;

/// Description of the source of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// Format of the source: `gguf`, `safetensors`, ...
    pub format: String,
    /// Base name of the source file or folder.
    pub file: String,
    /// Size of the source in bytes.
    pub bytes: u64,
}

/// The KL divergence from the source that was measured on one kind of text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextKl {
    /// The kind of text: `prose`, `conversations`, the name of a file, ...
    pub text: String,
    /// Number of tokens.
    pub tokens: usize,
    /// KL divergence from the source in nats per token.
    pub kl: f64,
    /// Its standard error, computed as if tokens were independent.
    pub stderr: f64,
    /// Fraction of tokens for which the source has the same most likely token.
    pub top1: f64,
}

/// Metadata of the whole file, stored as entry `ecq.model`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelEntry {
    /// Source of the model.
    pub source: SourceRecord,
    /// Names of all tensors in the order of the source.
    pub order: Vec<String>,
    /// Name and version of the program that wrote the file.
    pub writer: String,
    /// Shapes of encoded tensors whose shape in the source is not `[rows, columns]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// Description of the quantization; `None` if the codes and floats are those of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// KL divergences that were measured when the file was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measured_kl: Vec<TextKl>,
}

/// Entry of an encoded tensor, with the checksums of its parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChecksummedEntry {
    #[serde(flatten)]
    pub(super) entry: TensorEntry,
    #[serde(rename = "sums")]
    pub(super) checksums: BTreeMap<TensorPart, String>,
}

/// Entry of an attached file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileEntry {
    /// Length of the file in bytes after decompression.
    pub(super) bytes: u64,
    pub(super) compression: Compression,
    /// Checksum of the stored (possibly compressed) bytes.
    #[serde(rename = "sum")]
    pub(super) checksum: String,
}

/// Compression of an attached file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Compression {
    None,
    Zlib,
}

/// Returns the name of the tensor that holds a part of `tensor`.
pub(super) fn part_name(tensor: &str, part: TensorPart) -> String {
    format!("{tensor}.ecq.{}", part.name())
}

/// Returns the key of the entry of `tensor`.
pub(super) fn entry_key(tensor: &str) -> String {
    format!("{tensor}.ecq")
}

/// Checks that `name` is a possible name of a tensor of the model.
///
/// # Errors
/// [`ContainerError::Name`] if it is empty or reserved for the container.
pub(super) fn check_name(name: &str) -> Result<()> {
    let why = if name.is_empty() {
        "is not a tensor name, expected a non-empty name"
    } else if name.contains(".ecq") || name.starts_with("ecq.") || name == "__metadata__" || name == "format"
    {
        "is a tensor name that the container reserves"
    } else {
        return Ok(());
    };
    Err(ContainerError::Name { name: name.to_owned(), why })
}

/// Parses the entry of key `key`.
pub(super) fn parse<'a, T: Deserialize<'a>>(key: &str, json: &'a str) -> Result<T> {
    serde_json::from_str(json)
        .map_err(|error| ContainerError::Metadata { key: key.to_owned(), why: error.to_string() })
}

/// Serializes an entry.
pub(super) fn to_json(value: &impl Serialize) -> String {
    // Serialization of structs of numbers, strings and maps with string keys does not fail.
    serde_json::to_string(value).unwrap_or_default()
}
