//! Decode modes and the two decisions made for each matrix: where it is stored after load ([`residence`]),
//! and how a product uses it ([`consumption`]). Both are pure functions.

use crate::backend::DeviceInfo;
use crate::error::{Result, RuntimeError};
use crate::weights::StorageKind;
use ecq_core::Coding;
use std::fmt;
use std::str::FromStr;

/// How weights get from their coded form to the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Weights are decoded inside the product and exist only in registers and a tile of scratch memory.
    Fused,
    /// Weights are decoded once at load to packed codes.
    Cached,
    /// As many layers as fit the memory budget stay decoded (they are pinned); the others are decoded at each
    /// use. The mode is not a least-recently-used cache, see [`pinned_blocks`].
    Lru,
    /// The next layer is decoded while the current one computes, by host threads if the device has no second
    /// queue.
    Prefetch,
    /// The device decodes the next layer on a second queue.
    Async,
    /// [`resolve`] chooses `Cached`, `Lru` or `Fused` from the available memory.
    Auto,
}

impl Mode {
    /// All modes, in the order in which documents and tables list them.
    pub const ALL: [Self; 6] =
        [Self::Fused, Self::Cached, Self::Lru, Self::Prefetch, Self::Async, Self::Auto];

    /// Returns the lower-case name.
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
            format!("unknown mode {text:?}; expected one of {}", Self::ALL.map(Self::name).join(", "))
        })
    }
}

/// The part of the model that a matrix belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatrixLocation {
    /// A projection of a block.
    Block,
    /// A matrix of an expert of a block.
    Expert,
    /// The embedding or the head. It is larger than a block and used once per token.
    EmbeddingOrHead,
}

/// The properties of a matrix that a plan depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatrixInfo {
    /// `[rows, cols]`.
    pub shape: [usize; 2],
    /// Storage in the file.
    pub storage: StorageKind,
    /// Part of the model.
    pub location: MatrixLocation,
    /// Bytes in the file, side data included.
    pub stored_bytes: u64,
    /// Bytes of the codes at their full width, and of the side data as stored; 0 without codes.
    pub packed_bytes: u64,
}

impl MatrixInfo {
    /// Returns whether packed codes take at most a tenth more than the stored matrix.
    fn saves_little(&self) -> bool {
        10 * self.packed_bytes <= 11 * self.stored_bytes
    }
}

/// Where a matrix is stored after load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Residence {
    /// As coded streams.
    Streams,
    /// As fixed-width codes, decoded at load.
    Packed,
    /// As floats.
    Dense,
    /// As coded streams that are decoded before each use into a slot, which is shared with other matrices.
    Slot,
}

/// How a product uses a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Consumption {
    /// GEMV that decodes streams (one row).
    FusedGemv,
    /// GEMM that decodes each tile of the streams once for all rows.
    FusedGemm,
    /// GEMV that unpacks packed codes into registers (one row).
    PackedGemv,
    /// GEMM that unpacks each tile of packed codes once for all rows.
    PackedGemm,
    /// Product with floats.
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

/// A choice and its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<T> {
    /// The choice.
    pub choice: T,
    /// Scratch memory that the choice needs, in bytes.
    pub scratch_bytes: u64,
    /// The reason, as text for users.
    pub reason: String,
}

