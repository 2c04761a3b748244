//! Arbitrary prefix codes and tiles, decoded with every instruction set, which must agree; and round trips of
//! symbols.
#![no_main]
#![allow(clippy::expect_used, reason = "a panic is a finding")]

use ecq::coding::prefix::{Decoder, Encoder, PrefixCode};
use ecq::coding::{Counts, FrequencyTable, Isa, Layout, Order};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&[rows, cols, lanes, order, tuple], rest)) = bytes.split_first_chunk::<5>() else { return };
    let order = if order & 1 == 0 { Order::Rows } else { Order::Interleaved };
    let Ok(layout) = Layout::new(rows.into(), cols.into(), usize::from(lanes) + 1, order) else { return };
    let cols = usize::from(cols);

    if let Ok((code, used)) = PrefixCode::from_bytes(rest) {
        let decode = |isa| {
            let mut out = vec![0; layout.symbols()];
            Decoder::with_isa(&code, isa).decode(&rest[used..], layout, &mut out, cols).map(|()| out)
        };
        assert_eq!(decode(Isa::detect()), decode(Isa::Portable));
    }

    let n = layout.symbols();
    if rest.len() >= n {
        let symbols: Vec<u8> = rest[..n].iter().map(|s| s % 16).collect();
        let table = FrequencyTable::new(&Counts::of(&symbols), 16, 12).expect("16 symbols fit");
        let tuple = usize::from(tuple % 4) + 1;
        let code = PrefixCode::new(table, tuple, u32::from(tuple as u8 % 3)).expect("parameters in range");
        let tile = Encoder::new(&code).encode(&symbols, cols, layout).expect("all symbols counted");
        let mut out = vec![0; n];
        Decoder::new(&code).decode(&tile, layout, &mut out, cols).expect("own tile");
        assert_eq!(out, symbols);
    }
});
