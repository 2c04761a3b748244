//! The wgpu device generates the tokens of the CPU, in every mode; prints SKIPPED without an adapter.

use super::models::{MODES, embedded, engine, tokenizer};
use ecq_codec::encode::{CodingChoice, EncodeOptions};
use ecq_core::{Coding, Limits};
use ecq_pack::source::{self, Source};
use ecq_pack::{GridChoice, PackOptions, pack};
use ecq_runtime::backend::{Backend, Cpu, CpuOptions};
use ecq_runtime::{Checkpoint, LoadOptions, Mode, Model, Request};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// Opens the adapter that `ECQ_WGPU` names, or prints why it cannot.
fn gpu() -> Option<Arc<ecq_wgpu::Gpu>> {
    let options = std::env::var("ECQ_WGPU").unwrap_or_default().parse();
    match options.and_then(|options| ecq_wgpu::Gpu::open(&options)) {
        Ok(gpu) => Some(gpu),
        Err(error) => {
            println!("SKIPPED: {error}");
            None
        }
    }
}

/// Returns greedy tokens; in `lru` half of the layers stay decoded.
fn tokens(file: &Path, backend: Arc<dyn Backend>, mode: Mode, prompt: &[u32], tokens: usize) -> Vec<u32> {
    let checkpoint = Checkpoint::open(file, &Limits::default()).unwrap();
    let budget_bytes = Some(Model::sizes(&checkpoint).unwrap().total() / 2);
    let options = LoadOptions { mode, budget_bytes, free_bytes: None };
    let model = Arc::new(Model::load(&checkpoint, backend, options).unwrap());
    let mut engine = engine(&model, None, 1);
    let done = engine.complete(Request::new(prompt.to_vec(), tokens), |_| ControlFlow::Continue(())).unwrap();
    done[0].tokens.clone()
}

fn agrees(
    source: &dyn Source,
    prompt: Option<&str>,
    coding: Coding,
    options: PackOptions,
    (modes, count): (&[Mode], usize),
) {
    let Some(gpu) = gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.ecq");
    let coding_choice = CodingChoice::Only(coding);
    let encode = EncodeOptions { coding: coding_choice, hybrid_percent: 0.0, ..EncodeOptions::default() };
    pack(source, "m", Some(&file), &PackOptions { encode, ..options }, &()).unwrap();
    let prompt = match prompt {
        Some(text) => tokenizer(&file).encode(text, true).unwrap(),
        None => (0..9).map(|i| i * 41 % 384).collect(),
    };
    let cpu = Cpu::new(CpuOptions { threads: 2, ..CpuOptions::default() }).unwrap();
    let expected = tokens(&file, Arc::new(cpu), Mode::Cached, &prompt, count);
    assert_eq!(expected.len(), count);
    for &mode in modes {
        let wgpu = Arc::new(ecq_wgpu::Wgpu::on(gpu.clone()));
        let found = tokens(&file, wgpu, mode, &prompt, count);
        assert_eq!(found, expected, "{mode} {coding:?}");
    }
    println!("{coding:?}: {count} tokens in {} modes are those of the CPU", modes.len());
}

fn on_grid(grid: &str) -> PackOptions {
    let grid = GridChoice::parse(grid).unwrap();
    PackOptions { linear: grid, embedding: grid, ..PackOptions::quantizing() }
}

#[test]
fn tokens_are_those_of_the_cpu() {
    let source = source::open(&embedded(), &Limits::default()).unwrap();
    for coding in [Coding::Rans, Coding::Prefix] {
        agrees(&*source, Some("In the beginning"), coding, on_grid("affine:4:64"), (&MODES, 16));
    }
}

/// A prompt that takes tiles of many rows: of 64, of 32, and what is left.
#[test]
fn tokens_after_a_long_prompt_are_those_of_the_cpu() {
    let source = source::open(&embedded(), &Limits::default()).unwrap();
    let prompt = "In the beginning there was a small house, and in it lived an old woman. ".repeat(6);
    for (coding, grid) in [(Coding::Rans, "affine:4:64"), (Coding::Prefix, "uniform:3.5")] {
        agrees(&*source, Some(&prompt), coding, on_grid(grid), (&MODES, 8));
    }
}

#[test]
fn tokens_on_a_trellis_grid_are_those_of_the_cpu() {
    let source = source::open(&embedded(), &Limits::default()).unwrap();
    for coding in [Coding::Rans, Coding::Prefix] {
        agrees(&*source, Some("In the beginning"), coding, on_grid("uniform:3.5"), (&MODES, 16));
    }
    let mut grid = GridChoice::parse("uniform:3.5").unwrap();
    grid.set_trellis("12x288").unwrap();
    let options = PackOptions { linear: grid, embedding: grid, ..PackOptions::quantizing() };
    agrees(&*source, Some("In the beginning"), Coding::Tuples, options, (&MODES, 16));
}

#[test]
fn tokens_of_experts_are_those_of_the_cpu() {
    let folder = tempfile::tempdir().unwrap();
    ecq_fixtures::checkpoint::experts_model(folder.path()).unwrap();
    let source = source::open(folder.path(), &Limits::default()).unwrap();
    agrees(&*source, None, Coding::Rans, on_grid("affine:4:32"), (&MODES, 12));
}

#[test]
fn tokens_of_a_real_model_are_those_of_the_cpu() {
    if let Some(path) = ecq_fixtures::installed("SmolLM2-135M-Instruct.Q4_1.gguf") {
        let source = source::open(&path, &Limits::default()).unwrap();
        // The first two are those whose kernels differ; a software driver takes long.
        let prompt = Some("The capital of France is");
        agrees(&*source, prompt, Coding::Rans, on_grid("keep"), (&MODES[..2], 3));
    }
}
