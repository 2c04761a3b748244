//! Into an `.ecq` file, and out of one.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use ecq::GgufFileType;
use std::path::PathBuf;

const CALIBRATION: &str = "Calibration";
const GRIDS: &str = "Grids";
const CODING: &str = "Entropy coding";

/// What happens to outputs that exist.
#[derive(Args, Clone, Copy)]
pub struct ForceArg {
    /// Replace an output that exists, once the new one is complete
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
    /// Bits per weight of the block projections, all their bytes counted [default: 4]
    #[arg(long, value_name = "BITS", conflicts_with = "size")]
    pub bpw: Option<String>,
    /// Length of the whole file at most, such as 1.2GB or 75MiB
    #[arg(long, value_name = "BYTES")]
    pub size: Option<String>,
    /// Keep every code and every byte of the source
    #[arg(long, conflicts_with_all = ["bpw", "size", "grid", "embedding", "steps", "levels"])]
    pub lossless: bool,
    /// Learn what errors cost by running the model on a text: default, self, off or a FILE
    ///
    /// `default` is a mixed text that ships with ecq, `self` a text that the model writes (no data), FILE a
    /// text in UTF-8; given several times, files and `default` are mixed. Without this option, targets below
    /// 4 bits a weight take `default` and others `off`.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["lossless", "levels"])]
    pub calibrate: Vec<PathBuf>,
    /// Code everything, write nothing, report the sizes
    #[arg(long)]
    pub dry_run: bool,
    /// Go on where an interrupted run stopped
    #[arg(long, conflicts_with = "dry_run")]
    pub resume: bool,
    #[command(flatten)]
    pub force: ForceArg,
    /// Show every tensor
    #[arg(short, long)]
    pub verbose: bool,

    /// In place of --bpw or --size: as small as can be without being further off than this grid
    ///
    /// Block projections become as small as can be while calibration expects them to take the text no
    /// further from the model's than this grid would: mlx2 to mlx8 (MLX's affine groups of 64), or a grid as
    /// --grid has them.
    #[arg(long, value_name = "GRID", conflicts_with_all = ["bpw", "size", "lossless"], hide_short_help = true,
        help_heading = CALIBRATION)]
    pub r#match: Option<String>,
    /// Tokens to calibrate on
    #[arg(long, value_name = "N", default_value_t = 16384, hide_short_help = true, help_heading = CALIBRATION)]
    pub calibration_tokens: usize,
    /// Tokens of a sequence in calibration
    #[arg(long, value_name = "N", default_value_t = 512, hide_short_help = true, help_heading = CALIBRATION)]
    pub calibration_window: usize,
    /// Keep what is learned of the model here, for other rates
    ///
    /// Without it, that lies beside the output until it is done.
    #[arg(long, value_name = "DIR", hide_short_help = true, help_heading = CALIBRATION)]
    pub calibration_folder: Option<PathBuf>,
    /// Where random numbers of calibration start
    #[arg(long, value_name = "N", default_value_t = 0, hide_short_help = true, help_heading = CALIBRATION)]
    pub seed: u64,

    /// Grid of block projections: uniform, uniform:BPW, affine:BITS[:GROUP], absmax:BITS[:SPAN], keep
    ///
    /// uniform is the grid for --bpw and --size, affine MLX's; SPAN is tensor, row or a GROUP of weights.
    #[arg(long, default_value = "uniform", hide_short_help = true, help_heading = GRIDS)]
    pub grid: String,
    /// Grid of embedding and head: keep, a number of BITS (symmetric rows), or as --grid
    ///
    /// `uniform` takes the steps that go with those of the block projections. Without this option: uniform
    /// where calibration runs, else 8.
    #[arg(long, value_name = "GRID", hide_short_help = true, help_heading = GRIDS)]
    pub embedding: Option<String>,
    /// What shares a step of a uniform grid: row, tensor, or model
    ///
    /// model has the least squared error, but worse text.
    #[arg(long, default_value = "row", hide_short_help = true, help_heading = GRIDS)]
    pub steps: String,
    /// What a code of a uniform grid stands for: its grid point, or the centroid of its weights
    ///
    /// centroid has less error at low rates and decodes slower.
    #[arg(long, default_value = "grid", hide_short_help = true, help_heading = GRIDS)]
    pub levels: String,
    /// Options for tensors whose name matches (repeatable)
    ///
    /// Such as 'attn_(q|k)=grid:uniform:3.5,coding:prefix'.
    #[arg(long, value_name = "REGEX=OPTIONS", hide_short_help = true, help_heading = GRIDS)]
    pub r#override: Vec<String>,

    /// rans, prefix, packed, archive, or auto: the smallest that is no slower than --slowest
    #[arg(long, default_value = "auto", hide_short_help = true, help_heading = CODING)]
    pub coding: String,
    /// The slowest coding that auto may choose: packed, prefix, rans, archive (in that order) [default: rans]
    #[arg(long, hide_short_help = true, help_heading = CODING)]
    pub slowest: Option<String>,
    /// The unit that decodes alone: auto, matrix, row, rows:N, block:RxC
    #[arg(long, default_value = "auto", hide_short_help = true, help_heading = CODING)]
    pub tile: String,
    /// Interleaved coder states of a tile, 1 to 256 [default: 32; 8 for --tile row]
    #[arg(long, hide_short_help = true, help_heading = CODING)]
    pub lanes: Option<String>,
    /// Leave a tensor packed if coding it saves less than this
    #[arg(long, value_name = "PERCENT", default_value = "1", hide_short_help = true, help_heading = CODING)]
    pub hybrid: String,
}

/// Arguments of `ecq export`.
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
    /// Type of floats in a folder [default: that of the source; f16 for a GGUF source]
    #[arg(long, value_enum)]
    pub dtype: Option<ExportFloat>,
    /// Longest safetensors file in a folder
    #[arg(long, value_name = "BYTES", default_value = "5GB", hide_short_help = true)]
    pub shard_size: String,
    /// Fail where codes would have to become floats
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    pub force: ForceArg,
}

/// A format that models are exported to.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// The GGUF file the model came from, byte for byte; quantized tensors in types that GGUF has, or in
    /// --type
    Gguf,
    /// A folder that mlx-lm reads: codes of affine groups without loss, other tensors as floats or in --bits
    Mlx,
    /// A folder of floats that transformers reads
    Safetensors,
}

fn file_type() -> impl TypedValueParser<Value = GgufFileType> {
    let names = PossibleValuesParser::new(GgufFileType::ALL.map(GgufFileType::name));
    names.try_map(|name| name.parse::<GgufFileType>())
}

/// A type of floats.
#[derive(Clone, Copy, ValueEnum)]
pub enum ExportFloat {
    F16,
    Bf16,
    F32,
}
