use crate::args::{DiffArgs, VerifyArgs};
use crate::exit::ExitCode;
use crate::json;
use crate::out::{outln, paragraph};
use crate::progress::Bar;
use crate::table::{list, table, thousands};
use ecq::format::container::SourceRecord;
use ecq::source::{EcqSource, Source};
use ecq::{KindErrors, Limits, TensorKind, VerifyReport, WeightError, source};
use std::path::Path;

pub fn run(args: &VerifyArgs, json: bool) -> anyhow::Result<ExitCode> {
    let limits = Limits::default();
    let against = args.against.as_deref().map(|path| source::open(path, &limits)).transpose()?;
    let report = ecq::verify(&args.file, against.as_deref(), &limits, &Bar::new(json))?;
    if json {
        json::print(&report)?;
        return Ok(code(&report));
    }
    outln!("file hash and checksums match; all {} tensors decode", report.tensors);
    let (Some(path), Some(against)) = (&args.against, against) else {
        outln!("{} codes, {} scales and biases", codes(&report), side_values(&report));
        return Ok(code(&report));
    };
    let file = EcqSource::open(&args.file, &limits)?;
    if report.ok {
        print_agreement(&report, path);
    } else {
        print_mismatches(&report, &format!("differs from {}", path.display()));
    }
    print_other_origin(&file.file().model().source, &*against, path);
    Ok(code(&report))
}

/// Reports that the file was made from this source, and the error of its quantized tensors.
fn print_agreement(report: &VerifyReport, path: &Path) {
    let same = report.tensors - report.quantized.len();
    if report.quantized.is_empty() {
        paragraph(&format!(
            "identical to {}: {} codes, {} scales and biases, and all other bytes",
            path.display(),
            codes(report),
            side_values(report)
        ));
        return;
    }
    paragraph(&format!(
        "made from {}: names and shapes match, {same} tensors are identical, {} are quantized",
        path.display(),
        report.quantized.len()
    ));
    print_errors(&report.errors);
    paragraph(
        "error: root mean square error relative to the root mean square of the weights. It does not measure \
         the quality of the model, because calibration minimizes the error of the output instead; use `ecq \
         eval X.ecq --reference MODEL --text FILE`.",
    );
}

/// Reports if the source recorded in the file differs in size or format from the one compared with.
fn print_other_origin(origin: &SourceRecord, against: &dyn Source, path: &Path) {
    let theirs = against.origin("");
    if (&origin.format, origin.bytes) != (&theirs.format, theirs.bytes) {
        paragraph(&format!(
            "the recorded source is {} ({}, {} bytes), but {} is {}, {} bytes",
            origin.file,
            origin.format,
            thousands(origin.bytes),
            path.display(),
            theirs.format,
            thousands(theirs.bytes)
        ));
    }
}

fn print_errors(errors: &[KindErrors]) {
    let mut rows = table(&["kind", "tensors", "error", "SQNR dB"], 1);
    for of_kind in errors {
        let kind = match of_kind.kind {
            TensorKind::Linear => "block projections",
            TensorKind::Embedding => "embedding, head",
            TensorKind::Other => "norms, others",
        };
        let [error, noise] = numbers(Some(of_kind.error));
        rows.add_row([kind.to_owned(), of_kind.tensors.to_string(), error, noise]);
    }
    outln!("{rows}");
}

/// Formats a relative error in percent and an SQNR in decibels; empty if unknown.
fn numbers(error: Option<WeightError>) -> [String; 2] {
    let error = error.unwrap_or_default();
    [
        error.relative_error.map_or(String::new(), |error| format!("{:.3}%", 100.0 * error)),
        error.sqnr_db.map_or(String::new(), |db| format!("{db:.2}")),
    ]
}

pub fn diff(args: &DiffArgs, json: bool) -> anyhow::Result<ExitCode> {
    let report = ecq::diff(&args.a, &args.b, &Limits::default(), &Bar::new(json))?;
    if json {
        json::print(&report)?;
    } else if report.ok {
        paragraph(&format!(
            "identical: {} tensors, {} codes, {} scales and biases",
            report.tensors,
            codes(&report),
            side_values(&report)
        ));
    } else {
        print_mismatches(&report, "the models differ");
        if !report.errors.is_empty() {
            print_errors(&report.errors);
            paragraph(
                "error: root mean square error relative to the root mean square of the weights of the second \
                 model",
            );
        }
    }
    Ok(code(&report))
}

/// Maximum number of differences in the text output; `--json` lists all.
const SHOWN: usize = 20;

fn print_mismatches(report: &VerifyReport, heading: &str) {
    outln!("{heading}: {} of {} tensors", report.mismatches.len(), report.tensors);
    let (measured, others): (Vec<_>, Vec<_>) =
        report.mismatches.iter().partition(|mismatch| mismatch.error.is_some());
    for mismatch in others.iter().take(SHOWN) {
        paragraph(&format!("  {}: {}", mismatch.tensor, mismatch.what));
    }
    if others.len() > SHOWN {
        outln!("  and {} more (--json lists all)", others.len() - SHOWN);
    }
    if measured.is_empty() {
        return;
    }
    let mut rows = list(&["tensor", "error", "SQNR dB"], 1);
    for mismatch in measured.iter().take(SHOWN) {
        let [error, noise] = numbers(mismatch.error);
        rows.add_row([mismatch.tensor.clone(), error, noise]);
    }
    outln!("{rows}");
    if let Some(first) = measured.first() {
        paragraph(&format!("first: {}: {}", first.tensor, first.what));
    }
    if measured.len() > SHOWN {
        outln!("and {} more (--json lists all)", measured.len() - SHOWN);
    }
}

fn codes(report: &VerifyReport) -> String {
    thousands(report.codes_checked)
}

fn side_values(report: &VerifyReport) -> String {
    thousands(report.side_values_checked)
}

fn code(report: &VerifyReport) -> ExitCode {
    ExitCode::from(u8::from(!report.ok))
}
