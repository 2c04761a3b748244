use super::error::GgufError;
use super::types::GgmlType;
use super::value::Value;
use super::Result;
use ecq_core::Limits;
use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A tensor of a GGUF file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: GgmlType,
    /// Dimensions as stored: the first varies fastest.
    pub dims: Vec<u64>,
    /// Where it starts in the file.
    pub offset: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

impl TensorInfo {
    /// Weights of a row: the first dimension.
    pub fn cols(&self) -> usize {
        self.dims[0] as usize
    }

    /// Rows: the product of the other dimensions.
    pub fn rows(&self) -> usize {
        self.dims[1..].iter().product::<u64>() as usize
    }
}

/// A GGUF file: its header in memory, its tensors read when asked for.
#[derive(Debug)]
pub struct Gguf {
    path: PathBuf,
    file: Option<File>,
    version: u32,
    metadata: Vec<(String, Value)>,
    tensors: Vec<TensorInfo>,
    header: Vec<u8>,
    file_bytes: u64,
}

impl Gguf {
    /// Opens a file and checks its whole header.
    ///
    /// # Errors
    /// When it cannot be read or is not a sound GGUF v2 or v3 file.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let io = |source| GgufError::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(io)?;
        let file_bytes = file.metadata().map_err(io)?.len();
        // The header's length is not written anywhere: read more until it parses.
        let mut header = Vec::new();
        let mut want = 1 << 20;
        let mut parsed = loop {
            (&mut file).take(want - header.len() as u64).read_to_end(&mut header).map_err(io)?;
            let whole = header.len() as u64 == file_bytes || header.len() >= limits.header_bytes;
            match Self::parse(&header, file_bytes, limits) {
                Err(GgufError::Truncated { .. }) if !whole => {
                    want = (2 * want).min(limits.header_bytes as u64);
                }
                result => break result?,
            }
        };
        parsed.path = path.to_owned();
        parsed.file = Some(file);
        Ok(parsed)
    }

    /// Parses the first bytes of a file that has `file_bytes` in all; tensors cannot be read from the result.
    ///
    /// # Errors
    /// [`GgufError::Truncated`] when the header goes on after `bytes`; others when it is not sound.
    pub fn parse(bytes: &[u8], file_bytes: u64, limits: &Limits) -> Result<Self> {
        let mut input = Input { bytes, at: 0, file_bytes };
        let magic = input.array::<4>("the magic number")?;
        if magic != *b"GGUF" {
            return Err(GgufError::Magic { found: magic });
        }
        let version = input.u32("the version")?;
        if !(2..=3).contains(&version) {
            return Err(GgufError::Version(version));
        }
        // A tensor takes at least 24 bytes of the header, a key at least 13.
        let tensor_count = input.count("tensor count", 24, limits.tensors as u64)?;
        let key_count = input.count("metadata count", 13, u64::MAX)?;
        let mut metadata: Vec<(String, Value)> = Vec::new();
        let mut seen = HashSet::new();
        for _ in 0..key_count {
            let key = input.string("a metadata key")?;
            let ty = input.u32("a value type")?;
            let value = input.value(&key, ty, 0)?;
            if !seen.insert(key.clone()) {
                return Err(GgufError::Duplicate { what: "metadata key", name: key });
            }
            metadata.push((key, value));
        }
        let alignment = match metadata.iter().find(|(key, _)| key == "general.alignment") {
            None => 32,
            Some((_, value)) => value.as_u64().unwrap_or(0),
        };
        if !alignment.is_power_of_two() || !(8..=65536).contains(&alignment) {
            return Err(GgufError::Alignment(alignment));
        }
        let mut tensors = Vec::new();
        let mut seen = HashSet::new();
        for _ in 0..tensor_count {
            let tensor = input.tensor(alignment, limits)?;
            if !seen.insert(tensor.name.clone()) {
                return Err(GgufError::Duplicate { what: "tensor", name: tensor.name });
            }
            tensors.push(tensor);
        }
        let data = (input.at as u64).next_multiple_of(alignment);
        if tensors.is_empty() {
            // Nothing follows the header, not even its padding.
        } else if (bytes.len() as u64) < data {
            return Err(GgufError::Truncated { what: "the padding before the data", at: bytes.len() as u64 });
        }
        for tensor in &mut tensors {
            tensor.offset = tensor.offset.saturating_add(data);
            if tensor.offset.checked_add(tensor.bytes).is_none_or(|end| end > file_bytes) {
                return Err(GgufError::PastEnd {
                    tensor: tensor.name.clone(),
                    offset: tensor.offset,
                    bytes: tensor.bytes,
                    file_bytes,
                });
            }
        }
        let mut by_offset: Vec<&TensorInfo> = tensors.iter().collect();
        by_offset.sort_by_key(|tensor| tensor.offset);
        if let Some(pair) = by_offset.windows(2).find(|pair| pair[0].offset + pair[0].bytes > pair[1].offset) {
            return Err(GgufError::Overlap {
                first: pair[0].name.clone(),
                second: pair[1].name.clone(),
                offset: pair[1].offset,
            });
        }
        let header = bytes[..(data as usize).min(bytes.len())].to_vec();
        Ok(Self { path: PathBuf::new(), file: None, version, metadata, tensors, header, file_bytes })
    }

    /// 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// All keys and values, in file order.
    pub fn metadata(&self) -> &[(String, Value)] {
        &self.metadata
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.iter().find(|(k, _)| k == key).map(|(_, value)| value)
    }

    /// All tensors, in file order.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// The bytes before the first tensor, padding included.
    pub fn header_bytes(&self) -> &[u8] {
        &self.header
    }

    /// Length of the file.
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// The bytes of a tensor, by positioned reads: nothing stays mapped.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read_tensor(&self, tensor: &TensorInfo) -> Result<Vec<u8>> {
        let io = |source| GgufError::Io { path: self.path.clone(), source };
        let Some(file) = &self.file else {
            return Err(io(std::io::Error::other("only the header was parsed")));
        };
        let mut bytes = vec![0; tensor.bytes as usize];
        read_at(file, &mut bytes, tensor.offset).map_err(io)?;
        Ok(bytes)
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<()> {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}

struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
    file_bytes: u64,
}

impl<'a> Input<'a> {
    fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8]> {
        let left = &self.bytes[self.at..];
        let Some(taken) = left.get(..len) else {
            return Err(GgufError::Truncated { what, at: self.bytes.len() as u64 });
        };
        self.at += len;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &'static str) -> Result<u64> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// A count of things that take at least `least` bytes each: the rest of the file bounds it.
    fn count(&mut self, what: &'static str, least: u64, limit: u64) -> Result<u64> {
        let at = self.at as u64;
        let found = self.u64(what)?;
        let most = (self.file_bytes.saturating_sub(self.at as u64) / least).min(limit);
        if found > most { Err(GgufError::TooMany { what, at, found, most }) } else { Ok(found) }
    }

    fn string(&mut self, what: &'static str) -> Result<String> {
        let len = self.count(what, 1, u64::MAX)?;
        let at = self.at as u64;
        let bytes = self.take(usize::try_from(len).unwrap_or(usize::MAX), what)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| GgufError::Utf8 { what, at })
    }

    fn value(&mut self, key: &str, ty: u32, depth: u32) -> Result<Value> {
        let what = "a metadata value";
        Ok(match ty {
            0 => Value::U8(self.array::<1>(what)?[0]),
            1 => Value::I8(self.array::<1>(what)?[0] as i8),
            2 => Value::U16(u16::from_le_bytes(self.array(what)?)),
            3 => Value::I16(i16::from_le_bytes(self.array(what)?)),
            4 => Value::U32(self.u32(what)?),
            5 => Value::I32(self.u32(what)? as i32),
            6 => Value::F32(f32::from_le_bytes(self.array(what)?)),
            7 => Value::Bool(self.array::<1>(what)?[0] != 0),
            8 => Value::String(self.string(what)?),
            10 => Value::U64(self.u64(what)?),
            11 => Value::I64(self.u64(what)? as i64),
            12 => Value::F64(f64::from_le_bytes(self.array(what)?)),
            9 if depth < 4 => {
                let element = self.u32("an array's type")?;
                let least = match element {
                    0 | 1 | 7 => 1,
                    2 | 3 => 2,
                    4..=6 => 4,
                    _ => 8,
                };
                let count = self.count("array length", least, u64::MAX)?;
                // Grows as elements are read: a lying length meets the end of the bytes first.
                let mut values = Vec::new();
                for _ in 0..count {
                    values.push(self.value(key, element, depth + 1)?);
                }
                Value::Array(values)
            }
            found => {
                return Err(GgufError::ValueType { key: key.to_owned(), at: self.at as u64, found });
            }
        })
    }

    fn tensor(&mut self, alignment: u64, limits: &Limits) -> Result<TensorInfo> {
        let name = self.string("a tensor's name")?;
        let count = self.u32("a tensor's dimensions")?;
        if !(1..=4).contains(&count) {
            return Err(GgufError::Dimensions { tensor: name, dims: vec![u64::from(count)] });
        }
        let dims = (0..count).map(|_| self.u64("a tensor's dimensions")).collect::<Result<Vec<_>>>()?;
        let weights = dims.iter().try_fold(1u64, |n, &d| n.checked_mul(d));
        let Some(weights) = weights.filter(|n| (1..=limits.tensor_weights).contains(n)) else {
            return Err(GgufError::Dimensions { tensor: name, dims });
        };
        let found = self.u32("a tensor's type")?;
        let Some(ty) = GgmlType::from_id(found) else {
            return Err(GgufError::TensorType { tensor: name, found });
        };
        let block = ty.block_weights() as u64;
        if !dims[0].is_multiple_of(block) {
            return Err(GgufError::Blocks { tensor: name, cols: dims[0], block });
        }
        let offset = self.u64("a tensor's offset")?;
        if !offset.is_multiple_of(alignment) {
            return Err(GgufError::Misaligned { tensor: name, offset, alignment });
        }
        let bytes = weights / block * ty.block_bytes() as u64;
        Ok(TensorInfo { name, ty, dims, offset, bytes })
    }
}
