//! Entropy coders for small alphabets (2 to 256 symbols), such as the integer codes of neural network
//! weights.
//!
//! | module | coder | decodes | rate above the entropy |
//! |---|---|---|---|
//! | [`rans`] | interleaved rANS, one table per tile | 8 or 16 lanes at once | 0.1 to 0.3% |
//! | [`prefix`] | prefix code over tuples of 1 to 4 symbols | one tuple per lookup | 0.5 to 1.5% |
//! | [`tuples`] | prefix code over tuples of 2 to 4 symbols, for tensor cores | 32 lanes of a GPU | 3 to 6% |
//! | [`context`] | rANS, a table selected for each symbol | one symbol at a time | below that of one table |
//! | [`planes`] | byte fields of fixed-size elements, by rANS | as `rans` | 0.1% and one table per field |
//!
//! The unit that decodes independently is a tile: a block of a matrix whose symbols a [`Layout`] assigns to
//! lanes. Count the symbols, make a table, encode, decode:
//!
//! ```
//! use ecq_coding::{Counts, FrequencyTable, Layout, Order, rans};
//!
//! // A matrix of 64 x 256 symbols below 16.
//! let symbols: Vec<u8> = (0..64 * 256u32).map(|i| (i.wrapping_mul(i) % 31 % 11) as u8).collect();
//! let counts = Counts::of(&symbols);
//! let table = FrequencyTable::new(&counts, 16, FrequencyTable::PRECISION)?;
//!
//! let layout = Layout::new(64, 256, 32, Order::Rows)?;
//! let stream = rans::Encoder::new(&table).encode(&symbols, 256, layout)?;
//! assert!(8.0 * (stream.len() as f64) < 1.03 * table.cost_bits(&counts) + 32.0 * 32.0);
//!
//! // Besides the stream a decoder needs the layout and the table (at most 40 bytes for 16 symbols).
//! let (table, _) = FrequencyTable::from_bytes(&table.to_bytes())?;
//! let mut out = vec![0; symbols.len()];
//! rans::Decoder::new(&table).decode(&stream, layout, &mut out, 256)?;
//! assert_eq!(out, symbols);
//! # Ok::<(), ecq_coding::CodingError>(())
//! ```
//!
//! Streams and tables may be hostile: none causes a panic, a read out of bounds or work beyond its layout. A
//! stream that no encoder wrote is an error, or decodes to the right number of unspecified symbols.

mod alias;
mod bits;
mod cluster;
pub mod context;
#[cfg(test)]
mod emulation;
mod error;
mod layout;
pub mod panel;
pub mod planes;
pub mod prefix;
pub mod rans;
mod simd;
mod table;
pub mod tuples;

pub use alias::Slot;
pub use cluster::cluster;
pub use error::CodingError;
pub use layout::{Layout, Order};
pub use simd::Isa;
pub use table::{Counts, FrequencyTable};

/// Upper bound of the symbols that a byte of a stream can hold: a symbol with all but one of 2^14 slots takes
/// 1/11,356 bit. Readers of files can refuse larger claims before they allocate.
pub const MAX_SYMBOLS_PER_BYTE: usize = 1 << 17;

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
