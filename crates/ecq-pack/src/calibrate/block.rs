//! A transformer block in f32 with a forward and a backward pass, for all architectures with dense blocks.

use super::layers::{Attention, Norm, Rotation};
use crate::error::{PackError, Result};
use crate::products::{add_product, by_transposed};
use ecq_kernels::cpu::{activate, activation_gradient, glu, glu_gradients};
use ecq_runtime::Checkpoint;
use ecq_runtime::arch::{
    AttentionSpec, BlockSpec, Config, LinearSpec, Mixer, NormKind, NormSpec, Rotary, Sublayer,
};
use rayon::prelude::*;
use std::ops::Range;

/// Values of an activation that a thread computes together.
const PART: usize = 1 << 14;

/// A matrix of a block.
#[derive(Clone)]
pub(super) struct Matrix {
    /// The tensor's name in the file.
    pub(super) name: String,
    /// `[rows, cols]`: outputs, inputs.
    pub(super) shape: [usize; 2],
    /// Row-major.
    weight: Vec<f32>,
    /// `[rows]`.
    bias: Option<Vec<f32>>,
}

impl Matrix {
    /// Loads all rows of the tensor that `spec` is a part of, unless `replaced` has other weights of it.
    fn load(
        checkpoint: &Checkpoint,
        spec: &LinearSpec,
        replaced: &mut dyn FnMut(&str) -> Result<Option<Vec<f32>>>,
    ) -> Result<Self> {
        let (name, shape) = (spec.weight(), spec.shape);
        let name = checkpoint.stored_name(&name).unwrap_or(&name).to_owned();
        let weight = match replaced(&name)? {
            Some(weight) => weight,
            None => checkpoint.linear(spec)?.to_f32()?,
        };
        let bias = spec.bias.then(|| checkpoint.vector(&spec.bias_name(), shape[0])).transpose()?;
        Ok(Self { name, shape, weight, bias })
    }

    /// Returns the bias, one element per row.
    pub(super) fn bias(&self) -> Option<&[f32]> {
        self.bias.as_deref()
    }

    /// Returns all weights, row-major.
    pub(super) fn weights(&self) -> &[f32] {
        &self.weight
    }

    /// Replaces the bias.
    #[cfg(test)]
    pub(super) fn set_bias(&mut self, bias: Vec<f32>) {
        self.bias = Some(bias);
    }

    /// Replaces all weights.
    pub(super) fn set_weights(&mut self, weights: Vec<f32>) {
        self.weight = weights;
    }

    fn rows(&self, range: &Range<usize>) -> &[f32] {
        &self.weight[range.start * self.shape[1]..range.end * self.shape[1]]
    }

    /// Returns the outputs `range` for inputs `x`, `[tokens, cols]`.
    fn forward(&self, x: &[f32], range: &Range<usize>) -> Vec<f32> {
        let rows = x.len() / self.shape[1];
        let mut y = vec![0.0; rows * range.len()];
        by_transposed(x, self.rows(range), self.shape[1], &mut y);
        if let Some(bias) = &self.bias {
            for row in y.chunks_exact_mut(range.len()) {
                row.iter_mut().zip(&bias[range.clone()]).for_each(|(y, b)| *y += b);
            }
        }
        y
    }

    /// Adds the gradients of the inputs to `dx`, for gradients `dy` of the outputs `range`.
    fn backward(&self, dy: &[f32], range: &Range<usize>, dx: &mut [f32]) {
        add_product(dy, self.rows(range), self.shape[1], dx);
    }
}

/// A projection: a range of the outputs of a matrix, which may hold several projections.
#[derive(Clone)]
struct Projection {
    /// Index into [`Block::matrices`].
    matrix: usize,
    range: Range<usize>,
}

