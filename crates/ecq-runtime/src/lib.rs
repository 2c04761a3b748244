//! Runs transformers from `.ecq` files.
//!
//! A [`Checkpoint`] is an open model file. A [`Model`] holds its weights on a [`Backend`](backend::Backend).
//! An [`Executor`] runs batches of rows (tokens) on a model; the keys and values of all
//! [`Sequence`](kv::Sequence)s are in one [`KvPool`](kv::KvPool). Each step is a [`program`], which the
//! backend compiles once. An [`Engine`] serves many requests at once with continuous batching and reports
//! their progress as [`Event`]s.

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
    Completion, Engine, EngineOptions, Event, EventKind, FinishReason, PromptOutput, Request, RequestId,
    Usage,
};
pub use error::RuntimeError;
pub use evaluate::{EvalOptions, Evaluation, LogitsComparison, Mean, evaluate, evaluate_with_progress};
pub use executor::{DecodeStats, Executor, ExecutorOptions, MAX_STEPS_AHEAD};
pub use logprobs::{LogProbs, log_probabilities};
pub use model::{BlockSlots, DecodeScheduler, LoadOptions, Model, PlannedTensor, free_bytes};
pub use plan::{
    Consumption, Decision, DecodedSizes, MatrixInfo, MatrixLocation, Mode, Residence, consumption,
    pinned_blocks, residence, resolve,
};
pub use sample::{SampleOptions, Sampler, SamplingParams, TokenMask, argmax, sample_token};
pub use stop::StopMatcher;
pub use tokenizer::{TextStream, Tokenizer};
pub use weights::{Matrix, MatrixStorage, StorageKind};

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
