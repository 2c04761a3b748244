//! The decoding step over vectors of lanes: written once, instantiated per instruction set.
//!
//! A turn decodes one symbol of every lane. An instruction set implements [`Vector`] and, where its registers
//! hold the alias tables of a small alphabet, [`Lookup`] (`simd/*/rans.rs`).

use super::branches::BranchState;
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
    /// First entry of the table of each lane, `[rows][lanes]`, or with branch bits `[rows][2][lanes]`: the
    /// table's number times its slots.
    pub(super) firsts: &'a [u32],
}

impl Places<'_> {
    /// Returns the row of `firsts` of a turn.
    pub(super) fn row(&self, turn: usize) -> usize {
        self.turns.map_or(turn, |classes| classes[turn].into())
    }
}

/// A register of 32-bit lanes.
///
/// # Safety
/// Every method needs the instruction set of its implementation, and pointers to `WIDTH` elements. Methods
/// are called only from functions that enable the instruction set.
pub(crate) unsafe trait Vector: Copy {
    /// Lanes: 8 or 16.
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
    /// Takes lanes of `one` where the bit of `mask` is set, of `zero` elsewhere; the first lane's is bit 0.
    unsafe fn choose(mask: u32, zero: Self, one: Self) -> Self;
    /// Returns bit 12 of each lane, the lowest bit of the symbol of an entry, as a mask; other bits of the
    /// result are unspecified.
    unsafe fn parities(self) -> u32;
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
pub(crate) unsafe trait Lookup<V: Vector> {
    /// Begins a turn.
    ///
    /// # Safety
    /// `turn` is one of those that the lookup was made for.
    #[inline(always)]
    unsafe fn begin(&mut self, turn: usize) {
        let _ = turn;
    }

    /// Returns the entry of the slot in the low bits of each state. `lane` is the first state's in the turn
    /// that was begun last.
    unsafe fn entry(&mut self, state: V, mask: V, lane: usize) -> V;
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
    unsafe fn entry(&mut self, state: V, mask: V, _lane: usize) -> V {
        // SAFETY: as the trait's.
        unsafe { V::gather(self.0, state.and(mask)) }
    }
}

/// A lookup by one gather from the tables of all slots of several tables, selected by each symbol's place.
struct ByPlace<'a> {
    by_slot: *const u32,
    places: Places<'a>,
    lanes: usize,
    /// First entries of the lanes of a turn.
    firsts: *const u32,
}

impl<'a> ByPlace<'a> {
    /// Checks that every symbol of a run has a place (or one for each branch bit: `branches` is then 2) and
    /// that its table exists.
    #[inline(always)]
    fn new(tables: &Tables, run: &Run<'a, '_>, branches: usize) -> Self {
        let Some(places) = run.places else { unreachable!("both runs have places") };
        let Places { turns: classes, firsts } = places;
        let turns = run.turns();
        let rows = classes.map_or(turns, |classes| {
            assert!(classes.len() >= turns, "a class for each turn");
            classes[..turns].iter().max().map_or(0, |&class| usize::from(class) + 1)
        });
        let lanes = run.lanes() * branches;
        assert!(firsts.len() >= rows * lanes, "a table for each symbol");
        let last = firsts[..rows * lanes].iter().max().map_or(0, |&first| first as usize);
        assert!(last + (1 << tables.precision) <= tables.by_slot.len(), "every table exists");
        Self { by_slot: tables.by_slot.as_ptr(), places, lanes, firsts: firsts.as_ptr() }
    }
}

// SAFETY: as `Vector`; `new` found a class for each turn, `lanes` numbers for each class, and that a masked
// slot of the table of any place exists.
unsafe impl<V: Vector> Lookup<V> for ByPlace<'_> {
    #[inline(always)]
    unsafe fn begin(&mut self, turn: usize) {
        // SAFETY: as the trait's.
        unsafe {
            let row = match self.places.turns {
                Some(classes) => usize::from(*classes.get_unchecked(turn)),
                None => turn,
            };
            self.firsts = self.places.firsts.as_ptr().add(row * self.lanes);
        }
    }

    #[inline(always)]
    unsafe fn entry(&mut self, state: V, mask: V, lane: usize) -> V {
        // SAFETY: as the trait's.
        unsafe { V::gather(self.by_slot, state.and(mask).add(V::load(self.firsts.add(lane)))) }
    }
}

/// As [`ByPlace`], where a symbol's branch bit, too, selects its table.
struct ByBranch<'a> {
    place: ByPlace<'a>,
    branches: &'a mut BranchState,
    lanes: usize,
    inversion: u32,
    /// Of the turn: see [`BranchState::begin`].
    parities: *mut u8,
    bits: *const u8,
}