/// A product with a matrix, as a backward pass meets it.
#[derive(Clone, Copy)]
pub(super) struct Observation<'a> {
    /// Index into [`Block::matrices`].
    pub(super) matrix: usize,
    /// Inputs, `[tokens, cols]`.
    pub(super) x: &'a [f32],
    /// Outputs, bias included, as consecutive ranges, each `[tokens, outputs of the range]`.
    pub(super) y: &'a [&'a [f32]],
    /// Gradients of the outputs, as `y`.
    pub(super) dy: &'a [&'a [f32]],
    /// Factor of each token in the norm that follows the outputs, if one does.
    pub(super) norm_factors: Option<&'a [f32]>,
}

/// Receives the products of matrices during a backward pass.
pub(super) trait GradientObserver {
    fn observe(&mut self, product: Observation<'_>) -> Result<()>;
}

/// The matrices of a block that share their inputs, in order of execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Query, key and value projections.
    Attention,
    /// The output projection of attention.
    Output,
    /// Gate and up projections.
    Mlp,
    /// The down projection.
    Down,
}

impl Stage {
    pub(super) const ALL: [Self; 4] = [Self::Attention, Self::Output, Self::Mlp, Self::Down];
}

/// A transformer block: attention and a dense feed-forward layer.
#[derive(Clone)]
pub(super) struct Block {
    pub(super) matrices: Vec<Matrix>,
    attention_norm: Norm,
    q: Projection,
    k: Projection,
    v: Projection,
    o: Projection,
    q_norm: Option<Norm>,
    k_norm: Option<Norm>,
    attention_output_norm: Option<Norm>,
    mlp_norm: Norm,
    gate: Option<Projection>,
    up: Projection,
    down: Projection,
    mlp_output_norm: Option<Norm>,
    /// Factors of the outputs of attention and feed-forward layer before they are added to the residual
    /// stream.
    residual_scales: [f32; 2],
    rotation: Option<Rotation>,
    attention: Attention,
    activation: ecq_core::Activation,
}

/// The intermediate results of attention, each `[tokens, width]`.
struct AttentionTrace {
    /// Queries before their norm and rotation.
    raw_q: Vec<f32>,
    /// Keys before their norm and rotation.
    raw_k: Vec<f32>,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    /// The outputs of all heads.
    heads: Vec<f32>,
}

/// The intermediate results of a block, each `[tokens, width]`.
struct BlockTrace {
    normed: Vec<f32>,
    attention: AttentionTrace,
    attention_output: Vec<f32>,
    /// The residual stream after attention.
    middle: Vec<f32>,
    mlp_normed: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    /// The inputs of the down projection.
    product: Vec<f32>,
    mlp_output: Vec<f32>,
}

impl Block {
    /// Loads block `layer` for sequences of `length` tokens.
    ///
    /// # Errors
    /// [`PackError::Calibration`] if the block has experts, [`PackError::Runtime`] if a tensor is missing or
    /// damaged.
    pub(super) fn load(checkpoint: &Checkpoint, layer: usize, length: usize) -> Result<Self> {
        Self::load_replaced(checkpoint, layer, length, &mut |_| Ok(None))
    }

