//! Estimates of the bits that ecq's entropy coders take.

use ecq_quant::RateModel;

/// The rate model of coders with static frequency tables, one table per tensor.
///
/// It does not include start states, side data and the header; see
/// [`EstimateCorrection`](crate::solve_steps).
pub(crate) struct CoderRates;

/// The probability of one slot of a frequency table, the least that a symbol can have.
const MIN_PROBABILITY: f64 = 1.0 / 4096.0;
/// Bits of a frequency table: a fixed part, and a part per symbol that occurs.
const TABLE_BITS: f64 = 32.0;
const TABLE_BITS_PER_SYMBOL: f64 = 7.0;
/// Bits of an outlier: two varints, the distance from the outlier before it and a small delta.
const OUTLIER_BITS: f64 = 24.0;

impl RateModel for CoderRates {
    fn code_bits(&self, counts: &[f64]) -> f64 {
        let total: f64 = counts.iter().sum();
        if total == 0.0 {
            return 0.0;
        }
        let present = counts.iter().filter(|&&n| n > 0.0);
        let probabilities = present.map(|&n| (n, (n / total).max(MIN_PROBABILITY)));
        let start = (0.0, TABLE_BITS);
        let (sum, table_bits) =
            probabilities.clone().fold(start, |(s, t), (_, p)| (s + p, t + TABLE_BITS_PER_SYMBOL));
        probabilities.map(|(n, p)| n * (sum / p).log2()).sum::<f64>() + table_bits
    }

    fn outlier_bits(&self) -> f64 {
        OUTLIER_BITS
    }
}
