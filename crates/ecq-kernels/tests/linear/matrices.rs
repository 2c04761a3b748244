//! Codes, grids, activations and encoded tensors for the tests.

use ecq_codec::encode::{ClassChoice, CodingChoice, EncodeOptions, TileChoice, encode};
use ecq_core::{
    AffineGroups, Biases, Codes, Coding, EncodedTensor, FloatType, FloatVec, Grid, Minima, Outlier,
    SuperBlockLayout, SuperBlocks, TensorKind, TrellisRows, UniformRows,
};
use ecq_fixtures::Numbers;

/// Returns codes with a rounded normal distribution around the middle of the alphabet.
pub fn codes(rows: usize, cols: usize, alphabet: u16, numbers: &mut Numbers) -> Codes {
    let (middle, spread) = (f32::from(alphabet - 1) / 2.0, f32::from(alphabet) / 6.0);
    let symbol =
        |n: &mut Numbers| (middle + spread * n.normal()).round().clamp(0.0, f32::from(alphabet - 1)) as u8;
    let symbols = (0..rows * cols).map(|_| symbol(numbers)).collect();
    Codes::new(rows, cols, alphabet, symbols).unwrap()
}

pub fn floats(n: usize, dtype: FloatType, numbers: &mut Numbers, f: impl Fn(f32) -> f32) -> FloatVec {
    FloatVec::from_f32(dtype, &(0..n).map(|_| f(numbers.normal())).collect::<Vec<f32>>())
}

pub fn affine(codes: &Codes, group_size: usize, dtype: FloatType, zero: bool, numbers: &mut Numbers) -> Grid {
    let groups = codes.rows() * codes.cols() / group_size;
    let bits = ((codes.alphabet() - 1).ilog2() + 1).max(2) as u8;
    let scales = floats(groups, dtype, numbers, |x| 0.02 + 0.003 * x);
    let biases = match zero {
        true => Biases::Zero((codes.alphabet() / 2) as u8),
        false => Biases::PerGroup(floats(groups, dtype, numbers, |x| -0.1 + 0.03 * x)),
    };
    Grid::AffineGroups(AffineGroups { bits, group_size, scales, biases })
}

/// Returns codes and a grid of super-blocks whose integers use their whole ranges.
pub fn super_blocks(layout: SuperBlockLayout, rows: usize, cols: usize, n: &mut Numbers) -> (Codes, Grid) {
    let codes = codes(rows, cols, layout.alphabet(), n);
    let groups = rows * cols / layout.group_size();
    let (lowest, highest) = (i64::from(*layout.scales().start()), i64::from(*layout.scales().end()));
    let scale = |n: &mut Numbers| (lowest + n.below((highest - lowest + 1) as u64) as i64) as i8;
    let mut steps = |size: f32| floats(rows * cols / 256, FloatType::F16, n, |x| size * (1.0 + 0.1 * x));
    let (scale_steps, minimum_steps) = (steps(0.001), steps(0.007));
    let scales = (0..groups).map(|_| scale(n)).collect();
    let minima = layout.largest_minimum().map(|largest| Minima {
        steps: minimum_steps,
        values: (0..groups).map(|_| n.below(u64::from(largest) + 1) as u8).collect(),
    });
    (codes, Grid::SuperBlocks(SuperBlocks { layout, steps: scale_steps, scales, minima }))
}

pub fn uniform(
    codes: &Codes,
    per_row: bool,
    columns: bool,
    levels: bool,
    outliers: bool,
    n: &mut Numbers,
) -> Grid {
    let (rows, cols, alphabet) = (codes.rows(), codes.cols(), codes.alphabet());
    let zero = (alphabet / 2) as u8;
    let mut outlying: Vec<Outlier> = Vec::new();
    for index in 0..(rows * cols) as u64 {
        let q = u16::from(codes.symbols()[index as usize]);
        if outliers && (q == 0 || q == alphabet - 1) && n.below(3) == 0 {
            let far = 1 + n.below(900) as i32;
            outlying.push(Outlier { index, delta: if q == 0 { -far } else { far } });
        }
    }
    Grid::UniformRows(UniformRows {
        zero,
        steps: floats(if per_row { rows } else { 1 }, FloatType::F32, n, |x| 0.01 + 0.001 * x),
        col_scales: columns.then(|| floats(cols, FloatType::F16, n, |x| 1.0 + 0.1 * x)),
        levels: levels.then(|| {
            let level = |q| f32::from(q) - f32::from(zero) + 0.1 * n.normal();
            FloatVec::from_f32(FloatType::F16, &(0..alphabet).map(level).collect::<Vec<f32>>())
        }),
        outliers: outlying,
    })
}

