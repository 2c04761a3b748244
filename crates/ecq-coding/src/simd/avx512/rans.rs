//! The rANS decoder's vector: sixteen lanes.
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "each `unsafe impl` states the reason for its blocks once"
)]

use crate::rans::turns::{Lookup, Tables, Vector};
use core::arch::x86_64::*;

pub(crate) use core::arch::x86_64::__m512i as Lanes;

// SAFETY: every intrinsic is of the instruction set that callers enable; pointers are used as the trait
// states.
unsafe impl Vector for __m512i {
    const WIDTH: usize = 16;
    const REGISTER_BUCKETS: usize = 32;
    type Small = Small;
    type Medium = Medium;

    #[inline(always)]
    unsafe fn splat(value: u32) -> Self {
        unsafe { _mm512_set1_epi32(value as i32) }
    }
    #[inline(always)]
    unsafe fn load(from: *const u32) -> Self {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut u32) {
        unsafe { _mm512_storeu_si512(to.cast(), self) }
    }
    #[inline(always)]
    unsafe fn and(self, other: Self) -> Self {
        unsafe { _mm512_and_si512(self, other) }
    }
    #[inline(always)]
    unsafe fn choose(mask: u32, zero: Self, one: Self) -> Self {
        unsafe { _mm512_mask_mov_epi32(zero, mask as u16, one) }
    }
    #[inline(always)]
    unsafe fn parities(self) -> u32 {
        unsafe { _mm512_test_epi32_mask(self, _mm512_set1_epi32(1 << 12)).into() }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { _mm512_add_epi32(self, other) }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        unsafe { _mm512_mullo_epi32(self, other) }
    }
    #[inline(always)]
    unsafe fn shr(self, by: Self) -> Self {
        unsafe { _mm512_srlv_epi32(self, by) }
    }
    #[inline(always)]
    unsafe fn shr_const<const BY: u32>(self) -> Self {
        unsafe { _mm512_srli_epi32::<BY>(self) }
    }
    #[inline(always)]
    unsafe fn gather(from: *const u32, index: Self) -> Self {
        unsafe { _mm512_i32gather_epi32::<4>(index, from.cast()) }
    }
    #[inline(always)]
    unsafe fn refill(self, words: *const u8) -> (Self, usize) {
        unsafe {
            let low = _mm512_cmplt_epu32_mask(self, _mm512_set1_epi32(1 << 16));
            let next = _mm512_cvtepu16_epi32(_mm256_loadu_si256(words.cast()));
            let next = _mm512_maskz_expand_epi32(low, next);
            let moved = _mm512_mask_slli_epi32::<16>(self, low, self);
            (_mm512_or_si512(moved, next), u32::from(low).count_ones() as usize)
        }
    }
    #[inline(always)]
    unsafe fn store_symbols(self, to: *mut u8) {
        unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtepi32_epi8(_mm512_srli_epi32::<12>(self))) }
    }
    #[inline(always)]
    unsafe fn small(tables: &Tables) -> Small {
        unsafe { Small::new(tables) }
    }
    #[inline(always)]
    unsafe fn medium(tables: &Tables) -> Medium {
        unsafe { Medium::new(tables) }
    }
}

/// Tables of up to 16 buckets in three registers.
#[derive(Clone, Copy)]
pub(crate) struct Small {
    bucket_bits: __m512i,
    dividers: __m512i,
    own: __m512i,
    alias: __m512i,
}

impl Small {
    #[inline(always)]
    unsafe fn new(tables: &Tables) -> Self {
        let [dividers, own, alias] = &tables.registers;
        // SAFETY: arrays of 32; the caller has AVX-512.
        unsafe {
            Self {
                bucket_bits: __m512i::splat(tables.bucket_bits),
                dividers: __m512i::load(dividers.as_ptr()),
                own: __m512i::load(own.as_ptr()),
                alias: __m512i::load(alias.as_ptr()),
            }
        }
    }
}

// SAFETY: as `Vector`.
unsafe impl Lookup<__m512i> for Small {
    #[inline(always)]
    unsafe fn entry(&mut self, state: __m512i, mask: __m512i, _lane: usize) -> __m512i {
        unsafe {
            let bucket = state.shr(self.bucket_bits);
            let divider = _mm512_permutexvar_epi32(bucket, self.dividers);
            let aliased = _mm512_cmpge_epu32_mask(state.and(mask), divider);
            let own = _mm512_permutexvar_epi32(bucket, self.own);
            _mm512_mask_permutexvar_epi32(own, aliased, bucket, self.alias)
        }
    }
}

/// Tables of 32 buckets in six registers.
#[derive(Clone, Copy)]
pub(crate) struct Medium {
    bucket_bits: __m512i,
    dividers: [__m512i; 2],
    own: [__m512i; 2],
    alias: [__m512i; 2],
}

impl Medium {
    #[inline(always)]
    unsafe fn new(tables: &Tables) -> Self {
        let [dividers, own, alias] = &tables.registers;
        // SAFETY: arrays of 32; the caller has AVX-512.
        unsafe {
            let pair = |t: &[u32; 32]| [__m512i::load(t.as_ptr()), __m512i::load(t.as_ptr().add(16))];
            Self {
                bucket_bits: __m512i::splat(tables.bucket_bits),
                dividers: pair(dividers),
                own: pair(own),
                alias: pair(alias),
            }
        }
    }
}

// SAFETY: as `Vector`.
unsafe impl Lookup<__m512i> for Medium {
    #[inline(always)]
    unsafe fn entry(&mut self, state: __m512i, mask: __m512i, _lane: usize) -> __m512i {
        unsafe {
            let bucket = state.shr(self.bucket_bits);
            let divider = _mm512_permutex2var_epi32(self.dividers[0], bucket, self.dividers[1]);
            let aliased = _mm512_cmpge_epu32_mask(state.and(mask), divider);
            let own = _mm512_permutex2var_epi32(self.own[0], bucket, self.own[1]);
            let alias = _mm512_permutex2var_epi32(self.alias[0], bucket, self.alias[1]);
            _mm512_mask_mov_epi32(own, aliased, alias)
        }
    }
}
