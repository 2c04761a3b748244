use super::engine::Engine;
use crate::args::EvalArgs;
use crate::json;
use crate::out::say;
use crate::table::{bytes, table};
use anyhow::Context;
use ecq::runtime::{EvalOptions, Evaluation, Mean, Mode, evaluate};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::Instant;

pub fn run(args: &EvalArgs, json: bool) -> anyhow::Result<ExitCode> {
    let text = std::fs::read_to_string(&args.text).with_context(|| args.text.display().to_string())?;
    let modes = match args.modes.as_deref() {
        None => vec![args.engine.mode.clone()],
        Some("all") => [Mode::Fused, Mode::Cached, Mode::Lru, Mode::Prefetch].map(|m| m.to_string()).into(),
        Some(list) => list.split(',').map(str::to_owned).collect(),
    };
    let reference =
        args.reference.as_ref().map(|path| Engine::open(&args.engine.with(path, "auto"))).transpose()?;
    let mut rows = Vec::new();
    for mode in &modes {
        let engine = Engine::open(&args.engine.with(&args.engine.model, mode))?;
        let begin = engine.tokenizer.encode("", true)?;
        let tokens = engine.tokenizer.encode(&text, false)?;
        if let Some(reference) = &reference
            && reference.tokenizer.encode(&text, false)? != tokens
        {
            anyhow::bail!(
                "the tokenizers of model and reference differ: they cannot be compared token by token"
            );
        }
        let options = EvalOptions { window: args.window, most_tokens: args.max_tokens.unwrap_or(usize::MAX) };
        let mut other = reference.as_ref().map(Engine::session).transpose()?;
        let mut session = engine.session()?;
        let start = Instant::now();
        let evaluation = evaluate(&mut session, other.as_mut(), &begin, &tokens, options)?;
        let tokens_per_s = evaluation.tokens as f64 / start.elapsed().as_secs_f64();
        let weight_bytes = engine.model.weight_bytes().max(session.residency().peak_bytes);
        rows.push(Row { mode: engine.model.mode().0, evaluation, tokens_per_s, weight_bytes });
    }
    if json {
        let objects: Vec<Value> = rows.iter().map(|row| object(row, args.window)).collect();
        match (&args.modes, objects.into_iter().next()) {
            (None, Some(one)) => json::print(&one)?,
            _ => {
                let objects: Vec<Value> = rows.iter().map(|row| object(row, args.window)).collect();
                json::print(&json!({ "modes": objects }))?;
            }
        }
    } else {
        print(&rows, args);
    }
    Ok(ExitCode::SUCCESS)
}

/// The result of one mode.
struct Row {
    mode: Mode,
    evaluation: Evaluation,
    tokens_per_s: f64,
    weight_bytes: u64,
}

fn object(row: &Row, window: usize) -> Value {
    let e = &row.evaluation;
    let mean = |m: &Option<Mean>| m.map(|m| m.mean);
    let error = |m: &Option<Mean>| m.map(|m| m.stderr);
    json!({
        "perplexity": e.perplexity().mean, "nll": e.nll.mean, "kl": mean(&e.kl), "top1": mean(&e.top1),
        "tokens": e.tokens, "windows": e.windows, "window": window,
        "stderr": {
            "perplexity": e.perplexity().stderr, "nll": e.nll.stderr, "kl": error(&e.kl), "top1": error(&e.top1),
        },
        "mode": row.mode.name(), "tokens_per_s": row.tokens_per_s, "weight_bytes_resident": row.weight_bytes,
    })
}

fn print(rows: &[Row], args: &EvalArgs) {
    let headings = ["mode", "perplexity", "nll", "KL to reference", "same top token", "tokens/s", "weights"];
    let mut out = table(&headings, 1);
    let of = |m: Mean, digits: usize| format!("{:.digits$} ± {:.digits$}", m.mean, m.stderr);
    for Row { mode, evaluation: e, tokens_per_s, weight_bytes } in rows {
        out.add_row([
            mode.to_string(),
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
