use super::engine::{Loaded, modes};
use crate::args::{ActivationsArg, CacheArg, EngineArgs, EvalArgs};
use crate::json;
use crate::out::say;
use crate::progress::Bar;
use crate::table::{bytes, table};
use anyhow::Context;
use ecq::encode::{CodingChoice, EncodeOptions};
use ecq::runtime::{EvalOptions, Evaluation, Mean, Mode, RuntimeError, evaluate};
use ecq::source::{self, EcqSource, Source, TensorFacts};
use ecq::{Coding, Kind, Limits, PackOptions, pack};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

pub fn run(args: &EvalArgs, json: bool) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(&args.text).with_context(|| args.text.display().to_string())?;
    // Kept to the end: the reference may lie in it.
    let folder = tempfile::tempdir()?;
    let reference = args.reference.as_ref();
    let reference =
        reference.map(|path| reference_of(path, &args.engine, folder.path(), json)).transpose()?;
    let mut rows = Vec::new();
    match &args.modes {
        // A mode at a time, for what it takes is measured.
        Some(_) => {
            for mode in modes(args.modes.as_deref(), &args.engine.mode) {
                rows.extend(evaluated(
                    args,
                    vec![Loaded::open_in(&args.engine, &mode)?],
                    reference.as_ref(),
                    &text,
                )?);
            }
        }
        None => {
            let of =
                |model: &PathBuf| Loaded::open(&EngineArgs { model: model.clone(), ..args.engine.clone() });
            let models = std::iter::once(&args.engine.model).chain(&args.also).map(of);
            rows = evaluated(args, models.collect::<anyhow::Result<_>>()?, reference.as_ref(), &text)?;
        }
    }
    if json {
        let mut objects: Vec<Value> = rows.iter().map(|row| object(row, args)).collect();
        match (&args.modes, objects.len()) {
            (None, 1) => json::print(&objects.remove(0))?,
            (None, _) => json::print(&json!({ "results": objects }))?,
            (Some(_), _) => json::print(&json!({ "modes": objects }))?,
        }
    } else {
        print(&rows, args);
    }
    Ok(ExitCode::SUCCESS)
}

/// Evaluates models side by side.
fn evaluated(
    args: &EvalArgs,
    models: Vec<Loaded>,
    reference: Option<&Loaded>,
    text: &str,
) -> anyhow::Result<Vec<Row>> {
    let Some(first) = models.first() else { return Ok(Vec::new()) };
    let begin = first.tokenizer.encode("", true)?;
    let tokens = first.tokenizer.encode(text, false)?;
    for other in models[1..].iter().chain(reference) {
        if other.tokenizer.encode(text, false)? != tokens {
            return Err(RuntimeError::Tokenizers.into());
        }
    }
    let options = EvalOptions { window: args.window, most_tokens: args.max_tokens.unwrap_or(usize::MAX) };
    let mut other = reference.map(|reference| reference.token_engine(1, args.window)).transpose()?;
    let engines = models.iter().map(|model| model.token_engine(1, args.window));
    let mut engines = engines.collect::<anyhow::Result<Vec<_>>>()?;
    let start = Instant::now();
    let evaluations = evaluate(&mut engines, other.as_mut(), &begin, &tokens, options)?;
    let seconds = start.elapsed().as_secs_f64();
    let rows = models.iter().zip(evaluations).map(|(loaded, evaluation)| {
        Ok(Row {
            model: loaded.path.clone(),
            rate: Rate::of(&loaded.path)?,
            mode: loaded.model.mode().0,
            tokens_per_s: evaluation.tokens as f64 / seconds,
            weight_bytes: loaded.model.weight_bytes(),
            evaluation,
        })
    });
    rows.collect()
}

/// The reference as a model that runs: what is no `.ecq` is packed without loss into `folder` first.
fn reference_of(path: &Path, args: &EngineArgs, folder: &Path, json: bool) -> anyhow::Result<Loaded> {
    let source = source::open(path, &Limits::default())?;
    let mut packed = path.to_owned();
    if source.format() != "ecq" {
        packed = folder.join("reference.ecq");
        // Packed codes are the quickest to write and to load; how large the file is does not matter.
        let encode = EncodeOptions { coding: CodingChoice::Only(Coding::Packed), ..EncodeOptions::default() };
        let options = PackOptions { encode, ..PackOptions::default() };
        pack(&*source, &path.display().to_string(), Some(&packed), &options, &Bar::new(json))?;
    }
    // As exact as it can be, and not within the budget of the model that is compared with it.
    Loaded::open(&EngineArgs {
        model: packed,
        mode: Mode::Cached.to_string(),
        memory: None,
        activations: ActivationsArg::F32,
        cache: CacheArg::F32,
        verbose: false,
        ..args.clone()
    })
}

