use crate::error::{CodecError, Result};
use ecq_coding::prefix::PrefixCode;
use ecq_coding::rans::{Branches, Classes, Decoder};
use ecq_coding::{CodingError, FrequencyTable, Layout, MAX_SYMBOLS_PER_BYTE};
use ecq_core::{Coding, CoreError, EncodedTensor, GridEntry, LaneOrder, TensorContent, TensorPart, Tile};
use std::ops::Range;

/// The tables of a tensor and the table of each tile.
#[derive(Debug, Clone)]
pub struct Tables<T> {
    /// One to 256 tables.
    pub tables: Vec<T>,
    /// Number of each tile's table; empty with one table, or if rows and columns have classes.
    pub ids: Vec<u8>,
}

impl<T> Tables<T> {
    /// Returns the number of the table of a tile.
    pub fn id(&self, tile: usize) -> usize {
        self.ids.get(tile).map_or(0, |&id| usize::from(id))
    }

    /// Reads the `table` part: `count - 1` (`u8`), the tables, then, if there are several, a `u8` per tile.
    fn parse(
        bytes: &[u8],
        tiles: usize,
        alphabet: u16,
        one: impl Fn(&[u8]) -> std::result::Result<(T, usize, usize), CodingError>,
    ) -> Result<Self> {
        let (tables, rest) = Self::parse_tables(bytes, alphabet, one)?;
        let (part, count) = (TensorPart::Table, tables.len());
        let expected = if count > 1 { tiles } else { 0 };
        if rest.len() != expected {
            let read = bytes.len() - rest.len();
            return Err(CoreError::PartLength { part, found: bytes.len(), expected: read + expected }.into());
        }
        if let Some(tile) = rest.iter().position(|&id| usize::from(id) >= count) {
            return Err(CodecError::TableId { tile, table: rest[tile].into(), tables: count });
        }
        Ok(Self { tables, ids: rest.to_vec() })
    }

    /// Reads the tables; returns them and the bytes behind them.
    fn parse_tables(
        bytes: &[u8],
        alphabet: u16,
        one: impl Fn(&[u8]) -> std::result::Result<(T, usize, usize), CodingError>,
    ) -> Result<(Vec<T>, &[u8])> {
        let Some((&last, mut rest)) = bytes.split_first() else {
            return Err(corrupt_table(CodingError::Truncated { what: "tables", at: 0, needed: 1 }));
        };
        let count = usize::from(last) + 1;
        let mut tables = Vec::with_capacity(count);
        for table in 0..count {
            let (parsed, found, used) = one(rest).map_err(corrupt_table)?;
            if found != usize::from(alphabet) {
                return Err(CodecError::TableAlphabet { table, found, expected: alphabet.into() });
            }
            tables.push(parsed);
            rest = &rest[used..];
        }
        Ok((tables, rest))
    }
}

