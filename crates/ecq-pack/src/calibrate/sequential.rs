//! Quantizing block after block, each on what the quantized ones before it give.
//!
//! Errors of earlier matrices reach later ones as inputs that are a little off. Their moments are taken of what really comes in, and the
//! weights that are aimed at are moved half of the way to those that would make good for what is off (in the manner of GPTAQ, arXiv 2504.02692).

use super::block::{Block, Stage};
use super::moments::{Gram, Moments, save};
use super::products::{add_transposed, all};
use super::spill::Spill;
use super::{BATCH_TOKENS, Calibration, Ends, Sequences, file_of};
use crate::error::{PackError, Result};
use crate::progress::Progress;
use ecq_runtime::Checkpoint;
use faer::linalg::matmul::matmul;
use faer::prelude::*;
use faer::{Accum, Mat, MatMut, MatRef};
use std::path::Path;

/// How far weights are moved towards those that make good for inputs that are off.
const WAY: f64 = 0.5;
/// What is added to each input's own moment before weights are moved.
const DAMPING: f64 = 0.05;

/// Who quantizes a matrix: its name in the file, the weights to aim at, what errors cost; the weights that come of it, or `None` if it is kept.
pub(crate) type Quantize<'a> = &'a dyn Fn(&str, &[f32], &Moments) -> Result<Option<Vec<f32>>>;

/// A text on its way through the model, as it is and as it is quantized: two of each.
struct Streams {
    /// The residual stream.
    x: [Spill; 2],
    heads: [Spill; 2],
    product: [Spill; 2],
    /// First row and number of rows of each batch.
    batches: Vec<(usize, usize)>,
}

impl Calibration {
    /// Quantizes all matrices of blocks in turn; keeps the moments of the inputs that they get, and the weights that were aimed at, in `folder`.
    ///
    /// # Errors
    /// As [`collect`](Self::collect), or when `quantize` fails.
    pub(crate) fn sequential(
        &self,
        checkpoint: &Checkpoint,
        sequences: &Sequences,
        folder: &Path,
        quantize: Quantize<'_>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let config = checkpoint.config();
        let (length, tokens) = (sequences.length, &sequences.tokens);
        let batch = length * (BATCH_TOKENS / length).max(1);
        let spills = |width: usize| -> Result<[Spill; 2]> {
            Ok([Spill::new(folder, tokens.len(), width)?, Spill::new(folder, tokens.len(), width)?])
        };
        let mut streams = Streams {
            x: spills(config.hidden)?,
            heads: spills(config.q_width())?,
            product: spills(config.intermediate)?,
            batches: (0..tokens.len()).step_by(batch).map(|at| (at, batch.min(tokens.len() - at))).collect(),
        };
        progress.begin("quantizing in turn", (tokens.len() * config.layers) as u64);
        let mut ends = Ends::load(checkpoint)?;
        for real in [true, false] {
            for &(start, rows) in &streams.batches {
                let x = ends.embed(&tokens[start..start + rows], length);
                streams.x[usize::from(!real)].write(0, start, &x)?;
            }
            if real {
                self.ends(&mut ends, folder, quantize)?;
            }
        }
        drop(ends);
        for layer in 0..config.layers {
            let block = Block::load(checkpoint, layer, length)?;
            let mut coded = block.clone();
            for stage in Stage::ALL {
                self.stage(stage, &block, &mut coded, &mut streams, folder, quantize)?;
            }
            for &(start, rows) in &streams.batches {
                for (i, block) in [&block, &coded].into_iter().enumerate() {
                    let middle = streams.x[i].read(0, start, rows)?;
                    let product = streams.product[i].read(0, start, rows)?;
                    streams.x[i].write(0, start, &block.after_down(&middle, &product))?;
                }
                progress.advance(rows as u64, &format!("block {layer}"));
            }
        }
        progress.end();
        Self { folder: folder.to_owned(), ..self.clone() }.close()
    }

    /// Quantizes embedding and head; what is read of the embedding from now on is what came of it.
    fn ends(&self, ends: &mut Ends, folder: &Path, quantize: Quantize<'_>) -> Result<()> {
        let hidden = ends.hidden;
        let matrices = [
            Some((&ends.embedding_name, &ends.embedding)),
            ends.head.as_ref().map(|head| (&ends.head_name, head)),
        ];
        let mut embedding = None;
        for (i, (name, weights)) in matrices.into_iter().enumerate().filter_map(|(i, m)| Some((i, m?))) {
            let Some(moments) = self.moments(name, [weights.len() / hidden, hidden])? else { continue };
            moments.save(&file_of(folder, name, "moments"))?;
            let quantized =
                quantize(name, weights, &moments).map_err(|error| PackError::in_tensor(name, error))?;
            if i == 0 {
                embedding = quantized;
            }
        }
        if let Some(embedding) = embedding {
            ends.embedding = embedding;
        }
        Ok(())
    }

