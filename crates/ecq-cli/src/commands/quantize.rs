use crate::args::QuantizeArgs;
use crate::json;
use crate::out::say;
use crate::progress::Bar;
use crate::table::{bytes, table};
use anyhow::Context;
use bytesize::ByteSize;
use ecq::encode::EncodeOptions;
use ecq::grids::rate;
use ecq::{
    CalibrationOptions, CalibrationText, GridChoice, Kind, Limits, PackError, PackOptions, PackReport,
    Target, TensorReport, options, pack, pack_calibrated, source,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

pub fn run(args: &QuantizeArgs, json: bool) -> anyhow::Result<ExitCode> {
    let mut encode = EncodeOptions::default();
    options::set(&mut encode, "coding", &args.coding)?;
    if let Some(slowest) = &args.slowest {
        options::set(&mut encode, "slowest", slowest)?;
    }
    options::set(&mut encode, "tile", &args.tile)?;
    if let Some(lanes) = &args.lanes {
        options::set(&mut encode, "lanes", lanes)?;
    }
    options::set(&mut encode, "hybrid", &args.hybrid)?;
    let mut options = PackOptions { encode, resume: args.resume, ..grids(args)? };
    for text in &args.r#override {
        options.add_override(text)?;
    }
    let model = source::open(&args.model, &Limits::default())?;
    let name = args.model.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let dest = if args.dry_run { None } else { args.output.as_deref() };
    let report = match calibration(args)? {
        None => pack(&*model, &name, dest, &options, &Bar::new(json))?,
        Some(calibration) => {
            // Beside the file, for it is as large as the model and outlives an interruption.
            let kept = args.calibration_folder.clone();
            let beside = dest.map(|dest| PathBuf::from(format!("{}.calibration", dest.display())));
            let passing = tempfile::tempdir()?;
            let folder = kept.as_deref().or(beside.as_deref()).unwrap_or(passing.path());
            let report =
                pack_calibrated(&*model, &name, dest, folder, options, &calibration, &Bar::new(json))?;
            if kept.is_none() {
                std::fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
            }
            report
        }
    };
    if json {
        json::print(&report)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.verbose {
        print_tensors(&report);
    }
    print_summary(&report);
    match &args.output {
        Some(output) if !args.dry_run => say!("wrote {}", output.display()),
        _ => say!("dry run: nothing written"),
    }
    Ok(ExitCode::SUCCESS)
}

/// What to calibrate on, if that was asked for.
fn calibration(args: &QuantizeArgs) -> anyhow::Result<Option<CalibrationOptions>> {
    let words: Vec<&str> = args.calibrate.iter().map(String::as_str).collect();
    let text = match words[..] {
        [] => return Ok(None),
        ["none"] => CalibrationText::Own,
        ["default"] => CalibrationOptions::default_text(),
        _ => {
            let mut texts = Vec::new();
            for word in words {
                match (word, CalibrationOptions::default_text()) {
                    ("default", CalibrationText::Texts(default)) => texts.extend(default),
                    _ => texts.push((
                        word.to_owned(),
                        std::fs::read_to_string(word).with_context(|| word.to_owned())?,
                    )),
                }
            }
            CalibrationText::Texts(texts)
        }
    };
    let like = args.r#match.as_deref().map(|word| match word.strip_prefix("mlx") {
        Some(bits) => GridChoice::parse(&format!("affine:{bits}:64")),
        None => GridChoice::parse(word),
    });
    let like = like.transpose()?;
    if let (Some(GridChoice::Keep | GridChoice::Uniform { .. }), Some(word)) = (like, &args.r#match) {
        let why = "expected mlx2 to mlx8, affine:BITS[:GROUP] or absmax:BITS[:tensor|row|GROUP]".to_owned();
        return Err(PackError::Option { option: format!("--match {word}"), why }.into());
    }
    Ok(Some(CalibrationOptions {
        text,
        like,
        tokens: args.calibration_tokens,
        length: args.calibration_window,
        seed: args.seed,
        reuse: args.resume || args.calibration_folder.is_some(),
    }))
}