/// Decides where a matrix is stored after load.
///
/// `mode` is a result of [`resolve`]; `pinned` tells whether [`pinned_blocks`] keeps the matrix's block
/// decoded.
pub fn residence(matrix: &MatrixInfo, mode: Mode, pinned: bool, device: &DeviceInfo) -> Decision<Residence> {
    let (choice, reason) = match (matrix.storage, mode) {
        (StorageKind::Floats, _) => (Residence::Dense, "stored as floats: it has no codes"),
        (StorageKind::Blocks, _) => {
            (Residence::Dense, "its GGUF blocks have no codes for products: kept as half-precision floats")
        }
        (StorageKind::InputMajor, _) => {
            (Residence::Dense, "stored input-major: transposed once at load and kept as floats")
        }
        (StorageKind::Codes { .. }, Mode::Cached) => (Residence::Packed, "decoded once at load"),
        (StorageKind::Codes { coding: Coding::Packed, .. }, _) => {
            (Residence::Streams, "stored packed: unpacked inside the product")
        }
        (StorageKind::Codes { coding: Coding::Archive, .. }, _) => (
            Residence::Packed,
            "archive coding (a table per context) does not decode inside a product: decoded once at load",
        ),
        _ if matrix.location == MatrixLocation::EmbeddingOrHead && matrix.saves_little() => (
            Residence::Packed,
            "read whole for each token, and packed codes take at most a tenth more: decoded once at load",
        ),
        (StorageKind::Codes { coding, .. }, _)
            if matrix.location == MatrixLocation::EmbeddingOrHead
                && !device.fused_codings.contains(&coding) =>
        {
            (Residence::Packed, "decoded once at load: the device does not decode it inside the product")
        }
        (_, Mode::Fused | Mode::Auto) => (Residence::Streams, "decoded inside the product"),
        _ if matrix.location == MatrixLocation::EmbeddingOrHead => {
            (Residence::Streams, "larger than a block and used once per token: decoded inside the product")
        }
        (_, Mode::Lru | Mode::Prefetch | Mode::Async) if matrix.location == MatrixLocation::Expert => {
            (Residence::Slot, "decoded when the router chooses its expert, and reused while it is in a slot")
        }
        (_, Mode::Lru) if pinned => (Residence::Packed, "decoded once at load: its layer fits the budget"),
        (_, Mode::Lru) => (Residence::Slot, "decoded at each use: its layer does not fit the budget"),
        (_, Mode::Prefetch | Mode::Async) => (Residence::Slot, "decoded while the previous layer computes"),
    };
    Decision { choice, scratch_bytes: 0, reason: reason.to_owned() }
}

/// Decides how a product with up to `rows` rows uses a matrix of this residence and shape.
pub fn consumption(
    residence: Residence,
    [_, cols]: [usize; 2],
    device: &DeviceInfo,
    rows: usize,
) -> Decision<Consumption> {
    // Kernels decode at most one row of one-byte codes per thread at a time.
    let row_scratch = (cols * device.threads) as u64;
    let (choice, scratch_bytes, reason) = match (residence, rows) {
        (Residence::Dense, _) => (Consumption::Dense, 0, "stored as floats".to_owned()),
        (Residence::Streams, 1) => {
            (Consumption::FusedGemv, row_scratch, "decoded inside the product".to_owned())
        }
        (Residence::Streams, _) => {
            (Consumption::FusedGemm, row_scratch, format!("each tile decoded once for all {rows} rows"))
        }
        (Residence::Packed | Residence::Slot, 1) => {
            (Consumption::PackedGemv, 0, "unpacked into registers".to_owned())
        }
        (Residence::Packed | Residence::Slot, _) => {
            (Consumption::PackedGemm, row_scratch, format!("each tile unpacked once for all {rows} rows"))
        }
    };
    Decision { choice, scratch_bytes, reason }
}

/// Sizes of a model's decoded weights, from which [`resolve`] and [`pinned_blocks`] decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedSizes {
    /// Decoded bytes of each block, without its experts.
    pub blocks: Vec<u64>,
    /// Decoded bytes of embedding and head together.
    pub embedding_and_head: u64,
    /// Decoded bytes of the largest expert.
    pub largest_expert: u64,
    /// Number of experts in all blocks together.
    pub expert_count: usize,
}

impl DecodedSizes {
    /// Returns the decoded bytes of the whole model.
    pub fn total(&self) -> u64 {
        self.blocks.iter().sum::<u64>()
            + self.embedding_and_head
            + self.largest_expert * self.expert_count as u64
    }

    /// Returns the smallest budget in bytes for `lru`: the largest block and the largest expert.
    pub fn minimum(&self) -> u64 {
        self.blocks.iter().copied().max().unwrap_or(0) + self.largest_expert
    }

