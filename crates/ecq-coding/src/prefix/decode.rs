use super::code::PrefixCode;
use super::lanes_used;
use super::lookups::{FILLED, LANES, Tables, scatter};
use crate::bits::BitReader;
use crate::error::{CodingError, Result};
use crate::layout::{Layout, Order};
use crate::panel;
use crate::simd::Isa;
use std::borrow::Cow;
use std::ops::Range;

/// Lookups of eight lanes in the staging buffer: a multiple of four and of any batch.
const STAGED: usize = 96;
/// Columns of eight rows that are decoded to a panel before they are copied to rows.
const COLUMNS: usize = 1536;

/// Decodes tiles with one prefix code. A table lookup gives a whole tuple and the length of its codeword.
#[derive(Debug, Clone)]
pub struct Decoder {
    tables: Tables,
    /// Length and codeword of the escape.
    escape: Option<(u8, u16)>,
    raw_bits: u32,
    alphabet: usize,
    isa: Isa,
}

impl Decoder {
    /// Builds the lookup table, for the widest instruction set of this processor.
    pub fn new(code: &PrefixCode) -> Self {
        Self::with_isa(code, Isa::detect())
    }

    /// As [`new`](Self::new), for `isa` (to compare instruction sets); see [`Isa::resolve`].
    pub fn with_isa(code: &PrefixCode, isa: Isa) -> Self {
        Self {
            tables: Tables::new(code),
            escape: code.escape,
            raw_bits: code.raw_bits(),
            alphabet: code.table.alphabet(),
            isa: isa.resolve(),
        }
    }

    /// Decodes the bytes of one tile; row `r` goes to `out[r * stride..][..cols]`.
    ///
    /// # Errors
    /// [`CodingError::Parameter`] when `out` is too short for the layout; other errors when the tile is
    /// corrupt: lanes and bytes have different lengths, no codeword starts with the next bits, or a lane does
    /// not end where its length says. `out` then holds unspecified symbols.
    pub fn decode(&self, tile: &[u8], layout: Layout, out: &mut [u8], stride: usize) -> Result<()> {
        let mut reader = self.open(tile, layout)?;
        reader.read_rows(layout.rows, out, stride)
    }

    /// Opens the bytes of one tile, to decode it a few rows at a time.
    ///
    /// # Errors
    /// [`CodingError::Truncated`], [`CodingError::TrailingBytes`] or [`CodingError::InvalidBytes`] when the
    /// lengths of the lanes do not fit the bytes.
    pub fn open<'a>(&'a self, tile: &'a [u8], layout: Layout) -> Result<Reader<'a>> {
        let lanes = lane_ranges(tile, layout, self.tables.tuple)?;
        // A refill reads 8 bytes: a shorter tile is copied and padded.
        let bytes = match tile.len() {
            8.. => Cow::Borrowed(tile),
            _ => Cow::Owned(tile.iter().copied().chain([0; 8]).collect()),
        };
        let bits = lanes.iter().map(|lane| 8 * lane.start).collect();
        Ok(Reader { decoder: self, layout, bytes, lanes, bits, row: 0 })
    }

    /// Returns the bytes of the lookup table.
    pub fn bytes(&self) -> usize {
        self.tables.bytes_held()
    }

    /// Decodes `cols` columns of up to eight lanes to the rows of a panel: lane `l` from `out[4 * l]` on.
    fn columns(&self, bytes: &[u8], bits: &mut [usize], cols: usize, out: &mut [u8]) -> Result<()> {
        assert!(bits.len() <= LANES && out.len() > panel::offset(LANES - 1, cols - 1));
        let mut done = 0;
        if let Ok(bits) = <&mut [usize; LANES]>::try_from(&mut *bits) {
            done = self.in_step(bytes, bits, cols / self.tables.tuple, out)?;
        }
        for (lane, bit) in bits.iter_mut().enumerate() {
            for col in (done * self.tables.tuple..cols).step_by(self.tables.tuple) {
                let symbols = self.decode_tuple(bytes, bit)?;
                scatter(symbols, lane, col, cols, self.tables.tuple, out);
            }
        }
        Ok(())
    }

