//! `ecq sweep`: models on several grids and rates, quantized and evaluated one after the other.

mod journal;
mod plan;
mod point;
mod process;

use crate::args::{Quality, Rate, SweepArgs};
use crate::commands::plot;
use crate::exit::ExitCode;
use crate::out::{errln, outln, paragraph};
use crate::progress::duration;
use crate::table::table;
use crate::{interrupt, json, texts};
use anyhow::Context;
use ecq::PackError;
use journal::Journal;
use plan::Plan;
use serde_json::{Value, json};
use std::path::Path;

pub fn run(args: &SweepArgs, json: bool) -> anyhow::Result<ExitCode> {
    let plan = Plan::read(&args.sweep)?;
    let points = plan.points()?;
    interrupt::install_handler()?;
    if let Some(key) = &args.point {
        let point = points.iter().find(|point| point.key == *key);
        let point = point.context("a file of the sweep has changed; start the sweep again")?;
        json::print(&point::measure(&plan, point, &args.output, args.threads)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut journal = Journal::open(&args.output, &points)?;
    let reused = journal.len();
    if reused > 0 {
        errln!("{reused} of {} points are in {}", points.len(), journal.path().display());
    }
    for (number, point) in points.iter().enumerate() {
        if journal.has(point) {
            continue;
        }
        if interrupt::is_requested() {
            return Err(interrupted(&journal, points.len(), &args.output));
        }
        errln!("point {} of {}: {}", number + 1, points.len(), point.title());
        match process::measure(args, point) {
            Ok(record) => journal.add(point, record)?,
            Err(error) if matches!(error.downcast_ref(), Some(PackError::Cancelled)) => {
                return Err(interrupted(&journal, points.len(), &args.output));
            }
            Err(error) => return Err(error.context(point.title())),
        }
    }
    let records = journal.records(&points);
    let (svg, _) =
        plot::rate_and_quality_of(&[journal.path().display().to_string()], Rate::Linear, Quality::Kl)?;
    let (plot, markdown) = (args.output.join("plot.svg"), args.output.join("table.md"));
    texts::write(&plot, svg.as_bytes(), &[], true)?;
    texts::write(&markdown, in_markdown(&records).as_bytes(), &[], true)?;
    if json {
        json::print(&json!({
            "results": records, "computed": points.len() - reused, "reused": reused,
            "plot": plot.display().to_string(), "table": markdown.display().to_string(),
            "journal": journal.path().display().to_string(),
        }))?;
    } else {
        print(&plan, &records);
        outln!("wrote {} and {}", markdown.display(), plot.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn interrupted(journal: &Journal, all: usize, folder: &Path) -> anyhow::Error {
    let done = format!("{} of {all} points are in {}", journal.len(), folder.display());
    anyhow::Error::from(PackError::Cancelled)
        .context(format!("interrupted; {done}; the same command continues"))
}

const HEADINGS: [&str; 9] = ["model", "grid", "bits", "bpw", "KL", "top-1", "MB [1]", "MB [2]", "time"];

fn cells(record: &Value) -> [String; 9] {
    let number = |key: &str| record[key].as_f64();
    let megabytes = |key: &str| number(key).map_or("-".to_owned(), |bytes| format!("{:.0}", bytes / 1e6));
    let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
    [
        text("model_name"),
        text("grid"),
        number("bits").map_or(String::new(), |bits| bits.to_string()),
        number("bpw_linear").map_or(String::new(), |bpw| format!("{bpw:.3}")),
        number("kl").map_or(String::new(), |kl| {
            format!("{kl:.3} ± {:.3}", record["stderrs"]["kl"].as_f64().unwrap_or(0.0))
        }),
        number("top1").map_or(String::new(), |part| format!("{:.1}%", 100.0 * part)),
        megabytes("quantize_peak_rss_bytes"),
        megabytes("evaluate_peak_rss_bytes"),
        number("seconds").map_or(String::new(), duration),
    ]
}

fn in_markdown(records: &[Value]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = vec!["---".to_owned(); HEADINGS.len()];
    let mut text = line(&HEADINGS.map(str::to_owned)) + &line(&rule);
    records.iter().for_each(|record| text += &line(&cells(record)));
    text
}

fn print(plan: &Plan, records: &[Value]) {
    // The model is a column only where it tells points apart.
    let first = usize::from(plan.models.len() == 1);
    let mut rows = table(&HEADINGS[first..], 2 - first);
    records.iter().for_each(|record| {
        rows.add_row(cells(record)[first..].to_vec());
    });
    outln!("{rows}");
    let tokens = records.first().and_then(|record| record["tokens"].as_u64()).unwrap_or(0);
    paragraph(&format!(
        "{}; {tokens} tokens of {}. bpw: bits per weight of the block projections, side data included; KL: \
         KL divergence from the model before quantization in nats per token; top-1: how often both agree on \
         the most likely token; [1], [2]: peak memory of quantizing, and of evaluating beside the model \
         before",
        plan.models.iter().map(|model| model.display().to_string()).collect::<Vec<_>>().join(", "),
        plan.text.display(),
    ));
}

/// Reads a file that the sweep names.
fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}
