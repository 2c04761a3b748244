//! Models that `gguf-split` divided into parts such as `NAME-00001-of-00003.gguf`.
//!
//! Each part has the keys `split.no` (from 0), `split.count` and `split.tensors.count`; the first part holds
//! the metadata of the model. Source: `llama_split_path` and `llama_model_loader` of llama.cpp, and its
//! `tools/gguf-split`.

use super::error::GgufError;
use super::metadata_value::Value;
use super::model_config::optional;
use super::padding::NonzeroPadding;
use super::write::{TensorToWrite, layout};
use super::{Gguf, Result};
use ecq_core::Limits;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const COUNT: &str = "split.count";
const NUMBER: &str = "split.no";
const TENSORS: &str = "split.tensors.count";

/// The model of a GGUF file, or of all parts of a split model.
#[derive(Debug)]
pub struct GgufModel {
    /// The file, or the header of a single file with the tensors of all parts.
    merged: Gguf,
    /// The parts; empty if the model is a single file.
    parts: Vec<SplitPart>,
    /// For each tensor of `merged`, its part and its index in that part; empty if the model is a single file.
    places: Vec<(usize, usize)>,
}

#[derive(Debug)]
struct SplitPart {
    path: PathBuf,
    gguf: Gguf,
}

impl GgufModel {
    /// Opens a file or, if it is a part of a split model, all parts of the model.
    ///
    /// # Errors
    /// The errors of [`Gguf::open`]; [`GgufError::MissingPart`], [`GgufError::PartName`] or
    /// [`GgufError::Part`] if a part is missing, is not named as gguf-split names it, or belongs to another
    /// model.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let file = Gguf::open(path, limits)?;
        let Some(SplitKeys { number, count, .. }) = SplitKeys::read(&file)? else {
            return Ok(Self { merged: file, parts: Vec::new(), places: Vec::new() });
        };
        let expected = name_suffix(number, count);
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(stem) = name.strip_suffix(&expected) else {
            let number = number + 1;
            return Err(GgufError::PartName { path: path.to_owned(), number, count, expected });
        };
        let mut parts = Vec::new();
        for other in 0..count {
            let path = path.with_file_name(format!("{stem}{}", name_suffix(other, count)));
            let gguf = Gguf::open(&path, limits).map_err(|error| match error {
                GgufError::Io { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
                    GgufError::MissingPart { path, number: other + 1, count }
                }
                error => error,
            })?;
            parts.push(SplitPart { path, gguf });
        }
        let named: Vec<(String, &Gguf)> =
            parts.iter().map(|part| (part.path.display().to_string(), &part.gguf)).collect();
        let (merged, places) = merge_parts(&named, limits)?;
        Ok(Self { merged, parts, places })
    }

    /// Returns metadata and tensors of the model.
    ///
    /// For a split model these are the keys of all parts, without the `split.*` keys, and all tensors, at the
    /// offsets that they have in a single file.
    pub fn merged(&self) -> &Gguf {
        &self.merged
    }

    /// Returns paths and headers of the files of the model: one file, or the parts in order.
    pub fn files(&self) -> Vec<(PathBuf, &Gguf)> {
        match self.parts.is_empty() {
            true => vec![(self.merged.path().to_owned(), &self.merged)],
            false => self.parts.iter().map(|part| (part.path.clone(), &part.gguf)).collect(),
        }
    }

    /// Reads the bytes of tensor `index` of [`merged`](Self::merged).
    ///
    /// # Errors
    /// [`GgufError::Io`] if a file cannot be read.
    ///
    /// # Panics
    /// If there is no such tensor.
    pub fn read_tensor(&self, index: usize) -> Result<Vec<u8>> {
        match self.places.get(index) {
            Some(&(part, tensor)) => {
                let gguf = &self.parts[part].gguf;
                gguf.read_tensor(&gguf.tensors()[tensor])
            }
            None => self.merged.read_tensor(&self.merged.tensors()[index]),
        }
    }

    /// Reads the nonzero padding of the model.
    ///
    /// # Errors
    /// The errors of [`NonzeroPadding::read`]; [`GgufError::Part`] if a part of a split model has nonzero
    /// padding, which the single file that is exported cannot represent.
    pub fn padding(&self, limits: &Limits) -> Result<NonzeroPadding> {
        for part in &self.parts {
            if let Some(offset) = NonzeroPadding::read(&part.gguf, limits)?.first() {
                let why = format!("nonzero padding at file offset {offset} cannot be kept in a merged file");
                return Err(GgufError::Part { part: part.path.display().to_string(), why });
            }
        }
        if self.parts.is_empty() {
            NonzeroPadding::read(&self.merged, limits)
        } else {
            Ok(NonzeroPadding::default())
        }
    }
}

