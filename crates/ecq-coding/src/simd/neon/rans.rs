//! The rANS decoder's vector: eight lanes in two registers, so that one table lookup serves eight states.
#![allow(
    clippy::undocumented_unsafe_blocks,
    reason = "each `unsafe impl` states the reason for its blocks once"
)]

use crate::rans::turns::{BySlot, Lookup, Tables, Vector};
use core::arch::aarch64::*;

/// Eight lanes, four in each register.
#[derive(Clone, Copy)]
pub(crate) struct Lanes([uint32x4_t; 2]);

/// For each set of lanes, the bytes of the word that each lane takes: the word numbered by the set lanes
/// below it. Lanes outside the set take the byte 255, which `tbl` reads as zero.
static EXPAND: [[u8; 16]; 256] = {
    let mut table = [[255; 16]; 256];
    let mut set = 0;
    while set < 256 {
        let (mut lane, mut word) = (0, 0);
        while lane < 8 {
            if set >> lane & 1 == 1 {
                table[set][2 * lane] = 2 * word;
                table[set][2 * lane + 1] = 2 * word + 1;
                word += 1;
            }
            lane += 1;
        }
        set += 1;
    }
    table
};

/// Addend of each lane of a set: its bit in the low byte, and one in the high byte.
static WEIGHTS: [u16; 8] = [0x101, 0x102, 0x104, 0x108, 0x110, 0x120, 0x140, 0x180];

impl Lanes {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(uint32x4_t, uint32x4_t) -> uint32x4_t) -> Self {
        Self([f(self.0[0], other.0[0]), f(self.0[1], other.0[1])])
    }

    /// Returns the low halves of all lanes.
    #[inline(always)]
    fn low_halves(self) -> uint16x8_t {
        // SAFETY: NEON is part of AArch64.
        unsafe { vuzp1q_u16(vreinterpretq_u16_u32(self.0[0]), vreinterpretq_u16_u32(self.0[1])) }
    }
}

// SAFETY: NEON is part of AArch64; pointers are used within the bounds that the trait states.
unsafe impl Vector for Lanes {
    const WIDTH: usize = 8;
    const REGISTER_BUCKETS: usize = 16;
    type Small = Small;
    type Medium = BySlot;

    #[inline(always)]
    unsafe fn splat(value: u32) -> Self {
        unsafe { Self([vdupq_n_u32(value); 2]) }
    }
    #[inline(always)]
    unsafe fn load(from: *const u32) -> Self {
        unsafe { Self([vld1q_u32(from), vld1q_u32(from.add(4))]) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut u32) {
        unsafe {
            vst1q_u32(to, self.0[0]);
            vst1q_u32(to.add(4), self.0[1]);
        }
    }
    #[inline(always)]
    unsafe fn and(self, other: Self) -> Self {
        self.zip(other, |a, b| unsafe { vandq_u32(a, b) })
    }
    #[inline(always)]
    unsafe fn choose(mask: u32, zero: Self, one: Self) -> Self {
        let choose = |i: usize| unsafe {
            let mask = vtstq_u32(vdupq_n_u32(mask >> (4 * i)), vld1q_u32([1, 2, 4, 8].as_ptr()));
            vbslq_u32(mask, one.0[i], zero.0[i])
        };
        Self([choose(0), choose(1)])
    }
    #[inline(always)]
    unsafe fn parities(self) -> u32 {
        unsafe {
            let symbols = Self(self.0.map(|lanes| vshrq_n_u32::<12>(lanes))).low_halves();
            let odd = vtstq_u16(symbols, vdupq_n_u16(1));
            // The weights' low bytes are the lanes' bits.
            vaddvq_u16(vandq_u16(odd, vld1q_u16(WEIGHTS.as_ptr()))).into()
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| unsafe { vaddq_u32(a, b) })
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| unsafe { vmulq_u32(a, b) })
    }
    #[inline(always)]
    unsafe fn shr(self, by: Self) -> Self {
        // Shifts by a vector go left; negated counts go right. The negation moves out of loops.
        self.zip(by, |a, by| unsafe { vshlq_u32(a, vnegq_s32(vreinterpretq_s32_u32(by))) })
    }
    #[inline(always)]
    unsafe fn shr_const<const BY: u32>(self) -> Self {
        // Compilers turn the constant count into an immediate.
        unsafe { self.zip(self, |a, _| vshlq_u32(a, vdupq_n_s32(-(BY as i32)))) }
    }
    #[inline(always)]
    unsafe fn gather(from: *const u32, index: Self) -> Self {
        // NEON has no gather: two indices at a time move to a general register, and entries are loaded one by
        // one.
        let load = |index: uint32x4_t| unsafe {
            let pairs = vreinterpretq_u64_u32(index);
            let (low, high) = (vgetq_lane_u64::<0>(pairs), vgetq_lane_u64::<1>(pairs));
            let at = |index: u64| from.add(index as u32 as usize);
            let at_high = |index: u64| from.add((index >> 32) as usize);
            let entries = vdupq_n_u32(*at(low));
            let entries = vld1q_lane_u32::<1>(at_high(low), entries);
            let entries = vld1q_lane_u32::<2>(at(high), entries);
            vld1q_lane_u32::<3>(at_high(high), entries)
        };
        Self(index.0.map(load))
    }
    #[inline(always)]
    unsafe fn refill(self, words: *const u8) -> (Self, usize) {
        unsafe {
            let limit = vdupq_n_u32(1 << 16);
            let low = self.0.map(|lanes| vcltq_u32(lanes, limit));
            // One sum gives the set of lanes (low byte) and their number (high byte).
            let set = vandq_u16(Self(low).low_halves(), vld1q_u16(WEIGHTS.as_ptr()));
            let set = u32::from(vaddvq_u16(set));
            let order = vld1q_u8(EXPAND[(set & 0xff) as usize].as_ptr());
            let next = vreinterpretq_u16_u8(vqtbl1q_u8(vld1q_u8(words), order));
            let next = [vmovl_u16(vget_low_u16(next)), vmovl_high_u16(next)];
            let fill = |i: usize| {
                // Shifts the state left by 16 and inserts it above the word.
                let filled = vsliq_n_u32::<16>(next[i], self.0[i]);
                vbslq_u32(low[i], filled, self.0[i])
            };
            (Self([fill(0), fill(1)]), (set >> 8) as usize)
        }
    }
    #[inline(always)]
    unsafe fn store_symbols(self, to: *mut u8) {
        unsafe {
            let low = vshrn_n_u32::<12>(self.0[0]);
            let halves = vshrn_high_n_u32::<12>(low, self.0[1]);
            vst1_u8(to, vmovn_u16(halves));
        }
    }
    #[inline(always)]
    unsafe fn small(tables: &Tables) -> Small {
        unsafe { Small::new(tables) }
    }
    #[inline(always)]
    unsafe fn medium(tables: &Tables) -> BySlot {
        BySlot::new(tables)
    }
}

