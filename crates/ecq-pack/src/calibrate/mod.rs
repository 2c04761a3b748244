//! Running a model on text to learn what errors in its weights cost.
//!
//! Blocks are loaded one at a time, first to last and then last to first; between them the residual stream of
//! all tokens lies in a file. So memory is bounded by one block and one batch, whatever the model. Going
//! backwards, the gradients are those of the log-likelihood of tokens drawn from the model's own
//! distribution: their second moments are the Fisher information, the curvature of the KL to the unquantized
//! model.

mod block;
mod journal;
mod layers;
mod moments;
mod products;
mod sequential;
mod spill;

pub(crate) use journal::Place;
pub use moments::LayerStatistics;
pub(crate) use sequential::{Fitted, Quantized, Quantizer};

use crate::error::{PackError, Result};
use crate::progress::Progress;
use block::{Block, Observer, norm};
use ecq_runtime::Checkpoint;
use journal::Journal;
use layers::Norm;
use moments::{Gram, Sums};
use products::{add_product, all, by_transposed};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use spill::Spill;
use std::path::{Path, PathBuf};

/// Tokens that a batch goes through a block with.
const BATCH_TOKENS: usize = 1024;
/// Tokens whose logits are held at once.
const HEAD_TOKENS: usize = 128;
/// The file of residual streams between blocks.
const STREAM: &str = "stream";

/// Text as tokens, cut into sequences of equal length.
#[derive(Debug, Clone)]
pub struct Sequences {
    /// Tokens of a sequence.
    pub length: usize,
    /// The sequences, one after another.
    pub tokens: Vec<u32>,
    /// Tokens that say how often each occurs: at least these.
    pub occurring: Vec<u32>,
    /// Where random numbers start.
    pub seed: u64,
}

/// What errors in the matrices of a model cost, in files of a folder: one for each matrix of a block and for
/// the head.
#[derive(Debug, Clone)]
pub struct Calibration {
    folder: PathBuf,
    description: String,
}

