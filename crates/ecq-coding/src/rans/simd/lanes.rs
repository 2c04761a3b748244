// Every block of the lookups below has the reason stated once on its `unsafe impl`.
#![allow(clippy::undocumented_unsafe_blocks)]

use super::Places;
use crate::rans::decode::Words;

/// A register of 32-bit lanes.
///
/// # Safety
/// Every method needs the instruction set of its implementation; they are called only from functions that
/// enable it.
pub(super) unsafe trait Vector: Copy {
    /// Lanes.
    const WIDTH: usize;
    unsafe fn splat(value: u32) -> Self;
    unsafe fn load(from: *const u32) -> Self;
    unsafe fn store(self, to: *mut u32);
    unsafe fn and(self, other: Self) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    /// Low 32 bits of the product.
    unsafe fn mul(self, other: Self) -> Self;
    /// Each lane shifted right by the same lane of `by`.
    unsafe fn shr(self, by: Self) -> Self;
    unsafe fn shr_const<const BY: u32>(self) -> Self;
    /// `from[index]` of each lane.
    unsafe fn gather(from: *const u32, index: Self) -> Self;
    /// Lanes below 2^16 become `lane << 16 | next word`; returns the lanes and the number of words taken.
    /// May read `WIDTH` words whatever it takes.
    unsafe fn refill(self, words: *const u8) -> (Self, usize);
    /// Stores bits 12 to 19 of each lane as a byte.
    unsafe fn store_symbols(self, to: *mut u8);
}

/// Where the packed entry of a slot comes from.
///
/// # Safety
/// As [`Vector`].
pub(super) unsafe trait Lookup<V: Vector>: Copy {
    /// The entry of the slot in the low bits of each state; `turn` and `lane` (of the first state) tell which symbols
    /// they are.
    unsafe fn entry(self, state: V, mask: V, turn: usize, lane: usize) -> V;
}

/// One gather from a table of all slots.
#[derive(Clone, Copy)]
pub(super) struct BySlot(pub(super) *const u32);

// SAFETY: as `Vector`; the masked slot is below the table's length.
unsafe impl<V: Vector> Lookup<V> for BySlot {
    #[inline(always)]
    unsafe fn entry(self, state: V, mask: V, _turn: usize, _lane: usize) -> V {
        unsafe { V::gather(self.0, state.and(mask)) }
    }
}

/// One gather from the tables of all slots of several tables: the one of each symbol's place.
#[derive(Clone, Copy)]
pub(super) struct ByPlace<'a> {
    by_slot: *const u32,
    places: Places<'a>,
    lanes: usize,
}

impl<'a> ByPlace<'a> {
    /// Checks that every one of `turns` turns of `lanes` lanes has a place, and that tables begin `slots` apart in
    /// `by_slot`.
    pub(super) fn new(by_slot: &[u32], slots: usize, places: Places<'a>, turns: usize, lanes: usize) -> Self {
        let Places { turns: classes, firsts } = places;
        let rows = classes.map_or(turns, |classes| {
            assert!(classes.len() >= turns, "a class for each turn");
            classes[..turns].iter().max().map_or(0, |&class| usize::from(class) + 1)
        });
        assert!(firsts.len() >= rows * lanes, "a table for each symbol");
        let last = firsts[..rows * lanes].iter().max().map_or(0, |&first| first as usize);
        assert!(last + slots <= by_slot.len(), "every table is there");
        Self { by_slot: by_slot.as_ptr(), places, lanes }
    }
}

// SAFETY: as `Vector`; `new` checked the places of all turns and that a masked slot of any of their tables is there.
unsafe impl<V: Vector> Lookup<V> for ByPlace<'_> {
    #[inline(always)]
    unsafe fn entry(self, state: V, mask: V, turn: usize, lane: usize) -> V {
        unsafe {
            let row = match self.places.turns {
                Some(classes) => usize::from(*classes.get_unchecked(turn)),
                None => turn,
            };
            let first = V::load(self.places.firsts.as_ptr().add(row * self.lanes + lane));
            V::gather(self.by_slot, state.and(mask).add(first))
        }
    }
}

/// Decodes turns of `GROUPS` vectors while a whole turn's words are left; returns the turns done.
///
/// # Safety
/// The caller enables the instruction set of `V`; `states.len() == GROUPS * V::WIDTH`.
#[inline(always)]
pub(super) unsafe fn turns<V: Vector, L: Lookup<V>, const GROUPS: usize>(
    lookup: L,
    precision: u32,
    states: &mut [u32],
    words: &mut Words,
    out: &mut [u8],
) -> usize {
    let lanes = GROUPS * V::WIDTH;
    assert_eq!(states.len(), lanes);
    let total = out.len() / lanes;
    let mut done = 0;
    // SAFETY: loads and stores of states stay inside `lanes` of them; a turn writes `lanes` symbols and
    // `done < total`; a turn takes at most `lanes` words, and reads at most `WIDTH` past those taken by the
    // vectors before, all inside the `lanes` words that the loop condition asks for.
    unsafe {
        let mask = V::splat((1 << precision) - 1);
        let shift = V::splat(precision);
        let mut x = [V::splat(0); GROUPS];
        for (i, x) in x.iter_mut().enumerate() {
            *x = V::load(states.as_ptr().add(i * V::WIDTH));
        }
        let base = words.bytes.as_ptr();
        let len = words.bytes.len();
        let mut at = words.at;
        let mut to = out.as_mut_ptr();
        while done < total && len - at >= 2 * lanes {
            for (i, x) in x.iter_mut().enumerate() {
                let entry = lookup.entry(*x, mask, done, i * V::WIDTH);
                let rank = x.add(entry).and(mask);
                let moved = entry.shr_const::<20>().mul(x.shr(shift)).add(rank);
                let (next, taken) = moved.refill(base.add(at));
                *x = next;
                at += 2 * taken;
                entry.store_symbols(to);
                to = to.add(V::WIDTH);
            }
            done += 1;
        }
        words.at = at;
        for (i, x) in x.iter().enumerate() {
            x.store(states.as_mut_ptr().add(i * V::WIDTH));
        }
    }
    done
}

/// Picks the number of vectors a turn takes; other lane counts are left to the caller.
///
/// # Safety
/// The caller enables the instruction set of `V`.
#[inline(always)]
pub(super) unsafe fn turns_of_any_width<V: Vector, L: Lookup<V>>(
    lookup: L,
    precision: u32,
    states: &mut [u32],
    words: &mut Words,
    out: &mut [u8],
) -> usize {
    // SAFETY: each arm is the lane count that its instance asks for.
    unsafe {
        match (states.len().is_multiple_of(V::WIDTH), states.len() / V::WIDTH) {
            (true, 1) => turns::<V, L, 1>(lookup, precision, states, words, out),
            (true, 2) => turns::<V, L, 2>(lookup, precision, states, words, out),
            (true, 4) => turns::<V, L, 4>(lookup, precision, states, words, out),
            (true, 8) => turns::<V, L, 8>(lookup, precision, states, words, out),
            (true, 16) => turns::<V, L, 16>(lookup, precision, states, words, out),
            _ => 0,
        }
    }
}
