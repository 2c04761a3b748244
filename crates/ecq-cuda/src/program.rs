//! Compiled programs. A program of kernels alone, on one queue or two, is captured as a graph at its first
//! submission and replayed. Where the host takes part (experts), commands are enqueued one by one.

use crate::backend::{CudaBuffer, Shared, cuda_buffer};
use crate::commands::{Builder, Launch};
use crate::decode::{self, Decoding};
use crate::error::{CudaError, DriverResult};
use crate::experts::HostExperts;
use crate::memory::{DeviceMemory, PinnedMemory};
use crate::weight::{CudaSlot, CudaWeight, cuda_slot, cuda_weight};
use cudarc::driver::{CudaGraph, CudaStream, sys};
use ecq_runtime::RuntimeError;
use ecq_runtime::backend::{Bindings, Inputs, Timing};
use ecq_runtime::program::{BufferId, Command, Program, Queue, SlotId, Step, WeightId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

type Result<T> = std::result::Result<T, RuntimeError>;

/// The most commands that are launched together.
const LONGEST_SEQUENCE: usize = 4;

/// A compiled program and the resources that it uses.
pub(crate) struct CudaProgram {
    segments: Vec<(Queue, Segment)>,
    /// Number of edges.
    edges: usize,
    /// Whether the decode queue is used.
    forks: bool,
    /// Captured at the first submission.
    graph: Mutex<Option<Graph>>,
    /// Whether the host takes part in a submission.
    host_driven: bool,
    pub(crate) resources: Resources,
    /// Memory of commands; kept while the program exists.
    _scratch: Vec<DeviceMemory>,
    _decode_scratch: Vec<Arc<DeviceMemory>>,
    /// Slots that the program decodes into.
    decoded: Vec<SlotId>,
}

/// A captured program.
pub(crate) struct Graph(CudaGraph);

impl Graph {
    pub(crate) fn launch(&self) -> crate::error::Result<()> {
        self.0.launch().during("launching a graph")
    }
}

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

    /// Returns what decodes a weight into a slot.
    pub(crate) fn decoding(&self, weight: WeightId, slot: SlotId) -> Result<Decoding<'_>> {
        let streams = self.weight(weight).streams()?;
        Ok(Decoding { streams, weight: weight.0, to: self.slot(slot).address() })
    }

    /// Returns the launches that decode weights on a queue, and the memory that they go through.
    pub(crate) fn decode(
        &self,
        queue: Queue,
        decodings: &[Decoding],
    ) -> Result<(Vec<Launch>, Arc<DeviceMemory>)> {
        let (parts, bytes) = decode::divide(decodings);
        let scratch = self.shared.scratch(queue, bytes)?;
        let mut launches = Vec::new();
        for part in parts {
            let (gpu, modules) = (&self.shared.gpu, &self.shared.modules);
            launches.extend(decode::launches(gpu, modules, part, scratch.address(), self.report.address())?);
        }
        Ok((launches, scratch))
    }
}