/// Tables of up to 16 buckets in ten registers. A packed entry is looked up as two halves of 16 bits, so that
/// eight states share each `tbl`: one of two registers for the dividers, two of four registers for the
/// entries (own entries first, then alias entries).
#[derive(Clone, Copy)]
pub(crate) struct Small {
    /// The shift to the bucket number, negated.
    bucket_shift: int16x8_t,
    dividers: uint8x16x2_t,
    low: uint8x16x4_t,
    high: uint8x16x4_t,
}

impl Small {
    /// # Safety
    /// As [`Vector`].
    #[inline(always)]
    unsafe fn new(tables: &Tables) -> Self {
        let [dividers, own, alias] = &tables.registers;
        let halves = |shift: u32| -> [[u16; 8]; 4] {
            let half = |i: usize| (if i < 16 { own[i] } else { alias[i - 16] } >> shift) as u16;
            std::array::from_fn(|i| std::array::from_fn(|j| half(8 * i + j)))
        };
        let dividers: [[u16; 8]; 2] =
            std::array::from_fn(|i| std::array::from_fn(|j| dividers[8 * i + j] as u16));
        // SAFETY: arrays of eight halves are as long as a register.
        unsafe {
            let load = |halves: &[u16; 8]| vreinterpretq_u8_u16(vld1q_u16(halves.as_ptr()));
            let four = |[a, b, c, d]: [[u16; 8]; 4]| uint8x16x4_t(load(&a), load(&b), load(&c), load(&d));
            Self {
                bucket_shift: vdupq_n_s16(-(tables.bucket_bits as i16)),
                dividers: uint8x16x2_t(load(&dividers[0]), load(&dividers[1])),
                low: four(halves(0)),
                high: four(halves(16)),
            }
        }
    }
}

// SAFETY: as `Vector`.
unsafe impl Lookup<Lanes> for Small {
    #[inline(always)]
    unsafe fn entry(&mut self, state: Lanes, mask: Lanes, _lane: usize) -> Lanes {
        unsafe {
            let slot = vandq_u16(state.low_halves(), mask.low_halves());
            let bucket = vshlq_u16(slot, self.bucket_shift);
            // The two bytes of the bucket's number of 16 bits.
            let bytes = vmlaq_u16(vdupq_n_u16(0x0100), bucket, vdupq_n_u16(0x0202));
            let divider = vreinterpretq_u16_u8(vqtbl2q_u8(self.dividers, vreinterpretq_u8_u16(bytes)));
            let aliased = vandq_u16(vcgeq_u16(slot, divider), vdupq_n_u16(0x2020));
            let bytes = vreinterpretq_u8_u16(vorrq_u16(bytes, aliased));
            let low = vreinterpretq_u16_u8(vqtbl4q_u8(self.low, bytes));
            let high = vreinterpretq_u16_u8(vqtbl4q_u8(self.high, bytes));
            Lanes([
                vreinterpretq_u32_u16(vzip1q_u16(low, high)),
                vreinterpretq_u32_u16(vzip2q_u16(low, high)),
            ])
        }
    }
}
