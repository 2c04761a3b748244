use crate::args::{ExportArgs, ExportFloat, ExportFormat};
use crate::json;
use crate::out::say;
use crate::progress::Bar;
use crate::table::bytes;
use bytesize::ByteSize;
use ecq::{
    CheckpointFormat, CheckpointOptions, ExportReport, FloatType, Limits, PackError, export_checkpoint,
    export_gguf,
};
use serde_json::json;
use std::process::ExitCode;

pub fn run(args: &ExportArgs, json: bool) -> anyhow::Result<ExitCode> {
    let (limits, progress) = (Limits::default(), Bar::new(json));
    let report = match args.format {
        ExportFormat::Gguf => export_gguf(&args.file, &args.output, &limits, &progress)?,
        ExportFormat::Mlx => checkpoint(args, CheckpointFormat::Mlx, &limits, &progress)?,
        ExportFormat::Safetensors => checkpoint(args, CheckpointFormat::Safetensors, &limits, &progress)?,
    };
    if json {
        let ExportReport { bytes, exact, dequantized } = &report;
        json::print(&json!({
            "file_bytes": bytes, "file": args.output, "exact": exact, "dequantized": dequantized,
        }))?;
    } else {
        say!("wrote {} ({})", args.output.display(), bytes(report.bytes));
        if !report.dequantized.is_empty() {
            say!(
                "{} tensors without loss; {} hold codes that the format cannot, and are floats ({} first)",
                report.exact,
                report.dequantized.len(),
                report.dequantized[0]
            );
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
        why: "expected bytes, such as 5GB or 500MiB".to_owned(),
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
