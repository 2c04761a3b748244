//! 256-bit registers of AVX2, with FMA and F16C.
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the `unsafe impl` states the reason for its blocks once"
)]

use super::Vector;
use core::arch::x86_64::*;

/// 256-bit registers.
#[derive(Clone, Copy)]
pub(crate) struct Avx2;

/// Sums of pairs that fit 16 bits: `vpmaddubsw` adds two products of a code and an integer of at most 127.
const fn products_in_16_bits(bits: usize) -> usize {
    32767 / (2 * 127 * ((1 << bits) - 1))
}

/// Four integers in every lane.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn quad(x: *const i8, i: usize) -> __m256i {
    // SAFETY: callers have more than `i` quads at `x`.
    unsafe { _mm256_set1_epi32(x.cast::<i32>().add(i).read_unaligned()) }
}

// SAFETY: every intrinsic is of AVX2, FMA or F16C, which callers enable; pointers are used as the trait
// states.
unsafe impl Vector for Avx2 {
    type Int = __m256i;
    type Float = __m256;
    const LANES: usize = 8;
    // `vpmaddubsw` saturates with codes of eight bits, so they are made signed.
    const OFFSET: i32 = 128;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> __m256i {
        unsafe { _mm256_loadu_si256(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut u8, a: __m256i) {
        unsafe { _mm256_storeu_si256(to.cast(), a) }
    }
    #[inline(always)]
    unsafe fn splat(value: i32) -> __m256i {
        unsafe { _mm256_set1_epi32(value) }
    }
    #[inline(always)]
    unsafe fn add(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_add_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn or(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_or_si256(a, b) }
    }
    #[inline(always)]
    unsafe fn xor(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_xor_si256(a, b) }
    }
    #[inline(always)]
    unsafe fn and_bytes(a: __m256i, mask: u8) -> __m256i {
        unsafe { _mm256_and_si256(a, _mm256_set1_epi8(mask as i8)) }
    }
    #[inline(always)]
    unsafe fn and_lanes(a: __m256i, mask: i32) -> __m256i {
        unsafe { _mm256_and_si256(a, _mm256_set1_epi32(mask)) }
    }
    #[inline(always)]
    unsafe fn shr(a: __m256i, by: u32) -> __m256i {
        // Callers' counts are constants: the compiler makes this the shift by an immediate.
        unsafe { _mm256_srl_epi32(a, _mm_cvtsi32_si128(by as i32)) }
    }
    #[inline(always)]
    unsafe fn shl(a: __m256i, by: u32) -> __m256i {
        unsafe { _mm256_sll_epi32(a, _mm_cvtsi32_si128(by as i32)) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_mullo_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn load_signed(from: *const i8) -> __m256i {
        unsafe { _mm256_cvtepi8_epi32(_mm_loadl_epi64(from.cast())) }
    }
    #[inline(always)]
    unsafe fn dot<const BITS: usize, const N: usize>(codes: [__m256i; N], x: *const i8) -> __m256i {
        unsafe {
            let ones = _mm256_set1_epi16(1);
            let mut sums = _mm256_setzero_si256();
            if BITS == 8 {
                for (i, &codes) in codes.iter().enumerate() {
                    // |code| as the unsigned factor, its sign on the other: at most 2 * 128 * 127 in 16 bits.
                    let signed = _mm256_xor_si256(codes, _mm256_set1_epi8(-128));
                    let x = _mm256_sign_epi8(quad(x, i), signed);
                    let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(signed), x);
                    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, ones));
                }
                return sums;
            }
            let run = const { if products_in_16_bits(BITS) < N { products_in_16_bits(BITS) } else { N } };
            let mut i = 0;
            while i < N {
                let mut pairs = _mm256_maddubs_epi16(codes[i], quad(x, i));
                let mut next = i + 1;
                while next < i + run && next < N {
                    pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(codes[next], quad(x, next)));
                    next += 1;
                }
                let run_sums = _mm256_madd_epi16(pairs, ones);
                sums = if i == 0 { run_sums } else { _mm256_add_epi32(sums, run_sums) };
                i = next;
            }
            sums
        }
    }
    #[inline(always)]
    unsafe fn float(a: __m256i) -> __m256 {
        unsafe { _mm256_cvtepi32_ps(a) }
    }
    #[inline(always)]
    unsafe fn zero() -> __m256 {
        unsafe { _mm256_setzero_ps() }
    }
    #[inline(always)]
    unsafe fn splat_float(value: f32) -> __m256 {
        unsafe { _mm256_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load_float(from: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> __m256 {
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> __m256 {
        unsafe {
            let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
            _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
        }
    }
    #[inline(always)]
    unsafe fn store_float(to: *mut f32, a: __m256) {
        unsafe { _mm256_storeu_ps(to, a) }
    }
    #[inline(always)]
    unsafe fn mul_float(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn add_float(a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }
}
