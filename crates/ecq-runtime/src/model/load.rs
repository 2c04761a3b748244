use super::ring::Ring;
use crate::backend::{Backend, Bindings, Weight};
use crate::checkpoint::Checkpoint;
use crate::config::{Config, Naming, NormKind};
use crate::error::Result;
use crate::names::Names;
use crate::plan::{Decision, MatrixFacts, Mode, Place, Residence, Sizes, pinned, residence, resolve};
use crate::program::{BufferId, Layout, Norm, WeightId, WeightInfo};
use crate::weights::{Form, Matrix};
use ecq_core::{Element, RotaryPairs};
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;
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

/// A transformer on a backend: configuration, weights, and the slots into which layers are decoded, whatever the number of
/// sequences and executors that use it.
pub struct Model {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) config: Config,
    pub(super) pairs: RotaryPairs,
    /// What all programs of the model name: weights, norms and biases, slots.
    pub(crate) layout: Layout,
    pub(crate) bindings: Bindings,
    pub(super) embedding: WeightId,
    pub(super) positions: Option<WeightId>,
    pub(super) blocks: Vec<Block>,
    pub(super) final_norm: Norm,
    pub(super) head: WeightId,
    pub(super) mode: Mode,
    pub(crate) ring: Ring,
    turn: Mutex<Turn>,
    reason: String,
    plans: Vec<PlannedTensor>,
    stored_bytes: u64,
}

/// The right to run a program that decodes into the model's slots.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Whether the first block that goes through slots lies in its slots.
    pub(crate) primed: bool,
}

/// The weights of a block.
pub(super) struct Block {
    pub(super) attention_norm: Norm,
    pub(super) q: Projection,
    pub(super) k: Projection,
    pub(super) v: Projection,
    pub(super) q_norm: Option<Norm>,
    pub(super) k_norm: Option<Norm>,
    pub(super) o: Projection,
    pub(super) attention_output_norm: Option<Norm>,
    pub(super) mlp_norm: Norm,
    pub(super) gate: Option<Projection>,
    pub(super) up: Projection,
    pub(super) down: Projection,
    pub(super) mlp_output_norm: Option<Norm>,
}

/// A matrix, or some rows of it, and biases.
pub(super) struct Projection {
    pub(super) weight: WeightId,
    pub(super) range: Range<usize>,
    pub(super) bias: Option<BufferId>,
}

