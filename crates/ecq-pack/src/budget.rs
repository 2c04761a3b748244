//! Holding a rate while matrices are quantized one after another.
//!
//! Inputs that come through quantized matrices are noisier than those on which the model was watched, so matrices take other bits at a step than was
//! estimated. And none can be quantized again: those behind it make good for its very errors. So steps of the matrices that are left follow what
//! those before them took.

use std::collections::{BTreeMap, HashMap};

/// How much more bits than estimated matrices take, before any was seen.
const MORE: f64 = 1.05;
/// What the memory of a matrix of one role weighs once another one was seen: later blocks are like the ones just before.
const FADING: f64 = 0.5;
/// How far, in octaves, steps may move from where they were estimated.
const FARTHEST: f64 = 1.0;
/// Times that the last matrix is tried.
const TRIES: usize = 5;

/// What a matrix is expected to take.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Share {
    /// What it does in its block: matrices of one role are alike.
    pub(crate) role: String,
    /// What its units of steps are multiplied with.
    pub(crate) factor: f64,
    /// Bits at this factor, and how many less they are at twice the factor.
    pub(crate) bits: f64,
    pub(crate) per_octave: f64,
}

/// The bits that matrices may take together, and what is left of them.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    left: BTreeMap<usize, Share>,
    most: f64,
    /// What part of it may stay unspent.
    near: f64,
    spent: f64,
    /// Bits taken and bits expected of the last matrices, of each role and of all.
    seen: HashMap<String, [f64; 2]>,
    all: [f64; 2],
    tries: usize,
}

impl Budget {
    /// A budget of at most `most` bits, to be spent up to a part of `near`.
    pub(crate) fn new(left: BTreeMap<usize, Share>, most: f64, near: f64) -> Self {
        let expected = 0.05 * left.values().map(|share| share.bits).sum::<f64>();
        let all = [MORE * expected.max(1.0), expected.max(1.0)];
        Self { left, most, near, spent: 0.0, seen: HashMap::new(), all, tries: 0 }
    }

    /// Whether matrix `index` is among those that it is for, and not yet quantized.
    pub(crate) fn holds(&self, index: usize) -> bool {
        self.left.contains_key(&index)
    }

    fn more(&self, role: &str) -> f64 {
        let [taken, expected] = self.seen.get(role).unwrap_or(&self.all);
        taken / expected
    }

    /// Octaves by which steps move from where they were estimated.
    pub(crate) fn octaves(&self) -> f64 {
        let sum = |value: fn(&Share) -> f64| -> f64 {
            self.left.values().map(|share| self.more(&share.role) * value(share)).sum()
        };
        let rest = self.most * (1.0 - 0.5 * self.near) - self.spent;
        // Of nothing but zeros, steps change nothing.
        let per_octave = sum(|share| share.per_octave).max(1.0);
        ((sum(|share| share.bits) - rest) / per_octave).clamp(-FARTHEST, FARTHEST)
    }

    /// The factor at which matrix `index` is to be quantized now.
    pub(crate) fn factor(&self, index: usize) -> Option<f64> {
        Some(self.left.get(&index)?.factor * self.octaves().exp2())
    }

    /// Takes what matrix `index` took at a factor; false if it is the last one and must be tried again for the sum to be right.
    pub(crate) fn spend(&mut self, index: usize, factor: f64, bits: f64) -> bool {
        let Some(mut share) = self.left.remove(&index) else { return true };
        let moved = share.per_octave * (factor / share.factor).log2();
        let used = (self.spent + bits) / self.most;
        self.tries += 1;
        if self.left.is_empty() && !(1.0 - self.near..=1.0).contains(&used) && self.tries < TRIES {
            // From now on it is known what it takes there.
            share.bits = bits + moved;
            self.seen.insert(share.role.clone(), [1.0, 1.0]);
            self.left.insert(index, share);
            return false;
        }
        for [taken, sum] in [self.seen.entry(share.role).or_default(), &mut self.all] {
            (*taken, *sum) = (FADING * *taken + bits, FADING * *sum + (share.bits - moved).max(1.0));
        }
        self.spent += bits;
        self.tries = 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(most: f64, count: usize) -> Budget {
        let share = |i: usize| Share {
            role: ["q", "down"][i % 2].to_owned(),
            factor: 0.1,
            bits: [100.0, 300.0][i % 2],
            per_octave: [40.0, 90.0][i % 2],
        };
        Budget::new((0..count).map(|i| (i, share(i))).collect(), most, 0.001)
    }

    /// What matrices really take: more the deeper they lie, and not quite as they were estimated to.
    fn really(i: usize, factor: f64) -> f64 {
        let octaves = (factor / 0.1).log2();
        (1.0 + 0.0015 * i as f64) * [103.0 - 37.0 * octaves, 320.0 - 99.0 * octaves][i % 2]
    }

    #[test]
    fn what_comes_late_pays_for_what_came_early() {
        for (most, count) in [(8000.0, 40), (7000.0, 40), (9500.0, 40), (420.0, 2), (110.0, 1), (75.0, 1)] {
            let mut budget = budget(most, count);
            let (mut total, mut factors) = (0.0, Vec::new());
            for i in 0..count {
                loop {
                    let factor = budget.factor(i).unwrap();
                    let bits = really(i, factor);
                    if budget.spend(i, factor, bits) {
                        total += bits;
                        factors.push(factor);
                        break;
                    }
                }
                assert!(!budget.holds(i));
            }
            assert!((0.999 * most..=most).contains(&total), "{total} of {most}");
            let (least, largest) = factors.iter().fold((f64::MAX, 0f64), |(l, h), &f| (l.min(f), h.max(f)));
            assert!(largest / least < 1.3, "{factors:?}");
        }
    }

    #[test]
    fn zeros_have_a_factor_too() {
        let zeros = Share { role: "q".to_owned(), factor: 0.1, bits: 0.0, per_octave: 0.0 };
        let mut budget = Budget::new(BTreeMap::from([(0, zeros.clone()), (1, zeros)]), 10.0, 0.001);
        for i in 0..2 {
            let mut factor = budget.factor(i).unwrap();
            while !budget.spend(i, factor, 0.0) {
                factor = budget.factor(i).unwrap();
            }
            assert!(factor.is_finite() && factor > 0.0, "{factor}");
        }
    }

    #[test]
    fn what_is_out_of_reach_ends() {
        let mut budget = budget(1e6, 1);
        let mut tries = 1;
        while !budget.spend(0, budget.factor(0).unwrap(), 100.0) {
            tries += 1;
        }
        assert_eq!(tries, TRIES);
    }
}
