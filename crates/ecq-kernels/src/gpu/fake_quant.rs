//! What kernels of fake quantization read.

use crate::fake_quant::{FakeQuantizer, Rounding, Scheme, Symmetric};

/// Which kernel quantizes; results are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FakeQuantForm {
    /// `Vector` for small arrays, `Block` for large ones.
    #[default]
    Auto,
    /// Four values per thread.
    Vector,
    /// Sixteen values per thread, four at a time.
    Block,
}

impl FakeQuantForm {
    /// All.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Vector, Self::Block];
    /// Vectors of four values of a thread of `Block`.
    pub const BLOCK_VECTORS: usize = 4;
    /// Least number of values for which `Auto` is `Block`: with fewer a GPU would have processors without
    /// threads.
    const LEAST: usize = 1 << 20;

    /// Returns the name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Vector => "vector",
            Self::Block => "block",
        }
    }

    /// Returns whether an array of this length is quantized in blocks.
    pub fn is_block(self, len: usize) -> bool {
        match self {
            Self::Auto => len >= Self::LEAST,
            Self::Vector => false,
            Self::Block => true,
        }
    }
}

/// The parameters of a quantizer as words, and the constants of its kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakeQuantTables {
    /// Four words for each channel. Symmetric levels: the bits of the limit, of the multiplier and of its
    /// reciprocal, and the mantissa of the multiplier. Other levels: the number of keys, and where keys and
    /// levels begin in the table.
    pub channels: Vec<u32>,
    /// Keys and bits of levels of each channel; empty for symmetric levels.
    pub table: Vec<u32>,
    /// Whether levels are looked up in the table.
    pub levels: bool,
    /// Whether there is one bit of symmetric levels.
    pub one_bit: bool,
    /// Whether halves are rounded to even.
    pub even: bool,
}

impl FakeQuantTables {
    /// Lays out the parameters of a quantizer.
    pub fn new(quantizer: &FakeQuantizer) -> Self {
        let (mut channels, mut table) = (Vec::new(), Vec::new());
        match quantizer.scheme() {
            Scheme::Symmetric(all) => {
                for of in all {
                    let multiplier = of.multiplier();
                    let mantissa = (multiplier.to_bits() & 0x7f_ffff) | 0x80_0000;
                    let [limit, reciprocal] = [of.limit(), 1.0 / multiplier].map(f32::to_bits);
                    channels.extend([limit, multiplier.to_bits(), reciprocal, mantissa]);
                }
                // Bits and rounding of all channels are equal.
                let is = |of: fn(&Symmetric) -> bool| all.first().is_some_and(of);
                let one_bit = is(|of| of.bits().get() == 1);
                let even = is(|of| of.rounding() == Rounding::HalfEven);
                Self { channels, table, levels: false, one_bit, even }
            }
            Scheme::Levels(all) => {
                for of in all {
                    let keys = table.len();
                    table.extend(of.keys());
                    channels.extend([of.keys().len(), keys, table.len(), 0].map(|n| n as u32));
                    table.extend(of.levels().iter().map(|level| level.to_bits()));
                }
                Self { channels, table, levels: true, one_bit: false, even: false }
            }
        }
    }
}
