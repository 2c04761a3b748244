//! Arbitrary tables and streams for rANS, decoded with every instruction set, which must agree; and round
//! trips of symbols.
#![no_main]
#![allow(clippy::expect_used, reason = "a panic is a finding")]

use ecq::coding::{Counts, FrequencyTable, Isa, Layout, Order, planes, rans};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&[rows, cols, lanes, order], rest)) = bytes.split_first_chunk::<4>() else { return };
    let order = if order & 1 == 0 { Order::Rows } else { Order::Interleaved };
    let Ok(layout) = Layout::new(rows.into(), cols.into(), usize::from(lanes) + 1, order) else { return };
    let cols = usize::from(cols);

    if let Ok((table, used)) = FrequencyTable::from_bytes(rest) {
        let decode = |isa| {
            let mut out = vec![0; layout.symbols()];
            let decoder = rans::Decoder::with_isa(&table, isa);
            decoder.decode(&rest[used..], layout, &mut out, cols).map(|()| out)
        };
        let portable = decode(Isa::Portable);
        for isa in Isa::supported() {
            assert_eq!(decode(isa), portable);
        }
    }
    by_class(layout, rest);
    let _ = planes::decode(rest, 4096);

    let n = layout.symbols();
    if rest.len() >= n {
        let symbols = &rest[..n];
        let table = FrequencyTable::new(&Counts::of(symbols), 256, 12).expect("256 symbols fit");
        let stream = rans::Encoder::new(&table).encode(symbols, cols, layout).expect("all symbols counted");
        let mut out = vec![0; n];
        rans::Decoder::new(&table).decode(&stream, layout, &mut out, cols).expect("own stream");
        assert_eq!(out, symbols);
    }
});

/// Two tables chosen by classes, or classes and branch bits, that any bytes name: all instruction sets agree, and what is encoded comes
/// back.
fn by_class(layout: Layout, bytes: &[u8]) {
    let Some((&[r, c, map, rule], rest)) = bytes.split_first_chunk::<4>() else { return };
    let counts = [usize::from(r % 9), usize::from(c % 9)];
    let class = |i: usize| rest.get(i).map_or(0, |byte| byte & 7);
    let (rows, cols) = (layout.rows(), layout.cols());
    let (lag, restart) = (usize::from(rule & 7), usize::from(rule & 7) * usize::from(rule >> 4));
    let branches = (rule & 8 > 0).then_some(rans::Branches { lag, restart, inverted: map & 1 > 0 });
    let pairs = counts[0] * counts[1] * if branches.is_some() { 2 } else { 1 };
    let tables = (0..pairs).map(|pair| map >> (pair % 8) & 1).collect();
    let of_cols = (0..cols).map(|col| class(rows + col)).collect();
    let of_rows = (0..rows).map(class).collect();
    let Ok(classes) = rans::Classes::new(counts, of_rows, of_cols, branches, tables) else { return };
    let Ok((first, used)) = FrequencyTable::from_bytes(rest) else { return };
    let Ok((second, more)) = FrequencyTable::from_bytes(&rest[used..]) else { return };
    let (tables, stream) = ([first, second], &rest[used + more..]);
    let decode = |stream: &[u8], isa| {
        let decoder = rans::Decoder::with_classes_and_isa(&tables, classes.clone(), isa)?;
        let mut out = vec![0; layout.symbols()];
        decoder.decode(stream, layout, &mut out, cols).map(|()| out)
    };
    let agree = |stream: &[u8]| {
        let portable = decode(stream, Isa::Portable);
        for isa in Isa::supported() {
            assert_eq!(decode(stream, isa), portable);
        }
        portable
    };
    let _ = agree(stream);
    let symbols: Vec<u8> = (0..layout.symbols()).map(|i| stream.get(i).copied().unwrap_or(0)).collect();
    if let Ok(encoder) = rans::Encoder::with_classes(&tables, classes.clone())
        && let Ok(coded) = encoder.encode(&symbols, cols, layout)
    {
        assert_eq!(agree(&coded), Ok(symbols));
    }
}
