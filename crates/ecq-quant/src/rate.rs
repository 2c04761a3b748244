//! How many bits integers will take, asked of whoever codes them.

use ecq_core::CoreError;

/// How often each integer occurs; fractions where it was estimated.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct IntegerCounts {
    /// The integer of `counts[0]`.
    pub lowest: i64,
    /// How often `lowest`, `lowest + 1`, ... occur.
    pub counts: Vec<f64>,
}

impl IntegerCounts {
    /// Integers counted.
    pub fn total(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// Order-0 entropy of all of them in bits.
    pub fn entropy_bits(&self) -> f64 {
        let total = self.total();
        self.counts.iter().filter(|&&n| n > 0.0).map(|&n| n * (total / n).log2()).sum()
    }

    /// What codes of `alphabet` would count, and how many integers lie outside it.
    fn within(&self, alphabet: Alphabet) -> (Vec<f64>, f64) {
        let mut counts = vec![0.0; alphabet.size().into()];
        let mut outside = 0.0;
        for (i, &n) in self.counts.iter().enumerate() {
            let q = self.lowest + i as i64;
            let inside = q.clamp(alphabet.low.into(), alphabet.high.into());
            counts[(inside - i64::from(alphabet.low)) as usize] += n;
            outside += if q == inside { 0.0 } else { n };
        }
        (counts, outside)
    }
}

/// What a coder takes for integers; implemented by whoever knows one.
pub trait RateModel: Sync {
    /// Bits of codes that occur as often as `counts` say (2 to 256 of them), the table to decode them with included.
    fn code_bits(&self, counts: &[f64]) -> f64;

    /// Bits of an integer outside the alphabet, beyond those of its code.
    fn outlier_bits(&self) -> f64;
}

/// The integers `low..=high` that have a code of their own: at most 256, zero among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alphabet {
    /// The integer of code 0; not positive.
    pub low: i32,
    /// The integer of the last code; not negative.
    pub high: i32,
}

/// Shares of all integers that are tried as outliers, at both ends together.
const OUTLIER_SHARES: [f64; 12] = [0.0, 1e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3];
/// A larger alphabet must save at least this share of the bits: small ones decode from registers.
const WORTH_WIDENING: f64 = 0.0005;

impl Alphabet {
    /// The alphabet `low..=high`.
    ///
    /// # Errors
    /// When it has not 2 to 256 integers, or zero is not among them.
    pub fn new(low: i32, high: i32) -> Result<Self, CoreError> {
        if low > 0 || high < 0 || !(1..256).contains(&(i64::from(high) - i64::from(low))) {
            let found = (i64::from(high) - i64::from(low) + 1).max(0) as u64;
            let expected = "2 to 256 integers with zero among them";
            return Err(CoreError::Parameter { what: "alphabet", found, expected });
        }
        Ok(Self { low, high })
    }

    /// How many codes there are, 2 to 256.
    pub fn size(self) -> u16 {
        (self.high - self.low + 1) as u16
    }

    /// The code that means zero.
    pub fn zero(self) -> u8 {
        (-self.low) as u8
    }

    /// The alphabet that takes the fewest bits: rare integers at the ends are cheaper as outliers than as
    /// entries of a table whose probabilities have a least value.
    pub fn cheapest(spectrum: &IntegerCounts, rate: &dyn RateModel) -> Self {
        let total = spectrum.total();
        let mut best: Option<(f64, Self)> = None;
        // From narrow to wide.
        for share in OUTLIER_SHARES.into_iter().rev() {
            let alphabet = Self::covering(spectrum, share * total);
            if best.is_some_and(|(_, tried)| tried == alphabet) {
                continue;
            }
            let (counts, outside) = spectrum.within(alphabet);
            let bits = rate.code_bits(&counts) + outside * rate.outlier_bits();
            if best.is_none_or(|(least, _)| bits < least * (1.0 - WORTH_WIDENING)) {
                best = Some((bits, alphabet));
            }
        }
        best.map_or(Self { low: 0, high: 1 }, |(_, alphabet)| alphabet)
    }

    /// The narrowest alphabet that leaves at most `outside` integers out, at most half of them at an end.
    fn covering(spectrum: &IntegerCounts, outside: f64) -> Self {
        let end = |counts: &mut dyn Iterator<Item = &f64>| {
            let mut passed = 0.0;
            counts.take_while(|&&n| (passed += n, passed <= outside / 2.0).1).count() as i64
        };
        let low = spectrum.lowest + end(&mut spectrum.counts.iter());
        let high =
            spectrum.lowest + spectrum.counts.len() as i64 - 1 - end(&mut spectrum.counts.iter().rev());
        let (low, high) = (low.min(0), high.max(0));
        // Of more than 256 the ones around zero, where weights are.
        let (low, high) = (low.max(-128), high.min(127));
        Self { low: low as i32, high: (high.max(low + 1)) as i32 }
    }

    /// Bits of integers of this spectrum on this alphabet.
    pub fn bits(self, spectrum: &IntegerCounts, rate: &dyn RateModel) -> f64 {
        let (counts, outside) = spectrum.within(self);
        rate.code_bits(&counts) + outside * rate.outlier_bits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entropy with a least probability of 1/4096, 32 bits an outlier.
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
    fn tails_become_outliers_where_that_is_cheaper() {
        let spectrum = gaussian(4.0, 1e6);
        let alphabet = Alphabet::cheapest(&spectrum, &Ideal);
        let wide = Alphabet::new(-33, 33).unwrap();
        assert!(alphabet.bits(&spectrum, &Ideal) < wide.bits(&spectrum, &Ideal));
        assert!((20..60).contains(&alphabet.size()), "{alphabet:?}");
        assert!(alphabet.bits(&spectrum, &Ideal) < 1.002 * spectrum.entropy_bits());
    }

    #[test]
    fn alphabets_hold_zero_and_at_most_256_integers() {
        for spectrum in [
            IntegerCounts::default(),
            IntegerCounts { lowest: 7, counts: vec![1.0] },
            IntegerCounts { lowest: -9, counts: vec![5.0, 1.0] },
            IntegerCounts { lowest: 0, counts: vec![9.0] },
            IntegerCounts { lowest: -5000, counts: vec![1.0; 10001] },
            IntegerCounts { lowest: 1000, counts: vec![1.0; 300] },
        ] {
            let alphabet = Alphabet::cheapest(&spectrum, &Ideal);
            assert!(Alphabet::new(alphabet.low, alphabet.high).is_ok(), "{alphabet:?} of {spectrum:?}");
        }
        assert!(
            Alphabet::new(1, 5).is_err() && Alphabet::new(-200, 56).is_err() && Alphabet::new(0, 0).is_err()
        );
    }
}
