// Comments are the help of the command line, where brackets mean what may be left out.
#![allow(rustdoc::broken_intra_doc_links)]

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use ecq::Element;
use std::path::{Path, PathBuf};

/// Makes large language models small by giving every weight only the bits that its information needs.
#[derive(Parser)]
#[command(name = "ecq", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// Print one JSON object on standard output, errors too
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  models differ (verify --against, diff)
  2  usage or options
  3  a file is damaged or of an unknown format
  4  reading or writing failed
  5  not supported";

#[derive(Subcommand)]
pub enum Command {
    /// Show all of it on a small model that lies in this program: no download, no arguments
    Demo(DemoArgs),
    /// Show what is in a model and what coding it would give
    Analyze(AnalyzeArgs),
    /// Write a page that shows what is in a model and what grids and coding give
    Report(ReportArgs),
    /// Write a model as an .ecq file
    Quantize(Box<QuantizeArgs>),
    /// Check every byte of an .ecq file, and compare it with the model it came from
    Verify(VerifyArgs),
    /// List what an .ecq file holds
    Inspect(InspectArgs),
    /// Write a model back in the format it came from
    Export(ExportArgs),
    /// Compare two models, tensor by tensor
    Diff(DiffArgs),
    /// Continue a text
    Run(Box<RunArgs>),
    /// Talk with a model
    Chat(Box<ChatArgs>),
    /// Say how well a model predicts a text, and how far it is from another
    Eval(Box<EvalArgs>),
    /// Measure: decoding, products, whole models
    Bench(BenchArgs),
    /// Draw recorded measurements as SVG
    Plot(PlotArgs),
    /// Say what this machine offers and what is off, and why
    Doctor,
}

#[derive(Args)]
pub struct DemoArgs {
    /// Keep the files that it makes in this folder
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
}

#[derive(Args)]
pub struct AnalyzeArgs {
    /// GGUF or .ecq file
    pub model: PathBuf,
    /// Also draw entropies and histograms
    #[arg(long, value_name = "SVG")]
    pub plot: Option<PathBuf>,
    /// Also put the block projections on several grids, and show what each takes and how near it comes
    #[arg(long)]
    pub grids: bool,
    /// With --grids, take all block projections of a large model, not a sample
    #[arg(long, requires = "grids")]
    pub all: bool,
    /// Show every tensor, not only sums
    #[arg(short, long)]
    pub verbose: bool,
}

#[derive(Args)]
pub struct ReportArgs {
    /// GGUF or .ecq file, safetensors file or checkpoint folder
    pub model: PathBuf,
    /// The page to write
    #[arg(short, long, value_name = "HTML")]
    pub output: PathBuf,
    /// Compare grids on all block projections of a large model, not on a sample
    #[arg(long)]
    pub all: bool,
}

