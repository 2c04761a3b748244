//! Compiled programs: dispatches in the order of a program's commands, which a pass replays.
//!
//! There is one queue, so that commands of the decode queue run between those of the other one, in the order
//! of the program; edges are its order.

use crate::backend::{Shared, WgpuBuffer, wgpu_buffer};
use crate::commands::Builder;
use crate::decode::{Context, Target};
use crate::dispatch::{ActiveRows, Dispatch, Encoded, PARAMETER_BYTES, encode};
use crate::error::{Result as WgpuResult, WgpuError};
use crate::experts::HostExperts;
use crate::gpu::Reading;
use crate::weight::{WgpuSlot, WgpuWeight, wgpu_slot, wgpu_weight};
use ecq_core::Element;
use ecq_runtime::RuntimeError;
use ecq_runtime::backend::{Bindings, Buffer, Inputs, Timing};
use ecq_runtime::program::{BufferId, Command, Program, SlotId, Step, WeightId};
use std::sync::{Arc, Mutex, PoisonError};

type Result<T> = std::result::Result<T, RuntimeError>;

/// A compiled program and the resources that it uses.
pub(crate) struct WgpuProgram {
    pub(crate) segments: Vec<Segment>,
    pub(crate) resources: Resources,
    /// Slots that the program decodes into.
    decoded: Vec<SlotId>,
}

/// The buffers, weights and slots that commands refer to.
pub(crate) struct Resources {
    pub(crate) shared: Arc<Shared>,
    buffers: Vec<Arc<WgpuBuffer>>,
    lens: Vec<usize>,
    elements: Vec<Element>,
    weights: Vec<Arc<WgpuWeight>>,
    slots: Vec<Arc<WgpuSlot>>,
    /// Numbers of batch rows and logits rows in use.
    pub(crate) active: wgpu::Buffer,
    /// An error that a kernel found: its code, and a value.
    pub(crate) report: wgpu::Buffer,
    /// Bound where a kernel has a buffer that it does not read.
    pub(crate) nothing: wgpu::Buffer,
}

impl Resources {
    pub(crate) fn buffer(&self, id: BufferId) -> &wgpu::Buffer {
        &self.buffers[id.0 as usize].memory
    }

    pub(crate) fn len(&self, id: BufferId) -> usize {
        self.lens[id.0 as usize]
    }

    pub(crate) fn element(&self, id: BufferId) -> Element {
        self.elements[id.0 as usize]
    }

    pub(crate) fn weight(&self, id: WeightId) -> &WgpuWeight {
        &self.weights[id.0 as usize]
    }

    pub(crate) fn slot(&self, id: SlotId) -> &WgpuSlot {
        &self.slots[id.0 as usize]
    }

    /// Returns the work that decodes a weight into a slot.
    pub(crate) fn decoding(&self, weight: WeightId, slot: SlotId) -> Result<Vec<Work>> {
        let active = ActiveRows { buffer: self.active.clone(), at: 0 };
        let streams = self.weight(weight).streams()?;
        streams.work(self.context(weight, &active), &Target::Words(&self.slot(slot).words))
    }

    /// Returns what dispatches that decode a weight share.
    pub(crate) fn context<'a>(&'a self, weight: WeightId, active: &'a ActiveRows) -> Context<'a> {
        Context { gpu: &self.shared.gpu, weight: weight.0, report: &self.report, active }
    }
}

/// Work that is enqueued.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    Dispatch(Dispatch),
    /// Sets a buffer to zero.
    Clear(wgpu::Buffer),
}

/// A part of a program.
pub(crate) enum Segment {
    Pass(Vec<Encoded>),
    Clear(wgpu::Buffer),
    Experts(Box<HostExperts>),
}

/// Groups work in passes.
fn segments_of(resources: &Resources, work: Vec<Work>) -> Result<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut pass = Vec::new();
    let flush = |pass: &mut Vec<Dispatch>, segments: &mut Vec<Segment>| -> Result<()> {
        if !pass.is_empty() {
            segments.push(Segment::Pass(encode(&resources.shared.gpu, pass)?));
            pass.clear();
        }
        Ok(())
    };
    for work in work {
        match work {
            Work::Dispatch(dispatch) => pass.push(dispatch),
            Work::Clear(buffer) => {
                flush(&mut pass, &mut segments)?;
                segments.push(Segment::Clear(buffer));
            }
        }
    }
    flush(&mut pass, &mut segments)?;
    Ok(segments)
}

