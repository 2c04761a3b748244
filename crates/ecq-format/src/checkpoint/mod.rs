//! Checkpoints of Hugging Face: one safetensors file, or shards and their index, with configuration and tokenizer beside.
//!
//! Conventions: `modeling_utils.py` and `hub.py` of huggingface/transformers. [`Checkpoint::open`] checks every header, the
//! index and that they agree; tensors are read one at a time, by positioned reads.

mod error;
mod files;
mod index;
mod kind;
mod open;
mod quantization;
mod read;
mod weights;

pub use error::CheckpointError;
pub use files::RIDE_ALONG;
pub use kind::kind;
pub use quantization::{MlxGroups, Quantization};
pub use read::{Checkpoint, Shard, TensorInfo};
pub use weights::{LoadedWeight, Weight, WeightTensors};

pub(crate) type Result<T> = std::result::Result<T, CheckpointError>;
