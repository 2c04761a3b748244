//! A million symbols in one tile of 64 to 256 lanes.

use super::super::device::median;
use super::Setting;
use crate::out::{outln, paragraph};
use crate::progress::Bar;
use crate::table::{table, three_digits};
use ecq::codec::decode_codes_into;
use ecq::encode::TileChoice;
use ecq::{Coding, EncodedTensor};
use serde::Serialize;
use std::time::Duration;

/// Rows and columns: 2^20 symbols.
const SIDE: usize = 1024;
/// Symbols per second of the prototype, with 256 lanes: 1 M symbols in 0.46 ms.
const PUBLISHED: f64 = 2.25e9;
/// Copies of the matrix that a GPU decodes.
const COPIES: usize = 16;

#[derive(Serialize)]
pub struct Row {
    coding: &'static str,
    tile: &'static str,
    lanes: Option<u16>,
    symbols: u64,
    bits_per_symbol: f64,
    symbols_per_s: f64,
    published_symbols_per_s: Option<f64>,
}

pub fn measure(setting: &Setting) -> anyhow::Result<Vec<Row>> {
    let _bar = Bar::spinner("measuring lanes");
    let shape = [setting.length(SIDE); 2];
    let one_tile =
        [64, 128, 256].map(|lanes| (Coding::Rans, TileChoice::Matrix, "whole matrix", Some(lanes)));
    let others = [
        (Coding::Rans, TileChoice::Row, "row", Some(8)),
        (Coding::Rans, TileChoice::Row, "row", Some(32)),
        (Coding::Rans, TileChoice::Auto, "default", None),
        (Coding::Prefix, TileChoice::Auto, "default", None),
        (Coding::Tuples, TileChoice::Auto, "segments", None),
    ];
    let mut rows = Vec::new();
    for (coding, tile, name, lanes) in one_tile.into_iter().chain(others) {
        let tensor = setting.encoded(shape, coding, tile, lanes)?;
        let symbols = tensor.entry().weights();
        rows.push(Row {
            coding: coding.name(),
            tile: name,
            lanes,
            symbols,
            bits_per_symbol: 8.0 * tensor.bytes() as f64 / symbols as f64,
            symbols_per_s: symbols as f64 / seconds(setting, &tensor)?,
            published_symbols_per_s: setting
                .published(lanes.filter(|&lanes| lanes == 256).map(|_| PUBLISHED)),
        });
    }
    Ok(rows)
}

/// Returns the seconds that one matrix takes to decode: to bytes on the CPU, to packed codes on a GPU.
fn seconds(setting: &Setting, tensor: &EncodedTensor) -> anyhow::Result<f64> {
    if let Some(cuda) = setting.device.cuda() {
        let speeds = cuda.measure_decode(tensor, COPIES, &[1])?;
        return Ok(speeds.first().map_or(f64::NAN, |speed| speed.seconds) / COPIES as f64);
    }
    let mut buffer = vec![0; tensor.entry().weights() as usize];
    let threads = setting.device.backend().info().threads;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    pool.install(|| {
        median(Duration::from_secs_f64(setting.args.seconds.clamp(0.0, 3600.0)), || {
            decode_codes_into(tensor, &mut buffer)
        })
    })
}

pub fn print(rows: &[Row]) {
    let symbols = rows.first().map_or(0, |row| row.symbols);
    outln!("Decoding of one matrix of {symbols} symbols");
    let mut out = table(&["coding", "tile", "lanes", "bits/symbol", "ms", "G symbols/s", "there"], 2);
    for row in rows {
        out.add_row([
            row.coding.to_owned(),
            row.tile.to_owned(),
            row.lanes.map_or(String::new(), |lanes| lanes.to_string()),
            format!("{:.3}", row.bits_per_symbol),
            format!("{:.3}", row.symbols as f64 / row.symbols_per_s * 1e3),
            three_digits(row.symbols_per_s / 1e9),
            row.published_symbols_per_s.map_or(String::new(), |rate| three_digits(rate / 1e9)),
        ]);
    }
    outln!("{out}");
    paragraph("Bits include tables, index and scales. A tile is decoded by one thread or warp.");
}
