//! The blocks of all groups: references, content and free lists.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::free_list::FreeList;
use super::hash::{BlockKey, Chain, ChainHash, extend_hashes};
use super::{GroupSpec, GroupUsage, NO_BLOCK, Sequence};

/// TensorContent of a full block that can be found by its hash.
#[derive(Clone, Debug)]
struct TensorContent {
    hash: ChainHash,
    parent: ChainHash,
    salt: u64,
    tokens: Box<[u32]>,
}

#[derive(Clone, Debug, Default)]
struct Block {
    /// Number of block table entries that refer to the block; the block is free at 0.
    references: usize,
    /// Present if and only if the group's hash map contains the block.
    content: Option<TensorContent>,
}

/// The blocks of one group of layers.
#[derive(Clone, Debug)]
pub(super) struct Group {
    window: Option<usize>,
    blocks: Vec<Block>,
    free: FreeList,
    by_hash: HashMap<ChainHash, u32>,
}

impl Group {
    fn new(spec: GroupSpec) -> Self {
        assert!(spec.window != Some(0), "a window has at least the position itself");
        assert!(spec.blocks < NO_BLOCK as usize, "block numbers are 32 bits");
        Self {
            window: spec.window,
            blocks: vec![Block::default(); spec.blocks],
            free: FreeList::with_all(spec.blocks as u32),
            by_hash: HashMap::new(),
        }
    }

    pub(super) fn window(&self) -> Option<usize> {
        self.window
    }

    pub(super) fn free_blocks(&self) -> usize {
        self.free.len()
    }

    /// Returns whether several tables refer to the block.
    pub(super) fn is_shared(&self, block: u32) -> bool {
        self.blocks[block as usize].references > 1
    }

    /// Returns whether the block has one owner and is not shared through its hash, so that the owner may
    /// write.
    pub(super) fn is_private(&self, block: u32) -> bool {
        let block = &self.blocks[block as usize];
        block.references == 1 && block.content.is_none()
    }

    /// Allocates the least recently used free block and forgets its content.
    pub(super) fn allocate(&mut self) -> Option<u32> {
        let block = self.free.pop_front()?;
        self.unregister(block);
        self.blocks[block as usize].references = 1;
        Some(block)
    }

    /// Adds a reference to a block that is in use or free with valid content.
    pub(super) fn share(&mut self, block: u32) {
        let references = &mut self.blocks[block as usize].references;
        *references += 1;
        if *references == 1 {
            self.free.remove(block);
        }
    }

    /// Drops a reference. A block without references is free, but keeps its content until it is allocated.
    pub(super) fn release(&mut self, block: u32) {
        let entry = &mut self.blocks[block as usize];
        entry.references -= 1;
        if entry.references > 0 {
            return;
        }
        // A block without a hash cannot be found again, so it is allocated first.
        if entry.content.is_some() {
            self.free.push_back(block);
        } else {
            self.free.push_front(block);
        }
    }

    /// Releases the blocks of a table after the first `kept` entries.
    ///
    /// The last block is released first, and so allocated first: a prefix is useful without its continuation,
    /// but not the other way round.
    pub(super) fn release_after(&mut self, table: &mut Vec<u32>, kept: usize) {
        for block in table.drain(kept.min(table.len())..).rev() {
            if block != NO_BLOCK {
                self.release(block);
            }
        }
    }

    /// Registers the block under a key, unless the hash is registered already.
    pub(super) fn register(&mut self, block: u32, key: BlockKey<'_>) {
        if self.by_hash.contains_key(&key.hash) {
            return;
        }
        self.by_hash.insert(key.hash, block);
        let BlockKey { hash, parent, salt, tokens } = key;
        self.blocks[block as usize].content =
            Some(TensorContent { hash, parent, salt, tokens: tokens.into() });
    }

    /// Removes the block's hash, if it has one.
    pub(super) fn unregister(&mut self, block: u32) {
        if let Some(content) = self.blocks[block as usize].content.take() {
            self.by_hash.remove(&content.hash);
        }
    }

    /// Returns the block, free or in use, that has exactly this content.
    pub(super) fn find(&self, key: BlockKey<'_>) -> Option<u32> {
        let block = *self.by_hash.get(&key.hash)?;
        let content = self.blocks[block as usize].content.as_ref()?;
        let same = content.parent == key.parent && content.salt == key.salt && *content.tokens == *key.tokens;
        same.then_some(block)
    }

    #[cfg(test)]
    pub(super) fn free_order(&self) -> Vec<u32> {
        self.free.blocks()
    }

    #[cfg(test)]
    pub(super) fn references(&self) -> Vec<usize> {
        self.blocks.iter().map(|block| block.references).collect()
    }

    #[cfg(test)]
    pub(super) fn registered(&self) -> Vec<(ChainHash, u32)> {
        self.by_hash.iter().map(|(&hash, &block)| (hash, block)).collect()
    }

    fn usage(&self) -> GroupUsage {
        let cached = self.blocks.iter().filter(|block| block.references == 0 && block.content.is_some());
        GroupUsage {
            window: self.window,
            total: self.blocks.len(),
            used: self.blocks.len() - self.free.len(),
            cached: cached.count(),
        }
    }
}

