//! Dequantization of float types, simple block types, K-quants, nonlinear four-bit types, ternary types and
//! MXFP4 to f32.
//!
//! The operations are those of the `dequantize_row_*` functions of ggml's `ggml-quants.c`, in the same order,
//! so that the results are bit-identical.

use super::Result;
use super::blocks::from_five_bits;
use super::error::GgufError;
use super::types::GgmlType;
use half::f16;

/// Dequantizes `bytes`, a whole number of blocks of type `ty`, into `out`.
///
/// # Errors
/// [`GgufError::Unsupported`] if `ty` is not supported, and [`GgufError::Length`] if `bytes` is not the size
/// of `out.len()` weights.
pub fn dequantize(ty: GgmlType, bytes: &[u8], out: &mut [f32]) -> Result<()> {
    let expected = (out.len() / ty.block_weights()).saturating_mul(ty.block_bytes()) as u64;
    if bytes.len() as u64 != expected || !out.len().is_multiple_of(ty.block_weights()) {
        let found = bytes.len() as u64;
        return Err(GgufError::Length { what: "bytes of a tensor", found, expected });
    }
    match ty {
        GgmlType::F32 => each(bytes, out, |b: &[u8; 4], y: &mut [f32; 1]| y[0] = f32::from_le_bytes(*b)),
        GgmlType::F16 => each(bytes, out, |b: &[u8; 2], y: &mut [f32; 1]| y[0] = half(b, 0)),
        GgmlType::Bf16 => each(bytes, out, |b: &[u8; 2], y: &mut [f32; 1]| {
            // bf16 is the upper half of an f32. A float conversion would quiet a signaling NaN.
            y[0] = f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16);
        }),
        GgmlType::Q4_0 => each(bytes, out, |b: &[u8; 18], y: &mut [f32; 32]| {
            let d = half(b, 0);
            for j in 0..16 {
                y[j] = (i32::from(b[2 + j] & 15) - 8) as f32 * d;
                y[j + 16] = (i32::from(b[2 + j] >> 4) - 8) as f32 * d;
            }
        }),
        GgmlType::Q4_1 => each(bytes, out, |b: &[u8; 20], y: &mut [f32; 32]| {
            let (d, m) = (half(b, 0), half(b, 2));
            for j in 0..16 {
                y[j] = f32::from(b[4 + j] & 15) * d + m;
                y[j + 16] = f32::from(b[4 + j] >> 4) * d + m;
            }
        }),
        GgmlType::Q5_0 => each(bytes, out, |b: &[u8; 22], y: &mut [f32; 32]| {
            let (d, q) = (half(b, 0), five_bits(&b[2..]));
            y.iter_mut().zip(q).for_each(|(y, q)| *y = (i32::from(q) - 16) as f32 * d);
        }),
        GgmlType::Q5_1 => each(bytes, out, |b: &[u8; 24], y: &mut [f32; 32]| {
            let (d, m, q) = (half(b, 0), half(b, 2), five_bits(&b[4..]));
            y.iter_mut().zip(q).for_each(|(y, q)| *y = f32::from(q) * d + m);
        }),
        GgmlType::Q8_0 => each(bytes, out, |b: &[u8; 34], y: &mut [f32; 32]| {
            let d = half(b, 0);
            y.iter_mut().zip(&b[2..]).for_each(|(y, &q)| *y = f32::from(q as i8) * d);
        }),
        GgmlType::Q2_K => each(bytes, out, q2_k),
        GgmlType::Q3_K => each(bytes, out, q3_k),
        GgmlType::Q4_K => each(bytes, out, |b: &[u8; 144], y| q4_or_q5_k(b, None, &b[16..], y)),
        GgmlType::Q5_K => each(bytes, out, |b: &[u8; 176], y| q4_or_q5_k(b, Some(&b[16..48]), &b[48..], y)),
        GgmlType::Q6_K => each(bytes, out, q6_k),
        GgmlType::Iq4Nl => each(bytes, out, |b: &[u8; 18], y: &mut [f32; 32]| {
            let d = half(b, 0);
            nibbles(&b[2..], y, |q| d * f32::from(NONLINEAR[q]));
        }),
        GgmlType::Iq4Xs => each(bytes, out, iq4_xs),
        GgmlType::Mxfp4 => each(bytes, out, |b: &[u8; 17], y: &mut [f32; 32]| {
            let d = half_of_power(b[0]);
            nibbles(&b[1..], y, |q| d * f32::from(TWICE_E2M1[q]));
        }),
        GgmlType::Tq1_0 => each(bytes, out, tq1_0),
        GgmlType::Tq2_0 => each(bytes, out, |b: &[u8; 66], y: &mut [f32; 256]| {
            let d = half(b, 64);
            for (i, y) in y.iter_mut().enumerate() {
                let q = b[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
                *y = (i32::from(q) - 1) as f32 * d;
            }
        }),
        _ => {
            let why = "cannot be dequantized, expected f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0, \
                       q2_k to q6_k, iq4_nl, iq4_xs, mxfp4, tq1_0 or tq2_0; convert the model to one of them";
            return Err(GgufError::Unsupported { found: ty.name(), why });
        }
    }
    Ok(())
}

