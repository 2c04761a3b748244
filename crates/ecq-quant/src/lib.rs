//! Quantizers: floats in, integer codes on a grid out, and how many bits they should take.
//!
//! Everything here is a pure function of [`Weights`] and a [`RateModel`]; nothing reads files or imports a coder.
//!
//! - [`affine`]: groups with a scale and a bias, bit for bit those of MLX's `mx.quantize`.
//! - [`absmax`]: symmetric, one scale a tensor, a row or a group.
//! - [`uniform`]: the unbounded uniform grid for an entropy coder; [`WeightHistogram`] and [`solve`] find its steps for a
//!   number of bits without touching the weights again.
//! - [`feedback`](fn@feedback): the same grid with error feedback, for a model whose inputs were watched.

mod absmax;
mod affine;
mod distortion;
mod error;
mod feedback;
mod rate;
mod round;
mod sketch;
mod solve;
mod uniform;
mod weights;

pub use absmax::{Granularity, absmax};
pub use affine::affine;
pub use distortion::Distortion;
pub use error::QuantError;
pub use feedback::{ErrorFeedback, feedback};
pub use rate::{Alphabet, IntegerCounts, RateModel};
pub use sketch::{StepGranularity, WeightHistogram};
pub use solve::solve;
pub use uniform::{Levels, uniform};
pub use weights::{Blocks, Floats, QuantizedWeights, Weights};

/// A quantized matrix: its codes and how they become weights.
pub type Coded = (ecq_core::Codes, ecq_core::Grid);
