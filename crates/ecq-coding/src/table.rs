//! Counts, entropies, and frequency tables normalised to a power of two.

use crate::bits::{BitReader, BitWriter, golomb_bits};
use crate::error::{CodingError, Result};

/// The number of occurrences of each symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts([u64; 256]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Counts {
    /// Counts the symbols of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut counts = Self::default();
        counts.add(bytes);
        counts
    }

    /// Adds the symbols of `bytes`.
    pub fn add(&mut self, bytes: &[u8]) {
        // Four tables, so that equal neighbours do not depend on each other's store.
        for block in bytes.chunks(1 << 24) {
            let mut lanes = [[0u32; 256]; 4];
            let (quads, rest) = block.as_chunks::<4>();
            for quad in quads {
                for (lane, &symbol) in lanes.iter_mut().zip(quad) {
                    lane[symbol as usize] += 1;
                }
            }
            for &symbol in rest {
                lanes[0][symbol as usize] += 1;
            }
            for (symbol, count) in self.0.iter_mut().enumerate() {
                *count += lanes.iter().map(|lane| u64::from(lane[symbol])).sum::<u64>();
            }
        }
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(&other.0) {
            *count += more;
        }
    }

    /// Counts one more `symbol`.
    pub fn push(&mut self, symbol: u8) {
        self.0[symbol as usize] += 1;
    }

    /// Counts `symbol` `count` times more.
    pub fn add_many(&mut self, symbol: u8, count: u64) {
        self.0[symbol as usize] += count;
    }

    /// Returns the count of each symbol; index = symbol.
    pub fn as_array(&self) -> &[u64; 256] {
        &self.0
    }

    /// Returns the number of symbols counted.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Returns the order-0 entropy in bits per symbol; 0 if nothing was counted.
    pub fn entropy_bits(&self) -> f64 {
        let total = self.total() as f64;
        let bits = |&count: &u64| if count == 0 { 0.0 } else { count as f64 * (total / count as f64).log2() };
        if total == 0.0 { 0.0 } else { self.0.iter().map(bits).sum::<f64>() / total }
    }
}

/// Probabilities as integer frequencies that sum to `2^precision`. Every counted symbol has a frequency of at
/// least 1, and no symbol has all (so that a frequency fits in `precision` bits).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrequencyTable {
    precision: u8,
    frequencies: Vec<u16>,
}

impl FrequencyTable {
    /// Default precision: 12 bits.
    pub const PRECISION: u8 = 12;

    /// Returns the table of `alphabet` symbols (2 to 256) and `2^precision` slots (precision 8 to 14) that
    /// codes `counts` in the fewest bits.
    ///
    /// The cost is convex in every frequency, so moving one slot at a time to the symbol that gains most ends
    /// at the minimum.
    ///
    /// # Errors
    /// [`CodingError::Parameter`] when a parameter is out of range; [`CodingError::UncodedSymbol`] when a
    /// counted symbol is outside the alphabet.
    pub fn new(counts: &Counts, alphabet: u16, precision: u8) -> Result<Self> {
        check_parameters(alphabet, precision)?;
        let counts = counts.as_array();
        if let Some(symbol) = (usize::from(alphabet)..256).find(|&s| counts[s] > 0) {
            return Err(CodingError::UncodedSymbol { symbol: symbol as u8, index: 0 });
        }
        let counts = &counts[..usize::from(alphabet)];
        let slots = 1u32 << precision;
        let present: Vec<usize> = (0..counts.len()).filter(|&s| counts[s] > 0).collect();
        let mut frequencies = vec![0u32; counts.len()];
        match present[..] {
            // Nothing to code: this table serializes in few bits.
            [] => (frequencies[0], frequencies[1]) = (slots - 1, 1),
            [only] => {
                frequencies[only] = slots - 1;
                frequencies[if only == 0 { 1 } else { only - 1 }] = 1;
            }
            _ => {
                let total: u64 = counts.iter().sum();
                for &s in &present {
                    let exact = u128::from(counts[s]) * u128::from(slots) / u128::from(total);
                    frequencies[s] = (exact as u32).max(1);
                }
                balance(counts, &present, &mut frequencies, slots);
            }
        }
        Ok(Self { precision, frequencies: frequencies.iter().map(|&f| f as u16).collect() })
    }

