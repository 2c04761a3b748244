//! Models on a backend: weights, slots, and the steps of programs.

mod load;
mod slots;
mod steps;

pub use load::{LoadOptions, Model, PlannedTensor, free_bytes};
pub use slots::{BlockSlots, DecodeScheduler};
pub(crate) use steps::{Builder, LogitsUse, StepBuffers};
