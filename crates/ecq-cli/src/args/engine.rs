//! How a model is loaded, run and sampled.

use super::numbers::{budget, token_limit};
use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use ecq::Element;
use std::path::{Path, PathBuf};

const MEMORY: &str = "Memory and speed";
const SAMPLING: &str = "Sampling";
const DRAFT: &str = "Draft model";

/// Threads at most: more than any one machine has, few enough to start.
const MOST_THREADS: u64 = 1024;

/// How a model is loaded and run.
#[derive(Args, Clone)]
pub struct EngineArgs {
    /// .ecq or GGUF file, safetensors file or checkpoint folder
    ///
    /// What is no .ecq is packed without loss first, into the user's cache folder (or $ECQ_CACHE), where the
    /// next run finds it.
    pub model: PathBuf,
    /// How weights come from their coded form: auto, cached, fused, lru, prefetch
    ///
    /// cached decodes all at load (fast, large); fused decodes inside the products (slow, small); lru keeps
    /// some layers decoded, within --memory; prefetch decodes the next layer while one computes; auto takes
    /// the fastest that fits.
    #[arg(long, default_value = "auto", hide_short_help = true, help_heading = MEMORY)]
    pub mode: String,
    /// The device: cpu
    #[arg(long, default_value = "cpu", hide_short_help = true, help_heading = MEMORY)]
    pub device: String,
    /// What decoded layers may take, such as 64MiB or 2GB
    #[arg(long, value_name = "BYTES", value_parser = budget, help_heading = MEMORY)]
    pub memory: Option<u64>,
    /// Threads, 1 to 1024 [default: one for each core]
    #[arg(long, value_name = "N", help_heading = MEMORY,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST_THREADS))]
    pub threads: Option<usize>,
    /// Precision in which activations enter a product
    #[arg(long, default_value = "f32", hide_short_help = true, help_heading = MEMORY)]
    pub activations: ActivationsArg,
    /// Type of cached keys and values
    #[arg(long, default_value = "f16", hide_short_help = true, help_heading = MEMORY)]
    pub cache: CacheArg,
    /// Longest text in tokens [default: what the model was made for]
    #[arg(long, value_name = "TOKENS", help_heading = MEMORY,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
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
            threads: None,
            activations: ActivationsArg::F32,
            cache: CacheArg::F16,
            context: None,
            verbose: false,
        }
    }
}

/// Precision of activations.
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

/// Type of cached keys and values.
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
    #[arg(long, help_heading = SAMPLING)]
    pub greedy: bool,
    /// Divide logits by this, 0 or more; 0 is --greedy
    #[arg(long, default_value_t = 0.8, value_name = "T", help_heading = SAMPLING)]
    pub temperature: f32,
    /// Only this many of the likeliest tokens; 0 for all
    #[arg(long, default_value_t = 40, value_name = "N", hide_short_help = true, help_heading = SAMPLING)]
    pub top_k: usize,
    /// Only the likeliest tokens that together have this probability: above 0, at most 1
    #[arg(long, default_value_t = 0.95, value_name = "P", hide_short_help = true, help_heading = SAMPLING)]
    pub top_p: f32,
    /// Only tokens at least this likely, as a part of the likeliest one's probability: 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "P", hide_short_help = true, help_heading = SAMPLING)]
    pub min_p: f32,
    /// Make tokens of the last 64 less likely; 1 leaves them as they are
    #[arg(long, default_value_t = 1.0, value_name = "X", hide_short_help = true, help_heading = SAMPLING)]
    pub repetition_penalty: f32,
    /// Where random numbers start: the same seed gives the same text
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = SAMPLING)]
    pub seed: u64,
}

/// A model that proposes tokens.
#[derive(Args)]
pub struct DraftArgs {
    /// A smaller .ecq with the same tokenizer that proposes tokens
    ///
    /// The model checks several of them in one step: the text stays the same and may come faster.
    #[arg(long, value_name = "ECQ", hide_short_help = true, help_heading = DRAFT)]
    pub draft: Option<PathBuf>,
    /// Tokens that the draft model proposes at once
    #[arg(long, value_name = "N", default_value_t = 4, requires = "draft", hide_short_help = true,
        help_heading = DRAFT)]
    pub draft_tokens: usize,
}

/// Arguments of `ecq run`.
#[derive(Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub sample: SampleArgs,
    #[command(flatten)]
    pub draft: DraftArgs,
    /// The text to continue; - reads it from standard input
    #[arg(
        short,
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        required_unless_present = "file",
        conflicts_with = "file"
    )]
    pub prompt: Option<String>,
    /// A file with the text to continue; its last line end is left out
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// New tokens at most; -1 for no limit
    #[arg(short = 'n', long, visible_alias = "tokens", value_name = "N", default_value = "128",
        value_parser = token_limit)]
    pub max_tokens: usize,
    /// End the text before this string (repeatable)
    #[arg(long, value_name = "STRING", allow_hyphen_values = true)]
    pub stop: Vec<String>,
    /// Go on after tokens that end a text
    #[arg(long, hide_short_help = true)]
    pub ignore_end: bool,
    /// Continuations to write; the prompt runs once for all of them
    #[arg(long, value_name = "N", default_value = "1", hide_short_help = true,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub samples: usize,
    /// With --json, give the log-probabilities of each token and of the N likeliest in its place
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub log_probs: Option<usize>,
}

/// Arguments of `ecq chat`.
#[derive(Args)]
pub struct ChatArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub sample: SampleArgs,
    #[command(flatten)]
    pub draft: DraftArgs,
    /// What the model is told about itself
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub system: Option<String>,
    /// Tokens of an answer at most; -1 for no limit
    #[arg(short = 'n', long, visible_alias = "tokens", value_name = "N", default_value = "512",
        value_parser = token_limit)]
    pub max_tokens: usize,
    /// End an answer before this string (repeatable)
    #[arg(long, value_name = "STRING", allow_hyphen_values = true)]
    pub stop: Vec<String>,
}
