//! Notes on standard error before long work begins.

use crate::args::ExportFormat;
use crate::out::errln;
use crate::progress::duration;
use crate::table::bytes;
use crate::wrap::COLUMNS;
use ecq::format::gguf::type_of_entry;
use ecq::source::{EcqSource, Source};
use ecq::{GridEntry, Limits, TensorContent, TensorKind};
use std::path::Path;

/// Prints a note.
pub fn note(text: &str) {
    errln!(
        "{}",
        textwrap::fill(&format!("note: {text}"), textwrap::Options::new(COLUMNS).subsequent_indent("  "))
    );
}

/// Notes that a quantized model is quantized again.
pub fn requantizing(source: &dyn Source, path: &Path) {
    let weights = |quantized: bool| -> u64 {
        let linear = source.tensors().iter().filter(|t| t.kind == TensorKind::Linear);
        linear.filter(|t| !quantized || !is_float(&t.dtype)).map(|t| t.weights()).sum()
    };
    if weights(true) * 2 <= weights(false) {
        return;
    }
    let first = source.tensors().iter().find(|t| t.kind == TensorKind::Linear && !is_float(&t.dtype));
    let kind = first.map_or("quantized", |t| t.dtype.as_str());
    note(&format!(
        "{} is already quantized ({}, {kind}); quantizing it again adds to the error. Use an unquantized \
         checkpoint of the model if there is one, or --lossless to keep the codes.",
        path.display(),
        source.format(),
    ));
}

fn is_float(dtype: &str) -> bool {
    matches!(dtype, "f64" | "f32" | "f16" | "bf16")
}

/// Notes that a checkpoint folder has no configuration, so that the result cannot run.
pub fn no_config(source: &dyn Source, path: &Path) -> anyhow::Result<()> {
    let files = source.attached_files()?;
    if !files.iter().any(|(name, _)| name == "config.json" || name == "gguf.header") {
        note(&format!(
            "{} has no config.json: the output can be verified and exported but not run. Copy the model's \
             config.json and tokenizer.json there first.",
            path.display()
        ));
    }
    Ok(())
}

/// Time of calibration in core-seconds per token and weight: 9.6 core-minutes for 24576 tokens and the 134
/// million weights of SmolLM2-135M (bench/record/2026-11-28-distillation.md).
const CORE_SECONDS: f64 = 9.6 * 60.0 / (24576.0 * 134.5e6);

/// Returns how many times as fast calibration is with so many threads: twice as many are 1.29 times as fast
/// (bench/record/2026-11-28-kinds-of-text.md).
fn speedup(threads: usize) -> f64 {
    let threads = threads as f64;
    if threads <= 2.0 { threads } else { 2.0 * (threads / 2.0).powf(0.37) }
}

/// Notes the expected time of calibration.
pub fn calibrating(source: &dyn Source, tokens: usize, by_default: bool) {
    let weights: u64 = source.tensors().iter().map(|t| t.weights()).sum();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let seconds = CORE_SECONDS * tokens as f64 * weights as f64 / speedup(threads);
    let time =
        if seconds < 60.0 { "less than a minute".to_owned() } else { format!("about {}", duration(seconds)) };
    let why = match by_default {
        true => " by default below 4 bits per weight (disable with --calibrate off, at lower quality)",
        false => "",
    };
    note(&format!("calibrating{why}: {tokens} tokens, {time} on {threads} threads"));
}

/// Notes that an export will be more than twice as large as the file.
pub fn long_export(file: &Path, format: ExportFormat, float_bytes: u64) -> anyhow::Result<()> {
    let source = EcqSource::open(file, &Limits::default())?;
    let (length, model) = (source.bytes(), source.file().model());
    let mut floats = 0;
    let mut expected = 0;
    for tensor in source.tensors() {
        let coded = match source.file().entry(&tensor.name).map(|entry| &entry.content) {
            Some(TensorContent::Codes { grid, .. }) => coded_bytes(grid, tensor.weights(), format),
            _ => None,
        };
        floats += u64::from(coded.is_none() && tensor.kind != TensorKind::Other);
        expected += coded.unwrap_or(tensor.weights() * float_bytes);
    }
    if format == ExportFormat::Gguf && model.recipe.is_none() {
        // The export is the source, byte for byte.
        (expected, floats) = (model.source.bytes, 0);
    }
    if expected <= 2 * length {
        return Ok(());
    }
    let why = match floats {
        0 => "the format does not entropy code".to_owned(),
        n => format!("{n} tensors become floats, because the format cannot store their codes"),
    };
    note(&format!(
        "the export will be about {}, {:.1} times the {} of {}: {why}",
        bytes(expected),
        expected as f64 / length.max(1) as f64,
        bytes(length),
        file.display(),
    ));
    Ok(())
}

/// The size of a tensor in a format that stores its codes; `None` if the format cannot.
fn coded_bytes(grid: &GridEntry, weights: u64, format: ExportFormat) -> Option<u64> {
    match (format, grid) {
        (ExportFormat::Gguf, grid) => {
            let ty = type_of_entry(grid)?;
            Some(weights / ty.block_weights() as u64 * ty.block_bytes() as u64)
        }
        (ExportFormat::Mlx, GridEntry::AffineGroups { bits, group_size, .. }) => {
            // Scale and bias of a group take two bytes each.
            Some(weights * u64::from(*bits) / 8 + weights / (*group_size).max(1) as u64 * 4)
        }
        _ => None,
    }
}

/// Compares the free space of a folder with what is needed there: at least `min` bytes, probably `expected`
/// bytes.
///
/// # Errors
/// If less than `min` bytes are free. Less than `expected` bytes is only noted.
pub fn check_space(folder: &Path, min: u64, expected: u64) -> anyhow::Result<()> {
    // If the free space is unknown, writing reports a full disk.
    let Ok(free) = fs4::available_space(folder) else { return Ok(()) };
    match shortage(free, min, expected) {
        Shortage::None => {}
        Shortage::Likely => note(&format!(
            "{} has {} of free space; about {} may be needed temporarily",
            folder.display(),
            bytes(free),
            bytes(expected)
        )),
        Shortage::Certain => anyhow::bail!(
            "{} has {} of free space, but at least {} are needed: free some space or write to another disk",
            folder.display(),
            bytes(free),
            bytes(min)
        ),
    }
    Ok(())
}

#[derive(Debug, PartialEq)]
enum Shortage {
    None,
    Likely,
    Certain,
}

fn shortage(free: u64, min: u64, expected: u64) -> Shortage {
    match free {
        free if free < min => Shortage::Certain,
        free if free < expected => Shortage::Likely,
        _ => Shortage::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_space_is_an_error_and_little_space_is_noted() {
        assert_eq!(shortage(10, 20, 40), Shortage::Certain);
        assert_eq!(shortage(30, 20, 40), Shortage::Likely);
        assert_eq!(shortage(40, 20, 40), Shortage::None);
        assert!(check_space(Path::new("."), 0, 0).is_ok());
        let refused = check_space(Path::new("."), u64::MAX, u64::MAX).unwrap_err().to_string();
        assert!(refused.contains("are needed: free some space"), "{refused}");
    }
}