impl Tables<FrequencyTable> {
    /// Reads the frequency tables of a rANS-coded tensor, and the classes that select among them, if any.
    ///
    /// # Errors
    /// When the part is missing or corrupt.
    pub fn rans(tensor: &EncodedTensor) -> Result<(Self, Option<Classes>)> {
        let (alphabet, tiles) = alphabet_and_tiles(tensor)?;
        let bytes = tensor.part(TensorPart::Table)?;
        let table = |bytes: &[u8]| {
            FrequencyTable::from_bytes(bytes).map(|(table, used)| {
                let alphabet = table.alphabet();
                (table, alphabet, used)
            })
        };
        let entry = CodesEntry::of(tensor)?;
        let Some(counts) = entry.classes else {
            return Ok((Self::parse(bytes, tiles, alphabet, table)?, None));
        };
        let (tables, rest) = Self::parse_tables(bytes, alphabet, table)?;
        let counts = counts.map(usize::from);
        let [rows, cols] = tensor.shape();
        let stream = tensor.part(TensorPart::Stream)?.len();
        // Checked before the allocation: one class takes no byte of the part, whatever the number of rows.
        if rows * cols / MAX_SYMBOLS_PER_BYTE > stream {
            let expected = rows * cols / MAX_SYMBOLS_PER_BYTE;
            return Err(CoreError::PartLength { part: TensorPart::Stream, found: stream, expected }.into());
        }
        let branches = entry.branches();
        let pairs = counts[0] * counts[1] * if branches.is_some() { 2 } else { 1 };
        let needed = class_bits(pairs, counts, tensor.shape(), tables.len()).div_ceil(8);
        if rest.len() != needed {
            let expected = bytes.len() - rest.len() + needed;
            return Err(
                CoreError::PartLength { part: TensorPart::Table, found: bytes.len(), expected }.into()
            );
        }
        let mut at = 0;
        let mut take = |n: usize, most: usize| -> Vec<u8> {
            let width = bit_width(most);
            let mut number = || {
                let bit = |i: usize| (rest[(at + i) / 8] >> ((at + i) % 8) & 1) << i;
                let number = (0..width).map(bit).sum::<u8>();
                at += width;
                number
            };
            (0..n).map(|_| number()).collect()
        };
        let map = take(pairs, tables.len());
        let (rows, cols) = (take(rows, counts[0]), take(cols, counts[1]));
        let classes = Classes::new(counts, rows, cols, branches, map).map_err(corrupt_table)?;
        Ok((Self { tables, ids: Vec::new() }, Some(classes)))
    }
}

impl Tables<Decoder> {
    /// Returns the decoders of the tiles of a rANS-coded tensor.
    ///
    /// # Errors
    /// As [`Tables::rans`].
    pub fn decoders(tensor: &EncodedTensor) -> Result<Self> {
        let (Tables { tables, ids }, classes) = Tables::rans(tensor)?;
        let tables = match classes {
            None => tables.iter().map(Decoder::new).collect(),
            Some(classes) => vec![Decoder::with_classes(&tables, classes).map_err(corrupt_table)?],
        };
        Ok(Self { tables, ids })
    }
}

/// Encodes the end of the `table` part of a tensor with classes: the number of the table of each pair (and
/// branch bit), then the class of each row and of each column, each in the fewest bits, least significant bit
/// first.
pub fn encode_classes(classes: &Classes, tables: usize) -> Vec<u8> {
    let (rows, cols) = (classes.rows(), classes.cols());
    let bits = class_bits(classes.tables().len(), classes.counts(), [rows.len(), cols.len()], tables);
    let mut out = vec![0; bits.div_ceil(8)];
    let mut at = 0;
    for (numbers, most) in
        [(classes.tables(), tables), (rows, classes.counts()[0]), (cols, classes.counts()[1])]
    {
        let width = bit_width(most);
        for &number in numbers {
            (0..width).for_each(|i| out[(at + i) / 8] |= (number >> i & 1) << ((at + i) % 8));
            at += width;
        }
    }
    out
}

/// Returns the number of bits of [`encode_classes`].
fn class_bits(pairs: usize, counts: [usize; 2], [rows, cols]: [usize; 2], tables: usize) -> usize {
    pairs * bit_width(tables) + rows * bit_width(counts[0]) + cols * bit_width(counts[1])
}

/// Returns the number of bits of a number below `n`.
fn bit_width(n: usize) -> usize {
    n.next_power_of_two().trailing_zeros() as usize
}

fn corrupt_table(source: CodingError) -> CodecError {
    CodecError::Part { part: TensorPart::Table, source }
}

impl Tables<PrefixCode> {
    /// Reads the codes of a prefix-coded tensor.
    ///
    /// # Errors
    /// When the part is missing or corrupt.
    pub fn prefix(tensor: &EncodedTensor) -> Result<Self> {
        let (alphabet, tiles) = alphabet_and_tiles(tensor)?;
        Self::parse(tensor.part(TensorPart::Table)?, tiles, alphabet, |bytes| {
            PrefixCode::from_bytes(bytes).map(|(code, used)| {
                let alphabet = code.table().alphabet();
                (code, alphabet, used)
            })
        })
    }
}

