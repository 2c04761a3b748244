//! What kernels of GPUs read of a matrix, whatever the device's interface.
//!
//! A matrix is elements at a fixed number of bits ([`PackedMatrix`]) and what belongs to them
//! ([`SideData`]). Each device lays both out for its kernels.

mod fake_quant;
mod packing;

pub use fake_quant::{FakeQuantForm, FakeQuantTables};
pub use packing::{
    BLOCK, MatrixKind, PackedMatrix, SideData, float_elements, float_kind, side_of_rows, starts_of,
};

/// Grids, as kernels number them.
pub mod grid {
    /// A step for each row, and a zero.
    pub const UNIFORM: usize = 0;
    /// Groups of whole blocks, with scales and biases.
    pub const AFFINE: usize = 1;
    /// Other groups.
    pub const AFFINE_ANY: usize = 2;
    /// Super-blocks of 256 columns, with integer scales and minima of their groups.
    pub const SUPER_BLOCKS: usize = 3;
    /// A table of levels.
    pub const LEVELS: usize = 4;
    /// Floats.
    pub const DENSE: usize = 5;
}

/// Element types, as kernels number them.
pub mod element {
    /// 32-bit floats.
    pub const F32: usize = 0;
    /// 16-bit floats.
    pub const F16: usize = 1;
    /// Floats with the exponent of `F32` in 16 bits.
    pub const BF16: usize = 2;
    /// Signed bytes.
    pub const I8: usize = 3;
}