    /// As [`load`](Self::load), with other weights for the matrices that `replaced` returns weights for, by
    /// name.
    pub(super) fn load_replaced(
        checkpoint: &Checkpoint,
        layer: usize,
        length: usize,
        replaced: &mut dyn FnMut(&str) -> Result<Option<Vec<f32>>>,
    ) -> Result<Self> {
        let c = checkpoint.config();
        let [first, second] = c.blocks[layer].sublayers.as_slice() else { return Err(unsupported(c)) };
        let (Mixer::Attention(heads), Mixer::Dense(dense)) = (&first.mixer, &second.mixer) else {
            return Err(unsupported(c));
        };
        let AttentionSpec { q, k, v, o, .. } = heads;
        let linears = [q, k, v, o, &dense.up, &dense.down].into_iter().chain(&dense.gate);
        let mut matrices: Vec<Matrix> = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for spec in linears {
            if !names.contains(&spec.name.as_str()) {
                names.push(&spec.name);
                matrices.push(Matrix::load(checkpoint, spec, replaced)?);
            }
        }
        let projection = |spec: &LinearSpec| {
            let matrix = names.iter().position(|name| *name == spec.name).unwrap_or(0);
            Projection { matrix, range: spec.rows.clone() }
        };
        let optional_norm =
            |spec: &Option<NormSpec>| spec.as_ref().map(|spec| load_norm(checkpoint, spec)).transpose();
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
            attention_norm: load_norm(checkpoint, &first.norm)?,
            q_norm: optional_norm(&heads.q_norm)?,
            k_norm: optional_norm(&heads.k_norm)?,
            attention_output_norm: optional_norm(&first.output_norm)?,
            mlp_norm: load_norm(checkpoint, &second.norm)?,
            mlp_output_norm: optional_norm(&second.output_norm)?,
            residual_scales: [first.residual_scale, second.residual_scale],
            gate: dense.gate.as_ref().map(projection),
            activation: dense.activation,
            q: projection(q),
            k: projection(k),
            v: projection(v),
            o: projection(o),
            up: projection(&dense.up),
            down: projection(&dense.down),
            matrices,
            rotation,
            attention,
        })
    }

    /// Checks that all blocks of a model have attention and a dense feed-forward layer.
    ///
    /// # Errors
    /// [`PackError::Calibration`] for any other block.
    pub(super) fn check(config: &Config) -> Result<()> {
        let is_supported = |block: &BlockSpec| {
            matches!(
                block.sublayers.as_slice(),
                [Sublayer { mixer: Mixer::Attention(_), .. }, Sublayer { mixer: Mixer::Dense(_), .. }]
            )
        };
        if config.blocks.iter().all(is_supported) { Ok(()) } else { Err(unsupported(config)) }
    }

    fn project(&self, projection: &Projection, x: &[f32]) -> Vec<f32> {
        self.matrices[projection.matrix].forward(x, &projection.range)
    }

    /// Applies the norm and the rotation of queries or keys.
    fn rotated(&self, raw: &[f32], norm: Option<&Norm>, rows: usize) -> Vec<f32> {
        let mut x = norm.map_or_else(|| raw.to_vec(), |norm| norm.forward(raw));
        if let Some(rotation) = &self.rotation {
            rotation.forward(&mut x, rows, self.attention.head_dim);
        }
        x
    }

    /// Returns the indices of a stage's matrices.
    pub(super) fn matrices_of(&self, stage: Stage) -> Vec<usize> {
        let mut indices: Vec<usize> = match stage {
            Stage::Attention => [&self.q, &self.k, &self.v].map(|projection| projection.matrix).into(),
            Stage::Output => vec![self.o.matrix],
            Stage::Mlp => self.gate.iter().chain([&self.up]).map(|projection| projection.matrix).collect(),
            Stage::Down => vec![self.down.matrix],
        };
        indices.dedup();
        indices
    }

    /// Returns the inputs of query, key and value projections, from the residual stream before the block.
    pub(super) fn attention_inputs(&self, x: &[f32]) -> Vec<f32> {
        self.attention_norm.forward(x)
    }

    fn attend(&self, normed: &[f32]) -> AttentionTrace {
        let rows = normed.len() / self.attention_norm.weight.len();
        let [raw_q, raw_k, v] =
            [&self.q, &self.k, &self.v].map(|projection| self.project(projection, normed));
        let q = self.rotated(&raw_q, self.q_norm.as_ref(), rows);
        let k = self.rotated(&raw_k, self.k_norm.as_ref(), rows);
        let heads = self.attention.forward(&q, &k, &v);
        AttentionTrace { raw_q, raw_k, q, k, v, heads }
    }

    /// Returns the inputs of the attention output projection, from the residual stream before the block.
    pub(super) fn heads(&self, x: &[f32]) -> Vec<f32> {
        self.attend(&self.attention_inputs(x)).heads
    }

    /// Returns the residual stream after attention.
    pub(super) fn after_output(&self, x: &[f32], heads: &[f32]) -> Vec<f32> {
        let output = self.project(&self.o, heads);
        add_residual(x, &output, self.attention_output_norm.as_ref(), self.residual_scales[0])
    }

    /// Returns the factor of each token in the norm that follows the outputs of a stage, for these inputs of
    /// the stage; `None` if no norm follows.
    pub(super) fn norm_factors(&self, stage: Stage, x: &[f32]) -> Option<Vec<f32>> {
        let (norm, projection) = match stage {
            Stage::Output => (self.attention_output_norm.as_ref()?, &self.o),
            Stage::Down => (self.mlp_output_norm.as_ref()?, &self.down),
            Stage::Attention | Stage::Mlp => return None,
        };
        Some(norm.factors(&self.project(projection, x)))
    }

    /// Returns the inputs of gate and up projections, from the residual stream after attention.
    pub(super) fn mlp_inputs(&self, middle: &[f32]) -> Vec<f32> {
        self.mlp_norm.forward(middle)
    }

    /// Returns the outputs of the gate (empty without a gate) and up projections, and the inputs of the down
    /// projection.
    fn gate_and_up(&self, normed: &[f32]) -> [Vec<f32>; 3] {
        let up = self.project(&self.up, normed);
        let gate = self.gate.as_ref().map_or(Vec::new(), |gate| self.project(gate, normed));
        let mut product = if self.gate.is_some() { gate.clone() } else { up.clone() };
        let parts = product.par_chunks_mut(PART).zip(up.par_chunks(PART));
        match self.gate {
            Some(_) => parts.for_each(|(product, up)| glu(self.activation, product, up)),
            None => parts.for_each(|(product, _)| activate(self.activation, product)),
        }
        [gate, up, product]
    }

    /// Returns the inputs of the down projection, from the residual stream after attention.
    pub(super) fn product(&self, middle: &[f32]) -> Vec<f32> {
        let [_, _, product] = self.gate_and_up(&self.mlp_inputs(middle));
        product
    }

    /// Returns the residual stream after the block, from that after attention.
    pub(super) fn after_down(&self, middle: &[f32], product: &[f32]) -> Vec<f32> {
        let output = self.project(&self.down, product);
        add_residual(middle, &output, self.mlp_output_norm.as_ref(), self.residual_scales[1])
    }

    fn trace(&self, x: &[f32]) -> BlockTrace {
        let normed = self.attention_inputs(x);
        let attention = self.attend(&normed);
        let attention_output = self.project(&self.o, &attention.heads);
        let norm = self.attention_output_norm.as_ref();
        let middle = add_residual(x, &attention_output, norm, self.residual_scales[0]);
        let mlp_normed = self.mlp_inputs(&middle);
        let [gate, up, product] = self.gate_and_up(&mlp_normed);
        let mlp_output = self.project(&self.down, &product);
        BlockTrace { normed, attention, attention_output, middle, mlp_normed, gate, up, product, mlp_output }
    }

    /// Returns the residual stream after the block for `x`, `[tokens, hidden]`, sequences one after another.
    pub(super) fn forward(&self, x: &[f32]) -> Vec<f32> {
        let middle = self.after_output(x, &self.heads(x));
        self.after_down(&middle, &self.product(&middle))
    }

    /// Returns the gradient of the residual stream `x` before the block, for the gradient `dy` after it.
    pub(super) fn backward(
        &self,
        x: &[f32],
        dy: &[f32],
        observer: &mut dyn GradientObserver,
    ) -> Result<Vec<f32>> {
        let t = self.trace(x);
        let hidden = self.attention_norm.weight.len();
        let rows = x.len() / hidden;

        let [attention_scale, mlp_scale] = self.residual_scales;
        let d_mlp = norm_backward(self.mlp_output_norm.as_ref(), &t.mlp_output, &scaled(dy, mlp_scale));
        let mut observe = |norm: Option<&Norm>, matrix, x: &[f32], y: &[&[f32]], dy: &[&[f32]]| {
            let norm_factors = norm.zip(y.first()).map(|(norm, y)| norm.factors(y));
            observer.observe(Observation { matrix, x, y, dy, norm_factors: norm_factors.as_deref() })
        };
        let norm = self.mlp_output_norm.as_ref();
        observe(norm, self.down.matrix, &t.product, &[&t.mlp_output], &[&d_mlp])?;
        let mut d_product = vec![0.0; t.product.len()];
        self.matrices[self.down.matrix].backward(&d_mlp, &self.down.range, &mut d_product);
        let mut d_mlp_normed = vec![0.0; x.len()];
        let mut d_up = d_product;
        if let Some(gate) = &self.gate {
            let mut d_gate = vec![0.0; d_up.len()];
            let gradients = d_gate.par_chunks_mut(PART).zip(d_up.par_chunks_mut(PART));
            let parts = gradients.zip(t.gate.par_chunks(PART).zip(t.up.par_chunks(PART)));
            parts.for_each(|((d_gate, d_up), (gate, up))| {
                glu_gradients(self.activation, gate, up, d_gate, d_up);
            });
            observe(None, gate.matrix, &t.mlp_normed, &[&t.gate], &[&d_gate])?;
            self.matrices[gate.matrix].backward(&d_gate, &gate.range, &mut d_mlp_normed);
        } else {
            let parts = d_up.par_chunks_mut(PART).zip(t.up.par_chunks(PART));
            parts.for_each(|(d_up, up)| activation_gradient(self.activation, up, d_up));
        }
        observe(None, self.up.matrix, &t.mlp_normed, &[&t.up], &[&d_up])?;
        self.matrices[self.up.matrix].backward(&d_up, &self.up.range, &mut d_mlp_normed);
        let mut d_middle = dy.to_vec();
        self.mlp_norm.backward(&t.middle, &d_mlp_normed, &mut d_middle);

        let d_attention = norm_backward(
            self.attention_output_norm.as_ref(),
            &t.attention_output,
            &scaled(&d_middle, attention_scale),
        );
        let norm = self.attention_output_norm.as_ref();
        observe(norm, self.o.matrix, &t.attention.heads, &[&t.attention_output], &[&d_attention])?;
        let mut d_heads = vec![0.0; t.attention.heads.len()];
        self.matrices[self.o.matrix].backward(&d_attention, &self.o.range, &mut d_heads);
        let [mut dq, mut dk, dv] =
            self.attention.backward(&t.attention.q, &t.attention.k, &t.attention.v, &d_heads);
        for (d, raw, norm) in
            [(&mut dq, &t.attention.raw_q, &self.q_norm), (&mut dk, &t.attention.raw_k, &self.k_norm)]
        {
            if let Some(rotation) = &self.rotation {
                rotation.backward(d, rows, self.attention.head_dim);
            }
            *d = norm_backward(norm.as_ref(), raw, d);
        }
        let mut d_normed = vec![0.0; x.len()];
        let AttentionTrace { raw_q, raw_k, v, .. } = &t.attention;
        let projections = [(&self.q, raw_q, &dq), (&self.k, raw_k, &dk), (&self.v, v, &dv)];
        if self.q.matrix == self.k.matrix {
            let [y, dy] =
                [projections.map(|(_, y, _)| y.as_slice()), projections.map(|(_, _, d)| d.as_slice())];
            observe(None, self.q.matrix, &t.normed, &y, &dy)?;
        } else {
            for (projection, y, d) in projections {
                observe(None, projection.matrix, &t.normed, &[y], &[d])?;
            }
        }
        for (projection, _, d) in projections {
            self.matrices[projection.matrix].backward(d, &projection.range, &mut d_normed);
        }
        let mut dx = d_middle;
        self.attention_norm.backward(x, &d_normed, &mut dx);
        Ok(dx)
    }
}

