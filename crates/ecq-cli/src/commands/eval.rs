use super::engine::{Loaded, modes};
use crate::args::{CacheArg, EngineArgs, EvalArgs};
use crate::exit::ExitCode;
use crate::out::{outln, paragraph};
use crate::progress::Bar;
use crate::table::{bytes, table, three_digits};
use crate::{json, texts};
use ecq::runtime::{EvalOptions, Evaluation, Mean, Mode, RuntimeError, evaluate_with_progress};
use ecq::source::{self, SourceTensor};
use ecq::{ActivationType, Limits, TensorKind, pack::Progress};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

pub fn run(args: &EvalArgs, json: bool) -> anyhow::Result<ExitCode> {
    let text = texts::read(&args.text)?;
    let reference = args.reference.as_ref();
    let reference = reference.map(|path| reference_of(path, &args.engine)).transpose()?;
    let mut rows = Vec::new();
    match &args.modes {
        // One mode at a time, because memory and speed are measured.
        Some(_) => {
            for mode in modes(args.modes.as_deref(), &args.engine.mode, &args.engine.device) {
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

/// Evaluates models on the same text.
pub(super) fn evaluated(
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
            return Err(RuntimeError::TokenizerMismatch.into());
        }
    }
    let options = EvalOptions { window: args.window, max_tokens: args.max_tokens.unwrap_or(usize::MAX) };
    let mut other = reference.map(|reference| reference.token_engine(1, args.window)).transpose()?;
    let engines = models.iter().map(|model| model.token_engine(1, args.window));
    let mut engines = engines.collect::<anyhow::Result<Vec<_>>>()?;
    let start = Instant::now();
    let bar = Bar::new(false);
    bar.begin("evaluating", 0);
    let mut read = 0;
    let evaluations =
        evaluate_with_progress(&mut engines, other.as_mut(), &begin, &tokens, options, &mut |done, all| {
            if read == 0 {
                bar.begin("evaluating", all as u64);
            }
            bar.advance((done - read) as u64, "");
            read = done;
        })?;
    drop(bar);
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

/// Loads the reference model.
pub(super) fn reference_of(path: &Path, args: &EngineArgs) -> anyhow::Result<Loaded> {
    // At the highest precision, and without the memory budget of the evaluated model.
    Loaded::open(&EngineArgs {
        model: path.to_owned(),
        mode: Mode::Cached.to_string(),
        memory: None,
        activations: ActivationType::F32,
        cache: CacheArg::F32,
        verbose: false,
        ..args.clone()
    })
}

/// Size of a model.
struct Rate {
    file_bytes: u64,
    bpw_linear: Option<f64>,
    bpw_total: f64,
}

impl Rate {
    fn of(path: &Path) -> anyhow::Result<Self> {
        let source = source::open(path, &Limits::default())?;
        let file_bytes = source.bytes();
        let sum = |of: fn(&SourceTensor) -> u64, linear: bool| -> u64 {
            source.tensors().iter().filter(|t| !linear || t.kind == TensorKind::Linear).map(of).sum()
        };
        let weights = sum(SourceTensor::weights, true);
        let linear = 8.0 * sum(|t| t.bytes, true) as f64 / weights.max(1) as f64;
        let bpw_total = 8.0 * file_bytes as f64 / sum(SourceTensor::weights, false).max(1) as f64;
        Ok(Self { file_bytes, bpw_linear: (weights > 0).then_some(linear), bpw_total })
    }
}

/// The result of one model in one mode.
pub(super) struct Row {
    model: PathBuf,
    rate: Rate,
    mode: Mode,
    evaluation: Evaluation,
    tokens_per_s: f64,
    weight_bytes: u64,
}

pub(super) fn object(row: &Row, args: &EvalArgs) -> Value {
    let (e, rate) = (&row.evaluation, &row.rate);
    let mean = |m: &Option<Mean>| m.map(|m| m.mean);
    let error = |m: &Option<Mean>| m.map(|m| m.stderr);
    json!({
        "perplexity": e.perplexity().mean, "nll": e.nll.mean, "kl": mean(&e.kl), "top1": mean(&e.top1),
        "tokens": e.tokens, "windows": e.windows, "window": args.window, "stderr": e.nll.stderr,
        "stderrs": {
            "perplexity": e.perplexity().stderr, "nll": e.nll.stderr,
            "kl": error(&e.kl), "top1": error(&e.top1),
        },
        "model": row.model.display().to_string(),
        "reference": args.reference.as_ref().map(|path| path.display().to_string()),
        "text": args.text.display().to_string(),
        "file_bytes": rate.file_bytes, "bpw_linear": rate.bpw_linear, "bpw_total": rate.bpw_total,
        "mode": row.mode.name(), "activations": args.engine.activations.to_string(),
        "tokens_per_s": row.tokens_per_s, "weight_bytes_resident": row.weight_bytes,
    })
}

fn print(rows: &[Row], args: &EvalArgs) {
    let compared = rows.iter().any(|row| row.evaluation.kl.is_some());
    let mut headings = vec!["model", "mode", "bpw", "perplexity"];
    headings.extend(if compared { &["KL", "same top-1"][..] } else { &["NLL"][..] });
    let mut out = table(&headings, 2);
    let of = |m: Mean, digits: usize| format!("{:.digits$} ± {:.digits$}", m.mean, m.stderr);
    for Row { model, rate, mode, evaluation: e, .. } in rows {
        let mut cells = vec![
            model.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            mode.to_string(),
            rate.bpw_linear.map_or(String::new(), |bpw| format!("{bpw:.3}")),
            of(e.perplexity(), 2),
        ];
        match compared {
            true => cells.extend([
                e.kl.map_or(String::new(), |m| of(m, 4)),
                e.top1.map_or(String::new(), |m| format!("{:.1}%", 100.0 * m.mean)),
            ]),
            false => cells.push(of(e.nll, 4)),
        }
        out.add_row(cells);
    }
    outln!("{out}");
    if let Some(Row { evaluation: e, .. }) = rows.first() {
        let legend = match compared {
            true => {
                ". KL: KL divergence from the reference model in nats per token; same top-1: how often both \
                 models agree on the most likely token"
            }
            false => ". NLL: negative log-likelihood in nats per token",
        };
        paragraph(&format!(
            "{} tokens of {} in {} windows of {}; standard errors assume independent tokens{legend}",
            e.tokens,
            args.text.display(),
            e.windows,
            args.window
        ));
        let list = |of: fn(&Row) -> String| rows.iter().map(of).collect::<Vec<_>>().join(", ");
        paragraph(&format!("weights in memory: {}", list(|row| bytes(row.weight_bytes))));
        paragraph(&format!("tokens/s: {}", list(|row| three_digits(row.tokens_per_s))));
    }
}
