//! Products outside of programs: single layers of models that other libraries run.

use super::Cpu;
use super::linear::{Source, multiply};
use super::weight::{cpu_slot, cpu_weight};
use crate::backend::{Slot, Weight};
use crate::error::{Result, RuntimeError};
use std::slice::from_ref;

impl Cpu {
    /// Computes `y = x W^T` for rows `x` of `[rows, cols]`; `y` is `[rows, weight rows]`. The results have
    /// the bits of the same product in a program. `slot` holds the decoded matrix, if the weight needs one.
    ///
    /// # Errors
    /// [`Binding`](RuntimeError::Binding) if lengths do not match, the slot is missing or empty, or weight or
    /// slot belong to another backend; with the tensor's name if its stream is corrupt.
    pub fn multiply(&self, weight: &Weight, slot: Option<&Slot>, x: &[f32], y: &mut [f32]) -> Result<()> {
        let [outputs, cols] = weight.shape();
        let rows = x.len() / cols.max(1);
        if x.len() != rows * cols || y.len() != rows * outputs {
            let (x, y) = (x.len(), y.len());
            let what = format!("a product of {x} values with {weight:?} into {y} values");
            return Err(RuntimeError::Binding(what));
        }
        if rows == 0 {
            return Ok(());
        }
        let (weight, slot) = (cpu_weight(weight)?, slot.map(cpu_slot).transpose()?);
        let shared = &*self.shared;
        shared.pool.install(|| {
            let source = Source::of(&weight, slot.as_deref())?;
            multiply(shared, x, rows, &[source], from_ref(&(0..outputs)), &mut [y])
        })
    }

    /// Computes the weights of rows in f32 (an embedding), `[rows.len(), cols]`. Only their tiles are
    /// decoded.
    ///
    /// # Errors
    /// As [`multiply`](Self::multiply), and [`UnknownToken`](RuntimeError::UnknownToken) for a row that does
    /// not exist.
    pub fn rows(&self, weight: &Weight, slot: Option<&Slot>, rows: &[u32], y: &mut [f32]) -> Result<()> {
        let [all, cols] = weight.shape();
        if y.len() != rows.len() * cols {
            let what = format!("{} rows of {weight:?} into {} values", rows.len(), y.len());
            return Err(RuntimeError::Binding(what));
        }
        let (weight, slot) = (cpu_weight(weight)?, slot.map(cpu_slot).transpose()?);
        let source = Source::of(&weight, slot.as_deref())?;
        let (linear, mut scratch) = (source.linear()?, self.shared.scratch.products.take());
        for (&row, y) in rows.iter().zip(y.chunks_exact_mut(cols.max(1))) {
            if row as usize >= all {
                return Err(RuntimeError::UnknownToken { token: row, vocabulary: all });
            }
            linear.row(row as usize, y, &mut scratch).map_err(|error| weight.named(error))?;
        }
        Ok(())
    }

    /// Decodes a weight into a slot, unless the slot holds it already.
    ///
    /// # Errors
    /// [`Binding`](RuntimeError::Binding) if the weight is not decoded into slots, or weight or slot belong
    /// to another backend; with the tensor's name if its stream is corrupt.
    pub fn decode(&self, weight: &Weight, slot: &Slot) -> Result<()> {
        let (weight, slot) = (cpu_weight(weight)?, cpu_slot(slot)?);
        if slot.holds(&weight) {
            return Ok(());
        }
        self.shared.pool.install(|| slot.decode(&weight))
    }
}
