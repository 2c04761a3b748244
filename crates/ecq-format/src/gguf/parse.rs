//! Parser of GGUF headers.
//!
//! Files may be malicious: each length is checked against the remaining bytes before memory is allocated, and
//! the parser does not panic.

use super::Result;
use super::error::GgufError;
use super::metadata_value::Value;
use super::read::GgufTensorInfo;
use super::types::GgmlType;
use ecq_core::Limits;
use std::collections::HashSet;

/// Maximum length of a metadata key in bytes (specified by the format).
const KEY_BYTES: u64 = 65535;
/// Maximum length of a tensor name in bytes. The format specifies 64, but some builds of ggml allow longer
/// names.
const TENSOR_NAME_BYTES: u64 = 255;
/// Maximum nesting depth of arrays. The format has no limit; real files have no nested arrays.
const NESTING: u32 = 4;
/// Maximum number of elements of all arrays together, because a value takes up to 24 times as much memory as
/// in the file. The largest vocabularies have 1 or 2 million tokens, scores, types and merges in total.
const ARRAY_ELEMENTS: u64 = 1 << 23;
/// Alignment in bytes of files without `general.alignment`.
pub(super) const DEFAULT_ALIGNMENT: u64 = 32;
/// Maximum alignment in bytes.
const MAX_ALIGNMENT: u64 = 1 << 20;

/// The contents of a header.
#[derive(Debug)]
pub(super) struct GgufHeader {
    pub(super) version: u32,
    pub(super) metadata: Vec<(String, Value)>,
    pub(super) tensors: Vec<GgufTensorInfo>,
}

/// Parses and validates the header at the start of `bytes`, the first bytes of a file of `file_bytes` bytes.
/// Returns it with the offset of the tensor data (the end of the header if there are no tensors).
pub(super) fn parse_header(bytes: &[u8], file_bytes: u64, limits: &Limits) -> Result<(GgufHeader, usize)> {
    let mut input = Input { bytes, at: 0, file_bytes, elements_left: ARRAY_ELEMENTS };
    let magic = input.array::<4>("the magic number")?;
    if magic != *b"GGUF" {
        return Err(GgufError::Magic { found: magic });
    }
    let version = input.u32("the version")?;
    if !(2..=3).contains(&version) {
        return Err(GgufError::Version(version));
    }
    // A tensor takes at least 33 bytes of the header (one-byte name, one dimension), a key at least 14.
    let tensor_count = input.count("the tensor count", 33, limits.tensors as u64)?;
    let key_count = input.count("the metadata count", 14, u64::MAX)?;
    let metadata = metadata(&mut input, key_count)?;
    let alignment = alignment(&metadata)?;
    let mut tensors = Vec::new();
    let mut seen = HashSet::new();
    for _ in 0..tensor_count {
        let tensor = input.tensor(alignment, limits)?;
        if !seen.insert(tensor.name.clone()) {
            return Err(GgufError::Duplicate { what: "tensor", name: tensor.name });
        }
        tensors.push(tensor);
    }
    // Without tensors no padding is required.
    let data_start =
        if tensors.is_empty() { input.at } else { input.at.next_multiple_of(alignment as usize) };
    if bytes.len() < data_start {
        return Err(GgufError::Truncated { what: "the padding before the data", at: bytes.len() as u64 });
    }
    resolve_offsets(&mut tensors, data_start as u64, file_bytes)?;
    Ok((GgufHeader { version, metadata, tensors }, data_start))
}

/// Parses `count` metadata keys and values.
fn metadata(input: &mut Input, count: u64) -> Result<Vec<(String, Value)>> {
    let mut metadata = Vec::new();
    let mut seen = HashSet::new();
    for _ in 0..count {
        let key = input.name("a metadata key", KEY_BYTES)?;
        let ty = input.u32("a value type")?;
        let value = input.value(&key, ty, 0)?;
        if !seen.insert(key.clone()) {
            return Err(GgufError::Duplicate { what: "metadata key", name: key });
        }
        metadata.push((key, value));
    }
    Ok(metadata)
}

