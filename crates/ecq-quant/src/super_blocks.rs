//! Quantizers of GGUF's K types. Steps are found by weighted least squares over candidates, the idea of
//! `make_qkx2_quants` and `make_qx_quants` in ggml's `ggml-quants.c`; beyond those, codes and scales are
//! refined together once the scales are integers.

use crate::error::QuantError;
use crate::ggml_blocks::extreme;
use crate::round::nearest;
use crate::weights::{RowBlocks, Weights};
use ecq_core::{SUPER_BLOCK, SuperBlock};
use half::f16;
use rayon::prelude::*;

/// Largest scale and minimum of a group in Q4_K and Q5_K: six bits.
const MOST_SCALE: i32 = 63;
/// Candidates for the steps of a group: the span of the weights over the largest code plus these offsets.
const OFFSETS: [f32; 9] = [-0.9, -0.6, -0.35, -0.15, 0.0, 0.2, 0.45, 0.75, 1.1];
/// Sums that are taken side by side, so that they vectorize.
const LANES: usize = 8;
/// Rounds in which steps are fitted to codes and codes to steps.
const ROUNDS: usize = 3;

/// Quantizes rows to super-blocks with codes of `bits` bits: 4 (Q4_K) and 5 (Q5_K) with a scale and a minimum
/// for each group of 32 weights, 6 (Q6_K) with a signed scale for each group of 16. Calls `put(block, bytes)`
/// for each block, in parallel, with its `block_bytes` bytes of the result, which are zero before.
///
/// The squared errors that are minimized have the weight `|w| + r` each, where `r` is the root mean square of
/// the block: errors of large weights cost more, as in ggml.
///
/// # Errors
/// When `bits` is none of these, 256 does not divide the columns, a weight is not finite or too large for
/// steps of half precision, the weights cannot be read, or `put` fails.
pub fn quantize_super_blocks<E: From<QuantError> + Send>(
    weights: &dyn Weights,
    bits: u8,
    block_bytes: usize,
    put: impl Fn(&SuperBlock, &mut [u8]) -> Result<(), E> + Sync,
) -> Result<Vec<u8>, E> {
    if !(4..=6).contains(&bits) {
        let expected = "4, 5 or 6";
        let error = QuantError::Parameter { what: "bits of a super-block", found: bits.into(), expected };
        return Err(error.into());
    }
    let shape @ [rows, cols] = weights.shape();
    if !cols.is_multiple_of(SUPER_BLOCK) {
        return Err(QuantError::GroupSize { group_size: SUPER_BLOCK, cols }.into());
    }
    let (blocks, block_bytes) = (RowBlocks::new(shape), block_bytes.max(1));
    let row_bytes = cols / SUPER_BLOCK * block_bytes;
    let mut bytes = vec![0; rows * row_bytes];
    bytes
        .par_chunks_mut(blocks.block_rows() * row_bytes)
        .enumerate()
        .map_init(Vec::new, |buffer, (index, bytes)| {
            let rows = blocks.read(weights, index, buffer)?;
            let parts = buffer.as_chunks::<SUPER_BLOCK>().0.iter().zip(bytes.chunks_exact_mut(block_bytes));
            for (at, (weights, bytes)) in parts.enumerate() {
                let Some(block) = super_block(bits, weights) else {
                    let (row, col) = (rows.start + at * SUPER_BLOCK / cols, at * SUPER_BLOCK % cols);
                    return Err(QuantError::TooLarge { row, col, value: extreme(weights) }.into());
                };
                put(&block, bytes)?;
            }
            Ok(())
        })
        .collect::<Result<(), E>>()?;
    Ok(bytes)
}

/// Quantizes 256 finite weights; `None` where half precision does not hold the steps.
fn super_block(bits: u8, weights: &[f32; SUPER_BLOCK]) -> Option<SuperBlock> {
    let largest = extreme(weights).abs();
    if largest > LARGEST {
        return None;
    }
    let energy: f32 = weights.iter().map(|w| w * w).sum();
    let floor = (energy / SUPER_BLOCK as f32).sqrt();
    let mut costs = [0f32; SUPER_BLOCK];
    costs.iter_mut().zip(weights).for_each(|(cost, w)| *cost = w.abs() + floor);
    match bits {
        6 => symmetric(weights, &costs),
        _ => with_minima((1 << bits) - 1, weights, &costs),
    }
}