impl Calibration {
    /// The moments of a tensor by its name in the file, if it was seen.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn moments(&self, tensor: &str, shape: [usize; 2]) -> Result<Option<LayerStatistics>> {
        LayerStatistics::load(&file_of(&self.folder, tensor, "moments"), shape)
    }

    /// The weights to aim at in place of the model's, if they were found.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn weights(&self, tensor: &str, [rows, cols]: [usize; 2]) -> Result<Option<Vec<f32>>> {
        moments::load(&file_of(&self.folder, tensor, "weights"), rows * cols)
    }

    /// What it was made from, in words.
    pub fn description(&self) -> &str {
        &self.description
    }

    fn at(place: Place<'_>) -> Self {
        Self { folder: place.folder.to_owned(), description: place.description.to_owned() }
    }

    /// Runs a model on sequences and writes the moments of its matrices to a place; goes on where an
    /// interrupted run stopped.
    ///
    /// # Errors
    /// When a tensor is missing or damaged, a token is unknown, gradients are not finite, or files cannot be
    /// written.
    pub(crate) fn collect(
        checkpoint: &Checkpoint,
        sequences: &Sequences,
        place: Place<'_>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let mut journal = Journal::<Watched>::open(place)?;
        if journal.is_done() {
            return Ok(Self::at(place));
        }
        let config = checkpoint.config();
        let (hidden, layers, length) = (config.hidden, config.blocks.len(), sequences.length);
        Block::check(config)?;
        let (tokens, folder) = (&sequences.tokens, place.folder);
        if let Some(&token) = tokens.iter().find(|&&token| token as usize >= config.vocabulary) {
            return Err(ecq_runtime::RuntimeError::Token { token, vocabulary: config.vocabulary }.into());
        }
        let batch = length * (BATCH_TOKENS / length).max(1);
        let starts: Vec<usize> = (0..tokens.len()).step_by(batch).collect();
        let rows_at = |start: usize| batch.min(tokens.len() - start);
        let mut spill = Spill::named(folder, STREAM, tokens.len(), hidden)?;
        // Behind the streams between blocks: the gradients before a block and after it, in turn.
        let gradients_at = |layer: usize| layers + 1 + layer % 2;

        progress.begin("calibrating", (tokens.len() * (3 * layers + 2)) as u64);
        let ends = Ends::load(checkpoint)?;
        let Watched { forward, backward } = *journal.state();
        if forward == 0 {
            for &start in &starts {
                spill.write(0, start, &ends.embed(&tokens[start..start + rows_at(start)], length))?;
            }
        }
        for layer in forward..layers {
            let block = Block::load(checkpoint, layer, length)?;
            for &start in &starts {
                let x = spill.read(layer, start, rows_at(start))?;
                spill.write(layer + 1, start, &block.forward(&x))?;
                crate::progress::check(progress)?;
                progress.advance(rows_at(start) as u64, &format!("block {} of {layers} forward", layer + 1));
            }
            journal.set(Watched { forward: layer + 1, backward })?;
        }
        let mut head = HeadSums::new(config.vocabulary, hidden);
        let mut random = sequences.seed;
        for start in (0..tokens.len()).step_by(HEAD_TOKENS) {
            let rows = HEAD_TOKENS.min(tokens.len() - start);
            let x = spill.read(layers, start, rows)?;
            let gradients = ends.backward(&x, &mut random, &mut head);
            if gradients.iter().any(|g| !g.is_finite()) {
                return Err(PackError::Calibration("the model's logits are not finite".to_owned()));
            }
            if backward == 0 {
                spill.write(gradients_at(layers), start, &gradients)?;
            }
            crate::progress::check(progress)?;
            progress.advance(2 * rows as u64, "head");
        }
        let (embedding_name, head_name) = (ends.embedding_name.clone(), ends.head_name.clone());
        let embedding_scale = ends.embedding_scale;
        drop(ends);
        for layer in (0..layers - backward).rev() {
            let block = Block::load(checkpoint, layer, length)?;
            let mut sums = BlockSums(block.matrices.iter().map(|m| Sums::new(m.shape)).collect());
            for &start in &starts {
                let x = spill.read(layer, start, rows_at(start))?;
                let dy = spill.read(gradients_at(layer + 1), start, rows_at(start))?;
                spill.write(gradients_at(layer), start, &block.backward(&x, &dy, &mut sums)?)?;
                crate::progress::check(progress)?;
                progress
                    .advance(2 * rows_at(start) as u64, &format!("block {} of {layers} backward", layer + 1));
            }
            for (matrix, sums) in block.matrices.iter().zip(sums.0) {
                sums.moments().save(&file_of(folder, &matrix.name, "moments"))?;
            }
            journal.set(Watched { forward: layers, backward: layers - layer })?;
        }
        let mut slopes = Gram::new(hidden);
        for &start in &starts {
            let mut gradients = spill.read(gradients_at(0), start, rows_at(start))?;
            gradients.iter_mut().for_each(|g| *g *= embedding_scale);
            slopes.add(&gradients);
        }
        for (name, moments) in [&embedding_name, &head_name].into_iter().zip(head.moments(
            &sequences.occurring,
            slopes,
            config.tied(),
        )) {
            moments.save(&file_of(folder, name, "moments"))?;
        }
        progress.end();
        journal.close()?;
        remove(folder, STREAM)?;
        Ok(Self::at(place))
    }
}

/// How many blocks a model was watched through, first to last and then last to first.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Watched {
    forward: usize,
    backward: usize,
}

fn remove(folder: &Path, name: &str) -> Result<()> {
    let path = folder.join(name);
    std::fs::remove_file(&path).map_err(|source| PackError::Io { path, source })
}

fn file_of(folder: &Path, tensor: &str, what: &str) -> PathBuf {
    // Names of tensors may hold anything.
    folder.join(format!("{}.{what}", &blake3::hash(tensor.as_bytes()).to_hex()[..32]))
}

struct BlockSums(Vec<Sums>);

impl Observer for BlockSums {
    fn linear(&mut self, matrix: usize, x: &[f32], dy: &[&[f32]]) -> Result<()> {
        self.0[matrix].add(x, dy);
        Ok(())
    }
}

/// Sums over tokens from which the moments of embedding and head follow.
///
/// An error `e` in the row of a token costs `p (1 - p) (e x)^2 / 2` at the head, on average over final states
/// `x` and the token's probability `p`, and `f (e g)^2 / 2` where it is read, `f` being how often that is and
/// `g` the slope there. Texts of calibration hold few of the tokens that there are; how often the model
/// expects one stands in for how often it is seen.
struct HeadSums {
    inputs: Gram,
    /// Of `p`, and of `p (1 - p)`.
    expected: Vec<f64>,
    spread: Vec<f64>,
}

