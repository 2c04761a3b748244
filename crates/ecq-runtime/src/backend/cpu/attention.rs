//! Attention of the batch rows, on all threads.

use super::data::{Data, other_type};
use super::lock::{read, write};
use super::program::Resources;
use super::run::TASK_VALUES;
use crate::error::Result;
use crate::program::{Attention, CacheView};
use ecq_kernels::cpu::{AlignedVec, AttentionScratch, BlockTable, Cached, HeadPlace, attend};
use half::{bf16, f16};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::RwLockReadGuard;

/// Minimum rows of one sequence for which keys and values are converted to contiguous f32 before use.
const MIN_UNROLLED: usize = 8;
/// Maximum rows that share one conversion.
const MAX_UNROLLED: usize = 32;

/// Cached keys or values with their read locks.
enum LockedCache<'a> {
    F32(RwLockReadGuard<'a, AlignedVec<f32>>),
    F16(RwLockReadGuard<'a, AlignedVec<f16>>),
    Bf16(RwLockReadGuard<'a, AlignedVec<bf16>>),
    I8(RwLockReadGuard<'a, AlignedVec<i8>>, RwLockReadGuard<'a, AlignedVec<bf16>>),
}

impl<'a> LockedCache<'a> {
    fn new(resources: &'a Resources, view: CacheView) -> Result<Self> {
        Ok(match resources.buffer(view.data) {
            Data::F32(data) => Self::F32(read(data)),
            Data::F16(data) => Self::F16(read(data)),
            Data::Bf16(data) => Self::Bf16(read(data)),
            Data::I8(data) => {
                Self::I8(read(data), read(resources.buffer(view.scales.ok_or_else(other_type)?).bf16s()?))
            }
            Data::U32(_) => return Err(other_type()),
        })
    }

    fn cached(&self) -> Cached<'_> {
        match self {
            Self::F32(rows) => Cached::F32(rows),
            Self::F16(rows) => Cached::F16(rows),
            Self::Bf16(rows) => Cached::Bf16(rows),
            Self::I8(rows, scales) => Cached::I8(rows, scales),
        }
    }
}

/// Returns the positions that the row at `position` attends to.
fn seen(position: u32, window: Option<usize>) -> Range<usize> {
    let end = position as usize + 1;
    window.map_or(0, |window| end.saturating_sub(window))..end
}

/// Work of one thread: several rows of one sequence, whose keys and values are converted once, or one head of
/// one row.
enum Task<'a> {
    Rows(Range<usize>, &'a mut [f32]),
    Head(usize, usize, &'a mut [f32]),
}

/// Inputs of all tasks.
struct Inputs<'a> {
    command: &'a Attention,
    keys: Cached<'a>,
    values: Cached<'a>,
    tables: &'a [u32],
    sequences: &'a [u32],
    positions: &'a [u32],
    queries: &'a [f32],
}

pub(super) fn run(resources: &Resources, rows: usize, command: &Attention) -> Result<()> {
    let &Attention { heads, head_dim, window, .. } = command;
    let width = heads * head_dim;
    let (keys, values) =
        (LockedCache::new(resources, command.keys)?, LockedCache::new(resources, command.values)?);
    let tables = read(resources.buffer(command.tables.tables).u32s()?);
    let sequences = read(resources.buffer(command.tables.sequences).u32s()?);
    let positions = read(resources.buffer(command.positions).u32s()?);
    let queries = read(resources.buffer(command.queries).f32s()?);
    let inputs = Inputs {
        command,
        keys: keys.cached(),
        values: values.cached(),
        tables: &tables,
        sequences: &sequences[..rows],
        positions: &positions[..rows],
        queries: &queries[..rows * width],
    };
    let mut y = write(resources.buffer(command.y).f32s()?);
    let (mut tasks, mut rest) = (Vec::new(), &mut y[..rows * width]);
    let mut first = 0;
    for group in inputs.sequences.chunk_by(|a, b| a == b) {
        let (own, after) = rest.split_at_mut(group.len() * width);
        if group.len() < MIN_UNROLLED {
            let all = own.chunks_exact_mut(head_dim).enumerate();
            tasks.extend(all.map(|(i, y)| Task::Head(first + i / heads, i % heads, y)));
        } else {
            let at_once = group.len().div_ceil(2 * rayon::current_num_threads()).clamp(1, MAX_UNROLLED);
            let all = own.chunks_mut(at_once * width).enumerate();
            tasks.extend(all.map(|(i, y)| {
                let start = first + i * at_once;
                Task::Rows(start..start + y.len() / width, y)
            }));
        }
        (first, rest) = (first + group.len(), after);
    }
    let longest = inputs.positions.iter().map(|&p| seen(p, window).len()).max().unwrap_or(1);
    // Heads of short sequences are too little work for a task each.
    let min_len = if tasks.iter().any(|task| matches!(task, Task::Rows(..))) {
        1
    } else {
        (TASK_VALUES / (longest * head_dim)).max(1)
    };
    tasks.into_par_iter().with_min_len(min_len).for_each_init(Scratch::default, |scratch, task| match task {
        Task::Rows(rows, y) => inputs.rows(rows, y, scratch),
        Task::Head(row, head, y) => inputs.head(row, head, y, scratch),
    });
    Ok(())
}

#[derive(Default)]
struct Scratch {
    attention: AttentionScratch,
    keys: AlignedVec<f32>,
    values: AlignedVec<f32>,
}

impl Inputs<'_> {
    fn blocks(&self, row: usize) -> BlockTable<'_> {
        let tables = self.command.tables;
        let table = &self.tables[self.sequences[row] as usize * tables.width..][..tables.width];
        BlockTable { table, shift: tables.block_positions.trailing_zeros() }
    }

    fn head_place(&self, kv_head: usize) -> HeadPlace {
        HeadPlace { heads: self.command.kv_heads, head: kv_head, head_dim: self.command.head_dim }
    }

    fn query(&self, row: usize, head: usize) -> &[f32] {
        let &Attention { heads, head_dim, .. } = self.command;
        &self.queries[(row * heads + head) * head_dim..][..head_dim]
    }

    fn head(&self, row: usize, head: usize, y: &mut [f32], scratch: &mut Scratch) {
        let &Attention { heads, kv_heads, window, scale, .. } = self.command;
        let (head_place, seen) =
            (self.head_place(head / (heads / kv_heads)), seen(self.positions[row], window));
        let (query, blocks) = (self.query(row, head), self.blocks(row));
        attend(query, self.keys, self.values, blocks, head_place, seen, scale, &mut scratch.attention, y);
    }

    fn rows(&self, rows: Range<usize>, y: &mut [f32], scratch: &mut Scratch) {
        let &Attention { heads, kv_heads, head_dim, window, scale, .. } = self.command;
        let positions = &self.positions[rows.clone()];
        let first = positions.iter().map(|&p| seen(p, window).start).min().unwrap_or(0);
        let end = positions.iter().map(|&p| seen(p, window).end).max().unwrap_or(0);
        let Scratch { attention, keys, values } = scratch;
        let blocks = self.blocks(rows.start);
        // The converted positions form a single block.
        let (one, flat) = (BlockTable { table: &[0], shift: 31 }, HeadPlace { heads: 1, head: 0, head_dim });
        let group = heads / kv_heads;
        for kv_head in 0..kv_heads {
            self.keys.gather(blocks, self.head_place(kv_head), first..end, keys);
            self.values.gather(blocks, self.head_place(kv_head), first..end, values);
            for (i, &position) in positions.iter().enumerate() {
                let Range { start, end } = seen(position, window);
                for head in kv_head * group..(kv_head + 1) * group {
                    let y = &mut y[(i * heads + head) * head_dim..][..head_dim];
                    let (k, v, range) = (Cached::F32(keys), Cached::F32(values), start - first..end - first);
                    attend(self.query(rows.start + i, head), k, v, one, flat, range, scale, attention, y);
                }
            }
        }
    }
}
