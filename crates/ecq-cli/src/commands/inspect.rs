use crate::args::InspectArgs;
use crate::json;
use crate::out::say;
use crate::table::{bytes, table};
use ecq::format::container::TensorBytes;
use ecq::source::{EcqSource, Source};
use ecq::{Content, Limits};
use serde_json::json;
use std::process::ExitCode;

pub fn run(args: &InspectArgs, json: bool) -> anyhow::Result<ExitCode> {
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
        json::print(&json!({
            "file_bytes": summary.file_bytes, "header_bytes": summary.header_bytes, "model": file.model(),
            "files": summary.files, "tensors": tensors,
        }))?;
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
