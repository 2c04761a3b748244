//! Weight matrices as a checkpoint stores them.

use crate::error::{Result, RuntimeError};
use bytes::Bytes;
use ecq_codec::decode_raw;
use ecq_core::{
    Coding, EncodedTensor, FloatType, FloatVec, TensorContent, TensorPart, code_bits, packed_row_bytes,
};
use ecq_format::container::{EcqFile, PlainTensor};
use ecq_format::gguf::{GgmlType, dequantize};
use safetensors::Dtype;

/// A weight matrix in its stored form.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// Tensor name.
    pub name: String,
    /// `[rows, cols]` (output features, input features).
    pub shape: [usize; 2],
    /// Stored form.
    pub storage: MatrixStorage,
}

/// Stored form of a matrix.
#[derive(Debug, Clone)]
pub enum MatrixStorage {
    /// Codes on a grid.
    Codes(EncodedTensor),
    /// Floats or GGUF blocks, coded as bytes. There are no codes to multiply.
    Bytes {
        /// `f32`, `f16`, `bf16`, or the name of a GGUF block type.
        dtype: String,
        /// The coded bytes.
        tensor: EncodedTensor,
    },
    /// Uncoded floats.
    Plain {
        /// Element type.
        dtype: FloatType,
        /// Little-endian elements.
        bytes: Bytes,
    },
    /// The transpose of a stored matrix (GPT-2's Conv1D is stored input-major).
    Transposed(Box<Matrix>),
}

impl MatrixStorage {
    /// Reads a tensor of a file, and its shape there. Does not decode it.
    ///
    /// # Errors
    /// If the tensor is missing, fails its checksum, or has a type that is not supported.
    pub fn read(file: &EcqFile, name: &str) -> Result<(Self, Vec<usize>)> {
        let Some(entry) = file.entry(name) else {
            let PlainTensor { dtype, shape, bytes } = file.plain(name)?;
            let dtype = match dtype {
                Dtype::F32 => FloatType::F32,
                Dtype::F16 => FloatType::F16,
                Dtype::BF16 => FloatType::Bf16,
                other => {
                    let dtype = format!("{other:?}").to_lowercase();
                    return Err(RuntimeError::TensorType { name: name.to_owned(), dtype });
                }
            };
            return Ok((Self::Plain { dtype, bytes }, shape));
        };
        file.check(name)?;
        let tensor = file.encoded(name)?;
        let storage = match &entry.content {
            TensorContent::Codes { .. } => Self::Codes(tensor),
            TensorContent::Raw(raw) => Self::Bytes { dtype: raw.dtype.clone(), tensor },
        };
        Ok((storage, entry.shape.to_vec()))
    }
}

impl Matrix {
    /// Returns the kind of storage, without the data.
    pub fn storage_kind(&self) -> StorageKind {
        match &self.storage {
            MatrixStorage::Codes(tensor) => match tensor.entry().content {
                TensorContent::Codes { coding, alphabet, .. } => StorageKind::Codes { coding, alphabet },
                TensorContent::Raw(_) => StorageKind::Floats,
            },
            MatrixStorage::Bytes { dtype, .. } if float_type(dtype).is_none() => StorageKind::Blocks,
            MatrixStorage::Bytes { .. } | MatrixStorage::Plain { .. } => StorageKind::Floats,
            MatrixStorage::Transposed(_) => StorageKind::InputMajor,
        }
    }

    /// Returns the size in the file in bytes.
    pub fn stored_bytes(&self) -> u64 {
        match &self.storage {
            MatrixStorage::Codes(tensor) | MatrixStorage::Bytes { tensor, .. } => tensor.bytes(),
            MatrixStorage::Plain { bytes, .. } => bytes.len() as u64,
            MatrixStorage::Transposed(matrix) => matrix.stored_bytes(),
        }
    }

    /// Returns the size with codes packed at their full width, side data as stored; 0 without codes.
    pub fn packed_bytes(&self) -> u64 {
        let MatrixStorage::Codes(tensor) = &self.storage else { return 0 };
        let (TensorContent::Codes { alphabet, .. }, Ok(stream)) =
            (&tensor.entry().content, tensor.part(TensorPart::Stream))
        else {
            return 0;
        };
        let [rows, cols] = self.shape;
        let packed = rows as u64 * packed_row_bytes(cols, code_bits(*alphabet)) as u64;
        tensor.bytes() - stream.len() as u64 + packed
    }

