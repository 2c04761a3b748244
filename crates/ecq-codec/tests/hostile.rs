//! Damaged parts: every defect has its own error, and none costs memory or time beyond the parts.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed step fails the test")]

use bytes::Bytes;
use ecq_codec::encode::{CodingChoice, EncodeOptions, TileChoice, encode};
use ecq_codec::{
    CodecError, Tables, decode_codes, decode_codes_into, decode_grid, decode_raw, encode_classes,
    encode_outliers,
};
use ecq_coding::{CodingError, Counts, FrequencyTable, Layout, planes, rans};
use ecq_core::{
    Codes, Coding, CoreError, EncodedTensor, FloatType, FloatVec, Grid, GridEntry, LaneOrder, Minima,
    Outlier, RawEntry, SuperBlockLayout, SuperBlocks, TensorContent, TensorEntry, TensorKind, TensorPart,
    TensorParts, Tile, TrellisRows, UniformRows,
};

const ROWS: usize = 40;
const COLS: usize = 64;

/// What a tensor is made of, before anything is checked.
#[derive(Clone)]
struct Draft {
    entry: TensorEntry,
    parts: TensorParts,
}

impl Draft {
    fn tensor(self) -> Result<EncodedTensor, CodecError> {
        Ok(EncodedTensor::new(self.entry, self.parts)?)
    }
}

/// A sound tensor in two tiles with two tables.
fn tensor() -> Draft {
    let symbols: Vec<u8> = (0..ROWS * COLS).map(|i| (i * i % 11) as u8).collect();
    let tables = [&symbols[..32 * COLS], &symbols[32 * COLS..]]
        .map(|half| FrequencyTable::new(&Counts::of(half), 16, 12).unwrap());
    let tile = |rows, table: &FrequencyTable, symbols: &[u8]| {
        let layout = Layout::new(rows, COLS, 32, ecq_coding::Order::Rows).unwrap();
        rans::Encoder::new(table).encode(symbols, COLS, layout).unwrap()
    };
    let streams = [tile(32, &tables[0], &symbols), tile(8, &tables[1], &symbols[32 * COLS..])];
    let index: Vec<u8> = streams.iter().flat_map(|s| (s.len() as u32).to_le_bytes()).collect();
    let table = [vec![1], tables[0].to_bytes(), tables[1].to_bytes(), vec![0, 1]].concat();
    let scales = planes::encode(&[0; ROWS * COLS / 32 * 2], &[1, 1]).unwrap();
    let content = TensorContent::Codes {
        coding: Coding::Rans,
        alphabet: 16,
        tile: Tile { rows: 32, cols: COLS, lanes: 32, order: LaneOrder::Rows },
        classes: None,
        branch_tables: false,
        grid: GridEntry::AffineGroups {
            bits: 4,
            group_size: 32,
            dtype: FloatType::F16,
            zero: Some(8),
            zeros: false,
        },
    };
    Draft {
        entry: TensorEntry { kind: TensorKind::Linear, shape: [ROWS, COLS], content },
        parts: TensorParts::from([
            (TensorPart::Stream, Bytes::from(streams.concat())),
            (TensorPart::Index, index.into()),
            (TensorPart::Table, table.into()),
            (TensorPart::Scales, scales.into()),
        ]),
    }
}

fn edited(edit: impl Fn(&mut Draft)) -> Draft {
    let mut tensor = tensor();
    edit(&mut tensor);
    tensor
}

fn bytes(tensor: &mut Draft, part: TensorPart, edit: impl Fn(&mut Vec<u8>)) {
    let mut bytes = tensor.parts[&part].to_vec();
    edit(&mut bytes);
    tensor.parts.insert(part, bytes.into());
}

#[test]
fn the_sound_tensor_decodes() {
    let tensor = tensor().tensor().unwrap();
    let codes = decode_codes(&tensor).unwrap();
    assert!(codes.symbols().iter().enumerate().all(|(i, &q)| usize::from(q) == i * i % 11));
    assert!(decode_grid(&tensor).is_ok());
}

