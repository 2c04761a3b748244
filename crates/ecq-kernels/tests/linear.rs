//! Products of every form: equal bit for bit, and close to an oracle in double precision.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step fails the test")]

use ecq_codec::encode::{ClassChoice, CodingChoice, EncodeOptions, TileChoice, encode};
use ecq_codec::{CodecError, decode_codes};
use ecq_core::{
    AffineGroups, Biases, Codes, Coding, EncodedTensor, FloatType, FloatVec, Grid, Minima, Outlier,
    SuperBlockLayout, SuperBlocks, TensorKind, TensorPart, TrellisRows, UniformRows,
};
use ecq_fixtures::Numbers;
use ecq_kernels::cpu::linear::{
    Activations, DenseLinear, FusedLinear, Isa, Linear, PackedBuffer, PackedLinear, Precision, Scratch,
};

/// Returns codes with a rounded normal distribution around the middle of the alphabet.
fn codes(rows: usize, cols: usize, alphabet: u16, numbers: &mut Numbers) -> Codes {
    let (middle, spread) = (f32::from(alphabet - 1) / 2.0, f32::from(alphabet) / 6.0);
    let symbol =
        |n: &mut Numbers| (middle + spread * n.normal()).round().clamp(0.0, f32::from(alphabet - 1)) as u8;
    let symbols = (0..rows * cols).map(|_| symbol(numbers)).collect();
    Codes::new(rows, cols, alphabet, symbols).unwrap()
}

fn floats(n: usize, dtype: FloatType, numbers: &mut Numbers, f: impl Fn(f32) -> f32) -> FloatVec {
    FloatVec::from_f32(dtype, &(0..n).map(|_| f(numbers.normal())).collect::<Vec<f32>>())
}

