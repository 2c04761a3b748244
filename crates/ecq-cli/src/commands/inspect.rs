use super::engine::Loaded;
use crate::args::{EngineArgs, InspectArgs};
use crate::exit::ExitCode;
use crate::out::{outln, paragraph};
use crate::table::{bytes, list, table, thousands};
use crate::wrap::COLUMNS;
use crate::{json, sources};
use ecq::format::container::{TensorBytes, TextKl};
use ecq::runtime::arch::Config;
use ecq::source::{self, EcqSource, Source, SourceTensor};
use ecq::{GridEntry, Limits, TensorContent, TensorKind};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub fn run(args: &InspectArgs, json: bool) -> anyhow::Result<ExitCode> {
    let program = args.program.map(|rows| program(args, rows)).transpose()?;
    let limits = Limits::default();
    let source = source::open(&args.file, &limits)?;
    if let (Some(program), false) = (&program, json) {
        outln!("{}", program.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    // A model without a supported architecture can still be listed.
    let config = sources::config_of(&*source).ok();
    if source.format() != "ecq" {
        return inspect_other(args, &*source, config.as_ref(), json);
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
        outln!("(-v lists all tensors)");
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
    add_model(&mut object, source, config);
    object
}

/// Adds the properties that every format has.
fn add_model(object: &mut Value, source: &dyn Source, config: Option<&Config>) {
    object["parameters"] = parameters(source).into();
    object["bpw_linear"] = bpw(source, Some(TensorKind::Linear)).into();
    object["bpw_total"] = (8.0 * source.bytes() as f64 / parameters(source).max(1) as f64).into();
    object["architecture"] = config.map(|config| config.architecture.clone()).into();
    object["context"] = config.map(|config| config.context).into();
    object["blocks"] = config.map(|config| config.blocks.len()).into();
}

fn parameters(source: &dyn Source) -> u64 {
    source.tensors().iter().map(SourceTensor::weights).sum()
}

/// Bits per weight of the tensors of a kind, or of all tensors.
fn bpw(source: &dyn Source, kind: Option<TensorKind>) -> Option<f64> {
    let of_kind = || source.tensors().iter().filter(|t| kind.is_none_or(|kind| t.kind == kind));
    let weights: u64 = of_kind().map(SourceTensor::weights).sum();
    (weights > 0).then(|| 8.0 * of_kind().map(|t| t.bytes).sum::<u64>() as f64 / weights as f64)
}

/// Prints a labelled value, wrapped beside its label.
fn print_field(label: &str, value: &str) {
    let margin = " ".repeat(18);
    let beside = textwrap::Options::new(COLUMNS).initial_indent(&margin).subsequent_indent(&margin);
    outln!("  {label:<16}{}", textwrap::fill(value, beside).trim_start());
}

fn print_config(source: &dyn Source, config: Option<&Config>) {
    match config {
        Some(config) => {
            let (blocks, hidden) = (config.blocks.len(), config.hidden);
            print_field(
                "architecture",
                &format!("{}, {blocks} layers, hidden size {hidden}", config.architecture),
            );
            print_field("context", &format!("{} tokens", thousands(config.context as u64)));
            print_field("vocabulary", &format!("{} tokens", thousands(config.vocabulary as u64)));
        }
        None => print_field("architecture", "unknown or not supported (`ecq run` prints the reason)"),
    }
    print_field("parameters", &thousands(parameters(source)));
}

fn describe(args: &InspectArgs, source: &EcqSource, config: Option<&Config>) {
    let (model, summary) = (source.file().model(), source.file().summary());
    outln!("{}", args.file.display());
    print_config(source, config);
    let of_kind =
        |kind: TensorKind, label: &str| bpw(source, Some(kind)).map(|bpw| format!("{bpw:.3} {label}"));
    let all = 8.0 * summary.file_bytes as f64 / parameters(source).max(1) as f64;
    let parts = [
        of_kind(TensorKind::Linear, "block projections"),
        of_kind(TensorKind::Embedding, "embedding and head"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    print_field("bits per weight", &format!("{all:.3} total; {}", parts.join(", ")));
    print_field("grid", &grids(source));
    let (recipe, calibration) = match model.recipe.as_deref() {
        None => ("lossless: every tensor is that of the source", None),
        Some(recipe) => match recipe.split_once(", calibrated on ") {
            Some((recipe, calibration)) => (recipe, Some(calibration)),
            None => (recipe, Some("none")),
        },
    };
    print_field("quantization", recipe);
    if let Some(calibration) = calibration {
        print_field("calibration", calibration);
    }
    for TextKl { text, tokens, kl, stderr, .. } in &model.measured_kl {
        let kl = format!("{kl:.3} ± {stderr:.3} nats per token, from {}", thousands(*tokens as u64));
        print_field("KL divergence", &format!("{kl} tokens of {text}"));
    }
    print_field(
        "source",
        &format!("{} ({}, {})", model.source.file, model.source.format, bytes(model.source.bytes)),
    );
    print_field("written by", &model.writer);
    print_sizes(source);
}

/// Lists the grids and the number of tensors on each.
fn grids(source: &EcqSource) -> String {
    let mut grids: BTreeMap<String, usize> = BTreeMap::new();
    for tensor in source.tensors().iter().filter(|t| t.kind != TensorKind::Other) {
        let grid = match source.file().entry(&tensor.name).map(|entry| &entry.content) {
            Some(TensorContent::Codes { grid: GridEntry::AffineGroups { bits, group_size, .. }, .. }) => {
                format!("affine, {bits} bits, groups of {group_size}")
            }
            Some(TensorContent::Codes { grid: GridEntry::TrellisRows { .. }, .. }) => "trellis".to_owned(),
            Some(TensorContent::Codes { grid: GridEntry::SuperBlocks { layout }, .. }) => {
                format!("super-blocks of {}", layout.name())
            }
            Some(TensorContent::Codes { .. }) => "uniform".to_owned(),
            _ => format!("none, {}", tensor.dtype),
        };
        *grids.entry(grid).or_default() += 1;
    }
    let counts: Vec<String> = grids.iter().map(|(grid, n)| format!("{grid} ({n} tensors)")).collect();
    counts.join("; ")
}

/// Prints the size of each part of the file.
fn print_sizes(source: &EcqSource) {
    let summary = source.file().summary();
    let mut sizes: Vec<(String, u64)> = Vec::new();
    for (kind, label) in [
        (TensorKind::Linear, "block projections"),
        (TensorKind::Embedding, "embedding, head"),
        (TensorKind::Other, "norms, others"),
    ] {
        let mut parts: BTreeMap<&str, u64> = BTreeMap::new();
        for tensor in source.tensors().iter().filter(|t| t.kind == kind) {
            for (part, n) in &summary.tensors[&tensor.name].parts {
                let part = match *part {
                    "stream" | "data" => "weights",
                    "index" | "table" => "tables, index",
                    _ => "side data",
                };
                *parts.entry(part).or_default() += n;
            }
        }
        sizes.extend(parts.into_iter().map(|(part, n)| (format!("{label}: {part}"), n)));
    }
    sizes.extend(summary.files.iter().map(|(name, n)| (format!("attached file: {name}"), *n)));
    sizes.push(("header".to_owned(), summary.header_bytes));
    let mut rows = table(&["part", "size", "share"], 1);
    for (part, n) in sizes.into_iter().filter(|(_, n)| *n > 0) {
        rows.add_row([
            part,
            bytes(n),
            format!("{:.1}%", 100.0 * n as f64 / summary.file_bytes.max(1) as f64),
        ]);
    }
    rows.add_row(["total".to_owned(), bytes(summary.file_bytes), String::new()]);
    outln!("{rows}");
}

/// Describes a model of another format than `.ecq`.
fn inspect_other(
    args: &InspectArgs,
    source: &dyn Source,
    config: Option<&Config>,
    json: bool,
) -> anyhow::Result<ExitCode> {
    if json {
        let tensors = source.tensors().iter().map(|t| {
            json!({
                "name": t.name, "kind": t.kind, "rows": t.rows, "cols": t.cols, "dtype": t.dtype,
                "bytes": t.bytes,
            })
        });
        let tensors: Vec<_> = tensors.collect();
        let mut object =
            json!({ "format": source.format(), "file_bytes": source.bytes(), "tensors": tensors });
        add_model(&mut object, source, config);
        json::print(&object)?;
        return Ok(ExitCode::SUCCESS);
    }
    outln!("{}", args.file.display());
    print_field("format", &format!("{}, {}", source.format(), bytes(source.bytes())));
    print_config(source, config);
    let mut types: BTreeMap<(&str, &str), (usize, u64, u64)> = BTreeMap::new();
    for tensor in source.tensors() {
        let kind = match tensor.kind {
            TensorKind::Linear => "block projections",
            TensorKind::Embedding => "embedding, head",
            TensorKind::Other => "norms, others",
        };
        let sums = types.entry((kind, &tensor.dtype)).or_default();
        *sums = (sums.0 + 1, sums.1 + tensor.weights(), sums.2 + tensor.bytes);
    }
    let mut rows = table(&["kind", "type", "tensors", "weights", "size", "bpw"], 2);
    for ((kind, dtype), (tensors, weights, size)) in types {
        let bpw = format!("{:.3}", 8.0 * size as f64 / weights.max(1) as f64);
        rows.add_row([
            kind.to_owned(),
            dtype.to_owned(),
            tensors.to_string(),
            thousands(weights),
            bytes(size),
            bpw,
        ]);
    }
    outln!("{rows}");
    if args.verbose {
        let mut rows = list(&["tensor", "type", "shape", "size"], 2);
        for t in source.tensors() {
            rows.add_row([t.name.clone(), t.dtype.clone(), format!("{}x{}", t.rows, t.cols), bytes(t.bytes)]);
        }
        outln!("{rows}");
    }
    paragraph("`ecq analyze` shows the size after entropy coding, `ecq quantize` converts to .ecq");
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
    outln!("{rows}");
}

/// Returns the program of a step of `rows` rows that computes the logits of the last row.
fn program(args: &InspectArgs, rows: usize) -> anyhow::Result<String> {
    let options = EngineArgs { memory: args.memory, ..EngineArgs::new(&args.file) };
    let loaded = Loaded::open_in(&options, args.mode.as_deref().unwrap_or("auto"))?;
    Ok(loaded.token_engine(1, usize::MAX)?.executor().program(rows, 1)?.to_string())
}

fn coding_and_tile(source: &EcqSource, name: &str, dtype: &str) -> (String, String) {
    match source.file().entry(name).map(|entry| &entry.content) {
        Some(TensorContent::Codes { coding, alphabet, tile, .. }) => {
            let coding = format!("{}, {alphabet} symbols", format!("{coding:?}").to_lowercase());
            (coding, format!("{}x{}, {} lanes", tile.rows, tile.cols, tile.lanes))
        }
        Some(TensorContent::Raw(_)) => (format!("{dtype}, coded bytes"), String::new()),
        None => (format!("{dtype}, not coded"), String::new()),
    }
}