/// A step of a queue.
enum Segment {
    Launch(Launch),
    Experts(Box<HostExperts>),
    Signal(usize),
    Wait(usize),
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
        let mut schedule = Schedule::default();
        let mut edges = HashMap::new();
        let mut builder = Builder::new(program, &resources);
        let mut steps = program.steps();
        while let [step, rest @ ..] = steps {
            steps = rest;
            let count = edges.len();
            match step {
                Step::Run(queue, Command::Experts(experts)) => {
                    schedule
                        .push(*queue, Segment::Experts(Box::new(HostExperts::new(experts, &mut builder)?)));
                }
                Step::Run(queue, command) => {
                    let following = rest.iter().map_while(|step| match step {
                        Step::Run(own, command) if own == queue => Some(command),
                        _ => None,
                    });
                    let commands = std::iter::once(command).chain(following);
                    let (count, launches) = match command {
                        Command::Decode { .. } => decodes(&resources, *queue, commands, &mut schedule)?,
                        _ => {
                            let commands: Vec<&Command> = commands.take(LONGEST_SEQUENCE).collect();
                            match builder.sequence(&commands)? {
                                Some(sequence) => sequence,
                                None => (1, builder.command(command)?),
                            }
                        }
                    };
                    steps = &rest[count - 1..];
                    launches.into_iter().for_each(|launch| schedule.push(*queue, Segment::Launch(launch)));
                }
                Step::Signal(queue, edge) => {
                    schedule.push(*queue, Segment::Signal(*edges.entry(*edge).or_insert(count)));
                }
                Step::Wait(queue, edge) => {
                    schedule.push(*queue, Segment::Wait(*edges.entry(*edge).or_insert(count)));
                }
            }
        }
        let scratch = builder.into_scratch();
        let Schedule { mut segments, scratch: decode_scratch, decoded, .. } = schedule;
        fetch_ahead(&mut segments);
        let is_experts = |(_, segment): &(Queue, Segment)| matches!(segment, Segment::Experts(_));
        Ok(Self {
            host_driven: segments.iter().any(is_experts),
            forks: segments.iter().any(|(queue, _)| *queue == Queue::Decode),
            edges: edges.len(),
            segments,
            graph: Mutex::new(None),
            resources,
            _scratch: scratch,
            _decode_scratch: decode_scratch,
            decoded,
        })
    }

    /// Returns the number of the backend.
    pub(crate) fn backend(&self) -> u64 {
        self.resources.shared.number
    }

    /// Returns the names of the kernels in the order in which they are launched, without those of experts.
    pub(crate) fn kernels(&self) -> Vec<&'static str> {
        let launches = self.segments.iter().filter_map(|(_, segment)| match segment {
            Segment::Launch(launch) => Some(launch.name()),
            _ => None,
        });
        launches.collect()
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
        // Experts look for the weights that they have decoded.
        program.decoded.iter().for_each(|&slot| resources.slot(slot).set_content(None));
        let mut timing = Timing::default();
        if program.host_driven {
            program.enqueue(inputs.rows, &mut timing, &mut Observer { keep: &|_| true, spans: None })?;
        } else {
            program.replay()?;
        }
        let done = shared.stream.record_event(None).during("recording an event")?;
        Ok(CudaEvent { done, timing, program: program.clone() })
    }

    /// Launches the graph, which is captured first if there is none.
    fn replay(&self) -> Result<()> {
        let mut graph = self.graph.lock().unwrap_or_else(PoisonError::into_inner);
        if graph.is_none() && !self.segments.is_empty() {
            *graph = Some(self.capture(&|_| true)?);
        }
        Ok(graph.as_ref().map_or(Ok(()), Graph::launch)?)
    }

    /// Returns an error if the host takes part in the program, which then is no graph.
    fn without_host(&self) -> Result<()> {
        let why = "the host takes part in the program, whose times are not those of the GPU".to_owned();
        if self.host_driven { Err(RuntimeError::Device { device: "cuda", why }) } else { Ok(()) }
    }

    /// Captures the launches that `keep` chooses.
    pub(crate) fn capture(&self, keep: &dyn Fn(&Launch) -> bool) -> Result<Graph> {
        self.without_host()?;
        let stream = &self.resources.shared.stream;
        // Relaxed, because other threads allocate memory meanwhile.
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        stream.begin_capture(mode).during("capturing a graph")?;
        let enqueued = self.enqueue(0, &mut Timing::default(), &mut Observer { keep, spans: None });
        // Ended in any case, because the stream is unusable while it captures.
        let captured = stream.end_capture(sys::CUgraphInstantiate_flags(0)).during("capturing a graph");
        enqueued?;
        let captured = captured?.ok_or(CudaError::Driver {
            operation: "capturing a graph",
            why: "there is no graph".to_owned(),
        })?;
        Ok(Graph(captured))
    }

    /// Enqueues the program launch by launch and returns what each queue does between two edges, with an
    /// event before and one behind. The first event is that of the start.
    pub(crate) fn trace(&self) -> Result<(cudarc::driver::CudaEvent, Vec<TracedSpan>)> {
        self.without_host()?;
        let shared = &self.resources.shared;
        let start = timed_event(&shared.stream)?;
        let mut observer = Observer { keep: &|_| true, spans: Some(Vec::new()) };
        self.enqueue(0, &mut Timing::default(), &mut observer)?;
        Ok((start, observer.spans.unwrap_or_default()))
    }

    /// Enqueues all segments, in an order in which every edge is signalled before it is awaited.
    fn enqueue(&self, rows: usize, timing: &mut Timing, observer: &mut Observer) -> Result<()> {
        let shared = &self.resources.shared;
        let join = |to: Queue, from: Queue| {
            shared.stream_of(to).join(shared.stream_of(from)).during("waiting for the other queue")
        };
        if self.forks {
            // Slots are free when the earlier submissions are done.
            join(Queue::Decode, Queue::Compute)?;
        }
        let mut events: Vec<Option<cudarc::driver::CudaEvent>> = (0..self.edges).map(|_| None).collect();
        for (queue, segment) in &self.segments {
            let stream = shared.stream_of(*queue);
            match segment {
                Segment::Launch(launch) if (observer.keep)(launch) => {
                    observer.begin(*queue, stream)?;
                    launch.run(stream)?;
                }
                Segment::Launch(_) => {}
                Segment::Experts(experts) => experts.run(&self.resources, stream, rows, timing)?,
                Segment::Signal(edge) => {
                    observer.end(*queue, stream)?;
                    events[*edge] = Some(stream.record_event(None).during("recording an event")?);
                }
                Segment::Wait(edge) => {
                    observer.end(*queue, stream)?;
                    if let Some(event) = &events[*edge] {
                        stream.wait(event).during("waiting for the other queue")?;
                    }
                }
            }
        }
        for queue in [Queue::Compute, Queue::Decode] {
            observer.end(queue, shared.stream_of(queue))?;
        }
        if self.forks {
            join(Queue::Compute, Queue::Decode)?;
        }
        Ok(())
    }
}

