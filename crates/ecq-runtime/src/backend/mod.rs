//! The seam between models and devices.
//!
//! A backend holds buffers, weights and slots, and compiles a [`Program`], which is one whole step, into
//! whatever its device replays: the CPU keeps a list of commands, a device that captures graphs captures one,
//! one that encodes commands encodes them. What differs from step to step enters with the submission.
//!
//! Who checks: [`Backend::load`] checks bytes of a file; [`Program::new`] has checked every command against
//! the layout, and
//! [`Backend::compile`] that the bindings are what the layout says ([`Bindings::check`]) and its own; a compiled program only
//! runs. What a submission says of rows and blocks is the caller's to get right ([`Batch`](crate::Batch)
//! does).

mod cpu;

pub use cpu::{ActivationType, Cpu, CpuOptions};

use crate::error::{Result, RuntimeError};
use crate::plan::Residence;
use crate::program::{BufferId, Layout, Program};
use crate::weights::Matrix;
use ecq_core::Element;
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A device: holds buffers, weights and slots, runs programs. Object-safe, nine verbs.
pub trait Backend: Send + Sync {
    /// What the device is and offers.
    fn facts(&self) -> DeviceInfo;

    /// A buffer of `len` zeros.
    ///
    /// # Errors
    /// When the device has no room.
    fn alloc(&self, element: Element, len: usize) -> Result<Buffer>;

    /// Writes little-endian elements from element `at` on, before what is submitted later.
    ///
    /// # Errors
    /// When they do not fit, or the buffer belongs to another backend.
    fn upload(&self, buffer: &Buffer, at: usize, bytes: &[u8]) -> Result<()>;

    /// Reads elements from element `at` on, after all that was submitted before.
    ///
    /// # Errors
    /// When they are not there, or something submitted before has failed.
    fn download(&self, buffer: &Buffer, at: usize, bytes: &mut [u8]) -> Result<()>;

    /// Brings a weight matrix to the device, where it lives from now on.
    ///
    /// # Errors
    /// When it does not decode, has no codes for a slot, or there is no room.
    fn load(&self, matrix: &Matrix, residence: Residence) -> Result<Weight>;

    /// Memory for one decoded matrix at a time, of up to `bytes` ([`Weight::slot_bytes`]).
    ///
    /// # Errors
    /// When the device has no room.
    fn slot(&self, bytes: usize) -> Result<Slot>;

    /// Makes a program ready to run again and again on what its ids are bound to.
    ///
    /// # Errors
    /// When the bindings do not match its layout, or something of another backend is among them.
    fn compile(&self, program: &Program, bindings: &Bindings) -> Result<Compiled>;

    /// Runs a compiled program after what was submitted before. Inputs are written before its first command.
    ///
    /// # Errors
    /// When the device fails, at the latest in [`wait`](Self::wait).
    fn submit(&self, program: &Compiled, inputs: &Inputs) -> Result<Event>;

    /// Waits until a submission is done, and says what it cost.
    ///
    /// # Errors
    /// When it has failed.
    fn wait(&self, event: &Event) -> Result<Timing>;
}

/// What a device is and offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Name for people.
    pub name: String,
    /// Kind of device: `cpu`, `cuda`, `wgpu`.
    pub kind: &'static str,
    /// Threads that compute; 1 where the word has no meaning.
    pub threads: usize,
    /// Whether [`Queue::Decode`](crate::program::Queue::Decode) runs on the device itself, beside the other
    /// queue (`async`).
    pub decodes_aside: bool,
    /// Whether a product has the same bits wherever its weights live and however many rows it has.
    pub same_bits: bool,
    /// Bytes that weights may take, where the device knows.
    pub memory_bytes: Option<u64>,
}

/// What changes from one submission to the next.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// Rows of the batch in use.
    pub rows: usize,
    /// Rows whose logits are wanted, in use.
    pub wanted: usize,
    /// Little-endian elements for the beginning of buffers.
    pub writes: &'a [(BufferId, &'a [u8])],
}

/// What a submission cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// Time that computing waited for decoding into slots.
    pub stalled: Duration,
    /// Experts that were chosen and have slots, counted once a command.
    pub expert_uses: u64,
    /// Of these, experts that lay in their slots already.
    pub expert_hits: u64,
}

