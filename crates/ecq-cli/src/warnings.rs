//! What is said before work begins, on standard error.

use crate::args::ExportFormat;
use crate::progress::duration;
use crate::table::bytes;
use crate::wrap::COLUMNS;
use ecq::format::gguf::type_of_entry;
use ecq::source::{EcqSource, Source};
use ecq::{Content, GridEntry, Kind, Limits};
use std::path::Path;

/// Says something that a person may want to know before it is too late to stop.
pub fn note(text: &str) {
    eprintln!(
        "{}",
        textwrap::fill(&format!("note: {text}"), textwrap::Options::new(COLUMNS).subsequent_indent("  "))
    );
}

/// Says when a model that is quantized already is quantized again.
pub fn requantizing(source: &dyn Source, path: &Path) {
    let weights = |quantized: bool| -> u64 {
        let linear = source.tensors().iter().filter(|t| t.kind == Kind::Linear);
        linear.filter(|t| !quantized || !is_float(&t.dtype)).map(|t| t.weights()).sum()
    };
    if weights(true) * 2 <= weights(false) {
        return;
    }
    let first = source.tensors().iter().find(|t| t.kind == Kind::Linear && !is_float(&t.dtype));
    let kind = first.map_or("quantized", |t| t.dtype.as_str());
    note(&format!(
        "{} is quantized already ({}, {kind}): quantizing again adds to the error that is there. Floats of the \
         same model are the better source; --lossless keeps what is there and adds none.",
        path.display(),
        source.format(),
    ));
}

fn is_float(dtype: &str) -> bool {
    matches!(dtype, "f64" | "f32" | "f16" | "bf16")
}

/// Says when a folder has no configuration, so that nothing made of it runs.
pub fn no_config(source: &dyn Source, path: &Path) -> anyhow::Result<()> {
    let files = source.attached_files()?;
    if !files.iter().any(|(name, _)| name == "config.json" || name == "gguf.header") {
        note(&format!(
            "there is no config.json beside the tensors of {}: the file can be verified and exported, but `ecq run` \
             will not know how its layers fit together. Copy the model's config.json and tokenizer.json there first.",
            path.display()
        ));
    }
    Ok(())
}

/// Core-seconds that calibration takes for each token and weight: 8 core-minutes for the 16384 tokens and 134
/// million weights of SmolLM2-135M (bench/record/2026-11-21-calibration.md).
const CORE_SECONDS: f64 = 8.0 * 60.0 / (16384.0 * 134.5e6);

/// Says what calibration will take.
pub fn calibrating(source: &dyn Source, tokens: usize, by_default: bool) {
    let weights: u64 = source.tensors().iter().map(|t| t.weights()).sum();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let seconds = CORE_SECONDS * tokens as f64 * weights as f64 / threads as f64;
    let time =
        if seconds < 60.0 { "less than a minute".to_owned() } else { format!("about {}", duration(seconds)) };
    let why = match by_default {
        true => {
            "below 4 bits a weight the model is run on text first, to learn what errors cost (--calibrate off \
                 leaves that out, for much worse text)"
        }
        false => "the model is run on text first, to learn what errors cost",
    };
    note(&format!("{why}: {tokens} tokens, {time} on {threads} threads"));
}

/// Says when an export will be several times as long as the file.
pub fn long_export(file: &Path, format: ExportFormat, float_bytes: u64) -> anyhow::Result<()> {
    let source = EcqSource::open(file, &Limits::default())?;
    let (length, model) = (source.bytes(), source.file().model());
    let mut floats = 0;
    let mut expected = 0;
    for tensor in source.tensors() {
        let coded = match source.file().entry(&tensor.name).map(|entry| &entry.content) {
            Some(Content::Codes { grid, .. }) => coded_bytes(grid, tensor.weights(), format),
            _ => None,
        };
        floats += u64::from(coded.is_none() && tensor.kind != Kind::Other);
        expected += coded.unwrap_or(tensor.weights() * float_bytes);
    }
    if format == ExportFormat::Gguf && model.recipe.is_none() {
        // Byte for byte the source.
        (expected, floats) = (model.source.bytes, 0);
    }
    if expected <= 2 * length {
        return Ok(());
    }
    let why = match floats {
        0 => "codes are not entropy coded there".to_owned(),
        n => format!("the format has no codes for {n} of its tensors, which become floats"),
    };
    note(&format!(
        "the export will take about {}, {:.1} times the {} of {}: {why}",
        bytes(expected),
        expected as f64 / length.max(1) as f64,
        bytes(length),
        file.display(),
    ));
    Ok(())
}

/// The bytes of a tensor whose codes a format holds as they are.
fn coded_bytes(grid: &GridEntry, weights: u64, format: ExportFormat) -> Option<u64> {
    match (format, grid) {
        (ExportFormat::Gguf, grid) => {
            let ty = type_of_entry(grid)?;
            Some(weights / ty.block_weights() as u64 * ty.block_bytes() as u64)
        }
        (ExportFormat::Mlx, GridEntry::AffineGroups { bits, group_size, .. }) => {
            // Scale and bias of a group are halves.
            Some(weights * u64::from(*bits) / 8 + weights / (*group_size).max(1) as u64 * 4)
        }
        _ => None,
    }
}

/// Says, or refuses, when a folder has less room than work needs; `least` bytes are needed for certain.
pub fn room(folder: &Path, least: u64, about: u64) -> anyhow::Result<()> {
    // Where the system does not tell, the work itself will.
    let Ok(free) = fs4::available_space(folder) else { return Ok(()) };
    match shortage(free, least, about) {
        Shortage::None => {}
        Shortage::Likely => note(&format!(
            "{} has {} free; the work may take about {} there while it runs",
            folder.display(),
            bytes(free),
            bytes(about)
        )),
        Shortage::Certain => anyhow::bail!(
            "{} has {} free, and {} or more are needed: make room, or name another place",
            folder.display(),
            bytes(free),
            bytes(least)
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

fn shortage(free: u64, least: u64, about: u64) -> Shortage {
    match free {
        free if free < least => Shortage::Certain,
        free if free < about => Shortage::Likely,
        _ => Shortage::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_room_is_refused_and_little_room_is_said() {
        assert_eq!(shortage(10, 20, 40), Shortage::Certain);
        assert_eq!(shortage(30, 20, 40), Shortage::Likely);
        assert_eq!(shortage(40, 20, 40), Shortage::None);
        assert!(room(Path::new("."), 0, 0).is_ok());
        let refused = room(Path::new("."), u64::MAX, u64::MAX).unwrap_err().to_string();
        assert!(refused.contains("are needed: make room"), "{refused}");
    }
}
