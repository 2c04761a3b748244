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

pub use activation::{activate, glu};
pub use attention::{AttentionScratch, BlockTable, Cached, CachedMut, HeadPlace, attend};
pub use decode::{decode_codes, decode_codes_into, decode_raw};
pub use grid::{decode_grid, encode_outliers};
pub use norm::{layer_norm, rms_norm};
pub use packed::{pack, packed_row_bytes, unpack};
pub use rope::{angles, rotate};
pub use vector::{dot, softmax};