    /// Decodes up to `tuples` tuples of each of eight lanes; returns the number decoded.
    fn in_step(
        &self,
        bytes: &[u8],
        bits: &mut [usize; LANES],
        tuples: usize,
        out: &mut [u8],
    ) -> Result<usize> {
        let tables = &self.tables;
        let mut staged = [0u8; STAGED * 4 * LANES];
        let (mut done, mut first) = (0, 0);
        loop {
            // A refill may begin at the eighth byte from the end at most, and a batch takes at most 57 bits.
            let last = 8 * (bytes.len() - 8) + 7;
            let furthest = bits.iter().copied().max().unwrap_or(0);
            let safe = if furthest > last { 0 } else { (last - furthest) / FILLED + 1 };
            let left = ((tuples - done) / tables.batch).min(safe);
            let room = if tables.is_staged() { (STAGED - (done - first)) / tables.batch } else { left };
            if tables.is_staged() && (left == 0 || room == 0) {
                tables.settle(&staged, first, done - first, out);
                first = done;
            }
            if left == 0 {
                return Ok(done);
            }
            if room == 0 {
                continue;
            }
            let to = match tables.is_staged() {
                true => &mut staged[tables.place(done - first, 0)..],
                false => &mut out[tables.place(done, 0)..],
            };
            let batches = left.min(room);
            // SAFETY: `safe` keeps every lane's first byte at most the eighth from the end; a lookup's
            // symbols lie in the panel of `cols` columns, which `out` holds, or in the staging buffer, which
            // has `room`.
            let (count, taken) = unsafe { tables.decode(self.isa, bytes, bits, batches, to.as_mut_ptr()) };
            done += count * tables.batch;
            if count < batches {
                let to = &mut to[count * tables.step()..];
                for (lane, (bit, taken)) in bits.iter_mut().zip(taken).enumerate() {
                    match taken {
                        ..=FILLED => *bit += taken,
                        // An escape, or many long codewords: decoded again, one by one.
                        _ => self.decode_batch(bytes, bit, lane, to)?,
                    }
                }
                done += tables.batch;
            }
        }
    }

    /// Decodes a batch of one lane codeword by codeword.
    #[cold]
    fn decode_batch(&self, bytes: &[u8], bit: &mut usize, lane: usize, to: &mut [u8]) -> Result<()> {
        for lookup in 0..self.tables.batch {
            let symbols = self.decode_tuple(bytes, bit)?;
            self.tables.write(symbols, lookup, lane, to);
        }
        Ok(())
    }

    /// Decodes one tuple, escaped or not, from bit `bit` on; returns its symbols as little-endian bytes.
    fn decode_tuple(&self, bytes: &[u8], bit: &mut usize) -> Result<u32> {
        let buffer = refill(bytes, *bit, bytes.len() - 8);
        if let Some((symbols, length)) = self.tables.entry(buffer) {
            *bit += length;
            return Ok(symbols);
        }
        let mask = |bits: u32| (1u64 << bits) - 1;
        match self.escape {
            Some((length, codeword)) if buffer & mask(length.into()) == codeword.into() => {
                *bit += usize::from(length);
            }
            _ => {
                return Err(CodingError::InvalidBytes {
                    at: *bit / 8,
                    reason: "no codeword starts with the next bits",
                });
            }
        }
        let mut symbols = 0;
        for i in 0..self.tables.tuple {
            let symbol = (refill(bytes, *bit, bytes.len() - 8) & mask(self.raw_bits)) as u32;
            if symbol as usize >= self.alphabet {
                return Err(CodingError::InvalidBytes {
                    at: *bit / 8,
                    reason: "an escaped symbol is outside the alphabet",
                });
            }
            *bit += self.raw_bits as usize;
            symbols |= symbol << (8 * i);
        }
        Ok(symbols)
    }
}

/// Decodes a tile from its first row to its last, a few rows at a time.
#[derive(Debug)]
pub struct Reader<'a> {
    decoder: &'a Decoder,
    layout: Layout,
    /// At least eight bytes.
    bytes: Cow<'a, [u8]>,
    /// Bytes of each lane.
    lanes: Vec<Range<usize>>,
    /// Next bit of each lane.
    bits: Vec<usize>,
    /// Rows decoded.
    row: usize,
}

