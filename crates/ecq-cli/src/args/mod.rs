//! The arguments of every command.

#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "doc comments are help texts, where brackets mark optional parts"
)]

mod engine;
mod fake_quant;
mod numbers;
mod pack;
#[cfg(feature = "serve")]
mod serve;

pub use engine::{CacheArg, ChatArgs, DraftArgs, EngineArgs, RunArgs, SamplingArgs};
pub use fake_quant::{FakeQuantArgs, FakeQuantBenchArgs, LevelsArg, SweepArgs};
use numbers::budget;
pub use pack::{ExportArgs, ExportFloat, ExportFormat, ForceArg, QuantizeArgs};
#[cfg(feature = "serve")]
pub use serve::ServeArgs;

use crate::version;
use clap::builder::RangedU64ValueParser;
use clap::{Args, Command as ClapCommand, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use ecq::Coding;
use std::ffi::OsString;
use std::path::PathBuf;

/// Quantizes large language models, entropy codes the weights, and runs them
#[derive(Parser)]
#[command(name = "ecq", version, max_term_width = 80, after_help = EXIT_CODES)]
pub struct Cli {
    /// Print one JSON object on standard output, for errors too
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// The definition of the command line.
    pub fn definition() -> ClapCommand {
        numbers_as_values(Self::command().version(version::text()))
    }

    /// Parses arguments, which need not be UTF-8. The first one is the name of the program.
    pub fn read(args: &[OsString]) -> Result<Self, clap::Error> {
        let mut command = Self::definition();
        let matches = command.try_get_matches_from_mut(args)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// Accepts `-1` after an option as its value instead of reading it as another option.
fn numbers_as_values(command: ClapCommand) -> ClapCommand {
    command.allow_negative_numbers(true).mut_subcommands(numbers_as_values)
}

const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  models differ (verify --against, diff), or a device computes wrong (doctor --self-test)
  2  invalid arguments or options
  3  a file is damaged or of an unknown format
  4  reading or writing failed
  5  not supported
130  interrupted";

#[derive(Subcommand)]
pub enum Command {
    /// Quantize, verify and run a small embedded model; needs no download and no arguments
    Demo(DemoArgs),
    /// Quantize a model and write it as an .ecq file
    Quantize(Box<QuantizeArgs>),
    /// Generate text from a prompt
    Run(Box<RunArgs>),
    /// Chat with a model
    Chat(Box<ChatArgs>),
    /// Serve models over HTTP, as OpenAI and Anthropic do, with a chat page
    #[cfg(feature = "serve")]
    Serve(Box<ServeArgs>),
    /// Measure perplexity on a text, and KL divergence from a reference model
    Eval(Box<EvalArgs>),
    /// Show architecture, quantization and size of a model file
    Inspect(InspectArgs),
    /// Verify checksums and decode every tensor; compare with the source model
    Verify(VerifyArgs),
    /// Compare two models, tensor by tensor
    Diff(DiffArgs),
    /// Convert an .ecq file to GGUF, MLX or safetensors
    Export(ExportArgs),
    /// Show the entropy of each tensor and the size after entropy coding
    Analyze(AnalyzeArgs),
    /// Write an HTML report: entropy, coded size, and error on several grids
    Report(ReportArgs),
    /// Round the tensors of a safetensors file to few levels, as floats
    FakeQuant(Box<FakeQuantArgs>),
    /// Quantize and evaluate models on several grids and rates: one table and one plot
    Sweep(SweepArgs),
    /// Benchmark decoding, matrix products and whole models
    Bench(BenchArgs),
    /// Plot recorded measurements as SVG
    Plot(PlotArgs),
    /// Show which hardware features are available and used; test what devices compute
    Doctor(DoctorArgs),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write a man page for every command to a folder
    #[command(hide = true)]
    Man {
        /// The folder, which must exist
        folder: PathBuf,
    },
}

#[derive(Args)]
pub struct DoctorArgs {
    /// Run every kind of kernel on every device and compare with known answers; exit code 1 if one is wrong
    #[arg(long)]
    pub self_test: bool,
    /// Test this device alone: cpu, cuda, cuda:N, wgpu, wgpu:N or wgpu:NAME; may be repeated
    #[arg(long, requires = "self_test")]
    pub device: Vec<String>,
}

#[derive(Args)]
pub struct DemoArgs {
    /// Keep the quantized files in this folder
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
    #[command(flatten)]
    pub force: ForceArg,
}

#[derive(Args)]
pub struct AnalyzeArgs {
    /// .ecq or GGUF file, safetensors file or checkpoint folder
    pub model: PathBuf,
    /// Also plot bits per weight and histograms of the codes
    #[arg(long, value_name = "SVG")]
    pub plot: Option<PathBuf>,
    #[command(flatten)]
    pub force: ForceArg,
    /// Also quantize the block projections on several grids; show size and error of each
    #[arg(long)]
    pub grids: bool,
    /// With --grids, use all block projections of a large model instead of a sample
    #[arg(long, requires = "grids")]
    pub all: bool,
    /// Show every tensor, not only totals
    #[arg(short, long)]
    pub verbose: bool,
}

#[derive(Args)]
pub struct ReportArgs {
    /// .ecq or GGUF file, safetensors file or checkpoint folder
    pub model: PathBuf,
    /// The HTML file to write
    #[arg(short, long, value_name = "HTML")]
    pub output: PathBuf,
    #[command(flatten)]
    pub force: ForceArg,
    /// Use all block projections of a large model instead of a sample
    #[arg(long)]
    pub all: bool,
}

#[derive(Args)]
pub struct VerifyArgs {
    /// .ecq file
    pub file: PathBuf,
    /// Source model to compare with
    #[arg(long, value_name = "MODEL")]
    pub against: Option<PathBuf>,
}

#[derive(Args)]
pub struct InspectArgs {
    /// .ecq or GGUF file, safetensors file or checkpoint folder
    pub file: PathBuf,
    /// Show every tensor
    #[arg(short, long)]
    pub verbose: bool,
    /// Print the program of one step of this many rows instead: the commands that the backend runs
    #[arg(long, value_name = "ROWS", value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    pub program: Option<usize>,
    /// With --program, the decode mode [default: auto]
    #[arg(long, requires = "program")]
    pub mode: Option<String>,
    /// With --program, memory budget of decoded layers, such as 64MiB or 2GB
    #[arg(long, value_name = "BYTES", value_parser = budget, requires = "program")]
    pub memory: Option<u64>,
}

#[derive(Args)]
pub struct DiffArgs {
    /// .ecq or GGUF file, safetensors file or checkpoint folder
    pub a: PathBuf,
    /// .ecq or GGUF file, safetensors file or checkpoint folder
    pub b: PathBuf,
}

#[derive(Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    pub benchmark: Bench,
}

#[derive(Subcommand)]
pub enum Bench {
    /// Write the codes of matrices of one shape, one byte per code, as input for other benchmarks
    Codes {
        /// .ecq or GGUF file, safetensors file or checkpoint folder
        model: PathBuf,
        /// Select tensors whose name contains this
        #[arg(long)]
        name: String,
        /// The file to write
        #[arg(short, long)]
        output: PathBuf,
        #[command(flatten)]
        force: ForceArg,
    },
    /// Symbols per second of each coding, on the codes of a model or on synthetic codes
    Decode {
        /// .ecq or GGUF file, or checkpoint [default: Gaussian codes of several entropies]
        model: Option<PathBuf>,
        /// Number of threads (repeatable) [default: 1 and all cores]
        #[arg(long)]
        threads: Vec<usize>,
        /// Seconds per measurement
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
        /// Device: cpu, or cuda or cuda:N for the decode kernels of a GPU on synthetic codes
        #[arg(long, default_value = "cpu", conflicts_with_all = ["model", "threads", "seconds"])]
        device: String,
    },
    /// Tokens per second and memory of a model in each decode mode
    Model(Box<ModelBenchArgs>),
    /// Write a model of a known shape with synthetic weights, as input for `bench model`
    Shape(ShapeArgs),
    /// Weights per second of matrix products, per storage of the matrix
    Gemv(GemvArgs),
    /// Values per second of fake quantization, beside a copy
    FakeQuant(FakeQuantBenchArgs),
    /// The tables of the prototype that ecq began as, measured beside the numbers published there
    Original(OriginalArgs),
}

#[derive(Args)]
pub struct OriginalArgs {
    /// Device: cpu, cuda (the first NVIDIA GPU) or cuda:N
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Number of threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    pub threads: Option<usize>,
    /// Entropy of the synthetic codes, in bits
    #[arg(long, value_name = "BITS", default_value_t = 2.22)]
    pub entropy: f64,
    /// Shape of the layers of the last table: llama-2-7b, llama-3-8b or smollm2-135m
    #[arg(long, default_value = "llama-2-7b")]
    pub shape: String,
    /// Number of layers of the last table [default: those of the model]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    pub layers: Option<usize>,
    /// Seconds per measurement on the CPU; at least three passes are made
    #[arg(long, default_value_t = 1.0)]
    pub seconds: f64,
    /// Draw what both queues of a GPU do during a token
    #[arg(long, value_name = "SVG")]
    pub timeline: Option<PathBuf>,
    #[command(flatten)]
    pub force: ForceArg,
    /// Divide the sizes of the other tables by this, for a quick look
    #[arg(long, value_name = "N", default_value = "1", hide = true,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=64))]
    pub divide: usize,
}

#[derive(Args)]
pub struct ShapeArgs {
    /// Shape: llama-2-7b, llama-3-8b or smollm2-135m
    pub name: String,
    /// The file to write
    #[arg(short, long)]
    pub output: PathBuf,
    #[command(flatten)]
    pub force: ForceArg,
    /// Entropy of the codes of the projections, in bits
    #[arg(long, value_name = "BITS", default_value_t = 2.22)]
    pub entropy: f64,
    /// Coding of the projections: rans, prefix, packed or tuples
    #[arg(long, default_value = "rans", value_parser = coding)]
    pub coding: Coding,
    /// Trellis grid: lag and restart in columns, such as 12x288 [default: a uniform grid]
    #[arg(long, value_name = "LAGxRESTART", value_parser = lag_and_restart)]
    pub trellis: Option<(u16, u32)>,
    /// Store bf16 weights in place of codes
    #[arg(long)]
    pub floats: bool,
    /// Number of layers [default: those of the model]
    #[arg(long)]
    pub layers: Option<usize>,
}

fn coding(text: &str) -> Result<Coding, String> {
    let codings = [Coding::Rans, Coding::Prefix, Coding::Packed, Coding::Tuples];
    let found = codings.into_iter().find(|coding| coding.name() == text);
    found.ok_or_else(|| format!("expected one of {}", codings.map(|coding| coding.name()).join(", ")))
}

fn lag_and_restart(text: &str) -> Result<(u16, u32), String> {
    let parts =
        text.split_once('x').and_then(|(lag, restart)| Some((lag.parse().ok()?, restart.parse().ok()?)));
    parts.ok_or_else(|| "expected LAGxRESTART, such as 12x288".to_owned())
}

#[derive(Args)]
pub struct GemvArgs {
    /// .ecq or GGUF file, or checkpoint [default: Gaussian codes of several entropies]
    pub model: Option<PathBuf>,
    /// Select tensors whose name contains this [default: all block projections]
    #[arg(long)]
    pub name: Option<String>,
    /// Rows of activations: 1 for decode, more for prefill (repeatable) [default: 1]
    #[arg(long)]
    pub rows: Vec<usize>,
    /// Tile of coded matrices: auto, matrix, row, rows:N, block:RxC
    #[arg(long, default_value = "auto")]
    pub tile: String,
    /// Lanes per tile [default: 32; 8 for --tile row]
    #[arg(long)]
    pub lanes: Option<String>,
    /// Number of threads (repeatable) [default: 1 and all cores]
    #[arg(long)]
    pub threads: Vec<usize>,
    /// Measure only kernels whose name contains this
    #[arg(long, alias = "form")]
    pub kernel: Option<String>,
    /// Seconds per measurement on the CPU
    #[arg(long, default_value_t = 1.0)]
    pub seconds: f64,
    /// Device: cpu, cuda (the first NVIDIA GPU), cuda:N, wgpu, wgpu:N or wgpu:NAME
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Rows and columns of matrices on a GPU (repeatable): Gaussian, or copies of the matrix of MODEL whose
    /// codes have the median entropy [default: 16384x4096, or the matrices of MODEL]
    #[arg(long, value_name = "RxC", value_parser = rows_and_columns)]
    pub shape: Vec<[usize; 2]>,
    /// Entropy of Gaussian codes on a GPU in bits (repeatable) [default: six from 1.2 to 3.6]
    #[arg(long, value_name = "BITS", value_parser = entropy, conflicts_with = "model")]
    pub entropy: Vec<f64>,
    /// On a GPU, also measure Gaussian codes on a trellis grid
    #[arg(long, conflicts_with = "model")]
    pub trellis: bool,
}

fn rows_and_columns(text: &str) -> Result<[usize; 2], String> {
    let parts = text.split_once('x').and_then(|(rows, cols)| Some([rows.parse().ok()?, cols.parse().ok()?]));
    let found = parts.filter(|shape: &[usize; 2]| shape.iter().all(|side| (32..=1 << 17).contains(side)));
    found.ok_or_else(|| "expected ROWSxCOLUMNS, such as 16384x4096, each 32 to 131072".to_owned())
}

fn entropy(text: &str) -> Result<f64, String> {
    let found = text.parse().ok().filter(|bits| (0.5..=6.0).contains(bits));
    found.ok_or_else(|| "expected bits, from 0.5 to 6".to_owned())
}

#[derive(Args)]
pub struct ModelBenchArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Modes to measure, comma-separated [default: all that the device supports]
    #[arg(long)]
    pub modes: Option<String>,
    /// Numbers of concurrent sequences, comma-separated; each is measured in every mode
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "1",
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    pub sequences: Vec<usize>,
    /// Prompt length in tokens
    #[arg(long, default_value_t = 128)]
    pub prompt_tokens: usize,
    /// Tokens to generate
    #[arg(long, default_value_t = 64)]
    pub tokens: usize,
    /// Repetitions; the best one is reported
    #[arg(long, default_value_t = 3)]
    pub repeat: usize,
}

#[derive(Args)]
pub struct PlotArgs {
    #[command(subcommand)]
    pub plot: Plot,
}

#[derive(Subcommand)]
pub enum Plot {
    /// Plot rate against quality, from the output of `ecq eval --json`
    Rd {
        /// JSON files (an object, a list, or one object per line), one series each: FILE or NAME=FILE
        #[arg(required = true, value_name = "RECORDS")]
        records: Vec<String>,
        /// The SVG file to write
        #[arg(short, long, value_name = "SVG")]
        output: PathBuf,
        #[command(flatten)]
        force: ForceArg,
        /// Quantity on the x axis
        #[arg(long, value_enum, default_value = "linear")]
        x: Rate,
        /// Quantity on the y axis
        #[arg(long, value_enum, default_value = "kl")]
        y: Quality,
    },
    /// Plot memory against speed of each mode, from the output of `ecq bench model --json`
    Modes {
        /// JSON files, one series each: FILE or NAME=FILE
        #[arg(required = true, value_name = "RECORDS")]
        records: Vec<String>,
        /// The SVG file to write
        #[arg(short, long, value_name = "SVG")]
        output: PathBuf,
        #[command(flatten)]
        force: ForceArg,
    },
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Rate {
    /// Bits per weight of the block projections
    Linear,
    /// Bits per weight of the whole file
    Total,
    /// File size in bytes
    Bytes,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Quality {
    /// KL divergence from the reference model
    Kl,
    /// Negative log-likelihood
    Nll,
    /// Perplexity
    Perplexity,
    /// Agreement with the reference model on the most likely token
    Top1,
}

#[derive(Args)]
pub struct EvalArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    /// Further model to evaluate (repeatable); the reference model runs once for all
    #[arg(long, value_name = "MODEL", conflicts_with = "modes")]
    pub also: Vec<PathBuf>,
    /// Text file in UTF-8
    #[arg(long, value_name = "FILE")]
    pub text: PathBuf,
    /// Reference model: adds KL(reference || model) and top-1 agreement
    #[arg(long, value_name = "MODEL")]
    pub reference: Option<PathBuf>,
    /// Maximum number of tokens to evaluate [default: all]
    #[arg(long, value_name = "TOKENS")]
    pub max_tokens: Option<usize>,
    /// Window length in tokens; windows do not overlap
    #[arg(long, value_name = "TOKENS", default_value_t = 512)]
    pub window: usize,
    /// Evaluate in each of these modes, comma-separated, or in `all`
    #[arg(long)]
    pub modes: Option<String>,
}
