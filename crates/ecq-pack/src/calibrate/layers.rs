//! The layers of a block between its matrices, with forward and backward passes: norms, rotary embeddings,
//! attention.

use crate::products::{add_product, add_transposed, by_transposed};
use ecq_core::RotaryPairs;
use ecq_kernels::cpu::{dot, softmax};
use rayon::prelude::*;
use std::ops::Range;

/// A layer norm or root mean square norm of rows.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    pub(super) weight: Vec<f32>,
    /// A layer norm (Ba et al., arXiv 1607.06450) has a bias, a root mean square norm (Zhang and Sennrich,
    /// arXiv 1910.07467) has none.
    pub(super) bias: Option<Vec<f32>>,
    pub(super) eps: f32,
}

impl Norm {
    /// Returns the mean to subtract (zero for a root mean square norm) and the reciprocal deviation.
    fn mean_and_scale(&self, x: &[f32]) -> (f32, f32) {
        let n = x.len() as f64;
        let mean = match self.bias {
            Some(_) => x.iter().map(|&x| f64::from(x)).sum::<f64>() / n,
            None => 0.0,
        };
        let variance = x.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n;
        (mean as f32, (1.0 / (variance + f64::from(self.eps)).sqrt()) as f32)
    }

    /// Returns the factor by which each row is multiplied.
    pub(super) fn factors(&self, x: &[f32]) -> Vec<f32> {
        x.par_chunks(self.weight.len()).map(|x| self.mean_and_scale(x).1).collect()
    }

    /// Returns every row normalized.
    pub(super) fn forward(&self, x: &[f32]) -> Vec<f32> {
        let mut y = vec![0.0; x.len()];
        let cols = self.weight.len();
        y.par_chunks_mut(cols).zip(x.par_chunks(cols)).for_each(|(y, x)| {
            let (mean, scale) = self.mean_and_scale(x);
            for ((y, &x), &w) in y.iter_mut().zip(x).zip(&self.weight) {
                *y = (x - mean) * scale * w;
            }
            for (y, &b) in y.iter_mut().zip(self.bias.iter().flatten()) {
                *y += b;
            }
        });
        y
    }

    /// Adds the gradient at the inputs `x` to `dx`, for the gradient `dy` of the outputs.
    pub(super) fn backward(&self, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        let cols = self.weight.len();
        let rows = dx.par_chunks_mut(cols).zip(x.par_chunks(cols)).zip(dy.par_chunks(cols));
        rows.for_each(|((dx, x), dy)| {
            let (mean, scale) = self.mean_and_scale(x);
            // Sums of the gradient times the normalized inputs, and of the gradient.
            let (mut along, mut total) = (0f64, 0f64);
            for ((&x, &dy), &w) in x.iter().zip(dy).zip(&self.weight) {
                along += f64::from(dy * w) * f64::from((x - mean) * scale);
                total += f64::from(dy * w);
            }
            let n = cols as f64;
            let (along, mean_gradient) =
                ((along / n) as f32, if self.bias.is_some() { (total / n) as f32 } else { 0.0 });
            for (((dx, &x), &dy), &w) in dx.iter_mut().zip(x).zip(dy).zip(&self.weight) {
                *dx += scale * (dy * w - mean_gradient - (x - mean) * scale * along);
            }
        });
    }
}

/// Rotary position embeddings (Su et al., arXiv 2104.09864) of positions from 0.
#[derive(Debug, Clone)]
pub(super) struct Rotation {
    /// Cosines and sines, laid out by [`ecq_kernels::cpu::angles`].
    forward: Vec<f32>,
    /// The same with negative sines.
    backward: Vec<f32>,
    /// Number of frequencies: pairs of values of a head that are rotated.
    frequencies: usize,
    pairs: RotaryPairs,
}

impl Rotation {
    pub(super) fn new(positions: usize, frequencies: &[f32], scale: f32, pairs: RotaryPairs) -> Self {
        let n = frequencies.len();
        let mut forward = vec![0.0; positions * 2 * n];
        let all: Vec<u32> = (0..positions as u32).collect();
        ecq_kernels::cpu::angles(&all, frequencies, scale, &mut forward);
        // The transpose of a rotation is its inverse.
        let mut backward = forward.clone();
        backward.chunks_exact_mut(2 * n).for_each(|row| row[n..].iter_mut().for_each(|sin| *sin = -*sin));
        Self { forward, backward, frequencies: n, pairs }
    }