    /// Divides a budget in bytes: returns which blocks stay decoded (see [`pinned_blocks`]) and how many
    /// experts fit into the rest (at least 1).
    pub fn fit(&self, budget: u64) -> (Vec<bool>, usize) {
        let pinned = pinned_blocks(&self.blocks, budget.saturating_sub(self.largest_expert));
        let of = |wanted: bool| {
            let blocks = self.blocks.iter().zip(&pinned).filter(move |(_, pinned)| **pinned == wanted);
            blocks.map(|(&bytes, _)| bytes)
        };
        let blocks = of(true).sum::<u64>() + of(false).max().unwrap_or(0);
        let experts = budget.saturating_sub(blocks).checked_div(self.largest_expert).unwrap_or(0);
        (pinned, (experts as usize).clamp(1, self.expert_count.max(1)))
    }
}

/// Returns the mode to run and the reason; resolves `auto`.
///
/// `budget` limits the decoded weights and `free` is the available memory of the machine, both in bytes.
///
/// # Errors
/// [`RuntimeError::Mode`] if the device or the budget does not allow the mode; the message names the nearest
/// mode that runs.
pub fn resolve(
    mode: Mode,
    device: &DeviceInfo,
    sizes: &DecodedSizes,
    budget: Option<u64>,
    free: Option<u64>,
) -> Result<(Mode, String)> {
    let refused = |why: String| Err(RuntimeError::Mode { mode: mode.name(), why });
    let (largest, all) = (sizes.minimum(), sizes.total());
    match mode {
        Mode::Async if !device.overlaps_decode => {
            refused(format!("{} has no second queue to decode on; use prefetch", device.name))
        }
        Mode::Lru => match budget {
            None => refused("needs a memory budget for decoded layers".to_owned()),
            Some(budget) if budget < largest => refused(format!(
                "a budget of {budget} bytes is less than one decoded layer ({largest} bytes); use fused, \
                 which needs none"
            )),
            Some(_) => Ok((mode, "requested".to_owned())),
        },
        Mode::Auto => {
            let (limit, whose) = match (budget, free) {
                (Some(budget), _) => (budget, "the budget"),
                // Half, because the KV cache grows and other processes need memory.
                (None, Some(free)) => (free / 2, "half of the free memory"),
                (None, None) if !device.fuses_all() => {
                    return Ok((Mode::Cached, "the amount of free memory is unknown".to_owned()));
                }
                (None, None) => {
                    return Ok((Mode::Fused, "the amount of free memory is unknown".to_owned()));
                }
            };
            Ok(if all <= limit {
                (Mode::Cached, format!("all decoded weights ({all} bytes) fit {whose} ({limit} bytes)"))
            } else if limit >= 2 * largest && largest > 0 {
                (
                    Mode::Lru,
                    format!(
                        "decoded weights ({all} bytes) exceed {whose} ({limit} bytes): some layers stay \
                         decoded"
                    ),
                )
            } else if !device.fuses_all() {
                return refused(format!(
                    "decoded weights ({all} bytes) exceed {whose} ({limit} bytes), which is less than two \
                     decoded layers ({largest} bytes each), and {} does not decode all codings inside \
                     products",
                    device.name
                ));
            } else {
                (
                    Mode::Fused,
                    format!("{whose} ({limit} bytes) is less than two decoded layers ({largest} bytes each)"),
                )
            })
        }
        _ => Ok((mode, "requested".to_owned())),
    }
}

/// Returns for each block whether it stays decoded (is pinned) under a budget. The rest of the budget holds
/// at least the largest block and is shared by the blocks that are decoded at each use.
///
/// Every pass uses all layers in order, so a least-recently-used cache would evict each layer just before its
/// next use. Pinning some layers and streaming the others has the best possible hit rate (Belady, 1966).
pub fn pinned_blocks(blocks: &[u64], budget: u64) -> Vec<bool> {
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
