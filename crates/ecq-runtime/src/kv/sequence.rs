//! The tokens of a sequence and its block tables.

use std::iter;

use super::hash::{Chain, ChainHash, extend_hashes};
use super::pool::{Group, needed_blocks, resumable_len, share_cached_blocks};
use super::{BlockCopy, BlockPool, NO_BLOCK, OutOfBlocks};

/// Tokens with cached keys and values, and the blocks that hold them. Dropping a sequence releases its
/// blocks.
#[derive(Debug)]
pub struct Sequence {
    pub(super) pool: BlockPool,
    pub(super) salt: u64,
    pub(super) tokens: Vec<u32>,
    /// Hashes of the full blocks of `tokens`.
    pub(super) hashes: Vec<ChainHash>,
    /// One block table per group; only leading entries can be `NO_BLOCK`.
    pub(super) tables: Vec<Vec<u32>>,
}

impl Sequence {
    /// Returns the committed tokens.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Returns the number of committed tokens, which is the position of the next one.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Returns whether no token is committed.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Returns the block table of a group, reserved blocks included.
    ///
    /// Entry `i` is the block of the positions from `i * block_positions` on, or
    /// [`NO_BLOCK`](super::NO_BLOCK) if a windowed group released it.
    ///
    /// # Panics
    ///
    /// If the group does not exist.
    pub fn table(&self, group: usize) -> &[u32] {
        &self.tables[group]
    }

    /// Returns copies of the tables of all groups.
    pub(crate) fn tables(&self) -> Vec<Vec<u32>> {
        self.tables.clone()
    }

    /// Reserves `more` positions after the committed ones.
    ///
    /// A partial last block that is shared with another sequence is replaced by a copy (copy on write). The
    /// device must make the returned copies before any other write, because the other owner may release the
    /// old block.
    ///
    /// # Errors
    ///
    /// If a group has too few free blocks; nothing has changed then.
    pub fn reserve(&mut self, more: usize) -> Result<Vec<BlockCopy>, OutOfBlocks> {
        let block_positions = self.pool.block_positions();
        let blocks = self.len().saturating_add(more).div_ceil(block_positions);
        let written = self.written_block(more);
        let positions = self.len() % block_positions;

        let mut groups = self.pool.lock();
        for (index, (group, table)) in groups.iter().zip(&self.tables).enumerate() {
            let (needed, free) = (blocks_to_allocate(group, table, blocks, written), group.free_blocks());
            if needed > free {
                return Err(OutOfBlocks { group: index, needed, free });
            }
        }
        let mut copies = Vec::new();
        for (index, (group, table)) in groups.iter_mut().zip(&mut self.tables).enumerate() {
            if let Some(written) = written {
                let from = table[written];
                if !group.is_shared(from) {
                    // The block was full before a truncation and is about to be overwritten, so its hash is
                    // no longer valid.
                    group.unregister(from);
                } else if let Some(to) = group.allocate() {
                    group.release(from);
                    table[written] = to;
                    copies.push(BlockCopy { group: index, from, to, positions });
                }
            }
            let missing = blocks.saturating_sub(table.len());
            table.extend(iter::from_fn(|| group.allocate()).take(missing));
        }
        Ok(copies)
    }

    /// Returns for each group the number of blocks that [`reserve`](Self::reserve) of `more` would allocate.
    pub fn blocks_needed(&self, more: usize) -> Vec<usize> {
        let blocks = self.len().saturating_add(more).div_ceil(self.pool.block_positions());
        let written = self.written_block(more);
        let groups = self.pool.lock();
        let tables = groups.iter().zip(&self.tables);
        tables.map(|(group, table)| blocks_to_allocate(group, table, blocks, written)).collect()
    }

    /// Returns the index of the partial last block if it would be written.
    fn written_block(&self, more: usize) -> Option<usize> {
        let block_positions = self.pool.block_positions();
        (more > 0 && !self.len().is_multiple_of(block_positions)).then_some(self.len() / block_positions)
    }

