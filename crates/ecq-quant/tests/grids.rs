//! Tests of the uniform and the symmetric grids against their definitions.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step fails the test")]

use ecq_core::{Codes, FloatType, FloatVec, Grid, UniformRows};
use ecq_quant::{
    Alphabet, Distortion, Floats, Granularity, Levels, QuantError, RateModel, StepGranularity,
    WeightHistogram, quantize_absmax, quantize_affine, quantize_uniform, solve_step_scale,
};
use proptest::prelude::*;

/// Entropy with probabilities of at least 1/4096, and 40 bits per outlier.
struct Ideal;

impl RateModel for Ideal {
    fn code_bits(&self, counts: &[f64]) -> f64 {
        let total: f64 = counts.iter().sum::<f64>().max(1.0);
        let sum: f64 = counts.iter().map(|n| (n / total).max(1.0 / 4096.0)).sum();
        counts.iter().map(|n| n * (sum / (n / total).max(1.0 / 4096.0)).log2()).sum()
    }
    fn outlier_bits(&self) -> f64 {
        40.0
    }
}

/// Returns approximately Gaussian weights (sums of uniform numbers); every 500th is 30 times as large.
fn weights(rows: usize, cols: usize) -> Vec<f32> {
    let mut state = 9u64;
    let mut uniform = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    (0..rows * cols)
        .map(|i| 0.05 * (0..12).map(|_| uniform()).sum::<f32>() * if i % 500 == 17 { 30.0 } else { 1.0 })
        .collect()
}

fn bytes(weights: &[f32]) -> Vec<u8> {
    weights.iter().flat_map(|w| w.to_le_bytes()).collect()
}

fn dequantized(codes: &Codes, grid: &Grid) -> Vec<f32> {
    let cols = codes.cols();
    let mut out = vec![0.0; codes.symbols().len()];
    for (row, (out, symbols)) in out.chunks_mut(cols).zip(codes.symbols().chunks(cols)).enumerate() {
        grid.dequantize_row(row, symbols, out);
    }
    out
}

