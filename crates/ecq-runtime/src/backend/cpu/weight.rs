//! The forms in which the CPU holds a weight matrix.

use super::{read, write};
use crate::backend::{Weight, WeightForm};
use crate::error::{Result, RuntimeError};
use crate::plan::{DecodePlan, How};
use crate::weights::{Matrix, Stored};
use ecq_kernels::cpu::linear::{DenseLinear, FusedLinear, Linear, PackedLinear};
use std::any::Any;
use std::sync::RwLock;

/// A weight matrix of the CPU.
pub(super) struct CpuWeight {
    name: String,
    /// What it is decoded from, again and again, where the plan says so.
    source: Option<Matrix>,
    form: RwLock<Option<Box<dyn Linear>>>,
}

impl CpuWeight {
    pub(super) fn load(matrix: &Matrix, plan: &DecodePlan) -> Result<Self> {
        let name = matrix.name.clone();
        let form: Box<dyn Linear> = match (plan.how, &matrix.stored) {
            (How::Host, _) => {
                return Ok(Self { name, source: Some(matrix.clone()), form: RwLock::new(None) });
            }
            (How::FusedGemv | How::TileThenGemm, Stored::Codes(tensor)) => {
                Box::new(FusedLinear::new(tensor)?)
            }
            _ => decoded(matrix)?,
        };
        Ok(Self { name, source: None, form: RwLock::new(Some(form)) })
    }

    /// Decodes, if it is not decoded.
    pub(super) fn decode(&self) -> Result<()> {
        let mut form = write(&self.form);
        if let (None, Some(matrix)) = (&*form, &self.source) {
            *form = Some(decoded(matrix).map_err(|error| self.named(error))?);
        }
        Ok(())
    }

    /// Forgets what was decoded.
    pub(super) fn release(&self) {
        if self.source.is_some() {
            write(&self.form).take();
        }
    }

    /// Gives `f` what is multiplied.
    pub(super) fn with<T>(&self, f: impl FnOnce(&dyn Linear) -> Result<T>) -> Result<T> {
        match &*read(&self.form) {
            Some(form) => f(&**form),
            None => Err(RuntimeError::Recording(format!("{} is used before it is decoded", self.name))),
        }
    }

    /// The same error, with the tensor's name.
    pub(super) fn named(&self, error: impl Into<RuntimeError>) -> RuntimeError {
        RuntimeError::in_tensor(&self.name, error)
    }
}

impl WeightForm for CpuWeight {
    fn bytes(&self) -> u64 {
        let mapped = self.source.as_ref().map_or(0, Matrix::stored_bytes);
        mapped + read(&self.form).as_ref().map_or(0, |form| form.bytes_resident() as u64)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

pub(super) fn cpu_weight(weight: &Weight) -> Result<&CpuWeight> {
    weight.inner().ok_or_else(|| RuntimeError::Recording("weight of another backend".to_owned()))
}

/// Codes packed, anything else as floats.
fn decoded(matrix: &Matrix) -> Result<Box<dyn Linear>> {
    if let Stored::Codes(tensor) = &matrix.stored {
        return Ok(Box::new(PackedLinear::decode(tensor)?));
    }
    let (dtype, bytes) = matrix.floats()?;
    Ok(Box::new(DenseLinear::new(matrix.shape, dtype, &bytes)?))
}
