use super::*;
use crate::error::CodingError;
use crate::panel;
use crate::simd::Isa;
use crate::table::{Counts, FrequencyTable};

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

/// Decodes to panels, a row of each lane at a time.
fn by_panels(decoder: &Decoder, bytes: &[u8], layout: Layout) -> Vec<u8> {
    let mut reader = decoder.open(bytes, layout).unwrap();
    let stride = panel::bytes(layout.cols) + 64;
    let mut out = Vec::new();
    let mut panels = vec![0xee; layout.lanes.div_ceil(panel::ROWS) * stride];
    while reader.remaining_rows() > 0 {
        for row in 0..reader.read_panels(&mut panels, stride).unwrap() {
            let panel = &panels[row / panel::ROWS * stride..];
            out.extend((0..layout.cols).map(|col| panel[panel::offset(row % panel::ROWS, col)]));
        }
    }
    assert!(panels.chunks(stride).all(|panel| panel[stride - 64..] == [0xee; 64]));
    out
}

/// Decodes a few rows at a time.
fn in_steps(decoder: &Decoder, bytes: &[u8], layout: Layout) -> Vec<u8> {
    let mut reader = decoder.open(bytes, layout).unwrap();
    let mut out = Vec::new();
    let mut step = if layout.order == Order::Rows { layout.lanes } else { 1 };
    while reader.remaining_rows() > 0 {
        let rows = step.min(reader.remaining_rows());
        let mut some = vec![0xee; rows * layout.cols];
        reader.read_rows(rows, &mut some, layout.cols).unwrap();
        out.extend(some);
        step += if layout.order == Order::Rows { layout.lanes } else { 1 };
    }
    out
}

#[test]
fn every_tuple_layout_and_instruction_set_round_trips() {
    let mut runs = 0;
    for (alphabet, spread) in [(2usize, 1u64), (3, 2), (16, 1), (16, 6), (40, 8), (256, 3)] {
        for (rows, cols) in [(1, 1), (2, 3), (5, 7), (33, 64), (40, 65), (64, 131), (9, 576)] {
            let symbols = symbols(rows * cols, alphabet, spread);
            let table = FrequencyTable::new(&Counts::of(&symbols), alphabet as u16, 12).unwrap();
            for tuple in 1..=4 {
                for rarity in [0, 3, 15] {
                    let Ok(code) = PrefixCode::new(table.clone(), tuple, rarity) else { continue };
                    let (again, used) = PrefixCode::from_bytes(&code.to_bytes()).unwrap();
                    assert_eq!((used, &again.lengths), (code.to_bytes().len(), &code.lengths));
                    for (lanes, order) in
                        [(1, Order::Rows), (32, Order::Rows), (5, Order::Rows), (7, Order::Interleaved)]
                    {
                        let layout = Layout::new(rows, cols, lanes, order).unwrap();
                        let bytes = Encoder::new(&code).encode(&symbols, cols, layout).unwrap();
                        for isa in Isa::supported() {
                            let stride = cols + 5;
                            let mut out = vec![0xee; rows * stride];
                            Decoder::with_isa(&code, isa).decode(&bytes, layout, &mut out, stride).unwrap();
                            for (row, expected) in out.chunks(stride).zip(symbols.chunks(cols)) {
                                assert_eq!(&row[..cols], expected, "{tuple} {rarity} {layout:?} {isa:?}");
                                assert_eq!(row[cols..], [0xee; 5]);
                            }
                            let decoder = Decoder::with_isa(&code, isa);
                            assert_eq!(in_steps(&decoder, &bytes, layout), symbols);
                            if order == Order::Rows {
                                assert_eq!(
                                    by_panels(&decoder, &bytes, layout),
                                    symbols,
                                    "{layout:?} {isa:?}"
                                );
                            }
                            runs += 1;
                        }
                    }
                }
            }
        }
    }
    println!("{runs} decodes, instruction sets up to {:?}", Isa::detect());
}

#[test]
fn rate_is_within_two_percent_of_the_cross_entropy() {
    for spread in 2..12 {
        let layout = Layout::new(1536, 576, 32, Order::Rows).unwrap();
        let symbols = symbols(layout.symbols(), 16, spread);
        let counts = Counts::of(&symbols);
        let table = FrequencyTable::new(&counts, 16, 12).unwrap();
        let code = PrefixCode::best(&table, 0.01).unwrap();
        let bits = 8.0 * Encoder::new(&code).encode(&symbols, 576, layout).unwrap().len() as f64;
        let least = table.cost_bits(&counts);
        assert!(bits < 1.02 * least, "{} symbols per lookup: {}", code.tuple(), bits / least);
        assert!((code.cost_bits(&counts) / bits - 1.0).abs() < 0.005, "the estimate is off");
    }
}

#[test]
fn damaged_tiles_are_refused() {
    let symbols = symbols(40 * 51, 16, 5);
    let table = FrequencyTable::new(&Counts::of(&symbols), 16, 12).unwrap();
    for (tuple, rarity) in [(1, 15), (2, 1), (3, 0), (4, 0)] {
        let code = PrefixCode::new(table.clone(), tuple, rarity).unwrap();
        let layout = Layout::new(40, 51, 32, Order::Rows).unwrap();
        let bytes = Encoder::new(&code).encode(&symbols, 51, layout).unwrap();
        let decoder = Decoder::new(&code);
        let decode = |bytes: &[u8]| decoder.decode(bytes, layout, &mut vec![0; 40 * 51], 51);
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
        }
        assert!(matches!(decode(&bytes[..4]), Err(CodingError::Truncated { .. })));
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(matches!(decode(&longer), Err(CodingError::TrailingBytes { remaining: 1, .. })));
        let mut wide = bytes.clone();
        wide[4] = 33;
        assert!(matches!(decode(&wide), Err(CodingError::InvalidBytes { .. })));
        for byte in 0..bytes.len() {
            for bit in 0..8 {
                // A flip may decode to other symbols (checksums find those); it must not panic.
                let mut flipped = bytes.clone();
                flipped[byte] ^= 1 << bit;
                let _ = decode(&flipped);
            }
        }
        assert!(decode(&vec![0xff; bytes.len()]).is_err());
    }
}

#[test]
fn bad_parameters_are_refused() {
    let table = FrequencyTable::new(&Counts::of(&[0, 1, 2]), 256, 12).unwrap();
    for (tuple, rarity) in [(0, 0), (5, 0), (3, 0), (1, 16)] {
        let code = PrefixCode::new(table.clone(), tuple, rarity);
        assert!(matches!(code, Err(CodingError::Parameter { .. })), "{tuple} {rarity}");
    }
    assert!(matches!(PrefixCode::from_bytes(&[]), Err(CodingError::Truncated { .. })));
    assert!(matches!(PrefixCode::from_bytes(&[4, 0, 0]), Err(CodingError::InvalidBytes { .. })));
    let code = PrefixCode::new(table, 1, 15).unwrap();
    let layout = Layout::new(1, 2, 1, Order::Rows).unwrap();
    assert!(matches!(
        Encoder::new(&code).encode(&[1, 9], 2, layout),
        Err(CodingError::UncodedSymbol { symbol: 9, index: 1 })
    ));
}
