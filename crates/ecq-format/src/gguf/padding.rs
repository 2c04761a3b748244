//! Bytes of a GGUF file that belong to no tensor: padding between tensors, which may be nonzero in real
//! files, and bytes after the last tensor.

use super::error::GgufError;
use super::{Gguf, Result};
use ecq_core::Limits;
use std::io::{self, Write};
use std::ops::Range;

/// Number of bytes that are read at a time.
const CHUNK_BYTES: u64 = 1 << 20;
/// Size in bytes of the offset and length before the bytes of a run.
const RUN_HEAD_BYTES: usize = 16;

/// Nonzero bytes between and after the tensors of a file. `docs/format.md` specifies their serialization
/// (`gguf.gaps`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NonzeroPadding {
    /// Offset in the file and bytes of each run, in ascending order.
    runs: Vec<(u64, Vec<u8>)>,
}

impl NonzeroPadding {
    /// Reads the nonzero padding of the file of `gguf`.
    ///
    /// # Errors
    /// [`GgufError::Io`] if the file cannot be read, and [`GgufError::TooMuchPadding`] if the runs take more
    /// than half of [`Limits::file_bytes`].
    pub fn read(gguf: &Gguf, limits: &Limits) -> Result<Self> {
        let most = limits.file_bytes as u64 / 2;
        let (mut runs, mut bytes) = (Vec::new(), 0);
        for range in ranges(gguf) {
            let mut at = range.start;
            while at < range.end {
                let chunk = gguf.read_bytes(at, CHUNK_BYTES.min(range.end - at))?;
                let is_set = |byte: &u8| *byte != 0;
                if let (Some(first), Some(last)) =
                    (chunk.iter().position(is_set), chunk.iter().rposition(is_set))
                {
                    let run = chunk[first..=last].to_vec();
                    bytes += (run.len() + RUN_HEAD_BYTES) as u64;
                    if bytes > most {
                        return Err(GgufError::TooMuchPadding { offset: at + first as u64, most });
                    }
                    runs.push((at + first as u64, run));
                }
                at += chunk.len() as u64;
            }
        }
        Ok(Self { runs })
    }

    /// Returns whether all padding is zero.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Returns the offset in the file of the first nonzero byte.
    pub fn first(&self) -> Option<u64> {
        self.runs.first().map(|(offset, _)| *offset)
    }

    /// Serializes the runs: for each its offset in the file and its length (u64, little endian each) and its
    /// bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (offset, run) in &self.runs {
            bytes.extend(offset.to_le_bytes());
            bytes.extend((run.len() as u64).to_le_bytes());
            bytes.extend(run);
        }
        bytes
    }

    /// Parses the output of [`to_bytes`](Self::to_bytes) for a file with the header of `gguf`.
    ///
    /// # Errors
    /// [`GgufError::Truncated`] if the bytes end inside a run, and [`GgufError::MisplacedPadding`] if a run
    /// is empty, not in ascending order, or overlaps a tensor or the header.
    pub fn parse(mut bytes: &[u8], gguf: &Gguf) -> Result<Self> {
        let ranges = ranges(gguf);
        let (mut runs, mut least) = (Vec::new(), 0);
        while !bytes.is_empty() {
            let at = |at: usize| {
                bytes.get(at..at + 8).and_then(|word| word.try_into().ok()).map(u64::from_le_bytes)
            };
            let (Some(offset), Some(len)) = (at(0), at(8)) else {
                return Err(GgufError::Truncated { what: "a run of padding", at: least });
            };
            let end = offset.checked_add(len).filter(|_| len > 0 && offset >= least);
            let inside = end.filter(|&end| {
                let range = ranges.partition_point(|range| range.end <= offset);
                ranges.get(range).is_some_and(|range| range.start <= offset && end <= range.end)
            });
            let Some(end) = inside else { return Err(GgufError::MisplacedPadding { offset, bytes: len }) };
            let run = usize::try_from(len).ok().and_then(|len| bytes[RUN_HEAD_BYTES..].split_at_checked(len));
            let Some((run, rest)) = run else {
                return Err(GgufError::Truncated { what: "a run of padding", at: offset });
            };
            runs.push((offset, run.to_vec()));
            (least, bytes) = (end, rest);
        }
        Ok(Self { runs })
    }

    /// Writes the bytes of a range of the file that belongs to no tensor.
    pub(super) fn write(&self, to: &mut impl Write, range: Range<u64>) -> io::Result<()> {
        let mut at = range.start;
        let first = self.runs.partition_point(|(offset, _)| *offset < range.start);
        for (offset, run) in self.runs[first..].iter().take_while(|(offset, _)| *offset < range.end) {
            zeros(to, offset.saturating_sub(at))?;
            to.write_all(run)?;
            at = offset + run.len() as u64;
        }
        zeros(to, range.end.saturating_sub(at))
    }
}

/// Returns the ranges of a file that belong to no tensor, in ascending order.
fn ranges(gguf: &Gguf) -> Vec<Range<u64>> {
    let mut tensors: Vec<Range<u64>> =
        gguf.tensors().iter().map(|tensor| tensor.offset..tensor.offset + tensor.bytes).collect();
    tensors.sort_by_key(|range| (range.start, range.end));
    let mut at = gguf.header_bytes().len() as u64;
    let mut ranges = Vec::new();
    let mut end_at = |start: u64, end: u64| {
        if start > at {
            ranges.push(at..start);
        }
        at = end;
    };
    tensors.into_iter().for_each(|tensor| end_at(tensor.start, tensor.end));
    end_at(gguf.file_bytes(), gguf.file_bytes());
    ranges
}

/// Writes `count` zeros.
fn zeros(to: &mut impl Write, count: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), count), to).map(|_| ())
}
