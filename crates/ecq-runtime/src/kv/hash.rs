//! Hashes of full blocks, chained from the start of the sequence.

/// First 128 bits of BLAKE3 over the parent's hash, the salt and the tokens of a block.
///
/// The keys and values of a block depend on all earlier tokens; the hash covers them through the parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ChainHash([u8; 16]);

impl ChainHash {
    /// Parent of the first block.
    pub(super) const ROOT: Self = Self([0; 16]);

    pub(super) fn child(self, salt: u64, tokens: &[u32]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(&salt.to_le_bytes());
        for token in tokens {
            hasher.update(&token.to_le_bytes());
        }
        let mut hash = Self::ROOT;
        hasher.finalize_xof().fill(&mut hash.0);
        hash
    }
}

/// Appends the hashes of the full blocks of `tokens` that are not in `hashes` yet.
pub(super) fn extend_hashes(hashes: &mut Vec<ChainHash>, salt: u64, tokens: &[u32], block_positions: usize) {
    for block in tokens.chunks_exact(block_positions).skip(hashes.len()) {
        let parent = hashes.last().copied().unwrap_or(ChainHash::ROOT);
        hashes.push(parent.child(salt, block));
    }
}

/// The identity of a block's content.
///
/// Lookups compare all fields, so that a hash collision is not a match.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockKey<'a> {
    pub(super) hash: ChainHash,
    pub(super) parent: ChainHash,
    pub(super) salt: u64,
    pub(super) tokens: &'a [u32],
}

/// The tokens of a sequence and the hashes of its full blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain<'a> {
    pub(super) salt: u64,
    pub(super) tokens: &'a [u32],
    pub(super) hashes: &'a [ChainHash],
    pub(super) block_positions: usize,
}

impl<'a> Chain<'a> {
    /// Returns the key of the full block at `index`.
    pub(super) fn key(&self, index: usize) -> BlockKey<'a> {
        let start = index * self.block_positions;
        BlockKey {
            hash: self.hashes[index],
            parent: index.checked_sub(1).map_or(ChainHash::ROOT, |before| self.hashes[before]),
            salt: self.salt,
            tokens: &self.tokens[start..start + self.block_positions],
        }
    }
}
