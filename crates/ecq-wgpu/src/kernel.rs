//! Kernels: sources, the text that is compiled, and pipelines.

use crate::error::{Result, WgpuError};
use crate::gpu::Gpu;
use crate::pipeline_cache::DiskCache;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use wgpu::{
    BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingType, BufferBindingType,
    ComputePipelineDescriptor, ErrorFilter, PipelineCompilationOptions, PipelineLayoutDescriptor,
    ShaderModuleDescriptor, ShaderRuntimeChecks, ShaderSource, ShaderStages,
};

/// How a kernel uses a storage buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// It is only read.
    Read,
    /// It is written, or read and written.
    Write,
}

/// A kernel to compile.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Kernel {
    /// Name of the entry point.
    pub entry: &'static str,
    /// Sources, in order, after those that all kernels share.
    pub sources: Vec<&'static str>,
    /// Constants that the sources need.
    pub constants: Vec<(&'static str, usize)>,
    /// What the host writes for these constants.
    pub generated: String,
    /// Storage buffers, from binding 2 on.
    pub access: Vec<Access>,
    /// Whether indices may be outside of buffers, because they depend on the bytes of a file.
    pub reads_files: bool,
}

/// Sources of kernels.
pub(crate) mod source {
    pub(crate) const COMMON: &str = include_str!("../kernels/common.wgsl");
    pub(crate) const ROWS: &str = include_str!("../kernels/rows.wgsl");
    pub(crate) const CACHE: &str = include_str!("../kernels/cache.wgsl");
    pub(crate) const ATTENTION: &str = include_str!("../kernels/attention.wgsl");
    pub(crate) const TOKENS: &str = include_str!("../kernels/tokens.wgsl");
    pub(crate) const ACTIVATIONS: &str = include_str!("../kernels/activations.wgsl");
    pub(crate) const PREPARE: &str = include_str!("../kernels/prepare.wgsl");
    pub(crate) const MATRIX: &str = include_str!("../kernels/matrix.wgsl");
    pub(crate) const EMBED: &str = include_str!("../kernels/embed.wgsl");
    pub(crate) const RESULTS: &str = include_str!("../kernels/results.wgsl");
    pub(crate) const SUMS: &str = include_str!("../kernels/sums.wgsl");
    pub(crate) const PRODUCT: &str = include_str!("../kernels/product.wgsl");
    pub(crate) const PREPARE_TUPLES: &str = include_str!("../kernels/prepare_tuples.wgsl");
    pub(crate) const TUPLE_PRODUCT: &str = include_str!("../kernels/tuple_product.wgsl");
    pub(crate) const TILED_PRODUCT: &str = include_str!("../kernels/tiled_product.wgsl");
    pub(crate) const TILE_BYTES: &str = include_str!("../kernels/tile_bytes.wgsl");
    pub(crate) const TILE_FLOATS: &str = include_str!("../kernels/tile_floats.wgsl");
    pub(crate) const LEVELS: &str = include_str!("../kernels/levels.wgsl");
    pub(crate) const PACK: &str = include_str!("../kernels/pack.wgsl");
    pub(crate) const ELEMENTS: &str = include_str!("../kernels/elements.wgsl");
    pub(crate) const SINK: &str = include_str!("../kernels/sink.wgsl");
    pub(crate) const SINK_BLOCKS: &str = include_str!("../kernels/sink_blocks.wgsl");
    pub(crate) const SINK_PRODUCT: &str = include_str!("../kernels/sink_product.wgsl");
    pub(crate) const SINK_PACK: &str = include_str!("../kernels/sink_pack.wgsl");
    pub(crate) const SINK_BYTES: &str = include_str!("../kernels/sink_bytes.wgsl");
    pub(crate) const FAKE_QUANT: &str = include_str!("../kernels/fake_quant.wgsl");
    pub(crate) const FAKE_SYMMETRIC: &str = include_str!("../kernels/fake_symmetric.wgsl");
    pub(crate) const FAKE_LEVELS: &str = include_str!("../kernels/fake_levels.wgsl");
    pub(crate) const DECODE_RANS: &str = include_str!("../kernels/decode_rans.wgsl");
    pub(crate) const DECODE_TUPLES: &str = include_str!("../kernels/decode_tuples.wgsl");
    pub(crate) const DECODE_PREFIX: &str = include_str!("../kernels/decode_prefix.wgsl");
    pub(crate) const TABLE_LOCAL: &str = include_str!("../kernels/table_local.wgsl");
    pub(crate) const TABLE_GLOBAL: &str = include_str!("../kernels/table_global.wgsl");
    pub(crate) const WORDS_SUBGROUP: &str = include_str!("../kernels/words_subgroup.wgsl");
    pub(crate) const WORDS_SHARED: &str = include_str!("../kernels/words_shared.wgsl");
}

