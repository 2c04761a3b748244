//! Hostile tables and streams for the rANS decoder on every instruction set, which must agree; and symbols
//! that must come back.
#![no_main]

use ecq::coding::{Counts, FrequencyTable, IsaKind, Layout, Order, planes, rans};
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
        let portable = decode(IsaKind::Portable);
        for isa in [IsaKind::Avx2, IsaKind::Avx512] {
            assert_eq!(decode(isa), portable);
        }
    }
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
