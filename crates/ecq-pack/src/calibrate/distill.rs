//! Distillation: the row steps of the quantized matrices are trained until the model predicts what the
//! original one does.
//!
//! Sequential quantization minimizes the error of one matrix after another. The factors of the row steps,
//! one for each output of a matrix, are then trained together, by the gradient of the KL divergence from the
//! original model at the end (as the last stage of EfficientQAT trains step sizes, arXiv 2407.11062). Codes
//! stay as they are. Blocks are loaded one at a time, as everywhere in calibration.

use super::block::{Block, GradientObserver, Observation};
use super::embedding::EmbeddingAndHead;
use super::quantizer::BudgetedQuantizer;
use super::row_file::RowFile;
use super::statistics::sums_of_products;
use crate::error::Result;
use crate::progress::{Progress, check};
use ecq_runtime::Checkpoint;
use std::collections::BTreeMap;
use std::f32::consts::PI;
use std::path::Path;

/// Step size of Adam for the logarithm of a factor, of matrices with at most [`FULL_RATE_BITS`].
const LEARNING_RATE: f32 = 3e-3;
/// Bits per weight above which the step size halves with each bit, as the error of codes does. Otherwise the
/// noise of factors would exceed that error at high rates.
const FULL_RATE_BITS: f64 = 2.5;
/// Decay of the means of gradients and of their squares (Adam: Kingma and Ba, arXiv 1412.6980).
const DECAYS: [f32; 2] = [0.9, 0.95];
/// Added to the root of the mean square.
const EPSILON: f32 = 1e-8;
/// Steps over which the step size rises; it falls with a cosine to zero over all steps.
const WARM_UP: usize = 5;

/// The factors of the row steps of a matrix, and the state of their training. All have an element for each
/// row.
struct RowFactors {
    /// Logarithms of the factors.
    logarithms: Vec<f32>,
    /// Decaying means of the gradients and of their squares.
    means: [Vec<f32>; 2],
    /// Step size at its highest.
    rate: f32,
}

impl RowFactors {
    /// Makes factors of one for a matrix with so many rows and bits per weight.
    fn new(rows: usize, bits: f64) -> Self {
        let rate = LEARNING_RATE * (FULL_RATE_BITS - bits).min(0.0).exp2() as f32;
        Self { logarithms: vec![0.0; rows], means: [vec![0.0; rows], vec![0.0; rows]], rate }
    }

    fn factors(&self) -> Vec<f32> {
        self.logarithms.iter().map(|logarithm| logarithm.exp()).collect()
    }

    /// Takes step `step` (from zero) of `steps` of Adam.
    fn update(&mut self, gradients: &[f32], step: usize, steps: usize) {
        let rate = self.rate * schedule(step, steps);
        let corrections = DECAYS.map(|decay| 1.0 - decay.powi(step as i32 + 1));
        let [means, squares] = &mut self.means;
        let means = means.iter_mut().zip(squares);
        for ((logarithm, (mean, square)), &g) in self.logarithms.iter_mut().zip(means).zip(gradients) {
            *mean = DECAYS[0] * *mean + (1.0 - DECAYS[0]) * g;
            *square = DECAYS[1] * *square + (1.0 - DECAYS[1]) * g * g;
            let root = (*square / corrections[1]).sqrt() + EPSILON;
            *logarithm -= rate * *mean / corrections[0] / root;
        }
    }
}

/// Returns the step size of step `step` of `steps`, as a fraction of the highest.
fn schedule(step: usize, steps: usize) -> f32 {
    let rising = ((step + 1) as f32 / WARM_UP as f32).min(1.0);
    rising * (0.5 + 0.5 * (PI * step as f32 / steps as f32).cos())
}

/// The gradients of the factors of a block, by the name of the matrix.
struct FactorGradients<'b> {
    block: &'b Block,
    gradients: BTreeMap<String, Vec<f32>>,
}

impl GradientObserver for FactorGradients<'_> {
    fn observe(&mut self, Observation { matrix, y, dy, .. }: Observation<'_>) -> Result<()> {
        let matrix = &self.block.matrices[matrix];
        let tokens = dy.iter().map(|dy| dy.len()).sum::<usize>() / matrix.shape[0];
        let mut gradients = sums_of_products(tokens, y, dy);
        if let Some(bias) = matrix.bias() {
            // A factor does not apply to the bias.
            let ones = vec![1.0; tokens * matrix.shape[0]];
            let ones: Vec<&[f32]> = dy.iter().map(|dy| &ones[..dy.len()]).collect();
            let sums = sums_of_products(tokens, &ones, dy);
            gradients.iter_mut().zip(bias.iter().zip(&sums)).for_each(|(g, (b, sum))| *g -= b * sum);
        }
        self.gradients.insert(matrix.name.clone(), gradients);
        Ok(())
    }
}

