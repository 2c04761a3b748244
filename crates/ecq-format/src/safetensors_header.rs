//! The header of a safetensors file, checked whole: both the container and checkpoints are read through it.
//!
//! Format: the README of huggingface/safetensors. The `safetensors` crate adds up lengths that a file claims
//! without asking whether the sum overflows; here every sum is checked, and each lie has an error of its own.

use ecq_core::Limits;
use safetensors::tensor::{Dtype, TensorInfo};
use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use std::collections::{BTreeMap, HashSet};
use thiserror::Error;

/// Bytes of the length that a file begins with.
pub const LENGTH_BYTES: usize = 8;

/// What is wrong with the header of a safetensors file, and where.
#[non_exhaustive]
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum HeaderError {
    /// The file ends before its header does.
    #[error("file has {found} bytes, its header needs {needed}")]
    TooShort {
        /// Length of the file.
        found: u64,
        /// Length up to the end of the header.
        needed: u64,
    },
    /// The header passes the limit.
    #[error("header of {found} bytes, at most {most} allowed")]
    TooLarge {
        /// Its length.
        found: u64,
        /// [`Limits::header_bytes`].
        most: u64,
    },
    /// A name in the header is not UTF-8.
    #[error("header is not UTF-8 at byte {at} of the file")]
    Utf8 {
        /// Where.
        at: u64,
    },
    /// The header is no JSON, or not of the shape that the format asks for.
    #[error("header is not one of a safetensors file: {0}")]
    Json(String),
    /// JSON allows a key twice; then a header says two things.
    #[error("{name:?} occurs twice in the header")]
    Duplicate {
        /// The key.
        name: String,
    },
    /// More tensors than the limit.
    #[error("more than {most} tensors in the header")]
    TooManyTensors {
        /// [`Limits::tensors`].
        most: usize,
    },
    /// An element type that the format does not have.
    #[error("tensor {tensor:?}: unknown dtype {found:?}")]
    Dtype {
        /// The tensor.
        tensor: String,
        /// The type as written.
        found: String,
    },
    /// The length that shape and type ask for cannot be counted, or is no whole number of bytes.
    #[error("tensor {tensor:?}: {dtype:?} of shape {shape:?} is no possible number of bytes")]
    Shape {
        /// The tensor.
        tensor: String,
        /// Its element type.
        dtype: Dtype,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// The end of a tensor lies before its start.
    #[error("tensor {tensor:?}: its data end at {end}, before they start at {start}")]
    Backwards {
        /// The tensor.
        tensor: String,
        /// First byte in the data.
        start: u64,
        /// Byte behind the last.
        end: u64,
    },
    /// Offsets and shape do not agree.
    #[error("tensor {tensor:?}: {dtype:?} of shape {shape:?} is {expected} bytes, its offsets span {found}")]
    Length {
        /// The tensor.
        tensor: String,
        /// Its element type.
        dtype: Dtype,
        /// Its shape.
        shape: Vec<usize>,
        /// Bytes between its offsets.
        found: u64,
        /// Bytes of the shape.
        expected: u64,
    },
    /// Two tensors share bytes.
    #[error("tensor {tensor:?}: its data start at {start}, within those of {other:?} that end at {end}")]
    Overlap {
        /// The tensor.
        tensor: String,
        /// Its first byte in the data.
        start: u64,
        /// The tensor before it.
        other: String,
        /// Where the data of that one end.
        end: u64,
    },
    /// Bytes of the file that belong to no tensor.
    #[error(
        "tensor {tensor:?}: its data start at {start}, {expected} expected: the bytes between are nobody's"
    )]
    Hole {
        /// The tensor.
        tensor: String,
        /// Its first byte in the data.
        start: u64,
        /// Where the data before it end.
        expected: u64,
    },
    /// The file does not end where its last tensor does.
    #[error("file has {found} bytes, header and tensors take {needed}")]
    FileLength {
        /// Length of the file.
        found: u64,
        /// Length that the header asks for.
        needed: u64,
    },
}

