//! Products of row-major f32 matrices.

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, MatMut, MatRef, Par};

/// Returns the parallelism of large products: all threads of the pool.
pub(super) fn all_threads() -> Par {
    Par::rayon(0)
}

fn mat(data: &[f32], cols: usize) -> MatRef<'_, f32> {
    MatRef::from_row_major_slice(data, data.len() / cols, cols)
}

fn mat_mut(data: &mut [f32], cols: usize) -> MatMut<'_, f32> {
    let rows = data.len() / cols;
    MatMut::from_row_major_slice_mut(data, rows, cols)
}

/// Computes `y = x w^T` for `x` of shape `[rows, ins]` and `w` of shape `[outs, ins]`.
pub(super) fn by_transposed(x: &[f32], w: &[f32], ins: usize, y: &mut [f32], par: Par) {
    let outs = w.len() / ins;
    matmul(mat_mut(y, outs), Accum::Replace, mat(x, ins), mat(w, ins).transpose(), 1.0, par);
}

/// Computes `y += x w` for `x` of shape `[rows, outs]` and `w` of shape `[outs, ins]`.
pub(super) fn add_product(x: &[f32], w: &[f32], ins: usize, y: &mut [f32], par: Par) {
    let outs = w.len() / ins;
    matmul(mat_mut(y, ins), Accum::Add, mat(x, outs), mat(w, ins), 1.0, par);
}

/// Computes `y += x^T z` for `x` of shape `[rows, a]` and `z` of shape `[rows, b]`.
pub(super) fn add_transposed(x: &[f32], a: usize, z: &[f32], b: usize, y: &mut [f32], par: Par) {
    matmul(mat_mut(y, b), Accum::Add, mat(x, a).transpose(), mat(z, b), 1.0, par);
}

/// Adds `x^T x` to the lower triangle of `h`, for `x` of shape `[rows, cols]`.
pub(super) fn add_gram(x: &[f32], cols: usize, h: &mut [f32]) {
    let (full, lower) = (BlockStructure::Rectangular, BlockStructure::TriangularLower);
    let x = mat(x, cols);
    triangular::matmul(mat_mut(h, cols), lower, Accum::Add, x.transpose(), full, x, full, 1.0, all_threads());
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
        by_transposed(&x, &w, 4, &mut y, all_threads());
        let mut back = vec![1.0; 3 * 4];
        add_product(&y, &w, 4, &mut back, all_threads());
        let mut outer = vec![1.0; 4 * 5];
        add_transposed(&x, 4, &y, 5, &mut outer, all_threads());
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
