//! A block of a transformer in f32, forwards and backwards: the same for every architecture, as in the
//! runtime.

use super::layers::{Attention, Norm, Rotation, activation};
use super::products::{add_product, all, by_transposed};
use crate::error::{PackError, Result};
use ecq_runtime::Checkpoint;
use ecq_runtime::arch::{
    AttentionSpec, BlockSpec, Config, LinearSpec, Mixer, NormKind, NormSpec, Rotary, Sublayer,
};
use rayon::prelude::*;
use std::ops::Range;

/// A matrix of a block, and its name in the file.
#[derive(Clone)]
pub(super) struct Matrix {
    pub(super) name: String,
    /// Outputs, inputs.
    pub(super) shape: [usize; 2],
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
}

impl Matrix {
    /// A tensor of a block, all its rows.
    fn load(checkpoint: &Checkpoint, spec: &LinearSpec) -> Result<Self> {
        let (name, shape) = (spec.weight(), spec.shape);
        let weight = checkpoint.linear(spec)?.to_f32()?;
        let bias = spec.bias.then(|| checkpoint.vector(&spec.bias_name(), shape[0])).transpose()?;
        let name = checkpoint.stored_name(&name).unwrap_or(&name).to_owned();
        Ok(Self { name, shape, weight, bias })
    }

    /// All weights, row-major.
    pub(super) fn weights(&self) -> &[f32] {
        &self.weight
    }

    /// Puts others in their place.
    pub(super) fn set_weights(&mut self, weights: Vec<f32>) {
        self.weight = weights;
    }

    fn rows(&self, range: &Range<usize>) -> &[f32] {
        &self.weight[range.start * self.shape[1]..range.end * self.shape[1]]
    }

    /// Outputs `range` for rows of inputs.
    fn forward(&self, x: &[f32], range: &Range<usize>) -> Vec<f32> {
        let rows = x.len() / self.shape[1];
        let mut y = vec![0.0; rows * range.len()];
        by_transposed(x, self.rows(range), self.shape[1], &mut y, all());
        if let Some(bias) = &self.bias {
            for row in y.chunks_exact_mut(range.len()) {
                row.iter_mut().zip(&bias[range.clone()]).for_each(|(y, b)| *y += b);
            }
        }
        y
    }

    fn backward(&self, dy: &[f32], range: &Range<usize>, dx: &mut [f32]) {
        add_product(dy, self.rows(range), self.shape[1], dx, all());
    }
}

/// Outputs of a matrix.
#[derive(Clone)]
struct Part {
    matrix: usize,
    range: Range<usize>,
}

/// Who looks at the inputs and the gradients of the outputs of matrices while a block goes backwards.
pub(super) trait Observer {
    /// Rows of inputs of matrix `matrix` of the block, and the gradients of its outputs, runs of columns side
    /// by side.
    fn linear(&mut self, matrix: usize, x: &[f32], dy: &[&[f32]]) -> Result<()>;
}

/// Matrices of a block that have inputs in common, in the order of their work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Queries, keys, values.
    Attention,
    /// The attention's output.
    Output,
    /// Gate and up.
    Mlp,
    /// Down.
    Down,
}

impl Stage {
    pub(super) const ALL: [Self; 4] = [Self::Attention, Self::Output, Self::Mlp, Self::Down];
}

/// A block.
#[derive(Clone)]
pub(super) struct Block {
    pub(super) matrices: Vec<Matrix>,
    attention_norm: Norm,
    q: Part,
    k: Part,
    v: Part,
    o: Part,
    q_norm: Option<Norm>,
    k_norm: Option<Norm>,
    attention_output_norm: Option<Norm>,
    mlp_norm: Norm,
    gate: Option<Part>,
    up: Part,
    down: Part,
    mlp_output_norm: Option<Norm>,
    /// Factors of what attention and feed-forward layer add.
    residual_scales: [f32; 2],
    rotation: Option<Rotation>,
    attention: Attention,
    activation: ecq_core::Activation,
}

/// What attention computes on its way.
struct Attended {
    /// Before norms and turns.
    raw_q: Vec<f32>,
    raw_k: Vec<f32>,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    heads: Vec<f32>,
}

