//! Compiled programs. A program of kernels alone is captured as a graph at its first submission and replayed.
//! Where the host takes part (decoding into slots, experts), commands are enqueued one by one.

use crate::backend::{CudaBuffer, Shared, cuda_buffer};
use crate::commands::{Builder, Launch};
use crate::error::{CudaError, DriverResult};
use crate::experts::HostExperts;
use crate::memory::{DeviceMemory, PinnedMemory};
use crate::queues::Latch;
use crate::weight::{CudaSlot, CudaWeight, cuda_slot, cuda_weight};
use cudarc::driver::{CudaGraph, CudaStream, sys};
use ecq_runtime::RuntimeError;
use ecq_runtime::backend::{Bindings, Inputs, Timing};
use ecq_runtime::program::{BufferId, Command, Program, Queue, SlotId, Step, WeightId};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, RuntimeError>;

/// The most commands that are launched together.
const LONGEST_SEQUENCE: usize = 4;

/// A compiled program and the resources that it uses.
pub(crate) struct CudaProgram {
    compute: Vec<Segment>,
    decode: Vec<Segment>,
    edges: Vec<Latch>,
    /// Captured at the first submission.
    graph: Mutex<Option<Graph>>,
    /// Whether the host takes part in a submission.
    host_driven: bool,
    pub(crate) resources: Resources,
    /// Memory of commands; kept while the program exists.
    _scratch: Vec<DeviceMemory>,
}

/// A captured program.
struct Graph(CudaGraph);

// SAFETY: a graph is not tied to a thread, and the mutex around it serializes its use.
unsafe impl Send for Graph {}

/// The buffers, weights and slots that commands refer to.
pub(crate) struct Resources {
    pub(crate) shared: Arc<Shared>,
    buffers: Vec<Arc<CudaBuffer>>,
    lens: Vec<usize>,
    elements: Vec<ecq_core::Element>,
    weights: Vec<Arc<CudaWeight>>,
    slots: Vec<Arc<CudaSlot>>,
    /// Numbers of batch rows and logits rows in use.
    pub(crate) active: DeviceMemory,
    /// An error that a kernel found: its code, and a value.
    pub(crate) report: PinnedMemory,
}

impl Resources {
    pub(crate) fn buffer(&self, id: BufferId) -> &DeviceMemory {
        &self.buffers[id.0 as usize].memory
    }

    pub(crate) fn address(&self, id: BufferId) -> u64 {
        self.buffer(id).address()
    }

    pub(crate) fn len(&self, id: BufferId) -> usize {
        self.lens[id.0 as usize]
    }

    pub(crate) fn element(&self, id: BufferId) -> ecq_core::Element {
        self.elements[id.0 as usize]
    }

    pub(crate) fn weight(&self, id: WeightId) -> &CudaWeight {
        &self.weights[id.0 as usize]
    }

    pub(crate) fn slot(&self, id: SlotId) -> &CudaSlot {
        &self.slots[id.0 as usize]
    }
}

/// A step of a queue.
enum Segment {
    Launch(Launch),
    Decode(WeightId, SlotId),
    Experts(Box<HostExperts>),
    Signal(usize),
    Wait(usize),
}

/// Reason why a queue stopped early.
enum QueueError {
    Error(RuntimeError),
    /// The other queue failed and has the error.
    OtherQueue,
}

