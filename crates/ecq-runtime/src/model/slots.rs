//! Assignment of blocks to slots, and the schedule in which blocks are decoded.

use crate::plan::{Mode, Residence};
use crate::program::{Command, Edge, Layout, Operand, Queue, SlotId, Step, WeightId};

/// The streamed blocks (those decoded before each use) and the slots that they share.
#[derive(Debug, Default)]
pub struct BlockSlots {
    /// For each block of the model, its matrices and their slots; `None` if the block is not streamed.
    blocks: Vec<Option<Vec<(SlotId, WeightId)>>>,
    /// Indices of the streamed blocks.
    streamed: Vec<usize>,
    /// Set of slots of each streamed block.
    sets: Vec<usize>,
    /// Whether the next block is decoded while the current one computes.
    double_buffered: bool,
    /// Number of pinned blocks in a mode that decodes before use.
    pub(crate) pinned: usize,
}

impl BlockSlots {
    /// Adds slots to the layout: one set, or two alternating sets if decoding overlaps computation. With an
    /// odd number of blocks, the last block then has a third set, so that the first block of the next step
    /// can be decoded at the same time.
    pub fn new(mode: Mode, blocks: &[Vec<WeightId>], pinned: &[bool], layout: &mut Layout) -> Self {
        let double_buffered = matches!(mode, Mode::Prefetch | Mode::Async);
        let uses_slot = |id: &&WeightId| layout.weights[id.0 as usize].residence == Residence::Slot;
        let matrices: Vec<Vec<WeightId>> =
            blocks.iter().map(|block| block.iter().filter(uses_slot).copied().collect()).collect();
        let streamed: Vec<usize> = (0..blocks.len()).filter(|&block| !matrices[block].is_empty()).collect();
        let set_of =
            |i: usize| match (double_buffered, i + 1 == streamed.len() && i > 0 && i.is_multiple_of(2)) {
                (false, _) => 0,
                (true, true) => 2,
                (true, false) => i % 2,
            };
        let sets: Vec<usize> = (0..streamed.len()).map(set_of).collect();
        let mut all = vec![None; blocks.len()];
        for set in 0..3 {
            let users: Vec<usize> = streamed
                .iter()
                .zip(&sets)
                .filter(|&(_, &used)| used == set)
                .map(|(&block, _)| block)
                .collect();
            // Matrix `i` of each block uses slot `i` of its set.
            let slot_count = users.iter().map(|&block| matrices[block].len()).max().unwrap_or(0);
            let slots: Vec<SlotId> = (0..slot_count)
                .map(|i| {
                    let bytes = |&block: &usize| {
                        matrices[block].get(i).map_or(0, |id| layout.weights[id.0 as usize].slot_bytes)
                    };
                    let bytes = users.iter().map(bytes).max().unwrap_or(0);
                    layout.slot(format!("slot {set}.{i}"), bytes)
                })
                .collect();
            for block in users {
                all[block] = Some(slots.iter().copied().zip(matrices[block].iter().copied()).collect());
            }
        }
        let coded = |block: &Vec<WeightId>| {
            block.iter().any(|id| layout.weights[id.0 as usize].residence == Residence::Packed)
        };
        let pinned = pinned.iter().zip(blocks).filter(|&(&pinned, block)| pinned && coded(block)).count();
        Self { blocks: all, streamed, sets, double_buffered, pinned }
    }

    /// Returns the number of streamed blocks.
    pub(crate) fn streamed(&self) -> usize {
        self.streamed.len()
    }

    /// Returns the operand from which a product reads a matrix of a block, given by its index.
    pub fn operand(&self, block: usize, weight: WeightId) -> Operand {
        let slots = self.blocks[block].iter().flatten();
        match slots.into_iter().find(|(_, id)| *id == weight) {
            Some(&(slot, _)) => Operand::Slot(slot, weight),
            None => Operand::Weight(weight),
        }
    }

    /// Returns the slots that the previous step has filled for this one.
    pub fn preloaded(&self) -> &[(SlotId, WeightId)] {
        match self.streamed.first() {
            Some(&block) if self.double_buffered => self.blocks[block].as_deref().unwrap_or_default(),
            _ => &[],
        }
    }

    fn decode(&self, queue: Queue, i: usize, steps: &mut Vec<Step>) {
        for &(into, weight) in self.blocks[self.streamed[i]].iter().flatten() {
            steps.push(Step::Run(queue, Command::Decode { weight, into }));
        }
    }

