//! Sequential quantization: one block after another, each on the outputs of the quantized blocks before it.
//!
//! Errors of earlier matrices change the inputs of later ones. Hessians are taken of the inputs that really
//! arrive, and the weights are corrected part of the way towards those that compensate the change (similar to
//! GPTAQ, arXiv 2504.02692). The corrections compensate the actual errors, so a matrix that is quantized here
//! must not be rounded differently afterwards.

use super::block::{Block, Stage};
use super::embedding::EmbeddingAndHead;
use super::journal::{Journal, JournalLocation};
use super::products::{add_transposed, all_threads};
use super::row_file::RowFile;
use super::statistics::{Gram, LayerStatistics, save};
use super::{CORRECTED_WEIGHTS, Calibration, STATISTICS, STREAM, Sequences, batches, file_of, remove};
use crate::error::{PackError, Result};
use crate::progress::{Progress, check};
use ecq_runtime::Checkpoint;
use ecq_runtime::arch::{BlockSpec, Config, Role};
use faer::linalg::matmul::matmul;
use faer::prelude::*;
use faer::{Accum, Mat, MatMut, MatRef};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Fraction of the full correction that is applied to weights.
const CORRECTION: f64 = 0.35;
/// Fraction of each diagonal element of the Hessian that is added to it for the correction.
const DAMPING: f64 = 0.2;

/// The outcome of quantizing a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct QuantizationOutcome {
    /// The factor of the relative steps.
    pub(super) factor: f32,
    /// Bits in the file.
    pub(super) bits: f64,
}

/// A quantized matrix.
pub(super) struct QuantizedLayer {
    /// The dequantized weights, row-major.
    pub(super) weights: Vec<f32>,
    pub(super) outcome: QuantizationOutcome,
}

/// A quantizer of matrices that are given one after another.
pub(super) trait LayerQuantizer {
    /// Quantizes the tensor `name` (its name in the file) with these corrected weights; returns `None` if the
    /// tensor is kept.
    fn quantize(
        &mut self,
        name: &str,
        corrected: &[f32],
        statistics: &LayerStatistics,
    ) -> Result<Option<QuantizedLayer>>;

    /// Accounts for a matrix that an interrupted run has quantized.
    fn resume(&mut self, name: &str, outcome: QuantizationOutcome);
}

/// Activations of all tokens; of each pair, the first is of the original and the second of the quantized
/// model.
struct Activations {
    /// The residual stream. Table `layer % 2` is the one before block `layer`, the other one that after its
    /// attention and after the block.
    residual: [RowFile; 2],
    /// The inputs of the attention output projection.
    heads: [RowFile; 2],
    /// The inputs of the down projection.
    product: [RowFile; 2],
    /// First token and number of tokens of each batch.
    batches: Vec<(usize, usize)>,
}

/// The state of sequential quantization in its journal.
#[derive(Default, Serialize, Deserialize)]
struct SequentialState {
    /// Number of blocks that are quantized.
    blocks: usize,
    /// Names and outcomes of the quantized tensors, in order.
    #[serde(rename = "fitted")]
    outcomes: Vec<(String, QuantizationOutcome)>,
}

/// A run of sequential quantization.
struct SequentialRun<'a> {
    /// The statistics of the original model.
    calibration: &'a Calibration,
    location: JournalLocation<'a>,
    activations: Activations,
    quantizer: &'a mut dyn LayerQuantizer,
    outcomes: Vec<(String, QuantizationOutcome)>,
}

