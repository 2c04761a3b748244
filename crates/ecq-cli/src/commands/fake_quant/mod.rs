//! `ecq fake-quant` and its benchmark.

mod bench;
mod device;

pub use bench::run as bench;

use crate::args::{FakeQuantArgs, LevelsArg};
use crate::exit::ExitCode;
use crate::out::{outln, paragraph};
use crate::table::{count, list, three_digits};
use crate::{json, texts};
use anyhow::Context;
use device::Device;
use ecq::fake_quant::{FakeQuantError, FakeQuantizer, LevelChoice, RangeChoice, Scheme};
use ecq::format::checkpoint::{Checkpoint, CheckpointTensorInfo};
use ecq::{Destination, FloatType, FloatVec, Limits, PackError};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Serialize;
use std::collections::HashMap;

/// What became of a tensor.
#[derive(Serialize)]
struct Row {
    name: String,
    shape: Vec<usize>,
    channels: usize,
    /// Levels of a channel; of levels that differ, the most.
    levels: usize,
    /// The least and the largest level of all channels.
    range: [f32; 2],
    /// Root of the ratio of the squared error to the squares of the values; none for zeros and for values
    /// that are not finite.
    relative_error: Option<f64>,
}

pub fn run(args: &FakeQuantArgs, json: bool) -> anyhow::Result<ExitCode> {
    let choice = choice(args)?;
    let checkpoint = Checkpoint::open(&args.input, &Limits::default()).map_err(PackError::from)?;
    let files: Vec<_> = checkpoint.shards().iter().map(|shard| shard.path.clone()).collect();
    Destination::file(&args.output).replacing(args.force.force).check(&files)?;
    let device = Device::open(&args.device, args.threads)?;
    let (mut rows, mut tensors) = (Vec::new(), Vec::new());
    for info in checkpoint.tensors() {
        let bytes = checkpoint.read(info).map_err(PackError::from)?;
        match float_type(info.dtype).filter(|_| info.name.contains(&args.name)) {
            None => tensors.push((info, info.dtype, bytes)),
            Some(float) => {
                let x = FloatVec::new(float, bytes).map_err(PackError::from)?.to_f32();
                let (row, y) = quantized(args, choice, &device, info, &x)?;
                rows.push(row);
                tensors.push((info, Dtype::F32, bytes_of(&y)));
            }
        }
    }
    if rows.is_empty() {
        let why = format!("no tensor of floats has a name that contains {:?}", args.name);
        return Err(option(&format!("--name {:?}", args.name), why).into());
    }
    let views = tensors.iter().map(|(info, dtype, bytes)| {
        Ok((info.name.clone(), TensorView::new(*dtype, info.shape.clone(), bytes)?))
    });
    let views = views.collect::<Result<Vec<_>, safetensors::SafeTensorError>>().context("the output")?;
    let metadata: HashMap<String, String> =
        checkpoint.shards().iter().flat_map(|shard| shard.metadata.clone()).collect();
    let metadata = Some(metadata).filter(|metadata| !metadata.is_empty());
    let file = safetensors::serialize(views, metadata).context("the output")?;
    texts::write(&args.output, &file, &files, args.force.force)?;
    if json {
        json::print(&serde_json::json!({
            "file": args.output.display().to_string(), "file_bytes": file.len(),
            "bits": args.bits.get(), "rounding": args.rounding.name(), "device": device.name(),
            "quantized": rows, "copied": tensors.len() - rows.len(),
        }))?;
    } else {
        print(args, &rows, tensors.len() - rows.len());
    }
    Ok(ExitCode::SUCCESS)
}

