//! The choice of a grid for a tensor, and its syntax in options and overrides.

use crate::error::{PackError, Result};
use crate::rates::CoderRates;
use crate::steps::StepSizes;
use crate::trellis::TrellisChoice;
use ecq_core::{Codes, Grid};
use ecq_quant::{
    Distortion, Granularity, Levels, StepGranularity, Weights, quantize_absmax, quantize_affine,
    quantize_uniform,
};
use std::fmt;

/// The grid of a tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GridChoice {
    /// The tensor as it is in the source, without loss.
    Keep,
    /// MLX's affine groups: a scale and a bias per group.
    Affine {
        /// Bits per code: 2, 3, 4, 5, 6 or 8.
        bits: u8,
        /// Columns per group: 32, 64 or 128.
        group_size: usize,
    },
    /// The symmetric grid of the largest magnitude.
    Absmax {
        /// Bits per code: 2 to 8.
        bits: u8,
        /// The weights that share a scale.
        granularity: Granularity,
    },
    /// The unbounded uniform grid, with step sizes that are solved for a target rate.
    Uniform {
        /// Target bits per weight of this tensor alone; `None` if it shares the model's target.
        bpw: Option<f64>,
        /// The weights that share a step size.
        steps: StepGranularity,
        /// The value that a code reconstructs to.
        levels: Levels,
        /// The phases of the trellis grid; `None` for the scalar grid, and for centroids.
        trellis: Option<TrellisChoice>,
    },
}

impl GridChoice {
    /// Makes the uniform grid with a target rate of its own, or that of the model: one step size per row,
    /// reconstruction to grid points, the default trellis.
    pub fn uniform(bpw: Option<f64>) -> Self {
        let trellis = Some(TrellisChoice::default());
        Self::Uniform { bpw, steps: StepGranularity::Row, levels: Levels::Grid, trellis }
    }

