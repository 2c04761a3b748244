use super::slots::BlockSlots;
use crate::arch::{
    AttentionSpec, BlockSpec, Config, FeedForwardSpec, LinearSpec, Mixer, NormKind, NormSpec, Sublayer,
};
use crate::backend::{Backend, Bindings, Weight};
use crate::checkpoint::Checkpoint;
use crate::error::Result;
use crate::plan::{Decision, DecodedSizes, MatrixInfo, MatrixLocation, Mode, Residence, residence, resolve};
use crate::program::{BufferId, Layout, SlotId, WeightId, WeightInfo};
use crate::weights::{Matrix, StorageKind};
use ecq_core::{Element, RotaryPairs};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Options of loading a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadOptions {
    /// Decode mode.
    pub mode: Mode,
    /// Memory budget for decoded weights in bytes.
    pub budget_bytes: Option<u64>,
    /// Available memory of the machine in bytes, if known; `auto` uses half of it when there is no budget.
    pub free_bytes: Option<u64>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { mode: Mode::Auto, budget_bytes: None, free_bytes: free_bytes() }
    }
}

/// Returns the available memory of the machine in bytes, if the system reports it.
pub fn free_bytes() -> Option<u64> {
    let memory =
        sysinfo::RefreshKind::nothing().with_memory(sysinfo::MemoryRefreshKind::nothing().with_ram());
    let system = sysinfo::System::new_with_specifics(memory);
    Some(system.available_memory()).filter(|&bytes| bytes > 0)
}

/// A matrix and the decision where it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTensor {
    /// Hugging Face name.
    pub name: String,
    /// Residence and reason.
    pub plan: Decision<Residence>,
}

/// A transformer on a backend: configuration, weights and slots. Any number of executors and sequences can
/// use it.
pub struct Model {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) config: Config,
    pub(super) pairs: RotaryPairs,
    /// Ids that all programs of the model share: weights, norms and biases, slots.
    pub(crate) layout: Layout,
    pub(crate) bindings: Bindings,
    pub(super) ids: Ids,
    pub(super) mode: Mode,
    pub(crate) block_slots: BlockSlots,
    /// Sets of slots that the experts of all blocks share, if they are decoded before use.
    pub(crate) expert_slots: Vec<Vec<SlotId>>,
    slot_state: Mutex<SlotState>,
    reason: String,
    plans: Vec<PlannedTensor>,
    stored_bytes: u64,
}

/// State of the model's slots. Its lock is the right to run a program that decodes into them.
#[derive(Debug, Default)]
pub(crate) struct SlotState {
    /// Whether the slots of the first streamed block hold that block.
    pub(crate) first_block_decoded: bool,
}

impl Model {
    /// Decides the residence of every matrix and loads the weights.
    ///
    /// # Errors
    /// With the tensor's name if it is missing, damaged or has a wrong shape;
    /// [`Mode`](crate::RuntimeError::Mode) if the mode cannot run.
    pub fn load(checkpoint: &Checkpoint, backend: Arc<dyn Backend>, options: LoadOptions) -> Result<Self> {
        let config = checkpoint.config().clone();
        let matrices = Matrices::collect(checkpoint)?;
        let sizes = matrices.sizes();
        let device = backend.info();
        // The memory of the device, if it has its own.
        let free_bytes = device.memory_bytes.or(options.free_bytes);
        let (mode, reason) = resolve(options.mode, &device, &sizes, options.budget_bytes, free_bytes)?;
        let (pinned, experts) = match (mode, options.budget_bytes.or(free_bytes.map(|free| free / 2))) {
            (Mode::Lru, Some(budget)) => sizes.fit(budget),
            _ => (vec![false; config.blocks.len()], 1),
        };
        let load = |(matrix, location, pinned): (&Matrix, MatrixLocation, bool)| -> Result<Loaded> {
            let info = MatrixInfo { shape: matrix.shape, storage: matrix.storage_kind(), location };
            let decision = residence(&info, mode, pinned, &device);
            let weight = backend.load(matrix, decision.choice)?;
            let (name, shape) = (matrix.name.clone(), matrix.shape);
            let info =
                WeightInfo { name, shape, residence: decision.choice, slot_bytes: weight.slot_bytes() };
            Ok(Loaded { info, weight, decision })
        };
        // Matrices are loaded in parallel, because parts of loading a single matrix use one thread.
        let outer = matrices.outer().map(|matrix| (matrix, MatrixLocation::EmbeddingOrHead, false));
        let blocks = matrices.blocks.iter().zip(&pinned);
        let blocks =
            blocks.flat_map(|(block, &pinned)| block.iter().map(move |(m, location)| (m, *location, pinned)));
        let all: Vec<_> = outer.chain(blocks).collect();
        let loaded = all.into_par_iter().map(load).collect::<Result<Vec<_>>>()?;
        let mut loader = Loader {
            checkpoint,
            backend: &*backend,
            layout: Layout::default(),
            bindings: Bindings::default(),
            plans: Vec::new(),
            ids: Ids::default(),
        };
        loaded.into_iter().for_each(|loaded| loader.weight(loaded));
        loader.norm(&config.final_norm, config.logits_divisor)?;
        for block in &config.blocks {
            loader.block(block)?;
        }
        checkpoint.check_unused_tensors()?;
        let Loader { mut layout, mut bindings, plans, ids, .. } = loader;
        let id = |linear: &LinearSpec| ids.weights[&linear.weight()];
        let weights: Vec<Vec<WeightId>> =
            config.blocks.iter().map(|block| block.tensors().into_iter().map(id).collect()).collect();
        let block_slots = BlockSlots::new(mode, &weights, &pinned, &mut layout);
        let expert_slots = expert_slots(&config, &ids, experts, &mut layout);
        for slot in &layout.slots {
            bindings.slots.push(backend.slot(slot.bytes)?);
        }
        Ok(Self {
            pairs: checkpoint.rotary_pairs(),
            layout,
            bindings,
            ids,
            mode,
            block_slots,
            expert_slots,
            slot_state: Mutex::default(),
            reason,
            plans,
            stored_bytes: matrices.all().map(Matrix::stored_bytes).sum(),
            config,
            backend,
        })
    }

