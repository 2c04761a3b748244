use super::Result;
use super::checksum::checksum;
use super::error::ContainerError;
use super::schema::{
    ALIGNMENT, ChecksummedEntry, Compression, FILE_PREFIX, FileEntry, ModelEntry, SEAL, SEAL_BYTES, VERSION,
    check_name, entry_key, part_name, to_json,
};
use ecq_core::{EncodedTensor, TensorEntry, TensorPart, TensorParts};
use safetensors::Dtype;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Data this long may be in flight before the spool makes it durable.
const COMMIT_BYTES: u64 = 64 << 20;

/// Writes an `.ecq` file: tensors go to `<dest>.partial/` with a journal, [`finish`](Self::finish) assembles.
///
/// Nothing appears under the final name until it is whole and on disk. The file depends only on what was
/// pushed and on the order given at the end, not on the order of pushes or on interruptions.
#[derive(Debug)]
pub struct EcqWriter {
    /// Absent when bytes are only counted.
    disk: Option<Disk>,
    data_bytes: u64,
    items: BTreeMap<String, Item>,
}

/// The spool's folder and its two files.
#[derive(Debug)]
struct Disk {
    dest: PathBuf,
    dir: PathBuf,
    data: File,
    journal: File,
    durable_bytes: u64,
    /// Journal lines whose data are not yet durable.
    pending: String,
}

/// A finished tensor or file, as the journal keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Item {
    name: String,
    content: ItemContent,
    /// Where its bytes begin in the spool's data.
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

/// Offset in the spool's data and length of everything behind the header, in the order of the file.
type Layout = Vec<(u64, u64)>;

/// Where the bytes of a finished file went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SizeSummary {
    /// Length of the file.
    pub file_bytes: u64,
    /// Length of the header, its length field and padding included.
    pub header_bytes: u64,
    /// By tensor.
    pub tensors: BTreeMap<String, TensorBytes>,
    /// Ride-along files.
    pub files: BTreeMap<String, u64>,
}

/// Bytes that a tensor takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TensorBytes {
    /// Its data, by part (`"data"` for a plain tensor).
    pub parts: BTreeMap<&'static str, u64>,
    /// What names, offsets, facts and checksums take of the header.
    pub header_bytes: u64,
}

impl TensorBytes {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.parts.values().sum::<u64>() + self.header_bytes
    }
}

