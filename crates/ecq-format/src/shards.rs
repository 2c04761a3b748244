//! Writer of Hugging Face checkpoint folders: one safetensors file, or several shards and an index.
//!
//! Names and lengths of all tensors are known in advance, so headers are written first and only a few tensors
//! are in memory at a time. Everything is written to `FOLDER.partial`, which is renamed at the end.

use safetensors::Dtype;
use serde_json::{Map, Value, json};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Component, Path, PathBuf};
use thiserror::Error;

/// Error of writing a checkpoint.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ShardError {
    /// A file or folder could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The destination exists and is not an empty folder.
    #[error("{} exists and is not an empty folder; choose another destination or remove it", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// The data of a tensor do not have the length that follows from its shape and type.
    #[error("tensor {tensor:?}: data have {found} bytes, expected {expected}")]
    Length {
        /// The tensor.
        tensor: String,
        /// Length of the data in bytes.
        found: u64,
        /// Length that follows from shape and type, in bytes.
        expected: u64,
    },
    /// The name of a file is empty or leads out of the folder.
    #[error("file name {name:?} is not a relative path inside the folder")]
    FileName {
        /// The name.
        name: String,
    },
    /// Two tensors have the same name.
    #[error("tensor name {tensor:?} occurs twice")]
    Duplicate {
        /// The name.
        tensor: String,
    },
}

/// Name, type and shape of a tensor to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardTensor {
    /// The tensor's name.
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Shape.
    pub shape: Vec<usize>,
}

impl ShardTensor {
    /// Returns the length of the tensor in bytes; saturates on overflow.
    pub fn bytes(&self) -> u64 {
        let bits = self.shape.iter().fold(self.dtype.bitsize() as u64, |n, &d| n.saturating_mul(d as u64));
        bits / 8
    }
}

/// Writes a checkpoint to folder `dest` and returns the number of bytes written.
///
/// `groups` lists the tensors; the tensors of a group go to the same shard. `data(i)` returns the bytes of
/// the tensors of `groups[i]`. `files` are names and bytes of further files of the folder. A shard ends
/// before the group that would make its data longer than `most_bytes`. `check` validates the complete folder
/// before it is renamed to `dest`.
///
/// # Errors
/// [`ShardError`] if `dest` exists and is not an empty folder, a name occurs twice or leads out of the
/// folder, the data of a tensor have the wrong length, or a file cannot be written; the errors of `data` and
/// `check`. `dest` is not changed then.
pub fn write_checkpoint<E: From<ShardError>>(
    dest: &Path,
    groups: &[Vec<ShardTensor>],
    files: &[(String, Vec<u8>)],
    most_bytes: u64,
    data: impl FnMut(usize) -> Result<Vec<Vec<u8>>, E>,
    check: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<u64, E> {
    let occupied = match fs::read_dir(dest) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(_) => true,
    };
    if occupied {
        return Err(ShardError::Exists { path: dest.to_owned() }.into());
    }
    let mut names: Vec<&str> = groups.iter().flatten().map(|tensor| tensor.name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(ShardError::Duplicate { tensor: pair[0].to_owned() }.into());
    }
    let mut partial = dest.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let finished = write_into(&partial, groups, files, most_bytes, data).and_then(|bytes| {
        check(&partial)?;
        // Not every system renames a folder over an empty one.
        if dest.exists() {
            fs::remove_dir(dest).map_err(io(dest))?;
        }
        fs::rename(&partial, dest).map_err(io(dest))?;
        Ok(bytes)
    });
    if finished.is_err() {
        // The original error is more useful than a failure to remove the incomplete folder.
        let _ = fs::remove_dir_all(&partial);
    }
    finished
}

