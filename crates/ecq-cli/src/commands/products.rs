//! Programs of matrix products alone, in every decode mode.

use super::device::Device;
use ecq::encode::{CodingChoice, EncodeOptions, encode};
use ecq::runtime::backend::{Bindings, Compiled, DeviceInfo, Inputs};
use ecq::runtime::program::{
    BufferId, Command, Layout, Output, Program, Queue, Rows, Step, WeightId, WeightInfo,
};
use ecq::runtime::{
    BlockSlots, DecodeScheduler, Matrix, MatrixInfo, MatrixLocation, MatrixStorage, Mode, Residence,
    RuntimeError, consumption, residence,
};
use ecq::{Codes, Coding, Element, EncodedTensor, Grid, TensorKind};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// The matrices of a layer: those with the same input together.
pub type Layer = Vec<Vec<Matrix>>;

/// What products read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Activations {
    /// All the same values.
    Constant,
    /// The first output of the matrices before where its length fits, otherwise the same values.
    Chained,
}

/// Encodes a matrix with one coding, whatever its size.
pub fn encoded(
    codes: &Codes,
    grid: &Grid,
    coding: Coding,
    options: &EncodeOptions,
) -> anyhow::Result<EncodedTensor> {
    let options = EncodeOptions { coding: CodingChoice::Only(coding), hybrid_percent: 0.0, ..*options };
    Ok(encode(TensorKind::Linear, codes, grid, &options)?.0)
}

/// Returns a matrix as a checkpoint has it.
pub fn matrix(tensor: EncodedTensor) -> Matrix {
    let shape = tensor.shape();
    Matrix { name: format!("{} x {}", shape[0], shape[1]), shape, storage: MatrixStorage::Codes(tensor) }
}

/// Layers whose products one program runs.
pub struct Products {
    program: Compiled,
    rows: usize,
    /// Bytes of the weights in memory, without slots.
    pub weight_bytes: u64,
    /// Bytes of the slots that weights are decoded into.
    pub slot_bytes: u64,
}

/// Buffers of activations.
struct Buffers {
    rows: usize,
    /// By length: inputs that no product writes.
    constant: HashMap<usize, BufferId>,
    /// By parity of the layer, place of the input, place of the matrix, and length.
    outputs: HashMap<[usize; 4], BufferId>,
}

impl Buffers {
    fn constant(&mut self, len: usize, layout: &mut Layout) -> BufferId {
        let rows = self.rows;
        *self.constant.entry(len).or_insert_with(|| layout.buffer("input", Element::F32, rows * len))
    }

    fn output(&mut self, place: [usize; 4], layout: &mut Layout) -> BufferId {
        let len = self.rows * place[3];
        *self.outputs.entry(place).or_insert_with(|| layout.buffer("output", Element::F32, len))
    }
}

impl Products {
    /// Loads layers onto a device for `rows` rows of activations. Each layer has its own memory.
    pub fn new(
        device: &Device,
        layers: &[&Layer],
        mode: Mode,
        (rows, activations): (usize, Activations),
    ) -> Result<Self, RuntimeError> {
        let backend = device.backend();
        let info = backend.info();
        let (mut layout, mut bindings) = (Layout::default(), Bindings::default());
        let mut ids = Vec::new();
        for layer in layers {
            let mut own = Vec::new();
            for matrix in layer.iter().flatten() {
                let residence = residence_of(matrix, mode, &info);
                let weight = match device {
                    Device::Cpu(_) => backend.load(&copied(matrix)?, residence)?,
                    _ => backend.load(matrix, residence)?,
                };
                own.push(layout.weight(WeightInfo {
                    name: matrix.name.clone(),
                    shape: matrix.shape,
                    residence,
                    slot_bytes: weight.slot_bytes(),
                }));
                bindings.weights.push(weight);
            }
            ids.push(own);
        }
        let slots = BlockSlots::new(mode, &ids, &vec![false; layers.len()], &mut layout);
        let steps = steps(layers, &ids, &slots, &mut layout, (rows, activations, &info));
        for slot in &layout.slots {
            bindings.slots.push(backend.slot(slot.bytes)?);
        }
        for buffer in &layout.buffers {
            let allocated = backend.alloc(buffer.element, buffer.len)?;
            let values: Vec<u8> =
                (0..buffer.len).flat_map(|i| ((i * 37 % 101) as f32 / 50.0 - 1.0).to_le_bytes()).collect();
            backend.upload(&allocated, 0, &values)?;
            bindings.buffers.push(allocated);
        }
        let layout = Arc::new(layout);
        let compiled = |steps, decoded| {
            let program = Program::new("products", layout.clone(), [rows, 0], decoded, steps)?;
            backend.compile(&program, &bindings)
        };
        let weight_bytes = bindings.weights.iter().map(|weight| weight.bytes()).sum();
        let slot_bytes = bindings.slots.iter().map(|slot| slot.bytes() as u64).sum();
        let products = Self { program: compiled(steps, slots.preloaded())?, rows, weight_bytes, slot_bytes };
        let first = slots.decode_first_block();
        if !first.is_empty() {
            backend.wait(&backend.submit(&compiled(first, &[])?, &products.inputs())?)?;
        }
        Ok(products)
    }

