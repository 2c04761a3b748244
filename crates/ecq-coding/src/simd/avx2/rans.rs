//! The rANS decoder's vector: eight lanes.
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "each `unsafe impl` states the reason for its blocks once"
)]

use crate::rans::turns::{BySlot, Lookup, Tables, Vector};
use core::arch::x86_64::*;

pub(crate) use core::arch::x86_64::__m256i as Lanes;

/// For each set of lanes, the number of the word that each lane takes: the number of set lanes below it.
static EXPAND: [[u8; 8]; 256] = {
    let mut table = [[0; 8]; 256];
    let mut set = 0;
    while set < 256 {
        let (mut lane, mut word) = (0, 0);
        while lane < 8 {
            table[set][lane] = word;
            word += (set >> lane & 1) as u8;
            lane += 1;
        }
        set += 1;
    }
    table
};

// SAFETY: every intrinsic is of the instruction set that callers enable; pointers are used as the trait
// states.
unsafe impl Vector for __m256i {
    const WIDTH: usize = 8;
    const REGISTER_BUCKETS: usize = 16;
    type Small = Small;
    type Medium = BySlot;

    #[inline(always)]
    unsafe fn splat(value: u32) -> Self {
        unsafe { _mm256_set1_epi32(value as i32) }
    }
    #[inline(always)]
    unsafe fn load(from: *const u32) -> Self {
        unsafe { _mm256_loadu_si256(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut u32) {
        unsafe { _mm256_storeu_si256(to.cast(), self) }
    }
    #[inline(always)]
    unsafe fn and(self, other: Self) -> Self {
        unsafe { _mm256_and_si256(self, other) }
    }
    #[inline(always)]
    unsafe fn choose(mask: u32, zero: Self, one: Self) -> Self {
        unsafe {
            let lanes = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            let mask = _mm256_cmpeq_epi32(_mm256_and_si256(Self::splat(mask), lanes), lanes);
            _mm256_blendv_epi8(zero, one, mask)
        }
    }
    #[inline(always)]
    unsafe fn parities(self) -> u32 {
        unsafe { _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_slli_epi32::<19>(self))) as u32 }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { _mm256_add_epi32(self, other) }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        unsafe { _mm256_mullo_epi32(self, other) }
    }
    #[inline(always)]
    unsafe fn shr(self, by: Self) -> Self {
        unsafe { _mm256_srlv_epi32(self, by) }
    }
    #[inline(always)]
    unsafe fn shr_const<const BY: u32>(self) -> Self {
        // The count is a generic u32 here and an i32 there; the variable shift takes either.
        unsafe { _mm256_srlv_epi32(self, _mm256_set1_epi32(BY as i32)) }
    }
    #[inline(always)]
    unsafe fn gather(from: *const u32, index: Self) -> Self {
        unsafe { _mm256_i32gather_epi32::<4>(from.cast(), index) }
    }
    #[inline(always)]
    unsafe fn refill(self, words: *const u8) -> (Self, usize) {
        unsafe {
            let low = _mm256_cmpeq_epi32(_mm256_srli_epi32::<16>(self), _mm256_setzero_si256());
            let set = _mm256_movemask_ps(_mm256_castsi256_ps(low)) as usize;
            let order = _mm256_cvtepu8_epi32(_mm_loadl_epi64(EXPAND[set].as_ptr().cast()));
            let next = _mm256_cvtepu16_epi32(_mm_loadu_si128(words.cast()));
            let next = _mm256_permutevar8x32_epi32(next, order);
            let filled = _mm256_or_si256(_mm256_slli_epi32::<16>(self), next);
            (_mm256_blendv_epi8(self, filled, low), set.count_ones() as usize)
        }
    }
    #[inline(always)]
    unsafe fn store_symbols(self, to: *mut u8) {
        unsafe {
            let symbols = _mm256_and_si256(_mm256_srli_epi32::<12>(self), Self::splat(0xff));
            let halves = _mm256_packus_epi32(symbols, symbols);
            let bytes = _mm256_packus_epi16(halves, halves);
            // Each 128-bit half holds its four lanes as its lowest four bytes.
            let (low, high) = (_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
            _mm_storel_epi64(to.cast(), _mm_unpacklo_epi32(low, high));
        }
    }
    #[inline(always)]
    unsafe fn small(tables: &Tables) -> Small {
        unsafe { Small::new(tables) }
    }
    #[inline(always)]
    unsafe fn medium(tables: &Tables) -> BySlot {
        BySlot::new(tables)
    }
}

/// Tables of up to 16 buckets in six registers, two for each table.
#[derive(Clone, Copy)]
pub(crate) struct Small {
    bucket_bits: __m256i,
    dividers: [__m256i; 2],
    own: [__m256i; 2],
    alias: [__m256i; 2],
}

impl Small {
    #[inline(always)]
    unsafe fn new(tables: &Tables) -> Self {
        let [dividers, own, alias] = &tables.registers;
        // SAFETY: arrays of 32; the caller has AVX2.
        unsafe {
            let pair = |t: &[u32; 32]| [__m256i::load(t.as_ptr()), __m256i::load(t.as_ptr().add(8))];
            Self {
                bucket_bits: __m256i::splat(tables.bucket_bits),
                dividers: pair(dividers),
                own: pair(own),
                alias: pair(alias),
            }
        }
    }
}

// SAFETY: as `Vector`.
unsafe impl Lookup<__m256i> for Small {
    #[inline(always)]
    unsafe fn entry(&mut self, state: __m256i, mask: __m256i, _lane: usize) -> __m256i {
        unsafe {
            let bucket = state.shr(self.bucket_bits);
            // Bit 3 of the bucket picks the register; a blend looks at bit 31.
            let upper = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(bucket));
            let pick = |table: [__m256i; 2]| {
                let low = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(table[0], bucket));
                let high = _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(table[1], bucket));
                _mm256_blendv_ps(low, high, upper)
            };
            // Slots are below 2^12: a signed comparison does.
            let divider = _mm256_castps_si256(pick(self.dividers));
            let own = _mm256_castsi256_ps(_mm256_cmpgt_epi32(divider, state.and(mask)));
            _mm256_castps_si256(_mm256_blendv_ps(pick(self.alias), pick(self.own), own))
        }
    }
}
