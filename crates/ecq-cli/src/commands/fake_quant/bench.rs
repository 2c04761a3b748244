//! `ecq bench fake-quant`: values per second beside a copy, measured in turn.

use super::device::{Compiled, Device};
use super::gigabytes;
use crate::args::FakeQuantBenchArgs;
use crate::commands::engine::option;
use crate::exit::ExitCode;
use crate::json;
use crate::out::{outln, paragraph};
use crate::table::{count, table, three_digits};
use ecq::fake_quant::{Bits, FakeQuantError, FakeQuantizer, Symmetric};
use ecq::kernels::gpu::FakeQuantForm;
use ecq::runtime::RuntimeError;
use rayon::prelude::*;
use serde::Serialize;
use std::time::Instant;

/// Lengths, and million values per second of the original on Apple silicon (2025; 4 bits).
const PUBLISHED: [(usize, Option<f64>); 6] = [
    (1_000, Some(5.0)),
    (10_000, Some(55.0)),
    (100_000, Some(510.0)),
    (1_000_000, Some(4_100.0)),
    (10_000_000, Some(27_600.0)),
    (100_000_000, None),
];
/// Bytes that a value is read and written with.
const BYTES: f64 = 8.0;
/// Least seconds of a measurement on the CPU; shorter work is repeated.
const LEAST: f64 = 2e-3;

#[derive(Serialize)]
struct Row {
    bits: u32,
    values: usize,
    device: String,
    /// Of the CPU.
    threads: Option<usize>,
    kernel: &'static str,
    seconds: f64,
    values_per_s: f64,
    bytes_per_s: f64,
    /// Distance of the quartiles of the seconds, relative to the median.
    spread: f64,
    copy_bytes_per_s: f64,
    copy_spread: f64,
    /// Median of the ratios of measurements that follow each other.
    of_copy: f64,
    published_values_per_s: Option<f64>,
}

