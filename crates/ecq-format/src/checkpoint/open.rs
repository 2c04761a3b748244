use super::Result;
use super::attached_files::{read_small_file, wrong_file_error};
use super::error::CheckpointError;
use super::index::{self, Index};
use super::read::{Checkpoint, CheckpointTensorInfo, Shard};
use crate::file_type::{HEAD_BYTES, describe_file_type};
use crate::read_at::read_exact_at;
use crate::safetensors_header::{HeaderError, SafetensorsHeader, header_bytes};
use ecq_core::Limits;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const FILE_SUFFIX: &str = ".safetensors";
const INDEX_SUFFIX: &str = ".safetensors.index.json";
const FILE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// Extensions of weights in formats that ecq does not read.
const OTHER_SUFFIXES: &[&str] =
    &[".bin", ".pth", ".pt", ".ckpt", ".h5", ".msgpack", ".onnx", ".npz", ".tflite"];
const SAFETENSORS: &str = "a safetensors file";

impl Checkpoint {
    /// Opens a checkpoint and validates all headers and the index. `path` is a folder, an index (`*.json`) or
    /// a safetensors file.
    ///
    /// In a folder, the checkpoint is `model.safetensors`, else `model.safetensors.index.json`, else the only
    /// index, else the only safetensors file. Tensors that are in a shard but not in the index belong to the
    /// checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError`] if there is no checkpoint, a file cannot be read, or a header or the index is
    /// invalid.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let main = if path.is_dir() { find_in_folder(path)? } else { path.to_owned() };
        let folder = main.parent().unwrap_or(Path::new("")).to_owned();
        let name = base_name(&main);
        if !name.ends_with(".json") {
            let shard = open_shard(&main, name, limits)?;
            return Self::assemble(folder, None, vec![shard], limits);
        }
        let not_found = || CheckpointError::Io { path: main.clone(), source: ErrorKind::NotFound.into() };
        let json = read_small_file(&main, limits)?.ok_or_else(not_found)?;
        let index = index::parse(&name, &json, limits)
            .map_err(|error| wrong_file_error(&main, &json).unwrap_or(error))?;
        let mut absent = index.shards.iter().filter(|(shard, _)| !folder.join(shard).exists());
        if let Some((shard, tensor)) = absent.next() {
            let (shard, tensor) = (shard.clone(), tensor.clone());
            let (missing, shards) = (1 + absent.count(), index.shards.len());
            return Err(CheckpointError::MissingShard { index: name, shard, tensor, missing, shards });
        }
        let shards = index.shards.keys().map(|shard| open_shard(&folder.join(shard), shard.clone(), limits));
        let shards = shards.collect::<Result<_>>()?;
        Self::assemble(folder, Some((name, json, index)), shards, limits)
    }

    /// Validates an index and the headers of its shards, or the header of one file without an index. `shards`
    /// are the names, first bytes and lengths of the files. Tensors cannot be read from the result.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open).
    pub fn parse(index: Option<&[u8]>, shards: &[(&str, &[u8], u64)], limits: &Limits) -> Result<Self> {
        let index = match index {
            Some(json) => Some((INDEX.to_owned(), json.to_vec(), index::parse(INDEX, json, limits)?)),
            None => None,
        };
        let mut parsed = Vec::new();
        for (name, bytes, file_bytes) in shards {
            parsed.push(parse_shard((*name).to_owned(), bytes.to_vec(), *file_bytes, limits)?);
        }
        Self::assemble(PathBuf::new(), index, parsed, limits)
    }

    /// Builds the checkpoint from validated headers, and matches them with the index.
    fn assemble(
        folder: PathBuf,
        index: Option<(String, Vec<u8>, Index)>,
        parsed: Vec<(Shard, SafetensorsHeader)>,
        limits: &Limits,
    ) -> Result<Self> {
        if let Some((name, _, index)) = &index {
            let is_absent = |shard: &String| parsed.iter().all(|(there, _)| there.name != *shard);
            let mut absent = index.shards.iter().filter(|(shard, _)| is_absent(shard));
            if let Some((shard, tensor)) = absent.next() {
                let (index_name, shard, tensor) = (name.clone(), shard.clone(), tensor.clone());
                let (missing, shards) = (1 + absent.count(), index.shards.len());
                return Err(CheckpointError::MissingShard {
                    index: index_name,
                    shard,
                    tensor,
                    missing,
                    shards,
                });
            }
        }
        let (mut shards, mut tensors) = (Vec::new(), Vec::new());
        let mut places = HashMap::new();
        for (shard, header) in parsed {
            for (tensor, info) in header.tensors {
                // The header was validated: the product does not overflow.
                let found = info.shape.iter().product::<usize>() as u64;
                let (shape, most) = (info.shape, limits.tensor_weights);
                if found > most {
                    return Err(CheckpointError::TooManyWeights { tensor, shape, found, most });
                }
                if tensors.len() == limits.tensors {
                    return Err(CheckpointError::TooManyTensors { most: limits.tensors });
                }
                let (start, end) = info.data_offsets;
                if let Some(place) = places.insert(tensor.clone(), tensors.len()) {
                    let of_first: &CheckpointTensorInfo = &tensors[place];
                    let shards: &[Shard] = &shards;
                    let (first, second) = (shards[of_first.shard].name.clone(), shard.name);
                    return Err(CheckpointError::DuplicateTensor { tensor, first, second });
                }
                tensors.push(CheckpointTensorInfo {
                    name: tensor,
                    dtype: info.dtype,
                    shape,
                    shard: shards.len(),
                    offset: header.data_start + start as u64,
                    bytes: (end - start) as u64,
                });
            }
            shards.push(shard);
        }
        if tensors.is_empty() {
            let file = shards.first().map_or_else(String::new, |shard: &Shard| shard.name.clone());
            return Err(CheckpointError::NoTensors { file });
        }
        let index = match index {
            None => None,
            Some((name, json, index)) => {
                // Tensors that the index does not list belong to the checkpoint; listed tensors must exist.
                let absent = index.shard_of.into_iter().find(|(tensor, _)| !places.contains_key(tensor));
                if let Some((tensor, shard)) = absent {
                    return Err(CheckpointError::NotInShard { index: name, tensor, shard });
                }
                Some((name, json))
            }
        };
        Ok(Self { folder, index, shards, tensors, places, limits: *limits })
    }
}