    /// Takes both streams to the inputs of a stage's matrices, and quantizes these.
    fn stage(
        &self,
        stage: Stage,
        block: &Block,
        coded: &mut Block,
        streams: &mut Streams,
        folder: &Path,
        quantize: Quantize<'_>,
    ) -> Result<()> {
        let places = block.matrices_of(stage);
        let Some(&first) = places.first() else { return Ok(()) };
        let cols = block.matrices[first].shape[1];
        let mut gram = Gram::new(cols);
        // The mean of (inputs as they are - inputs that come in) x (inputs that come in)^T.
        let mut off = vec![0f32; cols * cols];
        let mut total = 0;
        for at in 0..streams.batches.len() {
            let (start, rows) = streams.batches[at];
            let [real, ours] = [(0, block), (1, &*coded)].map(|(i, block)| -> Result<Vec<f32>> {
                let x = streams.x[i].read(0, start, rows)?;
                Ok(match stage {
                    Stage::Attention => block.attention_inputs(&x),
                    Stage::Output => {
                        let heads = block.heads(&x);
                        streams.heads[i].write(0, start, &heads)?;
                        heads
                    }
                    Stage::Mlp => {
                        let heads = streams.heads[i].read(0, start, rows)?;
                        let middle = block.after_output(&x, &heads);
                        streams.x[i].write(0, start, &middle)?;
                        block.mlp_inputs(&middle)
                    }
                    Stage::Down => {
                        let product = block.product(&x);
                        streams.product[i].write(0, start, &product)?;
                        product
                    }
                })
            });
            let (mut real, ours) = (real?, ours?);
            real.iter_mut().zip(&ours).for_each(|(real, ours)| *real -= ours);
            add_transposed(&real, cols, &ours, cols, &mut off, all());
            gram.add(&ours);
            total += rows;
        }
        off.iter_mut().for_each(|v| *v /= total as f32);
        let inputs = gram.mean();
        if !inputs.iter().chain(&off).all(|v| v.is_finite()) {
            return Err(PackError::Calibration(format!(
                "inputs of {:?} are not finite",
                block.matrices[first].name
            )));
        }
        let moving = moving(&off, &inputs, cols)?;
        for place in places {
            let matrix = &block.matrices[place];
            let named = |error| PackError::in_tensor(&matrix.name, error);
            let Some(Moments { outputs, .. }) = self.moments(&matrix.name, matrix.shape)? else { continue };
            let moments = Moments { shape: matrix.shape, inputs: inputs.clone(), outputs };
            let aim = moved(matrix.weights(), cols, &moving);
            if let Some(weights) = quantize(&matrix.name, &aim, &moments).map_err(named)? {
                moments.save(&file_of(folder, &matrix.name, "moments"))?;
                save(&file_of(folder, &matrix.name, "weights"), &[&aim])?;
                coded.matrices[place].set_weights(weights);
            }
        }
        Ok(())
    }
}

/// What weights are multiplied with to make good, half of the way, for inputs that are off: `off (inputs + damping)^-1 / 2`.
fn moving(off: &[f32], inputs: &[f32], cols: usize) -> Result<Mat<f32>> {
    let diagonal: Vec<f64> = (0..cols).map(|i| f64::from(inputs[i * cols + i])).collect();
    let mean = diagonal.iter().sum::<f64>() / cols as f64;
    let scale: Vec<f64> = diagonal.iter().map(|&d| 1.0 / d.max(1e-9 * mean).max(1e-30).sqrt()).collect();
    let damped = Mat::<f64>::from_fn(cols, cols, |i, k| match i == k {
        true => 1.0 + DAMPING,
        false => f64::from(inputs[i * cols + k]) * scale[i] * scale[k],
    });
    let factor = damped
        .llt(faer::Side::Lower)
        .map_err(|_| PackError::Calibration("moments of inputs are not positive definite".to_owned()))?;
    // X A = B with A symmetric is A X^T = B^T; rows and columns in units in which A has a diagonal of ones.
    let mut transposed =
        Mat::<f64>::from_fn(cols, cols, |k, i| WAY * f64::from(off[i * cols + k]) * scale[k]);
    factor.solve_in_place(transposed.as_mut());
    Ok(Mat::from_fn(cols, cols, |i, k| (transposed[(k, i)] * scale[k]) as f32))
}

fn moved(weights: &[f32], cols: usize, moving: &Mat<f32>) -> Vec<f32> {
    let mut aim = weights.to_vec();
    let rows = weights.len() / cols;
    let out = MatMut::from_row_major_slice_mut(&mut aim, rows, cols);
    matmul(out, Accum::Add, MatRef::from_row_major_slice(weights, rows, cols), moving.as_ref(), 1.0, all());
    aim
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_move_half_of_the_way_to_what_makes_good() {
        // Inputs come in at half their size: twice the weights would make good.
        let cols = 3;
        let inputs: Vec<f32> =
            (0..9).map(|i| if i % 4 == 0 { [4.0, 1.0, 0.25][i / 4] } else { 0.0 }).collect();
        let moving = moving(&inputs, &inputs, cols).unwrap();
        let aim = moved(&[1.0, 2.0, -3.0, 0.5, 0.0, 1.0], cols, &moving);
        let expected = [1.0f32, 2.0, -3.0, 0.5, 0.0, 1.0].map(|w| w * (1.0 + 0.5 / 1.05));
        assert!(aim.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-5), "{aim:?}");
    }
}
