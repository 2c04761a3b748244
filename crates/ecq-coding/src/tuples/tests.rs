use super::code::Tuple;
use super::*;
use crate::error::CodingError;
use crate::table::{Counts, FrequencyTable};
use std::collections::HashMap;

/// Integers of a triangular-to-normal distribution around `alphabet / 2`.
fn symbols(n: usize, alphabet: usize, spread: u64) -> Vec<u8> {
    let mut x = 0x1234_5678_9abc_def1u64;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x >> 11
    };
    (0..n).map(|_| ((0..spread).map(|_| next() % alphabet as u64).sum::<u64>() / spread) as u8).collect()
}

fn code_of(symbols: &[u8], alphabet: usize, tuple: usize, width: u32, even: bool) -> TupleCode {
    let table = FrequencyTable::new(&Counts::of(symbols), alphabet as u16, 12).unwrap();
    TupleCode::best(&table, tuple, width, (alphabet / 2) as u8, even).unwrap()
}

fn encode(code: &TupleCode, symbols: &[u8], shape: Shape) -> Encoded {
    Encoder::new(code).encode(symbols, shape).unwrap()
}

fn decode(code: &TupleCode, encoded: &Encoded, shape: Shape) -> Result<Vec<u8>, CodingError> {
    let mut out = vec![0xee; shape.rows() * shape.cols()];
    let index = Index::parse(&encoded.index, encoded.stream.len(), shape)?;
    Decoder::new(code).decode(&index, &encoded.stream, &mut out).map(|()| out)
}

/// Decodes one bit at a time, each segment by itself; `corrected` or as in the stream.
fn oracle(code: &TupleCode, encoded: &Encoded, shape: Shape, corrected: bool) -> Vec<u8> {
    let index = Index::parse(&encoded.index, encoded.stream.len(), shape).unwrap();
    let bit = |lane: usize, at: usize| {
        let word = at / 32 * STREAM_ROW_BYTES + 4 * lane;
        let word = u32::from_le_bytes(encoded.stream[word..word + 4].try_into().unwrap());
        word >> (31 - at % 32) & 1
    };
    let words: HashMap<(u8, u32), Tuple> =
        code.items.iter().map(|item| ((item.length, item.codeword.into()), item.symbols)).collect();
    let mut out = vec![None; shape.rows() * shape.cols()];
    for tile in 0..shape.tiles() {
        for segment in 0..shape.segments() {
            let mut put = |row: usize, col: usize, change: &dyn Fn(Option<i32>) -> i32| {
                let (row, col) = (16 * tile + row, shape.first_col(segment) + col);
                if row < shape.rows() && col < shape.cols() {
                    let place = &mut out[row * shape.cols() + col];
                    *place = Some(change(*place));
                }
            };
            let entry = index.segment(tile, segment);
            for (lane, &start) in index.starts(tile, segment).iter().enumerate() {
                let mut at = entry.row * 32 + usize::from(start);
                for group in 0..shape.groups_of(segment) {
                    for f in 0..4 {
                        let (mut length, mut codeword) = (0, 0);
                        let tuple = loop {
                            (length, codeword) = (length + 1, codeword << 1 | bit(lane, at));
                            at += 1;
                            if let Some(tuple) = words.get(&(length, codeword)) {
                                break tuple;
                            }
                        };
                        let row = lane / 4 + 8 * (f & 1);
                        let col = group * 8 * code.tuple() + (f >> 1) * 4 * code.tuple();
                        for (i, &symbol) in tuple[..code.tuple()].iter().enumerate() {
                            put(row, col + lane % 4 * code.tuple() + i, &|before| {
                                assert_eq!(before, None, "a symbol is decoded once");
                                symbol.into()
                            });
                        }
                    }
                }
            }
            for entry in index.corrections(entry, index.segment(tile, segment + 1)) {
                let magnitude = [1, 2, 4, 16][usize::from(entry >> 13 & 3)] * if code.even() { 2 } else { 1 };
                let delta = if entry >> 15 == 1 { -magnitude } else { magnitude };
                if corrected {
                    put((entry & 15).into(), (entry >> 4 & 511).into(), &|before| before.unwrap() + delta);
                }
            }
        }
    }
    out.into_iter().map(|symbol| u8::try_from(symbol.unwrap()).unwrap()).collect()
}

