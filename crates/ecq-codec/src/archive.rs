//! What the archive coding knows of a code before it is decoded, on both sides of the file.
//!
//! Three facts choose a code's table. The group's zero point (`-bias / scale`) says where the distribution
//! sits, the column's size against the group's scale says how wide it is, and a group that was quantized to
//! its own range holds its lowest and its highest code at least once: as long as one of them has not come, it
//! must still come. The last fact needs no table of its own: from probabilities `p` of independent codes,
//! those of codes that are known to contain both ends follow by Bayes' rule, here in integers.

use crate::error::{CodecError, Result};
use crate::parts::CodesEntry;
use ecq_coding::{CodingError, FrequencyTable, planes};
use ecq_core::{AffineGroups, Biases, CoreError, EncodedTensor, GridEntry, Order, Part};

/// Classes of zero points.
pub const ZERO_CLASSES: usize = 16;
/// Most classes of a column's size against a group's scale.
pub const MAX_WIDTH_CLASSES: usize = 16;
/// Most bases times codes of a group.
pub const MAX_TABLES: usize = 1 << 14;
/// Precision of the tables in the file: finer than those that code, for ends that are rare.
pub const BASE_PRECISION: u8 = 14;

/// The archive model of one tensor; the `table` part of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Whether every group is taken to hold code 0, and code `alphabet - 1`.
    pub ends: [bool; 2],
    /// Distributions of independent codes, at [`BASE_PRECISION`].
    pub bases: Vec<FrequencyTable>,
    /// Size of each column as [`size_code`]; empty when widths are not told apart.
    pub columns: Vec<u8>,
    /// The size difference of the lowest width class.
    pub lowest: i8,
    /// Base of each context, `zero class * width classes + width class`.
    pub base_of: Vec<u8>,
}

/// A size in quarter octaves (the exponent and two bits of the fraction), as far as differences matter.
pub fn size_code(x: f32) -> u8 {
    (x.abs().to_bits() >> 21) as u8
}

impl Model {
    /// Width classes.
    pub fn width_classes(&self) -> usize {
        self.base_of.len() / ZERO_CLASSES
    }

