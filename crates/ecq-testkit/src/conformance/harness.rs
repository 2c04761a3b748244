//! A layout with bound buffers, weights and slots, for programs of tests.

use super::Subject;
use bytemuck::Pod;
use ecq_core::Element;
use ecq_runtime::backend::{Compiled, LoadedMatrix, Workspace};
use ecq_runtime::program::{BufferId, Command, Program, Queue, SlotId, Step, WeightId};
use ecq_runtime::{Matrix, Residence, RuntimeError};
use half::{bf16, f16};
use std::ops::{Deref, Range};

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

/// A workspace whose errors fail the test.
pub(super) struct Harness<'a>(Workspace<'a>);

impl<'a> Deref for Harness<'a> {
    type Target = Workspace<'a>;

    fn deref(&self) -> &Workspace<'a> {
        &self.0
    }
}

impl<'a> Harness<'a> {
    pub(super) fn new(subject: &'a Subject) -> Self {
        Self(Workspace::new(&*subject.backend))
    }

    /// Adds a buffer of zeros.
    pub(super) fn zeros(&mut self, element: Element, len: usize) -> BufferId {
        self.0.zeros(element, len).unwrap()
    }

    pub(super) fn filled<T: Item>(&mut self, values: &[T]) -> BufferId {
        self.0.filled(T::ELEMENT, bytemuck::cast_slice(values)).unwrap()
    }

    /// Adds a buffer for results, filled with NaN.
    pub(super) fn results(&mut self, len: usize) -> BufferId {
        self.filled(&vec![f32::NAN; len])
    }

    pub(super) fn write<T: Item>(&self, id: BufferId, values: &[T]) {
        assert_eq!(self.bindings.buffers[id.0 as usize].element(), T::ELEMENT);
        self.0.write(id, bytemuck::cast_slice(values)).unwrap();
    }

    pub(super) fn read<T: Item>(&self, id: BufferId) -> Vec<T> {
        self.part(id, 0..self.bindings.buffers[id.0 as usize].len())
    }

    pub(super) fn part<T: Item>(&self, id: BufferId, range: Range<usize>) -> Vec<T> {
        assert_eq!(self.bindings.buffers[id.0 as usize].element(), T::ELEMENT);
        bytemuck::pod_collect_to_vec(&self.0.read(id, range).unwrap())
    }

    /// Reads the bytes of a buffer of any element type.
    pub(super) fn bytes(&self, id: BufferId) -> Vec<u8> {
        self.0.read(id, 0..self.bindings.buffers[id.0 as usize].len()).unwrap()
    }

    pub(super) fn load(&mut self, matrix: &Matrix, residence: Residence) -> WeightId {
        self.try_load(matrix, residence).unwrap()
    }

    pub(super) fn try_load(
        &mut self,
        matrix: &Matrix,
        residence: Residence,
    ) -> Result<WeightId, RuntimeError> {
        let id = self.0.load(matrix, residence)?;
        let weight = &self.bindings.weights[id.0 as usize];
        assert_eq!(weight.shape(), matrix.shape, "{}", matrix.name);
        assert!(weight.bytes() > 0, "{}", matrix.name);
        Ok(id)
    }

    /// Adds a slot that is large enough for each of the weights.
    pub(super) fn slot(&mut self, weights: &[WeightId]) -> SlotId {
        self.0.slot(weights).unwrap()
    }

    /// Loads a matrix, with its own slot if it needs one.
    pub(super) fn load_operand(&mut self, matrix: &Matrix, residence: Residence) -> LoadedMatrix {
        self.0.load_operand(matrix, residence).unwrap()
    }

    pub(super) fn program(&self, rows: [usize; 2], steps: Vec<Step>) -> Result<Program, RuntimeError> {
        self.0.program("a test", rows, steps)
    }

    pub(super) fn compile(&self, rows: [usize; 2], steps: Vec<Step>) -> Compiled {
        let program = self.program(rows, steps).unwrap();
        self.backend.compile(&program, &self.bindings).unwrap()
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
