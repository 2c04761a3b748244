//! The devices of benchmarks, and how each of them is timed.

use ecq::DeviceName;
use ecq::cuda::Cuda;
use ecq::runtime::RuntimeError;
use ecq::runtime::backend::{Backend, Compiled, Cpu, CpuOptions, Inputs};
use std::time::{Duration, Instant};

/// A device of a benchmark.
pub enum Device {
    Cpu(Cpu),
    Cuda(Cuda),
    #[cfg(feature = "wgpu")]
    Wgpu(ecq::wgpu::Wgpu),
}

impl Device {
    /// Opens the device that `--device` names; the CPU with this many threads, by default one per core.
    pub fn open(device: &str, threads: Option<usize>) -> anyhow::Result<Self> {
        match device.parse()? {
            DeviceName::Cuda(number) => Ok(Self::Cuda(Cuda::new(number)?)),
            DeviceName::Cpu => {
                let options = CpuOptions { threads: threads.unwrap_or(0), ..CpuOptions::default() };
                Ok(Self::Cpu(Cpu::new(options)?))
            }
            DeviceName::Wgpu(choice) => Self::wgpu(&choice),
        }
    }

    #[cfg(feature = "wgpu")]
    fn wgpu(choice: &str) -> anyhow::Result<Self> {
        let options = choice.parse().map_err(RuntimeError::from)?;
        Ok(Self::Wgpu(ecq::wgpu::Wgpu::new(&options)?))
    }

    #[cfg(not(feature = "wgpu"))]
    fn wgpu(_: &str) -> anyhow::Result<Self> {
        Err(RuntimeError::InvalidInput("this build has no wgpu device; its feature is wgpu").into())
    }

    pub fn backend(&self) -> &dyn Backend {
        match self {
            Self::Cpu(cpu) => cpu,
            Self::Cuda(cuda) => cuda,
            #[cfg(feature = "wgpu")]
            Self::Wgpu(wgpu) => wgpu,
        }
    }

    pub fn cuda(&self) -> Option<&Cuda> {
        if let Self::Cuda(cuda) = self { Some(cuda) } else { None }
    }

    /// Returns the median seconds that a GPU takes for the kernels of a program that `keep` chooses; an error
    /// on the CPU.
    pub fn gpu_seconds(
        &self,
        program: &Compiled,
        inputs: &Inputs,
        keep: &dyn Fn(&str) -> bool,
    ) -> anyhow::Result<f64> {
        match self {
            Self::Cpu(_) => Err(RuntimeError::InvalidInput("the CPU has no kernels to choose").into()),
            Self::Cuda(cuda) => Ok(cuda.measure_program(program, inputs, keep)?),
            #[cfg(feature = "wgpu")]
            Self::Wgpu(wgpu) => Ok(wgpu.measure_program(program, inputs, keep)?),
        }
    }

    /// Returns the median seconds that a program takes: on the CPU by the clock, of at least three passes
    /// and of as many as fit `most` seconds; on a GPU by its events.
    pub fn seconds(&self, program: &Compiled, inputs: &Inputs, most: f64) -> anyhow::Result<f64> {
        let Self::Cpu(cpu) = self else { return self.gpu_seconds(program, inputs, &|_| true) };
        let pass = || cpu.wait(&cpu.submit(program, inputs)?);
        pass()?;
        median(Duration::from_secs_f64(most.clamp(0.0, 3600.0)), pass)
    }
}

/// Returns the median seconds of at least three passes, and of as many as fit `most`.
pub fn median<T, E>(most: Duration, mut pass: impl FnMut() -> Result<T, E>) -> anyhow::Result<f64>
where
    anyhow::Error: From<E>,
{
    let (begun, mut all) = (Instant::now(), Vec::new());
    while all.len() < 3 || begun.elapsed() < most {
        let start = Instant::now();
        pass()?;
        all.push(start.elapsed().as_secs_f64());
    }
    all.sort_by(f64::total_cmp);
    Ok(all[all.len() / 2])
}
