use half::f16;

/// Weights of a [`SuperBlock`].
pub const SUPER_BLOCK: usize = 256;

/// 256 consecutive weights of a row in one of GGUF's K types, before they are laid out as bytes.
///
/// Weight `i` of group `g` is `step * scales[g] * (codes[i] - zero) - minimum_step * minima[g]`. Q4_K and
/// Q5_K have eight groups of 32 weights, codes of 4 and 5 bits, scales and minima of 0 to 63, and no zero
/// point. Q6_K has 16 groups of 16 weights, codes of 6 bits, signed scales, the zero point 32, and no minima.
/// Arrays are zero after their last group.
///
/// Source: `block_q4_K`, `block_q5_K` and `block_q6_K` in ggml's `ggml-common.h`.
#[derive(Debug, Clone, PartialEq)]
pub struct SuperBlock {
    /// Step size of the scales.
    pub step: f16,
    /// Step size of the minima; zero where the type has none.
    pub minimum_step: f16,
    /// Scale of each group, in units of `step`.
    pub scales: [i8; 16],
    /// Minimum of each group, negated, in units of `minimum_step`.
    pub minima: [u8; 16],
    /// Code of each weight.
    pub codes: [u8; SUPER_BLOCK],
}

impl Default for SuperBlock {
    /// All zeros.
    fn default() -> Self {
        Self {
            step: f16::ZERO,
            minimum_step: f16::ZERO,
            scales: [0; 16],
            minima: [0; 16],
            codes: [0; SUPER_BLOCK],
        }
    }
}
