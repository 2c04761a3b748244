//! From logits to a token.

use crate::error::{Result, RuntimeError};

/// How tokens are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleOptions {
    /// Logits are divided by this; 0 takes the likeliest token.
    pub temperature: f32,
    /// Only this many of the likeliest tokens; 0 for all.
    pub top_k: usize,
    /// Only the likeliest tokens that together have this probability (Holtzman et al., 2020); 1 for all.
    pub top_p: f32,
    /// Only tokens at least this likely, as a part of the likeliest one's probability (Nguyen et al., 2024); 0 for all.
    pub min_p: f32,
    /// Logits of tokens that were there are divided by this, or multiplied where negative (Keskar et al., 2019); 1 for none.
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
                Err(RuntimeError::Sampling { option, found: found.into(), expected })
            }
            None => Ok(()),
        }
    }
}

/// Chooses tokens; the same seed gives the same choices on every machine.
#[derive(Debug, Clone)]
pub struct Sampler {
    options: SampleOptions,
    state: u64,
    candidates: Vec<(f32, u32)>,
}

impl Sampler {
    /// A sampler at its seed.
    ///
    /// # Errors
    /// Names the option that is out of range.
    pub fn new(options: SampleOptions) -> Result<Self> {
        options.check()?;
        Ok(Self { options, state: options.seed, candidates: Vec::new() })
    }

    /// The next token, given the logits after `before`; `None` where no logit is a number.
    pub fn choose(&mut self, logits: &[f32], before: &[u32]) -> Option<u32> {
        let o = self.options;
        self.candidates.clear();
        self.candidates
            .extend(logits.iter().zip(0..).filter(|(l, _)| !l.is_nan()).map(|(&l, token)| (l, token)));
        if o.repetition_penalty != 1.0 {
            let recent = &before[before.len().saturating_sub(o.repetition_window)..];
            for (logit, token) in self.candidates.iter_mut().filter(|(_, token)| recent.contains(token)) {
                let _ = token;
                *logit =
                    if *logit > 0.0 { *logit / o.repetition_penalty } else { *logit * o.repetition_penalty };
            }
        }
        if o.temperature == 0.0 || o.top_k == 1 {
            // Of equals the first: ties must not depend on the machine.
            let best = |a: (f32, u32), b: (f32, u32)| if b.0 > a.0 { b } else { a };
            return self
                .candidates
                .iter()
                .copied()
                .reduce(best)
                .filter(|c| c.0.is_finite())
                .map(|(_, token)| token);
        }
        let candidates = &mut self.candidates;
        let likeliest_first = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if o.top_k > 0 && o.top_k < candidates.len() {
            candidates.select_nth_unstable_by(o.top_k, likeliest_first);
            candidates.truncate(o.top_k);
        }
        candidates.sort_unstable_by(likeliest_first);
        let most = candidates.first().filter(|c| c.0.is_finite())?.0;
        for (logit, _) in candidates.iter_mut() {
            *logit = ((*logit - most) / o.temperature).exp();
        }
        let total: f32 = candidates.iter().map(|c| c.0).sum();
        let (mut reached, mut keep) = (0.0, 0);
        for &(weight, _) in candidates.iter() {
            if weight < o.min_p || (reached >= o.top_p * total && keep > 0) {
                break;
            }
            reached += weight;
            keep += 1;
        }
        let mut left = self.uniform() * reached;
        let chosen = self.candidates[..keep].iter().find(|(weight, _)| {
            left -= weight;
            left < 0.0
        });
        chosen.or(self.candidates[..keep].last()).map(|&(_, token)| token)
    }

    /// A number from 0 on, below 1 (SplitMix64, Steele et al., 2014).
    fn uniform(&mut self) -> f32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 40) as f32 / (1u32 << 24) as f32
    }
}