    /// Returns the decoded sizes of a checkpoint's matrices.
    ///
    /// # Errors
    /// With the name of a tensor that is missing or damaged.
    pub fn sizes(checkpoint: &Checkpoint) -> Result<DecodedSizes> {
        Ok(Matrices::collect(checkpoint)?.sizes())
    }

    /// Returns the model's configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the device.
    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// Returns the decode mode and the reason for it.
    pub fn mode(&self) -> (Mode, &str) {
        (self.mode, &self.reason)
    }

    /// Returns the residence of each matrix.
    pub fn plans(&self) -> &[PlannedTensor] {
        &self.plans
    }

    /// Returns the bytes of all weights and slots: mapped streams, tables, side data, decoded codes.
    pub fn weight_bytes(&self) -> u64 {
        let weights: u64 = self.bindings.weights.iter().map(Weight::bytes).sum();
        weights + self.bindings.slots.iter().map(|slot| slot.bytes() as u64).sum::<u64>()
    }

    /// Returns the bytes of the same matrices in the file.
    pub fn stored_bytes(&self) -> u64 {
        self.stored_bytes
    }

    /// Locks the model's slots. Programs that use no slot need no lock.
    pub(crate) fn lock_slots(&self) -> MutexGuard<'_, SlotState> {
        self.slot_state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A matrix loaded by the backend.
struct Loaded {
    info: WeightInfo,
    weight: Weight,
    decision: Decision<Residence>,
}

/// Ids by tensor name.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// Weight matrices.
    pub(super) weights: HashMap<String, WeightId>,
    /// Norm weights and biases; the key includes the first row within the tensor.
    pub(super) vectors: HashMap<(String, usize), BufferId>,
}

/// Adds `count` sets of slots, one expert each, to the layout. Returns none if no expert needs slots.
fn expert_slots(config: &Config, ids: &Ids, count: usize, layout: &mut Layout) -> Vec<Vec<SlotId>> {
    let mut bytes: Vec<usize> = Vec::new();
    for expert in config.blocks.iter().flat_map(BlockSpec::experts) {
        for (index, linear) in expert.linears().enumerate() {
            let own = layout.weights[ids.weights[&linear.weight()].0 as usize].slot_bytes;
            match bytes.get_mut(index) {
                Some(max) => *max = (*max).max(own),
                None => bytes.push(own),
            }
        }
    }
    if bytes.iter().all(|&bytes| bytes == 0) {
        return Vec::new();
    }
    let mut set = |number: usize| {
        let slot =
            |(index, &bytes): (usize, &usize)| layout.slot(format!("expert slot {number}.{index}"), bytes);
        bytes.iter().enumerate().map(slot).collect()
    };
    (0..count).map(&mut set).collect()
}

/// All matrices of a model, checked but not loaded.
struct Matrices {
    embedding: Matrix,
    positions: Option<Matrix>,
    head: Option<Matrix>,
    /// For each block its tensors, each once.
    blocks: Vec<Vec<(Matrix, MatrixLocation)>>,
}

impl Matrices {
    fn collect(checkpoint: &Checkpoint) -> Result<Self> {
        let c = checkpoint.config();
        let vocabulary_shape = [c.vocabulary, c.hidden];
        let head = c.head.as_ref().map(|name| checkpoint.matrix(name, vocabulary_shape)).transpose()?;
        let learned = c.positions.as_ref().map(|name| checkpoint.matrix(name, [c.context, c.hidden]));
        let block = |block: &BlockSpec| -> Result<Vec<(Matrix, MatrixLocation)>> {
            let own = block.tensors().into_iter().map(|linear| (linear, MatrixLocation::Block));
            let experts = block.experts().flat_map(FeedForwardSpec::linears);
            let experts = experts.map(|linear| (linear, MatrixLocation::Expert));
            own.chain(experts).map(|(linear, location)| Ok((checkpoint.linear(linear)?, location))).collect()
        };
        Ok(Self {
            embedding: checkpoint.matrix(&c.embedding, vocabulary_shape)?,
            positions: learned.transpose()?,
            head,
            blocks: c.blocks.iter().map(block).collect::<Result<_>>()?,
        })
    }

