//! The forms in which the CPU holds a weight matrix.

use super::{read, write};
use crate::backend::{Weight, WeightForm};
use crate::error::{Result, RuntimeError};
use crate::plan::{DecodePlan, How};
use crate::weights::Matrix;
use std::any::Any;
use std::ops::Range;
use std::sync::{RwLock, RwLockReadGuard};

/// A weight matrix of the CPU.
pub(super) struct CpuWeight {
    name: String,
    /// What it is decoded from, again and again, where the plan says so.
    source: Option<Matrix>,
    /// Bytes of the source that stay mapped.
    mapped_bytes: u64,
    form: RwLock<Option<Form>>,
}

/// What is multiplied.
pub(super) enum Form {
    /// All weights in f32.
    Dense { cols: usize, weights: Vec<f32> },
}

impl CpuWeight {
    pub(super) fn load(matrix: &Matrix, plan: &DecodePlan) -> Result<Self> {
        let name = matrix.name.clone();
        Ok(match plan.how {
            How::Host => Self {
                name,
                source: Some(matrix.clone()),
                mapped_bytes: matrix.stored_bytes(),
                form: RwLock::new(None),
            },
            _ => Self { name, source: None, mapped_bytes: 0, form: RwLock::new(Some(Form::decode(matrix)?)) },
        })
    }

    /// Decodes, if it is not decoded.
    pub(super) fn decode(&self) -> Result<()> {
        let mut form = write(&self.form);
        if let (None, Some(matrix)) = (&*form, &self.source) {
            *form = Some(Form::decode(matrix).map_err(|error| RuntimeError::in_tensor(&self.name, error))?);
        }
        Ok(())
    }

    /// Forgets what was decoded.
    pub(super) fn release(&self) {
        if self.source.is_some() {
            write(&self.form).take();
        }
    }

    /// Gives `f` the form that is multiplied.
    pub(super) fn with<T>(&self, f: impl FnOnce(&Form) -> Result<T>) -> Result<T> {
        let form: RwLockReadGuard<Option<Form>> = read(&self.form);
        let Some(form) = &*form else {
            return Err(RuntimeError::Recording(format!("{} is used before it is decoded", self.name)));
        };
        f(form).map_err(|error| RuntimeError::in_tensor(&self.name, error))
    }
}

impl WeightForm for CpuWeight {
    fn bytes(&self) -> u64 {
        self.mapped_bytes + read(&self.form).as_ref().map_or(0, Form::bytes)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

pub(super) fn cpu_weight(weight: &Weight) -> Result<&CpuWeight> {
    weight.inner().ok_or_else(|| RuntimeError::Recording("weight of another backend".to_owned()))
}

impl Form {
    fn decode(matrix: &Matrix) -> Result<Self> {
        Ok(Self::Dense { cols: matrix.shape[1], weights: matrix.to_f32()? })
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Dense { weights, .. } => 4 * weights.len() as u64,
        }
    }

    /// `y[r][i] = x[r] . w[range.start + i]`, `y` of `[rows of x, range.len()]`.
    pub(super) fn multiply(&self, x: &[f32], range: Range<usize>, y: &mut [f32]) -> Result<()> {
        match self {
            Self::Dense { cols, weights } => {
                for (x, y) in x.chunks_exact(*cols).zip(y.chunks_exact_mut(range.len())) {
                    let rows = weights[range.start * cols..range.end * cols].chunks_exact(*cols);
                    y.iter_mut().zip(rows).for_each(|(y, w)| *y = ecq_kernels::cpu::dot(x, w));
                }
            }
        }
        Ok(())
    }

    /// The weights of one row.
    pub(super) fn row(&self, row: usize, out: &mut [f32]) -> Result<()> {
        match self {
            Self::Dense { cols, weights } => out.copy_from_slice(&weights[row * cols..(row + 1) * cols]),
        }
        Ok(())
    }
}
