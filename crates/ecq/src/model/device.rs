//! Devices by name.

use ecq_runtime::RuntimeError;
use ecq_runtime::backend::{ActivationType, Backend, Cpu, CpuOptions};
use std::sync::Arc;

/// Opens the device `cpu`, `cuda` (the first NVIDIA GPU) or `cuda:N`; `threads` of 0 is one per core.
///
/// # Errors
/// [`RuntimeError::InvalidInput`] for another name or activations that the device has no products for,
/// [`RuntimeError::Device`] if it is missing or fails.
pub fn open_device(
    name: &str,
    threads: usize,
    activations: ActivationType,
) -> Result<Arc<dyn Backend>, RuntimeError> {
    let Some(number) = gpu_number(name)? else {
        return Ok(Arc::new(Cpu::new(CpuOptions { threads, activations })?));
    };
    if activations == ActivationType::I8 {
        let why = "the CUDA device multiplies with activations in f32, not in i8";
        return Err(RuntimeError::InvalidInput(why));
    }
    cuda(number)
}

/// Returns the number of the GPU that a name means: none for `cpu`, 0 for `cuda`, N for `cuda:N`.
///
/// # Errors
/// [`RuntimeError::InvalidInput`] for another name.
pub fn gpu_number(name: &str) -> Result<Option<usize>, RuntimeError> {
    let number = match name.split_once(':') {
        None if name == "cpu" => return Ok(None),
        None if name == "cuda" => Some(0),
        Some(("cuda", number)) => number.parse().ok(),
        _ => None,
    };
    let unknown = RuntimeError::InvalidInput("unknown device; expected cpu, cuda or cuda:N");
    number.map(Some).ok_or(unknown)
}

#[cfg(feature = "cuda")]
fn cuda(number: usize) -> Result<Arc<dyn Backend>, RuntimeError> {
    Ok(Arc::new(ecq_cuda::Cuda::new(number)?))
}

#[cfg(not(feature = "cuda"))]
fn cuda(_: usize) -> Result<Arc<dyn Backend>, RuntimeError> {
    Err(RuntimeError::InvalidInput("this build has no CUDA device; its feature is cuda"))
}
