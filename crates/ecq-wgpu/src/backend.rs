//! The backend: buffers, weights, slots, and programs of one adapter.

use crate::adapter::WgpuOptions;
use crate::error::Result as WgpuResult;
use crate::gpu::Gpu;
use crate::program::{WgpuEvent, WgpuProgram};
use crate::weight::{FUSED_CODINGS, WgpuSlot, WgpuWeight};
use ecq_core::Element;
use ecq_runtime::backend::{
    Backend, Bindings, Buffer, Compiled, DeviceInfo, Event, Inputs, Slot, Timing, Weight,
};
use ecq_runtime::program::Program;
use ecq_runtime::{Matrix, Residence, RuntimeError};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Result<T> = std::result::Result<T, RuntimeError>;

/// The wgpu backend.
///
/// Work runs on one queue, in the order of submission. A submission returns before the GPU is done, except
/// where the host must know the choices of a router.
pub struct Wgpu {
    shared: Arc<Shared>,
}

/// What buffers, weights and programs of a backend share.
pub(crate) struct Shared {
    /// Unique identifier, by which a backend recognizes its handles.
    pub(crate) number: u64,
    pub(crate) gpu: Arc<Gpu>,
    /// Held while work is submitted.
    submissions: Mutex<()>,
    /// Memory for a matrix that is decoded for one product. Work runs in order, so that all programs share
    /// it; those that need more replace it.
    decoded: Mutex<Option<wgpu::Buffer>>,
}

/// Memory of a buffer.
pub(crate) struct WgpuBuffer {
    backend: u64,
    pub(crate) memory: wgpu::Buffer,
}

impl Wgpu {
    /// Opens an adapter.
    ///
    /// # Errors
    /// [`Device`](RuntimeError::Device) if there is no such adapter or it cannot run the kernels, with the
    /// reason.
    pub fn new(options: &WgpuOptions) -> Result<Self> {
        Ok(Self::on(Gpu::open(options)?))
    }

    /// Creates a backend on an opened adapter, whose compiled kernels all its backends share.
    pub fn on(gpu: Arc<Gpu>) -> Self {
        static OPENED: AtomicU64 = AtomicU64::new(0);
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        Self {
            shared: Arc::new(Shared {
                number,
                gpu,
                submissions: Mutex::default(),
                decoded: Mutex::default(),
            }),
        }
    }

    /// Returns the adapter.
    pub fn gpu(&self) -> &Gpu {
        &self.shared.gpu
    }
}

impl Backend for Wgpu {
    fn info(&self) -> DeviceInfo {
        let report = self.shared.gpu.report();
        DeviceInfo {
            name: format!("{} through {}, adapter {}", report.name, report.interface, report.number),
            kind: "wgpu",
            threads: 1,
            // There is one queue.
            overlaps_decode: false,
            batch_invariant: true,
            fused_codings: FUSED_CODINGS,
            // The interface reports no amount of memory.
            memory_bytes: None,
        }
    }

    fn alloc(&self, element: Element, len: usize) -> Result<Buffer> {
        let bytes = len.saturating_mul(element.bytes()) as u64;
        let memory = self.shared.gpu.buffer(&format!("a buffer of {len} {element}"), bytes)?;
        Ok(Buffer::new(element, len, Arc::new(WgpuBuffer { backend: self.shared.number, memory })))
    }

    fn upload(&self, buffer: &Buffer, at: usize, bytes: &[u8]) -> Result<()> {
        let memory = wgpu_buffer(buffer, self.shared.number)?;
        let start = start(buffer, at, bytes.len()).ok_or_else(|| outside("upload", buffer))?;
        let _queue = self.shared.lock();
        Ok(memory.write(&self.shared.gpu, start as u64, bytes)?)
    }

    fn download(&self, buffer: &Buffer, at: usize, bytes: &mut [u8]) -> Result<()> {
        let memory = wgpu_buffer(buffer, self.shared.number)?;
        let start = start(buffer, at, bytes.len()).ok_or_else(|| outside("download", buffer))?;
        if bytes.is_empty() {
            return Ok(());
        }
        Ok(memory.read(&self.shared, start as u64, bytes)?)
    }

