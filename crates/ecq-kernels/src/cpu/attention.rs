//! Softmax attention of one query head over a paged KV cache (Kwon et al., 2023).

use super::AlignedVec;
use super::vector::{exp, product, sum};
use ecq_coding::multiversion;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use std::ops::Range;

/// Cached keys or values of a layer, `[blocks, block_positions, heads * head_dim]`.
#[derive(Debug, Clone, Copy)]
pub enum Cached<'a> {
    /// Single precision.
    F32(&'a [f32]),
    /// Half precision.
    F16(&'a [f16]),
    /// bfloat16.
    Bf16(&'a [bf16]),
    /// Integers, and the scale of each head of each position, `[blocks, block_positions, heads]`.
    I8(&'a [i8], &'a [bf16]),
}

/// Cached keys or values of a layer, writable; see [`Cached`].
#[derive(Debug)]
pub enum CachedMut<'a> {
    /// Single precision.
    F32(&'a mut [f32]),
    /// Half precision.
    F16(&'a mut [f16]),
    /// bfloat16.
    Bf16(&'a mut [bf16]),
    /// Integers and scales.
    I8(&'a mut [i8], &'a mut [bf16]),
}

/// The block table of a sequence: position `p` is row `p % block_positions` of block `table[p /
/// block_positions]`.
#[derive(Debug, Clone, Copy)]
pub struct BlockTable<'a> {
    /// Block numbers.
    pub table: &'a [u32],
    /// log2 of the positions of a block.
    pub shift: u32,
}

impl BlockTable<'_> {
    /// Returns the row of a position in the cache.
    #[inline(always)]
    pub fn row(&self, position: usize) -> usize {
        ((self.table[position >> self.shift] as usize) << self.shift) + (position & ((1 << self.shift) - 1))
    }

    /// Returns the number of positions from `position` on whose rows are contiguous.
    #[inline(always)]
    fn run(&self, position: usize) -> usize {
        (1 << self.shift) - (position & ((1 << self.shift) - 1))
    }
}

/// One head of a row.
#[derive(Debug, Clone, Copy)]
pub struct HeadPlace {
    /// Number of heads of a row.
    pub heads: usize,
    /// Number of the head.
    pub head: usize,
    /// Values per head.
    pub head_dim: usize,
}

/// Cached rows of one element type. The loops over positions are compiled for each.
trait CachedRows: Copy {
    /// One head of one position.
    type Head: Copy;

    /// Returns head number `at`, counted over all positions.
    fn head(self, at: usize, head_dim: usize) -> Self::Head;

    /// Returns a value of a head as f32.
    fn value(head: Self::Head, d: usize) -> f32;

    /// Returns all values of a head as f32: in place, or converted into `buffer`, which is as long.
    #[allow(clippy::needless_range_loop, reason = "loops by index vectorize, see `vector.rs`")]
    #[inline(always)]
    fn floats<'b>(head: Self::Head, buffer: &'b mut [f32]) -> &'b [f32]
    where
        Self: 'b,
    {
        // By index: see `vector.rs`.
        for d in 0..buffer.len() {
            buffer[d] = Self::value(head, d);
        }
        buffer
    }
}

impl<'a> CachedRows for &'a [f32] {
    type Head = &'a [f32];

    #[inline(always)]
    fn head(self, at: usize, head_dim: usize) -> Self::Head {
        &self[at * head_dim..][..head_dim]
    }

    #[inline(always)]
    fn value(head: Self::Head, d: usize) -> f32 {
        head[d]
    }

    #[inline(always)]
    fn floats<'b>(head: Self::Head, _: &'b mut [f32]) -> &'b [f32]
    where
        Self: 'b,
    {
        head
    }
}

impl<'a> CachedRows for &'a [f16] {
    type Head = &'a [f16];

    #[inline(always)]
    fn head(self, at: usize, head_dim: usize) -> Self::Head {
        &self[at * head_dim..][..head_dim]
    }

    #[inline(always)]
    fn value(head: Self::Head, d: usize) -> f32 {
        f16_to_f32(head[d])
    }
}

impl<'a> CachedRows for &'a [bf16] {
    type Head = &'a [bf16];

    #[inline(always)]
    fn head(self, at: usize, head_dim: usize) -> Self::Head {
        &self[at * head_dim..][..head_dim]
    }

    #[inline(always)]
    fn value(head: Self::Head, d: usize) -> f32 {
        bf16_to_f32(head[d])
    }
}

