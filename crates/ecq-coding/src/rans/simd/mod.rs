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

/// Whether the tables of `slots` stay in registers, so that no table of all slots is needed.
pub(super) fn fits_registers(isa: IsaKind, slots: &Slots) -> bool {
    let most = match isa {
        IsaKind::Avx512 => 32,
        IsaKind::Avx2 => 16,
        IsaKind::Portable => 0,
    };
    slots.dividers.len() <= most && slots.precision <= 12
}

/// Decodes as many leading turns of `out` (`[turns][states.len()]`) as can be done with whole vectors and
/// without reading past the words; returns how many. The caller does the rest one symbol at a time.
pub(super) fn turns(
    isa: IsaKind,
    slots: &Slots,
    by_slot: &[u32],
    states: &mut [u32],
    words: &mut Words,
    out: &mut [u8],
) -> usize {
    // Entries of more than 12 bits do not pack into a lane.
    if slots.precision > 12 {
        return 0;
    }
    match isa {
        // SAFETY: `isa` is never above what `IsaKind::detect` found on this machine.
        #[cfg(target_arch = "x86_64")]
        IsaKind::Avx512 => unsafe { avx512::turns(slots, by_slot, states, words, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        IsaKind::Avx2 => unsafe { avx2::turns(slots, by_slot, states, words, out) },
        _ => portable::turns(slots, by_slot, states, words, out),
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