/// What a model takes.
struct Rate {
    file_bytes: u64,
    bpw_linear: Option<f64>,
    bpw_total: f64,
}

impl Rate {
    fn of(path: &Path) -> anyhow::Result<Self> {
        let file_bytes = std::fs::metadata(path).with_context(|| path.display().to_string())?.len();
        // Whether it is a model that runs is for the engine to say.
        let Ok(source) = EcqSource::open(path, &Limits::default()) else {
            return Ok(Self { file_bytes, bpw_linear: None, bpw_total: 0.0 });
        };
        let sum = |of: fn(&TensorFacts) -> u64, linear: bool| -> u64 {
            source.tensors().iter().filter(|t| !linear || t.kind == Kind::Linear).map(of).sum()
        };
        let weights = sum(TensorFacts::weights, true);
        let linear = 8.0 * sum(|t| t.bytes, true) as f64 / weights.max(1) as f64;
        let bpw_total = 8.0 * file_bytes as f64 / sum(TensorFacts::weights, false).max(1) as f64;
        Ok(Self { file_bytes, bpw_linear: (weights > 0).then_some(linear), bpw_total })
    }
}

/// The result of one model in one mode.
struct Row {
    model: PathBuf,
    rate: Rate,
    mode: Mode,
    evaluation: Evaluation,
    tokens_per_s: f64,
    weight_bytes: u64,
}

fn object(row: &Row, args: &EvalArgs) -> Value {
    let (e, rate) = (&row.evaluation, &row.rate);
    let mean = |m: &Option<Mean>| m.map(|m| m.mean);
    let error = |m: &Option<Mean>| m.map(|m| m.stderr);
    json!({
        "perplexity": e.perplexity().mean, "nll": e.nll.mean, "kl": mean(&e.kl), "top1": mean(&e.top1),
        "tokens": e.tokens, "windows": e.windows, "window": args.window, "stderr": e.nll.stderr,
        "stderrs": {
            "perplexity": e.perplexity().stderr, "nll": e.nll.stderr, "kl": error(&e.kl), "top1": error(&e.top1),
        },
        "model": row.model, "reference": args.reference, "text": args.text,
        "file_bytes": rate.file_bytes, "bpw_linear": rate.bpw_linear, "bpw_total": rate.bpw_total,
        "mode": row.mode.name(), "activations": args.engine.activations.name(),
        "tokens_per_s": row.tokens_per_s, "weight_bytes_resident": row.weight_bytes,
    })
}

fn print(rows: &[Row], args: &EvalArgs) {
    let headings = [
        "model",
        "mode",
        "bpw",
        "perplexity",
        "nll",
        "KL to reference",
        "same top token",
        "tokens/s",
        "weights",
    ];
    let mut out = table(&headings, 2);
    let of = |m: Mean, digits: usize| format!("{:.digits$} ± {:.digits$}", m.mean, m.stderr);
    for Row { model, rate, mode, evaluation: e, tokens_per_s, weight_bytes } in rows {
        out.add_row([
            model.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            mode.to_string(),
            rate.bpw_linear.map_or(String::new(), |bpw| format!("{bpw:.3}")),
            of(e.perplexity(), 3),
            of(e.nll, 4),
            e.kl.map_or(String::new(), |m| of(m, 4)),
            e.top1.map_or(String::new(), |m| of(m, 4)),
            format!("{tokens_per_s:.1}"),
            bytes(*weight_bytes),
        ]);
    }
    say!("{out}");
    if let Some(Row { evaluation: e, .. }) = rows.first() {
        say!(
            "{} tokens of {} in {} windows of {}; nats per token; standard errors as if tokens were independent",
            e.tokens,
            args.text.display(),
            e.windows,
            args.window
        );
    }
}