impl HeaderError {
    /// The tensor that the error is about.
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

/// A header whose every claim holds: tensors follow each other without holes from the header to the file's end.
#[derive(Debug, Clone)]
pub struct Header {
    /// `__metadata__`; empty where there is none.
    pub metadata: BTreeMap<String, String>,
    /// Tensors in the order of their data; offsets count from [`data_start`](Self::data_start).
    pub tensors: Vec<(String, TensorInfo)>,
    /// Where the data begin in the file.
    pub data_start: u64,
}

/// Bytes up to the end of the header of a file of `file_bytes` that begins with `head`.
///
/// # Errors
/// When the file is shorter than that, or the header passes `limits`.
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

impl Header {
    /// Checks the header at the start of `bytes`, the first bytes (or all) of a file of `file_bytes`.
    ///
    /// # Errors
    /// When `bytes` end before the header does, or anything that the header claims is not so.
    pub fn parse(bytes: &[u8], file_bytes: u64, limits: &Limits) -> Result<Self> {
        let end = header_bytes(bytes, file_bytes, limits)?;
        let Some(json) = bytes.get(LENGTH_BYTES..end) else {
            return Err(HeaderError::TooShort { found: bytes.len() as u64, needed: end as u64 });
        };
        let text = std::str::from_utf8(json)
            .map_err(|error| HeaderError::Utf8 { at: (LENGTH_BYTES + error.valid_up_to()) as u64 })?;
        let mut claims = Claims { most: limits.tensors, ..Claims::default() };
        let mut json = serde_json::Deserializer::from_str(text);
        let read = (&mut claims).deserialize(&mut json).and_then(|()| json.end());
        if let Some(refused) = claims.refused {
            return Err(refused);
        }
        read.map_err(|error| HeaderError::Json(error.to_string()))?;

        let mut tensors = Vec::with_capacity(claims.tensors.len());
        for (name, claim) in claims.tensors {
            let info = claim.check(&name)?;
            tensors.push((name, info));
        }
        // The order of keys is free, that of data is what counts; a tensor without bytes comes before its neighbour.
        tensors.sort_by_key(|(_, info)| info.data_offsets);
        let mut next = 0;
        for (i, (name, info)) in tensors.iter().enumerate() {
            let start = info.data_offsets.0;
            if start > next {
                let (tensor, start, expected) = (name.clone(), start as u64, next as u64);
                return Err(HeaderError::Hole { tensor, start, expected });
            }
            if start < next {
                // Only a tensor with data before it can start before those end.
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
        Ok(Self { metadata: claims.metadata, tensors, data_start: end as u64 })
    }
}

/// What a header says of a tensor, before it is believed.
#[derive(Deserialize)]
struct Claim {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: (usize, usize),
}

impl Claim {
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

/// Everything that a header says.
#[derive(Default)]
struct Claims {
    metadata: BTreeMap<String, String>,
    tensors: Vec<(String, Claim)>,
    most: usize,
    /// Why reading stopped, where it is not the JSON's fault.
    refused: Option<HeaderError>,
}

impl Claims {
    fn refuse<E: serde::de::Error>(&mut self, error: HeaderError) -> E {
        let words = E::custom(&error);
        self.refused = Some(error);
        words
    }
}

impl<'de> DeserializeSeed<'de> for &mut Claims {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Claims {
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
            let of = |error: A::Error| A::Error::custom(format!("{name:?}: {error}"));
            if name == "__metadata__" {
                map.next_value_seed(Strings(self))?;
            } else if self.tensors.len() == self.most {
                let most = self.most;
                return Err(self.refuse(HeaderError::TooManyTensors { most }));
            } else {
                let claim = map.next_value::<Claim>().map_err(of)?;
                self.tensors.push((name, claim));
            }
        }
        Ok(())
    }
}

/// Reads `__metadata__`.
struct Strings<'a>(&'a mut Claims);

impl<'de> DeserializeSeed<'de> for Strings<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Strings<'_> {
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

