//! Weights on the grids of other programs.

use super::float_bytes;
use crate::error::{PackError, Result};
use ecq_core::{AffineGroups, Codes, FloatType, Grid};
use ecq_format::gguf::{GgmlType, pack_blocks, put_super_block};
use ecq_quant::{
    GgmlBlock, QuantError, Weights, quantize_affine, quantize_ggml_blocks, quantize_super_blocks,
};
use std::ops::Range;

/// `weights` as the bytes of a GGUF tensor of type `ty`.
///
/// # Errors
/// When no encoder of `ty` is here, its blocks do not divide the columns, a weight is not finite (except in
/// floats) or too large for `ty`, or the weights cannot be read.
pub(super) fn encode(ty: GgmlType, weights: &dyn Weights) -> Result<Vec<u8>> {
    let block = |block| {
        let (codes, grid) = affine_groups(quantize_ggml_blocks(weights, block)?)?;
        Ok(pack_blocks(ty, &codes, &grid)?)
    };
    let super_block = |bits| {
        quantize_super_blocks(weights, bits, ty.block_bytes(), |block, bytes| {
            Ok(put_super_block(ty, block, bytes)?)
        })
    };
    match ty {
        GgmlType::F32 => float_bytes(weights, FloatType::F32),
        GgmlType::F16 => float_bytes(weights, FloatType::F16),
        GgmlType::Bf16 => float_bytes(weights, FloatType::Bf16),
        GgmlType::Q4_0 => block(GgmlBlock::Q4_0),
        GgmlType::Q4_1 => block(GgmlBlock::Q4_1),
        GgmlType::Q5_0 => block(GgmlBlock::Q5_0),
        GgmlType::Q5_1 => block(GgmlBlock::Q5_1),
        GgmlType::Q8_0 => block(GgmlBlock::Q8_0),
        GgmlType::Q4_K => super_block(4),
        GgmlType::Q5_K => super_block(5),
        GgmlType::Q6_K => super_block(6),
        other => Err(PackError::Export(format!("ecq does not quantize to {}", other.name()))),
    }
}

/// `weights`, rounded to `dtype` as `mlx-lm` loads them, on MLX's groups with scales of that type.
///
/// # Errors
/// As [`affine`], and when a weight is too large for `dtype`.
pub(super) fn mlx(
    weights: Box<dyn Weights + '_>,
    (bits, group_size): (u8, usize),
    dtype: FloatType,
) -> Result<(Codes, AffineGroups)> {
    affine_groups(quantize_affine(&Loaded { weights, dtype }, bits, group_size)?)
}

/// Weights that a program loads in another type; [`affine`] rounds them to it.
struct Loaded<'a> {
    weights: Box<dyn Weights + 'a>,
    dtype: FloatType,
}

impl Weights for Loaded<'_> {
    fn shape(&self) -> [usize; 2] {
        self.weights.shape()
    }

    fn dtype(&self) -> FloatType {
        self.dtype
    }

    fn read(&self, rows: Range<usize>, out: &mut [f32]) -> std::result::Result<(), QuantError> {
        self.weights.read(rows.clone(), out)?;
        if self.dtype != FloatType::F16 {
            return Ok(());
        }
        let is_too_large = |w: &f32| w.is_finite() && half::f16::from_f32(*w).is_infinite();
        match out.iter().position(is_too_large) {
            None => Ok(()),
            Some(at) => {
                let [_, cols] = self.shape();
                let (row, col) = (rows.start + at / cols, at % cols);
                Err(QuantError::TooLarge { row, col, value: out[at] })
            }
        }
    }
}

