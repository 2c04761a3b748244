//! The context model of the archive coding, shared by encoder and decoder.
//!
//! Three facts select a code's table. The group's zero point (`-bias / scale`) determines the mean of the
//! distribution, and the column's magnitude relative to the group's scale its variance. A group quantized to
//! its own range holds its lowest and its highest code at least once, so an end that has not occurred must
//! still occur. The last fact needs no tables of its own: given the probabilities of independent codes, those
//! of codes known to contain both ends follow by Bayes' rule, here in integers.

use crate::error::{CodecError, Result};
use crate::parts::CodesEntry;
use ecq_coding::{CodingError, FrequencyTable, planes};
use ecq_core::{AffineGroups, Biases, CoreError, EncodedTensor, GridEntry, LaneOrder, TensorPart};

/// Number of classes of zero points.
pub const ZERO_CLASSES: usize = 16;
/// The largest number of classes of a column's magnitude relative to a group's scale.
pub const MAX_WIDTH_CLASSES: usize = 16;
/// The largest product of the number of bases and the codes of a group.
pub const MAX_TABLES: usize = 1 << 14;
/// Precision of the tables in the file: finer than that of coding tables, for rare ends.
pub const BASE_PRECISION: u8 = 14;

/// The archive model of one tensor; the `table` part of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Whether every group is assumed to hold code 0, and code `alphabet - 1`.
    pub ends: [bool; 2],
    /// Distributions of independent codes, at [`BASE_PRECISION`].
    pub bases: Vec<FrequencyTable>,
    /// Magnitude of each column as [`size_code`]; empty with one width class.
    pub columns: Vec<u8>,
    /// Difference of magnitudes of the lowest width class.
    pub lowest: i8,
    /// Base of each context, `zero class * width classes + width class`.
    pub base_of: Vec<u8>,
}

/// Returns a magnitude in quarter octaves: the exponent and two bits of the fraction.
pub fn size_code(x: f32) -> u8 {
    (x.abs().to_bits() >> 21) as u8
}

impl Model {
    /// Returns the number of width classes.
    pub fn width_classes(&self) -> usize {
        self.base_of.len() / ZERO_CLASSES
    }

    /// Serializes the model: flags, number of bases minus one, width classes, lowest, the bases, then columns
    /// and `base_of` as byte planes, each behind its length (`u32`).
    ///
    /// # Errors
    /// Never for a model that [`parse`](Self::parse) would accept.
    pub fn to_bytes(&self) -> std::result::Result<Vec<u8>, CodingError> {
        let mut out = vec![
            u8::from(self.ends[0]) | u8::from(self.ends[1]) << 1,
            (self.bases.len() - 1) as u8,
            self.width_classes() as u8,
            self.lowest as u8,
        ];
        self.bases.iter().for_each(|base| out.extend(base.to_bytes()));
        for bytes in [&self.columns, &self.base_of] {
            let coded = planes::encode(bytes, &[1])?;
            out.extend((coded.len() as u32).to_le_bytes());
            out.extend(coded);
        }
        Ok(out)
    }