#[test]
fn every_shape_and_parameter_round_trips_and_equals_the_oracle() {
    let mut runs = 0;
    let shapes = [(1, 1), (2, 3), (16, 24), (17, 25), (5, 300), (33, 64), (40, 1031), (64, 512)];
    for (alphabet, spread) in [(2usize, 1u64), (3, 2), (8, 3), (16, 1), (25, 6), (120, 3)] {
        for (rows, cols) in shapes {
            let symbols = symbols(rows * cols, alphabet, spread);
            if symbols.iter().all(|&s| s == symbols[0]) && rows * cols > 1 {
                continue;
            }
            for (tuple, width, segment_groups) in
                [(2, 9, 3), (3, 10, 11), (4, 10, 10), (3, 7, 1), (2, 12, 20)]
            {
                for even in [false, true] {
                    let table = FrequencyTable::new(&Counts::of(&symbols), alphabet as u16, 12).unwrap();
                    let zero = (alphabet / 2) as u8;
                    let Ok(code) = TupleCode::best(&table, tuple, width, zero, even) else { continue };
                    let bytes = code.to_bytes();
                    let (again, used) = TupleCode::from_bytes(&bytes).unwrap();
                    assert_eq!((used, &again.items), (bytes.len(), &code.items));
                    let shape = Shape::new(rows, cols, tuple, segment_groups).unwrap();
                    let encoded = match Encoder::new(&code).encode(&symbols, shape) {
                        Ok(encoded) => encoded,
                        // Parities that no coded tuple has, or more corrections than an index holds.
                        Err(CodingError::UncodedSymbol { .. }) if even => continue,
                        Err(error) => panic!("{error}: {rows}x{cols} {tuple} {width}"),
                    };
                    assert_eq!(decode(&code, &encoded, shape).unwrap(), symbols, "{shape:?} {even}");
                    assert_eq!(oracle(&code, &encoded, shape, true), symbols, "{shape:?} {even}");
                    runs += 1;
                }
            }
        }
    }
    assert!(runs > 300, "{runs} runs");
}

#[test]
fn spreads_trade_bits_for_reach() {
    let symbols = symbols(48 * 2000, 16, 4);
    let code = code_of(&symbols, 16, 3, 10, false);
    let shape = Shape::new(48, 2000, 3, 4).unwrap();
    let mut last = (usize::MAX, 0);
    for spread in [0, 32, 96, 224] {
        let encoded = Encoder::new(&code).spread(spread).encode(&symbols, shape).unwrap();
        assert_eq!(decode(&code, &encoded, shape).unwrap(), symbols);
        let reach = Index::parse(&encoded.index, encoded.stream.len(), shape).unwrap().reach();
        assert!(encoded.stream.len() <= last.0 && reach >= last.1, "spread {spread}");
        assert!(reach <= spread / 32 + 2, "spread {spread}: reach {reach}");
        last = (encoded.stream.len(), reach);
    }
}

#[test]
fn even_corrections_keep_the_parities_of_the_stream() {
    let symbols = symbols(32 * 480, 64, 2);
    let code = code_of(&symbols, 64, 3, 8, true);
    let shape = Shape::new(32, 480, 3, 10).unwrap();
    let encoded = encode(&code, &symbols, shape);
    let uncorrected = oracle(&code, &encoded, shape, false);
    assert_ne!(uncorrected, symbols);
    assert!(uncorrected.iter().zip(&symbols).all(|(a, b)| a % 2 == b % 2));
}

#[test]
fn registers_hold_lengths_and_values() {
    let symbols = symbols(4000, 8, 3);
    for (tuple, even) in [(2, false), (3, false), (3, true), (4, false), (4, true)] {
        let code = code_of(&symbols, 8, tuple, 10, even);
        let registers = code.registers();
        assert_eq!(registers.len(), 1 << 10);
        for item in &code.items {
            let index = usize::from(item.codeword) << (10 - item.length);
            let bytes = registers[index].to_le_bytes();
            assert_eq!(bytes[0] & 31, item.length);
            for i in 0..tuple {
                let value = i32::from(item.symbols[i]) - 4;
                let byte = i32::from(bytes[if tuple == 4 { i } else { i + 1 }] as i8);
                let expected = if tuple == 4 { 32 * value } else { value << u8::from(even) };
                assert_eq!(if tuple == 4 { byte & !31 } else { byte }, expected);
            }
        }
    }
}

