//! Logits after every token of given texts, for other programs to compare with.
//!
//!     logits MODEL.ecq TOKENS.json OUT [MODE]
//!
//! `TOKENS.json` is a list of lists of token ids; `OUT` becomes the logits of all their positions, f32, little endian.

use ecq_core::Limits;
use ecq_runtime::backend::{Cpu, CpuOptions};
use ecq_runtime::{CacheType, Checkpoint, LoadOptions, Mode, Model, Session, SessionOptions};
use std::io::Write;
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
    let model = Arc::new(Model::load(&checkpoint, cpu, LoadOptions { mode, ..LoadOptions::default() })?);
    let options = SessionOptions { cache: CacheType::F32, context: None };
    let mut session = Session::new(model, options)?;
    let mut out = std::io::BufWriter::new(std::fs::File::create(out)?);
    let mut logits = Vec::new();
    for tokens in tokens {
        session.truncate(0);
        for tokens in tokens.chunks(session.pass_rows()) {
            session.append(tokens)?;
            session.logits(0..tokens.len(), &mut logits)?;
            out.write_all(bytemuck::cast_slice(&logits))?;
        }
    }
    Ok(out.flush()?)
}
