// Every block of the implementations below has the reason stated once on its `unsafe impl`.
#![allow(clippy::undocumented_unsafe_blocks)]

use super::lanes::{BySlot, Vector, turns_of_any_width};
use super::{Places, Tables};
use crate::rans::decode::Words;

/// The decoding step without an instruction set of its own; loops that a compiler may turn into vectors.
pub(super) fn turns(
    tables: &Tables,
    places: Option<Places>,
    states: &mut [u32],
    words: &mut Words,
    out: &mut [u8],
) -> usize {
    let precision = tables.precision;
    // SAFETY: no instruction set is needed.
    unsafe {
        match places {
            Some(places) => {
                let lookup = tables.by_place(places, out.len() / states.len(), states.len());
                turns_of_any_width::<Lanes, _>(lookup, precision, states, words, out)
            }
            None => turns_of_any_width::<Lanes, _>(BySlot(tables.by_slot()), precision, states, words, out),
        }
    }
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
}
