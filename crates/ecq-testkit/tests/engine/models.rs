//! Models for the tests.

use ecq_core::Limits;
use ecq_pack::source;
use ecq_pack::{GridChoice, PackOptions, pack};
use ecq_runtime::backend::{ActivationType, Cpu, CpuOptions};
use ecq_runtime::kv::KvOptions;
use ecq_runtime::{Checkpoint, Engine, EngineOptions, ExecutorOptions, LoadOptions, Mode, Model, Tokenizer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// The modes that the CPU supports.
pub const MODES: [Mode; 4] = [Mode::Fused, Mode::Cached, Mode::Lru, Mode::Prefetch];

/// Returns the path of the embedded model.
pub fn embedded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecq-cli/assets/tiny.ecq")
}

/// Packs a checkpoint on a grid; returns the file and its temporary folder.
pub fn packed(checkpoint: &Path, grid: &str) -> (PathBuf, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.ecq");
    let source = source::open(checkpoint, &Limits::default()).unwrap();
    let grid = GridChoice::parse(grid).unwrap();
    let options = PackOptions { linear: grid, embedding: grid, ..PackOptions::quantizing() };
    pack(&*source, "model", Some(&file), &options, &()).unwrap();
    (file, folder)
}

/// Packs a random model in which some layers have windows.
pub fn windowed(grid: &str) -> (PathBuf, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    ecq_fixtures::checkpoint::windowed_model(folder.path()).unwrap();
    packed(folder.path(), grid)
}

/// Loads a model; in `lru` half of its layers stay decoded.
pub fn load(file: &Path, mode: Mode, activations: ActivationType, threads: usize) -> Arc<Model> {
    let checkpoint = Checkpoint::open(file, &Limits::default()).unwrap();
    let blocks = Model::sizes(&checkpoint).unwrap().blocks;
    let budget_bytes = Some(blocks.iter().sum::<u64>() / 2);
    let cpu = Arc::new(Cpu::new(CpuOptions { threads, activations }).unwrap());
    Arc::new(Model::load(&checkpoint, cpu, LoadOptions { mode, budget_bytes, free_bytes: None }).unwrap())
}

/// Loads the tokenizer of a model file.
pub fn tokenizer(file: &Path) -> Arc<Tokenizer> {
    Arc::new(Tokenizer::from_checkpoint(&Checkpoint::open(file, &Limits::default()).unwrap()).unwrap())
}

/// Creates an engine with a cache for `sequences` sequences of 256 tokens.
pub fn engine(model: &Arc<Model>, tokenizer: Option<Arc<Tokenizer>>, sequences: usize) -> Engine {
    let kv = KvOptions { sequences, positions: Some(256 * sequences), ..KvOptions::default() };
    let executor = ExecutorOptions { kv, ..ExecutorOptions::default() };
    Engine::new(model.clone(), tokenizer, EngineOptions { executor, ..EngineOptions::default() }).unwrap()
}
