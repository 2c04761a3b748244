//! Memory of a GPU, and pinned memory of the host.

use crate::error::{CudaError, DriverResult, Result};
use crate::gpu::{Gpu, ThreadState};
use cudarc::driver::{CudaContext, CudaEvent, CudaStream, result, sys};
use std::sync::Arc;

/// Bytes of GPU memory, freed when dropped.
///
/// Contents are written and read by kernels and copies of any stream; callers order them.
#[derive(Debug)]
pub struct DeviceMemory {
    context: Arc<CudaContext>,
    address: sys::CUdeviceptr,
    bytes: usize,
}

impl DeviceMemory {
    /// Allocates `bytes` zeros. Allocations begin at multiples of 256 bytes.
    ///
    /// # Errors
    /// [`CudaError::OutOfMemory`], or [`CudaError::Driver`].
    pub fn zeroed(gpu: &Gpu, bytes: usize) -> Result<Self> {
        gpu.bind()?;
        // Empty allocations are refused by the driver.
        let room = bytes.max(1);
        // SAFETY: the context is current; the memory is filled below before anything reads it.
        let address = unsafe { result::malloc_sync(room) }.map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => CudaError::OutOfMemory { bytes },
            _ => match Err::<(), _>(error).during("allocating GPU memory") {
                Err(error) => error,
                Ok(()) => CudaError::OutOfMemory { bytes },
            },
        })?;
        let memory = Self { context: gpu.context().clone(), address, bytes };
        // SAFETY: the range was just allocated, and nothing else uses it.
        unsafe { result::memset_d8_sync(address, 0, room) }.during("clearing GPU memory")?;
        wait_for_default_stream()?;
        Ok(memory)
    }

    /// Allocates memory with the given content.
    ///
    /// # Errors
    /// As [`zeroed`](Self::zeroed).
    pub fn with(gpu: &Gpu, content: &[u8]) -> Result<Self> {
        let memory = Self::zeroed(gpu, content.len())?;
        memory.fill(content)?;
        Ok(memory)
    }

    /// Allocates memory with the given content and zeros up to a multiple of `alignment` bytes.
    ///
    /// # Errors
    /// As [`zeroed`](Self::zeroed).
    pub(crate) fn padded(gpu: &Gpu, content: &[u8], alignment: usize) -> Result<Self> {
        let memory = Self::zeroed(gpu, content.len().next_multiple_of(alignment))?;
        memory.fill(content)?;
        Ok(memory)
    }

    /// Fills the memory with zeros, after the earlier work of a stream.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    pub(crate) fn clear(&self, stream: &CudaStream) -> Result<()> {
        self.context.bind_to_thread().during("selecting the GPU")?;
        // SAFETY: the range is the whole memory.
        unsafe { result::memset_d8_async(self.address, 0, self.bytes, stream.cu_stream()) }
            .during("clearing GPU memory")
    }

    /// Copies content to memory that nothing else uses yet.
    fn fill(&self, content: &[u8]) -> Result<()> {
        if content.is_empty() {
            return Ok(());
        }
        assert!(content.len() <= self.bytes, "content fits");
        // SAFETY: the memory has at least the length of the content.
        unsafe { result::memcpy_htod_sync(self.address, content) }.during("copying to the GPU")?;
        wait_for_default_stream()
    }

    /// Returns the address on the GPU.
    pub fn address(&self) -> sys::CUdeviceptr {
        self.address
    }

    /// Returns the length in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Copies `from` to the bytes from `at` on, after the earlier work of a stream. `from` may be changed
    /// when this returns, unless it is pinned.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    ///
    /// # Panics
    /// If the range is outside the memory.
    pub fn write(&self, stream: &CudaStream, at: usize, from: &[u8]) -> Result<()> {
        assert!(at <= self.bytes && from.len() <= self.bytes - at, "a write outside of GPU memory");
        if from.is_empty() {
            return Ok(());
        }
        self.context.bind_to_thread().during("selecting the GPU")?;
        // SAFETY: the range is inside the memory. The driver copies memory that is not pinned before it
        // returns.
        unsafe { result::memcpy_htod_async(self.address + at as u64, from, stream.cu_stream()) }
            .during("copying to the GPU")
    }

    /// Copies the bytes from `at` on to `into`, after the earlier work of a stream, and waits for it.
    ///
    /// # Errors
    /// [`CudaError::Driver`], also for earlier work that failed.
    ///
    /// # Panics
    /// If the range is outside the memory.
    pub fn read(&self, stream: &CudaStream, at: usize, into: &mut [u8]) -> Result<()> {
        self.start_read(stream, at, into)?.synchronize().during("waiting for the GPU")
    }

    /// Starts a copy as [`read`](Self::read). Where `into` is not pinned, the driver copies before it
    /// returns; the event is complete when the bytes are there.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    ///
    /// # Panics
    /// If the range is outside the memory.
    pub(crate) fn start_read(&self, stream: &CudaStream, at: usize, into: &mut [u8]) -> Result<CudaEvent> {
        assert!(at <= self.bytes && into.len() <= self.bytes - at, "a read outside of GPU memory");
        self.context.bind_to_thread().during("selecting the GPU")?;
        if !into.is_empty() {
            // SAFETY: the range is inside the memory. A copy to memory that is not pinned is complete when
            // the driver returns.
            unsafe { result::memcpy_dtoh_async(into, self.address + at as u64, stream.cu_stream()) }
                .during("copying from the GPU")?;
        }
        stream.record_event(None).during("waiting for the GPU")
    }
}

