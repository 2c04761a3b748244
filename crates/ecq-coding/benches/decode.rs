//! Decoding speed of rANS and prefix codes, portable and with SIMD: `cargo bench -p ecq-coding`.
//!
//! Each line is the fastest of 20 passes over a 2048 x 2048 matrix on one thread. `ecq bench decode` measures
//! whole tensors, also of a model.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "the benchmark ends at the first error")]

use ecq_coding::prefix::{self, PrefixCode};
use ecq_coding::{Counts, FrequencyTable, Isa, Layout, Order, rans};
use std::time::Instant;

const ROWS: usize = 2048;
const COLS: usize = 2048;
const LANES: usize = 32;

fn main() {
    // Sums of uniform numbers: a bell-shaped distribution of 16 symbols.
    let mut state = 1u64;
    let symbols: Vec<u8> = (0..ROWS * COLS)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (0..5).map(|i| ((state >> (12 * i)) & 3) as u8).sum()
        })
        .collect();
    let table = FrequencyTable::new(&Counts::of(&symbols), 16, FrequencyTable::PRECISION).unwrap();
    let layout = Layout::new(ROWS, COLS, LANES, Order::Rows).unwrap();
    let stream = rans::Encoder::new(&table).encode(&symbols, COLS, layout).unwrap();
    let code = PrefixCode::best(&table, 0.01).unwrap();
    let tile = prefix::Encoder::new(&code).encode(&symbols, COLS, layout).unwrap();
    for isa in [Isa::Portable, Isa::detect()] {
        let decoder = rans::Decoder::with_isa(&table, isa);
        measure(&format!("rans, {}", isa.name()), &symbols, &stream, |out| {
            decoder.decode(&stream, layout, out, COLS).unwrap();
        });
        let decoder = prefix::Decoder::with_isa(&code, isa);
        measure(&format!("prefix, {}", isa.name()), &symbols, &tile, |out| {
            decoder.decode(&tile, layout, out, COLS).unwrap();
        });
    }
}

/// Prints the rate in symbols per second and the encoded size.
fn measure(name: &str, symbols: &[u8], encoded: &[u8], mut decode: impl FnMut(&mut [u8])) {
    let mut out = vec![0; symbols.len()];
    let mut best = f64::INFINITY;
    for _ in 0..20 {
        let start = Instant::now();
        decode(&mut out);
        best = best.min(start.elapsed().as_secs_f64());
    }
    assert!(out == symbols, "{name}: decoded symbols differ");
    let count = symbols.len() as f64;
    let (rate, bits) = (count / best / 1e9, 8.0 * encoded.len() as f64 / count);
    println!("{name:<18} {rate:6.2} G symbols/s   {bits:.3} bits/symbol");
}
