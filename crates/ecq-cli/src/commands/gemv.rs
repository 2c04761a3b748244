//! Speed of matrix-vector products of several kernels, compared with the memory bandwidth.

use super::bench::{SYMBOLS, gaussian};
use super::engine::option;
use crate::args::GemvArgs;
use crate::exit::ExitCode;
use crate::json;
use crate::out::outln;
use crate::table::{bytes, table, three_digits};
use anyhow::Context;
use ecq::encode::{CodingChoice, EncodeOptions, encode};
use ecq::kernels::cpu::linear::{
    Activations, DenseLinear, FusedLinear, Isa, Linear, PackedLinear, Precision, Scratch,
};
use ecq::source::{self, Tensor};
use ecq::{Codes, Coding, FloatType, FloatVec, Grid, Limits, TensorKind, options};
use serde::Serialize;
use std::ops::Range;
use std::path::Path;
use std::time::Instant;

#[derive(Serialize)]
struct Measured {
    weights: String,
    kernel: String,
    rows: usize,
    threads: usize,
    weights_per_s: f64,
    bytes_per_s: f64,
    bits_per_weight: f64,
}

/// A kernel: its name, the precision of activations, and the conversion of a matrix to its storage.
type Kernel = (&'static str, Precision, fn(&Codes, &Grid, &EncodeOptions) -> anyhow::Result<Box<dyn Linear>>);

const KERNELS: [Kernel; 7] = [
    ("f16, f32 activations", Precision::F32, |codes, grid, _| {
        let cols = codes.cols();
        let mut weights = vec![0.0; codes.rows() * cols];
        for (row, (q, w)) in codes.symbols().chunks(cols).zip(weights.chunks_mut(cols)).enumerate() {
            grid.dequantize_row(row, q, w);
        }
        let halves = FloatVec::from_f32(FloatType::F16, &weights);
        Ok(Box::new(DenseLinear::new([codes.rows(), cols], FloatType::F16, halves.as_bytes())?))
    }),
    ("packed, f32 activations", Precision::F32, |codes, grid, _| {
        Ok(Box::new(PackedLinear::new(codes, grid)?))
    }),
    ("packed", Precision::I8, |codes, grid, _| Ok(Box::new(PackedLinear::new(codes, grid)?))),
    ("fused packed", Precision::I8, |codes, grid, tile| fused(codes, grid, tile, Coding::Packed)),
    ("fused prefix", Precision::I8, |codes, grid, tile| fused(codes, grid, tile, Coding::Prefix)),
    ("fused rans", Precision::I8, |codes, grid, tile| fused(codes, grid, tile, Coding::Rans)),
    ("fused rans, f32 activations", Precision::F32, |codes, grid, tile| {
        fused(codes, grid, tile, Coding::Rans)
    }),
];

fn fused(
    codes: &Codes,
    grid: &Grid,
    tile: &EncodeOptions,
    coding: Coding,
) -> anyhow::Result<Box<dyn Linear>> {
    let options = EncodeOptions { coding: CodingChoice::Only(coding), hybrid_percent: 0.0, ..*tile };
    let (tensor, _) = encode(TensorKind::Linear, codes, grid, &options)?;
    Ok(Box::new(FusedLinear::new(&tensor)?))
}

pub fn run(args: &GemvArgs, json: bool) -> anyhow::Result<ExitCode> {
    if args.device != "cpu" {
        return super::gemv_gpu::run(args, json);
    }
    if args.trellis || !args.shape.is_empty() {
        let why = "--shape and --trellis are for products on a GPU; add --device cuda".to_owned();
        return Err(option("device", &args.device)(why).into());
    }
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if args.threads.is_empty() { vec![1, all] } else { args.threads.clone() };
    let rows = if args.rows.is_empty() { vec![1] } else { args.rows.clone() };
    let mut tile = EncodeOptions::default();
    options::set(&mut tile, "tile", &args.tile)?;
    if let Some(lanes) = &args.lanes {
        options::set(&mut tile, "lanes", lanes)?;
    }
    let sets = match &args.model {
        Some(path) => vec![(path.display().to_string(), from_model(path, args.name.as_deref())?)],
        None => [1.2, 2.5, 3.8].map(|bits| (format!("Gaussian, {bits} bits"), gaussian(bits))).into(),
    };
    let probes: Vec<(usize, f64)> = threads.iter().map(|&n| (n, read_rate(n))).collect();
    let mut results = Vec::new();
    for (set, matrices) in &sets {
        for (kernel, precision, make) in KERNELS {
            if args.kernel.as_ref().is_some_and(|part| !kernel.contains(part.as_str())) {
                continue;
            }
            let linears: Vec<Box<dyn Linear>> =
                matrices.iter().map(|(codes, grid)| make(codes, grid, &tile)).collect::<Result<_, _>>()?;
            let weights: usize = matrices.iter().map(|(codes, _)| codes.symbols().len()).sum();
            let resident: usize = linears.iter().map(|linear| linear.bytes_resident()).sum();
            for &rows in &rows {
                for &threads in &threads {
                    let seconds = best_pass(&linears, precision, rows, threads, args.seconds)?;
                    results.push(Measured {
                        weights: set.clone(),
                        kernel: kernel.to_owned(),
                        rows,
                        threads,
                        weights_per_s: (weights * rows) as f64 / seconds,
                        bytes_per_s: resident as f64 / seconds,
                        bits_per_weight: 8.0 * resident as f64 / weights as f64,
                    });
                }
            }
        }
    }
    print(&results, &probes, json)
}

fn print(results: &[Measured], probes: &[(usize, f64)], json: bool) -> anyhow::Result<ExitCode> {
    let isa = Isa::detect().name();
    if json {
        let probes = probes
            .iter()
            .map(|(threads, rate)| serde_json::json!({ "threads": threads, "bytes_per_s": rate }));
        json::print(&serde_json::json!({
            "results": results, "memory_reads": probes.collect::<Vec<_>>(), "isa": isa
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut set = "";
    for result in results {
        if result.weights != set {
            set = &result.weights;
            outln!("{set}");
            let headings = ["kernel", "rows", "threads", "G weights/s", "GB/s", "bpw in memory"];
            let mut rows = table(&headings, 1);
            for result in results.iter().filter(|result| result.weights == set) {
                rows.add_row([
                    result.kernel.clone(),
                    result.rows.to_string(),
                    result.threads.to_string(),
                    three_digits(result.weights_per_s / 1e9),
                    three_digits(result.bytes_per_s / 1e9),
                    format!("{:.2}", result.bits_per_weight),
                ]);
            }
            outln!("{rows}");
        }
    }
    for (threads, rate) in probes {
        outln!("memory bandwidth, {threads} thread(s) reading: {}/s", bytes(*rate as u64));
    }
    outln!(
        "{isa}; weights/s: weights times rows of activations; best pass; 8-bit activations unless f32 is \
         named"
    );
    Ok(ExitCode::SUCCESS)
}

/// Returns the time in seconds of the fastest pass over all matrices; threads share the rows of each matrix.
fn best_pass(
    linears: &[Box<dyn Linear>],
    precision: Precision,
    rows: usize,
    threads: usize,
    seconds: f64,
) -> anyhow::Result<f64> {
    let activations: Vec<Activations> = linears
        .iter()
        .map(|linear| {
            let cols = linear.shape()[1];
            let x: Vec<f32> = (0..rows * cols).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
            let mut activations = Activations::new();
            activations.set(precision, &x, rows, cols, linear.col_scales());
            activations
        })
        .collect();
    let share = |linear: &dyn Linear, thread: usize| -> Range<usize> {
        let steps = linear.shape()[0].div_ceil(linear.row_granularity());
        let at = |thread: usize| (steps * thread / threads * linear.row_granularity()).min(linear.shape()[0]);
        at(thread)..at(thread + 1)
    };
    let (start, mut best) = (Instant::now(), f64::INFINITY);
    while best.is_infinite() || start.elapsed().as_secs_f64() < seconds {
        let pass = Instant::now();
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads)
                .map(|thread| {
                    let (activations, share) = (&activations, &share);
                    scope.spawn(move || -> anyhow::Result<()> {
                        let (mut scratch, mut y) = (Scratch::new(), Vec::new());
                        for (linear, x) in linears.iter().zip(activations) {
                            let range = share(&**linear, thread);
                            y.resize(rows * range.len(), 0.0);
                            linear.matmul(x, range, &mut y, &mut scratch)?;
                        }
                        Ok(())
                    })
                })
                .collect();
            workers.into_iter().try_for_each(|worker| {
                worker.join().map_err(|_| anyhow::anyhow!("a benchmark thread panicked"))?
            })
        })?;
        best = best.min(pass.elapsed().as_secs_f64());
    }
    Ok(best)
}

/// Measures the read bandwidth of memory in bytes per second: the fastest of five passes over 256 MiB.
fn read_rate(threads: usize) -> f64 {
    let data = vec![1u64; 32 << 20];
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let pass = Instant::now();
        std::thread::scope(|scope| {
            for part in data.chunks(data.len().div_ceil(threads)) {
                scope.spawn(move || {
                    let (lines, _) = part.as_chunks::<32>();
                    let mut sums = [0u64; 32];
                    for line in lines {
                        sums.iter_mut().zip(line).for_each(|(sum, word)| *sum = sum.wrapping_add(*word));
                    }
                    std::hint::black_box(sums);
                });
            }
        });
        best = best.min(pass.elapsed().as_secs_f64());
    }
    8.0 * data.len() as f64 / best
}

/// Returns codes and grids of the matrices of a model whose names contain `name`; without it, those of its
/// block projections.
pub fn from_model(path: &Path, name: Option<&str>) -> anyhow::Result<Vec<(Codes, Grid)>> {
    let source = source::open(path, &Limits::default())?;
    let (mut matrices, mut weights) = (Vec::new(), 0);
    for (i, tensor) in source.tensors().iter().enumerate() {
        let wanted = name.map_or(tensor.kind == TensorKind::Linear, |name| tensor.name.contains(name));
        if wanted
            && weights < SYMBOLS
            && let Tensor::Coded(codes, grid) = source.load(i)?
        {
            weights += codes.symbols().len();
            matrices.push((codes, grid));
        }
    }
    (!matrices.is_empty())
        .then_some(matrices)
        .with_context(|| format!("{}: no selected tensor has integer codes", path.display()))
}