#[test]
fn every_lie_has_its_own_error() {
    use CodecError as E;
    let decode = |edit: &dyn Fn(&mut Draft)| edited(edit).tensor().and_then(|tensor| decode_codes(&tensor));
    for part in [TensorPart::Stream, TensorPart::Index, TensorPart::Table, TensorPart::Scales] {
        let missing = decode(&|t| drop(t.parts.remove(&part)));
        assert_eq!(missing, Err(E::Core(CoreError::MissingPart(part))));
    }
    assert!(matches!(
        decode(&|t| bytes(t, TensorPart::Index, |b| b.truncate(7))),
        Err(E::Core(CoreError::PartLength { part: TensorPart::Index, .. }))
    ));
    assert!(matches!(
        decode(&|t| bytes(t, TensorPart::Index, |b| b[0] ^= 1)),
        Err(E::Core(CoreError::PartLength { part: TensorPart::Stream, .. }))
    ));
    assert!(matches!(decode(&|t| bytes(t, TensorPart::Stream, |b| b[300] ^= 1)), Err(E::Tile { .. })));
    assert!(matches!(
        decode(&|t| bytes(t, TensorPart::Table, |b| b.clear())),
        Err(E::Part { part: TensorPart::Table, .. })
    ));
    assert!(matches!(
        decode(&|t| bytes(t, TensorPart::Table, |b| b.push(0))),
        Err(E::Core(CoreError::PartLength { part: TensorPart::Table, .. }))
    ));
    let last = |b: &mut Vec<u8>| *b.last_mut().unwrap() = 2;
    assert!(matches!(
        decode(&|t| bytes(t, TensorPart::Table, last)),
        Err(E::TableId { tile: 1, table: 2, tables: 2 })
    ));
    let wider = |t: &mut Draft| {
        if let TensorContent::Codes { alphabet, .. } = &mut t.entry.content {
            *alphabet = 15;
        }
    };
    assert!(matches!(decode(&wider), Err(E::TableAlphabet { found: 16, expected: 15, .. })));
    // Packed codes above the alphabet.
    let packed = |t: &mut Draft| {
        if let TensorContent::Codes { coding, alphabet, .. } = &mut t.entry.content {
            (*coding, *alphabet) = (Coding::Packed, 9);
        }
        [TensorPart::Table, TensorPart::Index].iter().for_each(|part| drop(t.parts.remove(part)));
        t.parts.insert(TensorPart::Stream, vec![0xff; ROWS * COLS / 2].into());
    };
    assert!(matches!(decode(&packed), Err(E::Core(CoreError::SymbolOutsideAlphabet { .. }))));
    let sound = tensor().tensor().unwrap();
    assert!(matches!(decode_codes_into(&sound, &mut [0; 7]), Err(E::Core(CoreError::Length { .. }))));
    // A matrix of 2^34 weights in a kilobyte.
    let huge = decode(&|t| set_shape(t, [1 << 20, 1 << 14]));
    assert!(matches!(huge, Err(E::Core(CoreError::PartLength { part: TensorPart::Stream, .. }))));
    let raw = |bytes: u64| {
        let raw = edited(|t| {
            t.entry.content = TensorContent::Raw(RawEntry { dtype: "f32".to_owned(), bytes });
            t.parts.retain(|&part, _| part == TensorPart::Stream);
        });
        raw.tensor()
    };
    assert!(matches!(raw(u64::MAX), Err(E::Core(CoreError::Parameter { what: "raw bytes", .. }))));
    let raw = raw(8 * (ROWS * COLS) as u64).unwrap();
    assert!(matches!(decode_raw(&raw), Err(E::Part { part: TensorPart::Stream, .. })));
    assert!(matches!(decode_codes(&raw), Err(E::Content { .. })));
    assert!(matches!(decode_raw(&sound), Err(E::Content { .. })));
}