fn affine_groups((codes, grid): (Codes, Grid)) -> Result<(Codes, AffineGroups)> {
    match grid {
        Grid::AffineGroups(grid) => Ok((codes, grid)),
        _ => Err(PackError::UnknownGrid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{SourceTensor, Tensor};
    use crate::weights::weights;
    use ecq_core::TensorKind;
    use ecq_fixtures::Numbers;
    use ecq_quant::Floats;
    use safetensors::SafeTensors;

    /// Blocks of every type that the Python package `gguf` quantizes, as it quantizes them.
    const BLOCKS: &[u8] = include_bytes!("../../tests/data/ggml-blocks.safetensors");
    const QUANTIZED: [GgmlType; 8] = [
        GgmlType::Q4_0,
        GgmlType::Q4_1,
        GgmlType::Q5_0,
        GgmlType::Q5_1,
        GgmlType::Q8_0,
        GgmlType::Q4_K,
        GgmlType::Q5_K,
        GgmlType::Q6_K,
    ];

    fn encoded(ty: GgmlType, shape: [usize; 2], values: &[f32]) -> Result<Vec<u8>> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        encode(ty, &Floats::new(FloatType::F32, shape, &bytes).unwrap())
    }

    /// The weights that a reader gets.
    fn decoded(ty: GgmlType, shape @ [rows, cols]: [usize; 2], values: &[f32]) -> Vec<f32> {
        let bytes = encoded(ty, shape, values).unwrap();
        let facts = SourceTensor {
            name: "x".to_owned(),
            kind: TensorKind::Linear,
            rows,
            cols,
            shape: shape.to_vec(),
            dtype: ty.name().to_owned(),
            bytes: 0,
            note: None,
        };
        let tensor = Tensor::Raw { dtype: ty.name().to_owned(), fields: ty.block_fields().to_vec(), bytes };
        let mut out = vec![0.0; rows * cols];
        weights(&tensor, &facts, "ecq").unwrap().read(0..rows, &mut out).unwrap();
        out
    }

    fn relative_error(a: &[f32], b: &[f32]) -> f64 {
        let noise: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        (noise / a.iter().map(|a| f64::from(*a).powi(2)).sum::<f64>()).sqrt()
    }

    #[test]
    fn simple_blocks_are_those_of_the_package_gguf() {
        let file = SafeTensors::deserialize(BLOCKS).unwrap();
        let weights = file.tensor("weights").unwrap();
        let shape = [weights.shape()[0], weights.shape()[1]];
        let floats = Floats::new(FloatType::F32, shape, weights.data()).unwrap();
        let types =
            [GgmlType::Q4_0, GgmlType::Q4_1, GgmlType::Q5_0, GgmlType::Q5_1, GgmlType::Q8_0, GgmlType::Bf16];
        for ty in types {
            let expected = file.tensor(ty.name()).unwrap();
            let bytes = encode(ty, &floats).unwrap();
            let width = ty.block_bytes() * 32usize.div_ceil(ty.block_weights());
            let blocks = bytes.chunks(width).zip(expected.data().chunks(width));
            for (at, (ours, theirs)) in blocks.enumerate() {
                assert_eq!(ours, theirs, "{} block {at}", ty.name());
            }
            assert_eq!(bytes.len(), expected.data().len());
        }
    }

    /// The bounds are errors of `ggml_quantize_chunk` (llama.cpp in xllamacpp 2026.10.11549) on 512 x 2048
    /// standard normal weights; those of the simple types, which have the same blocks here, with 2% for the
    /// sample.
    #[test]
    fn errors_on_normal_weights_are_no_larger_than_those_of_ggml() {
        let mut numbers = Numbers::new(11);
        let values: Vec<f32> = (0..64 * 1024).map(|_| 0.03 * numbers.normal()).collect();
        let of_ggml = [0.0877, 0.0797, 0.0436, 0.0386, 0.00546, 0.07129, 0.03610, 0.01772];
        for (ty, bound) in QUANTIZED.into_iter().zip(of_ggml) {
            let error = relative_error(&values, &decoded(ty, [64, 1024], &values));
            assert!(error < bound && error > 0.9 * bound, "{} {error}", ty.name());
        }
    }

    #[test]
    fn zeros_and_constants_are_kept() {
        for ty in QUANTIZED {
            assert_eq!(decoded(ty, [2, 256], &[0.0; 512]), [0.0; 512], "{}", ty.name());
            for constant in [0.75f32, -0.75, 0.1, -3e4] {
                let error = relative_error(&[constant; 512], &decoded(ty, [2, 256], &[constant; 512]));
                // Steps of half precision are rounded, those of Q6_K below its normal numbers.
                assert!(error < 2e-3, "{} {constant} {error}", ty.name());
            }
            // Far below half precision: zeros.
            let tiny = decoded(ty, [1, 256], &[1e-30; 256]);
            assert!(tiny.iter().all(|w| w.abs() < 1e-7), "{}", ty.name());
        }
    }

    #[test]
    fn one_huge_outlier_costs_its_block_alone() {
        let mut numbers = Numbers::new(5);
        let mut values: Vec<f32> = (0..1024).map(|_| numbers.normal()).collect();
        values[300] = 4e4;
        for ty in QUANTIZED {
            let found = decoded(ty, [2, 512], &values);
            assert!((found[300] / 4e4 - 1.0).abs() < 0.02, "{} {}", ty.name(), found[300]);
            let error = relative_error(&values[512..], &found[512..]);
            assert!(error < 0.1, "{} {error}", ty.name());
        }
    }

    #[test]
    fn weights_that_no_block_holds_are_refused_with_their_place() {
        for ty in QUANTIZED {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut values = vec![0.5; 1024];
                values[700] = bad;
                let error = encoded(ty, [4, 256], &values).unwrap_err();
                assert!(
                    matches!(error, PackError::Quant(QuantError::NotFinite { row: 2, col: 188, .. })),
                    "{error}"
                );
            }
            for large in [3e38f32, -3e38, 1e12] {
                let mut values = vec![0.5; 1024];
                values[700] = large;
                let error = encoded(ty, [4, 256], &values).unwrap_err();
                let is_told = matches!(
                    error,
                    PackError::Quant(QuantError::TooLarge { row: 2, value, .. }) if value == large
                );
                assert!(is_told, "{} {error}", ty.name());
            }
        }
        let error = encoded(GgmlType::F16, [1, 2], &[1.0, 7e4]).unwrap_err();
        assert!(matches!(error, PackError::Quant(QuantError::TooLarge { col: 1, .. })), "{error}");
        assert!(encoded(GgmlType::Q4_K, [1, 32], &[0.0; 32]).is_err());
        assert!(encoded(GgmlType::Q4_0, [1, 40], &[0.0; 40]).is_err());
        assert!(encoded(GgmlType::Q3_K, [1, 256], &[0.0; 256]).is_err());
    }
}
