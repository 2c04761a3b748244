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
    source: Option<FusedLinear>,
    /// None while it is not decoded, and its bytes beside the source's.
    form: RwLock<Option<(Box<dyn Linear>, u64)>>,
}

impl CpuWeight {
    pub(super) fn load(matrix: &Matrix, plan: &DecodePlan) -> Result<Self> {
        let name = matrix.name.clone();
        let form: Box<dyn Linear> = match (plan.how, &matrix.stored) {
            (How::Host, Stored::Codes(tensor)) => {
                let source = Some(FusedLinear::new(tensor)?);
                return Ok(Self { name, source, form: RwLock::new(None) });
            }
            (How::FusedGemv | How::TileThenGemm, Stored::Codes(tensor)) => {
                Box::new(FusedLinear::new(tensor)?)
            }
            _ => decoded(matrix)?,
        };
        let bytes = form.bytes_resident() as u64;
        Ok(Self { name, source: None, form: RwLock::new(Some((form, bytes))) })
    }

    /// Decodes, if it is not decoded.
    pub(super) fn decode(&self) -> Result<()> {
        let mut form = write(&self.form);
        if let (None, Some(source)) = (&*form, &self.source) {
            let codes = source.unpack().map_err(|error| self.named(error))?;
            let bytes = codes.code_bytes() as u64;
            *form = Some((Box::new(codes), bytes));
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
            Some((form, _)) => f(&**form),
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
        let source = self.source.as_ref().map_or(0, |source| source.bytes_resident() as u64);
        source + read(&self.form).as_ref().map_or(0, |(_, bytes)| *bytes)
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
