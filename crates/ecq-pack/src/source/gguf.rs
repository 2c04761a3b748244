use super::{RideAlong, Source, Tensor, TensorFacts, fingerprint};
use crate::error::{PackError, Result};
use ecq_core::{Grid, Limits};
use ecq_format::gguf::{Gguf, GgufError, kind, split};
use std::path::{Path, PathBuf};

/// Name under which the header of a GGUF source rides along.
pub(crate) const HEADER_FILE: &str = "gguf.header";

/// A GGUF file.
#[derive(Debug)]
pub struct GgufSource {
    path: PathBuf,
    gguf: Gguf,
    tensors: Vec<TensorFacts>,
    fingerprint: String,
}

impl GgufSource {
    /// Opens a GGUF file.
    ///
    /// # Errors
    /// When it cannot be read or is not sound.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let gguf = Gguf::open(path, limits)?;
        let facts = gguf.tensors().iter().map(|tensor| TensorFacts {
            name: tensor.name.clone(),
            kind: kind(&tensor.name),
            rows: tensor.rows(),
            cols: tensor.cols(),
            shape: tensor.dims.iter().rev().map(|&d| d as usize).collect(),
            dtype: tensor.ty.name().to_owned(),
            bytes: tensor.bytes,
            note: None,
        });
        let tensors = facts.collect();
        let fingerprint = fingerprint(path, gguf.header_bytes())?;
        Ok(Self { path: path.to_owned(), gguf, tensors, fingerprint })
    }
}

impl Source for GgufSource {
    fn format(&self) -> &'static str {
        "gguf"
    }

    fn tensors(&self) -> &[TensorFacts] {
        &self.tensors
    }

    fn load(&self, index: usize) -> Result<Tensor> {
        let info = &self.gguf.tensors()[index];
        let named = |source: GgufError| PackError::in_tensor(&info.name, source);
        let bytes = self.gguf.read_tensor(info).map_err(named)?;
        match split(info.ty, info.rows(), info.cols(), &bytes) {
            Ok((codes, grid)) => Ok(Tensor::Coded(codes, Grid::AffineGroups(grid))),
            Err(GgufError::Unsupported { .. }) => {
                let fields = info.ty.block_fields().to_vec();
                Ok(Tensor::Raw { dtype: info.ty.name().to_owned(), fields, bytes })
            }
            Err(error) => Err(named(error)),
        }
    }

    fn ride_along(&self) -> Result<Vec<RideAlong>> {
        Ok(vec![(HEADER_FILE.to_owned(), self.gguf.header_bytes().to_vec())])
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn bytes(&self) -> u64 {
        self.gguf.file_bytes()
    }

    fn files(&self) -> Vec<PathBuf> {
        vec![self.path.clone()]
    }
}
