use crate::models;
use anyhow::{Context, bail};
use std::path::Path;
use std::process::Command;

/// Runs the `ecq` command as a new user would, on a real model, and shows what it says.
pub fn run() -> anyhow::Result<()> {
    let model = models::smollm2()?;
    let folder = model.parent().context("the model lies in a folder")?.join("tour");
    std::fs::create_dir_all(&folder)?;
    let (coded, back) = (folder.join("smollm2.ecq"), folder.join("smollm2.gguf"));
    ecq(&["analyze".as_ref(), &model])?;
    ecq(&["quantize".as_ref(), &model, "--lossless".as_ref(), "-o".as_ref(), &coded])?;
    ecq(&["verify".as_ref(), &coded, "--against".as_ref(), &model])?;
    ecq(&["export".as_ref(), &coded, "--format".as_ref(), "gguf".as_ref(), "-o".as_ref(), &back])?;
    if std::fs::read(&model)? != std::fs::read(&back)? {
        bail!("{} differs from {}", back.display(), model.display());
    }
    println!("{} is byte for byte {}", back.display(), model.display());
    Ok(())
}

fn ecq(args: &[&Path]) -> anyhow::Result<()> {
    let words: Vec<_> = args.iter().map(|arg| arg.display().to_string()).collect();
    println!("\n$ ecq {}", words.join(" "));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--release", "--quiet", "--package", "ecq-cli", "--"]).args(args);
    if !command.status()?.success() {
        bail!("ecq {} failed", words.join(" "));
    }
    Ok(())
}
