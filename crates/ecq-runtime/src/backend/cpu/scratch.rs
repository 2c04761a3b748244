//! Scratch buffers that are reused between commands.

use super::lock::lock;
use ecq_kernels::cpu::AlignedVec;
use ecq_kernels::cpu::linear::{Activations, Scratch};
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

/// All scratch buffers of a device.
#[derive(Default)]
pub(super) struct ScratchPools {
    pub(super) activations: ScratchPool<Activations>,
    pub(super) products: ScratchPool<Scratch>,
    pub(super) blocks: ScratchPool<AlignedVec<f32>>,
    pub(super) experts: ScratchPool<[AlignedVec<f32>; 3]>,
}

/// A pool of scratch buffers.
#[derive(Default)]
pub(super) struct ScratchPool<T>(Mutex<Vec<T>>);

impl<T: Default> ScratchPool<T> {
    /// Takes a buffer from the pool, or creates one.
    pub(super) fn take(&self) -> PoolGuard<'_, T> {
        PoolGuard { pool: self, item: lock(&self.0).pop().unwrap_or_default() }
    }
}

/// A scratch buffer that returns to its pool when dropped.
pub(super) struct PoolGuard<'a, T: Default> {
    pool: &'a ScratchPool<T>,
    item: T,
}

impl<T: Default> Deref for PoolGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}

impl<T: Default> DerefMut for PoolGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.item
    }
}

impl<T: Default> Drop for PoolGuard<'_, T> {
    fn drop(&mut self) {
        lock(&self.pool.0).push(std::mem::take(&mut self.item));
    }
}