/// Returns codes most of which lie within two of `zero`, while every 37th column, one row and single codes
/// reach to the ends of the alphabet.
pub fn far_codes(rows: usize, cols: usize, alphabet: u16, zero: u8, numbers: &mut Numbers) -> Codes {
    let symbols = (0..rows * cols).map(|i| {
        let far = i % cols % 37 == 5 || i / cols == 3 || numbers.below(150) == 0;
        let any = numbers.below(u64::from(alphabet)) as i32;
        let near = (i32::from(zero) + numbers.below(5) as i32 - 2).clamp(0, i32::from(alphabet) - 1);
        (if far { any } else { near }) as u8
    });
    Codes::new(rows, cols, alphabet, symbols.collect()).unwrap()
}

pub fn trellis(
    codes: &Codes,
    zero: u8,
    [lag, restart]: [usize; 2],
    outliers: bool,
    numbers: &mut Numbers,
) -> Grid {
    let Grid::UniformRows(mut uniform) = uniform(codes, true, true, false, outliers, numbers) else {
        panic!("uniform rows")
    };
    // Outliers keep the parity of their codes.
    uniform.outliers.iter_mut().for_each(|outlier| outlier.delta *= 2);
    let (lag, restart) = (lag as u16, restart as u32);
    Grid::TrellisRows(TrellisRows { uniform: UniformRows { zero, ..uniform }, lag, restart })
}

pub fn activations(rows: usize, cols: usize, numbers: &mut Numbers) -> Vec<f32> {
    // Some columns are far larger than the others, as in real models.
    let mut of = |i: usize| numbers.normal() * if i % cols % 61 == 7 { 20.0 } else { 1.0 };
    (0..rows * cols).map(&mut of).collect()
}

pub fn weights(codes: &Codes, grid: &Grid) -> Vec<f32> {
    let cols = codes.cols();
    let mut weights = vec![0.0; codes.rows() * cols];
    for (row, (symbols, weights)) in codes.symbols().chunks(cols).zip(weights.chunks_mut(cols)).enumerate() {
        grid.dequantize_row(row, symbols, weights);
    }
    weights
}

pub fn encoded(codes: &Codes, grid: &Grid, coding: Coding, tile: TileChoice, lanes: u16) -> EncodedTensor {
    encoded_in_classes(codes, grid, coding, tile, lanes, ClassChoice::Off)
}

pub fn encoded_in_classes(
    codes: &Codes,
    grid: &Grid,
    coding: Coding,
    tile: TileChoice,
    lanes: u16,
    classes: ClassChoice,
) -> EncodedTensor {
    let options = EncodeOptions {
        coding: CodingChoice::Only(coding),
        tile,
        lanes: Some(lanes),
        hybrid_percent: 0.0,
        tables: 2,
        classes,
    };
    let (tensor, plan) = encode(TensorKind::Linear, codes, grid, &options).unwrap();
    assert_eq!(plan.coding, coding);
    tensor
}

/// Returns every `step`-th case if the environment variable `ECQ_EMULATED` is set (`cargo run -p xtask --
/// arm` sets it), and prints the reduction; otherwise returns all cases.
pub fn cases<T>(what: &str, all: Vec<T>, step: usize) -> Vec<T> {
    if std::env::var_os("ECQ_EMULATED").is_none() {
        return all;
    }
    println!("ECQ_EMULATED: {} of {} {what}", all.len().div_ceil(step), all.len());
    all.into_iter().step_by(step).collect()
}

/// Returns every tile shape, with lanes that are whole vectors and lanes that are not.
pub fn tiles() -> Vec<(TileChoice, u16)> {
    vec![
        (TileChoice::Auto, 32),
        (TileChoice::Matrix, 32),
        (TileChoice::Matrix, 5),
        (TileChoice::Row, 8),
        (TileChoice::Rows(17), 32),
        (TileChoice::Rows(24), 5),
        (TileChoice::Block(16, 48), 16),
        (TileChoice::Block(7, 33), 8),
    ]
}
