//! Quantizing block after block, each on what the quantized ones before it give.
//!
//! Errors of earlier matrices reach later ones as inputs that are a little off. Their moments are taken of
//! what really comes in, and the weights that are aimed at are moved part of the way to those that would make
//! good for what is off (in the manner of GPTAQ, arXiv 2504.02692). That holds for the very errors that were
//! made: what is quantized here must not be rounded anew afterwards.

use super::block::{Block, Stage};
use super::journal::{Journal, Place};
use super::moments::{Gram, LayerStatistics, save};
use super::products::{add_transposed, all};
use super::spill::Spill;
use super::{BATCH_TOKENS, Calibration, Ends, STREAM, Sequences, file_of};
use crate::error::{PackError, Result};
use crate::progress::Progress;
use ecq_runtime::Checkpoint;
use ecq_runtime::arch::{BlockSpec, Config, Role};
use faer::linalg::matmul::matmul;
use faer::prelude::*;
use faer::{Accum, Mat, MatMut, MatRef};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How far weights are moved towards those that make good for inputs that are off.
const WAY: f64 = 0.35;
/// What is added to each input's own moment before weights are moved.
const DAMPING: f64 = 0.2;

/// How a matrix was quantized.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fitted {
    /// What its units of steps were multiplied with.
    pub(crate) factor: f32,
    /// What it takes in the file.
    pub(crate) bits: f64,
}

/// What a matrix became.
pub(crate) struct Quantized {
    /// Its weights, as they will be read.
    pub(crate) weights: Vec<f32>,
    /// How.
    pub(crate) fitted: Fitted,
}

/// Who quantizes matrices one after another.
pub(crate) trait Quantizer {
    /// Quantizes the matrix with this name in the file: the weights to aim at, and what errors cost. `None`
    /// if it is kept.
    fn quantize(&mut self, name: &str, aim: &[f32], moments: &LayerStatistics) -> Result<Option<Quantized>>;

    /// Takes note of what an interrupted run made of a matrix.
    fn resume(&mut self, name: &str, fitted: Fitted);
}

/// A text on its way through the model, as it is and as it is quantized: two of each.
struct Streams {
    /// The residual stream: that before a block in the table of its parity, what becomes of it in the other.
    x: [Spill; 2],
    heads: [Spill; 2],
    product: [Spill; 2],
    /// First row and number of rows of each batch.
    batches: Vec<(usize, usize)>,
}

/// Blocks that were quantized, and how their matrices were.
#[derive(Default, Serialize, Deserialize)]
struct Turn {
    blocks: usize,
    /// In their order.
    fitted: Vec<(String, Fitted)>,
}

/// What quantizing in turn works with.
struct Work<'a> {
    watched: &'a Calibration,
    place: Place<'a>,
    streams: Streams,
    quantizer: &'a mut dyn Quantizer,
    fitted: Vec<(String, Fitted)>,
}

impl Calibration {
    /// Quantizes all matrices in turn; keeps the moments of the inputs that they get, and the weights that
    /// were aimed at, in a place. Says how each was quantized. Goes on behind the last block of an
    /// interrupted run.
    ///
    /// # Errors
    /// As [`collect`](Self::collect), or when `quantizer` fails.
    pub(crate) fn sequential(
        &self,
        checkpoint: &Checkpoint,
        sequences: &Sequences,
        place: Place<'_>,
        quantizer: &mut dyn Quantizer,
        progress: &dyn Progress,
    ) -> Result<(Self, HashMap<String, Fitted>)> {
        let mut journal = Journal::<Turn>::open(place)?;
        let fitted_in = |turn: &Turn| turn.fitted.iter().cloned().collect();
        if journal.is_done() {
            return Ok((Self::at(place), fitted_in(journal.state())));
        }
        let config = checkpoint.config();
        let (length, tokens, folder) = (sequences.length, &sequences.tokens, place.folder);
        let batch = length * (BATCH_TOKENS / length).max(1);
        let scratch = |width: usize| -> Result<[Spill; 2]> {
            Ok([Spill::new(folder, tokens.len(), width)?, Spill::new(folder, tokens.len(), width)?])
        };
        let stream = |name: &str| Spill::named(folder, name, tokens.len(), config.hidden);
        let of_coded = format!("{STREAM}-coded");
        let streams = Streams {
            x: [stream(STREAM)?, stream(&of_coded)?],
            heads: scratch(widest(config, Role::Output))?,
            product: scratch(widest(config, Role::Down))?,
            batches: (0..tokens.len()).step_by(batch).map(|at| (at, batch.min(tokens.len() - at))).collect(),
        };
        let Turn { blocks, fitted } = std::mem::take(journal.state_mut());
        fitted.iter().for_each(|(name, fitted)| quantizer.resume(name, *fitted));
        let mut work = Work { watched: self, place, streams, quantizer, fitted };
        progress.begin("quantizing in turn", (tokens.len() * config.blocks.len()) as u64);
        if blocks > 0 {
            // Done by the run that this one resumes.
            progress.advance((tokens.len() * blocks) as u64, &format!("block {blocks}"));
        } else {
            work.embed(checkpoint, sequences)?;
        }
        for layer in blocks..config.blocks.len() {
            crate::progress::check(progress)?;
            work.block(checkpoint, layer, length, progress)?;
            journal.set(Turn { blocks: layer + 1, fitted: work.fitted.clone() })?;
        }
        progress.end();
        drop(work);
        let turn = journal.close()?;
        super::remove(folder, STREAM)?;
        super::remove(folder, &of_coded)?;
        Ok((Self::at(place), fitted_in(&turn)))
    }
}