/// What a block computes on its way.
struct Trace {
    normed: Vec<f32>,
    attended: Attended,
    attention_output: Vec<f32>,
    middle: Vec<f32>,
    mlp_normed: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    product: Vec<f32>,
    mlp_output: Vec<f32>,
}

impl Block {
    /// Loads block `layer` for sequences of `length` tokens.
    pub(super) fn load(checkpoint: &Checkpoint, layer: usize, length: usize) -> Result<Self> {
        let c = checkpoint.config();
        let [first, second] = c.blocks[layer].sublayers.as_slice() else { return Err(unsupported(c)) };
        let (Mixer::Attention(heads), Mixer::Dense(dense)) = (&first.mixer, &second.mixer) else {
            return Err(unsupported(c));
        };
        // In this order their moments are kept.
        let AttentionSpec { q, k, v, o, .. } = heads;
        let linears = [q, k, v, o, &dense.up, &dense.down].into_iter().chain(&dense.gate);
        let mut matrices: Vec<Matrix> = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for spec in linears {
            if !names.contains(&spec.name.as_str()) {
                names.push(&spec.name);
                matrices.push(Matrix::load(checkpoint, spec)?);
            }
        }
        let part = |spec: &LinearSpec| {
            let matrix = names.iter().position(|name| *name == spec.name).unwrap_or(0);
            Part { matrix, range: spec.rows.clone() }
        };
        let some = |spec: &Option<NormSpec>| spec.as_ref().map(|spec| norm(checkpoint, spec)).transpose();
        let rope = match heads.rotary {
            Rotary::None => None,
            Rotary::Global => c.rope.as_ref(),
            Rotary::Local => c.local_rope.as_ref(),
        };
        let rotation = rope.map(|rope| {
            let (frequencies, scale) = rope.frequencies(length);
            Rotation::new(length, &frequencies, scale, checkpoint.rotary_pairs())
        });
        let attention = Attention {
            length,
            heads: heads.heads,
            kv_heads: heads.kv_heads,
            head_dim: heads.head_dim,
            window: heads.window,
            scale: heads.scale,
        };
        Ok(Self {
            attention_norm: norm(checkpoint, &first.norm)?,
            q_norm: some(&heads.q_norm)?,
            k_norm: some(&heads.k_norm)?,
            attention_output_norm: some(&first.output_norm)?,
            mlp_norm: norm(checkpoint, &second.norm)?,
            mlp_output_norm: some(&second.output_norm)?,
            residual_scales: [first.residual_scale, second.residual_scale],
            gate: dense.gate.as_ref().map(part),
            activation: dense.activation,
            q: part(q),
            k: part(k),
            v: part(v),
            o: part(o),
            up: part(&dense.up),
            down: part(&dense.down),
            matrices,
            rotation,
            attention,
        })
    }

    /// Refuses models whose blocks calibration does not know.
    pub(super) fn check(config: &Config) -> Result<()> {
        let known = |block: &BlockSpec| {
            matches!(
                block.sublayers.as_slice(),
                [Sublayer { mixer: Mixer::Attention(_), .. }, Sublayer { mixer: Mixer::Dense(_), .. }]
            )
        };
        if config.blocks.iter().all(known) { Ok(()) } else { Err(unsupported(config)) }
    }

    fn linear(&self, part: &Part, x: &[f32]) -> Vec<f32> {
        self.matrices[part.matrix].forward(x, &part.range)
    }

    fn turned(&self, raw: &[f32], norm: Option<&Norm>, rows: usize) -> Vec<f32> {
        let mut x = norm.map_or_else(|| raw.to_vec(), |norm| norm.forward(raw));
        if let Some(rotation) = &self.rotation {
            rotation.forward(&mut x, rows, self.attention.head_dim);
        }
        x
    }

    /// The places of a stage's matrices.
    pub(super) fn matrices_of(&self, stage: Stage) -> Vec<usize> {
        let mut places: Vec<usize> = match stage {
            Stage::Attention => [&self.q, &self.k, &self.v].map(|part| part.matrix).into(),
            Stage::Output => vec![self.o.matrix],
            Stage::Mlp => self.gate.iter().chain([&self.up]).map(|part| part.matrix).collect(),
            Stage::Down => vec![self.down.matrix],
        };
        places.dedup();
        places
    }