    /// Serialises: flags, count of bases, bases, width classes, lowest, then columns and the map as byte
    /// planes behind their lengths (`u32`).
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
    /// When the part is missing or corrupt.
    pub fn parse(tensor: &EncodedTensor) -> Result<Self> {
        let CodesEntry { alphabet, tile, grid, .. } = CodesEntry::of(tensor)?;
        let GridEntry::AffineGroups { group_size, .. } = grid else {
            return Err(CodecError::Content { found: "an unknown grid", expected: "affine groups" });
        };
        if tile.cols < tensor.shape()[1] || tile.order != Order::Rows {
            return Err(CodecError::Content { found: "tiles of part rows", expected: "tiles of whole rows" });
        }
        let corrupt = |source| CodecError::Part { part: Part::Table, source };
        let bytes = tensor.part(Part::Table)?;
        let short =
            |needed| corrupt(CodingError::Truncated { what: "archive model", at: bytes.len(), needed });
        let Some((&[flags, last, widths, lowest], mut rest)) = bytes.split_first_chunk::<4>() else {
            return Err(short(4 - bytes.len()));
        };
        let widths = usize::from(widths);
        if flags > 3 || !(1..=MAX_WIDTH_CLASSES).contains(&widths) {
            return Err(corrupt(CodingError::InvalidBytes { at: 0, reason: "no such archive model" }));
        }
        // Each base grows into a table for every number of codes left in a group.
        if (usize::from(last) + 1).saturating_mul(group_size) > MAX_TABLES {
            return Err(corrupt(CodingError::InvalidBytes {
                at: 1,
                reason: "too many tables for groups so large",
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
            return Err(CoreError::PartLength { part: Part::Table, found, expected }.into());
        }
        if let Some(tile) = base_of.iter().position(|&b| usize::from(b) >= bases.len()) {
            return Err(CodecError::TableId { tile, table: base_of[tile].into(), tables: bases.len() });
        }
        let ends = [flags & 1 > 0, flags & 2 > 0];
        Ok(Self { ends, bases, columns, lowest: lowest as i8, base_of })
    }

    /// The context of a column in a group that has these classes.
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

    /// Every table that can code a symbol, in the order in which [`Chooser::table`] numbers them.
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

    /// Tables of one base.
    fn states(&self, group_size: usize) -> usize {
        1 + (1..4).filter(|&missing| self.possible(missing)).count() * group_size
    }

    fn possible(&self, missing: usize) -> bool {
        (missing & 1 == 0 || self.ends[0]) && (missing & 2 == 0 || self.ends[1])
    }

    /// What chooses the table of each symbol.
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

/// Chooses tables by context and by what a group still misses; the numbers of [`Model::tables`].
#[derive(Debug, Clone)]
pub struct Chooser {
    first_of_context: Vec<usize>,
    /// First table of each set of missing ends.
    first: [usize; 4],
    group_size: usize,
    at_start: usize,
    last: u8,
}

impl Chooser {
    /// The ends that are missing (bit 0: code 0, bit 1: the last code) before symbol `at` of a group, from
    /// those missing before the symbol before it, and the symbols `before` it in the row.
    #[inline(always)]
    pub fn missing(&self, missing: usize, at: usize, before: &[u8]) -> usize {
        match before.last() {
            Some(&q) if at > 0 => missing & !(usize::from(q == 0) | usize::from(q == self.last) << 1),
            _ => self.at_start,
        }
    }

    /// The table of symbol `at` of a group in `context` that misses these ends.
    #[inline(always)]
    pub fn table(&self, context: usize, missing: usize, at: usize) -> usize {
        let state = if missing == 0 { 0 } else { self.first[missing] + self.group_size - at - 1 };
        self.first_of_context[context] + state
    }
}

/// What is known of a group from its scale and bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupClass {
    zero: u8,
    size: u8,
}

/// The class of each group, row-major.
pub fn group_classes(grid: &AffineGroups) -> Vec<GroupClass> {
    let codes = (1u32 << grid.bits) as f32;
    let class = |group: usize| {
        let scale = grid.scales.get(group);
        let zero = match &grid.biases {
            // One division and one product, both rounded as IEEE 754 says: the same on every machine. A NaN
            // becomes class 0.
            Biases::PerGroup(biases) => -biases.get(group) / scale * (ZERO_CLASSES as f32 / codes),
            Biases::Zeros(zeros) => f32::from(zeros[group]) * (ZERO_CLASSES as f32 / codes),
            Biases::Zero(_) => 0.0,
        };
        GroupClass { zero: zero.clamp(0.0, (ZERO_CLASSES - 1) as f32) as u8, size: size_code(scale) }
    };
    (0..grid.scales.len()).map(class).collect()
}

/// Chances, in units of 2^-32, that so many independent codes hold an end.
struct Chances<'a> {
    base: &'a FrequencyTable,
    /// By number of codes: none of them is 0; none is the last; none is either.
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

    /// Weight of each code where the ends in `missing` (bit 0: code 0, bit 1: the last) must still come
    /// within `left` codes.
    fn weights(&self, missing: usize, left: usize) -> Vec<u64> {
        let after = left - 1;
        let holds = |which: usize| (1u64 << 32) - self.none[which][after];
        let both =
            ((1u64 << 32) + self.none[2][after]).saturating_sub(self.none[0][after] + self.none[1][after]);
        // What must still come if this code is 0, is the last, is another.
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

/// A table of default precision by these weights (at most 2^46), in which every symbol has a slot: what the
/// model holds for impossible must be codable. One slot each, the rest in proportion, rounded down; what is
/// left goes to the heaviest, the first of them.
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
