use crate::args::{DiffArgs, VerifyArgs};
use crate::json;
use crate::out::say;
use crate::progress::Bar;
use crate::table::thousands;
use ecq::{Limits, VerifyReport, source};
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
    match (&args.against, report.ok) {
        (None, _) => say!("{} codes, {} scales and biases", codes(&report), side(&report)),
        (Some(path), true) if !report.quantized.is_empty() => {
            let noise = report.sqnr_db.map(|db| format!(" (SQNR {db:.2} dB)")).unwrap_or_default();
            say!(
                "stands for {}: {} tensors quantized{noise}, {} identical",
                path.display(),
                report.quantized.len(),
                report.tensors - report.quantized.len()
            );
        }
        (Some(path), true) => say!(
            "identical to {}: {} codes, {} scales and biases, every other byte",
            path.display(),
            codes(&report),
            side(&report)
        ),
        (Some(path), false) => print_mismatches(&report, &format!("differs from {}", path.display())),
    }
    Ok(code(&report))
}

pub fn diff(args: &DiffArgs, json: bool) -> anyhow::Result<ExitCode> {
    let report = ecq::diff(&args.a, &args.b, &Limits::default(), &Bar::new(json))?;
    if json {
        json::print(&report)?;
    } else if report.ok {
        say!(
            "the same: {} tensors, {} codes, {} scales and biases",
            report.tensors,
            codes(&report),
            side(&report)
        );
    } else {
        print_mismatches(&report, "the models differ");
    }
    Ok(code(&report))
}

fn print_mismatches(report: &VerifyReport, what: &str) {
    say!("{what}: {} of {} tensors", report.mismatches.len(), report.tensors);
    for mismatch in report.mismatches.iter().take(20) {
        say!("  {}: {}", mismatch.tensor, mismatch.what);
    }
    if report.mismatches.len() > 20 {
        say!("  and {} more (--json lists all)", report.mismatches.len() - 20);
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
