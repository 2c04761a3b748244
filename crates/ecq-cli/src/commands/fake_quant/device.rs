//! Fake quantizers of all devices.

use ecq::DeviceName;
use ecq::cuda::{Cuda, CudaFakeQuantizer};
use ecq::fake_quant::FakeQuantizer;
use ecq::kernels::gpu::FakeQuantForm;
use ecq::runtime::RuntimeError;
use ecq::runtime::backend::Backend;
use rayon::ThreadPool;

/// A device.
pub enum Device {
    Cpu(ThreadPool),
    Cuda(Cuda),
    #[cfg(feature = "wgpu")]
    Wgpu(std::sync::Arc<ecq::wgpu::Gpu>),
}

/// A quantizer that is compiled for a device.
pub enum Compiled<'a> {
    Cpu(&'a ThreadPool, &'a FakeQuantizer),
    Cuda(CudaFakeQuantizer<'a>),
    #[cfg(feature = "wgpu")]
    Wgpu(ecq::wgpu::GpuFakeQuantizer),
}

impl Device {
    /// Opens the device that `--device` names; the CPU with this many threads, by default one per core.
    pub fn open(device: &str, threads: Option<usize>) -> anyhow::Result<Self> {
        match device.parse()? {
            DeviceName::Cuda(number) => Ok(Self::Cuda(Cuda::new(number)?)),
            DeviceName::Cpu => {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0)).build()?;
                Ok(Self::Cpu(pool))
            }
            DeviceName::Wgpu(choice) => Self::wgpu(&choice),
        }
    }

    #[cfg(feature = "wgpu")]
    fn wgpu(choice: &str) -> anyhow::Result<Self> {
        let options = choice.parse().map_err(RuntimeError::from)?;
        Ok(Self::Wgpu(ecq::wgpu::Gpu::open(&options).map_err(RuntimeError::from)?))
    }

    #[cfg(not(feature = "wgpu"))]
    fn wgpu(_: &str) -> anyhow::Result<Self> {
        Err(RuntimeError::InvalidInput("this build has no wgpu device; its feature is wgpu").into())
    }

    /// Returns the number of threads of the CPU.
    pub fn threads(&self) -> Option<usize> {
        if let Self::Cpu(pool) = self { Some(pool.current_num_threads()) } else { None }
    }

    /// Returns the name.
    pub fn name(&self) -> String {
        match self {
            Self::Cpu(_) => format!("CPU, {}", ecq::coding::Isa::detect().name()),
            Self::Cuda(cuda) => cuda.info().name,
            #[cfg(feature = "wgpu")]
            Self::Wgpu(gpu) => format!("{}, {}", gpu.report().name, gpu.report().driver),
        }
    }

    /// Compiles a quantizer.
    pub fn compile<'a>(&'a self, quantizer: &'a FakeQuantizer) -> anyhow::Result<Compiled<'a>> {
        Ok(match self {
            Self::Cpu(pool) => Compiled::Cpu(pool, quantizer),
            Self::Cuda(cuda) => Compiled::Cuda(cuda.fake_quantizer(quantizer)?),
            #[cfg(feature = "wgpu")]
            Self::Wgpu(gpu) => Compiled::Wgpu(
                ecq::wgpu::GpuFakeQuantizer::compile(gpu, quantizer).map_err(RuntimeError::from)?,
            ),
        })
    }
}

impl Compiled<'_> {
    /// Quantizes an array.
    pub fn quantize(&self, form: FakeQuantForm, x: &[f32]) -> anyhow::Result<Vec<f32>> {
        Ok(match self {
            Self::Cpu(pool, quantizer) => {
                let mut y = vec![0.0; x.len()];
                pool.install(|| quantizer.quantize(x, &mut y))?;
                y
            }
            Self::Cuda(compiled) => compiled.quantize(form, x)?,
            #[cfg(feature = "wgpu")]
            Self::Wgpu(compiled) => compiled.quantize(form, x).map_err(RuntimeError::from)?,
        })
    }
}
