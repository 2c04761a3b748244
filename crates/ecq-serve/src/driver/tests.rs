//! Panics of one request and of the engine.

use super::*;
use ecq_runtime::backend::{Cpu, CpuOptions};
use ecq_runtime::{Checkpoint, EngineOptions, LoadOptions, Model, TokenMask, Tokenizer};

/// Panics at its third token.
struct Bomb(usize);

impl TokenMask for Bomb {
    fn apply(&mut self, _: &mut [f32]) {
        assert!(self.0 < 2, "a bug in a mask");
    }

    fn accept(&mut self, _: u32) {
        self.0 += 1;
    }

    fn fork(&self) -> Box<dyn TokenMask> {
        Box::new(Self(self.0))
    }
}

fn engines() -> impl Fn() -> Result<Engine, RuntimeError> + Send {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ecq-cli/assets/tiny.ecq");
    let checkpoint = Checkpoint::open(path.as_ref(), &Default::default()).unwrap();
    let backend = Arc::new(Cpu::new(CpuOptions { threads: 1, ..CpuOptions::default() }).unwrap());
    let model = Arc::new(Model::load(&checkpoint, backend, LoadOptions::default()).unwrap());
    let tokenizer = Arc::new(Tokenizer::from_checkpoint(&checkpoint).unwrap());
    move || Engine::new(model.clone(), Some(tokenizer.clone()), EngineOptions::default())
}

fn bomb() -> Request {
    Request { mask: Some(Box::new(Bomb(0))), ..request() }
}

fn request() -> Request {
    Request::new(vec![5, 6, 7], 6)
}

/// The tokens of a request, or its error.
async fn tokens(mut ticket: Ticket) -> Result<usize, ApiError> {
    let mut count = 0;
    loop {
        match ticket.next().await {
            Signal::Failed(error) => return Err(error),
            Signal::Event { kind: EventKind::Finished { .. }, .. } => return Ok(count),
            Signal::Event { .. } => count += 1,
        }
    }
}

#[tokio::test]
async fn a_panic_ends_one_request_or_one_engine_and_no_more() {
    let metrics = Arc::new(Metrics::new());
    let driver = Driver::start(metrics.clone()).unwrap();
    let make = engines();
    let model = driver.host(make().unwrap(), Box::new(make));
    let submit = |request| driver.submit(model, request, Failure::default());
    // A mask that panics fails its own request.
    let (bad, good) = (submit(bomb()).await.unwrap(), submit(request()).await.unwrap());
    let error = tokens(bad).await.unwrap_err();
    assert_eq!(error.status.as_u16(), 500);
    assert!(error.message().contains("panic"), "{error:?}");
    assert_eq!(tokens(good).await, Ok(6));
    assert_eq!(metrics.panics.get(), 0);
    // A panic in the engine itself, here of a mask that is not guarded, fails all of its requests, and the
    // next ones have a new engine.
    let good = submit(request()).await.unwrap();
    let (signals, mut of_bad) = mpsc::unbounded_channel();
    let (accepted, answer) = oneshot::channel();
    let submission = Submission { job: 99, model, request: bomb(), signals, accepted };
    driver.send(Command::Submit(Box::new(submission)));
    answer.await.unwrap().unwrap();
    while !matches!(of_bad.recv().await.unwrap(), Signal::Failed(_)) {}
    // It may have ended before the panic.
    let _ = tokens(good).await;
    assert_eq!(metrics.panics.get(), 1);
    assert_eq!(tokens(submit(request()).await.unwrap()).await, Ok(6));
    // Requests that the engine refuses, an unknown model, and the end.
    let empty = submit(Request::new(vec![], 1)).await.err().unwrap();
    assert_eq!(empty.status.as_u16(), 400);
    let unknown = driver.submit(ModelId(0), request(), Failure::default()).await.err().unwrap();
    assert_eq!(unknown.status.as_u16(), 503);
    let late = submit(Request { max_tokens: 400, ..request() }).await.unwrap();
    driver.stop();
    assert_eq!(tokens(late).await.unwrap_err().status.as_u16(), 503);
    assert_eq!(submit(request()).await.err().unwrap().status.as_u16(), 503);
    assert!(!driver.is_stuck());
}
