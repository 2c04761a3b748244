//! Programs as the CPU runs them: a list of parts for each queue, the calling thread being one of them.

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

/// A program with everything that it names.
pub(super) struct CpuProgram {
    compute: Vec<Segment>,
    decode: Vec<Segment>,
    edges: Vec<Latch>,
    /// Set when the decode queue is through.
    decoded: Latch,
    decode_error: Mutex<Option<RuntimeError>>,
    resources: Resources,
}

/// What commands name.
pub(super) struct Resources {
    buffers: Vec<Arc<Data>>,
    weights: Vec<Arc<CpuWeight>>,
    shapes: Vec<[usize; 2]>,
    slots: Vec<Arc<CpuSlot>>,
    pub(super) shared: Arc<Shared>,
    /// Of the submission that runs.
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

/// How many rows are in use.
#[derive(Clone, Copy)]
pub(super) struct ActiveRows {
    pub(super) rows: usize,
    pub(super) logits_rows: usize,
}

/// Why a queue ended early.
enum QueueError {
    Error(RuntimeError),
    /// The other queue has failed, and says why.
    OtherQueue,
}

impl From<RuntimeError> for QueueError {
    fn from(error: RuntimeError) -> Self {
        Self::Error(error)
    }
}

/// Commands between two edges, or an edge by its place in the list.
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
        // One program at a time, as a queue of a device runs them: two that name the same buffers could wait
        // for each other's locks, and the edges of a program are those of one submission.
        let _queue = lock(&program.resources.shared.compute);
        for &(id, bytes) in inputs.writes {
            let buffer = program.resources.buffers.get(id.0 as usize);
            let written = buffer.and_then(|to| to.with_bytes(0, bytes.len(), |to| to.copy_from_slice(bytes)));
            written.ok_or_else(|| RuntimeError::Binding(format!("an input that does not fit {id:?}")))?;
        }
        let active = ActiveRows { rows: inputs.rows, logits_rows: inputs.logits_rows };
        let mut timing = Timing::default();
        if program.decode.is_empty() {
            return program.outcome(
                program.queue(&program.compute, active, &mut timing.stalled),
                None,
                timing,
            );
        }
        program.edges.iter().chain([&program.decoded]).for_each(Latch::reset);
        decode_thread().send(program.clone())?;
        let compute = AssertUnwindSafe(|| program.queue(&program.compute, active, &mut timing.stalled));
        let computed = catch_unwind(compute);
        if !matches!(computed, Ok(Ok(()))) {
            // The other queue must not wait for edges that will not come.
            program.edges.iter().for_each(|edge| edge.set(false));
        }
        program.decoded.wait();
        let computed = computed.unwrap_or_else(|panic| resume_unwind(panic));
        let decoded = lock(&program.decode_error).take();
        program.outcome(computed, decoded, timing)
    }

    /// What a submission comes to: an error is that of the queue which failed first.
    fn outcome(
        &self,
        computed: std::result::Result<(), QueueError>,
        decoded: Option<RuntimeError>,
        mut timing: Timing,
    ) -> Result<Timing> {
        timing.expert_uses = self.resources.expert_uses.swap(0, Ordering::Relaxed);
        timing.expert_hits = self.resources.expert_hits.swap(0, Ordering::Relaxed);
        match (computed, decoded) {
            (Err(QueueError::Error(error)), _) | (_, Some(error)) => Err(error),
            (Err(QueueError::OtherQueue), None) => {
                Err(RuntimeError::Threads("the other queue has failed".to_owned()))
            }
            (Ok(()), None) => Ok(timing),
        }
    }

    /// Runs one queue's part; an edge that failed ends it.
    fn queue(
        &self,
        parts: &[Segment],
        active: ActiveRows,
        stalled: &mut Duration,
    ) -> std::result::Result<(), QueueError> {
        for part in parts {
            match part {
                // A part at a time: the pool's threads are shared with the other queue, and must never wait
                // for it.
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

    /// Runs commands, and says how much of the time was decoding into slots.
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

    /// The decode queue of a submission.
    fn decode_queue(&self) {
        let active = ActiveRows { rows: 0, logits_rows: 0 };
        let decoded = AssertUnwindSafe(|| self.queue(&self.decode, active, &mut Duration::default()));
        // Whoever waits for an edge would wait for ever if a panic ended this thread.
        let panicked = |_| Err(RuntimeError::Threads("the decoding thread panicked".to_owned()).into());
        if let Err(stop) = catch_unwind(decoded).unwrap_or_else(panicked) {
            // That this queue had to stop is not the cause.
            if let QueueError::Error(error) = stop {
                *lock(&self.decode_error) = Some(error);
            }
            self.edges.iter().for_each(|edge| edge.set(false));
        }
        self.decoded.set(true);
    }
}

/// Something that happens once in a submission, succeeded or not.
#[derive(Default)]
struct Latch {
    state: Mutex<Option<bool>>,
    changed: Condvar,
}

impl Latch {
    fn reset(&self) {
        *lock(&self.state) = None;
    }

    /// The first word counts.
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

/// The thread of the second queue.
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
            // A panic of the thread was already printed, and there is nobody to tell.
            let _ = thread.join();
        }
    }
}
