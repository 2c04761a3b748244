//! Loaded kernels, and their launches.

use crate::compiler::{Compiler, Program};
use crate::error::{CudaError, DriverResult, Result};
use crate::gpu::Gpu;
use bytemuck::NoUninit;
use cudarc::driver::{CudaFunction, CudaModule, CudaStream, sys};
use cudarc::nvrtc::Ptx;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

/// The kernels of a GPU, compiled and loaded at their first use.
#[derive(Debug)]
pub struct Modules {
    compiler: Compiler,
    target: String,
    loaded: Mutex<HashMap<Program, Arc<CudaModule>>>,
}

/// A kernel.
#[derive(Debug, Clone)]
pub struct Kernel {
    name: &'static str,
    function: CudaFunction,
    /// Whether a launch may start before the previous kernel of its stream is done; the kernels of this crate
    /// then wait themselves (`wait_for_previous` of `common.cuh`).
    early: bool,
}

/// The shape of a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Blocks.
    pub blocks: [usize; 3],
    /// Threads per block.
    pub threads: usize,
    /// Bytes of dynamic shared memory per block.
    pub shared_bytes: usize,
}

impl Grid {
    /// Creates a shape without dynamic shared memory.
    pub fn new(blocks: [usize; 3], threads: usize) -> Self {
        Self { blocks, threads, shared_bytes: 0 }
    }
}

impl Modules {
    /// Creates an empty set for a GPU.
    ///
    /// # Errors
    /// [`CudaError::Library`] if NVRTC is not found or too old for the GPU.
    pub fn new(gpu: &Gpu) -> Result<Self> {
        let compiler = Compiler::new()?;
        let target = compiler.target(gpu.properties().capability)?;
        Ok(Self { compiler, target, loaded: Mutex::default() })
    }

    /// Returns a kernel of a program.
    ///
    /// # Errors
    /// [`CudaError::Compile`], or [`CudaError::Driver`] if the kernel does not load.
    pub fn kernel(&self, gpu: &Gpu, program: &Program, name: &'static str) -> Result<Kernel> {
        // Held while compiling, so that threads do not compile the same program.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let module = match loaded.get(program) {
            Some(module) => module.clone(),
            None => {
                let cubin = self.compiler.compile(program, &self.target)?;
                let module = gpu.context().load_module(Ptx::from_binary(cubin.bytes));
                let module = module.during("loading kernels")?;
                loaded.insert(program.clone(), module.clone());
                module
            }
        };
        let function = module.load_function(name).during("looking up a kernel")?;
        Ok(Kernel { name, function, early: gpu.properties().capability >= 90 })
    }
}

impl Kernel {
    /// Returns the name in the source.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the kernel for a launch behind an edge from another stream: it starts when all that it depends
    /// on is done.
    pub(crate) fn after_wait(self) -> Self {
        Self { early: false, ..self }
    }

    /// Allows launches with all of a block's shared memory; more than 48 KiB needs the permission, which all
    /// launches of the kernel share.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    pub fn allow_shared(&self, gpu: &Gpu) -> Result<()> {
        let attribute = sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
        let bytes = i32::try_from(gpu.properties().shared_bytes).unwrap_or(i32::MAX);
        self.function.set_attribute(attribute, bytes).during("reserving shared memory")
    }

    /// Launches the kernel with one parameter, a structure passed by value, given as its words.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    ///
    /// # Safety
    /// The words must have the layout and the length of the kernel's parameter, and every address in them
    /// must be memory of the kernel's GPU, with the length that the kernel uses, until the launch is
    /// complete. Other work on that memory must be ordered by the stream or by events.
    pub unsafe fn launch(&self, stream: &CudaStream, grid: Grid, parameters: &[u64]) -> Result<()> {
        // SAFETY: the caller's conditions.
        unsafe { self.launch_on(stream.cu_stream(), grid, parameters, self.early) }
    }

    /// Launches the kernel on a stream of another library, `early` if the GPU can do that.
    ///
    /// # Errors
    /// [`CudaError::Driver`].
    ///
    /// # Safety
    /// As [`launch`](Self::launch); the stream must be one of the kernel's GPU.
    pub(crate) unsafe fn launch_on(
        &self,
        stream: sys::CUstream,
        grid: Grid,
        parameters: &[u64],
        early: bool,
    ) -> Result<()> {
        let Some((x, y, z)) = dimensions(grid.blocks) else { return Ok(()) };
        let mut pointers = [parameters.as_ptr().cast_mut().cast::<c_void>()];
        let mut attribute = sys::CUlaunchAttribute {
            id: sys::CUlaunchAttributeID::CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION,
            pad: [0; 4],
            value: sys::CUlaunchAttributeValue { programmaticStreamSerializationAllowed: 1 },
        };
        let config = sys::CUlaunchConfig {
            gridDimX: x,
            gridDimY: y,
            gridDimZ: z,
            blockDimX: grid.threads as u32,
            blockDimY: 1,
            blockDimZ: 1,
            sharedMemBytes: grid.shared_bytes as u32,
            hStream: stream,
            attrs: &raw mut attribute,
            numAttrs: u32::from(self.early && early),
        };
        // SAFETY: the caller's conditions; the driver copies configuration and parameter before it returns.
        let launched = unsafe {
            sys::cuLaunchKernelEx(
                &raw const config,
                self.function.cu_function(),
                pointers.as_mut_ptr(),
                std::ptr::null_mut(),
            )
            .result()
        };
        launched.during("launching a kernel").map_err(|error| match error {
            CudaError::Driver { operation, why } => {
                CudaError::Driver { operation, why: format!("{why}; {} of {grid:?}", self.name) }
            }
            other => other,
        })
    }
}

/// Returns the words of a parameter.
pub fn words_of<T: NoUninit>(parameter: &T) -> Vec<u64> {
    bytemuck::pod_collect_to_vec(std::slice::from_ref(parameter))
}

/// Converts the blocks of a grid; returns `None` if there are none.
fn dimensions([x, y, z]: [usize; 3]) -> Option<(u32, u32, u32)> {
    let all = (u32::try_from(x).ok()?, u32::try_from(y).ok()?, u32::try_from(z).ok()?);
    (x * y * z > 0).then_some(all)
}
