use crate::{CoreError, FloatType, FloatVec};
use half::f16;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Weights of a [`SuperBlock`].
pub const SUPER_BLOCK: usize = 256;

/// 256 consecutive weights of a row in one of GGUF's K types, before they are laid out as bytes.
///
/// Weight `i` of group `g` is `step * scales[g] * (codes[i] - zero) - minimum_step * minima[g]`; the
/// [`SuperBlockLayout`] states the number of groups, the zero point and the ranges. Arrays are zero after
/// their last group.
///
/// Source: `block_q2_K` to `block_q6_K` in ggml's `ggml-common.h`.
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

/// GGUF's K types: how a super-block of 256 weights is divided into groups, and the ranges of its integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SuperBlockLayout {
    /// Codes of 2 bits, groups of 16, scales and minima of 4 bits.
    #[serde(rename = "q2_k")]
    Q2K,
    /// Codes of 3 bits with the zero point 4, groups of 16, signed scales of 6 bits.
    #[serde(rename = "q3_k")]
    Q3K,
    /// Codes of 4 bits, groups of 32, scales and minima of 6 bits.
    #[serde(rename = "q4_k")]
    Q4K,
    /// Codes of 5 bits, groups of 32, scales and minima of 6 bits.
    #[serde(rename = "q5_k")]
    Q5K,
    /// Codes of 6 bits with the zero point 32, groups of 16, signed scales of 8 bits.
    #[serde(rename = "q6_k")]
    Q6K,
}

impl SuperBlockLayout {
    /// All layouts, by bits.
    pub const ALL: [Self; 5] = [Self::Q2K, Self::Q3K, Self::Q4K, Self::Q5K, Self::Q6K];

    /// Returns the name of the GGUF type, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q2K => "q2_k",
            Self::Q3K => "q3_k",
            Self::Q4K => "q4_k",
            Self::Q5K => "q5_k",
            Self::Q6K => "q6_k",
        }
    }

    /// Returns the width of a code in bits.
    pub fn bits(self) -> u8 {
        match self {
            Self::Q2K => 2,
            Self::Q3K => 3,
            Self::Q4K => 4,
            Self::Q5K => 5,
            Self::Q6K => 6,
        }
    }

    /// Returns the number of codes.
    pub fn alphabet(self) -> u16 {
        1 << self.bits()
    }

    /// Returns the number of columns that share a scale: 16 or 32.
    pub fn group_size(self) -> usize {
        match self {
            Self::Q4K | Self::Q5K => 32,
            Self::Q2K | Self::Q3K | Self::Q6K => 16,
        }
    }

    /// Returns the number of groups of a super-block.
    pub fn groups(self) -> usize {
        SUPER_BLOCK / self.group_size()
    }

    /// Returns the code of the value 0.
    pub fn zero(self) -> u8 {
        match self {
            Self::Q3K => 4,
            Self::Q6K => 32,
            Self::Q2K | Self::Q4K | Self::Q5K => 0,
        }
    }

    /// Returns the range of a scale.
    pub fn scales(self) -> RangeInclusive<i8> {
        match self {
            Self::Q2K => 0..=15,
            Self::Q3K => -32..=31,
            Self::Q4K | Self::Q5K => 0..=63,
            Self::Q6K => i8::MIN..=i8::MAX,
        }
    }

    /// Returns the largest minimum; `None` if groups have no minima.
    pub fn largest_minimum(self) -> Option<u8> {
        match self {
            Self::Q2K => Some(15),
            Self::Q4K | Self::Q5K => Some(63),
            Self::Q3K | Self::Q6K => None,
        }
    }

    /// Checks that a matrix with `cols` columns of codes below `alphabet` can have this layout.
    ///
    /// # Errors
    /// [`CoreError::Parameter`] if super-blocks do not divide the columns, or the alphabet is not the
    /// layout's.
    pub fn check(self, cols: usize, alphabet: u16) -> Result<(), CoreError> {
        if !cols.is_multiple_of(SUPER_BLOCK) {
            let expected = "a multiple of 256 for super-blocks";
            return Err(CoreError::Parameter { what: "columns", found: cols as u64, expected });
        }
        if alphabet != self.alphabet() {
            let (found, expected) = (alphabet.into(), "two to the power of the layout's bits");
            return Err(CoreError::Parameter { what: "alphabet", found, expected });
        }
        Ok(())
    }
}

