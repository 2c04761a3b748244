//! The interface between models and devices.
//!
//! A backend allocates buffers, weights and slots, and compiles a [`Program`] (one whole step) into a form
//! that its device can replay: a list of commands on the CPU, a captured graph or an encoded command buffer
//! on a GPU. Values that change from step to step are passed with each submission.
//!
//! Validation: [`Backend::load`] checks the bytes of a file. [`Program::new`] checks every command against
//! the layout. [`Backend::compile`] checks that the bindings match the layout ([`Bindings::check`]) and
//! belong to the backend. A compiled program runs without further checks. The caller is responsible for valid
//! rows, positions and block tables in a submission; [`Batch`](crate::Batch) produces them.

mod cpu;
mod workspace;

pub use cpu::{ActivationType, Cpu, CpuOptions};
pub use workspace::{LoadedMatrix, Workspace};

use crate::error::{Result, RuntimeError};
use crate::plan::Residence;
use crate::program::{BufferId, Layout, Program};
use crate::weights::Matrix;
use ecq_core::{Coding, Element};
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A device that holds buffers, weights and slots, and runs programs. Object-safe.
pub trait Backend: Send + Sync {
    /// Describes the device.
    fn info(&self) -> DeviceInfo;

    /// Allocates a buffer of `len` zeros.
    ///
    /// # Errors
    /// [`OutOfMemory`](RuntimeError::OutOfMemory) if the device has too little memory.
    fn alloc(&self, element: Element, len: usize) -> Result<Buffer>;

    /// Writes little-endian elements, starting at element `at`, before any later submission runs.
    ///
    /// # Errors
    /// [`Binding`](RuntimeError::Binding) if the range is outside the buffer or the buffer belongs to another
    /// backend.
    fn upload(&self, buffer: &Buffer, at: usize, bytes: &[u8]) -> Result<()>;

    /// Reads elements, starting at element `at`, after all earlier submissions have run.
    ///
    /// # Errors
    /// [`Binding`](RuntimeError::Binding) as for [`upload`](Self::upload), or the error of an earlier
    /// submission.
    fn download(&self, buffer: &Buffer, at: usize, bytes: &mut [u8]) -> Result<()>;

    /// Loads a weight matrix onto the device.
    ///
    /// # Errors
    /// If the matrix does not decode, has no codes although `residence` requires them, or memory is
    /// exhausted.
    fn load(&self, matrix: &Matrix, residence: Residence) -> Result<Weight>;

    /// Allocates a slot of `bytes` bytes ([`Weight::slot_bytes`]), which holds one decoded matrix at a time.
    ///
    /// # Errors
    /// [`OutOfMemory`](RuntimeError::OutOfMemory) if the device has too little memory.
    fn slot(&self, bytes: usize) -> Result<Slot>;

    /// Compiles a program whose ids refer to `bindings`; the result can be submitted any number of times.
    ///
    /// # Errors
    /// [`Binding`](RuntimeError::Binding) if the bindings do not match the layout or belong to another
    /// backend.
    fn compile(&self, program: &Program, bindings: &Bindings) -> Result<Compiled>;

    /// Runs a compiled program after all earlier submissions. `inputs.writes` are applied before its first
    /// command.
    ///
    /// # Errors
    /// If the device fails; an asynchronous device may report the failure in [`wait`](Self::wait) instead.
    fn submit(&self, program: &Compiled, inputs: &Inputs) -> Result<Event>;

    /// Waits until a submission has finished and returns its timing.
    ///
    /// # Errors
    /// The error of the submission, if it failed.
    fn wait(&self, event: &Event) -> Result<Timing>;

    /// Returns the names of the kernels that a compiled program runs, in order, for reports; none on a device
    /// without kernels.
    fn kernels(&self, _program: &Compiled) -> Vec<&'static str> {
        Vec::new()
    }
}

/// Properties of a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Human-readable name.
    pub name: String,
    /// TensorKind of device: `cpu`, `cuda`, `wgpu`.
    pub kind: &'static str,
    /// Number of compute threads; 1 on devices without threads.
    pub threads: usize,
    /// Whether [`Queue::Decode`](crate::program::Queue::Decode) runs on the device in parallel with
    /// [`Queue::Compute`](crate::program::Queue::Compute). Required for the mode `async`.
    pub overlaps_decode: bool,
    /// Whether a product is bit-identical for every residence of the weights and every number of rows.
    pub batch_invariant: bool,
    /// Codings whose streams products read; matrices of other codings are decoded before their first use.
    pub fused_codings: &'static [Coding],
    /// Bytes available for weights, if the device reports them.
    pub memory_bytes: Option<u64>,
}

impl DeviceInfo {
    /// Returns whether products read the streams of every coding that decodes tile by tile.
    pub fn fuses_all(&self) -> bool {
        [Coding::Packed, Coding::Rans, Coding::Prefix]
            .iter()
            .all(|coding| self.fused_codings.contains(coding))
    }
}

/// Values that change from one submission to the next.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Number of batch rows in use.
    pub rows: usize,
    /// Number of logits rows in use.
    pub logits_rows: usize,
    /// Little-endian elements to write to the start of buffers.
    pub writes: &'a [(BufferId, &'a [u8])],
}

/// Measurements of one submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// Time that the compute queue waited for decoding into slots; `None` if the device decodes without the
    /// host, which then does not know.
    pub stalled: Option<Duration>,
    /// Number of experts in slots that were used, counted once per command.
    pub expert_uses: u64,
    /// Number of these uses whose expert was already decoded in a slot.
    pub expert_hits: u64,
}

