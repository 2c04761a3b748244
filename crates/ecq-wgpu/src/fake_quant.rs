//! Fake quantization of arrays on the GPU.

use crate::dispatch::{ActiveRows, Dispatch, Encoded, PARAMETER_BYTES, encode};
use crate::error::{Result, WgpuError};
use crate::gpu::Gpu;
use crate::kernel::{Kernel, source};
use ecq_kernels::fake_quant::FakeQuantizer;
use ecq_kernels::gpu::{FakeQuantForm, FakeQuantTables};
use std::sync::Arc;
use std::time::Instant;

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
        let of = FakeQuantTables::new(quantizer);
        let mut tables = vec![gpu.filled("parameters of channels", &of.channels)?];
        if of.levels {
            tables.push(gpu.filled("levels", &of.table)?);
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
        let block = form.is_block(len);
        let vectors = len.div_ceil(4);
        let groups = vectors.div_ceil(THREADS * if block { FakeQuantForm::BLOCK_VECTORS } else { 1 });
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

/// Returns the kernel of a quantizer.
pub(crate) fn kernel(quantizer: &FakeQuantizer, form: FakeQuantForm) -> Kernel {
    let vectors = if form == FakeQuantForm::Block { FakeQuantForm::BLOCK_VECTORS } else { 1 };
    let FakeQuantTables { levels, one_bit, even, .. } = FakeQuantTables::new(quantizer);
    let kernel = match levels {
        true => Kernel::new("fake_quant", &[source::FAKE_QUANT, source::FAKE_LEVELS], "rrwr"),
        false => Kernel::new("fake_quant", &[source::FAKE_QUANT, source::FAKE_SYMMETRIC], "rrw")
            .with(&[("EVEN", usize::from(even)), ("ONE_BIT", usize::from(one_bit))]),
    };
    kernel.with(&[("FORM", vectors), ("CHANNELS", quantizer.channels().clamp(1, 2))])
}
