//! Objects for scripts, and what an error means to them.

use crate::out::say;
use ecq::PackError;
use ecq::format::container::ContainerError;
use ecq::runtime::RuntimeError;
use serde::Serialize;
use serde_json::{Value, json};

/// Prints a value as one line of JSON.
pub fn print(value: &impl Serialize) -> anyhow::Result<()> {
    say!("{}", serde_json::to_string(value)?);
    Ok(())
}

/// The object that stands for an error.
pub fn error_object(kind: &str, tensor: Option<&str>, offset: Option<u64>, message: &str) -> Value {
    json!({ "error": { "kind": kind, "tensor": tensor, "offset": offset, "message": message } })
}

/// What the library says of an error.
struct DeviceInfo<'a> {
    kind: &'static str,
    tensor: Option<&'a str>,
    offset: Option<u64>,
}

fn facts(error: &anyhow::Error) -> Option<DeviceInfo<'_>> {
    if let Some(error) = error.downcast_ref::<PackError>() {
        return Some(DeviceInfo { kind: error.kind(), tensor: error.tensor(), offset: error.offset() });
    }
    let error = error.downcast_ref::<RuntimeError>()?;
    Some(DeviceInfo { kind: error.kind(), tensor: error.tensor(), offset: error.offset() })
}

/// What of this command helps against an error: the library knows no flags.
fn hint(error: &anyhow::Error) -> Option<&'static str> {
    if error.chain().any(is_full) {
        return Some("no room is left there: make some; `ecq quantize --resume` goes on where it stopped");
    }
    match error.downcast_ref::<PackError>() {
        Some(PackError::Exists { .. }) => return Some("`--force` replaces it once the new one is complete"),
        Some(PackError::Runtime(_)) => {
            return Some("`--calibrate off` quantizes without running the model, for much worse text");
        }
        Some(PackError::Container(ContainerError::NotTheFile { what, .. })) if is_model(what) => {
            return Some("`ecq quantize --lossless MODEL -o MODEL.ecq` makes one");
        }
        _ => {}
    }
    let mut error = error.downcast_ref::<RuntimeError>()?;
    while let RuntimeError::Shared(shared) = error {
        error = shared;
    }
    match error {
        RuntimeError::Mode { mode: "lru", .. } => Some("`--memory BYTES` sets it"),
        RuntimeError::CacheRange { .. } => Some("`--cache bf16` sets it"),
        _ => None,
    }
}

/// Whether what a file was found to be is a model of another format.
fn is_model(found: &str) -> bool {
    ["GGUF", "safetensors", "folder"].iter().any(|format| found.contains(format))
}

/// Whether a disk is full.
fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    matches!(kind, Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded))
}

/// Prints an error as JSON on standard output, or as a sentence on standard error.
pub fn report_error(error: &anyhow::Error, json: bool) {
    let facts = facts(error);
    // Errors of the library say all in one sentence; others carry theirs in a chain.
    let mut message = if facts.is_some() { error.to_string() } else { format!("{error:#}") };
    if let Some(hint) = hint(error) {
        message = format!("{message} ({hint})");
    }
    if !json {
        eprintln!("error: {message}");
        return;
    }
    let DeviceInfo { kind, tensor, offset } =
        facts.unwrap_or(DeviceInfo { kind: "io", tensor: None, offset: None });
    say!("{}", error_object(kind, tensor, offset, &message));
}

/// The exit code of an error.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    match facts(error).map(|facts| facts.kind) {
        Some("option" | "resume") => 2,
        Some("corrupt" | "format") => 3,
        Some("unsupported" | "export" | "calibration") => 5,
        Some("cancelled") => 130,
        _ => 4,
    }
}
