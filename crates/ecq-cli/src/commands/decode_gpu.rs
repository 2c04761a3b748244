//! Speed of the kernels that decode streams on a GPU.

use super::bench::gaussian;
use super::device::Device;
use super::engine::option;
use crate::exit::ExitCode;
use crate::json;
use crate::out::outln;
use crate::table::{table, three_digits};
use ecq::cuda::DecodeSpeed;
use ecq::encode::{CodingChoice, EncodeOptions, TileChoice, encode};
use ecq::runtime::backend::Backend;
use ecq::{Codes, Coding, FloatType, FloatVec, Grid, TensorKind, UniformRows};
use serde::Serialize;

#[derive(Serialize)]
struct Measured {
    coding: &'static str,
    tile: String,
    shape: [usize; 2],
    entropy_bits: f64,
    /// Matrices that are decoded at the same time.
    together: usize,
    symbols_per_s: f64,
    written_bytes_per_s: f64,
}

/// Entropies of the codes in bits.
const ENTROPIES: [f64; 3] = [1.2, 2.2, 3.8];
const SHAPE: [usize; 2] = [4096, 4096];
/// Matrices that are decoded at the same time: one, about those of a layer of Llama-2-7B, and more.
const TOGETHER: [usize; 3] = [1, 8, 16];
/// Copies of a matrix: more than any cache holds.
const COPIES: usize = 16;

/// Codings, tiles and lanes.
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
    let Device::Cuda(cuda) = Device::open(device, None)? else {
        return Err(option("device", device)("expected cuda or cuda:N".to_owned()).into());
    };
    let bandwidth = cuda.write_bandwidth()?;
    let mut results = Vec::new();
    for bits in ENTROPIES {
        let (codes, grid) = codes(SHAPE, bits)?;
        for (coding, tile, lanes) in variants() {
            let coding_choice = CodingChoice::Only(coding);
            let options = EncodeOptions {
                coding: coding_choice,
                tile,
                lanes,
                hybrid_percent: 0.0,
                ..Default::default()
            };
            let (tensor, _) = encode(TensorKind::Linear, &codes, &grid, &options)?;
            let lanes = lanes.map_or(String::new(), |lanes| format!(", {lanes} lanes"));
            // A tile that is a whole matrix takes as long alone as among others.
            let together = if tile == TileChoice::Matrix { &TOGETHER[2..] } else { &TOGETHER[..] };
            let speeds = cuda.measure_decode(&tensor, COPIES, together)?;
            for (&together, speed) in together.iter().zip(speeds) {
                let DecodeSpeed { symbols, written_bytes, seconds } = speed;
                results.push(Measured {
                    coding: coding.name(),
                    tile: format!("{tile:?}{lanes}").to_lowercase(),
                    together,
                    shape: SHAPE,
                    entropy_bits: bits,
                    symbols_per_s: symbols as f64 / seconds,
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
    let head = ["coding", "tile", "bits", "together", "G symbols/s", "of writes"];
    let mut rows = table(&head, 2);
    for result in &results {
        rows.add_row([
            result.coding.to_owned(),
            result.tile.clone(),
            format!("{:.1}", result.entropy_bits),
            result.together.to_string(),
            three_digits(result.symbols_per_s / 1e9),
            format!("{:.1}%", 100.0 * result.written_bytes_per_s / bandwidth),
        ]);
    }
    outln!("{rows}");
    outln!(
        "{device}, fills {} GB/s; matrices of {} x {} decoded to packed codes, a number of them together, \
         median of 3 passes, each behind another one",
        three_digits(bandwidth / 1e9),
        SHAPE[0],
        SHAPE[1],
    );
    Ok(ExitCode::SUCCESS)
}
