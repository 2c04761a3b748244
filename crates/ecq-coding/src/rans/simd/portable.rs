// Every block of the implementations below has the reason stated once on its `unsafe impl`.
#![allow(clippy::undocumented_unsafe_blocks)]

use super::Tables;
use super::lanes::{Lookup, Vector, turns_of_any_width};
use crate::rans::decode::Words;

/// The decoding step without an instruction set of its own; loops that a compiler may turn into vectors.
pub(super) fn turns(tables: &Tables, states: &mut [u32], words: &mut Words, out: &mut [u8]) -> usize {
    // SAFETY: no instruction set is needed.
    unsafe { turns_of_any_width(BySlot(tables.by_slot()), tables.precision, states, words, out) }
}

#[derive(Clone, Copy)]
struct Lanes([u32; 8]);

impl Lanes {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(u32, u32) -> u32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

// SAFETY: no instruction set is needed; pointers are used within the bounds that the trait states.
unsafe impl Vector for Lanes {
    const WIDTH: usize = 8;
    #[inline(always)]
    unsafe fn splat(value: u32) -> Self {
        Self([value; 8])
    }
    #[inline(always)]
    unsafe fn load(from: *const u32) -> Self {
        Self(unsafe { from.cast::<[u32; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut u32) {
        unsafe { to.cast::<[u32; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn and(self, other: Self) -> Self {
        self.zip(other, |a, b| a & b)
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, u32::wrapping_add)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.zip(other, u32::wrapping_mul)
    }
    #[inline(always)]
    unsafe fn shr(self, by: Self) -> Self {
        self.zip(by, |a, b| a >> (b & 31))
    }
    #[inline(always)]
    unsafe fn shr_const<const BY: u32>(self) -> Self {
        Self(self.0.map(|lane| lane >> BY))
    }
    #[inline(always)]
    unsafe fn refill(self, words: *const u8) -> (Self, usize) {
        let mut taken = 0;
        let filled = self.0.map(|lane| {
            // Read whether or not it is used: a branch here would be mispredicted every fourth symbol.
            let word = u16::from_le(unsafe { words.add(2 * taken).cast::<u16>().read_unaligned() });
            let low = lane < 1 << 16;
            taken += usize::from(low);
            if low { lane << 16 | u32::from(word) } else { lane }
        });
        (Self(filled), taken)
    }
    #[inline(always)]
    unsafe fn store_symbols(self, to: *mut u8) {
        unsafe { to.cast::<[u8; 8]>().write(self.0.map(|lane| (lane >> 12) as u8)) }
    }
}

/// One load from a table of all slots.
#[derive(Clone, Copy)]
struct BySlot(*const u32);

// SAFETY: the masked slot is below the table's length.
unsafe impl Lookup<Lanes> for BySlot {
    #[inline(always)]
    unsafe fn entry(self, state: Lanes, mask: Lanes) -> Lanes {
        Lanes(unsafe { state.and(mask) }.0.map(|slot| unsafe { *self.0.add(slot as usize) }))
    }
}
