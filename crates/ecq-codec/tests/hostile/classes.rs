//! Classes of rows and columns.

use super::draft::{COLS, Draft, ROWS, bytes, edited, set_shape};
use ecq_codec::{CodecError, Tables, decode_codes, encode_classes};
use ecq_coding::{CodingError, Counts, FrequencyTable, Layout, rans};
use ecq_core::{Coding, CoreError, TensorContent, TensorPart};

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