impl Drop for DeviceMemory {
    fn drop(&mut self) {
        let _state = ThreadState::keep();
        // A failure would have no one to report to; memory of a failed context is gone anyway.
        let _ = self.context.bind_to_thread();
        // SAFETY: the address comes from the allocator and is freed once. Freeing waits for the work that
        // uses the memory.
        let _ = unsafe { result::free_sync(self.address) };
    }
}

/// Waits for fills and copies, which other streams do not wait for.
fn wait_for_default_stream() -> Result<()> {
    // SAFETY: the default stream always exists, and the context is current.
    unsafe { result::stream::synchronize(result::stream::null()) }.during("waiting for the GPU")
}

/// Memory of the host that the GPU reads and writes itself.
#[derive(Debug)]
pub struct PinnedMemory {
    context: Arc<CudaContext>,
    address: *mut u8,
    bytes: usize,
}

// SAFETY: the memory is not tied to a thread; shared references only read it.
unsafe impl Send for PinnedMemory {}
// SAFETY: as above; writes need a mutable reference or are the GPU's, which callers order.
unsafe impl Sync for PinnedMemory {}

impl PinnedMemory {
    /// Allocates `bytes` zeros.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    pub fn zeroed(gpu: &Gpu, bytes: usize) -> Result<Self> {
        gpu.bind()?;
        let room = bytes.max(1);
        // SAFETY: the context is current; the memory is filled below before anything reads it.
        let address =
            unsafe { result::malloc_host(room, sys::CU_MEMHOSTALLOC_DEVICEMAP) }.during("pinning memory")?;
        let address: *mut u8 = address.cast();
        // SAFETY: the range was just allocated.
        unsafe { address.write_bytes(0, room) };
        Ok(Self { context: gpu.context().clone(), address, bytes })
    }

    /// Returns the address, which is the same on the GPU and on the host.
    pub fn address(&self) -> sys::CUdeviceptr {
        self.address as sys::CUdeviceptr
    }

    /// Returns the length in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the content. Work of the GPU that writes it must be complete.
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: the memory has this length, was initialized, and lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.address, self.bytes) }
    }

    /// Returns a word that the GPU may be writing.
    ///
    /// # Panics
    /// If the word is outside the memory.
    pub fn word(&self, index: usize) -> u32 {
        assert!(4 * index + 4 <= self.bytes, "a word outside of pinned memory");
        // SAFETY: the word is inside the memory, which begins at a page.
        unsafe { self.address.cast::<u32>().add(index).read_volatile() }
    }

    /// Writes a word that the GPU may be reading.
    ///
    /// # Panics
    /// If the word is outside the memory.
    pub fn set_word(&self, index: usize, value: u32) {
        assert!(4 * index + 4 <= self.bytes, "a word outside of pinned memory");
        // SAFETY: as above.
        unsafe { self.address.cast::<u32>().add(index).write_volatile(value) }
    }

    /// Returns the content for writing. Work of the GPU that uses it must be complete.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as above, and the reference is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.address, self.bytes) }
    }
}

impl Drop for PinnedMemory {
    fn drop(&mut self) {
        let _state = ThreadState::keep();
        let _ = self.context.bind_to_thread();
        // SAFETY: the address comes from `malloc_host` and is freed once.
        let _ = unsafe { result::free_host(self.address.cast()) };
    }
}
