//! The embedding and the head of a model: their forward and backward passes, and their statistics.

use super::block::load_norm;
use super::collect::HEAD_TOKENS;
use super::layers::Norm;
use super::statistics::{Gram, LayerStatistics};
use crate::error::Result;
use crate::products::{add_product, by_transposed};
use ecq_kernels::cpu::softmax;
use ecq_runtime::Checkpoint;
use rayon::prelude::*;

/// Tokens of the vocabulary whose probabilities a thread adds.
const TOKENS_PER_TASK: usize = 512;

/// The matrices before the first block and after the last.
pub(super) struct EmbeddingAndHead {
    /// `[vocabulary, hidden]`.
    pub(super) embedding: Vec<f32>,
    pub(super) embedding_name: String,
    pub(super) embedding_scale: f32,
    /// Learned position embeddings, `[context, hidden]`.
    positions: Option<Vec<f32>>,
    pub(super) final_norm: Norm,
    /// `[vocabulary, hidden]`; `None` if the embedding is the head (tied).
    pub(super) head: Option<Vec<f32>>,
    pub(super) head_name: String,
    pub(super) hidden: usize,
}

/// Returns the name of the head in the file; that of the embedding if they are tied.
pub(super) fn head_name(checkpoint: &Checkpoint) -> String {
    let config = checkpoint.config();
    let name = config.head.as_ref().unwrap_or(&config.embedding);
    checkpoint.stored_name(name).unwrap_or(name).to_owned()
}

impl EmbeddingAndHead {
    pub(super) fn load(checkpoint: &Checkpoint) -> Result<Self> {
        let c = checkpoint.config();
        let table = |name: &str, rows: usize| checkpoint.matrix(name, [rows, c.hidden])?.to_f32();
        let stored = |name: &str| checkpoint.stored_name(name).unwrap_or(name).to_owned();
        let mut final_norm = load_norm(checkpoint, &c.final_norm)?;
        final_norm.weight.iter_mut().for_each(|weight| *weight /= c.logits_divisor);
        final_norm.bias.iter_mut().flatten().for_each(|bias| *bias /= c.logits_divisor);
        Ok(Self {
            embedding: table(&c.embedding, c.vocabulary)?,
            embedding_scale: c.embedding_scale,
            positions: c.positions.as_ref().map(|name| table(name, c.context)).transpose()?,
            final_norm,
            head: c.head.as_ref().map(|name| table(name, c.vocabulary)).transpose()?,
            embedding_name: stored(&c.embedding),
            head_name: head_name(checkpoint),
            hidden: c.hidden,
        })
    }

