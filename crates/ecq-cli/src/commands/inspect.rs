use super::engine::Loaded;
use crate::args::{EngineArgs, InspectArgs};
use crate::out::{prose, say};
use crate::table::{bytes, list, table, thousands};
use crate::wrap::COLUMNS;
use crate::{json, sources};
use ecq::format::container::TensorBytes;
use ecq::runtime::arch::Config;
use ecq::source::{self, EcqSource, Source, SourceTensor};
use ecq::{Content, GridEntry, Kind, Limits};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::ExitCode;

pub fn run(args: &InspectArgs, json: bool) -> anyhow::Result<ExitCode> {
    let program = args.program.map(|rows| program(args, rows)).transpose()?;
    let limits = Limits::default();
    let source = source::open(&args.file, &limits)?;
    if let (Some(program), false) = (&program, json) {
        say!("{}", program.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    // What cannot be run can be listed.
    let config = sources::config_of(&*source).ok();
    if source.format() != "ecq" {
        return other(args, &*source, config.as_ref(), json);
    }
    let source = EcqSource::open(&args.file, &limits)?;
    if json {
        let mut object = object(&source, config.as_ref());
        if let Some(program) = program {
            object["program"] = program.into();
        }
        json::print(&object)?;
        return Ok(ExitCode::SUCCESS);
    }
    describe(args, &source, config.as_ref());
    if args.verbose {
        print_tensors(&source);
    } else {
        say!("(-v lists every tensor)");
    }
    Ok(ExitCode::SUCCESS)
}

fn object(source: &EcqSource, config: Option<&Config>) -> Value {
    let (file, summary) = (source.file(), source.file().summary());
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
    add_facts(&mut object, source, config);
    object
}

/// DeviceInfo of the model, whatever its format.
fn add_facts(object: &mut Value, source: &dyn Source, config: Option<&Config>) {
    object["parameters"] = parameters(source).into();
    object["bpw_linear"] = bpw(source, Some(Kind::Linear)).into();
    object["bpw_total"] = (8.0 * source.bytes() as f64 / parameters(source).max(1) as f64).into();
    object["architecture"] = config.map(|config| config.architecture.clone()).into();
    object["context"] = config.map(|config| config.context).into();
    object["blocks"] = config.map(|config| config.blocks.len()).into();
}

fn parameters(source: &dyn Source) -> u64 {
    source.tensors().iter().map(SourceTensor::weights).sum()
}

/// Bits per weight of the tensors of a kind.
fn bpw(source: &dyn Source, kind: Option<Kind>) -> Option<f64> {
    let of_kind = || source.tensors().iter().filter(|t| kind.is_none_or(|kind| t.kind == kind));
    let weights: u64 = of_kind().map(SourceTensor::weights).sum();
    (weights > 0).then(|| 8.0 * of_kind().map(|t| t.bytes).sum::<u64>() as f64 / weights as f64)
}

/// A line of what is known: a word and what it says, folded beside it.
fn fact(word: &str, says: &str) {
    let margin = " ".repeat(16);
    let beside = textwrap::Options::new(COLUMNS).initial_indent(&margin).subsequent_indent(&margin);
    say!("  {word:<14}{}", textwrap::fill(says, beside).trim_start());
}

fn print_config(source: &dyn Source, config: Option<&Config>) {
    match config {
        Some(config) => {
            let (blocks, hidden) = (config.blocks.len(), config.hidden);
            fact("architecture", &format!("{}, {blocks} blocks of width {hidden}", config.architecture));
            fact("context", &format!("{} tokens", thousands(config.context as u64)));
            fact("vocabulary", &format!("{} tokens", thousands(config.vocabulary as u64)));
        }
        None => fact("architecture", "none that runs is stated (`ecq run` says why)"),
    }
    fact("parameters", &thousands(parameters(source)));
}

fn describe(args: &InspectArgs, source: &EcqSource, config: Option<&Config>) {
    let (model, summary) = (source.file().model(), source.file().summary());
    say!("{}", args.file.display());
    print_config(source, config);
    let of_kind = |kind: Kind, words: &str| bpw(source, Some(kind)).map(|bpw| format!("{bpw:.3} {words}"));
    let all = 8.0 * summary.file_bytes as f64 / parameters(source).max(1) as f64;
    let parts =
        [of_kind(Kind::Linear, "in block projections"), of_kind(Kind::Embedding, "in embedding and head")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    fact("bits a weight", &format!("{all:.3} in all; {}", parts.join(", ")));
    fact("grid", &grids(source));
    let (recipe, calibration) = match model.recipe.as_deref() {
        None => ("nothing lost: every tensor is that of the source", None),
        Some(recipe) => match recipe.split_once(", calibrated on ") {
            Some((recipe, calibration)) => (recipe, Some(calibration)),
            None => (recipe, Some("none")),
        },
    };
    fact("recipe", recipe);
    if let Some(calibration) = calibration {
        fact("calibration", calibration);
    }
    fact(
        "source",
        &format!("{} ({}, {})", model.source.file, model.source.format, bytes(model.source.bytes)),
    );
    fact("written by", &model.writer);
    print_shares(source);
}

/// The grids that tensors are on, and how many are on each.
fn grids(source: &EcqSource) -> String {
    let mut grids: BTreeMap<String, usize> = BTreeMap::new();
    for tensor in source.tensors().iter().filter(|t| t.kind != Kind::Other) {
        let grid = match source.file().entry(&tensor.name).map(|entry| &entry.content) {
            Some(Content::Codes { grid: GridEntry::AffineGroups { bits, group_size, .. }, .. }) => {
                format!("affine groups of {group_size}, {bits} bits")
            }
            Some(Content::Codes { .. }) => "uniform".to_owned(),
            _ => format!("none ({})", tensor.dtype),
        };
        *grids.entry(grid).or_default() += 1;
    }
    let words: Vec<String> = grids.iter().map(|(grid, n)| format!("{n} tensors {grid}")).collect();
    words.join("; ")
}

/// What takes how much of the file.
fn print_shares(source: &EcqSource) {
    let summary = source.file().summary();
    let mut shares: Vec<(String, u64)> = Vec::new();
    for (kind, words) in
        [(Kind::Linear, "block projections"), (Kind::Embedding, "embedding, head"), (Kind::Other, "others")]
    {
        let mut parts: BTreeMap<&str, u64> = BTreeMap::new();
        for tensor in source.tensors().iter().filter(|t| t.kind == kind) {
            for (part, n) in &summary.tensors[&tensor.name].parts {
                let part = match *part {
                    "stream" | "data" => "weights",
                    "index" | "table" => "tables and index",
                    _ => "scales and such",
                };
                *parts.entry(part).or_default() += n;
            }
        }
        shares.extend(parts.into_iter().map(|(part, n)| (format!("{words}: {part}"), n)));
    }
    shares.extend(summary.files.iter().map(|(name, n)| (format!("rides along: {name}"), *n)));
    shares.push(("header: names, facts, checksums".to_owned(), summary.header_bytes));
    let mut rows = table(&["what", "takes", "of the file"], 1);
    for (what, n) in shares.into_iter().filter(|(_, n)| *n > 0) {
        rows.add_row([
            what,
            bytes(n),
            format!("{:.1}%", 100.0 * n as f64 / summary.file_bytes.max(1) as f64),
        ]);
    }
    rows.add_row(["all".to_owned(), bytes(summary.file_bytes), String::new()]);
    say!("{rows}");
}

/// What a model of another format holds.
fn other(
    args: &InspectArgs,
    source: &dyn Source,
    config: Option<&Config>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    if json {
        let tensors = source.tensors().iter().map(|t| {
            json!({ "name": t.name, "kind": t.kind, "rows": t.rows, "cols": t.cols, "dtype": t.dtype, "bytes": t.bytes })
        });
        let tensors: Vec<_> = tensors.collect();
        let mut object =
            json!({ "format": source.format(), "file_bytes": source.bytes(), "tensors": tensors });
        add_facts(&mut object, source, config);
        json::print(&object)?;
        return Ok(ExitCode::SUCCESS);
    }
    say!("{}", args.file.display());
    fact("format", &format!("{}, no .ecq: {}", source.format(), bytes(source.bytes())));
    print_config(source, config);
    let mut types: BTreeMap<(&str, &str), (usize, u64, u64)> = BTreeMap::new();
    for tensor in source.tensors() {
        let kind = match tensor.kind {
            Kind::Linear => "block projections",
            Kind::Embedding => "embedding, head",
            Kind::Other => "others",
        };
        let of = types.entry((kind, &tensor.dtype)).or_default();
        *of = (of.0 + 1, of.1 + tensor.weights(), of.2 + tensor.bytes);
    }
    let mut rows = table(&["what", "type", "tensors", "weights", "takes", "bpw"], 2);
    for ((kind, dtype), (tensors, weights, taken)) in types {
        let bpw = format!("{:.3}", 8.0 * taken as f64 / weights.max(1) as f64);
        rows.add_row([
            kind.to_owned(),
            dtype.to_owned(),
            tensors.to_string(),
            thousands(weights),
            bytes(taken),
            bpw,
        ]);
    }
    say!("{rows}");
    if args.verbose {
        let mut rows = list(&["tensor", "type", "shape", "takes"], 2);
        for t in source.tensors() {
            rows.add_row([t.name.clone(), t.dtype.clone(), format!("{}x{}", t.rows, t.cols), bytes(t.bytes)]);
        }
        say!("{rows}");
    }
    prose("`ecq analyze` says what entropy coding it would give, `ecq quantize` writes an .ecq of it");
    Ok(ExitCode::SUCCESS)
}

fn print_tensors(source: &EcqSource) {
    let summary = source.file().summary();
    let headings = ["tensor", "kind", "coding", "tile", "shape", "stream", "index", "table", "side", "bpw"];
    let mut rows = list(&headings, 4);
    for t in source.tensors() {
        let parts = &summary.tensors[&t.name];
        let part = |names: &[&str]| {
            let sum: u64 = names.iter().filter_map(|name| parts.parts.get(name)).sum();
            if sum == 0 { String::new() } else { bytes(sum) }
        };
        let (coding, tile) = coding_and_tile(source, &t.name, &t.dtype);
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
            format!("{:.3}", 8.0 * TensorBytes::total(parts) as f64 / t.weights().max(1) as f64),
        ]);
    }
    say!("{rows}");
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
