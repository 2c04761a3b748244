//! The devices that are tested.

use crate::model::DeviceName;
use ecq_kernels::fake_quant::FakeQuantizer;
use ecq_kernels::gpu::FakeQuantForm;
use ecq_runtime::RuntimeError;
use ecq_runtime::backend::{ActivationType, Backend, Cpu, CpuOptions};
use std::sync::Arc;

type Result<T> = std::result::Result<T, RuntimeError>;

/// Fake quantization of an array on a device.
type Quantize = Box<dyn Fn(&FakeQuantizer, FakeQuantForm, &[f32]) -> Result<Vec<f32>> + Send + Sync>;

/// A device under test.
pub struct Device {
    name: String,
    backend: Arc<dyn Backend>,
    quantize: Option<Quantize>,
}

impl Device {
    /// Opens what `--device` names; the CPU is tested with activations in f32 and in i8.
    ///
    /// # Errors
    /// As [`open_device`](crate::open_device).
    pub fn open(name: &str) -> Result<Vec<Self>> {
        match name.parse()? {
            DeviceName::Cpu => [ActivationType::F32, ActivationType::I8].into_iter().map(Self::cpu).collect(),
            DeviceName::Cuda(number) => Ok(vec![Self::cuda(number)?]),
            DeviceName::Wgpu(choice) => Ok(vec![Self::wgpu(name, &choice)?]),
        }
    }

    /// Tests any backend; without fake quantization, which is no command of programs.
    pub fn of(name: impl Into<String>, backend: Arc<dyn Backend>) -> Self {
        Self { name: name.into(), backend, quantize: None }
    }

    fn cpu(activations: ActivationType) -> Result<Self> {
        let backend = Arc::new(Cpu::new(CpuOptions { threads: 0, activations })?);
        if activations != ActivationType::F32 {
            return Ok(Self::of("cpu with --activations i8", backend));
        }
        let quantize: Quantize = Box::new(|quantizer, _, x| {
            let mut y = x.to_vec();
            quantizer.quantize_in_place(&mut y);
            Ok(y)
        });
        Ok(Self { quantize: Some(quantize), ..Self::of("cpu", backend) })
    }

    #[cfg(feature = "cuda")]
    fn cuda(number: usize) -> Result<Self> {
        let cuda = Arc::new(ecq_cuda::Cuda::new(number)?);
        let own = cuda.clone();
        let quantize: Quantize =
            Box::new(move |quantizer, form, x| own.fake_quantizer(quantizer)?.quantize(form, x));
        Ok(Self { quantize: Some(quantize), ..Self::of(format!("cuda:{number}"), cuda) })
    }

    #[cfg(not(feature = "cuda"))]
    fn cuda(_: usize) -> Result<Self> {
        Err(RuntimeError::InvalidInput("this build has no CUDA device; its feature is cuda"))
    }

    #[cfg(feature = "wgpu")]
    fn wgpu(name: &str, choice: &str) -> Result<Self> {
        let gpu = ecq_wgpu::Gpu::open(&choice.parse()?)?;
        let own = gpu.clone();
        let quantize: Quantize = Box::new(move |quantizer, form, x| {
            Ok(ecq_wgpu::GpuFakeQuantizer::compile(&own, quantizer)?.quantize(form, x)?)
        });
        Ok(Self { quantize: Some(quantize), ..Self::of(name, Arc::new(ecq_wgpu::Wgpu::on(gpu))) })
    }

    #[cfg(not(feature = "wgpu"))]
    fn wgpu(_: &str, _: &str) -> Result<Self> {
        Err(RuntimeError::InvalidInput("this build has no wgpu device; its feature is wgpu"))
    }

    /// Returns the name, as `--device` has it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the backend.
    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    pub(super) fn quantizes(&self) -> bool {
        self.quantize.is_some()
    }

    /// Quantizes an array; the array itself without fake quantization.
    pub(super) fn quantize(&self, by: &FakeQuantizer, form: FakeQuantForm, x: &[f32]) -> Result<Vec<f32>> {
        self.quantize.as_ref().map_or_else(|| Ok(x.to_vec()), |quantize| quantize(by, form, x))
    }
}