/// Returns the index or the safetensors file of a folder.
fn find_in_folder(folder: &Path) -> Result<PathBuf> {
    // As in transformers, `model.safetensors` takes precedence over an index, which may be left from another
    // save.
    for name in [FILE, INDEX] {
        if folder.join(name).exists() {
            return Ok(folder.join(name));
        }
    }
    let io = |source| CheckpointError::Io { path: folder.to_owned(), source };
    let (mut files, mut indices, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = base_name(&path);
        if name.ends_with(INDEX_SUFFIX) {
            indices.push(path);
        } else if name.ends_with(FILE_SUFFIX) {
            files.push(path);
        } else if OTHER_SUFFIXES.iter().any(|end| name.ends_with(end)) {
            others.push(name);
        }
    }
    match (&mut indices[..], &mut files[..]) {
        ([only], _) | ([], [only]) => Ok(std::mem::take(only)),
        (indices, files) => {
            let (found, indices) = (files.len(), indices.len());
            others.sort();
            let others = match (found, others.first()) {
                (0, Some(first)) => {
                    format!(", but {first:?}, of a format that is not read (convert it to safetensors)")
                }
                _ => String::new(),
            };
            Err(CheckpointError::Folder { path: folder.to_owned(), found, indices, others })
        }
    }
}

/// Opens a shard and validates its header.
fn open_shard(path: &Path, name: String, limits: &Limits) -> Result<(Shard, SafetensorsHeader)> {
    let io = |source| CheckpointError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let file_bytes = file.metadata().map_err(io)?.len();
    let mut head = vec![0; (HEAD_BYTES as u64).min(file_bytes) as usize];
    read_exact_at(&file, &mut head, 0).map_err(io)?;
    let file_error = |error| match error {
        CheckpointError::Header { file, source } => header_error(path, file, source, &head, file_bytes),
        error => error,
    };
    let length = header_bytes(&head, file_bytes, limits);
    let length = length.map_err(|source| CheckpointError::Header { file: name.clone(), source });
    let mut bytes = vec![0; length.map_err(file_error)?];
    read_exact_at(&file, &mut bytes, 0).map_err(io)?;
    let (mut shard, header) = parse_shard(name, bytes, file_bytes, limits).map_err(file_error)?;
    shard.path = path.to_owned();
    shard.file = Some(file);
    Ok((shard, header))
}

/// Returns the error of a file with an invalid header: the file is of another type, is truncated, or is
/// damaged.
fn header_error(
    path: &Path,
    file: String,
    source: HeaderError,
    head: &[u8],
    file_bytes: u64,
) -> CheckpointError {
    let path = path.to_owned();
    match (describe_file_type(head, file_bytes), source) {
        (Some(what), _) => CheckpointError::WrongFileType { path, what, expected: SAFETENSORS },
        (
            None,
            HeaderError::TooShort { found, needed: expected }
            | HeaderError::FileLength { found, needed: expected },
        ) if found < expected => CheckpointError::Truncated { path, found, expected },
        (None, source) => CheckpointError::Header { file, source },
    }
}

/// Validates the header of a shard.
fn parse_shard(
    name: String,
    mut bytes: Vec<u8>,
    file_bytes: u64,
    limits: &Limits,
) -> Result<(Shard, SafetensorsHeader)> {
    let header = SafetensorsHeader::parse(&bytes, file_bytes, limits)
        .map_err(|source| CheckpointError::Header { file: name.clone(), source })?;
    bytes.truncate(header.data_start as usize);
    let metadata = header.metadata.clone();
    let path = PathBuf::from(&name);
    Ok((Shard { name, file_bytes, header: bytes, metadata, path, file: None }, header))
}

/// Returns the file name of a path.
fn base_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
