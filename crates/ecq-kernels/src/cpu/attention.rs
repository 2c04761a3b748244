//! Softmax attention of one query head over cached keys and values.

use super::per_isa::per_isa;
use super::vector::{exp, product};
use half::f16;
use half::slice::HalfFloatSliceExt;
use std::ops::Range;

/// Cached keys or values: position `p` is row `p % capacity` of `[capacity, heads * head_dim]`.
#[derive(Debug, Clone, Copy)]
pub enum Cached<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Half precision.
    F16(&'a [f16]),
}

/// Where the values of one head lie in a cache.
#[derive(Debug, Clone, Copy)]
pub struct HeadPlace {
    /// Rows of the cache.
    pub capacity: usize,
    /// Values of a row, all heads.
    pub width: usize,
    /// First value of the head in a row.
    pub first: usize,
    /// Values of a head.
    pub head_dim: usize,
}

impl Cached<'_> {
    /// The head's values at `position`, in f32: in place or through `buffer`.
    #[inline(always)]
    fn row<'b>(&'b self, place: HeadPlace, position: usize, buffer: &'b mut [f32]) -> &'b [f32] {
        let start = position % place.capacity * place.width + place.first;
        match self {
            Self::F32(rows) => &rows[start..start + place.head_dim],
            Self::F16(rows) => {
                widen(&rows[start..start + place.head_dim], buffer);
                buffer
            }
        }
    }
}

/// Halves to singles by their bits, which is compiled for the instruction set of the loop around it; the conversion of
/// `half` asks for the processor again at every row, a tenth of attention's time.
#[allow(clippy::needless_range_loop)]
#[inline(always)]
fn widen(from: &[f16], to: &mut [f32]) {
    let (n, from) = (to.len(), &from[..to.len()]);
    // By index: see `vector.rs`.
    for i in 0..n {
        let bits = u32::from(from[i].to_bits());
        // Exponents are 112 apart; the product is exact and makes subnormal numbers normal.
        let size = f32::from_bits((bits & 0x7fff) << 13) * f32::from_bits((127 + 112) << 23);
        let beyond = if bits & 0x7c00 == 0x7c00 { 0x7f80_0000 } else { 0 };
        to[i] = f32::from_bits(size.to_bits() | beyond | (bits & 0x8000) << 16);
    }
}

impl Cached<'_> {
    /// The head's values at `positions`, one after another, in f32: what many queries look at is unrolled once.
    pub fn unroll(&self, place: HeadPlace, positions: Range<usize>, to: &mut Vec<f32>) {
        to.resize(positions.len() * place.head_dim, 0.0);
        for (position, to) in positions.zip(to.chunks_exact_mut(place.head_dim)) {
            let start = position % place.capacity * place.width + place.first;
            match self {
                Self::F32(rows) => to.copy_from_slice(&rows[start..start + place.head_dim]),
                Self::F16(rows) => rows[start..start + place.head_dim].convert_to_f32_slice(to),
            }
        }
    }
}

/// Scratch of [`attend`], kept by the caller between calls.
#[derive(Debug, Clone, Default)]
pub struct AttentionScratch {
    scores: Vec<f32>,
    row: Vec<f32>,
}

/// `y = softmax(q K^T * scale) V` over the cached `positions`, for one query of one head.
#[allow(clippy::too_many_arguments)]
pub fn attend(
    query: &[f32],
    keys: Cached,
    values: Cached,
    place: HeadPlace,
    positions: Range<usize>,
    scale: f32,
    scratch: &mut AttentionScratch,
    y: &mut [f32],
) {
    scratch.scores.resize(positions.len(), 0.0);
    scratch.row.resize(place.head_dim, 0.0);
    weigh(query, keys, values, place, positions.start, scale, &mut scratch.scores, &mut scratch.row, y);
}

per_isa! {
    fn weigh(
        query: &[f32],
        keys: Cached,
        values: Cached,
        place: HeadPlace,
        first: usize,
        scale: f32,
        scores: &mut [f32],
        row: &mut [f32],
        y: &mut [f32],
    ) {
        let mut most = f32::NEG_INFINITY;
        for (i, score) in scores.iter_mut().enumerate() {
            *score = product(query, keys.row(place, first + i, row)) * scale;
            most = most.max(*score);
        }
        scores.iter_mut().for_each(|score| *score = exp(*score - most));
        let total: f32 = super::vector::sum(scores);
        y.fill(0.0);
        for (i, &score) in scores.iter().enumerate() {
            let values = values.row(place, first + i, row);
            let (n, values) = (y.len(), &values[..y.len()]);
            // By index: see `vector.rs`.
            for d in 0..n {
                y[d] += score * values[d];
            }
        }
        let scale = 1.0 / total;
        y.iter_mut().for_each(|y| *y *= scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_widens_to_its_value() {
        let halves: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
        let mut singles = vec![0.0; halves.len()];
        widen(&halves, &mut singles);
        for (half, single) in halves.iter().zip(singles) {
            assert!(half.to_f32().to_bits() == single.to_bits() || half.is_nan() && single.is_nan());
        }
    }

    #[test]
    fn a_ring_of_halves_or_singles_is_attended_as_written() {
        let place = HeadPlace { capacity: 8, width: 40, first: 20, head_dim: 20 };
        let value = |seed: usize, i: usize| f16::from_f32(((i * 31 + seed * 17) % 23) as f32 / 11.0 - 1.0);
        let half_keys: Vec<f16> = (0..8 * 40).map(|i| value(1, i)).collect();
        let half_values: Vec<f16> = (0..8 * 40).map(|i| value(5, i)).collect();
        let keys: Vec<f32> = half_keys.iter().map(|x| x.to_f32()).collect();
        let values: Vec<f32> = half_values.iter().map(|x| x.to_f32()).collect();
        let query: Vec<f32> = (0..20).map(|i| value(9, i).to_f32()).collect();
        // Positions 5 to 11 wrap around the ring.
        let rows: Vec<usize> = (5..12).map(|p| p % 8 * 40 + 20).collect();
        let scores: Vec<f64> = rows
            .iter()
            .map(|&r| (0..20).map(|i| f64::from(query[i]) * f64::from(keys[r + i])).sum::<f64>() * 0.3)
            .collect();
        let total: f64 = scores.iter().map(|s| s.exp()).sum();
        let mut scratch = AttentionScratch::default();
        let (mut single, mut half) = ([0.0; 20], [0.0; 20]);
        attend(
            &query,
            Cached::F32(&keys),
            Cached::F32(&values),
            place,
            5..12,
            0.3,
            &mut scratch,
            &mut single,
        );
        attend(
            &query,
            Cached::F16(&half_keys),
            Cached::F16(&half_values),
            place,
            5..12,
            0.3,
            &mut scratch,
            &mut half,
        );
        for i in 0..20 {
            let weighted = rows.iter().zip(&scores).map(|(&r, s)| s.exp() * f64::from(values[r + i]));
            assert!((f64::from(single[i]) - weighted.sum::<f64>() / total).abs() < 1e-5);
        }
        assert_eq!(single, half);
        // The same from what is unrolled.
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        Cached::F16(&half_keys).unroll(place, 5..12, &mut keys);
        Cached::F16(&half_values).unroll(place, 5..12, &mut values);
        let flat = HeadPlace { capacity: 7, width: 20, first: 0, head_dim: 20 };
        let mut unrolled = [0.0; 20];
        attend(
            &query,
            Cached::F32(&keys),
            Cached::F32(&values),
            flat,
            0..7,
            0.3,
            &mut scratch,
            &mut unrolled,
        );
        assert_eq!(unrolled, half);
    }
}