impl HeadSums {
    fn new(vocabulary: usize, hidden: usize) -> Self {
        Self { inputs: Gram::new(hidden), expected: vec![0.0; vocabulary], spread: vec![0.0; vocabulary] }
    }

    /// Adds rows of final states and of probabilities.
    fn add(&mut self, x: &[f32], probabilities: &[f32]) {
        self.inputs.add(x);
        for row in probabilities.chunks_exact(self.expected.len()) {
            for ((&p, expected), spread) in row.iter().zip(&mut self.expected).zip(&mut self.spread) {
                *expected += f64::from(p);
                *spread += f64::from(p) * (1.0 - f64::from(p));
            }
        }
    }

    /// The moments of the embedding, then those of the head if that is another matrix.
    fn moments(self, occurring: &[u32], slopes: Gram, tied: bool) -> Vec<LayerStatistics> {
        let (n, vocabulary) = (self.inputs.rows.max(1) as f64, self.expected.len());
        let mut seen = vec![0u32; vocabulary];
        for &token in occurring.iter().filter(|&&token| (token as usize) < vocabulary) {
            seen[token as usize] += 1;
        }
        let total = occurring.len().max(1) as f64;
        // As many as are seen once, other texts have of tokens that were not seen (Good, 1953); any of them.
        let unseen = seen.iter().filter(|&&count| count == 1).count() as f64 / total;
        // Half from how often a token is seen, half from how often it is expected.
        let frequency = |(&count, expected): (&u32, &f64)| {
            let known = 0.5 * f64::from(count) / total + 0.5 * expected / n;
            (1.0 - unseen) * known + unseen / vocabulary as f64
        };
        let frequencies: Vec<f64> = seen.iter().zip(&self.expected).map(frequency).collect();
        let of = |inputs: &[f32], outputs: &[f64]| {
            let shape = [outputs.len(), inputs.len().isqrt()];
            LayerStatistics {
                shape,
                inputs: inputs.to_vec(),
                outputs: outputs.iter().map(|&g| g as f32).collect(),
            }
        };
        let (states, slopes) = (self.inputs.mean(), slopes.mean());
        if tied {
            // p (1 - p) is nearly p for nearly all tokens, so that one number a row serves both.
            let both: Vec<f32> = states.iter().zip(&slopes).map(|(x, g)| x + g).collect();
            return vec![of(&both, &frequencies)];
        }
        let spread: Vec<f64> = self.spread.iter().map(|p| p / n).collect();
        vec![of(&slopes, &frequencies), of(&states, &spread)]
    }
}

/// What comes before the first block and after the last.
struct Ends {
    embedding: Vec<f32>,
    embedding_name: String,
    embedding_scale: f32,
    positions: Option<Vec<f32>>,
    final_norm: Norm,
    /// Where it is not the embedding.
    head: Option<Vec<f32>>,
    head_name: String,
    hidden: usize,
}

impl Ends {
    fn load(checkpoint: &Checkpoint) -> Result<Self> {
        let c = checkpoint.config();
        let table = |name: &str, rows: usize| checkpoint.matrix(name, [rows, c.hidden])?.to_f32();
        let head_name = c.head.as_ref().unwrap_or(&c.embedding);
        let stored = |name: &str| checkpoint.stored_name(name).unwrap_or(name).to_owned();
        let mut final_norm = norm(checkpoint, &c.final_norm)?;
        final_norm.weight.iter_mut().for_each(|weight| *weight /= c.logits_divisor);
        final_norm.bias.iter_mut().flatten().for_each(|bias| *bias /= c.logits_divisor);
        Ok(Self {
            embedding: table(&c.embedding, c.vocabulary)?,
            embedding_scale: c.embedding_scale,
            positions: c.positions.as_ref().map(|name| table(name, c.context)).transpose()?,
            final_norm,
            head: c.head.as_ref().map(|name| table(name, c.vocabulary)).transpose()?,
            embedding_name: stored(&c.embedding),
            head_name: stored(head_name),
            hidden: c.hidden,
        })
    }

