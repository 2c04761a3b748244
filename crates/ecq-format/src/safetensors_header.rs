//! Parser and validator of the header of a safetensors file. The container and checkpoints are read through
//! it.
//!
//! Format: the README of huggingface/safetensors. The `safetensors` crate adds the lengths in a header
//! without overflow checks; this parser checks every sum and has an error variant for each kind of invalid
//! header.

use ecq_core::Limits;
use safetensors::tensor::{Dtype, TensorInfo};
use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use std::collections::{BTreeMap, HashSet};
use thiserror::Error;

/// Size in bytes of the length field at the start of a file.
pub const LENGTH_BYTES: usize = 8;

/// Error of parsing the header of a safetensors file.
#[non_exhaustive]
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum HeaderError {
    /// The file ends inside its header.
    #[error("file has {found} bytes, but its header ends at byte {needed}; download or copy the file again")]
    TooShort {
        /// Length of the file in bytes.
        found: u64,
        /// Offset of the end of the header in bytes.
        needed: u64,
    },
    /// The header is longer than the limit.
    #[error("header has {found} bytes, expected at most {most}")]
    TooLarge {
        /// Length of the header in bytes.
        found: u64,
        /// [`Limits::header_bytes`].
        most: u64,
    },
    /// The header is not UTF-8.
    #[error("header is not UTF-8 at byte {at} of the file")]
    Utf8 {
        /// Offset in the file of the first invalid byte.
        at: u64,
    },
    /// The header is not JSON, or its JSON does not have the structure of a safetensors header.
    #[error("not a safetensors header: {0}")]
    Json(String),
    /// A key occurs twice in a JSON object, which makes the header ambiguous.
    #[error("key {name:?} occurs twice in the header")]
    Duplicate {
        /// The key.
        name: String,
    },
    /// The header lists more tensors than the limit.
    #[error("header lists more than {most} tensors")]
    TooManyTensors {
        /// [`Limits::tensors`].
        most: usize,
    },
    /// The element type is not one of the format.
    #[error("tensor {tensor:?}: unknown dtype {found:?}, expected a safetensors dtype such as \"BF16\"")]
    Dtype {
        /// The tensor.
        tensor: String,
        /// The type in the header.
        found: String,
    },
    /// The length that follows from shape and type overflows or is not a whole number of bytes.
    #[error("tensor {tensor:?}: size of {dtype:?} {shape:?} overflows or is not a whole number of bytes")]
    Shape {
        /// The tensor.
        tensor: String,
        /// Its element type.
        dtype: Dtype,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// The data of a tensor end before they start.
    #[error("tensor {tensor:?}: data offsets [{start}, {end}] are not in ascending order")]
    Backwards {
        /// The tensor.
        tensor: String,
        /// Offset of the first byte in the data.
        start: u64,
        /// Offset of the byte after the last one.
        end: u64,
    },
    /// The data offsets do not span the length that follows from shape and type.
    #[error(
        "tensor {tensor:?}: data offsets span {found} bytes, expected {expected} for {dtype:?} {shape:?}"
    )]
    Length {
        /// The tensor.
        tensor: String,
        /// Its element type.
        dtype: Dtype,
        /// Its shape.
        shape: Vec<usize>,
        /// Length that the offsets span, in bytes.
        found: u64,
        /// Length that follows from shape and type, in bytes.
        expected: u64,
    },
    /// Two tensors overlap.
    #[error("tensor {tensor:?}: data start at offset {start}, but tensor {other:?} ends at {end}")]
    Overlap {
        /// The tensor.
        tensor: String,
        /// Offset of its first byte in the data.
        start: u64,
        /// The preceding tensor.
        other: String,
        /// Offset in the data at which the preceding tensor ends.
        end: u64,
    },
    /// Bytes between two tensors belong to neither.
    #[error("tensor {tensor:?}: data start at offset {start}, expected {expected}; the format forbids gaps")]
    Hole {
        /// The tensor.
        tensor: String,
        /// Offset of its first byte in the data.
        start: u64,
        /// Offset in the data at which the preceding tensor ends.
        expected: u64,
    },
    /// The file does not end with its last tensor.
    #[error("file has {found} bytes, expected {needed} for header and tensors; download or copy it again")]
    FileLength {
        /// Length of the file in bytes.
        found: u64,
        /// Length that follows from the header, in bytes.
        needed: u64,
    },
}

