//! Models with experts: the same tokens in every mode, and nothing decoded that no router chose.

use super::models::{MODES, engine, packed};
use ecq_codec::encode::{CodingChoice, EncodeOptions};
use ecq_core::{Coding, Limits};
use ecq_pack::{
    CheckpointFormat, CheckpointOptions, GridChoice, PackOptions, export_checkpoint, pack, source, verify,
};
use ecq_runtime::backend::{Cpu, CpuOptions};
use ecq_runtime::{Checkpoint, DecodeStats, LoadOptions, Mode, Model, Request, Residence, SampleOptions};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const LAYERS: u64 = 4;
const EXPERTS: u64 = 6;
const TOP_K: u64 = 2;

fn checkpoint() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    ecq_fixtures::checkpoint::experts_model(folder.path()).unwrap();
    folder
}

/// Loads a model; `part` of what it takes decoded is its budget.
fn load(file: &Path, mode: Mode, part: u64) -> Arc<Model> {
    let checkpoint = Checkpoint::open(file, &Limits::default()).unwrap();
    let budget = Some(Model::sizes(&checkpoint).unwrap().all() / part);
    let cpu = Arc::new(Cpu::new(CpuOptions { threads: 2, ..CpuOptions::default() }).unwrap());
    Arc::new(Model::load(&checkpoint, cpu, LoadOptions { mode, budget, free: None }).unwrap())
}

/// Tokens of two sequences that are drawn, and what decoding cost.
fn texts(model: &Arc<Model>, tokens: usize) -> (Vec<Vec<u32>>, DecodeStats) {
    let mut engine = engine(model, None, 2);
    let sampling = SampleOptions { temperature: 1.0, seed: 3, ..SampleOptions::GREEDY };
    let prompt = (0..9).map(|i| i * 41 % 384).collect();
    let request = Request { sampling, sequences: 2, log_probs: Some(0), ..Request::new(prompt, tokens) };
    let done = engine.complete(request, |_| ControlFlow::Continue(())).unwrap();
    (done.into_iter().map(|done| done.tokens).collect(), engine.executor().residency())
}

#[test]
fn every_mode_and_coding_writes_the_same_text() {
    let folder = checkpoint();
    let source = source::open(folder.path(), &Limits::default()).unwrap();
    let mut first = None;
    for coding in [Coding::Rans, Coding::Prefix, Coding::Packed] {
        let file = folder.path().join("coded.ecq");
        let coding = CodingChoice::Only(coding);
        let encode = EncodeOptions { coding, hybrid_percent: 0.0, ..EncodeOptions::default() };
        let grid = GridChoice::parse("affine:4:32").unwrap();
        let options = PackOptions { linear: grid, embedding: grid, encode, ..PackOptions::quantizing() };
        pack(&*source, "model", Some(&file), &options, &()).unwrap();
        for mode in MODES {
            let (found, _) = texts(&load(&file, mode, 3), 24);
            assert!(found[0] != found[1]);
            assert_eq!(*first.get_or_insert_with(|| found.clone()), found, "{mode} {coding:?}");
        }
    }
}

#[test]
fn only_experts_that_were_chosen_are_decoded() {
    let folder = checkpoint();
    let (file, _packed) = packed(folder.path(), "affine:4:32");
    let steps = 30;
    let run = |part: u64| {
        let model = load(&file, Mode::Lru, part);
        let slots = model.plans().iter().filter(|planned| planned.plan.choice == Residence::Slot);
        assert!(slots.filter(|planned| planned.name.contains("experts")).count() > 0);
        let mut engine = engine(&model, None, 1);
        // A prompt of one token, so that every step has one row.
        let request = Request::new(vec![17], steps as usize);
        let done = engine.complete(request, |_| ControlFlow::Continue(())).unwrap();
        assert_eq!(done[0].tokens.len() as u64, steps);
        engine.executor().residency()
    };
    let (all, some) = (run(1), run(3));
    // Two of each layer's experts a step, and not all six.
    assert_eq!((all.expert_uses, some.expert_uses), (steps * LAYERS * TOP_K, steps * LAYERS * TOP_K));
    let decoded = |r: DecodeStats| r.expert_uses - r.expert_hits;
    // With room for all, each is decoded once at most.
    assert!(decoded(all) <= LAYERS * EXPERTS, "{all:?}");
    assert!(decoded(some) > decoded(all), "with less room some are decoded again: {some:?}");
}

#[test]
fn experts_are_packed_verified_and_exported() {
    let folder = checkpoint();
    let source = source::open(folder.path(), &Limits::default()).unwrap();
    let file: PathBuf = folder.path().join("lossless.ecq");
    pack(&*source, "model", Some(&file), &PackOptions::default(), &()).unwrap();
    assert!(verify(&file, Some(&*source), &Limits::default(), &()).unwrap().ok);
    let out = folder.path().join("export");
    let format = CheckpointFormat::Safetensors;
    let options = CheckpointOptions { format, dtype: None, shard_bytes: 1 << 30, strict: false };
    export_checkpoint(&file, &out, &options, &Limits::default(), &()).unwrap();
    let back = source::open(&out, &Limits::default()).unwrap();
    let names = |source: &dyn source::Source| {
        let mut names: Vec<String> = source.tensors().iter().map(|t| t.name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&*source), names(&*back));
}
