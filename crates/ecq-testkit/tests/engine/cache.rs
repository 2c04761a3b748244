//! What the cache of keys and values reuses, and what it holds.

use super::models::{embedded, engine, load, packed, windowed};
use ecq_core::Element;
use ecq_runtime::backend::ActivationType;
use ecq_runtime::kv::KvOptions;
use ecq_runtime::{
    Batch, Completion, Engine, EngineOptions, Executor, ExecutorOptions, LogitsSelection, Mode, Request,
};
use serde_json::Value;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

fn complete(engine: &mut Engine, request: Request) -> Completion {
    engine.complete(request, |_| ControlFlow::Continue(())).unwrap().remove(0)
}

fn prompt(shared: usize, own: u32) -> Vec<u32> {
    (0..shared as u32).map(|i| i * 31 % 380).chain((0..20).map(|i| (i * 7 + own * 13) % 380)).collect()
}

#[test]
fn a_shared_prompt_runs_once() {
    let files = [packed(&embedded(), "affine:4:64"), windowed("affine:4:32")];
    for (file, _) in &files {
        let model = load(file, Mode::Cached, ActivationType::F32, 2);
        let kv = KvOptions { positions: Some(1000), ..KvOptions::default() };
        let executor = ExecutorOptions { kv, ..ExecutorOptions::default() };
        let options = EngineOptions { executor, ..EngineOptions::default() };
        let fresh = || Engine::new(model.clone(), None, options).unwrap();
        let (first, second) = (prompt(400, 1), prompt(400, 2));
        let mut engine = fresh();
        assert_eq!(complete(&mut engine, Request::new(first.clone(), 8)).usage.cached_tokens, 0);
        let again = complete(&mut engine, Request::new(second.clone(), 8));
        assert_eq!(again.usage.cached_tokens, 400, "the rest alone is run");
        let alone = complete(&mut fresh(), Request::new(second.clone(), 8));
        assert_eq!((again.tokens, alone.usage.cached_tokens), (alone.tokens, 0));
        // The same prompt again: all whole blocks before its last token.
        let same = complete(&mut engine, Request::new(second.clone(), 8));
        assert_eq!(same.usage.cached_tokens, 416);
        // Another salt shares nothing.
        let apart = complete(&mut engine, Request { salt: 9, ..Request::new(second, 8) });
        assert_eq!(apart.usage.cached_tokens, 0);
    }
}

#[test]
fn a_conversation_is_read_once() {
    let (file, _folder) = packed(&embedded(), "affine:4:64");
    let model = load(&file, Mode::Cached, ActivationType::F32, 2);
    let mut engine = engine(&model, None, 1);
    let first = complete(&mut engine, Request::new(prompt(40, 3), 24));
    let text = [prompt(40, 3), first.tokens, prompt(10, 4)].concat();
    let second = complete(&mut engine, Request::new(text.clone(), 4));
    // The last token of the answer was never run; blocks have 16 positions.
    assert_eq!(second.usage.cached_tokens, (60 + 24 - 1) / 16 * 16);
    assert_eq!(second.tokens, complete(&mut engine, Request { salt: 1, ..Request::new(text, 4) }).tokens);
}

#[test]
fn sequences_of_one_prompt_hold_it_once() {
    let (file, _folder) = packed(&embedded(), "affine:4:64");
    let model = load(&file, Mode::Cached, ActivationType::F32, 2);
    let used = |sequences: usize| {
        let mut engine = engine(&model, None, 16);
        let request = Request { sequences, ..Request::new(prompt(140, 5), 16) };
        let mut most = 0;
        engine.submit(request).unwrap();
        while !engine.is_idle() {
            engine.step();
            most = most.max(engine.executor().pool().used_bytes());
        }
        most
    };
    let (one, sixteen) = (used(1), used(16));
    // 160 positions are ten blocks, shared; each sequence adds one of its own.
    assert!(sixteen < 3 * one, "{sixteen} bytes for 16 sequences, {one} for one");
    assert!(sixteen > one);
}

#[test]
fn every_element_type_is_near_single_precision() {
    let (file, _folder) = packed(&embedded(), "affine:4:64");
    let model = load(&file, Mode::Cached, ActivationType::F32, 2);
    let logits = |element: Element| {
        let kv = KvOptions { element, ..KvOptions::default() };
        let options = ExecutorOptions { kv, ..ExecutorOptions::default() };
        let mut executor = Executor::new(model.clone(), options).unwrap();
        let (mut sequence, mut batch) = (executor.sequence(), Batch::new());
        batch.push(&mut sequence, &prompt(100, 1), 120, LogitsSelection::Last).unwrap();
        let mut found = Vec::new();
        executor.logits(&batch, |_, logits| found.extend_from_slice(logits)).unwrap();
        (found, executor.pool().used_bytes())
    };
    let (exact, whole) = logits(Element::F32);
    let spread = exact.iter().fold(0f32, |most, x| most.max(x.abs()));
    for (element, within, part) in
        [(Element::F16, 2e-3, 0.5), (Element::Bf16, 2e-2, 0.5), (Element::I8, 3e-2, 0.27)]
    {
        let (found, bytes) = logits(element);
        let off = found.iter().zip(&exact).fold(0f32, |off, (a, b)| off.max((a - b).abs()));
        assert!(off > 0.0 && off <= within * spread, "{element}: {off} of {spread}");
        assert!(bytes as f64 <= part * whole as f64, "{element}: {bytes} of {whole} bytes");
    }
}

/// Multiplies the floats of a tensor in a safetensors file.
fn scale_tensor(file: &Path, tensor: &str, factor: f32) {
    let mut bytes = fs::read(file).unwrap();
    let data = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..data]).unwrap();
    let [from, to] = [0, 1].map(|i| data + header[tensor]["data_offsets"][i].as_u64().unwrap() as usize);
    for float in bytes[from..to].chunks_exact_mut(4) {
        let scaled = factor * f32::from_le_bytes(float.try_into().unwrap());
        float.copy_from_slice(&scaled.to_le_bytes());
    }
    fs::write(file, bytes).unwrap();
}

#[test]
fn values_beyond_halves_are_said_and_other_types_hold_them() {
    let folder = tempfile::tempdir().unwrap();
    ecq_fixtures::checkpoint::windowed_model(folder.path()).unwrap();
    let weights = folder.path().join("model.safetensors");
    scale_tensor(&weights, "model.layers.2.self_attn.v_proj.weight", 1e8);
    let (file, _packed) = packed(folder.path(), "affine:4:32");
    let model = load(&file, Mode::Cached, ActivationType::F32, 1);
    let run = |element| {
        let kv = KvOptions { element, ..KvOptions::default() };
        let executor = ExecutorOptions { kv, ..ExecutorOptions::default() };
        let options = EngineOptions { executor, ..EngineOptions::default() };
        let mut engine = Engine::new(model.clone(), None, options).unwrap();
        engine.complete(Request::new(prompt(20, 1), 8), |_| ControlFlow::Continue(()))
    };
    let error = run(Element::F16).unwrap_err();
    assert_eq!(error.kind(), "option");
    let words = error.to_string();
    assert!(words.contains("cache of f16") && words.contains("bf16 or f32"), "{words}");
    let expected = run(Element::F32).unwrap().remove(0).tokens;
    for element in [Element::Bf16, Element::I8] {
        assert_eq!(run(element).unwrap().remove(0).tokens.len(), expected.len(), "{element:?}");
    }
}