impl Work<'_> {
    /// Embeds the text, then quantizes embedding and head and embeds it with what came of it.
    fn embed(&mut self, checkpoint: &Checkpoint, sequences: &Sequences) -> Result<()> {
        let mut ends = Ends::load(checkpoint)?;
        for stream in 0..2 {
            for &(start, rows) in &self.streams.batches {
                let x = ends.embed(&sequences.tokens[start..start + rows], sequences.length);
                self.streams.x[stream].write(0, start, &x)?;
            }
            if stream == 0 {
                self.ends(&mut ends)?;
            }
        }
        Ok(())
    }

    fn ends(&mut self, ends: &mut Ends) -> Result<()> {
        let hidden = ends.hidden;
        let matrices = [
            Some((&ends.embedding_name, &ends.embedding)),
            ends.head.as_ref().map(|head| (&ends.head_name, head)),
        ];
        let mut embedding = None;
        for (i, (name, weights)) in matrices.into_iter().enumerate().filter_map(|(i, m)| Some((i, m?))) {
            let Some(moments) = self.watched.moments(name, [weights.len() / hidden, hidden])? else {
                continue;
            };
            let quantized = self.quantize(name, weights, &moments)?;
            if i == 0 {
                embedding = quantized;
            }
        }
        if let Some(embedding) = embedding {
            ends.embedding = embedding;
        }
        Ok(())
    }

    /// Quantizes a matrix and keeps what its errors cost; the weights that it became.
    fn quantize(&mut self, name: &str, aim: &[f32], moments: &LayerStatistics) -> Result<Option<Vec<f32>>> {
        let quantized = self.quantizer.quantize(name, aim, moments);
        let Some(Quantized { weights, fitted }) =
            quantized.map_err(|error| PackError::in_tensor(name, error))?
        else {
            return Ok(None);
        };
        moments.save(&file_of(self.place.folder, name, "moments"))?;
        self.fitted.push((name.to_owned(), fitted));
        Ok(Some(weights))
    }

    /// Takes both streams through a block, quantizing its matrices on the way.
    fn block(
        &mut self,
        checkpoint: &Checkpoint,
        layer: usize,
        length: usize,
        progress: &dyn Progress,
    ) -> Result<()> {
        let layers = checkpoint.config().blocks.len();
        let block = Block::load(checkpoint, layer, length)?;
        let mut coded = block.clone();
        let tables = [layer % 2, (layer + 1) % 2];
        for stage in Stage::ALL {
            self.stage(stage, tables, &block, &mut coded)?;
        }
        let Streams { x, product, batches, .. } = &mut self.streams;
        for &(start, rows) in &*batches {
            for (i, block) in [&block, &coded].into_iter().enumerate() {
                let middle = x[i].read(tables[1], start, rows)?;
                let product = product[i].read(0, start, rows)?;
                x[i].write(tables[1], start, &block.after_down(&middle, &product))?;
            }
            progress.advance(rows as u64, &format!("block {} of {layers}", layer + 1));
        }
        Ok(())
    }

    /// Takes both streams to the inputs of a stage's matrices, and quantizes these.
    fn stage(
        &mut self,
        stage: Stage,
        [before, after]: [usize; 2],
        block: &Block,
        coded: &mut Block,
    ) -> Result<()> {
        let places = block.matrices_of(stage);
        let Some(&first) = places.first() else { return Ok(()) };
        let cols = block.matrices[first].shape[1];
        let mut gram = Gram::new(cols);
        // The mean of (inputs as they are - inputs that come in) x (inputs that come in)^T.
        let mut off = vec![0f32; cols * cols];
        let mut total = 0;
        let Streams { x: xs, heads: all_heads, product: products, batches } = &mut self.streams;
        for &(start, rows) in &*batches {
            let [real, ours] = [(0, block), (1, &*coded)].map(|(i, block)| -> Result<Vec<f32>> {
                Ok(match stage {
                    Stage::Attention => block.attention_inputs(&xs[i].read(before, start, rows)?),
                    Stage::Output => {
                        let heads = block.heads(&xs[i].read(before, start, rows)?);
                        all_heads[i].write(0, start, &heads)?;
                        heads
                    }
                    Stage::Mlp => {
                        let x = xs[i].read(before, start, rows)?;
                        let middle = block.after_output(&x, &all_heads[i].read(0, start, rows)?);
                        xs[i].write(after, start, &middle)?;
                        block.mlp_inputs(&middle)
                    }
                    Stage::Down => {
                        let product = block.product(&xs[i].read(after, start, rows)?);
                        products[i].write(0, start, &product)?;
                        product
                    }
                })
            });
            let (mut real, ours) = (real?, ours?);
            real.par_iter_mut().zip(&ours).for_each(|(real, ours)| *real -= ours);
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
            let Some(LayerStatistics { outputs, .. }) = self.watched.moments(&matrix.name, matrix.shape)?
            else {
                continue;
            };
            let moments = LayerStatistics { shape: matrix.shape, inputs: inputs.clone(), outputs };
            let aim = moved(matrix.weights(), cols, &moving);
            if let Some(weights) = self.quantize(&matrix.name, &aim, &moments)? {
                save(&file_of(self.place.folder, &matrix.name, "weights"), &[&aim])?;
                coded.matrices[place].set_weights(weights);
            }
        }
        Ok(())
    }
}

