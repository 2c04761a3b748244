//! The wgpu device of ecq: Metal, Vulkan and DX12 through one interface.
//!
//! Kernels are WGSL sources (`kernels/`), compiled for the adapter at their first use. Drivers are found at
//! run time: the crate builds and its tests pass on machines without any.
//!
//! - [`Wgpu`]: the backend.
//! - [`adapters`], [`WgpuOptions`]: what drivers report, and the choice of an adapter.
//! - [`Gpu`]: an opened adapter.
//! - [`GpuFakeQuantizer`]: fake quantization of arrays.

#![deny(unsafe_op_in_unsafe_fn)]

mod adapter;
mod backend;
mod checked;
mod commands;
mod decode;
mod dispatch;
mod error;
mod experts;
mod fake_quant;
mod gpu;
mod kernel;
mod layout;
mod measure;
mod pipeline_cache;
mod products;
mod program;
mod side;
mod tuples;
mod weight;

pub use adapter::{AdapterChoice, AdapterReport, WgpuOptions, adapters};
pub use backend::Wgpu;
#[doc(hidden)]
pub use checked::checked_kernels;
pub use error::WgpuError;
pub use fake_quant::GpuFakeQuantizer;
pub use gpu::Gpu;
#[doc(hidden)]
pub use kernel::{Access, Kernel};
pub use pipeline_cache::CACHE_VARIABLE;

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