impl Kernel {
    /// Creates a kernel without constants; `access` has `r` or `w` for each storage buffer.
    pub(crate) fn new(entry: &'static str, sources: &[&'static str], access: &str) -> Self {
        let mut kernel = Self {
            entry,
            sources: sources.to_vec(),
            constants: Vec::new(),
            generated: String::new(),
            access: Vec::new(),
            reads_files: false,
        };
        kernel.set_access(access);
        kernel
    }

    /// Sets the use of storage buffers: `r` or `w` for each.
    pub(crate) fn set_access(&mut self, access: &str) {
        let access = access.chars().map(|c| if c == 'w' { Access::Write } else { Access::Read });
        self.access = access.collect();
    }

    /// Adds constants.
    pub(crate) fn with(mut self, constants: &[(&'static str, usize)]) -> Self {
        self.constants.extend(constants);
        self
    }

    /// Returns the text that is compiled.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.constants {
            // Writing to a string does not fail.
            let _ = writeln!(text, "const {name}: u32 = {value}u;");
        }
        text += &self.generated;
        text += source::COMMON;
        self.sources.iter().for_each(|source| text += source);
        text
    }
}

/// A compiled kernel.
pub(crate) struct Pipeline {
    pub(crate) pipeline: wgpu::ComputePipeline,
    pub(crate) layout: wgpu::BindGroupLayout,
}

/// Compiled kernels of a device.
#[derive(Default)]
pub(crate) struct Pipelines(Mutex<HashMap<Kernel, Arc<Pipeline>>>);

impl Pipelines {
    /// Returns a kernel, which is compiled at its first use.
    ///
    /// # Errors
    /// [`WgpuError::Driver`] if it does not compile, [`WgpuError::Adapter`] if it has too many buffers.
    pub(crate) fn get(&self, gpu: &Gpu, kernel: &Kernel) -> Result<Arc<Pipeline>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = all.get(kernel) {
            return Ok(found.clone());
        }
        let pipeline = Arc::new(compile(gpu, kernel)?);
        all.insert(kernel.clone(), pipeline.clone());
        Ok(pipeline)
    }
}

fn compile(gpu: &Gpu, kernel: &Kernel) -> Result<Pipeline> {
    let most = gpu.storage_buffers();
    if kernel.access.len() > most as usize {
        return Err(WgpuError::Adapter {
            adapter: gpu.report().name.clone(),
            what: "storage buffers of a kernel",
            found: most.into(),
            needed: kernel.access.len() as u64,
        });
    }
    let device = &gpu.device;
    let scope = device.push_error_scope(ErrorFilter::Validation);
    let buffer = |binding: usize, ty: BufferBindingType| BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: ShaderStages::COMPUTE,
        ty: BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    };
    let storage =
        kernel.access.iter().enumerate().map(|(i, access)| {
            buffer(i + 2, BufferBindingType::Storage { read_only: *access == Access::Read })
        });
    let uniforms = (0..2).map(|i| buffer(i, BufferBindingType::Uniform));
    let entries: Vec<BindGroupLayoutEntry> = uniforms.chain(storage).collect();
    let layout =
        device.create_bind_group_layout(&BindGroupLayoutDescriptor { label: None, entries: &entries });
    let pipeline_layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(&layout)],
        ..Default::default()
    });
    let checks = match kernel.reads_files {
        true => ShaderRuntimeChecks { force_loop_bounding: false, ..ShaderRuntimeChecks::checked() },
        false => ShaderRuntimeChecks::unchecked(),
    };
    let descriptor = ShaderModuleDescriptor {
        label: Some(kernel.entry),
        source: ShaderSource::Wgsl(kernel.text().into()),
    };
    // SAFETY: kernels stay inside their buffers for every program that was checked and every batch that is
    // in order; those that read bytes of files have the checks. Loops end: their bounds are parameters.
    let module = unsafe { device.create_shader_module_trusted(descriptor, checks) };
    let pipeline = device.create_compute_pipeline(&ComputePipelineDescriptor {
        label: Some(kernel.entry),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some(kernel.entry),
        compilation_options: PipelineCompilationOptions {
            // Kernels write it before they read it.
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: gpu.disk_cache.as_ref().map(DiskCache::for_pipeline),
    });
    match pollster::block_on(scope.pop()) {
        None => Ok(Pipeline { pipeline, layout }),
        Some(error) => Err(WgpuError::Driver(format!("kernel {} does not compile: {error}", kernel.entry))),
    }
}