    /// Returns the table with these frequencies; their number is the alphabet size.
    ///
    /// # Errors
    /// [`CodingError::Parameter`] when alphabet or precision is out of range; [`CodingError::InvalidBytes`]
    /// when the frequencies do not sum to `2^precision`, or one symbol has all.
    pub fn from_frequencies(frequencies: Vec<u16>, precision: u8) -> Result<Self> {
        check_parameters(frequencies.len().try_into().unwrap_or(u16::MAX), precision)?;
        let sum: u64 = frequencies.iter().map(|&f| u64::from(f)).sum();
        let slots = 1u64 << precision;
        if sum != slots || frequencies.iter().any(|&f| u64::from(f) == slots) {
            return Err(CodingError::InvalidBytes {
                at: 0,
                reason: "frequencies do not sum to 2^precision, or one symbol has all",
            });
        }
        Ok(Self { precision, frequencies })
    }

    /// Returns the precision in bits: frequencies sum to `2^precision`.
    pub fn precision(&self) -> u8 {
        self.precision
    }

    /// Returns the alphabet size, 2 to 256.
    pub fn alphabet(&self) -> usize {
        self.frequencies.len()
    }

    /// Returns the frequency of each symbol.
    pub fn frequencies(&self) -> &[u16] {
        &self.frequencies
    }

    /// Returns the entropy in bits per symbol of symbols that follow the table.
    pub fn entropy_bits(&self) -> f64 {
        let slots = f64::from(1u32 << self.precision);
        let bits = |&f: &u16| if f == 0 { 0.0 } else { f64::from(f) / slots * (slots / f64::from(f)).log2() };
        self.frequencies.iter().map(bits).sum()
    }

    /// Returns the bits of an ideal coder for the symbols of `counts`; infinite if one has no slot.
    pub fn cost_bits(&self, counts: &Counts) -> f64 {
        let cost = |(symbol, &count): (usize, &u64)| match (count, self.frequencies.get(symbol)) {
            (0, _) => 0.0,
            (_, None | Some(0)) => f64::INFINITY,
            (count, Some(&f)) => count as f64 * (f64::from(self.precision) - f64::from(f).log2()),
        };
        counts.as_array().iter().enumerate().map(cost).sum()
    }

    /// Returns the cross entropy in bits per symbol of `counts` under this table; 0 if nothing was counted.
    pub fn cross_entropy_bits(&self, counts: &Counts) -> f64 {
        let total = counts.total();
        if total == 0 { 0.0 } else { self.cost_bits(counts) / total as f64 }
    }