/// The grids and the target that were asked for.
fn grids(args: &QuantizeArgs) -> anyhow::Result<PackOptions> {
    if args.lossless {
        return Ok(PackOptions::default());
    }
    let mut options = PackOptions::quantizing();
    options.linear = GridChoice::parse(&args.grid)?;
    // Where the model is watched, the embedding's errors are weighed as all others are.
    let default = if args.calibrate.is_empty() { "8" } else { "uniform" };
    let embedding = args.embedding.as_deref().unwrap_or(default);
    options.embedding = match embedding.parse::<u8>() {
        Ok(bits) => GridChoice::parse(&format!("absmax:{bits}:row"))?,
        Err(_) => GridChoice::parse(embedding)?,
    };
    for choice in [&mut options.linear, &mut options.embedding] {
        choice.set_steps(&args.steps)?;
        choice.set_levels(&args.levels)?;
    }
    let bad = |option: &str, value: &str, why: &str| PackError::Option {
        option: format!("--{option} {value}"),
        why: format!("expected {why}"),
    };
    if let Some(bpw) = &args.bpw {
        let why = "0.1 to 8 bits a weight";
        options.target = Target::Bpw(rate(bpw).ok_or_else(|| bad("bpw", bpw, why))?);
    }
    if let Some(size) = &args.size {
        let bytes = size.parse::<ByteSize>().ok().filter(|bytes| bytes.0 > 0);
        let bytes = bytes.ok_or_else(|| bad("size", size, "bytes, such as 75000000, 75MB or 75MiB"))?;
        options.target = Target::Size(bytes.0);
    }
    Ok(options)
}

fn print_tensors(report: &PackReport) {
    let mut rows = table(&["tensor", "coding", "why", "shape", "source", "file", "bpw", "SQNR dB"], 3);
    for t in &report.tensors {
        rows.add_row([
            t.name.clone(),
            t.coding.clone().unwrap_or_else(|| t.dtype.clone()),
            t.reason.clone().unwrap_or_default(),
            format!("{}x{}", t.rows, t.cols),
            bytes(t.source_bytes),
            bytes(t.bytes),
            format!("{:.3}", t.bpw),
            decibels(t.sqnr_db),
        ]);
    }
    say!("{rows}");
}

fn decibels(sqnr_db: Option<f64>) -> String {
    sqnr_db.map(|db| format!("{db:.2}")).unwrap_or_default()
}

fn print_summary(report: &PackReport) {
    let mut rows = table(&["what", "codings", "weights", "source", "file", "bpw", "was", "SQNR dB"], 2);
    let groups: [(&str, Kind); 3] =
        [("block projections", Kind::Linear), ("embedding, head", Kind::Embedding), ("others", Kind::Other)];
    let mut counted = 0;
    for (label, kind) in groups {
        let of_kind: Vec<&TensorReport> = report.tensors.iter().filter(|t| t.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        let mut codings = BTreeMap::new();
        of_kind
            .iter()
            .for_each(|t| *codings.entry(t.coding.as_deref().unwrap_or(&t.dtype)).or_insert(0) += 1);
        let codings: Vec<_> = codings.iter().map(|(coding, n)| format!("{n} {coding}")).collect();
        let sum = |value: fn(&TensorReport) -> u64| of_kind.iter().map(|t| value(t)).sum::<u64>();
        let (weights, source, file) =
            (sum(|t| t.rows as u64 * t.cols as u64), sum(|t| t.source_bytes), sum(|t| t.bytes));
        counted += file;
        rows.add_row([
            label.to_owned(),
            codings.join(", "),
            weights.to_string(),
            bytes(source),
            bytes(file),
            format!("{:.3}", 8.0 * file as f64 / weights as f64),
            format!("{:.3}", 8.0 * source as f64 / weights as f64),
            decibels(match kind {
                Kind::Linear => report.sqnr_linear_db,
                Kind::Embedding => report.sqnr_embedding_db,
                Kind::Other => None,
            }),
        ]);
    }
    let weights: u64 = report.tensors.iter().map(|t| t.rows as u64 * t.cols as u64).sum();
    let rest = report.file_bytes - counted;
    rows.add_row(["config, tokenizer, header", "", "", "", &bytes(rest), "", "", ""].map(str::to_owned));
    rows.add_row([
        "all".to_owned(),
        String::new(),
        weights.to_string(),
        bytes(report.source_bytes),
        bytes(report.file_bytes),
        format!("{:.3}", report.bpw_total),
        format!("{:.3}", 8.0 * report.source_bytes as f64 / weights as f64),
        String::new(),
    ]);
    say!("{rows}");
    let rss = report.peak_rss_bytes.map(|n| format!(", peak memory {}", bytes(n))).unwrap_or_default();
    let saved = 100.0 * (1.0 - report.file_bytes as f64 / report.source_bytes as f64);
    say!("{saved:.1}% smaller, {:.1} s{rss}", report.seconds);
    if report.resumed_tensors > 0 {
        say!("{} tensors were taken over from the interrupted run", report.resumed_tensors);
    }
}
