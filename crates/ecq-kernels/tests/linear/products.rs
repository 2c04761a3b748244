//! Products of a form, and the oracle in double precision.

use ecq_kernels::cpu::linear::{Activations, Linear, Precision, Scratch};

/// Rounds each block of 32 columns to the integers that products read: 127ths of its largest magnitude,
/// computed in single precision. In double precision a value half-way between two integers can round to the
/// other one, which is an error far above the tolerance where its weight is large.
pub fn rounded(x: &[f32], cols: usize) -> Vec<f64> {
    let mut out = Vec::new();
    for block in x.chunks(cols).flat_map(|row| row.chunks(32)) {
        let largest = block.iter().fold(0f32, |m, x| m.max(x.abs()));
        let (inverse, scale) = (127.0 / largest, f64::from(largest) / 127.0);
        out.extend(block.iter().map(|&x| f64::from((x * inverse).round_ties_even()) * scale));
    }
    out
}

/// Checks `|y - sum w x| <= tolerance * sum |w x|` for every product.
pub fn check(y: &[f32], weights: &[f32], x: &[f64], cols: usize, tolerance: f64, what: &str) {
    for (x, y) in x.chunks(cols).zip(y.chunks(weights.len() / cols)) {
        for (row, (w, &y)) in weights.chunks(cols).zip(y).enumerate() {
            let (mut sum, mut size) = (0.0, 1e-30);
            for (&w, &x) in w.iter().zip(x) {
                sum += f64::from(w) * x;
                size += (f64::from(w) * x).abs();
            }
            let error = (f64::from(y) - sum).abs() / size;
            assert!(error <= tolerance, "{what} row {row}: {y} {sum} {error}");
        }
    }
}

pub fn prepare(linear: &dyn Linear, precision: Precision, x: &[f32]) -> Activations {
    let mut activations = Activations::new();
    let cols = linear.shape()[1];
    activations.set(precision, x, x.len() / cols, cols, linear.col_scales());
    activations
}

pub fn product(linear: &dyn Linear, x: &Activations) -> Vec<f32> {
    let mut y = vec![f32::NAN; x.rows() * linear.shape()[0]];
    linear.matmul(x, 0..linear.shape()[0], &mut y, &mut Scratch::new()).unwrap();
    y
}

pub fn bits(y: &[f32]) -> Vec<u32> {
    y.iter().map(|y| y.to_bits()).collect()
}

/// Computes the product with one row of activations at a time and the rows of the weights in pieces.
pub fn product_in_pieces(linear: &dyn Linear, precision: Precision, x: &[f32]) -> Vec<f32> {
    let [rows, cols] = linear.shape();
    let step = linear.row_granularity();
    let mut scratch = Scratch::new();
    let mut y = Vec::new();
    for (i, x) in x.chunks(cols).enumerate() {
        let x = prepare(linear, precision, x);
        let step = step * (1 + i % 3);
        for first in (0..rows).step_by(step) {
            let mut piece = vec![f32::NAN; step.min(rows - first)];
            linear.matmul(&x, first..rows.min(first + step), &mut piece, &mut scratch).unwrap();
            y.extend(piece);
        }
    }
    y
}
