//! Kernels of the CPU.

mod activation;
mod archive;
mod attention;
mod decode;
mod grid;
pub mod linear;
mod norm;
mod packed;
mod per_isa;
mod rope;
mod vector;

pub use activation::{Activation, activate, glu};
pub use attention::{AttentionScratch, Cached, HeadPlace, attend};
pub use decode::{decode_codes, decode_codes_into, decode_raw};
pub use grid::{decode_grid, encode_outliers};
pub use norm::{layer_norm, rms_norm};
pub use packed::{pack, packed_row_bytes, unpack};
pub use rope::{Pairs, angles, rotate};
pub use vector::{dot, softmax};
