//! The forms in which the CPU holds a weight matrix, and the slots into which it decodes.

use super::lock::{read, write};
use crate::backend::{Slot, Weight};
use crate::error::{Result, RuntimeError};
use crate::plan::Residence;
use crate::weights::{Matrix, MatrixStorage};
use ecq_kernels::cpu::linear::{DenseLinear, FusedLinear, Linear, PackedBuffer, PackedLinear};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard};

/// A weight matrix of the CPU.
pub(super) struct CpuWeight {
    /// Tells it from all other weights.
    number: u64,
    name: String,
    form: PreparedMatrix,
}

enum PreparedMatrix {
    /// Multiplied as it is.
    Linear(Box<dyn Linear>),
    /// Decoded into a slot before each use.
    Streams(Box<FusedLinear>),
}

impl CpuWeight {
    pub(super) fn load(matrix: &Matrix, residence: Residence) -> Result<Weight> {
        let name = matrix.name.clone();
        let form = match (residence, &matrix.stored) {
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
                let what = format!("{name} has no codes to keep as {residence:?}");
                return Err(RuntimeError::Binding(what));
            }
        };
        static LOADED: AtomicU64 = AtomicU64::new(0);
        let number = LOADED.fetch_add(1, Ordering::Relaxed);
        let (bytes, slot_bytes) = match &form {
            PreparedMatrix::Linear(linear) => (linear.bytes_resident(), 0),
            PreparedMatrix::Streams(streams) => (streams.bytes_resident(), streams.packed_bytes()),
        };
        Ok(Weight::new(matrix.shape, bytes as u64, slot_bytes, Arc::new(Self { number, name, form })))
    }

    /// What is multiplied, where it needs no slot.
    pub(super) fn linear(&self) -> Result<&dyn Linear> {
        match &self.form {
            PreparedMatrix::Linear(linear) => Ok(&**linear),
            PreparedMatrix::Streams(_) => {
                Err(RuntimeError::Binding(format!("{} is multiplied from a slot", self.name)))
            }
        }
    }

    /// Whether it is decoded into a slot before each use.
    pub(super) fn needs_slot(&self) -> bool {
        matches!(self.form, PreparedMatrix::Streams(_))
    }

    /// The same error, with the tensor's name.
    pub(super) fn named(&self, error: impl Into<RuntimeError>) -> RuntimeError {
        RuntimeError::in_tensor(&self.name, error)
    }
}

pub(super) fn cpu_weight(weight: &Weight) -> Result<Arc<CpuWeight>> {
    weight.inner().ok_or_else(|| RuntimeError::Binding("a weight of another backend".to_owned()))
}

/// Memory for one decoded matrix at a time.
pub(super) struct CpuSlot {
    held: RwLock<Held>,
    /// When it was used last, as told by [`use_at`](Self::use_at).
    used: AtomicU64,
}

enum Held {
    Nothing(PackedBuffer),
    /// The number of a weight, and what was decoded of it.
    Decoded(u64, PackedLinear),
}

impl CpuSlot {
    pub(super) fn with_bytes(bytes: usize) -> Self {
        Self { held: RwLock::new(Held::Nothing(PackedBuffer::with_bytes(bytes))), used: AtomicU64::new(0) }
    }

    pub(super) fn decode(&self, weight: &CpuWeight) -> Result<()> {
        let PreparedMatrix::Streams(streams) = &weight.form else {
            return Err(RuntimeError::Binding(format!("{} does not go into slots", weight.name)));
        };
        let mut held = write(&self.held);
        let before = std::mem::replace(&mut *held, Held::Nothing(PackedBuffer::default()));
        let buffer = match before {
            Held::Nothing(buffer) => buffer,
            Held::Decoded(_, linear) => linear.into_buffer(),
        };
        *held = Held::Decoded(weight.number, streams.unpack(buffer).map_err(|error| weight.named(error))?);
        Ok(())
    }

    /// Whether it holds what was decoded of a weight.
    pub(super) fn holds(&self, weight: &CpuWeight) -> bool {
        matches!(&*read(&self.held), Held::Decoded(number, _) if *number == weight.number)
    }

    /// Notes a use.
    pub(super) fn use_at(&self, time: u64) {
        self.used.store(time, Ordering::Relaxed);
    }

    /// The time of the last use.
    pub(super) fn last_use(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// What is multiplied.
    pub(super) fn linear(&self) -> Result<SlotLinear<'_>> {
        let held = read(&self.held);
        match &*held {
            Held::Decoded(..) => Ok(SlotLinear(held)),
            Held::Nothing(_) => Err(RuntimeError::Binding("an empty slot is multiplied".to_owned())),
        }
    }
}

/// A decoded matrix in its slot.
pub(super) struct SlotLinear<'a>(RwLockReadGuard<'a, Held>);

impl SlotLinear<'_> {
    pub(super) fn get(&self) -> &dyn Linear {
        match self.0.deref() {
            Held::Decoded(_, linear) => linear,
            Held::Nothing(_) => unreachable!("checked when the guard was made; nobody writes while it lives"),
        }
    }
}

pub(super) fn cpu_slot(slot: &Slot) -> Result<Arc<CpuSlot>> {
    slot.inner().ok_or_else(|| RuntimeError::Binding("a slot of another backend".to_owned()))
}