impl HeaderError {
    /// Returns the tensor that the error concerns, if it concerns one.
    pub fn tensor(&self) -> Option<&str> {
        match self {
            Self::Dtype { tensor, .. }
            | Self::Shape { tensor, .. }
            | Self::Backwards { tensor, .. }
            | Self::Length { tensor, .. }
            | Self::Overlap { tensor, .. }
            | Self::Hole { tensor, .. } => Some(tensor),
            _ => None,
        }
    }
}

type Result<T> = std::result::Result<T, HeaderError>;

/// A validated header: the tensors fill the file from the end of the header to the end of the file without
/// gaps.
#[derive(Debug, Clone)]
pub struct SafetensorsHeader {
    /// The entries of `__metadata__`; empty if the header has none.
    pub metadata: BTreeMap<String, String>,
    /// Names and properties of all tensors in the order of their data. Offsets are relative to
    /// [`data_start`](Self::data_start).
    pub tensors: Vec<(String, TensorInfo)>,
    /// Offset of the data in the file, in bytes.
    pub data_start: u64,
}

/// Returns the offset of the end of the header in a file of `file_bytes` bytes whose first bytes are `head`.
///
/// # Errors
/// [`HeaderError::TooShort`] if the file ends inside the header, and [`HeaderError::TooLarge`] if the header
/// exceeds `limits`.
pub fn header_bytes(head: &[u8], file_bytes: u64, limits: &Limits) -> Result<usize> {
    let Some((length, _)) = head.split_first_chunk::<LENGTH_BYTES>() else {
        return Err(HeaderError::TooShort { found: file_bytes, needed: LENGTH_BYTES as u64 });
    };
    let found = u64::from_le_bytes(*length);
    let most = limits.header_bytes as u64;
    if found > most {
        return Err(HeaderError::TooLarge { found, most });
    }
    let needed = found.saturating_add(LENGTH_BYTES as u64);
    if needed > file_bytes {
        return Err(HeaderError::TooShort { found: file_bytes, needed });
    }
    usize::try_from(needed).map_err(|_| HeaderError::TooLarge { found, most })
}

impl SafetensorsHeader {
    /// Parses and validates the header at the start of `bytes`, which are the first bytes (or all bytes) of a
    /// file of `file_bytes` bytes.
    ///
    /// # Errors
    /// [`HeaderError::TooShort`] if `bytes` end inside the header; other variants if the header is invalid.
    pub fn parse(bytes: &[u8], file_bytes: u64, limits: &Limits) -> Result<Self> {
        let end = header_bytes(bytes, file_bytes, limits)?;
        let Some(json) = bytes.get(LENGTH_BYTES..end) else {
            return Err(HeaderError::TooShort { found: bytes.len() as u64, needed: end as u64 });
        };
        let text = std::str::from_utf8(json)
            .map_err(|error| HeaderError::Utf8 { at: (LENGTH_BYTES + error.valid_up_to()) as u64 })?;
        let mut unchecked = UncheckedHeader { most: limits.tensors, ..UncheckedHeader::default() };
        let mut json = serde_json::Deserializer::from_str(text);
        let read = (&mut unchecked).deserialize(&mut json).and_then(|()| json.end());
        if let Some(refused) = unchecked.refused {
            return Err(refused);
        }
        read.map_err(|error| HeaderError::Json(error.to_string()))?;

        let mut tensors = Vec::with_capacity(unchecked.tensors.len());
        for (name, tensor) in unchecked.tensors {
            let info = tensor.check(&name)?;
            tensors.push((name, info));
        }
        // Keys may have any order; the data must be contiguous. An empty tensor sorts before the tensor that
        // starts at the same offset.
        tensors.sort_by_key(|(_, info)| info.data_offsets);
        let mut next = 0;
        for (i, (name, info)) in tensors.iter().enumerate() {
            let start = info.data_offsets.0;
            if start > next {
                let (tensor, start, expected) = (name.clone(), start as u64, next as u64);
                return Err(HeaderError::Hole { tensor, start, expected });
            }
            if start < next {
                // `next` is 0 for the first tensor, so an overlapping tensor has a predecessor.
                let other = tensors[i - 1].0.clone();
                let (tensor, start, end) = (name.clone(), start as u64, next as u64);
                return Err(HeaderError::Overlap { tensor, start, other, end });
            }
            next = info.data_offsets.1;
        }
        let needed = (end as u64).checked_add(next as u64);
        if needed != Some(file_bytes) {
            return Err(HeaderError::FileLength { found: file_bytes, needed: needed.unwrap_or(u64::MAX) });
        }
        Ok(Self { metadata: unchecked.metadata, tensors, data_start: end as u64 })
    }
}