    /// Appends tokens whose keys and values have been written to the reserved positions.
    ///
    /// Blocks that became full are registered for prefix sharing. Windowed groups release blocks that end
    /// before the window of the next position and the slack.
    ///
    /// # Panics
    ///
    /// If the positions are not reserved, or if the partial last block was shared by [`fork`](Self::fork) or
    /// cut by [`truncate`](Self::truncate) after the reservation.
    pub fn commit(&mut self, tokens: &[u32]) {
        let block_positions = self.pool.block_positions();
        let written = self.written_block(tokens.len());
        let first_new = self.hashes.len();
        let len = self.len() + tokens.len();

        let mut groups = self.pool.lock();
        for (group, table) in groups.iter().zip(&self.tables) {
            assert!(len <= table.len() * block_positions, "commit of positions that are not reserved");
            let writable = written.is_none_or(|index| group.is_private(table[index]));
            assert!(writable, "commit to a last block that is shared or cut: reserve again");
        }
        self.tokens.extend_from_slice(tokens);
        extend_hashes(&mut self.hashes, self.salt, &self.tokens, block_positions);
        let chain = Chain { salt: self.salt, tokens: &self.tokens, hashes: &self.hashes, block_positions };
        for (group, table) in groups.iter_mut().zip(&mut self.tables) {
            for (index, &block) in table.iter().enumerate().take(self.hashes.len()).skip(first_new) {
                group.register(block, chain.key(index));
            }
            let Some(window) = group.window() else { continue };
            let kept = needed_blocks(len, Some(window.saturating_add(self.pool.slack())), block_positions);
            let released = table.partition_point(|&block| block == NO_BLOCK);
            for entry in table.iter_mut().take(kept.start).skip(released) {
                group.release(*entry);
                *entry = NO_BLOCK;
            }
        }
    }

    /// Truncates the sequence to at most `len` tokens and returns the number of tokens kept.
    ///
    /// Fewer tokens, a multiple of the block positions, are kept if a windowed group needs a block that it
    /// has released and whose content is no longer cached. Blocks after the kept tokens are released,
    /// reserved ones included.
    pub fn truncate(&mut self, len: usize) -> usize {
        let block_positions = self.pool.block_positions();
        let chain = Chain { salt: self.salt, tokens: &self.tokens, hashes: &self.hashes, block_positions };
        let mut groups = self.pool.lock();
        let kept = resumable_len(&groups, block_positions, len.min(self.tokens.len()), |group, index| {
            self.tables[group][index] != NO_BLOCK || groups[group].find(chain.key(index)).is_some()
        });
        for (group, table) in groups.iter_mut().zip(&mut self.tables) {
            share_cached_blocks(group, table, chain, needed_blocks(kept, group.window(), block_positions));
            group.release_after(table, kept.div_ceil(block_positions));
        }
        drop(groups);
        self.tokens.truncate(kept);
        self.hashes.truncate(kept / block_positions);
        kept
    }

    /// Returns a second sequence with the same tokens, which shares all committed blocks.
    ///
    /// Reservations are not shared, and this sequence must reserve again before its next commit.
    pub fn fork(&self) -> Self {
        let blocks = self.len().div_ceil(self.pool.block_positions());
        let tables: Vec<Vec<u32>> = self.tables.iter().map(|table| table[..blocks].to_vec()).collect();
        let mut groups = self.pool.lock();
        for (group, table) in groups.iter_mut().zip(&tables) {
            table.iter().filter(|&&block| block != NO_BLOCK).for_each(|&block| group.share(block));
        }
        drop(groups);
        let (tokens, hashes) = (self.tokens.clone(), self.hashes.clone());
        Self { pool: self.pool.clone(), salt: self.salt, tokens, hashes, tables }
    }
}

impl Drop for Sequence {
    fn drop(&mut self) {
        for (group, table) in self.pool.lock().iter_mut().zip(&mut self.tables) {
            group.release_after(table, 0);
        }
    }
}

/// Returns how many blocks must be allocated to extend a table to `blocks` entries with an unshared block at
/// index `written`.
fn blocks_to_allocate(group: &Group, table: &[u32], blocks: usize, written: Option<usize>) -> usize {
    let shared = written.is_some_and(|index| group.is_shared(table[index]));
    blocks.saturating_sub(table.len()) + usize::from(shared)
}
