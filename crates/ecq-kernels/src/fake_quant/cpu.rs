//! Quantization of arrays on the CPU.

use super::array::{FakeQuantizer, Scheme};
use super::symmetric::{Rounding, Symmetric, sign, uniform};
use ecq_coding::{Isa, multiversion};
use rayon::prelude::*;

/// Values of a piece of work of a thread. Less than two are not divided.
const PIECE: usize = 1 << 17;
/// Least number of values that are stored past the caches: more than the caches of a core hold, so that the
/// next reader would not find them there. A store into a cache reads the line first, which is a third of the
/// traffic.
const STREAMED: usize = 1 << 20;
/// Least number of consecutive values of a channel that are stored past the caches.
const STREAMED_RUN: usize = 1 << 10;
/// Values of a line of a cache.
const LINE: usize = 16;
/// Parts of an array that are read in turn: a processor reads ahead within a page, so that one part leaves a
/// third of the bandwidth unused.
const PARTS: usize = 4;
/// Lines that are fetched ahead.
const AHEAD: usize = 16;

/// Defines three functions: one quantizes in place, one from an array to another, and one from whole lines to
/// lines past the caches.
macro_rules! loops {
    ($in_place:ident, $into:ident, $streamed:ident, $one:expr) => {
        multiversion! {
            fn $in_place(x: &mut [f32], limit: f32, multiplier: f32) {
                x.iter_mut().for_each(|x| *x = $one(*x, limit, multiplier));
            }
        }
        multiversion! {
            fn $into(x: &[f32], y: &mut [f32], limit: f32, multiplier: f32) {
                x.iter().zip(y).for_each(|(x, y)| *y = $one(*x, limit, multiplier));
            }
        }
        multiversion! {
            fn $streamed(x: &[[f32; LINE]], y: &mut [Line], limit: f32, multiplier: f32) {
                let one = |x: &[f32; LINE]| x.map(|x| $one(x, limit, multiplier));
                let part = x.len() / PARTS;
                for i in 0..part {
                    for at in (0..PARTS).map(|k| k * part + i) {
                        fetch(x, at + AHEAD);
                        store_past_caches(&mut y[at], one(&x[at]));
                    }
                }
                for at in PARTS * part..x.len() {
                    store_past_caches(&mut y[at], one(&x[at]));
                }
            }
        }
    };
}

loops!(signs, signs_into, signs_streamed, |x, limit, _| sign(x, limit));
loops!(half_away, half_away_into, half_away_streamed, uniform::<false, false>);
loops!(half_even, half_even_into, half_even_streamed, uniform::<true, false>);
loops!(fused_half_away, fused_half_away_into, fused_half_away_streamed, uniform::<false, true>);
loops!(fused_half_even, fused_half_even_into, fused_half_even_streamed, uniform::<true, true>);

/// A line of a cache.
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// Begins to read a line, which may be outside of the array, where the processor has an instruction for it.
#[inline(always)]
fn fetch(x: &[[f32; LINE]], line: usize) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64. The instruction only is a hint; it reads no memory that is not there.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(x.as_ptr().wrapping_add(line).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (x, line);
}

/// Stores a line without reading it, where the processor has instructions for it.
#[inline(always)]
fn store_past_caches(to: &mut Line, line: [f32; LINE]) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64. An array of vectors has the layout of the line, which is aligned.
    unsafe {
        use std::arch::x86_64::{__m128, _mm_stream_ps};
        let parts = std::mem::transmute::<[f32; LINE], [__m128; LINE / 4]>(line);
        let to = to.0.as_mut_ptr();
        parts.into_iter().enumerate().for_each(|(i, part)| _mm_stream_ps(to.add(4 * i), part));
    }
    #[cfg(not(target_arch = "x86_64"))]
    (to.0 = line);
}

/// Orders stores past the caches before everything after.
fn end_stores_past_caches() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE is part of x86-64.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

/// Whether the processor has fused multiply-add: all sets but the portable one do.
fn is_fused() -> bool {
    Isa::detect() != Isa::Portable
}