/// Properties of a tensor as the header states them, not yet validated.
#[derive(Deserialize)]
struct UncheckedTensor {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

impl UncheckedTensor {
    fn check(self, name: &str) -> Result<TensorInfo> {
        let tensor = || name.to_owned();
        let Self { dtype, shape, data_offsets: (start, end) } = self;
        let known = Dtype::deserialize(StrDeserializer::<serde::de::value::Error>::new(&dtype));
        let Ok(dtype) = known else {
            return Err(HeaderError::Dtype { tensor: tensor(), found: dtype });
        };
        let bits = shape.iter().try_fold(dtype.bitsize(), |bits, &n| bits.checked_mul(n));
        let Some(bytes) = bits.filter(|bits| bits.is_multiple_of(8)).map(|bits| bits / 8) else {
            return Err(HeaderError::Shape { tensor: tensor(), dtype, shape });
        };
        let Some(span) = end.checked_sub(start) else {
            return Err(HeaderError::Backwards { tensor: tensor(), start: start as u64, end: end as u64 });
        };
        if span != bytes {
            let (found, expected) = (span as u64, bytes as u64);
            return Err(HeaderError::Length { tensor: tensor(), dtype, shape, found, expected });
        }
        Ok(TensorInfo { dtype, shape, data_offsets: (start, end) })
    }
}

/// Contents of a header, not yet validated.
#[derive(Default)]
struct UncheckedHeader {
    metadata: BTreeMap<String, String>,
    tensors: Vec<(String, UncheckedTensor)>,
    /// [`Limits::tensors`].
    most: usize,
    /// The error that stopped parsing, unless it is an error of the JSON itself.
    refused: Option<HeaderError>,
}

impl UncheckedHeader {
    /// Records `error` and converts it to the error type of the deserializer.
    fn refuse<E: serde::de::Error>(&mut self, error: HeaderError) -> E {
        let custom = E::custom(&error);
        self.refused = Some(error);
        custom
    }
}

impl<'de> DeserializeSeed<'de> for &mut UncheckedHeader {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut UncheckedHeader {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("a map of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                return Err(self.refuse(HeaderError::Duplicate { name }));
            }
            let named = |error: A::Error| A::Error::custom(format!("{name:?}: {error}"));
            if name == "__metadata__" {
                map.next_value_seed(MetadataMap(self))?;
            } else if self.tensors.len() == self.most {
                let most = self.most;
                return Err(self.refuse(HeaderError::TooManyTensors { most }));
            } else {
                let tensor = map.next_value::<UncheckedTensor>().map_err(named)?;
                self.tensors.push((name, tensor));
            }
        }
        Ok(())
    }
}

/// Deserializer of `__metadata__`.
struct MetadataMap<'a>(&'a mut UncheckedHeader);

