//! Arbitrary tuple codes, indexes and streams, which give an error or symbols; and round trips of symbols.
#![no_main]
#![allow(clippy::expect_used, reason = "a panic is a finding")]

use ecq::coding::tuples::{Decoder, Encoder, Index, Shape, TupleCode};
use ecq::coding::{Counts, FrequencyTable};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&[rows, cols, groups, tuple, index_bytes], rest)) = bytes.split_first_chunk::<5>() else {
        return;
    };
    let tuple = usize::from(tuple % 3) + 2;
    let Ok(shape) = Shape::new(rows.into(), cols.into(), tuple, groups.into()) else { return };
    let n = shape.rows() * shape.cols();

    if let Ok((code, used)) = TupleCode::from_bytes(rest) {
        let (index, stream) = rest[used..].split_at(usize::from(index_bytes).min(rest.len() - used));
        if let Ok(index) = Index::parse(index, stream.len(), shape) {
            let mut out = vec![0; n];
            if Decoder::new(&code).decode(&index, stream, &mut out).is_ok() {
                assert!(out.iter().all(|&s| usize::from(s) < code.table().alphabet()));
            }
        }
    }

    if rest.len() >= n {
        let symbols: Vec<u8> = rest[..n].iter().map(|s| s % 16).collect();
        let table = FrequencyTable::new(&Counts::of(&symbols), 16, 12).expect("16 symbols fit");
        let Ok(code) = TupleCode::best(&table, tuple, 8, 8, false) else { return };
        let encoded = Encoder::new(&code).encode(&symbols, shape).expect("all symbols counted");
        let index = Index::parse(&encoded.index, encoded.stream.len(), shape).expect("own index");
        let mut out = vec![0; n];
        Decoder::new(&code).decode(&index, &encoded.stream, &mut out).expect("own stream");
        assert_eq!(out, symbols);
    }
});
