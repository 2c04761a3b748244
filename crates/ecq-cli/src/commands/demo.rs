use super::engine::{Loaded, modes};
use super::model::{self, Measured};
use crate::args::{DemoArgs, EngineArgs};
use crate::json;
use crate::out::{prose, say};
use crate::progress::Bar;
use crate::table::{bytes, table, thousands};
use anyhow::{Context, ensure};
use ecq::runtime::{EvalOptions, evaluate};
use ecq::source::{self, Source};
use ecq::{
    CalibrationOptions, CalibrationText, Destination, GridChoice, Kind, Limits, PackOptions, Target, pack,
    verify,
};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// A small language model, coded without loss by `ecq` itself; `training/` in the repository made it.
const MODEL: &[u8] = include_bytes!("../../assets/tiny.ecq");

/// The model on one grid.
#[derive(Serialize)]
struct Row {
    what: &'static str,
    grid: String,
    file: PathBuf,
    file_bytes: u64,
    bpw_linear: Option<f64>,
    sqnr_linear_db: Option<f64>,
    /// KL to the original in nats a token, on a short text.
    kl: Option<f64>,
    verified: bool,
}

pub fn run(args: &DemoArgs, json: bool) -> anyhow::Result<ExitCode> {
    let temporary = tempfile::tempdir()?;
    let folder = match &args.keep {
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            folder.as_path()
        }
        None => temporary.path(),
    };
    let original = folder.join("tiny.ecq");
    for file in std::iter::once(original.clone()).chain(recipes()?.iter().map(|(_, o)| file_of(folder, o))) {
        Destination::file(&file).replacing(args.force.force).check(&[])?;
    }
    std::fs::write(&original, MODEL).with_context(|| original.display().to_string())?;
    let model = source::open(&original, &Limits::default())?;
    if !json {
        introduce(&*model);
    }
    let mut rows = Vec::new();
    for (what, options) in recipes()? {
        rows.push(one(&*model, folder, what, &options, json)?);
    }
    measure_kl(&original, &mut rows)?;
    let shown = rows.iter().find(|row| row.what == SHOWN).context("the grid that is run")?;
    let text = generate(&shown.file)?;
    if json {
        json::print(&serde_json::json!({
            "model_bytes": MODEL.len(), "grids": rows, "prompt": PROMPT, "text": text.text, "modes": text.modes,
        }))?;
    } else {
        conclude(&rows);
        speak(shown, &text);
        invite(args.keep.as_deref());
    }
    Ok(ExitCode::SUCCESS)
}

/// What the small model is asked to continue, and for how long.
const PROMPT: &str = "The Debian project is";
const TOKENS: usize = 48;
/// The grid that is run.
const SHOWN: &str = "ecq at 4 bits a weight";

/// A text, and what it took to write it in every mode.
struct Text {
    text: String,
    modes: Vec<Measured>,
}

/// Continues the prompt in every mode, and makes sure that all say the same.
fn generate(file: &Path) -> anyhow::Result<Text> {
    let mut text = None;
    let mut rows: Vec<Measured> = Vec::new();
    for mode in modes(None, "all") {
        let start = Instant::now();
        let loaded = Loaded::open_in(&EngineArgs::new(file), &mode)?;
        let prompt = loaded.tokenizer.encode(PROMPT, true)?;
        let row = model::measure(&loaded, &[prompt], TOKENS, 1, start.elapsed().as_secs_f64())?;
        text.get_or_insert(loaded.tokenizer.decode(&row.tokens)?);
        if let Some(first) = rows.first() {
            ensure!(first.tokens == row.tokens, "modes {} and {mode} write different texts", first.mode);
        }
        rows.push(row);
    }
    Ok(Text { text: text.unwrap_or_default(), modes: rows })
}

fn speak(shown: &Row, text: &Text) {
    prose(&format!(
        "\n{} ({}) continues a prompt, the likeliest token each time:\n",
        shown.what,
        bytes(shown.file_bytes)
    ));
    let whole = format!("{PROMPT}{}", text.text);
    say!(
        "{}\n",
        textwrap::fill(&whole, textwrap::Options::new(78).initial_indent("  ").subsequent_indent("  "))
    );
    prose(&format!("Every mode writes these {TOKENS} tokens; they differ in memory and in speed:"));
    model::print(&text.modes);
    prose(
        "t/s: tokens per second after the prompt, prefill: of it. fused: decoded inside the product; cached: decoded at load; lru: half of the layers stay decoded; \
         prefetch: the next layer is decoded while one computes (docs/runtime.md)\n",
    );
}

/// The grids that are shown, from everything to nothing.
fn recipes() -> anyhow::Result<Vec<(&'static str, PackOptions)>> {
    let grid = |word: &str| -> anyhow::Result<PackOptions> {
        Ok(PackOptions { linear: GridChoice::parse(word)?, ..PackOptions::quantizing() })
    };
    let uniform = |bpw: f64| PackOptions { target: Target::Bpw(bpw), ..PackOptions::quantizing() };
    Ok(vec![
        ("as trained, 16-bit floats", PackOptions::default()),
        ("MLX 4-bit, groups of 64", grid("affine:4:64")?),
        ("ecq at 4 bits a weight", uniform(4.0)),
        ("ecq at 3.5 bits", uniform(3.5)),
        ("ecq at 3 bits", uniform(3.0)),
        ("ecq at 2.5 bits", uniform(2.5)),
        ("one scale a tensor (do not)", grid("absmax:4:tensor")?),
    ])
}

