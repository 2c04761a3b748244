//! Kernels of the CPU.

mod archive;
mod decode;
mod grid;
pub mod linear;
mod packed;

pub use decode::{decode_codes, decode_codes_into, decode_raw};
pub use grid::{decode_grid, encode_outliers};
pub use packed::{pack, packed_row_bytes, unpack};
