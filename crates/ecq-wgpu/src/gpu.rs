//! An opened adapter: its device, limits, memory and pipelines.

use crate::adapter::{AdapterReport, WgpuOptions, binding_bytes, check, choose};
use crate::error::{Result, WgpuError};
use crate::kernel::Pipelines;
use crate::pipeline_cache::DiskCache;
use std::sync::{Arc, Mutex, PoisonError};
use wgpu::{BufferDescriptor, BufferUsages, Device, DeviceDescriptor, ErrorFilter, Features, Queue};

/// An adapter with its device.
pub struct Gpu {
    pub(crate) device: Device,
    pub(crate) queue: Queue,
    pub(crate) pipelines: Pipelines,
    pub(crate) disk_cache: Option<DiskCache>,
    report: AdapterReport,
    features: Features,
    limits: wgpu::Limits,
    part_bytes: u64,
    /// What the driver has complained about since it was last asked.
    problems: Arc<Mutex<Vec<String>>>,
    /// Buffers through which the host reads, for later reads.
    staging: Mutex<Vec<wgpu::Buffer>>,
}

/// Most bytes of a buffer that is kept for later reads, and number of these buffers.
const KEPT_BYTES: u64 = 1 << 20;
const KEPT_BUFFERS: usize = 8;

impl Gpu {
    /// Opens an adapter.
    ///
    /// # Errors
    /// [`WgpuError::NoAdapter`], [`WgpuError::Choice`], [`WgpuError::Adapter`] or [`WgpuError::Driver`].
    pub fn open(options: &WgpuOptions) -> Result<Arc<Self>> {
        let (adapter, mut report) = choose(&options.adapter)?;
        let limits = adapter.limits();
        check(&report, &limits)?;
        report.subgroup = report.subgroup.filter(|_| !options.without_subgroups);
        report.timestamps &= !options.without_timestamps;
        report.f16 &= !options.without_f16;
        report.dots &= !options.without_dots;
        let mut features = Features::empty();
        features.set(Features::SUBGROUP, report.subgroup.is_some());
        features.set(Features::TIMESTAMP_QUERY, report.timestamps);
        features |= adapter.features() & Features::PIPELINE_CACHE;
        let descriptor = DeviceDescriptor {
            label: Some("ecq"),
            required_features: features,
            required_limits: limits.clone(),
            ..DeviceDescriptor::default()
        };
        let opened = pollster::block_on(adapter.request_device(&descriptor));
        let (device, queue) = opened.map_err(|error| WgpuError::Driver(error.to_string()))?;
        let disk_cache = DiskCache::open(&device, &adapter.get_info());
        let problems = Arc::new(Mutex::new(Vec::new()));
        let (noted, lost) = (problems.clone(), problems.clone());
        let note = |problems: &Mutex<Vec<String>>, problem: String| {
            problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
        };
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| note(&noted, error.to_string())));
        device.set_device_lost_callback(move |reason, why| {
            // Also called when the device is dropped.
            if reason != wgpu::DeviceLostReason::Destroyed {
                note(&lost, format!("the device is lost: {why}"));
            }
        });
        Ok(Arc::new(Self {
            device,
            queue,
            pipelines: Pipelines::default(),
            disk_cache,
            report,
            features,
            part_bytes: options.part_bytes.unwrap_or(u64::MAX).min(binding_bytes(&limits)),
            limits,
            problems,
            staging: Mutex::default(),
        }))
    }

    /// Returns what the driver reports, without the features that are not used.
    pub fn report(&self) -> &AdapterReport {
        &self.report
    }

    /// Returns whether kernels may use subgroups of at least this many lanes.
    pub(crate) fn has_subgroups(&self, lanes: u32) -> bool {
        self.features.contains(Features::SUBGROUP)
            && self.report.subgroup.is_some_and(|[least, _]| least >= lanes)
    }

    /// Returns the most storage buffers of a kernel.
    pub(crate) fn storage_buffers(&self) -> u32 {
        self.limits.max_storage_buffers_per_shader_stage
    }

    /// Returns the most threads of a workgroup in one direction, and the most bytes of its memory.
    pub(crate) fn workgroup(&self) -> [usize; 2] {
        let limits = &self.limits;
        let threads = limits.max_compute_invocations_per_workgroup.min(limits.max_compute_workgroup_size_x);
        [threads as usize, limits.max_compute_workgroup_storage_size as usize]
    }

    /// Returns the most bytes of a buffer that a kernel reads.
    pub(crate) fn binding_bytes(&self) -> u64 {
        binding_bytes(&self.limits)
    }

    /// Returns the most bytes of a part of a matrix.
    pub(crate) fn part_bytes(&self) -> u64 {
        self.part_bytes
    }

    /// Returns what the driver has complained about.
    ///
    /// # Errors
    /// [`WgpuError::Driver`] if it has.
    pub(crate) fn check(&self) -> Result<()> {
        let problems = std::mem::take(&mut *self.problems.lock().unwrap_or_else(PoisonError::into_inner));
        if problems.is_empty() { Ok(()) } else { Err(WgpuError::Driver(problems.join("; "))) }
    }

    /// Allocates a buffer of zeros that kernels use; `what` names it in errors.
    ///
    /// # Errors
    /// [`WgpuError::Limit`], [`WgpuError::OutOfMemory`] or [`WgpuError::Driver`].
    pub(crate) fn buffer(&self, what: &str, bytes: u64) -> Result<wgpu::Buffer> {
        let most = self.binding_bytes();
        if bytes > most {
            let limit = "the largest buffer";
            return Err(WgpuError::Limit { what: what.to_owned(), bytes, limit, most });
        }
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        self.allocate(bytes, usage)
    }

    /// Allocates a buffer with this content.
    ///
    /// # Errors
    /// As [`buffer`](Self::buffer).
    pub(crate) fn filled(&self, what: &str, words: &[u32]) -> Result<wgpu::Buffer> {
        let buffer = self.buffer(what, 4 * words.len() as u64)?;
        self.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(words));
        Ok(buffer)
    }

    /// Allocates a buffer of parameters of kernels.
    ///
    /// # Errors
    /// As [`buffer`](Self::buffer).
    pub(crate) fn parameters(&self, content: &[u8]) -> Result<wgpu::Buffer> {
        let buffer = self.allocate(content.len() as u64, BufferUsages::UNIFORM | BufferUsages::COPY_DST)?;
        self.queue.write_buffer(&buffer, 0, content);
        Ok(buffer)
    }

    pub(crate) fn allocate(&self, bytes: u64, usage: BufferUsages) -> Result<wgpu::Buffer> {
        // The driver binds nothing of no bytes.
        let size = bytes.max(16).next_multiple_of(16);
        let scope = self.device.push_error_scope(ErrorFilter::OutOfMemory);
        let descriptor = BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
        let buffer = self.device.create_buffer(&descriptor);
        if pollster::block_on(scope.pop()).is_some() {
            return Err(WgpuError::OutOfMemory { bytes });
        }
        self.check()?;
        Ok(buffer)
    }

    /// Returns a buffer of at least this size through which the host reads.
    ///
    /// # Errors
    /// As [`buffer`](Self::buffer).
    pub(crate) fn staging(&self, bytes: u64) -> Result<wgpu::Buffer> {
        let mut kept = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(i) = kept.iter().position(|buffer| buffer.size() >= bytes) {
            return Ok(kept.swap_remove(i));
        }
        drop(kept);
        self.allocate(bytes, BufferUsages::COPY_DST | BufferUsages::MAP_READ)
    }

    /// Keeps a buffer for later reads.
    pub(crate) fn keep_staging(&self, buffer: wgpu::Buffer) {
        let mut kept = self.staging.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.size() <= KEPT_BYTES && kept.len() < KEPT_BUFFERS {
            kept.push(buffer);
        }
    }

    /// Copies bytes of a buffer, from a multiple of four on, after the work that was submitted.
    ///
    /// # Errors
    /// [`WgpuError::Driver`], or as [`buffer`](Self::buffer).
    pub(crate) fn start_read(&self, from: &wgpu::Buffer, at: u64, bytes: u64) -> Result<Reading> {
        let staging = self.staging(bytes)?;
        let mut encoder = self.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(from, at, &staging, 0, bytes.next_multiple_of(4));
        let index = self.queue.submit([encoder.finish()]);
        Ok(Reading { staging, index: Some(index), bytes })
    }

    /// Waits for a submission, or for all.
    ///
    /// # Errors
    /// [`WgpuError::Driver`] if it has failed.
    pub(crate) fn wait(&self, submission_index: Option<wgpu::SubmissionIndex>) -> Result<()> {
        let waited = self.device.poll(wgpu::PollType::Wait { submission_index, timeout: None });
        waited.map_err(|error| WgpuError::Driver(format!("waiting for the GPU: {error}")))?;
        self.check()
    }

    /// Waits for a copy and passes its bytes on.
    ///
    /// # Errors
    /// [`WgpuError::Driver`] if work before it has failed.
    pub(crate) fn finish_read<T>(&self, reading: Reading, read: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let Reading { staging, index, bytes } = reading;
        let slice = staging.slice(..bytes.next_multiple_of(4).max(4));
        let (send, receive) = std::sync::mpsc::channel();
        slice.map_async(wgpu::MapMode::Read, move |result| {
            // The receiver lives until the result is there.
            let _ = send.send(result);
        });
        self.wait(index)?;
        let mapped = receive.recv().map_err(|error| WgpuError::Driver(error.to_string()))?;
        mapped.map_err(|error| WgpuError::Driver(format!("reading from the GPU: {error}")))?;
        let view = slice.get_mapped_range();
        let view = view.map_err(|error| WgpuError::Driver(format!("reading from the GPU: {error}")))?;
        let found = read(&view[..bytes as usize]);
        drop(view);
        staging.unmap();
        self.keep_staging(staging);
        Ok(found)
    }
}

/// A copy of bytes that the host reads.
pub(crate) struct Reading {
    pub(crate) staging: wgpu::Buffer,
    pub(crate) index: Option<wgpu::SubmissionIndex>,
    pub(crate) bytes: u64,
}
