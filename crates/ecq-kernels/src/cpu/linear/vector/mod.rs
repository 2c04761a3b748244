//! What the kernels ask of an instruction set; each is one implementation of [`Vector`] and one arm of [`Isa`].

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod avx512;
pub(super) mod portable;

use super::width::{Placement, QUADS};
use ecq_core::FloatType;

/// An instruction set that the products are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Isa {
    /// No assumption about the processor.
    Portable,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// x86-64 with AVX-512 F, BW, VL and VNNI.
    Avx512Vnni,
}

impl Isa {
    /// All, from the narrowest to the widest.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512Vnni];

    /// The widest that this machine has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            let vnni = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni");
            match (avx2, vnni) {
                (true, true) => Self::Avx512Vnni,
                (true, false) => Self::Avx2,
                _ => Self::Portable,
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        Self::Portable
    }

    /// Lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512Vnni => "avx512-vnni",
        }
    }
}

/// Registers of `LANES` lanes of 32 bits, a lane a row: four codes of the row (a quad), an integer, or a float.
///
/// # Safety
/// Every method needs the instruction set of its implementation, and pointers to `LANES` elements; methods are called
/// only from functions that enable it.
pub(super) unsafe trait Vector: Copy {
    /// Four codes or one `i32` a lane.
    type Int: Copy;
    /// One `f32` a lane.
    type Float: Copy;
    /// Lanes, 8 or 16.
    const LANES: usize;
    /// What [`dot`](Self::dot) takes away from each code of eight bits.
    const TAKEN: i32;

    unsafe fn load(from: *const u8) -> Self::Int;
    unsafe fn store(to: *mut u8, a: Self::Int);
    unsafe fn splat(value: i32) -> Self::Int;
    unsafe fn add(a: Self::Int, b: Self::Int) -> Self::Int;
    unsafe fn or(a: Self::Int, b: Self::Int) -> Self::Int;
    /// Every byte with `mask`.
    unsafe fn and_bytes(a: Self::Int, mask: u8) -> Self::Int;
    /// Every lane with `mask`.
    unsafe fn and_lanes(a: Self::Int, mask: i32) -> Self::Int;
    /// Moves bits of each lane down; a following mask drops those of the neighbouring byte.
    unsafe fn shr(a: Self::Int, by: u32) -> Self::Int;
    /// As [`shr`](Self::shr), up.
    unsafe fn shl(a: Self::Int, by: u32) -> Self::Int;
    /// Exact scalar products of 32 codes below `2^BITS` a lane with 32 integers in -127..=127.
    unsafe fn dot<const BITS: usize>(codes: [Self::Int; QUADS], x: *const i8) -> Self::Int;

    unsafe fn float(a: Self::Int) -> Self::Float;
    unsafe fn zero() -> Self::Float;
    unsafe fn splat_float(value: f32) -> Self::Float;
    unsafe fn load_float(from: *const f32) -> Self::Float;
    unsafe fn load_f16(from: *const u16) -> Self::Float;
    unsafe fn load_bf16(from: *const u16) -> Self::Float;
    unsafe fn store_float(to: *mut f32, a: Self::Float);
    unsafe fn mul_float(a: Self::Float, b: Self::Float) -> Self::Float;
    /// `a * b + c`, rounded once.
    unsafe fn mul_add(a: Self::Float, b: Self::Float, c: Self::Float) -> Self::Float;
    unsafe fn add_float(a: Self::Float, b: Self::Float) -> Self::Float;

    /// `LANES` elements of type `dtype` from element `at` on, exactly.
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

    /// The codes of a block: `W` rows of 64 bytes, those of this vector at `from`.
    #[inline(always)]
    unsafe fn unpack<const W: usize>(from: *const u8) -> [Self::Int; QUADS] {
        // Plain loops: closures would not have the instruction set, and so could not be compiled into their callers.
        // SAFETY: as the trait's.
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

/// Code `CODE` of the eight of `W` bits that lie in `bytes`; all shifts and masks are constants.
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

/// Piece `I` of a code.
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