/// Returns `x + scale * norm(y)` for the output `y` of a sublayer.
fn add_residual(x: &[f32], y: &[f32], norm: Option<&Norm>, scale: f32) -> Vec<f32> {
    let normed = norm.map(|norm| norm.forward(y));
    x.par_iter().zip(normed.as_deref().unwrap_or(y)).map(|(x, y)| x + scale * y).collect()
}

/// Multiplies each row of `x` with its factor.
pub(super) fn scale_rows(x: &mut [f32], factors: &[f32]) {
    let cols = x.len() / factors.len().max(1);
    let rows = x.par_chunks_mut(cols.max(1)).zip(factors);
    rows.for_each(|(row, factor)| row.iter_mut().for_each(|x| *x *= factor));
}

fn scaled(x: &[f32], scale: f32) -> Vec<f32> {
    x.par_iter().map(|x| scale * x).collect()
}

/// Returns the gradient before a norm with inputs `x`; `dy` itself without a norm.
fn norm_backward(norm: Option<&Norm>, x: &[f32], dy: &[f32]) -> Vec<f32> {
    match norm {
        None => dy.to_vec(),
        Some(norm) => {
            let mut dx = vec![0.0; x.len()];
            norm.backward(x, dy, &mut dx);
            dx
        }
    }
}

