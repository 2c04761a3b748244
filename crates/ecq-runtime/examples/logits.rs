//! Writes the logits after every token of given texts, for comparison with other programs.
//!
//!     logits MODEL.ecq TOKENS.json OUT [MODE]
//!
//! `TOKENS.json` is a list of lists of token ids. `OUT` receives the logits of all positions as little-endian
//! f32.

use ecq_core::{Element, Limits};
use ecq_runtime::backend::{Cpu, CpuOptions};
use ecq_runtime::kv::KvOptions;
use ecq_runtime::{
    Checkpoint, Engine, EngineOptions, EventKind, ExecutorOptions, LoadOptions, Mode, Model, PromptOutput,
    Request,
};
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [model, tokens, out, rest @ ..] = args.as_slice() else {
        return Err("logits MODEL.ecq TOKENS.json OUT [MODE]".into());
    };
    let mode: Mode = rest.first().map_or(Ok(Mode::Cached), |mode| mode.parse())?;
    let tokens: Vec<Vec<u32>> = serde_json::from_slice(&std::fs::read(tokens)?)?;
    let checkpoint = Checkpoint::open(model.as_ref(), &Limits::default())?;
    let cpu = Arc::new(Cpu::new(CpuOptions::default())?);
    // In `lru` about half of the layers stay decoded.
    let sizes = Model::sizes(&checkpoint)?;
    let budget_bytes = (mode == Mode::Lru).then(|| sizes.minimum().max(sizes.total() / 2));
    let options = LoadOptions { mode, budget_bytes, ..LoadOptions::default() };
    let model = Arc::new(Model::load(&checkpoint, cpu, options)?);
    let kv = KvOptions { element: Element::F32, ..KvOptions::default() };
    let executor = ExecutorOptions { kv, ..ExecutorOptions::default() };
    let mut engine = Engine::new(model, None, EngineOptions { executor, ..EngineOptions::default() })?;
    let mut out = std::io::BufWriter::new(std::fs::File::create(out)?);
    for tokens in tokens {
        let request = Request { prompt_output: PromptOutput::Logits, ..Request::new(tokens, 0) };
        let mut written = Ok(());
        engine.complete(request, |event| {
            if let (Ok(()), EventKind::PromptLogits { logits, .. }) = (&written, &event.kind) {
                written = out.write_all(bytemuck::cast_slice(logits));
            }
            ControlFlow::Continue(())
        })?;
        written?;
    }
    Ok(out.flush()?)
}
