//! Speed of the kernels that decode streams on a GPU.

use super::bench::gaussian;
use super::engine::option;
use crate::json;
use crate::out::outln;
use crate::table::{table, three_digits};
use ecq::cuda::{Cuda, DecodeSpeed};
use ecq::encode::{CodingChoice, EncodeOptions, TileChoice, encode};
use ecq::runtime::backend::Backend;
use ecq::{Codes, Coding, FloatType, FloatVec, Grid, TensorKind, UniformRows};
use serde::Serialize;
use std::process::ExitCode;

#[derive(Serialize)]
struct Measured {
    coding: &'static str,
    tile: String,
    shape: [usize; 2],
    entropy_bits: f64,
    symbols_per_s: f64,
    /// Without the kernel that packs.
    stream_symbols_per_s: f64,
    written_bytes_per_s: f64,
}

/// Entropies of the codes in bits.
const ENTROPIES: [f64; 3] = [1.2, 2.2, 3.8];
const SHAPES: [[usize; 2]; 2] = [[4096, 4096], [16384, 4096]];
/// Bytes of decoded matrices that are decoded one after another: more than any cache holds.
const BYTES: usize = 192 << 20;

/// Codings and tiles; a whole matrix as a tile has one warp, so that a few copies suffice.
fn variants() -> Vec<(Coding, TileChoice, Option<u16>)> {
    vec![
        (Coding::Rans, TileChoice::Auto, None),
        (Coding::Rans, TileChoice::Auto, Some(16)),
        (Coding::Rans, TileChoice::Row, None),
        (Coding::Rans, TileChoice::Block(64, 256), None),
        (Coding::Rans, TileChoice::Matrix, None),
        (Coding::Rans, TileChoice::Matrix, Some(256)),
        (Coding::Prefix, TileChoice::Auto, None),
        (Coding::Prefix, TileChoice::Row, None),
        (Coding::Tuples, TileChoice::Auto, None),
        (Coding::Packed, TileChoice::Auto, None),
    ]
}

/// Returns codes of about `bits` bits, repeated to fill the shape, on a uniform grid.
fn codes(shape: [usize; 2], bits: f64) -> anyhow::Result<(Codes, Grid)> {
    let symbols: Vec<u8> =
        gaussian(bits).iter().flat_map(|(codes, _)| codes.symbols().iter().copied()).collect();
    let [rows, cols] = shape;
    let codes = Codes::new(rows, cols, 32, symbols.into_iter().cycle().take(rows * cols).collect())?;
    let steps = FloatVec::from_f32(FloatType::F16, &vec![1.0; rows]);
    let grid = UniformRows { zero: 16, steps, col_scales: None, levels: None, outliers: Vec::new() };
    Ok((codes, Grid::UniformRows(grid)))
}

pub fn run(device: &str, json: bool) -> anyhow::Result<ExitCode> {
    let (name, number) = device.split_once(':').unwrap_or((device, "0"));
    let ("cuda", Ok(number)) = (name, number.parse()) else {
        return Err(option("device", device)("expected cpu, cuda or cuda:N".to_owned()).into());
    };
    let cuda = Cuda::new(number)?;
    let bandwidth = cuda.write_bandwidth()?;
    let mut results = Vec::new();
    for shape in SHAPES {
        for bits in ENTROPIES {
            let (codes, grid) = codes(shape, bits)?;
            for (coding, tile, lanes) in variants() {
                let whole = tile == TileChoice::Matrix;
                if whole && shape != SHAPES[0] {
                    continue;
                }
                let coding_choice = CodingChoice::Only(coding);
                let options =
                    EncodeOptions { coding: coding_choice, tile, lanes, hybrid_percent: 0.0, ..Default::default() };
                let (tensor, _) = encode(TensorKind::Linear, &codes, &grid, &options)?;
                let copies = if whole { 2 } else { 1 + 2 * BYTES / codes.symbols().len() };
                let speed = cuda.measure_decode(&tensor, copies)?;
                let DecodeSpeed { symbols, written_bytes, seconds, stream_seconds } = speed;
                let lanes = lanes.map_or(String::new(), |lanes| format!(", {lanes} lanes"));
                results.push(Measured {
                    coding: coding.name(),
                    tile: format!("{tile:?}{lanes}").to_lowercase(),
                    shape,
                    entropy_bits: bits,
                    symbols_per_s: symbols as f64 / seconds,
                    stream_symbols_per_s: symbols as f64 / stream_seconds,
                    written_bytes_per_s: written_bytes as f64 / seconds,
                });
            }
        }
    }
    let device = cuda.info().name;
    if json {
        let results = serde_json::json!({
            "device": device, "write_bytes_per_s": bandwidth, "results": results,
        });
        json::print(&results)?;
        return Ok(ExitCode::SUCCESS);
    }
    let head = ["coding", "tile", "matrix", "entropy", "G symbols/s", "streams only", "write bandwidth"];
    let mut rows = table(&head, 3);
    for result in &results {
        let [matrix_rows, cols] = result.shape;
        rows.add_row([
            result.coding.to_owned(),
            result.tile.clone(),
            format!("{matrix_rows} x {cols}"),
            format!("{:.1}", result.entropy_bits),
            three_digits(result.symbols_per_s / 1e9),
            three_digits(result.stream_symbols_per_s / 1e9),
            format!("{:.1}%", 100.0 * result.written_bytes_per_s / bandwidth),
        ]);
    }
    outln!("{rows}");
    outln!(
        "{device}, fills {} GB/s; matrices decoded one after another to packed codes, median of 5 passes",
        three_digits(bandwidth / 1e9)
    );
    Ok(ExitCode::SUCCESS)
}
