//! A GPU: its context, properties and streams.

use crate::error::{CudaError, DriverResult, Result};
use crate::library::require_driver;
use cudarc::driver::sys::CUdevice_attribute as Attribute;
use cudarc::driver::{CudaContext, CudaStream, result, sys};
use std::sync::Arc;

/// A GPU with its primary context.
#[derive(Debug)]
pub struct Gpu {
    context: Arc<CudaContext>,
    properties: Properties,
}

/// What the driver reports of a GPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Properties {
    /// Number of the GPU.
    pub ordinal: usize,
    /// Product name.
    pub name: String,
    /// Compute capability times ten: 90 for 9.0.
    pub capability: u32,
    /// Number of streaming multiprocessors.
    pub multiprocessors: usize,
    /// Bytes of memory.
    pub memory_bytes: usize,
    /// Largest shared memory of a block in bytes.
    pub shared_bytes: usize,
    /// Bytes of the L2 cache.
    pub l2_bytes: usize,
}

/// Returns the number of GPUs.
///
/// # Errors
/// [`CudaError::Library`] or [`CudaError::Driver`] if there is no driver or it does not start.
pub fn gpu_count() -> Result<usize> {
    require_driver()?;
    Ok(CudaContext::device_count().during("counting the GPUs")?.max(0) as usize)
}

/// Returns the CUDA version that the driver supports: 1000 times the major plus 10 times the minor version.
///
/// # Errors
/// As [`gpu_count`].
pub fn driver_version() -> Result<i32> {
    require_driver()?;
    let mut version = 0;
    // SAFETY: the pointer is valid, and the driver is present.
    let result = unsafe { sys::cuDriverGetVersion(&raw mut version) };
    result.result().during("reading the driver's version")?;
    Ok(version)
}

impl Gpu {
    /// Opens a GPU.
    ///
    /// # Errors
    /// [`CudaError::Library`] without a driver, [`CudaError::NoGpu`], [`CudaError::OldGpu`], or
    /// [`CudaError::Driver`].
    pub fn new(ordinal: usize) -> Result<Self> {
        let count = gpu_count()?;
        if ordinal >= count {
            return Err(CudaError::NoGpu { ordinal, count });
        }
        let context = CudaContext::new(ordinal).during("opening the GPU")?;
        // Work is ordered by this crate.
        // SAFETY: nothing uses cudarc's slices, whose use the events would order.
        unsafe { context.disable_event_tracking() };
        let properties = Properties::of(&context, ordinal)?;
        if properties.capability < 80 {
            let found = format!("{}.{}", properties.capability / 10, properties.capability % 10);
            return Err(CudaError::OldGpu { name: properties.name, found });
        }
        Ok(Self { context, properties })
    }

    /// Returns what the driver reports.
    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    /// Returns the context.
    pub fn context(&self) -> &Arc<CudaContext> {
        &self.context
    }

    /// Creates a stream.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    pub fn stream(&self) -> Result<Arc<CudaStream>> {
        self.context.new_stream().during("creating a stream")
    }

    /// Makes the context current for this thread, as driver calls require.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    pub fn bind(&self) -> Result<()> {
        self.context.bind_to_thread().during("selecting the GPU")
    }

    /// Returns the free bytes of memory.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    pub fn free_bytes(&self) -> Result<usize> {
        self.bind()?;
        Ok(self.context.mem_get_info().during("reading the free memory")?.0)
    }
}

/// While it exists, the calling thread may work with any GPU, and allocate while other threads capture
/// graphs. Then the thread has its own context again, by which other libraries know their current GPU.
#[derive(Debug)]
pub(crate) struct ThreadState {
    context: Option<sys::CUcontext>,
    mode: sys::CUstreamCaptureMode,
}

impl ThreadState {
    /// Remembers the state of the thread. The driver must be present.
    pub(crate) fn keep() -> Self {
        let mut mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        // SAFETY: the pointer is valid; the call exchanges the mode of this thread.
        let _ = unsafe { sys::cuThreadExchangeStreamCaptureMode(&raw mut mode) };
        Self { context: result::ctx::get_current().ok().flatten(), mode }
    }
}

impl Drop for ThreadState {
    fn drop(&mut self) {
        // Failures would have no one to report to, and the next call of the driver meets them again.
        // SAFETY: as above.
        let _ = unsafe { sys::cuThreadExchangeStreamCaptureMode(&raw mut self.mode) };
        // SAFETY: the context was current before; none is too.
        let _ = unsafe { result::ctx::set_current(self.context.unwrap_or(std::ptr::null_mut())) };
    }
}

impl Properties {
    fn of(context: &CudaContext, ordinal: usize) -> Result<Self> {
        let attribute = |attribute| context.attribute(attribute).during("reading properties of the GPU");
        let (major, minor) = context.compute_capability().during("reading properties of the GPU")?;
        let positive = |value: i32| value.max(0) as usize;
        Ok(Self {
            ordinal,
            name: context.name().during("reading the name of the GPU")?,
            capability: (10 * major + minor).max(0) as u32,
            multiprocessors: positive(attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?),
            memory_bytes: context.total_mem().during("reading the memory of the GPU")?,
            shared_bytes: positive(attribute(
                Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN,
            )?),
            l2_bytes: positive(attribute(Attribute::CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE)?),
        })
    }
}
