//! Objects for scripts, and what an error means to them.

use crate::out::say;
use ecq::PackError;
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

/// Prints an error as JSON on standard output, or as a sentence on standard error.
pub fn report_error(error: &anyhow::Error, json: bool) {
    let pack = error.downcast_ref::<PackError>();
    // Errors of the library say all in one sentence; others carry theirs in a chain.
    let message = pack.map_or_else(|| format!("{error:#}"), PackError::to_string);
    if !json {
        eprintln!("error: {message}");
        return;
    }
    let kind = pack.map_or("io", PackError::kind);
    let (tensor, offset) = (pack.and_then(PackError::tensor), pack.and_then(PackError::offset));
    say!("{}", error_object(kind, tensor, offset, &message));
}

/// The exit code of an error.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<PackError>().map(PackError::kind) {
        Some("option" | "resume") => 2,
        Some("corrupt" | "format") => 3,
        Some("unsupported" | "export") => 5,
        _ => 4,
    }
}
