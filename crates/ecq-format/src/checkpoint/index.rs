use super::Result;
use super::error::CheckpointError;
use ecq_core::Limits;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use std::collections::BTreeMap;

/// Where an index places each tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    /// Shard of each tensor, by name.
    pub(super) shard_of: BTreeMap<String, String>,
    /// The first tensor of each shard, by name.
    pub(super) shards: BTreeMap<String, String>,
}

/// Parses `model.safetensors.index.json`, whose name is `file`.
///
/// # Errors
/// When it is no index, lists a tensor twice or too many, or names a shard that is no plain file name.
pub(super) fn parse(file: &str, json: &[u8], limits: &Limits) -> Result<Index> {
    #[derive(Deserialize)]
    struct Json {
        weight_map: Pairs,
    }
    let bad = |why: String| CheckpointError::Json { file: file.to_owned(), why };
    let text =
        std::str::from_utf8(json).map_err(|e| bad(format!("not UTF-8 at byte {}", e.valid_up_to())))?;
    let json: Json = serde_json::from_str(text).map_err(|error| bad(error.to_string()))?;
    let Pairs(pairs) = json.weight_map;
    if pairs.len() > limits.tensors {
        return Err(CheckpointError::TooManyTensors { most: limits.tensors });
    }
    let (mut shard_of, mut shards) = (BTreeMap::new(), BTreeMap::new());
    for (tensor, shard) in pairs {
        let index = file.to_owned();
        // A name with a path could lead anywhere on this machine.
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
        return Err(bad("weight_map is empty".to_owned()));
    }
    Ok(Index { shard_of, shards })
}

/// A map of strings with all its entries, equal keys too.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a map from tensors to shards")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(V)
    }
}
