//! Rearranges decoded symbols.

use core::arch::aarch64::*;

/// Transposes a block of 16 x 16 bytes; rows lie `from_stride` and `to_stride` bytes apart.
#[inline(always)]
pub(crate) fn transpose_16x16(from: &[u8], from_stride: usize, to: &mut [u8], to_stride: usize) {
    assert!(from.len() >= 15 * from_stride + 16 && to.len() >= 15 * to_stride + 16);
    // SAFETY: NEON is part of AArch64, and the bounds of all 16 loads and stores were just checked.
    unsafe {
        let mut rows = [vdupq_n_u8(0); 16];
        for (i, row) in rows.iter_mut().enumerate() {
            *row = vld1q_u8(from.as_ptr().add(i * from_stride));
        }
        // Four rounds of interleaving row i with row i + 8 turn rows into columns.
        for _ in 0..4 {
            let before = rows;
            for i in 0..8 {
                rows[2 * i] = vzip1q_u8(before[i], before[i + 8]);
                rows[2 * i + 1] = vzip2q_u8(before[i], before[i + 8]);
            }
        }
        for (i, row) in rows.iter().enumerate() {
            vst1q_u8(to.as_mut_ptr().add(i * to_stride), *row);
        }
    }
}

/// Writes four columns of 16 rows as 16 rows of four columns.
#[inline(always)]
pub(crate) fn interleave(columns: [&[u8; 16]; 4], out: &mut [u8; 64]) {
    // SAFETY: NEON is part of AArch64; columns are 16 bytes long, and `out` 64.
    unsafe {
        let [a, b, c, d] = columns.map(|column| vld1q_u8(column.as_ptr()));
        vst4q_u8(out.as_mut_ptr(), uint8x16x4_t(a, b, c, d));
    }
}

/// Widens 32 values of four bits, the first of a byte in its low bits, to bytes.
#[inline(always)]
pub(crate) fn widen_nibbles(nibbles: &[u8; 16], out: &mut [u8; 32]) {
    // SAFETY: NEON is part of AArch64; there are 16 bytes to load and 32 to store.
    unsafe {
        let nibbles = vld1q_u8(nibbles.as_ptr());
        let low = vandq_u8(nibbles, vdupq_n_u8(0x0f));
        vst2q_u8(out.as_mut_ptr(), uint8x16x2_t(low, vshrq_n_u8::<4>(nibbles)));
    }
}