impl WgpuProgram {
    pub(crate) fn new(program: &Program, bindings: &Bindings, shared: Arc<Shared>) -> Result<Self> {
        let number = shared.number;
        let gpu = &shared.gpu;
        let resources = Resources {
            buffers: bindings.buffers.iter().map(|b| wgpu_buffer(b, number)).collect::<Result<_>>()?,
            lens: bindings.buffers.iter().map(Buffer::len).collect(),
            elements: bindings.buffers.iter().map(Buffer::element).collect(),
            weights: bindings.weights.iter().map(|w| wgpu_weight(w, number)).collect::<Result<_>>()?,
            slots: bindings.slots.iter().map(|s| wgpu_slot(s, number)).collect::<Result<_>>()?,
            active: gpu.parameters(&[0; PARAMETER_BYTES])?,
            report: gpu.buffer("the report of errors", 8)?,
            nothing: gpu.buffer("an unused operand", 16)?,
            shared: shared.clone(),
        };
        let (mut segments, mut work, mut decoded) = (Vec::new(), Vec::new(), Vec::new());
        let mut builder = Builder::new(program, &resources);
        for step in program.steps() {
            let Step::Run(_, command) = step else { continue };
            match command {
                Command::Experts(experts) => {
                    segments.extend(segments_of(&resources, std::mem::take(&mut work))?);
                    segments.push(Segment::Experts(Box::new(HostExperts::new(experts, &builder)?)));
                }
                Command::Decode { weight, into } => {
                    decoded.push(*into);
                    work.extend(resources.decoding(*weight, *into)?);
                }
                _ => work.extend(builder.command(command)?),
            }
        }
        segments.extend(segments_of(&resources, work)?);
        Ok(Self { segments, resources, decoded })
    }

    /// Returns the number of the backend.
    pub(crate) fn backend(&self) -> u64 {
        self.resources.shared.number
    }

    /// Returns the names of the kernels in the order in which they run, without those of experts.
    pub(crate) fn kernels(&self) -> Vec<&'static str> {
        let dispatches = self.segments.iter().filter_map(|segment| match segment {
            Segment::Pass(dispatches) => Some(dispatches),
            _ => None,
        });
        dispatches.flatten().map(|dispatch| dispatch.name).collect()
    }

    /// Enqueues the program.
    pub(crate) fn submit(program: &Arc<Self>, inputs: &Inputs) -> Result<WgpuEvent> {
        let resources = &program.resources;
        let gpu = &resources.shared.gpu;
        for (id, bytes) in inputs.writes {
            let fits = resources
                .lens
                .get(id.0 as usize)
                .is_some_and(|&len| bytes.len() <= len * resources.elements[id.0 as usize].bytes());
            if !fits {
                let what = format!("the input for {id:?} does not fit its buffer");
                return Err(RuntimeError::Binding(what));
            }
        }
        let _queue = resources.shared.lock();
        for &(id, bytes) in inputs.writes {
            resources.buffers[id.0 as usize].write(gpu, 0, bytes)?;
        }
        let active = [inputs.rows as u32, inputs.logits_rows as u32, 0, 0];
        gpu.queue.write_buffer(&resources.active, 0, bytemuck::cast_slice(&active));
        // Experts look for the weights that they have decoded.
        program.decoded.iter().for_each(|&slot| resources.slot(slot).set_content(None));
        let mut timing = Timing::default();
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        for segment in &program.segments {
            match segment {
                Segment::Experts(experts) => {
                    gpu.queue.submit([encoder.finish()]);
                    experts.run(resources, inputs.rows, &mut timing)?;
                    encoder = gpu.device.create_command_encoder(&Default::default());
                }
                _ => run_segment(segment, &mut encoder),
            }
        }
        let staging = gpu.staging(8)?;
        encoder.copy_buffer_to_buffer(&resources.report, 0, &staging, 0, 8);
        let index = gpu.queue.submit([encoder.finish()]);
        gpu.check()?;
        let report = Mutex::new(Some(Reading { staging, index: Some(index), bytes: 8 }));
        Ok(WgpuEvent { report, timing, program: program.clone() })
    }
}

fn run_segment(segment: &Segment, encoder: &mut wgpu::CommandEncoder) {
    match segment {
        Segment::Pass(dispatches) => {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            dispatches.iter().for_each(|dispatch| dispatch.run(&mut pass));
        }
        Segment::Clear(buffer) => encoder.clear_buffer(buffer, 0, None),
        Segment::Experts(_) => {}
    }
}

/// Enqueues work at once.
pub(crate) fn run_now(resources: &Resources, work: Vec<Work>) -> Result<()> {
    let gpu = &resources.shared.gpu;
    let segments = segments_of(resources, work)?;
    let mut encoder = gpu.device.create_command_encoder(&Default::default());
    segments.iter().for_each(|segment| run_segment(segment, &mut encoder));
    gpu.queue.submit([encoder.finish()]);
    Ok(gpu.check()?)
}

/// The completion of a submission.
pub(crate) struct WgpuEvent {
    /// The copy of the report; taken by the first wait.
    report: Mutex<Option<Reading>>,
    timing: Timing,
    program: Arc<WgpuProgram>,
}

impl WgpuEvent {
    /// Waits for the submission.
    pub(crate) fn wait(&self) -> Result<Timing> {
        let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(reading) = report.take() else { return Ok(self.timing) };
        let gpu = &self.program.resources.shared.gpu;
        let words: WgpuResult<[u32; 2]> = gpu.finish_read(reading, |bytes| {
            let words = bytemuck::pod_collect_to_vec::<u8, u32>(bytes);
            [words[0], words[1]]
        });
        let [code, value] = words?;
        if code != 0 {
            // The next submission begins without an error.
            gpu.queue.write_buffer(&self.program.resources.report, 0, &[0; 8]);
            return Err(self.program.reported(code, value));
        }
        Ok(self.timing)
    }
}

impl WgpuProgram {
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
            _ => WgpuError::Driver(format!("a kernel reports error {code}")).into(),
        }
    }
}
