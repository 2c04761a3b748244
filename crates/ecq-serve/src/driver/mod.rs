//! The engine thread: it owns the engine of every loaded model and steps those that have work.

use crate::error::ApiError;
use crate::mask::{Failure, Guarded};
use crate::metrics::Metrics;
use ecq_runtime::{Engine, EventKind, Request, RequestId, RuntimeError};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{io, thread};
use tokio::sync::{mpsc, oneshot};

/// Age of the last step at which a busy engine counts as stuck.
const STALE: Duration = Duration::from_secs(120);

/// Identifies a loaded model in the engine thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModelId(u64);

/// Creates the engine of a model; called again if the engine panics.
pub type MakeEngine = Box<dyn Fn() -> Result<Engine, RuntimeError> + Send>;

/// Something that happened to a request.
#[derive(Debug)]
pub enum Signal {
    /// An event of the engine.
    Event {
        /// Index of the sequence.
        sequence: usize,
        /// The event.
        kind: EventKind,
    },
    /// The request ended with an error of the server.
    Failed(ApiError),
}

enum Command {
    Host { model: ModelId, engine: Box<Engine>, make: MakeEngine },
    Remove(ModelId),
    Submit(Box<Submission>),
    Cancel(u64),
    Stop,
}

struct Submission {
    job: u64,
    model: ModelId,
    request: Request,
    signals: mpsc::UnboundedSender<Signal>,
    accepted: oneshot::Sender<Result<(), ApiError>>,
}

/// The engine thread.
#[derive(Clone)]
pub struct Driver {
    commands: Sender<Command>,
    shared: Arc<Shared>,
}