/// Another shape, in one tile.
fn set_shape(draft: &mut Draft, shape @ [rows, cols]: [usize; 2]) {
    draft.entry.shape = shape;
    let TensorContent::Codes { tile, .. } = &mut draft.entry.content else { panic!() };
    (tile.rows, tile.cols) = (rows, cols);
    draft.parts.insert(TensorPart::Index, vec![0; 4].into());
}

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

#[test]
fn archives_check_their_model_before_they_grow_it() {
    use CodecError as E;
    let archive = |t: &mut Draft| {
        if let TensorContent::Codes { coding, .. } = &mut t.entry.content {
            *coding = Coding::Archive;
        }
    };
    let with_table = |table: &[u8]| {
        let table = table.to_vec();
        let draft = edited(|t| {
            archive(t);
            t.parts.insert(TensorPart::Table, table.clone().into());
        });
        decode_codes(&draft.tensor()?)
    };
    assert!(matches!(with_table(&[]), Err(E::Part { part: TensorPart::Table, .. })));
    assert!(matches!(with_table(&[4, 0, 1, 0]), Err(E::Part { .. })));
    assert!(matches!(with_table(&[0, 0, 17, 0]), Err(E::Part { .. })));
    let coarse = FrequencyTable::new(&Counts::of(&[1, 2, 3]), 16, 12).unwrap().to_bytes();
    assert!(matches!(with_table(&[&[0, 0, 1, 0][..], &coarse].concat()), Err(E::TableAlphabet { .. })));
    // 256 bases for groups of 8192 codes would be millions of tables.
    let many = edited(|t| {
        archive(t);
        set_shape(t, [1, 8192]);
        t.entry.content = match t.entry.content.clone() {
            TensorContent::Codes { coding, alphabet, .. } => TensorContent::Codes {
                coding,
                alphabet,
                tile: Tile { rows: 32, cols: 8192, lanes: 32, order: LaneOrder::Rows },
                classes: None,
                branch_tables: false,
                grid: GridEntry::AffineGroups {
                    bits: 4,
                    group_size: 8192,
                    dtype: FloatType::F16,
                    zero: Some(8),
                    zeros: false,
                },
            },
            raw => raw,
        };
        t.parts.insert(TensorPart::Table, vec![0, 255, 1, 0].into());
        t.parts.insert(TensorPart::Scales, planes::encode(&[0; 2], &[1, 1]).unwrap().into());
    });
    assert!(matches!(decode_codes(&many.tensor().unwrap()), Err(E::Part { part: TensorPart::Table, .. })));
    let narrow = edited(|t| {
        archive(t);
        if let TensorContent::Codes { tile, .. } = &mut t.entry.content {
            tile.cols = 32;
        }
        t.parts.insert(TensorPart::Index, vec![0; 4 * 4].into());
    });
    assert!(matches!(decode_codes(&narrow.tensor().unwrap()), Err(E::Content { .. })));
}

