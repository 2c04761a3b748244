//! JSON output, and the kind and exit code of errors.

use crate::out::outln;
use ecq::PackError;
use ecq::format::container::ContainerError;
use ecq::runtime::RuntimeError;
use serde::Serialize;
use serde_json::{Value, json};

/// Prints a value as JSON on one line.
pub fn print(value: &impl Serialize) -> anyhow::Result<()> {
    outln!("{}", serde_json::to_string(value)?);
    Ok(())
}

/// The JSON object of an error.
pub fn error_object(kind: &str, tensor: Option<&str>, offset: Option<u64>, message: &str) -> Value {
    json!({ "error": { "kind": kind, "tensor": tensor, "offset": offset, "message": message } })
}

/// TensorKind and position of an error of the library.
struct ErrorInfo<'a> {
    kind: &'static str,
    tensor: Option<&'a str>,
    offset: Option<u64>,
}

fn info(error: &anyhow::Error) -> Option<ErrorInfo<'_>> {
    if let Some(error) = error.downcast_ref::<PackError>() {
        return Some(ErrorInfo { kind: error.kind(), tensor: error.tensor(), offset: error.offset() });
    }
    let error = error.downcast_ref::<RuntimeError>()?;
    Some(ErrorInfo { kind: error.kind(), tensor: error.tensor(), offset: error.offset() })
}

/// The option of this command that resolves an error; the library does not know the command line.
fn hint(error: &anyhow::Error) -> Option<&'static str> {
    if error.chain().any(is_full) {
        return Some("the disk is full; free some space, then continue with `ecq quantize --resume`");
    }
    match error.downcast_ref::<PackError>() {
        Some(PackError::Exists { .. }) => return Some("use `--force` to replace it"),
        Some(PackError::Runtime(_)) => {
            return Some("`--calibrate off` quantizes without running the model, at lower quality");
        }
        Some(PackError::Container(ContainerError::WrongFileType { what, .. })) if is_model(what) => {
            return Some("convert it with `ecq quantize --lossless MODEL -o MODEL.ecq`");
        }
        _ => {}
    }
    let mut error = error.downcast_ref::<RuntimeError>()?;
    while let RuntimeError::Shared(shared) = error {
        error = shared;
    }
    match error {
        RuntimeError::Mode { mode: "lru", .. } => Some("set it with `--memory BYTES`"),
        RuntimeError::CacheRange { .. } => Some("use `--cache bf16`"),
        _ => None,
    }
}

/// Whether the description of a file names a model format that `ecq quantize` reads.
fn is_model(found: &str) -> bool {
    ["GGUF", "safetensors", "folder"].iter().any(|format| found.contains(format))
}

/// Whether the error is a full disk or an exceeded quota.
fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    matches!(kind, Some(std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded))
}

/// Prints an error: as JSON on standard output if `json`, else as text on standard error.
pub fn report_error(error: &anyhow::Error, json: bool) {
    let info = info(error);
    // Messages of the library include their causes; the causes of other errors are appended.
    let mut message = if info.is_some() { error.to_string() } else { format!("{error:#}") };
    if let Some(hint) = hint(error) {
        message = format!("{message} ({hint})");
    }
    if !json {
        eprintln!("error: {message}");
        return;
    }
    let ErrorInfo { kind, tensor, offset } =
        info.unwrap_or(ErrorInfo { kind: "io", tensor: None, offset: None });
    outln!("{}", error_object(kind, tensor, offset, &message));
}

/// The exit code for an error.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    match info(error).map(|info| info.kind) {
        Some("option" | "resume") => 2,
        Some("corrupt" | "format") => 3,
        Some("unsupported" | "export" | "calibration" | "device") => 5,
        Some("cancelled") => 130,
        _ => 4,
    }
}
