//! A transformer on a backend: its weights, the slots that its layers pass through, and the steps of its
//! programs.

mod load;
mod ring;
mod steps;

pub use load::{LoadOptions, Model, PlannedTensor, free_bytes};
pub(crate) use steps::{Builder, LogitsUse, StepBuffers};
