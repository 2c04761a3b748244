//! The `.ecq` container: a safetensors file whose `__metadata__` describes its byte tensors.
//!
//! `docs/format.md` specifies the format. [`EcqWriter`] writes a file, [`EcqFile`] reads one.

mod checksum;
mod error;
mod read;
mod schema;
mod write;

pub use error::ContainerError;
pub use read::{EcqFile, PlainTensor};
pub use safetensors::Dtype;
pub use schema::{ModelEntry, SourceRecord, TextKl};
pub use write::{EcqWriter, SizeSummary, TensorBytes};

pub(crate) type Result<T> = std::result::Result<T, ContainerError>;

#[cfg(test)]
mod tests;
