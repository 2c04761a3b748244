//! From logits to a token.

use crate::error::{Result, RuntimeError};
use std::fmt;

/// How tokens are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleOptions {
    /// Logits are divided by this; 0 takes the likeliest token.
    pub temperature: f32,
    /// Only this many of the likeliest tokens; 0 for all.
    pub top_k: usize,
    /// Only the likeliest tokens that together have this probability (Holtzman et al., 2020); 1 for all.
    pub top_p: f32,
    /// Only tokens at least this likely, as a part of the likeliest one's probability (Nguyen et al., 2024);
    /// 0 for all.
    pub min_p: f32,
    /// Logits of tokens that were there are divided by this, or multiplied where negative (Keskar et al.,
    /// 2019); 1 for none.
    pub repetition_penalty: f32,
    /// How many of the last tokens the penalty looks at.
    pub repetition_window: usize,
    /// Where random numbers start.
    pub seed: u64,
}

impl SampleOptions {
    /// The likeliest token, always.
    pub const GREEDY: Self = Self {
        temperature: 0.0,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        repetition_penalty: 1.0,
        repetition_window: 64,
        seed: 0,
    };

    fn check(&self) -> Result<()> {
        let facts = [
            ("temperature", self.temperature, self.temperature >= 0.0, "a number of 0 or more"),
            ("top-p", self.top_p, self.top_p > 0.0 && self.top_p <= 1.0, "above 0, at most 1"),
            ("min-p", self.min_p, (0.0..=1.0).contains(&self.min_p), "0 to 1"),
            ("repetition penalty", self.repetition_penalty, self.repetition_penalty > 0.0, "above 0"),
        ];
        match facts.into_iter().find(|&(_, found, good, _)| !good || !found.is_finite()) {
            Some((option, found, _, expected)) => {
                Err(RuntimeError::OutOfRange { option, found: found.into(), expected })
            }
            None => Ok(()),
        }
    }
}

/// What a draw of one token needs besides logits: plain data, so that a device can draw as well.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingParams {
    /// Logits are divided by this; 0 takes the likeliest token.
    pub temperature: f32,
    /// Only this many of the likeliest tokens; 0 for all.
    pub top_k: u32,
    /// Only the likeliest tokens that together have this probability; 1 for all.
    pub top_p: f32,
    /// Only tokens at least this likely, as a part of the likeliest one's probability; 0 for all.
    pub min_p: f32,
    /// The random number, from 0 on, below 1.
    pub uniform: f32,
}

impl SamplingParams {
    /// Numbers of a draw in a buffer.
    pub const LEN: usize = 5;

    /// The numbers in the order of the fields; a `top_k` beyond 2^24 is all tokens.
    pub fn to_floats(&self) -> [f32; Self::LEN] {
        let top_k = if self.top_k < 1 << 24 { self.top_k as f32 } else { 0.0 };
        [self.temperature, top_k, self.top_p, self.min_p, self.uniform]
    }

    /// The draw of [`Self::LEN`] numbers.
    pub fn of_floats(floats: &[f32]) -> Self {
        let top_k = floats[1] as u32;
        Self { temperature: floats[0], top_k, top_p: floats[2], min_p: floats[3], uniform: floats[4] }
    }
}

/// Scaled logits this far below the largest change no sum: `exp(-17)` is below 2^-24, half a unit in the last
/// place of 1, and the largest weight is 1.
const NEGLIGIBLE: f32 = 17.0;

