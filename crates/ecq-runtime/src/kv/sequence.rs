//! The tokens of one sequence and the blocks that hold their keys and values.

use std::iter;

use super::hash::{Chain, ChainHash, extend_hashes};
use super::pool::{Group, needed_blocks, resumable_len, take_up};
use super::{BlockCopy, BlockPool, NO_BLOCK, OutOfBlocks};

/// Tokens whose keys and values are in the cache, and the blocks that hold them; dropping it frees these.
#[derive(Debug)]
pub struct Sequence {
    pub(super) pool: BlockPool,
    pub(super) salt: u64,
    pub(super) tokens: Vec<u32>,
    /// Hashes of the full blocks of `tokens`.
    pub(super) hashes: Vec<ChainHash>,
    /// For each group a table; only the entries before the first block can be `NO_BLOCK`.
    pub(super) tables: Vec<Vec<u32>>,
}

impl Sequence {
    /// The tokens whose keys and values have been committed.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Number of committed tokens, which is the position of the next one.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether no token has been committed.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The block table of a group, reserved blocks included.
    ///
    /// Entry `i` is the block that holds the positions from `i * block_positions` on, or
    /// [`NO_BLOCK`](super::NO_BLOCK) where a windowed group gave it back.
    ///
    /// # Panics
    ///
    /// If there is no such group.
    pub fn table(&self, group: usize) -> &[u32] {
        &self.tables[group]
    }

    /// Copies of the tables of all groups.
    pub(crate) fn tables(&self) -> Vec<Vec<u32>> {
        self.tables.clone()
    }

    /// Makes room for `more` positions behind the committed ones.
    ///
    /// A partial last block that another sequence shares is replaced by an own one. The device must make the
    /// copies that are returned before anything else is written: another holder may free the old block.
    ///
    /// # Errors
    ///
    /// If a group has too few free blocks; then nothing has changed.
    pub fn reserve(&mut self, more: usize) -> Result<Vec<BlockCopy>, OutOfBlocks> {
        let block_positions = self.pool.block_positions();
        let blocks = self.len().saturating_add(more).div_ceil(block_positions);
        let written = self.written_block(more);
        let positions = self.len() % block_positions;

        let mut groups = self.pool.lock();
        for (index, (group, table)) in groups.iter().zip(&self.tables).enumerate() {
            let (wanted, free) = (wanted_blocks(group, table, blocks, written), group.free_blocks());
            if wanted > free {
                return Err(OutOfBlocks { group: index, wanted, free });
            }
        }
        let mut copies = Vec::new();
        for (index, (group, table)) in groups.iter_mut().zip(&mut self.tables).enumerate() {
            if let Some(written) = written {
                let from = table[written];
                if !group.is_shared(from) {
                    // It was full before a truncation, and what its hash promises is about to be overwritten.
                    group.unregister(from);
                } else if let Some(to) = group.take() {
                    group.release(from);
                    table[written] = to;
                    copies.push(BlockCopy { group: index, from, to, positions });
                }
            }
            let missing = blocks.saturating_sub(table.len());
            table.extend(iter::from_fn(|| group.take()).take(missing));
        }
        Ok(copies)
    }

    /// For each group, the number of free blocks that [`reserve`](Self::reserve) of `more` would take.
    pub fn needed(&self, more: usize) -> Vec<usize> {
        let blocks = self.len().saturating_add(more).div_ceil(self.pool.block_positions());
        let written = self.written_block(more);
        let groups = self.pool.lock();
        let tables = groups.iter().zip(&self.tables);
        tables.map(|(group, table)| wanted_blocks(group, table, blocks, written)).collect()
    }

    /// The index of the partial last block, if there is one and `more` positions are written.
    fn written_block(&self, more: usize) -> Option<usize> {
        let block_positions = self.pool.block_positions();
        (more > 0 && !self.len().is_multiple_of(block_positions)).then_some(self.len() / block_positions)
    }

    /// Appends tokens whose keys and values have been written to the reserved positions.
    ///
    /// Blocks that became full can be found by sequences with the same prefix from now on. Windowed groups
    /// give back the blocks that end before the window of the next position and the slack.
    ///
    /// # Panics
    ///
    /// If the positions are not reserved, or if the partial last block has been shared by
    /// [`fork`](Self::fork) or cut by [`truncate`](Self::truncate) since the reservation.
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
            let given_back = table.partition_point(|&block| block == NO_BLOCK);
            for entry in table.iter_mut().take(kept.start).skip(given_back) {
                group.release(*entry);
                *entry = NO_BLOCK;
            }
        }
    }

    /// Takes the sequence back to at most `len` tokens and returns how many it kept.
    ///
    /// It keeps fewer, a multiple of the block positions, where a windowed group has given back a block that
    /// the next position needs and the pool no longer holds its content. All blocks behind the kept tokens
    /// are released, reserved ones included.
    pub fn truncate(&mut self, len: usize) -> usize {
        let block_positions = self.pool.block_positions();
        let chain = Chain { salt: self.salt, tokens: &self.tokens, hashes: &self.hashes, block_positions };
        let mut groups = self.pool.lock();
        let kept = resumable_len(&groups, block_positions, len.min(self.tokens.len()), |group, index| {
            self.tables[group][index] != NO_BLOCK || groups[group].find(chain.key(index)).is_some()
        });
        for (group, table) in groups.iter_mut().zip(&mut self.tables) {
            take_up(group, table, chain, needed_blocks(kept, group.window(), block_positions));
            group.release_behind(table, kept.div_ceil(block_positions));
        }
        drop(groups);
        self.tokens.truncate(kept);
        self.hashes.truncate(kept / block_positions);
        kept
    }

    /// A second sequence with the same tokens, which shares all blocks that hold them but no reserved ones.
    ///
    /// A reservation that this sequence has made must be made again before the next commit.
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
            group.release_behind(table, 0);
        }
    }
}

/// How many blocks a group must take for `blocks` table entries of which the `written` one is not shared.
fn wanted_blocks(group: &Group, table: &[u32], blocks: usize, written: Option<usize>) -> usize {
    let shared = written.is_some_and(|index| group.is_shared(table[index]));
    blocks.saturating_sub(table.len()) + usize::from(shared)
}
