use super::ring::Ring;
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

/// How a model is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadOptions {
    /// How weights come to the product.
    pub mode: Mode,
    /// What decoded layers may take, in bytes.
    pub budget: Option<u64>,
    /// What the machine has left, in bytes, where it is known: `auto` asks.
    pub free: Option<u64>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { mode: Mode::Auto, budget: None, free: free_bytes() }
    }
}

/// Memory that the machine has left, in bytes, where the system says.
pub fn free_bytes() -> Option<u64> {
    let memory =
        sysinfo::RefreshKind::nothing().with_memory(sysinfo::MemoryRefreshKind::nothing().with_ram());
    let system = sysinfo::System::new_with_specifics(memory);
    Some(system.available_memory()).filter(|&bytes| bytes > 0)
}

/// A tensor and the decision for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTensor {
    /// Its Hugging Face name.
    pub name: String,
    /// Where it lives, and why.
    pub plan: Decision<Residence>,
}

/// A transformer on a backend: configuration, weights, and the slots into which layers are decoded, whatever
/// the number of sequences and executors that use it.
pub struct Model {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) config: Config,
    pub(super) pairs: RotaryPairs,
    /// What all programs of the model name: weights, norms and biases, slots.
    pub(crate) layout: Layout,
    pub(crate) bindings: Bindings,
    pub(super) ids: Ids,
    pub(super) mode: Mode,
    pub(crate) ring: Ring,
    /// Sets of slots that experts share, where they are decoded before use.
    pub(crate) expert_slots: Vec<Vec<SlotId>>,
    turn: Mutex<SlotState>,
    reason: String,
    plans: Vec<PlannedTensor>,
    stored_bytes: u64,
}

/// The right to run a program that decodes into the model's slots.
#[derive(Debug, Default)]
pub(crate) struct SlotState {
    /// Whether the first block that goes through slots lies in its slots.
    pub(crate) primed: bool,
}

impl Model {
    /// Decides where every tensor lives and brings it to the backend.
    ///
    /// # Errors
    /// Names the tensor that is missing, of a wrong shape, or damaged; [`Mode`](crate::RuntimeError::Mode)
    /// tells why a mode does not run.
    pub fn load(checkpoint: &Checkpoint, backend: Arc<dyn Backend>, options: LoadOptions) -> Result<Self> {
        let config = checkpoint.config().clone();
        let matrices = Matrices::collect(checkpoint)?;
        let sizes = matrices.sizes();
        let facts = backend.facts();
        let (mode, reason) = resolve(options.mode, &facts, &sizes, options.budget, options.free)?;
        let (kept, experts) = match (mode, options.budget.or(options.free.map(|free| free / 2))) {
            (Mode::Lru, Some(budget)) => sizes.within(budget),
            _ => (vec![false; config.blocks.len()], 1),
        };
        let load = |(matrix, place, kept): (&Matrix, MatrixLocation, bool)| -> Result<Loaded> {
            let facts = MatrixInfo { shape: matrix.shape, form: matrix.form(), place };
            let decision = residence(&facts, mode, kept);
            let weight = backend.load(matrix, decision.choice)?;
            let (name, shape) = (matrix.name.clone(), matrix.shape);
            let info =
                WeightInfo { name, shape, residence: decision.choice, slot_bytes: weight.slot_bytes() };
            Ok(Loaded { info, weight, decision })
        };
        // Matrices come to the backend side by side: much of what it does with one has no threads of its own.
        let ends = matrices.ends().map(|matrix| (matrix, MatrixLocation::EmbeddingOrHead, false));
        let blocks = matrices.blocks.iter().zip(&kept);
        let blocks = blocks.flat_map(|(block, &kept)| block.iter().map(move |(m, place)| (m, *place, kept)));
        let all: Vec<_> = ends.chain(blocks).collect();
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
        checkpoint.all_used()?;
        let Loader { mut layout, mut bindings, plans, ids, .. } = loader;
        let id = |linear: &LinearSpec| ids.weights[&linear.weight()];
        let weights: Vec<Vec<WeightId>> =
            config.blocks.iter().map(|block| block.tensors().into_iter().map(id).collect()).collect();
        let ring = Ring::new(mode, &weights, &kept, &mut layout);
        let expert_slots = expert_slots(&config, &ids, experts, &mut layout);
        for slot in &layout.slots {
            bindings.slots.push(backend.slot(slot.bytes)?);
        }
        Ok(Self {
            pairs: checkpoint.pairs(),
            layout,
            bindings,
            ids,
            mode,
            ring,
            expert_slots,
            turn: Mutex::default(),
            reason,
            plans,
            stored_bytes: matrices.all().map(Matrix::stored_bytes).sum(),
            config,
            backend,
        })
    }

    /// What the matrices of a checkpoint take decoded.
    ///
    /// # Errors
    /// Names the tensor that is missing or damaged.
    pub fn sizes(checkpoint: &Checkpoint) -> Result<DecodedSizes> {
        Ok(Matrices::collect(checkpoint)?.sizes())
    }

    /// Shape and variants.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The device.
    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// The mode that runs, and why it is this one.
    pub fn mode(&self) -> (Mode, &str) {
        (self.mode, &self.reason)
    }

    /// What was decided for each matrix.
    pub fn plans(&self) -> &[PlannedTensor] {
        &self.plans
    }

    /// Bytes that all weight matrices and slots hold: mapped streams, tables, side data, decoded codes.
    pub fn weight_bytes(&self) -> u64 {
        let weights: u64 = self.bindings.weights.iter().map(Weight::bytes).sum();
        weights + self.bindings.slots.iter().map(|slot| slot.bytes() as u64).sum::<u64>()
    }

