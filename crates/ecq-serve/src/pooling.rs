//! Pooling of hidden states into one vector for a text.

use std::ops::Range;

/// How the hidden states of a text's tokens become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pooling {
    /// The state of the last token, as embedding models made from language models use it (E5-Mistral,
    /// Qwen3-Embedding).
    #[default]
    Last,
    /// The mean of all states, which is better for models that were not trained for it.
    Mean,
}

impl Pooling {
    /// All poolings.
    pub const ALL: [Self; 2] = [Self::Last, Self::Mean];

    /// The name in requests and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Mean => "mean",
        }
    }

    /// The pooling of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pooling| pooling.name() == name)
    }
}

/// The pooled state of the tokens so far.
#[derive(Debug, Clone)]
pub struct Pool {
    pooling: Pooling,
    /// The last state, or the sum of all.
    values: Vec<f64>,
}

impl Pool {
    /// Creates the pool of an empty text.
    pub fn new(pooling: Pooling) -> Self {
        Self { pooling, values: Vec::new() }
    }

    /// Adds the states `[rows, hidden size]` of the tokens `rows`. The first token begins again.
    pub fn push(&mut self, rows: &Range<usize>, states: &[f32]) {
        let hidden = states.len() / rows.len().max(1);
        if rows.start == 0 || self.pooling == Pooling::Last {
            self.values = vec![0.0; hidden];
        }
        let used = match self.pooling {
            Pooling::Last => &states[states.len() - hidden..],
            Pooling::Mean => states,
        };
        for state in used.chunks_exact(hidden.max(1)) {
            self.values.iter_mut().zip(state).for_each(|(sum, &value)| *sum += f64::from(value));
        }
    }

    /// Returns the vector with length 1 (L2 norm). The length does not depend on the number of tokens, so the
    /// sum stands for the mean.
    pub fn unit_vector(self) -> Vec<f32> {
        let norm = self.values.iter().map(|value| value * value).sum::<f64>().sqrt();
        let scale = if norm > 0.0 { 1.0 / norm } else { 0.0 };
        self.values.into_iter().map(|value| (value * scale) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_pooled_like_the_whole() {
        // Three tokens of two values; the vectors are multiples of (3, 4).
        let states = [3.0, 0.0, 0.0, 1.0, 3.0, 7.0];
        let pooled = |pooling, chunks: &[[usize; 2]]| {
            let mut pool = Pool::new(pooling);
            chunks.iter().for_each(|&[start, end]| pool.push(&(start..end), &states[2 * start..2 * end]));
            pool.unit_vector()
        };
        let mean = [6.0f32 / 10.0, 8.0 / 10.0];
        assert_eq!(pooled(Pooling::Mean, &[[0, 3]]), mean);
        assert_eq!(pooled(Pooling::Mean, &[[0, 1], [1, 3]]), mean);
        // A preempted prompt begins again.
        assert_eq!(pooled(Pooling::Mean, &[[0, 2], [0, 1], [1, 3]]), mean);
        let norm = 58f64.sqrt();
        let last = [(3.0 / norm) as f32, (7.0 / norm) as f32];
        assert_eq!(pooled(Pooling::Last, &[[0, 3]]), last);
        assert_eq!(pooled(Pooling::Last, &[[0, 2], [2, 3]]), last);
        let mut zero = Pool::new(Pooling::Mean);
        zero.push(&(0..1), &[0.0, 0.0]);
        assert_eq!(zero.unit_vector(), [0.0, 0.0]);
    }
}
