//! Weight matrices and slots of the CPU.

use super::lock::{read, write};
use crate::backend::{Slot, Weight};
use crate::error::{Result, RuntimeError};
use crate::plan::Residence;
use crate::weights::{Matrix, MatrixStorage};
use ecq_kernels::cpu::linear::{DenseLinear, FusedLinear, Linear, PackedBuffer, PackedLinear};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard};

/// A weight matrix on the CPU.
pub(super) struct CpuWeight {
    /// Unique identifier.
    number: u64,
    name: String,
    matrix: PreparedMatrix,
}

enum PreparedMatrix {
    /// Multiplied directly.
    Linear(Box<dyn Linear>),
    /// Decoded into a slot before each use.
    Streams(Box<FusedLinear>),
}

impl CpuWeight {
    pub(super) fn load(matrix: &Matrix, residence: Residence) -> Result<Weight> {
        let name = matrix.name.clone();
        let prepared = match (residence, &matrix.storage) {
            (Residence::Slot, MatrixStorage::Codes(tensor)) => {
                PreparedMatrix::Streams(Box::new(FusedLinear::new(tensor)?))
            }
            (Residence::Streams, MatrixStorage::Codes(tensor)) => {
                PreparedMatrix::Linear(Box::new(FusedLinear::new(tensor)?))
            }
            (Residence::Packed, MatrixStorage::Codes(tensor)) => {
                PreparedMatrix::Linear(Box::new(PackedLinear::decode(tensor)?))
            }
            (Residence::Dense, _) => {
                let (dtype, bytes) = matrix.floats()?;
                PreparedMatrix::Linear(Box::new(DenseLinear::new(matrix.shape, dtype, &bytes)?))
            }
            _ => {
                let what = format!("{name} has no codes, which {residence:?} requires");
                return Err(RuntimeError::Binding(what));
            }
        };
        static LOADED: AtomicU64 = AtomicU64::new(0);
        let number = LOADED.fetch_add(1, Ordering::Relaxed);
        let (bytes, slot_bytes) = match &prepared {
            PreparedMatrix::Linear(linear) => (linear.bytes_resident(), 0),
            PreparedMatrix::Streams(streams) => (streams.bytes_resident(), streams.packed_bytes()),
        };
        Ok(Weight::new(
            matrix.shape,
            bytes as u64,
            slot_bytes,
            Arc::new(Self { number, name, matrix: prepared }),
        ))
    }

    /// Returns the matrix for products, if it needs no slot.
    pub(super) fn linear(&self) -> Result<&dyn Linear> {
        match &self.matrix {
            PreparedMatrix::Linear(linear) => Ok(&**linear),
            PreparedMatrix::Streams(_) => {
                Err(RuntimeError::Binding(format!("{} must be multiplied from a slot", self.name)))
            }
        }
    }

    /// Returns whether the matrix is decoded into a slot before each use.
    pub(super) fn needs_slot(&self) -> bool {
        matches!(self.matrix, PreparedMatrix::Streams(_))
    }

    /// Adds the tensor's name to an error.
    pub(super) fn named(&self, error: impl Into<RuntimeError>) -> RuntimeError {
        RuntimeError::in_tensor(&self.name, error)
    }
}

pub(super) fn cpu_weight(weight: &Weight) -> Result<Arc<CpuWeight>> {
    weight.inner().ok_or_else(|| RuntimeError::Binding("a weight of another backend".to_owned()))
}

/// Memory for one decoded matrix at a time.
pub(super) struct CpuSlot {
    content: RwLock<SlotContent>,
    /// Logical time of the last use, see [`mark_used`](Self::mark_used).
    used: AtomicU64,
}

enum SlotContent {
    Empty(PackedBuffer),
    /// Identifier of a weight, and its decoded matrix.
    Decoded(u64, PackedLinear),
}

impl CpuSlot {
    pub(super) fn with_bytes(bytes: usize) -> Self {
        Self {
            content: RwLock::new(SlotContent::Empty(PackedBuffer::with_bytes(bytes))),
            used: AtomicU64::new(0),
        }
    }

    pub(super) fn decode(&self, weight: &CpuWeight) -> Result<()> {
        let PreparedMatrix::Streams(streams) = &weight.matrix else {
            return Err(RuntimeError::Binding(format!("{} is not decoded into slots", weight.name)));
        };
        let mut content = write(&self.content);
        let before = std::mem::replace(&mut *content, SlotContent::Empty(PackedBuffer::default()));
        let buffer = match before {
            SlotContent::Empty(buffer) => buffer,
            SlotContent::Decoded(_, linear) => linear.into_buffer(),
        };
        *content =
            SlotContent::Decoded(weight.number, streams.unpack(buffer).map_err(|error| weight.named(error))?);
        Ok(())
    }

    /// Returns whether the slot holds the decoded weight.
    pub(super) fn holds(&self, weight: &CpuWeight) -> bool {
        matches!(&*read(&self.content), SlotContent::Decoded(number, _) if *number == weight.number)
    }

    /// Records the time of a use.
    pub(super) fn mark_used(&self, time: u64) {
        self.used.store(time, Ordering::Relaxed);
    }

    /// Returns the time of the last use.
    pub(super) fn last_use(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Returns the decoded matrix.
    pub(super) fn linear(&self) -> Result<SlotLinear<'_>> {
        let content = read(&self.content);
        match &*content {
            SlotContent::Decoded(..) => Ok(SlotLinear(content)),
            SlotContent::Empty(_) => {
                Err(RuntimeError::Binding("a slot is multiplied before it is decoded".to_owned()))
            }
        }
    }
}

/// A decoded matrix in its slot.
pub(super) struct SlotLinear<'a>(RwLockReadGuard<'a, SlotContent>);

impl SlotLinear<'_> {
    pub(super) fn get(&self) -> &dyn Linear {
        match self.0.deref() {
            SlotContent::Decoded(_, linear) => linear,
            SlotContent::Empty(_) => {
                unreachable!("the guard is only made for a decoded slot and its read lock prevents writes")
            }
        }
    }
}

pub(super) fn cpu_slot(slot: &Slot) -> Result<Arc<CpuSlot>> {
    slot.inner().ok_or_else(|| RuntimeError::Binding("a slot of another backend".to_owned()))
}
