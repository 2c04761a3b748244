//! `.ecq` files as named tensors.

use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Listener, ProgressUpdate, Tally};
use ecq_codec::{decode_codes, decode_grid, decode_raw};
use ecq_core::{Codes, Coding, Grid, GridEntry, Limits, TensorContent, TensorKind};
use ecq_format::container::EcqFile;
use ecq_format::gguf::{GgmlType, dequantize};
use rayon::prelude::*;
use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// An open `.ecq` file: its facts and its tensors, each of which decodes when it is asked for.
///
/// ```
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");
/// let file = ecq::File::open(path)?;
/// for tensor in file.tensors() {
///     println!("{} {:?}: {:.2} bits per weight", tensor.name, tensor.shape, tensor.bits_per_weight());
/// }
/// # Ok::<(), ecq::Error>(())
/// ```
pub struct File {
    path: PathBuf,
    file: EcqFile,
    tensors: Vec<TensorInfo>,
    places: HashMap<String, usize>,
}

/// What a file says of one of its tensors.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq)]
pub struct TensorInfo {
    /// Its name, as in the checkpoint that the file was made of.
    pub name: String,
    /// What it is to the model.
    pub kind: TensorKind,
    /// Its shape in the checkpoint; the last dimension is the input features.
    pub shape: Vec<usize>,
    /// Rows of the matrix that is stored (output features); 1 for a vector.
    pub rows: usize,
    /// Columns of the matrix that is stored (input features).
    pub cols: usize,
    /// `codes`, or the type of its elements or blocks: `f32`, `bf16`, `q6_k`, ...
    pub dtype: String,
    /// How its codes are laid down; absent where it has none.
    pub coding: Option<Coding>,
    /// How its codes become weights, without the scales; absent where it has none.
    pub grid: Option<GridEntry>,
    /// How many different codes there are, 2 to 256; absent where it has none.
    pub alphabet: Option<u16>,
    /// Bytes that it takes in the file, its share of the header included.
    pub bytes: u64,
}

impl TensorInfo {
    /// Number of weights.
    pub fn weights(&self) -> u64 {
        self.rows as u64 * self.cols as u64
    }

    /// Bits that it takes in the file for each weight, its share of the header included.
    pub fn bits_per_weight(&self) -> f64 {
        8.0 * self.bytes as f64 / self.weights().max(1) as f64
    }
}

/// What a file says of itself.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq)]
pub struct FileInfo {
    /// Length of the file in bytes.
    pub file_bytes: u64,
    /// Length of its header in bytes.
    pub header_bytes: u64,
    /// Weights of all tensors.
    pub weights: u64,
    /// Format of the checkpoint that it was made of: `gguf`, `safetensors`, `mlx`, `gptq`, `awq`.
    pub source_format: String,
    /// Base name of that checkpoint.
    pub source_name: String,
    /// Length of that checkpoint in bytes.
    pub source_bytes: u64,
    /// Program and version that wrote the file.
    pub writer: String,
    /// How the model was quantized, in words; absent where every tensor is that of the checkpoint.
    pub recipe: Option<String>,
    /// Names of the files that ride along (configuration, tokenizer), and the bytes that they take.
    pub attached: Vec<(String, u64)>,
}

impl FileInfo {
    /// Bits of the whole file for each weight.
    pub fn bits_per_weight(&self) -> f64 {
        8.0 * self.file_bytes as f64 / self.weights.max(1) as f64
    }
}

/// What [`File::verify`] looked at.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verification {
    /// Tensors that were decoded.
    pub tensors: usize,
    /// Codes that were decoded.
    pub codes: u64,
}

