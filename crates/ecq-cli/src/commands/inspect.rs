use super::engine::Loaded;
use crate::args::{EngineArgs, InspectArgs};
use crate::json;
use crate::out::say;
use crate::table::{bytes, table};
use ecq::format::container::TensorBytes;
use ecq::source::{EcqSource, Source};
use ecq::{Content, Limits};
use serde_json::json;
use std::process::ExitCode;

pub fn run(args: &InspectArgs, json: bool) -> anyhow::Result<ExitCode> {
    let program = args.program.map(|rows| program(args, rows)).transpose()?;
    let source = EcqSource::open(&args.file, &Limits::default())?;
    let (file, summary) = (source.file(), source.file().summary());
    if json {
        let tensors = source.tensors().iter().map(|t| {
            let bytes = &summary.tensors[&t.name];
            json!({
                "name": t.name, "kind": t.kind, "rows": t.rows, "cols": t.cols, "dtype": t.dtype,
                "bytes": bytes.total(), "parts": bytes.parts, "header_bytes": bytes.header_bytes,
                "entry": file.entry(&t.name),
            })
        });
        let tensors: Vec<_> = tensors.collect();
        let mut object = json!({
            "file_bytes": summary.file_bytes, "header_bytes": summary.header_bytes, "model": file.model(),
            "files": summary.files, "tensors": tensors,
        });
        if let Some(program) = program {
            object["program"] = program.into();
        }
        json::print(&object)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(program) = program {
        say!("{}", program.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let model = file.model();
    say!("{}", args.file.display());
    say!("  {} in {} tensors, written by {}", bytes(summary.file_bytes), model.order.len(), model.writer);
    say!("  from {} ({}, {})", model.source.file, model.source.format, bytes(model.source.bytes));
    say!("  header {}", bytes(summary.header_bytes));
    for (name, n) in &summary.files {
        say!("  rides along: {name} ({} stored)", bytes(*n));
    }
    if args.verbose {
        let headings =
            ["tensor", "kind", "coding", "tile", "shape", "stream", "index", "table", "side", "bpw"];
        let mut rows = table(&headings, 4);
        for t in source.tensors() {
            let parts = &summary.tensors[&t.name];
            let part = |names: &[&str]| {
                let sum: u64 = names.iter().filter_map(|name| parts.parts.get(name)).sum();
                if sum == 0 { String::new() } else { bytes(sum) }
            };
            let (coding, tile) = coding_and_tile(&source, &t.name, &t.dtype);
            rows.add_row([
                t.name.clone(),
                format!("{:?}", t.kind).to_lowercase(),
                coding,
                tile,
                format!("{}x{}", t.rows, t.cols),
                part(&["stream", "data"]),
                part(&["index"]),
                part(&["table"]),
                part(&["scales", "biases"]),
                format!("{:.3}", 8.0 * TensorBytes::total(parts) as f64 / t.weights() as f64),
            ]);
        }
        say!("{rows}");
    } else {
        say!("  (-v lists every tensor)");
    }
    Ok(ExitCode::SUCCESS)
}

/// The commands of a step of this many rows, the last of which gives logits.
fn program(args: &InspectArgs, rows: usize) -> anyhow::Result<String> {
    let options = EngineArgs { memory: args.memory, ..EngineArgs::new(&args.file) };
    let loaded = Loaded::open_in(&options, args.mode.as_deref().unwrap_or("auto"))?;
    Ok(loaded.token_engine(1, usize::MAX)?.executor().program(rows, 1)?.to_string())
}

fn coding_and_tile(source: &EcqSource, name: &str, dtype: &str) -> (String, String) {
    match source.file().entry(name).map(|entry| &entry.content) {
        Some(Content::Codes { coding, alphabet, tile, .. }) => {
            let coding = format!("{} of {alphabet}", format!("{coding:?}").to_lowercase());
            (coding, format!("{}x{} on {} lanes", tile.rows, tile.cols, tile.lanes))
        }
        Some(Content::Raw(_)) => (format!("{dtype} bytes, coded"), String::new()),
        None => (format!("{dtype} as it is"), String::new()),
    }
}
