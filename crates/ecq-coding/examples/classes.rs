//! Decode speed of rANS with one table and with tables chosen by classes of rows and columns, on one thread.
//!
//!     taskset -c 1 cargo run --release -p ecq-coding --example classes
//!
//! Two matrices of 1536 x 576 rounded normal numbers that are wider in some rows and columns than in others.
//! Passes of all decoders alternate, so that what else the machine does meets all alike; the best pass
//! counts.

use ecq_coding::rans::{Branches, Classes, Decoder, Encoder, Reader};
use ecq_coding::{Counts, FrequencyTable, Isa, Layout, Order, panel};
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
    /// To panels: tile after tile, and two tiles at the same time. Infinite in interleaved order.
    panels: [f64; 2],
}

fn main() -> Result<(), ecq_coding::CodingError> {
    let mut runners = Vec::new();
    for alphabet in [16, 24] {
        let matrices = [1, 2].map(|seed| matrix(alphabet, seed));
        for order in [Order::Rows, Order::Interleaved] {
            // Classes of rows, of columns, tables, bits of precision, branch bits; without classes there is
            // one table.
            for (r, c, tables, precision, branches) in [
                (0, 0, 1, 12, false),
                (1, 1, 1, 12, false),
                (1, 4, 4, 12, false),
                (4, 4, 7, 12, false),
                (4, 4, 7, 11, false),
                (4, 4, 7, 10, false),
                (4, 4, 16, 12, false),
                (4, 4, 16, 11, false),
                (8, 8, 15, 12, false),
                (4, 4, 7, 11, true),
            ] {
                if branches && order == Order::Interleaved {
                    continue;
                }
                let layout = Layout::new(TILE, COLS, 32, order)?;
                let code =
                    |matrix: &Vec<u8>| code(matrix, alphabet, layout, [r, c], tables, precision, branches);
                let tensors = matrices.iter().map(code).collect::<Result<Vec<_>, _>>()?;
                runners.push(Runner {
                    name: format!(
                        "{alphabet} symbols | {order:?} | {r}x{c}{} | {tables} of {precision} bits",
                        if branches { ", branch bits" } else { "" }
                    ),
                    order,
                    bytes: tensors.iter().flat_map(|(_, streams)| streams).map(Vec::len).sum(),
                    tensors,
                    best: f64::INFINITY,
                    panels: [f64::INFINITY; 2],
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
            for together in if runner.order == Order::Rows { &[false, true][..] } else { &[] } {
                let start = Instant::now();
                for (decoder, streams) in &runner.tensors {
                    decode_to_panels(decoder, streams, layout, *together)?;
                }
                let best = &mut runner.panels[usize::from(*together)];
                *best = best.min(start.elapsed().as_secs_f64());
            }
        }
    }
    println!("{}\n", Isa::detect().name());
    println!(
        "| alphabet | order | classes | tables | G symbols/s | to panels | two tiles | bits/symbol |\n\
         |---|---|---|---|---|---|---|---|"
    );
    let symbols = (2 * ROWS * COLS) as f64;
    for Runner { name, best, panels: [one, two], bytes, .. } in &runners {
        let [best, one, two] = [best, one, two].map(|seconds| symbols / seconds / 1e9);
        println!("| {name} | {best:.3} | {one:.3} | {two:.3} | {:.4} |", 8.0 * *bytes as f64 / symbols);
    }
    Ok(())
}

/// Decodes all tiles to panels, two neighbours at the same time if `together`.
fn decode_to_panels(
    decoder: &Decoder,
    streams: &[Vec<u8>],
    layout: Layout,
    together: bool,
) -> Result<(), ecq_coding::CodingError> {
    let stride = panel::bytes(COLS);
    let mut out = vec![0; 4 * stride];
    let (low, high) = out.split_at_mut(2 * stride);
    for (pair, streams) in streams.chunks_exact(2).enumerate() {
        let open = |i: usize| decoder.open_at([(2 * pair + i) * TILE, 0], &streams[i], layout);
        let mut readers = [open(0)?, open(1)?];
        while readers[1].remaining_rows() > 0 {
            let [one, two] = &mut readers;
            if together {
                Reader::read_panels_of_two([one, two], [&mut *low, &mut *high], stride)
                    .map_err(|(_, error)| error)?;
            } else if one.remaining_rows() > 0 {
                one.read_panels(low, stride)?;
            } else {
                two.read_panels(low, stride)?;
            }
        }
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
    branches: bool,
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
        branches.then_some(Branches { lag: 12, restart: COLS, inverted: false }),
        // Both branch bits select one table: the choice takes as long.
        (0..r * c)
            .flat_map(|pair| vec![of_pair(pair / c, pair % c) as u8; if branches { 2 } else { 1 }])
            .collect(),
    )?;
    let encoder = Encoder::with_classes(&tables, classes.clone())?;
    let encode = |(i, tile): (usize, &[u8])| encoder.encode_at([i * TILE, 0], tile, COLS, layout);
    let streams = tiles.enumerate().map(encode).collect::<Result<_, _>>()?;
    Ok((Decoder::with_classes(&tables, classes)?, streams))
}
