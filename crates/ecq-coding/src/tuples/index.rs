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
/// 4. zero bytes up to a multiple of 16 bytes; then for each segment of each tile, a `u8` per lane: distance
///    in bits of the lane's first codeword from the segment's first stream row,
/// 5. the corrections, a `u16` each: bits 0 to 3 row in the tile, bits 4 to 12 column in the segment, bits 13
///    and 14 magnitude (1, 2, 4 or 16 units), bit 15 whether the symbol becomes smaller.
#[derive(Debug, Clone, Copy)]
pub struct Index<B> {
    bytes: B,
    shape: Shape,
    reach: usize,
    /// Offsets of the starts of lanes and of the corrections.
    starts: usize,
    corrections: usize,
}

/// Bytes before the entries of tiles.
const HEAD: usize = 8;

impl<B: AsRef<[u8]>> Index<B> {
    /// Reads the index of a stream of `stream_bytes` bytes.
    ///
    /// # Errors
    /// [`CodingError::Truncated`], [`CodingError::TrailingBytes`] when the bytes have another length than the
    /// shape and the corrections need; [`CodingError::InvalidBytes`] when an entry is out of order or behind
    /// the end, padding is not zero, or the stream has another length.
    pub fn parse(bytes: B, stream_bytes: usize, shape: Shape) -> Result<Self> {
        let (len, what) = (bytes.as_ref().len(), "the index of tuples");
        let (tiles, per_tile) = (shape.tiles(), shape.segments());
        let entries = tiles.saturating_mul(per_tile);
        let padding_at = HEAD + (8 * (tiles + 1)).saturating_add(entries.saturating_mul(4));
        let starts = padding_at.saturating_add(padding(shape));
        let corrections = starts.saturating_add(entries.saturating_mul(LANES));
        if corrections > len {
            return Err(CodingError::Truncated { what, at: len, needed: corrections - len });
        }
        let parsed = Self { bytes, shape, reach: 0, starts, corrections };
        let (head, end) = ([parsed.word(0), parsed.word(1)], parsed.tile(tiles));
        let needed = corrections.saturating_add(2 * end.correction);
        if needed > len {
            return Err(CodingError::Truncated { what, at: len, needed: needed - len });
        }
        if needed < len {
            return Err(CodingError::TrailingBytes { what, remaining: len - needed, len });
        }
        let invalid = |at: usize, reason| Err(CodingError::InvalidBytes { at, reason });
        if head[1] != 0 {
            return invalid(4, "reserved bytes are not zero");
        }
        if parsed.bytes.as_ref()[padding_at..starts].iter().any(|&byte| byte != 0) {
            return invalid(padding_at, "padding is not zero");
        }
        if end.row.checked_mul(STREAM_ROW_BYTES) != Some(stream_bytes) {
            return invalid(HEAD + 8 * tiles, "the last stream row is not the end of the stream");
        }
        if parsed.tile(0) != Entry::default() {
            return invalid(HEAD, "the first tile does not begin at the start");
        }
        for tile in 0..tiles {
            let (first, next) = (parsed.tile(tile), parsed.tile(tile + 1));
            let mut last = Entry::default();
            for segment in 0..per_tile {
                let entry = parsed.relative(tile, segment);
                let first_differs = segment == 0 && entry != Entry::default();
                if first_differs || entry.row < last.row || entry.correction < last.correction {
                    return invalid(HEAD + 8 * (tiles + 1), "segments of a tile are out of order");
                }
                last = entry;
            }
            if first.row + last.row > next.row || first.correction + last.correction > next.correction {
                return invalid(HEAD + 8 * (tile + 1), "a tile ends before its last segment begins");
            }
        }
        Ok(Self { reach: head[0], ..parsed })
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

    /// Returns the offset of the starts of lanes and of the corrections in the bytes.
    pub fn offsets(&self) -> [usize; 2] {
        [self.starts, self.corrections]
    }

    /// Returns the number of corrections.
    pub fn corrections_len(&self) -> usize {
        self.tile(self.shape.tiles()).correction
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

    /// Returns the number of stream rows of the segment that has the most: what a decoder of one segment
    /// reads.
    pub fn most_stream_rows(&self) -> usize {
        let segments = self.shape.segments();
        let end = |place: usize| {
            let (tile, segment) = (place / segments, place % segments);
            // The lane that reaches furthest skips no bits before the next segment.
            let furthest = self.starts(tile, segment).iter().max().copied().unwrap_or(0);
            self.segment(tile, segment).row + usize::from(furthest).div_ceil(32)
        };
        let places = self.shape.tiles() * segments;
        let rows = |place: usize| {
            let last = self.tile(self.shape.tiles()).row;
            let end = if place + 1 < places { end(place + 1) } else { last };
            end.min(last).saturating_sub(self.segment(place / segments, place % segments).row)
        };
        (0..places).map(rows).max().unwrap_or(0)
    }

    /// Returns the first stream row and correction of a tile; for the number of tiles, the end.
    pub(super) fn tile(&self, tile: usize) -> Entry {
        let at = HEAD / 4 + 2 * tile;
        Entry { row: self.word(at), correction: self.word(at + 1) }
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
    pub(super) fn starts(&self, tile: usize, segment: usize) -> &[u8] {
        &self.bytes.as_ref()[self.starts + (tile * self.shape.segments() + segment) * LANES..][..LANES]
    }

    /// Returns corrections, from the first of an entry to the first of the next.
    pub(super) fn corrections(&self, from: Entry, to: Entry) -> impl Iterator<Item = u16> {
        let bytes = &self.bytes.as_ref()[self.corrections..][2 * from.correction..2 * to.correction];
        bytes.as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair))
    }

    fn relative(&self, tile: usize, segment: usize) -> Entry {
        let both =
            self.word(HEAD / 4 + 2 * (self.shape.tiles() + 1) + tile * self.shape.segments() + segment);
        Entry { row: both & 0xffff, correction: both >> 16 }
    }

    /// Reads a `u32`; the caller checked the length.
    fn word(&self, i: usize) -> usize {
        let bytes = &self.bytes.as_ref()[4 * i..];
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize
    }
}

/// Returns the number of zero bytes before the starts of lanes, which devices copy 16 bytes at a time.
pub(super) fn padding(shape: Shape) -> usize {
    let tables = (8 * (shape.tiles() + 2)).wrapping_add(shape.tiles().wrapping_mul(4 * shape.segments()));
    tables.wrapping_neg() % 16
}
