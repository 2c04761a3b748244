use super::{AttachedFile, Origin, Source, SourceTensor, Tensor, fingerprint};
use crate::error::{PackError, Result};
use ecq_codec::{decode_codes, decode_grid, decode_raw};
use ecq_core::{Content, Kind, Limits};
use ecq_format::container::EcqFile;
use ecq_format::gguf::GgmlType;
use std::path::{Path, PathBuf};

/// An `.ecq` file.
#[derive(Debug)]
pub struct EcqSource {
    path: PathBuf,
    file: EcqFile,
    tensors: Vec<SourceTensor>,
    fingerprint: String,
}

impl EcqSource {
    /// Opens an `.ecq` file.
    ///
    /// # Errors
    /// When it cannot be read or is not sound.
    pub fn open(path: &Path, limits: &Limits) -> Result<Self> {
        let file = EcqFile::open(path, limits)?;
        let summary = file.summary();
        let tensors = file.names().iter().map(|name| facts(&file, name, summary.tensors[name].total()));
        let tensors = tensors.collect::<Result<_>>()?;
        // The model's facts with the checksums of every part stand in the header.
        let fingerprint = fingerprint(path, format!("{:?}", file.model()).as_bytes())?;
        Ok(Self { path: path.to_owned(), file, tensors, fingerprint })
    }

    /// The file below.
    pub fn file(&self) -> &EcqFile {
        &self.file
    }
}

fn facts(file: &EcqFile, name: &str, bytes: u64) -> Result<SourceTensor> {
    let (kind, rows, cols, shape, dtype) = match file.entry(name) {
        None => {
            let plain = file.plain(name)?;
            // From the front, as the header was checked: a zero comes before what would pass a number.
            let (cols, rows) =
                plain.shape.split_last().map_or((1, 1), |(&cols, rows)| (cols, rows.iter().product()));
            (Kind::Other, rows, cols, plain.shape, dtype_name(plain.dtype))
        }
        Some(entry) => {
            let dtype = match &entry.content {
                Content::Codes { alphabet, .. } => format!("codes of {alphabet}"),
                Content::Raw(raw) => raw.dtype.clone(),
            };
            let shape = file.model().shapes.get(name).cloned().unwrap_or_else(|| entry.shape.to_vec());
            (entry.kind, entry.shape[0], entry.shape[1], shape, dtype)
        }
    };
    Ok(SourceTensor { name: name.to_owned(), kind, rows, cols, shape, dtype, bytes, note: None })
}

/// Lower-case name of a safetensors type, as GGUF would call it.
pub(crate) fn dtype_name(dtype: safetensors::Dtype) -> String {
    format!("{dtype:?}").to_lowercase()
}

/// Widths of the parts of an element of this type.
pub(crate) fn fields(dtype: &str) -> Vec<usize> {
    GgmlType::from_name(dtype).map_or(vec![1], |ty| ty.block_fields().to_vec())
}

impl Source for EcqSource {
    fn format(&self) -> &'static str {
        "ecq"
    }

    fn tensors(&self) -> &[SourceTensor] {
        &self.tensors
    }

    fn load(&self, index: usize) -> Result<Tensor> {
        let name = &self.tensors[index].name;
        let Some(entry) = self.file.entry(name) else {
            let plain = self.file.plain(name)?;
            let dtype = dtype_name(plain.dtype);
            return Ok(Tensor::Raw { fields: fields(&dtype), dtype, bytes: plain.bytes.to_vec() });
        };
        self.file.check(name).map_err(|source| PackError::in_tensor(name, source))?;
        let tensor = self.file.encoded(name)?;
        let named = |source| PackError::in_tensor(name, source);
        match &entry.content {
            Content::Codes { .. } => {
                Ok(Tensor::Coded(decode_codes(&tensor).map_err(named)?, decode_grid(&tensor).map_err(named)?))
            }
            Content::Raw(raw) => {
                let bytes = decode_raw(&tensor).map_err(named)?;
                Ok(Tensor::Raw { dtype: raw.dtype.clone(), fields: fields(&raw.dtype), bytes })
            }
        }
    }

    fn attached_files(&self) -> Result<Vec<AttachedFile>> {
        self.file.files().map(|name| Ok((name.to_owned(), self.file.file(name)?))).collect()
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn bytes(&self) -> u64 {
        self.file.summary().file_bytes
    }

    fn files(&self) -> Vec<PathBuf> {
        vec![self.path.clone()]
    }

    fn origin(&self, _: &str) -> Origin {
        // The first source's header rides along, and fits that source.
        self.file.model().source.clone()
    }
}
