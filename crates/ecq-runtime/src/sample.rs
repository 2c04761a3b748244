//! Token sampling.

use crate::error::{Result, RuntimeError};
use std::collections::HashMap;
use std::fmt;

/// Sampling options of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleOptions {
    /// Divisor of the logits, 0 or more; 0 selects the most likely token.
    pub temperature: f32,
    /// Number of most likely tokens to sample from; 0 means all.
    pub top_k: usize,
    /// Nucleus sampling: the smallest set of most likely tokens with this total probability, above 0 and at
    /// most 1; 1 means all (Holtzman et al., 2020).
    pub top_p: f32,
    /// Minimum probability of a token, relative to the most likely one, 0 to 1; 0 means none (Nguyen et al.,
    /// 2024).
    pub min_p: f32,
    /// Divisor of positive logits and factor of negative logits of recent tokens, above 0; 1 means none
    /// (Keskar et al., 2019).
    pub repetition_penalty: f32,
    /// Number of most recent tokens that the penalty applies to.
    pub repetition_window: usize,
    /// Subtracted from the logit of a generated token for each of its occurrences, -2 to 2; 0 means none. The
    /// prompt does not count (`frequency_penalty` of the OpenAI API).
    pub frequency_penalty: f32,
    /// Subtracted once from the logit of every generated token, -2 to 2; 0 means none (`presence_penalty`).
    pub presence_penalty: f32,
    /// Seed of the random numbers.
    pub seed: u64,
}

impl SampleOptions {
    /// Greedy decoding.
    pub const GREEDY: Self = Self {
        temperature: 0.0,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        repetition_penalty: 1.0,
        repetition_window: 64,
        frequency_penalty: 0.0,
        presence_penalty: 0.0,
        seed: 0,
    };

    fn check(&self) -> Result<()> {
        let checks = [
            ("temperature", self.temperature, self.temperature >= 0.0, "a number of 0 or more"),
            ("top-p", self.top_p, self.top_p > 0.0 && self.top_p <= 1.0, "above 0, at most 1"),
            ("min-p", self.min_p, (0.0..=1.0).contains(&self.min_p), "0 to 1"),
            ("frequency penalty", self.frequency_penalty, self.frequency_penalty.abs() <= 2.0, "-2 to 2"),
            ("presence penalty", self.presence_penalty, self.presence_penalty.abs() <= 2.0, "-2 to 2"),
            ("repetition penalty", self.repetition_penalty, self.repetition_penalty > 0.0, "above 0"),
        ];
        match checks.into_iter().find(|&(_, found, good, _)| !good || !found.is_finite()) {
            Some((option, found, _, expected)) => {
                Err(RuntimeError::OutOfRange { option, found: found.into(), expected })
            }
            None => Ok(()),
        }
    }
}

/// Parameters for sampling one token, as plain data that can be uploaded to a device. Unlike
/// [`SampleOptions`] they include the random number, and no repetition penalty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingParams {
    /// Divisor of the logits; 0 selects the most likely token.
    pub temperature: f32,
    /// Number of most likely tokens to sample from; 0 means all.
    pub top_k: u32,
    /// Total probability of the most likely tokens to sample from; 1 means all.
    pub top_p: f32,
    /// Minimum probability relative to the most likely token; 0 means none.
    pub min_p: f32,
    /// Uniform random number in [0, 1).
    pub uniform: f32,
}

impl SamplingParams {
    /// Number of floats of [`to_floats`](Self::to_floats).
    pub const LEN: usize = 5;

    /// Converts to floats in the order of the fields. A `top_k` of 2^24 or more becomes 0 (all tokens).
    pub fn to_floats(&self) -> [f32; Self::LEN] {
        let top_k = if self.top_k < 1 << 24 { self.top_k as f32 } else { 0.0 };
        [self.temperature, top_k, self.top_p, self.min_p, self.uniform]
    }

    /// Converts from [`Self::LEN`] floats.
    pub fn from_floats(floats: &[f32]) -> Self {
        let top_k = floats[1] as u32;
        Self { temperature: floats[0], top_k, top_p: floats[2], min_p: floats[3], uniform: floats[4] }
    }
}

/// Scaled logits this far below the maximum do not change a sum in f32: `exp(-17)` is below 2^-24, half an
/// ulp of 1, and the largest weight is 1.
const NEGLIGIBLE: f32 = 17.0;