    fn embed(&self, tokens: &[u32], length: usize) -> Vec<f32> {
        let mut x = Vec::with_capacity(tokens.len() * self.hidden);
        for (t, &token) in tokens.iter().enumerate() {
            let row = |table: &[f32], row: usize| table[row * self.hidden..(row + 1) * self.hidden].to_vec();
            let first = x.len();
            x.extend(row(&self.embedding, token as usize).iter().map(|v| v * self.embedding_scale));
            if let Some(positions) = &self.positions {
                x[first..].iter_mut().zip(row(positions, t % length)).for_each(|(x, p)| *x += p);
            }
        }
        x
    }

    /// The gradient at rows of the residual stream after the last block, for one token drawn after each.
    fn backward(&self, x: &[f32], random: &mut u64, sums: &mut HeadSums) -> Vec<f32> {
        let table = self.head.as_ref().unwrap_or(&self.embedding);
        let (vocabulary, rows) = (table.len() / self.hidden, x.len() / self.hidden);
        let normed = self.final_norm.forward(x);
        let mut logits = vec![0.0; rows * vocabulary];
        by_transposed(&normed, table, self.hidden, &mut logits, all());
        let draws: Vec<f64> = (0..rows).map(|_| draw(random)).collect();
        let drawn = logits.par_chunks_mut(vocabulary).zip(draws).map(|(logits, drawn)| {
            let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            logits.iter_mut().for_each(|l| *l = (*l - most).exp());
            let sum: f64 = logits.iter().map(|&p| f64::from(p)).sum();
            let mut left = drawn * sum;
            let token = logits.iter().position(|&p| {
                left -= f64::from(p);
                left < 0.0
            });
            logits.iter_mut().for_each(|p| *p = (f64::from(*p) / sum) as f32);
            token.unwrap_or(0)
        });
        let drawn: Vec<usize> = drawn.collect();
        sums.add(&normed, &logits);
        logits.chunks_exact_mut(vocabulary).zip(drawn).for_each(|(p, token)| p[token] -= 1.0);
        let mut d_normed = vec![0.0; x.len()];
        add_product(&logits, table, self.hidden, &mut d_normed, all());
        let mut dx = vec![0.0; x.len()];
        self.final_norm.backward(x, &d_normed, &mut dx);
        dx
    }
}

