use super::engine::{Engine, catch_interrupt, interrupted, sampler};
use crate::args::RunArgs;
use crate::json;
use crate::out::{say, write};
use crate::table::{bytes, three_digits};
use ecq::runtime::{Generated, Session, Stop, generate};
use serde_json::json;
use std::ops::ControlFlow;
use std::process::ExitCode;

pub fn run(args: &RunArgs, json: bool) -> anyhow::Result<ExitCode> {
    catch_interrupt()?;
    let mut sampler = sampler(&args.sample)?;
    let engine = Engine::open(&args.engine)?;
    let mut session = engine.session()?;
    let prompt = engine.tokenizer.encode(&args.prompt, true)?;
    let ends = if args.ignore_end { &[] } else { engine.tokenizer.end_tokens() };
    let mut text = engine.tokenizer.stream();
    let mut failed = Ok(());
    if !json {
        write(&args.prompt);
    }
    let generated = generate(&mut session, &prompt, &mut sampler, args.tokens, ends, |token| {
        match text.push(token) {
            Ok(new) if !json => write(&new),
            Ok(_) => {}
            Err(error) => failed = Err(error),
        }
        if failed.is_err() || interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    failed?;
    if json {
        let (mode, _) = engine.model.mode();
        let residency = session.residency();
        json::print(&json!({
            "text": engine.tokenizer.decode(&generated.tokens)?,
            "tokens": generated.tokens,
            "prompt_tokens": generated.prompt_tokens,
            "prefill_tokens_per_s": generated.prefill_tokens_per_s(),
            "decode_tokens_per_s": generated.decode_tokens_per_s(),
            "weight_bytes_resident": engine.model.weight_bytes().max(residency.peak_bytes),
            "weight_bytes_stored": engine.model.stored_bytes(),
            "cache_bytes": session.cache_bytes(),
            "peak_rss_bytes": ecq::peak_rss_bytes(),
            "hits": residency.hits, "uses": residency.uses, "stall_s": residency.stall.as_secs_f64(),
            "mode": mode.name(),
            "device": engine.model.backend().facts().kind,
        }))?;
    } else {
        say!("");
        report(&engine, &session, &generated);
    }
    Ok(if generated.stop == Stop::Interrupted { ExitCode::from(130) } else { ExitCode::SUCCESS })
}

/// Says on standard error how fast it went and what it took.
fn report(engine: &Engine, session: &Session, generated: &Generated) {
    let (mode, _) = engine.model.mode();
    let residency = session.residency();
    eprintln!(
        "{mode}: prompt {} tokens at {} tokens/s, then {} at {} tokens/s; weights {}, keys and values {}{}",
        generated.prompt_tokens,
        three_digits(generated.prefill_tokens_per_s()),
        generated.tokens.len(),
        three_digits(generated.decode_tokens_per_s()),
        bytes(engine.model.weight_bytes().max(residency.peak_bytes)),
        bytes(session.cache_bytes()),
        ecq::peak_rss_bytes().map_or(String::new(), |n| format!(", at most {} of the process", bytes(n))),
    );
    if residency.uses > 0 {
        let rate = 100.0 * residency.hits as f64 / residency.uses as f64;
        eprintln!(
            "layers found decoded: {} of {} ({}%); waited {:.3} s for decoding",
            residency.hits,
            residency.uses,
            three_digits(rate),
            residency.stall.as_secs_f64()
        );
    }
    match generated.stop {
        Stop::Context => eprintln!("stopped: the context of {} tokens is full", session.context()),
        Stop::Interrupted => eprintln!("stopped: interrupted"),
        Stop::End | Stop::Length => {}
    }
}
