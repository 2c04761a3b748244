//! Buffers that products need for a while, kept from one to the next.

use super::lock;
use ecq_kernels::cpu::linear::{Activations, Scratch};
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

/// All that products need.
#[derive(Default)]
pub(super) struct Stashes {
    pub(super) activations: Stash<Activations>,
    pub(super) scratch: Stash<Scratch>,
    pub(super) blocks: Stash<Vec<f32>>,
}

/// Things that are made once and used by whoever needs one.
#[derive(Default)]
pub(super) struct Stash<T>(Mutex<Vec<T>>);

impl<T: Default> Stash<T> {
    /// One of them, until it is dropped.
    pub(super) fn take(&self) -> Taken<'_, T> {
        Taken { stash: self, item: lock(&self.0).pop().unwrap_or_default() }
    }
}

/// Something that goes back to its stash.
pub(super) struct Taken<'a, T: Default> {
    stash: &'a Stash<T>,
    item: T,
}

impl<T: Default> Deref for Taken<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}

impl<T: Default> DerefMut for Taken<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.item
    }
}

impl<T: Default> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        lock(&self.stash.0).push(std::mem::take(&mut self.item));
    }
}
