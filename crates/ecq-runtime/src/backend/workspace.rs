//! A layout that grows together with what is bound to it, for programs other than those of a model.

use super::{Backend, Bindings, Compiled, Inputs};
use crate::error::Result;
use crate::plan::{Residence, consumption};
use crate::program::{
    BufferId, Command, Layout, Operand, Output, Program, Queue, SlotId, Step, WeightId, WeightInfo,
};
use crate::weights::Matrix;
use ecq_core::Element;
use std::ops::Range;
use std::sync::Arc;

/// Buffers, weights and slots of a device, and the layout of their ids.
pub struct Workspace<'a> {
    /// The device.
    pub backend: &'a dyn Backend,
    /// Describes what is bound.
    pub layout: Layout,
    /// What the ids of the layout refer to.
    pub bindings: Bindings,
}

/// A matrix as a product reads it, and the command that decodes it first if it uses a slot.
#[derive(Debug, Clone)]
pub struct LoadedMatrix {
    /// The matrix.
    pub operand: Operand,
    /// Decodes it.
    pub decode: Option<Command>,
}

impl<'a> Workspace<'a> {
    /// Creates a workspace without buffers.
    pub fn new(backend: &'a dyn Backend) -> Self {
        Self { backend, layout: Layout::default(), bindings: Bindings::default() }
    }

    /// Adds a buffer of zeros.
    ///
    /// # Errors
    /// As [`Backend::alloc`].
    pub fn zeros(&mut self, element: Element, len: usize) -> Result<BufferId> {
        self.bindings.buffers.push(self.backend.alloc(element, len)?);
        Ok(self.layout.buffer(format!("buffer {}", self.layout.buffers.len()), element, len))
    }

    /// Adds a buffer of little-endian elements.
    ///
    /// # Errors
    /// As [`Backend::alloc`] and [`Backend::upload`].
    pub fn filled(&mut self, element: Element, bytes: &[u8]) -> Result<BufferId> {
        let id = self.zeros(element, bytes.len() / element.bytes())?;
        self.write(id, bytes)?;
        Ok(id)
    }

    /// Writes little-endian elements to the start of a buffer.
    ///
    /// # Errors
    /// As [`Backend::upload`].
    pub fn write(&self, id: BufferId, bytes: &[u8]) -> Result<()> {
        self.backend.upload(&self.bindings.buffers[id.0 as usize], 0, bytes)
    }

    /// Reads little-endian elements of a buffer.
    ///
    /// # Errors
    /// As [`Backend::download`].
    pub fn read(&self, id: BufferId, range: Range<usize>) -> Result<Vec<u8>> {
        let buffer = &self.bindings.buffers[id.0 as usize];
        let mut bytes = vec![0; range.len() * buffer.element().bytes()];
        self.backend.download(buffer, range.start, &mut bytes)?;
        Ok(bytes)
    }

    /// Loads a matrix.
    ///
    /// # Errors
    /// As [`Backend::load`].
    pub fn load(&mut self, matrix: &Matrix, residence: Residence) -> Result<WeightId> {
        let weight = self.backend.load(matrix, residence)?;
        let (name, shape, slot_bytes) = (matrix.name.clone(), weight.shape(), weight.slot_bytes());
        self.bindings.weights.push(weight);
        Ok(self.layout.weight(WeightInfo { name, shape, residence, slot_bytes }))
    }

    /// Adds a slot that is large enough for each of the weights.
    ///
    /// # Errors
    /// As [`Backend::slot`].
    pub fn slot(&mut self, weights: &[WeightId]) -> Result<SlotId> {
        let bytes = |id: &WeightId| self.layout.weights[id.0 as usize].slot_bytes;
        let bytes = weights.iter().map(bytes).max().unwrap_or(0);
        self.bindings.slots.push(self.backend.slot(bytes)?);
        Ok(self.layout.slot(format!("slot {}", self.layout.slots.len()), bytes))
    }

    /// Loads a matrix, with its own slot if it needs one.
    ///
    /// # Errors
    /// As [`Backend::load`] and [`Backend::slot`].
    pub fn load_operand(&mut self, matrix: &Matrix, residence: Residence) -> Result<LoadedMatrix> {
        let weight = self.load(matrix, residence)?;
        if residence != Residence::Slot {
            return Ok(LoadedMatrix { operand: Operand::Weight(weight), decode: None });
        }
        let into = self.slot(&[weight])?;
        let decode = Some(Command::Decode { weight, into });
        Ok(LoadedMatrix { operand: Operand::Slot(into, weight), decode })
    }

    /// Returns a product of up to `rows` rows with the kernel that a model would choose.
    pub fn output(&self, operand: Operand, rows: usize, range: Range<usize>, y: BufferId) -> Output {
        let weight = &self.layout.weights[operand.weight().0 as usize];
        let consumption = consumption(weight.residence, weight.shape, &self.backend.info(), rows).choice;
        Output { operand, consumption, range, bias: None, y }
    }

    /// Checks a program of the layout.
    ///
    /// # Errors
    /// As [`Program::new`].
    pub fn program(&self, name: &str, rows: [usize; 2], steps: Vec<Step>) -> Result<Program> {
        Program::new(name, Arc::new(self.layout.clone()), rows, &[], steps)
    }

    /// Compiles commands that run in order on the compute queue.
    ///
    /// # Errors
    /// As [`Program::new`] and [`Backend::compile`].
    pub fn compile(&self, name: &str, rows: [usize; 2], commands: Vec<Command>) -> Result<Compiled> {
        let steps = commands.into_iter().map(|command| Step::Run(Queue::Compute, command)).collect();
        self.backend.compile(&self.program(name, rows, steps)?, &self.bindings)
    }

    /// Runs a program with the given numbers of batch rows and logits rows, and waits for its end.
    ///
    /// # Errors
    /// As [`Backend::submit`] and [`Backend::wait`].
    pub fn submit(
        &self,
        program: &Compiled,
        [rows, logits_rows]: [usize; 2],
        writes: &[(BufferId, &[u8])],
    ) -> Result<()> {
        let event = self.backend.submit(program, &Inputs { rows, logits_rows, writes })?;
        self.backend.wait(&event).map(|_| ())
    }
}
