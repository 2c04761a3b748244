//! Compiled pipelines on disk, where the interface allows it: on Vulkan.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use wgpu::{AdapterInfo, Device, Features, PipelineCache, PipelineCacheDescriptor};

/// The folder of the cache; nothing is kept if it is empty. By default that of the user.
pub const CACHE_VARIABLE: &str = "ECQ_WGPU_CACHE";

/// The pipelines of a device, which are written to a file when it is closed.
pub(crate) struct DiskCache {
    cache: PipelineCache,
    file: PathBuf,
    changed: AtomicBool,
}

impl DiskCache {
    /// Reads the cache of an adapter; `None` if its interface has none or there is no folder.
    pub(crate) fn open(device: &Device, info: &AdapterInfo) -> Option<Self> {
        if !device.features().contains(Features::PIPELINE_CACHE) {
            return None;
        }
        let folder = match std::env::var_os(CACHE_VARIABLE) {
            Some(folder) if folder.is_empty() => return None,
            Some(folder) => PathBuf::from(folder),
            None => dirs::cache_dir()?.join("ecq").join("wgpu"),
        };
        let file = folder.join(wgpu::util::pipeline_cache_key(info)?);
        let data = std::fs::read(&file).ok();
        let descriptor = PipelineCacheDescriptor { label: None, data: data.as_deref(), fallback: true };
        // SAFETY: the data is what `get_data` has returned for this adapter and driver, which wgpu checks; a
        // file is replaced as a whole.
        let cache = unsafe { device.create_pipeline_cache(&descriptor) };
        Some(Self { cache, file, changed: AtomicBool::new(false) })
    }

    /// Returns the cache, for a pipeline that is not known to be in it.
    pub(crate) fn for_pipeline(&self) -> &PipelineCache {
        self.changed.store(true, Ordering::Relaxed);
        &self.cache
    }
}

impl Drop for DiskCache {
    fn drop(&mut self) {
        if !self.changed.load(Ordering::Relaxed) {
            return;
        }
        let (Some(data), Some(folder)) = (self.cache.get_data(), self.file.parent()) else { return };
        if std::fs::read(&self.file).is_ok_and(|old| old == data) {
            return;
        }
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(folder)?;
            let file = tempfile::NamedTempFile::new_in(folder)?;
            std::fs::write(file.path(), &data)?;
            file.persist(&self.file)?;
            Ok(())
        };
        // A cache that cannot be written costs time at the next start, no more.
        let _ = write();
    }
}