/// Samples a token; `None` if no logit is finite. `candidates` is a scratch buffer.
///
/// With temperature 0 or top-k 1 the result is [`argmax`]. The parameters must be in the ranges of
/// [`SampleOptions`].
pub fn sample_token(
    logits: &[f32],
    params: &SamplingParams,
    candidates: &mut Vec<(f32, u32)>,
) -> Option<u32> {
    if params.temperature == 0.0 || params.top_k == 1 {
        return argmax(logits);
    }
    let max = largest(logits)?;
    // The sum of weights in f32 depends on the order, so candidates are sorted even for top-p 1. Dropped
    // tokens cannot change the result: the running sum reaches the total before them.
    let min = -NEGLIGIBLE * params.temperature;
    candidates.clear();
    candidates.extend(logits.iter().zip(0..).filter(|&(&l, _)| l - max >= min).map(|(&l, token)| (l, token)));
    let top_k = params.top_k as usize;
    if top_k > 0 && top_k < candidates.len() {
        candidates.select_nth_unstable_by_key(top_k, rank);
        candidates.truncate(top_k);
    }
    candidates.sort_unstable_by_key(rank);
    for (logit, _) in candidates.iter_mut() {
        *logit = ((*logit - max) / params.temperature).exp();
    }
    let total: f32 = candidates.iter().map(|c| c.0).sum();
    let (mut reached, mut keep) = (0.0, 0);
    for &(weight, _) in candidates.iter() {
        if weight < params.min_p || (reached >= params.top_p * total && keep > 0) {
            break;
        }
        reached += weight;
        keep += 1;
    }
    let mut left = params.uniform * reached;
    let chosen = candidates[..keep].iter().find(|(weight, _)| {
        left -= weight;
        left < 0.0
    });
    chosen.or(candidates[..keep].last()).map(|&(_, token)| token)
}

/// Sort key: descending logits, then ascending tokens.
fn rank(&(logit, token): &(f32, u32)) -> u64 {
    let bits = logit.to_bits();
    // The bits of negative floats are in descending order.
    let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(!ascending) << 32 | u64::from(token)
}

/// Returns the index of the first largest logit, ignoring NaN; `None` if it is not finite or there is none.
pub fn argmax(logits: &[f32]) -> Option<u32> {
    let max = largest(logits)?;
    // Comparing whole blocks without an early exit vectorizes; only the block with the maximum is searched.
    let block =
        logits.chunks(BLOCK).position(|block| block.iter().fold(false, |any, &l| any | (l == max)))?;
    let start = block * BLOCK;
    logits[start..].iter().zip(start as u32..).find(|&(&l, _)| l == max).map(|(_, token)| token)
}

/// Number of logits of a block that is searched at once.
const BLOCK: usize = 128;

/// Returns the largest logit, ignoring NaN; `None` if it is not finite or there is none.
fn largest(logits: &[f32]) -> Option<f32> {
    Some(ecq_kernels::cpu::largest(logits)).filter(|max| max.is_finite())
}

/// Restricts the tokens that may come next, for grammars and structured output.
pub trait TokenMask: Send + Sync {
    /// Sets the logits of forbidden tokens to negative infinity.
    fn apply(&mut self, logits: &mut [f32]);

    /// Receives the chosen token.
    fn accept(&mut self, token: u32);

    /// Returns a copy in the same state, for another sequence of the request.
    fn fork(&self) -> Box<dyn TokenMask>;
}

/// A mask that can be cloned and printed as part of a sampler.
struct Mask(Box<dyn TokenMask>);

impl Clone for Mask {
    fn clone(&self) -> Self {
        Self(self.0.fork())
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask")
    }
}

/// Chooses tokens. The same seed gives the same tokens on every machine.
///
/// The logit bias is applied first, then the penalties, then the mask. Cloning forks the mask.
#[derive(Debug, Clone)]
pub struct Sampler {
    options: SampleOptions,
    logit_bias: Vec<(u32, f32)>,
    mask: Option<Mask>,
    state: u64,
    /// Occurrences of each chosen token; counted only for the penalties that need them.
    chosen: HashMap<u32, u32>,
    // Scratch buffers of `sample`.
    candidates: Vec<(f32, u32)>,
    adjusted: Vec<f32>,
    recent: Vec<u32>,
}

impl Sampler {
    /// Creates a sampler.
    ///
    /// # Errors
    /// [`OutOfRange`](RuntimeError::OutOfRange) with the name of the option.
    pub fn new(options: SampleOptions) -> Result<Self> {
        options.check()?;
        Ok(Self {
            options,
            logit_bias: Vec::new(),
            mask: None,
            state: options.seed,
            chosen: HashMap::new(),
            candidates: Vec::new(),
            adjusted: Vec::new(),
            recent: Vec::new(),
        })
    }

    /// Adds values to the logits of tokens; unknown tokens are ignored.
    pub fn with_bias(self, bias: Vec<(u32, f32)>) -> Self {
        Self { logit_bias: bias, ..self }
    }

