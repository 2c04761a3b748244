//! Tries forms and options of products with tuples on a GPU, while the kernel is developed. Codes are
//! Gaussian; every output is compared with an exact product on the CPU. `ecq bench gemv --device cuda`
//! measures the form that files have, with the options that the device chooses, beside other storages.
//!
//! `cargo run --release -p ecq-cuda --example gemv -- CASE...`, a case being
//! `ROWSxCOLS:DEVIATION:TUPLE:WIDTH:SEGMENT_COLUMNS:SPREAD:WARPS:STREAMS:VECTORS[:trellis]`.
//! With 0 warps the options are those that the matrix chooses.

use cudarc::driver::CudaStream;
use cudarc::driver::sys::{CUevent_flags, CUgraphInstantiate_flags, CUstreamCaptureMode};
use ecq_coding::tuples::{Encoder, Shape, TupleCode};
use ecq_coding::{Counts, FrequencyTable};
use ecq_cuda::{
    CudaError, DeviceMemory, Gpu, Modules, TupleDigits, TupleInput, TupleMatrix, TupleOptions, TupleProduct,
};
use rayon::prelude::*;
use std::error::Error;

/// The symbol of the value 0, and the alphabet.
const ZERO: u8 = 16;
const ALPHABET: u16 = 33;
/// Products of a graph, and bytes of matrices that they rotate through: more than the L2 cache holds.
const PRODUCTS: usize = 32;
const ROTATED_BYTES: usize = 160 << 20;
const REPEATS: usize = 25;
/// See `tuple_work.cuh`.
const EXPONENT_RANGE: i32 = 11;

struct Case {
    rows: usize,
    cols: usize,
    deviation: f64,
    tuple: usize,
    width: u32,
    segment_cols: usize,
    spread: usize,
    vectors: usize,
    trellis: bool,
}

