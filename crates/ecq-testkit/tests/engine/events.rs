//! Events and results of requests.

use super::models::{embedded, engine, load, tokenizer};
use ecq_core::Limits;
use ecq_runtime::backend::ActivationType;
use ecq_runtime::{
    Checkpoint, Completion, Engine, EngineOptions, EventKind, FinishReason, Mode, Model, PromptOutput,
    Request, RuntimeError, SampleOptions, TokenMask,
};
use std::ops::ControlFlow;
use std::sync::Arc;

fn model() -> Arc<Model> {
    load(&embedded(), Mode::Cached, ActivationType::F32, 2)
}

fn with_text(sequences: usize) -> Engine {
    engine(&model(), Some(tokenizer(&embedded())), sequences)
}

fn request(tokens: usize) -> Request {
    Request::new(tokenizer(&embedded()).encode("The Debian project is", true).unwrap(), tokens)
}

fn complete(engine: &mut Engine, request: Request) -> Completion {
    engine.complete(request, |_| ControlFlow::Continue(())).unwrap().remove(0)
}

#[test]
fn event_texts_join_to_the_decoded_text() {
    let mut engine = with_text(1);
    let done = complete(&mut engine, request(40));
    assert_eq!(done.text, tokenizer(&embedded()).decode(&done.tokens).unwrap());
    assert_eq!((done.tokens.len(), done.reason, done.reason.name()), (40, FinishReason::MaxTokens, "length"));
    assert_eq!((done.usage.new_tokens, done.usage.steps), (40, 39));
    assert!(engine.is_idle() && engine.step().is_empty());
}

#[test]
fn a_stop_string_ends_the_text_before_it() {
    let mut engine = with_text(1);
    let whole = complete(&mut engine, request(40));
    // A string from the middle of the text that starts within a word.
    let start = whole.text.char_indices().nth(50).unwrap().0;
    let end = whole.text.char_indices().nth(58).unwrap().0;
    let stop = whole.text[start..end].to_owned();
    let first = whole.text.find(&stop).unwrap();
    let done = complete(&mut engine, Request { stop: vec!["never said".to_owned(), stop], ..request(40) });
    assert_eq!(done.text, whole.text[..first]);
    assert_eq!((done.reason, done.reason.name()), (FinishReason::StopString, "stop"));
    assert!(done.tokens.len() < 40 && whole.tokens.starts_with(&done.tokens));
    // At no step may more text be emitted than the final text has.
    let stop = vec![whole.text[start..end].to_owned()];
    let mut shown = String::new();
    let all = engine.complete(Request { stop, ..request(40) }, |event| {
        if let EventKind::Token { text, .. } = &event.kind {
            shown.push_str(text);
            assert!(whole.text[..first].starts_with(&shown));
        }
        ControlFlow::Continue(())
    });
    assert_eq!(all.unwrap()[0].reason, FinishReason::StopString);
}

#[test]
fn sequences_of_a_request_use_different_seeds() {
    let sampling = SampleOptions { temperature: 1.0, seed: 5, ..SampleOptions::GREEDY };
    let three = Request { sampling, sequences: 3, ..request(12) };
    let mut engine = with_text(2);
    let all = engine.complete(three, |_| ControlFlow::Continue(())).unwrap();
    let texts: Vec<&Vec<u32>> = all.iter().map(|one| &one.tokens).collect();
    assert!(texts[0] != texts[1] && texts[1] != texts[2] && texts[0] != texts[2]);
    assert_eq!(*texts[0], complete(&mut engine, Request { sampling, ..request(12) }).tokens);
}