/// The sixteen levels of IQ4_NL and IQ4_XS (`kvalues_iq4nl` of ggml's `ggml-common.h`).
const NONLINEAR: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// The sixteen values of FP4 (E2M1: sign, two exponent bits, one mantissa bit), doubled. Source: OCP
/// Microscaling Formats (MX) Specification 1.0, table of FP4; `kvalues_mxfp4` of ggml's `ggml-common.h`.
const TWICE_E2M1: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// Returns half of the power of two of an E8M0 byte (bias 127), the factor of [`TWICE_E2M1`].
///
/// The result is exact for every byte; the two smallest are subnormal. As in `ggml_e8m0_to_fp32_half`, byte
/// 255 is a power of two, although the MX specification defines it as NaN.
fn half_of_power(e: u8) -> f32 {
    match e {
        0 | 1 => f32::from_bits(0x0020_0000 << e),
        _ => f32::from_bits(u32::from(e - 1) << 23),
    }
}

/// Dequantizes 32 nibbles with `weight`: low nibbles are the first half, high nibbles the second half.
#[inline(always)]
fn nibbles(packed: &[u8], y: &mut [f32], weight: impl Fn(usize) -> f32) {
    for j in 0..16 {
        y[j] = weight(usize::from(packed[j] & 15));
        y[j + 16] = weight(usize::from(packed[j] >> 4));
    }
}

/// IQ4_XS: a factor, the upper two bits of eight scales, their lower four bits, nibbles.
fn iq4_xs(b: &[u8; 136], y: &mut [f32; 256]) {
    let d = half(b, 0);
    let high = u16::from_le_bytes([b[2], b[3]]);
    for (group, y) in y.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let low = b[4 + group / 2] >> (group % 2 * 4) & 15;
        let scale = i32::from(low) | i32::from(high >> (2 * group) & 3) << 4;
        let dl = d * (scale - 32) as f32;
        nibbles(&b[8 + 16 * group..], y, |q| dl * f32::from(NONLINEAR[q]));
    }
}

/// TQ1_0: base-3 digits, five per byte in 48 bytes and four per byte in 4 bytes, then a factor.
fn tq1_0(b: &[u8; 54], y: &mut [f32; 256]) {
    const POWERS: [u8; 5] = [1, 3, 9, 27, 81];
    let d = half(b, 52);
    // First byte, length and digits per byte of runs. A run stores all first digits, then all second digits,
    // ...
    let runs = [(0, 32, 5), (32, 16, 5), (48, 4, 4)];
    let mut y = y.iter_mut();
    for (first, len, digits) in runs {
        for power in &POWERS[..digits] {
            for (q, y) in b[first..first + len].iter().zip(&mut y) {
                // The byte is a fixed-point fraction of 256; multiplying by 3 moves the next digit into the
                // upper byte.
                let digit = (u16::from(q.wrapping_mul(*power)) * 3) >> 8;
                *y = (i32::from(digit) - 1) as f32 * d;
            }
        }
    }
}

/// Applies `one` to each block of `N` bytes and its `W` weights.
#[inline(always)]
fn each<const N: usize, const W: usize>(
    bytes: &[u8],
    out: &mut [f32],
    one: impl Fn(&[u8; N], &mut [f32; W]),
) {
    for (b, y) in bytes.as_chunks().0.iter().zip(out.as_chunks_mut().0) {
        one(b, y);
    }
}

/// Reads an f16 at byte `at`.
fn half(bytes: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]]).to_f32()
}

