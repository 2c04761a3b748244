//! Compiled programs of the CPU: a list of segments per queue. The calling thread runs the compute queue.

use super::data::Data;
use super::lock::lock;
use super::run;
use super::weight::{CpuSlot, CpuWeight, cpu_slot, cpu_weight};
use super::{Shared, data};
use crate::backend::{Bindings, Inputs, Timing, Weight};
use crate::error::{Result, RuntimeError};
use crate::program::{BufferId, Command, Program, Queue, SlotId, Step, WeightId};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A compiled program and the resources that it uses.
pub(super) struct CpuProgram {
    compute: Vec<Segment>,
    decode: Vec<Segment>,
    edges: Vec<Latch>,
    /// Set when the decode queue has finished.
    decoded: Latch,
    decode_error: Mutex<Option<RuntimeError>>,
    resources: Resources,
}

/// The buffers, weights and slots that commands refer to.
pub(super) struct Resources {
    buffers: Vec<Arc<Data>>,
    weights: Vec<Arc<CpuWeight>>,
    shapes: Vec<[usize; 2]>,
    slots: Vec<Arc<CpuSlot>>,
    pub(super) shared: Arc<Shared>,
    /// Counters of the running submission.
    pub(super) expert_uses: AtomicU64,
    pub(super) expert_hits: AtomicU64,
}

impl Resources {
    pub(super) fn buffer(&self, id: BufferId) -> &Data {
        &self.buffers[id.0 as usize]
    }

    pub(super) fn weight(&self, id: WeightId) -> &CpuWeight {
        &self.weights[id.0 as usize]
    }

    pub(super) fn shape(&self, id: WeightId) -> [usize; 2] {
        self.shapes[id.0 as usize]
    }

    pub(super) fn slot(&self, id: SlotId) -> &CpuSlot {
        &self.slots[id.0 as usize]
    }
}

/// Numbers of rows in use.
#[derive(Clone, Copy)]
pub(super) struct ActiveRows {
    pub(super) rows: usize,
    pub(super) logits_rows: usize,
}

/// Reason why a queue stopped early.
enum QueueError {
    Error(RuntimeError),
    /// The other queue failed and has the error.
    OtherQueue,
}

impl From<RuntimeError> for QueueError {
    fn from(error: RuntimeError) -> Self {
        Self::Error(error)
    }
}

/// Commands between two edges, or an edge by index.
enum Segment {
    Run(Vec<Command>),
    Signal(usize),
    Wait(usize),
}

impl CpuProgram {
    pub(super) fn new(program: &Program, bindings: &Bindings, shared: Arc<Shared>) -> Result<Self> {
        let (mut compute, mut decode) = (Vec::new(), Vec::new());
        let mut edges = HashMap::new();
        for step in program.steps() {
            let (Step::Run(queue, _) | Step::Signal(queue, _) | Step::Wait(queue, _)) = step;
            let parts = match queue {
                Queue::Compute => &mut compute,
                Queue::Decode => &mut decode,
            };
            let count = edges.len();
            match step {
                Step::Run(_, command) => match parts.last_mut() {
                    Some(Segment::Run(commands)) => commands.push(command.clone()),
                    _ => parts.push(Segment::Run(vec![command.clone()])),
                },
                Step::Signal(_, edge) => parts.push(Segment::Signal(*edges.entry(*edge).or_insert(count))),
                Step::Wait(_, edge) => parts.push(Segment::Wait(*edges.entry(*edge).or_insert(count))),
            }
        }
        let resources = Resources {
            buffers: bindings.buffers.iter().map(data).collect::<Result<_>>()?,
            weights: bindings.weights.iter().map(cpu_weight).collect::<Result<_>>()?,
            shapes: bindings.weights.iter().map(Weight::shape).collect(),
            slots: bindings.slots.iter().map(cpu_slot).collect::<Result<_>>()?,
            shared,
            expert_uses: AtomicU64::new(0),
            expert_hits: AtomicU64::new(0),
        };
        let edges = edges.iter().map(|_| Latch::default()).collect();
        let (decoded, decode_error) = (Latch::default(), Mutex::new(None));
        Ok(Self { compute, decode, edges, decoded, decode_error, resources })
    }

