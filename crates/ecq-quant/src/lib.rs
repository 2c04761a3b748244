//! Quantizers: floats to integer codes on a grid, and estimates of the bits that the codes take.
//!
//! Every function depends only on [`Weights`] and a [`RateModel`]. This crate reads no files and knows no
//! entropy coder.
//!
//! - [`quantize_affine`]: groups with a scale and a bias, bit-exact with MLX's `mx.quantize`.
//! - [`quantize_absmax`]: symmetric, with one scale per tensor, row or group.
//! - [`quantize_ggml_blocks`] and [`quantize_super_blocks`]: the block types of GGUF.
//! - [`quantize_uniform`]: the unbounded uniform grid for an entropy coder. [`WeightHistogram`] and
//!   [`solve_step_scale`] find its step sizes for a target rate without reading the weights again.
//! - [`quantize_trellis`]: the trellis grid, with or without error feedback.
//! - [`quantize_with_feedback`]: the same grid with error feedback (GPTQ), from calibration statistics.

mod absmax;
mod affine;
mod distortion;
mod error;
mod feedback;
mod ggml_blocks;
mod histogram;
mod join;
mod rate;
mod round;
mod solve;
mod super_blocks;
#[cfg(test)]
mod test_matrices;
mod trellis;
mod uniform;
mod weights;

pub use absmax::{Granularity, quantize_absmax};
pub use affine::quantize_affine;
pub use distortion::Distortion;
pub use error::QuantError;
pub use feedback::{ErrorFeedback, quantize_with_feedback};
pub use ggml_blocks::{GgmlBlock, quantize_ggml_blocks};
pub use histogram::{StepGranularity, WeightHistogram};
pub use join::join_rows;
pub use rate::{Alphabet, IntegerCounts, RateModel};
pub use solve::solve_step_scale;
pub use super_blocks::quantize_super_blocks;
pub use trellis::{TrellisShape, quantize_trellis};
pub use uniform::{Levels, quantize_uniform};
pub use weights::{Floats, QuantizedWeights, RowBlocks, Weights};

/// A quantized matrix: its codes, and the grid that maps codes to weights.
pub type QuantizedMatrix = (ecq_core::Codes, ecq_core::Grid);
