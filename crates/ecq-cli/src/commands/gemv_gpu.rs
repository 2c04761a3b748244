//! Time of matrix products on a GPU, by its events.

use super::device::Device;
use super::engine::option;
use super::filled::filled;
use super::gemv::from_model;
use super::original::Notes;
use super::products::{Activations, Layer, Products, encoded, matrix};
use super::shape::projection;
use crate::args::GemvArgs;
use crate::exit::ExitCode;
use crate::json;
use crate::out::{outln, paragraph};
use crate::progress::Bar;
use crate::table::{table, three_digits};
use ecq::codec::CodesEntry;
use ecq::encode::EncodeOptions;
use ecq::runtime::{Matrix, MatrixStorage, Mode};
use ecq::{Codes, Coding, FloatType, FloatVec, Grid, options};
use serde::Serialize;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Entropies of Gaussian codes in bits.
const ENTROPIES: [f64; 6] = [1.2, 1.8, 2.22, 2.8, 3.2, 3.6];
/// Bytes of the matrices that products rotate through: four times the second-level cache of an H100.
const ROTATED_BYTES: u64 = 200 << 20;
/// The most products of a program.
const MOST_PRODUCTS: usize = 256;
/// Columns after which a trellis restarts.
const RESTART: u32 = 288;

/// Storages of a matrix: name, coding (none for floats) and mode.
type Storage = (&'static str, Option<Coding>, Mode);

/// Storages on CUDA.
const CUDA: &[Storage] = &[
    ("f16", None, Mode::Cached),
    ("packed", Some(Coding::Packed), Mode::Cached),
    ("fused tuples", Some(Coding::Tuples), Mode::Fused),
    ("prefix, decoded ahead", Some(Coding::Prefix), Mode::Async),
    ("rans, decoded ahead", Some(Coding::Rans), Mode::Async),
];

/// Storages on wgpu, which decodes in turn.
const WGPU: &[Storage] = &[
    ("f16", None, Mode::Cached),
    ("packed", Some(Coding::Packed), Mode::Cached),
    ("fused tuples", Some(Coding::Tuples), Mode::Fused),
    ("fused prefix", Some(Coding::Prefix), Mode::Fused),
    ("fused rans", Some(Coding::Rans), Mode::Fused),
    ("prefix, decoded before", Some(Coding::Prefix), Mode::Prefetch),
    ("rans, decoded before", Some(Coding::Rans), Mode::Prefetch),
];

/// Matrices of one shape.
struct Set {
    name: String,
    matrices: Vec<(Codes, Grid)>,
}

#[derive(Serialize)]
struct Row {
    weights: String,
    shape: [usize; 2],
    matrices: usize,
    kernel: &'static str,
    rows: usize,
    /// Seconds of a product whose activations are integers already; none where it decodes ahead.
    product_seconds: Option<f64>,
    /// Seconds with the conversion of activations, and with decoding.
    seconds: Option<f64>,
    bits_per_weight: f64,
    why: Option<String>,
}

pub fn run(args: &GemvArgs, json: bool) -> anyhow::Result<ExitCode> {
    if !args.threads.is_empty() {
        let why = "a GPU has no threads to choose; leave out --threads".to_owned();
        return Err(option("device", &args.device)(why).into());
    }
    let device = Device::open(&args.device, None)?;
    let storages = match &device {
        Device::Cpu(_) => {
            let expected = "expected cuda, cuda:N, wgpu, wgpu:N or wgpu:NAME".to_owned();
            return Err(option("device", &args.device)(expected).into());
        }
        Device::Cuda(_) => CUDA,
        #[cfg(feature = "wgpu")]
        Device::Wgpu(_) => WGPU,
    };
    let mut tile = EncodeOptions::default();
    options::set(&mut tile, "tile", &args.tile)?;
    if let Some(lanes) = &args.lanes {
        options::set(&mut tile, "lanes", lanes)?;
    }
    let all_rows = if args.rows.is_empty() { vec![1] } else { args.rows.clone() };
    let name = device.backend().info().name;
    if !json {
        paragraph(&format!(
            "{name}; times by events or timestamps, median of 15 replays of a program whose matrices exceed \
             the cache. us: a product, with activations that are integers already; with x: with their \
             conversion, \
             and with decoding where another kernel decodes."
        ));
    }
    let mut results = Vec::new();
    for make in sets(args)? {
        let set = make()?;
        let mut own = Vec::new();
        for &(kernel, coding, mode) in storages {
            if args.kernel.as_ref().is_some_and(|part| !kernel.contains(part.as_str())) {
                continue;
            }
            let _bar = Bar::spinner("measuring");
            let matrices = matrices(&set, coding, &tile)?;
            for &rows in &all_rows {
                own.push(measure(&device, &set, (kernel, mode, rows), &matrices)?);
            }
        }
        if !json {
            print(&own);
        }
        results.extend(own);
    }
    if json {
        json::print(&serde_json::json!({ "device": name, "results": results }))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the matrices of a set when they are needed.
type MakeSet<'a> = Box<dyn FnOnce() -> anyhow::Result<Set> + 'a>;

fn sets(args: &GemvArgs) -> anyhow::Result<Vec<MakeSet<'_>>> {
    if let Some(path) = &args.model
        && !args.shape.is_empty()
    {
        let matrices = Rc::new(from_model(path, args.name.as_deref())?);
        let make = |&shape: &[usize; 2]| -> MakeSet<'_> {
            let matrices = Rc::clone(&matrices);
            let name = format!("copies of the median matrix of {}", path.display());
            Box::new(move || Ok(Set { name, matrices: vec![filled(shape, &matrices)?] }))
        };
        return Ok(args.shape.iter().map(make).collect());
    }
    if let Some(path) = &args.model {
        let mut by_shape: BTreeMap<[usize; 2], Vec<(Codes, Grid)>> = BTreeMap::new();
        for (codes, grid) in from_model(path, args.name.as_deref())? {
            by_shape.entry([codes.rows(), codes.cols()]).or_default().push((codes, grid));
        }
        let make = |(_, matrices): (_, Vec<(Codes, Grid)>)| -> MakeSet<'_> {
            Box::new(move || Ok(Set { name: path.display().to_string(), matrices }))
        };
        return Ok(by_shape.into_iter().map(make).collect());
    }
    let mut all: Vec<MakeSet<'_>> = Vec::new();
    let shapes = if args.shape.is_empty() { vec![[16384, 4096]] } else { args.shape.clone() };
    let entropies = if args.entropy.is_empty() { &ENTROPIES[..] } else { &args.entropy };
    for shape in shapes {
        for &entropy in entropies {
            for trellis in if args.trellis { &[false, true][..] } else { &[false] } {
                all.push(Box::new(move || {
                    // The lag is four tuples, which are longer the fewer bits a code has.
                    let lag = match entropy {
                        ..1.5 => 16,
                        ..2.7 => 12,
                        _ => 8,
                    };
                    let grid = trellis.then_some((lag, RESTART));
                    let name = if *trellis { "trellis" } else { "uniform" };
                    let name = format!("Gaussian, about {entropy} bits, {name} grid");
                    Ok(Set { name, matrices: vec![projection(shape, entropy, grid)?] })
                }));
            }
        }
    }
    Ok(all)
}

