//! Sequential quantization: one block after another, each on the outputs of the quantized blocks before it.
//!
//! Errors of earlier matrices change the inputs of later ones. Moments are taken of the inputs that really
//! arrive, and the weights are corrected part of the way towards those that compensate the change (similar to
//! GPTAQ, arXiv 2504.02692). The corrections compensate the actual errors, so a matrix is rounded once, and
//! written as it is rounded. The file that is written is the only journal: a run that resumes another reads
//! the matrices that are in it.

use super::block::{Block, Stage, scale_rows};
use super::collect::SurveyGrids;
use super::distill::Distillation;
use super::embedding::{EmbeddingAndHead, head_name};
use super::held_out::measure;
use super::input::Input;
use super::quantizer::{BudgetedQuantizer, CorrectedMatrix};
use super::row_file::RowFile;
use super::statistics::Gram;
use super::{Sequences, batches, for_batches};
use crate::error::{PackError, Result};
use crate::products::{add_product, add_transposed};
use crate::progress::{Progress, check};
use ecq_format::container::TextKl;
use ecq_runtime::Checkpoint;
use ecq_runtime::arch::{BlockSpec, Config, Role};
use std::collections::HashMap;
use std::path::Path;

/// Fraction of the full correction that is applied to weights.
const CORRECTION: f32 = 0.35;

/// Activations of all tokens in temporary files; of each pair, the first is of the original and the second of
/// the quantized model.
struct Activations {
    /// The residual stream. Table `layer % 2` is the one before block `layer`, the other one that after its
    /// attention and after the block.
    residual: [RowFile; 2],
    /// The inputs of the attention output projection.
    heads: [RowFile; 2],
    /// The inputs of the down projection.
    product: [RowFile; 2],
    /// First token and number of tokens of each batch: those of calibration, then those that are held out.
    batches: Vec<(usize, usize)>,
    /// Number of tokens of calibration.
    calibration_tokens: usize,
}

/// A run of sequential quantization.
struct SequentialRun<'r, 'a, 'o> {
    activations: Activations,
    grids: SurveyGrids<'r>,
    quantizer: &'r mut BudgetedQuantizer<'a, 'o>,
    progress: &'r dyn Progress,
}

/// The KL divergences of the quantized model on the sequences that are held out.
pub(super) struct MeasuredModel {
    /// By kind of text.
    pub(super) kl: Vec<TextKl>,
    /// Their mean before distillation, if there was any.
    pub(super) kl_before_distillation: Option<f64>,
}

