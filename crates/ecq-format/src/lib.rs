//! The `.ecq` container and the GGUF reader and writer. Knows names and bytes, not codecs.

pub mod container;
pub mod gguf;
pub mod header;