    fn parse(json: &str, data: usize) -> Result<Header> {
        let bytes = file(json, data);
        Header::parse(&bytes, bytes.len() as u64, &Limits::default())
    }

    #[test]
    fn what_is_sound_is_read_in_the_order_of_data() {
        let json = r#"{"b":{"dtype":"F32","shape":[2,3],"data_offsets":[4,28]},"__metadata__":{"k":"v"},
            "none":{"dtype":"F16","shape":[0,5],"data_offsets":[4,4]},
            "a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"s":{"dtype":"I64","shape":[],"data_offsets":[28,36]}}  "#;
        let header = parse(json, 36).unwrap();
        let names: Vec<_> = header.tensors.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "none", "b", "s"]);
        assert_eq!(header.metadata["k"], "v");
        assert_eq!(header.data_start, 8 + json.len() as u64);
        assert!(parse("{}", 0).unwrap().tensors.is_empty());
        // What this refuses may pass there, never the other way round.
        assert!(safetensors::SafeTensors::deserialize(&file(json, 36)).is_ok());
    }

    #[test]
    fn every_lie_has_its_own_error() {
        let one = |dtype: &str, shape: &str, offsets: &str, data| {
            parse(&format!(r#"{{"a":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#), data)
        };
        let two = |a: &str, b: &str, data| {
            parse(
                &format!(
                    r#"{{"a":{{"dtype":"U8","shape":[8],"data_offsets":{a}}},"b":{{"dtype":"U8","shape":[8],"data_offsets":{b}}}}}"#
                ),
                data,
            )
        };
        use HeaderError as E;
        assert!(one("F32", "[2]", "[0,8]", 8).is_ok());
        assert!(matches!(one("F31", "[2]", "[0,8]", 8), Err(E::Dtype { found, .. }) if found == "F31"));
        // The products that overflow: in elements, in bits, and in no whole byte.
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
        // One whose end is the largest number there is: the sum with the header overflows.
        let most = u64::MAX;
        let huge = one("U8", &format!("[{}]", most / 8), &format!("[0,{}]", most / 8), 0);
        assert!(matches!(huge, Err(E::FileLength { .. })));
        let ends = one("U8", "[0]", &format!("[{most},{most}]"), 0);
        assert!(matches!(ends, Err(E::Hole { .. })));
        assert!(
            matches!(one("F32", "[-1]", "[0,8]", 8), Err(E::Json(why)) if why.contains("\"a\"") && why.contains("-1"))
        );
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
    fn lengths_are_capped_before_anything_is_read() {
        let limits = Limits { header_bytes: 1000, tensors: 1, ..Limits::default() };
        let parse = |bytes: &[u8], file_bytes| Header::parse(bytes, file_bytes, &limits);
        assert!(matches!(parse(&[1, 2], 2), Err(HeaderError::TooShort { needed: 8, .. })));
        let long = u64::MAX.to_le_bytes();
        assert!(matches!(parse(&long, u64::MAX), Err(HeaderError::TooLarge { found: u64::MAX, .. })));
        assert!(matches!(parse(&file("{}", 0)[..9], 9), Err(HeaderError::TooShort { needed: 10, .. })));
        assert!(matches!(parse(&file("{}", 0)[..9], 10), Err(HeaderError::TooShort { found: 9, .. })));
        let two = r#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#;
        let bytes = file(two, 0);
        assert!(matches!(parse(&bytes, bytes.len() as u64), Err(HeaderError::TooManyTensors { most: 1 })));
        let mut bytes = file(r#"{"aXb":{}}"#, 0);
        bytes[8 + 3] = 0xff;
        assert!(matches!(parse(&bytes, bytes.len() as u64), Err(HeaderError::Utf8 { at: 11 })));
    }

    proptest! {
        /// What passes here, the reference reads in the same way.
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
            let ours = Header::parse(&bytes, bytes.len() as u64, &Limits::default());
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
