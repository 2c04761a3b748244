use super::Result;
use super::checksum::checksum;
use super::error::ContainerError;
use super::schema::{
    ChecksummedEntry, Compression, FILE_PREFIX, FileEntry, ModelEntry, SEAL, SEAL_BYTES, VERSION, check_name,
    entry_key, parse, part_name, to_json,
};
use super::write::{SizeSummary, TensorBytes};
use crate::file_type::{HEAD_BYTES, describe_file_type};
use crate::safetensors_header::{Header, HeaderError, LENGTH_BYTES};
use bytes::Bytes;
use ecq_core::{EncodedTensor, Limits, TensorEntry, TensorPart, TensorParts};
use safetensors::tensor::{Dtype, TensorInfo};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// An open `.ecq` file; every fact of its header is checked, its bytes only when asked
/// ([`check`](Self::check), [`verify_seal`](Self::verify_seal)).
#[derive(Debug)]
pub struct EcqFile {
    bytes: Bytes,
    header_bytes: usize,
    model: ModelEntry,
    encoded: HashMap<String, ChecksummedEntry>,
    files: BTreeMap<String, FileEntry>,
    tensors: HashMap<String, TensorInfo>,
    limits: Limits,
}

/// A tensor that is stored as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainTensor {
    /// Element type.
    pub dtype: Dtype,
    /// Shape.
    pub shape: Vec<usize>,
    /// Little-endian elements.
    pub bytes: Bytes,
}

