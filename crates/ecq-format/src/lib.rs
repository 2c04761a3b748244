//! The `.ecq` container, GGUF, and what Hugging Face calls things. Knows names and bytes, not codecs.

pub mod container;
pub mod gguf;
pub mod header;
pub mod hf;
pub mod shards;