impl Calibration {
    /// Quantizes all matrices one block after another; resumes an interrupted run after its last block.
    ///
    /// Returns the outcome of each tensor by name, and the calibration whose folder holds the statistics of
    /// the inputs from quantized blocks and the corrected weights.
    ///
    /// # Errors
    /// As [`collect`](Self::collect), and the errors of `quantizer` as [`PackError::InTensor`].
    pub(super) fn quantize_sequentially(
        &self,
        checkpoint: &Checkpoint,
        sequences: &Sequences,
        location: JournalLocation<'_>,
        quantizer: &mut dyn LayerQuantizer,
        progress: &dyn Progress,
    ) -> Result<(Self, HashMap<String, QuantizationOutcome>)> {
        let mut journal = Journal::<SequentialState>::open(location)?;
        let by_name = |state: &SequentialState| state.outcomes.iter().cloned().collect();
        if journal.is_done() {
            return Ok((Self::at(location), by_name(journal.state())));
        }
        let config = checkpoint.config();
        let (length, tokens, folder) = (sequences.length, &sequences.tokens, location.folder);
        let temporary = |width: usize| -> Result<[RowFile; 2]> {
            let file = || RowFile::temporary(folder, tokens.len(), width);
            Ok([file()?, file()?])
        };
        let stream = |name: &str| RowFile::open(folder, name, tokens.len(), config.hidden);
        let quantized_stream = format!("{STREAM}-coded");
        let activations = Activations {
            residual: [stream(STREAM)?, stream(&quantized_stream)?],
            heads: temporary(max_inputs(config, Role::Output))?,
            product: temporary(max_inputs(config, Role::Down))?,
            batches: batches(tokens.len(), length),
        };
        let SequentialState { blocks, outcomes } = std::mem::take(journal.state_mut());
        outcomes.iter().for_each(|(name, outcome)| quantizer.resume(name, *outcome));
        let mut run = SequentialRun { calibration: self, location, activations, quantizer, outcomes };
        progress.begin("quantizing sequentially", (tokens.len() * config.blocks.len()) as u64);
        if blocks > 0 {
            // The interrupted run has done this part.
            progress.advance((tokens.len() * blocks) as u64, &format!("block {blocks}"));
        } else {
            run.embed(checkpoint, sequences)?;
        }
        for layer in blocks..config.blocks.len() {
            check(progress)?;
            run.quantize_block(checkpoint, layer, length, progress)?;
            journal.update(SequentialState { blocks: layer + 1, outcomes: run.outcomes.clone() })?;
        }
        progress.end();
        drop(run);
        let state = journal.finish()?;
        remove(folder, STREAM)?;
        remove(folder, &quantized_stream)?;
        Ok((Self::at(location), by_name(&state)))
    }
}

