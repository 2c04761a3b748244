//! The `.ecq` container: a safetensors file whose `__metadata__` says what its byte tensors are.
//!
//! See `docs/format.md` for the bytes. [`Spool`] writes, [`EcqFile`] reads.

mod error;
mod read;
mod schema;
mod spool;
mod sum;

pub use error::ContainerError;
pub use read::{EcqFile, PlainTensor};
pub use schema::{ModelEntry, Source};
pub use spool::{Spool, Summary, TensorBytes};

pub(crate) type Result<T> = std::result::Result<T, ContainerError>;

#[cfg(test)]
mod tests;
