//! The backend: buffers, weights, slots, and programs of one GPU.

use crate::error::DriverResult;
use crate::gpu::Gpu;
use crate::memory::DeviceMemory;
use crate::module::Modules;
use crate::program::{CudaEvent, CudaProgram};
use crate::tuples::LevelsRoom;
use crate::weight::{CudaSlot, CudaWeight, fused_codings};
use cudarc::driver::CudaStream;
use ecq_core::Element;
use ecq_runtime::backend::{
    Backend, Bindings, Buffer, Compiled, DeviceInfo, Event, Inputs, Slot, Timing, Weight,
};
use ecq_runtime::program::{Program, Queue};
use ecq_runtime::{Matrix, Residence, RuntimeError};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

type Result<T> = std::result::Result<T, RuntimeError>;

/// The CUDA backend.
///
/// Work runs on one stream, in the order of submission; weights are decoded ahead on a second one. A
/// submission returns before the GPU is done, except where the host must know the choices of a router.
pub struct Cuda {
    shared: Arc<Shared>,
}

/// What buffers, weights and programs of a backend share.
pub(crate) struct Shared {
    /// Unique identifier, by which a backend recognizes its handles.
    pub(crate) number: u64,
    pub(crate) modules: Modules,
    /// The compute queue.
    pub(crate) stream: Arc<CudaStream>,
    /// The decode queue.
    pub(crate) decodes: Arc<CudaStream>,
    /// Memory that decoding on each queue goes through; programs that need more replace it.
    scratch: Mutex<[Option<Arc<DeviceMemory>>; 2]>,
    /// Held while work is submitted.
    pub(crate) submissions: Mutex<()>,
    /// Memory for levels of tuples. Compiled programs have its address, so a larger one is added to it.
    levels: Mutex<Vec<DeviceMemory>>,
    pub(crate) gpu: Gpu,
}

/// Memory of a buffer.
pub(crate) struct CudaBuffer {
    backend: u64,
    pub(crate) memory: DeviceMemory,
}