/// Two-level grid of GGUF's K types: groups have small integer scales and minima, whose steps a super-block
/// of 256 columns of a row shares.
///
/// The weight of code `q` is `(step * scale) * (q - zero)`, minus `minimum_step * minimum` if the layout has
/// minima, in single precision and in this order, as ggml computes it (`dequantize_row_q2_K` to
/// `dequantize_row_q6_K` in `ggml-quants.c`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuperBlocks {
    /// Groups and ranges.
    pub layout: SuperBlockLayout,
    /// Step of the scales of each super-block, half precision; shape `[rows, cols / 256]`.
    pub steps: FloatVec,
    /// Scale of each group; shape `[rows, cols / group_size]`.
    pub scales: Vec<i8>,
    /// Present if the layout has minima.
    pub minima: Option<Minima>,
}

/// Minima of a two-level grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minima {
    /// Step of the minima of each super-block, half precision; shape `[rows, cols / 256]`.
    pub steps: FloatVec,
    /// Minimum of each group, negated; shape `[rows, cols / group_size]`.
    pub values: Vec<u8>,
}

impl SuperBlocks {
    /// Dequantizes row `row`, whose codes are `symbols`, to f32.
    pub(crate) fn dequantize_row(&self, row: usize, symbols: &[u8], weights: &mut [f32]) {
        let (size, per_block) = (self.layout.group_size(), self.layout.groups());
        let (zero, first) = (i32::from(self.layout.zero()), row * (symbols.len() / size));
        for (group, (symbols, weights)) in symbols.chunks(size).zip(weights.chunks_mut(size)).enumerate() {
            let group = first + group;
            let scale = self.steps.get(group / per_block) * f32::from(self.scales[group]);
            for (weight, &q) in weights.iter_mut().zip(symbols) {
                *weight = scale * (i32::from(q) - zero) as f32;
            }
            if let Some(minima) = &self.minima {
                let minimum = minima.steps.get(group / per_block) * f32::from(minima.values[group]);
                weights.iter_mut().for_each(|weight| *weight -= minimum);
            }
        }
    }

    /// Checks the grid against a matrix of `rows x cols` whose codes are below `alphabet`.
    ///
    /// # Errors
    /// [`CoreError::Parameter`] if columns or alphabet are not those of the layout, steps are not in half
    /// precision, minima are there although the layout has none (or the other way round), or an integer is
    /// outside its range; [`CoreError::Length`] if a count does not match the shape.
    pub fn check(&self, rows: usize, cols: usize, alphabet: u16) -> Result<(), CoreError> {
        let layout = self.layout;
        layout.check(cols, alphabet)?;
        let blocks = rows.checked_mul(cols / SUPER_BLOCK).ok_or(CoreError::Shape { rows, cols })?;
        let groups = rows.checked_mul(cols / layout.group_size()).ok_or(CoreError::Shape { rows, cols })?;
        let mut counts =
            vec![("steps of scales", self.steps.len(), blocks), ("scales", self.scales.len(), groups)];
        let mut steps = vec![&self.steps];
        if let Some(minima) = &self.minima {
            counts.push(("steps of minima", minima.steps.len(), blocks));
            counts.push(("minima", minima.values.len(), groups));
            steps.push(&minima.steps);
        }
        if let Some(steps) = steps.into_iter().find(|steps| steps.dtype() != FloatType::F16) {
            let (found, expected) = (8 * steps.dtype().bytes() as u64, "16, in IEEE half precision");
            return Err(CoreError::Parameter { what: "bits of a step", found, expected });
        }
        if let Some((what, found, expected)) =
            counts.into_iter().find(|(_, found, expected)| found != expected)
        {
            return Err(CoreError::Length { what, found, expected });
        }
        let range = layout.scales();
        if let Some(scale) = self.scales.iter().find(|scale| !range.contains(scale)) {
            let (found, expected) = (u64::from(scale.cast_unsigned()), "in the range of the layout");
            return Err(CoreError::Parameter { what: "byte of a scale", found, expected });
        }
        match (&self.minima, layout.largest_minimum()) {
            (None, None) => Ok(()),
            (Some(minima), Some(largest)) => match minima.values.iter().find(|&&value| value > largest) {
                Some(&value) => {
                    let (found, expected) = (value.into(), "in the range of the layout");
                    Err(CoreError::Parameter { what: "minimum", found, expected })
                }
                None => Ok(()),
            },
            (minima, _) => {
                let found = minima.as_ref().map_or(0, |minima| minima.values.len()) as u64;
                let expected = "one for each group if the layout has minima, none otherwise";
                Err(CoreError::Parameter { what: "number of minima", found, expected })
            }
        }
    }
}
