//! Times of programs, by events of the GPU.

use crate::backend::Cuda;
use crate::error::DriverResult;
use crate::program::{CudaProgram, TracedSpan};
use cudarc::driver::sys::CUevent_flags;
use cudarc::driver::{CudaEvent, CudaStream};
use ecq_runtime::RuntimeError;
use ecq_runtime::backend::{Backend, Compiled, Inputs};
use ecq_runtime::program::Queue;
use std::sync::Arc;

type Result<T> = std::result::Result<T, RuntimeError>;

/// Passes of which the median counts.
const PASSES: usize = 15;

/// The work of a queue between two edges of a program.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// The queue.
    pub queue: Queue,
    /// Seconds from the start of the program to the first kernel.
    pub start: f64,
    /// Seconds from the start of the program to the end of the last kernel.
    pub end: f64,
}

impl Cuda {
    /// Returns the median seconds that the GPU takes for a program, replayed as a graph behind another
    /// replay. Kernels whose names `keep` refuses are left out; the program runs once with all of them, so
    /// that the others find their inputs.
    ///
    /// # Errors
    /// If the program belongs to another backend, or fails.
    pub fn measure_program(
        &self,
        program: &Compiled,
        inputs: &Inputs,
        keep: impl Fn(&str) -> bool,
    ) -> Result<f64> {
        let own = self.run_once(program, inputs)?;
        let graph = {
            let _queue = self.shared().lock();
            own.capture(&|launch| keep(launch.name()))?
        };
        // The graph before hides the time that it takes to start one.
        let seconds = self.median(PASSES, |_| Ok(graph.launch()?));
        // Bad streams and other findings of kernels.
        self.run_once(program, inputs)?;
        seconds
    }

    /// Returns what each queue of a program does when, in the order of its steps. Kernels are launched one by
    /// one, behind a replay that hides the time of the first launches.
    ///
    /// # Errors
    /// If the program belongs to another backend, fails, or the host takes part in it.
    pub fn timeline(&self, program: &Compiled, inputs: &Inputs) -> Result<Vec<Span>> {
        let own = self.run_once(program, inputs)?;
        let _queue = self.shared().lock();
        self.shared().gpu.bind()?;
        let before = own.capture(&|_| true)?;
        before.launch()?;
        let (start, spans) = own.trace()?;
        self.shared().stream.synchronize().during("waiting for the GPU")?;
        let seconds = |event: &CudaEvent| -> Result<f64> {
            let milliseconds = start.elapsed_ms(event).during("reading the time of the GPU")?;
            Ok(f64::from(milliseconds) / 1e3)
        };
        let span = |span: &TracedSpan| -> Result<Option<Span>> {
            let Some(end) = &span.end else { return Ok(None) };
            Ok(Some(Span { queue: span.queue, start: seconds(&span.start)?, end: seconds(end)? }))
        };
        spans.iter().filter_map(|traced| span(traced).transpose()).collect()
    }

    /// Runs a program and returns it in the form of this backend.
    fn run_once(&self, program: &Compiled, inputs: &Inputs) -> Result<Arc<CudaProgram>> {
        self.wait(&self.submit(program, inputs)?)?;
        let foreign = || RuntimeError::Binding("a program of another backend".to_owned());
        program.inner::<CudaProgram>().ok_or_else(foreign)
    }

    /// Returns the median seconds of work that is enqueued several times, each time behind the same work.
    pub(crate) fn median(&self, passes: usize, work: impl Fn(&CudaStream) -> Result<()>) -> Result<f64> {
        let shared = self.shared();
        let _queue = shared.lock();
        shared.gpu.bind()?;
        let event = || {
            let flags = Some(CUevent_flags::CU_EVENT_DEFAULT);
            shared.stream.record_event(flags).during("recording an event")
        };
        let mut seconds = Vec::new();
        for _ in 0..passes {
            work(&shared.stream)?;
            let start = event()?;
            work(&shared.stream)?;
            let end = event()?;
            end.synchronize().during("waiting for the GPU")?;
            let milliseconds = start.elapsed_ms(&end).during("reading the time of the GPU")?;
            seconds.push(f64::from(milliseconds) / 1e3);
        }
        seconds.sort_by(f64::total_cmp);
        Ok(seconds[passes / 2])
    }
}
