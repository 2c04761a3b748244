//! Texts whose keys and values lie in blocks, dealt as a [`BlockPool`](ecq_runtime::kv::BlockPool) deals
//! them.

use super::random;
use super::rig::Rig;
use ecq_core::Element;
use ecq_fixtures::Numbers;
use ecq_runtime::kv::NO_BLOCK;
use ecq_runtime::program::{BlockTables, BufferId, CacheView};
use half::{bf16, f16};
use std::ops::Range;

/// A row of a batch: its sequence, its position.
pub(super) type Row = (usize, usize);

/// Which block holds which positions of each sequence.
pub(super) struct Paging {
    size: usize,
    window: Option<usize>,
    /// Blocks of a sequence at most.
    pub(super) width: usize,
    /// `[sequences, width]`.
    pub(super) tables: Vec<u32>,
    free: Vec<u32>,
    pub(super) blocks: usize,
}

impl Paging {
    /// Blocks for sequences of these lengths, in no order.
    pub(super) fn new(size: usize, window: Option<usize>, lengths: &[usize], numbers: &mut Numbers) -> Self {
        let blocks = lengths.iter().map(|length| length.div_ceil(size)).sum::<usize>() + 1;
        // One entry more than the longest text takes: what is behind its end is not looked at.
        let width = lengths.iter().map(|length| length.div_ceil(size)).max().unwrap_or(0) + 1;
        let mut free: Vec<u32> = (0..blocks as u32).collect();
        (1..blocks).rev().for_each(|i| free.swap(i, numbers.below(i as u64 + 1) as usize));
        Self { size, window, width, tables: vec![NO_BLOCK; lengths.len() * width], free, blocks }
    }

    /// Gives back what rows of a batch and later ones do not see any more, and makes room for them. What was
    /// given back last is used first, so that blocks change hands.
    pub(super) fn prepare(&mut self, batch: &[Row]) {
        for (sequence, table) in self.tables.chunks_exact_mut(self.width).enumerate() {
            let positions = batch.iter().filter(|row| row.0 == sequence).map(|row| row.1);
            let Some(first) = positions.clone().min() else { continue };
            let seen = self.window.map_or(0, |window| (first + 1).saturating_sub(window));
            for entry in &mut table[..seen / self.size] {
                self.free.extend((*entry != NO_BLOCK).then_some(*entry));
                *entry = NO_BLOCK;
            }
            for position in positions {
                let entry = &mut table[position / self.size];
                if *entry == NO_BLOCK {
                    *entry = self.free.pop().expect("there are blocks for all positions");
                }
            }
        }
    }

    /// The row of the cache that holds a position.
    pub(super) fn row(&self, (sequence, position): Row) -> usize {
        let block = self.tables[sequence * self.width + position / self.size];
        block as usize * self.size + position % self.size
    }

    /// Buffers that say to `rows` rows where they lie; the tables are written with each batch.
    pub(super) fn buffers(&self, rig: &mut Rig, rows: usize) -> BlockTables {
        BlockTables {
            tables: rig.zeros(Element::U32, self.tables.len()),
            width: self.width,
            sequences: rig.zeros(Element::U32, rows),
            block_positions: self.size,
        }
    }
}

/// Cached keys or values of a test.
#[derive(Clone, Copy)]
pub(super) struct Cache {
    pub(super) view: CacheView,
    element: Element,
    heads: usize,
    head_dim: usize,
}

/// A row of a cache in f32, and for integers the steps of its heads.
pub(super) struct StoredRow {
    pub(super) values: Vec<f32>,
    pub(super) steps: Option<Vec<f32>>,
}