/// Stores the matrices of a set; the reason if a coding does not hold them.
fn matrices(
    set: &Set,
    coding: Option<Coding>,
    tile: &EncodeOptions,
) -> anyhow::Result<Result<Vec<Layer>, String>> {
    let mut layers = Vec::new();
    for (codes, grid) in &set.matrices {
        let matrix = match coding {
            None => floats(codes, grid),
            Some(coding) => {
                let tensor = match encoded(codes, grid, coding, tile) {
                    Ok(tensor) => tensor,
                    Err(error) => return Ok(Err(format!("{error:#}"))),
                };
                // Without a coding for the grid, another one is taken.
                if CodesEntry::of(&tensor)?.coding != coding {
                    let name = coding.name();
                    let why = format!("{name} cannot code this grid, or would take more bits than packed");
                    return Ok(Err(why));
                }
                matrix(tensor)
            }
        };
        layers.push(vec![vec![matrix]]);
    }
    Ok(Ok(layers))
}

fn floats(codes: &Codes, grid: &Grid) -> Matrix {
    let shape = [codes.rows(), codes.cols()];
    let mut weights = vec![0.0; shape[0] * shape[1]];
    for (row, (q, w)) in codes.symbols().chunks(shape[1]).zip(weights.chunks_mut(shape[1])).enumerate() {
        grid.dequantize_row(row, q, w);
    }
    let halves = FloatVec::from_f32(FloatType::F16, &weights);
    let storage = MatrixStorage::Plain { dtype: FloatType::F16, bytes: halves.as_bytes().to_vec().into() };
    Matrix { name: "f16".to_owned(), shape, storage }
}

