//! Fake quantization of arrays on the GPU.

use crate::dispatch::{ActiveRows, Dispatch, Encoded, PARAMETER_BYTES, encode};
use crate::error::{Result, WgpuError};
use crate::gpu::Gpu;
use crate::kernel::{Kernel, source};
use ecq_kernels::fake_quant::{FakeQuantizer, Rounding, Scheme};
use std::sync::Arc;
use std::time::Instant;

/// Which kernel quantizes; results are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FakeQuantForm {
    /// `Vector` for small arrays, `Block` for large ones.
    #[default]
    Auto,
    /// Four values per thread.
    Vector,
    /// Sixteen values per thread, four at a time.
    Block,
}

/// Least number of values for which `Auto` chooses blocks: fewer would leave multiprocessors without threads.
const BLOCKS: usize = 1 << 20;
/// Threads of a workgroup.
const THREADS: usize = 256;
/// Most workgroups of a dimension that every adapter has.
const GROUPS: usize = 65_535;

/// A fake quantizer that is compiled for an adapter.
pub struct GpuFakeQuantizer {
    gpu: Arc<Gpu>,
    kernels: [Kernel; 2],
    channels: usize,
    run: usize,
    /// Parameters of the channels, then a table if there are levels.
    tables: Vec<wgpu::Buffer>,
    active: ActiveRows,
}

impl GpuFakeQuantizer {
    /// Compiles the kernels of a quantizer and copies its parameters to the GPU.
    ///
    /// # Errors
    /// [`WgpuError::Driver`], [`WgpuError::Limit`] or [`WgpuError::OutOfMemory`].
    pub fn compile(gpu: &Arc<Gpu>, quantizer: &FakeQuantizer) -> Result<Self> {
        let (channels, table) = parameters(quantizer.scheme());
        let mut tables = vec![gpu.filled("parameters of channels", &channels)?];
        if !table.is_empty() {
            tables.push(gpu.filled("levels", &table)?);
        }
        let kernels = [FakeQuantForm::Vector, FakeQuantForm::Block].map(|form| kernel(quantizer, form));
        for kernel in &kernels {
            gpu.pipelines.get(gpu, kernel)?;
        }
        Ok(Self {
            gpu: gpu.clone(),
            kernels,
            channels: quantizer.channels(),
            run: quantizer.run(),
            tables,
            active: ActiveRows { buffer: gpu.parameters(&[0; PARAMETER_BYTES])?, at: 0 },
        })
    }

    /// Quantizes an array, which may be larger than a buffer.
    ///
    /// # Errors
    /// [`WgpuError::Driver`] or [`WgpuError::OutOfMemory`].
    pub fn quantize(&self, form: FakeQuantForm, x: &[f32]) -> Result<Vec<f32>> {
        let piece = self.piece().min(x.len());
        let mut y = Vec::with_capacity(x.len());
        if x.is_empty() {
            return Ok(y);
        }
        let (from, to) = self.buffers(piece)?;
        for (i, x) in x.chunks(piece).enumerate() {
            self.gpu.queue.write_buffer(&from, 0, bytemuck::cast_slice(x));
            let encoded = self.encoded(form, &from, &to, i * piece, x.len())?;
            self.gpu.queue.submit([self.pass(&encoded, 1)]);
            let reading = self.gpu.start_read(&to, 0, 4 * x.len() as u64)?;
            self.gpu.finish_read(reading, |bytes| y.extend(bytemuck::cast_slice::<u8, f32>(bytes)))?;
        }
        Ok(y)
    }

    /// Returns the seconds that the GPU takes for an array of this length that it holds, and for a copy of
    /// it: each of several measurements, of many passes in a submission where one is short. They are times by
    /// the clock, in turn.
    ///
    /// # Errors
    /// As [`quantize`](Self::quantize), and [`WgpuError::Limit`] if the array is larger than a buffer.
    pub fn measure(&self, form: FakeQuantForm, len: usize, times: usize) -> Result<Vec<[f64; 2]>> {
        let (from, to) = self.buffers(len)?;
        let encoded = self.encoded(form, &from, &to, 0, len)?;
        let gpu = &self.gpu;
        let copy = |passes: usize| {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            (0..passes)
                .for_each(|_| encoder.copy_buffer_to_buffer(&from, 0, &to, 0, 4 * len as u64 / 16 * 16));
            encoder.finish()
        };
        let timed = |commands: wgpu::CommandBuffer| {
            let start = Instant::now();
            let index = gpu.queue.submit([commands]);
            gpu.wait(Some(index))?;
            Ok::<_, WgpuError>(start.elapsed().as_secs_f64())
        };
        // Submissions take tens of microseconds, which are not the kernel's.
        timed(self.pass(&encoded, 1))?;
        let one = timed(self.pass(&encoded, 1))?.max(1e-6);
        let passes = ((0.02 / one) as usize).clamp(1, 1000);
        let both = || {
            let kernel = timed(self.pass(&encoded, passes))? / passes as f64;
            Ok([kernel, timed(copy(passes))? / passes as f64])
        };
        (0..times).map(|_| both()).collect()
    }

