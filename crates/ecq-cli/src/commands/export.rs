use crate::args::{ExportArgs, ExportFormat};
use crate::json;
use crate::out::say;
use crate::progress::Bar;
use crate::table::bytes;
use ecq::{Limits, export_gguf};
use serde_json::json;
use std::process::ExitCode;

pub fn run(args: &ExportArgs, json: bool) -> anyhow::Result<ExitCode> {
    let ExportFormat::Gguf = args.format;
    let written = export_gguf(&args.file, &args.output, &Limits::default(), &Bar::new(json))?;
    if json {
        json::print(&json!({ "file_bytes": written, "file": args.output }))?;
    } else {
        say!("wrote {} ({})", args.output.display(), bytes(written));
    }
    Ok(ExitCode::SUCCESS)
}
