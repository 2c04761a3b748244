//! Speed of decoding, by events of the GPU.

use super::{Decoding, DeviceStreams, Result, divide, launches};
use crate::backend::Cuda;
use crate::commands::Launch;
use crate::layout::Shape;
use crate::memory::{DeviceMemory, PinnedMemory};
use ecq_core::EncodedTensor;

/// How long matrices take to decode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecodeSpeed {
    /// Symbols of all matrices.
    pub symbols: u64,
    /// Bytes of the decoded matrices.
    pub written_bytes: u64,
    /// Seconds of decoding to the form that products read.
    pub seconds: f64,
}

/// Passes of which the median counts.
const PASSES: usize = 3;
/// Bytes that the write bandwidth is measured with.
const WRITTEN: usize = 1 << 30;

impl Cuda {
    /// Decodes `copies` copies of a tensor, each with its own stream and destination, a number of them at a
    /// time; returns the speed for each such number.
    ///
    /// # Errors
    /// If the tensor is corrupt, kernels do not decode its coding, or the GPU fails.
    pub fn measure_decode(
        &self,
        tensor: &EncodedTensor,
        copies: usize,
        together: &[usize],
    ) -> Result<Vec<DecodeSpeed>> {
        let shared = self.shared();
        let mut all = Vec::new();
        for _ in 0..copies {
            let (streams, elements) = DeviceStreams::load(shared, tensor, true)?;
            all.extend(elements.map(|elements| (streams, elements)));
        }
        let decodings: Vec<Decoding> = all
            .iter()
            .map(|(streams, elements)| Decoding { streams, weight: 0, to: elements.address() })
            .collect();
        let [rows, cols] = tensor.shape();
        let written_bytes = all.iter().map(|(streams, _)| Shape::of(&streams.packed).bytes() as u64).sum();
        let speed = |&at_once: &usize| -> Result<DecodeSpeed> {
            let parts: Vec<_> = decodings.chunks(at_once.max(1)).map(divide).collect();
            let scratch = parts.iter().map(|(_, scratch)| *scratch).max().unwrap_or(0);
            let scratch = DeviceMemory::zeroed(&shared.gpu, scratch)?;
            let report = PinnedMemory::zeroed(&shared.gpu, 8)?;
            let mut whole = Vec::new();
            for part in parts.into_iter().flat_map(|(parts, _)| parts) {
                let (from, to) = (scratch.address(), report.address());
                whole.extend(launches(&shared.gpu, &shared.modules, part, from, to)?);
            }
            let symbols = (rows * cols * copies) as u64;
            Ok(DecodeSpeed { symbols, written_bytes, seconds: self.seconds(&whole)? })
        };
        together.iter().map(speed).collect()
    }

    /// Returns the bytes per second that the GPU fills memory with.
    ///
    /// # Errors
    /// If the GPU fails or has too little memory.
    pub fn write_bandwidth(&self) -> Result<f64> {
        let shared = self.shared();
        let memory = DeviceMemory::zeroed(&shared.gpu, WRITTEN)?;
        let seconds = self.median(PASSES, |_| Ok(memory.clear(&shared.stream)?))?;
        Ok(WRITTEN as f64 / seconds)
    }

    fn seconds(&self, launches: &[Launch]) -> Result<f64> {
        self.median(PASSES, |stream| Ok(launches.iter().try_for_each(|launch| launch.run(stream))?))
    }
}
