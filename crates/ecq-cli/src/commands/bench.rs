use crate::args::{Bench, BenchArgs};
use crate::exit::ExitCode;
use crate::out::outln;
use crate::table::{table, three_digits};
use crate::{json, texts};
use anyhow::Context;
use ecq::codec::decode_codes_into;
use ecq::encode::{CodingChoice, EncodeOptions, encode};
use ecq::source::{self, Tensor};
use ecq::{
    AffineGroups, Biases, Codes, Coding, Destination, EncodedTensor, FloatType, FloatVec, Grid, Limits,
    TensorKind,
};
use serde::Serialize;
use std::path::Path;
use std::time::Instant;

#[derive(Serialize)]
struct Measured {
    name: String,
    threads: usize,
    symbols_per_s: f64,
    bits_per_symbol: f64,
}

/// Number of symbols to measure on: more than fit any CPU cache.
pub(super) const SYMBOLS: usize = 48 << 20;

pub fn run(args: &BenchArgs, json: bool) -> anyhow::Result<ExitCode> {
    match &args.benchmark {
        Bench::Codes { model, name, output, force } => codes(model, name, output, force.force, json),
        Bench::Decode { model, threads, seconds, device } => match device.as_str() {
            "cpu" => decode(model.as_deref(), threads, *seconds, json),
            device => super::decode_gpu::run(device, json),
        },
        Bench::Model(args) => super::model::run(args, json),
        Bench::Shape(args) => super::shape::run(args, json),
        Bench::Gemv(args) => super::gemv::run(args, json),
        Bench::FakeQuant(args) => super::fake_quant::bench(args, json),
        Bench::Original(args) => super::original::run(args, json),
    }
}