/// Returns the alignment that `metadata` specifies, or the default.
pub(super) fn alignment(metadata: &[(String, Value)]) -> Result<u64> {
    let Some((key, value)) = metadata.iter().find(|(key, _)| key == "general.alignment") else {
        return Ok(DEFAULT_ALIGNMENT);
    };
    let found = value
        .as_u64()
        .ok_or_else(|| GgufError::Key { key: key.clone(), expected: "a non-negative integer" })?;
    // The format requires a multiple of eight, llama.cpp a power of two.
    if found.is_power_of_two() && (8..=MAX_ALIGNMENT).contains(&found) {
        Ok(found)
    } else {
        Err(GgufError::Alignment(found))
    }
}

/// Converts offsets to file offsets, and checks that all tensors are inside the file and do not overlap.
fn resolve_offsets(tensors: &mut [GgufTensorInfo], data_start: u64, file_bytes: u64) -> Result<()> {
    let (mut past, mut needed) = (None, 0);
    for tensor in tensors.iter_mut() {
        let offset = tensor.offset.checked_add(data_start);
        let end = offset.and_then(|offset| offset.checked_add(tensor.bytes));
        tensor.offset = offset.unwrap_or(u64::MAX);
        if end.is_none_or(|end| end > file_bytes) {
            past.get_or_insert_with(|| tensor.clone());
        }
        needed = needed.max(end.unwrap_or(u64::MAX));
    }
    if let Some(GgufTensorInfo { name, offset, bytes, .. }) = past {
        return Err(GgufError::PastEnd { tensor: name, offset, bytes, needed, file_bytes });
    }
    let mut in_order: Vec<&GgufTensorInfo> = tensors.iter().collect();
    // An empty tensor sorts before the tensor that starts at the same offset.
    in_order.sort_by_key(|tensor| (tensor.offset, tensor.bytes));
    match in_order.windows(2).find(|pair| pair[0].offset + pair[0].bytes > pair[1].offset) {
        Some(pair) => Err(GgufError::Overlap {
            first: pair[0].name.clone(),
            second: pair[1].name.clone(),
            offset: pair[1].offset,
        }),
        None => Ok(()),
    }
}

/// Reader of header bytes.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
    file_bytes: u64,
    elements_left: u64,
}

impl<'a> Input<'a> {
    /// Returns the next `len` bytes.
    fn take(&mut self, len: u64, what: &'static str) -> Result<&'a [u8]> {
        let end = usize::try_from(len).ok().and_then(|len| self.at.checked_add(len));
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let Some(taken) = taken else {
            return Err(GgufError::Truncated { what, at: self.bytes.len() as u64 });
        };
        self.at += taken.len();
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64, what)?);
        Ok(array)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &'static str) -> Result<u64> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// Reads a count of items that take at least `least` bytes each; the rest of the file bounds the count.
    fn count(&mut self, what: &'static str, least: u64, limit: u64) -> Result<u64> {
        let at = self.at as u64;
        let found = self.u64(what)?;
        let most = (self.file_bytes.saturating_sub(self.at as u64) / least).min(limit);
        if found > most { Err(GgufError::TooMany { what, at, found, most }) } else { Ok(found) }
    }

    /// Reads a string, which may not be UTF-8.
    fn string(&mut self, what: &'static str) -> Result<Value> {
        let len = self.count(what, 1, u64::MAX)?;
        let bytes = self.take(len, what)?;
        Ok(match std::str::from_utf8(bytes) {
            Ok(text) => Value::String(text.to_owned()),
            Err(_) => Value::Bytes(bytes.to_vec()),
        })
    }

    /// Reads a name of 1 to `most` bytes.
    fn name(&mut self, what: &'static str, most: u64) -> Result<String> {
        let found = self.u64(what)?;
        if !(1..=most).contains(&found) {
            return Err(GgufError::NameLength { what, at: self.at as u64, found, most });
        }
        self.utf8(what, found)
    }

