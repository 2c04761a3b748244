use super::Result;
use super::checksum::checksum;
use super::error::ContainerError;
use super::schema::{
    ChecksummedEntry, Compression, FILE_PREFIX, FileEntry, ModelEntry, SEAL, SEAL_BYTES, VERSION, check_name,
    entry_key, parse, part_name, to_json,
};
use super::write::{SizeSummary, TensorBytes};
use crate::file_type::{HEAD_BYTES, describe_file_type};
use crate::safetensors_header::{HeaderError, LENGTH_BYTES, SafetensorsHeader};
use bytes::Bytes;
use ecq_core::{EncodedTensor, Limits, TensorEntry, TensorPart, TensorParts};
use safetensors::tensor::{Dtype, TensorInfo};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// An open `.ecq` file.
///
/// The header is validated when the file is opened; the bytes of tensors are validated only on request
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

/// A tensor that is stored without coding.
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
    /// Memory-maps a file and validates its header.
    ///
    /// The file must not be modified while it is open, because its bytes are read on use.
    ///
    /// # Errors
    /// [`ContainerError::Io`] if the file cannot be read, [`ContainerError::WrongFileType`] if it is a file
    /// of another type or a folder, [`ContainerError::Truncated`] if it ends before its last tensor, and
    /// other variants if its header is invalid.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let io = |source| ContainerError::Io { path: path.to_owned(), source };
        let wrong_type = |what: String| ContainerError::WrongFileType { path: path.to_owned(), what };
        if path.is_dir() {
            return Err(wrong_type("a folder".to_owned()));
        }
        let file = File::open(path).map_err(io)?;
        let file_bytes = file.metadata().map_err(io)?.len();
        let mut head = Vec::new();
        (&file).take(HEAD_BYTES as u64).read_to_end(&mut head).map_err(io)?;
        if let Some(what) = describe_file_type(&head, file_bytes) {
            return Err(wrong_type(what));
        }
        // A safetensors file starts with a length and a brace.
        if head.get(LENGTH_BYTES).is_some_and(|&first| first != b'{') {
            return Err(wrong_type("a file of an unknown format".to_owned()));
        }
        // SAFETY: the mapping is read-only. It is undefined behaviour if another process modifies the file
        // while it is mapped; the documentation of this function forbids that.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(io)?;
        Self::parse(Bytes::from_owner(map), limits).map_err(|error| match error {
            ContainerError::NotEcq(_) => wrong_type("a safetensors file, but not an .ecq file".to_owned()),
            ContainerError::Header(
                HeaderError::TooShort { found, needed: expected }
                | HeaderError::FileLength { found, needed: expected },
            ) if found < expected => ContainerError::Truncated { path: path.to_owned(), found, expected },
            error => error,
        })
    }

    /// Validates the header of a file in memory.
    ///
    /// # Errors
    /// [`ContainerError`] if the header is not a valid header of an `.ecq` file.
    pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Self> {
        let SafetensorsHeader { metadata: strings, tensors, data_start } =
            SafetensorsHeader::parse(&bytes, bytes.len() as u64, limits)?;
        // The bytes are in memory, so the offset fits into `usize`.
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
        file.match_entries_and_tensors(&strings)?;
        Ok(file)
    }

    /// Checks that every tensor has an entry or is in the order, and that every entry has its tensors.
    fn match_entries_and_tensors(&mut self, strings: &BTreeMap<String, String>) -> Result<()> {
        let tensor_error = |tensor: &str, why| ContainerError::Tensor { tensor: tensor.to_owned(), why };
        let mut explained = HashSet::new();
        for name in &self.model.order {
            check_name(name)?;
            let key = entry_key(name);
            let Some(json) = strings.get(&key) else {
                if !self.tensors.contains_key(name) {
                    return Err(tensor_error(name, "is in the order but not in the file"));
                }
                if !explained.insert(name.clone()) {
                    return Err(tensor_error(name, "is in the order twice"));
                }
                continue;
            };
            let checksummed: ChecksummedEntry = parse(&key, json)?;
            checksummed
                .entry
                .check(&self.limits)
                .map_err(|source| ContainerError::Entry { tensor: name.clone(), source })?;
            let expected = checksummed.entry.content.parts();
            if !checksummed.checksums.keys().eq(&expected) {
                return Err(tensor_error(name, "has checksums of other parts than its content requires"));
            }
            for part in expected {
                let part_name = part_name(name, part);
                match self.tensors.get(&part_name) {
                    None => return Err(tensor_error(&part_name, "is missing")),
                    Some(info) if info.dtype != Dtype::U8 || info.shape.len() != 1 => {
                        return Err(tensor_error(&part_name, "is not a string of bytes"));
                    }
                    Some(_) => {}
                }
                if !explained.insert(part_name) {
                    return Err(tensor_error(name, "is in the order twice"));
                }
            }
            self.encoded.insert(name.clone(), checksummed);
        }
        for (key, json) in strings {
            if let Some(name) = key.strip_prefix(FILE_PREFIX) {
                match self.tensors.get(key) {
                    Some(info) if info.dtype == Dtype::U8 && info.shape.len() == 1 => {}
                    _ => return Err(tensor_error(key, "is missing or not a string of bytes")),
                }
                self.files.insert(name.to_owned(), parse(key, json)?);
                explained.insert(key.clone());
            } else if !matches!(key.as_str(), "format" | "ecq.version" | "ecq.model")
                && !key.strip_suffix(".ecq").is_some_and(|name| self.encoded.contains_key(name))
            {
                let why = "does not belong to a tensor of the order".to_owned();
                return Err(ContainerError::Metadata { key: key.clone(), why });
            }
        }
        match self.tensors.get(SEAL) {
            Some(seal)
                if seal.dtype == Dtype::U8
                    && seal.data_offsets.1 - seal.data_offsets.0 == SEAL_BYTES
                    && self.header_bytes + seal.data_offsets.1 == self.bytes.len() => {}
            _ => return Err(tensor_error(SEAL, "is missing or not the last 32 bytes")),
        }
        explained.insert(SEAL.to_owned());
        match self.tensors.keys().filter(|name| !explained.contains(*name)).min() {
            Some(stray) => Err(tensor_error(stray, "is in the file but not in the order")),
            None => Ok(()),
        }
    }

    /// Returns the metadata of the whole file.
    pub fn model(&self) -> &ModelEntry {
        &self.model
    }

    /// Returns the names of all tensors in the order of the source.
    pub fn names(&self) -> &[String] {
        &self.model.order
    }

    /// Returns the entry of an encoded tensor; `None` for a plain tensor.
    pub fn entry(&self, name: &str) -> Option<&TensorEntry> {
        self.encoded.get(name).map(|checksummed| &checksummed.entry)
    }

    /// Returns an encoded tensor. Its parts are not copied, and their checksums are not verified.
    ///
    /// # Errors
    /// [`ContainerError::Missing`] if there is no encoded tensor of this name, and [`ContainerError::Entry`]
    /// if a part does not have the length that the entry requires.
    pub fn encoded(&self, name: &str) -> Result<EncodedTensor> {
        let (entry, parts) = self.entry_and_parts(name)?;
        EncodedTensor::with_limits(entry.clone(), parts, &self.limits)
            .map_err(|source| ContainerError::Entry { tensor: name.to_owned(), source })
    }

    /// Returns the entry and the parts of an encoded tensor without checking the lengths of the parts.
    pub(super) fn entry_and_parts(&self, name: &str) -> Result<(&TensorEntry, TensorParts)> {
        let Some(checksummed) = self.encoded.get(name) else {
            return Err(ContainerError::Missing { what: "encoded tensor", name: name.to_owned() });
        };
        let part = |part: &TensorPart| self.data(&part_name(name, *part)).map(|bytes| (*part, bytes));
        Ok((&checksummed.entry, checksummed.checksums.keys().map(part).collect::<Result<TensorParts>>()?))
    }

    /// Returns a plain tensor.
    ///
    /// # Errors
    /// [`ContainerError::Missing`] if there is no plain tensor of this name.
    pub fn plain(&self, name: &str) -> Result<PlainTensor> {
        let listed = self.model.order.iter().any(|n| n == name) && !self.encoded.contains_key(name);
        let Some(info) = self.tensors.get(name).filter(|_| listed) else {
            return Err(ContainerError::Missing { what: "plain tensor", name: name.to_owned() });
        };
        Ok(PlainTensor { dtype: info.dtype, shape: info.shape.clone(), bytes: self.data(name)? })
    }

    /// Returns the names of the attached files (config.json, tokenizer.json, ...).
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Returns the bytes of an attached file.
    ///
    /// # Errors
    /// [`ContainerError::Missing`] if there is no attached file of this name, [`ContainerError::Checksum`] if
    /// its checksum is wrong, and [`ContainerError::Inflate`] if it does not decompress to its length or
    /// exceeds the limit.
    pub fn file(&self, name: &str) -> Result<Vec<u8>> {
        let Some(entry) = self.files.get(name) else {
            return Err(ContainerError::Missing { what: "file", name: name.to_owned() });
        };
        let stored_name = format!("{FILE_PREFIX}{name}");
        let stored = self.verified_data(&stored_name, &entry.checksum)?;
        let (expected, most) = (entry.bytes, self.limits.file_bytes as u64);
        let wrong = |found: u64| ContainerError::Inflate { name: name.to_owned(), found, expected, most };
        if expected > most {
            return Err(wrong(0));
        }
        let mut bytes = Vec::new();
        match entry.compression {
            Compression::None => bytes.extend(&stored[..]),
            Compression::Zlib => {
                // One byte more than expected is enough to detect excess bytes.
                let mut inflater = flate2::read::ZlibDecoder::new(&stored[..]).take(expected + 1);
                inflater.read_to_end(&mut bytes).map_err(|_| wrong(0))?;
            }
        }
        if bytes.len() as u64 != expected { Err(wrong(bytes.len() as u64)) } else { Ok(bytes) }
    }

    /// Verifies the checksums of the parts of an encoded tensor.
    ///
    /// # Errors
    /// [`ContainerError::Checksum`] for the first part whose checksum is wrong, and
    /// [`ContainerError::Missing`] if there is no encoded tensor of this name.
    pub fn check(&self, name: &str) -> Result<()> {
        let Some(checksummed) = self.encoded.get(name) else {
            return Err(ContainerError::Missing { what: "encoded tensor", name: name.to_owned() });
        };
        for (&part, expected) in &checksummed.checksums {
            self.verified_data(&part_name(name, part), expected)?;
        }
        Ok(())
    }

    /// Verifies the seal, a hash of all bytes before it. `progress` receives the number of bytes hashed so
    /// far.
    ///
    /// # Errors
    /// [`ContainerError::Seal`] if any byte of the file differs from the one that was written.
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

    /// Returns the sizes of header, tensors and attached files, as
    /// [`EcqWriter::finish`](super::EcqWriter::finish) does.
    pub fn summary(&self) -> SizeSummary {
        let info_bytes = |name: &str| {
            self.tensors.get(name).map_or(0, |info| (to_json(&name).len() + to_json(info).len() + 2) as u64)
        };
        let data_bytes = |name: &str| {
            self.tensors.get(name).map_or(0, |info| (info.data_offsets.1 - info.data_offsets.0) as u64)
        };
        let tensor_bytes = |name: &String| {
            let bytes = match self.encoded.get(name) {
                None => TensorBytes {
                    parts: BTreeMap::from([("data", data_bytes(name))]),
                    header_bytes: info_bytes(name),
                },
                Some(checksummed) => {
                    let key = entry_key(name);
                    let own = (to_json(&key).len() + to_json(&to_json(checksummed)).len() + 2) as u64;
                    let parts =
                        checksummed.checksums.keys().map(|&p| (p.name(), data_bytes(&part_name(name, p))));
                    let infos = checksummed.checksums.keys().map(|&p| info_bytes(&part_name(name, p)));
                    TensorBytes { parts: parts.collect(), header_bytes: own + infos.sum::<u64>() }
                }
            };
            (name.clone(), bytes)
        };
        let file = |name: &String| (name.clone(), data_bytes(&format!("{FILE_PREFIX}{name}")));
        SizeSummary {
            file_bytes: self.bytes.len() as u64,
            header_bytes: self.header_bytes as u64,
            tensors: self.model.order.iter().map(tensor_bytes).collect(),
            files: self.files.keys().map(file).collect(),
        }
    }

    /// Returns the bytes of a tensor of the safetensors file.
    fn data(&self, name: &str) -> Result<Bytes> {
        let Some(info) = self.tensors.get(name) else {
            return Err(ContainerError::Missing { what: "tensor", name: name.to_owned() });
        };
        let (start, end) = info.data_offsets;
        // The header was validated: the tensors fill the file without gaps.
        Ok(self.bytes.slice(self.header_bytes + start..self.header_bytes + end))
    }

    /// Returns the bytes of a tensor of the safetensors file after verifying their checksum.
    fn verified_data(&self, name: &str, expected: &str) -> Result<Bytes> {
        let bytes = self.data(name)?;
        let found = checksum(&bytes);
        if found == expected {
            return Ok(bytes);
        }
        let offset = self.tensors.get(name).map_or(0, |info| self.header_bytes + info.data_offsets.0) as u64;
        Err(ContainerError::Checksum { name: name.to_owned(), offset, found, expected: expected.to_owned() })
    }
}
