use super::{AttachedFile, Source, SourceTensor, Tensor, fields};
use crate::error::{PackError, Result};
use ecq_core::TensorKind;
use ecq_format::checkpoint::tensor_kind;
use std::error::Error;
use std::fmt;

/// Name, element type and shape of an array in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayInfo {
    /// Name of the tensor, as in a Hugging Face checkpoint.
    pub name: String,
    /// Element type: `f64`, `f32`, `f16`, `bf16`, `i8` to `i64`, `u8` to `u64` or `bool`.
    pub dtype: String,
    /// Shape; the last dimension is the input features.
    pub shape: Vec<usize>,
}

/// Returns the little-endian elements of the array with this index, row-major.
///
/// It is called from any thread, more than once for an array.
pub type ReadArray =
    dyn Fn(usize) -> std::result::Result<Vec<u8>, Box<dyn Error + Send + Sync>> + Send + Sync;

/// A model of named arrays, which are read one at a time.
pub struct MemorySource {
    tensors: Vec<SourceTensor>,
    files: Vec<AttachedFile>,
    read: Box<ReadArray>,
    bytes: u64,
    fingerprint: String,
}

impl MemorySource {
    /// Reads every array once, to check its length and to compute the fingerprint.
    ///
    /// `files` are attached: `config.json` and `tokenizer.json` are what a model needs to run.
    ///
    /// # Errors
    /// [`PackError::Option`] if two arrays have one name, an element type is unknown, or an array cannot be
    /// read or has another length than its shape says.
    pub fn new(arrays: Vec<ArrayInfo>, files: Vec<AttachedFile>, read: Box<ReadArray>) -> Result<Self> {
        let mut source = Self { tensors: Vec::new(), files, read, bytes: 0, fingerprint: String::new() };
        let mut hasher = blake3::Hasher::new();
        for array in arrays {
            if source.tensors.iter().any(|tensor| tensor.name == array.name) {
                return Err(refused(&array.name, "two arrays have this name".to_owned()));
            }
            source.tensors.push(facts(array)?);
            let index = source.tensors.len() - 1;
            let bytes = source.elements(index)?;
            let tensor = &source.tensors[index];
            hasher.update(format!("{:?} {} {:?}", tensor.name, tensor.dtype, tensor.shape).as_bytes());
            hasher.update(&bytes);
            source.bytes += tensor.bytes;
        }
        for (name, bytes) in &source.files {
            hasher.update(format!("{name:?} {}", bytes.len()).as_bytes());
            hasher.update(bytes);
        }
        source.fingerprint = hasher.finalize().to_hex().to_string();
        Ok(source)
    }

    fn elements(&self, index: usize) -> Result<Vec<u8>> {
        let tensor = &self.tensors[index];
        let bytes = (self.read)(index).map_err(|error| refused(&tensor.name, error.to_string()))?;
        if bytes.len() as u64 != tensor.bytes {
            let SourceTensor { dtype, shape, bytes: expected, .. } = tensor;
            let why = format!("has {} bytes; expected {expected} for {dtype} {shape:?}", bytes.len());
            return Err(refused(&tensor.name, why));
        }
        Ok(bytes)
    }
}

fn refused(name: &str, why: String) -> PackError {
    PackError::Option { option: format!("array {name:?}"), why }
}

fn facts(ArrayInfo { name, dtype, shape }: ArrayInfo) -> Result<SourceTensor> {
    let Some(width) = element_bytes(&dtype) else {
        let why = format!("has elements of type {dtype}; expected f32, f16, bf16, f64, an integer or bool");
        return Err(refused(&name, why));
    };
    let product = |dims: &[usize]| dims.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
    let cols = shape.last().copied().unwrap_or(1);
    let rows = product(&shape[..shape.len().saturating_sub(1)]);
    let bytes = rows.and_then(|rows| rows.checked_mul(cols)).and_then(|n| n.checked_mul(width));
    let (Some(rows), Some(bytes)) = (rows, bytes) else {
        return Err(refused(&name, format!("has shape {shape:?}, which is too large")));
    };
    // As in a checkpoint file: vectors and tensors without elements are no matrices, whatever their names.
    let kind = if shape.len() < 2 || bytes == 0 { TensorKind::Other } else { tensor_kind(&name) };
    Ok(SourceTensor { name, kind, rows, cols, shape, dtype, bytes: bytes as u64, note: None })
}

/// Returns the width of an element in bytes.
fn element_bytes(dtype: &str) -> Option<usize> {
    Some(match dtype {
        "f64" | "i64" | "u64" => 8,
        "f32" | "i32" | "u32" => 4,
        "f16" | "bf16" | "i16" | "u16" => 2,
        "i8" | "u8" | "bool" => 1,
        _ => return None,
    })
}

impl Source for MemorySource {
    fn format(&self) -> &'static str {
        "safetensors"
    }

    fn tensors(&self) -> &[SourceTensor] {
        &self.tensors
    }

    fn load(&self, index: usize) -> Result<Tensor> {
        let dtype = self.tensors[index].dtype.clone();
        Ok(Tensor::Raw { fields: fields(&dtype), dtype, bytes: self.elements(index)? })
    }

    fn attached_files(&self) -> Result<Vec<AttachedFile>> {
        Ok(self.files.clone())
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl fmt::Debug for MemorySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemorySource({} arrays, {} bytes)", self.tensors.len(), self.bytes)
    }
}
