//! Data types of ecq: [`Codes`], [`Grid`], [`EncodedTensor`], [`Limits`]. This crate does no I/O, uses no
//! device and contains no codec and no quantizer.
//!
//! An [`EncodedTensor`] is the form in which weights pass between crates. Its constructor validates it, and
//! it is immutable afterwards.

mod codes;
mod element;
mod encoded;
mod error;
mod grid;
mod limits;
mod super_block;
mod tensor;

pub use codes::Codes;
pub use element::{Activation, Element, RotaryPairs};
pub use encoded::{
    Coding, GridEntry, LaneOrder, RawEntry, TensorContent, TensorEntry, TensorKind, TensorPart, Tile,
    code_bits, packed_row_bytes,
};
pub use error::CoreError;
pub use grid::{AffineGroups, Biases, FloatType, FloatVec, Grid, Outlier, TrellisRows, UniformRows};
pub use limits::Limits;
pub use super_block::{Minima, SUPER_BLOCK, SuperBlock, SuperBlockLayout, SuperBlocks};
pub use tensor::{EncodedTensor, TensorParts};
