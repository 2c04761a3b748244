//! Runs the conformance suite on a GPU.

use anyhow::{Context, bail};
use ecq_cuda::Cuda;
use std::process::Command;

/// Runs the conformance tests of the CUDA device, and prints how many ran and how many cases they have.
///
/// # Errors
/// If a test fails. Without a GPU the reason is printed instead.
pub fn run() -> anyhow::Result<()> {
    if let Err(error) = Cuda::new(0) {
        println!("SKIPPED: {error}");
        return Ok(());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["test", "--quiet", "--package", "ecq-testkit", "--test", "conformance"])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")])
        .args(["--", "cuda::", "--nocapture"])
        .output()
        .context("cargo test")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("conformance tests fail:\n{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    let (ran, cases) = totals(&text);
    text.lines().filter(|line| line.starts_with("SKIPPED")).for_each(|line| println!("{line}"));
    println!("{ran} tests of {cases} cases passed on the GPU");
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