impl<'de> DeserializeSeed<'de> for MetadataMap<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MetadataMap<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("a map of strings as __metadata__")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            if self.0.metadata.contains_key(&key) {
                return Err(self.0.refuse(HeaderError::Duplicate { name: key }));
            }
            self.0.metadata.insert(key, value);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(json: &str, data: usize) -> Vec<u8> {
        [&(json.len() as u64).to_le_bytes()[..], json.as_bytes(), &vec![0; data]].concat()
    }

    fn parse(json: &str, data: usize) -> Result<SafetensorsHeader> {
        let bytes = file(json, data);
        SafetensorsHeader::parse(&bytes, bytes.len() as u64, &Limits::default())
    }

    #[test]
    fn tensors_are_sorted_by_offset() {
        let json = r#"{"b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},"__metadata__":{"k":"v"},
            "none":{"dtype":"F16","shape":[0,5],"data_offsets":[4,4]},
            "a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
            "s":{"dtype":"I64","shape":[],"data_offsets":[28,36]}}  "#;
        let header = parse(json, 36).unwrap();
        let names: Vec<_> = header.tensors.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "none", "b", "s"]);
        assert_eq!(header.metadata["k"], "v");
        assert_eq!(header.data_start, 8 + json.len() as u64);
        assert!(parse("{}", 0).unwrap().tensors.is_empty());
        // This parser is stricter than the `safetensors` crate: what it accepts, the crate accepts.
        assert!(safetensors::SafeTensors::deserialize(&file(json, 36)).is_ok());
    }

    #[test]
    fn every_invalid_header_is_refused() {
        let one = |dtype: &str, shape: &str, offsets: &str, data| {
            parse(&format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#), data)
        };
        let two = |a: &str, b: &str, data| {
            let tensor = |offsets: &str| format!(r#"{{"dtype":"U8","shape":[8],"data_offsets":{offsets}}}"#);
            parse(&format!(r#"{{"a":{},"b":{}}}"#, tensor(a), tensor(b)), data)
        };
        use HeaderError as E;
        assert!(one("F32", "[2]", "[0,8]", 8).is_ok());
        assert!(matches!(one("F31", "[2]", "[0,8]", 8), Err(E::Dtype { found, .. }) if found == "F31"));
        // The product overflows in elements, overflows in bits, or is not a whole number of bytes.
        assert!(matches!(
            one("F32", "[4294967296,4294967296,16]", "[0,8]", 8),
            Err(E::Shape { tensor, .. }) if tensor == "a"
        ));
        assert!(matches!(one("F64", "[1152921504606846976]", "[0,8]", 8), Err(E::Shape { .. })));
        assert!(matches!(one("F4", "[3]", "[0,1]", 1), Err(E::Shape { .. })));
        assert!(matches!(one("F32", "[2]", "[8,0]", 8), Err(E::Backwards { start: 8, end: 0, .. })));
        assert!(matches!(one("F32", "[2]", "[0,9]", 9), Err(E::Length { found: 9, expected: 8, .. })));
        assert!(matches!(one("F32", "[2]", "[4,12]", 12), Err(E::Hole { start: 4, expected: 0, .. })));
        assert!(matches!(two("[0,8]", "[4,12]", 12), Err(E::Overlap { start: 4, end: 8, .. })));
        assert!(matches!(two("[0,8]", "[0,8]", 8), Err(E::Overlap { .. })));
        assert!(matches!(two("[0,8]", "[9,17]", 17), Err(E::Hole { .. })));
        assert!(matches!(two("[0,8]", "[8,16]", 17), Err(E::FileLength { found: _, needed: _ })));
        assert!(matches!(two("[0,8]", "[8,16]", 15), Err(E::FileLength { .. })));
        // The sum of header length and data length overflows.
        let most = u64::MAX;
        let huge = one("U8", &format!("[{}]", most / 8), &format!("[0,{}]", most / 8), 0);
        assert!(matches!(huge, Err(E::FileLength { .. })));
        let ends = one("U8", "[0]", &format!("[{most},{most}]"), 0);
        assert!(matches!(ends, Err(E::Hole { .. })));
        let names_tensor = |why: &str| why.contains("\"a\"") && why.contains("-1");
        assert!(matches!(one("F32", "[-1]", "[0,8]", 8), Err(E::Json(why)) if names_tensor(&why)));
        assert!(matches!(one("F32", "[1.5]", "[0,8]", 8), Err(E::Json(_))));
        assert!(matches!(one("F32", "[18446744073709551616]", "[0,8]", 8), Err(E::Json(_))));
        assert!(matches!(parse(r#"{"a":{"dtype":"U8","shape":[0]}}"#, 0), Err(E::Json(_))));
        assert!(matches!(parse("[]", 0), Err(E::Json(_))));
        assert!(matches!(parse("{} x", 0), Err(E::Json(_))));
        assert!(matches!(parse(r#"{"__metadata__":{"k":1}}"#, 0), Err(E::Json(_))));
        let empty = r#""a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
        assert!(
            matches!(parse(&format!("{{{empty},{empty}}}"), 0), Err(E::Duplicate { name }) if name == "a")
        );
        assert!(matches!(parse(r#"{"__metadata__":{"k":"1","k":"2"}}"#, 0), Err(E::Duplicate { .. })));
        assert!(matches!(parse(r#"{"__metadata__":{},"__metadata__":{}}"#, 0), Err(E::Duplicate { .. })));
    }

    #[test]
    fn limits_are_checked_before_the_header_is_parsed() {
        let limits = Limits { header_bytes: 1000, tensors: 1, ..Limits::default() };
        let parse = |bytes: &[u8], file_bytes| SafetensorsHeader::parse(bytes, file_bytes, &limits);
        assert!(matches!(parse(&[1, 2], 2), Err(HeaderError::TooShort { needed: 8, .. })));
        let long = u64::MAX.to_le_bytes();
        assert!(matches!(parse(&long, u64::MAX), Err(HeaderError::TooLarge { found: u64::MAX, .. })));
        assert!(matches!(parse(&file("{}", 0)[..9], 9), Err(HeaderError::TooShort { needed: 10, .. })));
        assert!(matches!(parse(&file("{}", 0)[..9], 10), Err(HeaderError::TooShort { found: 9, .. })));
        let empty = r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
        let bytes = file(&format!(r#"{{"a":{empty},"b":{empty}}}"#), 0);
        assert!(matches!(parse(&bytes, bytes.len() as u64), Err(HeaderError::TooManyTensors { most: 1 })));
        let mut bytes = file(r#"{"aXb":{}}"#, 0);
        bytes[8 + 3] = 0xff;
        assert!(matches!(parse(&bytes, bytes.len() as u64), Err(HeaderError::Utf8 { at: 11 })));
    }

    proptest! {
        /// Headers that are accepted are parsed as the `safetensors` crate parses them.
        #[test]
        fn the_reference_agrees(
            lens in prop::collection::vec(0usize..5, 0..6), shift in 0usize..3, at in 0usize..6
        ) {
            let mut offset = 0;
            let mut items = Vec::new();
            for (i, &len) in lens.iter().enumerate() {
                let start = if i == at { offset + shift } else { offset };
                items.push(format!(
                    r#""t{i}":{{"dtype":"F16","shape":[{len}],"data_offsets":[{start},{}]}}"#, start + 2 * len
                ));
                offset += 2 * len;
            }
            let bytes = file(&format!("{{{}}}", items.join(",")), offset);
            let ours = SafetensorsHeader::parse(&bytes, bytes.len() as u64, &Limits::default());
            match safetensors::SafeTensors::read_metadata(&bytes) {
                Ok((n, theirs)) => {
                    let ours = ours.unwrap();
                    prop_assert_eq!(ours.data_start, 8 + n as u64);
                    for (name, info) in &ours.tensors {
                        let them = theirs.info(name).unwrap();
                        prop_assert_eq!((info.dtype, &info.shape, info.data_offsets),
                            (them.dtype, &them.shape, them.data_offsets));
                    }
                }
                Err(_) => prop_assert!(ours.is_err()),
            }
        }
    }
}