    /// Returns the residual stream before the first block, `[tokens, hidden]`, for sequences of `length`
    /// tokens.
    pub(super) fn embed(&self, tokens: &[u32], length: usize) -> Vec<f32> {
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

    /// The matrix of the head, `[vocabulary, hidden]`.
    pub(super) fn head(&self) -> &[f32] {
        self.head.as_ref().unwrap_or(&self.embedding)
    }

    /// Returns the logits of a `head` at rows `x` of the residual stream after the last block,
    /// `[rows, vocabulary]`.
    pub(super) fn logits(&self, x: &[f32], head: &[f32]) -> Vec<f32> {
        let mut logits = vec![0.0; x.len() / self.hidden * (head.len() / self.hidden)];
        by_transposed(&self.final_norm.forward(x), head, self.hidden, &mut logits);
        logits
    }

    /// Returns the gradients of the negative log-likelihood at rows `x` of the residual stream after the last
    /// block, for one next token per row that is drawn from the model's own distribution.
    ///
    /// `random` is the state of the random number generator; final states and probabilities are added to
    /// `sums`.
    pub(super) fn backward(&self, x: &[f32], random: &mut u64, sums: &mut HeadSums) -> Vec<f32> {
        let table = self.head();
        let (vocabulary, rows) = (table.len() / self.hidden, x.len() / self.hidden);
        let normed = self.final_norm.forward(x);
        let mut logits = vec![0.0; rows * vocabulary];
        by_transposed(&normed, table, self.hidden, &mut logits);
        let draws: Vec<f64> = (0..rows).map(|_| draw(random)).collect();
        // Replaces the logits by probabilities.
        let tokens = logits.par_chunks_mut(vocabulary).zip(draws).map(|(logits, draw)| {
            softmax(logits, 1.0);
            let mut left = draw;
            let token = logits.iter().position(|&p| {
                left -= f64::from(p);
                left < 0.0
            });
            token.unwrap_or(0)
        });
        let tokens: Vec<usize> = tokens.collect();
        sums.add(&normed, &logits);
        logits.chunks_exact_mut(vocabulary).zip(tokens).for_each(|(p, token)| p[token] -= 1.0);
        let mut dx = vec![0.0; x.len()];
        self.add_before_head(&logits, table, x, &mut dx);
        dx
    }

    /// Adds the gradients of rows `x` of the residual stream to `dx`, for gradients of the logits of `head`.
    fn add_before_head(&self, d_logits: &[f32], head: &[f32], x: &[f32], dx: &mut [f32]) {
        let mut d_normed = vec![0.0; x.len()];
        add_product(d_logits, head, self.hidden, &mut d_normed);
        self.final_norm.backward(x, &d_normed, dx);
    }

    /// Returns the gradients of the mean KL divergence of the original model from a quantized one, at rows
    /// `quantized` of the residual stream after the last block, where the original one has the rows
    /// `original`; `heads` are those of the two models.
    pub(super) fn divergence_gradients(
        &self,
        [original, quantized]: [&[f32]; 2],
        [original_head, head]: [&[f32]; 2],
    ) -> Vec<f32> {
        let vocabulary = head.len() / self.hidden;
        let scale = self.hidden as f32 / quantized.len() as f32;
        let mut gradients = vec![0.0; quantized.len()];
        let rows = HEAD_TOKENS * self.hidden;
        let parts = original.chunks(rows).zip(quantized.chunks(rows)).zip(gradients.chunks_mut(rows));
        for ((original, quantized), gradients) in parts {
            let probabilities = self.logits(original, original_head);
            let mut d_logits = self.logits(quantized, head);
            let rows = d_logits.par_chunks_mut(vocabulary).zip(probabilities.par_chunks(vocabulary));
            rows.for_each(|(d_logits, original)| {
                let mut original = original.to_vec();
                softmax(&mut original, 1.0);
                softmax(d_logits, 1.0);
                d_logits.iter_mut().zip(&original).for_each(|(d, p)| *d = scale * (*d - p));
            });
            self.add_before_head(&d_logits, head, quantized, gradients);
        }
        gradients
    }
}

/// Draws a uniform number in 0..1 (SplitMix64: Steele, Lea and Flood, 2014).
fn draw(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// Sums over tokens from which the statistics of embedding and head follow.
///
/// At the head, an error `e` in the row of a token costs `p (1 - p) (e x)^2 / 2`, on average over final
/// states `x` and the token's probability `p`. In the embedding, it costs `f (e g)^2 / 2`, with the token's
/// frequency `f` and the gradient `g` at the embedded token. A calibration text contains few of the tokens of
/// a vocabulary, so `f` includes the probabilities that the model assigns.
pub(super) struct HeadSums {
    states: Gram,
    /// Sum of `p` of each token.
    probability: Vec<f64>,
    /// Sum of `p (1 - p)` of each token.
    variance: Vec<f64>,
}

impl HeadSums {
    pub(super) fn new(vocabulary: usize, hidden: usize) -> Self {
        Self {
            states: Gram::new(hidden),
            probability: vec![0.0; vocabulary],
            variance: vec![0.0; vocabulary],
        }
    }

    /// Adds final states `x`, `[rows, hidden]`, and probabilities, `[rows, vocabulary]`.
    fn add(&mut self, x: &[f32], probabilities: &[f32]) {
        self.states.add(x);
        let vocabulary = self.probability.len();
        let sums = self.probability.par_chunks_mut(TOKENS_PER_TASK);
        sums.zip(self.variance.par_chunks_mut(TOKENS_PER_TASK)).enumerate().for_each(
            |(task, (sums, variances))| {
                for row in probabilities.chunks_exact(vocabulary) {
                    let row = &row[task * TOKENS_PER_TASK..];
                    for ((&p, sum), variance) in row.iter().zip(&mut *sums).zip(&mut *variances) {
                        *sum += f64::from(p);
                        *variance += f64::from(p) * (1.0 - f64::from(p));
                    }
                }
            },
        );
    }

    /// Returns the statistics of the embedding, followed by those of the head unless they are `tied`.
    ///
    /// `frequency_tokens` is a text to count tokens in; `gradients` are those at the embedded tokens.
    pub(super) fn statistics(
        self,
        frequency_tokens: &[u32],
        gradients: Gram,
        tied: bool,
    ) -> Vec<LayerStatistics> {
        let (n, vocabulary) = (self.states.count(), self.probability.len());
        let mut counts = vec![0u32; vocabulary];
        for &token in frequency_tokens.iter().filter(|&&token| (token as usize) < vocabulary) {
            counts[token as usize] += 1;
        }
        let total = frequency_tokens.len().max(1) as f64;
        // The probability of unseen tokens equals the share of tokens that occur once (Good, 1953). It is
        // distributed evenly over the vocabulary.
        let unseen = counts.iter().filter(|&&count| count == 1).count() as f64 / total;
        // A frequency is the mean of the count in the text and the model's expectation.
        let frequency = |(&count, probability): (&u32, &f64)| {
            let known = 0.5 * f64::from(count) / total + 0.5 * probability / n;
            (1.0 - unseen) * known + unseen / vocabulary as f64
        };
        let frequencies: Vec<f64> = counts.iter().zip(&self.probability).map(frequency).collect();
        let statistics = |hessian: &[f32], moments: &[f64]| LayerStatistics {
            shape: [moments.len(), hessian.len().isqrt()],
            hessian: hessian.to_vec(),
            gradient_moments: moments.iter().map(|&g| g as f32).collect(),
        };
        let (states, gradients) = (self.states.mean(), gradients.mean());
        if tied {
            // p (1 - p) is close to p for nearly all tokens, so the frequency serves both uses of a row.
            let both: Vec<f32> = states.iter().zip(&gradients).map(|(x, g)| x + g).collect();
            return vec![statistics(&both, &frequencies)];
        }
        let variances: Vec<f64> = self.variance.iter().map(|p| p / n).collect();
        vec![statistics(&gradients, &frequencies), statistics(&states, &variances)]
    }
}