impl File {
    /// Opens a file and checks its header; no tensor is read.
    ///
    /// The file is mapped into memory and must not be changed while it is open.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) or [`Io`](ErrorKind::Io) when it cannot be read,
    /// [`WrongFormat`](ErrorKind::WrongFormat) when it is no `.ecq` file, [`Damaged`](ErrorKind::Damaged)
    /// when its header is not sound.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let limits = Limits::default();
        sniff(path)?;
        let file = EcqFile::open(path, &limits).map_err(|error| Error::from(error).in_file(path))?;
        let summary = file.summary();
        let mut tensors = Vec::with_capacity(file.names().len());
        for name in file.names() {
            let bytes = summary.tensors.get(name).map_or(0, |bytes| bytes.total());
            tensors.push(info(&file, name, bytes)?);
        }
        let places = tensors.iter().enumerate().map(|(i, tensor)| (tensor.name.clone(), i)).collect();
        Ok(Self { path: path.to_owned(), file, tensors, places })
    }

    /// The path that it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says of itself.
    pub fn info(&self) -> FileInfo {
        let (summary, model) = (self.file.summary(), self.file.model());
        FileInfo {
            file_bytes: summary.file_bytes,
            header_bytes: summary.header_bytes,
            weights: self.tensors.iter().map(TensorInfo::weights).sum(),
            source_format: model.source.format.clone(),
            source_name: model.source.file.clone(),
            source_bytes: model.source.bytes,
            writer: model.writer.clone(),
            recipe: model.recipe.clone(),
            attached: summary.files.into_iter().collect(),
        }
    }

    /// All tensors, in the order of the checkpoint that the file was made of.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// A tensor by its name; nothing is decoded yet.
    ///
    /// # Errors
    /// [`UnknownTensor`](ErrorKind::UnknownTensor) when there is none of this name.
    pub fn tensor(&self, name: &str) -> Result<Tensor<'_>> {
        match self.places.get(name) {
            Some(&place) => Ok(Tensor { file: &self.file, info: &self.tensors[place] }),
            None => {
                let what = format!("{} has no tensor {name:?}", self.path.display());
                Err(Error::of_kind(ErrorKind::UnknownTensor, what).in_tensor_named(name))
            }
        }
    }

    /// The bytes of a file that rides along, such as `config.json`.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is none of this name, [`Damaged`](ErrorKind::Damaged)
    /// when it does not match its checksum.
    pub fn attached(&self, name: &str) -> Result<Vec<u8>> {
        if !self.file.files().any(|file| file == name) {
            let what = format!("{} carries no file {name:?}", self.path.display());
            return Err(Error::of_kind(ErrorKind::NotFound, what));
        }
        Ok(self.file.file(name)?)
    }

    /// Checks every byte of the file against its seal, and decodes every tensor.
    ///
    /// # Errors
    /// [`Damaged`](ErrorKind::Damaged) when a bit is not the one that was written; the error names tensor and
    /// offset where a checksum tells them.
    pub fn verify(&self) -> Result<Verification> {
        self.verify_by(None)
    }

    /// As [`verify`](Self::verify); `progress` hears how far it is, and may cancel it.
    ///
    /// # Errors
    /// As [`verify`](Self::verify), and [`Cancelled`](ErrorKind::Cancelled).
    pub fn verify_with(
        &self,
        progress: impl Fn(&ProgressUpdate<'_>) -> ControlFlow<()> + Send + Sync,
    ) -> Result<Verification> {
        self.verify_by(Some(&progress))
    }

    fn verify_by(&self, listener: Option<&Listener<'_>>) -> Result<Verification> {
        let tally = Tally::new(listener);
        let check = || match tally.is_cancelled() {
            true => Err(Error::of_kind(ErrorKind::Cancelled, "the work was cancelled")),
            false => Ok(()),
        };
        tally.begin("checking the seal", self.file.summary().file_bytes);
        let mut before = 0;
        let sealed = self.file.verify_seal(|done| {
            tally.advance(done - before, "seal");
            before = done;
        });
        check()?;
        if let Err(broken) = sealed {
            // The seal says that a bit is wrong, the checksums of parts say where.
            for tensor in self.tensors.iter().filter(|tensor| self.file.entry(&tensor.name).is_some()) {
                self.file.check(&tensor.name)?;
            }
            return Err(Error::from(broken).in_file(&self.path));
        }
        tally.begin("decoding", self.tensors.iter().map(|tensor| tensor.bytes).sum());
        let mut found = Verification::default();
        for info in &self.tensors {
            check()?;
            let tensor = Tensor { file: &self.file, info };
            if info.coding.is_some() {
                found.codes += tensor.codes()?.symbols().len() as u64;
                tensor.grid()?;
            } else {
                tensor.bytes()?;
            }
            found.tensors += 1;
            tally.advance(info.bytes, &info.name);
        }
        Ok(found)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "File({:?}, {} tensors)", self.path, self.tensors.len())
    }
}

/// A tensor of an open [`File`].
#[derive(Clone, Copy)]
pub struct Tensor<'a> {
    file: &'a EcqFile,
    info: &'a TensorInfo,
}