/// Returns the distance at which sequences are taken: coprime to their number, so that none is taken twice,
/// and by the golden ratio, so that kinds of text, which take turns, are mixed.
fn stride(sequences: usize) -> usize {
    let is_coprime = |stride: &usize| {
        let (mut a, mut b) = (*stride, sequences);
        while b > 0 {
            (a, b) = (b, a % b);
        }
        a == 1
    };
    let golden = (0.618 * sequences as f64) as usize;
    (golden.max(1)..).find(is_coprime).unwrap_or(1)
}

/// What the original and the quantized model have in common during distillation.
pub(super) struct Distillation<'d> {
    pub(super) checkpoint: &'d Checkpoint,
    /// Tokens per sequence.
    pub(super) length: usize,
    /// The sequences to train on, one after another.
    pub(super) tokens: &'d [u32],
    /// The residual stream of the original model after the last block, in table `table`.
    pub(super) original: &'d RowFile,
    pub(super) table: usize,
    /// Folder for a temporary file.
    pub(super) folder: &'d Path,
    pub(super) progress: &'d dyn Progress,
}

impl Distillation<'_> {
    /// Trains the factors, on one sequence in each step; returns them by name of the matrix.
    ///
    /// `ends` has the embedding of the quantized model and the head of the original one, `head` is that of
    /// the quantized one if it differs.
    ///
    /// # Errors
    /// Those of reading the checkpoint, the streams and the file; [`Cancelled`](crate::PackError::Cancelled).
    pub(super) fn run(
        &self,
        ends: &EmbeddingAndHead,
        head: Option<&[f32]>,
        quantizer: &mut BudgetedQuantizer<'_, '_>,
    ) -> Result<BTreeMap<String, Vec<f32>>> {
        let steps = quantizer.distillation_steps();
        let layers = self.checkpoint.config().blocks.len();
        let sequences = self.tokens.len() / self.length;
        let stride = stride(sequences);
        let stream = RowFile::temporary(self.folder, self.length, ends.hidden)?;
        let mut trained: BTreeMap<String, RowFactors> = BTreeMap::new();
        self.progress.begin("distilling", (2 * steps * layers * self.length) as u64);
        for step in 0..steps {
            let label = format!("step {} of {steps}", step + 1);
            let first = step * stride % sequences * self.length;
            stream.write(0, 0, &ends.embed(&self.tokens[first..first + self.length], self.length))?;
            for layer in 0..layers {
                let block = self.block(layer, quantizer, &trained)?;
                stream.write(layer + 1, 0, &block.forward(&stream.read(layer, 0, self.length)?))?;
                check(self.progress)?;
                self.progress.advance(self.length as u64, &label);
            }
            let original = self.original.read(self.table, first, self.length)?;
            let quantized = stream.read(layers, 0, self.length)?;
            let heads = [ends.head(), head.unwrap_or(ends.head())];
            let mut dy = ends.divergence_gradients([&original, &quantized], heads);
            for layer in (0..layers).rev() {
                let block = self.block(layer, quantizer, &trained)?;
                let mut observer = FactorGradients { block: &block, gradients: BTreeMap::new() };
                dy = block.backward(&stream.read(layer, 0, self.length)?, &dy, &mut observer)?;
                for (name, gradients) in observer.gradients {
                    let Some(bits) = quantizer.bits(&name) else { continue };
                    let new = || RowFactors::new(gradients.len(), bits);
                    trained.entry(name).or_insert_with(new).update(&gradients, step, steps);
                }
                check(self.progress)?;
                self.progress.advance(self.length as u64, &label);
            }
        }
        self.progress.end();
        Ok(trained.into_iter().map(|(name, factors)| (name, factors.factors())).collect())
    }

    /// Loads a block of the quantized model with the factors so far.
    fn block(
        &self,
        layer: usize,
        quantizer: &mut BudgetedQuantizer<'_, '_>,
        trained: &BTreeMap<String, RowFactors>,
    ) -> Result<Block> {
        Block::load_replaced(self.checkpoint, layer, self.length, &mut |name| {
            let Some(mut weights) = quantizer.written(name)? else { return Ok(None) };
            if let Some(factors) = trained.get(name).map(RowFactors::factors) {
                let cols = weights.len() / factors.len();
                for (row, factor) in weights.chunks_exact_mut(cols).zip(factors) {
                    row.iter_mut().for_each(|w| *w *= factor);
                }
            }
            Ok(Some(weights))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ecq_core::Limits;
    use std::collections::BTreeSet;

    fn tiny() -> Checkpoint {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecq-cli/assets/tiny.ecq");
        Checkpoint::open(&path, &Limits::default()).unwrap()
    }

    fn values(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 37 + seed * 101) % 83) as f32 / 41.0 - 1.0).collect()
    }

    #[test]
    fn gradients_of_factors_match_finite_differences() {
        let checkpoint = tiny();
        let hidden = checkpoint.config().hidden;
        let mut block = Block::load(&checkpoint, 1, 5).unwrap();
        // The embedded model has no biases, to which factors do not apply.
        block.matrices.iter_mut().for_each(|matrix| matrix.set_bias(values(matrix.shape[0], 2)));
        let block = block;
        let (x, dy) = (values(5 * hidden, 0), values(5 * hidden, 1));
        let mut observer = FactorGradients { block: &block, gradients: BTreeMap::new() };
        block.backward(&x, &dy, &mut observer).unwrap();
        assert_eq!(observer.gradients.len(), block.matrices.len());
        for (index, matrix) in block.matrices.iter().enumerate() {
            let gradients = &observer.gradients[&matrix.name];
            let steepest = |a: &&usize, b: &&usize| gradients[**a].abs().total_cmp(&gradients[**b].abs());
            let rows: Vec<usize> = (0..gradients.len()).collect();
            let row = *rows.iter().max_by(steepest).unwrap();
            let loss = |factor: f32| -> f64 {
                let mut block = block.clone();
                let (cols, mut weights) = (matrix.shape[1], matrix.weights().to_vec());
                weights[row * cols..(row + 1) * cols].iter_mut().for_each(|w| *w *= factor);
                block.matrices[index].set_weights(weights);
                block.forward(&x).iter().zip(&dy).map(|(&y, &dy)| f64::from(y) * f64::from(dy)).sum()
            };
            let slope = (loss(1.02) - loss(0.98)) / 0.04;
            let found = f64::from(gradients[row]);
            assert!((found - slope).abs() < 0.03 * slope.abs() + 1e-3, "{}: {found} {slope}", matrix.name);
        }
    }

    #[test]
    fn gradients_of_the_divergence_match_finite_differences() {
        let ends = EmbeddingAndHead::load(&tiny()).unwrap();
        let (head, hidden) = (ends.head(), ends.hidden);
        let other_head: Vec<f32> = head.iter().map(|w| 1.1 * w).collect();
        let (original, x) = (values(3 * hidden, 0), values(3 * hidden, 1));
        let vocabulary = head.len() / hidden;
        let logarithms = |logits: &[f32]| -> Vec<f64> {
            let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
            logits.iter().map(|&logit| f64::from(logit) - sum.ln()).collect()
        };
        let divergence = |x: &[f32]| -> f64 {
            let logits = [ends.logits(&original, head), ends.logits(x, &other_head)];
            let rows = logits[0].chunks(vocabulary).zip(logits[1].chunks(vocabulary));
            let of_row = |(p, q): (&[f32], &[f32])| -> f64 {
                logarithms(p).iter().zip(logarithms(q)).map(|(p, q)| p.exp() * (p - q)).sum()
            };
            rows.map(of_row).sum::<f64>() / 3.0
        };
        let gradients = ends.divergence_gradients([&original, &x], [head, &other_head]);
        for at in [1, hidden + 9, 3 * hidden - 2] {
            let (mut up, mut down) = (x.clone(), x.clone());
            (up[at], down[at]) = (x[at] + 1e-2, x[at] - 1e-2);
            let slope = (divergence(&up) - divergence(&down)) / f64::from(up[at] - down[at]);
            let found = f64::from(gradients[at]);
            assert!((found - slope).abs() < 0.02 * slope.abs() + 1e-4, "{at}: {found} {slope}");
        }
    }

    #[test]
    fn no_sequence_is_taken_twice_and_kinds_are_mixed() {
        for sequences in [1, 2, 3, 4, 32, 48, 49, 96] {
            let taken: BTreeSet<usize> = (0..sequences).map(|i| i * stride(sequences) % sequences).collect();
            assert_eq!(taken.len(), sequences);
        }
        let kinds = |steps: usize| (0..steps).map(|i| i * stride(48) % 48 % 4).collect::<BTreeSet<_>>().len();
        assert_eq!(kinds(4), 4);
    }

    #[test]
    fn factors_approach_the_minimum_of_a_quadratic() {
        let wanted = [0.9f32, 1.0, 1.05];
        let mut factors = RowFactors::new(3, 2.0);
        let error = |factors: &RowFactors| -> f32 {
            factors.factors().iter().zip(wanted).map(|(factor, wanted)| (factor - wanted).powi(2)).sum()
        };
        let first = error(&factors);
        for step in 0..128 {
            let gradients: Vec<f32> =
                factors.factors().iter().zip(wanted).map(|(f, wanted)| 2.0 * (f - wanted) * f).collect();
            factors.update(&gradients, step, 128);
        }
        assert!(error(&factors) < 0.02 * first, "{} of {first}", error(&factors));
        // A factor without a gradient stays.
        let mut still = RowFactors::new(1, 2.0);
        still.update(&[0.0], 0, 8);
        assert_eq!(still.factors(), [1.0]);
        // Two bits more, a quarter of the step.
        let [few, many] = [2.5, 4.5].map(|bits| {
            let mut factors = RowFactors::new(1, bits);
            factors.update(&[1.0], 0, 8);
            factors.logarithms[0]
        });
        assert!(few < 0.0 && (few / many - 4.0).abs() < 1e-3, "{few} {many}");
    }
}