/// What the ids of a [`Layout`] are bound to, in its order.
#[derive(Debug, Clone, Default)]
pub struct Bindings {
    /// Buffers.
    pub buffers: Vec<Buffer>,
    /// Weights.
    pub weights: Vec<Weight>,
    /// Slots.
    pub slots: Vec<Slot>,
}

impl Bindings {
    /// Whether everything is as the layout says.
    ///
    /// # Errors
    /// Names what is not.
    pub fn check(&self, layout: &Layout) -> Result<()> {
        let wrong = |what: &str| Err(RuntimeError::Binding(what.to_owned()));
        if [self.buffers.len(), self.weights.len(), self.slots.len()]
            != [layout.buffers.len(), layout.weights.len(), layout.slots.len()]
        {
            return wrong("the layout has other numbers of buffers, weights or slots");
        }
        for (info, buffer) in layout.buffers.iter().zip(&self.buffers) {
            if (info.element, info.len) != (buffer.element, buffer.len) {
                return wrong(&info.name);
            }
        }
        for (info, weight) in layout.weights.iter().zip(&self.weights) {
            if info.shape != weight.shape || info.slot_bytes != weight.slot_bytes {
                return wrong(&info.name);
            }
        }
        match layout.slots.iter().zip(&self.slots).find(|(info, slot)| slot.bytes < info.bytes) {
            Some((info, _)) => wrong(&info.name),
            None => Ok(()),
        }
    }
}

/// Memory of a device; freed when the last handle is dropped.
#[derive(Clone)]
pub struct Buffer {
    element: Element,
    len: usize,
    inner: Arc<dyn Any + Send + Sync>,
}

impl Buffer {
    /// A handle to what a backend keeps for it.
    pub fn new(element: Element, len: usize, inner: Arc<dyn Any + Send + Sync>) -> Self {
        Self { element, len, inner }
    }

    /// Type of the elements.
    pub fn element(&self) -> Element {
        self.element
    }

    /// Element count.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Length in bytes.
    pub fn bytes(&self) -> u64 {
        (self.len * self.element.bytes()) as u64
    }

    /// What the backend keeps.
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
    /// A handle to what a backend keeps for a matrix of `[rows, cols]`: how many bytes it holds, mapped ones
    /// included, and how many it takes in a slot (0 where it needs none).
    pub fn new(shape: [usize; 2], bytes: u64, slot_bytes: usize, inner: Arc<dyn Any + Send + Sync>) -> Self {
        Self { shape, bytes, slot_bytes, inner }
    }

    /// Rows (output features), columns (input features).
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Bytes that it holds: mapped streams, tables, side data, decoded codes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes that it takes in a slot.
    pub fn slot_bytes(&self) -> usize {
        self.slot_bytes
    }

    /// What the backend keeps.
    pub fn inner<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.inner.clone().downcast().ok()
    }
}

impl fmt::Debug for Weight {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Weight({:?})", self.shape)
    }
}

/// Memory for one decoded matrix at a time.
#[derive(Clone)]
pub struct Slot {
    bytes: usize,
    inner: Arc<dyn Any + Send + Sync>,
}

impl Slot {
    /// A handle to what a backend keeps for it.
    pub fn new(bytes: usize, inner: Arc<dyn Any + Send + Sync>) -> Self {
        Self { bytes, inner }
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What the backend keeps.
    pub fn inner<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.inner.clone().downcast().ok()
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Slot({})", self.bytes)
    }
}

/// A program that a backend has made ready.
#[derive(Clone)]
pub struct Compiled(Arc<dyn Any + Send + Sync>);

impl Compiled {
    /// A handle to what a backend keeps.
    pub fn new(inner: Arc<dyn Any + Send + Sync>) -> Self {
        Self(inner)
    }

    /// What the backend keeps.
    pub fn inner<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.clone().downcast().ok()
    }
}

/// The end of a submission.
#[derive(Clone)]
pub struct Event(Arc<dyn Any + Send + Sync>);

impl Event {
    /// A handle to what a backend keeps.
    pub fn new(inner: Arc<dyn Any + Send + Sync>) -> Self {
        Self(inner)
    }

    /// What the backend keeps.
    pub fn inner<T: 'static>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}