impl Cuda {
    /// Opens a GPU by its number.
    ///
    /// # Errors
    /// [`Device`](RuntimeError::Device) if there is no driver, no NVRTC or no such GPU, with the reason.
    pub fn new(ordinal: usize) -> Result<Self> {
        static OPENED: AtomicU64 = AtomicU64::new(0);
        let gpu = Gpu::new(ordinal)?;
        let shared = Shared {
            number: OPENED.fetch_add(1, Ordering::Relaxed),
            modules: Modules::new(&gpu)?,
            stream: gpu.stream()?,
            decodes: gpu.stream()?,
            scratch: Mutex::default(),
            submissions: Mutex::default(),
            levels: Mutex::default(),
            gpu,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Returns the GPU.
    pub fn gpu(&self) -> &Gpu {
        &self.shared.gpu
    }
}

impl Backend for Cuda {
    fn info(&self) -> DeviceInfo {
        let properties = self.shared.gpu.properties();
        let (major, minor) = (properties.capability / 10, properties.capability % 10);
        DeviceInfo {
            name: format!(
                "GPU {}, {}, compute capability {major}.{minor}",
                properties.ordinal, properties.name
            ),
            kind: "cuda",
            threads: 1,
            overlaps_decode: true,
            batch_invariant: true,
            fused_codings: fused_codings(properties.capability),
            memory_bytes: self.shared.gpu.free_bytes().ok().map(|bytes| bytes as u64),
        }
    }

    fn alloc(&self, element: Element, len: usize) -> Result<Buffer> {
        let bytes = len.saturating_mul(element.bytes());
        let memory = DeviceMemory::zeroed(&self.shared.gpu, bytes)?;
        Ok(Buffer::new(element, len, Arc::new(CudaBuffer { backend: self.shared.number, memory })))
    }

    fn upload(&self, buffer: &Buffer, at: usize, bytes: &[u8]) -> Result<()> {
        let memory = cuda_buffer(buffer, self.shared.number)?;
        let start = start(buffer, at, bytes.len()).ok_or_else(|| outside("upload", buffer))?;
        let _queue = self.shared.lock();
        Ok(memory.memory.write(&self.shared.stream, start, bytes)?)
    }

    fn download(&self, buffer: &Buffer, at: usize, bytes: &mut [u8]) -> Result<()> {
        let memory = cuda_buffer(buffer, self.shared.number)?;
        let start = start(buffer, at, bytes.len()).ok_or_else(|| outside("download", buffer))?;
        // Copied in the order of submissions; other threads submit while this one waits.
        let done = {
            let _queue = self.shared.lock();
            memory.memory.start_read(&self.shared.stream, start, bytes)?
        };
        done.synchronize().during("waiting for the GPU").map_err(RuntimeError::from)
    }

    fn load(&self, matrix: &Matrix, residence: Residence) -> Result<Weight> {
        let named = |error| RuntimeError::in_tensor(&matrix.name, error);
        CudaWeight::load(&self.shared, matrix, residence).map_err(named)
    }

    fn slot(&self, bytes: usize) -> Result<Slot> {
        Ok(Slot::new(bytes, Arc::new(CudaSlot::new(&self.shared, bytes)?)))
    }

    fn compile(&self, program: &Program, bindings: &Bindings) -> Result<Compiled> {
        bindings.check(program.layout())?;
        Ok(Compiled::new(Arc::new(CudaProgram::new(program, bindings, self.shared.clone())?)))
    }

    fn submit(&self, program: &Compiled, inputs: &Inputs) -> Result<Event> {
        let foreign = || RuntimeError::Binding("a program of another backend".to_owned());
        let program = program.inner::<CudaProgram>().ok_or_else(foreign)?;
        if program.backend() != self.shared.number {
            return Err(foreign());
        }
        Ok(Event::new(Arc::new(CudaProgram::submit(&program, inputs)?)))
    }

    fn wait(&self, event: &Event) -> Result<Timing> {
        let foreign = || RuntimeError::Binding("an event of another backend".to_owned());
        event.inner::<CudaEvent>().ok_or_else(foreign)?.wait()
    }

    fn kernels(&self, program: &Compiled) -> Vec<&'static str> {
        program.inner::<CudaProgram>().map_or(Vec::new(), |program| program.kernels())
    }
}

impl Shared {
    /// Returns memory of at least the given bytes for levels of tuples, which all programs share: they run
    /// one after the other.
    pub(crate) fn levels(&self, bytes: usize) -> Result<LevelsRoom> {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let room = |memory: &DeviceMemory| LevelsRoom { address: memory.address(), bytes: memory.bytes() };
        if let Some(memory) = levels.last().filter(|memory| memory.bytes() >= bytes) {
            return Ok(room(memory));
        }
        let memory = DeviceMemory::zeroed(&self.gpu, bytes)?;
        let found = room(&memory);
        levels.push(memory);
        Ok(found)
    }

    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, ()> {
        self.submissions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the stream of a queue.
    pub(crate) fn stream_of(&self, queue: Queue) -> &Arc<CudaStream> {
        match queue {
            Queue::Compute => &self.stream,
            Queue::Decode => &self.decodes,
        }
    }

    /// Returns memory that decoding on a queue goes through. All programs share it: a queue decodes in order.
    pub(crate) fn scratch(&self, queue: Queue, bytes: usize) -> Result<Arc<DeviceMemory>> {
        let mut all = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        let own = &mut all[usize::from(queue == Queue::Decode)];
        match own {
            Some(memory) if memory.bytes() >= bytes => Ok(memory.clone()),
            _ => {
                let memory = Arc::new(DeviceMemory::zeroed(&self.gpu, bytes)?);
                Ok(own.insert(memory).clone())
            }
        }
    }
}

pub(crate) fn cuda_buffer(buffer: &Buffer, backend: u64) -> Result<Arc<CudaBuffer>> {
    let found = buffer.inner::<CudaBuffer>().filter(|buffer| buffer.backend == backend);
    found.ok_or_else(|| RuntimeError::Binding("a buffer of another backend".to_owned()))
}

/// Returns the first byte of a transfer; `None` if it is outside the buffer.
fn start(buffer: &Buffer, at: usize, bytes: usize) -> Option<usize> {
    let start = at.checked_mul(buffer.element().bytes())?;
    (start.checked_add(bytes)? as u64 <= buffer.bytes()).then_some(start)
}

fn outside(what: &str, buffer: &Buffer) -> RuntimeError {
    RuntimeError::Binding(format!("{what} outside {buffer:?}"))
}
