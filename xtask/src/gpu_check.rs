//! Runs the conformance suite on GPUs.

use anyhow::{Context, bail};
use ecq_cuda::Cuda;
use ecq_wgpu::Gpu;
use std::process::Command;

/// Runs the conformance tests of the CUDA device, and prints how many ran and how many cases they have.
///
/// # Errors
/// If a test fails. Without a GPU the reason is printed instead.
pub fn run() -> anyhow::Result<()> {
    match Cuda::new(0) {
        Ok(_) => conformance("cuda::", "the GPU"),
        Err(error) => {
            println!("SKIPPED: {error}");
            Ok(())
        }
    }
}

/// As [`run`], of the wgpu device: on the adapter that `ECQ_WGPU` names, by default the first one.
///
/// # Errors
/// If a test fails. Without an adapter the reason is printed instead.
pub fn run_wgpu() -> anyhow::Result<()> {
    let options = std::env::var("ECQ_WGPU").unwrap_or_default().parse();
    match options.and_then(|options| Gpu::open(&options)) {
        Ok(gpu) => {
            let report = gpu.report();
            conformance("wgpu::", &format!("{}, {}", report.name, report.driver))
        }
        Err(error) => {
            println!("SKIPPED: {error}");
            Ok(())
        }
    }
}

/// Runs the conformance tests whose names begin with `tests`.
fn conformance(tests: &str, device: &str) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["test", "--quiet", "--package", "ecq-testkit", "--test", "conformance"])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")])
        .args(["--", tests, "--nocapture"])
        .output()
        .context("cargo test")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("conformance tests fail:\n{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    let (ran, cases) = totals(&text);
    text.lines().filter(|line| line.starts_with("SKIPPED")).for_each(|line| println!("{line}"));
    println!("{ran} tests of {cases} cases passed on {device}");
    Ok(())
}

/// Counts the lines `ran NAME: N cases`.
fn totals(text: &str) -> (usize, usize) {
    let cases = text.lines().filter_map(|line| {
        let count = line.split("ran ").nth(1)?.split(": ").nth(1)?.strip_suffix(" cases")?;
        count.parse::<usize>().ok()
    });
    cases.fold((0, 0), |(ran, sum), cases| (ran + 1, sum + cases))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_and_cases_are_counted() {
        // Without a terminal the test runner prints a dot before a line.
        let text = "running 3 tests\nran argmax: 119 cases\n.ran norms: 24 cases\nSKIPPED x: y\n";
        assert_eq!(totals(text), (2, 143));
    }
}