    /// Reads the `table` part of a tensor.
    ///
    /// # Errors
    /// [`CodecError`] when the part is missing or corrupt.
    pub fn parse(tensor: &EncodedTensor) -> Result<Self> {
        let CodesEntry { alphabet, tile, grid, .. } = CodesEntry::of(tensor)?;
        let GridEntry::AffineGroups { group_size, .. } = grid else {
            return Err(CodecError::Content { found: "a grid without groups", expected: "affine groups" });
        };
        if tile.cols < tensor.shape()[1] || tile.order != LaneOrder::Rows {
            return Err(CodecError::Content { found: "tiles of part rows", expected: "tiles of whole rows" });
        }
        let corrupt = |source| CodecError::Part { part: TensorPart::Table, source };
        let bytes = tensor.part(TensorPart::Table)?;
        let short =
            |needed| corrupt(CodingError::Truncated { what: "archive model", at: bytes.len(), needed });
        let Some((&[flags, last, widths, lowest], mut rest)) = bytes.split_first_chunk::<4>() else {
            return Err(short(4 - bytes.len()));
        };
        let widths = usize::from(widths);
        if flags > 3 || !(1..=MAX_WIDTH_CLASSES).contains(&widths) {
            return Err(corrupt(CodingError::InvalidBytes {
                at: 0,
                reason: "flags or width classes of the archive model are out of range",
            }));
        }
        // Each base expands to a table for every number of codes left in a group.
        if (usize::from(last) + 1).saturating_mul(group_size) > MAX_TABLES {
            return Err(corrupt(CodingError::InvalidBytes {
                at: 1,
                reason: "the archive model has too many tables for its group size",
            }));
        }
        let mut bases = Vec::new();
        for table in 0..=usize::from(last) {
            let (base, used) = FrequencyTable::from_bytes(rest).map_err(corrupt)?;
            if base.alphabet() != usize::from(alphabet) || base.precision() != BASE_PRECISION {
                let expected = alphabet.into();
                return Err(CodecError::TableAlphabet { table, found: base.alphabet(), expected });
            }
            bases.push(base);
            rest = &rest[used..];
        }
        let mut take = |len: usize| -> Result<Vec<u8>> {
            let (head, tail) = rest.split_first_chunk::<4>().ok_or(short(4))?;
            let coded = u32::from_le_bytes(*head) as usize;
            let (coded, tail) = tail.split_at_checked(coded).ok_or(short(coded))?;
            rest = tail;
            planes::decode(coded, len).map_err(corrupt)
        };
        let columns = take(if widths > 1 { tensor.shape()[1] } else { 0 })?;
        let base_of = take(ZERO_CLASSES * widths)?;
        if !rest.is_empty() {
            let (found, expected) = (bytes.len(), bytes.len() - rest.len());
            return Err(CoreError::PartLength { part: TensorPart::Table, found, expected }.into());
        }
        if let Some(tile) = base_of.iter().position(|&b| usize::from(b) >= bases.len()) {
            return Err(CodecError::TableId { tile, table: base_of[tile].into(), tables: bases.len() });
        }
        let ends = [flags & 1 > 0, flags & 2 > 0];
        Ok(Self { ends, bases, columns, lowest: lowest as i8, base_of })
    }

    /// Returns the context of a column in a group of these classes.
    #[inline(always)]
    pub fn context(&self, group: GroupClass, col: usize) -> usize {
        let widths = self.width_classes();
        let width = match self.columns.get(col) {
            None => 0,
            Some(&size) => {
                let above = i32::from(size) - i32::from(group.size) - i32::from(self.lowest);
                above.clamp(0, widths as i32 - 1) as usize
            }
        };
        usize::from(group.zero) * widths + width
    }

    /// Returns all coding tables, in the order of the numbers of [`Chooser::table`].
    ///
    /// # Errors
    /// Never for a model whose bases have a slot for two symbols.
    pub fn tables(&self, group_size: usize) -> std::result::Result<Vec<FrequencyTable>, CodingError> {
        let mut tables = Vec::with_capacity(self.bases.len() * self.states(group_size));
        for base in &self.bases {
            tables.push(coding_table(base.frequencies().iter().map(|&f| u64::from(f)).collect())?);
            for missing in 1..4 {
                if !self.possible(missing) {
                    continue;
                }
                let chance = Chances::new(base, group_size);
                for left in 1..=group_size {
                    tables.push(coding_table(chance.weights(missing, left))?);
                }
            }
        }
        Ok(tables)
    }

    /// Returns the number of tables of one base.
    fn states(&self, group_size: usize) -> usize {
        1 + (1..4).filter(|&missing| self.possible(missing)).count() * group_size
    }

    fn possible(&self, missing: usize) -> bool {
        (missing & 1 == 0 || self.ends[0]) && (missing & 2 == 0 || self.ends[1])
    }

    /// Returns the selector of each symbol's table.
    pub fn chooser(&self, alphabet: u16, group_size: usize) -> Chooser {
        let states = self.states(group_size);
        let mut first = [0; 4];
        let mut next = 1;
        for (missing, first) in first.iter_mut().enumerate().skip(1) {
            *first = next;
            next += if self.possible(missing) { group_size } else { 0 };
        }
        Chooser {
            first_of_context: self.base_of.iter().map(|&base| usize::from(base) * states).collect(),
            first,
            group_size,
            at_start: usize::from(self.ends[0]) | usize::from(self.ends[1]) << 1,
            last: (alphabet - 1) as u8,
        }
    }
}

/// Selects tables of [`Model::tables`] by context and by the ends that a group still misses.
#[derive(Debug, Clone)]
pub struct Chooser {
    first_of_context: Vec<usize>,
    /// The first table of each set of missing ends.
    first: [usize; 4],
    group_size: usize,
    at_start: usize,
    last: u8,
}

