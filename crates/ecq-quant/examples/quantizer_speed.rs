//! Weights per second of the quantizers with error feedback, the bits that the trellis saves, and the time of
//! factorizations.
//!
//! Gaussian weights, inputs each of which correlates with the one before it. Speeds exclude the factorization
//! of the Hessian. Bits are entropies, the trellis's by branch bit, and are compared at equal weighted error:
//! 6.02 dB are a bit.
//!
//!     cargo run --release -p ecq-quant --example quantizer_speed
#![allow(clippy::unwrap_used, reason = "an example whose inputs are valid")]

use ecq_core::{FloatType, FloatVec, Grid};
use ecq_quant::{
    ErrorFeedback, Floats, QuantizedMatrix, RateModel, TrellisShape, quantize_trellis, quantize_with_feedback,
};
use std::time::Instant;

/// Correlation of an input with the one before it.
const CORRELATION: f64 = 0.8;

/// An ideal coder with one table.
struct Entropy;

impl RateModel for Entropy {
    fn code_bits(&self, counts: &[f64]) -> f64 {
        let total: f64 = counts.iter().sum();
        counts.iter().filter(|&&n| n > 0.0).map(|&n| n * (total / n).log2()).sum()
    }

    fn outlier_bits(&self) -> f64 {
        24.0
    }
}

fn gaussian(n: usize) -> Vec<f32> {
    let mut state = 11u64;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((state >> 33) as f64 + 0.5) / (1u64 << 31) as f64
    };
    (0..n)
        .map(|_| ((-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()) as f32)
        .collect()
}

/// Bits per weight, on a trellis grid with a table for each branch bit.
fn bits((codes, grid): &QuantizedMatrix) -> f64 {
    let mut counts = [vec![0.0; 256], vec![0.0; 256]];
    let mut branches = vec![0; codes.cols()];
    for row in codes.symbols().chunks_exact(codes.cols()) {
        if let Grid::TrellisRows(trellis) = grid {
            trellis.branches(row, &mut branches);
        }
        for (&symbol, &branch) in row.iter().zip(&branches) {
            counts[usize::from(branch)][usize::from(symbol)] += 1.0;
        }
    }
    counts.iter().map(|counts| Entropy.code_bits(counts)).sum::<f64>() / codes.symbols().len() as f64
}

/// The weighted error per weight, `e H e^T` for `H[i][k] = CORRELATION^|i - k|`.
fn error(w: &[f32], (codes, grid): &QuantizedMatrix) -> f64 {
    let cols = codes.cols();
    let mut back = vec![0.0; cols];
    let mut sum = 0.0;
    for (row, (w, symbols)) in w.chunks_exact(cols).zip(codes.symbols().chunks_exact(cols)).enumerate() {
        grid.dequantize_row(row, symbols, &mut back);
        // The sum over earlier columns follows by recursion.
        let mut earlier = 0.0;
        for (w, b) in w.iter().zip(&back) {
            let e = f64::from(w - b);
            sum += e * (e + 2.0 * earlier);
            earlier = CORRELATION * (earlier + e);
        }
    }
    sum / w.len() as f64
}

fn main() {
    for [rows, cols] in [[1536, 576], [576, 1536], [192, 4096]] {
        let w = gaussian(rows * cols);
        let data: Vec<u8> = w.iter().flat_map(|w| w.to_le_bytes()).collect();
        let weights = Floats::new(FloatType::F32, [rows, cols], &data).unwrap();
        let hessian: Vec<f32> =
            (0..cols * cols).map(|i| CORRELATION.powi((i / cols).abs_diff(i % cols) as i32) as f32).collect();
        let shape = TrellisShape { lag: 12, restart: cols.next_multiple_of(12) as u32, branch_tables: true };
        let natural = ErrorFeedback::new(&hessian, cols).unwrap();
        let phases = ErrorFeedback::with_order(&hessian, shape.order(cols)).unwrap();
        let scales = |feedback: &ErrorFeedback| {
            let steps = feedback.column_steps();
            let mean = steps.iter().map(|s| s.ln()).sum::<f32>() / cols as f32;
            FloatVec::from_f32(FloatType::F32, &steps.iter().map(|s| s / mean.exp()).collect::<Vec<_>>())
        };
        let step = |step: f32| FloatVec::from_f32(FloatType::F32, &[step]);
        let quantizers: [(&str, &dyn Fn() -> QuantizedMatrix); 3] = [
            ("uniform grid, feedback", &|| {
                quantize_with_feedback(&weights, &step(0.7), &scales(&natural), &natural, &Entropy).unwrap()
            }),
            ("trellis, feedback", &|| {
                let scales = scales(&phases);
                quantize_trellis(&weights, shape, &step(0.35), Some(&scales), Some(&phases), &Entropy)
                    .unwrap()
            }),
            ("trellis, no feedback", &|| {
                quantize_trellis(&weights, shape, &step(0.35), None, None, &Entropy).unwrap()
            }),
        ];
        println!("{rows} x {cols}, {} threads", rayon_threads());
        let seconds = |work: &dyn Fn()| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64()
        };
        let factored = seconds(&|| drop(ErrorFeedback::with_order(&hessian, shape.order(cols)).unwrap()));
        let sides = gaussian(cols * cols);
        let solved = seconds(&|| drop(natural.solve(&sides).unwrap()));
        println!("  factorization {factored:.3} s, solving for {cols} rows {solved:.3} s");
        let mut uniform = None;
        for (name, quantize) in quantizers {
            let mut best = f64::INFINITY;
            let mut matrix = None;
            for _ in 0..3 {
                let start = Instant::now();
                matrix = Some(quantize());
                best = best.min(start.elapsed().as_secs_f64());
            }
            let matrix = matrix.unwrap();
            let (bits, error) = (bits(&matrix), error(&w, &matrix));
            let excess = bits + 0.5 * error.log2();
            let saved = *uniform.get_or_insert(excess) - excess;
            println!(
                "  {name:<24} {:6.2} M weights/s, {bits:.3} bits, {saved:+.4} bits saved",
                w.len() as f64 / best / 1e6
            );
        }
    }
}

fn rayon_threads() -> usize {
    std::env::var("RAYON_NUM_THREADS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}