struct Shared {
    started: Instant,
    /// Milliseconds from the start to the last step.
    last_step: AtomicU64,
    busy: AtomicBool,
    /// The next number of a job or model.
    next: AtomicU64,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Driver {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the operating system refuses a thread.
    pub fn start(metrics: Arc<Metrics>) -> io::Result<Self> {
        let (commands, receiver) = channel();
        let shared = Arc::new(Shared {
            started: Instant::now(),
            last_step: AtomicU64::new(0),
            busy: AtomicBool::new(false),
            next: AtomicU64::new(1),
            thread: Mutex::new(None),
        });
        let mut engines = Engines { hosted: HashMap::new(), jobs: HashMap::new(), metrics, stopped: false };
        let of_thread = shared.clone();
        let thread = thread::Builder::new()
            .name("ecq-engine".to_owned())
            .spawn(move || engines.run(&receiver, &of_thread))?;
        *shared.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(Self { commands, shared })
    }

    fn number(&self) -> u64 {
        self.shared.next.fetch_add(1, Ordering::Relaxed)
    }

    fn send(&self, command: Command) {
        // The thread ends only with the process or by a bug, which `is_stuck` and dropped replies report.
        let _ = self.commands.send(command);
    }

    /// Hands an engine over.
    pub fn host(&self, engine: Engine, make: MakeEngine) -> ModelId {
        let model = ModelId(self.number());
        self.send(Command::Host { model, engine: Box::new(engine), make });
        model
    }

    /// Drops the engine of a model.
    pub fn remove(&self, model: ModelId) {
        self.send(Command::Remove(model));
    }

    /// Submits a request. The returned ticket receives its signals and cancels it when dropped. `failure`
    /// tells why the mask of the request failed, if it did.
    ///
    /// # Errors
    /// If the engine refuses the request.
    pub async fn submit(
        &self,
        model: ModelId,
        mut request: Request,
        failure: Failure,
    ) -> Result<Ticket, ApiError> {
        let (signals, receiver) = mpsc::unbounded_channel();
        let (accepted, answer) = oneshot::channel();
        request.mask = request.mask.map(|mask| Guarded::boxed(mask, failure.clone()));
        let job = self.number();
        // Exists before the answer, so that a client that leaves meanwhile cancels the request.
        let ticket = Ticket { job, driver: self.clone(), receiver, failure };
        self.send(Command::Submit(Box::new(Submission { job, model, request, signals, accepted })));
        answer.await.map_err(|_| ApiError::internal("the engine has stopped"))??;
        Ok(ticket)
    }

    /// Ends all requests with an error and refuses new ones.
    pub fn stop(&self) {
        self.send(Command::Stop);
    }

    /// Returns whether the engine has work but has not finished a step for a long time, or has ended.
    pub fn is_stuck(&self) -> bool {
        let thread = self.shared.thread.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = thread.as_ref().is_none_or(JoinHandle::is_finished);
        let now = self.shared.started.elapsed();
        let last = Duration::from_millis(self.shared.last_step.load(Ordering::Relaxed));
        ended || self.shared.busy.load(Ordering::Relaxed) && now.saturating_sub(last) > STALE
    }
}

/// A submitted request.
pub struct Ticket {
    job: u64,
    driver: Driver,
    receiver: mpsc::UnboundedReceiver<Signal>,
    failure: Failure,
}

impl Ticket {
    /// Waits for the next signal. The number of unread signals is bounded by the tokens of the request.
    pub async fn next(&mut self) -> Signal {
        match self.receiver.recv().await {
            // A mask that failed forbids all tokens, which the engine reports as logits that are not finite.
            Some(Signal::Event { kind: EventKind::Failed { error, .. }, .. }) => {
                let failure = self.failure.take();
                Signal::Failed(failure.map_or_else(|| ApiError::of_runtime(&error), ApiError::internal))
            }
            Some(signal) => signal,
            None => Signal::Failed(ApiError::internal("the engine has stopped")),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.driver.send(Command::Cancel(self.job));
    }
}

/// The state of the thread.
struct Engines {
    hosted: HashMap<ModelId, Hosted>,
    /// Model and request of each unfinished job.
    jobs: HashMap<u64, (ModelId, RequestId)>,
    metrics: Arc<Metrics>,
    stopped: bool,
}

struct Hosted {
    engine: Box<Engine>,
    make: MakeEngine,
    clients: HashMap<RequestId, Client>,
}

struct Client {
    job: u64,
    signals: mpsc::UnboundedSender<Signal>,
    /// Sequences that have not ended.
    running: usize,
}

impl Engines {
    fn run(&mut self, commands: &Receiver<Command>, shared: &Shared) {
        loop {
            let busy = self.hosted.values().any(|hosted| !hosted.engine.is_idle());
            shared.last_step.store(shared.started.elapsed().as_millis() as u64, Ordering::Relaxed);
            shared.busy.store(busy, Ordering::Relaxed);
            if !busy {
                self.measure();
                match commands.recv() {
                    Ok(command) => self.apply(command),
                    Err(RecvError) => return,
                }
            }
            loop {
                match commands.try_recv() {
                    Ok(command) => self.apply(command),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
            }
            self.step();
        }
    }

    fn apply(&mut self, command: Command) {
        match command {
            Command::Host { model, engine, make } => {
                self.hosted.insert(model, Hosted { engine, make, clients: HashMap::new() });
            }
            Command::Remove(model) => {
                self.hosted.remove(&model);
            }
            Command::Submit(submission) => self.submit(*submission),
            Command::Cancel(job) => {
                if let Some((model, request)) = self.jobs.remove(&job)
                    && let Some(hosted) = self.hosted.get_mut(&model)
                {
                    hosted.clients.remove(&request);
                    hosted.engine.cancel(request);
                    self.metrics.cancelled.inc();
                }
            }
            Command::Stop => {
                self.stopped = true;
                let error = ApiError::unavailable("the server is shutting down");
                for hosted in self.hosted.values_mut() {
                    for (request, client) in hosted.clients.drain() {
                        hosted.engine.cancel(request);
                        client.fail(error.clone());
                    }
                }
                self.jobs.clear();
            }
        }
    }

    fn submit(&mut self, submission: Submission) {
        let Submission { job, model, request, signals, accepted } = submission;
        let running = request.sequences.max(1);
        let submitted = match self.hosted.get_mut(&model) {
            _ if self.stopped => Err(ApiError::unavailable("the server is shutting down")),
            None => Err(ApiError::unavailable("the model is no longer loaded; try again")),
            Some(hosted) => {
                let submit = AssertUnwindSafe(|| hosted.engine.submit(request));
                let submitted = catch_unwind(submit).unwrap_or_else(|_| {
                    Err(RuntimeError::Threads("the request caused a panic, which is a bug in ecq".to_owned()))
                });
                let submitted = submitted.map_err(|error| ApiError::of_runtime(&error));
                submitted.map(|id| (id, hosted))
            }
        };
        match submitted {
            Ok((id, hosted)) => {
                hosted.clients.insert(id, Client { job, signals, running });
                self.jobs.insert(job, (model, id));
                // A client that has left cancels by dropping its ticket.
                let _ = accepted.send(Ok(()));
            }
            Err(error) => drop(accepted.send(Err(error))),
        }
    }

    /// Steps every engine that has work, in turn.
    fn step(&mut self) {
        let mut failed = Vec::new();
        for (&model, hosted) in self.hosted.iter_mut().filter(|(_, hosted)| !hosted.engine.is_idle()) {
            let events = match catch_unwind(AssertUnwindSafe(|| hosted.engine.step())) {
                Ok(events) => events,
                Err(_) => {
                    self.metrics.panics.inc();
                    failed.push(model);
                    continue;
                }
            };
            for event in events {
                let Some(client) = hosted.clients.get_mut(&event.request) else { continue };
                let ended = matches!(event.kind, EventKind::Finished { .. } | EventKind::Failed { .. });
                let error = matches!(event.kind, EventKind::Failed { .. });
                client.running = client.running.saturating_sub(usize::from(ended));
                let signal = Signal::Event { sequence: event.sequence, kind: event.kind };
                // Fails if the client has left; its ticket has sent the cancellation.
                let _ = client.signals.send(signal);
                if client.running == 0 || error {
                    // A failed sequence ends the others of its request.
                    hosted.engine.cancel(event.request);
                    if let Some(client) = hosted.clients.remove(&event.request) {
                        self.jobs.remove(&client.job);
                    }
                }
            }
        }
        for model in failed {
            self.restart(model);
        }
        self.measure();
    }

    /// Replaces an engine that panicked, whose state is unknown, and fails its requests.
    fn restart(&mut self, model: ModelId) {
        let Some(hosted) = self.hosted.remove(&model) else { return };
        for client in hosted.clients.into_values() {
            self.jobs.remove(&client.job);
            client.fail(ApiError::internal("the engine panicked, which is a bug in ecq"));
        }
        let make = hosted.make;
        // Without an engine, further requests for the model are refused.
        if let Ok(Ok(engine)) = catch_unwind(AssertUnwindSafe(&make)) {
            self.hosted.insert(model, Hosted { engine: Box::new(engine), make, clients: HashMap::new() });
        }
    }

    fn measure(&self) {
        let (mut running, mut waiting, mut used) = (0, 0, 0);
        for hosted in self.hosted.values() {
            let (now, later) = hosted.engine.sequence_counts();
            (running, waiting) = (running + now, waiting + later);
            used += hosted.engine.executor().pool().used_bytes();
        }
        self.metrics.running.set(running as i64);
        self.metrics.waiting.set(waiting as i64);
        self.metrics.cache_bytes.set(used as i64);
        self.metrics.jobs.set(self.jobs.len() as i64);
    }
}

impl Client {
    fn fail(self, error: ApiError) {
        // Fails if the client has left.
        let _ = self.signals.send(Signal::Failed(error));
    }
}

#[cfg(test)]
mod tests;