/// A number in 0..1 (SplitMix64: Steele, Lea and Flood, 2014).
fn draw(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecq_core::Limits;
    use ecq_runtime::backend::{ActivationType, Cpu, CpuOptions};
    use ecq_runtime::kv::KvOptions;
    use ecq_runtime::{Batch, Executor, ExecutorOptions, LoadOptions, LogitsSelection, Mode, Model};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn tiny() -> Checkpoint {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecq-cli/assets/tiny.ecq");
        Checkpoint::open(&path, &Limits::default()).unwrap()
    }

    #[test]
    fn blocks_give_the_logits_that_the_runtime_gives() {
        let checkpoint = tiny();
        let tokens: Vec<u32> = (0..24).map(|i| i * 131 % 997 + 5).collect();
        let ends = Ends::load(&checkpoint).unwrap();
        let mut x = ends.embed(&tokens, 12);
        for layer in 0..checkpoint.config().blocks.len() {
            x = Block::load(&checkpoint, layer, 12).unwrap().forward(&x);
        }
        let normed = ends.final_norm.forward(&x);
        let vocabulary = checkpoint.config().vocabulary;
        let mut logits = vec![0.0; tokens.len() * vocabulary];
        by_transposed(&normed, &ends.embedding, ends.hidden, &mut logits, all());

        let options = CpuOptions { activations: ActivationType::F32, ..CpuOptions::default() };
        let backend = Arc::new(Cpu::new(options).unwrap());
        let load = LoadOptions { mode: Mode::Cached, budget: None, free: None };
        let model = Arc::new(Model::load(&checkpoint, backend, load).unwrap());
        let kv = KvOptions { element: ecq_core::Element::F32, ..KvOptions::default() };
        let mut executor =
            Executor::new(model, ExecutorOptions { kv, ..ExecutorOptions::default() }).unwrap();
        // Two sequences of twelve tokens.
        for (tokens, ours) in tokens.chunks(12).zip(logits.chunks_exact(12 * vocabulary)) {
            let (mut sequence, mut batch) = (executor.sequence(), Batch::new());
            batch.push(&mut sequence, tokens, tokens.len(), LogitsSelection::All).unwrap();
            let mut theirs = Vec::new();
            executor.logits(&batch, |_, logits| theirs.extend_from_slice(logits)).unwrap();
            let off = ours.iter().zip(&theirs).fold(0f32, |off, (a, b)| off.max((a - b).abs()));
            assert!(off < 2e-3, "{off}");
        }
    }

    struct Nobody;

    impl Observer for Nobody {
        fn linear(&mut self, _: usize, _: &[f32], _: &[&[f32]]) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn blocks_have_the_slopes_that_they_show() {
        let checkpoint = tiny();
        let hidden = checkpoint.config().hidden;
        let block = Block::load(&checkpoint, 1, 5).unwrap();
        let value = |i: usize| ((i * 37) % 83) as f32 / 41.0 - 1.0;
        let x: Vec<f32> = (0..5 * hidden).map(value).collect();
        let dy: Vec<f32> = (7..7 + 5 * hidden).map(value).collect();
        let dx = block.backward(&x, &dy, &mut Nobody).unwrap();
        let along = |x: &[f32]| -> f64 {
            block.forward(x).iter().zip(&dy).map(|(&y, &d)| f64::from(y) * f64::from(d)).sum()
        };
        for at in [3, hidden + 10, 3 * hidden + 77, 5 * hidden - 1] {
            let (mut up, mut down) = (x.clone(), x.clone());
            (up[at], down[at]) = (x[at] + 2e-2, x[at] - 2e-2);
            let slope = (along(&up) - along(&down)) / f64::from(up[at] - down[at]);
            assert!(
                (f64::from(dx[at]) - slope).abs() < 0.02 * (1.0 + slope.abs()),
                "{at}: {} {slope}",
                dx[at]
            );
        }
    }

    /// Panics at every fourth step.
    struct Breaks(AtomicUsize);

    impl Progress for Breaks {
        fn begin(&self, _: &str, _: u64) {}
        fn advance(&self, _: u64, _: &str) {
            assert!(self.0.fetch_add(1, Ordering::Relaxed) % 4 != 3, "interrupted");
        }
        fn end(&self) {}
    }

    #[test]
    fn a_model_is_watched_the_same_way_twice() {
        let checkpoint = tiny();
        let sequences = Sequences {
            length: 16,
            tokens: (0..64).map(|i| i * 31 % 900 + 3).collect(),
            occurring: vec![7, 7, 9],
            seed: 4,
        };
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let place = |i: usize| Place { folder: folders[i].path(), description: "tiny", resume: true };
        // The second run is interrupted again and again.
        let breaks = Breaks(AtomicUsize::new(0));
        let broken = || Calibration::collect(&checkpoint, &sequences, place(1), &breaks);
        let mut second = catch_unwind(AssertUnwindSafe(broken));
        let mut runs = 1;
        while second.is_err() {
            second = catch_unwind(AssertUnwindSafe(broken));
            runs += 1;
        }
        assert!(runs > 3, "{runs}");
        let seen =
            [Calibration::collect(&checkpoint, &sequences, place(0), &()).unwrap(), second.unwrap().unwrap()];
        for linear in checkpoint.config().blocks[0].tensors() {
            let (name, shape) = (linear.weight(), linear.shape);
            let name = checkpoint.stored_name(&name).unwrap();
            let moments = seen[0].moments(name, shape).unwrap().unwrap();
            assert!(moments.outputs.iter().any(|&g| g > 0.0));
            assert_eq!(Some(moments), seen[1].moments(name, shape).unwrap());
        }
        assert!(Journal::<Watched>::open(place(0)).unwrap().is_done());
        let other = Place { description: "another", ..place(0) };
        assert!(!Journal::<Watched>::open(other).unwrap().is_done());
        let wrong = Sequences { tokens: vec![u32::MAX], ..sequences };
        let error = Calibration::collect(&checkpoint, &wrong, other, &()).unwrap_err();
        assert!(matches!(error, PackError::Runtime(ecq_runtime::RuntimeError::Token { .. })), "{error}");
    }
}