/// What weights are multiplied with to make good, part of the way, for inputs that are off: `WAY off (inputs
/// + damping)^-1`.
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

/// The most inputs that a matrix of a role has.
fn widest(config: &Config, role: Role) -> usize {
    let linears = config.blocks.iter().flat_map(BlockSpec::linears);
    linears.filter(|linear| linear.role == role).map(|linear| linear.shape[1]).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn weights_move_part_of_the_way_to_what_makes_good() {
        // Inputs come in at half their size: twice the weights would make good.
        let cols = 3;
        let inputs: Vec<f32> =
            (0..9).map(|i| if i % 4 == 0 { [4.0, 1.0, 0.25][i / 4] } else { 0.0 }).collect();
        let moving = moving(&inputs, &inputs, cols).unwrap();
        let aim = moved(&[1.0, 2.0, -3.0, 0.5, 0.0, 1.0], cols, &moving);
        let more = 1.0 + (WAY / (1.0 + DAMPING)) as f32;
        let expected = [1.0f32, 2.0, -3.0, 0.5, 0.0, 1.0].map(|w| w * more);
        assert!(aim.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-5), "{aim:?}");
    }

    /// Rounds to hundredths, and fails at some calls.
    struct Hundredths {
        calls: usize,
        fails_at: &'static [usize],
        resumed: Vec<String>,
    }

    impl Quantizer for Hundredths {
        fn quantize(&mut self, name: &str, aim: &[f32], _: &LayerStatistics) -> Result<Option<Quantized>> {
            self.calls += 1;
            if self.fails_at.contains(&self.calls) {
                return Err(PackError::Calibration("interrupted".to_owned()));
            }
            let weights = aim.iter().map(|w| (w * 100.0).round() / 100.0).collect();
            let fitted = Fitted { factor: aim[0], bits: name.len() as f64 };
            Ok(Some(Quantized { weights, fitted }))
        }

        fn resume(&mut self, name: &str, _: Fitted) {
            self.resumed.push(name.to_owned());
        }
    }

    #[test]
    fn an_interrupted_run_goes_on_behind_its_last_block() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecq-cli/assets/tiny.ecq");
        let checkpoint = Checkpoint::open(&path, &ecq_core::Limits::default()).unwrap();
        let tokens: Vec<u32> = (0..64).map(|i| i * 31 % 900 + 3).collect();
        let sequences = Sequences { length: 16, occurring: tokens.clone(), tokens, seed: 4 };
        let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let place = |i: usize| Place { folder: folders[i].path(), description: "tiny", resume: true };
        let watched = Calibration::collect(&checkpoint, &sequences, place(0), &()).unwrap();
        let run = |i: usize, quantizer: &mut Hundredths| {
            watched.sequential(&checkpoint, &sequences, place(i), quantizer, &())
        };
        let quantizer = |fails_at| Hundredths { calls: 0, fails_at, resumed: Vec::new() };
        let (whole, fitted) = run(1, &mut quantizer(&[])).unwrap();
        let of_block = checkpoint.config().blocks[0].tensors().len();
        let mut broken = quantizer(&[1, 9, 18]);
        for _ in 0..3 {
            assert!(run(2, &mut broken).is_err());
            assert!(broken.resumed.is_empty());
        }
        let (parts, again) = run(2, &mut broken).unwrap();
        // Block 0, and the embedding before it.
        assert_eq!(broken.resumed.len(), of_block + 1);
        assert_eq!(fitted, again);
        for block in &checkpoint.config().blocks {
            for linear in block.tensors() {
                let (name, shape) = (linear.weight(), linear.shape);
                let name = checkpoint.stored_name(&name).unwrap();
                assert_eq!(whole.moments(name, shape).unwrap(), parts.moments(name, shape).unwrap());
                let aims = [&whole, &parts].map(|c| c.weights(name, shape).unwrap());
                assert!(aims[0].is_some());
                assert_eq!(aims[0], aims[1]);
            }
        }
        // What is done is not done again.
        let mut idle = quantizer(&[1]);
        assert_eq!(run(2, &mut idle).unwrap().1, fitted);
    }
}
