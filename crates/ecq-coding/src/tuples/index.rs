//! The index of a stream: where tiles, segments, lanes and corrections begin.

use super::{LANES, STREAM_ROW_BYTES, Shape, TILE_ROWS};
use crate::error::{CodingError, Result};

/// First stream row and first correction of a tile, or of a segment within its tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Entry {
    /// First stream row.
    pub row: usize,
    /// First correction.
    pub correction: usize,
}

/// A checked index. Its bytes are, in this order:
///
/// 1. two `u32`: the reach in stream rows (see [`reach`](Self::reach)) and 0,
/// 2. for each tile and for the end, two `u32`: its first stream row and its first correction,
/// 3. for each segment of each tile, two `u16`: the same, relative to the tile,
/// 4. zero bytes up to a multiple of 16 bytes; then for each segment of each tile, a `u8` per lane: distance in
///    bits of the lane's first codeword from the segment's first stream row,
/// 5. the corrections, a `u16` each: bits 0 to 3 row in the tile, bits 4 to 12 column in the segment, bits 13
///    and 14 magnitude (1, 2, 4 or 16 units), bit 15 whether the symbol becomes smaller.
#[derive(Debug, Clone, Copy)]
pub struct Index<'a> {
    shape: Shape,
    reach: usize,
    tiles: &'a [u8],
    segments: &'a [u8],
    starts: &'a [u8],
    corrections: &'a [u8],
}

impl<'a> Index<'a> {
    /// Reads the index of a stream of `stream_bytes` bytes.
    ///
    /// # Errors
    /// [`CodingError::Truncated`], [`CodingError::TrailingBytes`] when the bytes have another length than the
    /// shape and the corrections need; [`CodingError::InvalidBytes`] when an entry is out of order or behind
    /// the end, or the stream has another length.
    pub fn parse(bytes: &'a [u8], stream_bytes: usize, shape: Shape) -> Result<Self> {
        let (tiles, segments) = (shape.tiles(), shape.tiles().saturating_mul(shape.segments()));
        let mut rest = bytes;
        let mut take = |len: usize| match rest.split_at_checked(len) {
            Some((taken, after)) => {
                rest = after;
                Ok(taken)
            }
            None => {
                let (at, needed) = (bytes.len(), len - rest.len());
                Err(CodingError::Truncated { what: "the index of tuples", at, needed })
            }
        };
        let head = take(8)?;
        let parsed = Self {
            shape,
            reach: read_u32(head, 0),
            tiles: take(8 * (tiles + 1))?,
            segments: take(segments.saturating_mul(4))?,
            starts: {
                let padding = take(padding(shape))?;
                if padding.iter().any(|&byte| byte != 0) {
                    let at = 8 * (tiles + 2) + 4 * segments;
                    return Err(CodingError::InvalidBytes { at, reason: "padding is not zero" });
                }
                take(segments.saturating_mul(LANES))?
            },
            corrections: &[],
        };
        let end = parsed.tile(tiles);
        let corrections = take(2 * end.correction)?;
        if !rest.is_empty() {
            let (remaining, len) = (rest.len(), bytes.len());
            return Err(CodingError::TrailingBytes { what: "the index of tuples", remaining, len });
        }
        let invalid = |at: usize, reason| Err(CodingError::InvalidBytes { at, reason });
        if read_u32(head, 1) != 0 {
            return invalid(4, "reserved bytes are not zero");
        }
        if end.row.checked_mul(STREAM_ROW_BYTES) != Some(stream_bytes) {
            return invalid(8 + 8 * tiles, "the last stream row is not the end of the stream");
        }
        if parsed.tile(0) != Entry::default() {
            return invalid(8, "the first tile does not begin at the start");
        }
        for tile in 0..tiles {
            let (first, next) = (parsed.tile(tile), parsed.tile(tile + 1));
            let mut last = Entry::default();
            for segment in 0..shape.segments() {
                let entry = parsed.relative(tile, segment);
                let first_differs = segment == 0 && entry != Entry::default();
                if first_differs || entry.row < last.row || entry.correction < last.correction {
                    return invalid(8 * (tiles + 2), "segments of a tile are out of order");
                }
                last = entry;
            }
            if first.row + last.row > next.row || first.correction + last.correction > next.correction {
                return invalid(8 * (tile + 2), "a tile ends before its last segment begins");
            }
        }
        Ok(Self { corrections, ..parsed })
    }

    /// Returns the geometry.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Returns the number of stream rows behind the first one of the next segment (or of the end of the tile)
    /// that a segment's codewords may reach.
    pub fn reach(&self) -> usize {
        self.reach
    }

    /// Returns the number of corrections.
    pub fn corrections_len(&self) -> usize {
        self.corrections.len() / 2
    }

    /// Returns the number of corrections of the row that has the most.
    pub fn most_row_corrections(&self) -> usize {
        let tile = |tile: usize| {
            let mut counts = [0usize; TILE_ROWS];
            let entries = self.corrections(self.tile(tile), self.tile(tile + 1));
            entries.for_each(|entry| counts[usize::from(entry & 15)] += 1);
            counts.into_iter().max().unwrap_or(0)
        };
        (0..self.shape.tiles()).map(tile).max().unwrap_or(0)
    }

    /// Returns the first stream row and correction of a tile; for the number of tiles, the end.
    pub(super) fn tile(&self, tile: usize) -> Entry {
        Entry { row: read_u32(self.tiles, 2 * tile), correction: read_u32(self.tiles, 2 * tile + 1) }
    }

    /// Returns the first stream row and correction of a segment; for the number of segments, the end of the
    /// tile.
    pub fn segment(&self, tile: usize, segment: usize) -> Entry {
        if segment == self.shape.segments() {
            return self.tile(tile + 1);
        }
        let (first, relative) = (self.tile(tile), self.relative(tile, segment));
        Entry { row: first.row + relative.row, correction: first.correction + relative.correction }
    }

    /// Returns the distance in bits of each lane's first codeword from the segment's first stream row.
    pub(super) fn starts(&self, tile: usize, segment: usize) -> &'a [u8] {
        &self.starts[(tile * self.shape.segments() + segment) * LANES..][..LANES]
    }

    /// Returns corrections, from the first of an entry to the first of the next.
    pub(super) fn corrections(&self, from: Entry, to: Entry) -> impl Iterator<Item = u16> + use<'a> {
        let bytes = &self.corrections[2 * from.correction..2 * to.correction];
        bytes.as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair))
    }

    fn relative(&self, tile: usize, segment: usize) -> Entry {
        let at = 2 * (tile * self.shape.segments() + segment);
        Entry { row: read_u16(self.segments, at), correction: read_u16(self.segments, at + 1) }
    }
}

/// Returns the number of zero bytes before the starts of lanes, which devices copy 16 bytes at a time.
pub(super) fn padding(shape: Shape) -> usize {
    let tables = (8 * (shape.tiles() + 2)).wrapping_add(shape.tiles().wrapping_mul(4 * shape.segments()));
    tables.wrapping_neg() % 16
}

/// Reads element `i`; the caller checked the length.
fn read_u32(bytes: &[u8], i: usize) -> usize {
    u32::from_le_bytes([bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]]) as usize
}

fn read_u16(bytes: &[u8], i: usize) -> usize {
    u16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]).into()
}