fn affine(codes: &Codes, group_size: usize, dtype: FloatType, zero: bool, numbers: &mut Numbers) -> Grid {
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
fn super_blocks(layout: SuperBlockLayout, rows: usize, cols: usize, n: &mut Numbers) -> (Codes, Grid) {
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

fn uniform(
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
fn far_codes(rows: usize, cols: usize, alphabet: u16, zero: u8, numbers: &mut Numbers) -> Codes {
    let symbols = (0..rows * cols).map(|i| {
        let far = i % cols % 37 == 5 || i / cols == 3 || numbers.below(150) == 0;
        let any = numbers.below(u64::from(alphabet)) as i32;
        let near = (i32::from(zero) + numbers.below(5) as i32 - 2).clamp(0, i32::from(alphabet) - 1);
        (if far { any } else { near }) as u8
    });
    Codes::new(rows, cols, alphabet, symbols.collect()).unwrap()
}

fn trellis(
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

fn activations(rows: usize, cols: usize, numbers: &mut Numbers) -> Vec<f32> {
    // Some columns are far larger than the others, as in real models.
    let mut of = |i: usize| numbers.normal() * if i % cols % 61 == 7 { 20.0 } else { 1.0 };
    (0..rows * cols).map(&mut of).collect()
}

fn weights(codes: &Codes, grid: &Grid) -> Vec<f32> {
    let cols = codes.cols();
    let mut weights = vec![0.0; codes.rows() * cols];
    for (row, (symbols, weights)) in codes.symbols().chunks(cols).zip(weights.chunks_mut(cols)).enumerate() {
        grid.dequantize_row(row, symbols, weights);
    }
    weights
}

/// Rounds each block of 32 columns to the integers that products read: 127ths of its largest magnitude,
/// computed in single precision. In double precision a value half-way between two integers can round to the
/// other one, which is an error far above the tolerance where its weight is large.
fn rounded(x: &[f32], cols: usize) -> Vec<f64> {
    let mut out = Vec::new();
    for block in x.chunks(cols).flat_map(|row| row.chunks(32)) {
        let largest = block.iter().fold(0f32, |m, x| m.max(x.abs()));
        let (inverse, scale) = (127.0 / largest, f64::from(largest) / 127.0);
        out.extend(block.iter().map(|&x| f64::from((x * inverse).round_ties_even()) * scale));
    }
    out
}

/// Checks `|y - sum w x| <= tolerance * sum |w x|` for every product.
fn check(y: &[f32], weights: &[f32], x: &[f64], cols: usize, tolerance: f64, what: &str) {
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

fn prepare(linear: &dyn Linear, precision: Precision, x: &[f32]) -> Activations {
    let mut activations = Activations::new();
    let cols = linear.shape()[1];
    activations.set(precision, x, x.len() / cols, cols, linear.col_scales());
    activations
}

fn product(linear: &dyn Linear, x: &Activations) -> Vec<f32> {
    let mut y = vec![f32::NAN; x.rows() * linear.shape()[0]];
    linear.matmul(x, 0..linear.shape()[0], &mut y, &mut Scratch::new()).unwrap();
    y
}

fn bits(y: &[f32]) -> Vec<u32> {
    y.iter().map(|y| y.to_bits()).collect()
}

/// Computes the product with one row of activations at a time and the rows of the weights in pieces.
fn product_in_pieces(linear: &dyn Linear, precision: Precision, x: &[f32]) -> Vec<f32> {
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

fn encoded(codes: &Codes, grid: &Grid, coding: Coding, tile: TileChoice, lanes: u16) -> EncodedTensor {
    encoded_in_classes(codes, grid, coding, tile, lanes, ClassChoice::Off)
}

fn encoded_in_classes(
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
fn cases<T>(what: &str, all: Vec<T>, step: usize) -> Vec<T> {
    if std::env::var_os("ECQ_EMULATED").is_none() {
        return all;
    }
    println!("ECQ_EMULATED: {} of {} {what}", all.len().div_ceil(step), all.len());
    all.into_iter().step_by(step).collect()
}

/// Returns every tile shape, with lanes that are whole vectors and lanes that are not.
fn tiles() -> Vec<(TileChoice, u16)> {
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

/// Checks that every form of a matrix on every instruction set gives the same bits; returns the number of
/// products compared.
fn all_agree(codes: &Codes, grid: &Grid, x_rows: &[usize], what: &str) -> usize {
    let cols = codes.cols();
    let mut numbers = Numbers::new(x_rows.len() as u64 + cols as u64);
    let mut compared = 0;
    let mut tiles = cases("tiles", tiles(), 3);
    if let Grid::TrellisRows(grid) = grid {
        // Branch bits do not pass from tile to tile.
        let whole = |cols: usize| cols.is_multiple_of(grid.restart as usize);
        tiles.retain(|(tile, _)| !matches!(tile, TileChoice::Block(_, cols) if !whole(*cols)));
    }
    let portable = PackedLinear::with_isa(codes, grid, Isa::Portable).unwrap();
    let weights = weights(codes, grid);
    for (&rows, precision) in
        x_rows.iter().flat_map(|rows| [Precision::I8, Precision::F32].map(|precision| (rows, precision)))
    {
        let x = activations(rows, cols, &mut numbers);
        let expected = product(&portable, &prepare(&portable, precision, &x));
        let integers = precision == Precision::I8 && is_integer(grid, cols);
        let mut read = x.clone();
        if let Some(scales) = portable.col_scales() {
            read.chunks_mut(cols).for_each(|x| x.iter_mut().zip(scales).for_each(|(x, s)| *x *= s));
        }
        let of_columns: Vec<f32> = match portable.col_scales() {
            Some(scales) => weights.iter().enumerate().map(|(i, w)| w / scales[i % cols]).collect(),
            None => weights.clone(),
        };
        let read = match integers {
            true => rounded(&read, cols),
            false => read.iter().map(|&x| x.into()).collect(),
        };
        let mut compare = |linear: &dyn Linear, form: &str| {
            let whole = product(linear, &prepare(linear, precision, &x));
            assert_eq!(bits(&whole), bits(&expected), "{what}, {form}, {rows} x {precision:?}");
            let pieces = product_in_pieces(linear, precision, &x);
            assert_eq!(bits(&pieces), bits(&expected), "{what}, {form} in pieces, {rows} x {precision:?}");
            compared += 2;
        };
        for isa in Isa::supported() {
            compare(&PackedLinear::with_isa(codes, grid, isa).unwrap(), &format!("packed {isa:?}"));
        }
        for coding in [Coding::Packed, Coding::Rans, Coding::Prefix] {
            for &(tile, lanes) in &tiles {
                let tensor = encoded(codes, grid, coding, tile, lanes);
                let fused = FusedLinear::new(&tensor).unwrap();
                compare(&fused, &format!("{coding:?} {tile:?} {lanes}"));
                let packed = PackedLinear::decode(&tensor).unwrap();
                compare(&packed, &format!("{coding:?} {tile:?} {lanes} to packed"));
                match coding {
                    Coding::Packed => break,
                    Coding::Rans => {}
                    _ => continue,
                }
                let classes = ClassChoice::Only([3, 4]);
                let tensor = encoded_in_classes(codes, grid, coding, tile, lanes, classes);
                let fused = FusedLinear::new(&tensor).unwrap();
                compare(&fused, &format!("{tile:?} {lanes} in classes"));
                let packed = PackedLinear::decode(&tensor).unwrap();
                compare(&packed, &format!("{tile:?} {lanes} in classes to packed"));
            }
        }
        check(&expected, &of_columns, &read, cols, 4e-6, what);
    }
    compared
}

/// Returns the bytes of packed codes: each block of 16 rows and 32 columns at the bits of its range, two or
/// more, with a width and a base; the end of each panel.
fn packed_code_bytes(codes: &Codes) -> usize {
    let (panels, blocks) = (codes.rows().div_ceil(16), codes.cols().div_ceil(32));
    let width = |panel: usize, block: usize| {
        let rows = codes.symbols().chunks(codes.cols()).skip(16 * panel).take(16);
        let all = rows.flat_map(|row| row.iter().skip(32 * block).take(32));
        let (least, most) = all.fold((255, 0), |(least, most), &q| (q.min(least), q.max(most)));
        2.max(8 - u8::leading_zeros(most - least) as usize)
    };
    let widths = (0..panels).flat_map(|panel| (0..blocks).map(move |block| width(panel, block)));
    panels * (8 + 2 * blocks) + 64 * widths.sum::<usize>()
}

/// Whether products with the grid sum integers by blocks.
fn is_integer(grid: &Grid, cols: usize) -> bool {
    match grid {
        Grid::AffineGroups(grid) => grid.group_size.is_multiple_of(32) || grid.group_size == cols,
        Grid::UniformRows(grid) => grid.levels.is_none(),
        Grid::TrellisRows(_) | Grid::SuperBlocks(_) => true,
        _ => unreachable!("the tests know all grids"),
    }
}

#[test]
fn forms_agree_bit_for_bit_on_affine_groups() {
    let mut numbers = Numbers::new(1);
    let mut compared = 0;
    let alphabets = [2u16, 4, 7, 8, 16, 32, 50, 64, 128, 200, 256];
    for (i, alphabet) in cases("alphabets", alphabets.into_iter().enumerate().collect(), 2) {
        let (rows, cols) = [(33, 128), (1, 64), (17, 192), (70, 64)][i % 4];
        let codes = codes(rows, cols, alphabet, &mut numbers);
        let group_size = [32, 64, 32][i % 3];
        let dtype = [FloatType::F16, FloatType::Bf16, FloatType::F32][i / 2 % 3];
        for zero in [false, true] {
            let grid = affine(&codes, group_size, dtype, zero, &mut numbers);
            let what = format!("{alphabet} codes {rows}x{cols} g{group_size} {dtype:?} zero {zero}");
            compared += all_agree(&codes, &grid, &[1, 5], &what);
        }
    }
    println!("{compared} products, instruction sets up to {:?}", Isa::detect());
}

#[test]
fn forms_agree_bit_for_bit_on_uniform_rows() {
    let mut numbers = Numbers::new(2);
    let mut compared = 0;
    let alphabets = [3u16, 8, 13, 31, 60, 100, 256];
    for (i, alphabet) in cases("alphabets", alphabets.into_iter().enumerate().collect(), 2) {
        let (rows, cols) = [(37, 100), (16, 31), (2, 65), (64, 576)][i % 4];
        let codes = codes(rows, cols, alphabet, &mut numbers);
        for [per_row, columns, levels, outliers] in [
            [false, false, false, false],
            [true, true, false, true],
            [true, false, true, true],
            [false, true, false, false],
        ] {
            let grid = uniform(&codes, per_row, columns, levels, outliers, &mut numbers);
            let what = format!(
                "{alphabet} codes {rows}x{cols} rows {per_row} columns {columns} levels {levels} \
                 outliers {outliers}"
            );
            compared += all_agree(&codes, &grid, &[1, 3], &what);
        }
    }
    println!("{compared} products, instruction sets up to {:?}", Isa::detect());
}

#[test]
fn forms_agree_on_codes_that_reach_far() {
    let mut numbers = Numbers::new(10);
    let mut compared = 0;
    let all = [(37, 100, 200, 90), (50, 300, 256, 128), (16, 64, 128, 0), (33, 96, 100, 99), (20, 31, 17, 3)];
    for (rows, cols, alphabet, zero) in cases("shapes", all.to_vec(), 2) {
        let codes = far_codes(rows, cols, alphabet, zero, &mut numbers);
        for outliers in [false, true] {
            let Grid::UniformRows(grid) = uniform(&codes, true, true, false, outliers, &mut numbers) else {
                panic!("uniform rows")
            };
            let grid = Grid::UniformRows(UniformRows { zero, ..grid });
            let what = format!("{alphabet} far codes {rows}x{cols} zero {zero} outliers {outliers}");
            compared += all_agree(&codes, &grid, &[1, 3], &what);
        }
    }
    println!("{compared} products, instruction sets up to {:?}", Isa::detect());
}

#[test]
fn forms_agree_bit_for_bit_on_trellis_rows() {
    let mut numbers = Numbers::new(11);
    let mut compared = 0;
    // The usual lag without restarts, with restarts of whole blocks and others, and other lags.
    let all = [[12, 4800], [12, 96], [12, 36], [4, 4], [4, 64], [8, 96], [16, 80], [24, 24]];
    for (i, shape) in cases("lags", all.into_iter().enumerate().collect(), 2) {
        let (rows, cols) = [(37, 300), (16, 31), (50, 224), (33, 96)][i % 4];
        let alphabet = [100, 128, 9, 40][(i + i / 4) % 4];
        let zero = [60, 0, 3, 39][i % 4].min(alphabet as u8 - 1);
        let codes = if i % 2 == 0 {
            far_codes(rows, cols, alphabet, zero, &mut numbers)
        } else {
            codes(rows, cols, alphabet, &mut numbers)
        };
        let grid = trellis(&codes, zero, shape, i % 3 > 0, &mut numbers);
        let what = format!("{alphabet} codes {rows}x{cols} zero {zero}, lag and restart {shape:?}");
        compared += all_agree(&codes, &grid, &[1, 3], &what);
    }
    println!("{compared} products, instruction sets up to {:?}", Isa::detect());
}

#[test]
fn forms_agree_bit_for_bit_on_super_blocks() {
    let mut numbers = Numbers::new(12);
    let mut compared = 0;
    for (i, layout) in SuperBlockLayout::ALL.into_iter().enumerate() {
        let (rows, cols) = [(33, 256), (1, 512), (17, 768)][i % 3];
        let (codes, grid) = super_blocks(layout, rows, cols, &mut numbers);
        let what = format!("{} {rows}x{cols}", layout.name());
        compared += all_agree(&codes, &grid, &[1, 5], &what);
    }
    println!("{compared} products, instruction sets up to {:?}", Isa::detect());
}

#[test]
fn integers_of_super_blocks_are_exact_at_the_ends_of_their_ranges() {
    for layout in SuperBlockLayout::ALL {
        let (rows, cols) = (16, 256);
        let ends = [*layout.scales().start(), *layout.scales().end()];
        for (code, scale) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let code = if code == 0 { 0 } else { (layout.alphabet() - 1) as u8 };
            let codes = Codes::new(rows, cols, layout.alphabet(), vec![code; rows * cols]).unwrap();
            let groups = rows * cols / layout.group_size();
            let one = FloatVec::from_f32(FloatType::F16, &[1.0; 16]);
            let values = |largest| vec![largest; groups];
            let minima = layout.largest_minimum().map(|m| Minima { steps: one.clone(), values: values(m) });
            let grid = Grid::SuperBlocks(SuperBlocks {
                layout,
                steps: one.clone(),
                scales: vec![ends[scale]; groups],
                minima,
            });
            let weight = f64::from(weights(&codes, &grid)[0]);
            for isa in Isa::supported() {
                let packed = PackedLinear::with_isa(&codes, &grid, isa).unwrap();
                let x = Activations::i8(&[-127.0; 256], 1, cols);
                let found = f64::from(product(&packed, &x)[0]);
                assert_eq!(found, -127.0 * 256.0 * weight, "{} {code} {isa:?}", layout.name());
            }
        }
    }
}

#[test]
fn forms_agree_for_any_number_of_rows_of_activations() {
    let mut numbers = Numbers::new(3);
    let codes = codes(48, 96, 16, &mut numbers);
    let rows = cases("numbers of rows", vec![1, 2, 8, 17, 33, 256], 2);
    let grid = affine(&codes, 32, FloatType::F16, false, &mut numbers);
    let compared = all_agree(&codes, &grid, &rows, "16 codes 48x96");
    println!("{compared} products, instruction sets up to {:?}", Isa::detect());
}

#[test]
fn groups_that_are_no_whole_blocks_are_multiplied_in_single_precision() {
    let mut numbers = Numbers::new(4);
    let codes = codes(20, 144, 16, &mut numbers);
    for (group_size, zero) in [(16, false), (48, true), (9, false), (144, true)] {
        let grid = affine(&codes, group_size, FloatType::F16, zero, &mut numbers);
        all_agree(&codes, &grid, &[1, 3], &format!("groups of {group_size}"));
    }
}

#[test]
fn dense_products_are_near_the_oracle_and_the_same_everywhere() {
    let mut numbers = Numbers::new(5);
    for (rows, cols, dtype) in [
        (33, 100, FloatType::F16),
        (16, 577, FloatType::Bf16),
        (1, 3, FloatType::F32),
        (50, 256, FloatType::F16),
    ] {
        let values = floats(rows * cols, dtype, &mut numbers, |x| 0.02 * x);
        let weights = values.to_f32();
        for x_rows in [1, 2, 17] {
            let x = activations(x_rows, cols, &mut numbers);
            let dense = |isa| DenseLinear::with_isa([rows, cols], dtype, values.as_bytes(), isa).unwrap();
            let expected = product(&dense(Isa::Portable), &Activations::f32(&x, x_rows, cols));
            let wide: Vec<f64> = x.iter().map(|&x| x.into()).collect();
            check(&expected, &weights, &wide, cols, 1e-6, "dense");
            for isa in Isa::supported() {
                let found = product(&dense(isa), &Activations::i8(&x, x_rows, cols));
                assert_eq!(bits(&found), bits(&expected), "{isa:?}");
                let pieces = product_in_pieces(&dense(isa), Precision::F32, &x);
                assert_eq!(bits(&pieces), bits(&expected), "{isa:?}");
            }
        }
        let dense = DenseLinear::new([rows, cols], dtype, values.as_bytes()).unwrap();
        let mut row = vec![0.0; cols];
        dense.row(rows - 1, &mut row, &mut Scratch::new()).unwrap();
        assert_eq!(row, weights[(rows - 1) * cols..]);
    }
}

#[test]
fn groups_may_have_their_own_zero_points() {
    let mut numbers = Numbers::new(5);
    let codes = codes(40, 96, 16, &mut numbers);
    for dtype in [FloatType::F16, FloatType::F32] {
        let Grid::AffineGroups(grid) = affine(&codes, 32, dtype, true, &mut numbers) else {
            panic!("affine")
        };
        let zeros = (0..grid.scales.len()).map(|_| numbers.below(16) as u8).collect();
        let grid = Grid::AffineGroups(AffineGroups { biases: Biases::Zeros(zeros), ..grid });
        all_agree(&codes, &grid, &[1, 5], "zero points of groups");
    }
}

#[test]
fn single_rows_are_the_dequantized_ones() {
    let mut numbers = Numbers::new(6);
    let codes = codes(70, 100, 40, &mut numbers);
    let grids = [
        affine(&codes, 20, FloatType::F16, false, &mut numbers),
        affine(&codes, 50, FloatType::F32, true, &mut numbers),
        uniform(&codes, true, true, true, true, &mut numbers),
        uniform(&codes, false, false, false, true, &mut numbers),
        trellis(&codes, 17, [12, 36], true, &mut numbers),
    ];
    let mut scratch = Scratch::new();
    for grid in &grids {
        let mut forms: Vec<Box<dyn Linear>> = vec![Box::new(PackedLinear::new(&codes, grid).unwrap())];
        let whole_rows = matches!(grid, Grid::TrellisRows(_));
        let tiles =
            || tiles().into_iter().filter(|(tile, _)| !whole_rows || !matches!(tile, TileChoice::Block(..)));
        for coding in [Coding::Packed, Coding::Rans, Coding::Prefix] {
            for (tile, lanes) in tiles() {
                let tensor = encoded(&codes, grid, coding, tile, lanes);
                forms.push(Box::new(FusedLinear::new(&tensor).unwrap()));
            }
        }
        for (tile, lanes) in tiles() {
            let classes = ClassChoice::Only([8, 2]);
            let tensor = encoded_in_classes(&codes, grid, Coding::Rans, tile, lanes, classes);
            forms.push(Box::new(FusedLinear::new(&tensor).unwrap()));
        }
        let weights = weights(&codes, grid);
        for form in &forms {
            for row in [0, 69, 1, 16, 33, 31, 64] {
                let mut found = vec![f32::NAN; 100];
                form.row(row, &mut found, &mut scratch).unwrap();
                assert_eq!(bits(&found), bits(&weights[row * 100..][..100]), "row {row} of {grid:?}");
            }
        }
    }
}

#[test]
fn tuples_multiply_as_packed_codes() {
    let mut numbers = Numbers::new(11);
    let codes = codes(70, 200, 12, &mut numbers);
    for grid in [
        uniform(&codes, true, true, false, true, &mut numbers),
        trellis(&codes, 5, [12, 72], true, &mut numbers),
    ] {
        let coding = CodingChoice::Only(Coding::Tuples);
        let options = EncodeOptions { coding, hybrid_percent: -100.0, ..EncodeOptions::default() };
        let (tensor, plan) = encode(TensorKind::Linear, &codes, &grid, &options).unwrap();
        assert_eq!(plan.coding, Coding::Tuples);
        let expected = PackedLinear::new(&codes, &grid).unwrap();
        let (fused, packed) = (FusedLinear::new(&tensor).unwrap(), PackedLinear::decode(&tensor).unwrap());
        for (rows, precision) in
            [1, 3, 20].into_iter().flat_map(|rows| [Precision::I8, Precision::F32].map(|p| (rows, p)))
        {
            let x = activations(rows, 200, &mut numbers);
            let of = |linear: &dyn Linear| bits(&product(linear, &prepare(linear, precision, &x)));
            assert_eq!(of(&fused), of(&expected), "{rows} x {precision:?}");
            assert_eq!(of(&packed), of(&expected), "{rows} x {precision:?}");
        }
    }
}

#[test]
fn single_rows_on_super_blocks_are_the_dequantized_ones() {
    let (mut numbers, mut scratch) = (Numbers::new(13), Scratch::new());
    for layout in SuperBlockLayout::ALL {
        let (codes, grid) = super_blocks(layout, 20, 512, &mut numbers);
        let tensor = encoded(&codes, &grid, Coding::Rans, TileChoice::Auto, 32);
        let forms: [Box<dyn Linear>; 2] = [
            Box::new(PackedLinear::new(&codes, &grid).unwrap()),
            Box::new(FusedLinear::new(&tensor).unwrap()),
        ];
        let weights = weights(&codes, &grid);
        for form in &forms {
            for row in [0, 19, 7] {
                let mut found = vec![f32::NAN; 512];
                form.row(row, &mut found, &mut scratch).unwrap();
                assert_eq!(
                    bits(&found),
                    bits(&weights[row * 512..][..512]),
                    "row {row} of {}",
                    layout.name()
                );
            }
        }
    }
}

#[test]
fn packed_super_blocks_take_few_more_bytes_than_those_of_gguf() {
    let mut numbers = Numbers::new(14);
    // Bytes of a block in GGUF.
    let of_gguf = [84.0, 110.0, 144.0, 176.0, 210.0];
    for (layout, of_gguf) in SuperBlockLayout::ALL.into_iter().zip(of_gguf) {
        let (codes, grid) = super_blocks(layout, 64, 512, &mut numbers);
        let bytes = PackedLinear::new(&codes, &grid).unwrap().bytes_resident();
        let ratio = bytes as f64 / (128.0 * of_gguf);
        println!("{}: {ratio:.3} of the bytes in GGUF", layout.name());
        assert!((1.0..1.04).contains(&ratio), "{} {ratio}", layout.name());
    }
}

#[test]
fn resident_bytes_are_close_to_the_encoded_size() {
    let mut numbers = Numbers::new(7);
    let codes = codes(512, 576, 16, &mut numbers);
    let grid = affine(&codes, 32, FloatType::F16, false, &mut numbers);
    let packed = PackedLinear::new(&codes, &grid).unwrap();
    assert_eq!(packed.bytes_resident(), 512 * 576 / 2 + 8 * 512 / 16 + 2 * 2 * 512 * 576 / 32);
    let tensor = encoded(&codes, &grid, Coding::Rans, TileChoice::Auto, 32);
    let fused = FusedLinear::new(&tensor).unwrap();
    let side = 2 * 2 * 512 * 576 / 32;
    let stream = tensor.parts()[&TensorPart::Stream].len();
    assert!((side + stream..side + stream + 4096).contains(&fused.bytes_resident()));
}

#[test]
fn codes_that_reach_far_widen_only_their_blocks() {
    let mut numbers = Numbers::new(12);
    let (rows, cols, zero) = (512, 576, 90);
    // Five codes take three bits; one row and one column have codes from end to end.
    let symbols = (0..rows * cols).map(|i| match (i / cols, i % cols) {
        (40, col) => [0, 199][col % 2],
        (row, 100) => [0, 199][row % 2],
        _ => zero - 2 + numbers.below(5) as u8,
    });
    let codes = Codes::new(rows, cols, 200, symbols.collect()).unwrap();
    let grid = uniform(&codes, true, false, false, false, &mut numbers);
    let tensor = encoded(&codes, &grid, Coding::Rans, TileChoice::Auto, 32);
    let fused = FusedLinear::new(&tensor).unwrap();
    let (panels, blocks) = (32, 18);
    let far = panels + blocks - 1;
    let tables = panels * (8 + 2 * blocks);
    let expected = tables + 64 * (8 * far + 3 * (panels * blocks - far));
    assert_eq!(packed_code_bytes(&codes), expected);
    let unpacked = fused.unpack(PackedBuffer::default()).unwrap();
    assert_eq!(unpacked.code_bytes(), expected);
    assert_eq!(PackedLinear::new(&codes, &grid).unwrap().code_bytes(), expected);
    assert_eq!(fused.packed_bytes(), tables + 64 * 8 * panels * blocks);
}

#[test]
fn a_corrupt_stream_is_an_error_of_the_product() {
    let mut numbers = Numbers::new(8);
    let codes = codes(64, 64, 16, &mut numbers);
    let grid = affine(&codes, 32, FloatType::F16, false, &mut numbers);
    for coding in [Coding::Rans, Coding::Prefix] {
        let (entry, mut parts) = encoded(&codes, &grid, coding, TileChoice::Auto, 32).into_parts();
        let mut stream = parts[&TensorPart::Stream].to_vec();
        *stream.last_mut().unwrap() ^= 0x80;
        parts.insert(TensorPart::Stream, stream.into());
        let tensor = EncodedTensor::new(entry, parts).unwrap();
        let fused = FusedLinear::new(&tensor).unwrap();
        let x = Activations::i8(&[1.0; 64], 1, 64);
        let refused = fused.matmul(&x, 0..64, &mut [0.0; 64], &mut Scratch::new());
        assert!(matches!(refused, Err(CodecError::Tile { tile: 0, .. })), "{refused:?}");
    }
    let tensor = encoded(&codes, &grid, Coding::Archive, TileChoice::Auto, 32);
    assert!(matches!(FusedLinear::new(&tensor), Err(CodecError::Content { .. })));
}

#[test]
fn products_refuse_what_decoders_refuse() {
    let mut numbers = Numbers::new(9);
    let codes = codes(40, 64, 13, &mut numbers);
    let grid = uniform(&codes, true, true, false, true, &mut numbers);
    let sound =
        encoded_in_classes(&codes, &grid, Coding::Rans, TileChoice::Auto, 32, ClassChoice::Only([3, 2]));
    let mut refused = 0;
    for part in [TensorPart::Table, TensorPart::Index] {
        let bytes = &sound.parts()[&part];
        for at in 0..bytes.len() {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << (at % 8);
            for edited in [bytes[..at].to_vec(), flipped] {
                let (entry, mut parts) = sound.clone().into_parts();
                parts.insert(part, edited.into());
                let Ok(tensor) = EncodedTensor::new(entry, parts) else { continue };
                let decoded = decode_codes(&tensor);
                let fused = FusedLinear::new(&tensor);
                assert!(fused.is_ok() || decoded.is_err(), "{part:?} {at}: {fused:?}");
                refused += usize::from(fused.is_err());
            }
        }
    }
    assert!(
        refused >= sound.parts()[&TensorPart::Table].len(),
        "every cut of the tables is refused: {refused}"
    );
}