    /// Parses `keep`, `uniform`, `uniform:BPW`, `affine:BITS[:GROUP]` (default group: 64) or
    /// `absmax:BITS[:tensor|row|GROUP]` (default granularity: row).
    ///
    /// A uniform grid is that of [`uniform`](Self::uniform).
    ///
    /// # Errors
    /// [`PackError::Option`] for any other word; the message lists the valid ones.
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
                let bpw = bpw.map(|bpw| parse_bpw(bpw).ok_or_else(bad)).transpose()?;
                Self::uniform(bpw)
            }
            ("affine", _, group) => {
                let group_size = group.unwrap_or("64").parse().ok().filter(|n| matches!(n, 32 | 64 | 128));
                Self::Affine {
                    bits: bits(|b| matches!(b, 2..=6 | 8))?,
                    group_size: group_size.ok_or_else(bad)?,
                }
            }
            ("absmax", _, granularity) => {
                let granularity = match granularity.unwrap_or("row") {
                    "tensor" => Granularity::Tensor,
                    "row" => Granularity::Row,
                    group => Granularity::Group(group.parse().ok().filter(|&n| n > 0).ok_or_else(bad)?),
                };
                Self::Absmax { bits: bits(|b| (2..=8).contains(b))?, granularity }
            }
            _ => return Err(bad()),
        };
        if parts.next().is_some() { Err(bad()) } else { Ok(choice) }
    }

    /// Parses a grid of embedding and head: `BITS` (symmetric, one scale per row), or as
    /// [`parse`](Self::parse).
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_embedding(word: &str) -> Result<Self> {
        match word.parse::<u8>() {
            Ok(bits) => Self::parse(&format!("absmax:{bits}:row")),
            Err(_) => Self::parse(word),
        }
    }

    /// Sets the granularity of step sizes of a uniform grid: `model`, `tensor` or `row`. Has no effect on
    /// other grids.
    ///
    /// # Errors
    /// [`PackError::Option`] for any other word.
    pub fn set_steps(&mut self, word: &str) -> Result<()> {
        let granularity = match word {
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
            *steps = granularity;
        }
        Ok(())
    }

    /// Sets the levels of a uniform grid: `grid` or `centroid`, which turns the trellis off. Has no effect on
    /// other grids.
    ///
    /// # Errors
    /// [`PackError::Option`] for any other word.
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
        if let Self::Uniform { levels, trellis, .. } = self {
            *levels = choice;
            *trellis = trellis.filter(|_| choice == Levels::Grid);
        }
        Ok(())
    }

    /// Sets the trellis of a uniform grid: `on`, `off`, `LAG` or `LAGxRESTART`; see [`TrellisChoice::parse`].
    /// Turns centroids off. Has no effect on other grids.
    ///
    /// # Errors
    /// [`PackError::Option`] for any other word.
    pub fn set_trellis(&mut self, word: &str) -> Result<()> {
        let choice = TrellisChoice::parse(word)?;
        if let Self::Uniform { levels, trellis, .. } = self {
            *trellis = choice;
            if choice.is_some() {
                *levels = Levels::Grid;
            }
        }
        Ok(())
    }

    /// Returns the phases of the trellis; `None` for all other grids.
    pub(crate) fn trellis(&self) -> Option<TrellisChoice> {
        match *self {
            Self::Uniform { trellis, .. } => trellis,
            _ => None,
        }
    }

    /// Returns the reason if a matrix of `cols` columns cannot have this grid.
    pub(crate) fn unsupported_reason(&self, cols: usize) -> Option<String> {
        match *self {
            Self::Affine { group_size, .. }
            | Self::Absmax { granularity: Granularity::Group(group_size), .. }
                if !cols.is_multiple_of(group_size) =>
            {
                Some(format!("kept: groups of {group_size} do not divide {cols} columns"))
            }
            _ => None,
        }
    }

    /// Quantizes `weights` without error feedback, and measures the error against them.
    ///
    /// A uniform grid needs `steps`, from [`solve_steps`](crate::solve_steps::solve_steps).
    ///
    /// # Errors
    /// [`PackError::UnknownGrid`] for [`Keep`](Self::Keep) and for a uniform grid without `steps`,
    /// [`PackError::Quant`] if the quantizer fails.
    pub(crate) fn quantize(&self, weights: &dyn Weights, steps: Option<&StepSizes>) -> Result<Requantized> {
        let (codes, grid) = match *self {
            Self::Keep => return Err(PackError::UnknownGrid),
            Self::Affine { bits, group_size } => quantize_affine(weights, bits, group_size)?,
            Self::Absmax { bits, granularity } => quantize_absmax(weights, bits, granularity)?,
            Self::Uniform { levels, trellis, .. } => {
                let StepSizes { rows, .. } = steps.ok_or(PackError::UnknownGrid)?;
                match trellis {
                    Some(trellis) => trellis.quantize(weights, rows, None, None)?,
                    None => quantize_uniform(weights, rows, None, levels, &CoderRates)?,
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
            Self::Absmax { bits, granularity: Granularity::Tensor } => write!(f, "absmax:{bits}:tensor"),
            Self::Absmax { bits, granularity: Granularity::Row } => write!(f, "absmax:{bits}:row"),
            Self::Absmax { bits, granularity: Granularity::Group(n) } => write!(f, "absmax:{bits}:{n}"),
            Self::Uniform { bpw, steps, levels, trellis } => {
                f.write_str("uniform")?;
                bpw.map_or(Ok(()), |bpw| write!(f, ":{bpw}"))?;
                f.write_str(match steps {
                    StepGranularity::Row => " (one step per row",
                    StepGranularity::Tensor => " (one step per tensor",
                    StepGranularity::Model => " (one step per model",
                })?;
                match (trellis, levels) {
                    (Some(trellis), _) => write!(f, ", trellis {trellis})"),
                    (None, Levels::Centroid) => f.write_str(", centroids)"),
                    (None, Levels::Grid) => f.write_str(")"),
                }
            }
        }
    }
}

/// Parses a target rate in bits per weight, 0.1 to 8: codes are bytes, so no uniform grid takes more.
pub fn parse_bpw(word: &str) -> Option<f64> {
    word.parse().ok().filter(|bits| (0.1..=8.0).contains(bits))
}

/// A tensor on its new grid, and its error against the source.
pub(crate) struct Requantized {
    pub(crate) codes: Codes,
    pub(crate) grid: Grid,
    pub(crate) distortion: Distortion,
}
