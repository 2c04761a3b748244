//! Speed and memory of a model in each decode mode.

use super::engine::{Loaded, modes};
use crate::args::ModelBenchArgs;
use crate::exit::ExitCode;
use crate::out::{outln, paragraph};
use crate::table::{bytes, table, three_digits};
use crate::{json, sources};
use anyhow::bail;
use ecq::runtime::{Engine, EventKind, Request, RuntimeError};
use serde::Serialize;
use serde_json::json;
use std::time::{Duration, Instant};

/// Work on a wgpu device before it is measured: without a context of CUDA a GPU leaves its idle clocks only
/// after a while.
const WARM_UP: Duration = Duration::from_secs(1);

/// The measurement of one mode for a number of concurrent sequences.
#[derive(Serialize)]
pub struct Measured {
    pub mode: &'static str,
    sequences: usize,
    /// Time to load the model, in seconds.
    load_s: f64,
    /// Tokens of all prompts, over the time until every sequence has its first new token.
    prefill_tokens_per_s: f64,
    /// New tokens of all sequences after that, over the remaining time.
    decode_tokens_per_s: f64,
    weight_bytes_resident: u64,
    weight_bytes_stored: u64,
    cache_bytes: u64,
    /// Memory budget of decoded layers in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<u64>,
    hits: u64,
    uses: u64,
    stall_s: Option<f64>,
    /// Tokens of the first sequence.
    #[serde(skip)]
    pub tokens: Vec<u32>,
}

