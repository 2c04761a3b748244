//! Tests of the crates with NEON code, compiled for AArch64 and run under emulation.

use anyhow::{Context, bail};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const TARGET: &str = "aarch64-unknown-linux-gnu";
const LINKER: &str = "aarch64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-aarch64";
/// The loader of the Debian package `libc6:arm64`. Where it is installed, the emulator must not take the
/// loader of the cross compiler instead: the two do not fit each other's libraries, and threads never start.
const NATIVE_LOADER: &str = "/lib/ld-linux-aarch64.so.1";
/// The libraries of the cross compiler.
const CROSS_LIBRARIES: &str = "/usr/aarch64-linux-gnu";
/// A processor without the dot product instructions.
const OLD_PROCESSOR: &str = "cortex-a53";
const INSTALL: &str = "on Debian:
  dpkg --add-architecture arm64 && apt-get update
  apt-get install rustc-web cargo-web libstd-rust-web-dev:arm64 gcc-aarch64-linux-gnu qemu-user
in place of the first three packages also: rustup target add aarch64-unknown-linux-gnu";

/// A compiler with the standard library of the target, and its cargo.
struct Toolchain {
    cargo: PathBuf,
    rustc: PathBuf,
}

/// Runs the tests of ecq-coding, ecq-codec and ecq-kernels for AArch64 and prints how many ran.
///
/// # Errors
/// When a tool is missing (the error lists the packages to install), or a test fails.
pub fn run() -> anyhow::Result<()> {
    let toolchain = toolchain()?;
    println!("{} for {TARGET}, under {EMULATOR}", version(&toolchain.rustc)?);
    // The emulated processor has dot products: `Isa::supported` covers NEON with and without them.
    let packages = ["-p", "ecq-coding", "-p", "ecq-codec", "-p", "ecq-kernels"];
    let passed = test(&toolchain, &[&packages[..], &["--lib", "--tests"]].concat(), &[], None)?;
    println!("{passed} tests passed for AArch64 with dot products");
    let detection = ["-p", "ecq-coding", "--lib"];
    let passed = test(&toolchain, &detection, &["simd::"], Some(OLD_PROCESSOR))?;
    println!("{passed} tests of detection passed for AArch64 without dot products ({OLD_PROCESSOR})");
    Ok(())
}

/// Returns the first toolchain that has the standard library of the target.
fn toolchain() -> anyhow::Result<Toolchain> {
    let mut missing: Vec<String> = Vec::new();
    for tool in [LINKER, EMULATOR] {
        if version(Path::new(tool)).is_err() {
            missing.push(tool.to_owned());
        }
    }
    let candidates = [("cargo", "rustc"), ("/usr/bin/cargo", "/usr/bin/rustc")];
    let toolchain = candidates.map(|(cargo, rustc)| Toolchain { cargo: cargo.into(), rustc: rustc.into() });
    let toolchain = toolchain.into_iter().find(Toolchain::has_target);
    match toolchain {
        Some(toolchain) if missing.is_empty() => Ok(toolchain),
        found => {
            if found.is_none() {
                missing.push(format!("the standard library of Rust for {TARGET}"));
            }
            bail!("missing: {}; install\n{INSTALL}", missing.join(", "))
        }
    }
}

impl Toolchain {
    fn has_target(&self) -> bool {
        let output =
            Command::new(&self.rustc).args(["--print", "target-libdir", "--target", TARGET]).output();
        output.is_ok_and(|output| {
            let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            output.status.success()
                && std::fs::read_dir(folder).is_ok_and(|mut files| {
                    files.any(|file| {
                        file.is_ok_and(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
                    })
                })
        })
    }
}

/// Returns the first line that a program prints of its version.
fn version(program: &Path) -> anyhow::Result<String> {
    let output = Command::new(program)
        .arg("--version")
        .output()
        .with_context(|| format!("{} --version", program.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

/// Runs `cargo test` for the target; prints what tests reduce and what fails, and returns the number of tests
/// passed.
fn test(
    toolchain: &Toolchain,
    packages: &[&str],
    filter: &[&str],
    processor: Option<&str>,
) -> anyhow::Result<usize> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target_dir = match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => PathBuf::from(folder).join("arm"),
        None => root.join("target/arm"),
    };
    let runner = match Path::new(NATIVE_LOADER).exists() {
        true => EMULATOR.to_owned(),
        false => format!("{EMULATOR} -L {CROSS_LIBRARIES}"),
    };
    let mut command = Command::new(&toolchain.cargo);
    command
        .current_dir(&root)
        .args(["test", "--quiet", "--target", TARGET, "--no-fail-fast"])
        .args(packages)
        .args(["--", "--nocapture"])
        .args(filter)
        // Variables of the cargo that runs this program would select its own toolchain.
        .env_remove("LD_LIBRARY_PATH")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTFLAGS")
        .env("RUSTC", &toolchain.rustc)
        .env("CARGO_TARGET_DIR", target_dir)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", runner)
        .env("ECQ_EMULATED", "1")
        .stdout(Stdio::piped());
    if let Some(processor) = processor {
        command.env("QEMU_CPU", processor);
    }
    let mut child = command.spawn().context("cargo test")?;
    let output = child.stdout.take().context("cargo test without output")?;
    let mut passed = 0;
    let mut printed = BTreeSet::new();
    for line in BufReader::new(output).lines() {
        let line = line.context("output of cargo test")?;
        if let Some(result) = line.strip_prefix("test result: ok. ") {
            let count = result.split_once(" passed").and_then(|(count, _)| count.parse::<usize>().ok());
            passed += count.unwrap_or(0);
            continue;
        }
        // The harness prints a dot for each test before a test's own output.
        let line = line.trim_start_matches('.').to_owned();
        let words = ["ECQ_EMULATED", "instruction sets", "panicked", "FAILED", "failed"];
        if words.iter().any(|word| line.contains(word)) && printed.insert(line.clone()) {
            println!("  {line}");
        }
    }
    let status = child.wait().context("cargo test")?;
    if !status.success() {
        bail!("tests failed for {TARGET}: {status}");
    }
    Ok(passed)
}
