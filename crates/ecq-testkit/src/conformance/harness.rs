//! A layout with bound buffers, weights and slots, for programs of tests.

use super::Subject;
use bytemuck::Pod;
use ecq_core::Element;
use ecq_runtime::backend::{Backend, Bindings, Compiled, Inputs};
use ecq_runtime::program::{
    BufferId, Command, Layout, Operand, Output, Program, Queue, SlotId, Step, WeightId, WeightInfo,
};
use ecq_runtime::{Matrix, Residence, RuntimeError, consumption};
use half::{bf16, f16};
use std::ops::Range;
use std::sync::Arc;

/// Element types of buffers.
pub(super) trait Item: Pod {
    const ELEMENT: Element;
}

impl Item for f32 {
    const ELEMENT: Element = Element::F32;
}
impl Item for f16 {
    const ELEMENT: Element = Element::F16;
}
impl Item for bf16 {
    const ELEMENT: Element = Element::Bf16;
}
impl Item for i8 {
    const ELEMENT: Element = Element::I8;
}
impl Item for u32 {
    const ELEMENT: Element = Element::U32;
}

/// A layout and its bindings.
pub(super) struct Harness<'a> {
    pub(super) backend: &'a dyn Backend,
    pub(super) layout: Layout,
    pub(super) bindings: Bindings,
}

/// A matrix as a product reads it, and the command that decodes it first if it uses a slot.
#[derive(Clone)]
pub(super) struct LoadedMatrix {
    pub(super) operand: Operand,
    pub(super) decode: Option<Command>,
}

impl<'a> Harness<'a> {
    pub(super) fn new(subject: &'a Subject) -> Self {
        Self { backend: &*subject.backend, layout: Layout::default(), bindings: Bindings::default() }
    }

    /// Adds a buffer of zeros.
    pub(super) fn zeros(&mut self, element: Element, len: usize) -> BufferId {
        self.bindings.buffers.push(self.backend.alloc(element, len).unwrap());
        self.layout.buffer(format!("buffer {}", self.layout.buffers.len()), element, len)
    }

    pub(super) fn filled<T: Item>(&mut self, values: &[T]) -> BufferId {
        let id = self.zeros(T::ELEMENT, values.len());
        self.write(id, values);
        id
    }

    /// Adds a buffer for results, filled with NaN.
    pub(super) fn results(&mut self, len: usize) -> BufferId {
        self.filled(&vec![f32::NAN; len])
    }

    pub(super) fn write<T: Item>(&self, id: BufferId, values: &[T]) {
        let buffer = &self.bindings.buffers[id.0 as usize];
        assert_eq!(buffer.element(), T::ELEMENT);
        self.backend.upload(buffer, 0, bytemuck::cast_slice(values)).unwrap();
    }

    pub(super) fn read<T: Item>(&self, id: BufferId) -> Vec<T> {
        self.part(id, 0..self.bindings.buffers[id.0 as usize].len())
    }

    pub(super) fn part<T: Item>(&self, id: BufferId, range: Range<usize>) -> Vec<T> {
        let buffer = &self.bindings.buffers[id.0 as usize];
        assert_eq!(buffer.element(), T::ELEMENT);
        let mut values = vec![T::zeroed(); range.len()];
        self.backend.download(buffer, range.start, bytemuck::cast_slice_mut(&mut values)).unwrap();
        values
    }

    /// Reads the bytes of a buffer of any element type.
    pub(super) fn bytes(&self, id: BufferId) -> Vec<u8> {
        let buffer = &self.bindings.buffers[id.0 as usize];
        let mut bytes = vec![0; buffer.len() * buffer.element().bytes()];
        self.backend.download(buffer, 0, &mut bytes).unwrap();
        bytes
    }

    pub(super) fn load(&mut self, matrix: &Matrix, residence: Residence) -> WeightId {
        self.try_load(matrix, residence).unwrap()
    }

    pub(super) fn try_load(
        &mut self,
        matrix: &Matrix,
        residence: Residence,
    ) -> Result<WeightId, RuntimeError> {
        let weight = self.backend.load(matrix, residence)?;
        assert_eq!(weight.shape(), matrix.shape, "{}", matrix.name);
        assert!(weight.bytes() > 0, "{}", matrix.name);
        let (name, shape, slot_bytes) = (matrix.name.clone(), matrix.shape, weight.slot_bytes());
        self.bindings.weights.push(weight);
        Ok(self.layout.weight(WeightInfo { name, shape, residence, slot_bytes }))
    }

    /// Adds a slot that is large enough for each of the weights.
    pub(super) fn slot(&mut self, weights: &[WeightId]) -> SlotId {
        let bytes = |id: &WeightId| self.layout.weights[id.0 as usize].slot_bytes;
        let bytes = weights.iter().map(bytes).max().unwrap_or(0);
        self.bindings.slots.push(self.backend.slot(bytes).unwrap());
        self.layout.slot(format!("slot {}", self.layout.slots.len()), bytes)
    }

    /// Loads a matrix, with its own slot if it needs one.
    pub(super) fn load_operand(&mut self, matrix: &Matrix, residence: Residence) -> LoadedMatrix {
        let weight = self.load(matrix, residence);
        if residence != Residence::Slot {
            return LoadedMatrix { operand: Operand::Weight(weight), decode: None };
        }
        let into = self.slot(&[weight]);
        LoadedMatrix { operand: Operand::Slot(into, weight), decode: Some(Command::Decode { weight, into }) }
    }

    /// Returns a product of up to `rows` rows with the kernel that a model would choose.
    pub(super) fn output(&self, operand: Operand, rows: usize, range: Range<usize>, y: BufferId) -> Output {
        let weight = &self.layout.weights[operand.weight().0 as usize];
        let consumption = consumption(weight.residence, weight.shape, &self.backend.info(), rows).choice;
        Output { operand, consumption, range, bias: None, y }
    }

    pub(super) fn program(&self, rows: [usize; 2], steps: Vec<Step>) -> Result<Program, RuntimeError> {
        Program::new("a test", Arc::new(self.layout.clone()), rows, &[], steps)
    }

    pub(super) fn compile(&self, rows: [usize; 2], steps: Vec<Step>) -> Compiled {
        let program = self.program(rows, steps).unwrap();
        self.backend.compile(&program, &self.bindings).unwrap()
    }

    /// Runs a program with the given numbers of batch rows and logits rows.
    pub(super) fn submit(
        &self,
        program: &Compiled,
        [rows, logits_rows]: [usize; 2],
        writes: &[(BufferId, &[u8])],
    ) -> Result<(), RuntimeError> {
        let event = self.backend.submit(program, &Inputs { rows, logits_rows, writes })?;
        self.backend.wait(&event).map(|_| ())
    }

    /// Runs commands once, with all rows in use.
    pub(super) fn run(&self, rows: [usize; 2], commands: Vec<Command>) {
        self.submit(&self.compile(rows, compute(commands)), rows, &[]).unwrap();
    }
}

/// Returns steps that run commands in order on the compute queue.
pub(super) fn compute(commands: Vec<Command>) -> Vec<Step> {
    commands.into_iter().map(|command| Step::Run(Queue::Compute, command)).collect()
}