/// The sound tensor's codes with three classes of rows and two of columns.
fn classed() -> (Draft, usize) {
    let symbols: Vec<u8> = (0..ROWS * COLS).map(|i| (i * i % 11) as u8).collect();
    let class = |i: usize, n: usize| (i / 3 % n) as u8;
    let classes = rans::Classes::new(
        [3, 2],
        (0..ROWS).map(|row| class(row, 3)).collect(),
        (0..COLS).map(|col| class(col, 2)).collect(),
        None,
        vec![0, 1, 2, 0, 1, 2],
    )
    .unwrap();
    let table = |shift: u8| {
        let mut counts = Counts::of(&symbols);
        counts.add_many(shift, 5000);
        FrequencyTable::new(&counts, 16, 12).unwrap()
    };
    let tables = [table(0), table(4), table(9)];
    let encoder = rans::Encoder::with_classes(&tables, classes.clone()).unwrap();
    let tile = |row: usize, rows| {
        let layout = Layout::new(rows, COLS, 32, ecq_coding::Order::Rows).unwrap();
        encoder.encode_at([row, 0], &symbols[row * COLS..], COLS, layout).unwrap()
    };
    let streams = [tile(0, 32), tile(32, 8)];
    let index: Vec<u8> = streams.iter().flat_map(|s| (s.len() as u32).to_le_bytes()).collect();
    let tables: Vec<u8> = tables.iter().flat_map(FrequencyTable::to_bytes).collect();
    let choice = encode_classes(&classes, 3);
    // Six pairs at two bits, forty rows at two, sixty-four columns at one.
    assert_eq!(choice.len(), (6 * 2 + 40 * 2 + 64usize).div_ceil(8));
    let first = 1 + tables.len();
    let tensor = edited(|t| {
        set_classes(t, Some([3, 2]));
        t.parts.insert(TensorPart::Stream, streams.concat().into());
        t.parts.insert(TensorPart::Index, index.clone().into());
        t.parts.insert(TensorPart::Table, [&[2][..], &tables, &choice].concat().into());
    });
    (tensor, first)
}

fn set_classes(tensor: &mut Draft, to: Option<[u8; 2]>) {
    let TensorContent::Codes { classes, .. } = &mut tensor.entry.content else { panic!() };
    *classes = to;
}

#[test]
fn classes_choose_tables_and_lies_about_them_have_their_own_errors() {
    use CodecError as E;
    let (tensor, first) = classed();
    let codes = decode_codes(&tensor.clone().tensor().unwrap()).unwrap();
    assert!(codes.symbols().iter().enumerate().all(|(i, &q)| usize::from(q) == i * i % 11));
    let with = |edit: &dyn Fn(&mut Draft)| {
        let mut tensor = tensor.clone();
        edit(&mut tensor);
        decode_codes(&tensor.tensor()?).map(drop)
    };
    let table = |edit: &dyn Fn(&mut Vec<u8>)| with(&|t| bytes(t, TensorPart::Table, edit));
    let of_table = |result, is: fn(&CodingError) -> bool| match result {
        Err(E::Part { part: TensorPart::Table, source }) => is(&source),
        _ => false,
    };
    // The number 3 as the first pair's table, and as the class of row 0 (bits 12 and 13).
    let pair = table(&|b| b[first] |= 3);
    assert!(of_table(pair, |e| matches!(e, CodingError::MissingTable { pair: 0, table: 3, tables: 3 })));
    let row = table(&|b| b[first + 1] |= 0x30);
    assert!(of_table(row, |e| matches!(
        e,
        CodingError::ClassOutOfRange { index: 0, class: 3, classes: 3, .. }
    )));
    let wrong_length =
        |result| matches!(result, Err(E::Core(CoreError::PartLength { part: TensorPart::Table, .. })));
    assert!(wrong_length(table(&|b| b.truncate(b.len() - 1))));
    assert!(wrong_length(table(&|b| b.push(0))));
    for len in 0..tensor.parts[&TensorPart::Table].len() {
        assert!(table(&|b| b.truncate(len)).is_err(), "{len}");
    }
    // Other numbers of classes ask for other lengths, or are none.
    assert!(wrong_length(with(&|t| set_classes(t, Some([3, 3])))));
    assert!(wrong_length(with(&|t| set_classes(t, None))));
    for classes in [[0, 2], [3, 9], [255, 255]] {
        let refused = with(&|t| set_classes(t, Some(classes)));
        assert!(matches!(refused, Err(E::Core(CoreError::Parameter { what: "classes", .. }))), "{classes:?}");
    }
    let prefix = |t: &mut Draft| {
        let TensorContent::Codes { coding, .. } = &mut t.entry.content else { panic!() };
        *coding = Coding::Prefix;
    };
    let refused = with(&prefix);
    assert!(
        matches!(refused, Err(E::Core(CoreError::Parameter { what: "classes", .. }))),
        "only rANS has them"
    );
    // More tables than pairs; tables of unlike precision.
    let coarse = FrequencyTable::new(&Counts::of(&[1, 2, 3]), 16, 9).unwrap();
    let tables = |count: usize, table: &FrequencyTable, choice: &[u8]| {
        let fine = FrequencyTable::new(&Counts::of(&[1, 2, 3]), 16, 12).unwrap().to_bytes();
        [&[count as u8][..], &fine.repeat(count), &table.to_bytes(), choice].concat()
    };
    let one_pair = |part: Vec<u8>| {
        with(&|t| {
            set_classes(t, Some([1, 1]));
            t.parts.insert(TensorPart::Table, part.clone().into());
        })
    };
    let crowded = one_pair(tables(1, &coarse, &[0]));
    assert!(of_table(crowded, |e| matches!(e, CodingError::Parameter { what: "tables", .. })));
    let unlike = with(&|t| {
        set_classes(t, Some([1, 2]));
        // Two pairs at one bit, 64 columns at one.
        t.parts.insert(TensorPart::Table, tables(1, &coarse, &[0b10, 0, 0, 0, 0, 0, 0, 0, 0]).into());
    });
    assert!(of_table(unlike, |e| matches!(
        e,
        CodingError::MixedPrecision { table: 1, found: 9, expected: 12 }
    )));
    // A matrix of 2^34 weights, all of one class, in a kilobyte.
    let mut huge = tensor.clone();
    set_classes(&mut huge, Some([1, 1]));
    set_shape(&mut huge, [1 << 28, COLS]);
    let huge = huge.tensor().unwrap();
    let refused = Err(decode_codes(&huge).unwrap_err());
    assert!(matches!(refused, Err(E::Core(CoreError::PartLength { part: TensorPart::Stream, .. }))));
    assert_eq!(Tables::rans(&huge).map(drop), refused, "before room is made for classes");
}

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