/// Returns the block table indices that a sequence of `len` tokens needs in order to continue.
///
/// A partial last block is always included, because the next position is written to it.
pub(super) fn needed_blocks(len: usize, window: Option<usize>, block_positions: usize) -> Range<usize> {
    let first = window.map_or(0, |window| (len + 1).saturating_sub(window));
    first / block_positions..len.div_ceil(block_positions)
}

/// Returns `len` if all windowed groups have the blocks needed to continue at `len`; else the largest smaller
/// multiple of `block_positions` for which they do.
pub(super) fn resumable_len(
    groups: &[Group],
    block_positions: usize,
    mut len: usize,
    has_block: impl Fn(usize, usize) -> bool,
) -> usize {
    // Every length that needs the last missing block fails, so the next candidate ends before that block.
    let missing = |len| {
        let windowed = groups.iter().enumerate().filter(|(_, group)| group.window.is_some());
        windowed.into_iter().find_map(|(index, group)| {
            let mut needed = needed_blocks(len, group.window, block_positions).rev();
            needed.find(|&block| !has_block(index, block))
        })
    };
    while let Some(block) = missing(len) {
        len = block * block_positions;
    }
    len
}

struct Shared {
    block_positions: usize,
    slack: usize,
    groups: Mutex<Vec<Group>>,
}

/// The blocks of a KV cache. Cloning creates another handle to the same pool.
#[derive(Clone)]
pub struct BlockPool(Arc<Shared>);

impl fmt::Debug for BlockPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockPool")
            .field("block_positions", &self.0.block_positions)
            .field("slack", &self.0.slack)
            .finish_non_exhaustive()
    }
}

impl BlockPool {
    /// Creates a pool of free blocks of `block_positions` positions each.
    ///
    /// Windowed groups keep `slack` positions before the window, so that [`Sequence::truncate`] can go back.
    ///
    /// # Panics
    ///
    /// If `block_positions` or a window is 0, or a group has `u32::MAX` blocks or more.
    pub fn new(block_positions: usize, slack: usize, groups: Vec<GroupSpec>) -> Self {
        assert!(block_positions > 0, "a block has at least one position");
        let groups = Mutex::new(groups.into_iter().map(Group::new).collect());
        Self(Arc::new(Shared { block_positions, slack, groups }))
    }

    /// Returns the number of positions per block.
    pub fn block_positions(&self) -> usize {
        self.0.block_positions
    }

    pub(super) fn slack(&self) -> usize {
        self.0.slack
    }

    /// Locks the groups. A poisoned lock is used, because every panic occurs before the first change.
    pub(super) fn lock(&self) -> MutexGuard<'_, Vec<Group>> {
        self.0.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates an empty sequence, which shares blocks only with sequences of the same `salt`.
    pub fn sequence(&self, salt: u64) -> Sequence {
        let tables = vec![Vec::new(); self.lock().len()];
        Sequence { pool: self.clone(), salt, tokens: Vec::new(), hashes: Vec::new(), tables }
    }

    /// Creates a sequence that starts with the longest prefix of `tokens` cached for this `salt`.
    ///
    /// The prefix consists of whole blocks and excludes at least the last token, which must run to give
    /// logits.
    pub fn sequence_with_prefix(&self, salt: u64, tokens: &[u32]) -> Sequence {
        let mut sequence = self.sequence(salt);
        let block_positions = self.0.block_positions;
        let blocks = tokens.len().saturating_sub(1) / block_positions;
        let mut hashes = Vec::with_capacity(blocks);
        extend_hashes(&mut hashes, salt, &tokens[..blocks * block_positions], block_positions);
        let chain = Chain { salt, tokens, hashes: &hashes, block_positions };

        let mut groups = self.lock();
        let full_attention = || groups.iter().filter(|group| group.window.is_none());
        let held = |&index: &usize| full_attention().all(|group| group.find(chain.key(index)).is_some());
        let held = (0..blocks).take_while(held).count();
        let len = resumable_len(&groups, block_positions, held * block_positions, |group, index| {
            groups[group].find(chain.key(index)).is_some()
        });
        for (group, table) in groups.iter_mut().zip(&mut sequence.tables) {
            table.resize(len / block_positions, NO_BLOCK);
            share_cached_blocks(group, table, chain, needed_blocks(len, group.window, block_positions));
        }
        drop(groups);
        hashes.truncate(len / block_positions);
        sequence.hashes = hashes;
        sequence.tokens.extend_from_slice(&tokens[..len]);
        sequence
    }

    /// Returns the number of free blocks of each group, including free blocks with cached content.
    pub fn free_blocks(&self) -> Vec<usize> {
        self.lock().iter().map(Group::free_blocks).collect()
    }

    /// Returns the block counts of each group; takes time linear in the number of blocks.
    pub fn usage(&self) -> Vec<GroupUsage> {
        self.lock().iter().map(Group::usage).collect()
    }
}

/// Fills empty table entries at `indices` with cached blocks of the same content.
pub(super) fn share_cached_blocks(
    group: &mut Group,
    table: &mut [u32],
    chain: Chain<'_>,
    indices: Range<usize>,
) {
    for index in indices {
        if table[index] == NO_BLOCK
            && let Some(block) = group.find(chain.key(index))
        {
            group.share(block);
            table[index] = block;
        }
    }
}
