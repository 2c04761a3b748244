//! A transformer on a backend: its weights, and the commands of its blocks.

mod block;
mod load;
mod schedule;
mod session;

pub use load::{LoadOptions, Model, PlannedTensor, free_bytes};
pub use schedule::Residency;
pub use session::{CacheType, Session, SessionOptions};