/// What a measurement leaves out of a program, or records of it.
struct Observer<'a> {
    keep: &'a dyn Fn(&Launch) -> bool,
    spans: Option<Vec<TracedSpan>>,
}

/// The work of a queue between two edges.
pub(crate) struct TracedSpan {
    pub(crate) queue: Queue,
    pub(crate) start: cudarc::driver::CudaEvent,
    pub(crate) end: Option<cudarc::driver::CudaEvent>,
}

fn timed_event(stream: &CudaStream) -> Result<cudarc::driver::CudaEvent> {
    let flags = Some(sys::CUevent_flags::CU_EVENT_DEFAULT);
    Ok(stream.record_event(flags).during("recording an event")?)
}

impl Observer<'_> {
    /// Returns the span of a queue that has no end yet.
    fn open(&mut self, queue: Queue) -> Option<&mut TracedSpan> {
        self.spans.iter_mut().flatten().rfind(|span| span.queue == queue).filter(|span| span.end.is_none())
    }

    fn begin(&mut self, queue: Queue, stream: &CudaStream) -> Result<()> {
        if self.open(queue).is_none()
            && let Some(spans) = &mut self.spans
        {
            spans.push(TracedSpan { queue, start: timed_event(stream)?, end: None });
        }
        Ok(())
    }

    fn end(&mut self, queue: Queue, stream: &CudaStream) -> Result<()> {
        if let Some(span) = self.open(queue) {
            span.end = Some(timed_event(stream)?);
        }
        Ok(())
    }
}

/// Segments in the order of a program's steps.
#[derive(Default)]
struct Schedule {
    segments: Vec<(Queue, Segment)>,
    /// Memory that decoding goes through.
    scratch: Vec<Arc<DeviceMemory>>,
    decoded: Vec<SlotId>,
    /// Queues that have launched nothing since they waited for the other one.
    launched: [bool; 2],
}

impl Schedule {
    fn push(&mut self, queue: Queue, segment: Segment) {
        let launched = &mut self.launched[usize::from(queue == Queue::Decode)];
        let segment = match segment {
            Segment::Wait(edge) => {
                *launched = false;
                Segment::Wait(edge)
            }
            Segment::Launch(launch) if !*launched => {
                *launched = true;
                Segment::Launch(launch.after_wait())
            }
            other => other,
        };
        self.segments.push((queue, segment));
    }
}

/// Returns the launches of the decode commands with which `commands` begins, and their number.
fn decodes<'a>(
    resources: &Resources,
    queue: Queue,
    commands: impl Iterator<Item = &'a Command>,
    schedule: &mut Schedule,
) -> Result<(usize, Vec<Launch>)> {
    let pairs = commands.map_while(|command| match command {
        Command::Decode { weight, into } => Some((*weight, *into)),
        _ => None,
    });
    let pairs: Vec<(WeightId, SlotId)> = pairs.collect();
    let decodings = pairs.iter().map(|&(weight, slot)| resources.decoding(weight, slot));
    let decodings = decodings.collect::<Result<Vec<_>>>()?;
    schedule.decoded.extend(pairs.iter().map(|&(_, slot)| slot));
    let (launches, scratch) = resources.decode(queue, &decodings)?;
    schedule.scratch.push(scratch);
    Ok((decodings.len(), launches))
}

/// Lets each product with tuples fetch what the next one reads.
fn fetch_ahead(segments: &mut [(Queue, Segment)]) {
    let mut previous: Option<usize> = None;
    for i in 0..segments.len() {
        let Segment::Launch(launch) = &mut segments[i].1 else { continue };
        if !launch.change_tuples(|tuples| {
            if previous.is_some() {
                tuples.fetched_before()
            }
        }) {
            continue;
        }
        let own = launch.tuples().cloned();
        if let (Some(before), Some(own)) = (previous, own)
            && let Segment::Launch(before) = &mut segments[before].1
        {
            before.change_tuples(|tuples| tuples.fetch_for(&own));
        }
        previous = Some(i);
    }
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
            3 => {
                // Which slots the bad weight is in is not known.
                self.resources.slots.iter().for_each(|slot| slot.set_content(None));
                let weight = &self.resources.weights[value as usize];
                weight.named(weight.streams().map_or_else(|error| error, |streams| streams.error()))
            }
            _ => RuntimeError::Device { device: "cuda", why: format!("a kernel reports error {code}") },
        }
    }
}
