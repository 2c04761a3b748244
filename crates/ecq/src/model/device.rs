//! Devices by name.

use ecq_runtime::RuntimeError;
use ecq_runtime::backend::{ActivationType, Backend, Cpu, CpuOptions};
use std::str::FromStr;
use std::sync::Arc;

/// What the name of a device means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceName {
    /// `cpu`.
    Cpu,
    /// `cuda`, the first NVIDIA GPU, or `cuda:N`.
    Cuda(usize),
    /// `wgpu`, the first adapter, or `wgpu:` and the number or name of one, with features that are not used.
    Wgpu(String),
}

impl FromStr for DeviceName {
    type Err = RuntimeError;

    fn from_str(name: &str) -> Result<Self, RuntimeError> {
        let unknown = RuntimeError::InvalidInput(
            "unknown device; expected cpu, cuda, cuda:N, wgpu, wgpu:N or wgpu:NAME",
        );
        match name.split_once(':') {
            None if name == "cpu" => Ok(Self::Cpu),
            None if name == "cuda" => Ok(Self::Cuda(0)),
            None if name == "wgpu" => Ok(Self::Wgpu(String::new())),
            Some(("cuda", number)) => number.parse().map(Self::Cuda).map_err(|_| unknown),
            Some(("wgpu", choice)) if !choice.is_empty() => Ok(Self::Wgpu(choice.to_owned())),
            _ => Err(unknown),
        }
    }
}

/// Opens a device by its name, as [`DeviceName`] has it; `threads` of 0 is one per core.
///
/// # Errors
/// [`RuntimeError::InvalidInput`] for another name or activations that the device has no products for,
/// [`RuntimeError::Device`] if it is missing or fails.
pub fn open_device(
    name: &str,
    threads: usize,
    activations: ActivationType,
) -> Result<Arc<dyn Backend>, RuntimeError> {
    let name = name.parse()?;
    if name != DeviceName::Cpu && activations != ActivationType::F32 {
        let why = "devices other than cpu multiply with activations in f32, not in i8 or fake:BITS";
        return Err(RuntimeError::InvalidInput(why));
    }
    match name {
        DeviceName::Cpu => Ok(Arc::new(Cpu::new(CpuOptions { threads, activations })?)),
        DeviceName::Cuda(number) => cuda(number),
        DeviceName::Wgpu(choice) => wgpu(&choice),
    }
}

#[cfg(feature = "cuda")]
fn cuda(number: usize) -> Result<Arc<dyn Backend>, RuntimeError> {
    Ok(Arc::new(ecq_cuda::Cuda::new(number)?))
}

#[cfg(not(feature = "cuda"))]
fn cuda(_: usize) -> Result<Arc<dyn Backend>, RuntimeError> {
    Err(RuntimeError::InvalidInput("this build has no CUDA device; its feature is cuda"))
}

#[cfg(feature = "wgpu")]
fn wgpu(choice: &str) -> Result<Arc<dyn Backend>, RuntimeError> {
    Ok(Arc::new(ecq_wgpu::Wgpu::new(&choice.parse()?)?))
}

#[cfg(not(feature = "wgpu"))]
fn wgpu(_: &str) -> Result<Arc<dyn Backend>, RuntimeError> {
    Err(RuntimeError::InvalidInput("this build has no wgpu device; its feature is wgpu"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_devices() {
        let parse = |name: &str| name.parse::<DeviceName>();
        assert_eq!(parse("cpu").unwrap(), DeviceName::Cpu);
        assert_eq!(parse("cuda").unwrap(), DeviceName::Cuda(0));
        assert_eq!(parse("cuda:3").unwrap(), DeviceName::Cuda(3));
        assert_eq!(parse("wgpu").unwrap(), DeviceName::Wgpu(String::new()));
        let named = parse("wgpu:llvmpipe,without-subgroups").unwrap();
        assert_eq!(named, DeviceName::Wgpu("llvmpipe,without-subgroups".to_owned()));
        for unknown in ["", "gpu", "cuda:", "cuda:x", "wgpu:", "cpu:0"] {
            assert!(parse(unknown).is_err(), "{unknown}");
        }
    }
}