pub fn run(args: &FakeQuantBenchArgs, json: bool) -> anyhow::Result<ExitCode> {
    let is_cpu = args.device == "cpu";
    if !is_cpu && !args.threads.is_empty() {
        return Err(
            option("threads", &args.threads[0].to_string())("only --device cpu has it".to_owned()).into()
        );
    }
    if is_cpu && args.kernel != FakeQuantForm::Auto {
        return Err(option("kernel", args.kernel.name())("kernels are those of GPUs".to_owned()).into());
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = match (is_cpu, args.threads.is_empty()) {
        (false, _) => vec![None],
        (true, true) if cores > 1 => vec![Some(1), Some(cores)],
        (true, true) => vec![Some(1)],
        (true, false) => args.threads.iter().copied().map(Some).collect(),
    };
    let bits = if args.bits.is_empty() { vec![Bits::new(4)?] } else { args.bits.clone() };
    let lengths =
        if args.values.is_empty() { PUBLISHED.map(|(n, _)| n).to_vec() } else { args.values.clone() };
    let mut rows = Vec::new();
    for threads in threads {
        let device = Device::open(&args.device, threads)?;
        for &bits in &bits {
            let quantizer = FakeQuantizer::from(Symmetric::unit(bits, args.rounding));
            let compiled = device.compile(&quantizer)?;
            for &len in &lengths {
                let times = measure(&compiled, args, len)?;
                rows.push(row(args, &device, bits, len, &times));
            }
        }
    }
    if json {
        json::print(&serde_json::json!({ "rounding": args.rounding.name(), "results": rows }))?;
    } else {
        print(args, &rows);
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the seconds of quantizing and of copying, measured in turn.
fn measure(compiled: &Compiled, args: &FakeQuantBenchArgs, len: usize) -> anyhow::Result<Vec<[f64; 2]>> {
    let (pool, quantizer) = match compiled {
        Compiled::Cpu(pool, quantizer) => (pool, quantizer),
        Compiled::Cuda(compiled) => return Ok(compiled.measure(args.kernel, len, args.repeat)?),
        #[cfg(feature = "wgpu")]
        Compiled::Wgpu(compiled) => {
            return Ok(compiled.measure(args.kernel, len, args.repeat).map_err(RuntimeError::from)?);
        }
    };
    // From -1.2 to 1.2, in no order.
    let value = |i: usize| (i.wrapping_mul(2_654_435_761) % 1_000_003) as f32 * 2.4e-6 - 1.2;
    let x: Vec<f32> = (0..len).into_par_iter().map(value).collect();
    let mut y = vec![0f32; len];
    let threads = pool.current_num_threads();
    // A copy by all threads pays off where quantizing does.
    let part = if len < 1 << 18 { len } else { len.div_ceil(threads) };
    pool.install(|| {
        let mut quantize = || quantizer.quantize(&x, &mut y);
        quantize()?;
        let passes = passes(&mut || quantize().is_ok());
        let mut timed = |copy: bool| {
            let start = Instant::now();
            for _ in 0..passes {
                match copy {
                    false => quantizer.quantize(&x, &mut y)?,
                    true if part == len => y.copy_from_slice(&x),
                    true => {
                        y.par_chunks_mut(part).zip(x.par_chunks(part)).for_each(|(y, x)| y.copy_from_slice(x))
                    }
                }
                std::hint::black_box(&mut y);
            }
            Ok::<f64, FakeQuantError>(start.elapsed().as_secs_f64() / passes as f64)
        };
        (0..args.repeat).map(|_| Ok([timed(false)?, timed(true)?])).collect()
    })
}

/// Returns how often work is repeated to take long enough to be timed.
fn passes(work: &mut dyn FnMut() -> bool) -> usize {
    let start = Instant::now();
    work();
    ((LEAST / start.elapsed().as_secs_f64().max(1e-9)) as usize).clamp(1, 100_000)
}

/// Returns the median, and the distance of the quartiles relative to it.
fn median_and_spread(mut all: Vec<f64>) -> [f64; 2] {
    all.sort_by(f64::total_cmp);
    let at = |part: usize| all[(all.len() - 1) * part / 4];
    [at(2), (at(3) - at(1)) / at(2)]
}

fn row(args: &FakeQuantBenchArgs, device: &Device, bits: Bits, len: usize, times: &[[f64; 2]]) -> Row {
    let of = |which: usize| median_and_spread(times.iter().map(|pair| pair[which]).collect());
    let ([seconds, spread], [copy, copy_spread]) = (of(0), of(1));
    let [of_copy, _] = median_and_spread(times.iter().map(|[own, copy]| copy / own).collect());
    let published = PUBLISHED.iter().find(|(n, _)| *n == len).and_then(|(_, million)| *million);
    Row {
        bits: bits.get(),
        values: len,
        device: device.name(),
        threads: device.threads(),
        kernel: if args.kernel.is_block(len) { "block" } else { "vector" },
        seconds,
        values_per_s: len as f64 / seconds,
        bytes_per_s: BYTES * len as f64 / seconds,
        spread,
        copy_bytes_per_s: BYTES * len as f64 / copy,
        copy_spread,
        of_copy,
        published_values_per_s: published.map(|million| 1e6 * million),
    }
}

fn print(args: &FakeQuantBenchArgs, rows: &[Row]) {
    let headings = ["threads", "bits", "values", "G values/s", "GB/s", "±%", "copy", "±%", "of copy", "[1]"];
    let mut table = table(&headings, 0);
    for row in rows {
        let percent = |part: f64| format!("{:.0}", 50.0 * part);
        table.add_row([
            row.threads.map_or(String::new(), |threads| threads.to_string()),
            row.bits.to_string(),
            count(row.values as u64),
            three_digits(row.values_per_s / 1e9),
            gigabytes(row.bytes_per_s, 1.0),
            percent(row.spread),
            gigabytes(row.copy_bytes_per_s, 1.0),
            percent(row.copy_spread),
            format!("{:.2}", row.of_copy),
            row.published_values_per_s.map_or(String::new(), |n| three_digits(n / 1e9)),
        ]);
    }
    outln!("{table}");
    paragraph(&format!(
        "{}; medians of {} measurements, quantizing and copying (GB/s) in turn; a value is read and written \
         with 8 bytes; \
         ±%: half of the distance of the quartiles; rounding {}",
        rows.last().map_or("", |row| &row.device),
        args.repeat,
        args.rounding.name()
    ));
    paragraph("[1] G values/s of the original, an MLX kernel, on Apple silicon at 4 bits");
}
