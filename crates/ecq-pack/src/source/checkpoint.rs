use super::{AttachedFile, Source, SourceTensor, Tensor, dtype_name, fields, fingerprint};
use crate::error::{PackError, Result};
use ecq_core::{Grid, Kind, Limits};
use ecq_format::checkpoint::{
    Checkpoint, CheckpointError, LoadedWeight, Quantization, Weight, WeightTensors, kind,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A checkpoint of Hugging Face: floats, or layers that MLX, GPTQ or AWQ quantized.
#[derive(Debug)]
pub struct CheckpointSource {
    checkpoint: Arc<Checkpoint>,
    weights: Vec<Weight>,
    tensors: Vec<SourceTensor>,
    format: &'static str,
    fingerprint: String,
    /// The same with layers of act-order as floats; the file and the layer that cannot be read so, in words.
    requantizable: std::result::Result<Option<Box<CheckpointSource>>, (String, String)>,
}

impl CheckpointSource {
    /// Opens a folder, an index or a safetensors file.
    ///
    /// # Errors
    /// When it cannot be read, is not sound, or its quantization is none that is read.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let checkpoint = Checkpoint::open(path, limits)?;
        let quantization = checkpoint.quantization()?;
        let weights = checkpoint.weights(&quantization)?;
        let format = match quantization {
            Quantization::None => "safetensors",
            Quantization::Mlx { .. } => "mlx",
            Quantization::Gptq { .. } => "gptq",
            Quantization::Awq { .. } => "awq",
            Quantization::Mxfp4 => "mxfp4",
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{quantization:?}").as_bytes());
        for shard in checkpoint.shards() {
            hasher.update(fingerprint(&shard.path, &shard.header)?.as_bytes());
        }
        let checkpoint = Arc::new(checkpoint);
        let of = |weights: Vec<Weight>, fingerprint: String, requantizable| {
            let tensors = weights.iter().map(|weight| facts(&checkpoint, weight)).collect();
            let checkpoint = Arc::clone(&checkpoint);
            Self { checkpoint, weights, tensors, format, fingerprint, requantizable }
        };
        let requantizable = match checkpoint.weights_as_floats(&quantization) {
            Ok(None) => Ok(None),
            Ok(Some(weights)) => {
                let mut hasher = hasher.clone();
                hasher.update(b"floats");
                let fingerprint = hasher.finalize().to_hex().to_string();
                Ok(Some(Box::new(of(weights, fingerprint, Ok(None)))))
            }
            Err(CheckpointError::Quantization { file, what }) => Err((file, what)),
            Err(error) => return Err(error.into()),
        };
        Ok(of(weights, hasher.finalize().to_hex().to_string(), requantizable))
    }

    /// The checkpoint below.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

fn facts(checkpoint: &Checkpoint, weight: &Weight) -> SourceTensor {
    let dtype = match &weight.form {
        WeightTensors::Plain(place) => dtype_name(checkpoint.tensors()[*place].dtype),
        WeightTensors::Mlx { groups, .. } => format!("mlx {}-bit g{}", groups.bits, groups.group_size),
        WeightTensors::Gptq { layer, .. } => format!("gptq {}-bit g{}", layer.bits, layer.group_size),
        WeightTensors::ActOrder { layer, .. } => format!("gptq {}-bit act-order", layer.bits),
        WeightTensors::Mxfp4 { .. } => "mxfp4".to_owned(),
        WeightTensors::Awq { layer, .. } => format!("awq 4-bit g{}", layer.group_size),
        _ => "an unknown form".to_owned(),
    };
    SourceTensor {
        name: weight.name.clone(),
        // A vector is no matrix, whatever its name, and neither is what has no elements.
        kind: if weight.shape.len() < 2 || weight.shape.contains(&0) {
            Kind::Other
        } else {
            kind(&weight.name)
        },
        rows: weight.rows,
        cols: weight.cols,
        shape: weight.shape.clone(),
        dtype,
        bytes: weight.bytes,
        note: weight.note.clone(),
    }
}

impl Source for CheckpointSource {
    fn format(&self) -> &'static str {
        self.format
    }

    fn tensors(&self) -> &[SourceTensor] {
        &self.tensors
    }

    fn load(&self, index: usize) -> Result<Tensor> {
        let weight = &self.weights[index];
        let loaded = self.checkpoint.load(weight);
        Ok(match loaded.map_err(|error| PackError::in_tensor(&weight.name, error))? {
            LoadedWeight::Plain(dtype, bytes) => {
                let dtype = dtype_name(dtype);
                Tensor::Raw { fields: fields(&dtype), dtype, bytes }
            }
            LoadedWeight::Blocks(ty, bytes) => {
                let (dtype, fields) = (ty.name().to_owned(), ty.block_fields().to_vec());
                Tensor::Raw { fields, dtype, bytes }
            }
            LoadedWeight::Coded(codes, grid) => Tensor::Coded(codes, Grid::AffineGroups(grid)),
        })
    }

    fn attached_files(&self) -> Result<Vec<AttachedFile>> {
        Ok(self.checkpoint.attached_files()?)
    }

    fn for_requantizing(&self) -> Result<Option<&dyn Source>> {
        match &self.requantizable {
            Ok(source) => Ok(source.as_deref().map(|source| source as &dyn Source)),
            Err((file, what)) => {
                let (file, what) = (file.clone(), what.clone());
                Err(CheckpointError::Quantization { file, what }.into())
            }
        }
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn bytes(&self) -> u64 {
        self.checkpoint.shards().iter().map(|shard| shard.file_bytes).sum()
    }

    fn files(&self) -> Vec<PathBuf> {
        // Shards, and all that rides along from their folder: index, configuration, tokenizer.
        let mut files: Vec<PathBuf> =
            self.checkpoint.shards().iter().map(|shard| shard.path.clone()).collect();
        let folders: BTreeSet<PathBuf> =
            files.iter().filter_map(|path| path.parent().map(Path::to_owned)).collect();
        for folder in folders {
            let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
            // What cannot be listed is not read either.
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let text = ["json", "jinja", "model", "txt"];
                let extension = path.extension().and_then(|extension| extension.to_str());
                if extension.is_some_and(|extension| text.contains(&extension)) {
                    files.push(path);
                }
            }
        }
        files
    }
}
