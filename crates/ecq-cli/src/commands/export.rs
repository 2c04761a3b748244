use crate::args::{ExportArgs, ExportFloat, ExportFormat};
use crate::out::{outln, paragraph};
use crate::progress::Bar;
use crate::table::bytes;
use crate::{interrupt, json, warnings};
use bytesize::ByteSize;
use ecq::{
    CheckpointFormat, CheckpointOptions, Destination, ExportReport, FloatType, Limits, PackError,
    export_checkpoint, export_gguf,
};
use serde_json::json;
use std::process::ExitCode;

pub fn run(args: &ExportArgs, json: bool) -> anyhow::Result<ExitCode> {
    let destination = match args.format {
        ExportFormat::Gguf => Destination::file(&args.output),
        ExportFormat::Mlx | ExportFormat::Safetensors => Destination::folder(&args.output),
    };
    destination.replacing(args.force.force).check(std::slice::from_ref(&args.file))?;
    let float_bytes = match args.dtype {
        Some(ExportFloat::F32) => 4,
        _ => 2,
    };
    warnings::long_export(&args.file, args.format, float_bytes)?;
    interrupt::install_handler()?;
    let (limits, progress) = (Limits::default(), Bar::new(json));
    let report = match args.format {
        ExportFormat::Gguf => export_gguf(&args.file, &args.output, &limits, &progress)?,
        ExportFormat::Mlx => checkpoint(args, CheckpointFormat::Mlx, &limits, &progress)?,
        ExportFormat::Safetensors => checkpoint(args, CheckpointFormat::Safetensors, &limits, &progress)?,
    };
    drop(progress);
    if json {
        let ExportReport { bytes, exact, dequantized, .. } = &report;
        json::print(&json!({
            "file_bytes": bytes, "file": args.output.display().to_string(), "exact": exact,
            "dequantized": dequantized,
        }))?;
    } else {
        outln!("wrote {} ({})", args.output.display(), bytes(report.bytes));
        if let Some(first) = report.dequantized.first() {
            paragraph(&format!(
                "{} tensors are exact; {} became floats because the format cannot store their codes (first: \
                 {first})",
                report.exact,
                report.dequantized.len(),
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn checkpoint(
    args: &ExportArgs,
    format: CheckpointFormat,
    limits: &Limits,
    progress: &Bar,
) -> anyhow::Result<ExportReport> {
    let shard_bytes = args.shard_size.parse::<ByteSize>().map_err(|_| PackError::Option {
        option: format!("--shard-size {}", args.shard_size),
        why: "expected a size in bytes, such as 5GB or 500MiB".to_owned(),
    })?;
    let dtype = args.dtype.map(|dtype| match dtype {
        ExportFloat::F16 => FloatType::F16,
        ExportFloat::Bf16 => FloatType::Bf16,
        ExportFloat::F32 => FloatType::F32,
    });
    let options = CheckpointOptions {
        dtype,
        shard_bytes: shard_bytes.0,
        strict: args.strict,
        ..CheckpointOptions::new(format)
    };
    Ok(export_checkpoint(&args.file, &args.output, &options, limits, progress)?)
}
