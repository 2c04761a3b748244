//! A point in a process of its own, whose memory is that of the point alone.

use super::plan::Point;
use crate::args::SweepArgs;
use anyhow::{Context, bail};
use ecq::PackError;
use serde_json::Value;
use std::process::{Command, Stdio};

/// Measures a point and returns its record.
///
/// # Errors
/// [`PackError::Cancelled`] if the process was interrupted; its message if it failed.
pub fn measure(args: &SweepArgs, point: &Point) -> anyhow::Result<Value> {
    let program = std::env::current_exe().context("the program of this process")?;
    let mut command = Command::new(&program);
    // The package of another language runs the command inside of its interpreter.
    let is_own = program.file_stem().is_some_and(|stem| stem.to_string_lossy().starts_with("ecq"));
    if !is_own {
        command.args(["-m", "ecq"]);
    }
    command.args(["--json", "sweep", "--point", &point.key]);
    if let Some(threads) = args.threads {
        command.args(["--threads", &threads.to_string()]);
    }
    command.arg("--output").arg(&args.output).arg("--").arg(&args.sweep);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.with_context(|| program.display().to_string())?;
    if output.status.code() == Some(130) {
        return Err(PackError::Cancelled.into());
    }
    let printed = serde_json::from_slice::<Value>(&output.stdout).ok();
    let message = printed.as_ref().and_then(|printed| printed["error"]["message"].as_str());
    match (printed.as_ref(), message) {
        (Some(record), None) if output.status.success() => Ok(record.clone()),
        (_, Some(message)) => bail!("{message}"),
        // A process that the system has killed, for instance because memory is exhausted, prints nothing.
        _ => bail!("the process of the point ended with {}", output.status),
    }
}