    /// What queries, keys and values read, from the residual stream.
    pub(super) fn attention_inputs(&self, x: &[f32]) -> Vec<f32> {
        self.attention_norm.forward(x)
    }

    fn attend(&self, normed: &[f32]) -> Attended {
        let rows = normed.len() / self.attention_norm.weight.len();
        let (raw_q, raw_k, v) =
            (self.linear(&self.q, normed), self.linear(&self.k, normed), self.linear(&self.v, normed));
        let q = self.turned(&raw_q, self.q_norm.as_ref(), rows);
        let k = self.turned(&raw_k, self.k_norm.as_ref(), rows);
        let heads = self.attention.forward(&q, &k, &v);
        Attended { raw_q, raw_k, q, k, v, heads }
    }

    /// What the attention's output reads, from the residual stream.
    pub(super) fn heads(&self, x: &[f32]) -> Vec<f32> {
        self.attend(&self.attention_inputs(x)).heads
    }

    /// The residual stream after attention.
    pub(super) fn after_output(&self, x: &[f32], heads: &[f32]) -> Vec<f32> {
        added(x, &self.linear(&self.o, heads), self.attention_output_norm.as_ref(), self.residual_scales[0])
    }

    /// What gate and up read, from the residual stream after attention.
    pub(super) fn mlp_inputs(&self, middle: &[f32]) -> Vec<f32> {
        self.mlp_norm.forward(middle)
    }

    fn gate_and_up(&self, normed: &[f32]) -> [Vec<f32>; 3] {
        let up = self.linear(&self.up, normed);
        let gate = self.gate.as_ref().map_or(Vec::new(), |gate| self.linear(gate, normed));
        let value = |x: f32| activation(self.activation, x).0;
        let mut product = up.clone();
        match self.gate {
            Some(_) => product.par_iter_mut().zip(&gate).for_each(|(u, &g)| *u *= value(g)),
            None => product.par_iter_mut().for_each(|u| *u = value(*u)),
        }
        [gate, up, product]
    }

    /// What down reads, from the residual stream after attention.
    pub(super) fn product(&self, middle: &[f32]) -> Vec<f32> {
        let [_, _, product] = self.gate_and_up(&self.mlp_inputs(middle));
        product
    }

    /// The residual stream after the block.
    pub(super) fn after_down(&self, middle: &[f32], product: &[f32]) -> Vec<f32> {
        added(
            middle,
            &self.linear(&self.down, product),
            self.mlp_output_norm.as_ref(),
            self.residual_scales[1],
        )
    }

    fn trace(&self, x: &[f32]) -> Trace {
        let normed = self.attention_inputs(x);
        let attended = self.attend(&normed);
        let attention_output = self.linear(&self.o, &attended.heads);
        let middle =
            added(x, &attention_output, self.attention_output_norm.as_ref(), self.residual_scales[0]);
        let mlp_normed = self.mlp_inputs(&middle);
        let [gate, up, product] = self.gate_and_up(&mlp_normed);
        let mlp_output = self.linear(&self.down, &product);
        Trace { normed, attended, attention_output, middle, mlp_normed, gate, up, product, mlp_output }
    }

    /// The residual stream after the block: `x` is `[rows, hidden]`, sequences one after another.
    pub(super) fn forward(&self, x: &[f32]) -> Vec<f32> {
        let middle = self.after_output(x, &self.heads(x));
        self.after_down(&middle, &self.product(&middle))
    }

