use super::complete::{Completed, Sequence, complete};
use super::engine::{Loaded, option, sampling};
use crate::args::RunArgs;
use crate::exit::ExitCode;
use crate::out::{outln, write};
use crate::table::{bytes, three_digits};
use crate::wrap::{Wrap, terminal_columns};
use crate::{interrupt, json, texts, warnings};
use ecq::runtime::{Engine, FinishReason, Request, Usage};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Default maximum number of new tokens.
const MAX_TOKENS: usize = 128;

pub fn run(args: &RunArgs, json: bool) -> anyhow::Result<ExitCode> {
    interrupt::install_handler()?;
    if let Some(n) = args.log_probs
        && !json
    {
        return Err(option("log-probs", &n.to_string())("needs --json".to_owned()).into());
    }
    let sampling = sampling(&args.sampling)?;
    let text = prompt(args)?;
    if args.samples > 1 && sampling.temperature == 0.0 {
        warnings::note(
            "greedy sampling gives the same completion every time; set a --temperature above 0 for different \
             ones",
        );
    }
    let loaded = Loaded::open(&args.engine)?;
    let prompt = loaded.tokenizer.encode(&text, true)?;
    let max_tokens = args.generation.max_tokens.unwrap_or(MAX_TOKENS);
    let longest = prompt.len().saturating_add(max_tokens);
    let mut engine = loaded.text_engine(args.samples, longest, &args.draft)?;
    let ends = if args.ignore_end { &[] } else { loaded.tokenizer.end_tokens() };
    let request = Request {
        sampling,
        end_tokens: ends.into(),
        stop: args.generation.stop.clone(),
        sequences: args.samples,
        log_probs: args.log_probs,
        ..Request::new(prompt, max_tokens)
    };
    let several = args.samples > 1;
    // Text is wrapped on a terminal only.
    let mut wrap = Wrap::new(terminal_columns().unwrap_or(usize::MAX));
    let wraps = terminal_columns().is_some();
    let mut show = |piece: &str| match wraps {
        true => write(&wrap.push(piece)),
        false => write(piece),
    };
    if !json {
        if several {
            outln!("--- 1");
        }
        show(&text);
    }
    // The first completion is printed while it is generated, the others at the end.
    let completed = complete(&mut engine, request, |sequence, text| {
        if !json && sequence == 0 {
            show(text);
        }
    })
    .inspect_err(|_| {
        if !json {
            // Ends the line of the prompt.
            outln!("");
        }
    })?;
    if json {
        json::print(&object(args, &loaded, &engine, &completed))?;
    } else {
        outln!("{}", if wraps { wrap.finish() } else { String::new() });
        for (i, sequence) in completed.sequences.iter().enumerate().skip(1) {
            let columns = terminal_columns().unwrap_or(usize::MAX);
            let mut wrap = Wrap::new(columns);
            let whole = format!("{text}{}", sequence.text);
            let whole = if wraps { wrap.push(&whole) + &wrap.finish() } else { whole };
            outln!("--- {}\n{whole}", i + 1);
        }
        report(args, &loaded, &engine, &completed);
    }
    let interrupted = completed.sequences.iter().any(|s| s.reason == FinishReason::Cancelled);
    Ok(if interrupted { ExitCode::from(130) } else { ExitCode::SUCCESS })
}

/// Returns the prompt from the option, a file or standard input.
fn prompt(args: &RunArgs) -> anyhow::Result<String> {
    match (&args.prompt, &args.file) {
        (Some(prompt), _) if prompt != "-" => Ok(prompt.clone()),
        (_, Some(file)) => Ok(texts::without_final_line_break(texts::read(file)?)),
        _ => Ok(texts::without_final_line_break(texts::read(Path::new("-"))?)),
    }
}

