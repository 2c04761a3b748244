//! Estimates of the bits that integers take, through a trait that a coder's owner implements.

use ecq_core::CoreError;

/// Number of occurrences of each integer; fractional if estimated.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct IntegerCounts {
    /// The integer that `counts[0]` counts.
    pub lowest: i64,
    /// Occurrences of `lowest`, `lowest + 1`, ...
    pub counts: Vec<f64>,
}

impl IntegerCounts {
    /// Makes counts of `counts`, whose first element counts `lowest`, without the zeros at both ends.
    pub(crate) fn trimmed(lowest: i64, counts: &[f64]) -> Self {
        let first = counts.iter().position(|&n| n > 0.0).unwrap_or(0);
        let end = counts.iter().rposition(|&n| n > 0.0).map_or(first, |last| last + 1);
        Self { lowest: lowest + first as i64, counts: counts[first..end].to_vec() }
    }

    /// Returns the number of all integers.
    pub fn total(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// Returns the order-0 entropy of all integers together, in bits.
    pub fn entropy_bits(&self) -> f64 {
        let total = self.total();
        self.counts.iter().filter(|&&n| n > 0.0).map(|&n| n * (total / n).log2()).sum()
    }

    /// Returns the counts of the codes of `alphabet`, and the number of outliers.
    ///
    /// An outlier counts for the code that is nearest to it, as it is stored as that code and a delta.
    fn within(&self, alphabet: Alphabet) -> (Vec<f64>, f64) {
        let mut counts = vec![0.0; alphabet.size().into()];
        let mut outliers = 0.0;
        for (i, &n) in self.counts.iter().enumerate() {
            let q = self.lowest + i as i64;
            let inside = q.clamp(alphabet.low.into(), alphabet.high.into());
            counts[(inside - i64::from(alphabet.low)) as usize] += n;
            outliers += if q == inside { 0.0 } else { n };
        }
        (counts, outliers)
    }
}

/// A model of the bits that an entropy coder takes.
pub trait RateModel: Sync {
    /// Returns the bits of all codes with these counts (2 to 256 codes), including the frequency table.
    fn code_bits(&self, counts: &[f64]) -> f64;

    /// Returns the bits of an outlier in addition to those of its code.
    fn outlier_bits(&self) -> f64;
}

/// The integers `low..=high` that have codes: 2 to 256 of them, zero included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alphabet {
    /// The integer of code 0; zero or negative.
    pub low: i32,
    /// The integer of the last code; zero or positive.
    pub high: i32,
}

/// Candidate fractions of integers that become outliers, both ends together.
const OUTLIER_FRACTIONS: [f64; 12] = [0.0, 1e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3];
/// Fraction of the bits that a larger alphabet must save, because small alphabets decode from registers.
const MIN_SAVING: f64 = 0.0005;

impl Alphabet {
    /// Makes the alphabet `low..=high`.
    ///
    /// # Errors
    /// [`CoreError::Parameter`] unless it has 2 to 256 integers with zero among them.
    pub fn new(low: i32, high: i32) -> Result<Self, CoreError> {
        if low > 0 || high < 0 || !(1..256).contains(&(i64::from(high) - i64::from(low))) {
            let found = (i64::from(high) - i64::from(low) + 1).max(0) as u64;
            let expected = "2 to 256 integers with zero among them";
            return Err(CoreError::Parameter { what: "alphabet", found, expected });
        }
        Ok(Self { low, high })
    }

    /// Returns the number of codes, 2 to 256.
    pub fn size(self) -> u16 {
        (self.high - self.low + 1) as u16
    }

    /// Returns the code that means zero.
    pub fn zero(self) -> u8 {
        (-self.low) as u8
    }

    /// Returns the alphabet that takes the fewest bits.
    ///
    /// Rare integers at the ends may be cheaper as outliers than as codes, because the probabilities of a
    /// frequency table have a lower bound.
    pub fn cheapest(counts: &IntegerCounts, rate: &dyn RateModel) -> Self {
        // Codes are bytes.
        Self::cheapest_within(counts, rate, -128, 127)
    }