#[derive(Args)]
pub struct QuantizeArgs {
    /// GGUF or .ecq file, safetensors file or checkpoint folder
    pub model: PathBuf,
    /// The file to write
    #[arg(short, long, value_name = "ECQ", required_unless_present = "dry_run")]
    pub output: Option<PathBuf>,
    /// Keep every code and every byte of the source
    #[arg(long, conflicts_with_all = ["bpw", "size", "grid", "embedding", "steps", "levels"])]
    pub lossless: bool,
    /// Bits per weight of the block projections, all their bytes counted [default: 4]
    #[arg(long, value_name = "BITS", conflicts_with = "size")]
    pub bpw: Option<String>,
    /// Length of the whole file at most, such as 1.2GB or 75MiB
    #[arg(long, value_name = "BYTES")]
    pub size: Option<String>,
    /// In place of --bpw or --size: block projections as small as can be while calibration expects them to
    /// take the text no further from the model's than this grid would: mlx2 to mlx8 (MLX's affine groups of
    /// 64), or a grid as below
    #[arg(long, value_name = "GRID", requires = "calibrate", conflicts_with_all = ["bpw", "size"])]
    pub r#match: Option<String>,
    /// Grid of block projections: uniform (for --bpw or --size), uniform:BPW, affine:BITS[:GROUP] (MLX's),
    /// absmax:BITS[:tensor|row|GROUP], keep
    #[arg(long, default_value = "uniform")]
    pub grid: String,
    /// Grid of embedding and head: keep, a number of BITS (symmetric rows), or a grid as above; `uniform`
    /// takes the steps that go with those of the block projections [default: 8; uniform with --calibrate]
    #[arg(long, value_name = "GRID")]
    pub embedding: Option<String>,
    /// What shares a step of a uniform grid: row, tensor, or model (less squared error, but worse text)
    #[arg(long, default_value = "row")]
    pub steps: String,
    /// What a code of a uniform grid stands for: its grid point, or the centroid of its weights (less error
    /// at low rates, slower)
    #[arg(long, default_value = "grid")]
    pub levels: String,
    /// Run the model to learn what errors cost, and quantize with that: on FILES of text (several: mixed), on
    /// `default` (a mixed text that ships with ecq), or on `none` (text that the model writes itself: no
    /// data)
    #[arg(long, value_name = "FILE|default|none", num_args = 1.., conflicts_with_all = ["lossless", "levels"])]
    pub calibrate: Vec<String>,
    /// Tokens to calibrate on
    #[arg(long, value_name = "N", default_value_t = 16384, requires = "calibrate")]
    pub calibration_tokens: usize,
    /// Tokens of a sequence in calibration
    #[arg(long, value_name = "N", default_value_t = 512, requires = "calibrate")]
    pub calibration_window: usize,
    /// Keep what is learned of the model here, for other rates [default: beside the output until it is done]
    #[arg(long, value_name = "DIR", requires = "calibrate")]
    pub calibration_folder: Option<PathBuf>,
    /// Where random numbers of calibration start
    #[arg(long, default_value_t = 0, requires = "calibrate")]
    pub seed: u64,
    /// rans, prefix, packed, archive, or auto: the smallest that is no slower than --slowest
    #[arg(long, default_value = "auto")]
    pub coding: String,
    /// The slowest coding that auto may choose: packed, prefix, rans, archive (in that order) [default: rans]
    #[arg(long)]
    pub slowest: Option<String>,
    /// The unit that decodes alone: auto, matrix, row, rows:N, block:RxC
    #[arg(long, default_value = "auto")]
    pub tile: String,
    /// Interleaved coder states of a tile, 1 to 256 [default: 32; 8 for --tile row]
    #[arg(long)]
    pub lanes: Option<String>,
    /// Leave a tensor packed if coding it saves less than this
    #[arg(long, value_name = "PERCENT", default_value = "1")]
    pub hybrid: String,
    /// Options for tensors whose name matches, such as 'attn_(q|k)=grid:uniform:3.5,coding:prefix'
    /// (repeatable)
    #[arg(long, value_name = "REGEX=OPTIONS")]
    pub r#override: Vec<String>,
    /// Code everything, write nothing, report the sizes
    #[arg(long)]
    pub dry_run: bool,
    /// Go on where an interrupted run stopped
    #[arg(long, conflicts_with = "dry_run")]
    pub resume: bool,
    /// Show every tensor
    #[arg(short, long)]
    pub verbose: bool,
}

#[derive(Args)]
pub struct VerifyArgs {
    /// .ecq file
    pub file: PathBuf,
    /// The model that it came from
    #[arg(long, value_name = "MODEL")]
    pub against: Option<PathBuf>,
}

#[derive(Args)]
pub struct InspectArgs {
    /// .ecq file
    pub file: PathBuf,
    /// Show every tensor
    #[arg(short, long)]
    pub verbose: bool,
    /// List the commands of one step of this many rows instead, as the model runs it
    #[arg(long, value_name = "ROWS", value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    pub program: Option<usize>,
    /// With --program, the mode of the step [default: auto]
    #[arg(long, requires = "program")]
    pub mode: Option<String>,
    /// With --program, what decoded layers may take, such as 64MiB or 2GB
    #[arg(long, value_name = "BYTES", value_parser = byte_count, requires = "program")]
    pub memory: Option<u64>,
}