/// The entry of a tensor that holds codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodesEntry {
    /// Layout of the stream.
    pub coding: Coding,
    /// Alphabet size: codes are below it.
    pub alphabet: u16,
    /// The unit that decodes independently.
    pub tile: Tile,
    /// Number of classes of rows and of columns, if they select tables.
    pub classes: Option<[u8; 2]>,
    /// Whether the branch bit of a trellis grid selects one of two tables of each pair of classes.
    pub branch_tables: bool,
    /// The grid that maps codes to weights.
    pub grid: GridEntry,
}

impl CodesEntry {
    /// Returns the entry of `tensor`.
    ///
    /// # Errors
    /// [`CodecError::Content`] when the tensor holds raw bytes.
    pub fn of(tensor: &EncodedTensor) -> Result<Self> {
        match tensor.entry().content {
            TensorContent::Codes { coding, alphabet, tile, classes, branch_tables, grid } => {
                Ok(Self { coding, alphabet, tile, classes, branch_tables, grid })
            }
            TensorContent::Raw(_) => Err(CodecError::Content { found: "raw bytes", expected: "codes" }),
        }
    }

    /// Returns the rule of the branch bits that select tables, if they do.
    pub fn branches(&self) -> Option<Branches> {
        match self.grid {
            GridEntry::TrellisRows { zero, lag, restart, .. } if self.branch_tables => {
                Some(branch_rule(zero, lag, restart))
            }
            _ => None,
        }
    }
}

/// Returns the rule of a trellis grid's branch bits.
pub(crate) fn branch_rule(zero: u8, lag: u16, restart: u32) -> Branches {
    Branches { lag: lag.into(), restart: restart as usize, inverted: zero & 1 == 1 }
}

fn alphabet_and_tiles(tensor: &EncodedTensor) -> Result<(u16, usize)> {
    let facts = CodesEntry::of(tensor)?;
    let [rows, cols] = tensor.shape();
    Ok((facts.alphabet, facts.tile.count(rows, cols)))
}

/// Returns the bytes of each tile in the `stream` part. The `index` part is a `u32` length in bytes for each.
///
/// # Errors
/// [`CodecError`] when the tensor holds no tiles, or the lengths do not add up to the stream.
pub fn tile_ranges(tensor: &EncodedTensor) -> Result<Vec<Range<usize>>> {
    let (_, tiles) = alphabet_and_tiles(tensor)?;
    // The tensor's constructor checks that the index has a length for each tile.
    let index = tensor.part(TensorPart::Index)?;
    let stream = tensor.part(TensorPart::Stream)?;
    let mut start = 0usize;
    let mut ranges = Vec::with_capacity(tiles);
    for len in index.as_chunks::<4>().0 {
        let end = start.saturating_add(u32::from_le_bytes(*len) as usize);
        ranges.push(start..end);
        start = end;
    }
    if start != stream.len() {
        return Err(
            CoreError::PartLength { part: TensorPart::Stream, found: stream.len(), expected: start }.into()
        );
    }
    Ok(ranges)
}

/// Returns the layout of a tile of `rows x cols` symbols, which is smaller than `tile` at the edges of a
/// matrix.
///
/// # Errors
/// [`CodecError::Part`] when the tile is empty or its lanes are out of range.
pub fn tile_layout(tile: Tile, rows: usize, cols: usize) -> Result<Layout> {
    let order = match tile.order {
        LaneOrder::Rows => ecq_coding::Order::Rows,
        LaneOrder::Interleaved => ecq_coding::Order::Interleaved,
    };
    Layout::new(rows, cols, tile.lanes.into(), order)
        .map_err(|source| CodecError::Part { part: TensorPart::Index, source })
}
