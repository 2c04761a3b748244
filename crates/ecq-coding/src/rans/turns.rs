//! The decoding step over vectors of lanes: written once, instantiated per instruction set.
//!
//! A turn decodes one symbol of every lane. An instruction set implements [`Vector`] and, where its registers
//! hold the alias tables of a small alphabet, [`Lookup`] (`simd/*/rans.rs`).

use super::decode::Words;
use crate::alias::Slots;
use crate::simd::{Isa, rans as vectors};

/// The lookup tables of one decoder, in the form that vectors read.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    precision: u32,
    /// log2 of slots per bucket.
    pub(crate) bucket_bits: u32,
    buckets: usize,
    /// Dividers, own entries and alias entries. Each is repeated to 32, so that bits of the state above the
    /// bucket number select an equal entry and the number needs no mask.
    pub(crate) registers: [[u32; 32]; 3],
    /// One packed entry per slot, table after table; empty where the tables above stay in registers.
    by_slot: Vec<u32>,
}

impl Tables {
    /// Builds the tables of `all` (of one precision) for `isa`; `by_place` where each symbol's place selects
    /// its table. Returns `None` where entries do not pack into 32 bits.
    pub(super) fn new(isa: Isa, all: &[Slots], by_place: bool) -> Option<Self> {
        let slots = all.first().filter(|slots| slots.precision <= 12)?;
        let buckets = slots.dividers.len();
        let mut registers = [[0; 32]; 3];
        let mut by_slot = Vec::new();
        if !by_place && buckets <= register_buckets(isa) {
            let (own, alias) = slots.entries.split_at(buckets);
            let bucket = |i: usize| i % buckets;
            registers = [
                std::array::from_fn(|i| slots.dividers[bucket(i)]),
                std::array::from_fn(|i| own[bucket(i)].packed()),
                std::array::from_fn(|i| alias[bucket(i)].packed()),
            ];
        } else {
            let entries = |slots: &Slots| {
                (0..1u32 << slots.precision).map(|slot| slots.entry(slot).packed()).collect::<Vec<_>>()
            };
            by_slot = all.iter().flat_map(entries).collect();
        }
        Some(Self { precision: slots.precision, bucket_bits: slots.bucket_bits, buckets, registers, by_slot })
    }

    /// Returns the bytes held.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.registers) + size_of_val(&self.by_slot[..])
    }
}

/// Selects the table of each symbol in a run of turns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'a> {
    /// The row of `firsts` of each turn; `None` where that is the turn itself.
    pub(super) turns: Option<&'a [u8]>,
    /// First entry of the table of each lane, `[rows][lanes]`: the table's number times its slots.
    pub(super) firsts: &'a [u32],
}

impl Places<'_> {
    /// Returns the first entry of the table of a symbol.
    pub(super) fn first(&self, turn: usize, lane: usize, lanes: usize) -> u32 {
        self.firsts[self.turns.map_or(turn, |classes| classes[turn].into()) * lanes + lane]
    }
}

/// A register of 32-bit lanes.
///
/// # Safety
/// Every method needs the instruction set of its implementation, and pointers to `WIDTH` elements. Methods
/// are called only from functions that enable the instruction set.
pub(crate) unsafe trait Vector: Copy {
    /// Lanes.
    const WIDTH: usize;
    /// The most buckets whose tables stay in registers: 0, 16 or 32.
    const REGISTER_BUCKETS: usize;
    /// The lookup for up to 16 buckets in registers.
    type Small: Lookup<Self>;
    /// The lookup for 32 buckets in registers.
    type Medium: Lookup<Self>;

    unsafe fn splat(value: u32) -> Self;
    unsafe fn load(from: *const u32) -> Self;
    unsafe fn store(self, to: *mut u32);
    unsafe fn and(self, other: Self) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    /// Returns the low 32 bits of the product.
    unsafe fn mul(self, other: Self) -> Self;
    /// Shifts each lane right by the same lane of `by`.
    unsafe fn shr(self, by: Self) -> Self;
    unsafe fn shr_const<const BY: u32>(self) -> Self;
    /// Loads `from[index]` for each lane of `index`.
    unsafe fn gather(from: *const u32, index: Self) -> Self;
    /// Replaces lanes below 2^16 by `lane << 16 | next word`; returns the lanes and the number of words
    /// taken. May read `WIDTH` words whatever it takes.
    unsafe fn refill(self, words: *const u8) -> (Self, usize);
    /// Stores bits 12 to 19 of each lane as a byte.
    unsafe fn store_symbols(self, to: *mut u8);

    /// Loads tables of at most 16 buckets. Called only where `REGISTER_BUCKETS` is at least 16.
    unsafe fn small(tables: &Tables) -> Self::Small;
    /// Loads tables of 32 buckets. Called only where `REGISTER_BUCKETS` is 32.
    unsafe fn medium(tables: &Tables) -> Self::Medium;
}

/// Finds the packed entry of a slot.
///
/// # Safety
/// As [`Vector`].
pub(crate) unsafe trait Lookup<V: Vector>: Copy {
    /// Returns the entry of the slot in the low bits of each state. `turn` and `lane` (of the first state)
    /// identify the symbols.
    unsafe fn entry(self, state: V, mask: V, turn: usize, lane: usize) -> V;
}

