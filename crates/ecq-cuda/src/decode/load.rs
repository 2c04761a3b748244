//! Decoding at load: what of a matrix depends on its codes, and elements that stay decoded.

use super::parameters::{CountJob, OutsideJob};
use super::stage::{SharedBytes, Stage, Target, launches};
use super::{DeviceStreams, Result, pack_program};
use crate::backend::Shared;
use crate::layout::Shape;
use crate::memory::{DeviceMemory, PinnedMemory};
use ecq_codec::CodesEntry;
use ecq_core::{EncodedTensor, GridEntry};
use ecq_kernels::gpu::starts_of;
use std::ops::Range;

/// Columns that a warp counts.
const COUNTED: usize = 4096;

/// A matrix that is being loaded.
struct Loading<'a> {
    shared: &'a Shared,
    shape: [usize; 2],
    target: Target,
    report: PinnedMemory,
    bytes: DeviceMemory,
}

impl DeviceStreams {
    /// Copies a tensor to the GPU and decodes it once, which finds the form to which it is decoded. Returns
    /// the elements too, if they are to stay.
    ///
    /// # Errors
    /// If a part is corrupt, or memory is exhausted.
    pub(crate) fn load(
        shared: &Shared,
        tensor: &EncodedTensor,
        elements_stay: bool,
    ) -> Result<(Self, Option<DeviceMemory>)> {
        let mut streams = Self::upload(&shared.gpu, tensor)?;
        let CodesEntry { alphabet, grid, .. } = CodesEntry::of(tensor)?;
        let per_code = if matches!(grid, GridEntry::TrellisRows { .. }) { 2 } else { 1 };
        let bytes = DeviceMemory::zeroed(&shared.gpu, streams.unpacked_bytes())?;
        let target = streams.target(0, bytes.address(), 0);
        let report = PinnedMemory::zeroed(&shared.gpu, 8)?;
        let mut loading = Loading { shared, shape: streams.shape(), target, report, bytes };
        // Nothing else is enqueued meanwhile.
        let _queue = shared.lock();
        loading.run(streams.stages.clone())?;
        loading.run(streams.levels.iter().cloned().collect())?;
        let counts = loading.counts()?;
        let beyond = counts[(per_code * usize::from(alphabet)).min(256)..].iter().any(|&count| count > 0);
        if beyond || loading.report.word(0) != 0 {
            return Err(streams.error());
        }
        if streams.packed.is_narrowed() {
            let range = streams.packed.narrow(&counts);
            let inside: u64 = counts[range.start as usize..range.end as usize].iter().sum();
            if inside < counts.iter().sum() {
                streams.packed.list(&loading.outside(range)?);
            }
        }
        if streams.packed.has_relative_outliers() {
            let bytes = loading.read_bytes()?;
            let stride = streams.stride();
            streams.packed.resolve_outliers(|row, col| bytes[row * stride + col]);
        }
        if !elements_stay {
            return Ok((streams, None));
        }
        let elements = DeviceMemory::zeroed(&shared.gpu, Shape::of(&streams.packed).bytes())?;
        loading.target = streams.target(0, loading.target.bytes, elements.address());
        loading.run(vec![streams.pack()])?;
        loading.wait()?;
        Ok((streams, Some(elements)))
    }
}

impl Loading<'_> {
    /// Enqueues stages that do not depend on each other.
    fn run(&self, stages: Vec<Stage>) -> Result<()> {
        let (gpu, modules) = (&self.shared.gpu, &self.shared.modules);
        let stages = stages.into_iter().map(|stage| (stage, self.target)).collect();
        let launches = launches(gpu, modules, stages, self.report.address())?;
        Ok(launches.iter().try_for_each(|launch| launch.run(&self.shared.stream))?)
    }

    fn read(&self, memory: &DeviceMemory, into: &mut [u8]) -> Result<()> {
        Ok(memory.read(&self.shared.stream, 0, into)?)
    }

    fn wait(&self) -> Result<()> {
        self.read(&self.bytes, &mut [])
    }

    fn read_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.bytes.bytes()];
        self.read(&self.bytes, &mut bytes)?;
        Ok(bytes)
    }

    /// Returns how often each element occurs.
    fn counts(&self) -> Result<Vec<u64>> {
        let [rows, cols] = self.shape;
        let counts = DeviceMemory::zeroed(&self.shared.gpu, 8 * 256)?;
        let job = CountJob { counts: counts.address(), rows: rows as u32, cols: cols as u32 };
        let warps = rows * cols.div_ceil(COUNTED);
        self.run(vec![Stage::new(pack_program(8), "count", warps, SharedBytes::default(), &job)])?;
        let mut found = vec![0u64; 256];
        self.read(&counts, bytemuck::cast_slice_mut(&mut found))?;
        Ok(found)
    }

    /// Returns column and element of the elements of each row that are outside a range.
    fn outside(&self, range: Range<u32>) -> Result<Vec<Vec<[u32; 2]>>> {
        let [rows, cols] = self.shape.map(|n| n as u32);
        let starts = DeviceMemory::zeroed(&self.shared.gpu, 4 * self.shape[0])?;
        let list = |entries: u64| {
            let job = OutsideJob {
                starts: starts.address(),
                entries,
                rows,
                cols,
                first: range.start,
                end: range.end,
            };
            let stage = Stage::new(pack_program(8), "outside", self.shape[0], SharedBytes::default(), &job);
            self.run(vec![stage])
        };
        list(0)?;
        let mut counts = vec![0u32; self.shape[0]];
        self.read(&starts, bytemuck::cast_slice_mut(&mut counts))?;
        let firsts = starts_of(counts.iter().map(|&count| count as usize));
        let total = firsts.last().copied().unwrap_or(0);
        starts.write(&self.shared.stream, 0, bytemuck::cast_slice(&firsts[..self.shape[0]]))?;
        let entries = DeviceMemory::zeroed(&self.shared.gpu, 8 * total as usize)?;
        list(entries.address())?;
        let mut found = vec![[0u32; 2]; total as usize];
        self.read(&entries, bytemuck::cast_slice_mut(&mut found))?;
        let mut rest = &found[..];
        let row = |&count: &u32| {
            let (row, behind) = rest.split_at(count as usize);
            rest = behind;
            row.to_vec()
        };
        Ok(counts.iter().map(row).collect())
    }
}