impl Chooser {
    /// Returns the missing ends (bit 0: code 0, bit 1: the last code) before symbol `at` of a group, given
    /// the ends missing before the previous symbol and the symbols `before` it in the row.
    #[inline(always)]
    pub fn missing(&self, missing: usize, at: usize, before: &[u8]) -> usize {
        match before.last() {
            Some(&q) if at > 0 => missing & !(usize::from(q == 0) | usize::from(q == self.last) << 1),
            _ => self.at_start,
        }
    }

    /// Returns the number of the table of symbol `at` of a group in `context` that misses these ends.
    #[inline(always)]
    pub fn table(&self, context: usize, missing: usize, at: usize) -> usize {
        let state = if missing == 0 { 0 } else { self.first[missing] + self.group_size - at - 1 };
        self.first_of_context[context] + state
    }
}

/// The class of a group by its scale and bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupClass {
    zero: u8,
    size: u8,
}

/// Returns the class of each group, row-major.
pub fn group_classes(grid: &AffineGroups) -> Vec<GroupClass> {
    let codes = (1u32 << grid.bits) as f32;
    let class = |group: usize| {
        let scale = grid.scales.get(group);
        let zero = match &grid.biases {
            // One division and one product, both rounded by IEEE 754: the same on every machine. A NaN
            // becomes class 0.
            Biases::PerGroup(biases) => -biases.get(group) / scale * (ZERO_CLASSES as f32 / codes),
            Biases::Zeros(zeros) => f32::from(zeros[group]) * (ZERO_CLASSES as f32 / codes),
            Biases::Zero(_) => 0.0,
        };
        GroupClass { zero: zero.clamp(0.0, (ZERO_CLASSES - 1) as f32) as u8, size: size_code(scale) }
    };
    (0..grid.scales.len()).map(class).collect()
}

/// Probabilities, in units of 2^-32, that a number of independent codes hold an end.
struct Chances<'a> {
    base: &'a FrequencyTable,
    /// By number of codes: that none is 0, that none is the last code, that none is either.
    none: [Vec<u64>; 3],
}

impl<'a> Chances<'a> {
    fn new(base: &'a FrequencyTable, group_size: usize) -> Self {
        let f = |s: usize| u64::from(base.frequencies()[s]);
        let (low, high) = (f(0), f(base.alphabet() - 1));
        let powers = |without: u64| {
            let rest = (1u64 << BASE_PRECISION) - without;
            let next = |&power: &u64| Some((power * rest) >> BASE_PRECISION);
            std::iter::successors(Some(1u64 << 32), next).take(group_size).collect()
        };
        Self { base, none: [powers(low), powers(high), powers(low + high)] }
    }

    /// Returns the weight of each code where the ends in `missing` (bit 0: code 0, bit 1: the last code) must
    /// occur within `left` codes.
    fn weights(&self, missing: usize, left: usize) -> Vec<u64> {
        let after = left - 1;
        let holds = |which: usize| (1u64 << 32) - self.none[which][after];
        let both =
            ((1u64 << 32) + self.none[2][after]).saturating_sub(self.none[0][after] + self.none[1][after]);
        // The probabilities of the other ends if this code is 0, is the last code, is another code.
        let (if_low, if_high, otherwise) = match missing {
            1 => (1 << 32, holds(0), holds(0)),
            2 => (holds(1), 1 << 32, holds(1)),
            _ => (holds(1), holds(0), both),
        };
        let last = self.base.alphabet() - 1;
        let weight = |(s, &f): (usize, &u16)| {
            u64::from(f)
                * if s == 0 {
                    if_low
                } else if s == last {
                    if_high
                } else {
                    otherwise
                }
        };
        self.base.frequencies().iter().enumerate().map(weight).collect()
    }
}

/// Returns a table of default precision for these weights (at most 2^46). Every symbol has a slot, because
/// symbols that the model excludes must be codable. Each symbol gets one slot and its share of the others,
/// rounded down; the first of the heaviest symbols gets the remainder.
fn coding_table(weights: Vec<u64>) -> std::result::Result<FrequencyTable, CodingError> {
    let slots = (1u64 << FrequencyTable::PRECISION) - weights.len() as u64;
    let sum = weights.iter().sum::<u64>().max(1);
    let mut frequencies: Vec<u16> =
        weights.iter().map(|&w| 1 + (u128::from(w) * u128::from(slots) / u128::from(sum)) as u16).collect();
    let given: u64 = frequencies.iter().map(|&f| u64::from(f)).sum();
    let heaviest = (0..weights.len()).rev().max_by_key(|&s| weights[s]).unwrap_or(0);
    frequencies[heaviest] += ((1u64 << FrequencyTable::PRECISION) - given) as u16;
    FrequencyTable::from_frequencies(frequencies, FrequencyTable::PRECISION)
}