/// The buffers, weights and slots that the ids of a [`Layout`] refer to, in the same order.
#[derive(Debug, Clone, Default)]
pub struct Bindings {
    /// Buffers by [`BufferId`].
    pub buffers: Vec<Buffer>,
    /// Weights by [`WeightId`](crate::program::WeightId).
    pub weights: Vec<Weight>,
    /// Slots by [`SlotId`](crate::program::SlotId).
    pub slots: Vec<Slot>,
}

impl Bindings {
    /// Checks numbers, element types, lengths, shapes and slot sizes against a layout.
    ///
    /// # Errors
    /// [`Binding`](RuntimeError::Binding) with the name of the first entry that does not match.
    pub fn check(&self, layout: &Layout) -> Result<()> {
        let wrong = |what: &str| Err(RuntimeError::Binding(what.to_owned()));
        if [self.buffers.len(), self.weights.len(), self.slots.len()]
            != [layout.buffers.len(), layout.weights.len(), layout.slots.len()]
        {
            return wrong("the numbers of buffers, weights or slots differ from the layout");
        }
        for (info, buffer) in layout.buffers.iter().zip(&self.buffers) {
            if (info.element, info.len) != (buffer.element, buffer.len) {
                return wrong(&format!("{} does not match the layout", info.name));
            }
        }
        for (info, weight) in layout.weights.iter().zip(&self.weights) {
            if info.shape != weight.shape || info.slot_bytes != weight.slot_bytes {
                return wrong(&format!("{} does not match the layout", info.name));
            }
        }
        match layout.slots.iter().zip(&self.slots).find(|(info, slot)| slot.bytes < info.bytes) {
            Some((info, _)) => wrong(&format!("{} is smaller than in the layout", info.name)),
            None => Ok(()),
        }
    }
}

/// Device memory of one element type; freed when the last handle is dropped.
#[derive(Clone)]
pub struct Buffer {
    element: Element,
    len: usize,
    inner: Arc<dyn Any + Send + Sync>,
}

impl Buffer {
    /// Creates a handle; `inner` is the backend's own data.
    pub fn new(element: Element, len: usize, inner: Arc<dyn Any + Send + Sync>) -> Self {
        Self { element, len, inner }
    }

    /// Returns the element type.
    pub fn element(&self) -> Element {
        self.element
    }

    /// Returns the number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the buffer has no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the length in bytes.
    pub fn bytes(&self) -> u64 {
        (self.len * self.element.bytes()) as u64
    }

    /// Returns the backend's data if it has type `T`.
    pub fn inner<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.inner.clone().downcast().ok()
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Buffer({}, {})", self.element, self.len)
    }
}

/// A weight matrix on a device.
#[derive(Clone)]
pub struct Weight {
    shape: [usize; 2],
    bytes: u64,
    slot_bytes: usize,
    inner: Arc<dyn Any + Send + Sync>,
}

impl Weight {
    /// Creates a handle for a matrix of `[rows, cols]`. `bytes` is the memory that the matrix occupies,
    /// mapped bytes included; `slot_bytes` is its decoded size in a slot, 0 if it needs no slot.
    pub fn new(shape: [usize; 2], bytes: u64, slot_bytes: usize, inner: Arc<dyn Any + Send + Sync>) -> Self {
        Self { shape, bytes, slot_bytes, inner }
    }

    /// Returns `[rows, cols]` (output features, input features).
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Returns the bytes occupied: mapped streams, tables, side data, decoded codes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the bytes of the decoded matrix in a slot; 0 if it needs no slot.
    pub fn slot_bytes(&self) -> usize {
        self.slot_bytes
    }

    /// Returns the backend's data if it has type `T`.
    pub fn inner<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.inner.clone().downcast().ok()
    }
}

impl fmt::Debug for Weight {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Weight({:?})", self.shape)
    }
}

/// Device memory for one decoded matrix at a time.
#[derive(Clone)]
pub struct Slot {
    bytes: usize,
    inner: Arc<dyn Any + Send + Sync>,
}

impl Slot {
    /// Creates a handle; `inner` is the backend's own data.
    pub fn new(bytes: usize, inner: Arc<dyn Any + Send + Sync>) -> Self {
        Self { bytes, inner }
    }

    /// Returns the size in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the backend's data if it has type `T`.
    pub fn inner<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.inner.clone().downcast().ok()
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Slot({})", self.bytes)
    }
}

/// A program in the form that a backend runs.
#[derive(Clone)]
pub struct Compiled(Arc<dyn Any + Send + Sync>);

impl Compiled {
    /// Creates a handle; `inner` is the backend's own data.
    pub fn new(inner: Arc<dyn Any + Send + Sync>) -> Self {
        Self(inner)
    }

    /// Returns the backend's data if it has type `T`.
    pub fn inner<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.clone().downcast().ok()
    }
}

/// The completion of a submission.
#[derive(Clone)]
pub struct Event(Arc<dyn Any + Send + Sync>);

impl Event {
    /// Creates a handle; `inner` is the backend's own data.
    pub fn new(inner: Arc<dyn Any + Send + Sync>) -> Self {
        Self(inner)
    }

    /// Returns the backend's data if it has type `T`.
    pub fn inner<T: 'static>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}
