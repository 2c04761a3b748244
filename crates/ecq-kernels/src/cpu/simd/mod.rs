//! Vectors of the products: one trait, one file for each instruction set, which `multiversion!` instantiates.
//!
//! The kernels beside the products (attention, norms, activations) are plain Rust that the compiler
//! vectorizes for each instruction set.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon;
mod portable;

// The vector of each instruction set, under the name of its `Isa` variant. AVX-512 without VNNI has no
// instruction for products of bytes that is wider than AVX2's.
#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::{Avx2, Avx2 as Avx512};
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Vnni as Avx512Vnni;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
pub(crate) use neon::{Neon, NeonDot};
pub(crate) use portable::Portable;

use super::linear::width::Placement;
pub(crate) use super::linear::width::QUADS;
use ecq_core::FloatType;

/// Registers of `LANES` lanes of 32 bits. A lane is a row: four codes of the row, an integer, or a float.
///
/// # Safety
/// Every method needs the instruction set of its implementation, and pointers to `LANES` elements. Methods
/// are called only from functions that enable the instruction set.
pub(crate) unsafe trait Vector: Copy {
    /// Four codes or one `i32` a lane.
    type Int: Copy;
    /// One `f32` a lane.
    type Float: Copy;
    /// Lanes, 8 or 16.
    const LANES: usize;
    /// What [`dot`](Self::dot) subtracts from each code of eight bits, to make it signed.
    const OFFSET: i32;

    unsafe fn load(from: *const u8) -> Self::Int;
    unsafe fn store(to: *mut u8, a: Self::Int);
    unsafe fn splat(value: i32) -> Self::Int;
    unsafe fn add(a: Self::Int, b: Self::Int) -> Self::Int;
    unsafe fn or(a: Self::Int, b: Self::Int) -> Self::Int;
    unsafe fn xor(a: Self::Int, b: Self::Int) -> Self::Int;
    /// Masks every byte.
    unsafe fn and_bytes(a: Self::Int, mask: u8) -> Self::Int;
    /// Masks every lane.
    unsafe fn and_lanes(a: Self::Int, mask: i32) -> Self::Int;
    /// Shifts each lane right; a following mask drops the bits of the neighbouring byte.
    unsafe fn shr(a: Self::Int, by: u32) -> Self::Int;
    /// Shifts each lane left; a following mask drops the bits of the neighbouring byte.
    unsafe fn shl(a: Self::Int, by: u32) -> Self::Int;
    /// Multiplies lanes; the products fit 32 bits.
    unsafe fn mul(a: Self::Int, b: Self::Int) -> Self::Int;
    /// Loads `LANES` signed bytes, one to a lane.
    unsafe fn load_signed(from: *const i8) -> Self::Int;
    /// Returns, for each lane, the exact scalar product of its `4 N` codes, below `2^BITS`, with `4 N`
    /// integers in -127..=127. `N` is 8 (a block) or 4.
    unsafe fn dot<const BITS: usize, const N: usize>(codes: [Self::Int; N], x: *const i8) -> Self::Int;

    unsafe fn float(a: Self::Int) -> Self::Float;
    unsafe fn zero() -> Self::Float;
    unsafe fn splat_float(value: f32) -> Self::Float;
    unsafe fn load_float(from: *const f32) -> Self::Float;
    unsafe fn load_f16(from: *const u16) -> Self::Float;
    unsafe fn load_bf16(from: *const u16) -> Self::Float;
    unsafe fn store_float(to: *mut f32, a: Self::Float);
    unsafe fn mul_float(a: Self::Float, b: Self::Float) -> Self::Float;
    /// Returns `a * b + c`, rounded once.
    unsafe fn mul_add(a: Self::Float, b: Self::Float, c: Self::Float) -> Self::Float;
    unsafe fn add_float(a: Self::Float, b: Self::Float) -> Self::Float;

    /// Loads `LANES` elements of type `dtype` from element `at` on, exactly.
    #[inline(always)]
    unsafe fn load_as(dtype: FloatType, from: *const u8, at: usize) -> Self::Float {
        // SAFETY: as the trait's; loads are unaligned.
        unsafe {
            match dtype {
                FloatType::F16 => Self::load_f16(from.cast::<u16>().add(at)),
                FloatType::Bf16 => Self::load_bf16(from.cast::<u16>().add(at)),
                FloatType::F32 => Self::load_float(from.cast::<f32>().add(at)),
            }
        }
    }

    /// Unpacks the codes of a block: `W` rows of 64 bytes, of which those of this vector begin at `from`.
    #[inline(always)]
    unsafe fn unpack<const W: usize>(from: *const u8) -> [Self::Int; QUADS] {
        // Plain loops: closures would not have the instruction set, and so could not be compiled into their
        // callers. SAFETY: as the trait's.
        unsafe {
            let mut bytes = [Self::splat(0); W];
            for (i, bytes) in bytes.iter_mut().enumerate() {
                *bytes = Self::load(from.add(64 * i));
            }
            [
                code::<Self, W, 0>(&bytes),
                code::<Self, W, 1>(&bytes),
                code::<Self, W, 2>(&bytes),
                code::<Self, W, 3>(&bytes),
                code::<Self, W, 4>(&bytes),
                code::<Self, W, 5>(&bytes),
                code::<Self, W, 6>(&bytes),
                code::<Self, W, 7>(&bytes),
            ]
        }
    }
}

/// Returns code `CODE` of the eight codes of `W` bits in `bytes`. All shifts and masks are constants.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn code<V: Vector, const W: usize, const CODE: usize>(bytes: &[V::Int; W]) -> V::Int {
    // SAFETY: as the trait's.
    unsafe {
        let mut value = piece::<V, W, CODE, 0>(bytes);
        macro_rules! more {
            ($($i:literal)*) => {$(
                if const { $i < Placement::new(W).of(CODE).len() } {
                    value = V::or(value, piece::<V, W, CODE, $i>(bytes));
                }
            )*};
        }
        more!(1 2 3 4 5 6 7);
        value
    }
}

/// Returns piece `I` of a code.
///
/// # Safety
/// As [`Vector`].
#[inline(always)]
unsafe fn piece<V: Vector, const W: usize, const CODE: usize, const I: usize>(bytes: &[V::Int; W]) -> V::Int {
    let piece = const { Placement::new(W).piece(CODE, I) };
    // SAFETY: as the trait's.
    unsafe {
        let mut part = bytes[piece.byte];
        if piece.from > piece.to {
            part = V::shr(part, piece.from - piece.to);
        } else if piece.to > piece.from {
            part = V::shl(part, piece.to - piece.from);
        }
        if piece.bits < 8 {
            part = V::and_bytes(part, (((1u32 << piece.bits) - 1) << piece.to) as u8);
        }
        part
    }
}