/// Weights beyond this are refused before sums of their squares are taken: half precision reaches
/// `65504 * 127 * 32` in Q6_K, and less in the other types.
const LARGEST: f32 = 3e8;

/// `x` in half precision, unless it is too large.
fn half(x: f32) -> Option<f16> {
    Some(f16::from_f32(x)).filter(|x| x.is_finite())
}

/// `x` in units of `step`; zero where the step is zero.
fn units(x: f32, step: f32) -> i32 {
    if step == 0.0 { 0 } else { nearest(x / step) }
}

/// Codes of `weights` on the grid `scale * code - minimum`, and their weighted squared error.
#[inline(always)]
fn round<const N: usize>(
    weights: &[f32; N],
    costs: &[f32; N],
    (scale, minimum): (f32, f32),
    (least, most): (i32, i32),
    codes: &mut [f32; N],
) -> f32 {
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    let inverse = if inverse.is_finite() { inverse } else { 0.0 };
    let mut error = [0f32; LANES];
    for first in (0..N).step_by(LANES) {
        for (i, error) in (first..).zip(&mut error) {
            codes[i] = nearest((weights[i] + minimum) * inverse).clamp(least, most) as f32;
            let difference = scale * codes[i] - minimum - weights[i];
            *error += costs[i] * difference * difference;
        }
    }
    error.iter().sum()
}

/// Sums over weights `w` with costs `c` and codes `q` (an index of a group, a scale): what least squares asks
/// for.
struct Moments {
    c: f32,
    cq: f32,
    cqq: f32,
    cw: f32,
    cwq: f32,
}

impl Moments {
    #[inline(always)]
    fn of<const N: usize>(weights: &[f32; N], costs: &[f32; N], codes: &[f32; N]) -> Self {
        let [mut c, mut cq, mut cqq, mut cw, mut cwq] = [[0f32; LANES]; 5];
        for first in (0..N).step_by(LANES) {
            for lane in 0..LANES {
                let (cost, w, q) = (costs[first + lane], weights[first + lane], codes[first + lane]);
                c[lane] += cost;
                cq[lane] += cost * q;
                cqq[lane] += cost * q * q;
                cw[lane] += cost * w;
                cwq[lane] += cost * w * q;
            }
        }
        let [c, cq, cqq, cw, cwq] = [c, cq, cqq, cw, cwq].map(|lanes| lanes.iter().sum());
        Self { c, cq, cqq, cw, cwq }
    }

    /// Scale and minimum (not negative) of least weighted squared error.
    fn solve(&self) -> (f32, f32) {
        let determinant = self.c * self.cqq - self.cq * self.cq;
        if determinant > 0.0 {
            let scale = (self.c * self.cwq - self.cw * self.cq) / determinant;
            let minimum = (self.cq * self.cwq - self.cqq * self.cw) / determinant;
            if scale >= 0.0 && minimum >= 0.0 && scale.is_finite() && minimum.is_finite() {
                return (scale, minimum);
            }
        }
        (self.scale().max(0.0), 0.0)
    }

    /// Scale of least weighted squared error without a minimum.
    fn scale(&self) -> f32 {
        let scale = self.cwq / self.cqq;
        if scale.is_finite() { scale } else { 0.0 }
    }
}

/// Scale and minimum of a group on its own, in full precision.
fn fit_with_minimum(weights: &[f32; 32], costs: &[f32; 32], most: i32) -> (f32, f32) {
    let low = weights.iter().fold(0f32, |low, &w| low.min(w));
    let high = weights.iter().fold(low, |high, &w| high.max(w));
    if high == low {
        return (0.0, -low);
    }
    let (mut codes, mut best, mut least_error) = ([0f32; 32], (0.0, -low), f32::INFINITY);
    for offset in OFFSETS {
        let mut grid = ((high - low) / (most as f32 + offset), -low);
        for _ in 0..2 {
            let error = round(weights, costs, grid, (0, most), &mut codes);
            if error < least_error {
                (best, least_error) = (grid, error);
            }
            grid = Moments::of(weights, costs, &codes).solve();
        }
        let error = round(weights, costs, grid, (0, most), &mut codes);
        if error < least_error {
            (best, least_error) = (grid, error);
        }
    }
    best
}

