//! Eight lanes in two NEON registers, with the dot product instructions (`sdot`) or without.
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the `unsafe impl` states the reason for its blocks once"
)]

use super::Vector;
use core::arch::aarch64::*;
use core::arch::asm;

/// NEON without the dot product instructions.
pub(crate) type Neon = Registers<false>;
/// NEON with the dot product instructions.
pub(crate) type NeonDot = Registers<true>;

/// Two registers; `DOT` where the processor has the dot product instructions.
#[derive(Clone, Copy)]
pub(crate) struct Registers<const DOT: bool>;

/// Returns the number of products of a code below `2^bits` and an integer of at most 127 whose sum fits 16
/// bits. Codes of eight bits are signed, of at most 128.
const fn products_in_16_bits(bits: usize) -> usize {
    32767 / (127 * if bits == 8 { 128 } else { (1 << bits) - 1 })
}

/// Adds to each lane of `sums` the scalar product of its four bytes with lane `QUAD` of `x`.
///
/// # Safety
/// The caller enables the dot product instructions.
#[inline(always)]
unsafe fn sdot<const QUAD: i32>(mut sums: int32x4_t, codes: int8x16_t, x: int8x16_t) -> int32x4_t {
    // The intrinsics of `sdot` are not stable yet.
    // SAFETY: the instruction reads and writes the registers named, and the caller enables it.
    unsafe {
        asm!(
            "sdot {sums:v}.4s, {codes:v}.16b, {x:v}.4b[{quad}]",
            sums = inout(vreg) sums,
            codes = in(vreg) codes,
            x = in(vreg) x,
            quad = const QUAD,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sums
}

/// Widens four halves.
///
/// # Safety
/// None: the instruction is part of AArch64.
#[inline(always)]
unsafe fn widen_f16(halves: uint16x4_t) -> float32x4_t {
    let floats: float32x4_t;
    // The type of the intrinsic, `float16x4_t`, is not stable in the oldest compiler supported.
    // SAFETY: the instruction is part of AArch64, and reads and writes the registers named.
    unsafe {
        asm!(
            "fcvtl {floats:v}.4s, {halves:v}.4h",
            floats = lateout(vreg) floats,
            halves = in(vreg) halves,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    floats
}

impl<const DOT: bool> Registers<DOT> {
    /// Scalar products of 16 bytes of codes, four in each lane, for the `4 N` integers at `x`.
    ///
    /// # Safety
    /// As [`Vector`].
    #[inline(always)]
    unsafe fn dot_lanes<const BITS: usize, const N: usize>(codes: [int8x16_t; N], x: *const i8) -> int32x4_t {
        unsafe {
            if DOT {
                // Two sums, so that an instruction does not wait for the one before it.
                let mut sums = [vdupq_n_s32(0); 2];
                for i in 0..N / 4 {
                    let x = vld1q_s8(x.add(16 * i));
                    let codes = [codes[4 * i], codes[4 * i + 1], codes[4 * i + 2], codes[4 * i + 3]];
                    sums[0] = sdot::<0>(sums[0], codes[0], x);
                    sums[1] = sdot::<1>(sums[1], codes[1], x);
                    sums[0] = sdot::<2>(sums[0], codes[2], x);
                    sums[1] = sdot::<3>(sums[1], codes[3], x);
                }
                return vaddq_s32(sums[0], sums[1]);
            }
            // Two lanes in each half: products of bytes in 16 bits, as many as fit, then pairs of them in 32
            // bits.
            let run = const { products_in_16_bits(BITS) };
            let mut sums = [vdupq_n_s32(0); 2];
            let mut i = 0;
            while i < N {
                let integers = vreinterpretq_s8_s32(vdupq_n_s32(x.cast::<i32>().add(i).read_unaligned()));
                let mut low = vmull_s8(vget_low_s8(codes[i]), vget_low_s8(integers));
                let mut high = vmull_high_s8(codes[i], integers);
                let mut next = i + 1;
                while next < i + run && next < N {
                    let integers =
                        vreinterpretq_s8_s32(vdupq_n_s32(x.cast::<i32>().add(next).read_unaligned()));
                    low = vmlal_s8(low, vget_low_s8(codes[next]), vget_low_s8(integers));
                    high = vmlal_high_s8(high, codes[next], integers);
                    next += 1;
                }
                sums = [vpadalq_s16(sums[0], low), vpadalq_s16(sums[1], high)];
                i = next;
            }
            vpaddq_s32(sums[0], sums[1])
        }
    }
}

/// Applies `f` to both registers.
#[inline(always)]
fn both<T: Copy, R>(a: [T; 2], f: impl Fn(T) -> R) -> [R; 2] {
    [f(a[0]), f(a[1])]
}

/// Applies `f` to both pairs of registers.
#[inline(always)]
fn zip<T: Copy, R>(a: [T; 2], b: [T; 2], f: impl Fn(T, T) -> R) -> [R; 2] {
    [f(a[0], b[0]), f(a[1], b[1])]
}

// SAFETY: every intrinsic is of NEON, which is part of AArch64, or of the dot product instructions, which
// callers of `NeonDot` enable; pointers are used as the trait states.
unsafe impl<const DOT: bool> Vector for Registers<DOT> {
    type Int = [int32x4_t; 2];
    type Float = [float32x4_t; 2];
    const LANES: usize = 8;
    // Both kinds of products take signed codes.
    const OFFSET: i32 = 128;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self::Int {
        unsafe { [vld1q_u8(from), vld1q_u8(from.add(16))].map(|bytes| vreinterpretq_s32_u8(bytes)) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut u8, a: Self::Int) {
        unsafe {
            vst1q_u8(to, vreinterpretq_u8_s32(a[0]));
            vst1q_u8(to.add(16), vreinterpretq_u8_s32(a[1]));
        }
    }
    #[inline(always)]
    unsafe fn splat(value: i32) -> Self::Int {
        unsafe { [vdupq_n_s32(value); 2] }
    }
    #[inline(always)]
    unsafe fn add(a: Self::Int, b: Self::Int) -> Self::Int {
        zip(a, b, |a, b| unsafe { vaddq_s32(a, b) })
    }
    #[inline(always)]
    unsafe fn or(a: Self::Int, b: Self::Int) -> Self::Int {
        zip(a, b, |a, b| unsafe { vorrq_s32(a, b) })
    }
    #[inline(always)]
    unsafe fn xor(a: Self::Int, b: Self::Int) -> Self::Int {
        zip(a, b, |a, b| unsafe { veorq_s32(a, b) })
    }
    #[inline(always)]
    unsafe fn and_bytes(a: Self::Int, mask: u8) -> Self::Int {
        both(a, |a| unsafe { vandq_s32(a, vreinterpretq_s32_u8(vdupq_n_u8(mask))) })
    }
    #[inline(always)]
    unsafe fn and_lanes(a: Self::Int, mask: i32) -> Self::Int {
        both(a, |a| unsafe { vandq_s32(a, vdupq_n_s32(mask)) })
    }
    #[inline(always)]
    unsafe fn shr(a: Self::Int, by: u32) -> Self::Int {
        // Callers' counts are constants: compilers turn the shift left by a negative vector into one by an
        // immediate.
        let shift = |a| unsafe { vshlq_u32(vreinterpretq_u32_s32(a), vdupq_n_s32(-(by as i32))) };
        both(a, |a| unsafe { vreinterpretq_s32_u32(shift(a)) })
    }
    #[inline(always)]
    unsafe fn shl(a: Self::Int, by: u32) -> Self::Int {
        both(a, |a| unsafe { vshlq_s32(a, vdupq_n_s32(by as i32)) })
    }
    #[inline(always)]
    unsafe fn mul(a: Self::Int, b: Self::Int) -> Self::Int {
        zip(a, b, |a, b| unsafe { vmulq_s32(a, b) })
    }
    #[inline(always)]
    unsafe fn load_signed(from: *const i8) -> Self::Int {
        unsafe {
            let wide = vmovl_s8(vld1_s8(from));
            [vmovl_s16(vget_low_s16(wide)), vmovl_high_s16(wide)]
        }
    }
    #[inline(always)]
    unsafe fn dot<const BITS: usize, const N: usize>(codes: [Self::Int; N], x: *const i8) -> Self::Int {
        unsafe {
            let mut sums = [vdupq_n_s32(0); 2];
            for (part, sums) in sums.iter_mut().enumerate() {
                let mut bytes = [vdupq_n_s8(0); N];
                for (bytes, codes) in bytes.iter_mut().zip(&codes) {
                    *bytes = vreinterpretq_s8_s32(codes[part]);
                    if BITS == 8 {
                        *bytes = veorq_s8(*bytes, vdupq_n_s8(-128));
                    }
                }
                *sums = Self::dot_lanes::<BITS, N>(bytes, x);
            }
            sums
        }
    }
    #[inline(always)]
    unsafe fn float(a: Self::Int) -> Self::Float {
        both(a, |a| unsafe { vcvtq_f32_s32(a) })
    }
    #[inline(always)]
    unsafe fn zero() -> Self::Float {
        unsafe { [vdupq_n_f32(0.0); 2] }
    }
    #[inline(always)]
    unsafe fn splat_float(value: f32) -> Self::Float {
        unsafe { [vdupq_n_f32(value); 2] }
    }
    #[inline(always)]
    unsafe fn load_float(from: *const f32) -> Self::Float {
        unsafe { [vld1q_f32(from), vld1q_f32(from.add(4))] }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self::Float {
        unsafe { [widen_f16(vld1_u16(from)), widen_f16(vld1_u16(from.add(4)))] }
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self::Float {
        unsafe {
            [vld1_u16(from), vld1_u16(from.add(4))].map(|bits| vreinterpretq_f32_u32(vshll_n_u16::<16>(bits)))
        }
    }
    #[inline(always)]
    unsafe fn store_float(to: *mut f32, a: Self::Float) {
        unsafe {
            vst1q_f32(to, a[0]);
            vst1q_f32(to.add(4), a[1]);
        }
    }
    #[inline(always)]
    unsafe fn mul_float(a: Self::Float, b: Self::Float) -> Self::Float {
        zip(a, b, |a, b| unsafe { vmulq_f32(a, b) })
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::Float, b: Self::Float, c: Self::Float) -> Self::Float {
        unsafe { [vfmaq_f32(c[0], a[0], b[0]), vfmaq_f32(c[1], a[1], b[1])] }
    }
    #[inline(always)]
    unsafe fn add_float(a: Self::Float, b: Self::Float) -> Self::Float {
        zip(a, b, |a, b| unsafe { vaddq_f32(a, b) })
    }
}
