use super::Result;
use super::error::CheckpointError;
use super::files::read_small;
use super::index::{self, Index};
use super::read::{Checkpoint, Shard, TensorInfo};
use crate::header::{Header, LENGTH_BYTES, header_bytes};
use crate::positioned::read_exact_at;
use ecq_core::Limits;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const FILE_END: &str = ".safetensors";
const INDEX_END: &str = ".safetensors.index.json";
const FILE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

impl Checkpoint {
    /// Opens a folder, an index (`*.json`) or a safetensors file, and checks every header and the index.
    ///
    /// A folder's checkpoint is `model.safetensors.index.json`, else `model.safetensors`, else the only index or file in it.
    ///
    /// # Errors
    /// When there is no checkpoint, a file cannot be read, a header or the index is not sound, or they do not agree.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let main = if path.is_dir() { in_folder(path)? } else { path.to_owned() };
        let folder = main.parent().unwrap_or(Path::new("")).to_owned();
        let name = base_name(&main);
        if !name.ends_with(".json") {
            let shard = open_shard(&main, name, limits)?;
            return Self::assemble(folder, None, vec![shard], limits);
        }
        let not_found = || CheckpointError::Io { path: main.clone(), source: ErrorKind::NotFound.into() };
        let json = read_small(&main, limits)?.ok_or_else(not_found)?;
        let index = index::parse(&name, &json, limits)?;
        let mut shards = Vec::new();
        for (shard, tensor) in &index.shards {
            shards.push(open_shard(&folder.join(shard), shard.clone(), limits).map_err(
                |error| match error {
                    CheckpointError::Io { source, .. } if source.kind() == ErrorKind::NotFound => {
                        let (index, shard, tensor) = (name.clone(), shard.clone(), tensor.clone());
                        CheckpointError::MissingShard { index, shard, tensor }
                    }
                    other => other,
                },
            )?);
        }
        Self::assemble(folder, Some((name, json, index)), shards, limits)
    }

    /// Checks an index and the headers of its shards, or one file without an index: each a name, the first bytes of the
    /// file, and its length. Nothing can be read from the result.
    ///
    /// # Errors
    /// As [`open`](Self::open).
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

    fn assemble(
        folder: PathBuf,
        index: Option<(String, Vec<u8>, Index)>,
        parsed: Vec<(Shard, Header)>,
        limits: &Limits,
    ) -> Result<Self> {
        let (mut shards, mut tensors) = (Vec::new(), Vec::new());
        let mut places = HashMap::new();
        for (shard, header) in parsed {
            for (tensor, info) in header.tensors {
                if let Some((name, _, index)) = &index
                    && index.shard_of.get(&tensor) != Some(&shard.name)
                {
                    let (index, shard) = (name.clone(), shard.name.clone());
                    return Err(CheckpointError::NotInIndex { index, tensor, shard });
                }
                // The header was checked: this product is a number of bytes.
                let found = info.shape.iter().product::<usize>() as u64;
                let (shape, most) = (info.shape, limits.tensor_weights);
                if found == 0 {
                    return Err(CheckpointError::Empty { tensor, shape });
                }
                if found > most {
                    return Err(CheckpointError::TooManyWeights { tensor, shape, found, most });
                }
                if tensors.len() == limits.tensors {
                    return Err(CheckpointError::TooManyTensors { most: limits.tensors });
                }
                let (start, end) = info.data_offsets;
                places.insert(tensor.clone(), tensors.len());
                tensors.push(TensorInfo {
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
                // Shards hold no tensor that is not listed; is each that is listed there?
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

/// The checkpoint of a folder.
fn in_folder(folder: &Path) -> Result<PathBuf> {
    for name in [INDEX, FILE] {
        if folder.join(name).exists() {
            return Ok(folder.join(name));
        }
    }
    let io = |source| CheckpointError::Io { path: folder.to_owned(), source };
    let (mut files, mut indices) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let name = base_name(&path);
        if name.ends_with(INDEX_END) {
            indices.push(path);
        } else if name.ends_with(FILE_END) {
            files.push(path);
        }
    }
    match (&mut indices[..], &mut files[..]) {
        ([only], _) | ([], [only]) => Ok(std::mem::take(only)),
        (indices, files) => {
            let (found, indices) = (files.len(), indices.len());
            Err(CheckpointError::Folder { path: folder.to_owned(), found, indices })
        }
    }
}

fn open_shard(path: &Path, name: String, limits: &Limits) -> Result<(Shard, Header)> {
    let io = |source| CheckpointError::Io { path: path.to_owned(), source };
    let of_header = |source| CheckpointError::Header { file: name.clone(), source };
    let file = File::open(path).map_err(io)?;
    let file_bytes = file.metadata().map_err(io)?.len();
    let mut head = vec![0; (LENGTH_BYTES as u64).min(file_bytes) as usize];
    read_exact_at(&file, &mut head, 0).map_err(io)?;
    let mut bytes = vec![0; header_bytes(&head, file_bytes, limits).map_err(of_header)?];
    read_exact_at(&file, &mut bytes, 0).map_err(io)?;
    let (mut shard, header) = parse_shard(name, bytes, file_bytes, limits)?;
    shard.path = path.to_owned();
    shard.file = Some(file);
    Ok((shard, header))
}

fn parse_shard(
    name: String,
    mut bytes: Vec<u8>,
    file_bytes: u64,
    limits: &Limits,
) -> Result<(Shard, Header)> {
    let header = Header::parse(&bytes, file_bytes, limits)
        .map_err(|source| CheckpointError::Header { file: name.clone(), source })?;
    bytes.truncate(header.data_start as usize);
    let metadata = header.metadata.clone();
    let path = PathBuf::from(&name);
    Ok((Shard { name, file_bytes, header: bytes, metadata, path, file: None }, header))
}

fn base_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