    /// Returns the median seconds of all products, measured for about `most` seconds.
    pub fn seconds(&self, device: &Device, most: f64) -> anyhow::Result<f64> {
        device.seconds(&self.program, &self.inputs(), most)
    }

    /// Returns the program, for measurements that one device offers.
    pub fn program(&self) -> &Compiled {
        &self.program
    }

    /// Returns the values that each submission passes.
    pub fn inputs(&self) -> Inputs<'static> {
        Inputs { rows: self.rows, logits_rows: 0, writes: &[] }
    }

    /// Returns the part of a pass that products wait for decoding; `None` if the host does not know.
    pub fn waiting(&self, device: &Device) -> anyhow::Result<Option<f64>> {
        let (backend, start) = (device.backend(), Instant::now());
        let stalled = backend.wait(&backend.submit(&self.program, &self.inputs())?)?.stalled;
        Ok(stalled.map(|stalled| stalled.as_secs_f64() / start.elapsed().as_secs_f64()))
    }
}

/// Returns where a projection is in a mode, as for a model.
fn residence_of(matrix: &Matrix, mode: Mode, info: &DeviceInfo) -> Residence {
    let described = MatrixInfo {
        shape: matrix.shape,
        storage: matrix.storage_kind(),
        location: MatrixLocation::Block,
        stored_bytes: matrix.stored_bytes(),
        packed_bytes: matrix.packed_bytes(),
    };
    residence(&described, mode, false, info).choice
}

/// Returns a matrix with bytes of its own: on the CPU, tensors share the bytes of a file.
fn copied(matrix: &Matrix) -> Result<Matrix, RuntimeError> {
    let storage = match &matrix.storage {
        MatrixStorage::Codes(tensor) => {
            let parts = tensor.parts().iter().map(|(&part, bytes)| (part, bytes.to_vec().into()));
            MatrixStorage::Codes(EncodedTensor::new(tensor.entry().clone(), parts.collect())?)
        }
        other => other.clone(),
    };
    Ok(Matrix { name: matrix.name.clone(), shape: matrix.shape, storage })
}

fn steps(
    layers: &[&Layer],
    ids: &[Vec<WeightId>],
    slots: &BlockSlots,
    layout: &mut Layout,
    (rows, activations, info): (usize, Activations, &DeviceInfo),
) -> Vec<Step> {
    let mut buffers = Buffers { rows, constant: HashMap::new(), outputs: HashMap::new() };
    let (mut steps, mut scheduler) = (Vec::new(), DecodeScheduler::new(slots));
    let mut last: Option<(BufferId, usize)> = None;
    scheduler.begin(&mut steps);
    for (i, (layer, ids)) in layers.iter().zip(ids).enumerate() {
        scheduler.before(i, &mut steps);
        let mut weights = ids.iter();
        for (place, group) in layer.iter().enumerate() {
            let cols = group.first().map_or(0, |matrix| matrix.shape[1]);
            let x = match last {
                Some((buffer, len)) if len == cols && activations == Activations::Chained => buffer,
                _ => buffers.constant(cols, layout),
            };
            let mut outputs = Vec::new();
            for (number, (matrix, &id)) in group.iter().zip(&mut weights).enumerate() {
                let length = matrix.shape[0];
                let residence = layout.weights[id.0 as usize].residence;
                outputs.push(Output {
                    operand: slots.operand(i, id),
                    consumption: consumption(residence, matrix.shape, info, rows).choice,
                    range: 0..length,
                    bias: None,
                    y: buffers.output([i % 2, place, number, length], layout),
                });
            }
            last = outputs.first().map(|output| (output.y, output.range.len()));
            steps.push(Step::Run(Queue::Compute, Command::Linear { rows: Rows::Batch, x, outputs }));
        }
        scheduler.after(i, &mut steps);
    }
    scheduler.end(&mut steps);
    steps
}