/// The token of a draw, `None` where no logit is a finite number; `candidates` is scratch space.
///
/// With temperature 0 or top-k 1 it is the first of the largest. The values of `draw` must be in the ranges
/// that [`SampleOptions`] allows.
pub fn draw(logits: &[f32], draw: &SamplingParams, candidates: &mut Vec<(f32, u32)>) -> Option<u32> {
    if draw.temperature == 0.0 || draw.top_k == 1 {
        return argmax(logits);
    }
    let most = largest(logits)?;
    // Weights are added in order of size, in f32, and the order decides how the sums round, so candidates
    // have to be sorted even for top-p 1. Those dropped here could not change a sum: the running sum has
    // reached the total before they come up, so none of them is ever chosen.
    let least = -NEGLIGIBLE * draw.temperature;
    candidates.clear();
    candidates
        .extend(logits.iter().zip(0..).filter(|&(&l, _)| l - most >= least).map(|(&l, token)| (l, token)));
    let top_k = draw.top_k as usize;
    if top_k > 0 && top_k < candidates.len() {
        candidates.select_nth_unstable_by_key(top_k, rank);
        candidates.truncate(top_k);
    }
    candidates.sort_unstable_by_key(rank);
    for (logit, _) in candidates.iter_mut() {
        *logit = ((*logit - most) / draw.temperature).exp();
    }
    let total: f32 = candidates.iter().map(|c| c.0).sum();
    let (mut reached, mut keep) = (0.0, 0);
    for &(weight, _) in candidates.iter() {
        if weight < draw.min_p || (reached >= draw.top_p * total && keep > 0) {
            break;
        }
        reached += weight;
        keep += 1;
    }
    let mut left = draw.uniform * reached;
    let chosen = candidates[..keep].iter().find(|(weight, _)| {
        left -= weight;
        left < 0.0
    });
    chosen.or(candidates[..keep].last()).map(|&(_, token)| token)
}

/// A key that puts larger logits first, of equals the lower token.
fn rank(&(logit, token): &(f32, u32)) -> u64 {
    let bits = logit.to_bits();
    // Negative numbers count down in their bits.
    let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(!ascending) << 32 | u64::from(token)
}

/// First index of the largest logit, NaN ignored; `None` if there is none or it is not finite.
pub fn argmax(logits: &[f32]) -> Option<u32> {
    let most = largest(logits)?;
    // Blocks without an early exit compare as vectors; only the block that holds it is searched one by one.
    let block =
        logits.chunks(LANES * 4).position(|block| block.iter().fold(false, |any, &l| any | (l == most)))?;
    let start = block * LANES * 4;
    logits[start..].iter().zip(start as u32..).find(|&(&l, _)| l == most).map(|(_, token)| token)
}

/// Independent maxima that a pass keeps: two registers of AVX-512, four of AVX2, eight of NEON.
const LANES: usize = 32;

/// The largest logit, NaN ignored; `None` if there is none or it is not finite.
fn largest(logits: &[f32]) -> Option<f32> {
    // False for NaN, which is how the maximum instructions of x86 treat their first operand; f32::max costs
    // more.
    let larger = |most: f32, l: f32| if l > most { l } else { most };
    let mut most = [f32::NEG_INFINITY; LANES];
    let (blocks, rest) = logits.as_chunks::<LANES>();
    for block in blocks {
        for (most, &l) in most.iter_mut().zip(block) {
            *most = larger(*most, l);
        }
    }
    let most = most.into_iter().chain(rest.iter().copied()).fold(f32::NEG_INFINITY, larger);
    most.is_finite().then_some(most)
}

/// Which tokens may come next: the hook for grammars and structured output.
pub trait TokenMask: Send + Sync {
    /// Sets the logits of tokens that may not come next to negative infinity.
    fn apply(&mut self, logits: &mut [f32]);

    /// The token was chosen.
    fn accept(&mut self, token: u32);