fn uniform_rows(grid: Grid) -> UniformRows {
    match grid {
        Grid::UniformRows(uniform) => uniform,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// No weight is further than half a step from its grid point, however large it is.
    #[test]
    fn uniform_grids_round_every_weight_to_the_nearest_grid_point(
        rows in 1usize..40, cols in 1usize..90, step in 0.0005f32..3.0, per_row: bool, scaled: bool,
    ) {
        let w = weights(rows, cols);
        let data = bytes(&w);
        let floats = Floats::new(FloatType::F32, [rows, cols], &data).unwrap();
        let step_count = if per_row { rows } else { 1 };
        let steps: Vec<f32> = (0..step_count).map(|r| step * (1.0 + r as f32 / 7.0)).collect();
        let steps = FloatVec::from_f32(FloatType::F32, &steps);
        let scales: Vec<f32> = (0..cols).map(|c| 0.5 + c as f32 / 64.0).collect();
        let scales = scaled.then(|| FloatVec::from_f32(FloatType::F16, &scales));
        let (codes, grid) =
            quantize_uniform(&floats, &steps, scales.as_ref(), Levels::Grid, &Ideal).unwrap();
        grid.check(rows, cols, codes.alphabet()).unwrap();
        for (i, (&w, q)) in w.iter().zip(dequantized(&codes, &grid)).enumerate() {
            let scale = scales.as_ref().map_or(1.0, |s| s.get(i % cols));
            let step = steps.get(if per_row { i / cols } else { 0 }) * scale;
            let bound = 0.5001 * step + 1e-6 * w.abs();
            prop_assert!((w - q).abs() <= bound, "{w} became {q} with steps of {step}");
        }
    }

    #[test]
    fn symmetric_grids_round_to_half_a_step_and_never_exceed_the_largest_weight(
        rows in 1usize..20, groups in 1usize..4, bits in 2u8..=8, choice in 0..3usize,
    ) {
        let cols = 32 * groups;
        let w = weights(rows, cols);
        let data = bytes(&w);
        let floats = Floats::new(FloatType::F32, [rows, cols], &data).unwrap();
        let (granularity, shared) = [
            (Granularity::Tensor, rows * cols),
            (Granularity::Row, cols),
            (Granularity::Group(32), 32),
        ][choice];
        let (codes, grid) = quantize_absmax(&floats, bits, granularity).unwrap();
        grid.check(rows, cols, codes.alphabet()).unwrap();
        for (w, q) in w.chunks(shared).zip(dequantized(&codes, &grid).chunks(shared)) {
            let largest = w.iter().fold(0f32, |max, w| max.max(w.abs()));
            let step = largest / ((1 << (bits - 1)) - 1) as f32;
            for (w, q) in w.iter().zip(q) {
                prop_assert!((w - q).abs() <= 0.5001 * step && q.abs() <= 1.0001 * largest);
            }
        }
    }
}

#[test]
fn histograms_predict_the_counts_of_integers_at_any_step() {
    let (rows, cols) = (64, 400);
    let w = weights(rows, cols);
    let data = bytes(&w);
    let floats = Floats::new(FloatType::F32, [rows, cols], &data).unwrap();
    for granularity in [StepGranularity::Tensor, StepGranularity::Row] {
        let histogram = WeightHistogram::new(&floats, granularity).unwrap();
        for scale in [0.05, 0.13, 0.4, 1.1, 3.0] {
            let steps = histogram.steps(scale).unwrap();
            let (codes, grid) = quantize_uniform(&floats, &steps, None, Levels::Grid, &Ideal).unwrap();
            let uniform = uniform_rows(grid);
            let counts = histogram.counts(scale);
            assert!((counts.total() - (rows * cols) as f64).abs() < 1e-3);
            let mut difference = 0.0;
            for (i, &n) in counts.counts.iter().enumerate() {
                let symbol = counts.lowest + i as i64 + i64::from(uniform.zero);
                let in_alphabet = (0..i64::from(codes.alphabet())).contains(&symbol);
                let real = codes.symbols().iter().filter(|&&s| i64::from(s) == symbol).count();
                let at_end = symbol == 0 || symbol == i64::from(codes.alphabet()) - 1;
                difference += if in_alphabet && !at_end { (n - real as f64).abs() } else { 0.0 };
            }
            let all = rows * cols;
            assert!(difference < 0.02 * all as f64, "{granularity:?} {scale}: {difference} of {all}");
        }
    }
}

#[test]
fn solved_steps_reach_the_target_rate() {
    let (rows, cols) = (128, 512);
    let data = bytes(&weights(rows, cols));
    let floats = Floats::new(FloatType::F32, [rows, cols], &data).unwrap();
    let n = (rows * cols) as f64;
    let histogram = WeightHistogram::new(&floats, StepGranularity::Row).unwrap();
    let bits = |scale: f64| {
        let counts = histogram.counts(scale);
        Alphabet::cheapest(&counts, &Ideal).bits(&counts, &Ideal)
    };
    let mut noise = f64::INFINITY;
    for bpw in [1.5, 2.0, 3.0, 4.0, 5.0, 6.0] {
        let scale = solve_step_scale(bits, bpw * n, n).unwrap();
        let steps = histogram.steps(scale).unwrap();
        let (codes, grid) = quantize_uniform(&floats, &steps, None, Levels::Grid, &Ideal).unwrap();
        let mut counts = vec![0.0; codes.alphabet().into()];
        codes.symbols().iter().for_each(|&s| counts[usize::from(s)] += 1.0);
        let distortion = Distortion::of(&floats, &codes, &grid).unwrap();
        let outliers = uniform_rows(grid).outliers.len() as f64;
        let real = Ideal.code_bits(&counts) / n + outliers * 40.0 / n;
        assert!((real - bpw).abs() < 0.02, "{real} for {bpw}");
        assert!(
            distortion.noise < 0.8 * noise && distortion.sqnr_db() > 6.0 * bpw - 6.0,
            "{bpw}: {distortion:?}"
        );
        noise = distortion.noise;
    }
    assert!(matches!(solve_step_scale(bits, 40.0 * n, n), Err(QuantError::Unreachable { .. })));
    assert!(matches!(solve_step_scale(bits, 0.0, n), Err(QuantError::Unreachable { .. })));
}

#[test]
fn centroid_levels_reduce_the_error() {
    let data = bytes(&weights(64, 512));
    let floats = Floats::new(FloatType::F32, [64, 512], &data).unwrap();
    let steps = WeightHistogram::new(&floats, StepGranularity::Tensor).unwrap().steps(1.5).unwrap();
    let noise = |levels| {
        let (codes, grid) = quantize_uniform(&floats, &steps, None, levels, &Ideal).unwrap();
        Distortion::of(&floats, &codes, &grid).unwrap().noise
    };
    assert!(noise(Levels::Centroid) < 0.97 * noise(Levels::Grid));
}

#[test]
fn constant_matrices_and_single_weights_quantize() {
    for (rows, cols) in [(1, 1), (3, 32), (1, 5000)] {
        for value in [0.0f32, -0.0, 1e-38, 3.0e38, -2.5] {
            let data = bytes(&vec![value; rows * cols]);
            let floats = Floats::new(FloatType::F32, [rows, cols], &data).unwrap();
            for granularity in [StepGranularity::Tensor, StepGranularity::Row] {
                let steps = WeightHistogram::new(&floats, granularity).unwrap().steps(0.3).unwrap();
                let (codes, grid) =
                    quantize_uniform(&floats, &steps, None, Levels::Centroid, &Ideal).unwrap();
                let back = dequantized(&codes, &grid);
                assert!(
                    back.iter().all(|w| (w - value).abs() <= 0.16 * value.abs() + 1e-30),
                    "{value}: {}",
                    back[0]
                );
            }
            for granularity in [Granularity::Tensor, Granularity::Row] {
                let (codes, grid) = quantize_absmax(&floats, 4, granularity).unwrap();
                assert!(
                    dequantized(&codes, &grid)
                        .iter()
                        .all(|w| (w - value).abs() <= 0.01 * value.abs() + 1e-30)
                );
            }
        }
    }
}

#[test]
fn invalid_weights_and_parameters_are_refused() {
    let floats = |w: &'static [u8], cols| Floats::new(FloatType::F32, [w.len() / 4 / cols, cols], w).unwrap();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut w = weights(70, 1000);
        w[66_001] = bad;
        let data = bytes(&w).leak();
        let names_it = |error: QuantError| {
            let QuantError::NotFinite { row, col, value } = error else { return false };
            (row, col, value.to_bits()) == (66, 1, bad.to_bits())
        };
        for granularity in [StepGranularity::Tensor, StepGranularity::Row] {
            assert!(names_it(WeightHistogram::new(&floats(data, 1000), granularity).unwrap_err()));
        }
        assert!(names_it(quantize_absmax(&floats(data, 1000), 4, Granularity::Tensor).unwrap_err()));
        let steps = FloatVec::from_f32(FloatType::F32, &[0.1]);
        let uniform = quantize_uniform(&floats(data, 1000), &steps, None, Levels::Grid, &Ideal);
        assert!(names_it(uniform.unwrap_err()));
    }
    let mut w = weights(4, 64);
    w[70] = f32::NAN;
    let data = bytes(&w).leak();
    let affine = |data, cols, bits, group_size| quantize_affine(&floats(data, cols), bits, group_size);
    assert!(matches!(affine(data, 64, 4, 32), Err(QuantError::NotFinite { row: 1, col: 6, .. })));
    let data = bytes(&weights(2, 48)).leak();
    assert!(matches!(affine(data, 48, 4, 32), Err(QuantError::GroupSize { group_size: 32, cols: 48 })));
    assert!(matches!(affine(data, 48, 7, 32), Err(QuantError::Parameter { what: "bits", .. })));
    assert!(matches!(affine(data, 48, 4, 16), Err(QuantError::Parameter { what: "group size", .. })));
    let absmax = |bits, granularity| quantize_absmax(&floats(data, 48), bits, granularity);
    assert!(matches!(absmax(1, Granularity::Row), Err(QuantError::Parameter { .. })));
    assert!(matches!(absmax(4, Granularity::Group(0)), Err(QuantError::GroupSize { .. })));
    let with_steps = |steps: &[f32]| {
        let steps = FloatVec::from_f32(FloatType::F32, steps);
        quantize_uniform(&floats(data, 48), &steps, None, Levels::Grid, &Ideal)
    };
    for step in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-45] {
        assert!(matches!(with_steps(&[step]), Err(QuantError::Parameter { what: "step", .. })), "{step}");
    }
    assert!(matches!(with_steps(&[0.1; 3]), Err(QuantError::Core(_))));
    assert!(matches!(with_steps(&[1e-12]), Err(QuantError::TooManySteps { .. })));
    assert!(
        Floats::new(FloatType::F16, [2, 48], data).is_err()
            && Floats::new(FloatType::F32, [0, 48], &[]).is_err()
    );
}