/// The JSON output: the first sequence, and a list of all if there are several.
fn object(args: &RunArgs, loaded: &Loaded, engine: &Engine, completed: &Completed) -> Value {
    let first = &completed.sequences[0];
    let residency = engine.executor().decode_stats();
    let mut object = json!({
        "prompt_tokens": first.usage.prompt_tokens,
        "prefill_tokens_per_s": first.usage.prefill_tokens_per_s(),
        "decode_tokens_per_s": first.usage.decode_tokens_per_s(),
        "weight_bytes_resident": loaded.model.weight_bytes(),
        "weight_bytes_stored": loaded.model.stored_bytes(),
        "cache_bytes": completed.cache_bytes,
        "peak_rss_bytes": ecq::peak_rss_bytes(),
        "hits": residency.hits,
        "uses": residency.uses,
        "stall_s": residency.stall.map(|stall| stall.as_secs_f64()),
        "mode": loaded.model.mode().0.name(),
        "device": loaded.model.backend().info().kind,
    });
    let of = |sequence: &Sequence| {
        let Sequence { tokens, text, log_probs, reason, .. } = sequence;
        let mut object = json!({ "text": text, "tokens": tokens, "finish_reason": reason.name() });
        if *reason == FinishReason::ContextFull {
            object["context_full"] = true.into();
        }
        if args.log_probs.is_some() {
            let tokens = tokens.iter().zip(log_probs).map(|(token, of_token)| {
                let top =
                    of_token.top.iter().map(|(token, logprob)| json!({ "token": token, "logprob": logprob }));
                json!({ "token": token, "logprob": of_token.token, "top": top.collect::<Vec<_>>() })
            });
            object["log_probs"] = tokens.collect();
        }
        object
    };
    if let (Value::Object(object), Value::Object(first)) = (&mut object, of(first)) {
        object.extend(first);
    }
    if completed.sequences.len() > 1 {
        object["sequences"] = completed.sequences.iter().map(of).collect();
    }
    if args.draft.draft.is_some() {
        let (drafted, accepted) = drafted(completed);
        object["drafted"] = drafted.into();
        object["accepted"] = accepted.into();
    }
    object
}

/// Number of tokens that the draft model proposed, and of those that were accepted.
fn drafted(completed: &Completed) -> (usize, usize) {
    let usages = completed.sequences.iter().map(|sequence| &sequence.usage);
    usages.fold((0, 0), |(d, a), usage| (d + usage.drafted_tokens, a + usage.accepted_tokens))
}

/// Prints speed and memory on standard error.
fn report(args: &RunArgs, loaded: &Loaded, engine: &Engine, completed: &Completed) {
    let residency = engine.executor().decode_stats();
    let usages = || completed.sequences.iter().map(|sequence| sequence.usage);
    let first = completed.sequences[0].usage;
    // Sequences run concurrently, so the longest one determines the time.
    let decode = usages().map(|usage| usage.decode).max().unwrap_or(Duration::ZERO);
    let all = |of: fn(&Usage) -> usize| usages().map(|usage| of(&usage)).sum::<usize>();
    let after_first = all(|usage| usage.new_tokens.saturating_sub(1));
    let speed = if after_first == 0 { 0.0 } else { after_first as f64 / decode.as_secs_f64().max(1e-9) };
    let count = completed.sequences.len();
    eprintln!(
        "mode {}; prompt: {} tokens, {} tokens/s; output: {} tokens{}, {} tokens/s\nmemory: weights {}, KV \
         cache {}{}",
        loaded.model.mode().0,
        first.prompt_tokens,
        three_digits(first.prefill_tokens_per_s()),
        all(|usage| usage.new_tokens),
        if count > 1 { format!(" in {count} sequences") } else { String::new() },
        three_digits(speed),
        bytes(loaded.model.weight_bytes()),
        bytes(completed.cache_bytes),
        ecq::peak_rss_bytes().map_or(String::new(), |n| format!(", process peak {}", bytes(n))),
    );
    if residency.uses > 0 {
        let rate = 100.0 * residency.hits as f64 / residency.uses as f64;
        eprintln!(
            "decoded layers: {} hits in {} uses ({}%){}",
            residency.hits,
            residency.uses,
            three_digits(rate),
            residency.stall.map_or(String::new(), |stall| format!(", {:.3} s stalled", stall.as_secs_f64()))
        );
    }
    if args.draft.draft.is_some() {
        let (drafted, accepted) = drafted(completed);
        let part = 100.0 * accepted as f64 / drafted.max(1) as f64;
        eprintln!("draft: {part:.0}% of {drafted} proposed tokens accepted");
    }
    let stopped_by = |reason| completed.sequences.iter().any(|sequence| sequence.reason == reason);
    if stopped_by(FinishReason::ContextFull) {
        eprintln!("stopped: the context of {} tokens is full", engine.executor().context());
    }
    if stopped_by(FinishReason::Cancelled) {
        eprintln!("stopped: interrupted");
    }
}