fn measure(
    device: &Device,
    set: &Set,
    (kernel, mode, rows): (&'static str, Mode, usize),
    layers: &Result<Vec<Layer>, String>,
) -> anyhow::Result<Row> {
    let shape = set.matrices.first().map_or([0, 0], |(codes, _)| [codes.rows(), codes.cols()]);
    let mut row = Row {
        weights: set.name.clone(),
        shape,
        matrices: set.matrices.len(),
        kernel,
        rows,
        product_seconds: None,
        seconds: None,
        bits_per_weight: 0.0,
        why: None,
    };
    let layers = match layers {
        Ok(layers) => layers,
        Err(why) => {
            row.why = Some(why.clone());
            return Ok(row);
        }
    };
    let bytes: u64 = layers.iter().flatten().flatten().map(Matrix::stored_bytes).sum();
    let wanted = (ROTATED_BYTES as usize).div_ceil((bytes as usize / layers.len().max(1)).max(1));
    // Two sets of slots alternate.
    let count = wanted.clamp(2, MOST_PRODUCTS).next_multiple_of(2);
    let repeated: Vec<&Layer> = layers.iter().cycle().take(count).collect();
    let products = match Products::new(device, &repeated, mode, (rows, Activations::Constant)) {
        Ok(products) => products,
        Err(error) if mode == Mode::Fused => {
            row.why = Some(super::original::refusal(error)?);
            return Ok(row);
        }
        Err(error) => return Err(error.into()),
    };
    let weights = (shape[0] * shape[1] * count) as f64;
    row.bits_per_weight = 8.0 * products.weight_bytes as f64 / weights;
    let time = |keep: &dyn Fn(&str) -> bool| -> anyhow::Result<f64> {
        Ok(device.gpu_seconds(products.program(), &products.inputs(), keep)? / count as f64)
    };
    row.seconds = Some(time(&|_| true)?);
    if !matches!(mode, Mode::Async | Mode::Prefetch) {
        row.product_seconds = Some(time(&|name| !name.starts_with("prepare"))?);
    }
    Ok(row)
}

fn print(rows: &[Row]) {
    let Some(first) = rows.first() else { return };
    let matrices =
        if first.matrices == 1 { "a matrix".to_owned() } else { format!("{} matrices", first.matrices) };
    outln!("{}: {matrices} of {} x {}", first.weights, first.shape[0], first.shape[1]);
    let (mut out, mut notes) =
        (table(&["kernel", "rows", "us", "with x", "T weights/s", "GB/s", "bpw"], 1), Notes::default());
    for row in rows {
        let micros = |seconds: Option<f64>| seconds.map_or(String::new(), |s| format!("{:.2}", s * 1e6));
        let weights = (row.shape[0] * row.shape[1]) as f64;
        let rate = |per: f64| row.seconds.map_or(String::new(), |seconds| three_digits(per / seconds));
        out.add_row([
            row.kernel.to_owned(),
            row.rows.to_string(),
            row.why.as_deref().map_or_else(|| micros(row.product_seconds), |why| notes.mark(why)),
            micros(row.seconds),
            rate(weights / 1e12),
            rate(weights * row.bits_per_weight / 8e9),
            if row.seconds.is_some() { format!("{:.2}", row.bits_per_weight) } else { String::new() },
        ]);
    }
    outln!("{out}");
    notes.print();
}
