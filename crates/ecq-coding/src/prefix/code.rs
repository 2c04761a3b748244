//! Code lengths and codewords over tuples of symbols.

use crate::error::{CodingError, Result};
use crate::table::{Counts, FrequencyTable};

/// Longest codeword in bits, so that the decoding table (2^12 entries of 4 bytes) fits a first-level cache.
pub(super) const MAX_WIDTH: u32 = 12;
/// The rate that a code may lose to have fewer escapes, as a ratio.
const ESCAPE_TOLERANCE: f64 = 0.005;
/// The largest number of tuples of a code.
const MAX_TUPLES: usize = 1 << 16;

/// A length-limited prefix code over tuples of 1 to 4 symbols.
///
/// The code assumes independent symbols from one [`FrequencyTable`] (neighbouring weights are independent),
/// so a decoder needs the table only: both sides derive the same code lengths by package-merge (Larmore and
/// Hirschberg, 1990) in integers. Tuples too rare for a short codeword share an escape codeword, which the
/// symbols follow at fixed width.
#[derive(Debug, Clone)]
pub struct PrefixCode {
    pub(super) table: FrequencyTable,
    pub(super) tuple: usize,
    pub(super) rarity: u32,
    /// Length in bits of each tuple's codeword (0: escaped). The first symbol is the least significant digit
    /// of a tuple's index.
    pub(super) lengths: Vec<u8>,
    /// Codeword of each tuple, first bit least significant.
    pub(super) codewords: Vec<u16>,
    /// Length and codeword of the escape.
    pub(super) escape: Option<(u8, u16)>,
}

/// What a sequence of bits begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The codeword of a tuple.
    Tuple {
        /// The tuple; symbols that it does not have are zero.
        symbols: [u8; 4],
        /// Bits of the codeword.
        length: u8,
    },
    /// The escape, which the symbols of a tuple follow.
    Escape {
        /// Bits of the escape's codeword.
        length: u8,
    },
    /// No codeword.
    Nothing,
}

impl PrefixCode {
    /// Longest codeword in bits.
    pub const WIDTH: u32 = MAX_WIDTH;

    /// Returns the code over tuples of `tuple` symbols; tuples rarer than `2^-(12 + rarity)` are escaped.
    ///
    /// # Errors
    /// [`CodingError::Parameter`] when `tuple` is outside 1..=4, `rarity` outside 0..=15, or the alphabet has
    /// more than 65,536 tuples.
    pub fn new(table: FrequencyTable, tuple: usize, rarity: u32) -> Result<Self> {
        let parameter = |what, found: u64, expected| Err(CodingError::Parameter { what, found, expected });
        if !(1..=4).contains(&tuple) {
            return parameter("symbols per tuple", tuple as u64, "1 to 4");
        }
        if rarity > 15 {
            return parameter("rarity", rarity.into(), "0 to 15");
        }
        let tuples = table.alphabet().checked_pow(tuple as u32).unwrap_or(usize::MAX);
        if tuples > MAX_TUPLES {
            return parameter("tuples of the alphabet", tuples as u64, "at most 65536");
        }
        // Probabilities in units of 2^-(precision * tuple), at most 2^56.
        let total_bits = u32::from(table.precision()) * tuple as u32;
        let mut weights = vec![1u64];
        for _ in 0..tuple {
            // The symbol added last is the most significant digit of the index.
            let next = table.frequencies().iter();
            weights = next.flat_map(|&f| weights.iter().map(move |w| w * u64::from(f))).collect();
        }
        let least = 1u64.checked_shl(total_bits.saturating_sub(MAX_WIDTH + rarity)).unwrap_or(1).max(1);
        let mut kept: Vec<(u64, usize)> =
            weights.iter().enumerate().filter(|&(_, &w)| w >= least).map(|(i, &w)| (w, i)).collect();
        let present = weights.iter().filter(|&&w| w > 0).count();
        kept.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        if kept.len() < present || kept.len() > 1 << MAX_WIDTH {
            kept.truncate((1 << MAX_WIDTH) - 1);
        }
        let escaped: u64 = (1u64 << total_bits) - kept.iter().map(|&(w, _)| w).sum::<u64>();
        if escaped > 0 {
            kept.push((escaped, tuples));
        }
        kept.sort_unstable();
        let item_weights: Vec<u64> = kept.iter().map(|&(w, _)| w).collect();
        let item_lengths = package_merge(&item_weights, MAX_WIDTH);

        // Canonical codewords: shorter first, then by index; the escape has the last index.
        let mut lengths = vec![0u8; tuples + 1];
        for (&(_, index), &length) in kept.iter().zip(&item_lengths) {
            lengths[index] = length;
        }
        let mut by_length: Vec<usize> = (0..=tuples).filter(|&i| lengths[i] > 0).collect();
        by_length.sort_by_key(|&i| lengths[i]);
        let mut codewords = vec![0u16; tuples + 1];
        let (mut next, mut width) = (0u32, 0u32);
        for index in by_length {
            next <<= u32::from(lengths[index]) - width;
            width = lengths[index].into();
            codewords[index] = (next.reverse_bits() >> (32 - width)) as u16;
            next += 1;
        }
        let escape = (lengths[tuples] > 0).then(|| (lengths[tuples], codewords[tuples]));
        lengths.truncate(tuples);
        codewords.truncate(tuples);
        Ok(Self { table, tuple, rarity, lengths, codewords, escape })
    }