/// Loads a norm of a checkpoint.
pub(super) fn load_norm(checkpoint: &Checkpoint, spec: &NormSpec) -> Result<Norm> {
    let weight = checkpoint.norm(spec)?;
    let layer = spec.kind == NormKind::Layer;
    let bias = layer.then(|| checkpoint.vector(&spec.bias_name(), spec.width)).transpose()?;
    Ok(Norm { weight, bias, eps: spec.eps })
}

fn unsupported(config: &Config) -> PackError {
    PackError::Calibration(format!(
        "the architecture {} is not supported, because its blocks have experts; quantize without calibration",
        config.architecture
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecq_core::Limits;
    use std::path::Path;

    #[test]
    fn a_norm_multiplies_the_outputs_of_a_token_by_its_factor() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecq-cli/assets/tiny.ecq");
        let checkpoint = Checkpoint::open(&path, &Limits::default()).unwrap();
        let mut block = Block::load(&checkpoint, 1, 4).unwrap();
        let cols_of = |stage| block.matrices[block.matrices_of(stage)[0]].shape[1];
        let inputs = [Stage::Output, Stage::Down].map(|stage| {
            let value = |i: usize| ((i * 29) % 71) as f32 / 35.0 - 1.0;
            let x: Vec<f32> = (0..4 * cols_of(stage)).map(value).collect();
            assert_eq!(block.norm_factors(stage, &x), None, "tiny.ecq has no norms behind outputs");
            x
        });
        let hidden = block.attention_norm.weight.len();
        let norm = || Norm { weight: vec![1.0; hidden], bias: None, eps: 1e-6 };
        (block.attention_output_norm, block.mlp_output_norm) = (Some(norm()), Some(norm()));
        let residual = vec![0.0; 4 * hidden];
        for (stage, x) in [Stage::Output, Stage::Down].into_iter().zip(&inputs) {
            let factors = block.norm_factors(stage, x).unwrap();
            let (projection, normed) = match stage {
                Stage::Output => (&block.o, block.after_output(&residual, x)),
                _ => (&block.down, block.after_down(&residual, x)),
            };
            let mut expected = block.project(projection, x);
            scale_rows(&mut expected, &factors);
            for (expected, found) in expected.iter().zip(&normed) {
                assert!((block.residual_scales[0] * expected - found).abs() < 1e-5, "{expected} {found}");
            }
        }
        assert_eq!(block.norm_factors(Stage::Mlp, &residual), None);
    }
}
