//! Several engines and threads share a model and its slots.

use super::models::{MODES, embedded, engine, load, packed};
use ecq_runtime::backend::ActivationType;
use ecq_runtime::{Model, Request};
use std::ops::ControlFlow;
use std::sync::Arc;

fn text(model: &Arc<Model>, number: u32, tokens: usize) -> Vec<u32> {
    let mut engine = engine(model, None, 1);
    let prompt = (0..5 + number).map(|i| i * 37 % 900 + 5).collect();
    let done = engine.complete(Request::new(prompt, tokens), |_| ControlFlow::Continue(())).unwrap();
    done[0].tokens.clone()
}

#[test]
fn engines_on_several_threads_share_a_model() {
    let (file, _folder) = packed(&embedded(), "affine:4:64");
    for mode in MODES {
        let model = load(&file, mode, ActivationType::F32, 2);
        let alone: Vec<Vec<u32>> = (0..8).map(|number| text(&model, number, 16)).collect();
        for threads in [2, 8] {
            let together: Vec<Vec<u32>> = std::thread::scope(|scope| {
                let model = &model;
                let all = (0..threads).map(|number| scope.spawn(move || text(model, number, 16)));
                all.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(together, alone[..threads as usize], "{mode}, {threads} threads");
        }
    }
}

#[test]
fn two_engines_alternate_on_one_thread() {
    let (file, _folder) = packed(&embedded(), "affine:4:64");
    for mode in MODES {
        let model = load(&file, mode, ActivationType::F32, 1);
        let mut engines = [engine(&model, None, 1), engine(&model, None, 1)];
        let mut found = [Vec::new(), Vec::new()];
        for (number, engine) in engines.iter_mut().enumerate() {
            let prompt = (0..5 + number as u32).map(|i| i * 37 % 900 + 5).collect();
            engine.submit(Request::new(prompt, 12)).unwrap();
        }
        while engines.iter().any(|engine| !engine.is_idle()) {
            for (engine, found) in engines.iter_mut().zip(&mut found) {
                for event in engine.step() {
                    if let ecq_runtime::EventKind::Token { token, .. } = event.kind {
                        found.push(token);
                    }
                }
            }
        }
        assert_eq!(found[0], text(&model, 0, 12), "{mode}");
        assert_eq!(found[1], text(&model, 1, 12), "{mode}");
    }
}