    /// Returns the code with the most symbols per tuple (and so per lookup of a decoder) whose rate is within
    /// `tolerance` (a ratio, such as 0.01) of the best.
    ///
    /// # Errors
    /// [`CodingError::Parameter`] when no code over this alphabet exists: never for alphabets of 2 to 256
    /// symbols.
    pub fn best(table: &FrequencyTable, tolerance: f64) -> Result<Self> {
        let entropy = table.entropy_bits();
        let mut codes = Vec::new();
        for tuple in 1..=4u32 {
            // Codewords have at most 12 bits: tuples of nearly as many bits on average code badly.
            if tuple > 1 && entropy * f64::from(tuple) > f64::from(MAX_WIDTH) - 1.0 {
                break;
            }
            let mut by_rarity = Vec::new();
            for rarity in [0, 1, 2, 3, 4, 5, 6, 15] {
                let Ok(code) = Self::new(table.clone(), tuple as usize, rarity) else { continue };
                by_rarity.push((code.bits_per_symbol(), code));
            }
            // A higher rarity gives fewer escapes, each of which stalls a decoder.
            let least = by_rarity.iter().map(|(bits, _)| *bits).fold(f64::INFINITY, f64::min);
            let fewest = by_rarity.into_iter().rfind(|(bits, _)| *bits <= (1.0 + ESCAPE_TOLERANCE) * least);
            codes.extend(fewest.map(|(_, code)| code));
        }
        let least = codes.iter().map(Self::bits_per_symbol).fold(f64::INFINITY, f64::min);
        codes.retain(|code| code.bits_per_symbol() <= least * (1.0 + tolerance));
        codes.pop().ok_or(CodingError::Parameter {
            what: "alphabet",
            found: table.alphabet() as u64,
            expected: "2 to 256",
        })
    }

    /// Returns the number of symbols per codeword.
    pub fn tuple(&self) -> usize {
        self.tuple
    }

    /// Returns the table that the code was built for.
    pub fn table(&self) -> &FrequencyTable {
        &self.table
    }

    /// Returns the expected bits per symbol of independent symbols that follow the table.
    pub fn bits_per_symbol(&self) -> f64 {
        let scale = f64::from(u32::from(self.table.precision()) * self.tuple as u32);
        let (mut bits, mut escaped) = (0.0, 1.0);
        let mut digits = [0usize; 4];
        for &length in &self.lengths {
            if length > 0 {
                let weight: f64 =
                    digits[..self.tuple].iter().map(|&s| f64::from(self.table.frequencies()[s])).product();
                let probability = weight * (-scale).exp2();
                bits += probability * f64::from(length);
                escaped -= probability;
            }
            for digit in digits.iter_mut() {
                *digit += 1;
                if *digit < self.table.alphabet() {
                    break;
                }
                *digit = 0;
            }
        }
        if let Some((length, _)) = self.escape {
            bits += escaped * f64::from(u32::from(length) + self.raw_bits() * self.tuple as u32);
        }
        bits / self.tuple as f64
    }

    /// Estimates the bits of the symbols of `counts`: those of the table's own distribution, scaled.
    pub fn cost_bits(&self, counts: &Counts) -> f64 {
        self.bits_per_symbol() * counts.total() as f64
    }

    /// Returns what each sequence of [`WIDTH`](Self::WIDTH) bits begins with, the first bit least
    /// significant: the decoder's table, for other devices.
    pub fn lookups(&self) -> Vec<Lookup> {
        let mut lookups = vec![Lookup::Nothing; 1 << MAX_WIDTH];
        let mut fill = |length: u8, codeword: u16, lookup: Lookup| {
            lookups[usize::from(codeword)..].iter_mut().step_by(1 << length).for_each(|at| *at = lookup);
        };
        for (index, (&length, &codeword)) in self.lengths.iter().zip(&self.codewords).enumerate() {
            if length > 0 {
                let symbol = |i: usize| match i < self.tuple {
                    true => (index / self.table.alphabet().pow(i as u32) % self.table.alphabet()) as u8,
                    false => 0,
                };
                fill(length, codeword, Lookup::Tuple { symbols: std::array::from_fn(symbol), length });
            }
        }
        if let Some((length, codeword)) = self.escape {
            fill(length, codeword, Lookup::Escape { length });
        }
        lookups
    }

