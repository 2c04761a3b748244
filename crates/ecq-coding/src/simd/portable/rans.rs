//! The rANS decoder's vector: an array of eight lanes, in loops that a compiler may vectorize.
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the `unsafe impl` states the reason for its blocks once"
)]

use crate::rans::turns::{BySlot, Tables, Vector};

/// Eight lanes.
#[derive(Clone, Copy)]
pub(crate) struct Lanes([u32; 8]);

impl Lanes {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(u32, u32) -> u32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

// SAFETY: no instruction set is needed; pointers are used within the bounds that the trait states.
unsafe impl Vector for Lanes {
    const WIDTH: usize = 8;
    const REGISTER_BUCKETS: usize = 0;
    type Small = BySlot;
    type Medium = BySlot;

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
    unsafe fn choose(mask: u32, zero: Self, one: Self) -> Self {
        Self(std::array::from_fn(|i| if mask >> i & 1 == 0 { zero.0[i] } else { one.0[i] }))
    }
    #[inline(always)]
    unsafe fn parities(self) -> u32 {
        self.0.iter().enumerate().fold(0, |mask, (i, lane)| mask | (lane >> 12 & 1) << i)
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
    unsafe fn gather(from: *const u32, index: Self) -> Self {
        Self(index.0.map(|index| unsafe { *from.add(index as usize) }))
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
    #[inline(always)]
    unsafe fn small(tables: &Tables) -> BySlot {
        BySlot::new(tables)
    }
    #[inline(always)]
    unsafe fn medium(tables: &Tables) -> BySlot {
        BySlot::new(tables)
    }
}