#[derive(Args)]
pub struct ExportArgs {
    /// .ecq file
    pub file: PathBuf,
    /// The format to write
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// The file (gguf) or the folder (mlx, safetensors) to write
    #[arg(short, long)]
    pub output: PathBuf,
    /// Type of floats in a folder [default: that of the source; f16 for a GGUF source]
    #[arg(long, value_enum)]
    pub dtype: Option<ExportFloat>,
    /// Longest safetensors file in a folder
    #[arg(long, value_name = "BYTES", default_value = "5GB")]
    pub shard_size: String,
    /// Fail where codes would have to become floats
    #[arg(long)]
    pub strict: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ExportFormat {
    /// The GGUF file the model came from, byte for byte; requantized tensors in types that GGUF has
    Gguf,
    /// A folder that mlx-lm reads: codes of affine groups without loss, other tensors as floats
    Mlx,
    /// A folder of floats that transformers reads
    Safetensors,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ExportFloat {
    F16,
    Bf16,
    F32,
}

#[derive(Args)]
pub struct DiffArgs {
    /// GGUF or .ecq file
    pub a: PathBuf,
    /// GGUF or .ecq file
    pub b: PathBuf,
}

#[derive(Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    pub what: Bench,
}

#[derive(Subcommand)]
pub enum Bench {
    /// Write the codes of some matrices of one shape, a byte each, for other programs to measure on
    Codes {
        /// GGUF or .ecq file
        model: PathBuf,
        /// Take tensors whose name contains this
        #[arg(long)]
        name: String,
        /// The file to write
        #[arg(short, long)]
        output: PathBuf,
    },
    /// Symbols per second that each coding decodes, on the codes of a model or on synthetic ones
    Decode {
        /// GGUF or .ecq file; without one, Gaussian codes of several entropies
        model: Option<PathBuf>,
        /// Threads to measure with (repeatable) [default: 1 and all]
        #[arg(long)]
        threads: Vec<usize>,
        /// Seconds for each measurement
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
    },
    /// Tokens per second and memory of a model in each mode
    Model(Box<ModelBenchArgs>),
    /// Weights per second that each form of a matrix multiplies, on the codes of a model or on synthetic ones
    Gemv(GemvArgs),
}

#[derive(Args)]
pub struct GemvArgs {
    /// A checkpoint; without one, Gaussian codes of several entropies
    pub model: Option<PathBuf>,
    /// Take tensors whose name contains this, not all projections
    #[arg(long)]
    pub name: Option<String>,
    /// Rows of activations: 1 for decoding, more for prefill (repeatable) [default: 1]
    #[arg(long)]
    pub rows: Vec<usize>,
    /// The tile of coded forms: auto, matrix, row, rows:N, block:RxC
    #[arg(long, default_value = "auto")]
    pub tile: String,
    /// Lanes of a tile [default: 32; 8 for --tile row]
    #[arg(long)]
    pub lanes: Option<String>,
    /// Threads to measure with (repeatable) [default: 1 and all]
    #[arg(long)]
    pub threads: Vec<usize>,
    /// Measure only forms whose name contains this
    #[arg(long)]
    pub form: Option<String>,
    /// Seconds for each measurement
    #[arg(long, default_value_t = 1.0)]
    pub seconds: f64,
}

#[derive(Args)]
pub struct ModelBenchArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Modes to measure (commas between them) [default: all that this device runs]
    #[arg(long)]
    pub modes: Option<String>,
    /// Numbers of texts that are written side by side (commas between them); each is measured in every mode
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    pub sequences: Vec<usize>,
    /// Tokens of the prompt
    #[arg(long, default_value_t = 128)]
    pub prompt_tokens: usize,
    /// Tokens after it
    #[arg(long, default_value_t = 64)]
    pub tokens: usize,
    /// Times that each is measured; the best counts
    #[arg(long, default_value_t = 3)]
    pub repeat: usize,
}