/// Codes and a grid of super-blocks.
fn super_blocks(layout: SuperBlockLayout, rows: usize, cols: usize) -> (Codes, SuperBlocks) {
    let alphabet = layout.alphabet();
    let symbols = (0..rows * cols).map(|i| (i * i % 97 % usize::from(alphabet)) as u8).collect();
    let (blocks, groups) = (rows * cols / 256, rows * cols / layout.group_size());
    // Every bit pattern of a step comes back, NaN too.
    let steps = |first: u16| {
        let bytes = (0..blocks).flat_map(|i| first.wrapping_add((997 * i) as u16).to_le_bytes()).collect();
        FloatVec::new(FloatType::F16, bytes).unwrap()
    };
    let (lowest, highest) = (i64::from(*layout.scales().start()), i64::from(*layout.scales().end()));
    let scale = |i: usize| (lowest + (i * 31) as i64 % (highest - lowest + 1)) as i8;
    let minima = layout.largest_minimum().map(|largest| Minima {
        steps: steps(0x7c01),
        values: (0..groups).map(|i| (i * 29 % (usize::from(largest) + 1)) as u8).collect(),
    });
    let scales = (0..groups).map(scale).collect();
    let codes = Codes::new(rows, cols, alphabet, symbols).unwrap();
    (codes, SuperBlocks { layout, steps: steps(0x2c00), scales, minima })
}

