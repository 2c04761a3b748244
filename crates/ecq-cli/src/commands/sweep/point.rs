//! One point: quantize, evaluate, remove the file.

use super::journal::UNFINISHED;
use super::plan::{Plan, Point, options};
use crate::args::{EngineArgs, EvalArgs};
use crate::commands::engine::Loaded;
use crate::commands::eval;
use crate::progress::{Bar, QUANTIZING};
use anyhow::Context;
use ecq::source;
use ecq::{Limits, pack, peak_rss_bytes};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

/// Quantizes and evaluates a model; returns the record of the point, as `ecq eval --json` has it and more.
pub fn measure(plan: &Plan, point: &Point, folder: &Path, threads: Option<usize>) -> anyhow::Result<Value> {
    let start = Instant::now();
    // Removed with everything in it, whatever happens but a kill.
    let work = tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(folder);
    let work = work.with_context(|| folder.display().to_string())?;
    let file = work.path().join(format!("{}-{}.ecq", point.grid.replace(':', "-"), point.bits));
    let options = options(&point.grid, point.bits, &plan.embedding)?;
    reset_peak();
    let report = {
        let model = source::open(&point.model, &Limits::default())?;
        let bar = Bar::of_job(false, QUANTIZING);
        pack(&*model, &point.model_name(), Some(&file), &options, &bar)?
    };
    reset_peak();
    let engine = EngineArgs { threads, activations: plan.activations.parse()?, ..EngineArgs::new(&file) };
    let args = EvalArgs {
        engine,
        also: Vec::new(),
        text: plan.text.clone(),
        reference: Some(point.model.clone()),
        max_tokens: Some(plan.max_tokens),
        window: plan.window,
        modes: None,
    };
    let reference = eval::reference_of(&point.model, &args.engine)?;
    let rows = eval::evaluated(
        &args,
        vec![Loaded::open(&args.engine)?],
        Some(&reference),
        &super::read(&plan.text)?,
    )?;
    let row = rows.first().context("the evaluation has no result")?;
    let mut record = eval::object(row, &args);
    let more = json!({
        "series": format!("{} {}", point.model_name(), point.grid),
        "model": format!("{} {} {}", point.model_name(), point.grid, point.bits),
        "model_name": point.model_name(), "grid": point.grid, "bits": point.bits,
        "sqnr_linear_db": report.sqnr_linear_db, "quantize_seconds": report.seconds,
        "quantize_peak_rss_bytes": report.peak_rss_bytes,
        "evaluate_peak_rss_bytes": peak_rss_bytes(),
        "seconds": start.elapsed().as_secs_f64(),
    });
    if let (Some(record), Some(more)) = (record.as_object_mut(), more.as_object()) {
        record.extend(more.clone());
    }
    Ok(record)
}

/// Makes the peak of the memory the current one, where the system can. Without it, peaks are those of the
/// process since its start.
fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
