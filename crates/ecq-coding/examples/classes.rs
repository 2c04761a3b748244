//! Decode speed of rANS with one table and with tables chosen by classes of rows and columns, on one thread.
//!
//!     taskset -c 1 cargo run --release -p ecq-coding --example classes
//!
//! Two matrices of 1536 x 576 rounded normal numbers that are wider in some rows and columns than in others.
//! Passes of all decoders alternate, so that what else the machine does meets all alike; the best pass
//! counts.

use ecq_coding::rans::{Classes, Decoder, Encoder};
use ecq_coding::{Counts, FrequencyTable, Isa, Layout, Order};
use std::time::Instant;

const ROWS: usize = 1536;
const COLS: usize = 576;
const TILE: usize = 128;
const PASSES: usize = 150;

struct Runner {
    name: String,
    order: Order,
    tensors: Vec<(Decoder, Vec<Vec<u8>>)>,
    bytes: usize,
    best: f64,
}

fn main() -> Result<(), ecq_coding::CodingError> {
    let mut runners = Vec::new();
    for alphabet in [16, 24] {
        let matrices = [1, 2].map(|seed| matrix(alphabet, seed));
        for order in [Order::Rows, Order::Interleaved] {
            // Classes of rows, of columns, tables, bits of precision; no classes is one table alone.
            for (r, c, tables, precision) in [
                (0, 0, 1, 12),
                (1, 1, 1, 12),
                (1, 4, 4, 12),
                (4, 4, 7, 12),
                (4, 4, 7, 11),
                (4, 4, 7, 10),
                (4, 4, 16, 12),
                (4, 4, 16, 11),
                (8, 8, 15, 12),
            ] {
                let layout = Layout::new(TILE, COLS, 32, order)?;
                let code = |matrix: &Vec<u8>| code(matrix, alphabet, layout, [r, c], tables, precision);
                let tensors = matrices.iter().map(code).collect::<Result<Vec<_>, _>>()?;
                runners.push(Runner {
                    name: format!("{alphabet} symbols | {order:?} | {r}x{c} | {tables} of {precision} bits"),
                    order,
                    bytes: tensors.iter().flat_map(|(_, streams)| streams).map(Vec::len).sum(),
                    tensors,
                    best: f64::INFINITY,
                });
            }
        }
    }
    let mut out = vec![0; ROWS * COLS];
    for _ in 0..PASSES {
        for runner in &mut runners {
            let layout = Layout::new(TILE, COLS, 32, runner.order)?;
            let start = Instant::now();
            for (decoder, streams) in &runner.tensors {
                for (i, (stream, out)) in streams.iter().zip(out.chunks_mut(TILE * COLS)).enumerate() {
                    decoder.decode_at([i * TILE, 0], stream, layout, out, COLS)?;
                }
            }
            runner.best = runner.best.min(start.elapsed().as_secs_f64());
        }
    }
    println!("{}\n", Isa::detect().name());
    println!(
        "| alphabet | order | classes | tables | G symbols/s | bits/symbol |\n|---|---|---|---|---|---|"
    );
    let symbols = (2 * ROWS * COLS) as f64;
    for Runner { name, best, bytes, .. } in &runners {
        println!("| {name} | {:.3} | {:.4} |", symbols / best / 1e9, 8.0 * *bytes as f64 / symbols);
    }
    Ok(())
}

/// The class of a row or a column, scattered over the matrix.
fn class(i: usize, classes: usize) -> usize {
    i * 7919 % 1009 * classes / 1009
}

fn matrix(alphabet: usize, seed: u64) -> Vec<u8> {
    let mut x = 0x9e37_79b9_7f4a_7c15u64 ^ (seed << 32 | 77);
    let mut uniform = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut symbol = |i: usize| {
        let width = |class: usize| 0.7 + 0.2 * class as f64;
        let deviation = 1.37 * width(class(i / COLS, 4)) * width(class(i % COLS, 4));
        // Box and Muller.
        let (a, b) = (uniform().max(1e-300), uniform());
        let z = (-2.0 * a.ln()).sqrt() * (2.0 * std::f64::consts::PI * b).cos();
        ((alphabet / 2) as f64 + (z * deviation).round()).clamp(0.0, alphabet as f64 - 1.0) as u8
    };
    (0..ROWS * COLS).map(&mut symbol).collect()
}

/// The tiles of a matrix and their decoder; pairs of classes of equal sum share a table where there are fewer
/// than pairs.
fn code(
    matrix: &[u8],
    alphabet: usize,
    layout: Layout,
    [r, c]: [usize; 2],
    tables: usize,
    precision: u8,
) -> Result<(Decoder, Vec<Vec<u8>>), ecq_coding::CodingError> {
    let table = |counts: &Counts| FrequencyTable::new(counts, alphabet as u16, precision);
    let tiles = matrix.chunks(TILE * COLS);
    if r == 0 {
        let table = table(&Counts::of(matrix))?;
        let encoder = Encoder::new(&table);
        let streams = tiles.map(|tile| encoder.encode(tile, COLS, layout)).collect::<Result<_, _>>()?;
        return Ok((Decoder::new(&table), streams));
    }
    let of_pair = |row: usize, col: usize| if tables == r * c { row * c + col } else { row + col };
    let mut counts = vec![Counts::default(); tables];
    for (i, &symbol) in matrix.iter().enumerate() {
        counts[of_pair(class(i / COLS, r), class(i % COLS, c))].push(symbol);
    }
    let tables = counts.iter().map(table).collect::<Result<Vec<_>, _>>()?;
    let classes = Classes::new(
        [r, c],
        (0..ROWS).map(|row| class(row, r) as u8).collect(),
        (0..COLS).map(|col| class(col, c) as u8).collect(),
        None,
        (0..r * c).map(|pair| of_pair(pair / c, pair % c) as u8).collect(),
    )?;
    let encoder = Encoder::with_classes(&tables, classes.clone())?;
    let encode = |(i, tile): (usize, &[u8])| encoder.encode_at([i * TILE, 0], tile, COLS, layout);
    let streams = tiles.enumerate().map(encode).collect::<Result<_, _>>()?;
    Ok((Decoder::with_classes(&tables, classes)?, streams))
}
