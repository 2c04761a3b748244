use super::{RideAlong, Source, Tensor, TensorFacts, dtype_name, fields};
use crate::error::{PackError, Result};
use ecq_core::{FloatType, FloatVec, Grid, Kind, Limits};
use ecq_format::checkpoint::{Checkpoint, TensorInfo, kind};
use ecq_format::mlx;
use safetensors::Dtype;
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::path::Path;

/// A checkpoint of Hugging Face (floats) or MLX (quantized layers).
#[derive(Debug)]
pub struct CheckpointSource {
    checkpoint: Checkpoint,
    tensors: Vec<TensorFacts>,
    /// What each of `tensors` is made from.
    makings: Vec<Making>,
    format: &'static str,
    fingerprint: String,
}

/// What a tensor is made from: indices of the checkpoint's tensors.
#[derive(Debug, Clone, Copy)]
enum Making {
    Plain(usize),
    Mlx { weight: usize, scales: usize, biases: usize, bits: u8, group_size: usize },
}

impl CheckpointSource {
    /// Opens a folder, an index or a safetensors file.
    ///
    /// # Errors
    /// When it cannot be read, is not sound, or holds quantized layers that are none of MLX's affine ones.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let checkpoint = Checkpoint::open(path, limits)?;
        let config = checkpoint.json("config.json")?.unwrap_or_default();
        let quantization = Quantization::of(&config)?;
        let all = checkpoint.tensors();
        let place: HashMap<&str, usize> = all.iter().enumerate().map(|(i, t)| (t.name.as_str(), i)).collect();
        let (mut tensors, mut makings) = (Vec::new(), Vec::new());
        let mut side = Vec::new();
        for (index, info) in all.iter().enumerate() {
            let Some(quantization) = &quantization else { break };
            let Some(layer) = info.name.strip_suffix(".weight").filter(|_| info.dtype == Dtype::U32) else {
                continue;
            };
            let part = |part: &str| place.get(format!("{layer}.{part}").as_str()).copied();
            let (Some(scales), Some(biases)) = (part("scales"), part("biases")) else {
                let why = "is packed, but its scales or biases are missing".to_owned();
                return Err(PackError::in_tensor(&info.name, PackError::Layout(why)));
            };
            side.extend([scales, biases]);
            let (bits, group_size) = quantization.of_layer(layer);
            makings.push((index, Making::Mlx { weight: index, scales, biases, bits, group_size }));
        }
        let mlx: HashMap<usize, Making> = makings.drain(..).collect();
        let mut kept = Vec::new();
        for (index, info) in all.iter().enumerate().filter(|(index, _)| !side.contains(index)) {
            let making = mlx.get(&index).copied().unwrap_or(Making::Plain(index));
            tensors.push(facts(all, info, making)?);
            kept.push(making);
        }
        let format = if mlx.is_empty() { "safetensors" } else { "mlx" };
        let fingerprint = fingerprint(&checkpoint);
        Ok(Self { checkpoint, tensors, makings: kept, format, fingerprint })
    }

    fn floats(&self, index: usize) -> Result<FloatVec> {
        let info = &self.checkpoint.tensors()[index];
        let dtype = match info.dtype {
            Dtype::F16 => FloatType::F16,
            Dtype::BF16 => FloatType::Bf16,
            Dtype::F32 => FloatType::F32,
            other => {
                return Err(PackError::Layout(format!("{} is {other:?}, floats are expected", info.name)));
            }
        };
        Ok(FloatVec::new(dtype, self.checkpoint.read(info)?)?)
    }
}