fn one(
    model: &dyn Source,
    folder: &Path,
    what: &'static str,
    options: &PackOptions,
    json: bool,
) -> anyhow::Result<Row> {
    let grid = grid_of(options);
    let file = file_of(folder, options);
    let report = pack(model, "tiny.ecq", Some(&file), options, &Bar::new(json))?;
    let verified = verify(&file, Some(model), &Limits::default(), &Bar::new(json))?;
    ensure!(verified.ok, "{} does not verify", file.display());
    Ok(Row {
        what,
        grid,
        file,
        file_bytes: report.file_bytes,
        bpw_linear: report.bpw_linear,
        sqnr_linear_db: report.sqnr_linear_db,
        kl: None,
        verified: verified.ok,
    })
}

/// Text that the files are compared on, in tokens.
const EVALUATED: EvalOptions = EvalOptions { window: 256, most_tokens: 1024 };

/// Runs every file beside the original on a short text.
fn measure_kl(original: &Path, rows: &mut [Row]) -> anyhow::Result<()> {
    let CalibrationText::Texts(texts) = CalibrationOptions::default_text() else { return Ok(()) };
    let parts: String =
        texts.iter().map(|(_, text)| text.chars().skip(2000).take(600).collect::<String>()).collect();
    let load = |file: &Path| Loaded::open_in(&EngineArgs::new(file), "cached");
    let reference = load(original)?;
    let begin = reference.tokenizer.encode("", true)?;
    let tokens = reference.tokenizer.encode(&parts, false)?;
    let models = rows.iter().map(|row| load(&row.file)).collect::<anyhow::Result<Vec<_>>>()?;
    let engines = models.iter().map(|model| model.token_engine(1, EVALUATED.window));
    let mut engines = engines.collect::<anyhow::Result<Vec<_>>>()?;
    let mut other = reference.token_engine(1, EVALUATED.window)?;
    let evaluations = evaluate(&mut engines, Some(&mut other), &begin, &tokens, EVALUATED)?;
    for (row, evaluation) in rows.iter_mut().zip(evaluations) {
        row.kl = evaluation.kl.map(|kl| kl.mean);
    }
    Ok(())
}

/// The grid in words.
fn grid_of(options: &PackOptions) -> String {
    match options.linear {
        GridChoice::Uniform { .. } => match options.target {
            Target::Bpw(bpw) => format!("uniform, {bpw} bits"),
            Target::Size(size) => format!("uniform, {size} bytes"),
            Target::Factor(factor) => format!("uniform, steps of {factor}"),
        },
        other => other.to_string(),
    }
}

fn file_of(folder: &Path, options: &PackOptions) -> PathBuf {
    let name: String = grid_of(options)
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .collect();
    folder.join(format!("tiny-{}.ecq", name.replace("--", "-")))
}

fn introduce(model: &dyn Source) {
    let weights = |kind: Kind| -> u64 {
        model.tensors().iter().filter(|t| t.kind == kind).map(source::SourceTensor::weights).sum()
    };
    let all: u64 = model.tensors().iter().map(source::SourceTensor::weights).sum();
    prose(&format!(
        "ecq {} carries a small language model of its own: {} weights ({} in block projections), {}.",
        env!("CARGO_PKG_VERSION"),
        thousands(all),
        thousands(weights(Kind::Linear)),
        bytes(MODEL.len() as u64)
    ));
    prose(
        "A weight is a number; quantizing rounds it to a grid of few values, and entropy coding then gives frequent \
         values fewer bits than rare ones. What follows puts the model on several grids, writes each as one .ecq \
         file, reads every file back and compares it with the original.\n",
    );
}

fn conclude(rows: &[Row]) {
    let mut out = table(&["the model", "file", "bits a weight", "SQNR dB", "KL"], 1);
    for row in rows {
        out.add_row([
            row.what.to_owned(),
            bytes(row.file_bytes),
            row.bpw_linear.map_or(String::new(), |bpw| format!("{bpw:.3}")),
            row.sqnr_linear_db.map_or("exact".to_owned(), |db| format!("{db:.2}")),
            row.kl.map_or(String::new(), |kl| format!("{kl:.3}")),
        ]);
    }
    say!("{out}");
    prose(
        "KL is what matters to a reader: how far the probabilities of the next token are from those of the original \
         model, in nats a token, here on a short text. 0 is the same model; the smaller, the more alike the texts.",
    );
    prose(
        "bits a weight: of the block projections, every byte of the file that they take counted. SQNR: signal to \
         quantization noise of the weights alone; six decibels are one bit, but calibration (`ecq quantize --bpw 2.5` \
         runs the model to learn which errors cost) lowers KL and SQNR both. Embedding and head are on 8-bit rows in \
         all but the first. The last line shows that a small file alone proves nothing.",
    );
    if rows.iter().all(|row| row.verified) {
        prose("Every file was read back, verified and compared with the original.");
    }
}

fn invite(kept: Option<&Path>) {
    match kept {
        Some(folder) => prose(&format!(
            "The files are in {}: try `ecq inspect`, `ecq report`, `ecq diff`, `ecq run` on them.",
            folder.display()
        )),
        None => {
            prose("`--keep FOLDER` keeps the files: try `ecq inspect`, `ecq report`, `ecq diff` on them.")
        }
    }
    prose(
        "For a model of yours: `ecq quantize MODEL --bpw 3.5 -o X.ecq`, `ecq verify X.ecq --against MODEL`, then \
         `ecq run X.ecq -p TEXT` or `ecq chat X.ecq`.",
    );
}