fn symmetric(of: &Symmetric, x: &mut [f32]) {
    let work = match (of.bits().get(), of.rounding(), is_fused()) {
        (1, ..) => signs,
        (_, Rounding::HalfAway, false) => half_away,
        (_, Rounding::HalfEven, false) => half_even,
        (_, Rounding::HalfAway, true) => fused_half_away,
        (_, Rounding::HalfEven, true) => fused_half_even,
    };
    work(x, of.limit(), of.multiplier());
}

fn symmetric_into(of: &Symmetric, x: &[f32], y: &mut [f32]) {
    let work = match (of.bits().get(), of.rounding(), is_fused()) {
        (1, ..) => signs_into,
        (_, Rounding::HalfAway, false) => half_away_into,
        (_, Rounding::HalfEven, false) => half_even_into,
        (_, Rounding::HalfAway, true) => fused_half_away_into,
        (_, Rounding::HalfEven, true) => fused_half_even_into,
    };
    work(x, y, of.limit(), of.multiplier());
}

/// Quantizes past the caches, but for the first and the last values, which fill no line.
fn symmetric_streamed(of: &Symmetric, x: &[f32], y: &mut [f32]) {
    // SAFETY: a line is floats, whatever their values.
    let (first, lines, last) = unsafe { y.align_to_mut::<Line>() };
    let whole = first.len() + LINE * lines.len();
    for (x, y) in [(&x[..first.len()], &mut *first), (&x[whole..], last)] {
        symmetric_into(of, x, y);
    }
    let (x, y) = (x[first.len()..whole].as_chunks().0, lines);
    let work = match (of.bits().get(), of.rounding(), is_fused()) {
        (1, ..) => signs_streamed,
        (_, Rounding::HalfAway, false) => half_away_streamed,
        (_, Rounding::HalfEven, false) => half_even_streamed,
        (_, Rounding::HalfAway, true) => fused_half_away_streamed,
        (_, Rounding::HalfEven, true) => fused_half_even_streamed,
    };
    work(x, y, of.limit(), of.multiplier());
}

/// Quantizes values from the value `start` of an array on.
fn piece(quantizer: &FakeQuantizer, start: usize, x: &mut [f32]) {
    let len = x.len();
    quantizer.for_runs(start, len, |channel, run| match quantizer.scheme() {
        Scheme::Symmetric(all) => symmetric(&all[channel], &mut x[run]),
        Scheme::Levels(all) => x[run].iter_mut().for_each(|x| *x = all[channel].quantize(*x)),
    });
}

pub(super) fn in_place(quantizer: &FakeQuantizer, x: &mut [f32]) {
    if x.len() < 2 * PIECE {
        return piece(quantizer, 0, x);
    }
    x.par_chunks_mut(PIECE).enumerate().for_each(|(i, x)| piece(quantizer, i * PIECE, x));
}

pub(super) fn copy(quantizer: &FakeQuantizer, x: &[f32], y: &mut [f32]) {
    let long = quantizer.channels() == 1 || quantizer.run() >= STREAMED_RUN;
    let past_caches = x.len() >= STREAMED && long;
    let work = |start: usize, x: &[f32], y: &mut [f32]| {
        quantizer.for_runs(start, x.len(), |channel, run| {
            let (x, y) = (&x[run.clone()], &mut y[run]);
            match quantizer.scheme() {
                Scheme::Symmetric(all) if past_caches => symmetric_streamed(&all[channel], x, y),
                Scheme::Symmetric(all) => symmetric_into(&all[channel], x, y),
                Scheme::Levels(all) => x.iter().zip(y).for_each(|(x, y)| *y = all[channel].quantize(*x)),
            }
        });
        end_stores_past_caches();
    };
    if x.len() < 2 * PIECE {
        return work(0, x, y);
    }
    let pieces = x.par_chunks(PIECE).zip(y.par_chunks_mut(PIECE)).enumerate();
    pieces.for_each(|(i, (x, y))| work(i * PIECE, x, y));
}
