use crate::error::{KernelError, Result};
use bytes::Bytes;
use ecq_coding::prefix::PrefixCode;
use ecq_coding::{CodingError, FrequencyTable, Layout};
use ecq_core::{Coding, Content, EncodedTensor, GridEntry, Order, Part, Tile};
use std::ops::Range;

/// The tables of a tensor and which tile uses which.
#[derive(Debug, Clone)]
pub struct Tables<T> {
    /// One to 256 tables.
    pub tables: Vec<T>,
    /// A table's number for each tile; empty when there is one table.
    pub ids: Vec<u8>,
}

impl<T> Tables<T> {
    /// The number of the table of a tile.
    pub fn id(&self, tile: usize) -> usize {
        self.ids.get(tile).map_or(0, |&id| usize::from(id))
    }

    /// Reads the `table` part: `count - 1` (`u8`), the tables, then, if there are several, a `u8` a tile.
    fn parse(
        bytes: &[u8],
        tiles: usize,
        alphabet: u16,
        one: impl Fn(&[u8]) -> std::result::Result<(T, usize, usize), CodingError>,
    ) -> Result<Self> {
        let part = Part::Table;
        let corrupt = |source| KernelError::Part { part, source };
        let Some((&last, mut rest)) = bytes.split_first() else {
            return Err(corrupt(CodingError::Truncated { what: "tables", at: 0, needed: 1 }));
        };
        let count = usize::from(last) + 1;
        let mut tables = Vec::with_capacity(count);
        for table in 0..count {
            let (parsed, found, used) = one(rest).map_err(corrupt)?;
            if found != usize::from(alphabet) {
                return Err(KernelError::TableAlphabet { table, found, expected: alphabet.into() });
            }
            tables.push(parsed);
            rest = &rest[used..];
        }
        let expected = if count > 1 { tiles } else { 0 };
        if rest.len() != expected {
            let read = bytes.len() - rest.len();
            return Err(KernelError::PartLength { part, found: bytes.len(), expected: read + expected });
        }
        if let Some(tile) = rest.iter().position(|&id| usize::from(id) >= count) {
            return Err(KernelError::TableId { tile, table: rest[tile].into(), tables: count });
        }
        Ok(Self { tables, ids: rest.to_vec() })
    }
}

impl Tables<FrequencyTable> {
    /// The frequency tables of a rANS-coded tensor.
    ///
    /// # Errors
    /// When the part is missing or corrupt.
    pub fn rans(tensor: &EncodedTensor) -> Result<Self> {
        let (alphabet, tiles) = alphabet_and_tiles(tensor)?;
        Self::parse(part(tensor, Part::Table)?, tiles, alphabet, |bytes| {
            FrequencyTable::from_bytes(bytes).map(|(table, used)| {
                let alphabet = table.alphabet();
                (table, alphabet, used)
            })
        })
    }
}

impl Tables<PrefixCode> {
    /// The codes of a prefix-coded tensor.
    ///
    /// # Errors
    /// When the part is missing or corrupt.
    pub fn prefix(tensor: &EncodedTensor) -> Result<Self> {
        let (alphabet, tiles) = alphabet_and_tiles(tensor)?;
        Self::parse(part(tensor, Part::Table)?, tiles, alphabet, |bytes| {
            PrefixCode::from_bytes(bytes).map(|(code, used)| {
                let alphabet = code.table().alphabet();
                (code, alphabet, used)
            })
        })
    }
}

/// The bytes of a part.
pub(crate) fn part(tensor: &EncodedTensor, part: Part) -> Result<&Bytes> {
    tensor.parts.get(&part).ok_or(KernelError::MissingPart(part))
}

/// Facts of the codes of a tensor.
pub(crate) struct Facts {
    pub(crate) coding: Coding,
    pub(crate) alphabet: u16,
    pub(crate) tile: Tile,
    pub(crate) grid: GridEntry,
}

pub(crate) fn facts(tensor: &EncodedTensor) -> Result<Facts> {
    match tensor.entry.content {
        Content::Codes { coding, alphabet, tile, grid } => Ok(Facts { coding, alphabet, tile, grid }),
        Content::Raw(_) => Err(KernelError::Content { found: "raw bytes", expected: "codes" }),
    }
}

fn alphabet_and_tiles(tensor: &EncodedTensor) -> Result<(u16, usize)> {
    let facts = facts(tensor)?;
    let [rows, cols] = tensor.entry.shape;
    Ok((facts.alphabet, facts.tile.count(rows, cols)))
}

/// Where each tile lies in the `stream` part: the `index` part is a `u32` length in bytes for each.
///
/// # Errors
/// When a part is missing, or the lengths do not add up to the stream.
pub fn tile_ranges(tensor: &EncodedTensor) -> Result<Vec<Range<usize>>> {
    let (_, tiles) = alphabet_and_tiles(tensor)?;
    let index = part(tensor, Part::Index)?;
    let stream = part(tensor, Part::Stream)?;
    if tiles.checked_mul(4) != Some(index.len()) {
        let expected = tiles.saturating_mul(4);
        return Err(KernelError::PartLength { part: Part::Index, found: index.len(), expected });
    }
    let mut start = 0usize;
    let mut ranges = Vec::with_capacity(tiles);
    for len in index.as_chunks::<4>().0 {
        let end = start.saturating_add(u32::from_le_bytes(*len) as usize);
        ranges.push(start..end);
        start = end;
    }
    if start != stream.len() {
        return Err(KernelError::PartLength { part: Part::Stream, found: stream.len(), expected: start });
    }
    Ok(ranges)
}

/// How the symbols of a tile of `rows x cols` (of a full tile `tile`) are dealt to lanes.
///
/// # Errors
/// When the tile is empty or its lanes are out of range.
pub fn tile_layout(tile: Tile, rows: usize, cols: usize) -> Result<Layout> {
    let order = match tile.order {
        Order::Rows => ecq_coding::Order::Rows,
        Order::Interleaved => ecq_coding::Order::Interleaved,
    };
    Layout::new(rows, cols, tile.lanes.into(), order)
        .map_err(|source| KernelError::Part { part: Part::Index, source })
}
