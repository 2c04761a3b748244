//! Log-probabilities of tokens.

/// Natural log-probabilities at one position.
#[derive(Debug, Clone, PartialEq)]
pub struct LogProbs {
    /// Log-probability of the requested token; negative infinity if it has none.
    pub token: f32,
    /// The most likely tokens with their log-probabilities, in descending order; ties by ascending token.
    pub top: Vec<(u32, f32)>,
}

/// Returns the log-probabilities of `token` and of the `top` most likely tokens under the softmax of
/// `logits`.
///
/// NaN and negative infinity have no probability and are never among the most likely.
pub fn log_probabilities(logits: &[f32], token: u32, top: usize) -> LogProbs {
    let max = ecq_kernels::cpu::largest(logits);
    if !max.is_finite() {
        return LogProbs { token: f32::NEG_INFINITY, top: Vec::new() };
    }
    // Relative to the largest logit, so that no exponential overflows.
    let relative = |logit: f32| f64::from(logit) - f64::from(max);
    let sum: f64 = logits.iter().filter(|l| !l.is_nan()).map(|&l| relative(l).exp()).sum();
    let log_sum = sum.ln();
    let log_probability = |logit: f32| (relative(logit) - log_sum) as f32;
    let of_token = logits.get(token as usize).filter(|l| !l.is_nan());
    let mut most_likely: Vec<(u32, f32)> = Vec::new();
    if top > 0 {
        let first = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        // Adding 0 turns -0 into +0, because both are equally likely.
        most_likely
            .extend((0..).zip(logits.iter().map(|&l| l + 0.0)).filter(|&(_, l)| l > f32::NEG_INFINITY));
        if top < most_likely.len() {
            most_likely.select_nth_unstable_by(top, first);
            most_likely.truncate(top);
        }
        most_likely.sort_unstable_by(first);
        most_likely.iter_mut().for_each(|(_, l)| *l = log_probability(*l));
    }
    LogProbs { token: of_token.map_or(f32::NEG_INFINITY, |&l| log_probability(l)), top: most_likely }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f32, b: f64) -> bool {
        (f64::from(a) - b).abs() < 1e-6 * b.abs().max(1.0)
    }

    #[test]
    fn log_probabilities_match_the_softmax() {
        let probabilities = [0.15f64, 0.5, 0.05, 0.3];
        // Softmax is invariant to adding a constant.
        for shift in [0.0, -40.0, 200.0] {
            let logits = probabilities.map(|p| (p.ln() + shift) as f32);
            for (token, p) in (0..).zip(probabilities) {
                let found = log_probabilities(&logits, token, 0);
                assert!((f64::from(found.token) - p.ln()).abs() < 3e-5, "{token}: {found:?}");
                assert!(found.top.is_empty());
            }
            let top = log_probabilities(&logits, 0, 3).top;
            assert_eq!(top.iter().map(|t| t.0).collect::<Vec<_>>(), [1, 3, 0]);
            for (token, found) in top {
                assert_eq!(found, log_probabilities(&logits, token, 0).token);
            }
        }
    }

    #[test]
    fn a_large_vocabulary_sums_to_one() {
        // 2^18 logits: summing in f32 would lose precision here.
        let mut logits = vec![-20.0f32; 1 << 18];
        logits[77] = 0.0;
        let found = log_probabilities(&logits, 77, 2);
        let sum = 1.0 + f64::from((1 << 18) - 1) * (-20f64).exp();
        assert!(near(found.token, -sum.ln()), "{found:?}");
        assert_eq!(found.top[0], (77, found.token));
        assert!(found.top[1].0 == 0 && near(found.top[1].1, -20.0 - sum.ln()), "{found:?}");
    }

    #[test]
    fn ties_are_ordered_by_token_and_impossible_tokens_omitted() {
        let logits = [1.0, f32::NAN, 2.0, 1.0, f32::NEG_INFINITY, 2.0, -0.0, 0.0, -0.0];
        let order = |top| log_probabilities(&logits, 0, top).top.iter().map(|t| t.0).collect::<Vec<_>>();
        assert_eq!(order(99), [2, 5, 0, 3, 6, 7, 8]);
        for top in 0..7 {
            assert_eq!(order(top), [2, 5, 0, 3, 6, 7, 8][..top]);
        }
        let sum = 2.0 * 2f64.exp() + 2.0 * 1f64.exp() + 3.0;
        assert!(near(log_probabilities(&logits, 3, 0).token, 1.0 - sum.ln()));
        for token in [1, 4, 9, u32::MAX] {
            assert_eq!(log_probabilities(&logits, token, 0).token, f32::NEG_INFINITY, "{token}");
        }
        for none in [&[][..], &[f32::NAN], &[f32::NEG_INFINITY; 2]] {
            let expected = LogProbs { token: f32::NEG_INFINITY, top: vec![] };
            assert_eq!(log_probabilities(none, 0, 5), expected);
        }
    }
}
