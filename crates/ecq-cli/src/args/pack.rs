//! Arguments of `ecq quantize` and `ecq export`.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use ecq::{CalibrationOptions, GgufFileType};
use std::path::PathBuf;

const CALIBRATION: &str = "Calibration";
const GRIDS: &str = "Grids";
const CODING: &str = "Entropy coding";

/// Whether existing outputs are replaced.
#[derive(Args, Clone, Copy)]
pub struct ForceArg {
    /// Replace an existing output once the new one is complete
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `ecq quantize`.
#[derive(Args)]
pub struct QuantizeArgs {
    /// GGUF or .ecq file, safetensors file or checkpoint folder
    pub model: PathBuf,
    /// The file to write
    #[arg(short, long, value_name = "ECQ", required_unless_present = "dry_run")]
    pub output: Option<PathBuf>,
    /// Target bits per weight of the block projections, side data included [default: 4]
    #[arg(long, value_name = "BITS", conflicts_with = "size")]
    pub bpw: Option<String>,
    /// Target size of the whole file, such as 1.2GB or 75MiB
    #[arg(long, value_name = "BYTES")]
    pub size: Option<String>,
    /// Entropy code the source without quantizing it again; every bit is kept
    #[arg(long, conflicts_with_all = ["bpw", "size", "grid", "embedding", "steps", "levels"])]
    pub lossless: bool,
    /// Calibration text: default, text, self, off or a FILE (repeatable)
    ///
    /// Calibration runs the model on a text to measure how much each quantization error changes its output.
    /// `text` are prose, manuals and source code included in ecq. `self` is text that the model writes: it
    /// answers prompts of ecq in its chat template, or continues nothing if it has none. `default` is `text`
    /// and, if there is a chat template, `self`. FILE is a text file in UTF-8. All of these can be combined;
    /// `self` then takes a third of the tokens. `off` disables calibration.
    /// The default is `default` for targets below 4 bits per weight, and `off` otherwise.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["lossless", "levels"])]
    pub calibrate: Vec<PathBuf>,
    /// Report the sizes without writing a file
    #[arg(long)]
    pub dry_run: bool,
    /// Resume an interrupted run
    #[arg(long, conflicts_with = "dry_run")]
    pub resume: bool,
    #[command(flatten)]
    pub force: ForceArg,
    /// Show every tensor
    #[arg(short, long)]
    pub verbose: bool,