    /// Returns the steps that decode the first block into its slots.
    pub fn decode_first_block(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if !self.preloaded().is_empty() {
            self.decode(Queue::Compute, 0, &mut steps);
        }
        steps
    }
}

/// Inserts decode commands and edges between the compute steps of a program: [`begin`](Self::begin), then
/// [`before`](Self::before) and [`after`](Self::after) the commands of each block, then [`end`](Self::end).
pub struct DecodeScheduler<'a> {
    block_slots: &'a BlockSlots,
    /// Next block to decode, in the order 1, 2, ..., n - 1, 0.
    next: usize,
    edges: u32,
    /// Edge that signals that block `i` is decoded.
    ready: Vec<Option<Edge>>,
    /// Edge that signals that block `i` is computed.
    done: Vec<Option<Edge>>,
}

impl<'a> DecodeScheduler<'a> {
    /// Creates a scheduler for one program.
    pub fn new(block_slots: &'a BlockSlots) -> Self {
        let n = block_slots.streamed.len();
        Self { block_slots, next: 1, edges: 0, ready: vec![None; n], done: vec![None; n] }
    }

    fn edge(&mut self) -> Edge {
        self.edges += 1;
        Edge(self.edges - 1)
    }

    /// Returns whether the decode queue is used; a single block just stays in its slots.
    fn runs_ahead(&self) -> bool {
        self.block_slots.double_buffered && self.block_slots.streamed.len() > 1
    }

    /// Starts decoding the blocks whose slots are free.
    pub fn begin(&mut self, steps: &mut Vec<Step>) {
        if self.runs_ahead() {
            let fork = self.edge();
            steps.extend([Step::Signal(Queue::Compute, fork), Step::Wait(Queue::Decode, fork)]);
            self.decode_ahead(None, steps);
        }
    }

    /// Decodes a block, or waits for its decoding.
    pub fn before(&mut self, block: usize, steps: &mut Vec<Step>) {
        let Some(i) = self.block_slots.streamed.iter().position(|&streamed| streamed == block) else {
            return;
        };
        if !self.block_slots.double_buffered {
            self.block_slots.decode(Queue::Compute, i, steps);
        } else if let Some(edge) = self.ready[i] {
            steps.push(Step::Wait(Queue::Compute, edge));
        }
    }

    /// Starts decoding the blocks whose slots a block has left.
    pub fn after(&mut self, block: usize, steps: &mut Vec<Step>) {
        let Some(i) = self.block_slots.streamed.iter().position(|&streamed| streamed == block) else {
            return;
        };
        if self.runs_ahead() && self.is_awaited(i) {
            let edge = self.edge();
            self.done[i] = Some(edge);
            steps.push(Step::Signal(Queue::Compute, edge));
            self.decode_ahead(Some(i), steps);
        }
    }

    /// Makes the program wait for all decoding.
    pub fn end(&mut self, steps: &mut Vec<Step>) {
        if self.runs_ahead()
            && let Some(edge) = self.ready[0]
        {
            steps.push(Step::Wait(Queue::Compute, edge));
        }
    }

    /// Returns whether another block uses the slots of block `i` after it.
    fn is_awaited(&self, i: usize) -> bool {
        (1..=self.block_slots.streamed.len()).any(|order| self.before_in_slots(order) == Some(i))
    }

    /// Returns the block that occupies the slots of the block at `order` before it in the same step.
    fn before_in_slots(&self, order: usize) -> Option<usize> {
        let n = self.block_slots.streamed.len();
        let set = self.block_slots.sets[order % n];
        (0..order).rev().find(|&i| self.block_slots.sets[i] == set)
    }

    /// Decodes all following blocks whose slots are free once block `computed` is done.
    fn decode_ahead(&mut self, computed: Option<usize>, steps: &mut Vec<Step>) {
        let n = self.block_slots.streamed.len();
        while self.next <= n {
            let before = self.before_in_slots(self.next);
            if before.is_some_and(|before| computed.is_none_or(|computed| before > computed)) {
                return;
            }
            if let Some(edge) = before.and_then(|before| self.done[before]) {
                steps.push(Step::Wait(Queue::Decode, edge));
            }
            let i = self.next % n;
            self.block_slots.decode(Queue::Decode, i, steps);
            let edge = self.edge();
            steps.push(Step::Signal(Queue::Decode, edge));
            self.ready[i] = Some(edge);
            self.next += 1;
        }
    }
}
