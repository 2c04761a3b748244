//! Bookkeeping of a paged key/value cache: which block of a fixed pool holds which positions of a sequence.
//!
//! The method is paged attention (Kwon et al., "Efficient Memory Management for Large Language Model Serving
//! with PagedAttention", 2023): keys and values live in blocks of a fixed number of positions, and a table
//! for each sequence names the blocks that hold its positions. Sequences that start with the same tokens
//! share blocks. But for `storage.rs`, which allocates them, this module has no device memory: a block is a
//! number.
//!
//! Layers that attend to the same positions share their tables and form a group: one for full attention, one
//! for each window. A step of a sequence is [`Sequence::reserve`], the copies that it returns, the writes to
//! the reserved positions, and [`Sequence::commit`].

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

/// Entry of a block table whose block was given back because no later position sees it.
pub const NO_BLOCK: u32 = u32::MAX;

/// A group of layers that share block tables, and the number of blocks it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupSpec {
    /// Number of positions a position sees, itself included; `None` where it sees all before it.
    pub window: Option<usize>,
    /// Number of blocks of the group.
    pub blocks: usize,
}

/// How the blocks of a group are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupUsage {
    /// Window of the group in positions; `None` for full attention.
    pub window: Option<usize>,
    /// Number of blocks of the group.
    pub total: usize,
    /// Number of blocks that at least one sequence refers to.
    pub used: usize,
    /// Number of free blocks whose content a new sequence can still use.
    pub cached: usize,
}

/// A copy between two blocks that the device must make before the next write to either of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockCopy {
    /// Index of the group.
    pub group: usize,
    /// Block to read.
    pub from: u32,
    /// Block to write.
    pub to: u32,
    /// Number of positions, from the start of the block, that hold content.
    pub positions: usize,
}

/// A group has fewer free blocks than a reservation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBlocks {
    /// Index of the group.
    pub group: usize,
    /// Number of blocks that the reservation takes from this group.
    pub wanted: usize,
    /// Number of blocks that are free in this group.
    pub free: usize,
}

impl fmt::Display for OutOfBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, wanted, free } = self;
        write!(f, "key/value cache group {group} has {free} free blocks, but {wanted} are needed")
    }
}

impl std::error::Error for OutOfBlocks {}
