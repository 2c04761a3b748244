//! Tensors of any source as rows of floats.

use crate::source::{SourceTensor, Tensor};
use ecq_core::FloatType;
use ecq_format::gguf::{GgmlType, dequantize};
use ecq_quant::{Floats, QuantError, QuantizedWeights, Weights};
use std::ops::Range;

/// `tensor` as a matrix of floats; `None` if it holds no weights (integers, doubles, types that are not dequantized).
///
/// A GGUF source is taken at half precision by grids that round weights to their type first, as MLX converts them.
pub(crate) fn weights<'a>(
    tensor: &'a Tensor,
    facts: &SourceTensor,
    format: &str,
) -> Option<Box<dyn Weights + 'a>> {
    let shape = [facts.rows, facts.cols];
    let weights: Box<dyn Weights + 'a> = match tensor {
        Tensor::Coded(codes, grid) => Box::new(QuantizedWeights { codes, grid }),
        Tensor::Raw { dtype, bytes, .. } => match dtype.as_str() {
            "f32" => Box::new(Floats::new(FloatType::F32, shape, bytes).ok()?),
            "f16" => Box::new(Floats::new(FloatType::F16, shape, bytes).ok()?),
            "bf16" => Box::new(Floats::new(FloatType::Bf16, shape, bytes).ok()?),
            other => Box::new(Blocks::new(GgmlType::from_name(other)?, shape, bytes)?),
        },
    };
    Some(if format == "gguf" && weights.dtype() != FloatType::F16 {
        Box::new(AtHalf(weights))
    } else {
        weights
    })
}

/// Blocks of a GGUF type that has no codes of its own.
struct Blocks<'a> {
    ty: GgmlType,
    shape: [usize; 2],
    row_bytes: usize,
    bytes: &'a [u8],
}

impl<'a> Blocks<'a> {
    fn new(ty: GgmlType, shape: [usize; 2], bytes: &'a [u8]) -> Option<Self> {
        let [rows, cols] = shape;
        let row_bytes = cols / ty.block_weights() * ty.block_bytes();
        // One block tells whether the type is one that is dequantized.
        dequantize(ty, bytes.get(..ty.block_bytes())?, &mut vec![0.0; ty.block_weights()]).ok()?;
        let whole =
            cols.is_multiple_of(ty.block_weights()) && Some(bytes.len()) == rows.checked_mul(row_bytes);
        whole.then_some(Self { ty, shape, row_bytes, bytes })
    }
}

impl Weights for Blocks<'_> {
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

/// The same weights, said to be halves.
struct AtHalf<'a>(Box<dyn Weights + 'a>);

impl Weights for AtHalf<'_> {
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
