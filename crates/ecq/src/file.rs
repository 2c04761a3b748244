//! Reading tensors of `.ecq` files.

use crate::error::{Error, ErrorKind, Result};
use crate::progress::{Callback, ProgressUpdate, Tally};
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

/// An open `.ecq` file. Tensors are decoded on request.
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
    /// Index into `tensors` by name.
    indices: HashMap<String, usize>,
}

/// Properties of a tensor in an `.ecq` file.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq)]
pub struct TensorInfo {
    /// Name in the source checkpoint.
    pub name: String,
    /// Role in the model.
    pub kind: TensorKind,
    /// Shape in the source checkpoint. The last dimension is the input features.
    pub shape: Vec<usize>,
    /// Rows of the stored matrix (output features); 1 for a vector.
    pub rows: usize,
    /// Columns of the stored matrix (input features).
    pub cols: usize,
    /// `codes`, or the type of the elements or blocks: `f32`, `bf16`, `q6_k`, ...
    pub dtype: String,
    /// Coding of the codes; `None` for a tensor without codes.
    pub coding: Option<Coding>,
    /// Parameters of the grid, without scales; `None` for a tensor without codes.
    pub grid: Option<GridEntry>,
    /// Alphabet size, 2 to 256; `None` for a tensor without codes.
    pub alphabet: Option<u16>,
    /// Size in the file in bytes, including its part of the header.
    pub bytes: u64,
}

impl TensorInfo {
    /// Number of weights.
    pub fn weights(&self) -> u64 {
        self.rows as u64 * self.cols as u64
    }

    /// Size in the file in bits per weight, including its part of the header.
    pub fn bits_per_weight(&self) -> f64 {
        8.0 * self.bytes as f64 / self.weights().max(1) as f64
    }
}

/// Properties of an `.ecq` file.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq)]
pub struct FileInfo {
    /// Size of the file in bytes.
    pub file_bytes: u64,
    /// Size of the header in bytes.
    pub header_bytes: u64,
    /// Number of weights of all tensors.
    pub weights: u64,
    /// Format of the source checkpoint: `gguf`, `safetensors`, `mlx`, `gptq`, `awq`.
    pub source_format: String,
    /// File name of the source checkpoint.
    pub source_name: String,
    /// Size of the source checkpoint in bytes.
    pub source_bytes: u64,
    /// Name and version of the program that wrote the file.
    pub writer: String,
    /// Description of the quantization; `None` if the file is a lossless conversion.
    pub recipe: Option<String>,
    /// Names of the attached files (config.json, tokenizer.json, ...), and their sizes in the file in bytes.
    pub attached: Vec<(String, u64)>,
}

impl FileInfo {
    /// Size of the whole file in bits per weight.
    pub fn bits_per_weight(&self) -> f64 {
        8.0 * self.file_bytes as f64 / self.weights.max(1) as f64
    }
}

/// The result of [`File::verify`].
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verification {
    /// Number of decoded tensors.
    pub tensors: usize,
    /// Number of decoded codes.
    pub codes: u64,
}

impl File {
    /// Opens a file and checks its header. Tensors are not read.
    ///
    /// The file is mapped into memory and must not change while it is open.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) or [`Io`](ErrorKind::Io) if the file cannot be read,
    /// [`WrongFormat`](ErrorKind::WrongFormat) if it is not an `.ecq` file, [`Damaged`](ErrorKind::Damaged)
    /// if its header is invalid.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let limits = Limits::default();
        check_format(path)?;
        let file = EcqFile::open(path, &limits).map_err(|error| Error::from(error).in_file(path))?;
        let summary = file.summary();
        let mut tensors = Vec::with_capacity(file.names().len());
        for name in file.names() {
            let bytes = summary.tensors.get(name).map_or(0, |bytes| bytes.total());
            tensors.push(info(&file, name, bytes)?);
        }
        let indices = tensors.iter().enumerate().map(|(i, tensor)| (tensor.name.clone(), i)).collect();
        Ok(Self { path: path.to_owned(), file, tensors, indices })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Properties of the file.
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