impl EcqWriter {
    /// Starts, or with `resume` goes on with, the spool of `dest`; `key` is a hash of source and options.
    ///
    /// # Errors
    /// When the folder cannot be written, another process holds it, or it was started with another key.
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
        let mut disk = Disk { dest, dir, data, journal, durable_bytes: 0, pending: String::new() };
        let (items, data_bytes) =
            if resume { disk.load(key)? } else { disk.truncate(0, 0).map(|()| Default::default())? };
        if disk.journal.metadata().map_err(io(&disk.dir))?.len() == 0 {
            let line = journal_line(&json!({ "ecq_journal": 1, "key": key }).to_string());
            disk.journal.write_all(line.as_bytes()).map_err(io(&disk.dir))?;
        }
        Ok(Self { disk: Some(disk), data_bytes, items })
    }

    /// A spool that writes nothing: [`finish`](Self::finish) tells how long the file would be, to the byte.
    pub fn counting() -> Self {
        Self { disk: None, data_bytes: 0, items: BTreeMap::new() }
    }

    /// Whether this tensor is already here, from this run or the one that it resumes.
    pub fn is_done(&self, name: &str) -> bool {
        self.items.contains_key(name)
    }

    /// Adds an encoded tensor.
    ///
    /// # Errors
    /// When the name is taken or reserved, or writing fails.
    pub fn push_encoded(&mut self, name: &str, tensor: &EncodedTensor) -> Result<()> {
        self.push_parts(name, tensor.entry(), tensor.parts())
    }

    /// Adds the facts and the bytes of an encoded tensor, whatever their lengths.
    pub(super) fn push_parts(&mut self, name: &str, entry: &TensorEntry, parts: &TensorParts) -> Result<()> {
        check_name(name)?;
        let sums = parts.iter().map(|(&part, bytes)| (part, checksum(bytes))).collect();
        let entry = ChecksummedEntry { entry: entry.clone(), sums };
        let lengths = parts.iter().map(|(&part, bytes)| (part, bytes.len() as u64)).collect();
        let parts: Vec<&[u8]> =
            TensorPart::ALL.iter().filter_map(|part| parts.get(part)).map(|bytes| &bytes[..]).collect();
        self.push(name, ItemContent::Encoded { entry, lengths }, &parts)
    }

    /// Adds a tensor as it is.
    ///
    /// # Errors
    /// When the name is taken or reserved, the bytes are not those of the shape, or writing fails.
    pub fn push_plain(&mut self, name: &str, dtype: Dtype, shape: &[usize], bytes: &[u8]) -> Result<()> {
        check_name(name)?;
        let bits = shape.iter().try_fold(dtype.bitsize(), |n, &d| n.checked_mul(d));
        if bits != bytes.len().checked_mul(8) {
            let why = "has another length than its shape and type";
            return Err(ContainerError::Name { name: name.to_owned(), why });
        }
        let content = ItemContent::Plain { dtype, shape: shape.to_vec(), bytes: bytes.len() as u64 };
        self.push(name, content, &[bytes])
    }

    /// Adds a file that rides along (config, tokenizer, source header), compressed if that helps.
    ///
    /// # Errors
    /// When the name is taken, or writing fails.
    pub fn push_file(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        let memory = Path::new(name);
        encoder.write_all(bytes).map_err(io(memory))?;
        let deflated = encoder.finish().map_err(io(memory))?;
        let (compression, stored) = match deflated.len() < bytes.len() {
            true => (Compression::Zlib, &deflated[..]),
            false => (Compression::None, bytes),
        };
        let entry = FileEntry { bytes: bytes.len() as u64, compression, sum: checksum(stored) };
        let content = ItemContent::File { entry, bytes: stored.len() as u64 };
        self.push(&format!("{FILE_PREFIX}{name}"), content, &[stored])
    }

    fn push(&mut self, name: &str, content: ItemContent, parts: &[&[u8]]) -> Result<()> {
        if self.items.contains_key(name) {
            return Err(ContainerError::Name { name: name.to_owned(), why: "was pushed twice" });
        }
        let item = Item { name: name.to_owned(), content, offset: self.data_bytes };
        self.data_bytes += item.content.bytes();
        if let Some(disk) = &mut self.disk {
            disk.push(&item, parts, self.data_bytes)?;
        }
        self.items.insert(item.name.clone(), item);
        Ok(())
    }

    /// Makes all that was pushed durable: data first, then the journal lines that speak of them.
    ///
    /// # Errors
    /// When the system does.
    pub fn commit(&mut self) -> Result<()> {
        self.disk.as_mut().map_or(Ok(()), |disk| disk.commit(self.data_bytes))
    }

    /// Assembles the file, seals it, and gives it its final name.
    ///
    /// # Errors
    /// When `model.order` does not list exactly the tensors pushed, or the system refuses.
    pub fn finish(mut self, model: &ModelEntry) -> Result<SizeSummary> {
        self.commit()?;
        let (header, layout, summary) = self.header(model)?;
        if let Some(disk) = self.disk {
            disk.assemble(&header, layout)?;
        }
        Ok(summary)
    }

    /// The header, where in the spool the bytes behind it lie, and what takes how much.
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
        // Wide elements first, so that each plain tensor starts at a multiple of its element size.
        let mut plain: Vec<_> =
            tensors.iter().filter(|item| matches!(item.content, ItemContent::Plain { .. })).collect();
        plain.sort_by_key(|item| match &item.content {
            ItemContent::Plain { dtype, .. } => std::cmp::Reverse(dtype.bitsize()),
            _ => std::cmp::Reverse(0),
        });
        for item in plain {
            if let ItemContent::Plain { dtype, shape, bytes } = &item.content {
                let spent = header.tensor(&item.name, *dtype, shape, item.offset, *bytes);
                let parts = BTreeMap::from([("data", *bytes)]);
                summary.tensors.insert(item.name.clone(), TensorBytes { parts, header_bytes: spent });
            }
        }
        for item in &tensors {
            let ItemContent::Encoded { entry, lengths } = &item.content else { continue };
            let mut spent = header.metadata(&entry_key(&item.name), &to_json(entry));
            let mut offset = item.offset;
            for part in TensorPart::ALL {
                let Some(&bytes) = lengths.get(&part) else { continue };
                let name = part_name(&item.name, part);
                spent += header.tensor(&name, Dtype::U8, &[bytes as usize], offset, bytes);
                offset += bytes;
            }
            let parts = lengths.iter().map(|(part, &bytes)| (part.name(), bytes)).collect();
            summary.tensors.insert(item.name.clone(), TensorBytes { parts, header_bytes: spent });
        }
        for item in files {
            let ItemContent::File { entry, bytes } = &item.content else { continue };
            header.metadata(&item.name, &to_json(entry));
            header.tensor(&item.name, Dtype::U8, &[*bytes as usize], item.offset, *bytes);
            summary.files.insert(item.name[FILE_PREFIX.len()..].to_owned(), *bytes);
        }
        let (bytes, layout, data_bytes) = header.finish();
        summary.header_bytes = bytes.len() as u64;
        summary.file_bytes = summary.header_bytes + data_bytes + SEAL_BYTES as u64;
        Ok((bytes, layout, summary))
    }
}

