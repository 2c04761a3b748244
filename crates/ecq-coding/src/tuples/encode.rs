use super::code::{Item, Tuple, TupleCode};
use super::index::padding;
use super::{LANES, Shape, TILE_ROWS};
use crate::error::{CodingError, Result};
use rayon::prelude::*;
use std::collections::HashMap;

/// Encodes a matrix with one [`TupleCode`].
///
/// ```
/// use ecq_coding::tuples::{Decoder, Encoder, Index, Shape, TupleCode};
/// use ecq_coding::{Counts, FrequencyTable};
///
/// let symbols: Vec<u8> = (0..64 * 100u32).map(|i| (i * i % 7) as u8).collect();
/// let table = FrequencyTable::new(&Counts::of(&symbols), 8, FrequencyTable::PRECISION)?;
/// let code = TupleCode::best(&table, 3, 10, 3, false)?;
/// let shape = Shape::new(64, 100, 3, 11)?;
/// let encoded = Encoder::new(&code).encode(&symbols, shape)?;
///
/// let mut back = vec![0; symbols.len()];
/// let index = Index::parse(&encoded.index, encoded.stream.len(), shape)?;
/// Decoder::new(&code).decode(&index, &encoded.stream, &mut back)?;
/// assert_eq!(back, symbols);
/// # Ok::<(), ecq_coding::CodingError>(())
/// ```
#[derive(Debug)]
pub struct Encoder<'a> {
    code: &'a TupleCode,
    spread_bits: usize,
    padding: u8,
}

/// The bytes of a matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// See [`Index`](super::Index).
    pub index: Vec<u8>,
    /// The stream rows.
    pub stream: Vec<u8>,
}

/// A tile before it has its place in the stream.
#[derive(Default)]
struct Tile {
    /// Codewords of each lane of each segment.
    strings: Vec<BitString>,
    corrections: Vec<u16>,
    /// First correction of each segment.
    first_corrections: Vec<usize>,
}

/// Bits, the first one most significant.
#[derive(Default)]
struct BitString {
    words: Vec<u32>,
    bits: usize,
}

impl BitString {
    fn push(&mut self, codeword: u16, length: u8) {
        let from = self.bits % 32;
        let bits = u64::from(codeword) << (64 - usize::from(length) - from);
        match self.words.last_mut() {
            Some(last) if from > 0 => *last |= (bits >> 32) as u32,
            _ => self.words.push((bits >> 32) as u32),
        }
        if from + usize::from(length) > 32 {
            self.words.push(bits as u32);
        }
        self.bits += usize::from(length);
    }
}

/// First bits of lanes and first stream rows of segments, tile by tile.
struct Places {
    /// First stream row of each segment of each tile.
    rows: Vec<usize>,
    /// Distance of each lane from there in bits.
    starts: Vec<u8>,
    /// Number of stream rows.
    end: usize,
    reach: usize,
}

impl<'a> Encoder<'a> {
    /// The default of [`spread`](Self::spread).
    pub const SPREAD_BITS: usize = 96;

    /// Returns an encoder for `code`.
    pub fn new(code: &'a TupleCode) -> Self {
        let frequencies = code.table().frequencies().iter().enumerate();
        let padding = frequencies.max_by_key(|&(s, &f)| (f, usize::MAX - s)).map_or(0, |(s, _)| s as u8);
        Self { code, spread_bits: Self::SPREAD_BITS, padding }
    }

    /// Sets the number of bits that lanes may be apart at the start of a segment, at most 224. A small spread
    /// costs bits of the lanes that skip, a large one memory of a device's decoder.
    pub fn spread(self, bits: usize) -> Self {
        Self { spread_bits: bits.min(224), ..self }
    }

    /// Encodes a row-major matrix, tiles in parallel.
    ///
    /// # Errors
    /// [`CodingError::Parameter`] when `symbols` or the tuples of `shape` do not fit, or a tile has more
    /// stream rows or corrections than its index can hold; [`CodingError::UncodedSymbol`] when corrections
    /// are even and no coded tuple has the parities of a tuple.
    pub fn encode(&self, symbols: &[u8], shape: Shape) -> Result<Encoded> {
        let parameter = |what, found: usize, expected| {
            Err(CodingError::Parameter { what, found: found as u64, expected })
        };
        if symbols.len() != shape.rows() * shape.cols() {
            return parameter("symbols", symbols.len(), "rows times columns");
        }
        if shape.tuple() != self.code.tuple() {
            return parameter("symbols per tuple", shape.tuple(), "those of the code");
        }
        let tiles = (0..shape.tiles())
            .into_par_iter()
            .map_init(HashMap::new, |similar, tile| self.tile(symbols, shape, tile, similar))
            .collect::<Result<Vec<Tile>>>()?;
        let places = self.places(&tiles);
        Ok(Encoded { index: index(&tiles, &places, shape)?, stream: stream(&tiles, &places) })
    }

    fn tile(
        &self,
        symbols: &[u8],
        shape: Shape,
        tile: usize,
        similar: &mut HashMap<(Tuple, usize), Item>,
    ) -> Result<Tile> {
        let mut out = Tile::default();
        for segment in 0..shape.segments() {
            out.first_corrections.push(out.corrections.len());
            for lane in 0..LANES {
                self.lane(symbols, shape, [tile, segment, lane], similar, &mut out)?;
            }
        }
        Ok(out)
    }

