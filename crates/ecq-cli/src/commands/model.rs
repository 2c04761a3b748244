//! How fast a model runs in each mode, and what memory that takes.

use super::engine::{Engine, modes};
use crate::args::ModelBenchArgs;
use crate::json;
use crate::out::say;
use crate::table::{bytes, table, three_digits};
use anyhow::Context;
use ecq::runtime::{Generated, Residency, SampleOptions, Sampler, generate};
use serde::Serialize;
use serde_json::json;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Instant;

/// What one mode gives.
#[derive(Serialize)]
pub struct Measured {
    pub mode: &'static str,
    /// From the command's start to a model that can be fed.
    load_s: f64,
    prefill_tokens_per_s: f64,
    decode_tokens_per_s: f64,
    weight_bytes_resident: u64,
    weight_bytes_stored: u64,
    cache_bytes: u64,
    /// Budget of decoded layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<u64>,
    hits: u64,
    uses: u64,
    stall_s: f64,
    #[serde(skip)]
    pub tokens: Vec<u32>,
}

pub fn run(args: &ModelBenchArgs, json: bool) -> anyhow::Result<ExitCode> {
    let mut rows = Vec::new();
    let mut device = String::new();
    for mode in modes(args.modes.as_deref(), "all") {
        let start = Instant::now();
        let engine = Engine::open_in(&args.engine, &mode)?;
        let load_s = start.elapsed().as_secs_f64();
        device = engine.model.backend().facts().name;
        let vocabulary = engine.model.config().vocabulary as u64;
        // Any tokens are as good as others: a step of a generator that visits all.
        let prompt: Vec<u32> =
            (1..=args.prompt_tokens as u64).map(|i| (i * 7919 % vocabulary) as u32).collect();
        rows.push(measure(&engine, &prompt, args.tokens, args.repeat, load_s)?);
    }
    let file_bytes =
        std::fs::metadata(&args.engine.model).with_context(|| args.engine.model.display().to_string())?.len();
    if json {
        return json::print(&json!({
            "model": args.engine.model, "file_bytes": file_bytes, "device": device,
            "prompt_tokens": args.prompt_tokens, "tokens": args.tokens, "repeat": args.repeat,
            "activations": args.engine.activations.name(), "results": rows,
        }))
        .map(|()| ExitCode::SUCCESS);
    }
    print(&rows);
    say!(
        "{}; file {}, activations {}; prompt of {} tokens, then {}; best of {}",
        device,
        bytes(file_bytes),
        args.engine.activations.name(),
        args.prompt_tokens,
        args.tokens,
        args.repeat
    );
    Ok(ExitCode::SUCCESS)
}

/// Runs a prompt and some tokens `repeat` times; the best speed of each counts.
pub fn measure(
    engine: &Engine,
    prompt: &[u32],
    tokens: usize,
    repeat: usize,
    load_s: f64,
) -> anyhow::Result<Measured> {
    let (mut session, mut passes) = (engine.session()?, Vec::new());
    for _ in 0..repeat.max(1) {
        session.truncate(0);
        let mut greedy = Sampler::new(SampleOptions::GREEDY)?;
        passes.push(generate(&mut session, prompt, &mut greedy, tokens, &[], |_| ControlFlow::Continue(()))?);
    }
    let best = |speed: fn(&Generated) -> f64| passes.iter().map(speed).fold(0.0, f64::max);
    let Residency { hits, uses, stall, peak_bytes } = session.residency();
    Ok(Measured {
        mode: engine.model.mode().0.name(),
        load_s,
        prefill_tokens_per_s: best(Generated::prefill_tokens_per_s),
        decode_tokens_per_s: best(Generated::decode_tokens_per_s),
        weight_bytes_resident: engine.model.weight_bytes().max(peak_bytes),
        weight_bytes_stored: engine.model.stored_bytes(),
        cache_bytes: session.cache_bytes(),
        memory: engine.budget,
        hits,
        uses,
        stall_s: stall.as_secs_f64(),
        tokens: passes.pop().map(|pass| pass.tokens).unwrap_or_default(),
    })
}

/// A table with a row for each mode.
pub fn print(rows: &[Measured]) {
    let headings =
        ["mode", "prefill tokens/s", "tokens/s", "weights", "of file", "layers found decoded", "waited"];
    let mut out = table(&headings, 1);
    for row in rows {
        let part = 100.0 * row.weight_bytes_resident as f64 / row.weight_bytes_stored.max(1) as f64;
        out.add_row([
            row.mode.to_owned(),
            three_digits(row.prefill_tokens_per_s),
            three_digits(row.decode_tokens_per_s),
            bytes(row.weight_bytes_resident),
            format!("{part:.0}%"),
            match (row.mode, row.uses) {
                ("lru", uses) if uses > 0 => format!("{:.1}%", 100.0 * row.hits as f64 / uses as f64),
                _ => String::new(),
            },
            if row.uses == 0 { String::new() } else { format!("{:.3} s", row.stall_s) },
        ]);
    }
    say!("{out}");
}