/// Writes everything to `folder`, which is replaced if it exists.
fn write_into<E: From<ShardError>>(
    folder: &Path,
    groups: &[Vec<ShardTensor>],
    files: &[(String, Vec<u8>)],
    most_bytes: u64,
    mut data: impl FnMut(usize) -> Result<Vec<Vec<u8>>, E>,
) -> Result<u64, E> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(io(folder))?;
    }
    fs::create_dir_all(folder).map_err(io(folder))?;
    let mut written = 0;
    for (name, bytes) in files {
        // Names come from an untrusted file and must not lead out of the folder.
        let inside = !name.is_empty()
            && !name.contains(['\\', ':', '\0'])
            && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside {
            return Err(ShardError::FileName { name: name.clone() }.into());
        }
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(io(parent))?;
        }
        fs::write(&path, bytes).map_err(io(&path))?;
        written += bytes.len() as u64;
    }
    let shards = shard_ranges(groups, most_bytes);
    let mut weight_map = Map::new();
    let mut total = 0;
    for (number, shard) in shards.iter().enumerate() {
        let name = match shards.len() {
            1 => "model.safetensors".to_owned(),
            all => format!("model-{:05}-of-{all:05}.safetensors", number + 1),
        };
        let path = folder.join(&name);
        let mut out = BufWriter::with_capacity(1 << 20, File::create(&path).map_err(io(&path))?);
        let header = header(&groups[shard.clone()]);
        out.write_all(&header).map_err(io(&path))?;
        written += header.len() as u64;
        for group in shard.clone() {
            let parts = data(group)?;
            for (tensor, bytes) in groups[group].iter().zip(&parts) {
                let (found, expected) = (bytes.len() as u64, tensor.bytes());
                if found != expected {
                    return Err(ShardError::Length { tensor: tensor.name.clone(), found, expected }.into());
                }
                out.write_all(bytes).map_err(io(&path))?;
                weight_map.insert(tensor.name.clone(), json!(name));
                total += found;
            }
        }
        let out = out.into_inner().map_err(|error| io(&path)(error.into_error()))?;
        out.sync_all().map_err(io(&path))?;
    }
    if shards.len() > 1 {
        let index = json!({ "metadata": { "total_size": total }, "weight_map": Value::Object(weight_map) });
        let path = folder.join("model.safetensors.index.json");
        let text = format!("{index:#}\n");
        fs::write(&path, &text).map_err(io(&path))?;
        written += text.len() as u64;
    }
    Ok(written + total)
}

/// Returns the range of groups of each shard.
fn shard_ranges(groups: &[Vec<ShardTensor>], most_bytes: u64) -> Vec<std::ops::Range<usize>> {
    let mut shards = Vec::new();
    let (mut start, mut sum) = (0, 0u64);
    for (at, group) in groups.iter().enumerate() {
        let bytes: u64 = group.iter().map(ShardTensor::bytes).sum();
        if at > start && sum.saturating_add(bytes) > most_bytes {
            shards.push(start..at);
            (start, sum) = (at, 0);
        }
        sum = sum.saturating_add(bytes);
    }
    shards.push(start..groups.len());
    shards
}

