//! Arrays of eight lanes, in loops that a compiler may vectorize.
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "the `unsafe impl` states the reason for its blocks once"
)]

use super::Vector;

/// Plain arrays; loops that a compiler may turn into vectors.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

#[inline(always)]
fn each<T: Copy>(a: [T; 8], b: [T; 8], f: impl Fn(T, T) -> T) -> [T; 8] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

// SAFETY: no instruction set is needed; pointers are used within the bounds that the trait states.
unsafe impl Vector for Portable {
    type Int = [i32; 8];
    type Float = [f32; 8];
    const LANES: usize = 8;
    const OFFSET: i32 = 0;

    #[inline(always)]
    unsafe fn load(from: *const u8) -> [i32; 8] {
        unsafe { from.cast::<[[u8; 4]; 8]>().read() }.map(i32::from_le_bytes)
    }
    #[inline(always)]
    unsafe fn store(to: *mut u8, a: [i32; 8]) {
        unsafe { to.cast::<[[u8; 4]; 8]>().write(a.map(i32::to_le_bytes)) }
    }
    #[inline(always)]
    unsafe fn splat(value: i32) -> [i32; 8] {
        [value; 8]
    }
    #[inline(always)]
    unsafe fn add(a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        each(a, b, i32::wrapping_add)
    }
    #[inline(always)]
    unsafe fn or(a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        each(a, b, |a, b| a | b)
    }
    #[inline(always)]
    unsafe fn xor(a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        each(a, b, |a, b| a ^ b)
    }
    #[inline(always)]
    unsafe fn and_bytes(a: [i32; 8], mask: u8) -> [i32; 8] {
        a.map(|a| a & i32::from_ne_bytes([mask; 4]))
    }
    #[inline(always)]
    unsafe fn and_lanes(a: [i32; 8], mask: i32) -> [i32; 8] {
        a.map(|a| a & mask)
    }
    #[inline(always)]
    unsafe fn shr(a: [i32; 8], by: u32) -> [i32; 8] {
        a.map(|a| (a as u32 >> by) as i32)
    }
    #[inline(always)]
    unsafe fn shl(a: [i32; 8], by: u32) -> [i32; 8] {
        a.map(|a| a << by)
    }
    #[inline(always)]
    unsafe fn mul(a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        each(a, b, i32::wrapping_mul)
    }
    #[inline(always)]
    unsafe fn load_signed(from: *const i8) -> [i32; 8] {
        unsafe { from.cast::<[i8; 8]>().read() }.map(i32::from)
    }
    #[inline(always)]
    unsafe fn dot<const BITS: usize, const N: usize>(codes: [[i32; 8]; N], x: *const i8) -> [i32; 8] {
        let x = unsafe { x.cast::<[[i8; 4]; N]>().read() };
        let mut sums = [0; 8];
        for (codes, x) in codes.iter().zip(&x) {
            for (i, &x) in x.iter().enumerate() {
                for (sum, &codes) in sums.iter_mut().zip(codes) {
                    *sum += (codes >> (8 * i) & 0xff) * i32::from(x);
                }
            }
        }
        sums
    }
    #[inline(always)]
    unsafe fn float(a: [i32; 8]) -> [f32; 8] {
        a.map(|a| a as f32)
    }
    #[inline(always)]
    unsafe fn zero() -> [f32; 8] {
        [0.0; 8]
    }
    #[inline(always)]
    unsafe fn splat_float(value: f32) -> [f32; 8] {
        [value; 8]
    }
    #[inline(always)]
    unsafe fn load_float(from: *const f32) -> [f32; 8] {
        unsafe { from.cast::<[f32; 8]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> [f32; 8] {
        unsafe { from.cast::<[u16; 8]>().read_unaligned() }.map(|bits| half::f16::from_bits(bits).to_f32())
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> [f32; 8] {
        unsafe { from.cast::<[u16; 8]>().read_unaligned() }.map(|bits| f32::from_bits(u32::from(bits) << 16))
    }
    #[inline(always)]
    unsafe fn store_float(to: *mut f32, a: [f32; 8]) {
        unsafe { to.cast::<[f32; 8]>().write_unaligned(a) }
    }
    #[inline(always)]
    unsafe fn mul_float(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        each(a, b, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn mul_add(a: [f32; 8], b: [f32; 8], c: [f32; 8]) -> [f32; 8] {
        std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
    }
    #[inline(always)]
    unsafe fn add_float(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
        each(a, b, |a, b| a + b)
    }
}