    /// Restricts the sampler to the tokens that a mask allows.
    pub fn with_mask(self, mask: Box<dyn TokenMask>) -> Self {
        Self { mask: Some(Mask(mask)), ..self }
    }

    /// Returns the sampler of sequence `index` of a request. Must be called before the first token.
    ///
    /// Index 0 is this sampler; others have seeds derived from seed and index.
    pub fn for_sequence(&self, index: u64) -> Self {
        let mut other = self.clone();
        if index > 0 {
            // Two rounds of mixing, because seeds that differ by a multiple of GOLDEN would give the same
            // numbers, shifted.
            let seed = mix(self.options.seed.wrapping_add(GOLDEN));
            other.options.seed = mix(seed.wrapping_add(index.wrapping_mul(GOLDEN)));
            other.state = other.options.seed;
        }
        other
    }

    /// Returns whether the choice depends only on the logits and one random number, so that a device can
    /// sample.
    ///
    /// That is, there is no penalty, bias or mask.
    pub fn is_plain(&self) -> bool {
        let penalized = self.options.repetition_penalty != 1.0 || self.counts_tokens();
        !penalized && self.logit_bias.is_empty() && self.mask.is_none()
    }

    fn counts_tokens(&self) -> bool {
        self.options.frequency_penalty != 0.0 || self.options.presence_penalty != 0.0
    }

    /// Returns whether the sampler always takes the most likely token.
    pub fn is_greedy(&self) -> bool {
        self.options.temperature == 0.0 || self.options.top_k == 1
    }

    /// Returns the parameters of the next token of a plain sampler. Advances the random numbers like
    /// [`sample`](Self::sample).
    pub fn next_params(&mut self) -> SamplingParams {
        let o = self.options;
        SamplingParams {
            temperature: o.temperature,
            top_k: o.top_k.try_into().unwrap_or(u32::MAX),
            top_p: o.top_p,
            min_p: o.min_p,
            uniform: if self.is_greedy() { 0.0 } else { self.uniform() },
        }
    }

    /// Samples the token that follows `before`; `None` if no logit is finite.
    ///
    /// The mask receives the token.
    pub fn sample(&mut self, logits: &[f32], before: &[u32]) -> Option<u32> {
        let state = self.state;
        let next = self.next_params();
        let token = if self.is_plain() {
            sample_token(logits, &next, &mut self.candidates)
        } else {
            self.adjust(logits, before);
            sample_token(&self.adjusted, &next, &mut self.candidates)
        };
        if let Some(token) = token
            && self.counts_tokens()
        {
            *self.chosen.entry(token).or_default() += 1;
        }
        match (token, &mut self.mask) {
            (Some(token), Some(mask)) => mask.0.accept(token),
            (Some(_), None) => {}
            // A failed choice consumes no random number.
            (None, _) => self.state = state,
        }
        token
    }

    /// Fills `adjusted` with the logits after bias, penalties and mask.
    fn adjust(&mut self, logits: &[f32], before: &[u32]) {
        self.adjusted.clear();
        self.adjusted.extend_from_slice(logits);
        for &(token, bias) in &self.logit_bias {
            if let Some(logit) = self.adjusted.get_mut(token as usize) {
                *logit += bias;
            }
        }
        let SampleOptions { repetition_penalty: penalty, repetition_window: window, .. } = self.options;
        if penalty != 1.0 {
            // A token is penalized once, however often it occurs.
            self.recent.clear();
            self.recent.extend_from_slice(&before[before.len().saturating_sub(window)..]);
            self.recent.sort_unstable();
            self.recent.dedup();
            for &token in &self.recent {
                if let Some(logit) = self.adjusted.get_mut(token as usize) {
                    *logit = if *logit > 0.0 { *logit / penalty } else { *logit * penalty };
                }
            }
        }
        let SampleOptions { frequency_penalty: frequency, presence_penalty: presence, .. } = self.options;
        for (&token, &count) in &self.chosen {
            if let Some(logit) = self.adjusted.get_mut(token as usize) {
                *logit -= frequency * count as f32 + presence;
            }
        }
        // The mask is applied last, so that neither bias nor penalty can undo it.
        if let Some(mask) = &mut self.mask {
            mask.0.apply(&mut self.adjusted);
        }
    }

    /// Returns a random number in [0, 1) (SplitMix64, Steele et al., 2014).
    fn uniform(&mut self) -> f32 {
        self.state = self.state.wrapping_add(GOLDEN);
        (mix(self.state) >> 40) as f32 / (1u32 << 24) as f32
    }
}

/// Increment of SplitMix64: 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Output function of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
