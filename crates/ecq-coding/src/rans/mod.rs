//! Interleaved rANS: 32-bit states, 16-bit renormalisation, one physically interleaved word stream.
//!
//! J. Duda, "Asymmetric numeral systems" (arXiv 1311.2540); interleaving after F. Giesen, "Interleaved
//! entropy coders" (arXiv 1402.3392). Slots are assigned by the alias method, so that the tables of a small
//! alphabet fit in registers. The stream of a tile is the start state of each used lane (`u32`, little
//! endian), then 16-bit words in the order in which lanes `0..lanes`, turn by turn, consume them.

mod branches;
mod classes;
mod decode;
mod encode;
pub(crate) mod turns;

pub use branches::Branches;
pub use classes::Classes;
pub(crate) use decode::Words;
pub use decode::{Decoder, Reader};
pub use encode::Encoder;

/// A state is at least this between symbols, and equals it before the first symbol is encoded.
pub(crate) const LOWER: u32 = 1 << 16;

#[cfg(test)]
mod tests;