    /// Decodes all weights to f32, row-major. Faster paths are tested against this function.
    ///
    /// # Errors
    /// If the tensor does not decode.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        let [rows, cols] = self.shape;
        let mut weights = vec![0.0; rows * cols];
        match &self.storage {
            MatrixStorage::Codes(tensor) => {
                let codes = ecq_codec::decode_codes(tensor)?;
                let grid = ecq_codec::decode_grid(tensor)?;
                let rows = codes.symbols().chunks_exact(cols).zip(weights.chunks_exact_mut(cols));
                rows.enumerate()
                    .for_each(|(row, (symbols, weights))| grid.dequantize_row(row, symbols, weights));
            }
            MatrixStorage::Bytes { dtype, tensor } => {
                let ty = GgmlType::from_name(dtype).ok_or_else(|| self.unsupported(dtype))?;
                dequantize(ty, &decode_raw(tensor)?, &mut weights)
                    .map_err(|error| RuntimeError::in_tensor(&self.name, error))?;
            }
            MatrixStorage::Plain { dtype, bytes } => {
                let ty = match dtype {
                    FloatType::F16 => GgmlType::F16,
                    FloatType::Bf16 => GgmlType::Bf16,
                    FloatType::F32 => GgmlType::F32,
                };
                dequantize(ty, bytes, &mut weights)?;
            }
            MatrixStorage::Transposed(matrix) => {
                let source = matrix.to_f32()?;
                for (row, out) in weights.chunks_exact_mut(cols).enumerate() {
                    out.iter_mut().enumerate().for_each(|(col, w)| *w = source[col * rows + row]);
                }
            }
        }
        Ok(weights)
    }

    /// Decodes the weights to little-endian floats and returns their type: the stored type for floats, f16
    /// for GGUF blocks, bf16 if a block's values exceed the range of f16.
    ///
    /// # Errors
    /// If the tensor does not decode.
    pub fn floats(&self) -> Result<(FloatType, Vec<u8>)> {
        let dtype = self.float_type();
        match &self.storage {
            MatrixStorage::Plain { bytes, .. } => Ok((dtype, bytes.to_vec())),
            MatrixStorage::Bytes { dtype: name, tensor } if float_type(name).is_some() => {
                Ok((dtype, decode_raw(tensor)?))
            }
            _ => {
                let weights = self.to_f32()?;
                // A block scale near the maximum of f16, multiplied by a code, can exceed f16. bf16 has the
                // same size and a larger range.
                let max = half::f16::MAX.to_f32();
                let overflows = |weight: &f32| weight.is_finite() && weight.abs() > max;
                let dtype = match dtype {
                    FloatType::F16 if weights.iter().any(overflows) => FloatType::Bf16,
                    dtype => dtype,
                };
                Ok((dtype, FloatVec::from_f32(dtype, &weights).as_bytes().to_vec()))
            }
        }
    }

    /// Returns the float type that [`floats`](Self::floats) starts from: the stored type, or f16 for GGUF
    /// blocks.
    pub fn float_type(&self) -> FloatType {
        match &self.storage {
            MatrixStorage::Plain { dtype, .. } => *dtype,
            // Scales of MXFP4 are powers of two beyond the range of f16; its values need one mantissa bit.
            MatrixStorage::Bytes { dtype, .. } if dtype == "mxfp4" => FloatType::Bf16,
            MatrixStorage::Bytes { dtype, .. } => float_type(dtype).unwrap_or(FloatType::F16),
            MatrixStorage::Codes(_) => FloatType::F32,
            MatrixStorage::Transposed(matrix) => matrix.float_type(),
        }
    }

    fn unsupported(&self, dtype: &str) -> RuntimeError {
        RuntimeError::TensorType { name: self.name.clone(), dtype: dtype.to_owned() }
    }
}

fn float_type(dtype: &str) -> Option<FloatType> {
    match dtype {
        "f32" => Some(FloatType::F32),
        "f16" => Some(FloatType::F16),
        "bf16" => Some(FloatType::Bf16),
        _ => None,
    }
}

/// TensorKind of storage of a matrix, as plans need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageKind {
    /// Codes on a grid.
    Codes {
        /// Entropy coding or packing.
        coding: Coding,
        /// Number of distinct codes.
        alphabet: u16,
    },
    /// Floats, coded or not.
    Floats,
    /// GGUF blocks whose format has no codes for products (IQ types, MXFP4, ternary types).
    Blocks,
    /// The stored tensor is the transpose of the matrix.
    InputMajor,
}