#[test]
fn super_blocks_come_back_in_every_coding_and_tile() {
    for layout in SuperBlockLayout::ALL {
        let (codes, grid) = super_blocks(layout, 40, 512);
        let grid = Grid::SuperBlocks(grid);
        for coding in [Coding::Packed, Coding::Rans, Coding::Prefix] {
            for tile in [TileChoice::Auto, TileChoice::Matrix, TileChoice::Row, TileChoice::Block(16, 48)] {
                let coding = CodingChoice::Only(coding);
                let options = EncodeOptions { coding, tile, hybrid_percent: 0.0, ..EncodeOptions::default() };
                let (tensor, _) = encode(TensorKind::Linear, &codes, &grid, &options).unwrap();
                assert_eq!(decode_codes(&tensor).unwrap(), codes, "{} {options:?}", layout.name());
                assert_eq!(decode_grid(&tensor).unwrap(), grid, "{} {options:?}", layout.name());
            }
        }
        // The archive coding has no model for super-blocks: rANS is chosen instead.
        let coding = CodingChoice::Only(Coding::Archive);
        let options = EncodeOptions { coding, hybrid_percent: 0.0, ..EncodeOptions::default() };
        let (tensor, plan) = encode(TensorKind::Linear, &codes, &grid, &options).unwrap();
        assert_eq!((plan.coding, decode_codes(&tensor).unwrap()), (Coding::Rans, codes));
    }
}