impl Reader<'_> {
    /// Returns the number of rows not yet decoded.
    pub fn remaining_rows(&self) -> usize {
        self.layout.rows - self.row
    }

    /// Decodes the next `rows` rows; the `r`-th of them goes to `out[r * stride..][..cols]`.
    ///
    /// In row order, `rows` is a multiple of the lanes, or all rows that are left.
    ///
    /// # Errors
    /// [`CodingError::Parameter`] when `out` is too short or `rows` is another number;
    /// [`CodingError::InvalidBytes`] when no codeword starts with the next bits; [`CodingError::LaneEnd`]
    /// when the last row does not end where its lane's length says. `out` then holds unspecified symbols.
    pub fn read_rows(&mut self, rows: usize, out: &mut [u8], stride: usize) -> Result<()> {
        self.layout.check_next(self.row, rows, out.len(), stride)?;
        match self.layout.order {
            Order::Rows => {
                let mut panel = vec![0; panel::bytes(COLUMNS.min(self.layout.cols))];
                for group in (0..rows).step_by(self.layout.lanes) {
                    let active = self.layout.lanes.min(rows - group);
                    self.group(active, &mut panel, &mut out[group * stride..], stride)?;
                }
            }
            Order::Interleaved => {
                for row in 0..rows {
                    self.interleaved(self.row + row, &mut out[row * stride..][..self.layout.cols])?;
                }
            }
        }
        self.finish(rows)
    }

    /// Decodes the next row of each lane (of those that have one) to panels of 16 rows, `stride` bytes apart,
    /// laid out as [`panel`](crate::panel) says; only where lanes hold rows. Returns how many rows that were.
    ///
    /// # Errors
    /// As [`read_rows`](Self::read_rows).
    pub fn read_panels(&mut self, out: &mut [u8], stride: usize) -> Result<usize> {
        let active = self.layout.check_group(self.row, out.len(), stride)?;
        let cols = self.layout.cols;
        for (bits, lane) in self.bits[..active].chunks_mut(LANES).zip((0..).step_by(LANES)) {
            let out = &mut out[lane / panel::ROWS * stride + lane % panel::ROWS * 4..];
            self.decoder.columns(&self.bytes, bits, cols, out)?;
        }
        self.finish(active)?;
        Ok(active)
    }

    /// Decodes the next row of each of `active` lanes, eight lanes in step, through the panel `staged`.
    fn group(&mut self, active: usize, staged: &mut [u8], out: &mut [u8], stride: usize) -> Result<()> {
        for (bits, lane) in self.bits[..active].chunks_mut(LANES).zip((0..).step_by(LANES)) {
            for col in (0..self.layout.cols).step_by(COLUMNS) {
                let cols = COLUMNS.min(self.layout.cols - col);
                self.decoder.columns(&self.bytes, bits, cols, staged)?;
                panel::to_rows(staged, bits.len(), cols, &mut out[lane * stride + col..], stride);
            }
        }
        Ok(())
    }

    /// Counts `rows` more rows as decoded. After the last one, lanes must end where their lengths say.
    fn finish(&mut self, rows: usize) -> Result<()> {
        self.row += rows;
        if self.remaining_rows() > 0 {
            return Ok(());
        }
        let mut ends = self.lanes.iter().zip(&self.bits).enumerate();
        ends.try_for_each(|(lane, (range, &bit))| check_end(&self.bytes, lane, bit, range))
    }

    /// Decodes row `row`, whose tuples go to lanes in turn.
    fn interleaved(&mut self, row: usize, out: &mut [u8]) -> Result<()> {
        let per_row = self.layout.cols.div_ceil(self.decoder.tables.tuple);
        let mut lane = row * per_row % self.layout.lanes;
        for tuple in out.chunks_mut(self.decoder.tables.tuple) {
            let symbols = self.decoder.decode_tuple(&self.bytes, &mut self.bits[lane])?;
            tuple.copy_from_slice(&symbols.to_le_bytes()[..tuple.len()]);
            lane = if lane + 1 == self.layout.lanes { 0 } else { lane + 1 };
        }
        Ok(())
    }
}

/// Returns at least 57 bits from `bit` on while they lie within the bytes, then zeros. Past the end the bits
/// are unspecified, which the check of the lane's end finds. `last` is `bytes.len() - 8`.
#[inline(always)]
fn refill(bytes: &[u8], bit: usize, last: usize) -> u64 {
    let byte = (bit / 8).min(last);
    debug_assert!(bytes.len() >= 8 && last == bytes.len() - 8);
    // SAFETY: `byte + 8 <= bytes.len()`.
    let word = u64::from_le(unsafe { bytes.as_ptr().add(byte).cast::<u64>().read_unaligned() });
    word >> ((bit - 8 * byte) & 63)
}

/// Returns the bytes of each lane of a tile that holds tuples of `tuple` symbols.
///
/// # Errors
/// [`CodingError::Truncated`], [`CodingError::TrailingBytes`] or [`CodingError::InvalidBytes`] when the
/// lengths of the lanes do not fit the bytes.
pub fn lane_ranges(tile: &[u8], layout: Layout, tuple: usize) -> Result<Vec<Range<usize>>> {
    let count = lanes_used(layout, tuple);
    let short =
        |needed: usize| CodingError::Truncated { what: "a prefix-coded tile", at: tile.len(), needed };
    let Some((head, rest)) = tile.split_at_checked(5) else {
        return Err(short(5 - tile.len()));
    };
    let least = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let width = u32::from(head[4]);
    if width > 32 {
        return Err(CodingError::InvalidBytes {
            at: 4,
            reason: "the lengths of lanes have more than 32 bits",
        });
    }
    let index_bytes = (count * width as usize).div_ceil(8);
    if rest.len() < index_bytes {
        return Err(short(index_bytes - rest.len()));
    }
    let mut excess = BitReader::new(rest);
    let mut start = 5 + index_bytes;
    let mut lanes = Vec::with_capacity(count);
    for _ in 0..count {
        let end = start.saturating_add(least).saturating_add(excess.get(width)? as usize);
        if end > tile.len() {
            return Err(short(end - tile.len()));
        }
        lanes.push(start..end);
        start = end;
    }
    match tile.len() - start {
        0 => Ok(lanes),
        left => {
            Err(CodingError::TrailingBytes { what: "a prefix-coded tile", remaining: left, len: tile.len() })
        }
    }
}

/// Checks that a lane ends within its last byte, and that the rest of that byte is zero.
fn check_end(bytes: &[u8], lane: usize, bit: usize, range: &Range<usize>) -> Result<()> {
    let padding = (8 * range.end).wrapping_sub(bit);
    let clean = padding == 0 || (padding < 8 && u32::from(bytes[range.end - 1]) >> (8 - padding) == 0);
    if clean { Ok(()) } else { Err(CodingError::LaneEnd { lane, bit, expected_byte: range.end }) }
}
