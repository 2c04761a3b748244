//! How far long work is.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// How far long work is.
///
/// It goes to a function that is given to [`Quantizer::progress`](crate::Quantizer::progress) or
/// [`File::verify_with`](crate::File::verify_with). Where that returns [`ControlFlow::Break`], the work ends
/// with an error of kind [`Cancelled`](crate::ErrorKind::Cancelled).
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgressUpdate<'a> {
    /// The step that runs, such as `packing`; a quantization has several.
    pub step: &'static str,
    /// The tensor or block that was done last; empty at the beginning of a step.
    pub item: &'a str,
    /// Work of this step that is done, in [`unit`](Self::unit).
    pub done: u64,
    /// All work of this step, where it is known.
    pub total: Option<u64>,
    /// What work is counted in.
    pub unit: Unit,
}

/// What work is counted in.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Bytes of the source, or of the file that is read.
    Bytes,
    /// Tokens, each counted once for each block that it goes through.
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

/// What hears of updates.
pub(crate) type Listener<'a> = dyn Fn(&ProgressUpdate<'_>) -> ControlFlow<()> + Send + Sync + 'a;

/// Adds up what threads have done, tells it one update at a time, and keeps the answer.
pub(crate) struct Tally<'a> {
    listener: Option<&'a Listener<'a>>,
    step: Mutex<ProgressUpdate<'static>>,
    cancelled: AtomicBool,
}

impl<'a> Tally<'a> {
    pub(crate) fn new(listener: Option<&'a Listener<'a>>) -> Self {
        let step = ProgressUpdate { step: "", item: "", done: 0, total: None, unit: Unit::Bytes };
        Self { listener, step: Mutex::new(step), cancelled: AtomicBool::new(false) }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(&self, step: &'static str, total: u64) {
        // Calibration runs the model; everything else goes over bytes.
        let unit = match step {
            "writing" | "calibrating" | "quantizing sequentially" => Unit::Tokens,
            _ => Unit::Bytes,
        };
        let total = Some(total).filter(|&total| total > 0);
        self.tell("", |state| *state = ProgressUpdate { step, item: "", done: 0, total, unit });
    }

    pub(crate) fn advance(&self, work: u64, item: &str) {
        self.tell(item, |state| state.done += work);
    }

    fn tell(&self, item: &str, change: impl FnOnce(&mut ProgressUpdate<'static>)) {
        let Some(listener) = self.listener else { return };
        // Held while the listener runs, so that it hears of one thread at a time, in order.
        let mut state = self.step.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        if listener(&ProgressUpdate { item, ..*state }).is_break() {
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
