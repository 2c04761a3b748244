//! Kernels with their operands.

use crate::error::Result;
use crate::gpu::Gpu;
use crate::kernel::{Kernel, Pipeline};
use std::sync::Arc;

/// Bytes of the parameters of a kernel, and their alignment.
pub(crate) const PARAMETER_BYTES: usize = 256;

/// A kernel, its parameters and its buffers.
#[derive(Debug, Clone)]
pub(crate) struct Dispatch {
    pub(crate) kernel: Kernel,
    /// Words of the parameters.
    pub(crate) parameters: Vec<u32>,
    /// Storage buffers from binding 2 on.
    pub(crate) buffers: Vec<wgpu::Buffer>,
    /// Workgroups.
    pub(crate) groups: [usize; 3],
    /// Where the kernel finds the numbers of rows in use.
    pub(crate) active: ActiveRows,
}

/// Two numbers of rows in a uniform buffer.
#[derive(Debug, Clone)]
pub(crate) struct ActiveRows {
    pub(crate) buffer: wgpu::Buffer,
    /// First byte, a multiple of [`PARAMETER_BYTES`].
    pub(crate) at: u64,
}

/// A dispatch that a pass can replay.
pub(crate) struct Encoded {
    /// Name of the kernel.
    pub(crate) name: &'static str,
    pipeline: Arc<Pipeline>,
    bindings: wgpu::BindGroup,
    groups: [u32; 3],
}

impl Encoded {
    pub(crate) fn run(&self, pass: &mut wgpu::ComputePass) {
        let [x, y, z] = self.groups;
        pass.set_pipeline(&self.pipeline.pipeline);
        pass.set_bind_group(0, &self.bindings, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}

/// Compiles kernels and binds their operands; parameters of all are in one buffer.
///
/// # Errors
/// If a kernel does not compile or memory is exhausted.
pub(crate) fn encode(gpu: &Gpu, dispatches: &[Dispatch]) -> Result<Vec<Encoded>> {
    let mut content = vec![0u8; PARAMETER_BYTES * dispatches.len()];
    for (block, dispatch) in content.chunks_exact_mut(PARAMETER_BYTES).zip(dispatches) {
        let bytes: &[u8] = bytemuck::cast_slice(&dispatch.parameters);
        block[..bytes.len()].copy_from_slice(bytes);
    }
    let parameters = gpu.parameters(&content)?;
    let all = dispatches.iter().enumerate().map(|(i, dispatch)| {
        let pipeline = gpu.pipelines.get(gpu, &dispatch.kernel)?;
        let uniform = |buffer, offset| {
            let size = std::num::NonZeroU64::new(PARAMETER_BYTES as u64);
            wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size })
        };
        let mut resources = vec![
            uniform(&parameters, (i * PARAMETER_BYTES) as u64),
            uniform(&dispatch.active.buffer, dispatch.active.at),
        ];
        resources.extend(dispatch.buffers.iter().map(wgpu::Buffer::as_entire_binding));
        let entries: Vec<wgpu::BindGroupEntry> = (0..)
            .zip(resources)
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        let bindings = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.layout,
            entries: &entries,
        });
        let groups = dispatch.groups.map(|n| n as u32);
        Ok(Encoded { name: dispatch.kernel.entry, pipeline, bindings, groups })
    });
    let all = all.collect::<Result<Vec<_>>>()?;
    gpu.check()?;
    Ok(all)
}