impl EcqFile {
    /// Maps a file into memory and checks its header.
    ///
    /// The file must not be changed while it is open: its bytes are read when they are used.
    ///
    /// # Errors
    /// When it cannot be read, is of another kind ([`ContainerError::WrongFileType`] says of which), ends before
    /// its tensors do, or its header is not that of a sound `.ecq` file.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let io = |source| ContainerError::Io { path: path.to_owned(), source };
        let is = |what: String| ContainerError::WrongFileType { path: path.to_owned(), what };
        if path.is_dir() {
            return Err(is("a folder".to_owned()));
        }
        let file = File::open(path).map_err(io)?;
        let file_bytes = file.metadata().map_err(io)?.len();
        let mut head = Vec::new();
        (&file).take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(io)?;
        if let Some(what) = describe_file_type(&head, file_bytes) {
            return Err(is(what));
        }
        // A safetensors file begins with a length and a brace.
        if head.get(LENGTH_BYTES).is_some_and(|&first| first != b'{') {
            return Err(is("a file of no known format".to_owned()));
        }
        // SAFETY: as for every reader of mapped files, a file that another process cuts short while it is
        // mapped ends this process with a bus error; the documentation above says so.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(io)?;
        Self::parse(Bytes::from_owner(map), limits).map_err(|error| match error {
            ContainerError::NotEcq(_) => is("a safetensors file that is not an .ecq".to_owned()),
            ContainerError::Header(
                HeaderError::TooShort { found, needed: expected }
                | HeaderError::FileLength { found, needed: expected },
            ) if found < expected => ContainerError::Truncated { path: path.to_owned(), found, expected },
            error => error,
        })
    }

    /// Checks the header of a file in memory.
    ///
    /// # Errors
    /// When it is not that of a sound `.ecq` file.
    pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Self> {
        let Header { metadata: strings, tensors, data_start } =
            Header::parse(&bytes, bytes.len() as u64, limits)?;
        // The bytes are in memory: their offsets are numbers of this machine.
        let header_bytes = data_start as usize;
        let tensors = tensors.into_iter().collect();
        match strings.get("format").map(String::as_str) {
            Some("ecq") => {}
            other => return Err(ContainerError::NotEcq(other.map(str::to_owned))),
        }
        let version = strings.get("ecq.version");
        if version.and_then(|v| v.parse().ok()) != Some(VERSION) {
            return Err(ContainerError::Version { found: version.cloned(), known: VERSION });
        }
        let model: ModelEntry = match strings.get("ecq.model") {
            Some(json) => parse("ecq.model", json)?,
            None => return Err(ContainerError::Missing { what: "entry", name: "ecq.model".to_owned() }),
        };
        let mut file = Self {
            bytes,
            header_bytes,
            model,
            encoded: HashMap::new(),
            files: BTreeMap::new(),
            tensors,
            limits: *limits,
        };
        file.explain(&strings)?;
        Ok(file)
    }

    /// Checks that entries and tensors explain each other exactly.
    fn explain(&mut self, strings: &BTreeMap<String, String>) -> Result<()> {
        let tensor = |tensor: &str, why| ContainerError::Tensor { tensor: tensor.to_owned(), why };
        let mut explained = HashSet::new();
        for name in &self.model.order {
            check_name(name)?;
            let key = entry_key(name);
            let Some(json) = strings.get(&key) else {
                if !self.tensors.contains_key(name) {
                    return Err(tensor(name, "is in the order but not in the file"));
                }
                if !explained.insert(name.clone()) {
                    return Err(tensor(name, "is in the order twice"));
                }
                continue;
            };
            let summed: ChecksummedEntry = parse(&key, json)?;
            summed
                .entry
                .check(&self.limits)
                .map_err(|source| ContainerError::Entry { tensor: name.clone(), source })?;
            let expected = summed.entry.content.parts();
            if !summed.sums.keys().eq(&expected) {
                return Err(tensor(name, "has checksums of other parts than its coding asks for"));
            }
            for part in expected {
                let part_name = part_name(name, part);
                match self.tensors.get(&part_name) {
                    None => return Err(tensor(&part_name, "is missing")),
                    Some(info) if info.dtype != Dtype::U8 || info.shape.len() != 1 => {
                        return Err(tensor(&part_name, "is not a string of bytes"));
                    }
                    Some(_) => {}
                }
                if !explained.insert(part_name) {
                    return Err(tensor(name, "is in the order twice"));
                }
            }
            self.encoded.insert(name.clone(), summed);
        }
        for (key, json) in strings {
            if let Some(name) = key.strip_prefix(FILE_PREFIX) {
                match self.tensors.get(key) {
                    Some(info) if info.dtype == Dtype::U8 && info.shape.len() == 1 => {}
                    _ => return Err(tensor(key, "is missing or not a string of bytes")),
                }
                self.files.insert(name.to_owned(), parse(key, json)?);
                explained.insert(key.clone());
            } else if !matches!(key.as_str(), "format" | "ecq.version" | "ecq.model")
                && !key.strip_suffix(".ecq").is_some_and(|name| self.encoded.contains_key(name))
            {
                let why = "belongs to no tensor of the order".to_owned();
                return Err(ContainerError::Metadata { key: key.clone(), why });
            }
        }
        match self.tensors.get(SEAL) {
            Some(seal)
                if seal.dtype == Dtype::U8
                    && seal.data_offsets.1 - seal.data_offsets.0 == SEAL_BYTES
                    && self.header_bytes + seal.data_offsets.1 == self.bytes.len() => {}
            _ => return Err(tensor(SEAL, "is missing or not the last 32 bytes")),
        }
        explained.insert(SEAL.to_owned());
        match self.tensors.keys().filter(|name| !explained.contains(*name)).min() {
            Some(stray) => Err(tensor(stray, "is in the file but not in the order")),
            None => Ok(()),
        }
    }

    /// Facts of the whole file.
    pub fn model(&self) -> &ModelEntry {
        &self.model
    }

    /// Names of all tensors, in the order of the source.
    pub fn names(&self) -> &[String] {
        &self.model.order
    }

    /// The facts of an encoded tensor; `None` for a plain one.
    pub fn entry(&self, name: &str) -> Option<&TensorEntry> {
        self.encoded.get(name).map(|summed| &summed.entry)
    }

    /// An encoded tensor, its parts in place.
    ///
    /// # Errors
    /// When there is none of this name, or a part has not the length that the entry asks for.
    pub fn encoded(&self, name: &str) -> Result<EncodedTensor> {
        let (entry, parts) = self.entry_and_parts(name)?;
        EncodedTensor::with_limits(entry.clone(), parts, &self.limits)
            .map_err(|source| ContainerError::Entry { tensor: name.to_owned(), source })
    }

    /// The facts and the bytes of an encoded tensor, their lengths not compared.
    pub(super) fn entry_and_parts(&self, name: &str) -> Result<(&TensorEntry, TensorParts)> {
        let Some(summed) = self.encoded.get(name) else {
            return Err(ContainerError::Missing { what: "encoded tensor", name: name.to_owned() });
        };
        let part = |part: &TensorPart| self.data(&part_name(name, *part)).map(|bytes| (*part, bytes));
        Ok((&summed.entry, summed.sums.keys().map(part).collect::<Result<TensorParts>>()?))
    }

    /// A tensor that is stored as it is.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn plain(&self, name: &str) -> Result<PlainTensor> {
        let listed = self.model.order.iter().any(|n| n == name) && !self.encoded.contains_key(name);
        let Some(info) = self.tensors.get(name).filter(|_| listed) else {
            return Err(ContainerError::Missing { what: "plain tensor", name: name.to_owned() });
        };
        Ok(PlainTensor { dtype: info.dtype, shape: info.shape.clone(), bytes: self.data(name)? })
    }

    /// Names of the files that ride along.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// A file that rides along.
    ///
    /// # Errors
    /// When there is none of this name, its checksum is wrong, or it does not inflate to its length.
    pub fn file(&self, name: &str) -> Result<Vec<u8>> {
        let Some(entry) = self.files.get(name) else {
            return Err(ContainerError::Missing { what: "file", name: name.to_owned() });
        };
        let stored_name = format!("{FILE_PREFIX}{name}");
        let stored = self.checked(&stored_name, &entry.sum)?;
        let (expected, most) = (entry.bytes, self.limits.file_bytes as u64);
        let wrong = |found: u64| ContainerError::Inflate { name: name.to_owned(), found, expected, most };
        if expected > most {
            return Err(wrong(0));
        }
        let mut bytes = Vec::new();
        match entry.compression {
            Compression::None => bytes.extend(&stored[..]),
            Compression::Zlib => {
                // One byte more than declared is enough to know that there are too many.
                let mut inflater = flate2::read::ZlibDecoder::new(&stored[..]).take(expected + 1);
                inflater.read_to_end(&mut bytes).map_err(|_| wrong(0))?;
            }
        }
        if bytes.len() as u64 != expected { Err(wrong(bytes.len() as u64)) } else { Ok(bytes) }
    }

    /// Checks the checksums of an encoded tensor's parts.
    ///
    /// # Errors
    /// Names the first part whose bytes are not those that were written, and where it lies.
    pub fn check(&self, name: &str) -> Result<()> {
        let Some(summed) = self.encoded.get(name) else {
            return Err(ContainerError::Missing { what: "encoded tensor", name: name.to_owned() });
        };
        for (&part, expected) in &summed.sums {
            self.checked(&part_name(name, part), expected)?;
        }
        Ok(())
    }

    /// Checks the seal: a hash of every byte of the file. `progress` hears how many bytes are done.
    ///
    /// # Errors
    /// When any byte of the file is not the one that was written.
    pub fn verify_seal(&self, mut progress: impl FnMut(u64)) -> Result<()> {
        let (sealed, seal) = self.bytes.split_at(self.bytes.len() - SEAL_BYTES);
        let mut hasher = blake3::Hasher::new();
        let mut done = 0;
        for chunk in sealed.chunks(1 << 22) {
            hasher.update(chunk);
            done += chunk.len() as u64;
            progress(done);
        }
        if hasher.finalize().as_bytes() == seal {
            Ok(())
        } else {
            Err(ContainerError::Seal(sealed.len() as u64))
        }
    }

    /// Where the bytes of the file go; the same as the writer's.
    pub fn summary(&self) -> SizeSummary {
        let info_bytes = |name: &str| {
            self.tensors.get(name).map_or(0, |info| (to_json(&name).len() + to_json(info).len() + 2) as u64)
        };
        let data_bytes = |name: &str| {
            self.tensors.get(name).map_or(0, |info| (info.data_offsets.1 - info.data_offsets.0) as u64)
        };
        let of_tensor = |name: &String| {
            let bytes = match self.encoded.get(name) {
                None => TensorBytes {
                    parts: BTreeMap::from([("data", data_bytes(name))]),
                    header_bytes: info_bytes(name),
                },
                Some(summed) => {
                    let key = entry_key(name);
                    let own = (to_json(&key).len() + to_json(&to_json(summed)).len() + 2) as u64;
                    let parts = summed.sums.keys().map(|&p| (p.name(), data_bytes(&part_name(name, p))));
                    let infos = summed.sums.keys().map(|&p| info_bytes(&part_name(name, p)));
                    TensorBytes { parts: parts.collect(), header_bytes: own + infos.sum::<u64>() }
                }
            };
            (name.clone(), bytes)
        };
        let file = |name: &String| (name.clone(), data_bytes(&format!("{FILE_PREFIX}{name}")));
        SizeSummary {
            file_bytes: self.bytes.len() as u64,
            header_bytes: self.header_bytes as u64,
            tensors: self.model.order.iter().map(of_tensor).collect(),
            files: self.files.keys().map(file).collect(),
        }
    }

    fn data(&self, name: &str) -> Result<Bytes> {
        let Some(info) = self.tensors.get(name) else {
            return Err(ContainerError::Missing { what: "tensor", name: name.to_owned() });
        };
        let (start, end) = info.data_offsets;
        // The header was checked: offsets ascend without holes and end with the file.
        Ok(self.bytes.slice(self.header_bytes + start..self.header_bytes + end))
    }

    fn checked(&self, name: &str, expected: &str) -> Result<Bytes> {
        let bytes = self.data(name)?;
        let found = checksum(&bytes);
        if found == expected {
            return Ok(bytes);
        }
        let offset = self.tensors.get(name).map_or(0, |info| self.header_bytes + info.data_offsets.0) as u64;
        Err(ContainerError::Checksum { name: name.to_owned(), offset, found, expected: expected.to_owned() })
    }
}
