//! Programs: what a device does for one step of a model, from the embedding to the logits, as plain data.
//!
//! Commands name buffers, weights and slots by ids of a [`Layout`]. A program is checked once, by [`Program::new`], and then
//! compiled by a backend, which need not check it again; it can be printed. What changes from step to step
//! (tokens, positions, block tables, how many rows are in use) enters with the submission.
//!
//! Commands stand in the order in which one thread could run them. Those of [`Queue::Decode`] may run beside
//! those of
//! [`Queue::Compute`]; [`Step::Signal`] and [`Step::Wait`] are the edges between both, so that a device can capture the whole
//! step as one graph.

mod check;
mod command;
mod print;

pub use command::{
    Attention, BlockTables, CacheView, Command, ExpertWeights, Experts, Norm, Operand, Output,
};

use crate::error::Result;
use crate::plan::Residence;
use ecq_core::Element;
use std::sync::Arc;

/// A buffer of a [`Layout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BufferId(pub u32);

/// A weight matrix of a [`Layout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WeightId(pub u32);

/// A slot of a [`Layout`]: memory for one decoded matrix at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotId(pub u32);

/// An edge between the queues of one program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Edge(pub u32);

/// What the ids of a program stand for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// Buffers by [`BufferId`].
    pub buffers: Vec<BufferInfo>,
    /// Weights by [`WeightId`].
    pub weights: Vec<WeightInfo>,
    /// Slots by [`SlotId`].
    pub slots: Vec<SlotInfo>,
}

/// A buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BufferInfo {
    /// Name for people.
    pub name: String,
    /// Type of its elements.
    pub element: Element,
    /// Number of its elements.
    pub len: usize,
}

/// A weight matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightInfo {
    /// Its name in the checkpoint.
    pub name: String,
    /// Rows (output features), columns (input features).
    pub shape: [usize; 2],
    /// Where it lives.
    pub residence: Residence,
    /// Bytes that it takes in a slot.
    pub slot_bytes: usize,
}

/// A slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInfo {
    /// Name for people.
    pub name: String,
    /// Bytes of the largest matrix that is decoded into it.
    pub bytes: usize,
}

impl Layout {
    /// Adds a buffer.
    pub fn buffer(&mut self, name: impl Into<String>, element: Element, len: usize) -> BufferId {
        self.buffers.push(BufferInfo { name: name.into(), element, len });
        BufferId(self.buffers.len() as u32 - 1)
    }

    /// Adds a weight matrix.
    pub fn weight(&mut self, weight: WeightInfo) -> WeightId {
        self.weights.push(weight);
        WeightId(self.weights.len() as u32 - 1)
    }

    /// Adds a slot.
    pub fn slot(&mut self, name: impl Into<String>, bytes: usize) -> SlotId {
        self.slots.push(SlotInfo { name: name.into(), bytes });
        SlotId(self.slots.len() as u32 - 1)
    }
}

/// A queue of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Everything but decoding ahead.
    Compute,
    /// Decoding of layers to come: [`Command::Decode`] alone.
    Decode,
}

/// Rows that a command works on. How many of them are in use is said with each submission; a device computes
/// nothing for the others, or writes what it computes for them nowhere but into their own rows of
/// activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rows {
    /// The rows of the batch.
    Batch,
    /// The rows whose logits are wanted.
    LogitsSelection,
}

/// One entry of a program.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Run a command.
    Run(Queue, Command),
    /// All that stands before on this queue is done once the other queue has waited for the edge.
    Signal(Queue, Edge),
    /// The queue goes on once the edge was signalled.
    Wait(Queue, Edge),
}

/// A checked program.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    name: String,
    layout: Arc<Layout>,
    rows: usize,
    wanted: usize,
    steps: Vec<Step>,
}

impl Program {
    /// Checks that every command stays inside its buffers for `rows` rows of the batch and `wanted` rows of
    /// logits, that element types fit, that nothing is written while it is read, and that a slot is read only
    /// after it was decoded and decoded only after its readers are done, on whichever queue. `decoded` are
    /// slots that hold a weight when the program starts.
    ///
    /// # Errors
    /// [`Program`](crate::RuntimeError::Program) says which command is wrong, and how.
    pub fn new(
        name: impl Into<String>,
        layout: Arc<Layout>,
        [rows, wanted]: [usize; 2],
        decoded: &[(SlotId, WeightId)],
        steps: Vec<Step>,
    ) -> Result<Self> {
        let program = Self { name: name.into(), layout, rows, wanted, steps };
        check::check(&program, decoded)?;
        Ok(program)
    }

    /// Name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its ids stand for.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Rows that it has room for.
    pub fn capacity(&self, rows: Rows) -> usize {
        match rows {
            Rows::Batch => self.rows,
            Rows::LogitsSelection => self.wanted,
        }
    }

    /// What it does.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}
