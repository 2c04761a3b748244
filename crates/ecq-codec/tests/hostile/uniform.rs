//! Uniform grids: steps, column scales, levels and outliers.

use super::draft::{COLS, Draft, ROWS, bytes, edited};
use bytes::Bytes;
use ecq_codec::{CodecError, decode_grid, encode_outliers};
use ecq_coding::planes;
use ecq_core::{
    CoreError, FloatType, FloatVec, Grid, GridEntry, LaneOrder, Outlier, TensorContent, TensorPart, Tile,
    UniformRows,
};

/// The sound tensor's codes on a uniform grid with every kind of side data.
fn uniform() -> (Draft, UniformRows) {
    let grid = UniformRows {
        zero: 5,
        steps: FloatVec::from_f32(FloatType::Bf16, &(1..=ROWS).map(|i| i as f32 / 64.0).collect::<Vec<_>>()),
        col_scales: Some(FloatVec::from_f32(
            FloatType::F16,
            &(1..=COLS).map(|i| 2.0 / i as f32).collect::<Vec<_>>(),
        )),
        levels: Some(FloatVec::from_f32(
            FloatType::F32,
            &(0..16).map(|i| i as f32 - 4.9).collect::<Vec<_>>(),
        )),
        outliers: [(3, -700), (64, 12), (32 * 64, i32::MAX), (40 * 64 - 1, i32::MIN)]
            .map(|(index, delta)| Outlier { index, delta })
            .to_vec(),
    };
    let tensor = edited(|t| {
        let TensorContent::Codes { grid: entry, tile, .. } = &mut t.entry.content else { panic!() };
        *entry = GridEntry::UniformRows {
            zero: 5,
            dtype: FloatType::Bf16,
            per_row: true,
            columns: Some(FloatType::F16),
            levels: Some(FloatType::F32),
            outliers: Some(4),
        };
        let floats = |v: &FloatVec| Bytes::from(planes::encode(v.as_bytes(), &[1, 1]).unwrap());
        t.parts.insert(TensorPart::Scales, floats(&grid.steps));
        t.parts.insert(TensorPart::Columns, floats(grid.col_scales.as_ref().unwrap()));
        t.parts.insert(TensorPart::Levels, floats(grid.levels.as_ref().unwrap()));
        let outliers = encode_outliers(&grid.outliers, *tile, [ROWS, COLS]);
        t.parts.insert(TensorPart::Outliers, outliers.into());
    });
    (tensor, grid)
}

#[test]
fn uniform_grids_come_back_and_mean_what_they_say() {
    let (tensor, expected) = uniform();
    let decoded = |draft: Draft| decode_grid(&draft.tensor().unwrap()).unwrap();
    assert_eq!(decoded(tensor.clone()), Grid::UniformRows(expected.clone()));
    // Tiles side by side hold the outliers of a row apart.
    let tile = Tile { rows: 16, cols: 24, lanes: 4, order: LaneOrder::Interleaved };
    let beside = edited(|t| {
        *t = tensor.clone();
        let TensorContent::Codes { tile: of_tensor, .. } = &mut t.entry.content else { panic!() };
        *of_tensor = tile;
        let outliers = encode_outliers(&expected.outliers, tile, [ROWS, COLS]);
        t.parts.insert(TensorPart::Outliers, outliers.into());
        t.parts.insert(TensorPart::Index, vec![0; 9 * 4].into());
    });
    assert_eq!(decoded(beside), Grid::UniformRows(expected.clone()));
    let symbols: Vec<u8> = (0..COLS).map(|i| (i % 16) as u8).collect();
    let mut weights = vec![0.0; COLS];
    Grid::UniformRows(expected).dequantize_row(0, &symbols, &mut weights);
    assert_eq!(weights[0], 1.0 / 64.0 * -4.9f32 * 2.0);
    assert_eq!(
        weights[3],
        1.0 / 64.0 * (3.0 - 700.0 - 5.0) * 0.5,
        "an outlier is on the grid, not on a level"
    );
}

#[test]
fn lies_of_a_uniform_grid_have_their_own_errors() {
    use CodecError as E;
    let (tensor, grid) = uniform();
    let with = |edit: &dyn Fn(&mut Draft)| {
        let mut tensor = tensor.clone();
        edit(&mut tensor);
        decode_grid(&tensor.tensor()?)
    };
    for part in [TensorPart::Scales, TensorPart::Columns, TensorPart::Levels, TensorPart::Outliers] {
        let missing = with(&|t| drop(t.parts.remove(&part)));
        assert_eq!(missing, Err(E::Core(CoreError::MissingPart(part))));
        let cut = with(&|t| bytes(t, part, |b| b.truncate(b.len() - 1)));
        match part {
            TensorPart::Outliers => assert!(matches!(cut, Err(E::Outlier { outlier: 3, .. }))),
            _ => assert!(matches!(cut, Err(E::Part { part: p, .. }) if p == part), "{part:?}"),
        }
    }
    let count = |n: u64| {
        with(&|t| {
            let TensorContent::Codes { grid: GridEntry::UniformRows { outliers, .. }, .. } =
                &mut t.entry.content
            else {
                panic!()
            };
            *outliers = Some(n);
        })
    };
    assert!(matches!(count(3), Err(E::Outlier { .. })) && matches!(count(5), Err(E::Outlier { .. })));
    assert!(matches!(count(1 << 40), Err(E::Core(CoreError::Parameter { what: "outliers", .. }))));
    assert!(matches!(
        count((ROWS * COLS) as u64),
        Err(E::Core(CoreError::PartLength { part: TensorPart::Outliers, .. }))
    ));
    let part = |part: &[u8]| with(&|t| drop(t.parts.insert(TensorPart::Outliers, part.to_vec().into())));
    // Two tiles of 32 x 64 and 8 x 64.
    let sound = [2, 3, 2, 60, 2, 2, 0, 2, 0x80, 1, 2];
    assert!(part(&sound).is_ok());
    assert!(matches!(part(&sound[..10]), Err(E::Outlier { outlier: 3, .. })));
    assert!(matches!(part(&[&sound[..], &[0]].concat()), Err(E::Outlier { outlier: 4, .. })));
    assert!(matches!(part(&[3, 3, 2, 60, 2, 0, 0, 2, 0, 2]), Err(E::Outlier { outlier: 3, .. })));
    assert!(matches!(part(&[5, 0, 2, 0, 2, 0, 2, 0, 2, 0, 2]), Err(E::Outlier { outlier: 0, .. })));
    assert!(matches!(part(&[2, 3, 2, 60, 2, 2, 0, 2, 0xff, 3, 2]), Err(E::Outlier { outlier: 3, .. })));
    assert!(matches!(
        part(&[2, 3, 2, 60, 2, 2, 0, 0x80, 0x80, 0x80, 0x80, 0x10, 0, 2]),
        Err(E::Outlier { outlier: 2, .. })
    ));
    assert!(matches!(part(&[0xff; 40]), Err(E::Outlier { outlier: 0, .. })));
    assert_eq!(grid.outliers.len(), 4);
}
