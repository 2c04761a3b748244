//! Element types, and the transformer operations that every device implements.

use crate::FloatType;
use std::fmt;

/// Element type of a buffer or of the KV cache. [`FloatType`] is the subset that files store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// bfloat16.
    Bf16,
    /// Signed 8-bit integers. Where they represent floats, the scales are in a separate buffer.
    I8,
    /// Unsigned 32-bit integers: tokens, positions, block numbers.
    U32,
}

impl Element {
    /// Returns the size of one element in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::F32 | Self::U32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::I8 => 1,
        }
    }

    /// Returns the name in lower case, such as `bf16`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::I8 => "i8",
            Self::U32 => "u32",
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<FloatType> for Element {
    fn from(ty: FloatType) -> Self {
        match ty {
            FloatType::F16 => Self::F16,
            FloatType::Bf16 => Self::Bf16,
            FloatType::F32 => Self::F32,
        }
    }
}

/// Activation function of a feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `x / (1 + e^-x)`.
    Silu,
    /// `x / 2 * (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`, the tanh approximation of GELU.
    GeluTanh,
}

/// Which two values of a head form a pair of the rotary position embedding (Su et al., 2021).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotaryPairs {
    /// `i` and `i + n / 2` of the `n` rotated values (the order of Hugging Face models).
    Halves,
    /// `2i` and `2i + 1` (the order of Llama-family GGUF files).
    Neighbours,
}