    pub(super) fn run<'a>(
        program: &Arc<Self>,
        inputs: &Inputs,
        decode_thread: impl FnOnce() -> &'a DecodeThread,
    ) -> Result<Timing> {
        // Submissions run one at a time, as on the queue of a device: two programs that use the same buffers
        // could deadlock on their locks, and the latches of a program belong to one submission.
        let _queue = lock(&program.resources.shared.compute);
        for &(id, bytes) in inputs.writes {
            let buffer = program.resources.buffers.get(id.0 as usize);
            let written = buffer.and_then(|to| to.with_bytes(0, bytes.len(), |to| to.copy_from_slice(bytes)));
            written.ok_or_else(|| {
                RuntimeError::Binding(format!("the input for {id:?} does not fit its buffer"))
            })?;
        }
        let active = ActiveRows { rows: inputs.rows, logits_rows: inputs.logits_rows };
        let mut stalled = Duration::ZERO;
        if program.decode.is_empty() {
            let computed = program.queue(&program.compute, active, &mut stalled);
            return program.outcome(computed, None, stalled);
        }
        program.edges.iter().chain([&program.decoded]).for_each(Latch::reset);
        decode_thread().send(program.clone())?;
        let compute = AssertUnwindSafe(|| program.queue(&program.compute, active, &mut stalled));
        let computed = catch_unwind(compute);
        if !matches!(computed, Ok(Ok(()))) {
            // Release the decode queue, which may be waiting for edges that will not be signalled.
            program.edges.iter().for_each(|edge| edge.set(false));
        }
        program.decoded.wait();
        let computed = computed.unwrap_or_else(|panic| resume_unwind(panic));
        let decoded = lock(&program.decode_error).take();
        program.outcome(computed, decoded, stalled)
    }

    /// Returns the timing, or the error of the queue that failed first.
    fn outcome(
        &self,
        computed: std::result::Result<(), QueueError>,
        decoded: Option<RuntimeError>,
        stalled: Duration,
    ) -> Result<Timing> {
        let timing = Timing {
            stalled: Some(stalled),
            expert_uses: self.resources.expert_uses.swap(0, Ordering::Relaxed),
            expert_hits: self.resources.expert_hits.swap(0, Ordering::Relaxed),
        };
        match (computed, decoded) {
            (Err(QueueError::Error(error)), _) | (_, Some(error)) => Err(error),
            (Err(QueueError::OtherQueue), None) => {
                Err(RuntimeError::Threads("the other queue has failed".to_owned()))
            }
            (Ok(()), None) => Ok(timing),
        }
    }

    /// Runs the segments of one queue; stops at an edge whose other side failed.
    fn queue(
        &self,
        parts: &[Segment],
        active: ActiveRows,
        stalled: &mut Duration,
    ) -> std::result::Result<(), QueueError> {
        for part in parts {
            match part {
                // One segment at a time, because both queues share the thread pool, whose threads must not
                // wait for an edge.
                Segment::Run(commands) => {
                    *stalled += self.resources.shared.pool.install(|| self.part(commands, active))?
                }
                Segment::Signal(edge) => self.edges[*edge].set(true),
                Segment::Wait(edge) => {
                    let start = Instant::now();
                    if !self.edges[*edge].wait() {
                        return Err(QueueError::OtherQueue);
                    }
                    *stalled += start.elapsed();
                }
            }
        }
        Ok(())
    }

    /// Runs commands and returns the time spent decoding into slots.
    fn part(&self, commands: &[Command], active: ActiveRows) -> Result<Duration> {
        let mut decoding = Duration::ZERO;
        for command in commands {
            if matches!(command, Command::Decode { .. }) {
                let start = Instant::now();
                run::run_command(command, &self.resources, active)?;
                decoding += start.elapsed();
            } else {
                run::run_command(command, &self.resources, active)?;
            }
        }
        Ok(decoding)
    }

    /// Runs the decode queue of a submission.
    fn decode_queue(&self) {
        let active = ActiveRows { rows: 0, logits_rows: 0 };
        let decoded = AssertUnwindSafe(|| self.queue(&self.decode, active, &mut Duration::default()));
        // A panic must not end this thread, because the compute queue may be waiting for it.
        let panicked = |_| Err(RuntimeError::Threads("the decoding thread panicked".to_owned()).into());
        if let Err(stop) = catch_unwind(decoded).unwrap_or_else(panicked) {
            // Stopping because of the other queue is not an error of this one.
            if let QueueError::Error(error) = stop {
                *lock(&self.decode_error) = Some(error);
            }
            self.edges.iter().for_each(|edge| edge.set(false));
        }
        self.decoded.set(true);
    }
}

/// An event of a submission that either succeeded or failed.
#[derive(Default)]
struct Latch {
    state: Mutex<Option<bool>>,
    changed: Condvar,
}

impl Latch {
    fn reset(&self) {
        *lock(&self.state) = None;
    }

    /// The first call decides.
    fn set(&self, succeeded: bool) {
        lock(&self.state).get_or_insert(succeeded);
        self.changed.notify_all();
    }

    fn wait(&self) -> bool {
        let mut state = lock(&self.state);
        loop {
            match *state {
                Some(succeeded) => return succeeded,
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// The thread that runs the decode queue.
pub(super) struct DecodeThread {
    jobs: Option<Sender<Arc<CpuProgram>>>,
    thread: Option<JoinHandle<()>>,
}

impl DecodeThread {
    pub(super) fn start() -> Self {
        let (jobs, work) = channel::<Arc<CpuProgram>>();
        let thread = std::thread::spawn(move || work.into_iter().for_each(|program| program.decode_queue()));
        Self { jobs: Some(jobs), thread: Some(thread) }
    }

    fn send(&self, program: Arc<CpuProgram>) -> Result<()> {
        let gone = || RuntimeError::Threads("the decoding thread is gone".to_owned());
        self.jobs.as_ref().ok_or_else(gone)?.send(program).map_err(|_| gone())
    }
}

impl Drop for DecodeThread {
    fn drop(&mut self) {
        self.jobs.take();
        if let Some(thread) = self.thread.take() {
            // The panic was already reported.
            let _ = thread.join();
        }
    }
}