    /// Appends a segment of a lane.
    fn lane(
        &self,
        symbols: &[u8],
        shape: Shape,
        [tile, segment, lane]: [usize; 3],
        similar: &mut HashMap<(Tuple, usize), Item>,
        out: &mut Tile,
    ) -> Result<()> {
        let (tuple, cols) = (shape.tuple(), shape.cols());
        let mut string = BitString::default();
        for at in 0..4 * shape.groups_of(segment) {
            let (tile_row, segment_col) = shape.place(lane, at / 4, at % 4);
            let (row, col) = (tile * TILE_ROWS + tile_row, shape.first_col(segment) + segment_col);
            let real = if row < shape.rows() { tuple.min(cols.saturating_sub(col)) } else { 0 };
            let mut wanted = Tuple::default();
            wanted[..tuple].fill(self.padding);
            let first = row * cols + col;
            if real > 0 {
                wanted[..real].copy_from_slice(&symbols[first..first + real]);
            }
            let item = match similar.get(&(wanted, real)) {
                Some(&item) => item,
                None => {
                    let uncoded = CodingError::UncodedSymbol { symbol: wanted[0], index: first };
                    let item = self.code.nearest(wanted, real).ok_or(uncoded)?;
                    similar.insert((wanted, real), item);
                    item
                }
            };
            for (i, (&wanted, &coded)) in wanted[..real].iter().zip(&item.symbols).enumerate() {
                let entries = self.code.corrections(i32::from(wanted) - i32::from(coded));
                for (magnitude, negative) in entries.into_iter().flatten() {
                    let place = tile_row | (segment_col + i) << 4;
                    out.corrections.push((place | magnitude << 13 | usize::from(negative) << 15) as u16);
                }
            }
            string.push(item.codeword, item.length);
        }
        out.strings.push(string);
        Ok(())
    }

    /// Places the lanes of all segments, one behind the other.
    fn places(&self, tiles: &[Tile]) -> Places {
        let (mut ends, mut reach) = ([0usize; LANES], 0);
        let (mut rows, mut starts) = (Vec::new(), Vec::new());
        for segment in tiles.iter().flat_map(|tile| tile.strings.chunks_exact(LANES)) {
            let furthest = ends.iter().max().copied().unwrap_or(0);
            ends.iter_mut().for_each(|end| *end = (*end).max(furthest.saturating_sub(self.spread_bits)));
            let row = ends.iter().min().copied().unwrap_or(0) / 32;
            reach = reach.max(furthest.div_ceil(32) - row);
            rows.push(row);
            starts.extend(ends.iter().map(|end| (end - 32 * row) as u8));
            ends.iter_mut().zip(segment).for_each(|(end, string)| *end += string.bits);
        }
        let end = ends.iter().max().copied().unwrap_or(0).div_ceil(32);
        Places { rows, starts, end, reach }
    }
}

/// Returns the index.
fn index(tiles: &[Tile], places: &Places, shape: Shape) -> Result<Vec<u8>> {
    let too_many = |found: usize| CodingError::Parameter {
        what: "stream rows or corrections of a tile or matrix",
        found: found as u64,
        expected: "below 2^16 in a tile and below 2^32; longer codewords or shorter tuples need fewer",
    };
    let mut out: Vec<u8> = [places.reach as u32, 0].into_iter().flat_map(u32::to_le_bytes).collect();
    let by_tile = || places.rows.chunks_exact(shape.segments());
    let first_rows = by_tile().map(|rows| rows.first().copied().unwrap_or(0)).chain([places.end]);
    let mut correction = 0;
    for (row, tile) in first_rows.zip(tiles.iter().chain([&Tile::default()])) {
        for n in [row, correction] {
            out.extend(u32::try_from(n).map_err(|_| too_many(n))?.to_le_bytes());
        }
        correction += tile.corrections.len();
    }
    for (rows, tile) in by_tile().zip(tiles) {
        for (row, &correction) in rows.iter().zip(&tile.first_corrections) {
            for n in [row - rows[0], correction] {
                out.extend(u16::try_from(n).map_err(|_| too_many(n))?.to_le_bytes());
            }
        }
    }
    out.resize(out.len() + padding(shape), 0);
    out.extend(&places.starts);
    out.extend(tiles.iter().flat_map(|tile| &tile.corrections).flat_map(|n| n.to_le_bytes()));
    Ok(out)
}

/// Returns the stream rows.
fn stream(tiles: &[Tile], places: &Places) -> Vec<u8> {
    let mut words = vec![0u32; places.end * LANES];
    let strings = tiles.iter().flat_map(|tile| &tile.strings);
    for (i, (string, &start)) in strings.zip(&places.starts).enumerate() {
        let (lane, first) = (i % LANES, 32 * places.rows[i / LANES] + usize::from(start));
        for (row, &word) in (first / 32..).zip(&string.words) {
            let shifted = u64::from(word) << 32 >> (first % 32);
            words[row * LANES + lane] |= (shifted >> 32) as u32;
            if shifted as u32 != 0 {
                words[(row + 1) * LANES + lane] |= shifted as u32;
            }
        }
    }
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