    fn outer(&self) -> impl Iterator<Item = &Matrix> {
        [Some(&self.embedding), self.positions.as_ref(), self.head.as_ref()].into_iter().flatten()
    }

    fn all(&self) -> impl Iterator<Item = &Matrix> {
        self.outer().chain(self.blocks.iter().flatten().map(|(matrix, _)| matrix))
    }

    /// Returns the decoded sizes: packed codes, or floats for matrices without codes.
    fn sizes(&self) -> DecodedSizes {
        let bytes = |matrix: &Matrix| {
            let weights = matrix.shape[0] as u64 * matrix.shape[1] as u64;
            let bits = match matrix.storage_kind() {
                StorageKind::Codes { alphabet, .. } => u64::from((alphabet - 1).ilog2() + 1),
                _ => 8 * matrix.float_type().bytes() as u64,
            };
            (weights * bits).div_ceil(8)
        };
        let of = |block: &[(Matrix, MatrixLocation)], wanted_location: MatrixLocation| {
            let matrices = block.iter().filter(|(_, location)| *location == wanted_location);
            matrices.map(|(matrix, _)| bytes(matrix)).collect::<Vec<u64>>()
        };
        // An expert has three matrices, or two without a gate, all of the same shape and similar size.
        let experts: Vec<u64> =
            self.blocks.iter().flat_map(|block| of(block, MatrixLocation::Expert)).collect();
        let each = if experts.len().is_multiple_of(3) { 3 } else { 2 };
        DecodedSizes {
            blocks: self.blocks.iter().map(|block| of(block, MatrixLocation::Block).iter().sum()).collect(),
            embedding_and_head: self.outer().map(bytes).sum(),
            largest_expert: experts.chunks(each).map(|expert| expert.iter().sum()).max().unwrap_or(0),
            expert_count: experts.len() / each,
        }
    }
}

/// Assigns ids to weights and vectors.
struct Loader<'a> {
    checkpoint: &'a Checkpoint,
    backend: &'a dyn Backend,
    layout: Layout,
    bindings: Bindings,
    plans: Vec<PlannedTensor>,
    ids: Ids,
}

impl Loader<'_> {
    fn weight(&mut self, Loaded { info, weight, decision }: Loaded) {
        self.plans.push(PlannedTensor { name: info.name.clone(), plan: decision });
        self.bindings.weights.push(weight);
        let name = info.name.clone();
        self.ids.weights.insert(name, self.layout.weight(info));
    }

    /// Uploads a vector; `first` is its first row within the tensor.
    fn vector(&mut self, name: String, first: usize, values: &[f32]) -> Result<()> {
        let buffer = self.backend.alloc(Element::F32, values.len())?;
        self.backend.upload(&buffer, 0, bytemuck::cast_slice(values))?;
        self.bindings.buffers.push(buffer);
        let id = self.layout.buffer(&name, Element::F32, values.len());
        self.ids.vectors.insert((name, first), id);
        Ok(())
    }

    /// Uploads the weights of a norm, divided by `divisor`.
    fn norm(&mut self, spec: &NormSpec, divisor: f32) -> Result<()> {
        let divided =
            |values: Vec<f32>| values.into_iter().map(|value| value / divisor).collect::<Vec<f32>>();
        let weight = divided(self.checkpoint.norm(spec)?);
        self.vector(spec.weight(), 0, &weight)?;
        if spec.kind == NormKind::Layer {
            let bias = divided(self.checkpoint.vector(&spec.bias_name(), spec.width)?);
            self.vector(spec.bias_name(), 0, &bias)?;
        }
        Ok(())
    }

    /// Uploads the norms and biases of a block.
    fn block(&mut self, block: &BlockSpec) -> Result<()> {
        for linear in block.linears() {
            if let Some(bias) = self.checkpoint.bias(linear)? {
                self.vector(linear.bias_name(), linear.rows.start, &bias)?;
            }
        }
        for Sublayer { norm, mixer, output_norm, .. } in &block.sublayers {
            self.norm(norm, 1.0)?;
            output_norm.iter().try_for_each(|norm| self.norm(norm, 1.0))?;
            if let Mixer::Attention(AttentionSpec { q_norm, k_norm, .. }) = mixer {
                q_norm.iter().chain(k_norm).try_for_each(|norm| self.norm(norm, 1.0))?;
            }
        }
        Ok(())
    }
}