impl<'a> CachedRows for (&'a [i8], &'a [bf16]) {
    type Head = (&'a [i8], f32);

    #[inline(always)]
    fn head(self, at: usize, head_dim: usize) -> Self::Head {
        (&self.0[at * head_dim..][..head_dim], bf16_to_f32(self.1[at]))
    }

    #[inline(always)]
    fn value((codes, scale): Self::Head, d: usize) -> f32 {
        f32::from(codes[d]) * scale
    }
}

impl Cached<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::F32(_) => "f32",
            Self::F16(_) => "f16",
            Self::Bf16(_) => "bf16",
            Self::I8(..) => "i8",
        }
    }

    /// Converts the head's values at `positions` to f32, one position after another, so that many queries
    /// share the conversion.
    pub fn gather(
        &self,
        blocks: BlockTable,
        place: HeadPlace,
        positions: Range<usize>,
        to: &mut AlignedVec<f32>,
    ) {
        to.set_len(positions.len() * place.head_dim);
        for (position, to) in positions.zip(to.chunks_exact_mut(place.head_dim)) {
            let at = blocks.row(position) * place.heads + place.head;
            let values = at * place.head_dim..(at + 1) * place.head_dim;
            match self {
                Self::F32(rows) => to.copy_from_slice(&rows[values]),
                Self::F16(rows) => rows[values].convert_to_f32_slice(to),
                Self::Bf16(rows) => rows[values].convert_to_f32_slice(to),
                Self::I8(rows, scales) => {
                    let scale = scales[at].to_f32();
                    to.iter_mut().zip(&rows[values]).for_each(|(to, &code)| *to = f32::from(code) * scale);
                }
            }
        }
    }
}

impl CachedMut<'_> {
    /// Writes `x`, the heads of a position, to row `row`. Integers are rounded to nearest; their scale is the
    /// head's largest magnitude over 127.
    pub fn store(&mut self, x: &[f32], heads: usize, row: usize) {
        let values = row * x.len()..(row + 1) * x.len();
        match self {
            Self::F32(rows) => rows[values].copy_from_slice(x),
            Self::F16(rows) => rows[values].convert_from_f32_slice(x),
            Self::Bf16(rows) => rows[values].convert_from_f32_slice(x),
            Self::I8(rows, scales) => {
                let head_dim = x.len() / heads;
                let codes = rows[values].chunks_exact_mut(head_dim).zip(x.chunks_exact(head_dim));
                for ((codes, x), scale) in codes.zip(&mut scales[row * heads..]) {
                    let most = x.iter().fold(0f32, |most, x| most.max(x.abs()));
                    *scale = bf16::from_f32(most / 127.0);
                    let inverse = if scale.to_f32() > 0.0 { 1.0 / scale.to_f32() } else { 0.0 };
                    // With a scale rounded down the largest value exceeds 127 slightly: `as` saturates.
                    codes.iter_mut().zip(x).for_each(|(code, x)| *code = (x * inverse).round() as i8);
                }
            }
        }
    }
}

/// Converts a half to single precision with integer operations, which are compiled for the instruction set of
/// the surrounding loop. The conversion of the crate `half` detects the processor's features in every call, a
/// tenth of the time of attention.
#[inline(always)]
fn f16_to_f32(half: f16) -> f32 {
    let bits = u32::from(half.to_bits());
    // Exponents differ by 112. The product is exact and makes subnormal numbers normal.
    let size = f32::from_bits((bits & 0x7fff) << 13) * f32::from_bits((127 + 112) << 23);
    let beyond = if bits & 0x7c00 == 0x7c00 { 0x7f80_0000 } else { 0 };
    f32::from_bits(size.to_bits() | beyond | (bits & 0x8000) << 16)
}

#[inline(always)]
fn bf16_to_f32(value: bf16) -> f32 {
    f32::from_bits(u32::from(value.to_bits()) << 16)
}

/// Scratch buffers of [`attend`], kept by the caller between calls.
#[derive(Debug, Clone, Default)]
pub struct AttentionScratch {
    scores: Vec<f32>,
    row: AlignedVec<f32>,
}

/// Computes `y = softmax(q K^T * scale) V` over the cached `positions`, for one query of one head.
///
/// The order of sums depends on the positions only, not on the blocks that hold them.
///
/// # Panics
/// When keys and values have different types.
#[allow(clippy::too_many_arguments, reason = "kernels take plain slices and sizes")]
pub fn attend(
    query: &[f32],
    keys: Cached,
    values: Cached,
    blocks: BlockTable,
    place: HeadPlace,
    positions: Range<usize>,
    scale: f32,
    scratch: &mut AttentionScratch,
    y: &mut [f32],
) {
    scratch.scores.resize(positions.len(), 0.0);
    scratch.row.set_len(place.head_dim);
    let AttentionScratch { scores, row } = scratch;
    let first = positions.start;
    match (keys, values) {
        (Cached::F32(k), Cached::F32(v)) => {
            attend_f32(query, k, v, blocks, place, first, scale, scores, row, y)
        }
        (Cached::F16(k), Cached::F16(v)) => {
            attend_f16(query, k, v, blocks, place, first, scale, scores, row, y)
        }
        (Cached::Bf16(k), Cached::Bf16(v)) => {
            attend_bf16(query, k, v, blocks, place, first, scale, scores, row, y);
        }
        (Cached::I8(k, ks), Cached::I8(v, vs)) => {
            attend_i8(query, (k, ks), (v, vs), blocks, place, first, scale, scores, row, y);
        }
        (keys, values) => panic!("keys are {} and values {}", keys.name(), values.name()),
    }
}

