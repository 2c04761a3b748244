//! Long operations, which Ctrl-C interrupts and callbacks follow.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The longest time until Ctrl-C is noticed.
const POLL: Duration = Duration::from_millis(50);

/// The progress of a long operation.
#[pyclass(frozen, get_all, module = "ecq")]
pub struct Progress {
    step: &'static str,
    item: String,
    done: u64,
    total: Option<u64>,
    unit: String,
}

#[pymethods]
impl Progress {
    fn __repr__(&self) -> String {
        let total = self.total.map_or("?".to_owned(), |total| total.to_string());
        format!("<ecq.Progress {}: {} of {total} {}>", self.step, self.done, self.unit)
    }
}

/// What an operation asks of the calling thread.
enum Call {
    Progress(Progress),
    Python(Box<dyn FnOnce(Python<'_>) + Send>),
}

/// The side of an operation in its own threads.
#[derive(Clone)]
pub struct Job {
    cancelled: Arc<AtomicBool>,
    calls: Sender<Call>,
    reports: bool,
}

impl Job {
    /// Reports progress; breaks if the operation is to end.
    pub fn report(&self, update: &ecq::ProgressUpdate<'_>) -> ControlFlow<()> {
        if self.reports {
            let (item, unit) = (update.item.to_owned(), update.unit.to_string());
            let update = Progress { step: update.step, item, done: update.done, total: update.total, unit };
            // Fails after a second Ctrl-C, when nobody listens any more.
            let _ = self.calls.send(Call::Progress(update));
        }
        self.check()
    }

    /// Runs Python code in the calling thread, to which arrays of some libraries belong, and waits for it.
    /// Returns `None` if the operation is to end.
    pub fn python<T: Send + 'static>(
        &self,
        work: impl FnOnce(Python<'_>) -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, result) = channel();
        // Both fail after an interruption, when the call is dropped.
        let send = move |py: Python<'_>| drop(sender.send(work(py)));
        self.calls.send(Call::Python(Box::new(send))).ok()?;
        result.recv().ok()
    }

    /// Breaks if the operation is to end.
    pub fn check(&self) -> ControlFlow<()> {
        match self.cancelled.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

/// Runs `work` in a thread of its own, detached from the interpreter, and waits for it: signals arrive in the
/// calling thread alone, which must not be busy. All Python code runs in the calling thread.
///
/// # Errors
/// What a handler of signals (`KeyboardInterrupt`) or `progress` raises. It cancels the work and is raised
/// when the work has ended, or at a second signal.
pub fn run<T: Send + 'static>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Job) -> T + Send + 'static,
) -> PyResult<T> {
    let (sender, calls) = channel();
    let cancelled = Arc::new(AtomicBool::new(false));
    let job = Job { cancelled: cancelled.clone(), calls: sender, reports: progress.is_some() };
    let worker = thread::Builder::new().name("ecq".to_owned()).spawn(move || work(&job))?;
    let calls = Mutex::new(calls);
    let mut raised: Option<PyErr> = None;
    loop {
        let called = match next(py, &calls) {
            // The operation is to end.
            Ok(_) if raised.is_some() => Ok(()),
            Ok(Call::Progress(update)) => progress.map_or(Ok(()), |call| call.call1((update,)).map(drop)),
            Ok(Call::Python(work)) => {
                work(py);
                Ok(())
            }
            Err(RecvTimeoutError::Timeout) => Ok(()),
            // The job and its clones are dropped when the work ends.
            Err(RecvTimeoutError::Disconnected) => break,
        };
        if let Err(error) = called.and_then(|()| py.check_signals()) {
            cancelled.store(true, Ordering::Relaxed);
            if raised.is_some() {
                return Err(error);
            }
            raised = Some(error);
        }
    }
    let result = py.detach(|| worker.join());
    match raised {
        Some(error) => Err(error),
        None => result.map_err(|_| PyRuntimeError::new_err("a thread of ecq panicked; this is a bug in ecq")),
    }
}

fn next(py: Python<'_>, calls: &Mutex<Receiver<Call>>) -> Result<Call, RecvTimeoutError> {
    py.detach(|| calls.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(POLL))
}
