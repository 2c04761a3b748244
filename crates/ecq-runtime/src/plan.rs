//! Decode modes, and the two decisions for each matrix: where it lives from load on ([`residence`]), and how
//! a product of some rows uses it ([`consumption`]). Both are pure functions to data.

use crate::backend::DeviceInfo;
use crate::error::{Result, RuntimeError};
use crate::weights::StorageKind;
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
pub enum MatrixLocation {
    /// A projection inside a block.
    Block,
    /// A matrix of one of the experts of a block.
    Expert,
    /// The embedding or the head: larger than a block, and used once a token.
    EmbeddingOrHead,
}

/// What a plan needs to know of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixInfo {
    /// Rows, columns.
    pub shape: [usize; 2],
    /// How it is stored.
    pub form: StorageKind,
    /// Where it is used.
    pub place: MatrixLocation,
}

/// Where a matrix lives from load on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Residence {
    /// Its coded streams.
    Streams,
    /// Its codes at a fixed width, decoded at load.
    Packed,
    /// Floats.
    Dense,
    /// Its coded streams; before each use it is decoded into a slot, which other matrices use too.
    Slot,
}

/// How a product uses a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Consumption {
    /// Streams are decoded inside the product of one row.
    FusedGemv,
    /// A tile at a time of the streams is decoded, once for all rows.
    FusedGemm,
    /// Packed codes are unpacked into registers.
    PackedGemv,
    /// A tile at a time of packed codes is unpacked, once for all rows.
    PackedGemm,
    /// Floats are multiplied as they are.
    Dense,
}

impl fmt::Display for Consumption {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::FusedGemv => "fused gemv",
            Self::FusedGemm => "fused gemm",
            Self::PackedGemv => "packed gemv",
            Self::PackedGemm => "packed gemm",
            Self::Dense => "dense",
        })
    }
}

/// A decision and its reason in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<T> {
    /// What was decided.
    pub choice: T,
    /// Scratch that it needs, in bytes.
    pub scratch_bytes: u64,
    /// The reason.
    pub reason: String,
}

/// Decides where a matrix lives, for a mode that [`resolve`] gave. `kept`: whether [`pinned`] keeps its block
/// decoded.
pub fn residence(matrix: &MatrixInfo, mode: Mode, kept: bool) -> Decision<Residence> {
    let (choice, reason) = match (matrix.form, mode) {
        (StorageKind::Floats, _) => (Residence::Dense, "holds floats: there are no codes to decode"),
        (StorageKind::Blocks, _) => {
            (Residence::Dense, "its blocks have no codes of their own: kept in half precision")
        }
        (StorageKind::InputMajor, _) => {
            (Residence::Dense, "stored input-major: transposed once, kept as floats")
        }
        (StorageKind::Codes { .. }, Mode::Cached) => (Residence::Packed, "decoded once at load"),
        (StorageKind::Codes { coding: Coding::Packed, .. }, _) => {
            (Residence::Streams, "stored packed: unpacked inside the product")
        }
        (StorageKind::Codes { coding: Coding::Archive, .. }, _) => (
            Residence::Packed,
            "coded for storage (a table for each symbol): does not decode inside a product",
        ),
        (_, Mode::Fused | Mode::Auto) => (Residence::Streams, "decoded inside the product"),
        _ if matrix.place == MatrixLocation::EmbeddingOrHead => {
            (Residence::Streams, "larger than a block and used once a token: decoded inside the product")
        }
        (_, Mode::Lru | Mode::Prefetch | Mode::Async) if matrix.place == MatrixLocation::Expert => {
            (Residence::Slot, "decoded when a router chooses its expert, and kept while there is room")
        }
        (_, Mode::Lru) if kept => {
            (Residence::Packed, "decoded once at load: the budget has room for its layer")
        }
        (_, Mode::Lru) => (Residence::Slot, "decoded on use: the budget has no room to keep its layer"),
        (_, Mode::Prefetch | Mode::Async) => (Residence::Slot, "decoded while the layer before computes"),
    };
    Decision { choice, scratch_bytes: 0, reason: reason.to_owned() }
}