#[test]
fn reported_log_probabilities_are_consistent() {
    let mut engine = with_text(1);
    let mut rows = 0;
    let asked = Request { log_probs: Some(3), ..request(8) };
    engine
        .complete(asked, |event| {
            if let EventKind::Token { token, log_probs: Some(found), .. } = &event.kind {
                // With greedy decoding the token is the most likely one.
                assert_eq!((found.top.len(), found.top[0].0), (3, *token));
                assert_eq!(found.top[0].1, found.token);
                assert!(found.token < 0.0 && found.top.is_sorted_by(|a, b| a.1 >= b.1));
                rows += 1;
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(rows, 8);
}

/// Allows a list of tokens at each step.
#[derive(Clone)]
struct Script(Vec<Vec<u32>>);

impl TokenMask for Script {
    fn apply(&mut self, logits: &mut [f32]) {
        let allowed = &self.0[0];
        let masked = (0..).zip(logits).filter(|(token, _)| !allowed.contains(token));
        masked.for_each(|(_, logit)| *logit = f32::NEG_INFINITY);
    }

    fn accept(&mut self, token: u32) {
        assert!(self.0.remove(0).contains(&token));
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(self.clone())
    }
}

#[test]
fn masks_and_biases_restrict_requests() {
    let mut engine = with_text(1);
    let script = Script(vec![vec![5], vec![7, 9], vec![300]]);
    let done = complete(&mut engine, Request { mask: Some(Box::new(script)), ..request(3) });
    assert_eq!((done.tokens[0], done.tokens[2]), (5, 300));
    assert!([7, 9].contains(&done.tokens[1]));
    let biased = complete(&mut engine, Request { logit_bias: vec![(123, 1e4)], ..request(3) });
    assert_eq!(biased.tokens, [123; 3]);
}

#[test]
fn cancelling_ends_running_and_waiting_requests() {
    let mut engine = with_text(1);
    let [running, waiting] =
        [(); 2].map(|()| engine.submit(Request { sequences: 2, ..request(50) }).unwrap());
    engine.step();
    assert_eq!(engine.sequence_counts(), (1, 2));
    assert!(engine.cancel(waiting) && engine.cancel(running) && !engine.cancel(running));
    let ended = engine.step();
    let cancelled =
        |kind: &EventKind| matches!(kind, EventKind::Finished { reason: FinishReason::Cancelled, .. });
    assert!(ended.iter().all(|event| cancelled(&event.kind)));
    let mut sequences: Vec<_> = ended.iter().map(|event| (event.request, event.sequence)).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, [(running, 0), (running, 1), (waiting, 0), (waiting, 1)]);
    assert!(engine.is_idle());
    assert_eq!(engine.executor().pool().usage()[0].used, 0);
}

#[test]
fn prompt_logits_are_complete_and_in_order() {
    let model = model();
    let mut engine = Engine::new(model.clone(), None, EngineOptions::default()).unwrap();
    let prompt: Vec<u32> = (0..300).map(|i| i * 17 % 900).collect();
    let (mut next, mut last) = (0, Vec::new());
    let asked = Request { prompt_output: PromptOutput::Logits, ..Request::new(prompt.clone(), 0) };
    let done = engine.complete(asked, |event| {
        if let EventKind::PromptLogits { rows, logits } = &event.kind {
            assert_eq!((rows.start, logits.len()), (next, rows.len() * model.config().vocabulary));
            (next, last) = (rows.end, logits[logits.len() - model.config().vocabulary..].to_vec());
        }
        ControlFlow::Continue(())
    });
    assert_eq!((next, done.unwrap()[0].reason), (300, FinishReason::MaxTokens));
    // The most likely token after the last row is the token that would be generated.
    let token = complete(&mut engine, Request::new(prompt, 1)).tokens[0];
    assert_eq!(ecq_runtime::argmax(&last), Some(token));
}

#[test]
fn states_of_prompts_are_the_input_of_the_head() {
    let model = model();
    let (hidden, vocabulary) = (model.config().hidden, model.config().vocabulary);
    let checkpoint = Checkpoint::open(&embedded(), &Limits::default()).unwrap();
    // The embedded model has no head of its own.
    let head = checkpoint.matrix(&model.config().embedding, [vocabulary, hidden]).unwrap().to_f32().unwrap();
    // Longer than a step, so that it runs in chunks, beside a sequence that generates.
    let prompt: Vec<u32> = (0..300).map(|i| i * 17 % 900).collect();
    let mut engine = Engine::new(model.clone(), None, EngineOptions::default()).unwrap();
    let expected = complete(&mut engine, request(20)).tokens;
    let asked = |prompt_output| Request { prompt_output, ..Request::new(prompt.clone(), 0) };
    let generating = engine.submit(request(20)).unwrap();
    let states_of = engine.submit(asked(PromptOutput::States)).unwrap();
    let logits_of = engine.submit(asked(PromptOutput::Logits)).unwrap();
    let (mut states, mut logits, mut tokens) = (Vec::new(), Vec::new(), Vec::new());
    while !engine.is_idle() {
        for event in engine.step() {
            match event.kind {
                EventKind::PromptStates { rows, states: new } => {
                    assert_eq!((event.request, rows.start * hidden), (states_of, states.len()));
                    assert_eq!(new.len(), rows.len() * hidden);
                    states.extend(new);
                }
                EventKind::PromptLogits { logits: new, .. } => {
                    assert_eq!(event.request, logits_of);
                    logits.extend(new);
                }
                EventKind::Token { token, .. } => {
                    assert_eq!(event.request, generating);
                    tokens.push(token);
                }
                EventKind::Finished { .. } => {}
                EventKind::Failed { error, .. } => panic!("{error}"),
            }
        }
    }
    assert_eq!(tokens, expected);
    assert_eq!((states.len(), logits.len()), (300 * hidden, 300 * vocabulary));
    for (row, (state, logits)) in states.chunks(hidden).zip(logits.chunks(vocabulary)).enumerate() {
        // A part of the vocabulary, another one in each row.
        for token in (row % 37..vocabulary).step_by(37) {
            let weights = &head[token * hidden..(token + 1) * hidden];
            let product = |(a, b): (&f32, &f32)| f64::from(*a) * f64::from(*b);
            let (sum, size) = state
                .iter()
                .zip(weights)
                .map(product)
                .fold((0.0, 0.0), |(sum, size), term| (sum + term, size + f64::abs(term)));
            let error = (sum - f64::from(logits[token])).abs();
            assert!(error <= 1e-5 * size, "row {row}, token {token}: {sum}, {}", logits[token]);
        }
    }
}

#[test]
fn invalid_requests_are_rejected_at_submission() {
    let mut engine = Engine::new(model(), None, EngineOptions::default()).unwrap();
    let context = engine.executor().context();
    let refused = |engine: &mut Engine, request: Request| engine.submit(request).unwrap_err();
    assert!(matches!(refused(&mut engine, Request::new(vec![], 1)), RuntimeError::InvalidInput(_)));
    let long = Request::new(vec![1; context + 1], 1);
    assert!(matches!(refused(&mut engine, long), RuntimeError::ContextFull { .. }));
    assert!(matches!(
        refused(&mut engine, Request::new(vec![1 << 20], 1)),
        RuntimeError::UnknownToken { .. }
    ));
    let stop = Request { stop: vec!["x".to_owned()], ..Request::new(vec![1], 1) };
    assert!(matches!(refused(&mut engine, stop), RuntimeError::Missing { .. }));
    let sampling = SampleOptions { temperature: -1.0, ..SampleOptions::GREEDY };
    let wrong = Request { sampling, ..Request::new(vec![1], 1) };
    assert!(matches!(refused(&mut engine, wrong), RuntimeError::OutOfRange { .. }));
    assert!(engine.is_idle());
}

#[test]
fn a_text_ends_when_the_context_is_full() {
    let model = model();
    let mut options = EngineOptions::default();
    options.executor.context = Some(24);
    let mut engine = Engine::new(model, None, options).unwrap();
    let done = complete(&mut engine, Request::new(vec![5; 20], 50));
    // The newest token needs no position.
    assert_eq!((done.tokens.len(), done.reason), (5, FinishReason::ContextFull));
    assert_eq!(complete(&mut engine, Request::new(vec![5; 24], 50)).tokens.len(), 1);
}
