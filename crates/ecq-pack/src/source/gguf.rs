use super::{AttachedFile, Source, SourceRecord, SourceTensor, Tensor, fingerprint};
use crate::error::{PackError, Result};
use ecq_core::{Grid, Limits, TensorKind};
use ecq_format::gguf::{
    GgufError, GgufModel, NonzeroPadding, super_block_layout, tensor_kind, unpack_blocks, unpack_super_blocks,
};
use std::path::{Path, PathBuf};

/// Name of the attached file with the header of a GGUF source.
pub(crate) const HEADER_FILE: &str = "gguf.header";
/// Name of the attached file with the bytes between and after the tensors, where they are not zero
/// ([`NonzeroPadding`]).
pub(crate) const GAPS_FILE: &str = "gguf.gaps";

/// A GGUF model: one file, or all parts of a split model.
#[derive(Debug)]
pub struct GgufSource {
    model: GgufModel,
    gaps: NonzeroPadding,
    tensors: Vec<SourceTensor>,
    fingerprint: String,
    bytes: u64,
}

impl GgufSource {
    /// Opens a GGUF file; for a part of a split model, all parts.
    ///
    /// # Errors
    /// When it cannot be read or is not sound, or a part is missing.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let in_file = |error: GgufError| match error.names_file() {
            true => error.into(),
            false => PackError::InFile { path: path.to_owned(), source: Box::new(error.into()) },
        };
        let model = GgufModel::open(path, limits).map_err(in_file)?;
        let facts = model.merged().tensors().iter().map(|tensor| SourceTensor {
            name: tensor.name.clone(),
            kind: if tensor.bytes == 0 { TensorKind::Other } else { tensor_kind(&tensor.name) },
            rows: tensor.rows(),
            cols: tensor.cols(),
            shape: tensor.dims.iter().rev().map(|&d| d as usize).collect(),
            dtype: tensor.ty.name().to_owned(),
            bytes: tensor.bytes,
            note: None,
        });
        let tensors = facts.collect();
        let gaps = model.padding(limits).map_err(in_file)?;
        let mut hasher = blake3::Hasher::new();
        let files = model.files();
        for (path, gguf) in &files {
            hasher.update(fingerprint(path, gguf.header_bytes())?.as_bytes());
        }
        let bytes = files.iter().map(|(_, gguf)| gguf.file_bytes()).sum();
        let fingerprint = hasher.finalize().to_hex().to_string();
        Ok(Self { gaps, tensors, fingerprint, bytes, model })
    }
}

impl Source for GgufSource {
    fn format(&self) -> &'static str {
        "gguf"
    }

    fn tensors(&self) -> &[SourceTensor] {
        &self.tensors
    }

    fn load(&self, index: usize) -> Result<Tensor> {
        let info = &self.model.merged().tensors()[index];
        let named = |source: GgufError| PackError::in_tensor(&info.name, source);
        let bytes = self.model.read_tensor(index).map_err(named)?;
        if bytes.is_empty() {
            // Codes cannot be empty.
            return Ok(Tensor::Raw { dtype: "u8".to_owned(), fields: vec![1], bytes });
        }
        if let Some(layout) = super_block_layout(info.ty) {
            let (codes, grid) =
                unpack_super_blocks(layout, info.rows(), info.cols(), &bytes).map_err(named)?;
            return Ok(Tensor::Coded(codes, Grid::SuperBlocks(grid)));
        }
        match unpack_blocks(info.ty, info.rows(), info.cols(), &bytes) {
            Ok((codes, grid)) => Ok(Tensor::Coded(codes, Grid::AffineGroups(grid))),
            Err(GgufError::Unsupported { .. }) => {
                let fields = info.ty.block_fields().to_vec();
                Ok(Tensor::Raw { dtype: info.ty.name().to_owned(), fields, bytes })
            }
            Err(error) => Err(named(error)),
        }
    }

    fn attached_files(&self) -> Result<Vec<AttachedFile>> {
        let mut files = vec![(HEADER_FILE.to_owned(), self.model.merged().header_bytes().to_vec())];
        if !self.gaps.is_empty() {
            files.push((GAPS_FILE.to_owned(), self.gaps.to_bytes()));
        }
        Ok(files)
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn origin(&self, name: &str) -> SourceRecord {
        // The attached header is that of one file, also for a split model.
        let bytes = self.model.merged().file_bytes();
        SourceRecord { format: self.format().to_owned(), file: name.to_owned(), bytes }
    }

    fn files(&self) -> Vec<PathBuf> {
        self.model.files().into_iter().map(|(path, _)| path).collect()
    }
}
