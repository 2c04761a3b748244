//! The uniform and the symmetric grids against their definitions.

use ecq_core::{Codes, FloatType, FloatVec, Grid, UniformRows};
use ecq_quant::{
    Alphabet, Distortion, Floats, Granularity, Levels, QuantError, RateModel, StepGranularity,
    WeightHistogram, absmax, affine, solve, uniform,
};
use proptest::prelude::*;

/// Entropy with probabilities of at least 1/4096, 40 bits an outlier.
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

/// Sums of uniform numbers, near enough to Gaussian; every 500th is thirty times as large.
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

fn inside(grid: Grid) -> UniformRows {
    match grid {
        Grid::UniformRows(uniform) => uniform,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// No weight is further from its grid point than half a step, however far out it is.
    #[test]
    fn every_weight_is_at_its_nearest_grid_point(
        rows in 1usize..40, cols in 1usize..90, step in 0.0005f32..3.0, per_row: bool, scaled: bool,
    ) {
        let w = weights(rows, cols);
        let data = bytes(&w);
        let floats = Floats::new(FloatType::F32, [rows, cols], &data).unwrap();
        let steps: Vec<f32> = (0..if per_row { rows } else { 1 }).map(|r| step * (1.0 + r as f32 / 7.0)).collect();
        let steps = FloatVec::of(FloatType::F32, &steps);
        let scales = scaled.then(|| FloatVec::of(FloatType::F16, &(0..cols).map(|c| 0.5 + c as f32 / 64.0).collect::<Vec<_>>()));
        let (codes, grid) = uniform(&floats, &steps, scales.as_ref(), Levels::Grid, &Ideal).unwrap();
        grid.check(rows, cols, codes.alphabet()).unwrap();
        for (i, (&w, q)) in w.iter().zip(dequantized(&codes, &grid)).enumerate() {
            let scale = scales.as_ref().map_or(1.0, |s| s.get(i % cols));
            let step = steps.get(if per_row { i / cols } else { 0 }) * scale;
            prop_assert!((w - q).abs() <= 0.5001 * step + 1e-6 * w.abs(), "{w} became {q} with steps of {step}");
        }
    }

    #[test]
    fn symmetric_grids_keep_zero_and_the_largest(rows in 1usize..20, groups in 1usize..4, bits in 2u8..=8, span in 0..3usize) {
        let cols = 32 * groups;
        let w = weights(rows, cols);
        let data = bytes(&w);
        let floats = Floats::new(FloatType::F32, [rows, cols], &data).unwrap();
        let (span, run) = [(Granularity::Tensor, rows * cols), (Granularity::Row, cols), (Granularity::Group(32), 32)][span];
        let (codes, grid) = absmax(&floats, bits, span).unwrap();
        grid.check(rows, cols, codes.alphabet()).unwrap();
        for (w, q) in w.chunks(run).zip(dequantized(&codes, &grid).chunks(run)) {
            let largest = w.iter().fold(0f32, |most, w| most.max(w.abs()));
            let step = largest / ((1 << (bits - 1)) - 1) as f32;
            for (w, q) in w.iter().zip(q) {
                prop_assert!((w - q).abs() <= 0.5001 * step && q.abs() <= 1.0001 * largest);
            }
        }
    }
}

#[test]
fn a_sketch_knows_the_counts_at_any_step() {
    let (rows, cols) = (64, 400);
    let w = weights(rows, cols);
    let data = bytes(&w);
    let floats = Floats::new(FloatType::F32, [rows, cols], &data).unwrap();
    for span in [StepGranularity::Tensor, StepGranularity::Row] {
        let sketch = WeightHistogram::of(&floats, span).unwrap();
        for scale in [0.05, 0.13, 0.4, 1.1, 3.0] {
            let steps = sketch.steps(scale).unwrap();
            let real = uniform(&floats, &steps, None, Levels::Grid, &Ideal).unwrap();
            let (codes, uniform) = (real.0, inside(real.1));
            let spectrum = sketch.spectrum(scale);
            assert!((spectrum.total() - (rows * cols) as f64).abs() < 1e-3);
            let mut off = 0.0;
            for (i, &n) in spectrum.counts.iter().enumerate() {
                let symbol = spectrum.lowest + i as i64 + i64::from(uniform.zero);
                let in_alphabet = (0..i64::from(codes.alphabet())).contains(&symbol);
                let real = codes.symbols().iter().filter(|&&s| i64::from(s) == symbol).count();
                let ends = symbol == 0 || symbol == i64::from(codes.alphabet()) - 1;
                off += if in_alphabet && !ends { (n - real as f64).abs() } else { 0.0 };
            }
            assert!(off < 0.02 * (rows * cols) as f64, "{span:?} {scale}: {off} of {} differ", rows * cols);
        }
    }
}

#[test]
fn a_rate_that_was_asked_for_is_found() {
    let (rows, cols) = (128, 512);
    let data = bytes(&weights(rows, cols));
    let floats = Floats::new(FloatType::F32, [rows, cols], &data).unwrap();
    let n = (rows * cols) as f64;
    let sketch = WeightHistogram::of(&floats, StepGranularity::Row).unwrap();
    let bits = |scale: f64| {
        let spectrum = sketch.spectrum(scale);
        Alphabet::cheapest(&spectrum, &Ideal).bits(&spectrum, &Ideal)
    };
    let mut noise = f64::INFINITY;
    for bpw in [1.5, 2.0, 3.0, 4.0, 5.0, 6.0] {
        let scale = solve(bits, bpw * n, n).unwrap();
        let (codes, grid) =
            uniform(&floats, &sketch.steps(scale).unwrap(), None, Levels::Grid, &Ideal).unwrap();
        let mut counts = vec![0.0; codes.alphabet().into()];
        codes.symbols().iter().for_each(|&s| counts[usize::from(s)] += 1.0);
        let distortion = Distortion::of(&floats, &codes, &grid).unwrap();
        let found = Ideal.code_bits(&counts) / n + inside(grid).outliers.len() as f64 * 40.0 / n;
        assert!((found - bpw).abs() < 0.02, "{found} for {bpw}");
        assert!(
            distortion.noise < 0.8 * noise && distortion.sqnr_db() > 6.0 * bpw - 6.0,
            "{bpw}: {distortion:?}"
        );
        noise = distortion.noise;
    }
    assert!(matches!(solve(bits, 40.0 * n, n), Err(QuantError::Unreachable { .. })));
    assert!(matches!(solve(bits, 0.0, n), Err(QuantError::Unreachable { .. })));
}

#[test]
fn centroids_lessen_the_error() {
    let data = bytes(&weights(64, 512));
    let floats = Floats::new(FloatType::F32, [64, 512], &data).unwrap();
    let steps = WeightHistogram::of(&floats, StepGranularity::Tensor).unwrap().steps(1.5).unwrap();
    let noise = |levels| {
        let (codes, grid) = uniform(&floats, &steps, None, levels, &Ideal).unwrap();
        Distortion::of(&floats, &codes, &grid).unwrap().noise
    };
    assert!(noise(Levels::Centroid) < 0.97 * noise(Levels::Grid));
}

#[test]
fn zeros_and_single_weights_quantize() {
    for (rows, cols) in [(1, 1), (3, 32), (1, 5000)] {
        for value in [0.0f32, -0.0, 1e-38, 3.0e38, -2.5] {
            let data = bytes(&vec![value; rows * cols]);
            let floats = Floats::new(FloatType::F32, [rows, cols], &data).unwrap();
            for span in [StepGranularity::Tensor, StepGranularity::Row] {
                let sketch = WeightHistogram::of(&floats, span).unwrap();
                let (codes, grid) =
                    uniform(&floats, &sketch.steps(0.3).unwrap(), None, Levels::Centroid, &Ideal).unwrap();
                let back = dequantized(&codes, &grid);
                assert!(
                    back.iter().all(|w| (w - value).abs() <= 0.16 * value.abs() + 1e-30),
                    "{value}: {}",
                    back[0]
                );
            }
            for span in [Granularity::Tensor, Granularity::Row] {
                let (codes, grid) = absmax(&floats, 4, span).unwrap();
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
fn what_cannot_be_quantized_is_refused() {
    let floats = |w: &'static [u8], cols| Floats::new(FloatType::F32, [w.len() / 4 / cols, cols], w).unwrap();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut w = weights(70, 1000);
        w[66_001] = bad;
        let data = bytes(&w).leak();
        let found = |error: QuantError| matches!(error, QuantError::NotFinite { row: 66, col: 1, value } if value.to_bits() == bad.to_bits());
        for span in [StepGranularity::Tensor, StepGranularity::Row] {
            assert!(found(WeightHistogram::of(&floats(data, 1000), span).unwrap_err()));
        }
        assert!(found(absmax(&floats(data, 1000), 4, Granularity::Tensor).unwrap_err()));
        let steps = FloatVec::of(FloatType::F32, &[0.1]);
        assert!(found(uniform(&floats(data, 1000), &steps, None, Levels::Grid, &Ideal).unwrap_err()));
    }
    let mut w = weights(4, 64);
    w[70] = f32::NAN;
    let data = bytes(&w).leak();
    assert!(matches!(affine(&floats(data, 64), 4, 32), Err(QuantError::NotFinite { row: 1, col: 6, .. })));
    let data = bytes(&weights(2, 48)).leak();
    assert!(matches!(
        affine(&floats(data, 48), 4, 32),
        Err(QuantError::GroupSize { group_size: 32, cols: 48 })
    ));
    assert!(matches!(affine(&floats(data, 48), 7, 32), Err(QuantError::Parameter { what: "bits", .. })));
    assert!(matches!(
        affine(&floats(data, 48), 4, 16),
        Err(QuantError::Parameter { what: "group size", .. })
    ));
    assert!(matches!(absmax(&floats(data, 48), 1, Granularity::Row), Err(QuantError::Parameter { .. })));
    assert!(matches!(absmax(&floats(data, 48), 4, Granularity::Group(0)), Err(QuantError::GroupSize { .. })));
    let with = |steps: &[f32]| {
        uniform(&floats(data, 48), &FloatVec::of(FloatType::F32, steps), None, Levels::Grid, &Ideal)
    };
    for step in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e-45] {
        assert!(matches!(with(&[step]), Err(QuantError::Parameter { what: "step", .. })), "{step}");
    }
    assert!(matches!(with(&[0.1; 3]), Err(QuantError::Core(_))));
    assert!(matches!(with(&[1e-12]), Err(QuantError::TooManySteps { .. })));
    assert!(
        Floats::new(FloatType::F16, [2, 48], data).is_err()
            && Floats::new(FloatType::F32, [0, 48], &[]).is_err()
    );
}
