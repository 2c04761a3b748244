//! Nouns of ecq: [`Codes`], [`Grid`], [`EncodedTensor`], [`Limits`]. No I/O, no device, no algorithm.
//!
//! An [`EncodedTensor`] is the only weight type that crosses crates: plain data, checked once by whoever
//! makes it (the container reader or the encoder), immutable afterwards.

mod codes;
mod element;
mod encoded;
mod error;
mod grid;
mod limits;

pub use codes::Codes;
pub use element::{Activation, Element, RotaryPairs};
pub use encoded::{
    Coding, Content, EncodedTensor, Entry, GridEntry, Kind, Order, Part, Parts, RawEntry, Tile,
};
pub use error::CoreError;
pub use grid::{AffineGroups, Biases, FloatType, FloatVec, Grid, Outlier, UniformRows};
pub use limits::Limits;