fn five_bits(packed: &[u8]) -> [u8; 32] {
    let mut q = [0; 32];
    from_five_bits(packed, &mut q);
    q
}

/// Q2_K: sixteen 4-bit scales and minima, 2-bit codes in four planes of 32 for each half, two factors.
fn q2_k(b: &[u8; 84], y: &mut [f32; 256]) {
    let (d, min) = (half(b, 80), half(b, 82));
    for (group, y) in y.chunks_exact_mut(16).enumerate() {
        let dl = d * f32::from(b[group] & 15);
        let ml = min * f32::from(b[group] >> 4);
        let (q, shift) = two_bit_plane(&b[16..80], group);
        for (y, q) in y.iter_mut().zip(q) {
            *y = dl * f32::from(q >> shift & 3) - ml;
        }
    }
}

/// Returns the bytes and the shift of the 16 codes of group `group` of 256 2-bit codes.
fn two_bit_plane(codes: &[u8], group: usize) -> (&[u8], usize) {
    let first = group / 8 * 32 + group % 2 * 16;
    (&codes[first..first + 16], group % 8 / 2 * 2)
}

/// Q3_K: third bits, 2-bit codes, sixteen 6-bit scales in twelve bytes, a factor.
fn q3_k(b: &[u8; 110], y: &mut [f32; 256]) {
    let d = half(b, 108);
    for (group, y) in y.chunks_exact_mut(16).enumerate() {
        let s = &b[96..108];
        let low = if group < 8 { s[group] & 15 } else { s[group - 8] >> 4 };
        let high = s[8 + group % 4] >> (group / 4 * 2) & 3;
        let dl = d * (i32::from(low | high << 4) - 32) as f32;
        let (q, shift) = two_bit_plane(&b[32..96], group);
        let (third, bit) = (&b[group % 2 * 16..], group / 2);
        for (i, y) in y.iter_mut().enumerate() {
            let missing = if third[i] >> bit & 1 == 0 { 4 } else { 0 };
            *y = dl * (i32::from(q[i] >> shift & 3) - missing) as f32;
        }
    }
}

/// Q4_K and Q5_K: two factors, eight 6-bit scales and minima in twelve bytes, fifth bits (Q5_K only),
/// nibbles.
#[inline(always)]
fn q4_or_q5_k(b: &[u8], fifth: Option<&[u8]>, codes: &[u8], y: &mut [f32; 256]) {
    let (d, min) = (half(b, 0), half(b, 2));
    let s = &b[4..16];
    for (group, y) in y.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, minimum) = if group < 4 {
            (s[group] & 63, s[group + 4] & 63)
        } else {
            let top = |at: usize| s[at] >> 6 << 4;
            ((s[group + 4] & 15) | top(group - 4), s[group + 4] >> 4 | top(group))
        };
        let (d, m) = (d * f32::from(scale), min * f32::from(minimum));
        let (q, shift) = (&codes[group / 2 * 32..][..32], group % 2 * 4);
        let mut code = [0; 32];
        code.iter_mut().zip(q).for_each(|(code, q)| *code = q >> shift & 15);
        if let Some(fifth) = fifth {
            code.iter_mut().zip(&fifth[..32]).for_each(|(code, high)| *code |= (high >> group & 1) << 4);
        }
        y.iter_mut().zip(code).for_each(|(y, code)| *y = d * f32::from(code) - m);
    }
}

/// Q6_K: nibbles, upper two bits, sixteen signed scales, a factor.
fn q6_k(b: &[u8; 210], y: &mut [f32; 256]) {
    let d = half(b, 208);
    for (group, y) in y.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        // Two halves of 128 weights; each has four quarters of 32 that share bytes; each has two groups.
        let (part, quarter, first) = (group / 8, group % 8 / 2, group % 2 * 16);
        let low = &b[64 * part + quarter % 2 * 32 + first..][..16];
        let high = &b[128 + 32 * part + first..][..16];
        let (low_shift, high_shift) = (quarter / 2 * 4, 2 * quarter);
        let scale = d * f32::from(b[192 + group] as i8);
        for ((y, low), high) in y.iter_mut().zip(low).zip(high) {
            let code = (low >> low_shift & 15) | (high >> high_shift & 3) << 4;
            *y = scale * (i32::from(code) - 32) as f32;
        }
    }
}
