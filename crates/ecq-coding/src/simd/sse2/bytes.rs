//! Rearranges decoded symbols.

use core::arch::x86_64::*;

/// Transposes a block of 16 x 16 bytes; rows lie `from_stride` and `to_stride` bytes apart.
#[inline(always)]
pub(crate) fn transpose_16x16(from: &[u8], from_stride: usize, to: &mut [u8], to_stride: usize) {
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

/// Writes four columns of 16 rows as 16 rows of four columns.
#[inline(always)]
pub(crate) fn interleave(columns: [&[u8; 16]; 4], out: &mut [u8; 64]) {
    // SAFETY: SSE2 is part of x86-64; columns are 16 bytes long, and `out` 64.
    unsafe {
        let [a, b, c, d] = columns.map(|column| _mm_loadu_si128(column.as_ptr().cast()));
        let (ab, cd) = (_mm_unpacklo_epi8(a, b), _mm_unpacklo_epi8(c, d));
        let (ab_high, cd_high) = (_mm_unpackhi_epi8(a, b), _mm_unpackhi_epi8(c, d));
        let to = out.as_mut_ptr().cast::<__m128i>();
        _mm_storeu_si128(to, _mm_unpacklo_epi16(ab, cd));
        _mm_storeu_si128(to.add(1), _mm_unpackhi_epi16(ab, cd));
        _mm_storeu_si128(to.add(2), _mm_unpacklo_epi16(ab_high, cd_high));
        _mm_storeu_si128(to.add(3), _mm_unpackhi_epi16(ab_high, cd_high));
    }
}

/// Widens 32 values of four bits, the first of a byte in its low bits, to bytes.
#[inline(always)]
pub(crate) fn widen_nibbles(nibbles: &[u8; 16], out: &mut [u8; 32]) {
    // SAFETY: SSE2 is part of x86-64; there are 16 bytes to load and 32 to store.
    unsafe {
        let nibbles = _mm_loadu_si128(nibbles.as_ptr().cast());
        let mask = _mm_set1_epi8(0x0f);
        let even = _mm_and_si128(nibbles, mask);
        let odd = _mm_and_si128(_mm_srli_epi16::<4>(nibbles), mask);
        let to = out.as_mut_ptr().cast::<__m128i>();
        _mm_storeu_si128(to, _mm_unpacklo_epi8(even, odd));
        _mm_storeu_si128(to.add(1), _mm_unpackhi_epi8(even, odd));
    }
}