impl Model {
    /// Decides where every tensor lives and brings it to the backend.
    ///
    /// # Errors
    /// Names the tensor that is missing, of a wrong shape, or damaged; [`Mode`](crate::RuntimeError::Mode) tells why a
    /// mode does not run.
    pub fn load(checkpoint: &Checkpoint, backend: Arc<dyn Backend>, options: LoadOptions) -> Result<Self> {
        let config = checkpoint.config().clone();
        let matrices = Matrices::collect(checkpoint)?;
        let sizes = matrices.sizes();
        let facts = backend.facts();
        let (mode, reason) = resolve(options.mode, &facts, &sizes, options.budget, options.free)?;
        let kept = match (mode, options.budget.or(options.free.map(|free| free / 2))) {
            (Mode::Lru, Some(budget)) => pinned(&sizes.blocks, budget),
            _ => vec![false; config.layers],
        };
        let load = |matrix: &Matrix, place: Place, kept: bool| -> Result<Loaded> {
            let facts = MatrixFacts { shape: matrix.shape, form: matrix.form(), place };
            let decision = residence(&facts, mode, kept);
            let weight = backend.load(matrix, decision.choice)?;
            let (name, shape) = (matrix.name.clone(), matrix.shape);
            let info =
                WeightInfo { name, shape, residence: decision.choice, slot_bytes: weight.slot_bytes() };
            Ok(Loaded { info, weight, decision })
        };
        // Blocks come to the backend side by side: much of what it does with one matrix has no threads of its own.
        let blocks = matrices.blocks.par_iter().zip(&kept);
        let blocks = blocks.map(|(block, &kept)| {
            block.iter().map(|matrix| load(matrix, Place::Block, kept)).collect::<Result<Vec<_>>>()
        });
        let blocks = blocks.collect::<Result<Vec<_>>>()?;
        let mut loader = Loader {
            checkpoint,
            backend: &*backend,
            layout: Layout::default(),
            bindings: Bindings::default(),
            plans: Vec::new(),
        };
        let ends = |matrix: &Matrix| load(matrix, Place::Ends, false);
        let embedding = loader.weight(ends(&matrices.embedding)?);
        let positions =
            matrices.positions.as_ref().map(ends).transpose()?.map(|loaded| loader.weight(loaded));
        let head = match &matrices.head {
            Some(head) => loader.weight(ends(head)?),
            None => embedding,
        };
        let names = Names(config.naming);
        let final_norm = loader.norm(&names.top("norm"), config.hidden)?;
        let mut weights = Vec::new();
        let mut loaded = Vec::new();
        for (layer, (block, matrices)) in blocks.into_iter().zip(&matrices.blocks).enumerate() {
            let ids: Vec<WeightId> = block.into_iter().map(|matrix| loader.weight(matrix)).collect();
            loaded.push(loader.block(&names, layer, matrices, &ids)?);
            weights.push(ids);
        }
        checkpoint.all_used()?;
        let Loader { mut layout, mut bindings, plans, .. } = loader;
        let ring = Ring::new(mode, &weights, &kept, &mut layout);
        for slot in &layout.slots {
            bindings.slots.push(backend.slot(slot.bytes)?);
        }
        Ok(Self {
            pairs: checkpoint.pairs(),
            layout,
            bindings,
            embedding,
            positions,
            blocks: loaded,
            final_norm,
            head,
            mode,
            ring,
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
    pub fn sizes(checkpoint: &Checkpoint) -> Result<Sizes> {
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
    pub(crate) fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A matrix that the backend has loaded.
struct Loaded {
    info: WeightInfo,
    weight: Weight,
    decision: Decision<Residence>,
}

/// All matrices of a model, checked and not yet loaded.
struct Matrices {
    embedding: Matrix,
    positions: Option<Matrix>,
    head: Option<Matrix>,
    /// In the order of their parts.
    blocks: Vec<Vec<Matrix>>,
}

impl Matrices {
    fn collect(checkpoint: &Checkpoint) -> Result<Self> {
        let c = checkpoint.config();
        let names = Names(c.naming);
        let ends = [c.vocabulary, c.hidden];
        let head = (!c.tied).then(|| checkpoint.matrix("lm_head.weight", ends)).transpose()?;
        let learned = c.rope.is_none().then(|| checkpoint.matrix(&names.top("wpe"), [c.context, c.hidden]));
        let parts = Names::parts(c);
        let block = |layer: usize| -> Result<Vec<Matrix>> {
            parts
                .iter()
                .map(|(part, shape)| checkpoint.projection(&names.block(layer, part), *shape))
                .collect()
        };
        Ok(Self {
            embedding: checkpoint.matrix(&names.top("embed_tokens"), ends)?,
            positions: learned.transpose()?,
            head,
            blocks: (0..c.layers).map(block).collect::<Result<_>>()?,
        })
    }

    /// All of them.
    fn all(&self) -> impl Iterator<Item = &Matrix> {
        let ends = [Some(&self.embedding), self.positions.as_ref(), self.head.as_ref()];
        ends.into_iter().flatten().chain(self.blocks.iter().flatten())
    }

    /// Decoded bytes: packed codes, or floats.
    fn sizes(&self) -> Sizes {
        let bytes = |matrix: &Matrix| {
            let weights = matrix.shape[0] as u64 * matrix.shape[1] as u64;
            let bits = match matrix.form() {
                Form::Codes { alphabet, .. } => u64::from((alphabet - 1).ilog2() + 1),
                _ => 8 * matrix.float_type().bytes() as u64,
            };
            (weights * bits).div_ceil(8)
        };
        let all = |matrices: &[Matrix]| matrices.iter().map(bytes).sum();
        let ends = [Some(&self.embedding), self.positions.as_ref(), self.head.as_ref()];
        Sizes {
            blocks: self.blocks.iter().map(|block| all(block)).collect(),
            ends: ends.into_iter().flatten().map(bytes).sum(),
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
}

impl Loader<'_> {
    fn weight(&mut self, Loaded { info, weight, decision }: Loaded) -> WeightId {
        self.plans.push(PlannedTensor { name: info.name.clone(), plan: decision });
        self.bindings.weights.push(weight);
        self.layout.weight(info)
    }

    fn floats(&mut self, name: &str, values: &[f32]) -> Result<BufferId> {
        let buffer = self.backend.alloc(Element::F32, values.len())?;
        self.backend.upload(&buffer, 0, bytemuck::cast_slice(values))?;
        self.bindings.buffers.push(buffer);
        Ok(self.layout.buffer(name, Element::F32, values.len()))
    }

    fn norm(&mut self, name: &str, width: usize) -> Result<Norm> {
        let config = self.checkpoint.config();
        let (weight, eps) = (self.checkpoint.norm(name, width)?, config.eps);
        let weight = self.floats(name, &weight)?;
        Ok(match config.norm {
            NormKind::Rms => Norm::Rms { weight, eps },
            NormKind::Layer => {
                let name = Names::bias_of(name);
                let bias = self.checkpoint.vector(&name, width)?;
                Norm::Layer { weight, bias: self.floats(&name, &bias)?, eps }
            }
        })
    }

    /// A part of a matrix, with its biases if it has any.
    fn part(
        &mut self,
        matrix: &Matrix,
        weight: WeightId,
        range: Range<usize>,
        biased: bool,
    ) -> Result<Projection> {
        let bias = if biased {
            let name = Names::bias_of(&matrix.name);
            let bias = self.checkpoint.vector(&name, matrix.shape[0])?;
            Some(self.floats(&name, &bias[range.clone()])?)
        } else {
            None
        };
        Ok(Projection { weight, range, bias })
    }

    fn block(
        &mut self,
        names: &Names,
        layer: usize,
        matrices: &[Matrix],
        weights: &[WeightId],
    ) -> Result<Block> {
        let config = self.checkpoint.config();
        let this = RefCell::new(self);
        let norm = |part: &str, width: usize| this.borrow_mut().norm(&names.block(layer, part), width);
        let some = |wanted: bool, part: &str, width: usize| wanted.then(|| norm(part, width)).transpose();
        let part = |i: usize, range: Range<usize>, biased: bool| {
            this.borrow_mut().part(&matrices[i], weights[i], range, biased)
        };
        let whole = |i: usize, biased: bool| part(i, 0..matrices[i].shape[0], biased);
        let (hidden, biases) = (config.hidden, config.biases);
        Ok(match config.naming {
            Naming::Llama => Block {
                attention_norm: norm("input_layernorm", hidden)?,
                q: whole(0, biases.qkv)?,
                k: whole(1, biases.qkv)?,
                v: whole(2, biases.qkv)?,
                q_norm: some(config.head_norms, "self_attn.q_norm", config.head_dim)?,
                k_norm: some(config.head_norms, "self_attn.k_norm", config.head_dim)?,
                o: whole(3, biases.output)?,
                attention_output_norm: some(config.output_norms, "post_attention_layernorm", hidden)?,
                mlp_norm: match config.output_norms {
                    true => norm("pre_feedforward_layernorm", hidden)?,
                    false => norm("post_attention_layernorm", hidden)?,
                },
                gate: config.gated.then(|| whole(6, biases.mlp)).transpose()?,
                up: whole(4, biases.mlp)?,
                down: whole(5, biases.mlp)?,
                mlp_output_norm: some(config.output_norms, "post_feedforward_layernorm", hidden)?,
            },
            Naming::Gpt2 => Block {
                attention_norm: norm("ln_1", hidden)?,
                q: part(0, 0..hidden, biases.qkv)?,
                k: part(0, hidden..2 * hidden, biases.qkv)?,
                v: part(0, 2 * hidden..3 * hidden, biases.qkv)?,
                q_norm: None,
                k_norm: None,
                o: whole(1, biases.output)?,
                attention_output_norm: None,
                mlp_norm: norm("ln_2", hidden)?,
                gate: None,
                up: whole(2, biases.mlp)?,
                down: whole(3, biases.mlp)?,
                mlp_output_norm: None,
            },
        })
    }
}