/// Returns the header of a shard: length and JSON, padded to a multiple of eight bytes.
fn header(groups: &[Vec<ShardTensor>]) -> Vec<u8> {
    let mut json = "{\"__metadata__\":{\"format\":\"pt\"}".to_owned();
    let mut offset = 0;
    for tensor in groups.iter().flatten() {
        let end = offset + tensor.bytes();
        let info = json!({ "dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [offset, end] });
        json += &format!(",{}:{info}", json!(tensor.name));
        offset = end;
    }
    json.push('}');
    json.extend(std::iter::repeat_n(' ', (8 + json.len()).next_multiple_of(8) - 8 - json.len()));
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.extend(json.as_bytes());
    bytes
}

fn io(path: &Path) -> impl Fn(io::Error) -> ShardError + '_ {
    move |source| ShardError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::SafeTensors;

    fn planned(name: &str, elements: usize) -> ShardTensor {
        ShardTensor { name: name.to_owned(), dtype: Dtype::U8, shape: vec![elements] }
    }

    fn bytes(group: &[ShardTensor]) -> Vec<Vec<u8>> {
        group.iter().map(|tensor| vec![tensor.name.as_bytes()[0]; tensor.shape[0]]).collect()
    }

    #[test]
    fn shards_hold_whole_groups_and_the_index_lists_their_tensors() {
        let folder = tempfile::tempdir().unwrap();
        let dest = folder.path().join("out");
        let groups =
            vec![vec![planned("a", 30), planned("b", 30)], vec![planned("c", 50)], vec![planned("d", 500)]];
        let files = [("config.json", &b"{}"[..]), ("1_Pooling/config.json", &b"[]"[..])];
        let files = files.map(|(name, bytes)| (name.to_owned(), bytes.to_vec()));
        for most in [1000, 120, 1] {
            let written = write_checkpoint::<ShardError>(
                &dest,
                &groups,
                &files,
                most,
                |g| Ok(bytes(&groups[g])),
                |_| Ok(()),
            )
            .unwrap();
            let paths: Vec<PathBuf> =
                fs::read_dir(&dest).unwrap().map(|entry| entry.unwrap().path()).collect();
            let folder_bytes = fs::read(dest.join("1_Pooling/config.json")).unwrap().len() as u64;
            let files = paths.iter().filter(|p| p.is_file()).map(|p| p.metadata().unwrap().len());
            assert_eq!(written, files.sum::<u64>() + folder_bytes);
            let shards: Vec<_> =
                paths.iter().filter(|p| p.extension().is_some_and(|e| e == "safetensors")).collect();
            assert_eq!(shards.len(), [(1000, 1), (120, 2), (1, 3)].iter().find(|s| s.0 == most).unwrap().1);
            let mut found = Vec::new();
            for shard in shards {
                let data = fs::read(shard).unwrap();
                let file = SafeTensors::deserialize(&data).unwrap();
                for (name, view) in file.tensors() {
                    assert!(view.data().iter().all(|&b| b == name.as_bytes()[0]));
                    found.push(name);
                }
            }
            found.sort();
            assert_eq!(found, ["a", "b", "c", "d"]);
            assert_eq!(dest.join("model.safetensors.index.json").exists(), most < 1000);
            fs::remove_dir_all(&dest).unwrap();
        }
    }

    #[test]
    fn errors_leave_no_files() {
        let folder = tempfile::tempdir().unwrap();
        let dest = folder.path().join("out");
        let one = |name: &str| vec![planned(name, 4)];
        let write = |groups: &[Vec<ShardTensor>], len: usize| {
            write_checkpoint::<ShardError>(&dest, groups, &[], 100, |_| Ok(vec![vec![0; len]]), |_| Ok(()))
        };
        assert!(matches!(write(&[one("a"), one("a")], 4), Err(ShardError::Duplicate { .. })));
        assert!(matches!(
            write(&[one("a"), one("b")], 5),
            Err(ShardError::Length { found: 5, expected: 4, .. })
        ));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        fs::create_dir(&dest).unwrap();
        assert!(write(&[one("a")], 4).is_ok());
        assert!(matches!(write(&[one("a")], 4), Err(ShardError::Exists { .. })));
        for name in ["", "..", "../x", "/x", "a/../../x", "a\\..\\x", "c:x", "a/./../b"] {
            let files = [(name.to_owned(), vec![1])];
            let elsewhere = folder.path().join("elsewhere");
            let data = |_| Ok(vec![vec![0; 4]]);
            let error =
                write_checkpoint::<ShardError>(&elsewhere, &[one("a")], &files, 100, data, |_| Ok(()));
            assert!(matches!(error, Err(ShardError::FileName { .. })), "{name:?}");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
        let nowhere = folder.path().join("out/model.safetensors/x");
        let data = |_| Ok(vec![vec![0; 4]]);
        let error = write_checkpoint::<ShardError>(&nowhere, &[one("a")], &[], 100, data, |_| Ok(()));
        assert!(matches!(error, Err(ShardError::Io { .. } | ShardError::Exists { .. })));
        // A folder that `check` refuses is not renamed.
        let refused = folder.path().join("refused");
        let check = |partial: &Path| {
            assert!(partial.join("model.safetensors").exists());
            Err(ShardError::FileName { name: "refused".to_owned() })
        };
        let error = write_checkpoint::<ShardError>(&refused, &[one("a")], &[], 100, data, check);
        assert!(matches!(error, Err(ShardError::FileName { .. })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