    /// Serializes the table: precision, alphabet, then runs of present symbols and their frequencies as
    /// exponential Golomb numbers. The last frequency follows from the others. See `docs/format.md`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let present: Vec<u32> =
            self.frequencies.iter().filter(|&&f| f > 0).map(|&f| u32::from(f) - 1).collect();
        let coded = &present[..present.len() - 1];
        let cost = |k: &u32| coded.iter().map(|&f| golomb_bits(f, *k)).sum::<u32>();
        let k = (0..16).min_by_key(cost).unwrap_or(0);
        let mut bits = BitWriter::default();
        bits.put(u32::from(self.precision), 4);
        bits.put(self.alphabet() as u32 - 1, 8);
        bits.put(k, 4);
        let mut runs = self.frequencies.chunk_by(|a, b| (*a > 0) == (*b > 0)).peekable();
        if self.frequencies[0] > 0 {
            bits.put_golomb(0, 0);
        }
        while let Some(run) = runs.next() {
            // The last run ends with the alphabet, so any length that reaches the end does.
            let length = run.len() as u32 - 1;
            match (run[0] > 0, runs.peek().is_some()) {
                (false, _) => bits.put_golomb(length + 1, 0),
                (true, true) => bits.put_golomb(length, 2),
                (true, false) => bits.put_golomb(self.alphabet() as u32, 2),
            }
        }
        coded.iter().for_each(|&f| bits.put_golomb(f, k));
        bits.finish()
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; returns the table and the number of bytes read.
    ///
    /// # Errors
    /// [`CodingError::Truncated`] when the bytes end early; [`CodingError::InvalidBytes`] or
    /// [`CodingError::Parameter`] when they are not a table.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, usize)> {
        let mut bits = BitReader::new(bytes);
        let bad = |bits: &BitReader, reason| Err(CodingError::InvalidBytes { at: bits.bytes_read(), reason });
        let precision = bits.get(4)? as u8;
        let alphabet = bits.get(8)? as usize + 1;
        check_parameters(alphabet as u16, precision)?;
        let k = bits.get(4)?;
        let mut present = Vec::new();
        let mut symbol = 0;
        while symbol < alphabet {
            symbol += bits.get_golomb(0)? as usize;
            if symbol >= alphabet {
                break;
            }
            let run = bits.get_golomb(2)? as usize + 1;
            let end = (symbol + run).min(alphabet);
            present.extend(symbol..end);
            symbol = end;
        }
        let Some((&last, coded)) = present.split_last() else {
            return bad(&bits, "no symbol of the table has a frequency");
        };
        let mut frequencies = vec![0u16; alphabet];
        let mut left = 1u32 << precision;
        for &symbol in coded {
            let f = bits.get_golomb(k)?.saturating_add(1);
            if f >= left {
                return bad(&bits, "the frequencies of the table exceed 2^precision");
            }
            left -= f;
            frequencies[symbol] = f as u16;
        }
        if coded.is_empty() {
            return bad(&bits, "one symbol of the table has all slots");
        }
        frequencies[last] = left as u16;
        Ok((Self { precision, frequencies }, bits.bytes_read()))
    }
}

fn check_parameters(alphabet: u16, precision: u8) -> Result<()> {
    if !(2..=256).contains(&alphabet) {
        return Err(CodingError::Parameter {
            what: "alphabet",
            found: alphabet.into(),
            expected: "2 to 256",
        });
    }
    if !(8..=14).contains(&precision) {
        return Err(CodingError::Parameter {
            what: "precision",
            found: precision.into(),
            expected: "8 to 14 bits",
        });
    }
    Ok(())
}

