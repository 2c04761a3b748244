//! Code lengths, codewords and similar tuples.

use super::MAGNITUDES;
use crate::error::{CodingError, Result};
use crate::prefix::package_merge;
use crate::table::FrequencyTable;
use std::collections::HashMap;

/// The longest codeword in bits.
const MAX_WIDTH: u32 = 12;
/// Bytes before the frequency table.
const HEAD: usize = 8;
/// Bits of a correction.
const CORRECTION_BITS: f64 = 16.0;
/// Share of the table's entries that are considered as the number of coded tuples.
const SHARES: [f64; 8] = [1.0, 0.9, 0.75, 0.6, 0.45, 0.3, 0.15, 0.05];

/// Up to four symbols; the rest are zero.
pub(super) type Tuple = [u8; 4];

/// A tuple with a codeword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) symbols: Tuple,
    pub(super) length: u8,
    /// The codeword, its last bit least significant.
    pub(super) codeword: u16,
}

/// A prefix code with codewords of at most `width` bits over the most probable tuples.
///
/// As [`PrefixCode`](crate::prefix::PrefixCode), it assumes independent symbols from one [`FrequencyTable`],
/// and both sides derive the code from the table.
#[derive(Debug, Clone)]
pub struct TupleCode {
    table: FrequencyTable,
    tuple: usize,
    width: u32,
    zero: u8,
    even: bool,
    /// In the order of codewords.
    pub(super) items: Vec<Item>,
    by_symbols: HashMap<Tuple, u16>,
}

impl TupleCode {
    /// Returns the code of the `kept` most probable tuples. `zero` is the symbol of the value 0. With `even`
    /// corrections change symbols by even amounts (so a trellis grid's parities are those of the stream), and
    /// values are the `k` of levels `2k + b`.
    ///
    /// Values of a coded tuple fit a signed byte of operand A: -127 to 127, or with `even` -63 to 63. Tuples
    /// of four share the byte with the length and have values from -4 to 3.
    ///
    /// # Errors
    /// [`CodingError::Parameter`] when `tuple` is outside 2..=4, `width` outside 4..=12, `kept` outside
    /// `2..=2^width`, or fewer than two tuples can be coded.
    pub fn new(
        table: FrequencyTable,
        tuple: usize,
        width: u32,
        kept: usize,
        zero: u8,
        even: bool,
    ) -> Result<Self> {
        let parameter = |what, found: u64, expected| Err(CodingError::Parameter { what, found, expected });
        if !(2..=4).contains(&tuple) {
            return parameter("symbols per tuple", tuple as u64, "2 to 4");
        }
        if !(4..=MAX_WIDTH).contains(&width) {
            return parameter("bits of the longest codeword", width.into(), "4 to 12");
        }
        if !(2..=1 << width).contains(&kept) {
            return parameter("coded tuples", kept as u64, "2 to 2^width");
        }
        let ranked = most_probable(&table, tuple, kept, zero, even);
        if ranked.len() < 2 {
            return parameter("coded tuples", ranked.len() as u64, "at least two inside the range of values");
        }
        let items = codewords(&ranked, width);
        let by_symbols = items.iter().enumerate().map(|(i, item)| (item.symbols, i as u16)).collect();
        Ok(Self { table, tuple, width, zero, even, items, by_symbols })
    }

