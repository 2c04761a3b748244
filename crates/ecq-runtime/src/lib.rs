//! Runs transformers from `.ecq` files: decode plans and modes, backends, sampling, evaluation.
//!
//! A [`Checkpoint`] names tensors, a [`Model`] is its weights on a [`Backend`](backend::Backend), a [`Session`] a text
//! in progress.

pub mod backend;
mod chat;
mod checkpoint;
pub mod config;
mod error;
mod evaluate;
mod generate;
mod model;
mod names;
mod plan;
mod sample;
mod tokenizer;
mod weights;

pub use chat::{ChatTemplate, Message};
pub use checkpoint::Checkpoint;
pub use error::RuntimeError;
pub use evaluate::{EvalOptions, Evaluation, Mean, evaluate};
pub use generate::{Generated, Stop, generate};
pub use model::{
    CacheType, LoadOptions, Model, PlannedTensor, Residency, Session, SessionOptions, free_bytes,
};
pub use names::Names;
pub use plan::{DecodePlan, How, MatrixFacts, Mode, Place, Sizes, pinned, plan, resolve};
pub use sample::{SampleOptions, Sampler};
pub use tokenizer::{TextStream, Tokenizer};
pub use weights::{Form, Matrix, Stored};