    fn utf8(&mut self, what: &'static str, len: u64) -> Result<String> {
        let at = self.at as u64;
        let bytes = self.take(len, what)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| GgufError::Utf8 { what, at })
    }

    fn bool(&mut self, key: &str) -> Result<bool> {
        let at = self.at as u64;
        match self.array::<1>("a boolean")?[0] {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(GgufError::Bool { key: key.to_owned(), at, found }),
        }
    }

    fn value(&mut self, key: &str, ty: u32, depth: u32) -> Result<Value> {
        let what = "a metadata value";
        Ok(match ty {
            0 => Value::U8(u8::from_le_bytes(self.array(what)?)),
            1 => Value::I8(i8::from_le_bytes(self.array(what)?)),
            2 => Value::U16(u16::from_le_bytes(self.array(what)?)),
            3 => Value::I16(i16::from_le_bytes(self.array(what)?)),
            4 => Value::U32(u32::from_le_bytes(self.array(what)?)),
            5 => Value::I32(i32::from_le_bytes(self.array(what)?)),
            6 => Value::F32(f32::from_le_bytes(self.array(what)?)),
            7 => Value::Bool(self.bool(key)?),
            8 => self.string(what)?,
            9 => Value::Array(self.values(key, depth + 1)?),
            10 => Value::U64(u64::from_le_bytes(self.array(what)?)),
            11 => Value::I64(i64::from_le_bytes(self.array(what)?)),
            12 => Value::F64(f64::from_le_bytes(self.array(what)?)),
            found => return Err(GgufError::ValueType { key: key.to_owned(), at: self.at as u64, found }),
        })
    }

    fn values(&mut self, key: &str, depth: u32) -> Result<Vec<Value>> {
        let at = self.at as u64;
        if depth > NESTING {
            return Err(GgufError::Nesting { key: key.to_owned(), at, most: NESTING });
        }
        let ty = self.u32("the type of an array")?;
        let least = match ty {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            8 | 10..=12 => 8,
            9 => 12,
            found => return Err(GgufError::ValueType { key: key.to_owned(), at: self.at as u64, found }),
        };
        let count = self.count("the length of an array", least, self.elements_left)?;
        self.elements_left -= count;
        // No capacity is reserved, because `count` may be larger than the number of elements that follow.
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(self.value(key, ty, depth)?);
        }
        Ok(values)
    }

    fn tensor(&mut self, alignment: u64, limits: &Limits) -> Result<GgufTensorInfo> {
        let tensor = self.name("a tensor's name", TENSOR_NAME_BYTES)?;
        let found = self.u32("a tensor's dimension count")?;
        if !(1..=4).contains(&found) {
            return Err(GgufError::DimensionCount { tensor, found });
        }
        let dims = (0..found).map(|_| self.u64("a tensor's dimensions")).collect::<Result<Vec<_>>>()?;
        let most = limits.tensor_weights.min(usize::MAX as u64 / 8);
        // Rows and columns are products of some of the dimensions; a zero among the others must not hide that
        // such a product overflows.
        let product = |least: u64| dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d.max(least)));
        let weights = match (product(1), product(0)) {
            (Some(bound), Some(weights)) if bound <= most => weights,
            _ => return Err(GgufError::Dimensions { tensor, dims, most }),
        };
        let found = self.u32("a tensor's type")?;
        let Some(ty) = GgmlType::from_id(found) else {
            return Err(GgufError::TensorType { tensor, found });
        };
        let block = ty.block_weights() as u64;
        if !dims[0].is_multiple_of(block) {
            return Err(GgufError::Blocks { tensor, cols: dims[0], block });
        }
        let offset = self.u64("a tensor's offset")?;
        if !offset.is_multiple_of(alignment) {
            return Err(GgufError::Misaligned { tensor, offset, alignment });
        }
        let bytes = weights / block * ty.block_bytes() as u64;
        Ok(GgufTensorInfo { name: tensor, ty, dims, offset, bytes })
    }
}
