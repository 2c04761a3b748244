//! The seam between models and devices.
//!
//! A model records [`Command`]s once and submits the recordings for every token: the CPU runs them, a device that
//! encodes commands encodes them, one that captures graphs captures and replays them. What changes from token to
//! token (tokens, positions) lies in buffers, so a recording never changes. Two queues: decoding the next layer
//! overlaps computing this one.
//!
//! Who checks: [`Backend::load`] checks bytes of a file; [`Backend::record`] checks that every command stays inside its
//! buffers; a submitted recording only runs.

mod command;
mod cpu;

pub use command::{Attend, Command, Norm, Output, View};
pub use cpu::{ActivationType, Cpu, CpuOptions};

use crate::error::Result;
use crate::plan::DecodePlan;
use crate::weights::Matrix;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// A device: holds buffers and weights, runs recordings. Object-safe, eight verbs.
pub trait Backend: Send + Sync {
    /// What the device is and offers.
    fn facts(&self) -> Facts;

    /// A buffer of `len` zeros.
    ///
    /// # Errors
    /// When the device has no room.
    fn alloc(&self, element: Element, len: usize) -> Result<Buffer>;

    /// Writes little-endian elements from element `at` on; both queues see them in what is submitted later.
    ///
    /// # Errors
    /// When they do not fit, or the buffer belongs to another backend.
    fn upload(&self, buffer: &Buffer, at: usize, bytes: &[u8]) -> Result<()>;

    /// Reads elements from element `at` on, after all that was submitted to [`Queue::Compute`].
    ///
    /// # Errors
    /// When they are not there, or something submitted before has failed.
    fn download(&self, buffer: &Buffer, at: usize, bytes: &mut [u8]) -> Result<()>;

    /// Brings a weight matrix to the device in the form that the plan names.
    ///
    /// # Errors
    /// When it does not decode, or there is no room.
    fn load(&self, matrix: &Matrix, plan: &DecodePlan) -> Result<Weight>;

    /// Prepares commands to be run again and again.
    ///
    /// # Errors
    /// When a command leaves its buffers, or asks of a weight what its form cannot do.
    fn record(&self, commands: Vec<Command>) -> Result<Recording>;

    /// Runs a recording on a queue once `after` has happened; a queue runs what it is given in order.
    ///
    /// # Errors
    /// When the device fails, at the latest in [`wait`](Self::wait).
    fn submit(&self, queue: Queue, recording: &Recording, after: Option<&Event>) -> Result<Event>;

    /// Waits until a submission is done.
    ///
    /// # Errors
    /// When it, or something that it waited for, has failed.
    fn wait(&self, event: &Event) -> Result<()>;
}

/// What a device is and offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Name for people.
    pub name: String,
    /// Kind of device, as in `--device`.
    pub kind: &'static str,
    /// Threads that compute; 1 where the word has no meaning.
    pub threads: usize,
    /// Whether [`Queue::Decode`] runs on the device itself, beside [`Queue::Compute`] (`async`).
    pub decodes_aside: bool,
    /// Whether a product has the same bits in whatever form its weights are held.
    pub same_bits: bool,
    /// Bytes that weights may take, where the device knows.
    pub memory_bytes: Option<u64>,
}

/// A queue of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Everything but decoding ahead.
    Compute,
    /// Decoding of layers to come.
    Decode,
}

/// Type of the elements of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element {
    /// `f32`.
    F32,
    /// `f16`.
    F16,
    /// `u32`.
    U32,
}

impl Element {
    /// Bytes of one element.
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 | Self::U32 => 4,
            Self::F16 => 2,
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

    /// Whether both are handles to the same memory.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// What the backend keeps.
    pub fn inner<T: 'static>(&self) -> Option<&T> {
        self.inner.downcast_ref()
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Buffer({:?}, {})", self.element, self.len)
    }
}

/// A weight matrix on a device, in the form its plan named.
#[derive(Clone)]
pub struct Weight {
    shape: [usize; 2],
    inner: Arc<dyn WeightForm>,
}

/// What a backend keeps for a weight.
pub trait WeightForm: Any + Send + Sync {
    /// Bytes that it holds at this moment, on the device or mapped.
    fn bytes(&self) -> u64;
    /// For the backend to find its own type again.
    fn as_any(&self) -> &dyn Any;
}

impl Weight {
    /// A handle to what a backend keeps for a matrix of `[rows, cols]`.
    pub fn new(shape: [usize; 2], inner: Arc<dyn WeightForm>) -> Self {
        Self { shape, inner }
    }

    /// Rows (output features), columns (input features).
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Bytes that it holds at this moment: mapped streams, tables, side data, decoded codes.
    pub fn bytes(&self) -> u64 {
        self.inner.bytes()
    }

    /// What the backend keeps.
    pub fn inner<T: 'static>(&self) -> Option<&T> {
        self.inner.as_any().downcast_ref()
    }
}

impl fmt::Debug for Weight {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Weight({:?})", self.shape)
    }
}

/// Commands made ready by a backend.
#[derive(Clone)]
pub struct Recording(Arc<dyn Any + Send + Sync>);

impl Recording {
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
