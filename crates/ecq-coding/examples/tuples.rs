//! Bits per weight of tuple codes on Gaussian codes, by length of a segment and spread of lanes.
//!
//! `cargo run --release -p ecq-coding --example tuples -- [rows] [columns]`

use ecq_coding::tuples::{Encoder, Index, Shape, TupleCode};
use ecq_coding::{CodingError, Counts, FrequencyTable};

fn main() -> Result<(), CodingError> {
    let mut sizes = std::env::args().skip(1).filter_map(|size| size.parse().ok());
    let (rows, cols) = (sizes.next().unwrap_or(2048), sizes.next().unwrap_or(4096));
    println!("{rows} x {cols}; bits per weight: code by its table, stream, index, all; all by the entropy");
    for (deviation, codes) in [
        (0.5, &[(4usize, 9u32), (4, 10)][..]),
        (0.7, &[(3, 9), (3, 10), (4, 10)]),
        (1.09, &[(3, 9), (3, 10), (2, 9)]),
        (1.92, &[(2, 9), (2, 10)]),
    ] {
        let symbols = gaussian(rows * cols, deviation);
        let counts = Counts::of(&symbols);
        let (entropy, table) = (counts.entropy_bits(), FrequencyTable::new(&counts, 33, 12)?);
        for &(tuple, width) in codes {
            let code = TupleCode::best(&table, tuple, width, 16, false)?;
            for (segment_cols, spread) in
                [(288, 16), (288, 32), (288, 48), (288, 64), (288, 96), (288, 224), (504, 64), (504, 224)]
            {
                let shape = Shape::new(rows, cols, tuple, segment_cols / 8 / tuple)?;
                let encoded = Encoder::new(&code).spread(spread).encode(&symbols, shape)?;
                let bits = |bytes: usize| 8.0 * bytes as f64 / symbols.len() as f64;
                let index = Index::parse(&encoded.index, encoded.stream.len(), shape)?;
                println!(
                    "H {entropy:.3} T {tuple} B {width} segments {segment_cols} spread {spread:3}: {:.3} \
                     {:.3} {:.3} {:.3} {:.3}, {} corrections per 1000, {} tuples, reach {}",
                    code.bits_per_symbol(),
                    bits(encoded.stream.len()),
                    bits(encoded.index.len()),
                    bits(encoded.index.len() + encoded.stream.len()),
                    bits(encoded.index.len() + encoded.stream.len()) / entropy,
                    1000 * index.corrections_len() / symbols.len(),
                    code.coded_tuples(),
                    index.reach(),
                );
            }
        }
    }
    Ok(())
}

/// Rounded normal numbers around 16, within 0 to 32.
fn gaussian(n: usize, deviation: f64) -> Vec<u8> {
    let mut x = 0x9e37_79b9_7f4a_7c15u64;
    let mut uniform = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut normal = || {
        let (radius, angle) = ((-2.0 * (1.0 - uniform()).ln()).sqrt(), std::f64::consts::TAU * uniform());
        radius * angle.cos()
    };
    (0..n)
        .map(|_| (normal() * deviation).round().clamp(-16.0, 16.0) as i8 as u8)
        .map(|v| v.wrapping_add(16))
        .collect()
}