    /// A copy in the same state, for another sequence of the same request.
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

/// Chooses tokens; the same seed gives the same choices on every machine.
///
/// Logits are changed by the bias, then the repetition penalty, then the mask. A clone has the mask's fork.
#[derive(Debug, Clone)]
pub struct Sampler {
    options: SampleOptions,
    logit_bias: Vec<(u32, f32)>,
    mask: Option<Mask>,
    state: u64,
    // Scratch space of `choose`, kept for its capacity.
    candidates: Vec<(f32, u32)>,
    adjusted: Vec<f32>,
    recent: Vec<u32>,
}

impl Sampler {
    /// A sampler at its seed.
    ///
    /// # Errors
    /// Names the option that is out of range.
    pub fn new(options: SampleOptions) -> Result<Self> {
        options.check()?;
        Ok(Self {
            options,
            logit_bias: Vec::new(),
            mask: None,
            state: options.seed,
            candidates: Vec::new(),
            adjusted: Vec::new(),
            recent: Vec::new(),
        })
    }

    /// The same sampler, with numbers that are added to the logits of tokens; unknown tokens are ignored.
    pub fn with_bias(self, bias: Vec<(u32, f32)>) -> Self {
        Self { logit_bias: bias, ..self }
    }

    /// The same sampler, restricted to the tokens that a mask allows.
    pub fn with_mask(self, mask: Box<dyn TokenMask>) -> Self {
        Self { mask: Some(Mask(mask)), ..self }
    }

    /// The sampler of sequence number `index` of a request, to be called before the first token.
    ///
    /// 0 is this one; others have seeds that follow from seed and index.
    pub fn for_sequence(&self, index: u64) -> Self {
        let mut other = self.clone();
        if index > 0 {
            // Mixed twice: the generator steps by GOLDEN, so seeds that lie multiples of it apart would give
            // the same numbers, shifted.
            let seed = mix(self.options.seed.wrapping_add(GOLDEN));
            other.options.seed = mix(seed.wrapping_add(index.wrapping_mul(GOLDEN)));
            other.state = other.options.seed;
        }
        other
    }

    /// Whether nothing but the logits and one random number decides, so that a device can draw.
    ///
    /// That is, there is no repetition penalty, bias or mask.
    pub fn is_plain(&self) -> bool {
        self.options.repetition_penalty == 1.0 && self.logit_bias.is_empty() && self.mask.is_none()
    }

    /// Whether the likeliest token is always taken.
    pub fn is_greedy(&self) -> bool {
        self.options.temperature == 0.0 || self.options.top_k == 1
    }

    /// The next draw, for samplers that are plain; advances the random numbers as [`choose`](Self::choose)
    /// does.
    pub fn next_draw(&mut self) -> SamplingParams {
        let o = self.options;
        SamplingParams {
            temperature: o.temperature,
            top_k: o.top_k.try_into().unwrap_or(u32::MAX),
            top_p: o.top_p,
            min_p: o.min_p,
            uniform: if self.is_greedy() { 0.0 } else { self.uniform() },
        }
    }

    /// The next token, given the logits after `before`; `None` where no logit is a finite number.
    ///
    /// The mask is told of the token.
    pub fn choose(&mut self, logits: &[f32], before: &[u32]) -> Option<u32> {
        let state = self.state;
        let next = self.next_draw();
        let token = if self.is_plain() {
            draw(logits, &next, &mut self.candidates)
        } else {
            self.adjust(logits, before);
            draw(&self.adjusted, &next, &mut self.candidates)
        };
        match (token, &mut self.mask) {
            (Some(token), Some(mask)) => mask.0.accept(token),
            (Some(_), None) => {}
            // A random number is used only where there was a choice.
            (None, _) => self.state = state,
        }
        token
    }

    /// Fills `adjusted` with the logits as bias, penalty and mask leave them.
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
            // A token is penalised once, however often it was there.
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
        // Last: neither bias nor penalty can allow again what the mask forbids.
        if let Some(mask) = &mut self.mask {
            mask.0.apply(&mut self.adjusted);
        }
    }

    /// A number from 0 on, below 1 (SplitMix64, Steele et al., 2014).
    fn uniform(&mut self) -> f32 {
        self.state = self.state.wrapping_add(GOLDEN);
        (mix(self.state) >> 40) as f32 / (1u32 << 24) as f32
    }
}

/// The step of SplitMix64: 2^64 over the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of SplitMix64.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