impl Disk {
    /// Reads the journal up to the first line that is not whole or whose data are not there.
    fn load(&mut self, key: &str) -> Result<(BTreeMap<String, Item>, u64)> {
        let path = self.dir.join("journal");
        let on_disk = self.data.metadata().map_err(io(&self.dir))?.len();
        let mut reader = BufReader::new(File::open(&path).map_err(io(&path))?);
        let (mut kept, mut data_bytes) = (0u64, 0u64);
        let mut items = BTreeMap::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            if reader.read_until(b'\n', &mut line).map_err(io(&path))? == 0 {
                break;
            }
            let Some(json) = std::str::from_utf8(&line).ok().and_then(checked_line) else { break };
            if kept == 0 {
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
            kept += line.len() as u64;
        }
        self.truncate(kept, data_bytes)?;
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

    /// Writes header, data and seal beside the spool, then gives the whole its final name.
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
        for (mut offset, mut left) in layout {
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
        // The name itself must survive a power cut; not every system lets a folder be opened for that.
        if let Ok(folder) = File::open(parent) {
            folder.sync_all().map_err(io(parent))?;
        }
        fs::remove_dir_all(&self.dir).map_err(io(&self.dir))
    }
}

/// Collects the header of a safetensors file.
#[derive(Default)]
struct HeaderWriter {
    metadata: Map<String, Value>,
    tensors: Vec<(String, Value)>,
    layout: Layout,
    data_bytes: u64,
}

impl HeaderWriter {
    /// Adds a tensor; returns the bytes that it takes in the header.
    fn tensor(&mut self, name: &str, dtype: Dtype, shape: &[usize], offset: u64, bytes: u64) -> u64 {
        let end = self.data_bytes + bytes;
        let value = json!({ "dtype": dtype, "shape": shape, "data_offsets": [self.data_bytes, end] });
        let spent = (to_json(&name).len() + to_json(&value).len() + 2) as u64;
        self.tensors.push((name.to_owned(), value));
        self.layout.push((offset, bytes));
        self.data_bytes = end;
        spent
    }

    /// Adds an entry to `__metadata__`; returns the bytes that it takes.
    fn metadata(&mut self, key: &str, json: &str) -> u64 {
        self.metadata.insert(key.to_owned(), Value::from(json));
        (to_json(&key).len() + to_json(&json).len() + 2) as u64
    }

    /// The header's bytes, the layout, and the length of the data without the seal.
    fn finish(mut self) -> (Vec<u8>, Layout, u64) {
        let data_bytes = self.data_bytes;
        self.tensor(SEAL, Dtype::U8, &[SEAL_BYTES], 0, SEAL_BYTES as u64);
        self.layout.pop();
        // Written piece by piece: a JSON map would sort tensors by name, and their order is that of the data.
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

/// `json`, a space, its checksum, a line feed.
fn journal_line(json: &str) -> String {
    format!("{json} {}\n", checksum(json.as_bytes()))
}

/// The JSON of a line that is whole.
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
