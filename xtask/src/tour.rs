use crate::models;
use anyhow::{Context, bail};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Target bits per weight of the block projections.
const RATE: &str = "3";
/// Number of calibration tokens: takes a few minutes on two cores.
const CALIBRATION_TOKENS: &str = "4096";
const PROMPT: &str = "The capital of France is";

/// Runs the `ecq` command on a real model and shows its output: quantizes to a rate, runs and evaluates the
/// result; then converts the model without loss and back.
pub fn run() -> anyhow::Result<()> {
    let model = models::smollm2()?;
    let folder = model.parent().context("the model is in a folder")?.join("tour");
    fs::create_dir_all(&folder)?;
    let at = |name: &str| folder.join(name);
    let (small, exact, back, text) =
        (at("smollm2-3bit.ecq"), at("smollm2.ecq"), at("smollm2.gguf"), at("text.txt"));
    fs::write(&text, include_str!("../../crates/ecq-cli/tests/data/evaluation.txt"))?;

    heading("quantize to 3 bits per weight, with calibration");
    let rate = ["--bpw", RATE, "--calibration-tokens", CALIBRATION_TOKENS, "--force", "-o"];
    ecq(&[arguments(&["quantize"]), paths(&[&model]), arguments(&rate), paths(&[&small])])?;
    ecq(&[arguments(&["inspect"]), paths(&[&small])])?;
    ecq(&[arguments(&["verify"]), paths(&[&small]), arguments(&["--against"]), paths(&[&model])])?;

    heading("run the quantized and the source model");
    let run = ["-p", PROMPT, "--greedy", "-n", "24"];
    ecq(&[arguments(&["run"]), paths(&[&small]), arguments(&run)])?;
    ecq(&[arguments(&["run"]), paths(&[&model]), arguments(&run)])?;

    heading("measure the KL divergence on a text");
    ecq(&[
        arguments(&["eval"]),
        paths(&[&small]),
        arguments(&["--text"]),
        paths(&[&text]),
        arguments(&["--max-tokens", "2048", "--reference"]),
        paths(&[&model]),
    ])?;

    heading("convert without loss, and back");
    ecq(&[
        arguments(&["quantize"]),
        paths(&[&model]),
        arguments(&["--lossless", "--force", "-o"]),
        paths(&[&exact]),
    ])?;
    ecq(&[
        arguments(&["export"]),
        paths(&[&exact]),
        arguments(&["--format", "gguf", "--force", "-o"]),
        paths(&[&back]),
    ])?;
    if fs::read(&model)? != fs::read(&back)? {
        bail!("{} differs from {}", back.display(), model.display());
    }
    println!("{} is identical to {}", back.display(), model.display());

    heading("files");
    for path in [&model, &small, &exact, &back, &text] {
        println!("  {:>6.1} MB  {}", fs::metadata(path)?.len() as f64 / 1e6, path.display());
    }
    println!(
        "`ecq run` also printed the path of the converted source model; delete the files that you do not need"
    );
    Ok(())
}

fn heading(text: &str) {
    println!("\n== {text}");
}

fn arguments(arguments: &[&str]) -> Vec<PathBuf> {
    arguments.iter().map(PathBuf::from).collect()
}

fn paths(paths: &[&Path]) -> Vec<PathBuf> {
    paths.iter().map(|path| path.to_path_buf()).collect()
}

fn ecq(args: &[Vec<PathBuf>]) -> anyhow::Result<()> {
    let args: Vec<&OsStr> = args.iter().flatten().map(|arg| arg.as_os_str()).collect();
    let command_line: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    println!("\n$ ecq {}", command_line.join(" "));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--release", "--quiet", "--package", "ecq-cli", "--"]).args(&args);
    if !command.status()?.success() {
        bail!("ecq {} failed", command_line.join(" "));
    }
    Ok(())
}