    /// Bytes that the same matrices take in the file.
    pub fn stored_bytes(&self) -> u64 {
        self.stored_bytes
    }

    /// Waits for the right to use the model's slots; who runs a program that needs none need not ask.
    pub(crate) fn turn(&self) -> MutexGuard<'_, SlotState> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A matrix that the backend has loaded.
struct Loaded {
    info: WeightInfo,
    weight: Weight,
    decision: Decision<Residence>,
}

/// Ids of what a specification names.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// By name of the tensor.
    pub(super) weights: HashMap<String, WeightId>,
    /// Weights of norms and biases, by name of the tensor and first row.
    pub(super) vectors: HashMap<(String, usize), BufferId>,
}

/// Adds `count` sets of slots to the layout, each for one expert, if experts need any.
fn expert_slots(config: &Config, ids: &Ids, count: usize, layout: &mut Layout) -> Vec<Vec<SlotId>> {
    let mut bytes: Vec<usize> = Vec::new();
    for expert in config.blocks.iter().flat_map(BlockSpec::experts) {
        for (place, linear) in expert.linears().enumerate() {
            let own = layout.weights[ids.weights[&linear.weight()].0 as usize].slot_bytes;
            match bytes.get_mut(place) {
                Some(most) => *most = (*most).max(own),
                None => bytes.push(own),
            }
        }
    }
    if bytes.iter().all(|&bytes| bytes == 0) {
        return Vec::new();
    }
    let mut set = |number: usize| {
        let slot =
            |(place, &bytes): (usize, &usize)| layout.slot(format!("expert slot {number}.{place}"), bytes);
        bytes.iter().enumerate().map(slot).collect()
    };
    (0..count).map(&mut set).collect()
}

/// All matrices of a model, checked and not yet loaded.
struct Matrices {
    embedding: Matrix,
    positions: Option<Matrix>,
    head: Option<Matrix>,
    /// Of each block, each tensor once.
    blocks: Vec<Vec<(Matrix, MatrixLocation)>>,
}

impl Matrices {
    fn collect(checkpoint: &Checkpoint) -> Result<Self> {
        let c = checkpoint.config();
        let ends = [c.vocabulary, c.hidden];
        let head = c.head.as_ref().map(|name| checkpoint.matrix(name, ends)).transpose()?;
        let learned = c.positions.as_ref().map(|name| checkpoint.matrix(name, [c.context, c.hidden]));
        let block = |block: &BlockSpec| -> Result<Vec<(Matrix, MatrixLocation)>> {
            let own = block.tensors().into_iter().map(|linear| (linear, MatrixLocation::Block));
            let experts = block.experts().flat_map(FeedForwardSpec::linears);
            let experts = experts.map(|linear| (linear, MatrixLocation::Expert));
            own.chain(experts).map(|(linear, place)| Ok((checkpoint.linear(linear)?, place))).collect()
        };
        Ok(Self {
            embedding: checkpoint.matrix(&c.embedding, ends)?,
            positions: learned.transpose()?,
            head,
            blocks: c.blocks.iter().map(block).collect::<Result<_>>()?,
        })
    }

    fn ends(&self) -> impl Iterator<Item = &Matrix> {
        [Some(&self.embedding), self.positions.as_ref(), self.head.as_ref()].into_iter().flatten()
    }

    fn all(&self) -> impl Iterator<Item = &Matrix> {
        self.ends().chain(self.blocks.iter().flatten().map(|(matrix, _)| matrix))
    }

    /// Decoded bytes: packed codes, or floats.
    fn sizes(&self) -> DecodedSizes {
        let bytes = |matrix: &Matrix| {
            let weights = matrix.shape[0] as u64 * matrix.shape[1] as u64;
            let bits = match matrix.form() {
                StorageKind::Codes { alphabet, .. } => u64::from((alphabet - 1).ilog2() + 1),
                _ => 8 * matrix.float_type().bytes() as u64,
            };
            (weights * bits).div_ceil(8)
        };
        let of = |block: &[(Matrix, MatrixLocation)], wanted: MatrixLocation| {
            let matrices = block.iter().filter(|(_, place)| *place == wanted);
            matrices.map(|(matrix, _)| bytes(matrix)).collect::<Vec<u64>>()
        };
        // An expert has three matrices, or two without a gate; all have one shape, and about one size.
        let experts: Vec<u64> =
            self.blocks.iter().flat_map(|block| of(block, MatrixLocation::Expert)).collect();
        let each = if experts.len().is_multiple_of(3) { 3 } else { 2 };
        DecodedSizes {
            blocks: self.blocks.iter().map(|block| of(block, MatrixLocation::Block).iter().sum()).collect(),
            ends: self.ends().map(bytes).sum(),
            expert: experts.chunks(each).map(|expert| expert.iter().sum()).max().unwrap_or(0),
            experts: experts.len() / each,
        }
    }
}

/// Gives ids to what is loaded.
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

    /// A vector that may stand in the checkpoint with others: `first` is where it begins.
    fn vector(&mut self, name: String, first: usize, values: &[f32]) -> Result<()> {
        let buffer = self.backend.alloc(Element::F32, values.len())?;
        self.backend.upload(&buffer, 0, bytemuck::cast_slice(values))?;
        self.bindings.buffers.push(buffer);
        let id = self.layout.buffer(&name, Element::F32, values.len());
        self.ids.vectors.insert((name, first), id);
        Ok(())
    }

    /// A norm whose output is divided by `divisor`.
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

    /// Norms and biases of a block.
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