/// Moves slots between symbols until the sum is `slots` and no move lowers the cost.
fn balance(counts: &[u64], present: &[usize], frequencies: &mut [u32], slots: u32) {
    let gain = |s: usize, f: u32| counts[s] as f64 * (f64::from(f + 1) / f64::from(f)).log2();
    let best_taker = |f: &[u32]| {
        present.iter().copied().max_by(|&a, &b| gain(a, f[a]).total_cmp(&gain(b, f[b])).then(b.cmp(&a)))
    };
    let best_giver = |f: &[u32]| {
        let givers = present.iter().copied().filter(|&s| f[s] > 1);
        givers.min_by(|&a, &b| gain(a, f[a] - 1).total_cmp(&gain(b, f[b] - 1)).then(a.cmp(&b)))
    };
    let mut sum: u32 = frequencies.iter().sum();
    while sum > slots {
        let Some(giver) = best_giver(frequencies) else { break };
        frequencies[giver] -= 1;
        sum -= 1;
    }
    while sum < slots {
        let Some(taker) = best_taker(frequencies) else { break };
        frequencies[taker] += 1;
        sum += 1;
    }
    while let (Some(taker), Some(giver)) = (best_taker(frequencies), best_giver(frequencies)) {
        if taker == giver || gain(taker, frequencies[taker]) <= gain(giver, frequencies[giver] - 1) {
            break;
        }
        frequencies[taker] += 1;
        frequencies[giver] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[u64]) -> Counts {
        let mut counts = Counts::default();
        counts.0[..of.len()].copy_from_slice(of);
        counts
    }

    #[test]
    fn entropy_of_known_distributions() {
        assert_eq!(counts(&[]).entropy_bits(), 0.0);
        assert_eq!(counts(&[7]).entropy_bits(), 0.0);
        assert_eq!(counts(&[3, 3, 3, 3]).entropy_bits(), 2.0);
        assert!((counts(&[1, 3]).entropy_bits() - 0.811_278_124).abs() < 1e-9);
    }

    #[test]
    fn frequencies_are_the_cheapest_by_exhaustion() {
        // Three symbols, 256 slots: try every table.
        for c in [[1, 1, 1], [1, 1000, 3], [5, 90, 1_000_000], [333, 333, 334], [0, 17, 4]] {
            let counts = counts(&c);
            let table = FrequencyTable::new(&counts, 3, 8).unwrap();
            let mut best = f64::INFINITY;
            for a in 0..=255u16 {
                for b in 0..=(256 - a).min(255) {
                    let f = vec![a, b, 256 - a - b];
                    if f[2] < 256 && c.iter().zip(&f).all(|(&c, &f)| c == 0 || f > 0) {
                        let t = FrequencyTable::from_frequencies(f, 8).unwrap();
                        best = best.min(t.cost_bits(&counts));
                    }
                }
            }
            assert!(table.cost_bits(&counts) <= best + 1e-9, "{c:?}: {table:?}");
        }
    }

    #[test]
    fn every_present_symbol_has_a_slot_and_no_symbol_has_all() {
        for precision in 8..=14 {
            for c in [vec![u64::MAX >> 20, 1, 1], vec![0, 0, 9], vec![9, 0], vec![0, 0], vec![1; 256]] {
                let table = FrequencyTable::new(&counts(&c), c.len() as u16, precision).unwrap();
                let sum: u32 = table.frequencies().iter().map(|&f| u32::from(f)).sum();
                assert_eq!(sum, 1 << precision);
                for (symbol, &count) in c.iter().enumerate() {
                    assert!(count == 0 || table.frequencies()[symbol] > 0);
                    assert!(u32::from(table.frequencies()[symbol]) < 1 << precision);
                }
            }
        }
    }

    #[test]
    fn sixteen_symbols_take_at_most_forty_bytes() {
        for precision in 8..=14 {
            for shape in 1..40u64 {
                let c: Vec<u64> =
                    (0..16u64).map(|i| 1 + (i * i * i * shape) % (1 << shape.min(20))).collect();
                let table = FrequencyTable::new(&counts(&c), 16, precision).unwrap();
                assert!(table.to_bytes().len() <= 40, "{}", table.to_bytes().len());
            }
        }
    }

    #[test]
    fn bad_tables_are_refused() {
        let parameter = |r: Result<FrequencyTable>| matches!(r, Err(CodingError::Parameter { .. }));
        assert!(parameter(FrequencyTable::new(&counts(&[1]), 1, 12)));
        assert!(parameter(FrequencyTable::new(&counts(&[1]), 257, 12)));
        assert!(parameter(FrequencyTable::new(&counts(&[1]), 16, 7)));
        assert!(parameter(FrequencyTable::new(&counts(&[1]), 16, 15)));
        assert!(matches!(
            FrequencyTable::new(&counts(&[1, 1, 1]), 2, 12),
            Err(CodingError::UncodedSymbol { symbol: 2, .. })
        ));
        for f in [vec![256u16, 0], vec![1, 2], vec![200, 57]] {
            assert!(matches!(FrequencyTable::from_frequencies(f, 8), Err(CodingError::InvalidBytes { .. })));
        }
    }
}
