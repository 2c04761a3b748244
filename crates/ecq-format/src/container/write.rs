//! Writer of the `.ecq` container.

use super::Result;
use super::checksum::checksum;
use super::error::ContainerError;
use super::schema::{
    ALIGNMENT, ChecksummedEntry, Compression, FILE_PREFIX, FileEntry, ModelEntry, SEAL, SEAL_BYTES, VERSION,
    check_name, entry_key, part_name, to_json,
};
use bytes::Bytes;
use ecq_core::{EncodedTensor, TensorEntry, TensorPart, TensorParts};
use safetensors::Dtype;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Amount of pushed data, in bytes, after which the work folder is synchronized to disk.
const COMMIT_BYTES: u64 = 64 << 20;

/// Writer of an `.ecq` file.
///
/// Tensors are written to the work folder `<dest>.partial/`, which has a journal for resuming;
/// [`finish`](Self::finish) assembles the file. The destination does not exist until the file is complete and
/// on disk. The bytes of the file depend only on the pushed tensors and files and on the model entry, not on
/// the order of pushes or on interruptions.
#[derive(Debug)]
pub struct EcqWriter {
    /// `None` if sizes are only counted.
    work_folder: Option<WorkFolder>,
    data_bytes: u64,
    items: BTreeMap<String, Item>,
    /// Parts whose bytes take the place of those that were pushed, by tensor.
    replaced: BTreeMap<String, TensorParts>,
}

/// The work folder and its two files.
#[derive(Debug)]
struct WorkFolder {
    dest: PathBuf,
    dir: PathBuf,
    data: File,
    journal: File,
    durable_bytes: u64,
    /// Journal lines whose data are not yet synchronized to disk.
    pending: String,
}

/// A finished tensor or attached file, as recorded in the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Item {
    name: String,
    content: ItemContent,
    /// Offset of its bytes in the data file of the work folder.
    offset: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ItemContent {
    Encoded { entry: ChecksummedEntry, lengths: BTreeMap<TensorPart, u64> },
    Plain { dtype: Dtype, shape: Vec<usize>, bytes: u64 },
    File { entry: FileEntry, bytes: u64 },
}

impl ItemContent {
    fn bytes(&self) -> u64 {
        match self {
            Self::Encoded { lengths, .. } => lengths.values().sum(),
            Self::Plain { bytes, .. } | Self::File { bytes, .. } => *bytes,
        }
    }
}

/// The data of a tensor of the `.ecq` file.
enum Data {
    /// A range of the data file of the work folder.
    Stored {
        offset: u64,
        bytes: u64,
    },
    Replaced(Bytes),
}

impl Data {
    fn bytes(&self) -> u64 {
        match self {
            Self::Stored { bytes, .. } => *bytes,
            Self::Replaced(bytes) => bytes.len() as u64,
        }
    }
}

/// The data of each tensor, in the order of the `.ecq` file.
type Layout = Vec<Data>;

/// Sizes of an `.ecq` file and its contents, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SizeSummary {
    /// Size of the file.
    pub file_bytes: u64,
    /// Size of the header, including its length field and padding.
    pub header_bytes: u64,
    /// Size of each tensor, by name.
    pub tensors: BTreeMap<String, TensorBytes>,
    /// Stored size of each attached file, by name.
    pub files: BTreeMap<String, u64>,
}

/// Size of a tensor in an `.ecq` file, in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TensorBytes {
    /// Size of the data, by part; the only part of a plain tensor is `"data"`.
    pub parts: BTreeMap<&'static str, u64>,
    /// Share of the header: names, offsets, entry and checksums.
    pub header_bytes: u64,
}

impl TensorBytes {
    /// Returns the size of data and header share together.
    pub fn total(&self) -> u64 {
        self.parts.values().sum::<u64>() + self.header_bytes
    }
}