#[derive(Args)]
pub struct PlotArgs {
    #[command(subcommand)]
    pub what: Plot,
}

#[derive(Subcommand)]
pub enum Plot {
    /// Rate against quality, from what `ecq eval --json` prints
    Rd {
        /// Files of records (an object, a list, or one a line), each a series of its own: FILE or NAME=FILE
        #[arg(required = true, value_name = "RECORDS")]
        records: Vec<String>,
        /// The drawing to write
        #[arg(short, long, value_name = "SVG")]
        output: PathBuf,
        /// What a model takes
        #[arg(long, value_enum, default_value = "linear")]
        x: Rate,
        /// How good it is
        #[arg(long, value_enum, default_value = "kl")]
        y: Quality,
    },
    /// Memory against speed of each mode, from what `ecq bench model --json` prints
    Modes {
        /// Files of records, each a series of its own: FILE or NAME=FILE
        #[arg(required = true, value_name = "RECORDS")]
        records: Vec<String>,
        /// The drawing to write
        #[arg(short, long, value_name = "SVG")]
        output: PathBuf,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Rate {
    /// Bits per weight of the block projections
    Linear,
    /// Bits per weight of the whole file
    Total,
    /// Bytes of the file
    Bytes,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Quality {
    Kl,
    Nll,
    Perplexity,
    Top1,
}

/// How a model is loaded and run.
#[derive(Args, Clone)]
pub struct EngineArgs {
    /// .ecq file
    pub model: PathBuf,
    /// How weights come from their coded form: fused, cached, lru, prefetch, async, auto
    #[arg(long, default_value = "auto")]
    pub mode: String,
    /// The device: cpu
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// What decoded layers may take, such as 64MiB or 2GB
    #[arg(long, value_name = "BYTES", value_parser = byte_count)]
    pub memory: Option<u64>,
    /// Threads [default: one for each core]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
    /// Precision in which activations enter a product: f32, i8
    #[arg(long, default_value = "f32")]
    pub activations: ActivationsArg,
    /// Type of cached keys and values: f32, f16, bf16, i8
    #[arg(long, default_value = "f16")]
    pub cache: CacheArg,
    /// Longest text in tokens [default: what the model was made for]
    #[arg(long, value_name = "TOKENS")]
    pub context: Option<usize>,
    /// Say what was decided for each tensor, and why
    #[arg(short, long)]
    pub verbose: bool,
}

impl EngineArgs {
    /// What the options are when none is given.
    pub fn new(model: &Path) -> Self {
        Self {
            model: model.to_owned(),
            mode: "auto".to_owned(),
            device: "cpu".to_owned(),
            memory: None,
            threads: 0,
            activations: ActivationsArg::F32,
            cache: CacheArg::F16,
            context: None,
            verbose: false,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ActivationsArg {
    F32,
    I8,
}

impl ActivationsArg {
    /// As it is written in the option.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::I8 => "i8",
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub enum CacheArg {
    F32,
    F16,
    Bf16,
    I8,
}

impl CacheArg {
    /// The type that the option names.
    pub fn element(self) -> Element {
        match self {
            Self::F32 => Element::F32,
            Self::F16 => Element::F16,
            Self::Bf16 => Element::Bf16,
            Self::I8 => Element::I8,
        }
    }
}

/// How tokens are chosen.
#[derive(Args)]
pub struct SampleArgs {
    /// Take the likeliest token, always
    #[arg(long)]
    pub greedy: bool,
    /// Divide logits by this; 0 is --greedy
    #[arg(long, default_value_t = 0.8)]
    pub temperature: f32,
    /// Only this many of the likeliest tokens; 0 for all
    #[arg(long, default_value_t = 40)]
    pub top_k: usize,
    /// Only the likeliest tokens that together have this probability
    #[arg(long, default_value_t = 0.95)]
    pub top_p: f32,
    /// Only tokens at least this likely, as a part of the likeliest one's probability
    #[arg(long, default_value_t = 0.0)]
    pub min_p: f32,
    /// Make tokens of the last 64 less likely; 1 leaves them as they are
    #[arg(long, default_value_t = 1.0)]
    pub repetition_penalty: f32,
    /// Where random numbers start
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// A model that proposes tokens.
#[derive(Args)]
pub struct DraftArgs {
    /// A smaller .ecq with the same tokenizer. It proposes tokens, and the model checks several of them in
    /// one step: the text stays the same and may come faster
    #[arg(long, value_name = "ECQ")]
    pub draft: Option<PathBuf>,
    /// Tokens that the draft model proposes at once
    #[arg(long, value_name = "N", default_value_t = 4, requires = "draft")]
    pub draft_tokens: usize,
}

#[derive(Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub sample: SampleArgs,
    #[command(flatten)]
    pub draft: DraftArgs,
    /// The text to continue
    #[arg(short, long)]
    pub prompt: String,
    /// New tokens at most
    #[arg(long, default_value_t = 128)]
    pub tokens: usize,
    /// Go on after tokens that end a text
    #[arg(long)]
    pub ignore_end: bool,
    /// End the text before this string (repeatable)
    #[arg(long, value_name = "STRING")]
    pub stop: Vec<String>,
    /// Continuations to write; the prompt runs once for all of them
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1)]
    pub sequences: usize,
    /// With --json, give the log-probability of each token, and those of the N likeliest tokens in its place
    #[arg(long, value_name = "N")]
    pub log_probs: Option<usize>,
}

#[derive(Args)]
pub struct ChatArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub sample: SampleArgs,
    #[command(flatten)]
    pub draft: DraftArgs,
    /// What the model is told about itself
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Tokens of an answer at most
    #[arg(long, default_value_t = 512)]
    pub tokens: usize,
    /// End an answer before this string (repeatable)
    #[arg(long, value_name = "STRING")]
    pub stop: Vec<String>,
}

#[derive(Args)]
pub struct EvalArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    /// More models to evaluate: the reference runs once for all
    #[arg(long, value_name = "MODEL", num_args = 1.., conflicts_with = "modes")]
    pub also: Vec<PathBuf>,
    /// A text in UTF-8
    #[arg(long, value_name = "FILE")]
    pub text: PathBuf,
    /// A model to compare with (.ecq, GGUF, safetensors file or checkpoint folder): KL(reference || model),
    /// and how often both think the same token likeliest
    #[arg(long, value_name = "MODEL")]
    pub reference: Option<PathBuf>,
    /// Tokens of the text that are read at most [default: all]
    #[arg(long, value_name = "TOKENS")]
    pub max_tokens: Option<usize>,
    /// Tokens of a window; windows do not overlap
    #[arg(long, value_name = "TOKENS", default_value_t = 512)]
    pub window: usize,
    /// Evaluate in each of these modes (commas between them), or in all
    #[arg(long)]
    pub modes: Option<String>,
}

/// Bytes with an optional unit: powers of 1024 for KiB, MiB, GiB, TiB, of 1000 for kB, MB, GB, TB.
fn byte_count(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1000 * 1000,
        "g" | "gb" => 1000 * 1000 * 1000,
        "t" | "tb" => 1000 * 1000 * 1000 * 1000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return Err(format!("unknown unit {unit:?}; B, kB, MB, GB, TB, KiB, MiB, GiB, TiB are known")),
    };
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is not a number"))?;
    Ok((number * factor as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_counts_have_units_of_both_kinds() {
        let known = [
            ("0", 0),
            ("17", 17),
            ("64MiB", 64 << 20),
            ("2GB", 2_000_000_000),
            ("1.5 KiB", 1536),
            ("3k", 3000),
        ];
        for (text, bytes) in known {
            assert_eq!(byte_count(text), Ok(bytes), "{text}");
        }
        for text in ["", "x", "12XB", "1.2.3", "-5"] {
            assert!(byte_count(text).is_err(), "{text}");
        }
    }
}
