use super::{AttachedFile, Origin, Source, SourceTensor, Tensor, fingerprint};
use crate::error::{PackError, Result};
use ecq_core::{Grid, Kind, Limits};
use ecq_format::gguf::{Gaps, GgufError, GgufModel, kind, split};
use std::path::{Path, PathBuf};

/// Name under which the header of a GGUF source rides along.
pub(crate) const HEADER_FILE: &str = "gguf.header";
/// Name under which bytes between and behind its tensors ride along, where they are not zero ([`Gaps`]).
pub(crate) const GAPS_FILE: &str = "gguf.gaps";

/// A GGUF model: a file, or the parts of a split one.
#[derive(Debug)]
pub struct GgufSource {
    model: GgufModel,
    gaps: Gaps,
    tensors: Vec<SourceTensor>,
    fingerprint: String,
    bytes: u64,
}

impl GgufSource {
    /// Opens a GGUF file; of a split model all parts, whichever is named.
    ///
    /// # Errors
    /// When it cannot be read or is not sound, or a part is missing.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let in_file = |error: GgufError| match error.names_file() {
            true => error.into(),
            false => PackError::InFile { path: path.to_owned(), source: Box::new(error.into()) },
        };
        let model = GgufModel::open(path, limits).map_err(in_file)?;
        let facts = model.whole().tensors().iter().map(|tensor| SourceTensor {
            name: tensor.name.clone(),
            kind: if tensor.bytes == 0 { Kind::Other } else { kind(&tensor.name) },
            rows: tensor.rows(),
            cols: tensor.cols(),
            shape: tensor.dims.iter().rev().map(|&d| d as usize).collect(),
            dtype: tensor.ty.name().to_owned(),
            bytes: tensor.bytes,
            note: None,
        });
        let tensors = facts.collect();
        let gaps = model.gaps(limits).map_err(in_file)?;
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
        let info = &self.model.whole().tensors()[index];
        let named = |source: GgufError| PackError::in_tensor(&info.name, source);
        let bytes = self.model.read_tensor(index).map_err(named)?;
        if bytes.is_empty() {
            // Nothing, of whatever type: blocks without codes have no form of their own for it.
            return Ok(Tensor::Raw { dtype: "u8".to_owned(), fields: vec![1], bytes });
        }
        match split(info.ty, info.rows(), info.cols(), &bytes) {
            Ok((codes, grid)) => Ok(Tensor::Coded(codes, Grid::AffineGroups(grid))),
            Err(GgufError::Unsupported { .. }) => {
                let fields = info.ty.block_fields().to_vec();
                Ok(Tensor::Raw { dtype: info.ty.name().to_owned(), fields, bytes })
            }
            Err(error) => Err(named(error)),
        }
    }

    fn attached_files(&self) -> Result<Vec<AttachedFile>> {
        let mut files = vec![(HEADER_FILE.to_owned(), self.model.whole().header_bytes().to_vec())];
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

    fn origin(&self, name: &str) -> Origin {
        // The header that rides along is that of one file, also where the source is several.
        let bytes = self.model.whole().file_bytes();
        Origin { format: self.format().to_owned(), file: name.to_owned(), bytes }
    }

    fn files(&self) -> Vec<PathBuf> {
        self.model.files().into_iter().map(|(path, _)| path).collect()
    }
}