/// Quantizes embedding and head, whose inputs are `ends` by name, and all blocks one after another, distills
/// their row steps, and measures the result on the sequences that are held out; `folder` holds temporary
/// files. Distilled steps are kept if they lower the mean KL divergence there.
///
/// # Errors
/// [`PackError::Runtime`] if a tensor is missing or damaged, [`PackError::Calibration`] if inputs are not
/// finite, [`PackError::Io`], [`PackError::Cancelled`], and the errors of `quantizer`. Finished matrices are
/// kept for a run that resumes this one.
pub(super) fn quantize_sequentially(
    checkpoint: &Checkpoint,
    sequences: &Sequences,
    folder: &Path,
    grids: SurveyGrids<'_>,
    ends: HashMap<String, Input>,
    quantizer: &mut BudgetedQuantizer<'_, '_>,
    progress: &dyn Progress,
) -> Result<MeasuredModel> {
    let config = checkpoint.config();
    let (length, calibration_tokens) = (sequences.length, sequences.tokens.len());
    let mut tokens = sequences.tokens.clone();
    sequences.held_out.iter().for_each(|held_out| tokens.extend(&held_out.tokens));
    let of_held_out = batches(tokens.len() - calibration_tokens, length).into_iter();
    let of_held_out = of_held_out.map(|(start, rows)| (calibration_tokens + start, rows));
    let files = |width: usize| -> Result<[RowFile; 2]> {
        let file = || RowFile::temporary(folder, tokens.len(), width);
        Ok([file()?, file()?])
    };
    let activations = Activations {
        residual: files(config.hidden)?,
        heads: files(max_inputs(config, Role::Output))?,
        product: files(max_inputs(config, Role::Down))?,
        batches: batches(calibration_tokens, length).into_iter().chain(of_held_out).collect(),
        calibration_tokens,
    };
    let mut run = SequentialRun { activations, grids, quantizer, progress };
    progress.begin("quantizing sequentially", (tokens.len() * config.blocks.len()) as u64);
    let quantize = || {
        run.embed(checkpoint, &tokens, length, ends)?;
        run.quantizer.commit()?;
        for layer in 0..config.blocks.len() {
            run.quantize_block(checkpoint, layer, length)?;
            run.quantizer.commit()?;
        }
        progress.end();
        let mut ends = EmbeddingAndHead::load(checkpoint)?;
        let head = run.quantizer.written(&head_name(checkpoint))?;
        let first = (config.blocks.len() % 2, calibration_tokens);
        let measured = |run: &SequentialRun<'_, '_, '_>, ends: &EmbeddingAndHead| {
            measure(ends, &sequences.held_out, &run.activations.residual, first, head.as_deref())
        };
        let mut kl = measured(&run, &ends)?;
        let mut kl_before_distillation = None;
        if run.quantizer.distillation_steps() > 0 {
            if let Some(embedding) = run.quantizer.written(&ends.embedding_name)? {
                // The original head remains, also if it is the embedding.
                let original = std::mem::replace(&mut ends.embedding, embedding);
                ends.head.get_or_insert(original);
            }
            run.distill(checkpoint, (&ends, head.as_deref()), (&tokens, length), folder)?;
            let distilled = measured(&run, &ends)?;
            kl_before_distillation = mean_kl(&kl);
            // Without sequences that are held out nothing speaks against the new steps.
            let is_better = |before| mean_kl(&distilled).is_some_and(|after| after < before);
            if kl_before_distillation.is_none_or(is_better) {
                run.quantizer.keep_distilled()?;
                kl = distilled;
            }
        }
        Ok(MeasuredModel { kl, kl_before_distillation })
    };
    let quantized = quantize();
    if quantized.is_err() {
        progress.end();
        // An error of this is not reported, because the first error is the cause.
        let _ = quantizer.commit();
    }
    quantized
}