/// Q4_K (`most` is 15) and Q5_K (31).
fn with_minima(most: i32, weights: &[f32; SUPER_BLOCK], costs: &[f32; SUPER_BLOCK]) -> Option<SuperBlock> {
    let (groups, costs) = (weights.as_chunks::<32>().0, costs.as_chunks::<32>().0);
    let mut wanted = [(0f32, 0f32); 8];
    for (wanted, (weights, costs)) in wanted.iter_mut().zip(groups.iter().zip(costs)) {
        *wanted = fit_with_minimum(weights, costs, most);
    }
    let largest = wanted.iter().fold((0f32, 0f32), |most, grid| (most.0.max(grid.0), most.1.max(grid.1)));
    let mut steps = (half(largest.0 / MOST_SCALE as f32)?, half(largest.1 / MOST_SCALE as f32)?);
    let (mut best, mut least_error) = (SuperBlock::default(), f32::INFINITY);
    for _ in 0..ROUNDS {
        let (step, minimum_step) = (steps.0.to_f32(), steps.1.to_f32());
        let mut block = SuperBlock { step: steps.0, minimum_step: steps.1, ..SuperBlock::default() };
        let (mut error, mut normal) = (0.0, Normal::default());
        for (group, (weights, costs)) in groups.iter().zip(costs).enumerate() {
            let near = (units(wanted[group].0, step), units(wanted[group].1, minimum_step));
            let (mut least, mut kept) = (f32::INFINITY, [0f32; 32]);
            let (mut kept_scale, mut kept_minimum) = (0, 0);
            for (scale, minimum) in neighbours(near) {
                let grid = (step * scale as f32, minimum_step * minimum as f32);
                let mut codes = [0f32; 32];
                let error = round(weights, costs, grid, (0, most), &mut codes);
                if error < least {
                    (least, kept, kept_scale, kept_minimum) = (error, codes, scale, minimum);
                }
            }
            error += least;
            normal.add(&Moments::of(weights, costs, &kept), kept_scale as f32, kept_minimum as f32);
            (block.scales[group], block.minima[group]) = (kept_scale as i8, kept_minimum as u8);
            let codes = block.codes[32 * group..][..32].iter_mut().zip(kept);
            codes.for_each(|(code, kept)| *code = kept as u8);
        }
        if error < least_error {
            (best, least_error) = (block, error);
        }
        let (step, minimum_step) = normal.solve();
        let fitted = (f16::from_f32(step), f16::from_f32(minimum_step));
        let usable = fitted.0.is_finite() && fitted.1.is_finite() && step >= 0.0 && minimum_step >= 0.0;
        if !usable || fitted == steps {
            break;
        }
        // The integers stay where they are: the steps move below them.
        for (wanted, group) in wanted.iter_mut().zip(0..) {
            let (scale, minimum) = (best.scales[group], best.minima[group]);
            *wanted = (fitted.0.to_f32() * f32::from(scale), fitted.1.to_f32() * f32::from(minimum));
        }
        steps = fitted;
    }
    Some(best)
}

/// The pair and those beside it that six bits hold.
fn neighbours((scale, minimum): (i32, i32)) -> impl Iterator<Item = (i32, i32)> {
    let near = |at: i32| (at - 1).clamp(0, MOST_SCALE)..=(at + 1).clamp(0, MOST_SCALE);
    near(scale).flat_map(move |scale| near(minimum).map(move |minimum| (scale, minimum)))
}

/// Normal equations of both steps of a super-block, whose groups have integer scales and minima.
#[derive(Default)]
struct Normal {
    ss: f32,
    sm: f32,
    mm: f32,
    sw: f32,
    mw: f32,
}

