//! Products of every form of a matrix are equal bit for bit, and close to the oracle.

use super::matrices::{
    activations, affine, cases, codes, encoded, encoded_in_classes, far_codes, super_blocks, tiles, trellis,
    uniform, weights,
};
use super::products::{bits, check, prepare, product, product_in_pieces, rounded};
use ecq_codec::encode::{ClassChoice, CodingChoice, EncodeOptions, TileChoice, encode};
use ecq_core::{
    AffineGroups, Biases, Codes, Coding, EncodedTensor, FloatType, FloatVec, Grid, Minima, SuperBlockLayout,
    SuperBlocks, TensorKind, UniformRows,
};
use ecq_fixtures::Numbers;
use ecq_kernels::cpu::linear::{Activations, FusedLinear, Isa, Linear, PackedLinear, Precision};

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
    let mut forms: Vec<(String, Box<dyn Linear>)> = Vec::new();
    for isa in Isa::supported() {
        let packed = PackedLinear::with_isa(codes, grid, isa).unwrap();
        forms.push((format!("packed {isa:?}"), Box::new(packed)));
    }
    let mut push = |tensor: &EncodedTensor, form: String| {
        let packed = PackedLinear::decode(tensor).unwrap();
        forms.push((format!("{form} to packed"), Box::new(packed)));
        forms.push((form, Box::new(FusedLinear::new(tensor).unwrap())));
    };
    for coding in [Coding::Packed, Coding::Rans, Coding::Prefix] {
        for &(tile, lanes) in &tiles {
            push(&encoded(codes, grid, coding, tile, lanes), format!("{coding:?} {tile:?} {lanes}"));
            match coding {
                Coding::Packed => break,
                Coding::Rans => {}
                _ => continue,
            }
            let classes = ClassChoice::Only([3, 4]);
            let tensor = encoded_in_classes(codes, grid, coding, tile, lanes, classes);
            push(&tensor, format!("{tile:?} {lanes} in classes"));
        }
    }
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
        for (form, linear) in &forms {
            let linear = &**linear;
            let whole = product(linear, &prepare(linear, precision, &x));
            assert_eq!(bits(&whole), bits(&expected), "{what}, {form}, {rows} x {precision:?}");
            let pieces = product_in_pieces(linear, precision, &x);
            assert_eq!(bits(&pieces), bits(&expected), "{what}, {form} in pieces, {rows} x {precision:?}");
            compared += 2;
        }
        check(&expected, &of_columns, &read, cols, 4e-6, what);
    }
    compared
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