    fn load(&self, matrix: &Matrix, residence: Residence) -> Result<Weight> {
        let named = |error| RuntimeError::in_tensor(&matrix.name, error);
        WgpuWeight::load(&self.shared, matrix, residence).map_err(named)
    }

    fn slot(&self, bytes: usize) -> Result<Slot> {
        Ok(Slot::new(bytes, Arc::new(WgpuSlot::new(&self.shared, bytes)?)))
    }

    fn compile(&self, program: &Program, bindings: &Bindings) -> Result<Compiled> {
        bindings.check(program.layout())?;
        Ok(Compiled::new(Arc::new(WgpuProgram::new(program, bindings, self.shared.clone())?)))
    }

    fn submit(&self, program: &Compiled, inputs: &Inputs) -> Result<Event> {
        let foreign = || RuntimeError::Binding("a program of another backend".to_owned());
        let program = program.inner::<WgpuProgram>().ok_or_else(foreign)?;
        if program.backend() != self.shared.number {
            return Err(foreign());
        }
        Ok(Event::new(Arc::new(WgpuProgram::submit(&program, inputs)?)))
    }

    fn wait(&self, event: &Event) -> Result<Timing> {
        let foreign = || RuntimeError::Binding("an event of another backend".to_owned());
        event.inner::<WgpuEvent>().ok_or_else(foreign)?.wait()
    }

    fn kernels(&self, program: &Compiled) -> Vec<&'static str> {
        program.inner::<WgpuProgram>().map_or(Vec::new(), |program| program.kernels())
    }
}

impl Shared {
    /// Returns memory of at least the given bytes for a matrix that is decoded for one product.
    pub(crate) fn decoded(&self, bytes: usize) -> WgpuResult<wgpu::Buffer> {
        let mut own = self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
        match &*own {
            Some(buffer) if buffer.size() >= bytes as u64 => Ok(buffer.clone()),
            _ => Ok(own.insert(self.gpu.buffer("a decoded matrix", bytes as u64)?).clone()),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
        self.submissions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WgpuBuffer {
    /// Writes bytes before later submissions run. The queue copies whole words, so that words of which only
    /// some bytes are written are read first.
    pub(crate) fn write(&self, gpu: &Gpu, at: u64, bytes: &[u8]) -> WgpuResult<()> {
        let len = bytes.len() as u64;
        if bytes.is_empty() {
            return Ok(());
        }
        if at.is_multiple_of(4) && len.is_multiple_of(4) {
            gpu.queue.write_buffer(&self.memory, at, bytes);
            return Ok(());
        }
        let (start, end) = (at / 4 * 4, (at + len).next_multiple_of(4));
        let reading = gpu.start_read(&self.memory, start, end - start)?;
        let mut words = gpu.finish_read(reading, <[u8]>::to_vec)?;
        words[(at - start) as usize..][..bytes.len()].copy_from_slice(bytes);
        gpu.queue.write_buffer(&self.memory, start, &words);
        Ok(())
    }

    /// Reads bytes after earlier submissions have run.
    fn read(&self, shared: &Shared, at: u64, into: &mut [u8]) -> WgpuResult<()> {
        let (start, end) = (at / 4 * 4, (at + into.len() as u64).next_multiple_of(4));
        let reading = {
            let _queue = shared.lock();
            shared.gpu.start_read(&self.memory, start, end - start)?
        };
        let first = (at - start) as usize;
        shared.gpu.finish_read(reading, |words| into.copy_from_slice(&words[first..first + into.len()]))
    }
}

pub(crate) fn wgpu_buffer(buffer: &Buffer, backend: u64) -> Result<Arc<WgpuBuffer>> {
    let found = buffer.inner::<WgpuBuffer>().filter(|buffer| buffer.backend == backend);
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
