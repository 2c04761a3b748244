//! Kernels of the CPU.

mod activation;
mod aligned;
mod attention;
pub mod linear;
mod norm;
mod rope;
mod simd;
mod vector;

pub use activation::{activate, activation_gradient, glu, glu_gradients};
pub use aligned::{AlignedVec, OutOfMemory};
pub use attention::{AttentionScratch, BlockTable, Cached, CachedMut, HeadPlace, attend};
pub use norm::{layer_norm, rms_norm};
pub use rope::{angles, rotate};
pub use vector::{dot, exponential_sums, largest, softmax};
