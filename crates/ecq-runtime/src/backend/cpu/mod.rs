//! The CPU as a device: buffers behind locks, a pool of threads, a thread for the second queue.

mod attention;
mod data;
mod experts;
mod linear;
mod lock;
mod program;
mod run;
mod scratch;
mod weight;

use super::{Backend, Bindings, Buffer, Compiled, DeviceInfo, Event, Inputs, Slot, Timing, Weight};
use crate::error::{Result, RuntimeError};
use crate::plan::Residence;
use crate::program::Program;
use crate::weights::Matrix;
use data::Data;
use ecq_core::Element;
use ecq_kernels::cpu::linear::{Isa, Precision};
use program::{CpuProgram, Decoder};
use std::sync::{Arc, Mutex, OnceLock};
use weight::{CpuSlot, CpuWeight};

/// In what precision activations enter a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivationType {
    /// Single precision.
    F32,
    /// Blocks of 8-bit integers with a scale.
    I8,
}

impl ActivationType {
    fn precision(self) -> Precision {
        match self {
            Self::F32 => Precision::F32,
            Self::I8 => Precision::I8,
        }
    }
}

/// What to build a [`Cpu`] with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuOptions {
    /// Threads; 0 for one on each core.
    pub threads: usize,
    /// Precision of activations in products.
    pub activations: ActivationType,
}

impl Default for CpuOptions {
    fn default() -> Self {
        Self { threads: 0, activations: ActivationType::F32 }
    }
}

/// The CPU.
pub struct Cpu {
    shared: Arc<Shared>,
    decoder: OnceLock<Decoder>,
}

/// What both queues use.
struct Shared {
    pool: rayon::ThreadPool,
    options: CpuOptions,
    scratch: scratch::ScratchPools,
    /// Held by the submission that runs.
    compute: Mutex<()>,
}

impl Cpu {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system refuses them.
    pub fn new(options: CpuOptions) -> Result<Self> {
        let refused = |error: rayon::ThreadPoolBuildError| RuntimeError::Threads(error.to_string());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build().map_err(refused)?;
        let scratch = scratch::ScratchPools::default();
        Ok(Self {
            shared: Arc::new(Shared { pool, options, scratch, compute: Mutex::new(()) }),
            decoder: OnceLock::new(),
        })
    }
}

impl Backend for Cpu {
    fn facts(&self) -> DeviceInfo {
        let threads = self.shared.pool.current_num_threads();
        let isa = Isa::detect().name();
        DeviceInfo {
            name: format!("CPU, {isa}, {threads} thread{}", if threads == 1 { "" } else { "s" }),
            kind: "cpu",
            threads,
            decodes_aside: false,
            same_bits: true,
            memory_bytes: None,
        }
    }

    fn alloc(&self, element: Element, len: usize) -> Result<Buffer> {
        Ok(Buffer::new(element, len, Arc::new(Data::zeros(element, len)?)))
    }

    fn upload(&self, buffer: &Buffer, at: usize, bytes: &[u8]) -> Result<()> {
        let start = at.saturating_mul(buffer.element().bytes());
        let written = data(buffer)?.with_bytes(start, bytes.len(), |to| to.copy_from_slice(bytes));
        written.ok_or_else(|| outside("upload", buffer))
    }

    fn download(&self, buffer: &Buffer, at: usize, bytes: &mut [u8]) -> Result<()> {
        let start = at.saturating_mul(buffer.element().bytes());
        let found = data(buffer)?.with_bytes(start, bytes.len(), |from| bytes.copy_from_slice(from));
        found.ok_or_else(|| outside("download", buffer))
    }

    fn load(&self, matrix: &Matrix, residence: Residence) -> Result<Weight> {
        let named = |error| RuntimeError::in_tensor(&matrix.name, error);
        self.shared.pool.install(|| CpuWeight::load(matrix, residence)).map_err(named)
    }

    fn slot(&self, bytes: usize) -> Result<Slot> {
        Ok(Slot::new(bytes, Arc::new(CpuSlot::with_bytes(bytes))))
    }

    fn compile(&self, program: &Program, bindings: &Bindings) -> Result<Compiled> {
        bindings.check(program.layout())?;
        Ok(Compiled::new(Arc::new(CpuProgram::new(program, bindings, self.shared.clone())?)))
    }

    fn submit(&self, program: &Compiled, inputs: &Inputs) -> Result<Event> {
        let foreign = || RuntimeError::Binding("a program of another backend".to_owned());
        let program = program.inner::<CpuProgram>().ok_or_else(foreign)?;
        // The caller's thread is the compute queue: when this returns, all is done.
        let decoder = || self.decoder.get_or_init(Decoder::start);
        Ok(Event::new(Arc::new(CpuProgram::run(&program, inputs, decoder)?)))
    }

    fn wait(&self, event: &Event) -> Result<Timing> {
        let foreign = || RuntimeError::Binding("an event of another backend".to_owned());
        event.inner::<Timing>().copied().ok_or_else(foreign)
    }
}

fn data(buffer: &Buffer) -> Result<Arc<Data>> {
    buffer.inner().ok_or_else(|| RuntimeError::Binding("a buffer of another backend".to_owned()))
}

fn outside(what: &str, buffer: &Buffer) -> RuntimeError {
    RuntimeError::Binding(format!("{what} outside {buffer:?}"))
}