/// Writes the codes of all matrices whose name contains `name` and that have the shape of the first one.
fn codes(model: &Path, name: &str, output: &Path, force: bool, json: bool) -> anyhow::Result<ExitCode> {
    let source = source::open(model, &Limits::default())?;
    Destination::file(output).replacing(force).check(&source.files())?;
    let mut all = Vec::new();
    let (mut shape, mut matrices) = (None, 0);
    for (i, tensor) in source.tensors().iter().enumerate().filter(|(_, tensor)| tensor.name.contains(name)) {
        if *shape.get_or_insert((tensor.rows, tensor.cols)) != (tensor.rows, tensor.cols) {
            continue;
        }
        if let Tensor::Coded(codes, _) = source.load(i)? {
            all.extend_from_slice(codes.symbols());
            matrices += 1;
        }
    }
    let (rows, cols) =
        shape.with_context(|| format!("{}: no tensor name contains {name:?}", model.display()))?;
    texts::write(output, &all, &source.files(), force)?;
    if json {
        json::print(&serde_json::json!({ "matrices": matrices, "rows": rows, "cols": cols }))?;
    } else {
        outln!("wrote {matrices} matrices of {rows} x {cols} to {}", output.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn decode(model: Option<&Path>, threads: &[usize], seconds: f64, json: bool) -> anyhow::Result<ExitCode> {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if threads.is_empty() { vec![1, all] } else { threads.to_vec() };
    let sets = match model {
        Some(path) => vec![("model codes".to_owned(), from_model(path)?)],
        None => [1.2, 2.5, 3.8].map(|bits| (format!("Gaussian, {bits} bits"), gaussian(bits))).into(),
    };
    let mut results = Vec::new();
    for (set, tensors) in &sets {
        for coding in [Coding::Packed, Coding::Prefix, Coding::Rans, Coding::Archive] {
            let coding_options = EncodeOptions {
                coding: CodingChoice::Only(coding),
                hybrid_percent: 0.0,
                ..EncodeOptions::default()
            };
            let encoded: Vec<EncodedTensor> = tensors
                .iter()
                .map(|(codes, grid)| {
                    encode(TensorKind::Linear, codes, grid, &coding_options).map(|(tensor, _)| tensor)
                })
                .collect::<Result<_, _>>()?;
            let symbols: usize = tensors.iter().map(|(codes, _)| codes.symbols().len()).sum();
            let streams: usize = encoded.iter().map(|t| t.parts()[&ecq::TensorPart::Stream].len()).sum();
            for &threads in &threads {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
                let symbols_per_s = pool.install(|| rate(&encoded, symbols, seconds))?;
                results.push(Measured {
                    name: format!("{} ({set})", format!("{coding:?}").to_lowercase()),
                    threads,
                    symbols_per_s,
                    bits_per_symbol: 8.0 * streams as f64 / symbols as f64,
                });
            }
        }
    }
    if json {
        json::print(&serde_json::json!({ "results": results, "isa": ecq::coding::Isa::detect().name() }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = table(&["coding", "threads", "G symbols/s", "bits/symbol"], 1);
    for result in &results {
        rows.add_row([
            result.name.clone(),
            result.threads.to_string(),
            three_digits(result.symbols_per_s / 1e9),
            format!("{:.3}", result.bits_per_symbol),
        ]);
    }
    outln!("{rows}");
    outln!("{}; whole tensors decoded to one byte per code; best pass", ecq::coding::Isa::detect().name());
    Ok(ExitCode::SUCCESS)
}

/// Returns the symbols per second of the fastest pass over all tensors.
fn rate(tensors: &[EncodedTensor], symbols: usize, seconds: f64) -> anyhow::Result<f64> {
    let start = Instant::now();
    let mut best = f64::INFINITY;
    let longest = tensors.iter().map(|t| t.entry().weights()).max().unwrap_or(0);
    let mut buffer = vec![0; longest as usize];
    while best.is_infinite() || start.elapsed().as_secs_f64() < seconds {
        let pass = Instant::now();
        for tensor in tensors {
            decode_codes_into(tensor, &mut buffer[..tensor.entry().weights() as usize])?;
        }
        best = best.min(pass.elapsed().as_secs_f64());
    }
    Ok(symbols as f64 / best)
}

fn from_model(path: &Path) -> anyhow::Result<Vec<(Codes, Grid)>> {
    let source = source::open(path, &Limits::default())?;
    let mut tensors = Vec::new();
    let mut symbols = 0;
    for (i, tensor) in source.tensors().iter().enumerate() {
        if tensor.kind == TensorKind::Linear
            && symbols < SYMBOLS
            && let Tensor::Coded(codes, grid) = source.load(i)?
        {
            symbols += codes.symbols().len();
            tensors.push((codes, grid));
        }
    }
    (!tensors.is_empty())
        .then_some(tensors)
        .with_context(|| format!("{}: no tensor has integer codes; quantize the model first", path.display()))
}

/// Returns matrices of rounded Gaussian numbers with an entropy of about `bits` bits per symbol.
pub(super) fn gaussian(bits: f64) -> Vec<(Codes, Grid)> {
    // The entropy of a rounded Gaussian of standard deviation s is about log2(s sqrt(2 pi e)), unless s is
    // small.
    let sigma = (2f64.powf(bits) / (2.0 * std::f64::consts::PI * std::f64::consts::E).sqrt()).max(0.3);
    let (rows, cols) = (2048, 2048);
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let matrix = |uniform: &mut dyn FnMut() -> f64| {
        let symbols = (0..rows * cols).map(|_| {
            // Box-Muller transform.
            let (a, b) = (uniform().max(1e-300), uniform());
            let z = (-2.0 * a.ln()).sqrt() * (2.0 * std::f64::consts::PI * b).cos();
            (16.0 + (z * sigma).round()).clamp(0.0, 31.0) as u8
        });
        symbols.collect::<Vec<u8>>()
    };
    let scales = FloatVec::new(FloatType::F16, vec![0; 2 * rows * cols / 64]);
    let mut tensors = Vec::new();
    for _ in 0..SYMBOLS / (rows * cols) / 2 {
        let codes = Codes::new(rows, cols, 32, matrix(&mut uniform));
        if let (Ok(codes), Ok(scales)) = (codes, scales.clone()) {
            let grid = AffineGroups { bits: 5, group_size: 64, scales, biases: Biases::Zero(16) };
            tensors.push((codes, Grid::AffineGroups(grid)));
        }
    }
    tensors
}