impl<'a> ByBranch<'a> {
    #[inline(always)]
    fn new(place: ByPlace<'a>, branches: &'a mut BranchState) -> Self {
        assert_eq!(place.lanes, 2 * branches.lanes(), "branch bits of all lanes");
        let (lanes, inversion) = (branches.lanes(), branches.inversion());
        let (parities, bits) = (std::ptr::null_mut(), std::ptr::null());
        Self { place, branches, lanes, inversion, parities, bits }
    }
}

/// Reads the mask of a vector of lanes.
///
/// # Safety
/// `from` points to a bit for each lane.
#[inline(always)]
unsafe fn load_mask<V: Vector>(from: *const u8) -> u32 {
    // SAFETY: as the function's.
    unsafe { if V::WIDTH == 16 { from.cast::<u16>().read_unaligned().into() } else { (*from).into() } }
}

/// Writes the mask of a vector of lanes, of 8 or 16.
///
/// # Safety
/// As [`load_mask`].
#[inline(always)]
unsafe fn store_mask<V: Vector>(to: *mut u8, mask: u32) {
    // SAFETY: as the function's.
    unsafe { if V::WIDTH == 16 { to.cast::<u16>().write_unaligned(mask as u16) } else { *to = mask as u8 } }
}

// SAFETY: as for `ByPlace`; `begin` finds the elements of all lanes in both rings.
unsafe impl<V: Vector> Lookup<V> for ByBranch<'_> {
    #[inline(always)]
    unsafe fn begin(&mut self, turn: usize) {
        // SAFETY: as the trait's.
        unsafe { Lookup::<V>::begin(&mut self.place, turn) };
        let (parities, bits) = self.branches.begin();
        (self.parities, self.bits) = (parities.as_mut_ptr(), bits.as_ptr());
    }

    #[inline(always)]
    unsafe fn entry(&mut self, state: V, mask: V, lane: usize) -> V {
        // SAFETY: as the trait's.
        unsafe {
            let (parities, bits) = (self.parities.add(lane / 8), self.bits.add(lane / 8));
            let branch = load_mask::<V>(bits);
            let [zero, one] = [0, self.lanes].map(|at| self.place.firsts.add(at + lane));
            let first = V::choose(branch, V::load(zero), V::load(one));
            let entry = V::gather(self.place.by_slot, state.and(mask).add(first));
            store_mask::<V>(parities, entry.parities() ^ self.inversion);
            entry
        }
    }
}

crate::multiversion! {
    /// Returns the most buckets whose tables stay in registers.
    unsafe fn register_buckets[V: Vector in vectors]() -> usize {
        V::REGISTER_BUCKETS
    }
}

/// Turns of all lanes of a stream to decode.
#[derive(Debug)]
pub(super) struct Run<'a, 'w> {
    /// Selects tables; `None` if there is one.
    pub(super) places: Option<Places<'a>>,
    /// Of a matrix with branch bits; then there are `places`.
    pub(super) branches: Option<&'a mut BranchState>,
    pub(super) states: &'a mut [u32],
    pub(super) words: &'a mut Words<'w>,
    /// `[turns][states.len()]`.
    pub(super) out: &'a mut [u8],
    /// Number of turns decoded.
    pub(super) done: usize,
}

impl Run<'_, '_> {
    pub(super) fn lanes(&self) -> usize {
        self.states.len()
    }

    pub(super) fn turns(&self) -> usize {
        self.out.len() / self.lanes()
    }
}

crate::multiversion! {
    /// Decodes the next turns of runs with vectors, as many as are possible without reading past the words.
    ///
    /// Two runs have equal lanes and turns; they are decoded alternately, because a vector of lanes waits for
    /// its last turn most of the time. Where a turn has more than two vectors, which fill these times, two
    /// runs are left as they are.
    pub(super) unsafe fn decode[V: Vector in vectors, const N: usize](tables: &Tables, runs: &mut [Run; N]) {
        let lanes = runs[0].lanes();
        let vectors = if lanes.is_multiple_of(V::WIDTH) { lanes / V::WIDTH } else { 0 };
        // SAFETY: the caller enables the instruction set of `V`; each arm is the lane count that its instance
        // asks for.
        unsafe {
            match vectors {
                1 => turns_of_any_lookup::<V, 1, N>(tables, runs),
                2 => turns_of_any_lookup::<V, 2, N>(tables, runs),
                4 if N == 1 => turns_of_any_lookup::<V, 4, N>(tables, runs),
                8 if N == 1 => turns_of_any_lookup::<V, 8, N>(tables, runs),
                16 if N == 1 => turns_of_any_lookup::<V, 16, N>(tables, runs),
                // Left to the caller.
                _ => {}
            }
        }
    }
}