impl SequentialRun<'_> {
    /// Embeds the tokens with the original embedding, quantizes embedding and head, and embeds the tokens
    /// with the quantized embedding.
    fn embed(&mut self, checkpoint: &Checkpoint, sequences: &Sequences) -> Result<()> {
        let mut ends = EmbeddingAndHead::load(checkpoint)?;
        for stream in 0..2 {
            for &(start, rows) in &self.activations.batches {
                let x = ends.embed(&sequences.tokens[start..start + rows], sequences.length);
                self.activations.residual[stream].write(0, start, &x)?;
            }
            if stream == 0 {
                self.quantize_ends(&mut ends)?;
            }
        }
        Ok(())
    }

    /// Quantizes embedding and head, and replaces the embedding by the quantized one.
    fn quantize_ends(&mut self, ends: &mut EmbeddingAndHead) -> Result<()> {
        if let Some(embedding) = self.quantize_end(&ends.embedding_name, &ends.embedding, ends.hidden)? {
            ends.embedding = embedding;
        }
        if let Some(head) = &ends.head {
            self.quantize_end(&ends.head_name, head, ends.hidden)?;
        }
        Ok(())
    }

    fn quantize_end(&mut self, name: &str, weights: &[f32], hidden: usize) -> Result<Option<Vec<f32>>> {
        match self.calibration.statistics(name, [weights.len() / hidden, hidden])? {
            Some(statistics) => self.quantize(name, weights, &statistics),
            None => Ok(None),
        }
    }

    /// Quantizes a matrix and stores its statistics; returns its dequantized weights, or `None` if it is
    /// kept.
    fn quantize(
        &mut self,
        name: &str,
        corrected: &[f32],
        statistics: &LayerStatistics,
    ) -> Result<Option<Vec<f32>>> {
        let quantized = self.quantizer.quantize(name, corrected, statistics);
        let Some(QuantizedLayer { weights, outcome }) = quantized.map_err(|error| error.with_tensor(name))?
        else {
            return Ok(None);
        };
        statistics.save(&file_of(self.location.folder, name, STATISTICS))?;
        self.outcomes.push((name.to_owned(), outcome));
        Ok(Some(weights))
    }

    /// Quantizes the matrices of a block, and computes the residual streams after it.
    fn quantize_block(
        &mut self,
        checkpoint: &Checkpoint,
        layer: usize,
        length: usize,
        progress: &dyn Progress,
    ) -> Result<()> {
        let layers = checkpoint.config().blocks.len();
        let block = Block::load(checkpoint, layer, length)?;
        let mut quantized = block.clone();
        let tables = [layer % 2, (layer + 1) % 2];
        for stage in Stage::ALL {
            self.quantize_stage(stage, tables, &block, &mut quantized)?;
        }
        let Activations { residual, product, batches, .. } = &mut self.activations;
        for &(start, rows) in &*batches {
            for (i, block) in [&block, &quantized].into_iter().enumerate() {
                let middle = residual[i].read(tables[1], start, rows)?;
                let product = product[i].read(0, start, rows)?;
                residual[i].write(tables[1], start, &block.after_down(&middle, &product))?;
            }
            progress.advance(rows as u64, &format!("block {} of {layers}", layer + 1));
        }
        Ok(())
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
        let mut gram = Gram::new(cols);
        // E[(x - x') x'^T] for original inputs x and inputs x' from quantized matrices.
        let mut deviation = vec![0f32; cols * cols];
        let mut tokens = 0;
        let Activations { residual, heads, product, batches } = &mut self.activations;
        for &(start, rows) in &*batches {
            let [original, inputs] = [(0, block), (1, &*quantized)].map(|(i, block)| -> Result<Vec<f32>> {
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
            let (mut difference, inputs) = (original?, inputs?);
            difference.par_iter_mut().zip(&inputs).for_each(|(x, input)| *x -= input);
            add_transposed(&difference, cols, &inputs, cols, &mut deviation, all_threads());
            gram.add(&inputs);
            tokens += rows;
        }
        deviation.iter_mut().for_each(|v| *v /= tokens as f32);
        let hessian = gram.mean();
        if !hessian.iter().chain(&deviation).all(|v| v.is_finite()) {
            let name = &block.matrices[first].name;
            let error = PackError::Calibration(
                "the inputs are not finite; check the checkpoint, or quantize without calibration".to_owned(),
            );
            return Err(PackError::in_tensor(name, error));
        }
        let correction = correction(&deviation, &hessian, cols)?;
        for index in matrices {
            let matrix = &block.matrices[index];
            let statistics = self.calibration.statistics(&matrix.name, matrix.shape)?;
            let Some(LayerStatistics { gradient_moments, .. }) = statistics else { continue };
            let statistics =
                LayerStatistics { shape: matrix.shape, hessian: hessian.clone(), gradient_moments };
            let corrected = corrected(matrix.weights(), cols, &correction);
            if let Some(weights) = self.quantize(&matrix.name, &corrected, &statistics)? {
                save(&file_of(self.location.folder, &matrix.name, CORRECTED_WEIGHTS), &[&corrected])?;
                quantized.matrices[index].set_weights(weights);
            }
        }
        Ok(())
    }
}

/// Returns `C = CORRECTION * D (H + damping)^-1`, `[cols, cols]`, where `D` is the deviation of the inputs
/// and `H` their Hessian; `W + W C` are the corrected weights.
///
/// # Errors
/// [`PackError::Calibration`] if the damped Hessian is not positive definite.
fn correction(deviation: &[f32], hessian: &[f32], cols: usize) -> Result<Mat<f32>> {
    let diagonal: Vec<f64> = (0..cols).map(|i| f64::from(hessian[i * cols + i])).collect();
    let mean = diagonal.iter().sum::<f64>() / cols as f64;
    let scale: Vec<f64> = diagonal.iter().map(|&d| 1.0 / d.max(1e-9 * mean).max(1e-30).sqrt()).collect();
    let damped = Mat::<f64>::from_fn(cols, cols, |i, k| match i == k {
        true => 1.0 + DAMPING,
        false => f64::from(hessian[i * cols + k]) * scale[i] * scale[k],
    });
    let factor = damped
        .llt(faer::Side::Lower)
        .map_err(|_| PackError::Calibration("the Hessian of inputs is not positive definite".to_owned()))?;
    // The solution X of X A = B, with A symmetric, is that of A X^T = B^T. Rows and columns are scaled so
    // that A has a diagonal of ones before damping.
    let mut transposed =
        Mat::<f64>::from_fn(cols, cols, |k, i| CORRECTION * f64::from(deviation[i * cols + k]) * scale[k]);
    factor.solve_in_place(transposed.as_mut());
    Ok(Mat::from_fn(cols, cols, |i, k| (transposed[(k, i)] * scale[k]) as f32))
}

/// Returns `W + W C` for weights `W`, `[rows, cols]`, and the correction `C`.
fn corrected(weights: &[f32], cols: usize, correction: &Mat<f32>) -> Vec<f32> {
    let mut corrected = weights.to_vec();
    let rows = weights.len() / cols;
    let out = MatMut::from_row_major_slice_mut(&mut corrected, rows, cols);
    let w = MatRef::from_row_major_slice(weights, rows, cols);
    matmul(out, Accum::Add, w, correction.as_ref(), 1.0, all_threads());
    corrected
}

/// Returns the largest number of inputs of the matrices of a role.
fn max_inputs(config: &Config, role: Role) -> usize {
    let linears = config.blocks.iter().flat_map(BlockSpec::linears);
    linears.filter(|linear| linear.role == role).map(|linear| linear.shape[1]).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn corrections_move_weights_part_of_the_way_to_full_compensation() {
        // The deviation equals the Hessian: inputs arrive at half their size, so doubled weights compensate.
        let cols = 3;
        let hessian: Vec<f32> =
            (0..9).map(|i| if i % 4 == 0 { [4.0, 1.0, 0.25][i / 4] } else { 0.0 }).collect();
        let correction = correction(&hessian, &hessian, cols).unwrap();
        let weights = [1.0, 2.0, -3.0, 0.5, 0.0, 1.0];
        let result = corrected(&weights, cols, &correction);
        let expected = weights.map(|w| w * (1.0 + (CORRECTION / (1.0 + DAMPING)) as f32));
        assert!(result.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-5), "{result:?}");
    }

    /// Rounds to hundredths, and fails at some calls.
    struct RoundsToHundredths {
        calls: usize,
        fails_at: &'static [usize],
        resumed: Vec<String>,
    }

    impl LayerQuantizer for RoundsToHundredths {
        fn quantize(
            &mut self,
            name: &str,
            corrected: &[f32],
            _: &LayerStatistics,
        ) -> Result<Option<QuantizedLayer>> {
            self.calls += 1;
            if self.fails_at.contains(&self.calls) {
                return Err(PackError::Calibration("interrupted".to_owned()));
            }
            let weights = corrected.iter().map(|w| (w * 100.0).round() / 100.0).collect();
            let outcome = QuantizationOutcome { factor: corrected[0], bits: name.len() as f64 };
            Ok(Some(QuantizedLayer { weights, outcome }))
        }

        fn resume(&mut self, name: &str, _: QuantizationOutcome) {
            self.resumed.push(name.to_owned());
        }
    }

    #[test]
    fn an_interrupted_run_resumes_after_its_last_block() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecq-cli/assets/tiny.ecq");
        let checkpoint = Checkpoint::open(&path, &ecq_core::Limits::default()).unwrap();
        let tokens: Vec<u32> = (0..64).map(|i| i * 31 % 900 + 3).collect();
        let sequences = Sequences { length: 16, frequency_tokens: tokens.clone(), tokens, seed: 4 };
        let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let location =
            |i: usize| JournalLocation { folder: folders[i].path(), description: "tiny", resume: true };
        let calibration = Calibration::collect(&checkpoint, &sequences, location(0), &()).unwrap();
        let run = |i: usize, quantizer: &mut RoundsToHundredths| {
            calibration.quantize_sequentially(&checkpoint, &sequences, location(i), quantizer, &())
        };
        let quantizer = |fails_at| RoundsToHundredths { calls: 0, fails_at, resumed: Vec::new() };
        let (whole, outcomes) = run(1, &mut quantizer(&[])).unwrap();
        let block_tensors = checkpoint.config().blocks[0].tensors().len();
        let mut interrupted = quantizer(&[1, 9, 18]);
        for _ in 0..3 {
            assert!(run(2, &mut interrupted).is_err());
            assert!(interrupted.resumed.is_empty());
        }
        let (parts, same_outcomes) = run(2, &mut interrupted).unwrap();
        // The embedding and block 0 are resumed.
        assert_eq!(interrupted.resumed.len(), block_tensors + 1);
        assert_eq!(outcomes, same_outcomes);
        for block in &checkpoint.config().blocks {
            for linear in block.tensors() {
                let (name, shape) = (linear.weight(), linear.shape);
                let name = checkpoint.stored_name(&name).unwrap();
                assert_eq!(whole.statistics(name, shape).unwrap(), parts.statistics(name, shape).unwrap());
                let corrected = [&whole, &parts].map(|c| c.corrected_weights(name, shape).unwrap());
                assert!(corrected[0].is_some());
                assert_eq!(corrected[0], corrected[1]);
            }
        }
        // A complete run calls the quantizer no more.
        let mut unused = quantizer(&[1]);
        assert_eq!(run(2, &mut unused).unwrap().1, outcomes);
    }
}
