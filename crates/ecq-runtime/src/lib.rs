//! Runs transformers from `.ecq` files.
//!
//! A [`Checkpoint`] names tensors. A [`Model`] is its weights on a [`Backend`](backend::Backend). An
//! [`Executor`] runs batches of rows on it, with the keys and values of all [`Sequence`](kv::Sequence)s in
//! one [`KvPool`](kv::KvPool); what it runs are [`program`]s, which backends compile. An [`Engine`] continues
//! many texts at once, a step at a time, and says what happens as [`Event`]s.

pub mod arch;
pub mod backend;
mod batch;
mod chat;
mod checkpoint;
mod engine;
mod error;
mod evaluate;
mod executor;
pub mod kv;
mod logprobs;
mod model;
mod plan;
pub mod program;
mod sample;
mod stop;
mod tokenizer;
mod weights;

pub use batch::{Batch, LogitsSelection};
pub use chat::{ChatTemplate, Message};
pub use checkpoint::Checkpoint;
pub use engine::{
    Completion, Engine, EngineOptions, Event, EventKind, FinishReason, Request, RequestId, Usage,
};
pub use error::RuntimeError;
pub use evaluate::{EvalOptions, Evaluation, Mean, evaluate, evaluate_with};
pub use executor::{DecodeStats, Executor, ExecutorOptions, MAX_STEPS_AHEAD};
pub use logprobs::{LogProbs, log_probabilities};
pub use model::{LoadOptions, Model, PlannedTensor, free_bytes};
pub use plan::{
    Consumption, Decision, DecodedSizes, MatrixInfo, MatrixLocation, Mode, Residence, consumption, pinned,
    residence, resolve,
};
pub use sample::{SampleOptions, Sampler, SamplingParams, TokenMask, argmax, draw};
pub use stop::StopMatcher;
pub use tokenizer::{TextStream, Tokenizer};
pub use weights::{Matrix, MatrixStorage, StorageKind};