    fn rotate(&self, table: &[f32], x: &mut [f32], rows: usize, head_dim: usize) {
        let width = x.len() / rows;
        // Every sequence begins at position 0.
        for sequence in x.chunks_mut(table.len() / (2 * self.frequencies) * width) {
            ecq_kernels::cpu::rotate(
                sequence,
                table,
                self.frequencies,
                width / head_dim,
                head_dim,
                self.pairs,
            );
        }
    }

    /// Rotates the heads of `rows` tokens, sequences one after another.
    pub(super) fn forward(&self, x: &mut [f32], rows: usize, head_dim: usize) {
        self.rotate(&self.forward, x, rows, head_dim);
    }

    /// Rotates gradients back.
    pub(super) fn backward(&self, dx: &mut [f32], rows: usize, head_dim: usize) {
        self.rotate(&self.backward, dx, rows, head_dim);
    }
}

/// Queries of a block, whose attention weights stay in the caches.
const QUERIES: usize = 64;

/// Causal attention within sequences.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attention {
    /// Tokens per sequence; the last sequence may be shorter.
    pub(super) length: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
    /// Size of the sliding window in tokens; `None` for full attention.
    pub(super) window: Option<usize>,
    /// Factor of the scores before the softmax.
    pub(super) scale: f32,
}

/// Copies one head out of a sequence `x` of `width` values per token; returns `[length, dim]`.
fn head_of(x: &[f32], width: usize, head: usize, dim: usize) -> Vec<f32> {
    x.chunks_exact(width).flat_map(|row| &row[head * dim..(head + 1) * dim]).copied().collect()
}

/// Copies `values`, `[length, dim]`, into one head of a sequence `x`.
fn put_head(x: &mut [f32], width: usize, head: usize, dim: usize, values: &[f32]) {
    for (row, values) in x.chunks_exact_mut(width).zip(values.chunks_exact(dim)) {
        row[head * dim..(head + 1) * dim].copy_from_slice(values);
    }
}

impl Attention {
    fn q_width(&self) -> usize {
        self.heads * self.head_dim
    }

    fn kv_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Returns the blocks of queries of a sequence of `n` tokens, each with the keys that it attends to.
    fn blocks(&self, n: usize) -> impl Iterator<Item = [Range<usize>; 2]> {
        let window = self.window.unwrap_or(n);
        (0..n).step_by(QUERIES).map(move |first| {
            let end = (first + QUERIES).min(n);
            [first..end, (first + 1).saturating_sub(window)..end]
        })
    }

    /// Writes the attention weights of a block of a head to `scores`, `[queries, keys]`; zero outside the
    /// causal window.
    fn weights(&self, q: &[f32], k: &[f32], block: &[Range<usize>; 2], scores: &mut Vec<f32>) {
        let [queries, keys] = block;
        scores.resize(queries.len() * keys.len(), 0.0);
        by_transposed(self.rows(q, queries), self.rows(k, keys), self.head_dim, scores);
        for (row, scores) in queries.clone().zip(scores.chunks_exact_mut(keys.len())) {
            let first = self.window.map_or(0, |window| (row + 1).saturating_sub(window));
            let (past, future) = scores.split_at_mut(row + 1 - keys.start);
            future.fill(0.0);
            let (outside, inside) = past.split_at_mut(first - keys.start);
            outside.fill(0.0);
            softmax(inside, self.scale);
        }
    }

