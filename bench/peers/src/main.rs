//! Decoding speed of ecq-coding, htscodecs and constriction: same symbols, same core, same run, best of many
//! passes.
//!
//!     cargo run --release -- CODES ROWS COLS
//!
//! CODES contains matrices of ROWS x COLS with one byte per symbol, as written by `ecq bench codes`. Each
//! pass decodes whole matrices to one byte per symbol into a reused buffer. Passes of all coders alternate,
//! so that other load on the machine affects all of them.

#![allow(clippy::expect_used, reason = "the benchmark ends at the first error")]

mod htscodecs;

use constriction::stream::{Decode, model::SmallContiguousCategoricalEntropyModel, stack::SmallAnsCoder};
use ecq_coding::prefix::{self, PrefixCode};
use ecq_coding::{Counts, FrequencyTable, Isa, Layout, Order, rans};
use std::time::Instant;

/// Decodes all matrices of a set into one buffer.
type Pass<'a> = Box<dyn FnMut(&mut [u8]) + 'a>;

/// A coder and a set of matrices: its name, the encoded size, and one pass over all matrices.
struct Runner<'a> {
    name: String,
    bytes: usize,
    symbols: usize,
    pass: Pass<'a>,
    best: f64,
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, path, rows, cols] = &args[..] else { panic!("usage: ecq-bench-peers CODES ROWS COLS") };
    let (rows, cols): (usize, usize) = (rows.parse().expect("rows"), cols.parse().expect("columns"));
    let codes = std::fs::read(path).expect("codes");
    let real: Vec<&[u8]> = codes.chunks_exact(rows * cols).take(24).collect();
    let made: Vec<(f64, Vec<Vec<u8>>)> =
        [1.2, 2.5, 3.8].map(|bits| (bits, (0..8).map(|i| gaussian(bits, rows * cols, i)).collect())).into();

    let mut runners = Vec::new();
    for isa in Isa::supported() {
        let name = format!("ecq rans, 32 lanes by row, {}", isa.name());
        runners.push(ecq_rans(&name, &real, rows, cols, Order::Rows, 32, isa));
    }
    let widest = Isa::detect();
    runners.push(ecq_rans("ecq rans, 64 lanes by row", &real, rows, cols, Order::Rows, 64, widest));
    runners.push(ecq_rans(
        "ecq rans, 32 lanes interleaved",
        &real,
        rows,
        cols,
        Order::Interleaved,
        32,
        widest,
    ));
    runners.push(ecq_prefix("ecq prefix, portable", &real, rows, cols, Isa::Portable));
    runners.push(ecq_prefix("ecq prefix", &real, rows, cols, widest));
    for (bits, made) in &made {
        let made: Vec<&[u8]> = made.iter().map(Vec::as_slice).collect();
        runners.push(ecq_rans(
            &format!("ecq rans, Gaussian {bits} bits"),
            &made,
            rows,
            cols,
            Order::Rows,
            32,
            widest,
        ));
        runners.push(ecq_prefix(&format!("ecq prefix, Gaussian {bits} bits"), &made, rows, cols, widest));
    }
    runners.push(peer_htscodecs(&real));
    runners.push(peer_constriction(&real[..2]));

    let mut out = vec![0; rows * cols];
    for _ in 0..15 {
        for runner in &mut runners {
            let start = Instant::now();
            (runner.pass)(&mut out);
            runner.best = runner.best.min(start.elapsed().as_secs_f64());
        }
    }
    println!("| decoder | G symbols/s | bits/symbol |\n|---|---|---|");
    for runner in &runners {
        let rate = runner.symbols as f64 / runner.best / 1e9;
        println!(
            "| {} | {rate:.3} | {:.3} |",
            runner.name,
            8.0 * runner.bytes as f64 / runner.symbols as f64
        );
    }
}

/// Tiles as `ecq quantize` cuts them: at least 2048 symbols a lane.
fn tile_rows(rows: usize, cols: usize, lanes: usize) -> usize {
    (lanes * 2048usize.div_ceil(cols)).min(rows)
}

fn ecq_rans<'a>(
    name: &str,
    matrices: &[&[u8]],
    rows: usize,
    cols: usize,
    order: Order,
    lanes: usize,
    isa: Isa,
) -> Runner<'a> {
    let tile = tile_rows(rows, cols, lanes);
    let layout = move |symbols: usize| Layout::new(symbols / cols, cols, lanes, order).expect("a tile");
    let coded: Vec<_> = matrices
        .iter()
        .map(|matrix| {
            let table = FrequencyTable::new(&Counts::of(matrix), alphabet(matrix), 12).expect("a table");
            let encoder = rans::Encoder::new(&table);
            let encode = |t: &[u8]| encoder.encode(t, cols, layout(t.len())).expect("a stream");
            (rans::Decoder::with_isa(&table, isa), matrix.chunks(tile * cols).map(encode).collect::<Vec<_>>())
        })
        .collect();
    runner(name, matrices, coded.iter().flat_map(|c| &c.1).map(Vec::len).sum(), move |out| {
        for (decoder, streams) in &coded {
            for (stream, out) in streams.iter().zip(out.chunks_mut(tile * cols)) {
                decoder.decode(stream, layout(out.len()), out, cols).expect("own stream");
            }
        }
    })
}

