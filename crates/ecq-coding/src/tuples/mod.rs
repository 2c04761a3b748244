//! Prefix codes over tuples of two to four symbols, laid out for the tensor cores of GPUs.
//!
//! A codeword stands for `tuple` neighbouring symbols of a row, and decoded tuples are the registers of
//! operand A of the instruction `mma.m16n8k32` (8-bit integers). So a product decodes and multiplies without
//! moving symbols between lanes. Codewords have at most `width` bits: one lookup in a table of `2^width`
//! entries decodes a tuple. Tuples without a codeword are coded as a similar tuple, and *corrections* restore
//! them exactly.
//!
//! **Geometry** ([`Shape`]). A tile has 16 rows and all columns. Columns form groups of `8 * tuple`, groups
//! form segments. Lane `l` of 32, with `g = l / 4` and `t = l % 4`, codes four tuples of each group, in the
//! order `f = 0..4`: row `g + 8 (f mod 2)`, columns `(f / 2) 4 tuple + t tuple ..` of the group.
//!
//! **Stream.** The stream is a sequence of *stream rows* of 32 words of 32 bits; lane `l` reads word `l` of
//! each, the most significant bit first, so that the lanes of a GPU never meet in a bank of shared memory. A
//! lane's codewords of one segment follow those of the segment before, also from tile to tile. For each
//! segment the [`Index`] has a stream row and for each lane its distance in bits from the start of that row
//! (0 to 255), so that segments decode independently. A lane that falls too far behind the others skips bits
//! at the start of a segment.
//!
//! The bytes in a file are the bytes in a device's memory.

mod code;
mod decode;
mod encode;
mod index;
mod shape;
#[cfg(test)]
mod tests;

pub use code::TupleCode;
pub use decode::Decoder;
pub use encode::{Encoded, Encoder};
pub use index::{Entry, Index};
pub use shape::Shape;

/// Lanes of a tile.
pub const LANES: usize = 32;
/// Rows of a tile.
pub const TILE_ROWS: usize = 16;
/// Bytes of a stream row: a word of 32 bits for each lane.
pub const STREAM_ROW_BYTES: usize = 4 * LANES;
/// Magnitudes of a correction's difference, in units of the code.
const MAGNITUDES: [i32; 4] = [1, 2, 4, 16];