impl<E: Into<RuntimeError>> From<E> for QueueError {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl CudaProgram {
    pub(crate) fn new(program: &Program, bindings: &Bindings, shared: Arc<Shared>) -> Result<Self> {
        shared.gpu.bind()?;
        let number = shared.number;
        let active = DeviceMemory::zeroed(&shared.gpu, 8)?;
        let report = PinnedMemory::zeroed(&shared.gpu, 8)?;
        let resources = Resources {
            buffers: bindings.buffers.iter().map(|b| cuda_buffer(b, number)).collect::<Result<_>>()?,
            lens: bindings.buffers.iter().map(ecq_runtime::backend::Buffer::len).collect(),
            elements: bindings.buffers.iter().map(ecq_runtime::backend::Buffer::element).collect(),
            weights: bindings.weights.iter().map(|w| cuda_weight(w, number)).collect::<Result<_>>()?,
            slots: bindings.slots.iter().map(|s| cuda_slot(s, number)).collect::<Result<_>>()?,
            active,
            report,
            shared,
        };
        let (mut compute, mut decode) = (Vec::new(), Vec::new());
        let mut edges = HashMap::new();
        let mut builder = Builder::new(program, &resources);
        let mut steps = program.steps();
        while let [step, rest @ ..] = steps {
            steps = rest;
            let (Step::Run(queue, _) | Step::Signal(queue, _) | Step::Wait(queue, _)) = step;
            let segments = match queue {
                Queue::Compute => &mut compute,
                Queue::Decode => &mut decode,
            };
            let count = edges.len();
            match step {
                Step::Run(_, Command::Decode { weight, into }) => {
                    segments.push(Segment::Decode(*weight, *into));
                }
                Step::Run(_, Command::Experts(experts)) => {
                    segments.push(Segment::Experts(Box::new(HostExperts::new(experts, &mut builder)?)));
                }
                Step::Run(_, command) => {
                    let following = rest.iter().map_while(|step| match step {
                        Step::Run(own, command) if own == queue => Some(command),
                        _ => None,
                    });
                    let commands: Vec<&Command> =
                        std::iter::once(command).chain(following).take(LONGEST_SEQUENCE).collect();
                    let launches = match builder.sequence(&commands)? {
                        Some((count, launches)) => {
                            steps = &rest[count - 1..];
                            launches
                        }
                        None => builder.command(command)?,
                    };
                    segments.extend(launches.into_iter().map(Segment::Launch));
                }
                Step::Signal(_, edge) => segments.push(Segment::Signal(*edges.entry(*edge).or_insert(count))),
                Step::Wait(_, edge) => segments.push(Segment::Wait(*edges.entry(*edge).or_insert(count))),
            }
        }
        let scratch = builder.into_scratch();
        fetch_ahead(&mut compute);
        let launches = |segment: &Segment| matches!(segment, Segment::Launch(_));
        Ok(Self {
            // Without a decode queue there is nothing to wait for, and the stream keeps the order.
            host_driven: !decode.is_empty() || !compute.iter().all(launches),
            edges: edges.iter().map(|_| Latch::default()).collect(),
            compute,
            decode,
            graph: Mutex::new(None),
            resources,
            _scratch: scratch,
        })
    }

    /// Returns the number of the backend.
    pub(crate) fn backend(&self) -> u64 {
        self.resources.shared.number
    }

    /// Enqueues the program.
    pub(crate) fn submit(program: &Arc<Self>, inputs: &Inputs) -> Result<CudaEvent> {
        let resources = &program.resources;
        let shared = &resources.shared;
        for (id, bytes) in inputs.writes {
            let room = resources.buffers.get(id.0 as usize).map_or(0, |buffer| buffer.memory.bytes());
            if resources.buffers.len() <= id.0 as usize || bytes.len() > room {
                let what = format!("the input for {id:?} does not fit its buffer");
                return Err(RuntimeError::Binding(what));
            }
        }
        let _queue = shared.lock();
        shared.gpu.bind()?;
        for &(id, bytes) in inputs.writes {
            resources.buffer(id).write(&shared.stream, 0, bytes)?;
        }
        let active = [inputs.rows as u32, inputs.logits_rows as u32];
        resources.active.write(&shared.stream, 0, bytemuck::cast_slice(&active))?;
        let mut timing = Timing::default();
        if program.host_driven {
            program.run(inputs.rows, &mut timing)?;
        } else {
            program.replay()?;
        }
        let done = shared.stream.record_event(None).during("recording an event")?;
        Ok(CudaEvent { done, timing, program: program.clone() })
    }

    /// Launches the graph, which is captured first if there is none.
    fn replay(&self) -> Result<()> {
        let mut graph = self.graph.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(graph) = &*graph {
            return Ok(graph.0.launch().during("launching a graph")?);
        }
        let stream = &self.resources.shared.stream;
        if self.compute.is_empty() {
            return Ok(());
        }
        // Relaxed, because other threads allocate memory meanwhile.
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        stream.begin_capture(mode).during("capturing a graph")?;
        let launched: std::result::Result<(), CudaError> =
            self.compute.iter().try_for_each(|segment| match segment {
                Segment::Launch(launch) => launch.run(stream),
                _ => Ok(()),
            });
        // Ended in any case, because the stream is unusable while it captures.
        let captured = stream.end_capture(sys::CUgraphInstantiate_flags(0)).during("capturing a graph");
        launched?;
        let captured = captured?.ok_or(CudaError::Driver {
            operation: "capturing a graph",
            why: "there is no graph".to_owned(),
        })?;
        captured.launch().during("launching a graph")?;
        *graph = Some(Graph(captured));
        Ok(())
    }

