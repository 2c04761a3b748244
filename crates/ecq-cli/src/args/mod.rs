// Comments are the help of the command line, where brackets mean what may be left out.
#![allow(rustdoc::broken_intra_doc_links)]

mod engine;
mod numbers;
mod pack;

pub use engine::{ActivationsArg, CacheArg, ChatArgs, DraftArgs, EngineArgs, RunArgs, SampleArgs};
use numbers::budget;
pub use pack::{ExportArgs, ExportFloat, ExportFormat, ForceArg, QuantizeArgs};

use clap::builder::RangedU64ValueParser;
use clap::{Args, Command as ClapCommand, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Makes language models small by giving every weight only the bits that its information needs
#[derive(Parser)]
#[command(name = "ecq", version, max_term_width = 80, after_help = EXIT_CODES)]
pub struct Cli {
    /// Print one JSON object on standard output, errors too
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// Reads the arguments of the process, which may be any bytes.
    pub fn read() -> Result<Self, clap::Error> {
        let mut command = numbers_as_values(Self::command());
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// The command, where `-1` after an option is its value and not another option.
fn numbers_as_values(command: ClapCommand) -> ClapCommand {
    command.allow_negative_numbers(true).mut_subcommands(numbers_as_values)
}

/// Whether an argument asks for objects in place of words, for errors in the arguments themselves.
pub fn wants_json(mut args: impl Iterator<Item = OsString>) -> bool {
    args.any(|arg| arg == "--json")
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  models differ (verify --against, diff)
  2  usage or options
  3  a file is damaged or of an unknown format
  4  reading or writing failed
  5  not supported
130  interrupted";

#[derive(Subcommand)]
pub enum Command {
    /// Show all of it on a small model that lies in this program: no download, no arguments
    Demo(DemoArgs),
    /// Write a model as an .ecq file
    Quantize(Box<QuantizeArgs>),
    /// Continue a text
    Run(Box<RunArgs>),
    /// Talk with a model
    Chat(Box<ChatArgs>),
    /// Say how well a model predicts a text, and how far it is from another
    Eval(Box<EvalArgs>),
    /// Say what a model file holds, how it was made and what takes how much
    Inspect(InspectArgs),
    /// Check every byte of an .ecq file, and compare it with the model it came from
    Verify(VerifyArgs),
    /// Compare two models, tensor by tensor
    Diff(DiffArgs),
    /// Write a model back in the format it came from
    Export(ExportArgs),
    /// Show what is in a model and what coding it would give
    Analyze(AnalyzeArgs),
    /// Write a page that shows what is in a model and what grids and coding give
    Report(ReportArgs),
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
    #[command(flatten)]
    pub force: ForceArg,
}

#[derive(Args)]
pub struct AnalyzeArgs {
    /// .ecq or GGUF file, safetensors file or checkpoint folder
    pub model: PathBuf,
    /// Also draw entropies and histograms
    #[arg(long, value_name = "SVG")]
    pub plot: Option<PathBuf>,
    #[command(flatten)]
    pub force: ForceArg,
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
    /// .ecq or GGUF file, safetensors file or checkpoint folder
    pub model: PathBuf,
    /// The page to write
    #[arg(short, long, value_name = "HTML")]
    pub output: PathBuf,
    #[command(flatten)]
    pub force: ForceArg,
    /// Compare grids on all block projections of a large model, not on a sample
    #[arg(long)]
    pub all: bool,
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
    /// .ecq or GGUF file, safetensors file or checkpoint folder
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
    pub what: Bench,
}

#[derive(Subcommand)]
pub enum Bench {
    /// Write the codes of some matrices of one shape, a byte each, for other programs to measure on
    Codes {
        /// .ecq or GGUF file, safetensors file or checkpoint folder
        model: PathBuf,
        /// Take tensors whose name contains this
        #[arg(long)]
        name: String,
        /// The file to write
        #[arg(short, long)]
        output: PathBuf,
        #[command(flatten)]
        force: ForceArg,
    },
    /// Symbols per second that each coding decodes, on the codes of a model or on synthetic ones
    Decode {
        /// .ecq or GGUF file, or checkpoint; without one, Gaussian codes of several entropies
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
        #[command(flatten)]
        force: ForceArg,
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

#[derive(Args)]
pub struct EvalArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    /// One more model to evaluate (repeatable); the reference runs once for all
    #[arg(long, value_name = "MODEL", conflicts_with = "modes")]
    pub also: Vec<PathBuf>,
    /// A text in UTF-8
    #[arg(long, value_name = "FILE")]
    pub text: PathBuf,
    /// A model to compare with: KL(reference || model), and how often both choose the same token
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