impl SequentialRun<'_, '_, '_> {
    /// Embeds the tokens with the original embedding, quantizes embedding and head, and embeds the tokens
    /// with the quantized embedding.
    fn embed(
        &mut self,
        checkpoint: &Checkpoint,
        tokens: &[u32],
        length: usize,
        mut inputs: HashMap<String, Input>,
    ) -> Result<()> {
        let mut ends = EmbeddingAndHead::load(checkpoint)?;
        for stream in 0..2 {
            for &(start, rows) in &self.activations.batches {
                let x = ends.embed(&tokens[start..start + rows], length);
                self.activations.residual[stream].write(0, start, &x)?;
            }
            if stream == 0 {
                self.quantize_ends(&mut ends, &mut inputs)?;
            }
        }
        Ok(())
    }

    /// Quantizes embedding and head, and replaces the embedding by the quantized one.
    fn quantize_ends(
        &mut self,
        ends: &mut EmbeddingAndHead,
        inputs: &mut HashMap<String, Input>,
    ) -> Result<()> {
        let mut quantize = |name: &str, weights: &[f32]| {
            check(self.progress)?;
            let Some(input) = inputs.get_mut(name) else { return Ok(None) };
            self.quantizer.quantize(&CorrectedMatrix { name, original: weights, corrected: weights }, input)
        };
        let embedding = quantize(&ends.embedding_name, &ends.embedding)?;
        ends.head.as_ref().map(|head| quantize(&ends.head_name, head)).transpose()?;
        if let Some(embedding) = embedding {
            ends.embedding = embedding;
        }
        Ok(())
    }

    /// Distills the row steps, and computes the residual stream of the sequences that are held out with the
    /// new steps; `ends` has the embedding of the quantized model and the head of the original one.
    fn distill(
        &mut self,
        checkpoint: &Checkpoint,
        (ends, head): (&EmbeddingAndHead, Option<&[f32]>),
        (tokens, length): (&[u32], usize),
        folder: &Path,
    ) -> Result<()> {
        let layers = checkpoint.config().blocks.len();
        let Activations { residual, batches, calibration_tokens, .. } = &self.activations;
        let distillation = Distillation {
            checkpoint,
            length,
            tokens: &tokens[..*calibration_tokens],
            original: &residual[0],
            table: layers % 2,
            folder,
            progress: self.progress,
        };
        let factors = distillation.run(ends, head, self.quantizer)?;
        let held_out: Vec<(usize, usize)> =
            batches.iter().copied().filter(|(start, _)| start >= calibration_tokens).collect();
        for &(start, rows) in &held_out {
            residual[1].write(0, start, &ends.embed(&tokens[start..start + rows], length))?;
        }
        for layer in 0..layers {
            let mut block = Block::load(checkpoint, layer, length)?;
            for matrix in &mut block.matrices {
                let Some(factors) = factors.get(&matrix.name) else { continue };
                if let Some(weights) = self.quantizer.distill(&matrix.name, matrix.weights(), factors)? {
                    matrix.set_weights(weights);
                }
            }
            let forward = |start: usize, rows: usize| {
                let x = residual[1].read(layer % 2, start, rows)?;
                residual[1].write((layer + 1) % 2, start, &block.forward(&x))
            };
            for_batches(&held_out, forward, |_, ()| check(self.progress))?;
        }
        Ok(())
    }

    /// Quantizes the matrices of a block, and computes the residual streams after it.
    fn quantize_block(&mut self, checkpoint: &Checkpoint, layer: usize, length: usize) -> Result<()> {
        let block = Block::load(checkpoint, layer, length)?;
        let mut quantized = block.clone();
        let tables = [layer % 2, (layer + 1) % 2];
        let mut to_quantize = block.matrices.iter().filter(|matrix| self.quantizer.quantizes(&matrix.name));
        let label = format!("block {} of {}", layer + 1, checkpoint.config().blocks.len());
        if to_quantize.all(|matrix| self.quantizer.is_done(&matrix.name)) {
            return self.run_finished_block(tables, &block, &mut quantized, &label);
        }
        for stage in Stage::ALL {
            self.quantize_stage(stage, tables, &block, &mut quantized)?;
        }
        let Activations { residual, product, .. } = &self.activations;
        let after_down = |start: usize, rows: usize| {
            for (i, block) in [&block, &quantized].into_iter().enumerate() {
                let middle = residual[i].read(tables[1], start, rows)?;
                let product = product[i].read(0, start, rows)?;
                residual[i].write(tables[1], start, &block.after_down(&middle, &product))?;
            }
            Ok(())
        };
        self.run(&label, after_down)
    }

    /// Computes the residual streams after a block whose matrices the file holds.
    fn run_finished_block(
        &mut self,
        [before, after]: [usize; 2],
        block: &Block,
        quantized: &mut Block,
        label: &str,
    ) -> Result<()> {
        // In the order in which they were quantized, which the budget depends on.
        for index in Stage::ALL.into_iter().flat_map(|stage| block.matrices_of(stage)) {
            if let Some(weights) = self.quantizer.resumed(&block.matrices[index].name)? {
                quantized.matrices[index].set_weights(weights);
            }
        }
        let (residual, quantized) = (&self.activations.residual, &*quantized);
        let forward = |start: usize, rows: usize| {
            for (i, block) in [block, quantized].into_iter().enumerate() {
                let x = residual[i].read(before, start, rows)?;
                residual[i].write(after, start, &block.forward(&x))?;
            }
            Ok(())
        };
        self.run(label, forward)
    }

    /// Runs the last step of a block for all batches.
    fn run(&self, label: &str, each: impl Fn(usize, usize) -> Result<()> + Sync) -> Result<()> {
        for_batches(&self.activations.batches, each, |(_, rows), ()| {
            self.progress.advance(rows as u64, label);
            check(self.progress)
        })
    }

    /// Computes the inputs of a stage's matrices in both models, and quantizes these matrices.
    fn quantize_stage(
        &mut self,
        stage: Stage,
        [before, after]: [usize; 2],
        block: &Block,
        quantized: &mut Block,
    ) -> Result<()> {
        let matrices = block.matrices_of(stage);
        let Some(&first) = matrices.first() else { return Ok(()) };
        let cols = block.matrices[first].shape[1];
        let names = || matrices.iter().map(|&index| block.matrices[index].name.as_str());
        let is_needed = names().any(|name| self.quantizer.quantizes(name) && !self.quantizer.is_done(name));
        let mut gram = Gram::new(cols);
        // E[(x - x') x'^T] for original inputs x and inputs x' from quantized matrices.
        let mut deviation = vec![0f32; cols * cols];
        let mut tokens = 0;
        let Activations { residual, heads, product, batches, calibration_tokens } = &self.activations;
        let quantized_so_far = &*quantized;
        let inputs = |start: usize, rows: usize| {
            let of_models = [(0, block), (1, quantized_so_far)];
            let [original, inputs] = of_models.map(|(i, block)| -> Result<Vec<f32>> {
                Ok(match stage {
                    Stage::Attention => block.attention_inputs(&residual[i].read(before, start, rows)?),
                    Stage::Output => {
                        let values = block.heads(&residual[i].read(before, start, rows)?);
                        heads[i].write(0, start, &values)?;
                        values
                    }
                    Stage::Mlp => {
                        let x = residual[i].read(before, start, rows)?;
                        let middle = block.after_output(&x, &heads[i].read(0, start, rows)?);
                        residual[i].write(after, start, &middle)?;
                        block.mlp_inputs(&middle)
                    }
                    Stage::Down => {
                        let values = block.product(&residual[i].read(after, start, rows)?);
                        product[i].write(0, start, &values)?;
                        values
                    }
                })
            });
            let (mut difference, mut inputs) = (original?, inputs?);
            // As in the survey, inputs over the deviation of the original outputs.
            let factors = if is_needed { block.norm_factors(stage, &difference) } else { None };
            difference.iter_mut().zip(&inputs).for_each(|(x, input)| *x -= input);
            if let Some(factors) = factors {
                scale_rows(&mut difference, &factors);
                scale_rows(&mut inputs, &factors);
            }
            Ok((difference, inputs))
        };
        for_batches(batches, inputs, |(start, rows), (difference, inputs)| {
            if is_needed && start < *calibration_tokens {
                add_transposed(&difference, cols, &inputs, cols, &mut deviation);
                gram.add(&inputs);
                tokens += rows;
            }
            check(self.progress)
        })?;
        deviation.iter_mut().for_each(|v| *v *= CORRECTION / tokens.max(1) as f32);
        let hessian = gram.mean();
        if !hessian.iter().chain(&deviation).all(|v| v.is_finite()) {
            let name = &block.matrices[first].name;
            let error = PackError::Calibration(
                "the inputs are not finite; check the checkpoint, or quantize without calibration".to_owned(),
            );
            return Err(PackError::in_tensor(name, error));
        }
        let mut input = self.grids.input(cols, hessian, names());
        // `W + W C` are the corrected weights, for `C = CORRECTION * D (H + damping)^-1`, where `D` is the
        // deviation of the inputs and `H` their moments.
        let correction = match is_needed {
            true => input.factored(None)?.0.solve(&deviation)?,
            false => Vec::new(),
        };
        drop(deviation);
        for index in matrices {
            let name = &block.matrices[index].name;
            if !self.quantizer.quantizes(name) {
                continue;
            }
            let original = block.matrices[index].weights();
            let corrected = if is_needed { corrected(original, cols, &correction) } else { Vec::new() };
            let matrix = CorrectedMatrix { name, original, corrected: &corrected };
            if let Some(weights) = self.quantizer.quantize(&matrix, &mut input)? {
                quantized.matrices[index].set_weights(weights);
            }
        }
        self.quantizer.count(&input);
        Ok(())
    }
}

/// Returns the mean over all tokens; `None` without tokens.
fn mean_kl(measured: &[TextKl]) -> Option<f64> {
    let tokens: usize = measured.iter().map(|text| text.tokens).sum();
    let sum: f64 = measured.iter().map(|text| text.kl * text.tokens as f64).sum();
    (tokens > 0).then(|| sum / tokens as f64)
}

/// Returns `W + W C` for weights `W`, `[rows, cols]`, and the correction `C`, `[cols, cols]`.
fn corrected(weights: &[f32], cols: usize, correction: &[f32]) -> Vec<f32> {
    let mut corrected = weights.to_vec();
    add_product(weights, correction, cols, &mut corrected);
    corrected
}

/// Returns the largest number of inputs of the matrices of a role.
fn max_inputs(config: &Config, role: Role) -> usize {
    let linears = config.blocks.iter().flat_map(BlockSpec::linears);
    linears.filter(|linear| linear.role == role).map(|linear| linear.shape[1]).max().unwrap_or(0)
}