/// The `split.*` keys of a part.
struct SplitKeys {
    /// Number of the part, from 0.
    number: u64,
    count: u64,
    tensors: Option<u64>,
}

impl SplitKeys {
    /// Reads the keys; `None` if the file is a complete model.
    fn read(gguf: &Gguf) -> Result<Option<Self>> {
        let integer = |key: &str| optional(gguf, key, "a non-negative integer", Value::as_u64);
        let Some(count @ 2..) = integer(COUNT)? else { return Ok(None) };
        let number = integer(NUMBER)?.filter(|number| *number < count);
        let number = number
            .ok_or(GgufError::Key { key: NUMBER.to_owned(), expected: "an integer below split.count" })?;
        Ok(Some(Self { number, count, tensors: integer(TENSORS)? }))
    }
}

/// Returns the end of the file name of part `number` (from 0).
fn name_suffix(number: u64, count: u64) -> String {
    format!("-{:05}-of-{count:05}.gguf", number + 1)
}

/// Merges the headers of all parts of a split model (each with the name of its file).
///
/// Returns the header of a single file with all tensors and, for each tensor, its part and its index in that
/// part.
///
/// # Errors
/// [`GgufError::Part`] if the parts do not belong to one model or are not in order, and
/// [`GgufError::TooMany`] if they have more tensors than `limits` allow.
pub fn merge_parts(parts: &[(String, &Gguf)], limits: &Limits) -> Result<(Gguf, Vec<(usize, usize)>)> {
    let mut metadata: Vec<(String, Value)> = Vec::new();
    let (mut tensors, mut places) = (Vec::new(), Vec::new());
    let mut part_of: HashMap<&str, &str> = HashMap::new();
    let count = parts.len() as u64;
    let mut expected = None;
    for (number, (name, gguf)) in parts.iter().enumerate() {
        let wrong = |why: String| GgufError::Part { part: name.clone(), why };
        match SplitKeys::read(gguf)? {
            Some(split) if (split.number, split.count) == (number as u64, count) => {
                if let (Some(here), Some(before)) = (split.tensors, expected)
                    && here != before
                {
                    return Err(wrong(format!("{TENSORS} is {here}, expected {before} as in another part")));
                }
                expected = split.tensors.or(expected);
            }
            Some(SplitKeys { number: found, count: all, .. }) => {
                let (found, expected) = (found + 1, number + 1);
                return Err(wrong(format!("is part {found} of {all}, expected part {expected} of {count}")));
            }
            None => return Err(wrong(format!("is not a part of a split model: {COUNT} is missing"))),
        }
        for (key, value) in gguf.metadata() {
            let of_split = [COUNT, NUMBER, TENSORS].contains(&key.as_str());
            if !of_split && metadata.iter().all(|(known, _)| known != key) {
                metadata.push((key.clone(), value.clone()));
            }
        }
        for (index, tensor) in gguf.tensors().iter().enumerate() {
            if let Some(other) = part_of.insert(&tensor.name, name) {
                return Err(wrong(format!("tensor {:?} is also in {other}", tensor.name)));
            }
            if tensors.len() == limits.tensors {
                let (what, most) = ("the number of tensors of all parts", limits.tensors as u64);
                return Err(GgufError::TooMany { what, at: 0, found: most + 1, most });
            }
            places.push((number, index));
            let (name, ty, dims) = (tensor.name.clone(), tensor.ty, tensor.dims.clone());
            tensors.push(TensorToWrite { name, ty, dims });
        }
    }
    if let Some(expected) = expected.filter(|&expected| expected != tensors.len() as u64) {
        let why = format!("all parts hold {} tensors, expected {expected} by {TENSORS}", tensors.len());
        let part = parts.first().map(|(name, _)| name.clone()).unwrap_or_default();
        return Err(GgufError::Part { part, why });
    }
    Ok((layout(&metadata, &tensors)?, places))
}