/// Decides how a product of up to `rows` rows uses a matrix of this residence and shape.
pub fn consumption(
    residence: Residence,
    [_, cols]: [usize; 2],
    device: &DeviceInfo,
    rows: usize,
) -> Decision<Consumption> {
    // A row of one-byte codes for each thread; kernels decode no more at once.
    let a_row = (cols * device.threads) as u64;
    let (choice, scratch_bytes, reason) = match (residence, rows) {
        (Residence::Dense, _) => (Consumption::Dense, 0, "floats".to_owned()),
        (Residence::Streams, 1) => (Consumption::FusedGemv, a_row, "decoded inside the product".to_owned()),
        (Residence::Streams, _) => {
            (Consumption::FusedGemm, a_row, format!("each tile decoded once for all {rows} rows"))
        }
        (Residence::Packed | Residence::Slot, 1) => {
            (Consumption::PackedGemv, 0, "unpacked into registers".to_owned())
        }
        (Residence::Packed | Residence::Slot, _) => {
            (Consumption::PackedGemm, a_row, format!("each tile unpacked once for all {rows} rows"))
        }
    };
    Decision { choice, scratch_bytes, reason }
}

/// Bytes of a model's decoded blocks, as [`resolve`] and [`pinned`] need them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedSizes {
    /// Decoded bytes of each block without its experts.
    pub blocks: Vec<u64>,
    /// Decoded bytes of embedding and head.
    pub ends: u64,
    /// Decoded bytes of the largest expert.
    pub expert: u64,
    /// Experts of all blocks.
    pub experts: usize,
}

impl DecodedSizes {
    /// Decoded bytes of the whole model.
    pub fn all(&self) -> u64 {
        self.blocks.iter().sum::<u64>() + self.ends + self.expert * self.experts as u64
    }

    /// Bytes that must be there at once, at least: a block and an expert.
    pub fn least(&self) -> u64 {
        self.blocks.iter().copied().max().unwrap_or(0) + self.expert
    }

    /// Which blocks stay decoded under a budget (see [`pinned`]), and how many experts have room in what is
    /// left.
    pub fn within(&self, budget: u64) -> (Vec<bool>, usize) {
        let kept = pinned(&self.blocks, budget.saturating_sub(self.expert));
        let of = |kept_ones: bool| {
            let blocks = self.blocks.iter().zip(&kept).filter(move |(_, kept)| **kept == kept_ones);
            blocks.map(|(&bytes, _)| bytes)
        };
        let blocks = of(true).sum::<u64>() + of(false).max().unwrap_or(0);
        let experts = budget.saturating_sub(blocks).checked_div(self.expert).unwrap_or(0);
        (kept, (experts as usize).clamp(1, self.experts.max(1)))
    }
}

/// The mode that runs, and why: `auto` is decided here, and what the device cannot do is refused.
///
/// `budget` is what decoded weights may take, in bytes; `free` what the machine has left.
///
/// # Errors
/// [`RuntimeError::Mode`] with the reason, and the nearest mode that runs.
pub fn resolve(
    mode: Mode,
    device: &DeviceInfo,
    sizes: &DecodedSizes,
    budget: Option<u64>,
    free: Option<u64>,
) -> Result<(Mode, String)> {
    let refused = |why: String| Err(RuntimeError::Mode { mode: mode.name(), why });
    let (largest, all) = (sizes.least(), sizes.all());
    match mode {
        Mode::Async if !device.decodes_aside => refused(format!(
            "{} has no second queue to decode on; the nearest is prefetch (host threads decode ahead)",
            device.name
        )),
        Mode::Lru => match budget {
            None => refused("needs a memory budget: what decoded layers may take".to_owned()),
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

/// Which blocks stay decoded under a budget. The others take turns in what is left, which holds at least the
/// largest of them.
///
/// A pass over all layers in order evicts every layer from a plain LRU cache just before it is used again;
/// the best that any policy can do is to keep some and let the rest pass through (Belady, 1966).
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
