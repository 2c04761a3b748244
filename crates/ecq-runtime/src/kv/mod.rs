//! Paged KV cache (Kwon et al., "Efficient Memory Management for Large Language Model Serving with
//! PagedAttention", 2023).
//!
//! Keys and values are stored in blocks of a fixed number of positions. A block table per sequence lists the
//! blocks that hold its positions; sequences with the same prefix share blocks. Except for `storage.rs`,
//! which allocates the memory, this module only manages block numbers.
//!
//! Layers that attend to the same positions share block tables and form a group: one for full attention and
//! one for each window. A step of a sequence is [`Sequence::reserve`], the block copies that it returns,
//! writes to the reserved positions, and [`Sequence::commit`].

mod free_list;
mod hash;
mod pool;
mod sequence;
mod storage;
#[cfg(test)]
mod tests;

use std::fmt;

pub use pool::BlockPool;
pub use sequence::Sequence;
pub(crate) use storage::KvViews;
pub use storage::{KvOptions, KvPool};

/// Entry of a block table whose block was released because no later position attends to it.
pub const NO_BLOCK: u32 = u32::MAX;

/// Parameters of a group of layers that share block tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    /// Attention window in positions, the position itself included; `None` for full attention.
    pub window: Option<usize>,
    /// Number of blocks of the group.
    pub blocks: usize,
}

/// Block counts of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupUsage {
    /// Attention window in positions; `None` for full attention.
    pub window: Option<usize>,
    /// Number of blocks.
    pub total: usize,
    /// Number of blocks that at least one sequence refers to.
    pub used: usize,
    /// Number of free blocks whose content new sequences can still share.
    pub cached: usize,
}

/// A block copy that the device must make before the next write to either block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockCopy {
    /// Index of the group.
    pub group: usize,
    /// Block to read.
    pub from: u32,
    /// Block to write.
    pub to: u32,
    /// Number of positions to copy, from the start of the block.
    pub positions: usize,
}

/// A group has fewer free blocks than a reservation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBlocks {
    /// Index of the group.
    pub group: usize,
    /// Number of blocks that the reservation needs from the group.
    pub needed: usize,
    /// Number of free blocks of the group.
    pub free: usize,
}

impl fmt::Display for OutOfBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, needed, free } = self;
        write!(f, "key/value cache group {group} has {free} free blocks, but {needed} are needed")
    }
}

impl std::error::Error for OutOfBlocks {}