    /// Returns the code of `tuple` symbols and codewords of at most `width` bits with the number of coded
    /// tuples that costs the fewest bits.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn best(table: &FrequencyTable, tuple: usize, width: u32, zero: u8, even: bool) -> Result<Self> {
        let most = 1usize << width.min(MAX_WIDTH);
        let mut best: Option<(f64, Self)> = None;
        let mut failed = None;
        for share in SHARES {
            match Self::new(table.clone(), tuple, width, ((most as f64 * share) as usize).max(2), zero, even)
            {
                Ok(code) => {
                    let bits = code.bits_per_symbol();
                    if best.as_ref().is_none_or(|(least, _)| bits < *least) {
                        best = Some((bits, code));
                    }
                }
                Err(error) => failed = Some(error),
            }
        }
        match (best, failed) {
            (Some((_, code)), _) => Ok(code),
            (None, Some(error)) => Err(error),
            (None, None) => unreachable!("there is a share to try"),
        }
    }

    /// Returns the number of symbols of a tuple.
    pub fn tuple(&self) -> usize {
        self.tuple
    }

    /// Returns the length in bits of the longest codeword.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Returns the symbol of the value 0.
    pub fn zero(&self) -> u8 {
        self.zero
    }

    /// Returns whether corrections change symbols by even amounts.
    pub fn even(&self) -> bool {
        self.even
    }

    /// Returns the table that the code was built for.
    pub fn table(&self) -> &FrequencyTable {
        &self.table
    }

    /// Returns the number of tuples with a codeword.
    pub fn coded_tuples(&self) -> usize {
        self.items.len()
    }

    /// Estimates the bits per symbol of independent symbols that follow the table, corrections included.
    pub fn bits_per_symbol(&self) -> f64 {
        let scale = (-f64::from(u32::from(self.table.precision()) * self.tuple as u32)).exp2();
        let (mut bits, mut coded) = (0.0, 0.0);
        for item in &self.items {
            let probability = self.weight(&item.symbols) as f64 * scale;
            bits += probability * f64::from(item.length);
            coded += probability;
        }
        // A tuple outside the table takes a long codeword and, most often, one or two corrections,
        // which also take time.
        bits += (1.0 - coded).max(0.0) * (f64::from(self.width) + 2.0 * CORRECTION_BITS);
        bits / self.tuple as f64
    }

    /// Returns the entry of every sequence of `width` bits as a register of operand A. With tuples of two or
    /// three, byte 0 is the length of the codeword and the bytes after it are the values, doubled if `even`.
    /// With four, the bytes are 32 times the values, and the length is added to byte 0.
    pub fn registers(&self) -> Vec<u32> {
        let register = |item: &Item| {
            let value = |i: usize| i32::from(item.symbols[i]) - i32::from(self.zero);
            let byte = |value: i32| u32::from(value as u8);
            let mut register = u32::from(item.length);
            for i in 0..self.tuple {
                register |= match (self.tuple, self.even) {
                    (4, _) => byte(32 * value(i)) << (8 * i),
                    (_, false) => byte(value(i)) << (8 * i + 8),
                    (_, true) => byte(2 * value(i)) << (8 * i + 8),
                };
            }
            register
        };
        let repeat = |item: &Item| 1 << (self.width - u32::from(item.length));
        self.items.iter().flat_map(|item| std::iter::repeat_n(register(item), repeat(item))).collect()
    }

    /// Returns symbols and length of the codeword that each sequence of `width` bits begins with, the first
    /// bit most significant: the decoder's table.
    pub fn lookups(&self) -> Vec<([u8; 4], u8)> {
        let repeat = |length: u8| 1 << (self.width - u32::from(length));
        let lookups = |item: &Item| std::iter::repeat_n((item.symbols, item.length), repeat(item.length));
        self.items.iter().flat_map(lookups).collect()
    }

    /// Returns the codeword of a tuple whose first `real` symbols count, and of a similar one if it has none.
    ///
    /// `None` if no coded tuple has the parities of the symbols (with `even` corrections).
    pub(super) fn nearest(&self, symbols: Tuple, real: usize) -> Option<Item> {
        if let Some(&index) = self.by_symbols.get(&symbols) {
            return Some(self.items[usize::from(index)]);
        }
        let cost = |item: &Item| {
            let mut entries = 0;
            for (&wanted, &coded) in symbols[..real].iter().zip(&item.symbols) {
                entries += self.corrections(i32::from(wanted) - i32::from(coded))?.count();
            }
            Some((entries as u32 * CORRECTION_BITS as u32 + u32::from(item.length), *item))
        };
        self.items.iter().filter_map(cost).min_by_key(|&(bits, _)| bits).map(|(_, item)| item)
    }

    /// Returns the corrections that sum to `difference`: number of a magnitude and whether it is negative.
    /// `None` if the code changes symbols by even amounts only, and the difference is odd.
    pub(super) fn corrections(&self, difference: i32) -> Option<impl Iterator<Item = (usize, bool)>> {
        if difference % self.unit() != 0 {
            return None;
        }
        let mut left = (difference / self.unit()).abs();
        Some(std::iter::from_fn(move || {
            let magnitude = MAGNITUDES.iter().rposition(|&magnitude| magnitude <= left)?;
            left -= MAGNITUDES[magnitude];
            Some((magnitude, difference < 0))
        }))
    }

    /// Returns what a correction's magnitude counts.
    pub fn unit(&self) -> i32 {
        if self.even { 2 } else { 1 }
    }

    fn weight(&self, symbols: &Tuple) -> u64 {
        symbols[..self.tuple].iter().map(|&s| u64::from(self.table.frequencies()[usize::from(s)])).product()
    }

    /// Serializes the code: symbols of a tuple, longest codeword (`u8` each), coded tuples (`u16`), `zero`,
    /// whether corrections are even (`u8` each), two zero bytes, and the frequency table.
    pub fn to_bytes(&self) -> Vec<u8> {
        let [low, high] = (self.items.len() as u16).to_le_bytes();
        let mut bytes =
            vec![self.tuple as u8, self.width as u8, low, high, self.zero, u8::from(self.even), 0, 0];
        bytes.extend(self.table.to_bytes());
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote; returns the code and the number of bytes read.
    ///
    /// # Errors
    /// [`CodingError::Truncated`] when the bytes end early; [`CodingError::InvalidBytes`] or
    /// [`CodingError::Parameter`] when they do not describe a code.
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, usize)> {
        let Some((&[tuple, width, low, high, zero, even, 0, 0], rest)) = bytes.split_first_chunk::<HEAD>()
        else {
            return Err(match bytes.len() {
                HEAD.. => CodingError::InvalidBytes { at: 6, reason: "reserved bytes are not zero" },
                len => CodingError::Truncated { what: "a tuple code", at: len, needed: HEAD - len },
            });
        };
        if even > 1 {
            return Err(CodingError::InvalidBytes { at: 5, reason: "a flag is neither 0 nor 1" });
        }
        let (table, used) = FrequencyTable::from_bytes(rest)?;
        let kept = usize::from(u16::from_le_bytes([low, high]));
        let code = Self::new(table, tuple.into(), width.into(), kept, zero, even == 1)?;
        if code.items.len() != kept {
            return Err(CodingError::InvalidBytes {
                at: 2,
                reason: "there are not that many tuples to code",
            });
        }
        Ok((code, HEAD + used))
    }
}

