//! Kernels of the CPU.

mod archive;
mod decode;
mod packed;

pub use decode::{decode_codes, decode_codes_into, decode_grid, decode_raw};
pub use packed::{pack, packed_row_bytes, unpack};