    /// Smallest file whose predicted KL divergence is no worse than that of this grid
    ///
    /// Replaces --bpw and --size. GRID is mlx2 to mlx8 (affine groups of 64, as in MLX), or an affine or
    /// absmax grid as in --grid.
    #[arg(long, value_name = "GRID", conflicts_with_all = ["bpw", "size", "lossless"], hide_short_help = true,
        help_heading = CALIBRATION)]
    pub r#match: Option<String>,
    /// Number of calibration tokens
    #[arg(long, value_name = "N", default_value_t = CalibrationOptions::TOKENS, hide_short_help = true,
        help_heading = CALIBRATION)]
    pub calibration_tokens: usize,
    /// Number of these tokens on which row steps are distilled at the end; 0 for none
    ///
    /// The row steps of the quantized model are trained to predict what the original model predicts; codes
    /// stay as they are.
    #[arg(long, value_name = "N", default_value_t = CalibrationOptions::DISTILLATION_TOKENS,
        hide_short_help = true, help_heading = CALIBRATION)]
    pub distillation_tokens: usize,
    /// Length of calibration sequences in tokens
    #[arg(long, value_name = "N", default_value_t = CalibrationOptions::SEQUENCE_LENGTH,
        hide_short_help = true, help_heading = CALIBRATION)]
    pub calibration_window: usize,
    /// Keep calibration statistics in this folder and reuse them for other rates
    ///
    /// By default they are kept beside the output and removed at the end.
    #[arg(long, value_name = "DIR", hide_short_help = true, help_heading = CALIBRATION)]
    pub calibration_folder: Option<PathBuf>,
    /// Random seed of calibration
    #[arg(long, value_name = "N", default_value_t = 0, hide_short_help = true, help_heading = CALIBRATION)]
    pub seed: u64,

    /// Grid of block projections: uniform, uniform:BPW, affine:BITS[:GROUP], absmax:BITS[:SPAN], keep
    ///
    /// uniform is entropy-constrained and follows --bpw or --size; affine is MLX's format; absmax is
    /// symmetric, with one scale per SPAN: tensor, row, or a number of weights.
    #[arg(long, default_value = "uniform", hide_short_help = true, help_heading = GRIDS)]
    pub grid: String,
    /// Grid of embedding and head: keep, BITS (symmetric, one scale per row), or as --grid
    ///
    /// With `uniform`, step sizes follow the target of the block projections. The default is `uniform` with
    /// calibration and 8 without.
    #[arg(long, value_name = "GRID", hide_short_help = true, help_heading = GRIDS)]
    pub embedding: Option<String>,
    /// Granularity of uniform step sizes: row, tensor, or model
    ///
    /// model has the smallest squared error but a larger KL divergence.
    #[arg(long, default_value = "row", hide_short_help = true, help_heading = GRIDS)]
    pub steps: String,
    /// Reconstruction levels of a uniform grid: grid (the grid points) or centroid (the mean of the weights)
    ///
    /// centroid has a smaller error at low rates and decodes more slowly.
    #[arg(long, default_value = "grid", hide_short_help = true, help_heading = GRIDS)]
    pub levels: String,
    /// Trellis of uniform grids: on, off, or its phases LAG or LAGxRESTART
    ///
    /// A trellis-coded grid takes 0.11 to 0.15 bits per weight less at an equal KL divergence. `off` selects
    /// the scalar grid, which is faster to quantize and to decode.
    #[arg(long, value_name = "TRELLIS", default_value = "on", conflicts_with_all = ["levels", "lossless"],
        hide_short_help = true, help_heading = GRIDS)]
    pub trellis: String,
    /// Options for tensors whose name matches a regular expression (repeatable)
    ///
    /// Example: 'attn_(q|k)=grid:uniform:3.5,coding:prefix'.
    #[arg(long, value_name = "REGEX=OPTIONS", hide_short_help = true, help_heading = GRIDS)]
    pub r#override: Vec<String>,

    /// Coding: rans, prefix, packed, archive, tuples (for GPUs), or auto (the smallest one that --slowest
    /// allows)
    #[arg(long, default_value = "auto", hide_short_help = true, help_heading = CODING)]
    pub coding: String,
    /// Slowest coding that auto may select, in the order packed, prefix, rans, archive [default: rans]
    #[arg(long, hide_short_help = true, help_heading = CODING)]
    pub slowest: Option<String>,
    /// Tile, the unit that decodes independently: auto, matrix, row, rows:N, block:RxC
    #[arg(long, default_value = "auto", hide_short_help = true, help_heading = CODING)]
    pub tile: String,
    /// Interleaved coder states per tile, 1 to 256 [default: 32; 8 for --tile row]
    #[arg(long, hide_short_help = true, help_heading = CODING)]
    pub lanes: Option<String>,
    /// Store a tensor packed if entropy coding saves less than this
    #[arg(long, value_name = "PERCENT", default_value = "1", hide_short_help = true, help_heading = CODING)]
    pub hybrid: String,
}

/// Arguments of `ecq export`.
#[derive(Args)]
pub struct ExportArgs {
    /// .ecq file
    pub file: PathBuf,
    /// Output format
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// The file (gguf) or folder (mlx, safetensors) to write
    #[arg(short, long)]
    pub output: PathBuf,
    /// Requantize to a GGUF file type, such as q4_k_m (gguf only)
    ///
    /// Types are those of llama.cpp's llama-quantize, which also choose the type of each tensor. Without this
    /// option all codes are kept that GGUF has a type for.
    #[arg(long, value_parser = file_type(), ignore_case = true, value_name = "TYPE")]
    pub r#type: Option<GgufFileType>,
    /// Requantize to MLX's grid of 2, 3, 4, 5, 6 or 8 bits (mlx only) [default with --group-size: 4]
    #[arg(long, value_name = "BITS")]
    pub bits: Option<u8>,
    /// Weights that share a scale and a bias: 32, 64 or 128 (mlx only) [default with --bits: 64]
    #[arg(long, value_name = "N")]
    pub group_size: Option<usize>,
    /// Float type in a folder [default: that of the source; f16 for a GGUF source]
    #[arg(long, value_enum)]
    pub dtype: Option<ExportFloat>,
    /// Maximum size of a safetensors file in a folder
    #[arg(long, value_name = "BYTES", default_value = "5GB", hide_short_help = true)]
    pub shard_size: String,
    /// Fail if the format cannot store the codes, instead of writing floats
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    pub force: ForceArg,
}

/// Export format.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// GGUF: the source file byte for byte, or with quantized tensors converted to GGUF types or to --type
    Gguf,
    /// A folder for mlx-lm: affine groups without loss, other tensors as floats or in --bits
    Mlx,
    /// A folder of floats for transformers
    Safetensors,
}

fn file_type() -> impl TypedValueParser<Value = GgufFileType> {
    let names = PossibleValuesParser::new(GgufFileType::ALL.map(GgufFileType::name));
    names.try_map(|name| name.parse::<GgufFileType>())
}

/// Float type.
#[derive(Clone, Copy, ValueEnum)]
pub enum ExportFloat {
    F16,
    Bf16,
    F32,
}
