use crate::backend::{Backend, Buffer, Element, Norm, Weight};
use crate::checkpoint::Checkpoint;
use crate::config::{Config, Naming, NormKind};
use crate::error::Result;
use crate::names::Names;
use crate::plan::{DecodePlan, How, MatrixFacts, Mode, Place, Sizes, pinned, plan, resolve};
use crate::weights::{Form, Matrix};
use ecq_kernels::cpu::Pairs;
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

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
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// A tensor and the decision for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedTensor {
    /// Its Hugging Face name.
    pub name: String,
    /// For one row of activations.
    pub plan: DecodePlan,
}

/// A transformer on a backend.
pub struct Model {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) config: Config,
    pub(super) pairs: Pairs,
    pub(super) embedding: Weight,
    pub(super) positions: Option<Weight>,
    pub(super) blocks: Vec<Block>,
    pub(super) final_norm: Norm,
    pub(super) head: Weight,
    pub(super) mode: Mode,
    pub(super) pinned: Vec<bool>,
    reason: String,
    plans: Vec<PlannedTensor>,
    stored_bytes: u64,
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
    /// All matrices, each once.
    pub(super) weights: Vec<Weight>,
    /// Whether some are decoded by the host before use.
    pub(super) hosted: bool,
}

/// A matrix, or some rows of it, and biases.
pub(super) struct Projection {
    pub(super) weight: Weight,
    pub(super) range: Range<usize>,
    pub(super) bias: Option<Buffer>,
}

impl Model {
    /// Plans every tensor and brings it to the backend.
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
        let pinned = match (mode, options.budget.or(options.free.map(|free| free / 2))) {
            (Mode::Lru, Some(budget)) => pinned(&sizes.blocks, budget),
            _ => vec![false; config.layers],
        };
        let loader = || Loader { checkpoint, backend: &*backend, mode, plans: Vec::new(), stored_bytes: 0 };
        // Blocks come to the backend side by side: much of what it does with one matrix has no threads of its own.
        let names = Names(config.naming);
        let blocks = matrices.blocks.par_iter().enumerate().map(|(i, block)| {
            let mut loader = loader();
            let block = loader.block(&names, i, block)?;
            Ok((block, loader.plans, loader.stored_bytes))
        });
        let loaded = blocks.collect::<Result<Vec<_>>>()?;
        let mut loader = loader();
        let embedding = loader.matrix(&matrices.embedding, Place::Ends)?;
        let positions = matrices.positions.as_ref().map(|m| loader.matrix(m, Place::Ends)).transpose()?;
        let head = match &matrices.head {
            Some(head) => loader.matrix(head, Place::Ends)?,
            None => embedding.clone(),
        };
        let final_norm = loader.norm(&names.top("norm"), config.hidden)?;
        checkpoint.all_used()?;
        let Loader { mut plans, mut stored_bytes, .. } = loader;
        let mut blocks = Vec::new();
        for (block, its_plans, its_bytes) in loaded {
            blocks.push(block);
            plans.extend(its_plans);
            stored_bytes += its_bytes;
        }
        Ok(Self {
            pairs: checkpoint.pairs(),
            embedding,
            positions,
            blocks,
            final_norm,
            head,
            mode,
            pinned,
            reason,
            plans,
            stored_bytes,
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

    /// Bytes that all weight matrices hold at this moment: mapped streams, tables, side data, decoded codes.
    pub fn weight_bytes(&self) -> u64 {
        let head = if self.config.tied { None } else { Some(&self.head) };
        let ends = [Some(&self.embedding), self.positions.as_ref(), head];
        let blocks = self.blocks.iter().flat_map(|block| &block.weights);
        ends.into_iter().flatten().chain(blocks).map(Weight::bytes).sum()
    }

    /// Bytes that the same matrices take in the file.
    pub fn stored_bytes(&self) -> u64 {
        self.stored_bytes
    }
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

struct Loader<'a> {
    checkpoint: &'a Checkpoint,
    backend: &'a dyn Backend,
    mode: Mode,
    plans: Vec<PlannedTensor>,
    stored_bytes: u64,
}

impl Loader<'_> {
    fn matrix(&mut self, matrix: &Matrix, place: Place) -> Result<Weight> {
        let facts = MatrixFacts { shape: matrix.shape, form: matrix.form(), place };
        let plan = plan(&facts, &self.backend.facts(), self.mode, 1);
        let weight = self.backend.load(matrix, &plan)?;
        self.plans.push(PlannedTensor { name: matrix.name.clone(), plan });
        self.stored_bytes += matrix.stored_bytes();
        Ok(weight)
    }

    fn floats(&self, values: &[f32]) -> Result<Buffer> {
        let buffer = self.backend.alloc(Element::F32, values.len())?;
        self.backend.upload(&buffer, 0, bytemuck::cast_slice(values))?;
        Ok(buffer)
    }

    fn norm(&self, name: &str, width: usize) -> Result<Norm> {
        let config = self.checkpoint.config();
        let weight = self.checkpoint.norm(name, width)?;
        let (weight, eps) = (self.floats(&weight)?, config.eps);
        Ok(match config.norm {
            NormKind::Rms => Norm::Rms { weight, eps },
            NormKind::Layer => {
                let bias = self.checkpoint.vector(&Names::bias_of(name), width)?;
                Norm::Layer { weight, bias: self.floats(&bias)?, eps }
            }
        })
    }

    fn block(&mut self, names: &Names, layer: usize, matrices: &[Matrix]) -> Result<Block> {
        let config = self.checkpoint.config();
        let weights =
            matrices.iter().map(|m| self.matrix(m, Place::Block)).collect::<Result<Vec<Weight>>>()?;
        let hosted = self.plans[self.plans.len() - matrices.len()..].iter().any(|p| p.plan.how == How::Host);
        let norm = |part: &str, width: usize| self.norm(&names.block(layer, part), width);
        let some = |wanted: bool, part: &str, width: usize| wanted.then(|| norm(part, width)).transpose();
        // A part of matrix `i`, with its biases if it has any.
        let part = |i: usize, range: Range<usize>, biased: bool| -> Result<Projection> {
            let rows = matrices[i].shape[0];
            let bias = if biased {
                let bias = self.checkpoint.vector(&Names::bias_of(&matrices[i].name), rows)?;
                Some(self.floats(&bias[range.clone()])?)
            } else {
                None
            };
            Ok(Projection { weight: weights[i].clone(), range, bias })
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
                weights,
                hosted,
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
                weights,
                hosted,
            },
        })
    }
}
