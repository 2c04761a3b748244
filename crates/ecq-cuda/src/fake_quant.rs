//! Fake quantization of arrays on the GPU.

use crate::backend::Cuda;
use crate::compiler::{Program, Source};
use crate::error::{DriverResult, Result as CudaResult};
use crate::memory::DeviceMemory;
use crate::module::{Grid, Kernel, words_of};
use bytemuck::NoUninit;
use cudarc::driver::{CudaStream, result};
use ecq_kernels::fake_quant::FakeQuantizer;
use ecq_kernels::gpu::{FakeQuantForm, FakeQuantTables};
use ecq_runtime::RuntimeError;

type Result<T> = std::result::Result<T, RuntimeError>;

/// Fake quantization.
const FAKE_QUANT: Source = Source { name: "fake_quant.cu", text: include_str!("../kernels/fake_quant.cu") };
const THREADS: usize = 256;

/// The parameter of the kernel.
#[derive(Clone, Copy, NoUninit)]
#[repr(C)]
struct Parameters {
    x: u64,
    y: u64,
    channels: u64,
    table: u64,
    count: u64,
    run: u64,
    all: u64,
}

/// A fake quantizer that is compiled for a GPU.
pub struct CudaFakeQuantizer<'a> {
    cuda: &'a Cuda,
    kernels: [Kernel; 2],
    channels: DeviceMemory,
    table: DeviceMemory,
    run: usize,
    all: usize,
}

impl Cuda {
    /// Compiles the kernels of a fake quantizer and copies its parameters to the GPU.
    ///
    /// # Errors
    /// If the kernels do not compile, or the GPU fails or has too little memory.
    pub fn fake_quantizer(&self, quantizer: &FakeQuantizer) -> Result<CudaFakeQuantizer<'_>> {
        let shared = self.shared();
        let tables = FakeQuantTables::new(quantizer);
        let kernel = |vectors: usize| {
            let kind = [tables.levels, tables.one_bit, tables.even].map(usize::from);
            let channels = quantizer.channels().clamp(1, 2);
            shared.modules.kernel(&shared.gpu, &program([vectors, channels], kind), "fake_quant")
        };
        Ok(CudaFakeQuantizer {
            cuda: self,
            kernels: [kernel(1)?, kernel(FakeQuantForm::BLOCK_VECTORS)?],
            channels: DeviceMemory::with(&shared.gpu, bytemuck::cast_slice(&tables.channels))?,
            table: DeviceMemory::with(&shared.gpu, bytemuck::cast_slice(&tables.table))?,
            run: quantizer.run(),
            all: quantizer.channels(),
        })
    }
}

impl CudaFakeQuantizer<'_> {
    /// Quantizes an array.
    ///
    /// # Errors
    /// If the GPU fails or has too little memory.
    pub fn quantize(&self, form: FakeQuantForm, x: &[f32]) -> Result<Vec<f32>> {
        let shared = self.cuda.shared();
        let _queue = shared.lock();
        let [from, to] = self.memory(x.len())?;
        from.write(&shared.stream, 0, bytemuck::cast_slice(x))?;
        self.launch(&shared.stream, form, &from, &to, x.len())?;
        let mut y = vec![0f32; x.len()];
        to.read(&shared.stream, 0, bytemuck::cast_slice_mut(&mut y))?;
        Ok(y)
    }

    /// Returns the seconds that the GPU takes for an array of this length, by its events, and for a copy of
    /// it: each of several measurements, in turn.
    ///
    /// # Errors
    /// As [`quantize`](Self::quantize).
    pub fn measure(&self, form: FakeQuantForm, len: usize, times: usize) -> Result<Vec<[f64; 2]>> {
        let [from, to] = self.memory(len)?;
        // An event is as long as a small kernel.
        let passes = (1 << 24) / len.clamp(1 << 14, 1 << 24);
        let kernel = |stream: &CudaStream| {
            (0..passes).try_for_each(|_| Ok(self.launch(stream, form, &from, &to, len)?))
        };
        let copy = |stream: &CudaStream| {
            (0..passes).try_for_each(|_| {
                // SAFETY: both allocations have these bytes and live until the copies are measured.
                unsafe {
                    result::memcpy_dtod_async(to.address(), from.address(), 4 * len, stream.cu_stream())
                }
                .during("copying on the GPU")
                .map_err(RuntimeError::from)
            })
        };
        let each = |work: &dyn Fn(&CudaStream) -> Result<()>| {
            Ok::<_, RuntimeError>(self.cuda.median(1, work)? / passes as f64)
        };
        (0..times).map(|_| Ok([each(&kernel)?, each(&copy)?])).collect()
    }

    fn memory(&self, len: usize) -> CudaResult<[DeviceMemory; 2]> {
        let bytes = 4 * len.next_multiple_of(4);
        let gpu = &self.cuda.shared().gpu;
        Ok([DeviceMemory::zeroed(gpu, bytes)?, DeviceMemory::zeroed(gpu, bytes)?])
    }

    fn launch(
        &self,
        stream: &CudaStream,
        form: FakeQuantForm,
        from: &DeviceMemory,
        to: &DeviceMemory,
        len: usize,
    ) -> CudaResult<()> {
        let block = form.is_block(len);
        let parameters = Parameters {
            x: from.address(),
            y: to.address(),
            channels: self.channels.address(),
            table: self.table.address(),
            count: len as u64,
            run: self.run as u64,
            all: self.all as u64,
        };
        let vectors = if block { FakeQuantForm::BLOCK_VECTORS } else { 1 };
        let grid = Grid::new([len.div_ceil(4 * THREADS * vectors), 1, 1], THREADS);
        // SAFETY: the words are the kernel's parameter; both arrays have whole vectors, and the stream orders
        // their use. Channels and table live as long as this.
        unsafe { self.kernels[usize::from(block)].launch(stream, grid, &words_of(&parameters)) }
    }
}

fn program([vectors, channels]: [usize; 2], [levels, one_bit, even]: [usize; 3]) -> Program {
    let sizes = [("VECTORS", vectors), ("CHANNELS", channels)];
    let kind = [("LEVELS", levels), ("ONE_BIT", one_bit), ("EVEN", even)];
    Program::new(FAKE_QUANT, &[&sizes[..], &kind].concat())
}

/// Returns the programs that the check of kernels compiles.
pub(crate) fn checked() -> Vec<Program> {
    let kinds = [[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]];
    let vectors = [1, FakeQuantForm::BLOCK_VECTORS];
    let sizes = vectors.into_iter().flat_map(|vectors| [[vectors, 1], [vectors, 2]]);
    sizes.flat_map(|size| kinds.map(|kind| program(size, kind))).collect()
}
