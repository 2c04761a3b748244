//! Which grid a tensor gets, as words: one grammar for the command line and for overrides.

use crate::error::{PackError, Result};
use crate::rates::CoderRates;
use crate::spacing::Steps;
use ecq_core::{Codes, Grid};
use ecq_quant::{
    Distortion, ErrorFeedback, Floats, Granularity, Levels, StepGranularity, Weights, absmax, affine,
    feedback, uniform,
};
use std::fmt;

/// The grid of a tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GridChoice {
    /// As it is in the source, every bit.
    Keep,
    /// MLX's affine groups.
    Affine {
        /// Width of a code: 2, 3, 4, 5, 6 or 8.
        bits: u8,
        /// Columns of a group: 32, 64 or 128.
        group_size: usize,
    },
    /// Symmetric.
    Absmax {
        /// Width of a code, 2 to 8.
        bits: u8,
        /// What shares a scale.
        span: Granularity,
    },
    /// The unbounded uniform grid, its steps found for a rate.
    Uniform {
        /// Bits per weight of this tensor alone; `None` if it shares the model's target.
        bpw: Option<f64>,
        /// What shares a step.
        steps: StepGranularity,
        /// What a code stands for.
        levels: Levels,
    },
}

impl GridChoice {
    /// Reads `keep`, `uniform`, `uniform:BPW`, `affine:BITS[:GROUP]` (groups of 64), or `absmax:BITS[:tensor|row|GROUP]` (rows).
    ///
    /// Steps of a uniform grid are a row's, its codes stand for grid points.
    ///
    /// # Errors
    /// Lists what is understood.
    pub fn parse(word: &str) -> Result<Self> {
        let bad = || PackError::Option {
            option: format!("grid {word}"),
            why: "expected uniform, uniform:BPW, affine:BITS[:GROUP], absmax:BITS[:tensor|row|GROUP] or keep"
                .to_owned(),
        };
        let mut parts = word.split(':');
        let (name, first, second) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let bits = |allowed: fn(&u8) -> bool| {
            first.and_then(|bits| bits.parse().ok()).filter(allowed).ok_or_else(bad)
        };
        let choice = match (name, first, second) {
            ("keep", None, None) => Self::Keep,
            ("uniform", bpw, None) => {
                let bpw = bpw.map(|bpw| rate(bpw).ok_or_else(bad)).transpose()?;
                Self::Uniform { bpw, steps: StepGranularity::Row, levels: Levels::Grid }
            }
            ("affine", _, group) => {
                let group_size = group.unwrap_or("64").parse().ok().filter(|n| matches!(n, 32 | 64 | 128));
                Self::Affine {
                    bits: bits(|b| matches!(b, 2..=6 | 8))?,
                    group_size: group_size.ok_or_else(bad)?,
                }
            }
            ("absmax", _, span) => {
                let span = match span.unwrap_or("row") {
                    "tensor" => Granularity::Tensor,
                    "row" => Granularity::Row,
                    group => Granularity::Group(group.parse().ok().filter(|&n| n > 0).ok_or_else(bad)?),
                };
                Self::Absmax { bits: bits(|b| (2..=8).contains(b))?, span }
            }
            _ => return Err(bad()),
        };
        if parts.next().is_some() { Err(bad()) } else { Ok(choice) }
    }

    /// Sets what shares a step: `model`, `tensor` or `row`. Other grids have none.
    ///
    /// # Errors
    /// When the word is none of them.
    pub fn set_steps(&mut self, word: &str) -> Result<()> {
        let span = match word {
            "model" => StepGranularity::Model,
            "tensor" => StepGranularity::Tensor,
            "row" => StepGranularity::Row,
            _ => {
                return Err(PackError::Option {
                    option: format!("steps {word}"),
                    why: "expected model, tensor or row".into(),
                });
            }
        };
        if let Self::Uniform { steps, .. } = self {
            *steps = span;
        }
        Ok(())
    }

    /// Sets what a code stands for: `grid` or `centroid`. Other grids have none.
    ///
    /// # Errors
    /// When the word is neither.
    pub fn set_levels(&mut self, word: &str) -> Result<()> {
        let choice = match word {
            "grid" => Levels::Grid,
            "centroid" => Levels::Centroid,
            _ => {
                return Err(PackError::Option {
                    option: format!("levels {word}"),
                    why: "expected grid or centroid".into(),
                });
            }
        };
        if let Self::Uniform { levels, .. } = self {
            *levels = choice;
        }
        Ok(())
    }

    /// Why a matrix of `cols` columns cannot have this grid, if it cannot.
    pub(crate) fn misfit(&self, cols: usize) -> Option<String> {
        match *self {
            Self::Affine { group_size, .. } | Self::Absmax { span: Granularity::Group(group_size), .. }
                if !cols.is_multiple_of(group_size) =>
            {
                Some(format!("kept: groups of {group_size} do not divide {cols} columns"))
            }
            _ => None,
        }
    }

    /// Quantizes; `steps` are those that [`crate::rates`] found for a uniform grid, `aim` is what is quantized with error feedback in place of
    /// `weights`, to which the result is compared.
    pub(crate) fn quantize(
        &self,
        weights: &dyn Weights,
        aim: Option<&Floats<'_>>,
        steps: Option<&Steps>,
        errors: Option<&ErrorFeedback>,
    ) -> Result<Requantized> {
        let (codes, grid) = match *self {
            Self::Keep => return Err(PackError::UnknownGrid),
            Self::Affine { bits, group_size } => affine(weights, bits, group_size)?,
            Self::Absmax { bits, span } => absmax(weights, bits, span)?,
            Self::Uniform { levels, .. } => {
                let steps = steps.ok_or(PackError::UnknownGrid)?;
                match (&steps.col_scales, errors) {
                    (Some(scales), Some(errors)) => {
                        let aim = aim.map_or(weights, |aim| aim as &dyn Weights);
                        feedback(aim, &steps.rows, scales, errors, &CoderRates)?
                    }
                    (scales, _) => uniform(weights, &steps.rows, scales.as_ref(), levels, &CoderRates)?,
                }
            }
        };
        let distortion = Distortion::of(weights, &codes, &grid)?;
        Ok(Requantized { codes, grid, distortion })
    }
}

impl fmt::Display for GridChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Keep => f.write_str("keep"),
            Self::Affine { bits, group_size } => write!(f, "affine:{bits}:{group_size}"),
            Self::Absmax { bits, span: Granularity::Tensor } => write!(f, "absmax:{bits}:tensor"),
            Self::Absmax { bits, span: Granularity::Row } => write!(f, "absmax:{bits}:row"),
            Self::Absmax { bits, span: Granularity::Group(n) } => write!(f, "absmax:{bits}:{n}"),
            Self::Uniform { bpw, steps, levels } => {
                f.write_str("uniform")?;
                bpw.map_or(Ok(()), |bpw| write!(f, ":{bpw}"))?;
                f.write_str(match steps {
                    StepGranularity::Row => " (a step a row",
                    StepGranularity::Tensor => " (a step a tensor",
                    StepGranularity::Model => " (one step",
                })?;
                f.write_str(if levels == Levels::Centroid { ", centroids)" } else { ")" })
            }
        }
    }
}

/// Bits per weight that a uniform grid may aim at: with more, codes of a byte do not hold it.
pub fn rate(word: &str) -> Option<f64> {
    word.parse().ok().filter(|bits| (0.1..=8.0).contains(bits))
}

/// A tensor on its new grid.
pub(crate) struct Requantized {
    pub(crate) codes: Codes,
    pub(crate) grid: Grid,
    pub(crate) distortion: Distortion,
}