    /// Enqueues commands one by one, those of the decode queue on another thread.
    fn run(&self, rows: usize, timing: &mut Timing) -> Result<()> {
        let shared = &self.resources.shared;
        self.edges.iter().for_each(Latch::reset);
        let compute = |timing: &mut Timing| self.queue(&self.compute, &shared.stream, rows, timing);
        if self.decode.is_empty() {
            return match compute(timing) {
                Ok(()) => Ok(()),
                Err(QueueError::Error(error)) => Err(error),
                Err(QueueError::OtherQueue) => Err(other_queue_failed()),
            };
        }
        // Slots are free when the earlier submissions are done.
        shared.copies.join(&shared.stream).during("waiting for the other queue")?;
        let (computed, decoded) = std::thread::scope(|scope| {
            let decoding = scope.spawn(|| {
                let mut waits = Timing::default();
                let decoded = catch_unwind(AssertUnwindSafe(|| {
                    self.queue(&self.decode, &shared.copies, 0, &mut waits)
                }));
                self.release_after(&decoded);
                decoded
            });
            let computed = catch_unwind(AssertUnwindSafe(|| compute(timing)));
            self.release_after(&computed);
            (computed, decoding.join())
        });
        let decoded = decoded.unwrap_or_else(Err);
        match (computed, decoded) {
            (Err(panic), _) | (_, Err(panic)) => resume_unwind(panic),
            (Ok(Err(QueueError::Error(error))), _) | (_, Ok(Err(QueueError::Error(error)))) => Err(error),
            (Ok(Err(QueueError::OtherQueue)), _) | (_, Ok(Err(QueueError::OtherQueue))) => {
                Err(other_queue_failed())
            }
            (Ok(Ok(())), Ok(Ok(()))) => Ok(()),
        }
    }

    /// Releases the other queue if this one failed, because it may be waiting for edges.
    fn release_after<P>(&self, result: &std::result::Result<std::result::Result<(), QueueError>, P>) {
        if !matches!(result, Ok(Ok(()))) {
            self.edges.iter().for_each(Latch::fail);
        }
    }

    fn queue(
        &self,
        segments: &[Segment],
        stream: &CudaStream,
        rows: usize,
        timing: &mut Timing,
    ) -> std::result::Result<(), QueueError> {
        let mut stalled = Duration::ZERO;
        for segment in segments {
            match segment {
                Segment::Launch(launch) => launch.run(stream)?,
                Segment::Decode(weight, slot) => {
                    let start = Instant::now();
                    self.resources.slot(*slot).decode(self.resources.weight(*weight), stream)?;
                    stalled += start.elapsed();
                }
                Segment::Experts(experts) => experts.run(&self.resources, stream, rows, timing)?,
                Segment::Signal(edge) => self.edges[*edge].signal(stream)?,
                Segment::Wait(edge) => {
                    let start = Instant::now();
                    if !self.edges[*edge].wait(stream)? {
                        return Err(QueueError::OtherQueue);
                    }
                    stalled += start.elapsed();
                }
            }
        }
        timing.stalled += stalled;
        Ok(())
    }
}

/// Lets each product with tuples fetch what the next one reads.
fn fetch_ahead(segments: &mut [Segment]) {
    let mut previous: Option<usize> = None;
    for i in 0..segments.len() {
        let Segment::Launch(launch) = &mut segments[i] else { continue };
        if !launch.change_tuples(|tuples| {
            if previous.is_some() {
                tuples.fetched_before()
            }
        }) {
            continue;
        }
        let own = launch.tuples().cloned();
        if let (Some(before), Some(own)) = (previous, own)
            && let Segment::Launch(before) = &mut segments[before]
        {
            before.change_tuples(|tuples| tuples.fetch_for(&own));
        }
        previous = Some(i);
    }
}

fn other_queue_failed() -> RuntimeError {
    RuntimeError::Threads("the other queue has failed".to_owned())
}

/// The completion of a submission.
pub(crate) struct CudaEvent {
    done: cudarc::driver::CudaEvent,
    timing: Timing,
    program: Arc<CudaProgram>,
}

impl CudaEvent {
    /// Waits for the submission.
    pub(crate) fn wait(&self) -> Result<Timing> {
        self.done.synchronize().during("running a program")?;
        let report = &self.program.resources.report;
        let (code, value) = (report.word(0), report.word(1));
        if code != 0 {
            report.set_word(0, 0);
            return Err(self.program.reported(code, value));
        }
        Ok(self.timing)
    }
}

impl CudaProgram {
    /// Returns the error that a kernel has reported.
    fn reported(&self, code: u32, value: u32) -> RuntimeError {
        match code {
            1 => {
                let vocabulary = self.resources.weights.iter().map(|weight| weight.shape()[0]).max();
                RuntimeError::UnknownToken { token: value, vocabulary: vocabulary.unwrap_or(0) }
            }
            2 => RuntimeError::CacheRange { largest: f32::from_bits(value) },
            _ => RuntimeError::Device { device: "cuda", why: format!("a kernel reports error {code}") },
        }
    }
}
