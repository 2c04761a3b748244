//! Models that `gguf-split` cut into parts: `NAME-00001-of-00003.gguf` and its like.
//!
//! Each part says with `split.no` (from 0 on), `split.count` and `split.tensors.count` which it is; the first
//! holds the metadata of the model. Source: `llama_split_path` and `llama_model_loader` of llama.cpp, and its
//! `tools/gguf-split`.

use super::error::GgufError;
use super::metadata_value::Value;
use super::model::optional;
use super::padding::NonzeroPadding;
use super::write::{TensorToWrite, layout};
use super::{Gguf, Result};
use ecq_core::Limits;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

const COUNT: &str = "split.count";
const NUMBER: &str = "split.no";
const TENSORS: &str = "split.tensors.count";

/// The model of a GGUF file, or of all parts of a split one.
#[derive(Debug)]
pub struct GgufModel {
    /// Metadata and tensors: of the file, or as one file with all parts has them.
    whole: Gguf,
    /// The parts; none where the model is one file.
    parts: Vec<Part>,
    /// For each tensor of the whole, its part and its index there.
    places: Vec<(usize, usize)>,
}

#[derive(Debug)]
struct Part {
    path: PathBuf,
    gguf: Gguf,
}

impl GgufModel {
    /// Opens a file; where it is a part of a split model, all parts of it, whichever is named.
    ///
    /// # Errors
    /// As [`Gguf::open`]; when a part is missing, is not named as gguf-split names it, or is of another
    /// model.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let file = Gguf::open(path, limits)?;
        let Some(Split { number, count, .. }) = Split::of(&file)? else {
            return Ok(Self { whole: file, parts: Vec::new(), places: Vec::new() });
        };
        let expected = end_of_name(number, count);
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let Some(stem) = name.strip_suffix(&expected) else {
            let number = number + 1;
            return Err(GgufError::PartName { path: path.to_owned(), number, count, expected });
        };
        let mut parts = Vec::new();
        for other in 0..count {
            let path = path.with_file_name(format!("{stem}{}", end_of_name(other, count)));
            let gguf = Gguf::open(&path, limits).map_err(|error| match error {
                GgufError::Io { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
                    GgufError::MissingPart { path, number: other + 1, count }
                }
                error => error,
            })?;
            parts.push(Part { path, gguf });
        }
        let named: Vec<(String, &Gguf)> =
            parts.iter().map(|part| (part.path.display().to_string(), &part.gguf)).collect();
        let (whole, places) = merge_parts(&named, limits)?;
        Ok(Self { whole, parts, places })
    }

    /// Metadata and tensors. Of a split model: the keys of the first part and what others add, without those
    /// of the split, and all tensors, placed as one file would have them.
    pub fn whole(&self) -> &Gguf {
        &self.whole
    }

    /// The files of the model, each with its header and its length: one, or the parts in order.
    pub fn files(&self) -> Vec<(PathBuf, &Gguf)> {
        match self.parts.is_empty() {
            true => vec![(self.whole.path().to_owned(), &self.whole)],
            false => self.parts.iter().map(|part| (part.path.clone(), &part.gguf)).collect(),
        }
    }

    /// The bytes of tensor `index` of the whole.
    ///
    /// # Errors
    /// When a file cannot be read.
    ///
    /// # Panics
    /// When there is no such tensor.
    pub fn read_tensor(&self, index: usize) -> Result<Vec<u8>> {
        match self.places.get(index) {
            Some(&(part, tensor)) => {
                let gguf = &self.parts[part].gguf;
                gguf.read_tensor(&gguf.tensors()[tensor])
            }
            None => self.whole.read_tensor(&self.whole.tensors()[index]),
        }
    }

    /// What lies between and behind the tensors.
    ///
    /// # Errors
    /// As [`NonzeroPadding::read`]; when a part of a split model has such bytes, since the one file that it is written
    /// back as has no place for them.
    pub fn padding(&self, limits: &Limits) -> Result<NonzeroPadding> {
        for part in &self.parts {
            if let Some(offset) = NonzeroPadding::read(&part.gguf, limits)?.first() {
                let why = format!("the byte at {offset} is of no tensor and not zero, and cannot be kept");
                return Err(GgufError::Part { part: part.path.display().to_string(), why });
            }
        }
        if self.parts.is_empty() {
            NonzeroPadding::read(&self.whole, limits)
        } else {
            Ok(NonzeroPadding::default())
        }
    }
}

/// What a part says of the split.
struct Split {
    /// From 0 on.
    number: u64,
    count: u64,
    tensors: Option<u64>,
}

impl Split {
    /// `None` for a file that is a whole model.
    fn of(gguf: &Gguf) -> Result<Option<Self>> {
        let whole = |key: &str| optional(gguf, key, "a whole number", Value::as_u64);
        let Some(count @ 2..) = whole(COUNT)? else { return Ok(None) };
        let number = whole(NUMBER)?.filter(|number| *number < count);
        let number =
            number.ok_or(GgufError::Key { key: NUMBER.to_owned(), expected: "below split.count" })?;
        Ok(Some(Self { number, count, tensors: whole(TENSORS)? }))
    }
}

fn end_of_name(number: u64, count: u64) -> String {
    format!("-{:05}-of-{count:05}.gguf", number + 1)
}

/// Headers of all parts, each with the name of its file, as that of one file, and for each of its tensors its
/// part and its index there.
///
/// # Errors
/// When the parts are not those of one model, in their order.
pub fn merge_parts(parts: &[(String, &Gguf)], limits: &Limits) -> Result<(Gguf, Vec<(usize, usize)>)> {
    let mut metadata: Vec<(String, Value)> = Vec::new();
    let (mut tensors, mut places) = (Vec::new(), Vec::new());
    let mut part_of: HashMap<&str, &str> = HashMap::new();
    let count = parts.len() as u64;
    let mut expected = None;
    for (number, (name, gguf)) in parts.iter().enumerate() {
        let wrong = |why: String| GgufError::Part { part: name.clone(), why };
        match Split::of(gguf)? {
            Some(split) if (split.number, split.count) == (number as u64, count) => {
                if let (Some(here), Some(before)) = (split.tensors, expected)
                    && here != before
                {
                    return Err(wrong(format!("{TENSORS} is {here}, another part says {before}")));
                }
                expected = split.tensors.or(expected);
            }
            Some(Split { number: found, count: all, .. }) => {
                let (found, expected) = (found + 1, number + 1);
                return Err(wrong(format!("is part {found} of {all}, expected part {expected} of {count}")));
            }
            None => return Err(wrong(format!("is no part of a split model: {COUNT} is missing"))),
        }
        for (key, value) in gguf.metadata() {
            let of_split = [COUNT, NUMBER, TENSORS].contains(&key.as_str());
            if !of_split && metadata.iter().all(|(known, _)| known != key) {
                metadata.push((key.clone(), value.clone()));
            }
        }
        for (index, tensor) in gguf.tensors().iter().enumerate() {
            if let Some(other) = part_of.insert(&tensor.name, name) {
                return Err(wrong(format!("holds tensor {:?}, which is in {other} too", tensor.name)));
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
        let why = format!("all parts hold {} tensors, {TENSORS} says {expected}", tensors.len());
        let part = parts.first().map(|(name, _)| name.clone()).unwrap_or_default();
        return Err(GgufError::Part { part, why });
    }
    Ok((layout(&metadata, &tensors)?, places))
}