impl EcqWriter {
    /// Creates the work folder of `dest` or, with `resume`, continues with an existing one. `key` is a hash
    /// of source and options.
    ///
    /// # Errors
    /// [`ContainerError::Io`] if the work folder cannot be written, [`ContainerError::InUse`] if another
    /// process uses it, and [`ContainerError::JournalKey`] if it was created with another key.
    pub fn create(dest: &Path, key: &str, resume: bool) -> Result<Self> {
        let mut dir = dest.as_os_str().to_owned();
        dir.push(".partial");
        let dir = PathBuf::from(dir);
        fs::create_dir_all(&dir).map_err(io(&dir))?;
        let open = |name: &str| {
            let path = dir.join(name);
            let options = OpenOptions::new().read(true).append(true).create(true).open(&path);
            options.map_err(io(&path))
        };
        let journal = open("journal")?;
        match journal.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ContainerError::InUse { path: dir }),
            Err(TryLockError::Error(source)) => return Err(ContainerError::Io { path: dir, source }),
        }
        let data = open("data")?;
        let dest = dest.to_owned();
        let mut work_folder =
            WorkFolder { dest, dir, data, journal, durable_bytes: 0, pending: String::new() };
        let (items, data_bytes) = if resume {
            work_folder.load(key)?
        } else {
            work_folder.truncate(0, 0).map(|()| Default::default())?
        };
        if work_folder.journal.metadata().map_err(io(&work_folder.dir))?.len() == 0 {
            let line = journal_line(&json!({ "ecq_journal": 1, "key": key }).to_string());
            work_folder.journal.write_all(line.as_bytes()).map_err(io(&work_folder.dir))?;
        }
        Ok(Self { work_folder: Some(work_folder), data_bytes, items, replaced: BTreeMap::new() })
    }

    /// Creates a writer that writes nothing; [`finish`](Self::finish) returns the exact sizes of the file.
    pub fn counting() -> Self {
        Self { work_folder: None, data_bytes: 0, items: BTreeMap::new(), replaced: BTreeMap::new() }
    }

    /// Returns whether this tensor was already pushed, in this run or in the run that it resumes.
    pub fn is_done(&self, name: &str) -> bool {
        self.items.contains_key(name)
    }

    /// Reads back an encoded tensor that was pushed in this run or in the run that it resumes; `None` if
    /// there is none of this name or sizes are only counted.
    ///
    /// # Errors
    /// [`ContainerError::Io`] if the work folder cannot be read, [`ContainerError::Checksum`] if a part is
    /// damaged, [`ContainerError::Entry`] if the entry does not describe the parts.
    pub fn encoded(&mut self, name: &str) -> Result<Option<EncodedTensor>> {
        let (Some(work), Some(item)) = (&mut self.work_folder, self.items.get(name)) else { return Ok(None) };
        let ItemContent::Encoded { entry, lengths } = &item.content else { return Ok(None) };
        work.data.seek(SeekFrom::Start(item.offset)).map_err(io(&work.dir))?;
        let mut parts = TensorParts::new();
        for part in TensorPart::ALL {
            let Some(&length) = lengths.get(&part) else { continue };
            let mut bytes = vec![0; length as usize];
            work.data.read_exact(&mut bytes).map_err(io(&work.dir))?;
            let (found, expected) = (checksum(&bytes), entry.checksums.get(&part).cloned());
            if expected.as_ref() != Some(&found) {
                let (name, expected) = (part_name(name, part), expected.unwrap_or_default());
                return Err(ContainerError::Checksum { name, offset: item.offset, found, expected });
            }
            parts.insert(part, bytes.into());
        }
        EncodedTensor::new(entry.entry.clone(), parts)
            .map(Some)
            .map_err(|source| ContainerError::Entry { tensor: name.to_owned(), source })
    }

    /// Replaces a part of a pushed tensor in the file that [`finish`](Self::finish) makes.
    ///
    /// The bytes stay in memory: a run that resumes this one finds the part as it was pushed, as
    /// [`encoded`](Self::encoded) does.
    ///
    /// # Errors
    /// [`ContainerError::Missing`] if no encoded tensor of this name with this part was pushed.
    pub fn replace_part(&mut self, name: &str, part: TensorPart, bytes: Bytes) -> Result<()> {
        let has_part = |item: &Item| match &item.content {
            ItemContent::Encoded { lengths, .. } => lengths.contains_key(&part),
            _ => false,
        };
        if !self.items.get(name).is_some_and(has_part) {
            return Err(missing("tensor part", &part_name(name, part)));
        }
        self.replaced.entry(name.to_owned()).or_default().insert(part, bytes);
        Ok(())
    }

    /// Adds an encoded tensor.
    ///
    /// # Errors
    /// [`ContainerError::Name`] if the name is reserved or was pushed before, and [`ContainerError::Io`] if
    /// writing fails.
    pub fn push_encoded(&mut self, name: &str, tensor: &EncodedTensor) -> Result<()> {
        self.push_parts(name, tensor.entry(), tensor.parts())
    }

    /// Adds an encoded tensor without checking the lengths of its parts.
    pub(super) fn push_parts(&mut self, name: &str, entry: &TensorEntry, parts: &TensorParts) -> Result<()> {
        check_name(name)?;
        let checksums = parts.iter().map(|(&part, bytes)| (part, checksum(bytes))).collect();
        let entry = ChecksummedEntry { entry: entry.clone(), checksums };
        let lengths = parts.iter().map(|(&part, bytes)| (part, bytes.len() as u64)).collect();
        let parts: Vec<&[u8]> =
            TensorPart::ALL.iter().filter_map(|part| parts.get(part)).map(|bytes| &bytes[..]).collect();
        self.push(name, ItemContent::Encoded { entry, lengths }, &parts)
    }

    /// Adds a tensor that is stored without coding.
    ///
    /// # Errors
    /// [`ContainerError::Name`] if the name is reserved or was pushed before or the length of `bytes` does
    /// not match shape and type, and [`ContainerError::Io`] if writing fails.
    pub fn push_plain(&mut self, name: &str, dtype: Dtype, shape: &[usize], bytes: &[u8]) -> Result<()> {
        check_name(name)?;
        let bits = shape.iter().try_fold(dtype.bitsize(), |n, &d| n.checked_mul(d));
        if bits != bytes.len().checked_mul(8) {
            let why = "has data of a length that does not match its shape and type";
            return Err(ContainerError::Name { name: name.to_owned(), why });
        }
        let content = ItemContent::Plain { dtype, shape: shape.to_vec(), bytes: bytes.len() as u64 };
        self.push(name, content, &[bytes])
    }

    /// Attaches a file (config.json, tokenizer.json, source header, ...), compressed if that makes it
    /// smaller.
    ///
    /// # Errors
    /// [`ContainerError::Name`] if the name was pushed before, and [`ContainerError::Io`] if writing fails.
    pub fn push_file(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        let path = Path::new(name);
        encoder.write_all(bytes).map_err(io(path))?;
        let deflated = encoder.finish().map_err(io(path))?;
        let (compression, stored) = match deflated.len() < bytes.len() {
            true => (Compression::Zlib, &deflated[..]),
            false => (Compression::None, bytes),
        };
        let entry = FileEntry { bytes: bytes.len() as u64, compression, checksum: checksum(stored) };
        let content = ItemContent::File { entry, bytes: stored.len() as u64 };
        self.push(&format!("{FILE_PREFIX}{name}"), content, &[stored])
    }

    fn push(&mut self, name: &str, content: ItemContent, parts: &[&[u8]]) -> Result<()> {
        if self.items.contains_key(name) {
            return Err(ContainerError::Name { name: name.to_owned(), why: "was pushed twice" });
        }
        let item = Item { name: name.to_owned(), content, offset: self.data_bytes };
        self.data_bytes += item.content.bytes();
        if let Some(work_folder) = &mut self.work_folder {
            work_folder.push(&item, parts, self.data_bytes)?;
        }
        self.items.insert(item.name.clone(), item);
        Ok(())
    }

    /// Synchronizes the work folder to disk: the data first, then the journal lines that refer to them.
    ///
    /// # Errors
    /// [`ContainerError::Io`] if writing fails.
    pub fn commit(&mut self) -> Result<()> {
        self.work_folder.as_mut().map_or(Ok(()), |work_folder| work_folder.commit(self.data_bytes))
    }

    /// Assembles and seals the file, renames it to the destination and removes the work folder.
    ///
    /// # Errors
    /// [`ContainerError::Name`] or [`ContainerError::Missing`] if `model.order` does not list exactly the
    /// pushed tensors, and [`ContainerError::Io`] if writing fails.
    pub fn finish(mut self, model: &ModelEntry) -> Result<SizeSummary> {
        self.commit()?;
        let (header, layout, summary) = self.header(model)?;
        if let Some(work_folder) = self.work_folder {
            work_folder.assemble(&header, layout)?;
        }
        Ok(summary)
    }

    /// Returns the header, the layout of the data after it, and the sizes.
    fn header(&self, model: &ModelEntry) -> Result<(Vec<u8>, Layout, SizeSummary)> {
        let is_file = |item: &Item| matches!(item.content, ItemContent::File { .. });
        let mut listed = HashSet::new();
        let mut tensors = Vec::new();
        for name in &model.order {
            let item = self.items.get(name).filter(|item| !is_file(item));
            tensors.push(item.ok_or_else(|| missing("tensor", name))?);
            if !listed.insert(name) {
                return Err(ContainerError::Name { name: name.clone(), why: "is in the order twice" });
            }
        }
        let (files, pushed): (Vec<&Item>, Vec<&Item>) = self.items.values().partition(|item| is_file(item));
        if let Some(stray) = pushed.into_iter().find(|item| !listed.contains(&item.name)) {
            return Err(ContainerError::Name { name: stray.name.clone(), why: "is not in the order" });
        }
        let mut header = HeaderWriter::default();
        header.metadata.insert("format".into(), json!("ecq"));
        header.metadata.insert("ecq.version".into(), json!(VERSION.to_string()));
        header.metadata.insert("ecq.model".into(), json!(to_json(model)));
        let mut summary = SizeSummary::default();
        // Descending element size aligns each plain tensor to its element size.
        let mut plain: Vec<_> =
            tensors.iter().filter(|item| matches!(item.content, ItemContent::Plain { .. })).collect();
        plain.sort_by_key(|item| match &item.content {
            ItemContent::Plain { dtype, .. } => std::cmp::Reverse(dtype.bitsize()),
            _ => std::cmp::Reverse(0),
        });
        for item in plain {
            if let ItemContent::Plain { dtype, shape, bytes } = &item.content {
                let data = Data::Stored { offset: item.offset, bytes: *bytes };
                let header_bytes = header.tensor(&item.name, *dtype, shape, data);
                let parts = BTreeMap::from([("data", *bytes)]);
                summary.tensors.insert(item.name.clone(), TensorBytes { parts, header_bytes });
            }
        }
        for item in &tensors {
            let ItemContent::Encoded { entry, lengths } = &item.content else { continue };
            let replaced = self.replaced.get(&item.name);
            let mut entry = entry.clone();
            for (&part, bytes) in replaced.into_iter().flatten() {
                entry.checksums.insert(part, checksum(bytes));
            }
            let mut header_bytes = header.metadata(&entry_key(&item.name), &to_json(&entry));
            let (mut offset, mut parts) = (item.offset, BTreeMap::new());
            for part in TensorPart::ALL {
                let Some(&bytes) = lengths.get(&part) else { continue };
                let data = match replaced.and_then(|parts| parts.get(&part)) {
                    Some(bytes) => Data::Replaced(bytes.clone()),
                    None => Data::Stored { offset, bytes },
                };
                offset += bytes;
                parts.insert(part.name(), data.bytes());
                let shape = [data.bytes() as usize];
                header_bytes += header.tensor(&part_name(&item.name, part), Dtype::U8, &shape, data);
            }
            summary.tensors.insert(item.name.clone(), TensorBytes { parts, header_bytes });
        }
        for item in files {
            let ItemContent::File { entry, bytes } = &item.content else { continue };
            header.metadata(&item.name, &to_json(entry));
            let data = Data::Stored { offset: item.offset, bytes: *bytes };
            header.tensor(&item.name, Dtype::U8, &[*bytes as usize], data);
            summary.files.insert(item.name[FILE_PREFIX.len()..].to_owned(), *bytes);
        }
        let (bytes, layout, data_bytes) = header.finish();
        summary.header_bytes = bytes.len() as u64;
        summary.file_bytes = summary.header_bytes + data_bytes + SEAL_BYTES as u64;
        Ok((bytes, layout, summary))
    }
}