    /// The gradient at `x` for the gradient `dy` after the block.
    pub(super) fn backward(&self, x: &[f32], dy: &[f32], observer: &mut dyn Observer) -> Result<Vec<f32>> {
        let t = self.trace(x);
        let hidden = self.attention_norm.weight.len();
        let rows = x.len() / hidden;

        let [attention_scale, mlp_scale] = self.residual_scales;
        let d_mlp = through(self.mlp_output_norm.as_ref(), &t.mlp_output, &scaled(dy, mlp_scale));
        observer.linear(self.down.matrix, &t.product, &[&d_mlp])?;
        let mut d_product = vec![0.0; t.product.len()];
        self.matrices[self.down.matrix].backward(&d_mlp, &self.down.range, &mut d_product);
        let mut d_mlp_normed = vec![0.0; x.len()];
        let mut d_up = d_product;
        if let Some(gate) = &self.gate {
            let mut d_gate = vec![0.0; d_up.len()];
            let each = d_gate.par_iter_mut().zip(&mut d_up).zip(&t.gate).zip(&t.up);
            each.for_each(|(((dg, du), &g), &u)| {
                let (value, slope) = activation(self.activation, g);
                (*dg, *du) = (*du * u * slope, *du * value);
            });
            observer.linear(gate.matrix, &t.mlp_normed, &[&d_gate])?;
            self.matrices[gate.matrix].backward(&d_gate, &gate.range, &mut d_mlp_normed);
        } else {
            d_up.iter_mut().zip(&t.up).for_each(|(du, &u)| *du *= activation(self.activation, u).1);
        }
        observer.linear(self.up.matrix, &t.mlp_normed, &[&d_up])?;
        self.matrices[self.up.matrix].backward(&d_up, &self.up.range, &mut d_mlp_normed);
        let mut d_middle = dy.to_vec();
        self.mlp_norm.backward(&t.middle, &d_mlp_normed, &mut d_middle);

        let d_attention = through(
            self.attention_output_norm.as_ref(),
            &t.attention_output,
            &scaled(&d_middle, attention_scale),
        );
        observer.linear(self.o.matrix, &t.attended.heads, &[&d_attention])?;
        let mut d_heads = vec![0.0; t.attended.heads.len()];
        self.matrices[self.o.matrix].backward(&d_attention, &self.o.range, &mut d_heads);
        let [mut dq, mut dk, dv] =
            self.attention.backward(&t.attended.q, &t.attended.k, &t.attended.v, &d_heads);
        for (d, raw, norm) in
            [(&mut dq, &t.attended.raw_q, &self.q_norm), (&mut dk, &t.attended.raw_k, &self.k_norm)]
        {
            if let Some(rotation) = &self.rotation {
                rotation.backward(d, rows, self.attention.head_dim);
            }
            *d = through(norm.as_ref(), raw, d);
        }
        let mut d_normed = vec![0.0; x.len()];
        let parts = [(&self.q, &dq), (&self.k, &dk), (&self.v, &dv)];
        if self.q.matrix == self.k.matrix {
            observer.linear(self.q.matrix, &t.normed, &parts.map(|(_, d)| d.as_slice()))?;
        } else {
            for (part, d) in parts {
                observer.linear(part.matrix, &t.normed, &[d])?;
            }
        }
        for (part, d) in parts {
            self.matrices[part.matrix].backward(d, &part.range, &mut d_normed);
        }
        let mut dx = d_middle;
        self.attention_norm.backward(x, &d_normed, &mut dx);
        Ok(dx)
    }
}

/// `x` and `scale` times what a sublayer gives, normed where the architecture does that.
fn added(x: &[f32], y: &[f32], norm: Option<&Norm>, scale: f32) -> Vec<f32> {
    let normed = norm.map(|norm| norm.forward(y));
    x.iter().zip(normed.as_deref().unwrap_or(y)).map(|(x, y)| x + scale * y).collect()
}

fn scaled(x: &[f32], scale: f32) -> Vec<f32> {
    x.iter().map(|x| scale * x).collect()
}

/// The gradient before a norm, if there is one.
fn through(norm: Option<&Norm>, x: &[f32], dy: &[f32]) -> Vec<f32> {
    match norm {
        None => dy.to_vec(),
        Some(norm) => {
            let mut dx = vec![0.0; x.len()];
            norm.backward(x, dy, &mut dx);
            dx
        }
    }
}

/// A norm of a checkpoint.
pub(super) fn norm(checkpoint: &Checkpoint, spec: &NormSpec) -> Result<Norm> {
    let weight = checkpoint.norm(spec)?;
    let layer = spec.kind == NormKind::Layer;
    let bias = layer.then(|| checkpoint.vector(&spec.bias_name(), spec.width)).transpose()?;
    Ok(Norm { weight, bias, eps: spec.eps })
}

fn unsupported(config: &Config) -> PackError {
    PackError::Calibration(format!(
        "blocks of {} are not calibrated yet: they have experts",
        config.architecture
    ))
}
