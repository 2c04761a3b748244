//! Device memory of the KV cache, addressed by the block numbers of a [`BlockPool`].

use super::{BlockPool, GroupSpec, GroupUsage};
use crate::arch::{AttentionSpec, Config};
use crate::backend::{Backend, Bindings};
use crate::error::{Result, RuntimeError};
use crate::program::{CacheView, Layout};
use ecq_core::Element;

/// Positions kept before a window, so that a few tokens can be removed again.
const SLACK_POSITIONS: usize = 32;

/// Options of the KV cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvOptions {
    /// Element type: `f32`, `f16` (default), `bf16`, or `i8` with a `bf16` scale per head and position.
    pub element: Element,
    /// Positions per block, a power of two from 8 to 256; default 16. Prefixes are shared in whole blocks.
    pub block_positions: usize,
    /// Number of positions of all sequences together; `None` means the model's context.
    pub positions: Option<usize>,
    /// Maximum number of sequences that run at once; default 1.
    pub sequences: usize,
}

impl Default for KvOptions {
    fn default() -> Self {
        Self { element: Element::F16, block_positions: 16, positions: None, sequences: 1 }
    }
}

/// The KV cache of a model, shared by all sequences.
#[derive(Debug)]
pub struct KvPool {
    blocks: BlockPool,
    /// Attention window of each group.
    windows: Vec<Option<usize>>,
    /// Number of blocks of each group.
    totals: Vec<usize>,
    /// Bytes per block of each group.
    block_bytes: Vec<u64>,
    positions: usize,
}

/// Locations of the layers' keys and values, as programs need them.
#[derive(Debug)]
pub(crate) struct KvViews {
    /// One entry per attention layer, in order.
    pub(crate) layers: Vec<KvLayer>,
    pub(crate) block_positions: usize,
    /// Maximum number of blocks of a sequence.
    pub(crate) table_width: usize,
    pub(crate) groups: usize,
}

/// The cache of one attention layer.
#[derive(Debug)]
pub(crate) struct KvLayer {
    pub(crate) group: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) keys: CacheView,
    pub(crate) values: CacheView,
}

impl KvPool {
    /// Allocates the cache of a model whose steps have at most `rows` rows.
    pub(crate) fn new(
        config: &Config,
        options: &KvOptions,
        [context, rows]: [usize; 2],
        backend: &dyn Backend,
        layout: &mut Layout,
        bindings: &mut Bindings,
    ) -> Result<(Self, KvViews)> {
        let size = options.block_positions;
        if !size.is_power_of_two() || !(8..=256).contains(&size) {
            let (option, found) = ("positions of a cache block", size as f64);
            return Err(RuntimeError::OutOfRange { option, found, expected: "a power of two from 8 to 256" });
        }
        let positions = options.positions.unwrap_or(context).max(1);
        // One more block per sequence, because a fork has a last block of its own.
        let full = positions.div_ceil(size) + options.sequences;
        let attention: Vec<&AttentionSpec> =
            config.blocks.iter().flat_map(|block| block.attention()).collect();
        let mut windows: Vec<Option<usize>> = attention.iter().map(|layer| layer.window).collect();
        windows.sort_unstable();
        windows.dedup();
        let groups = windows.iter().map(|&window| {
            let few = |window: usize| {
                let one = (window + SLACK_POSITIONS + rows).div_ceil(size) + 2;
                full.min(one * options.sequences)
            };
            GroupSpec { window, blocks: window.map_or(full, few) }
        });
        let groups: Vec<GroupSpec> = groups.collect();
        let mut layers = Vec::new();
        let mut block_bytes = vec![0; groups.len()];
        for (layer, &&AttentionSpec { window, kv_heads, head_dim, .. }) in attention.iter().enumerate() {
            let group = windows.iter().position(|&other| other == window).unwrap_or(0);
            let mut view = |what: &str| -> Result<CacheView> {
                let mut buffer = |name: String, element: Element, width: usize| {
                    let len = groups[group].blocks * size * width;
                    bindings.buffers.push(backend.alloc(element, len)?);
                    block_bytes[group] += (size * width * element.bytes()) as u64;
                    Ok::<_, RuntimeError>(layout.buffer(name, element, len))
                };
                let data = buffer(format!("{what}{layer}"), options.element, kv_heads * head_dim)?;
                let scales = (options.element == Element::I8)
                    .then(|| buffer(format!("{what}{layer}.scales"), Element::Bf16, kv_heads))
                    .transpose()?;
                Ok(CacheView { data, scales })
            };
            layers.push(KvLayer { group, kv_heads, head_dim, keys: view("keys")?, values: view("values")? });
        }
        let views = KvViews {
            layers,
            block_positions: size,
            table_width: context.div_ceil(size),
            groups: groups.len(),
        };
        let totals = groups.iter().map(|group| group.blocks).collect();
        let blocks = BlockPool::new(size, SLACK_POSITIONS, groups);
        Ok((Self { blocks, windows, totals, block_bytes, positions }, views))
    }

    /// Returns the block pool.
    pub fn blocks(&self) -> &BlockPool {
        &self.blocks
    }

    /// Returns the attention window of each group of layers.
    pub fn windows(&self) -> &[Option<usize>] {
        &self.windows
    }

    /// Returns the number of positions of all sequences together.
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// Returns the block counts of each group.
    pub fn usage(&self) -> Vec<GroupUsage> {
        self.blocks.usage()
    }

    /// Returns the bytes of all blocks in use; a shared block counts once.
    pub fn used_bytes(&self) -> u64 {
        let free = self.blocks.free_blocks();
        let used = self.totals.iter().zip(free).map(|(total, free)| (total - free) as u64);
        used.zip(&self.block_bytes).map(|(used, bytes)| used * bytes).sum()
    }

    /// Returns the bytes of all blocks.
    pub fn total_bytes(&self) -> u64 {
        self.totals.iter().zip(&self.block_bytes).map(|(&total, bytes)| total as u64 * bytes).sum()
    }
}