    /// Returns the width of an escaped symbol in bits.
    pub fn raw_bits(&self) -> u32 {
        (self.table.alphabet() as u32 - 1).ilog2() + 1
    }

    /// Serializes the code: one byte `(tuple - 1) | rarity << 4`, then the frequency table.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![(self.tuple as u8 - 1) | (self.rarity as u8) << 4];
        bytes.extend(self.table.to_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; returns the code and the number of bytes read.
    ///
    /// # Errors
    /// [`CodingError::Truncated`] when the bytes end early; [`CodingError::InvalidBytes`] or
    /// [`CodingError::Parameter`] when they do not describe a code.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, usize)> {
        let Some((&head, rest)) = bytes.split_first() else {
            return Err(CodingError::Truncated { what: "a prefix code", at: 0, needed: 1 });
        };
        if head & 0x0c != 0 {
            return Err(CodingError::InvalidBytes {
                at: 0,
                reason: "reserved bits of a prefix code are set",
            });
        }
        let (table, used) = FrequencyTable::from_bytes(rest)?;
        Ok((Self::new(table, usize::from(head & 3) + 1, u32::from(head >> 4))?, used + 1))
    }
}

/// Returns the lengths, at most `limit` bits, of an optimal prefix code for ascending `weights`. Ties go to
/// items before packages. A single item gets one bit.
pub(crate) fn package_merge(weights: &[u64], limit: u32) -> Vec<u8> {
    let items = weights.len();
    let mut lengths = vec![0u8; items];
    if items == 1 {
        lengths[0] = 1;
        return lengths;
    }
    // `levels[l][k]`: whether the k-th lightest entry of level `l` is an item (else a package).
    let mut levels: Vec<Vec<bool>> = Vec::new();
    let mut packages: Vec<u64> = Vec::new();
    for _ in 0..limit {
        let (mut merged, mut is_item) = (Vec::new(), Vec::new());
        let (mut i, mut p) = (0, 0);
        while i < items || p < packages.len() {
            let item = p == packages.len() || (i < items && weights[i] <= packages[p]);
            merged.push(if item { weights[i] } else { packages[p] });
            is_item.push(item);
            if item { i += 1 } else { p += 1 }
        }
        packages = merged.chunks_exact(2).map(|pair| pair[0] + pair[1]).collect();
        levels.push(is_item);
    }
    let mut take = 2 * (items - 1);
    for level in levels.iter().rev() {
        let taken_items = level[..take].iter().filter(|&&item| item).count();
        lengths[..taken_items].iter_mut().for_each(|length| *length += 1);
        take = 2 * (take - taken_items);
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_merge_is_huffman_when_the_limit_does_not_bind() {
        assert_eq!(package_merge(&[1, 1, 2, 4, 8], 12), [4, 4, 3, 2, 1]);
        assert_eq!(package_merge(&[1, 1, 1, 1], 12), [2, 2, 2, 2]);
        assert_eq!(package_merge(&[5], 12), [1]);
    }

    #[test]
    fn package_merge_keeps_the_limit_and_fills_the_code_space() {
        let weights: Vec<u64> = (0..40).map(|i| 1u64 << i).collect();
        let lengths = package_merge(&weights, 6);
        assert!(lengths.iter().all(|&l| (1..=6).contains(&l)));
        assert_eq!(lengths.iter().map(|&l| 1u32 << (6 - l)).sum::<u32>(), 64);
    }

    #[test]
    fn limited_lengths_are_the_cheapest_by_exhaustion() {
        let weights = [1u64, 2, 9, 30, 31];
        let cost = |l: &[u8]| weights.iter().zip(l).map(|(w, &l)| w * u64::from(l)).sum::<u64>();
        let mut best = u64::MAX;
        for code in 0..3usize.pow(5) {
            let lengths: Vec<u8> = (0..5).map(|i| (code / 3usize.pow(i) % 3) as u8 + 1).collect();
            if lengths.iter().map(|&l| 1 << (3 - l)).sum::<u32>() <= 8 {
                best = best.min(cost(&lengths));
            }
        }
        assert_eq!(cost(&package_merge(&weights, 3)), best);
    }
}