impl WorkFolder {
    /// Reads the journal up to the first line that is damaged or whose data are missing, and truncates both
    /// files there. Returns the finished items and the length of their data.
    fn load(&mut self, key: &str) -> Result<(BTreeMap<String, Item>, u64)> {
        let path = self.dir.join("journal");
        let on_disk = self.data.metadata().map_err(io(&self.dir))?.len();
        let mut reader = BufReader::new(File::open(&path).map_err(io(&path))?);
        let (mut journal_bytes, mut data_bytes) = (0u64, 0u64);
        let mut items = BTreeMap::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line).map_err(io(&path))? == 0 {
                break;
            }
            let Some(json) = std::str::from_utf8(&line).ok().and_then(checked_line) else { break };
            if journal_bytes == 0 {
                let head: Value = serde_json::from_str(json).unwrap_or_default();
                let found = head["key"].as_str().unwrap_or("none");
                if found != key {
                    let (found, expected) = (found.to_owned(), key.to_owned());
                    return Err(ContainerError::JournalKey { path: self.dir.clone(), found, expected });
                }
            } else {
                let Ok(item) = serde_json::from_str::<Item>(json) else { break };
                let end = item.offset.saturating_add(item.content.bytes());
                if item.offset != data_bytes || end > on_disk {
                    break;
                }
                data_bytes = end;
                items.insert(item.name.clone(), item);
            }
            journal_bytes += line.len() as u64;
        }
        self.truncate(journal_bytes, data_bytes)?;
        Ok((items, data_bytes))
    }

    fn truncate(&mut self, journal_bytes: u64, data_bytes: u64) -> Result<()> {
        self.journal.set_len(journal_bytes).map_err(io(&self.dir))?;
        self.data.set_len(data_bytes).map_err(io(&self.dir))?;
        self.durable_bytes = data_bytes;
        Ok(())
    }

    fn push(&mut self, item: &Item, parts: &[&[u8]], data_bytes: u64) -> Result<()> {
        for part in parts {
            self.data.write_all(part).map_err(io(&self.dir))?;
        }
        self.pending += &journal_line(&to_json(item));
        if data_bytes - self.durable_bytes >= COMMIT_BYTES {
            self.commit(data_bytes)?;
        }
        Ok(())
    }

    fn commit(&mut self, data_bytes: u64) -> Result<()> {
        self.data.sync_data().map_err(io(&self.dir))?;
        self.journal.write_all(self.pending.as_bytes()).map_err(io(&self.dir))?;
        self.journal.sync_data().map_err(io(&self.dir))?;
        self.pending.clear();
        self.durable_bytes = data_bytes;
        Ok(())
    }

    /// Writes header, data and seal to a file in the work folder, renames it to the destination and removes
    /// the work folder.
    fn assemble(mut self, header: &[u8], layout: Layout) -> Result<()> {
        let path = self.dir.join("out");
        let mut out = File::create(&path).map_err(io(&path))?;
        let mut hasher = blake3::Hasher::new();
        let mut put = |bytes: &[u8]| {
            hasher.update(bytes);
            out.write_all(bytes).map_err(io(&path))
        };
        put(header)?;
        let mut buffer = vec![0u8; 1 << 20];
        for data in layout {
            let (mut offset, mut left) = match data {
                Data::Stored { offset, bytes } => (offset, bytes),
                Data::Replaced(bytes) => {
                    put(&bytes)?;
                    continue;
                }
            };
            while left > 0 {
                let take = left.min(buffer.len() as u64) as usize;
                self.data.seek(SeekFrom::Start(offset)).map_err(io(&self.dir))?;
                self.data.read_exact(&mut buffer[..take]).map_err(io(&self.dir))?;
                put(&buffer[..take])?;
                offset += take as u64;
                left -= take as u64;
            }
        }
        let seal = hasher.finalize();
        out.write_all(seal.as_bytes()).map_err(io(&path))?;
        out.sync_all().map_err(io(&path))?;
        fs::rename(&path, &self.dest).map_err(io(&self.dest))?;
        let parent = self.dest.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Synchronizes the rename. Not every system can open a folder for this.
        if let Ok(folder) = File::open(parent) {
            folder.sync_all().map_err(io(parent))?;
        }
        fs::remove_dir_all(&self.dir).map_err(io(&self.dir))
    }
}

