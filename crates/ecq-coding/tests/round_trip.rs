//! Round trips of every coder on small inputs, portable and with SIMD; small enough for Miri.

#![allow(clippy::unwrap_used, reason = "helper functions of tests")]

use ecq_coding::context::ContextCoder;
use ecq_coding::prefix::{self, PrefixCode};
use ecq_coding::{Counts, FrequencyTable, Isa, Layout, Order, planes, rans};

fn symbols(count: usize) -> Vec<u8> {
    (0..count as u32).map(|i| (i.wrapping_mul(i) % 31 % 11) as u8).collect()
}

fn table(symbols: &[u8]) -> FrequencyTable {
    FrequencyTable::new(&Counts::of(symbols), 16, FrequencyTable::PRECISION).unwrap()
}

#[test]
fn rans_and_prefix_codes() {
    // More rows than lanes, fewer rows than lanes, and a single symbol.
    for (rows, cols, lanes) in [(37, 19, 32), (5, 33, 16), (1, 1, 1)] {
        let symbols = symbols(rows * cols);
        let table = table(&symbols);
        for order in [Order::Rows, Order::Interleaved] {
            let layout = Layout::new(rows, cols, lanes, order).unwrap();
            let stream = rans::Encoder::new(&table).encode(&symbols, cols, layout).unwrap();
            for isa in [Isa::Portable, Isa::detect()] {
                let mut out = vec![0; symbols.len()];
                rans::Decoder::with_isa(&table, isa).decode(&stream, layout, &mut out, cols).unwrap();
                assert_eq!(out, symbols, "rans, {rows} x {cols}, {}", isa.name());
                for tuple in 1..=4 {
                    let code = PrefixCode::new(table.clone(), tuple, 1).unwrap();
                    let tile = prefix::Encoder::new(&code).encode(&symbols, cols, layout).unwrap();
                    let mut out = vec![0; symbols.len()];
                    prefix::Decoder::with_isa(&code, isa).decode(&tile, layout, &mut out, cols).unwrap();
                    assert_eq!(out, symbols, "prefix, {rows} x {cols}, {}", isa.name());
                }
            }
        }
    }
}

#[test]
fn contexts() {
    // One table for the first column, one for all others.
    let (rows, cols) = (9, 21);
    let symbols = symbols(rows * cols);
    let tables = [table(&symbols), table(&symbols)];
    let ids: Vec<u16> = (0..rows * cols).map(|i| u16::from(i % cols > 0)).collect();
    let layout = Layout::new(rows, cols, 4, Order::Rows).unwrap();
    let coder = ContextCoder::new(&tables);
    let stream = coder.encode(&symbols, &ids, layout).unwrap();
    let mut out = vec![0; symbols.len()];
    coder.decode(&stream, layout, &mut out, |_, col, _| usize::from(col > 0)).unwrap();
    assert_eq!(out, symbols);
}

#[test]
fn byte_planes() {
    let bytes: Vec<u8> = (0..600u32).map(|i| (i * 7 % 256) as u8).collect();
    let encoded = planes::encode(&bytes, &[1, 1]).unwrap();
    assert_eq!(planes::decode(&encoded, bytes.len()).unwrap(), bytes);
}
