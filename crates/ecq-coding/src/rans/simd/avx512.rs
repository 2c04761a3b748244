// Every block of the implementations below has the reason stated once on its `unsafe impl`.
#![allow(clippy::undocumented_unsafe_blocks)]

use super::lanes::{BySlot, Lookup, Vector, turns_of_any_width};
use super::{Places, Tables};
use crate::rans::decode::Words;
use core::arch::x86_64::*;

/// # Safety
/// The machine has AVX-512 F, BW, VL and DQ.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,bmi1,bmi2,popcnt")]
pub(super) unsafe fn turns(
    tables: &Tables,
    places: Option<Places>,
    states: &mut [u32],
    words: &mut Words,
    out: &mut [u8],
) -> usize {
    let precision = tables.precision;
    if let Some(places) = places {
        let lookup = tables.by_place(places, out.len() / states.len(), states.len());
        // SAFETY: this function enables the instruction set.
        return unsafe { turns_of_any_width::<__m512i, _>(lookup, precision, states, words, out) };
    }
    // SAFETY: this function enables the instruction set.
    unsafe {
        match tables.buckets {
            ..=16 => turns_of_any_width(Small::new(tables), precision, states, words, out),
            17..=32 => turns_of_any_width(Medium::new(tables), precision, states, words, out),
            _ => turns_of_any_width::<__m512i, _>(BySlot(tables.by_slot()), precision, states, words, out),
        }
    }
}

// SAFETY: every intrinsic is of the instruction sets that `turns` enables.
unsafe impl Vector for __m512i {
    const WIDTH: usize = 16;
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
}

/// Up to 16 buckets: three registers.
#[derive(Clone, Copy)]
struct Small {
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
    unsafe fn entry(self, state: __m512i, mask: __m512i, _turn: usize, _lane: usize) -> __m512i {
        unsafe {
            let bucket = state.shr(self.bucket_bits);
            let divider = _mm512_permutexvar_epi32(bucket, self.dividers);
            let aliased = _mm512_cmpge_epu32_mask(state.and(mask), divider);
            let own = _mm512_permutexvar_epi32(bucket, self.own);
            _mm512_mask_permutexvar_epi32(own, aliased, bucket, self.alias)
        }
    }
}

/// 32 buckets: six registers.
#[derive(Clone, Copy)]
struct Medium {
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
    unsafe fn entry(self, state: __m512i, mask: __m512i, _turn: usize, _lane: usize) -> __m512i {
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
