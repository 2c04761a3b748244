//! Weight matrices as a checkpoint holds them.

use crate::error::{Result, RuntimeError};
use bytes::Bytes;
use ecq_codec::decode_raw;
use ecq_core::{Coding, Content, EncodedTensor, FloatType, FloatVec};
use ecq_format::gguf::{GgmlType, dequantize};

/// A weight matrix: its name and what the file holds of it.
#[derive(Debug, Clone)]
pub struct Matrix {
    /// Name in the file.
    pub name: String,
    /// Rows (output features), columns (input features).
    pub shape: [usize; 2],
    /// What the file holds.
    pub stored: MatrixStorage,
}

/// How a matrix is stored.
#[derive(Debug, Clone)]
pub enum MatrixStorage {
    /// Codes on a grid.
    Codes(EncodedTensor),
    /// Floats or blocks of bytes, coded as bytes: there are no codes to multiply.
    Bytes {
        /// `f32`, `f16`, `bf16`, or a GGUF block type.
        dtype: String,
        /// The coded bytes.
        tensor: EncodedTensor,
    },
    /// Floats as they are, in the file.
    Plain {
        /// Element type.
        dtype: FloatType,
        /// Little-endian elements.
        bytes: Bytes,
    },
    /// The transpose of another matrix (Conv1D of GPT-2 is stored input-major).
    Transposed(Box<Matrix>),
}

impl Matrix {
    /// How it is stored, in a few words.
    pub fn form(&self) -> StorageKind {
        match &self.stored {
            MatrixStorage::Codes(tensor) => match tensor.entry().content {
                Content::Codes { coding, alphabet, .. } => StorageKind::Codes { coding, alphabet },
                Content::Raw(_) => StorageKind::Floats,
            },
            MatrixStorage::Bytes { dtype, .. } if float_type(dtype).is_none() => StorageKind::Blocks,
            MatrixStorage::Bytes { .. } | MatrixStorage::Plain { .. } => StorageKind::Floats,
            MatrixStorage::Transposed(_) => StorageKind::InputMajor,
        }
    }

    /// Bytes that it takes in the file.
    pub fn stored_bytes(&self) -> u64 {
        match &self.stored {
            MatrixStorage::Codes(tensor) | MatrixStorage::Bytes { tensor, .. } => tensor.bytes(),
            MatrixStorage::Plain { bytes, .. } => bytes.len() as u64,
            MatrixStorage::Transposed(matrix) => matrix.stored_bytes(),
        }
    }

    /// All weights in f32, row-major: the reference that every faster path is compared with.
    ///
    /// # Errors
    /// When the tensor does not decode.
    pub fn to_f32(&self) -> Result<Vec<f32>> {
        let [rows, cols] = self.shape;
        let mut weights = vec![0.0; rows * cols];
        match &self.stored {
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

    /// The weights as floats, little endian, and their type: as stored where it is one, half precision for
    /// blocks, or bfloat16 where they pass its range.
    ///
    /// # Errors
    /// As [`to_f32`](Self::to_f32).
    pub fn floats(&self) -> Result<(FloatType, Vec<u8>)> {
        let dtype = self.float_type();
        match &self.stored {
            MatrixStorage::Plain { bytes, .. } => Ok((dtype, bytes.to_vec())),
            MatrixStorage::Bytes { dtype: name, tensor } if float_type(name).is_some() => {
                Ok((dtype, decode_raw(tensor)?))
            }
            _ => {
                let weights = self.to_f32()?;
                // Scales near the end of half precision times a code pass it: as many bytes of another type
                // do not.
                let most = half::f16::MAX.to_f32();
                let passes = |weight: &f32| weight.is_finite() && weight.abs() > most;
                let dtype = match dtype {
                    FloatType::F16 if weights.iter().any(passes) => FloatType::Bf16,
                    dtype => dtype,
                };
                Ok((dtype, FloatVec::of(dtype, &weights).as_bytes().to_vec()))
            }
        }
    }

    /// The type in which it is kept where there are no codes: that of the file, half precision for blocks.
    pub fn float_type(&self) -> FloatType {
        match &self.stored {
            MatrixStorage::Plain { dtype, .. } => *dtype,
            // Its scales are powers of two past the range of half precision, its values have one bit of
            // mantissa.
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

/// How a matrix is stored, as far as a plan needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageKind {
    /// Codes on a grid.
    Codes {
        /// How they are laid down.
        coding: Coding,
        /// Their number.
        alphabet: u16,
    },
    /// Floats.
    Floats,
    /// GGUF blocks without codes of their own.
    Blocks,
    /// The transpose of what is multiplied.
    InputMajor,
}