fn ecq_prefix<'a>(name: &str, matrices: &[&[u8]], rows: usize, cols: usize, isa: Isa) -> Runner<'a> {
    let tile = tile_rows(rows, cols, 32);
    let layout = move |symbols: usize| Layout::new(symbols / cols, cols, 32, Order::Rows).expect("a tile");
    let mut tuple = 0;
    let coded: Vec<_> = matrices
        .iter()
        .map(|matrix| {
            let table = FrequencyTable::new(&Counts::of(matrix), alphabet(matrix), 12).expect("a table");
            let code = PrefixCode::best(&table, 0.01).expect("a code");
            tuple = code.tuple();
            let encoder = prefix::Encoder::new(&code);
            let encode = |t: &[u8]| encoder.encode(t, cols, layout(t.len())).expect("a tile");
            let tiles: Vec<_> = matrix.chunks(tile * cols).map(encode).collect();
            (prefix::Decoder::with_isa(&code, isa), tiles)
        })
        .collect();
    let name = format!("{name} ({tuple} symbols a codeword)");
    runner(&name, matrices, coded.iter().flat_map(|c| &c.1).map(Vec::len).sum(), move |out| {
        for (decoder, tiles) in &coded {
            for (bytes, out) in tiles.iter().zip(out.chunks_mut(tile * cols)) {
                decoder.decode(bytes, layout(out.len()), out, cols).expect("own tile");
            }
        }
    })
}

fn peer_htscodecs<'a>(matrices: &[&[u8]]) -> Runner<'a> {
    let coded: Vec<_> = matrices.iter().map(|matrix| htscodecs::encode(matrix)).collect();
    let bytes = coded.iter().map(Vec::len).sum();
    runner("htscodecs rANS Nx16, order 0, 32-way", matrices, bytes, move |out| {
        coded.iter().for_each(|bytes| htscodecs::decode(bytes, out));
    })
}

fn peer_constriction<'a>(matrices: &[&[u8]]) -> Runner<'a> {
    let coded: Vec<_> = matrices
        .iter()
        .map(|matrix| {
            let counts: Vec<f64> =
                Counts::of(matrix).as_array()[..alphabet(matrix).into()].iter().map(|&n| n as f64).collect();
            let model =
                SmallContiguousCategoricalEntropyModel::from_floating_point_probabilities_fast(&counts, None)
                    .expect("probabilities");
            let mut coder = SmallAnsCoder::new();
            coder
                .encode_iid_symbols_reverse(matrix.iter().map(|&s| usize::from(s)), &model)
                .expect("symbols");
            (model.to_lookup_decoder_model(), coder.into_compressed().expect("a stack never fails"))
        })
        .collect();
    let bytes = coded.iter().map(|(_, words)| 2 * words.len()).sum();
    runner("constriction ANS (Small), lookup model", matrices, bytes, move |out| {
        for (model, words) in &coded {
            let mut coder = SmallAnsCoder::from_compressed(words.clone()).expect("own words");
            let out_len = out.len();
            for (to, symbol) in out.iter_mut().zip(coder.decode_iid_symbols(out_len, model)) {
                *to = symbol.expect("own symbols") as u8;
            }
        }
    })
}

fn runner<'a>(
    name: &str,
    matrices: &[&[u8]],
    bytes: usize,
    mut pass: impl FnMut(&mut [u8]) + 'a,
) -> Runner<'a> {
    let symbols = matrices.iter().map(|m| m.len()).sum();
    // The last matrix must come back: a fast wrong decoder is no decoder.
    let last = matrices[matrices.len() - 1];
    let mut out = vec![0xff; last.len()];
    pass(&mut out);
    assert!(out == last, "{name} decodes to other symbols");
    Runner { name: name.to_owned(), bytes, symbols, pass: Box::new(pass), best: f64::INFINITY }
}

fn alphabet(symbols: &[u8]) -> u16 {
    u16::from(symbols.iter().copied().max().unwrap_or(0)).max(1) + 1
}

/// Rounded Gaussian numbers of about `bits` entropy (Box and Muller).
fn gaussian(bits: f64, n: usize, seed: u64) -> Vec<u8> {
    let tau = 2.0 * std::f64::consts::PI;
    let sigma = (bits.exp2() / (tau * std::f64::consts::E).sqrt()).max(0.3);
    let centre = (5.0 * sigma).ceil();
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut uniform = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 11) as f64 / (1u64 << 53) as f64
    };
    let normal = |_| {
        let (a, b) = (uniform().max(1e-300), uniform());
        let z = (-2.0 * a.ln()).sqrt() * (tau * b).cos();
        (centre + (z * sigma).round()).clamp(0.0, 2.0 * centre) as u8
    };
    (0..n).map(normal).collect()
}