/// Returns the `kept` most probable tuples with their weights, the most probable first; ties in the order of
/// their symbols.
///
/// Symbols are ranked by frequency. A tuple of ranks `r` has at least as many tuples of no smaller weight as
/// the product of all `r + 1`, so candidates are the tuples whose product is at most `kept`.
fn most_probable(
    table: &FrequencyTable,
    tuple: usize,
    kept: usize,
    zero: u8,
    even: bool,
) -> Vec<(u64, Tuple)> {
    let values = match (tuple, even) {
        (4, _) => -4..=3,
        (_, true) => -63..=63,
        (_, false) => -127..=127,
    };
    let mut ranked: Vec<(u64, u8)> = (0u8..=255)
        .zip(table.frequencies())
        .filter(|&(symbol, &f)| f > 0 && values.contains(&(i32::from(symbol) - i32::from(zero))))
        .map(|(symbol, &f)| (u64::from(f), symbol))
        .collect();
    ranked.sort_by_key(|&(f, symbol)| (std::cmp::Reverse(f), symbol));
    // (product of ranks plus one, weight, symbols)
    let mut candidates = vec![(1usize, 1u64, Tuple::default())];
    for i in 0..tuple {
        let mut longer = Vec::new();
        for (product, weight, symbols) in candidates {
            for (rank, &(f, symbol)) in ranked.iter().enumerate().take(kept / product) {
                let mut symbols = symbols;
                symbols[i] = symbol;
                longer.push((product * (rank + 1), weight * f, symbols));
            }
        }
        candidates = longer;
    }
    let mut tuples: Vec<(u64, Tuple)> = candidates.into_iter().map(|(_, w, symbols)| (w, symbols)).collect();
    tuples.sort_unstable_by_key(|&(weight, symbols)| (std::cmp::Reverse(weight), symbols));
    tuples.truncate(kept);
    tuples
}

/// Assigns canonical codewords: shorter first, then in the order of the symbols.
fn codewords(ranked: &[(u64, Tuple)], width: u32) -> Vec<Item> {
    let ascending: Vec<u64> = ranked.iter().rev().map(|&(weight, _)| weight).collect();
    let lengths = package_merge(&ascending, width);
    let mut items: Vec<Item> = ranked
        .iter()
        .rev()
        .zip(lengths)
        .map(|(&(_, symbols), length)| Item { symbols, length, codeword: 0 })
        .collect();
    items.sort_unstable_by_key(|item| (item.length, item.symbols));
    let (mut next, mut length) = (0u32, 0u8);
    for item in &mut items {
        next <<= item.length - length;
        length = item.length;
        item.codeword = next as u16;
        next += 1;
    }
    items
}
