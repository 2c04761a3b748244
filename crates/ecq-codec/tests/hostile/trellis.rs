//! Trellis grids.

use ecq_codec::encode::{CodingChoice, EncodeOptions, TileChoice, encode};
use ecq_codec::{CodecError, decode_codes, decode_grid};
use ecq_core::{Codes, Coding, FloatType, FloatVec, Grid, Outlier, TensorKind, TrellisRows, UniformRows};

#[test]
fn trellis_grids_come_back_and_damaged_ones_are_refused() {
    let (rows, cols, alphabet) = (40, 96, 16);
    let symbols = (0..rows * cols).map(|i| (i * i % 31 % 16) as u8).collect();
    let codes = Codes::new(rows, cols, alphabet, symbols).unwrap();
    let uniform = UniformRows {
        zero: 7,
        steps: FloatVec::from_f32(FloatType::Bf16, &[0.25; 40]),
        col_scales: Some(FloatVec::from_f32(FloatType::Bf16, &[1.5; 96])),
        levels: None,
        outliers: vec![Outlier { index: 100, delta: 40 }, Outlier { index: 3000, delta: -6 }],
    };
    let valid = TrellisRows { uniform, lag: 12, restart: 48 };
    for coding in [Coding::Packed, Coding::Rans, Coding::Prefix] {
        for tile in [TileChoice::Auto, TileChoice::Row, TileChoice::Block(16, 48)] {
            let coding = CodingChoice::Only(coding);
            let options = EncodeOptions { coding, tile, hybrid_percent: 0.0, ..EncodeOptions::default() };
            let grid = Grid::TrellisRows(valid.clone());
            let (tensor, _) = encode(TensorKind::Linear, &codes, &grid, &options).unwrap();
            assert_eq!(decode_codes(&tensor).unwrap(), codes, "{options:?}");
            assert_eq!(decode_grid(&tensor).unwrap(), grid, "{options:?}");
        }
    }
    let options = EncodeOptions::default();
    let refused = |change: fn(&mut TrellisRows), options: &EncodeOptions| {
        let mut grid = valid.clone();
        change(&mut grid);
        let grid = Grid::TrellisRows(grid);
        let checked = grid.check(rows, cols, alphabet).map_err(CodecError::from);
        let encoded = encode(TensorKind::Linear, &codes, &grid, options).map(|_| ());
        checked.and(encoded).unwrap_err().to_string()
    };
    assert!(refused(|grid| grid.lag = 0, &options).contains("trellis lag"));
    assert!(refused(|grid| grid.lag = 6, &options).contains("trellis lag"));
    assert!(refused(|grid| grid.restart = 0, &options).contains("trellis restart"));
    assert!(refused(|grid| grid.restart = 50, &options).contains("trellis restart"));
    assert!(refused(|grid| grid.uniform.outliers[0].delta = 41, &options).contains("delta of an outlier"));
    let levels = |grid: &mut TrellisRows| {
        grid.uniform.levels = Some(FloatVec::from_f32(FloatType::F32, &[0.0; 16]));
    };
    assert!(refused(levels, &options).contains("levels"));
    let cut = EncodeOptions { tile: TileChoice::Block(16, 32), ..options };
    assert!(refused(|_| {}, &cut).contains("tile columns"));
    let wide = Grid::TrellisRows(valid.clone()).check(rows, cols, 129).unwrap_err();
    assert!(wide.to_string().contains("at most 128"), "{wide}");
}
