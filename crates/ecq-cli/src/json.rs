//! Objects for scripts, and what an error means to them.

use ecq::PackError;
use serde::Serialize;
use serde_json::{Value, json};

/// Prints a value as one line of JSON.
pub fn print(value: &impl Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}

/// The object that stands for an error.
pub fn error_object(kind: &str, tensor: Option<&str>, offset: Option<u64>, message: &str) -> Value {
    json!({ "error": { "kind": kind, "tensor": tensor, "offset": offset, "message": message } })
}

/// Prints an error as JSON on standard output, or as a sentence on standard error.
pub fn report_error(error: &anyhow::Error, json: bool) {
    if !json {
        eprintln!("error: {error:#}");
        return;
    }
    let pack = error.downcast_ref::<PackError>();
    let kind = pack.map_or("io", PackError::kind);
    let (tensor, offset) = (pack.and_then(PackError::tensor), pack.and_then(PackError::offset));
    println!("{}", error_object(kind, tensor, offset, &format!("{error:#}")));
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