fn facts(all: &[TensorInfo], info: &TensorInfo, making: Making) -> Result<TensorFacts> {
    let mut facts = TensorFacts {
        name: info.name.clone(),
        kind: kind(&info.name),
        rows: info.rows(),
        cols: info.cols(),
        shape: info.shape.clone(),
        dtype: dtype_name(info.dtype),
        bytes: info.bytes,
    };
    match making {
        Making::Plain(_) => {
            // A vector is no matrix, whatever its name.
            if info.shape.len() < 2 {
                facts.kind = Kind::Other;
            }
        }
        Making::Mlx { scales, biases, bits, group_size, .. } => {
            let cols = mlx::cols(info.cols(), bits);
            let groups = all[scales].cols();
            match cols.filter(|&cols| info.shape.len() == 2 && Some(cols) == groups.checked_mul(group_size)) {
                Some(cols) => facts.cols = cols,
                None => {
                    let why = format!(
                        "{} words and {groups} groups a row are no {bits}-bit codes in groups of {group_size}",
                        info.cols()
                    );
                    return Err(PackError::in_tensor(&info.name, PackError::Layout(why)));
                }
            }
            facts.shape = vec![facts.rows, facts.cols];
            facts.dtype = format!("mlx {bits}-bit g{group_size}");
            facts.bytes += all[scales].bytes + all[biases].bytes;
        }
    }
    Ok(facts)
}

impl Source for CheckpointSource {
    fn format(&self) -> &'static str {
        self.format
    }

    fn tensors(&self) -> &[TensorFacts] {
        &self.tensors
    }

    fn load(&self, index: usize) -> Result<Tensor> {
        let facts = &self.tensors[index];
        let named = |error: PackError| PackError::in_tensor(&facts.name, error);
        match self.makings[index] {
            Making::Plain(place) => {
                let bytes = self.checkpoint.read(&self.checkpoint.tensors()[place])?;
                Ok(Tensor::Raw { dtype: facts.dtype.clone(), fields: fields(&facts.dtype), bytes })
            }
            Making::Mlx { weight, scales, biases, bits, group_size } => {
                let packed = self.checkpoint.read(&self.checkpoint.tensors()[weight])?;
                let (scales, biases) =
                    (self.floats(scales).map_err(named)?, self.floats(biases).map_err(named)?);
                let joined = mlx::join(bits, group_size, facts.rows, &packed, scales, biases);
                let (codes, grid) = joined.map_err(|error| named(error.into()))?;
                Ok(Tensor::Coded(codes, Grid::AffineGroups(grid)))
            }
        }
    }

    fn ride_along(&self) -> Result<Vec<RideAlong>> {
        Ok(self.checkpoint.ride_along()?)
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn bytes(&self) -> u64 {
        self.checkpoint.shards().iter().map(|shard| shard.file_bytes).sum()
    }
}

/// What `config.json` says of MLX's quantized layers.
struct Quantization<'a> {
    all: &'a Map<String, Value>,
    default: (u8, usize),
}

impl<'a> Quantization<'a> {
    /// `None` where there are none.
    fn of(config: &'a Map<String, Value>) -> Result<Option<Self>> {
        let Some(all) = config.get("quantization").and_then(Value::as_object) else { return Ok(None) };
        match all.get("mode").and_then(Value::as_str) {
            None | Some("affine") => {}
            Some(other) => {
                let why = format!("MLX's quantization mode {other:?} is not read; affine is");
                return Err(PackError::Layout(why));
            }
        }
        let default = grid(all).ok_or_else(|| {
            PackError::Layout("config.json: quantization has no bits and group_size".to_owned())
        })?;
        Ok(Some(Self { all, default }))
    }

    fn of_layer(&self, layer: &str) -> (u8, usize) {
        self.all.get(layer).and_then(Value::as_object).and_then(grid).unwrap_or(self.default)
    }
}

fn grid(json: &Map<String, Value>) -> Option<(u8, usize)> {
    let number = |key: &str| json.get(key).and_then(Value::as_u64);
    Some((number("bits")?.try_into().ok()?, number("group_size")?.try_into().ok()?))
}

/// A hash of every header: it changes when a shape, a type or the order does; lengths of files stand in it.
fn fingerprint(checkpoint: &Checkpoint) -> String {
    let mut hasher = blake3::Hasher::new();
    for shard in checkpoint.shards() {
        hasher.update(shard.name.as_bytes());
        hasher.update(&shard.file_bytes.to_le_bytes());
        hasher.update(&shard.header);
    }
    hasher.finalize().to_hex().to_string()
}