#[test]
fn rates_are_near_the_entropy() {
    for (alphabet, spread, tuple, width, most) in
        [(11, 8, 3, 10, 1.05), (20, 8, 2, 9, 1.05), (5, 8, 4, 10, 1.06)]
    {
        let symbols = symbols(1024 * 1024, alphabet, spread);
        let entropy = Counts::of(&symbols).entropy_bits();
        let code = code_of(&symbols, alphabet, tuple, width, false);
        let ratio = code.bits_per_symbol() / entropy;
        assert!((1.0..most).contains(&ratio), "{alphabet} {tuple} {width}: {ratio} of {entropy}");
        let shape = Shape::new(1024, 1024, tuple, 264 / 8 / tuple).unwrap();
        let encoded = encode(&code, &symbols, shape);
        let bits = 8.0 * (encoded.index.len() + encoded.stream.len()) as f64 / symbols.len() as f64;
        assert!(bits / entropy < most + 0.065, "{bits} of {entropy}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    let symbols = symbols(20 * 130, 40, 2);
    let code = code_of(&symbols, 40, 3, 8, false);
    let shape = Shape::new(20, 130, 3, 2).unwrap();
    let encoded = encode(&code, &symbols, shape);
    assert!(decode(&code, &encoded, shape).is_ok());
    for len in 0..encoded.index.len() {
        let short = Encoded { index: encoded.index[..len].to_vec(), ..encoded.clone() };
        assert!(decode(&code, &short, shape).is_err(), "index of {len} bytes");
    }
    let longer = Encoded { index: [&encoded.index[..], &[0]].concat(), ..encoded.clone() };
    assert!(matches!(decode(&code, &longer, shape), Err(CodingError::TrailingBytes { .. })));
    for len in 0..encoded.stream.len() {
        let short = Encoded { stream: encoded.stream[..len].to_vec(), ..encoded.clone() };
        assert!(decode(&code, &short, shape).is_err(), "stream of {len} bytes");
    }
    let bytes = code.to_bytes();
    for len in 0..bytes.len() {
        assert!(TupleCode::from_bytes(&bytes[..len]).is_err(), "code of {len} bytes");
    }
}

#[test]
fn flipped_bits_give_errors_or_symbols_of_the_alphabet() {
    let symbols = symbols(18 * 100, 30, 2);
    let code = code_of(&symbols, 30, 3, 8, false);
    let shape = Shape::new(18, 100, 3, 2).unwrap();
    let encoded = encode(&code, &symbols, shape);
    let (mut errors, mut decoded) = (0, 0);
    let mut check = |code: &TupleCode, encoded: &Encoded| match decode(code, encoded, shape) {
        Ok(symbols) => {
            assert!(symbols.iter().all(|&s| usize::from(s) < code.table().alphabet()));
            decoded += 1;
        }
        Err(_) => errors += 1,
    };
    for bit in 0..8 * encoded.index.len() {
        let mut damaged = encoded.clone();
        damaged.index[bit / 8] ^= 1 << (bit % 8);
        check(&code, &damaged);
    }
    for bit in 0..8 * encoded.stream.len() {
        let mut damaged = encoded.clone();
        damaged.stream[bit / 8] ^= 1 << (bit % 8);
        check(&code, &damaged);
    }
    for bit in 0..8 * code.to_bytes().len() {
        let mut bytes = code.to_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        if let Ok((code, _)) = TupleCode::from_bytes(&bytes) {
            check(&code, &encoded);
        }
    }
    assert!(errors > 1000 && decoded > 1000, "{errors} errors, {decoded} decoded");
}

#[test]
fn parameters_out_of_range_are_refused() {
    let symbols = symbols(600, 16, 2);
    let table = FrequencyTable::new(&Counts::of(&symbols), 16, 12).unwrap();
    let named = |result: Result<TupleCode, CodingError>| match result {
        Err(CodingError::Parameter { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(named(TupleCode::new(table.clone(), 1, 10, 100, 8, false)), "symbols per tuple");
    assert_eq!(named(TupleCode::new(table.clone(), 3, 3, 8, 8, false)), "bits of the longest codeword");
    assert_eq!(named(TupleCode::new(table.clone(), 3, 13, 8, 8, false)), "bits of the longest codeword");
    assert_eq!(named(TupleCode::new(table.clone(), 3, 10, 1, 8, false)), "coded tuples");
    assert_eq!(named(TupleCode::new(table.clone(), 3, 10, 1025, 8, false)), "coded tuples");
    // No value of four is in -4 to 3.
    assert_eq!(named(TupleCode::new(table.clone(), 4, 10, 100, 200, false)), "coded tuples");
    for (rows, cols, tuple, groups) in [
        (0, 5, 3, 1),
        (5, 0, 3, 1),
        (5, 5, 1, 1),
        (5, 5, 5, 1),
        (5, 5, 3, 0),
        (5, 5, 3, 22),
        (1 << 40, 1 << 30, 3, 1),
    ] {
        assert!(matches!(Shape::new(rows, cols, tuple, groups), Err(CodingError::Parameter { .. })));
    }
    let code = TupleCode::new(table, 3, 10, 100, 8, false).unwrap();
    let shape = Shape::new(20, 30, 2, 1).unwrap();
    let wrong = Encoder::new(&code).encode(&symbols, shape);
    assert!(matches!(wrong, Err(CodingError::Parameter { what: "symbols per tuple", .. })));
    let wrong = Encoder::new(&code).encode(&symbols[1..], Shape::new(20, 30, 3, 1).unwrap());
    assert!(matches!(wrong, Err(CodingError::Parameter { what: "symbols", .. })));
}

#[test]
fn damaged_fields_of_the_index_are_named() {
    let symbols = symbols(40 * 100, 30, 2);
    let code = code_of(&symbols, 30, 3, 8, false);
    let shape = Shape::new(40, 100, 3, 2).unwrap();
    let encoded = encode(&code, &symbols, shape);
    let edited = |at: usize, byte: u8| {
        let mut damaged = encoded.clone();
        damaged.index[at] = byte;
        decode(&code, &damaged, shape)
    };
    let at_byte = |result| match result {
        Err(CodingError::InvalidBytes { at, .. }) => at,
        other => panic!("{other:?}"),
    };
    assert_eq!(at_byte(edited(4, 1)), 4); // reserved
    assert_eq!(at_byte(edited(8, 1)), 8); // first tile
    let end = 8 + 8 * shape.tiles();
    assert_eq!(at_byte(edited(end, 0xff)), end); // end of the stream
    let segments = end + 8;
    assert_eq!(at_byte(edited(segments + 5, 0xff)), segments); // row of a segment
    let starts = (segments + 4 * shape.tiles() * shape.segments()).next_multiple_of(16);
    assert!(matches!(edited(starts, 255), Err(CodingError::SegmentEnd { tile: 0, segment: 0, lane: 0, .. })));
    let corrections = starts + 32 * shape.tiles() * shape.segments();
    // Row 15 of the last tile is outside the matrix.
    let last = encoded.index.len() - 2;
    assert!(last >= corrections);
    assert_eq!(at_byte(edited(last, encoded.index[last] | 15)) % 2, 0);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn any_symbols_round_trip(
        rows in 1usize..40, cols in 1usize..200, tuple in 2usize..5, width in 6u32..12,
        groups in 1usize..17, spread in 0usize..256, seed in proptest::collection::vec(0u8..=255, 1..300),
    ) {
        let symbols: Vec<u8> = (0..rows * cols).map(|i| seed[i * i % seed.len()] % 100).collect();
        let table = FrequencyTable::new(&Counts::of(&symbols), 100, 12).unwrap();
        if let Ok(code) = TupleCode::best(&table, tuple, width, 50, false) {
            let shape = Shape::new(rows, cols, tuple, groups.min(340 / 8 / tuple)).unwrap();
            let encoded = Encoder::new(&code).spread(spread).encode(&symbols, shape).unwrap();
            proptest::prop_assert_eq!(decode(&code, &encoded, shape).unwrap(), symbols);
        }
    }
}
