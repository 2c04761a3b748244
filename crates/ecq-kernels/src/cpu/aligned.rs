//! Buffers that begin at a cache line.

use bytemuck::allocation::try_zeroed_vec;
use bytemuck::{NoUninit, Zeroable};
use std::alloc::{Layout, handle_alloc_error};
use std::ops::{Deref, DerefMut};

/// Bytes of a cache line and of the widest vector.
const LINE: usize = 64;

/// A buffer whose first element lies at the beginning of a cache line.
///
/// The allocator aligns to 16 bytes only. A 64-byte load that begins in the middle of a line touches two
/// lines, which makes the inner loop of a product up to 20% slower.
#[derive(Debug)]
pub struct AlignedVec<T> {
    /// The elements, with padding of up to a line before and behind them.
    memory: Vec<T>,
    first: usize,
    len: usize,
}

impl<T: Zeroable + NoUninit> AlignedVec<T> {
    /// Allocates `len` elements of zero. The system maps zeroed pages at their first use, so unused ones cost
    /// nothing.
    ///
    /// # Errors
    /// [`OutOfMemory`] when the allocation fails.
    pub fn zeroed(len: usize) -> Result<Self, OutOfMemory> {
        let bytes = OutOfMemory { bytes: len.saturating_mul(size_of::<T>()) };
        let padded = len.checked_add(LINE / size_of::<T>().clamp(1, LINE)).ok_or(bytes)?;
        let memory: Vec<T> = try_zeroed_vec(padded).map_err(|()| bytes)?;
        let first = memory.as_ptr().align_offset(LINE);
        // Elements whose size does not divide a line stay where the allocator puts them.
        let room = first.checked_add(len).is_some_and(|end| end <= memory.len());
        Ok(Self { first: if room { first } else { 0 }, memory, len })
    }

    /// Sets the length to `len` elements, whose values are unspecified.
    ///
    /// If the allocation fails, the program aborts, as with [`Vec::resize`].
    pub fn set_len(&mut self, len: usize) {
        if self.first + len > self.memory.len() {
            let larger = len.max(2 * self.len);
            *self = Self::zeroed(larger).unwrap_or_else(|_| handle_alloc_error(Layout::new::<T>()));
        }
        self.len = len;
    }

    /// Returns the number of elements allocated.
    pub fn capacity(&self) -> usize {
        self.memory.len()
    }
}

/// An allocation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot allocate {bytes} bytes")]
pub struct OutOfMemory {
    /// Size of the allocation in bytes.
    pub bytes: usize,
}

impl<T> Default for AlignedVec<T> {
    fn default() -> Self {
        Self { memory: Vec::new(), first: 0, len: 0 }
    }
}

impl<T: Zeroable + NoUninit> Clone for AlignedVec<T> {
    fn clone(&self) -> Self {
        let mut copy = Self::default();
        copy.set_len(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl<T> Deref for AlignedVec<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        &self.memory[self.first..self.first + self.len]
    }
}

impl<T> DerefMut for AlignedVec<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.first..self.first + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_line<T>(buffer: &AlignedVec<T>) -> bool {
        (buffer.as_ptr() as usize).is_multiple_of(LINE)
    }

    #[test]
    fn buffers_begin_at_a_cache_line() {
        for len in [1, 15, 16, 17, 1000, 1 << 20] {
            let mut floats = AlignedVec::<f32>::zeroed(len).unwrap();
            assert!(at_line(&floats) && floats.iter().all(|&x| x == 0.0), "{len}");
            floats[len - 1] = 3.0;
            let copy = floats.clone();
            assert!(at_line(&copy) && copy[..] == floats[..], "{len}");
            floats.set_len(len / 2);
            floats.set_len(3 * len);
            assert!(at_line(&floats) && floats.len() == 3 * len, "{len}");
        }
        let mut bytes = AlignedVec::<u8>::default();
        assert!(bytes.is_empty());
        bytes.set_len(9216);
        assert!(at_line(&bytes));
    }

    #[test]
    fn failed_allocations_are_errors() {
        assert!(AlignedVec::<f32>::zeroed(usize::MAX).is_err());
        assert_eq!(AlignedVec::<u8>::zeroed(1 << 60).unwrap_err(), OutOfMemory { bytes: 1 << 60 });
    }
}
