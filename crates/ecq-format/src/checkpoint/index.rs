use super::Result;
use super::error::CheckpointError;
use ecq_core::Limits;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::collections::BTreeMap;

/// Contents of an index (`model.safetensors.index.json`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    /// Shard of each tensor, by tensor name.
    pub(super) shard_of: BTreeMap<String, String>,
    /// First tensor of each shard, by shard name.
    pub(super) shards: BTreeMap<String, String>,
}

/// Parses an index with file name `file`.
///
/// # Errors
/// [`CheckpointError`] if it is not an index, lists a tensor twice, lists too many tensors, or has a shard
/// name that is not a plain file name.
pub(super) fn parse(file: &str, json: &[u8], limits: &Limits) -> Result<Index> {
    #[derive(Deserialize)]
    struct IndexJson {
        weight_map: Pairs,
    }
    let invalid = |why: String| CheckpointError::Json { file: file.to_owned(), why };
    let text =
        std::str::from_utf8(json).map_err(|e| invalid(format!("not UTF-8 at byte {}", e.valid_up_to())))?;
    let json: IndexJson = serde_json::from_str(text).map_err(|error| invalid(error.to_string()))?;
    let Pairs(pairs) = json.weight_map;
    if pairs.len() > limits.tensors {
        return Err(CheckpointError::TooManyTensors { most: limits.tensors });
    }
    let (mut shard_of, mut shards) = (BTreeMap::new(), BTreeMap::new());
    for (tensor, shard) in pairs {
        let index = file.to_owned();
        // A name with a path could lead out of the folder.
        let plain = shard.strip_suffix(".safetensors").is_some_and(|stem| !stem.is_empty())
            && !shard.contains(['/', '\\', ':', '\0']);
        if !plain {
            return Err(CheckpointError::ShardName { index, tensor, shard });
        }
        if shard_of.contains_key(&tensor) {
            return Err(CheckpointError::ListedTwice { index, tensor });
        }
        shards.entry(shard.clone()).or_insert_with(|| tensor.clone());
        shard_of.insert(tensor, shard);
    }
    if shards.is_empty() {
        return Err(invalid("weight_map is empty".to_owned()));
    }
    Ok(Index { shard_of, shards })
}

/// The entries of a JSON map of strings, including entries with equal keys.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a map from tensor names to shard names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}