impl Cache {
    /// A cache of so many positions, full of what poisons every sum.
    pub(super) fn poisoned(
        rig: &mut Rig,
        element: Element,
        positions: usize,
        [heads, head_dim]: [usize; 2],
    ) -> Self {
        let len = positions * heads * head_dim;
        let mut scales = None;
        let data = match element {
            Element::F32 => rig.filled(&vec![f32::NAN; len]),
            Element::F16 => rig.filled(&vec![f16::NAN; len]),
            Element::Bf16 => rig.filled(&vec![bf16::NAN; len]),
            _ => {
                scales = Some(rig.filled(&vec![bf16::NAN; positions * heads]));
                rig.filled(&vec![77i8; len])
            }
        };
        Self { view: CacheView { data, scales }, element, heads, head_dim }
    }

    /// What a row of it holds.
    pub(super) fn row(&self, rig: &Rig, row: usize) -> StoredRow {
        let width = self.heads * self.head_dim;
        let (data, range) = (self.view.data, row * width..(row + 1) * width);
        let mut steps = None;
        let values = match self.element {
            Element::F32 => rig.part(data, range),
            Element::F16 => rig.part::<f16>(data, range).into_iter().map(f16::to_f32).collect(),
            Element::Bf16 => widened(rig, data, range),
            _ => {
                let scales = self.view.scales.expect("integers have scales");
                let scales = widened(rig, scales, row * self.heads..(row + 1) * self.heads);
                let codes = rig.part::<i8>(data, range);
                let heads = codes.chunks_exact(self.head_dim).zip(&scales);
                let values = heads.flat_map(|(codes, s)| codes.iter().map(move |&c| f32::from(c) * s));
                let values = values.collect();
                steps = Some(scales);
                values
            }
        };
        StoredRow { values, steps }
    }

    /// Whether a row holds `x`: floats as they are, integers within half a step, which is a 127th of the
    /// head's largest magnitude in bfloat16.
    pub(super) fn check(&self, stored: &StoredRow, x: &[f32], what: &dyn Fn() -> String) {
        let Some(steps) = &stored.steps else {
            return assert_eq!(stored.values, x, "{}", what());
        };
        let heads = x.chunks_exact(self.head_dim).zip(stored.values.chunks_exact(self.head_dim));
        for ((x, values), &step) in heads.zip(steps) {
            let wanted = x.iter().fold(0f32, |most, x| most.max(x.abs())) / 127.0;
            assert!((step - wanted).abs() <= wanted / 256.0, "{}: a step of {step} not {wanted}", what());
            for (x, value) in x.iter().zip(values) {
                assert!((x - value).abs() <= 0.5001 * step, "{}: {value} for {x}, step {step}", what());
            }
        }
    }
}

fn widened(rig: &Rig, buffer: BufferId, range: Range<usize>) -> Vec<f32> {
    rig.part::<bf16>(buffer, range).into_iter().map(bf16::to_f32).collect()
}

/// Queries, keys and values of each sequence, `[positions, heads * head_dim]`.
pub(super) struct Texts {
    pub(super) queries: Vec<Vec<f32>>,
    pub(super) keys: Vec<Vec<f32>>,
    pub(super) values: Vec<Vec<f32>>,
}

impl Texts {
    /// Numbers that the element holds as they are, where it is no integer.
    pub(super) fn new(
        lengths: &[usize],
        [heads, kv_heads, head_dim]: [usize; 3],
        element: Element,
        numbers: &mut Numbers,
    ) -> Self {
        let round = |x: f32| match element {
            Element::F16 => f16::from_f32(x).to_f32(),
            Element::Bf16 => bf16::from_f32(x).to_f32(),
            _ => x,
        };
        let mut all = |heads: usize| -> Vec<Vec<f32>> {
            lengths.iter().map(|length| random(numbers, length * heads * head_dim)).collect()
        };
        let (queries, mut keys, mut values) = (all(heads), all(kv_heads), all(kv_heads));
        for text in keys.iter_mut().chain(&mut values) {
            text.iter_mut().for_each(|x| *x = round(*x));
            // A head of zeros has a step of zero.
            text[kv_heads * head_dim..][..head_dim].fill(0.0);
        }
        Self { queries, keys, values }
    }
}