    /// Returns the most values of a buffer: whole vectors.
    fn piece(&self) -> usize {
        // Numbers of values are words.
        ((self.gpu.part_bytes() / 16).clamp(1, 1 << 28) * 4) as usize
    }

    fn buffers(&self, len: usize) -> Result<(wgpu::Buffer, wgpu::Buffer)> {
        let bytes = 4 * len.next_multiple_of(4) as u64;
        Ok((self.gpu.buffer("the array", bytes)?, self.gpu.buffer("the quantized array", bytes)?))
    }

    fn encoded(
        &self,
        form: FakeQuantForm,
        from: &wgpu::Buffer,
        to: &wgpu::Buffer,
        start: usize,
        len: usize,
    ) -> Result<Vec<Encoded>> {
        let block = match form {
            FakeQuantForm::Auto => len >= BLOCKS,
            FakeQuantForm::Vector => false,
            FakeQuantForm::Block => true,
        };
        let vectors = len.div_ceil(4);
        let groups = vectors.div_ceil(THREADS * if block { 4 } else { 1 });
        // With one channel the numbers have no meaning.
        let first = if self.channels == 1 { 0 } else { start % (self.run * self.channels) };
        let run = if self.channels == 1 { 1 } else { self.run };
        let mut buffers = vec![from.clone(), self.tables[0].clone(), to.clone()];
        buffers.extend(self.tables.get(1).cloned());
        let dispatch = Dispatch {
            kernel: self.kernels[usize::from(block)].clone(),
            parameters: [vectors, first, run, self.channels].map(|n| n as u32).to_vec(),
            buffers,
            groups: [groups.min(GROUPS), groups.div_ceil(GROUPS), 1],
            active: self.active.clone(),
        };
        encode(&self.gpu, &[dispatch])
    }

    fn pass(&self, encoded: &[Encoded], passes: usize) -> wgpu::CommandBuffer {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        for _ in 0..passes {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            encoded.iter().for_each(|dispatch| dispatch.run(&mut pass));
        }
        encoder.finish()
    }
}

/// Returns the words of the channels and of the table of levels, which symmetric levels do not have.
fn parameters(scheme: &Scheme) -> (Vec<u32>, Vec<u32>) {
    match scheme {
        Scheme::Symmetric(all) => {
            let channel = |of: &ecq_kernels::fake_quant::Symmetric| {
                let multiplier = of.multiplier();
                let twice = if of.rounding() == Rounding::HalfEven { 1.0 } else { 2.0 };
                [
                    of.limit().to_bits(),
                    (twice * multiplier).to_bits(),
                    (1.0 / multiplier).to_bits(),
                    (multiplier.to_bits() & 0x7f_ffff) | 0x80_0000,
                ]
            };
            (all.iter().flat_map(channel).collect(), Vec::new())
        }
        Scheme::Levels(all) => {
            let (mut channels, mut table) = (Vec::new(), Vec::new());
            for of in all {
                let keys = table.len();
                table.extend(of.keys());
                channels.extend([of.keys().len(), keys, table.len(), 0].map(|n| n as u32));
                table.extend(of.levels().iter().map(|level| level.to_bits()));
            }
            (channels, table)
        }
    }
}

/// Returns the kernel of a quantizer.
pub(crate) fn kernel(quantizer: &FakeQuantizer, form: FakeQuantForm) -> Kernel {
    let vectors = if form == FakeQuantForm::Block { 4 } else { 1 };
    let channels = if quantizer.channels() == 1 { 1 } else { 2 };
    let constants = [("FORM", vectors), ("CHANNELS", channels)];
    match quantizer.scheme() {
        Scheme::Symmetric(all) => {
            let is = |of: fn(&ecq_kernels::fake_quant::Symmetric) -> bool| {
                usize::from(all.first().is_some_and(of))
            };
            let even = is(|of| of.rounding() == Rounding::HalfEven);
            let one_bit = is(|of| of.bits().get() == 1);
            Kernel::new("fake_quant", &[source::FAKE_QUANT, source::FAKE_SYMMETRIC], "rrw")
                .with(&constants)
                .with(&[("EVEN", even), ("ONE_BIT", one_bit)])
        }
        Scheme::Levels(_) => {
            Kernel::new("fake_quant", &[source::FAKE_QUANT, source::FAKE_LEVELS], "rrwr").with(&constants)
        }
    }
}