    /// Returns some rows of a head.
    fn rows<'a>(&self, x: &'a [f32], rows: &Range<usize>) -> &'a [f32] {
        &x[rows.start * self.head_dim..rows.end * self.head_dim]
    }

    fn rows_mut<'a>(&self, x: &'a mut [f32], rows: &Range<usize>) -> &'a mut [f32] {
        &mut x[rows.start * self.head_dim..rows.end * self.head_dim]
    }

    /// Returns the outputs of all heads, `[tokens, heads * head_dim]`.
    pub(super) fn forward(&self, q: &[f32], k: &[f32], v: &[f32]) -> Vec<f32> {
        let (dim, group) = (self.head_dim, self.heads / self.kv_heads);
        let (qw, kw) = (self.q_width(), self.kv_width());
        let mut out = vec![0.0; q.len()];
        let sequences = out.par_chunks_mut(self.length * qw).zip(q.par_chunks(self.length * qw));
        let keys_and_values = k.par_chunks(self.length * kw).zip(v.par_chunks(self.length * kw));
        sequences.zip(keys_and_values).for_each(|((out, q), (k, v))| {
            let of_head = |head: usize| {
                let (k, v) = (head_of(k, kw, head / group, dim), head_of(v, kw, head / group, dim));
                let q = head_of(q, qw, head, dim);
                let mut y = vec![0.0; q.len()];
                let mut weights = Vec::new();
                for block in self.blocks(q.len() / dim) {
                    self.weights(&q, &k, &block, &mut weights);
                    let [queries, keys] = &block;
                    add_product(&weights, self.rows(&v, keys), dim, self.rows_mut(&mut y, queries));
                }
                y
            };
            let heads: Vec<Vec<f32>> = (0..self.heads).into_par_iter().map(of_head).collect();
            heads.iter().enumerate().for_each(|(head, y)| put_head(out, qw, head, dim, y));
        });
        out
    }

    /// Returns the gradients of queries, keys and values, for the gradient `dy` of the outputs of all heads.
    pub(super) fn backward(&self, q: &[f32], k: &[f32], v: &[f32], dy: &[f32]) -> [Vec<f32>; 3] {
        let (dim, group) = (self.head_dim, self.heads / self.kv_heads);
        let (qw, kw) = (self.q_width(), self.kv_width());
        let (mut dq, mut dk, mut dv) = (vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]);
        for first in (0..q.len() / qw).step_by(self.length) {
            let rows = self.length.min(q.len() / qw - first);
            let (of_q, of_kv) = (first * qw..(first + rows) * qw, first * kw..(first + rows) * kw);
            let (q, dy) = (&q[of_q.clone()], &dy[of_q.clone()]);
            let (k, v) = (&k[of_kv.clone()], &v[of_kv.clone()]);
            let of_head = |head: usize| {
                let (k, v) = (head_of(k, kw, head / group, dim), head_of(v, kw, head / group, dim));
                let (q, dy) = (head_of(q, qw, head, dim), head_of(dy, qw, head, dim));
                self.head_gradients([&q, &k, &v], &dy)
            };
            let heads: Vec<_> = (0..self.heads).into_par_iter().map(of_head).collect();
            for (kv, heads) in heads.chunks_exact(group).enumerate() {
                let sum = |which: usize| {
                    let mut sum = heads[0][which].clone();
                    for head in &heads[1..] {
                        sum.iter_mut().zip(&head[which]).for_each(|(sum, d)| *sum += d);
                    }
                    sum
                };
                put_head(&mut dk[of_kv.clone()], kw, kv, dim, &sum(1));
                put_head(&mut dv[of_kv.clone()], kw, kv, dim, &sum(2));
                for (i, [dq_head, ..]) in heads.iter().enumerate() {
                    put_head(&mut dq[of_q.clone()], qw, kv * group + i, dim, dq_head);
                }
            }
        }
        [dq, dk, dv]
    }

    /// Returns the gradients of queries, keys and values of one head, for the gradient `dy` of its outputs.
    fn head_gradients(&self, [q, k, v]: [&[f32]; 3], dy: &[f32]) -> [Vec<f32>; 3] {
        let dim = self.head_dim;
        let [mut dq, mut dk, mut dv] = [(); 3].map(|()| vec![0.0; q.len()]);
        let (mut weights, mut scores) = (Vec::new(), Vec::new());
        for block in self.blocks(q.len() / dim) {
            self.weights(q, k, &block, &mut weights);
            let [queries, keys] = &block;
            let (n, dy) = (keys.len(), self.rows(dy, queries));
            add_transposed(&weights, n, dy, dim, self.rows_mut(&mut dv, keys));
            scores.resize(weights.len(), 0.0);
            by_transposed(dy, self.rows(v, keys), dim, &mut scores);
            for (ds, p) in scores.chunks_exact_mut(n).zip(weights.chunks_exact(n)) {
                let along = dot(ds, p);
                ds.iter_mut().zip(p).for_each(|(ds, p)| *ds = p * (*ds - along) * self.scale);
            }
            add_product(&scores, self.rows(k, keys), dim, self.rows_mut(&mut dq, queries));
            add_transposed(&scores, n, self.rows(q, queries), dim, self.rows_mut(&mut dk, keys));
        }
        [dq, dk, dv]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 37 + seed * 101) % 83) as f32 / 41.0 - 1.0).collect()
    }

    /// Compares `gradient` with finite differences of `sum(y * dy)` at some elements of `x`.
    fn check(x: &[f32], dy: &[f32], gradient: &[f32], forward: &dyn Fn(&[f32]) -> Vec<f32>) {
        let value = |x: &[f32]| -> f64 {
            forward(x).iter().zip(dy).map(|(&y, &dy)| f64::from(y) * f64::from(dy)).sum()
        };
        for at in (0..x.len()).step_by(x.len() / 7 + 1) {
            let (mut up, mut down) = (x.to_vec(), x.to_vec());
            (up[at], down[at]) = (x[at] + 1e-2, x[at] - 1e-2);
            let slope = (value(&up) - value(&down)) / f64::from(up[at] - down[at]);
            let computed = f64::from(gradient[at]);
            assert!((computed - slope).abs() < 2e-3 * (1.0 + slope.abs()), "{at}: {computed} for {slope}");
        }
    }

    #[test]
    fn norm_gradients_match_finite_differences() {
        for bias in [None, Some(values(6, 3))] {
            let norm = Norm { weight: values(6, 1), bias, eps: 1e-3 };
            let (x, dy) = (values(18, 2), values(18, 4));
            let mut dx = vec![0.0; 18];
            norm.backward(&x, &dy, &mut dx);
            check(&x, &dy, &dx, &|x| norm.forward(x));
        }
    }

    #[test]
    fn attention_gradients_match_finite_differences() {
        // Two sequences, of which the second one is shorter; in the last cases of several blocks of queries.
        for (length, window) in
            [(5, None), (5, Some(2)), (2 * QUERIES + 3, None), (2 * QUERIES + 3, Some(70))]
        {
            let attention = Attention { length, heads: 4, kv_heads: 2, head_dim: 3, window, scale: 0.7 };
            let n = length + 3;
            let (q, k, v, dy) = (values(n * 12, 1), values(n * 6, 2), values(n * 6, 3), values(n * 12, 4));
            let [dq, dk, dv] = attention.backward(&q, &k, &v, &dy);
            check(&q, &dy, &dq, &|q| attention.forward(q, &k, &v));
            check(&k, &dy, &dk, &|k| attention.forward(&q, k, &v));
            check(&v, &dy, &dv, &|v| attention.forward(&q, &k, v));
        }
    }

    #[test]
    fn attention_is_its_formula() {
        for (length, window) in
            [(QUERIES, None), (QUERIES + 1, None), (3 * QUERIES, Some(QUERIES)), (150, Some(9))]
        {
            let attention = Attention { length, heads: 2, kv_heads: 1, head_dim: 4, window, scale: 0.5 };
            let (q, k, v) = (values(length * 8, 1), values(length * 4, 2), values(length * 4, 3));
            let found = attention.forward(&q, &k, &v);
            for token in 0..length {
                for head in 0..2 {
                    let q = &q[token * 8 + head * 4..][..4];
                    let score = |key: usize| -> f64 {
                        let k = &k[key * 4..][..4];
                        q.iter().zip(k).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum::<f64>() * 0.5
                    };
                    let first = window.map_or(0, |window| (token + 1).saturating_sub(window));
                    let weights: Vec<f64> = (first..=token).map(|key| score(key).exp()).collect();
                    for i in 0..4 {
                        let values =
                            weights.iter().zip(first..).map(|(w, key)| w * f64::from(v[key * 4 + i]));
                        let expected = values.sum::<f64>() / weights.iter().sum::<f64>();
                        let found = f64::from(found[token * 8 + head * 4 + i]);
                        assert!(
                            (found - expected).abs() < 1e-5,
                            "{length}, {window:?}, {token}: {found} {expected}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn rotation_gradients_match_finite_differences() {
        for pairs in [RotaryPairs::Halves, RotaryPairs::Neighbours] {
            let rotation = Rotation::new(3, &[1.0, 0.3], 1.2, pairs);
            let (x, dy) = (values(6 * 10, 1), values(6 * 10, 2));
            let mut dx = dy.clone();
            rotation.backward(&mut dx, 6, 5);
            check(&x, &dy, &dx, &|x| {
                let mut y = x.to_vec();
                rotation.forward(&mut y, 6, 5);
                y
            });
        }
    }
}