    /// All tensors, in the order of the source checkpoint.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// Returns a tensor by name, without decoding it.
    ///
    /// # Errors
    /// [`UnknownTensor`](ErrorKind::UnknownTensor) if the file has no tensor with this name.
    pub fn tensor(&self, name: &str) -> Result<Tensor<'_>> {
        match self.indices.get(name) {
            Some(&index) => Ok(Tensor { file: &self.file, info: &self.tensors[index] }),
            None => {
                let what = format!("{} has no tensor {name:?}", self.path.display());
                Err(Error::of_kind(ErrorKind::UnknownTensor, what).in_tensor_named(name))
            }
        }
    }

    /// Returns the content of an attached file, such as `config.json`.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if there is no attached file with this name,
    /// [`Damaged`](ErrorKind::Damaged) if it does not match its checksum.
    pub fn attached(&self, name: &str) -> Result<Vec<u8>> {
        if !self.file.files().any(|file| file == name) {
            let what = format!("{} has no attached file {name:?}", self.path.display());
            return Err(Error::of_kind(ErrorKind::NotFound, what));
        }
        Ok(self.file.file(name)?)
    }

    /// Compares the file with its hash and decodes every tensor.
    ///
    /// # Errors
    /// [`Damaged`](ErrorKind::Damaged) if any bit of the file has changed. The error contains the tensor and
    /// offset if a checksum identifies them.
    pub fn verify(&self) -> Result<Verification> {
        self.verify_by(None)
    }

    /// As [`verify`](Self::verify), with a callback that receives the progress and can cancel the operation.
    ///
    /// # Errors
    /// As [`verify`](Self::verify), and [`Cancelled`](ErrorKind::Cancelled).
    pub fn verify_with(
        &self,
        progress: impl Fn(&ProgressUpdate<'_>) -> ControlFlow<()> + Send + Sync,
    ) -> Result<Verification> {
        self.verify_by(Some(&progress))
    }

    fn verify_by(&self, callback: Option<&Callback<'_>>) -> Result<Verification> {
        let tally = Tally::new(callback);
        let check = || match tally.is_cancelled() {
            true => Err(Error::of_kind(ErrorKind::Cancelled, "the operation was cancelled")),
            false => Ok(()),
        };
        tally.begin("checking the seal", self.file.summary().file_bytes);
        let mut last = 0;
        let sealed = self.file.verify_seal(|done| {
            tally.advance(done - last, "");
            last = done;
        });
        check()?;
        if let Err(error) = sealed {
            // The hash of the file detects the damage; checksums of parts locate it.
            for tensor in self.tensors.iter().filter(|tensor| self.file.entry(&tensor.name).is_some()) {
                self.file.check(&tensor.name)?;
            }
            return Err(Error::from(error).in_file(&self.path));
        }
        tally.begin("decoding", self.tensors.iter().map(|tensor| tensor.bytes).sum());
        let mut verification = Verification::default();
        for info in &self.tensors {
            check()?;
            let tensor = Tensor { file: &self.file, info };
            if info.coding.is_some() {
                verification.codes += tensor.codes()?.symbols().len() as u64;
                tensor.grid()?;
            } else {
                tensor.bytes()?;
            }
            verification.tensors += 1;
            tally.advance(info.bytes, &info.name);
        }
        Ok(verification)
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
    /// Properties of the tensor.
    pub fn info(&self) -> &'a TensorInfo {
        self.info
    }

    /// Decodes all weights to f32, row-major.
    ///
    /// # Errors
    /// [`Damaged`](ErrorKind::Damaged) if the tensor does not match its checksums or does not decode,
    /// [`Unsupported`](ErrorKind::Unsupported) if the elements have a type that weights cannot have, such as
    /// integers.
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
            let what = format!("elements of type {dtype} cannot be converted to weights");
            return Err(Error::of_kind(ErrorKind::Unsupported, what).in_tensor(&self.info.name));
        };
        let bytes = self.bytes()?;
        // Checked before the allocation: its size must follow from the bytes present, not from the header.
        let weights = (bytes.len() / ty.block_bytes()).saturating_mul(ty.block_weights());
        if weights as u64 != self.info.weights() {
            let what = format!("{} bytes hold {weights} weights, expected {rows}x{cols}", bytes.len());
            return Err(Error::of_kind(ErrorKind::Damaged, what).in_tensor(&self.info.name));
        }
        let mut weights = vec![0.0; weights];
        dequantize(ty, &bytes, &mut weights)
            .map_err(|error| Error::from(error).in_tensor(&self.info.name))?;
        Ok(weights)
    }

    /// Decodes the integer codes, `[rows, cols]`.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) if the tensor has no codes, [`Damaged`](ErrorKind::Damaged) if
    /// it does not match its checksums or does not decode.
    pub fn codes(&self) -> Result<Codes> {
        let encoded = self.encoded()?;
        decode_codes(&encoded).map_err(|error| Error::from(error).in_tensor(&self.info.name))
    }

    /// Decodes the grid, which maps codes to weights: scales, biases, step sizes, outliers.
    ///
    /// # Errors
    /// As [`codes`](Self::codes).
    pub fn grid(&self) -> Result<Grid> {
        let encoded = self.encoded()?;
        decode_grid(&encoded).map_err(|error| Error::from(error).in_tensor(&self.info.name))
    }

    /// Decodes a tensor without codes to the bytes of the source checkpoint: little-endian elements or
    /// blocks.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) if the tensor has codes, [`Damaged`](ErrorKind::Damaged) if it
    /// does not match its checksums or does not decode.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        if self.file.entry(&self.info.name).is_none() {
            return Ok(self.file.plain(&self.info.name)?.bytes.to_vec());
        }
        let encoded = self.encoded()?;
        decode_raw(&encoded).map_err(|error| Error::from(error).in_tensor(&self.info.name))
    }

    /// Returns the encoded tensor after comparing it with its checksums.
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

/// Rejects files of other formats by their first bytes, for a clearer error.
pub(crate) fn check_format(path: &Path) -> Result<()> {
    let io = |source| Error::of_io(path, source);
    let wrong = |what: &str| {
        let what = format!("{} is {what}; expected an .ecq file", path.display());
        Err(Error::of_kind(ErrorKind::WrongFormat, what))
    };
    if path.is_dir() {
        return wrong("a folder");
    }
    let mut head = Vec::new();
    std::fs::File::open(path).map_err(io)?.take(16).read_to_end(&mut head).map_err(io)?;
    match (head.starts_with(b"GGUF"), head.get(8)) {
        (true, _) => wrong("a GGUF file"),
        // A safetensors file begins with eight bytes of header length and a brace.
        (false, Some(b'{')) => Ok(()),
        _ => wrong("not a model in a known format"),
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
