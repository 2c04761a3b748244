//! Arguments for loading, running and sampling a model.

use super::numbers::{budget, token_limit};
use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use ecq::{ActivationType, Element};
use std::path::{Path, PathBuf};

const MEMORY: &str = "Memory and speed";
const SAMPLING: &str = "Sampling";
const DRAFT: &str = "Speculative decoding";

/// Maximum number of threads.
pub(super) const MAX_THREADS: u64 = 1024;

/// Options for loading and running a model.
#[derive(Args, Clone)]
pub struct EngineArgs {
    /// .ecq or GGUF file, safetensors file or checkpoint folder
    ///
    /// Other formats than .ecq are first converted without loss. The result is kept in the user's cache
    /// folder (or $ECQ_CACHE) for later runs.
    pub model: PathBuf,
    /// Decode mode: auto, cached, fused, lru, prefetch, async
    ///
    /// cached decodes all weights at load (fast, most memory). fused decodes inside the matrix products
    /// (slow, least memory). lru keeps as many decoded layers as fit --memory; the others are decoded at each
    /// use. prefetch decodes the next layer while the current one computes; async is the same on a second
    /// queue, which GPUs have. auto selects the fastest mode that fits.
    #[arg(long, default_value = "auto", hide_short_help = true, help_heading = MEMORY)]
    pub mode: String,
    /// Device: cpu, cuda (the first NVIDIA GPU), cuda:N, wgpu (the first GPU of Metal, Vulkan, DX12), wgpu:N
    /// or wgpu:NAME
    #[arg(long, default_value = "cpu", hide_short_help = true, help_heading = MEMORY)]
    pub device: String,
    /// Memory budget of decoded layers, such as 64MiB or 2GB
    #[arg(long, value_name = "BYTES", value_parser = budget, help_heading = MEMORY)]
    pub memory: Option<u64>,
    /// Number of threads, 1 to 1024 [default: one per core]
    #[arg(long, value_name = "N", help_heading = MEMORY,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_THREADS))]
    pub threads: Option<usize>,
    /// Activations in matrix products: f32, i8 or fake:BITS
    ///
    /// i8 are 8-bit integers with a scale for each 32 columns. fake:BITS rounds the inputs of products to
    /// 2^BITS - 1 levels, up to the largest magnitude of a row, and multiplies floats: for studies.
    #[arg(long, default_value = "f32", value_parser = activations, hide_short_help = true,
        help_heading = MEMORY)]
    pub activations: ActivationType,
    /// Type of the KV cache
    #[arg(long, default_value = "f16", hide_short_help = true, help_heading = MEMORY)]
    pub cache: CacheArg,
    /// Context length in tokens, prompt and output together [default: that of the model]
    #[arg(long, value_name = "TOKENS", help_heading = MEMORY,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub context: Option<usize>,
    /// Print where each tensor is stored, and why
    #[arg(short, long)]
    pub verbose: bool,
}

impl EngineArgs {
    /// The default options for `model`.
    pub fn new(model: &Path) -> Self {
        Self {
            model: model.to_owned(),
            mode: "auto".to_owned(),
            device: "cpu".to_owned(),
            memory: None,
            threads: None,
            activations: ActivationType::F32,
            cache: CacheArg::F16,
            context: None,
            verbose: false,
        }
    }
}

fn activations(text: &str) -> Result<ActivationType, String> {
    text.parse().map_err(|_| "expected f32, i8 or fake:BITS with 1 to 16 bits".to_owned())
}

/// Type of the KV cache.
#[derive(Clone, Copy, ValueEnum)]
pub enum CacheArg {
    F32,
    F16,
    Bf16,
    I8,
}

impl CacheArg {
    /// The element type of the cache.
    pub fn element(self) -> Element {
        match self {
            Self::F32 => Element::F32,
            Self::F16 => Element::F16,
            Self::Bf16 => Element::Bf16,
            Self::I8 => Element::I8,
        }
    }
}

/// Sampling options.
#[derive(Args)]
pub struct SamplingArgs {
    /// Always take the most likely token
    #[arg(long, help_heading = SAMPLING)]
    pub greedy: bool,
    /// Temperature, 0 or more; 0 is the same as --greedy
    #[arg(long, default_value_t = 0.8, value_name = "T", help_heading = SAMPLING)]
    pub temperature: f32,
    /// Sample from the N most likely tokens; 0 for all
    #[arg(long, default_value_t = 40, value_name = "N", hide_short_help = true, help_heading = SAMPLING)]
    pub top_k: usize,
    /// Sample from the most likely tokens with total probability P: above 0, at most 1
    #[arg(long, default_value_t = 0.95, value_name = "P", hide_short_help = true, help_heading = SAMPLING)]
    pub top_p: f32,
    /// Drop tokens less likely than P times the most likely token: 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "P", hide_short_help = true, help_heading = SAMPLING)]
    pub min_p: f32,
    /// Penalty on tokens among the last 64; 1 for none
    #[arg(long, default_value_t = 1.0, value_name = "X", hide_short_help = true, help_heading = SAMPLING)]
    pub repetition_penalty: f32,
    /// Random seed; the same seed gives the same text
    #[arg(long, default_value_t = 0, value_name = "N", help_heading = SAMPLING)]
    pub seed: u64,
}

/// Speculative decoding.
#[derive(Args, Clone)]
pub struct DraftArgs {
    /// Draft model: a smaller .ecq file with the same tokenizer
    ///
    /// The draft model proposes tokens, several of which the model checks in one step. The text does not
    /// change.
    #[arg(long, value_name = "ECQ", hide_short_help = true, help_heading = DRAFT)]
    pub draft: Option<PathBuf>,
    /// Number of tokens that the draft model proposes per step
    #[arg(long, value_name = "N", default_value_t = 4, requires = "draft", hide_short_help = true,
        help_heading = DRAFT)]
    pub draft_tokens: usize,
}

/// Where a generated text ends.
#[derive(Args)]
pub struct GenerationArgs {
    /// Maximum number of new tokens; -1 for no limit [default: 128; 512 in a chat]
    #[arg(short = 'n', long, visible_alias = "tokens", value_name = "N", value_parser = token_limit)]
    pub max_tokens: Option<usize>,
    /// Stop before this string (repeatable)
    #[arg(long, value_name = "STRING", allow_hyphen_values = true)]
    pub stop: Vec<String>,
}

/// Arguments of `ecq run`.
#[derive(Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub sampling: SamplingArgs,
    #[command(flatten)]
    pub draft: DraftArgs,
    /// Prompt; - reads it from standard input
    #[arg(
        short,
        long,
        value_name = "TEXT",
        allow_hyphen_values = true,
        required_unless_present = "file",
        conflicts_with = "file"
    )]
    pub prompt: Option<String>,
    /// Read the prompt from a file; a final line break is dropped
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub generation: GenerationArgs,
    /// Continue after end-of-text tokens
    #[arg(long, hide_short_help = true)]
    pub ignore_end: bool,
    /// Number of completions; the prompt is processed once for all of them
    #[arg(long, value_name = "N", default_value = "1", hide_short_help = true,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..))]
    pub samples: usize,
    /// With --json, add log-probabilities of each token and of the N most likely tokens
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub log_probs: Option<usize>,
}

/// Arguments of `ecq chat`.
#[derive(Args)]
pub struct ChatArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub sampling: SamplingArgs,
    #[command(flatten)]
    pub draft: DraftArgs,
    /// System prompt
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub system: Option<String>,
    #[command(flatten)]
    pub generation: GenerationArgs,
}
