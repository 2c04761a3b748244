//! The decoding step over vectors of lanes: written once in [`lanes`], instantiated per instruction set.
//!
//! A new instruction set is one more implementation of [`Vector`] and one more arm below.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod lanes;
mod portable;

use super::decode::Words;
use crate::alias::Slots;
use crate::isa::IsaKind;

/// What the vectors of one instruction set look entries up in.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    precision: u32,
    bucket_bits: u32,
    buckets: usize,
    /// Dividers, own entries and alias entries, repeated to 32 so that bits of the state above the bucket
    /// number select the same entry: then the number needs no mask.
    registers: [[u32; 32]; 3],
    /// One packed entry a slot, table after table; empty where the tables above stay in registers.
    by_slot: Vec<u32>,
}

impl Tables {
    /// The tables of `all` (of one precision) for `isa`, chosen `by_place` or one alone; `None` where entries do not pack
    /// into a lane.
    pub(super) fn new(isa: IsaKind, all: &[Slots], by_place: bool) -> Option<Self> {
        let slots = all.first().filter(|slots| slots.precision <= 12)?;
        let buckets = slots.dividers.len();
        let in_registers = match isa {
            IsaKind::Avx512 => 32,
            IsaKind::Avx2 => 16,
            IsaKind::Portable => 0,
        };
        let mut registers = [[0; 32]; 3];
        let mut by_slot = Vec::new();
        if !by_place && buckets <= in_registers {
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

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.registers) + size_of_val(&self.by_slot[..])
    }

    /// The table of all slots, checked to be as long as a masked slot can ask for.
    #[inline(always)]
    fn by_slot(&self) -> *const u32 {
        assert_eq!(self.by_slot.len(), 1 << self.precision);
        self.by_slot.as_ptr()
    }

    /// The tables of all slots, each symbol's by its place.
    #[inline(always)]
    fn by_place<'a>(&self, places: Places<'a>, turns: usize, lanes: usize) -> lanes::ByPlace<'a> {
        lanes::ByPlace::new(&self.by_slot, 1 << self.precision, places, turns, lanes)
    }
}

/// Which table each symbol of some turns is decoded with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'a> {
    /// The row of `firsts` of each turn, where that is not the turn itself.
    pub(super) turns: Option<&'a [u8]>,
    /// Where the table of each lane begins, `[rows][lanes]`: its number times the slots of a table.
    pub(super) firsts: &'a [u32],
}

impl Places<'_> {
    /// Where the table of a symbol begins.
    pub(super) fn first(&self, turn: usize, lane: usize, lanes: usize) -> u32 {
        self.firsts[self.turns.map_or(turn, |classes| classes[turn].into()) * lanes + lane]
    }
}

/// Decodes as many leading turns of `out` (`[turns][states.len()]`) as can be done with whole vectors and
/// without reading past the words; returns how many. The caller does the rest one symbol at a time.
pub(super) fn turns(
    isa: IsaKind,
    tables: &Tables,
    places: Option<Places>,
    states: &mut [u32],
    words: &mut Words,
    out: &mut [u8],
) -> usize {
    match isa {
        // SAFETY: `isa` is never above what `IsaKind::detect` found on this machine.
        #[cfg(target_arch = "x86_64")]
        IsaKind::Avx512 => unsafe { avx512::turns(tables, places, states, words, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        IsaKind::Avx2 => unsafe { avx2::turns(tables, places, states, words, out) },
        _ => portable::turns(tables, places, states, words, out),
    }
}

/// Transposes the leading `(lanes, steps)` that come in whole blocks of 16 by 16.
pub(super) fn transpose(turns: &[u8], lanes: usize, out: &mut [u8], stride: usize) -> (usize, usize) {
    #[cfg(target_arch = "x86_64")]
    {
        let (done_lanes, done_steps) = (lanes / 16 * 16, turns.len() / lanes / 16 * 16);
        for lane in (0..done_lanes).step_by(16) {
            for step in (0..done_steps).step_by(16) {
                let from = &turns[step * lanes + lane..];
                transpose_16x16(from, lanes, &mut out[lane * stride + step..], stride);
            }
        }
        (done_lanes, done_steps)
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = (turns, lanes, out, stride);
        (0, 0)
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn transpose_16x16(from: &[u8], from_stride: usize, to: &mut [u8], to_stride: usize) {
    use core::arch::x86_64::*;
    assert!(from.len() >= 15 * from_stride + 16 && to.len() >= 15 * to_stride + 16);
    // SAFETY: SSE2 is part of x86-64, and the bounds of all 16 loads and stores were just checked.
    unsafe {
        let mut rows = [_mm_setzero_si128(); 16];
        for (i, row) in rows.iter_mut().enumerate() {
            *row = _mm_loadu_si128(from.as_ptr().add(i * from_stride).cast());
        }
        // Four rounds of interleaving row i with row i + 8 turn rows into columns.
        for _ in 0..4 {
            let before = rows;
            for i in 0..8 {
                rows[2 * i] = _mm_unpacklo_epi8(before[i], before[i + 8]);
                rows[2 * i + 1] = _mm_unpackhi_epi8(before[i], before[i + 8]);
            }
        }
        for (i, row) in rows.iter().enumerate() {
            _mm_storeu_si128(to.as_mut_ptr().add(i * to_stride).cast(), *row);
        }
    }
}
