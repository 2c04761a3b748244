//! Arguments of `ecq serve`.

use super::engine::{DraftArgs, EngineArgs};
use super::numbers::byte_count;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use ecq_serve::Pooling;
use std::net::IpAddr;
use std::path::PathBuf;

const SERVER: &str = "Server";
const DEFAULTS: &str = "Sampling of requests that set none";

/// Arguments of `ecq serve`.
#[derive(Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub draft: DraftArgs,
    /// Further models, loaded when first used; NAME=MODEL gives a model another name than its file
    #[arg(value_name = "MODEL")]
    pub others: Vec<PathBuf>,
    /// Address to listen on; 0.0.0.0 lets other machines connect
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS", help_heading = SERVER)]
    pub host: IpAddr,
    /// Port to listen on; 0 for any free one
    #[arg(long, default_value_t = 8080, value_name = "PORT", help_heading = SERVER)]
    pub port: u16,
    /// Key that clients must send (repeatable) [default: none]
    #[arg(long, value_name = "KEY", help_heading = SERVER)]
    pub api_key: Vec<String>,
    /// File with one key per line, which the list of processes does not show
    #[arg(long, value_name = "FILE", help_heading = SERVER)]
    pub api_key_file: Option<PathBuf>,
    /// Sequences that run at once in each model; others wait
    #[arg(long, default_value_t = 4, value_name = "N", help_heading = SERVER,
        value_parser = RangedU64ValueParser::<usize>::new().range(1..=1024))]
    pub parallel: usize,
    /// Requests that wait; more are refused with status 429
    #[arg(long, default_value_t = 256, value_name = "N", hide_short_help = true, help_heading = SERVER)]
    pub queue: usize,
    /// Largest total memory of the weights of loaded models [default: no limit]
    #[arg(long, value_name = "BYTES", value_parser = byte_count, hide_short_help = true,
        help_heading = SERVER)]
    pub models_memory: Option<u64>,
    /// Chat template (Jinja) instead of the one in the model
    #[arg(long, value_name = "FILE", help_heading = SERVER)]
    pub chat_template: Option<PathBuf>,
    /// How the hidden states of a text become its embedding, unless the request says it: last (token), mean
    #[arg(long, default_value = "last", value_name = "POOLING", value_parser = pooling,
        hide_short_help = true, help_heading = SERVER)]
    pub pooling: Pooling,
    /// Origin of web pages that may use the server (repeatable), or * for all [default: none]
    #[arg(long, value_name = "ORIGIN", hide_short_help = true, help_heading = SERVER)]
    pub cors: Vec<String>,
    /// Largest request body
    #[arg(long, default_value = "16MiB", value_name = "BYTES", value_parser = byte_count,
        hide_short_help = true, help_heading = SERVER)]
    pub body: u64,
    /// Seconds that requests get to end when the server is stopped
    #[arg(long, default_value_t = 10, value_name = "SECONDS", hide_short_help = true, help_heading = SERVER)]
    pub grace: u64,
    /// Temperature, 0 or more
    #[arg(long, default_value_t = 0.8, value_name = "T", hide_short_help = true, help_heading = DEFAULTS)]
    pub temperature: f32,
    /// Sample from the N most likely tokens; 0 for all
    #[arg(long, default_value_t = 40, value_name = "N", hide_short_help = true, help_heading = DEFAULTS)]
    pub top_k: usize,
    /// Sample from the most likely tokens with total probability P: above 0, at most 1
    #[arg(long, default_value_t = 0.95, value_name = "P", hide_short_help = true, help_heading = DEFAULTS)]
    pub top_p: f32,
    /// Drop tokens less likely than P times the most likely token: 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "P", hide_short_help = true, help_heading = DEFAULTS)]
    pub min_p: f32,
}

fn pooling(name: &str) -> Result<Pooling, String> {
    Pooling::of_name(name).ok_or_else(|| "expected last or mean".to_owned())
}