impl Normal {
    fn add(&mut self, group: &Moments, scale: f32, minimum: f32) {
        self.ss += scale * scale * group.cqq;
        self.sm += scale * minimum * group.cq;
        self.mm += minimum * minimum * group.c;
        self.sw += scale * group.cwq;
        self.mw += minimum * group.cw;
    }

    fn solve(&self) -> (f32, f32) {
        let determinant = self.ss * self.mm - self.sm * self.sm;
        let (step, minimum_step) = (
            (self.sw * self.mm - self.mw * self.sm) / determinant,
            (self.sm * self.sw - self.ss * self.mw) / determinant,
        );
        if determinant > 0.0 && step.is_finite() && minimum_step.is_finite() {
            return (step, minimum_step);
        }
        let step = self.sw / self.ss;
        (if step.is_finite() { step } else { 0.0 }, 0.0)
    }
}

/// Codes of Q6_K around their zero point.
const SIX_BITS: (i32, i32) = (-32, 31);

/// Signed scale of a group on its own, in full precision.
fn fit_symmetric(weights: &[f32; 16], costs: &[f32; 16]) -> f32 {
    let extreme = extreme(weights);
    if extreme == 0.0 {
        return 0.0;
    }
    let (mut codes, mut best, mut least_error) = ([0f32; 16], 0.0, f32::INFINITY);
    for offset in OFFSETS {
        // The longer end of the codes is for the weight of the largest magnitude.
        let mut scale = -extreme / (32.0 + offset);
        for _ in 0..2 {
            let error = round(weights, costs, (scale, 0.0), SIX_BITS, &mut codes);
            if error < least_error {
                (best, least_error) = (scale, error);
            }
            scale = Moments::of(weights, costs, &codes).scale();
        }
    }
    best
}

/// Q6_K.
fn symmetric(weights: &[f32; SUPER_BLOCK], costs: &[f32; SUPER_BLOCK]) -> Option<SuperBlock> {
    let (groups, costs) = (weights.as_chunks::<16>().0, costs.as_chunks::<16>().0);
    let mut wanted = [0f32; 16];
    for (wanted, (weights, costs)) in wanted.iter_mut().zip(groups.iter().zip(costs)) {
        *wanted = fit_symmetric(weights, costs);
    }
    // The longer end of the scales is for the largest.
    let mut step = half(extreme(&wanted) / -128.0)?;
    let (mut best, mut least_error) = (SuperBlock::default(), f32::INFINITY);
    for _ in 0..ROUNDS {
        let mut block = SuperBlock { step, ..SuperBlock::default() };
        let (mut error, mut normal) = (0.0, Normal::default());
        for (group, (weights, costs)) in groups.iter().zip(costs).enumerate() {
            let near = units(wanted[group], step.to_f32());
            let (mut least, mut kept, mut kept_scale) = (f32::INFINITY, [0f32; 16], 0);
            for scale in (near - 1).clamp(-128, 127)..=(near + 1).clamp(-128, 127) {
                let mut codes = [0f32; 16];
                let grid = (step.to_f32() * scale as f32, 0.0);
                let error = round(weights, costs, grid, SIX_BITS, &mut codes);
                if error < least {
                    (least, kept, kept_scale) = (error, codes, scale);
                }
            }
            error += least;
            normal.add(&Moments::of(weights, costs, &kept), kept_scale as f32, 0.0);
            block.scales[group] = kept_scale as i8;
            let codes = block.codes[16 * group..][..16].iter_mut().zip(kept);
            codes.for_each(|(code, kept)| *code = (kept as i32 - SIX_BITS.0) as u8);
        }
        if error < least_error {
            (best, least_error) = (block, error);
        }
        let fitted = f16::from_f32(normal.solve().0);
        if !fitted.is_finite() || fitted == step {
            break;
        }
        for (wanted, &scale) in wanted.iter_mut().zip(&best.scales) {
            *wanted = fitted.to_f32() * f32::from(scale);
        }
        step = fitted;
    }
    Some(best)
}