/// Defines one function for each element type, each compiled for every instruction set.
macro_rules! attend_as {
    ($($name:ident: $rows:ty),+) => {
        $(multiversion! {
            fn $name(
                query: &[f32],
                keys: $rows,
                values: $rows,
                blocks: BlockTable,
                place: HeadPlace,
                first: usize,
                scale: f32,
                scores: &mut [f32],
                row: &mut [f32],
                y: &mut [f32],
            ) {
                attend_rows(query, keys, values, blocks, place, first, scale, scores, row, y);
            }
        })+
    };
}

attend_as!(attend_f32: &[f32], attend_f16: &[f16], attend_bf16: &[bf16], attend_i8: (&[i8], &[bf16]));

// Loops go by index: see `vector.rs`.
#[allow(clippy::too_many_arguments, reason = "kernels take plain slices and sizes")]
#[allow(clippy::needless_range_loop, reason = "loops by index vectorize, see `vector.rs`")]
#[inline(always)]
fn attend_rows<R: CachedRows>(
    query: &[f32],
    keys: R,
    values: R,
    blocks: BlockTable,
    place: HeadPlace,
    first: usize,
    scale: f32,
    scores: &mut [f32],
    row: &mut [f32],
    y: &mut [f32],
) {
    let HeadPlace { heads, head, head_dim } = place;
    let (row, y) = (&mut row[..head_dim], &mut y[..head_dim]);
    let mut most = f32::NEG_INFINITY;
    let (mut i, total) = (0, scores.len());
    while i < total {
        let (at, end) = (blocks.row(first + i), total.min(i + blocks.run(first + i)));
        for (k, score) in scores[i..end].iter_mut().enumerate() {
            let key = keys.head((at + k) * heads + head, head_dim);
            *score = product(query, R::floats(key, row)) * scale;
            most = most.max(*score);
        }
        i = end;
    }
    scores.iter_mut().for_each(|score| *score = exp(*score - most));
    let scale = 1.0 / sum(scores);
    y.fill(0.0);
    i = 0;
    while i < total {
        let (at, end) = (blocks.row(first + i), total.min(i + blocks.run(first + i)));
        let value = |j: usize| values.head((at + j - i) * heads + head, head_dim);
        let mut j = i;
        // Four positions at a time, added in order: `y` is loaded and stored once for them.
        while j + 4 <= end {
            let (a, b, c, e) = (value(j), value(j + 1), value(j + 2), value(j + 3));
            let (sa, sb, sc, se) = (scores[j], scores[j + 1], scores[j + 2], scores[j + 3]);
            for d in 0..head_dim {
                let mut sum = y[d] + sa * R::value(a, d);
                sum += sb * R::value(b, d);
                sum += sc * R::value(c, d);
                y[d] = sum + se * R::value(e, d);
            }
            j += 4;
        }
        while j < end {
            let (score, a) = (scores[j], value(j));
            for d in 0..head_dim {
                y[d] += score * R::value(a, d);
            }
            j += 1;
        }
        i = end;
    }
    y.iter_mut().for_each(|y| *y *= scale);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_converts_to_its_value() {
        let halves: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
        for (half, single) in halves.iter().map(|&half| (half, f16_to_f32(half))) {
            assert!(half.to_f32().to_bits() == single.to_bits() || half.is_nan() && single.is_nan());
        }
    }

    const PLACE: HeadPlace = HeadPlace { heads: 2, head: 1, head_dim: 20 };

    /// Returns a value that every element type but integers represents exactly.
    fn value(seed: usize, i: usize) -> f32 {
        ((i * 31 + seed * 17) % 23) as f32 / 16.0 - 0.7109375
    }

    /// Calls `f` with rows 0 to 15 of two heads in every element type.
    fn caches(seed: usize, f: impl Fn(&[Cached])) {
        let x: Vec<f32> = (0..16 * 40).map(|i| value(seed, i)).collect();
        let (mut f32s, mut f16s) = (vec![0.0; x.len()], vec![f16::ZERO; x.len()]);
        let (mut bf16s, mut i8s, mut scales) =
            (f16s.iter().map(|_| bf16::ZERO).collect::<Vec<_>>(), vec![0; x.len()], vec![bf16::ZERO; 32]);
        let all = [
            CachedMut::F32(&mut f32s),
            CachedMut::F16(&mut f16s),
            CachedMut::Bf16(&mut bf16s),
            CachedMut::I8(&mut i8s, &mut scales),
        ];
        for mut cache in all {
            x.chunks_exact(40).enumerate().for_each(|(row, x)| cache.store(x, 2, row));
        }
        f(&[Cached::F32(&f32s), Cached::F16(&f16s), Cached::Bf16(&bf16s), Cached::I8(&i8s, &scales)]);
    }

    #[test]
    fn every_type_is_attended_as_stored() {
        // Positions 5 to 11 lie in blocks 1, 3 and 0 of four rows.
        let blocks = BlockTable { table: &[2, 1, 3, 0], shift: 2 };
        let query: Vec<f32> = (0..20).map(|i| value(9, i)).collect();
        caches(1, |keys| {
            caches(5, |values| {
                for (i, (&keys, &values)) in keys.iter().zip(values).enumerate() {
                    let rows = (5..12).map(|p| [2, 1, 3, 0][p / 4] * 4 + p % 4);
                    let mut row = AlignedVec::default();
                    let at = |cache: Cached, r: usize, row: &mut AlignedVec<f32>| {
                        let one = BlockTable { table: &[0], shift: 30 };
                        cache.gather(one, PLACE, r..r + 1, row);
                        row.to_vec()
                    };
                    let weighted: Vec<(f64, Vec<f32>)> = rows
                        .map(|r| {
                            let key = at(keys, r, &mut row);
                            let score: f64 = query.iter().zip(&key).map(|(q, k)| f64::from(q * k)).sum();
                            ((0.3 * score).exp(), at(values, r, &mut row))
                        })
                        .collect();
                    let total: f64 = weighted.iter().map(|(w, _)| w).sum();
                    let (mut y, mut scratch) = ([0.0; 20], AttentionScratch::default());
                    attend(&query, keys, values, blocks, PLACE, 5..12, 0.3, &mut scratch, &mut y);
                    for d in 0..20 {
                        let expected = weighted.iter().map(|(w, v)| w * f64::from(v[d])).sum::<f64>() / total;
                        assert!((f64::from(y[d]) - expected).abs() < 1e-5, "type {i}, value {d}");
                    }
                    // Gathered into one block, the result is the same bit for bit.
                    let (mut k, mut v) = (AlignedVec::default(), AlignedVec::default());
                    keys.gather(blocks, PLACE, 5..12, &mut k);
                    values.gather(blocks, PLACE, 5..12, &mut v);
                    let (one, place) =
                        (BlockTable { table: &[0], shift: 30 }, HeadPlace { heads: 1, head: 0, ..PLACE });
                    let mut gathered = [0.0; 20];
                    let (k, v) = (Cached::F32(&k), Cached::F32(&v));
                    attend(&query, k, v, one, place, 0..7, 0.3, &mut scratch, &mut gathered);
                    assert_eq!(gathered, y, "type {i}");
                }
            })
        });
    }

    #[test]
    fn stored_values_keep_the_precision_of_their_type() {
        caches(3, |all| {
            for row in 0..16 {
                let x: Vec<f32> = (0..20).map(|i| value(3, row * 40 + 20 + i)).collect();
                let most = x.iter().fold(0f32, |m, x| m.max(x.abs()));
                for (cache, within) in all.iter().zip([0.0, 0.0, 0.0, most / 127.0 * 0.51 + most / 256.0]) {
                    let (one, mut found) = (BlockTable { table: &[0], shift: 30 }, AlignedVec::default());
                    cache.gather(one, PLACE, row..row + 1, &mut found);
                    for (x, found) in x.iter().zip(&found[..]) {
                        assert!((x - found).abs() <= within, "{cache:?} row {row}: {found} for {x}");
                    }
                }
            }
        });
    }

    #[test]
    fn a_head_of_zeros_is_stored_as_zeros() {
        let (mut codes, mut scales) = ([3i8; 8], [bf16::ONE; 2]);
        CachedMut::I8(&mut codes, &mut scales).store(&[0.0, 0.0, 0.0, 0.0, 2.0, -1.0, 0.5, 0.0], 2, 0);
        assert_eq!((codes[..4].to_vec(), scales[0]), (vec![0; 4], bf16::ZERO));
        assert_eq!(codes[4], 127);
    }
}
