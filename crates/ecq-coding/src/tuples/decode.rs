use super::code::TupleCode;
use super::{Index, LANES, MAGNITUDES, STREAM_ROW_BYTES, TILE_ROWS};
use crate::error::{CodingError, Result};
use rayon::prelude::*;

/// Decodes what an [`Encoder`](super::Encoder) wrote.
#[derive(Debug, Clone)]
pub struct Decoder {
    tuple: usize,
    width: u32,
    alphabet: usize,
    unit: i32,
    /// Symbols and length for each sequence of `width` bits.
    lookups: Vec<([u8; 4], u8)>,
}

impl Decoder {
    /// Returns a decoder for `code`.
    pub fn new(code: &TupleCode) -> Self {
        Self {
            tuple: code.tuple(),
            width: code.width(),
            alphabet: code.table().alphabet(),
            unit: code.unit(),
            lookups: code.lookups(),
        }
    }

    /// Returns the bytes of the table.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.lookups[..])
    }

    /// Decodes all symbols, row-major, tiles in parallel.
    ///
    /// # Errors
    /// As [`decode_tile`](Self::decode_tile).
    ///
    /// # Panics
    /// When `symbols` is not as long as the matrix has symbols.
    pub fn decode(
        &self,
        index: &Index<impl AsRef<[u8]> + Sync>,
        stream: &[u8],
        symbols: &mut [u8],
    ) -> Result<()> {
        let shape = index.shape();
        assert_eq!(symbols.len(), shape.rows() * shape.cols(), "a symbol for each weight");
        symbols
            .par_chunks_mut(TILE_ROWS * shape.cols())
            .enumerate()
            .try_for_each(|(tile, symbols)| self.decode_tile(index, stream, tile, symbols, shape.cols()))
    }

    /// Decodes the symbols of a tile to rows that are `stride` apart.
    ///
    /// # Errors
    /// [`CodingError::SegmentEnd`] when a lane of a segment ends behind its start in the next one or behind
    /// the reach of the index; [`CodingError::InvalidBytes`] when a correction leads outside the matrix or
    /// its alphabet; [`CodingError::Parameter`] when the tuples of code and shape differ.
    ///
    /// # Panics
    /// When `symbols` does not end with the last symbol of the tile or within `stride` after it, or the
    /// stream is not the one that the index was parsed for.
    pub fn decode_tile(
        &self,
        index: &Index<impl AsRef<[u8]>>,
        stream: &[u8],
        tile: usize,
        symbols: &mut [u8],
        stride: usize,
    ) -> Result<()> {
        let shape = index.shape();
        if shape.tuple() != self.tuple {
            let (what, found) = ("symbols per tuple", shape.tuple() as u64);
            return Err(CodingError::Parameter { what, found, expected: "those of the code" });
        }
        let rows = TILE_ROWS.min(shape.rows() - tile * TILE_ROWS);
        assert!(stride >= shape.cols() && symbols.len() > (rows - 1) * stride, "room for the tile");
        assert!(symbols.len() >= (rows - 1) * stride + shape.cols() && symbols.len() <= rows * stride);
        let mut ends = [0; LANES];
        let last_bit = index.tile(shape.tiles()).row * 32;
        for segment in 0..shape.segments() {
            let (entry, next) = (index.segment(tile, segment), index.segment(tile, segment + 1));
            let limit = ((next.row + index.reach()) * 32).min(last_bit);
            for (lane, (&start, end)) in index.starts(tile, segment).iter().zip(&mut ends).enumerate() {
                let first = entry.row * 32 + usize::from(start);
                if first < *end {
                    return Err(CodingError::SegmentEnd { tile, segment, lane, bit: *end, limit: first });
                }
                *end = self.decode_lane(index, stream, [segment, lane, first], symbols, stride);
                if *end > limit {
                    return Err(CodingError::SegmentEnd { tile, segment, lane, bit: *end, limit });
                }
            }
            self.correct(index, [tile, segment], symbols, stride)?;
        }
        Ok(())
    }

    /// Decodes a segment of a lane, whose first bit is `first`; returns the bit behind its last. Bits behind
    /// the stream are zero.
    fn decode_lane(
        &self,
        index: &Index<impl AsRef<[u8]>>,
        stream: &[u8],
        [segment, lane, first]: [usize; 3],
        symbols: &mut [u8],
        stride: usize,
    ) -> usize {
        let (shape, cols) = (index.shape(), index.shape().cols());
        let start = first / 32 * STREAM_ROW_BYTES + 4 * lane;
        let column = &stream[start.min(stream.len())..];
        let mut words = column.chunks(STREAM_ROW_BYTES).map(|row| match row.first_chunk() {
            Some(word) => u32::from_le_bytes(*word),
            None => 0,
        });
        let mut next = || u64::from(words.next().unwrap_or(0));
        // The bits to come, the first one most significant, and how many of them are valid.
        let mut bits = next() << 32 << (first % 32);
        let mut valid = 32 - (first % 32) as u32;
        let mut end = first;
        for group in 0..shape.groups_of(segment) {
            for f in 0..4 {
                if valid < self.width {
                    bits |= next() << (32 - valid);
                    valid += 32;
                }
                let (tuple, length) = self.lookups[(bits >> (64 - self.width)) as usize];
                bits <<= length;
                valid -= u32::from(length);
                end += usize::from(length);
                let (row, col) = shape.place(lane, group, f);
                let col = col + shape.first_col(segment);
                let at = row * stride + col;
                if at < symbols.len() && col < cols {
                    let real = self.tuple.min(cols - col);
                    symbols[at..at + real].copy_from_slice(&tuple[..real]);
                }
            }
        }
        end
    }

    fn correct(
        &self,
        index: &Index<impl AsRef<[u8]>>,
        [tile, segment]: [usize; 2],
        symbols: &mut [u8],
        stride: usize,
    ) -> Result<()> {
        let (shape, cols) = (index.shape(), index.shape().cols());
        let (from, to) = (index.segment(tile, segment), index.segment(tile, segment + 1));
        for (i, correction) in index.corrections(from, to).enumerate() {
            let invalid = |reason| CodingError::InvalidBytes { at: 2 * (from.correction + i), reason };
            let (row, col) = (usize::from(correction & 15), usize::from(correction >> 4 & 511));
            let magnitude = self.unit * MAGNITUDES[usize::from(correction >> 13 & 3)];
            let inside = col < shape.groups_of(segment) * shape.group_cols();
            let col = shape.first_col(segment) + col;
            let at = row * stride + col;
            if !inside || col >= cols || at >= symbols.len() {
                return Err(invalid("a correction is outside its segment"));
            }
            let corrected =
                i32::from(symbols[at]) + if correction >> 15 == 1 { -magnitude } else { magnitude };
            symbols[at] = match u8::try_from(corrected) {
                Ok(symbol) if usize::from(symbol) < self.alphabet => symbol,
                _ => return Err(invalid("a correction leads outside the alphabet")),
            };
        }
        Ok(())
    }
}