    /// As [`cheapest`](Self::cheapest), for codes of the integers from `lowest` (at most 0) to `highest` (at
    /// least 1).
    pub(crate) fn cheapest_within(
        counts: &IntegerCounts,
        rate: &dyn RateModel,
        lowest: i32,
        highest: i32,
    ) -> Self {
        let total = counts.total();
        let mut best: Option<(f64, Self)> = None;
        // From the narrowest to the widest, so that `MIN_SAVING` applies to wider ones.
        for fraction in OUTLIER_FRACTIONS.into_iter().rev() {
            let alphabet = Self::covering(counts, fraction * total, lowest, highest);
            if best.is_some_and(|(_, previous)| previous == alphabet) {
                continue;
            }
            let bits = alphabet.bits(counts, rate);
            if best.is_none_or(|(least, _)| bits < least * (1.0 - MIN_SAVING)) {
                best = Some((bits, alphabet));
            }
        }
        best.map_or(Self { low: 0, high: 1 }, |(_, alphabet)| alphabet)
    }

    /// Returns the narrowest alphabet with at most `outliers` integers outside it, half of them at each end.
    fn covering(counts: &IntegerCounts, outliers: f64, lowest: i32, highest: i32) -> Self {
        let skipped = |counts: &mut dyn Iterator<Item = &f64>| {
            let mut passed = 0.0;
            counts.take_while(|&&n| (passed += n, passed <= outliers / 2.0).1).count() as i64
        };
        let low = counts.lowest + skipped(&mut counts.counts.iter());
        let high = counts.lowest + counts.counts.len() as i64 - 1 - skipped(&mut counts.counts.iter().rev());
        let (low, high) = (low.min(0), high.max(0));
        // Of too many integers, those around zero are the most frequent.
        let (low, high) = (low.max(lowest.into()), high.min(highest.into()));
        Self { low: low as i32, high: (high.max(low + 1)) as i32 }
    }

    /// Returns the bits of integers with these counts on this alphabet.
    pub fn bits(self, counts: &IntegerCounts, rate: &dyn RateModel) -> f64 {
        let (codes, outliers) = counts.within(self);
        rate.code_bits(&codes) + outliers * rate.outlier_bits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entropy with probabilities of at least 1/4096, and 32 bits per outlier.
    struct Ideal;

    impl RateModel for Ideal {
        fn code_bits(&self, counts: &[f64]) -> f64 {
            let total: f64 = counts.iter().sum();
            let least = counts.iter().map(|n| (n / total).max(1.0 / 4096.0)).sum::<f64>();
            counts.iter().map(|n| n * (least / (n / total).max(1.0 / 4096.0)).log2()).sum()
        }
        fn outlier_bits(&self) -> f64 {
            32.0
        }
    }

    fn gaussian(sigma: f64, weights: f64) -> IntegerCounts {
        let reach = (8.0 * sigma) as i64 + 1;
        let density = |q: i64| (-0.5 * (q as f64 / sigma).powi(2)).exp() / (sigma * 2.5066);
        IntegerCounts { lowest: -reach, counts: (-reach..=reach).map(|q| weights * density(q)).collect() }
    }

    #[test]
    fn rare_integers_become_outliers_if_that_takes_fewer_bits() {
        let counts = gaussian(4.0, 1e6);
        let alphabet = Alphabet::cheapest(&counts, &Ideal);
        let wide = Alphabet::new(-33, 33).unwrap();
        assert!(alphabet.bits(&counts, &Ideal) < wide.bits(&counts, &Ideal));
        assert!((20..60).contains(&alphabet.size()), "{alphabet:?}");
        assert!(alphabet.bits(&counts, &Ideal) < 1.002 * counts.entropy_bits());
    }

    #[test]
    fn alphabets_contain_zero_and_at_most_256_integers() {
        for counts in [
            IntegerCounts::default(),
            IntegerCounts { lowest: 7, counts: vec![1.0] },
            IntegerCounts { lowest: -9, counts: vec![5.0, 1.0] },
            IntegerCounts { lowest: 0, counts: vec![9.0] },
            IntegerCounts { lowest: -5000, counts: vec![1.0; 10001] },
            IntegerCounts { lowest: 1000, counts: vec![1.0; 300] },
        ] {
            let alphabet = Alphabet::cheapest(&counts, &Ideal);
            assert!(Alphabet::new(alphabet.low, alphabet.high).is_ok(), "{alphabet:?} of {counts:?}");
        }
        assert!(
            Alphabet::new(1, 5).is_err() && Alphabet::new(-200, 56).is_err() && Alphabet::new(0, 0).is_err()
        );
    }
}
