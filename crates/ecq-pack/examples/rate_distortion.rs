//! Bits per weight of uniform grids above the rate-distortion bound, with the bytes of real streams.
//!
//!     cargo run --release -p ecq-pack --example rate_distortion
//!
//! Matrices of 4096 x 4096 independent Gaussian and Laplace numbers. Streams, tables and tile index count; the
//! single step of the matrix does not. The bound of the Gaussian source is exact; that of the Laplace source is
//! Shannon's lower bound, which is close to the rate-distortion function at these rates.

use ecq_codec::encode::{ClassChoice, CodingChoice, EncodeOptions, TileChoice, encode};
use ecq_core::{Coding, FloatType, FloatVec, TensorKind, TensorPart};
use ecq_quant::{
    Distortion, Floats, Levels, QuantizedMatrix, RateModel, TrellisShape, quantize_trellis, quantize_uniform,
};

const SIZE: usize = 4096;
/// Rows of the matrices that steps are solved on.
const SAMPLE_ROWS: usize = 128;

/// Entropy, and 24 bits for an outlier.
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

struct Form {
    name: &'static str,
    trellis: Option<TrellisShape>,
    options: EncodeOptions,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let only = |coding, classes| EncodeOptions {
        coding: CodingChoice::Only(coding),
        classes,
        tables: 1,
        // A lane has eight rows, so that its start state hardly counts.
        tile: TileChoice::Rows(256),
        ..EncodeOptions::default()
    };
    let by_branch = only(Coding::Rans, ClassChoice::Only([1, 1]));
    let whole = SIZE as u32;
    let forms = [
        ("scalar, rans", None, only(Coding::Rans, ClassChoice::Off)),
        ("trellis 4, rans by branch bit", Some((4, whole)), by_branch),
        ("trellis 12, rans by branch bit", Some((12, 4104)), by_branch),
        ("trellis 12x288, rans, one table", Some((12, 288)), only(Coding::Rans, ClassChoice::Off)),
        ("trellis 12x288, prefix", Some((12, 288)), only(Coding::Prefix, ClassChoice::Off)),
    ];
    let forms = forms.map(|(name, trellis, options)| {
        let branch_tables = options.allows_branch_tables();
        let trellis = trellis.map(|(lag, restart)| TrellisShape { lag, restart, branch_tables });
        Form { name, trellis, options }
    });
    println!("| source | form | step | bits | MSE | above the bound |\n|---|---|---|---|---|---|");
    for (source, numbers) in [("Gaussian", gaussian as fn(&mut u64) -> f64), ("Laplace", laplace)] {
        let mut state = 7u64;
        let data: Vec<u8> =
            (0..SIZE * SIZE).flat_map(|_| (numbers(&mut state) as f32).to_le_bytes()).collect();
        let sample = Floats::new(FloatType::F32, [SAMPLE_ROWS, SIZE], &data[..4 * SAMPLE_ROWS * SIZE])?;
        let all = Floats::new(FloatType::F32, [SIZE, SIZE], &data)?;
        for target in [1.5, 2.0, 2.5, 3.0] {
            for form in &forms {
                // The rate falls by one bit when the step doubles, nearly.
                let mut step = 0.5 * (-target as f32 + 2.0).exp2();
                for _ in 0..4 {
                    let (bits, _) = measure(&sample, form, step)?;
                    step *= (bits - target).exp2() as f32;
                }
                let (bits, error) = measure(&all, form, step)?;
                let bound = match source {
                    "Gaussian" => 0.5 * (1.0 / error).log2(),
                    // The entropy of a Laplace source of variance 1, log2(sqrt(2) e), less that of Gaussian
                    // noise.
                    _ => {
                        (2f64.sqrt() * std::f64::consts::E).log2()
                            - 0.5 * (std::f64::consts::TAU * std::f64::consts::E * error).log2()
                    }
                };
                let name = form.name;
                println!("| {source} | {name} | {step:.4} | {bits:.4} | {error:.5} | {:.4} |", bits - bound);
            }
        }
    }
    Ok(())
}

/// Returns bits per weight and mean squared error.
fn measure(weights: &Floats<'_>, form: &Form, step: f32) -> Result<(f64, f64), Box<dyn std::error::Error>> {
    let steps = |step: f32| FloatVec::from_f32(FloatType::F32, &[step]);
    let (codes, grid): QuantizedMatrix = match form.trellis {
        Some(shape) => quantize_trellis(weights, shape, &steps(0.5 * step), None, None, &Entropy)?,
        None => quantize_uniform(weights, &steps(step), None, Levels::Grid, &Entropy)?,
    };
    // Relative to the variance of the numbers.
    let error = 10f64.powf(-0.1 * Distortion::of(weights, &codes, &grid)?.sqnr_db());
    let (tensor, _) = encode(TensorKind::Linear, &codes, &grid, &form.options)?;
    let bytes = |part| tensor.part(part).map_or(0, |bytes| bytes.len());
    let parts = [TensorPart::Stream, TensorPart::Table, TensorPart::Index, TensorPart::Outliers];
    let weights = codes.symbols().len() as f64;
    Ok((8.0 * parts.into_iter().map(bytes).sum::<usize>() as f64 / weights, error))
}

fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    ((*state >> 33) as f64 + 0.5) / (1u64 << 31) as f64
}

fn gaussian(state: &mut u64) -> f64 {
    let radius = (-2.0 * uniform(state).ln()).sqrt();
    radius * (std::f64::consts::TAU * uniform(state)).cos()
}

/// Variance 1.
fn laplace(state: &mut u64) -> f64 {
    let u = uniform(state) - 0.5;
    -u.signum() * (1.0 - 2.0 * u.abs()).ln() / 2f64.sqrt()
}