fn choice(args: &FakeQuantArgs) -> anyhow::Result<LevelChoice> {
    let range = match (args.range, args.per_channel) {
        (Some(range), _) => range,
        (None, Some(_)) => RangeChoice::LargestMagnitude,
        (None, None) => RangeChoice::Limit(1.0),
    };
    let fixed = matches!(range, RangeChoice::Limit(_) | RangeChoice::Between(..));
    match args.levels {
        LevelsArg::Quantile if args.range.is_some() => {
            let why = "--levels quantile takes its levels from the values; remove one of the options";
            Err(option("--range", why.to_owned()).into())
        }
        LevelsArg::Quantile => Ok(LevelChoice::Quantile),
        LevelsArg::Uniform if fixed && args.per_channel.is_some() => {
            let why = "gives all channels the same range; use --range max or minmax, or remove --per-channel";
            Err(option("--range", why.to_owned()).into())
        }
        LevelsArg::Uniform => Ok(LevelChoice::Uniform(range)),
    }
}

fn option(option: &str, why: String) -> PackError {
    PackError::Option { option: option.to_owned(), why }
}

fn float_type(dtype: Dtype) -> Option<FloatType> {
    match dtype {
        Dtype::F32 => Some(FloatType::F32),
        Dtype::F16 => Some(FloatType::F16),
        Dtype::BF16 => Some(FloatType::Bf16),
        _ => None,
    }
}

fn bytes_of(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn quantized(
    args: &FakeQuantArgs,
    choice: LevelChoice,
    device: &Device,
    info: &CheckpointTensorInfo,
    x: &[f32],
) -> anyhow::Result<(Row, Vec<f32>)> {
    let quantizer = FakeQuantizer::fitted(x, &info.shape, args.per_channel, args.bits, choice, args.rounding);
    let quantizer = quantizer.map_err(|error| {
        let name = match error {
            FakeQuantError::Axis { .. } => "--per-channel",
            _ => "--range",
        };
        option(name, format!("tensor {}: {error}; --name selects tensors", info.name))
    })?;
    let y = device.compile(&quantizer)?.quantize(args.kernel, x)?;
    let (mut error, mut energy) = (0.0, 0.0);
    for (x, y) in x.iter().zip(&y) {
        error += f64::from(x - y).powi(2);
        energy += f64::from(*x).powi(2);
    }
    let relative_error = Some((error / energy).sqrt()).filter(|ratio| ratio.is_finite());
    let (levels, range) = match quantizer.scheme() {
        Scheme::Symmetric(all) => {
            let limit = all.iter().map(|of| of.limit()).fold(0.0, f32::max);
            (2.max(2 * args.bits.largest() as usize + 1), [-limit, limit])
        }
        Scheme::Levels(all) => {
            let ends = all.iter().filter_map(|of| Some((*of.levels().first()?, *of.levels().last()?)));
            let range = ends.fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], (first, last)| {
                [low.min(first), high.max(last)]
            });
            (all.iter().map(|of| of.levels().len()).max().unwrap_or(0), range)
        }
    };
    // One bit has two levels, which the formula gives as one.
    let levels = if args.bits.get() == 1 { 2 } else { levels };
    let channels = quantizer.channels();
    let row =
        Row { name: info.name.clone(), shape: info.shape.clone(), channels, levels, range, relative_error };
    Ok((row, y))
}

fn print(args: &FakeQuantArgs, rows: &[Row], copied: usize) {
    let mut table = list(&["tensor", "shape", "channels", "levels", "range", "relative error"], 2);
    for row in rows {
        let shape: Vec<String> = row.shape.iter().map(usize::to_string).collect();
        table.add_row([
            row.name.clone(),
            shape.join("x"),
            row.channels.to_string(),
            row.levels.to_string(),
            format!("{} to {}", row.range[0], row.range[1]),
            row.relative_error.map_or(String::new(), |error| format!("{error:.4}")),
        ]);
    }
    outln!("{table}");
    let values: usize = rows.iter().map(|row| row.shape.iter().product::<usize>()).sum();
    paragraph(&format!(
        "{} values of {} tensors at {} bits, rounding {}; {copied} tensors copied",
        count(values as u64),
        rows.len(),
        args.bits,
        args.rounding.name()
    ));
    outln!("wrote {}", args.output.display());
}

/// Formats bytes per second in GB/s.
fn gigabytes(bytes: f64, seconds: f64) -> String {
    three_digits(bytes / seconds / 1e9)
}
