//! Programs: one step of a model, from the embedding to the logits, as plain data.
//!
//! Commands refer to buffers, weights and slots by ids of a [`Layout`]. [`Program::new`] checks a program
//! once; a backend then compiles it without further checks. A program can be printed. Values that change from
//! step to step (tokens, positions, block tables, numbers of rows) are passed with each submission.
//!
//! Commands are in an order in which one thread could run them. Commands of [`Queue::Decode`] may run in
//! parallel with those of [`Queue::Compute`]; [`Step::Signal`] and [`Step::Wait`] are the edges between both
//! queues, so that a device can capture a whole step as one graph.

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

/// Id of a buffer of a [`Layout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BufferId(pub u32);

/// Id of a weight matrix of a [`Layout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WeightId(pub u32);

/// Id of a slot of a [`Layout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotId(pub u32);

/// Id of an edge between the queues of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Edge(pub u32);

/// The buffers, weights and slots that the ids of a program refer to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// Buffers by [`BufferId`].
    pub buffers: Vec<BufferInfo>,
    /// Weights by [`WeightId`].
    pub weights: Vec<WeightInfo>,
    /// Slots by [`SlotId`].
    pub slots: Vec<SlotInfo>,
}

/// Description of a buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BufferInfo {
    /// Human-readable name.
    pub name: String,
    /// Element type.
    pub element: Element,
    /// Number of elements.
    pub len: usize,
}

/// Description of a weight matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightInfo {
    /// Name in the checkpoint.
    pub name: String,
    /// `[rows, cols]` (output features, input features).
    pub shape: [usize; 2],
    /// Residence.
    pub residence: Residence,
    /// Bytes of the decoded matrix in a slot; 0 if it needs no slot.
    pub slot_bytes: usize,
}

/// Description of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInfo {
    /// Human-readable name.
    pub name: String,
    /// Size in bytes: that of the largest matrix decoded into it.
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
    /// All commands except decoding ahead.
    Compute,
    /// Decoding of later layers; [`Command::Decode`] only.
    Decode,
}

/// The kind of rows that a command works on. The submission states how many are in use. A device must not
/// compute other rows, or must write their results only to their own rows of activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rows {
    /// Rows of the batch.
    Batch,
    /// Rows whose logits are computed.
    Logits,
}

/// An entry of a program.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Runs a command.
    Run(Queue, Command),
    /// Marks the preceding commands of this queue as done for a queue that waits for the edge.
    Signal(Queue, Edge),
    /// Delays the following commands of this queue until the edge has been signalled.
    Wait(Queue, Edge),
}

/// A checked program.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    name: String,
    layout: Arc<Layout>,
    rows: usize,
    logits_rows: usize,
    steps: Vec<Step>,
}

impl Program {
    /// Creates a program for up to `rows` batch rows and `logits_rows` logits rows, and checks it.
    ///
    /// Every command must stay inside its buffers and have the right element types. No buffer may be read and
    /// written at the same time. A slot may be read only after it was decoded, and decoded only after its
    /// readers are done, on either queue. `decoded` lists slots that hold a weight when the program starts.
    ///
    /// # Errors
    /// [`Program`](crate::RuntimeError::Program) with the index of the invalid step and the violated rule.
    pub fn new(
        name: impl Into<String>,
        layout: Arc<Layout>,
        [rows, logits_rows]: [usize; 2],
        decoded: &[(SlotId, WeightId)],
        steps: Vec<Step>,
    ) -> Result<Self> {
        let program = Self { name: name.into(), layout, rows, logits_rows, steps };
        check::check(&program, decoded)?;
        Ok(program)
    }

    /// Returns the human-readable name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the layout of the ids.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the maximum number of rows.
    pub fn capacity(&self, rows: Rows) -> usize {
        match rows {
            Rows::Batch => self.rows,
            Rows::Logits => self.logits_rows,
        }
    }

    /// Returns the steps.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}
