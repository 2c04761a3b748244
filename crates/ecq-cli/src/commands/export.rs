use crate::args::{ExportArgs, ExportFloat, ExportFormat};
use crate::exit::ExitCode;
use crate::out::{outln, paragraph};
use crate::progress::Bar;
use crate::table::bytes;
use crate::{interrupt, json, warnings};
use bytesize::ByteSize;
use ecq::{
    CheckpointFormat, CheckpointOptions, Destination, ExportReport, FloatType, GgufFileType, GgufOptions,
    Limits, MlxGrid, PackError, Requantization, expected_checkpoint_bytes, expected_gguf_bytes,
    export_checkpoint, export_gguf,
};
use serde_json::json;

/// An output and how it is written.
enum Output {
    Gguf(GgufOptions),
    Folder(CheckpointOptions),
}

pub fn run(args: &ExportArgs, json: bool) -> anyhow::Result<ExitCode> {
    let output = output(args)?;
    let destination = match output {
        Output::Gguf(_) => Destination::file(&args.output),
        Output::Folder(_) => Destination::folder(&args.output),
    };
    destination.replacing(args.force.force).check(std::slice::from_ref(&args.file))?;
    let (limits, progress) = (Limits::default(), Bar::new(json));
    announce(args, &output, &limits)?;
    interrupt::install_handler()?;
    let report = match &output {
        Output::Gguf(options) => export_gguf(&args.file, &args.output, options, &limits, &progress)?,
        Output::Folder(options) => export_checkpoint(&args.file, &args.output, options, &limits, &progress)?,
    };
    drop(progress);
    if json {
        let ExportReport { bytes, exact, dequantized, requantized, .. } = &report;
        json::print(&json!({
            "file_bytes": bytes, "file": args.output.display().to_string(), "exact": exact,
            "dequantized": dequantized, "requantized": requantized,
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
        if let Some(requantized) = &report.requantized {
            paragraph(&summary(requantized, report.exact));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What the options ask for.
///
/// # Errors
/// When an option is not one of the format, or has a value that the format does not know.
fn output(args: &ExportArgs) -> anyhow::Result<Output> {
    let refused =
        |option: &str, why: String| Err(PackError::Option { option: option.to_owned(), why }.into());
    let of_mlx = if args.bits.is_some() { "--bits" } else { "--group-size" };
    let is_mlx = args.bits.is_some() || args.group_size.is_some();
    let types = || GgufFileType::ALL.map(GgufFileType::name).join(", ");
    let format = match args.format {
        ExportFormat::Gguf if is_mlx => {
            return refused(
                of_mlx,
                format!("only --format mlx has it; --format gguf has --type: {}", types()),
            );
        }
        ExportFormat::Gguf if args.dtype.is_some() => {
            return refused(
                "--dtype",
                "is for folders; --format gguf has --type f32, f16 or bf16".to_owned(),
            );
        }
        ExportFormat::Gguf => {
            return Ok(Output::Gguf(GgufOptions { file_type: args.r#type, strict: args.strict }));
        }
        ExportFormat::Mlx if args.r#type.is_some() => {
            let why = "only --format gguf has it; --format mlx has --bits 2, 3, 4, 5, 6 or 8 and --group-size \
                       32, 64 or 128";
            return refused("--type", why.to_owned());
        }
        ExportFormat::Safetensors if args.r#type.is_some() || is_mlx => {
            let option = if args.r#type.is_some() { "--type" } else { of_mlx };
            let why = "--format safetensors has floats only, --dtype f32, f16 or bf16; --format gguf has \
                       --type, --format mlx has --bits and --group-size";
            return refused(option, why.to_owned());
        }
        ExportFormat::Mlx => CheckpointFormat::Mlx,
        ExportFormat::Safetensors => CheckpointFormat::Safetensors,
    };
    let shard_bytes = args.shard_size.parse::<ByteSize>().map_err(|_| PackError::Option {
        option: format!("--shard-size {}", args.shard_size),
        why: "expected a size in bytes, such as 5GB or 500MiB".to_owned(),
    })?;
    let dtype = args.dtype.map(|dtype| match dtype {
        ExportFloat::F16 => FloatType::F16,
        ExportFloat::Bf16 => FloatType::Bf16,
        ExportFloat::F32 => FloatType::F32,
    });
    let usual = MlxGrid::default();
    let grid = MlxGrid::new(args.bits.unwrap_or(usual.bits), args.group_size.unwrap_or(usual.group_size))?;
    Ok(Output::Folder(CheckpointOptions {
        dtype,
        shard_bytes: shard_bytes.0,
        strict: args.strict,
        requantize: is_mlx.then_some(grid),
        ..CheckpointOptions::new(format)
    }))
}

/// Says how large the output will be where that may be unexpected, and that requantizing loses.
fn announce(args: &ExportArgs, output: &Output, limits: &Limits) -> anyhow::Result<()> {
    let (expected, target) = match output {
        Output::Gguf(options @ GgufOptions { file_type: Some(file_type), .. }) => {
            (expected_gguf_bytes(&args.file, options, limits)?, format!("GGUF's {file_type}"))
        }
        Output::Folder(options @ CheckpointOptions { requantize: Some(grid), .. }) => {
            let MlxGrid { bits, group_size } = grid;
            let target = format!("MLX's grid of {bits} bits in groups of {group_size}");
            (expected_checkpoint_bytes(&args.file, options, limits)?, target)
        }
        _ => {
            let float_bytes = if matches!(args.dtype, Some(ExportFloat::F32)) { 4 } else { 2 };
            return warnings::long_export(&args.file, args.format, float_bytes);
        }
    };
    warnings::note(&format!(
        "the export will take about {}. It requantizes to {target}: weights change, {} keeps its own.",
        bytes(expected),
        args.file.display(),
    ));
    Ok(())
}

/// The result of requantizing in a sentence or two.
fn summary(requantized: &Requantization, exact: usize) -> String {
    let types: Vec<String> = requantized.types.iter().map(|(ty, count)| format!("{count} {ty}")).collect();
    let mut text =
        format!("{} tensors requantized, {exact} without loss: {}", requantized.tensors, types.join(", "));
    if let Some(error) = requantized.error.relative_error {
        text.push_str(&format!("; relative error {error:.4}"));
    }
    if let Some(sqnr) = requantized.error.sqnr_db {
        text.push_str(&format!(" (SQNR {sqnr:.1} dB)"));
    }
    if let Some(first) = requantized.fallbacks.first() {
        text.push_str(&format!(
            ". {} tensors have another type than asked for, because its blocks do not divide their columns \
             ({first} first)",
            requantized.fallbacks.len(),
        ));
    }
    text
}
