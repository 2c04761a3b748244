//! Single rows of a matrix, which embeddings read.

use super::matrices::{
    affine, codes, encoded, encoded_in_classes, super_blocks, tiles, trellis, uniform, weights,
};
use super::products::bits;
use ecq_codec::encode::{ClassChoice, TileChoice};
use ecq_core::{Coding, FloatType, Grid, SuperBlockLayout};
use ecq_fixtures::Numbers;
use ecq_kernels::cpu::linear::{FusedLinear, Linear, PackedLinear, Scratch};

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