impl Case {
    /// Binary logarithm of what registers hold in place of a level.
    fn register_shift(&self) -> u32 {
        match (self.tuple, self.trellis) {
            (4, false) => 5,
            (4, true) => 4,
            _ => 0,
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let gpu = Gpu::new(0)?;
    let modules = Modules::new(&gpu)?;
    println!("{}", gpu.properties().name);
    let mut last: Option<(String, Vec<u8>)> = None;
    for text in std::env::args().skip(1) {
        let (case, options) = parse(&text).ok_or_else(|| format!("not a case: {text}"))?;
        let key = format!("{}x{} {}", case.rows, case.cols, case.deviation);
        let codes = match last.take() {
            Some((known, codes)) if known == key => codes,
            _ => gaussian(case.rows, case.cols, case.deviation),
        };
        match run(&gpu, &modules, &case, options, &codes) {
            Ok(line) => println!("{text}: {line}"),
            Err(error) => println!("{text}: {error}"),
        }
        last = Some((key, codes));
    }
    Ok(())
}

fn parse(text: &str) -> Option<(Case, Option<TupleOptions>)> {
    let parts: Vec<&str> = text.split(':').collect();
    let (rows, cols) = parts.first()?.split_once('x')?;
    let number = |i: usize| parts.get(i)?.parse::<usize>().ok();
    let case = Case {
        rows: rows.parse().ok()?,
        cols: cols.parse().ok()?,
        deviation: parts.get(1)?.parse().ok()?,
        tuple: number(2)?,
        width: number(3)? as u32,
        segment_cols: number(4)?,
        spread: number(5)?,
        vectors: number(8)?,
        trellis: parts.get(9) == Some(&"trellis"),
    };
    let (warps, streams) = (number(6)?, number(7)?);
    Some((case, (warps > 0).then_some(TupleOptions { warps, streams })))
}

fn run(
    gpu: &Gpu,
    modules: &Modules,
    case: &Case,
    options: Option<TupleOptions>,
    codes: &[u8],
) -> Result<String, Box<dyn Error>> {
    let Case { rows, cols, tuple, vectors, trellis, .. } = *case;
    let counts = Counts::of(codes);
    let table = FrequencyTable::new(&counts, ALPHABET, FrequencyTable::PRECISION)?;
    let code = TupleCode::best(&table, tuple, case.width, ZERO, trellis)?;
    let shape = Shape::new(rows, cols, tuple, case.segment_cols / (8 * tuple))?;
    let encoded = Encoder::new(&code).spread(case.spread).encode(codes, shape)?;
    let steps: Vec<f32> = (0..rows).map(|row| 0.01 + 0.0001 * (row % 97) as f32).collect();
    let scales: Vec<f32> = (0..cols).map(|col| 1.0 + 0.01 * (col % 31) as f32).collect();
    let activations = normals(vectors * cols, 12345);

    let stream = gpu.stream()?;
    let copies = ROTATED_BYTES.div_ceil(encoded.stream.len()).clamp(3, PRODUCTS);
    let matrices = (0..copies)
        .map(|_| TupleMatrix::new(gpu, &code, shape, &encoded, [&steps, &scales]))
        .collect::<Result<Vec<_>, _>>()?;
    let x = DeviceMemory::with(gpu, bytemuck::cast_slice(&activations))?;
    let outputs = DeviceMemory::zeroed(gpu, 3 * 4 * vectors * rows)?;
    let input = TupleInput::new(x.address(), vectors, cols, 0);
    // The scales of all copies are equal.
    let digits = TupleDigits::new(gpu, modules, &matrices[0], input)?;
    let output = (outputs.address(), rows, 0);
    let products = matrices
        .iter()
        .map(|matrix| TupleProduct::new(gpu, modules, (matrix, &digits), input, output, options))
        .collect::<Result<Vec<TupleProduct>, _>>()?;

    // SAFETY: all memory lives until the end of this function, and `time` and `read` wait for the stream.
    unsafe { digits.launch(&stream)? };
    // SAFETY: as above.
    unsafe { products[0].launch(&stream)? };
    let mut bytes = vec![0; 4 * vectors * rows];
    outputs.read(&stream, 0, &mut bytes)?;
    let found: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|&word| f32::from_le_bytes(word)).collect();
    let made = digits.read(&stream)?;
    let (wrong, error) = check(case, shape, codes, (&digits, &made), &found, (&activations, &scales, &steps));

    let output = |i: usize| outputs.address() + (i % 3 * 4 * vectors * rows) as u64;
    // SAFETY: as above.
    let product =
        |stream: &CudaStream, i: usize| unsafe { products[i % copies].with_output(output(i)).launch(stream) };
    let alone = time(gpu, product)?;
    let hinted = time(gpu, |stream, i| {
        let hinted = products[i % copies].with_output(output(i)).between(&products[(i + 1) % copies]);
        // SAFETY: as above.
        unsafe { hinted.launch(stream) }
    })?;
    let both = time(gpu, |stream, i| {
        // SAFETY: as above.
        unsafe { digits.launch(stream)? };
        product(stream, i)
    })?;
    let weights = (rows * cols) as f64;
    let bits = 8.0 * matrices[0].bytes() as f64 / weights;
    Ok(format!(
        "H {:.3}, {bits:.3} bits ({:.3} H), {}, error {error:.1e}; {alone:.2} us, {:.2} Tw/s, {:.0} GB/s; \
         with digits {both:.2} us; next fetched {hinted:.2} us; {} slots, {} bytes of shared memory",
        counts.entropy_bits(),
        bits / counts.entropy_bits(),
        if wrong == 0 { "exact".to_owned() } else { format!("{wrong} WRONG") },
        weights / alone * 1e-6,
        matrices[0].bytes() as f64 / alone * 1e-3,
        products[0].slots().0,
        products[0].slots().1,
    ))
}

/// Compares all outputs with exact products with the device's digits; returns the number of wrong ones and
/// the relative error against products in f64 with the activations themselves.
fn check(
    case: &Case,
    shape: Shape,
    codes: &[u8],
    (layout, (digits, exponents)): (&TupleDigits, &(Vec<u8>, Vec<i32>)),
    found: &[f32],
    (activations, scales, steps): (&[f32], &[f32], &[f32]),
) -> (usize, f64) {
    let (rows, cols, tuple) = (case.rows, case.cols, case.tuple);
    let segment_cols = shape.segment_groups() * 8 * tuple;
    let segment_of = |col: usize| (col / segment_cols).min(shape.segments() - 1);
    let (mut wrong, mut squares) = (0, [0.0f64; 2]);
    for vector in 0..case.vectors {
        let digit = |col: usize| {
            let byte = layout.place(vector, col);
            256 * i64::from(digits[byte] as i8) + i64::from(digits[byte + 32] as i8)
        };
        let own: Vec<i64> = (0..cols).map(digit).collect();
        let of = &exponents[vector * shape.segments()..][..shape.segments()];
        let greatest = of.iter().max().copied().unwrap_or(0);
        for (col, &digits) in own.iter().enumerate() {
            let unit = f64::from(of[segment_of(col)]).exp2();
            let x = f64::from(activations[vector * cols + col] * scales[col]);
            wrong += usize::from((x - digits as f64 * unit).abs() > 0.501 * unit);
        }
        let scaled = |(&sum, &exponent): (&i64, &i32)| {
            let (sum, shift) = (sum << case.register_shift(), EXPONENT_RANGE + exponent - greatest);
            if shift >= 0 { sum << shift } else { sum >> -shift }
        };
        let unit = f64::from(greatest - EXPONENT_RANGE - case.register_shift() as i32).exp2() as f32;
        let row = |row: usize| {
            let (mut sums, mut branches, mut exact) = (vec![0i64; shape.segments()], vec![0i64; cols], 0.0);
            let k = |col: usize| i64::from(codes[row * cols + col]) - i64::from(ZERO);
            for col in 0..cols {
                let mut level = k(col);
                if case.trellis {
                    let (at, lag) = (col % segment_cols, 4 * tuple);
                    let parity = if at >= lag { k(col - lag) & 1 } else { 0 };
                    branches[col] = parity ^ if at >= 2 * lag { branches[col - 2 * lag] } else { 0 };
                    level = 2 * level + branches[col];
                }
                sums[segment_of(col)] += level * own[col];
                exact += level as f64 * f64::from(activations[vector * cols + col] * scales[col]);
            }
            let sum: i64 = sums.iter().zip(of).map(scaled).sum();
            (sum as f32 * unit * steps[row], exact * f64::from(steps[row]))
        };
        let results: Vec<(f32, f64)> = (0..rows).into_par_iter().map(row).collect();
        for (row, (expected, exact)) in results.into_iter().enumerate() {
            let found = found[vector * rows + row];
            wrong += usize::from(found.to_bits() != expected.to_bits());
            squares[0] += (f64::from(found) - exact).powi(2);
            squares[1] += exact.powi(2);
        }
    }
    (wrong, (squares[0] / squares[1]).sqrt())
}

/// Returns the median time in microseconds of a launch, in a graph of launches that follow each other.
fn time(
    gpu: &Gpu,
    mut launch: impl FnMut(&CudaStream, usize) -> Result<(), CudaError>,
) -> Result<f64, Box<dyn Error>> {
    let stream = gpu.stream()?;
    stream.begin_capture(CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)?;
    for i in 0..PRODUCTS {
        launch(&stream, i)?;
    }
    let flags = CUgraphInstantiate_flags::CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH;
    let graph = stream.end_capture(flags)?.ok_or("an empty graph")?;
    let event = || gpu.context().new_event(Some(CUevent_flags::CU_EVENT_DEFAULT));
    let mut times = Vec::new();
    for _ in 0..REPEATS {
        let (from, to) = (event()?, event()?);
        // The graph before hides the time that it takes to start one.
        graph.launch()?;
        from.record(&stream)?;
        graph.launch()?;
        to.record(&stream)?;
        times.push(f64::from(from.elapsed_ms(&to)?) * 1e3 / PRODUCTS as f64);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// Returns the next number from 0 to 1 of a xorshift generator.
fn uniform(state: &mut u64) -> f64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 11) as f64 / (1u64 << 53) as f64
}

fn normal(state: &mut u64) -> f64 {
    let (radius, angle) =
        ((-2.0 * (1.0 - uniform(state)).ln()).sqrt(), std::f64::consts::TAU * uniform(state));
    radius * angle.cos()
}

fn normals(n: usize, seed: u64) -> Vec<f32> {
    let mut state = seed | 1 << 40;
    (0..n).map(|_| normal(&mut state) as f32).collect()
}

fn gaussian(rows: usize, cols: usize, deviation: f64) -> Vec<u8> {
    let mut codes = vec![0; rows * cols];
    codes.par_chunks_mut(cols).enumerate().for_each(|(row, codes)| {
        let mut state = 0x9e37_79b9_7f4a_7c15u64.wrapping_mul(row as u64 + 1);
        for _ in 0..8 {
            uniform(&mut state);
        }
        for code in codes {
            let value = (normal(&mut state) * deviation).round().clamp(-16.0, 16.0);
            *code = (value + f64::from(ZERO)) as u8;
        }
    });
    codes
}