#[test]
fn lies_of_super_blocks_have_their_own_errors() {
    use CodecError as E;
    let (rows, cols) = (6, 512);
    let parameter = |refused: Result<(), CoreError>| match refused {
        Err(CoreError::Parameter { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    for layout in SuperBlockLayout::ALL {
        let (codes, valid) = super_blocks(layout, rows, cols);
        let alphabet = layout.alphabet();
        let check = |change: &dyn Fn(&mut SuperBlocks)| {
            let mut grid = valid.clone();
            change(&mut grid);
            Grid::SuperBlocks(grid).check(rows, cols, alphabet)
        };
        assert_eq!(check(&|_| {}), Ok(()));
        // Defects of the grid.
        let length = |what| Err(CoreError::Length { what, found: 0, expected: 0 });
        let of = |result: Result<(), CoreError>| match result {
            Err(CoreError::Length { what, .. }) => length(what),
            other => other,
        };
        assert_eq!(of(check(&|grid| grid.scales.truncate(1))), length("scales"));
        let short = FloatVec::from_f32(FloatType::F16, &[1.0; 11]);
        assert_eq!(of(check(&|grid| grid.steps = short.clone())), length("steps of scales"));
        let wide = FloatVec::from_f32(FloatType::F32, &[1.0; 12]);
        assert_eq!(parameter(check(&|grid| grid.steps = wide.clone())), "bits of a step");
        if layout != SuperBlockLayout::Q6K {
            let above = layout.scales().end() + 1;
            let below = layout.scales().start() - 1;
            for scale in [above, below] {
                assert_eq!(parameter(check(&|grid| grid.scales[7] = scale)), "byte of a scale");
            }
        }
        match layout.largest_minimum() {
            Some(largest) => {
                let with =
                    |change: &dyn Fn(&mut Minima)| check(&|grid| grid.minima.iter_mut().for_each(change));
                assert_eq!(parameter(with(&|minima| minima.values[9] = largest + 1)), "minimum");
                assert_eq!(of(with(&|minima| minima.values.truncate(1))), length("minima"));
                assert_eq!(of(with(&|minima| minima.steps = short.clone())), length("steps of minima"));
                assert_eq!(parameter(with(&|minima| minima.steps = wide.clone())), "bits of a step");
                assert_eq!(parameter(check(&|grid| grid.minima = None)), "number of minima");
            }
            None => {
                let values = vec![0; valid.scales.len()];
                let minima = Minima { steps: valid.steps.clone(), values };
                let refused = check(&|grid| grid.minima = Some(minima.clone()));
                assert_eq!(parameter(refused), "number of minima");
            }
        }
        let grid = Grid::SuperBlocks(valid.clone());
        assert_eq!(parameter(grid.check(rows, cols, alphabet - 1)), "alphabet");
        assert_eq!(parameter(grid.check(rows, cols - 1, alphabet)), "columns");

        // Defects of the entry.
        let options = EncodeOptions::default();
        let (tensor, _) = encode(TensorKind::Linear, &codes, &grid, &options).unwrap();
        let (entry, parts) = tensor.into_parts();
        let sound = Draft { entry, parts };
        let with = |edit: &dyn Fn(&mut Draft)| {
            let mut draft = sound.clone();
            edit(&mut draft);
            decode_grid(&draft.tensor()?)
        };
        assert_eq!(with(&|_| {}), Ok(grid.clone()));
        let set = |draft: &mut Draft, size: u16, width: SuperBlockLayout| {
            if let TensorContent::Codes { alphabet, grid, .. } = &mut draft.entry.content {
                *alphabet = size;
                *grid = GridEntry::SuperBlocks { layout: width };
            }
        };
        let refused = |result: Result<Grid, CodecError>| match result {
            Err(E::Core(CoreError::Parameter { what, .. })) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(with(&|draft| set(draft, alphabet - 1, layout))), "alphabet");
        assert_eq!(refused(with(&|draft| draft.entry.shape = [rows, cols - 32])), "columns");
        for other in SuperBlockLayout::ALL.into_iter().filter(|other| *other != layout) {
            assert_eq!(refused(with(&|draft| set(draft, alphabet, other))), "alphabet");
            // With its alphabet, the parts or their lengths are wrong, unless both have the same groups.
            if (other.groups(), other.largest_minimum().is_some())
                != (layout.groups(), layout.largest_minimum().is_some())
            {
                let both = with(&|draft| set(draft, other.alphabet(), other));
                assert!(both.is_err(), "{} as {}", layout.name(), other.name());
            }
        }

        // Defects of the side data.
        let mut of_grid = vec![TensorPart::Scales];
        if layout.largest_minimum().is_some() {
            of_grid.push(TensorPart::Biases);
        }
        for part in of_grid {
            let missing = with(&|draft| drop(draft.parts.remove(&part)));
            assert_eq!(missing, Err(E::Core(CoreError::MissingPart(part))));
            let cut = with(&|draft| bytes(draft, part, |b| b.truncate(b.len() - 1)));
            assert!(matches!(cut, Err(E::Part { part: p, .. }) if p == part), "{part:?} {cut:?}");
            let longer = with(&|draft| bytes(draft, part, |b| b.push(0)));
            assert!(matches!(longer, Err(E::Part { part: p, .. }) if p == part), "{part:?} {longer:?}");
            if layout != SuperBlockLayout::Q6K {
                // Integers outside the range of the layout.
                let fields = [1, 1, layout.groups()];
                let out = vec![0x77; 12 * (2 + layout.groups())];
                let coded = planes::encode(&out, &fields).unwrap();
                let outside = with(&|draft| drop(draft.parts.insert(part, coded.clone().into())));
                let what = if part == TensorPart::Scales { "byte of a scale" } else { "minimum" };
                assert_eq!(refused(outside), what);
            }
        }
        if layout.largest_minimum().is_none() {
            let stray = with(&|draft| drop(draft.parts.insert(TensorPart::Biases, Bytes::new())));
            assert_eq!(stray, Err(E::Core(CoreError::StrayPart(TensorPart::Biases))));
        }
    }
    // A matrix of 2^34 weights whose side data are a few bytes.
    let (codes, grid) = super_blocks(SuperBlockLayout::Q4K, rows, cols);
    let coding = CodingChoice::Only(Coding::Rans);
    let options = EncodeOptions { coding, hybrid_percent: 0.0, ..EncodeOptions::default() };
    let (tensor, _) = encode(TensorKind::Linear, &codes, &Grid::SuperBlocks(grid), &options).unwrap();
    let (entry, parts) = tensor.into_parts();
    let mut huge = Draft { entry, parts };
    set_shape(&mut huge, [1 << 25, cols]);
    let refused = decode_grid(&huge.tensor().unwrap());
    assert!(matches!(refused, Err(E::Part { part: TensorPart::Scales, .. })), "before room is made for it");
}
