//! Access to the tensors of any source as rows of f32.

use crate::source::{SourceTensor, Tensor};
use ecq_core::FloatType;
use ecq_format::gguf::{GgmlType, dequantize};
use ecq_quant::{Floats, QuantError, QuantizedWeights, Weights};
use std::ops::Range;

/// Returns `tensor` as a matrix of floats; `None` for types without weights (integers, doubles, block types
/// that ecq does not dequantize).
///
/// Weights of a GGUF source report half precision as their type, because MLX converts GGUF files to it.
pub(crate) fn weights<'a>(
    tensor: &'a Tensor,
    info: &SourceTensor,
    format: &str,
) -> Option<Box<dyn Weights + 'a>> {
    let shape = [info.rows, info.cols];
    let weights: Box<dyn Weights + 'a> = match tensor {
        Tensor::Coded(codes, grid) => Box::new(QuantizedWeights { codes, grid }),
        Tensor::Raw { dtype, bytes, .. } => match dtype.as_str() {
            "f32" => Box::new(Floats::new(FloatType::F32, shape, bytes).ok()?),
            "f16" => Box::new(Floats::new(FloatType::F16, shape, bytes).ok()?),
            "bf16" => Box::new(Floats::new(FloatType::Bf16, shape, bytes).ok()?),
            other => Box::new(GgmlBlocks::new(GgmlType::from_name(other)?, shape, bytes)?),
        },
    };
    Some(if format == "gguf" && weights.dtype() != FloatType::F16 {
        Box::new(AsF16(weights))
    } else {
        weights
    })
}

/// Weights in blocks of a GGUF type whose codes ecq does not read as codes (IQ types, MXFP4, ternary types; K
/// types in files of earlier versions).
struct GgmlBlocks<'a> {
    ty: GgmlType,
    shape: [usize; 2],
    row_bytes: usize,
    bytes: &'a [u8],
}

impl<'a> GgmlBlocks<'a> {
    /// Returns `None` if the type cannot be dequantized or `bytes` does not match the shape.
    fn new(ty: GgmlType, shape: [usize; 2], bytes: &'a [u8]) -> Option<Self> {
        let [rows, cols] = shape;
        let row_bytes = cols / ty.block_weights() * ty.block_bytes();
        // Dequantizing one block tests whether the type is supported.
        dequantize(ty, bytes.get(..ty.block_bytes())?, &mut vec![0.0; ty.block_weights()]).ok()?;
        let whole =
            cols.is_multiple_of(ty.block_weights()) && Some(bytes.len()) == rows.checked_mul(row_bytes);
        whole.then_some(Self { ty, shape, row_bytes, bytes })
    }
}

impl Weights for GgmlBlocks<'_> {
    fn shape(&self) -> [usize; 2] {
        self.shape
    }

    fn dtype(&self) -> FloatType {
        FloatType::F16
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<(), QuantError> {
        let bytes = &self.bytes[rows.start * self.row_bytes..rows.end * self.row_bytes];
        dequantize(self.ty, bytes, out).map_err(|error| QuantError::Read(error.to_string()))
    }
}

/// Weights that report half precision as their type.
struct AsF16<'a>(Box<dyn Weights + 'a>);

impl Weights for AsF16<'_> {
    fn shape(&self) -> [usize; 2] {
        self.0.shape()
    }

    fn dtype(&self) -> FloatType {
        FloatType::F16
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> Result<(), QuantError> {
        self.0.read(rows, out)
    }
}