/// Builder of the header of a safetensors file.
#[derive(Default)]
struct HeaderWriter {
    metadata: Map<String, Value>,
    tensors: Vec<(String, Value)>,
    layout: Layout,
    data_bytes: u64,
}

impl HeaderWriter {
    /// Adds a tensor and returns the bytes that it takes in the header.
    fn tensor(&mut self, name: &str, dtype: Dtype, shape: &[usize], data: Data) -> u64 {
        let end = self.data_bytes + data.bytes();
        let value = json!({ "dtype": dtype, "shape": shape, "data_offsets": [self.data_bytes, end] });
        let header_bytes = (to_json(&name).len() + to_json(&value).len() + 2) as u64;
        self.tensors.push((name.to_owned(), value));
        self.layout.push(data);
        self.data_bytes = end;
        header_bytes
    }

    /// Adds an entry to `__metadata__` and returns the bytes that it takes in the header.
    fn metadata(&mut self, key: &str, json: &str) -> u64 {
        self.metadata.insert(key.to_owned(), Value::from(json));
        (to_json(&key).len() + to_json(&json).len() + 2) as u64
    }

    /// Returns the bytes of the header, the layout, and the length of the data without the seal.
    fn finish(mut self) -> (Vec<u8>, Layout, u64) {
        let data_bytes = self.data_bytes;
        let seal = Data::Stored { offset: 0, bytes: SEAL_BYTES as u64 };
        self.tensor(SEAL, Dtype::U8, &[SEAL_BYTES], seal);
        self.layout.pop();
        // A JSON map would sort the tensors by name, but they are listed in the order of their data.
        let mut json = format!("{{\"__metadata__\":{}", Value::Object(self.metadata));
        for (name, value) in &self.tensors {
            json += &format!(",{}:{value}", to_json(name));
        }
        json.push('}');
        let padded = (8 + json.len()).next_multiple_of(ALIGNMENT) - 8;
        json.extend(std::iter::repeat_n(' ', padded - json.len()));
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        (bytes, self.layout, data_bytes)
    }
}

/// Returns a journal line: `json`, a space, its checksum, a line feed.
fn journal_line(json: &str) -> String {
    format!("{json} {}\n", checksum(json.as_bytes()))
}

/// Returns the JSON of a journal line; `None` if the line is damaged.
fn checked_line(line: &str) -> Option<&str> {
    let (json, found) = line.strip_suffix('\n')?.rsplit_once(' ')?;
    (checksum(json.as_bytes()) == found).then_some(json)
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> ContainerError + '_ {
    move |source| ContainerError::Io { path: path.to_owned(), source }
}

fn missing(what: &'static str, name: &str) -> ContainerError {
    ContainerError::Missing { what, name: name.to_owned() }
}