/// A lookup by one gather from a table of all slots.
#[derive(Clone, Copy)]
pub(crate) struct BySlot(*const u32);

impl BySlot {
    /// Checks that every masked slot has an entry.
    #[inline(always)]
    pub(crate) fn new(tables: &Tables) -> Self {
        assert_eq!(tables.by_slot.len(), 1 << tables.precision, "one entry per slot");
        Self(tables.by_slot.as_ptr())
    }
}

// SAFETY: as `Vector`; the masked slot is below the table's length.
unsafe impl<V: Vector> Lookup<V> for BySlot {
    #[inline(always)]
    unsafe fn entry(self, state: V, mask: V, _turn: usize, _lane: usize) -> V {
        // SAFETY: as the trait's.
        unsafe { V::gather(self.0, state.and(mask)) }
    }
}

/// A lookup by one gather from the tables of all slots of several tables, selected by each symbol's place.
#[derive(Clone, Copy)]
struct ByPlace<'a> {
    by_slot: *const u32,
    places: Places<'a>,
    lanes: usize,
}

impl<'a> ByPlace<'a> {
    /// Checks that every symbol of `turns` turns of `lanes` lanes has a place and that its table exists.
    #[inline(always)]
    fn new(tables: &Tables, places: Places<'a>, turns: usize, lanes: usize) -> Self {
        let Places { turns: classes, firsts } = places;
        let rows = classes.map_or(turns, |classes| {
            assert!(classes.len() >= turns, "a class for each turn");
            classes[..turns].iter().max().map_or(0, |&class| usize::from(class) + 1)
        });
        assert!(firsts.len() >= rows * lanes, "a table for each symbol");
        let last = firsts[..rows * lanes].iter().max().map_or(0, |&first| first as usize);
        assert!(last + (1 << tables.precision) <= tables.by_slot.len(), "every table exists");
        Self { by_slot: tables.by_slot.as_ptr(), places, lanes }
    }

    /// # Safety
    /// As [`Vector`], and `turn` and `lane` are below those that `new` was called with.
    #[inline(always)]
    unsafe fn first<V: Vector>(self, turn: usize, lane: usize) -> V {
        // SAFETY: `new` found a class for each turn and `lanes` numbers for each class.
        unsafe {
            let row = match self.places.turns {
                Some(classes) => usize::from(*classes.get_unchecked(turn)),
                None => turn,
            };
            V::load(self.places.firsts.as_ptr().add(row * self.lanes + lane))
        }
    }
}

// SAFETY: as `Vector`; `new` found that a masked slot of the table of any place exists.
unsafe impl<V: Vector> Lookup<V> for ByPlace<'_> {
    #[inline(always)]
    unsafe fn entry(self, state: V, mask: V, turn: usize, lane: usize) -> V {
        // SAFETY: as the trait's.
        unsafe { V::gather(self.by_slot, state.and(mask).add(self.first(turn, lane))) }
    }
}

crate::multiversion! {
    /// Returns the most buckets whose tables stay in registers.
    unsafe fn register_buckets[V: Vector in vectors]() -> usize {
        V::REGISTER_BUCKETS
    }
}

crate::multiversion! {
    /// Decodes as many leading turns of `out` (`[turns][states.len()]`) as whole vectors can without reading
    /// past the words; returns their number. The caller decodes the rest one symbol at a time.
    pub(super) unsafe fn decode[V: Vector in vectors](
        tables: &Tables,
        places: Option<Places>,
        states: &mut [u32],
        words: &mut Words,
        out: &mut [u8],
    ) -> usize {
        let precision = tables.precision;
        // SAFETY: the caller enables the instruction set of `V`.
        unsafe {
            if let Some(places) = places {
                let lookup = ByPlace::new(tables, places, out.len() / states.len(), states.len());
                return turns_of_any_width::<V, _>(lookup, precision, states, words, out);
            }
            match tables.buckets {
                ..=16 if V::REGISTER_BUCKETS >= 16 => {
                    turns_of_any_width::<V, _>(V::small(tables), precision, states, words, out)
                }
                17..=32 if V::REGISTER_BUCKETS >= 32 => {
                    turns_of_any_width::<V, _>(V::medium(tables), precision, states, words, out)
                }
                _ => turns_of_any_width::<V, _>(BySlot::new(tables), precision, states, words, out),
            }
        }
    }
}

/// Calls [`turns`] for the number of vectors in a turn; other lane counts are left to the caller.
///
/// # Safety
/// The caller enables the instruction set of `V`.
#[inline(always)]
unsafe fn turns_of_any_width<V: Vector, L: Lookup<V>>(
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

/// Decodes turns of `GROUPS` vectors while the words of a whole turn are left; returns the turns done.
///
/// # Safety
/// The caller enables the instruction set of `V`; `states.len() == GROUPS * V::WIDTH`.
#[inline(always)]
unsafe fn turns<V: Vector, L: Lookup<V>, const GROUPS: usize>(
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
