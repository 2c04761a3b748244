//! Writing a checkpoint folder as Hugging Face does: one safetensors file, or shards with an index when it
//! would be long.
//!
//! Names and lengths are known before the first byte of data, so headers are written first and data stream
//! through, a few tensors in memory at a time. All goes to `FOLDER.partial`, which gets its final name at the
//! end.

use safetensors::Dtype;
use serde_json::{Map, Value, json};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Component, Path, PathBuf};
use thiserror::Error;

/// Why a checkpoint could not be written.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum ShardError {
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Something is there already.
    #[error("{} exists and is no empty folder", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A tensor's bytes are not as many as its shape and type say.
    #[error("tensor {tensor:?}: {found} bytes, {expected} expected")]
    Length {
        /// The tensor.
        tensor: String,
        /// Bytes given.
        found: u64,
        /// Bytes of the shape.
        expected: u64,
    },
    /// A file whose name would lead out of the folder.
    #[error("{name:?} is no name of a file in the folder")]
    FileName {
        /// The name.
        name: String,
    },
    /// Two tensors of one name.
    #[error("tensor {tensor:?} is written twice")]
    Duplicate {
        /// The name.
        tensor: String,
    },
}

/// A tensor that will be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardPlan {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Vec<usize>,
}

impl ShardPlan {
    /// Its length in bytes; saturates, since no such tensor can be written.
    pub fn bytes(&self) -> u64 {
        let bits = self.shape.iter().fold(self.dtype.bitsize() as u64, |n, &d| n.saturating_mul(d as u64));
        bits / 8
    }
}

/// Writes `groups` of tensors, whose bytes `data` makes a group at a time, and `files` beside them, into
/// folder `dest`; returns all bytes written.
///
/// A shard ends before the group that would make its data longer than `most_bytes`. `check` sees the whole
/// folder before it gets its name.
///
/// # Errors
/// When `check` refuses, `dest` is there and not empty, a name occurs twice or leads out of the folder, data
/// have another length than planned, the system refuses, or `data` does. Nothing is left under `dest` then.
pub fn write_checkpoint<E: From<ShardError>>(
    dest: &Path,
    groups: &[Vec<ShardPlan>],
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
        // An empty folder gives way to the whole one.
        if dest.exists() {
            fs::remove_dir(dest).map_err(io(dest))?;
        }
        fs::rename(&partial, dest).map_err(io(dest))?;
        Ok(bytes)
    });
    if finished.is_err() {
        // The half-written folder is of no use; that it could not be removed is the lesser news.
        let _ = fs::remove_dir_all(&partial);
    }
    finished
}

fn write_into<E: From<ShardError>>(
    folder: &Path,
    groups: &[Vec<ShardPlan>],
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
        // Names come from a file: they may not lead anywhere else.
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
    let shards = cut(groups, most_bytes);
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

/// Runs of groups that share a shard.
fn cut(groups: &[Vec<ShardPlan>], most_bytes: u64) -> Vec<std::ops::Range<usize>> {
    let mut shards = Vec::new();
    let (mut start, mut sum) = (0, 0u64);
    for (at, group) in groups.iter().enumerate() {
        let bytes: u64 = group.iter().map(ShardPlan::bytes).sum();
        if at > start && sum.saturating_add(bytes) > most_bytes {
            shards.push(start..at);
            (start, sum) = (at, 0);
        }
        sum = sum.saturating_add(bytes);
    }
    shards.push(start..groups.len());
    shards
}

fn header(groups: &[Vec<ShardPlan>]) -> Vec<u8> {
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

    fn planned(name: &str, elements: usize) -> ShardPlan {
        ShardPlan { name: name.to_owned(), dtype: Dtype::U8, shape: vec![elements] }
    }

    fn bytes(group: &[ShardPlan]) -> Vec<Vec<u8>> {
        group.iter().map(|tensor| vec![tensor.name.as_bytes()[0]; tensor.shape[0]]).collect()
    }

    #[test]
    fn shards_hold_whole_groups_and_the_index_finds_them() {
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
    fn what_goes_wrong_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let dest = folder.path().join("out");
        let one = |name: &str| vec![planned(name, 4)];
        let write = |groups: &[Vec<ShardPlan>], len: usize| {
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
        // What the check refuses gets no name.
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
