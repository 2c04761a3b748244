//! The codec of a weight matrix: encodes codes and their grid to an
//! [`EncodedTensor`](ecq_core::EncodedTensor), and decodes them.
//!
//! ```
//! use ecq_codec::{decode_codes, decode_grid, encode};
//! use ecq_core::{AffineGroups, Biases, Codes, FloatType, FloatVec, Grid, TensorKind};
//!
//! let codes = Codes::new(64, 256, 16, (0..64 * 256).map(|i| (i * i % 11) as u8).collect())?;
//! let grid = Grid::AffineGroups(AffineGroups {
//!     bits: 4,
//!     group_size: 32,
//!     scales: FloatVec::from_f32(FloatType::F16, &[0.01; 64 * 256 / 32]),
//!     biases: Biases::Zero(8),
//! });
//! let options = encode::EncodeOptions::default();
//! let (tensor, plan) = encode::encode(TensorKind::Linear, &codes, &grid, &options)?;
//! println!("{} bytes of {} codes: {}", tensor.bytes(), codes.symbols().len(), plan.reason);
//! assert_eq!(decode_codes(&tensor)?, codes);
//! assert_eq!(decode_grid(&tensor)?, grid);
//! # Ok::<(), ecq_codec::CodecError>(())
//! ```
//!
//! `docs/format.md` specifies the parts of a tensor. Only this crate writes and reads them. Its decoders are
//! the reference; products that decode while they multiply take tables and tiles from [`Tables`],
//! [`tile_ranges`] and [`tile_layout`].

mod archive;
mod decode;
pub mod encode;
mod error;
mod grid;
mod packed;
mod parts;
mod tuples;

pub use decode::{decode_codes, decode_codes_into, decode_raw};
pub use error::CodecError;
pub use grid::{decode_grid, encode_outliers};
pub use packed::{pack, unpack};
pub use parts::{CodesEntry, Tables, encode_classes, tile_layout, tile_ranges};
pub use tuples::TupleLayout;

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