pub fn run(args: &ModelBenchArgs, json: bool) -> anyhow::Result<ExitCode> {
    let mut rows = Vec::new();
    let mut device = String::new();
    for mode in modes(args.modes.as_deref(), "all", &args.engine.device) {
        let start = Instant::now();
        let loaded = Loaded::open_in(&args.engine, &mode)?;
        let load_s = start.elapsed().as_secs_f64();
        device = loaded.model.backend().info().name;
        for &sequences in &args.sequences {
            let prompts: Vec<Vec<u32>> =
                (0..sequences).map(|number| prompt(&loaded, number, args.prompt_tokens)).collect();
            rows.push(measure(&loaded, &prompts, args.tokens, args.repeat, load_s)?);
        }
    }
    let file_bytes = sources::bytes_of(&args.engine.model)?;
    if json {
        return json::print(&json!({
            "model": args.engine.model.display().to_string(), "file_bytes": file_bytes, "device": device,
            "prompt_tokens": args.prompt_tokens, "tokens": args.tokens, "repeat": args.repeat,
            "activations": args.engine.activations.to_string(), "results": rows,
        }))
        .map(|()| ExitCode::SUCCESS);
    }
    print(&rows);
    paragraph(&format!(
        "tokens per second on {}; file {}, activations {}; {} prompt tokens, {} new tokens; best of {}",
        device,
        bytes(file_bytes),
        args.engine.activations,
        args.prompt_tokens,
        args.tokens,
        args.repeat
    ));
    if args.sequences.iter().any(|&sequences| sequences > 1) {
        paragraph(
            "prefill: until every sequence has its first new token, while others are decoded; decode: after \
             that",
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes up a prompt. Prompts of two sequences differ from the first token on, so that they share no KV
/// cache.
fn prompt(loaded: &Loaded, number: usize, tokens: usize) -> Vec<u32> {
    let vocabulary = loaded.model.config().vocabulary as u64;
    (1..=tokens as u64).map(|i| ((i * 7919 + number as u64) % vocabulary) as u32).collect()
}

/// Continues all prompts concurrently by `tokens` tokens, `repeat` times; the highest speeds are returned.
pub fn measure(
    loaded: &Loaded,
    prompts: &[Vec<u32>],
    tokens: usize,
    repeat: usize,
    load_s: f64,
) -> anyhow::Result<Measured> {
    let mut engine = loaded.token_engine(prompts.len(), usize::MAX)?;
    let mut salts = 0..;
    let mut run = || pass(&mut engine, prompts, tokens, salts.next().unwrap_or_default());
    let begun = Instant::now();
    while loaded.model.backend().info().kind == "wgpu" && begun.elapsed() < WARM_UP {
        run()?;
    }
    let mut passes = (0..repeat.max(1)).map(|_| run()).collect::<anyhow::Result<Vec<_>>>()?;
    let best = |speed: fn(&Pass) -> f64| passes.iter().map(speed).fold(0.0, f64::max);
    let residency = engine.executor().decode_stats();
    Ok(Measured {
        mode: loaded.model.mode().0.name(),
        sequences: prompts.len(),
        load_s,
        prefill_tokens_per_s: best(|pass| pass.prefill_tokens_per_s),
        decode_tokens_per_s: best(|pass| pass.decode_tokens_per_s),
        weight_bytes_resident: loaded.model.weight_bytes(),
        weight_bytes_stored: loaded.model.stored_bytes(),
        cache_bytes: passes.iter().map(|pass| pass.cache_bytes).max().unwrap_or(0),
        memory: loaded.budget,
        hits: residency.hits,
        uses: residency.uses,
        stall_s: residency.stall.map(|stall| stall.as_secs_f64()),
        tokens: passes.pop().map(|pass| pass.first).unwrap_or_default(),
    })
}

/// The measurement of one repetition.
struct Pass {
    prefill_tokens_per_s: f64,
    decode_tokens_per_s: f64,
    cache_bytes: u64,
    /// Tokens of the first sequence.
    first: Vec<u32>,
}

/// Runs all prompts until every sequence has `tokens` new tokens. No sequence ends earlier, so that all of
/// them run during the whole measurement.
fn pass(engine: &mut Engine, prompts: &[Vec<u32>], tokens: usize, salt: u64) -> anyhow::Result<Pass> {
    let start = Instant::now();
    // Without new tokens, a request ends after its prompt.
    let max_tokens = if tokens == 0 { 0 } else { usize::MAX };
    let mut ids = Vec::new();
    for prompt in prompts {
        // A different salt in each repetition prevents prefix reuse.
        ids.push(engine.submit(Request { salt, ..Request::new(prompt.clone(), max_tokens) })?);
    }
    let mut generated = vec![Vec::new(); prompts.len()];
    let (mut begun, mut later, mut finished) = (None, 0, 0);
    loop {
        for event in engine.step() {
            let Some(number) = ids.iter().position(|&id| id == event.request) else { continue };
            match event.kind {
                EventKind::Token { token, .. } => {
                    generated[number].push(token);
                    later += usize::from(begun.is_some());
                }
                EventKind::Finished { .. } => finished += 1,
                EventKind::Failed { error, .. } => return Err(RuntimeError::Shared(error).into()),
                EventKind::PromptLogits { .. } | EventKind::PromptStates { .. } => {}
            }
        }
        let all_have = |tokens: usize| generated.iter().all(|text| text.len() >= tokens);
        let prompts_ended = tokens == 0 && finished == prompts.len();
        if begun.is_none() && (prompts_ended || all_have(1)) {
            begun = Some(Instant::now());
        }
        if prompts_ended || tokens > 0 && all_have(tokens) {
            break;
        }
        if tokens > 0 && finished > 0 {
            let context = engine.executor().context();
            bail!("the context of {context} tokens is full before every sequence has {tokens} new tokens");
        }
    }
    let end = Instant::now();
    let begun = begun.unwrap_or(end);
    let cache_bytes = engine.executor().pool().used_bytes();
    for id in ids {
        engine.cancel(id);
    }
    while !engine.is_idle() {
        engine.step();
    }
    let rate = |tokens: usize, from: Instant, to: Instant| {
        if tokens == 0 { 0.0 } else { tokens as f64 / (to - from).as_secs_f64().max(1e-9) }
    };
    Ok(Pass {
        prefill_tokens_per_s: rate(prompts.iter().map(Vec::len).sum(), start, begun),
        decode_tokens_per_s: rate(later, begun, end),
        cache_bytes,
        first: generated.swap_remove(0),
    })
}

/// Prints a table with a row per measurement: for several sequences with total and per-sequence speed, for
/// one with the cache hits and stalls of decoded layers.
pub fn print(rows: &[Measured]) {
    let several = rows.iter().any(|row| row.sequences > 1);
    let headings: &[&str] = if several {
        &["mode", "sequences", "prefill", "decode", "per sequence", "weights", "KV cache"]
    } else {
        &["mode", "prefill", "decode", "weights", "of file", "KV cache", "hits", "stall"]
    };
    let mut out = table(headings, 1);
    for row in rows {
        let (prefill, decode) =
            (three_digits(row.prefill_tokens_per_s), three_digits(row.decode_tokens_per_s));
        let (weights, cache) = (bytes(row.weight_bytes_resident), bytes(row.cache_bytes));
        if several {
            let each = three_digits(row.decode_tokens_per_s / row.sequences as f64);
            out.add_row([
                row.mode.to_owned(),
                row.sequences.to_string(),
                prefill,
                decode,
                each,
                weights,
                cache,
            ]);
            continue;
        }
        let part = 100.0 * row.weight_bytes_resident as f64 / row.weight_bytes_stored.max(1) as f64;
        let hits = match (row.mode, row.uses) {
            ("lru", uses) if uses > 0 => format!("{:.1}%", 100.0 * row.hits as f64 / uses as f64),
            _ => String::new(),
        };
        let stall =
            row.stall_s.filter(|_| row.uses > 0).map_or(String::new(), |stall| format!("{stall:.3} s"));
        out.add_row([
            row.mode.to_owned(),
            prefill,
            decode,
            weights,
            format!("{part:.0}%"),
            cache,
            hits,
            stall,
        ]);
    }
    outln!("{out}");
}
