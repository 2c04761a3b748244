//! Products of row-major f32 matrices.
//!
//! Large products are split into tasks of the thread pool, down to a size that does not depend on the number
//! of threads, so that results do not either. (The parallel products of faer keep threads in a spinning wait,
//! which takes time from other work.)

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, MatMut, MatRef, Par};

/// The most multiplications of a task: less than a millisecond.
const TASK: usize = 1 << 24;
/// Rows and columns of tasks are multiples of this, the size of a kernel's block.
const BLOCK: usize = 16;

fn mat(data: &[f32], cols: usize) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice(data, data.len() / cols, cols)
}

fn mat_mut(data: &mut [f32], cols: usize) -> MatMut<'_, f32> {
    let rows = data.len() / cols;
    MatMut::from_row_major_slice_mut(data, rows, cols)
}

/// Returns the middle of a range of `n` rows or columns.
fn middle(n: usize) -> usize {
    (n / 2).next_multiple_of(BLOCK)
}

/// Computes `y = a b` or `y += a b`, in tasks.
fn product(y: MatMut<'_, f32>, accum: Accum, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
    let (rows, cols) = (y.nrows(), y.ncols());
    if rows.saturating_mul(cols).saturating_mul(a.ncols()) <= TASK || rows.max(cols) <= BLOCK {
        matmul(y, accum, a, b, 1.0, Par::Seq);
    } else if rows >= cols {
        let at = middle(rows);
        let ((top, bottom), (upper, lower)) = (y.split_at_row_mut(at), a.split_at_row(at));
        rayon::join(|| product(top, accum, upper, b), || product(bottom, accum, lower, b));
    } else {
        let at = middle(cols);
        let ((left, right), (first, second)) = (y.split_at_col_mut(at), b.split_at_col(at));
        rayon::join(|| product(left, accum, a, first), || product(right, accum, a, second));
    }
}

/// Computes `y = x w^T` for `x` of shape `[rows, ins]` and `w` of shape `[outs, ins]`.
pub(crate) fn by_transposed(x: &[f32], w: &[f32], ins: usize, y: &mut [f32]) {
    let outs = w.len() / ins;
    product(mat_mut(y, outs), Accum::Replace, mat(x, ins), mat(w, ins).transpose());
}

/// Computes `y += x w` for `x` of shape `[rows, outs]` and `w` of shape `[outs, ins]`.
pub(crate) fn add_product(x: &[f32], w: &[f32], ins: usize, y: &mut [f32]) {
    let outs = w.len() / ins;
    product(mat_mut(y, ins), Accum::Add, mat(x, outs), mat(w, ins));
}

/// Computes `y += x^T z` for `x` of shape `[rows, a]` and `z` of shape `[rows, b]`.
pub(crate) fn add_transposed(x: &[f32], a: usize, z: &[f32], b: usize, y: &mut [f32]) {
    product(mat_mut(y, b), Accum::Add, mat(x, a).transpose(), mat(z, b));
}

/// Adds `x^T x` to the lower triangle of `h`, for `x` of shape `[rows, cols]`.
pub(crate) fn add_gram(x: &[f32], cols: usize, h: &mut [f32]) {
    gram(mat_mut(h, cols), mat(x, cols));
}

fn gram(h: MatMut<'_, f32>, x: MatRef<'_, f32>) {
    let cols = x.ncols();
    if cols.saturating_mul(cols).saturating_mul(x.nrows()) <= 2 * TASK || cols <= BLOCK {
        let (full, lower) = (BlockStructure::Rectangular, BlockStructure::TriangularLower);
        triangular::matmul(h, lower, Accum::Add, x.transpose(), full, x, full, 1.0, Par::Seq);
        return;
    }
    let at = middle(cols);
    let (first, _, below, second) = h.split_at_mut(at, at);
    let (left, right) = x.split_at_col(at);
    rayon::join(
        || rayon::join(|| gram(first, left), || gram(second, right)),
        || product(below, Accum::Add, right.transpose(), left),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_equal_their_definitions() {
        let value = |i: usize| (i * 7 % 11) as f32 - 5.0;
        let x: Vec<f32> = (0..3 * 4).map(value).collect();
        let w: Vec<f32> = (3..3 + 5 * 4).map(value).collect();
        let mut y = vec![0.0; 3 * 5];
        by_transposed(&x, &w, 4, &mut y);
        let mut back = vec![1.0; 3 * 4];
        add_product(&y, &w, 4, &mut back);
        let mut outer = vec![1.0; 4 * 5];
        add_transposed(&x, 4, &y, 5, &mut outer);
        let mut gram = vec![1.0; 4 * 4];
        add_gram(&x, 4, &mut gram);
        for t in 0..3 {
            for o in 0..5 {
                assert_eq!(y[t * 5 + o], (0..4).map(|i| x[t * 4 + i] * w[o * 4 + i]).sum::<f32>());
            }
            for i in 0..4 {
                let sum = (0..5).map(|o| y[t * 5 + o] * w[o * 4 + i]).sum::<f32>();
                assert_eq!(back[t * 4 + i], 1.0 + sum);
            }
        }
        for i in 0..4 {
            for o in 0..5 {
                let sum = (0..3).map(|t| x[t * 4 + i] * y[t * 5 + o]).sum::<f32>();
                assert_eq!(outer[i * 5 + o], 1.0 + sum);
            }
            for k in 0..=i {
                let sum = (0..3).map(|t| x[t * 4 + i] * x[t * 4 + k]).sum::<f32>();
                assert_eq!(gram[i * 4 + k], 1.0 + sum);
            }
            assert!((i + 1..4).all(|k| gram[i * 4 + k] == 1.0), "the upper triangle changed");
        }
    }
}