/// Calls [`turns`] with the lookup for the tables.
///
/// # Safety
/// As [`turns`].
#[inline(always)]
unsafe fn turns_of_any_lookup<V: Vector, const GROUPS: usize, const N: usize>(
    tables: &Tables,
    runs: &mut [Run; N],
) {
    // SAFETY: as the caller's; registers hold tables under the conditions that `small` and `medium` state.
    unsafe {
        if runs[0].places.is_none() {
            return match tables.buckets {
                ..=16 if V::REGISTER_BUCKETS >= 16 => {
                    turns::<V, _, GROUPS, N>(tables.precision, [(); N].map(|()| V::small(tables)), runs);
                }
                17..=32 if V::REGISTER_BUCKETS >= 32 => {
                    turns::<V, _, GROUPS, N>(tables.precision, [(); N].map(|()| V::medium(tables)), runs);
                }
                _ => {
                    turns::<V, _, GROUPS, N>(tables.precision, [(); N].map(|()| BySlot::new(tables)), runs);
                }
            };
        }
        if runs[0].branches.is_none() {
            let lookups = runs.each_ref().map(|run| ByPlace::new(tables, run, 1));
            turns::<V, _, GROUPS, N>(tables.precision, lookups, runs);
            return;
        }
        let lookups = runs.each_mut().map(|run| {
            let Some(branches) = run.branches.take() else { unreachable!("both runs have branch bits") };
            ByBranch::new(ByPlace::new(tables, run, 2), branches)
        });
        let lookups = turns::<V, _, GROUPS, N>(tables.precision, lookups, runs);
        for (run, lookup) in runs.iter_mut().zip(lookups) {
            run.branches = Some(lookup.branches);
        }
    }
}

/// Decodes turns of `GROUPS` vectors of each run while each has the words of a whole turn left; returns the
/// lookups.
///
/// # Safety
/// The caller enables the instruction set of `V`.
#[inline(always)]
unsafe fn turns<V: Vector, L: Lookup<V>, const GROUPS: usize, const N: usize>(
    precision: u32,
    lookups: [L; N],
    runs: &mut [Run; N],
) -> [L; N] {
    let lanes = GROUPS * V::WIDTH;
    let (total, first) = (runs[0].turns(), runs[0].done);
    for run in &*runs {
        assert!(run.lanes() == lanes && run.turns() == total && run.done == first, "runs of equal shape");
    }
    // SAFETY: loads and stores of states stay inside `lanes` of them; a turn writes `lanes` symbols and
    // `done < total`; a turn takes at most `lanes` words, and reads at most `WIDTH` past those taken by the
    // vectors before, all inside the `lanes` words that the loop condition asks for.
    unsafe {
        let mask = V::splat((1 << precision) - 1);
        let shift = V::splat(precision);
        let mut lookups = lookups;
        let mut states = [[V::splat(0); GROUPS]; N];
        let mut words: [&[u8]; N] = [&[]; N];
        let mut at = [0; N];
        let mut to = [std::ptr::null_mut(); N];
        for (n, run) in runs.iter_mut().enumerate() {
            for (i, state) in states[n].iter_mut().enumerate() {
                *state = V::load(run.states.as_ptr().add(i * V::WIDTH));
            }
            (words[n], at[n], to[n]) = (run.words.bytes, run.words.at, run.out[first * lanes..].as_mut_ptr());
        }
        let mut done = first;
        while done < total && (0..N).all(|n| words[n].len() - at[n] >= 2 * lanes) {
            lookups.iter_mut().for_each(|lookup| lookup.begin(done));
            #[expect(clippy::needless_range_loop, reason = "the streams are the inner loop")]
            for i in 0..GROUPS {
                for n in 0..N {
                    let state = states[n][i];
                    let entry = lookups[n].entry(state, mask, i * V::WIDTH);
                    let rank = state.add(entry).and(mask);
                    let moved = entry.shr_const::<20>().mul(state.shr(shift)).add(rank);
                    let (next, taken) = moved.refill(words[n].as_ptr().add(at[n]));
                    states[n][i] = next;
                    at[n] += 2 * taken;
                    entry.store_symbols(to[n]);
                    to[n] = to[n].add(V::WIDTH);
                }
            }
            done += 1;
        }
        for (n, run) in runs.iter_mut().enumerate() {
            run.words.at = at[n];
            run.done = done;
            for (i, state) in states[n].iter().enumerate() {
                state.store(run.states.as_mut_ptr().add(i * V::WIDTH));
            }
        }
        lookups
    }
}
