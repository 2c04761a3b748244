use crate::args::{DiffArgs, VerifyArgs};
use crate::json;
use crate::out::{prose, say};
use crate::progress::Bar;
use crate::table::{list, table, thousands};
use ecq::format::container::SourceRecord;
use ecq::source::{EcqSource, Source};
use ecq::{KindErrors, Limits, TensorKind, VerifyReport, WeightError, source};
use std::path::Path;
use std::process::ExitCode;

pub fn run(args: &VerifyArgs, json: bool) -> anyhow::Result<ExitCode> {
    let limits = Limits::default();
    let against = args.against.as_deref().map(|path| source::open(path, &limits)).transpose()?;
    let report = ecq::verify(&args.file, against.as_deref(), &limits, &Bar::new(json))?;
    if json {
        json::print(&report)?;
        return Ok(code(&report));
    }
    say!("seal and checksums hold; {} tensors decode", report.tensors);
    let (Some(path), Some(against)) = (&args.against, against) else {
        say!("{} codes, {} scales and biases", codes(&report), side(&report));
        return Ok(code(&report));
    };
    let file = EcqSource::open(&args.file, &limits)?;
    if report.ok {
        agree(&report, path);
    } else {
        print_mismatches(&report, &format!("differs from {}", path.display()));
    }
    other_origin(&file.file().model().source, &*against, path);
    Ok(code(&report))
}

/// Says that the file was made of this source, and how far its quantized tensors are from it.
fn agree(report: &VerifyReport, path: &Path) {
    let same = report.tensors - report.quantized.len();
    if report.quantized.is_empty() {
        prose(&format!(
            "identical to {}: {} codes, {} scales and biases, every other byte",
            path.display(),
            codes(report),
            side(report)
        ));
        return;
    }
    prose(&format!(
        "made from {}: names and shapes agree, {same} tensors are identical, {} are quantized",
        path.display(),
        report.quantized.len()
    ));
    print_errors(&report.errors);
    prose(
        "error: root of the squared differences over the squared weights. It is no verdict: calibration trades it \
         for errors that the text shows less. `ecq eval X.ecq --text FILE --reference MODEL` measures what matters.",
    );
}

/// A file of another length or format that has the same tensors is said to be one.
fn other_origin(origin: &SourceRecord, against: &dyn Source, path: &Path) {
    let theirs = against.origin("");
    if (&origin.format, origin.bytes) != (&theirs.format, theirs.bytes) {
        prose(&format!(
            "the file says that it was made from {} ({}, {} bytes); {} is {}, {} bytes",
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
    let mut rows = table(&["what", "tensors", "error", "SQNR dB"], 1);
    for of_kind in errors {
        let what = match of_kind.kind {
            TensorKind::Linear => "block projections",
            TensorKind::Embedding => "embedding, head",
            TensorKind::Other => "others",
        };
        let [error, noise] = numbers(Some(of_kind.error));
        rows.add_row([what.to_owned(), of_kind.tensors.to_string(), error, noise]);
    }
    say!("{rows}");
}

/// A relative error and decibels, empty where there are none.
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
        prose(&format!(
            "the same: {} tensors, {} codes, {} scales and biases",
            report.tensors,
            codes(&report),
            side(&report)
        ));
    } else {
        print_mismatches(&report, "the models differ");
        if !report.errors.is_empty() {
            print_errors(&report.errors);
            prose("error: root of the squared differences over the squared weights of the second model");
        }
    }
    Ok(code(&report))
}

/// Differences that are shown; `--json` has all.
const SHOWN: usize = 20;

fn print_mismatches(report: &VerifyReport, what: &str) {
    say!("{what}: {} of {} tensors", report.mismatches.len(), report.tensors);
    let (measured, others): (Vec<_>, Vec<_>) =
        report.mismatches.iter().partition(|mismatch| mismatch.error.is_some());
    for mismatch in others.iter().take(SHOWN) {
        prose(&format!("  {}: {}", mismatch.tensor, mismatch.what));
    }
    if others.len() > SHOWN {
        say!("  and {} more (--json lists all)", others.len() - SHOWN);
    }
    if measured.is_empty() {
        return;
    }
    let mut rows = list(&["tensor", "error", "SQNR dB"], 1);
    for mismatch in measured.iter().take(SHOWN) {
        let [error, noise] = numbers(mismatch.error);
        rows.add_row([mismatch.tensor.clone(), error, noise]);
    }
    say!("{rows}");
    if let Some(first) = measured.first() {
        prose(&format!("first: {}: {}", first.tensor, first.what));
    }
    if measured.len() > SHOWN {
        say!("and {} more (--json lists all)", measured.len() - SHOWN);
    }
}

fn codes(report: &VerifyReport) -> String {
    thousands(report.codes_checked)
}

fn side(report: &VerifyReport) -> String {
    thousands(report.side_values_checked)
}

fn code(report: &VerifyReport) -> ExitCode {
    ExitCode::from(u8::from(!report.ok))
}
