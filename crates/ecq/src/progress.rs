//! Progress of long operations.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The progress of a long operation.
///
/// Passed to the callbacks of [`Quantizer::progress`](crate::Quantizer::progress) and
/// [`File::verify_with`](crate::File::verify_with). If the callback returns [`ControlFlow::Break`], the
/// operation ends with an error of kind [`Cancelled`](crate::ErrorKind::Cancelled).
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgressUpdate<'a> {
    /// Name of the current step, such as `packing`. Quantization has several steps.
    pub step: &'static str,
    /// Name of the tensor or block processed last; empty at the beginning of a step.
    pub item: &'a str,
    /// Completed work of the current step, in [`unit`](Self::unit).
    pub done: u64,
    /// Total work of the current step, if known.
    pub total: Option<u64>,
    /// Unit of `done` and `total`.
    pub unit: Unit,
}

/// Unit of work.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Bytes of the source or of the file being read.
    Bytes,
    /// Tokens, counted once for each block that processes them.
    Tokens,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Tokens => "tokens",
        })
    }
}

/// A function that receives updates.
pub(crate) type Callback<'a> = dyn Fn(&ProgressUpdate<'_>) -> ControlFlow<()> + Send + Sync + 'a;

/// Adds up the work of several threads, calls the callback with one update at a time, and stores its answer.
pub(crate) struct Tally<'a> {
    callback: Option<&'a Callback<'a>>,
    step: Mutex<ProgressUpdate<'static>>,
    cancelled: AtomicBool,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(callback: Option<&'a Callback<'a>>) -> Self {
        let step = ProgressUpdate { step: "", item: "", done: 0, total: None, unit: Unit::Bytes };
        Self { callback, step: Mutex::new(step), cancelled: AtomicBool::new(false) }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(&self, step: &'static str, total: u64) {
        // Calibration counts tokens; all other steps count bytes.
        let unit = match step {
            "writing" | "calibrating" | "quantizing sequentially" | "distilling" => Unit::Tokens,
            _ => Unit::Bytes,
        };
        let total = Some(total).filter(|&total| total > 0);
        self.update("", |state| *state = ProgressUpdate { step, item: "", done: 0, total, unit });
    }

    pub(crate) fn advance(&self, work: u64, item: &str) {
        self.update(item, |state| state.done += work);
    }

    fn update(&self, item: &str, change: impl FnOnce(&mut ProgressUpdate<'static>)) {
        let Some(callback) = self.callback else { return };
        // The lock is held during the call, so that updates arrive one at a time and in order.
        let mut state = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        if callback(&ProgressUpdate { item, ..*state }).is_break() {
            self.cancelled.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(feature = "quantize")]
impl ecq_pack::Progress for Tally<'_> {
    fn begin(&self, stage: &'static str, total_bytes: u64) {
        Tally::begin(self, stage, total_bytes);
    }

    fn advance(&self, bytes: u64, tensor: &str) {
        Tally::advance(self, bytes, tensor);
    }

    fn end(&self) {}

    fn is_cancelled(&self) -> bool {
        Tally::is_cancelled(self)
    }
}
