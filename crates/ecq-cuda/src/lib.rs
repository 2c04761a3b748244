//! The CUDA device of ecq.
//!
//! Driver and NVRTC are loaded at run time: the crate builds and its tests pass on machines without either.
//! Kernels are CUDA C++ sources (`kernels/`) that NVRTC compiles for the installed GPU; results are cached on
//! disk.
//!
//! - [`Cuda`]: the backend.
//! - [`Layers`]: matrices for layers of other libraries.
//! - [`Gpu`]: context, properties, streams.
//! - [`DeviceMemory`], [`PinnedMemory`]: allocations and copies.
//! - [`Compiler`], [`Modules`], [`Kernel`]: compilation, loading, launches.

#![deny(unsafe_op_in_unsafe_fn)]

mod backend;
mod commands;
mod compiler;
mod decode;
mod error;
mod experts;
mod fake_quant;
mod gpu;
mod kernels;
mod layers;
mod layout;
mod library;
mod measure;
mod memory;
mod module;
mod parameters;
mod products;
mod program;
mod sequences;
mod tuples;
mod weight;

pub use backend::Cuda;
pub use compiler::{Compiler, Cubin, Program, Source};
pub use decode::DecodeSpeed;
pub use ecq_core::Element;
pub use error::CudaError;
pub use fake_quant::CudaFakeQuantizer;
pub use gpu::{Gpu, Properties, driver_version, gpu_count};
pub use kernels::{CheckedProgram, checked_programs};
pub use layers::{LayerMatrix, LayerProduct, Layers};
pub use library::{NVRTC_VARIABLE, require_driver, require_nvrtc};
pub use measure::Span;
pub use memory::{DeviceMemory, PinnedMemory};
pub use module::{Grid, Kernel, Modules, words_of};
pub use tuples::{TupleDigits, TupleInput, TupleMatrix, TupleOptions, TupleProduct};
