//! Decode modes and plans: decide first, as pure functions to data, then do.

use crate::backend::Facts;
use crate::error::{Result, RuntimeError};
use crate::weights::Form;
use ecq_core::Coding;
use std::fmt;
use std::str::FromStr;

/// How weights come from their coded form to the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Decoded inside the product; weights exist only in registers and a tile of scratch.
    Fused,
    /// Decoded once at load into packed codes.
    Cached,
    /// Decoded on use; some layers stay within a byte budget.
    Lru,
    /// Host threads decode the next layer while this one computes.
    Prefetch,
    /// The device decodes the next layer on a second queue.
    Async,
    /// Whatever the budget and the device make best.
    Auto,
}

impl Mode {
    /// All, in the order of documents and tables.
    pub const ALL: [Self; 6] =
        [Self::Fused, Self::Cached, Self::Lru, Self::Prefetch, Self::Async, Self::Auto];

    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fused => "fused",
            Self::Cached => "cached",
            Self::Lru => "lru",
            Self::Prefetch => "prefetch",
            Self::Async => "async",
            Self::Auto => "auto",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let named = Self::ALL.into_iter().find(|mode| mode.name() == text);
        named.ok_or_else(|| {
            format!("unknown mode {text:?}; known are {}", Self::ALL.map(Self::name).join(", "))
        })
    }
}

/// Where a matrix is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A projection inside a block.
    Block,
    /// The embedding or the head: larger than a block, and used once a token.
    Ends,
}

/// What a plan needs to know of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixFacts {
    /// Rows, columns.
    pub shape: [usize; 2],
    /// How it is stored.
    pub form: Form,
    /// Where it is used.
    pub place: Place,
}

/// How a matrix gets to the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Decoded inside the product of one row.
    FusedGemv,
    /// A tile at a time decoded, then multiplied with all rows.
    TileThenGemm,
    /// In memory from load on: packed codes, or floats where there are no codes.
    Resident,
    /// Decoded by host threads into memory before use, and forgotten after.
    Host,
}

/// The decision for one matrix, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodePlan {
    /// How it gets to the product.
    pub how: How,
    /// Scratch that the product needs, in bytes.
    pub scratch_bytes: u64,
    /// The reason in words.
    pub reason: String,
}

/// Plans one matrix for a mode (not `auto`, see [`resolve`]) and a number of rows of activations.
pub fn plan(matrix: &MatrixFacts, device: &Facts, mode: Mode, rows: usize) -> DecodePlan {
    let resident =
        |reason: &str| DecodePlan { how: How::Resident, scratch_bytes: 0, reason: reason.to_owned() };
    let coding = match matrix.form {
        Form::Codes { coding, .. } => coding,
        Form::Floats => return resident("holds floats: there are no codes to decode"),
        Form::Blocks => return resident("its blocks have no codes of their own: kept in half precision"),
        Form::InputMajor => return resident("stored input-major: transposed once, kept as floats"),
    };
    let fused = |reason: String| {
        // A row of one-byte codes for each thread; kernels decode no more at once.
        let scratch_bytes = (matrix.shape[1] * device.threads) as u64;
        DecodePlan { how: if rows == 1 { How::FusedGemv } else { How::TileThenGemm }, scratch_bytes, reason }
    };
    match (mode, coding) {
        (Mode::Cached, _) => resident("decoded once at load"),
        (_, Coding::Packed) => fused("stored packed: unpacked inside the product".to_owned()),
        (_, Coding::Archive) => {
            resident("coded for storage (a table for each symbol): does not decode inside a product")
        }
        (Mode::Lru | Mode::Prefetch | Mode::Async, _) if matrix.place == Place::Block => DecodePlan {
            how: How::Host,
            scratch_bytes: matrix.shape[0] as u64 * matrix.shape[1] as u64,
            reason: match mode {
                Mode::Lru => "decoded on use, kept while the budget has room".to_owned(),
                _ => "decoded while the layer before computes".to_owned(),
            },
        },
        (Mode::Lru | Mode::Prefetch | Mode::Async, _) => {
            fused("larger than a block and used once a token: decoded inside the product".to_owned())
        }
        (Mode::Fused | Mode::Auto, _) if rows == 1 => fused("decoded inside the product".to_owned()),
        (Mode::Fused | Mode::Auto, _) => fused(format!("each tile decoded once for all {rows} rows")),
    }
}

/// Bytes of a model's decoded blocks, as [`resolve`] and [`pinned`] need them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    /// Decoded bytes of each block.
    pub blocks: Vec<u64>,
    /// Decoded bytes of embedding and head.
    pub ends: u64,
}

/// The mode that runs, and why: `auto` is decided here, and what the device cannot do is refused.
///
/// `budget` is what decoded weights may take, in bytes; `free` what the machine has left.
///
/// # Errors
/// [`RuntimeError::Mode`] with the reason, and the nearest mode that runs.
pub fn resolve(
    mode: Mode,
    device: &Facts,
    sizes: &Sizes,
    budget: Option<u64>,
    free: Option<u64>,
) -> Result<(Mode, String)> {
    let refused = |why: String| Err(RuntimeError::Mode { mode: mode.name(), why });
    let largest = sizes.blocks.iter().copied().max().unwrap_or(0);
    let all = sizes.blocks.iter().sum::<u64>() + sizes.ends;
    match mode {
        Mode::Async if !device.decodes_aside => refused(format!(
            "{} has no second queue to decode on; the nearest is prefetch (host threads decode ahead)",
            device.name
        )),
        Mode::Lru => match budget {
            None => refused("needs --memory BYTES, what decoded layers may take".to_owned()),
            Some(budget) if budget < largest => refused(format!(
                "a budget of {budget} bytes does not hold one decoded layer of {largest}; fused needs none"
            )),
            Some(_) => Ok((mode, "as asked".to_owned())),
        },
        Mode::Auto => {
            let (limit, whose) = match (budget, free) {
                (Some(budget), _) => (budget, "the budget"),
                // Half: the machine has other work, and the cache of keys grows.
                (None, Some(free)) => (free / 2, "half of the free memory"),
                (None, None) => {
                    return Ok((Mode::Fused, "how much memory is free is not known".to_owned()));
                }
            };
            Ok(if all <= limit {
                (Mode::Cached, format!("all decoded weights ({all} bytes) fit into {whose} ({limit})"))
            } else if limit >= 2 * largest && largest > 0 {
                (
                    Mode::Lru,
                    format!("decoded weights take {all} bytes, {whose} {limit}: some layers stay decoded"),
                )
            } else {
                (Mode::Fused, format!("{whose} ({limit} bytes) holds no two decoded layers of {largest}"))
            })
        }
        _ => Ok((mode, "as asked".to_owned())),
    }
}

/// Which blocks stay decoded under a budget. The others take turns in what is left, which holds at least the largest of them.
///
/// A pass over all layers in order evicts every layer from a plain LRU cache just before it is used again; the best that
/// any policy can do is to keep some and let the rest pass through (Belady, 1966).
pub fn pinned(blocks: &[u64], budget: u64) -> Vec<bool> {
    if blocks.iter().sum::<u64>() <= budget {
        return vec![true; blocks.len()];
    }
    let largest = blocks.iter().copied().max().unwrap_or(0);
    let mut left = budget.saturating_sub(largest);
    let keep = |&bytes: &u64| {
        let fits = bytes <= left;
        if fits {
            left -= bytes;
        }
        fits
    };
    blocks.iter().map(keep).collect()
}
