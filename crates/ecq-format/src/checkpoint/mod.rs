//! Hugging Face checkpoints: one safetensors file, or several shards and an index, with configuration and
//! tokenizer in the same folder.
//!
//! Conventions: `modeling_utils.py` and `hub.py` of huggingface/transformers. [`Checkpoint::open`] validates
//! all headers and the index; tensors are read one at a time, by positioned reads.

mod attached_files;
mod error;
mod index;
mod open;
mod quantization;
mod read;
mod tensor_kind;
mod weights;

pub use attached_files::ATTACHED_FILES;
pub use error::CheckpointError;
pub use quantization::{MlxGroups, Quantization};
pub use read::{Checkpoint, CheckpointTensorInfo, Shard};
pub use tensor_kind::tensor_kind;
pub use weights::{LoadedWeight, Weight, WeightTensors};

pub(crate) type Result<T> = std::result::Result<T, CheckpointError>;