impl<'a> Tensor<'a> {
    /// What the file says of it.
    pub fn info(&self) -> &'a TensorInfo {
        self.info
    }

    /// All weights in f32, row-major.
    ///
    /// # Errors
    /// [`Damaged`](ErrorKind::Damaged) when it does not match its checksums or does not decode,
    /// [`Unsupported`](ErrorKind::Unsupported) when its elements are no weights (integers, doubles).
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        let TensorInfo { rows, cols, .. } = *self.info;
        if self.info.coding.is_some() {
            let (codes, grid) = (self.codes()?, self.grid()?);
            let mut weights = vec![0.0; rows * cols];
            let by_row = weights.par_chunks_mut(cols.max(1)).zip(codes.symbols().par_chunks(cols.max(1)));
            by_row
                .enumerate()
                .for_each(|(row, (weights, symbols))| grid.dequantize_row(row, symbols, weights));
            return Ok(weights);
        }
        let dtype = &self.info.dtype;
        let Some(ty) = GgmlType::from_name(dtype) else {
            let what = format!("elements of type {dtype} are no weights");
            return Err(Error::of_kind(ErrorKind::Unsupported, what).in_tensor(&self.info.name));
        };
        let bytes = self.bytes()?;
        // Before room is made: what is there says how much that is, not what the header claims.
        let held = (bytes.len() / ty.block_bytes()).saturating_mul(ty.block_weights());
        if held as u64 != self.info.weights() {
            let what = format!("{} bytes hold {held} weights, not {rows}x{cols}", bytes.len());
            return Err(Error::of_kind(ErrorKind::Damaged, what).in_tensor(&self.info.name));
        }
        let mut weights = vec![0.0; held];
        dequantize(ty, &bytes, &mut weights)
            .map_err(|error| Error::from(error).in_tensor(&self.info.name))?;
        Ok(weights)
    }

    /// The integer codes, `[rows, cols]`, bit for bit those that were encoded.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) when the tensor has no codes, [`Damaged`](ErrorKind::Damaged)
    /// when it does not match its checksums or does not decode.
    pub fn codes(&self) -> Result<Codes> {
        let encoded = self.encoded()?;
        decode_codes(&encoded).map_err(|error| Error::from(error).in_tensor(&self.info.name))
    }

    /// How the codes become weights: scales, biases, steps, outliers.
    ///
    /// # Errors
    /// As [`codes`](Self::codes).
    pub fn grid(&self) -> Result<Grid> {
        let encoded = self.encoded()?;
        decode_grid(&encoded).map_err(|error| Error::from(error).in_tensor(&self.info.name))
    }

    /// The little-endian elements or blocks of a tensor without codes, as the checkpoint had them.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) when the tensor has codes, [`Damaged`](ErrorKind::Damaged)
    /// when it does not match its checksums or does not decode.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        if self.file.entry(&self.info.name).is_none() {
            return Ok(self.file.plain(&self.info.name)?.bytes.to_vec());
        }
        let encoded = self.encoded()?;
        decode_raw(&encoded).map_err(|error| Error::from(error).in_tensor(&self.info.name))
    }

    /// The tensor as it is stored, compared with its checksums.
    fn encoded(&self) -> Result<ecq_core::EncodedTensor> {
        let name = &self.info.name;
        if self.file.entry(name).is_none() {
            let what = format!("elements of type {} have no codes", self.info.dtype);
            return Err(Error::of_kind(ErrorKind::Unsupported, what).in_tensor(name));
        }
        self.file.check(name)?;
        Ok(self.file.encoded(name)?)
    }
}

impl fmt::Debug for Tensor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tensor").field(self.info).finish()
    }
}

/// Refuses files that are something else than safetensors, by their first bytes.
fn sniff(path: &Path) -> Result<()> {
    let io = |source| Error::of_io(path, source);
    let wrong = |what: &str| {
        let what = format!("{}: {what}; an .ecq file is expected", path.display());
        Err(Error::of_kind(ErrorKind::WrongFormat, what))
    };
    if path.is_dir() {
        return wrong("a folder");
    }
    let mut head = Vec::new();
    std::fs::File::open(path).map_err(io)?.take(16).read_to_end(&mut head).map_err(io)?;
    match (head.starts_with(b"GGUF"), head.get(8)) {
        (true, _) => wrong("a GGUF file"),
        // A safetensors file begins with a length and a brace.
        (false, Some(b'{')) => Ok(()),
        _ => wrong("a file of no known format"),
    }
}

fn info(file: &EcqFile, name: &str, bytes: u64) -> Result<TensorInfo> {
    let name = name.to_owned();
    let Some(entry) = file.entry(&name) else {
        let plain = file.plain(&name)?;
        return Ok(TensorInfo {
            kind: TensorKind::Other,
            rows: plain.shape.iter().rev().skip(1).product(),
            cols: plain.shape.last().copied().unwrap_or(1),
            shape: plain.shape,
            dtype: format!("{:?}", plain.dtype).to_lowercase(),
            coding: None,
            grid: None,
            alphabet: None,
            bytes,
            name,
        });
    };
    let (dtype, coding, grid, alphabet) = match &entry.content {
        TensorContent::Codes { coding, alphabet, grid, .. } => {
            ("codes".to_owned(), Some(*coding), Some(*grid), Some(*alphabet))
        }
        TensorContent::Raw(raw) => (raw.dtype.clone(), None, None, None),
    };
    let shape = file.model().shapes.get(&name).cloned().unwrap_or_else(|| entry.shape.to_vec());
    let [rows, cols] = entry.shape;
    Ok(TensorInfo { kind: entry.kind, shape, rows, cols, dtype, coding, grid, alphabet, bytes, name })
}
