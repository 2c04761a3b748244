//! Nouns of ecq: [`Codes`], [`Grid`], [`EncodedTensor`], [`Limits`]. No I/O, no device, no algorithm.
//!
//! An [`EncodedTensor`] is the only weight type that crosses crates: plain data, checked once by its
//! constructor, immutable afterwards.

mod codes;
mod element;
mod encoded;
mod error;
mod grid;
mod limits;
mod tensor;

pub use codes::Codes;
pub use element::{Activation, Element, RotaryPairs};
pub use encoded::{
    Coding, Entry, GridEntry, Order, RawEntry, TensorContent, TensorKind, TensorPart, Tile, code_bits,
    packed_row_bytes,
};
pub use error::CoreError;
pub use grid::{AffineGroups, Biases, FloatType, FloatVec, Grid, Outlier, UniformRows};
pub use limits::Limits;
pub use tensor::{EncodedTensor, Parts};

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
