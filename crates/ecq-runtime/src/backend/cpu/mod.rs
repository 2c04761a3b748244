//! The CPU backend: locked buffers, a thread pool, and a thread for the decode queue.

mod attention;
mod data;
mod experts;
mod linear;
mod lock;
mod product;
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
use ecq_core::{Coding, Element};
use ecq_kernels::cpu::linear::{Isa, Precision};
use ecq_kernels::fake_quant::Bits;
use program::{CpuProgram, DecodeThread};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock};
use weight::{CpuSlot, CpuWeight};

/// Precision of the activations in products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivationType {
    /// f32.
    F32,
    /// 8-bit integers in blocks of 32 columns with a scale each.
    I8,
    /// f32, fake quantized to a number of bits: symmetric levels up to the largest magnitude of each row,
    /// halves away from zero. For studies of activations.
    Fake(Bits),
}

impl fmt::Display for ActivationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::F32 => f.write_str("f32"),
            Self::I8 => f.write_str("i8"),
            Self::Fake(bits) => write!(f, "fake:{bits}"),
        }
    }
}

impl FromStr for ActivationType {
    type Err = RuntimeError;

    fn from_str(text: &str) -> Result<Self> {
        let bits = |text: &str| Bits::new(text.parse().ok()?).ok();
        match text {
            "f32" => Ok(Self::F32),
            "i8" => Ok(Self::I8),
            _ => text.strip_prefix("fake:").and_then(bits).map(Self::Fake).ok_or(RuntimeError::InvalidInput(
                "unknown activations; expected f32, i8 or fake:BITS with 1 to 16 bits",
            )),
        }
    }
}

impl ActivationType {
    fn precision(self) -> Precision {
        match self {
            Self::F32 => Precision::F32,
            Self::I8 => Precision::I8,
            Self::Fake(bits) => Precision::Fake(bits),
        }
    }
}

/// Options of the CPU backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuOptions {
    /// Number of threads; 0 (default) means one per core.
    pub threads: usize,
    /// Precision of the activations; default f32.
    pub activations: ActivationType,
}

impl Default for CpuOptions {
    fn default() -> Self {
        Self { threads: 0, activations: ActivationType::F32 }
    }
}

/// The CPU backend.
pub struct Cpu {
    shared: Arc<Shared>,
    decode_thread: OnceLock<DecodeThread>,
}

/// State shared by both queues.
struct Shared {
    pool: rayon::ThreadPool,
    options: CpuOptions,
    scratch: scratch::ScratchPools,
    /// Held by the running submission.
    compute: Mutex<()>,
}

impl Cpu {
    /// Creates the backend and starts its threads.
    ///
    /// # Errors
    /// [`Threads`](RuntimeError::Threads) if the system refuses to start threads.
    pub fn new(options: CpuOptions) -> Result<Self> {
        let refused = |error: rayon::ThreadPoolBuildError| RuntimeError::Threads(error.to_string());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build().map_err(refused)?;
        let scratch = scratch::ScratchPools::default();
        Ok(Self {
            shared: Arc::new(Shared { pool, options, scratch, compute: Mutex::new(()) }),
            decode_thread: OnceLock::new(),
        })
    }
}

impl Backend for Cpu {
    fn info(&self) -> DeviceInfo {
        let threads = self.shared.pool.current_num_threads();
        let isa = Isa::detect().name();
        DeviceInfo {
            name: format!("CPU, {isa}, {threads} thread{}", if threads == 1 { "" } else { "s" }),
            kind: "cpu",
            threads,
            overlaps_decode: false,
            batch_invariant: true,
            fused_codings: &[Coding::Packed, Coding::Rans, Coding::Prefix],
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
        // The calling thread is the compute queue, so the submission is complete when this returns.
        let decode_thread = || self.decode_thread.get_or_init(DecodeThread::start);
        Ok(Event::new(Arc::new(CpuProgram::run(&program, inputs, decode_thread)?)))
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
